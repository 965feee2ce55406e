//! Whether one request may be made: the same function for enforcement, for explanation and for whoever writes a test of a policy.

use super::address::special;
use super::target::{Host, Target, plain};
use crate::{Grant, NetRule, SecretRule, Verdict};
use std::net::IpAddr;
use types::{HttpReach, Place, SecretRef};

/// A network rule of a grant, and who wrote it.
#[derive(Clone, Debug, PartialEq)]
pub struct NetLine {
    /// The rule.
    pub rule: NetRule,
    /// Where it stands.
    pub place: Place,
    /// The layer that it belongs to.
    pub layer: String,
}

/// What a grant says of one request.
#[derive(Clone, Debug, PartialEq)]
pub struct Decision {
    /// Whether it may be made.
    pub allowed: bool,
    /// The request in the only form in which it may be sent; `None` where the URL cannot be read.
    pub target: Option<Target>,
    /// Which rule said so and what it said, in a sentence for the guest and the operator.
    pub reason: String,
    /// The rule that decided, as `file:line`, where one did.
    pub rule: Option<String>,
    /// The secret that the host adds. Only where `allowed`.
    pub secret: Option<SecretRule>,
    /// Which addresses the host's name may lead to.
    pub reach: Reach,
}

/// Which addresses a request may be sent to: all that are on the internet, and those that the rules name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Reach {
    /// Rules that allow the request, the one that decided first; a group for each list of rules and each reading of the path that had to be allowed. In every
    /// group one has to name an address that is not on the internet.
    groups: Vec<Vec<NetLine>>,
}

impl Reach {
    /// Whether `address`, to which the host's name leads, may be connected to.
    ///
    /// # Errors
    /// Says what is special about it and which rule would have to name it.
    pub fn permits(&self, address: IpAddr) -> Result<(), String> {
        let Some(what) = special(address) else {
            return Ok(());
        };
        let address = plain(address);
        match self.unnamed(address) {
            None if !self.groups.is_empty() => Ok(()),
            Some(line) => Err(format!(
                "{address} is {what}, and {} does not name it; a rule for it names that address as its host, or under `addresses`",
                line.described()
            )),
            None => Err(format!("{address} is {what}, and no rule names it")),
        }
    }

    /// The rule that would have to name `address` and does not.
    fn unnamed(&self, address: IpAddr) -> Option<&NetLine> {
        let names = |line: &NetLine| line.names(address);
        let mut unnamed = self.groups.iter().filter(|group| !group.iter().any(names));
        unnamed.next().and_then(|group| group.first())
    }
}

impl HttpReach for Reach {
    fn permits(&self, address: IpAddr) -> Result<(), String> {
        Reach::permits(self, address)
    }
}

impl NetLine {
    /// Whether the rule names `address`, which is not on the internet: as its host, as this machine, or under `addresses`.
    fn names(&self, address: IpAddr) -> bool {
        let host = self.rule.pattern.host();
        let by_host = match host {
            Some(Host::Address(named)) => *named == address,
            Some(name) => name.is_localhost() && address.is_loopback(),
            None => false,
        };
        by_host || self.rule.addresses.iter().any(|range| range.holds(address))
    }

    fn is_about(&self, target: &Target, reading: &str) -> bool {
        let methods = &self.rule.methods;
        (methods.is_empty() || methods.iter().any(|method| method == target.method()))
            && target.reads(&self.rule.pattern, reading)
    }

    /// `file:line`.
    fn place(&self) -> String {
        match self.place.line {
            0 => self.place.file.to_string(),
            line => format!("{}:{line}", self.place.file),
        }
    }

    /// The rule and its layer, for a person.
    fn described(&self) -> String {
        format!(
            "{} ({}: {} \"{}\")",
            self.place(),
            self.layer,
            self.rule.verdict,
            self.rule.pattern
        )
    }
}

/// The lines that are about this reading of the target, the last first: the first of them decides.
fn matching<'l, 't>(
    lines: &'l [NetLine],
    target: &'t Target,
    reading: &'t str,
) -> impl Iterator<Item = &'l NetLine> + use<'l, 't> {
    let lines = lines.iter().rev();
    lines.filter(move |line| line.is_about(target, reading))
}

/// The one that decides, and those before it that allow the same: a wider rule written later does not take back what a narrower one has named.
fn allowing<'a>(lines: impl Iterator<Item = &'a NetLine>) -> Vec<NetLine> {
    lines
        .take_while(|line| line.rule.verdict == Verdict::Allow)
        .cloned()
        .collect()
}

/// The network rules of one grant, for whoever outlives it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct NetRules {
    rules: Vec<NetLine>,
    ceiling: Vec<NetLine>,
}

impl Grant {
    /// The network rules; `None` where no address can be reached.
    pub fn net_rules(&self) -> Option<NetRules> {
        (!self.net.is_empty()).then(|| NetRules {
            rules: self.net.clone(),
            ceiling: self.net_ceiling.clone(),
        })
    }
}

impl NetRules {
    /// Every secret that some rule adds: what must be in nothing that comes back.
    pub fn secrets(&self) -> Vec<SecretRef> {
        let mut secrets: Vec<SecretRef> = Vec::new();
        for secret in self
            .rules
            .iter()
            .filter_map(|line| line.rule.secret.as_ref())
        {
            if !secrets.contains(&secret.from) {
                secrets.push(secret.from.clone());
            }
        }
        secrets
    }

    /// Whether a guest under these rules may make the request `method` `url`, and what goes with it.
    ///
    /// The last rule that matches wins; no match denies; the ceiling's own last match can only take away. A name that is allowed may still lead to an
    /// address that is not: whoever connects asks [`Reach::permits`] of every address, and connects to no other.
    pub fn may_request(&self, method: &str, url: &str) -> Decision {
        let refused = |target: Option<Target>, reason: String, line: Option<&NetLine>| Decision {
            allowed: false,
            target,
            reason,
            rule: line.map(NetLine::place),
            secret: None,
            reach: Reach::default(),
        };
        let target = match Target::parse(method, url) {
            Ok(target) => target,
            Err(reason) => return refused(None, reason, None),
        };
        let mut deciding: Vec<&NetLine> = Vec::new();
        let mut groups = Vec::new();
        for reading in target.readings() {
            let Some(line) = matching(&self.rules, &target, reading).next() else {
                let reason = match self.rules.is_empty() {
                    true => "this call has no network: no `net` rule allows anything".to_owned(),
                    false => format!("no `net` rule allows {target}"),
                };
                return refused(Some(target), reason, None);
            };
            let cap = matching(&self.ceiling, &target, reading).next();
            for line in [Some(line), cap].into_iter().flatten() {
                if line.rule.verdict != Verdict::Allow {
                    let reason = format!("{} refuses it", line.described());
                    return refused(Some(target), reason, Some(line));
                }
            }
            deciding.push(line);
            groups.push(allowing(matching(&self.rules, &target, reading)));
            if cap.is_some() {
                groups.push(allowing(matching(&self.ceiling, &target, reading)));
            }
        }
        let reach = Reach { groups };
        if let Host::Address(address) = target.host()
            && let Err(reason) = reach.permits(*address)
        {
            let line = reach.unnamed(*address).cloned();
            return refused(Some(target), reason, line.as_ref());
        }
        // `target` has at least the reading that is sent, so there is a first line.
        let first = deciding[0];
        let agree = deciding
            .iter()
            .all(|line| line.rule.secret == first.rule.secret);
        Decision {
            allowed: true,
            reason: format!("{} allows it", first.described()),
            rule: Some(first.place()),
            secret: first.rule.secret.clone().filter(|_| agree),
            reach,
            target: Some(target),
        }
    }
}
