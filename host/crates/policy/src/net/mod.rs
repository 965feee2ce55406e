//! Network rules. They are matched against each request when it is made, so all that can be settled beforehand is which of them can still matter.

mod address;
mod decide;
mod kept;
mod pattern;
mod target;

pub use address::{AddressRange, special as special_address};
pub use decide::{Decision, NetLine, NetRules, Reach};
pub(crate) use kept::hide_secrets;
pub use pattern::{UrlPattern, UrlPatternError};
pub use target::{Host, Scheme, Target};

use crate::grant::Subject;
use crate::resolve::{Reasons, Request};
use crate::{NetRule, Overlay, Verdict};
use std::path::Path;
use types::{Marked, SecretRef};

/// The rules of all layers in order, and the ceiling's, each without what a later "deny everything" has cancelled.
///
/// The last rule that matches wins, so whatever stands before a rule that denies every address can never decide, and a list that ends in one (or has
/// only denials) grants nothing: it is empty here, as if nobody had spoken of the network.
pub(crate) fn merge(request: &Request<'_>, ledger: &mut Reasons) -> (Vec<NetLine>, Vec<NetLine>) {
    let rules = request
        .layers
        .iter()
        .flat_map(|layer| layer.net.iter().map(|rule| (rule, *layer)));
    let rules = effective(rules.collect());
    let ceiling: Vec<_> = request
        .ceiling
        .iter()
        .flat_map(|ceiling| ceiling.net.iter().map(|rule| (rule, *ceiling)))
        .collect();
    let closed = ceiling.last().filter(|(rule, _)| denies_everything(rule));
    if rules.is_empty() {
        return (Vec::new(), Vec::new());
    }
    if let Some((rule, layer)) = closed {
        let what = "net: nothing (the ceiling denies every address)".to_owned();
        ledger.decided(Subject::Network, what, &rule.place, layer);
        return (Vec::new(), Vec::new());
    }
    for (rule, layer) in rules.iter().chain(&ceiling) {
        ledger.decided(Subject::Network, in_words(rule), &rule.place, layer);
    }
    (lines(rules, request.root), lines(ceiling, request.root))
}

fn effective<'a>(
    mut rules: Vec<(&'a Marked<NetRule>, &'a Overlay)>,
) -> Vec<(&'a Marked<NetRule>, &'a Overlay)> {
    if let Some(last) = rules.iter().rposition(|(rule, _)| denies_everything(rule)) {
        rules.drain(..=last);
    }
    if rules.iter().all(|(rule, _)| rule.verdict == Verdict::Deny) {
        rules.clear();
    }
    rules
}

fn denies_everything(rule: &NetRule) -> bool {
    rule.verdict == Verdict::Deny && rule.methods.is_empty() && rule.pattern.is_everything()
}

/// `net: allow GET https://api.github.com/repos/** (adds Authorization from env:GITHUB_TOKEN)`.
fn in_words(rule: &NetRule) -> String {
    let methods = match rule.methods.as_slice() {
        [] => String::new(),
        methods => format!("{} ", methods.join(", ")),
    };
    let mut words = format!("net: {} {methods}{}", rule.verdict, rule.pattern);
    if !rule.addresses.is_empty() {
        let ranges: Vec<String> = rule.addresses.iter().map(ToString::to_string).collect();
        words.push_str(&format!(" at {}", ranges.join(", ")));
    }
    if let Some(secret) = &rule.secret {
        words.push_str(&format!(" (adds {} from {})", secret.header, secret.from));
    }
    words
}

fn lines(rules: Vec<(&Marked<NetRule>, &Overlay)>, root: &Path) -> Vec<NetLine> {
    let line = |(rule, layer): (&Marked<NetRule>, &Overlay)| {
        let mut value = rule.value.clone();
        if let Some(secret) = &mut value.secret
            && let SecretRef::File(path) = &mut secret.from
        {
            *path = root.join(&path);
        }
        NetLine {
            rule: value,
            place: rule.place.clone(),
            layer: layer.label.clone(),
        }
    };
    rules.into_iter().map(line).collect()
}
