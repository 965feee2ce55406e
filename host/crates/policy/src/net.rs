//! Network rules. They are matched against each request when it is made, so all that can be settled beforehand is which of them can still matter.

use crate::grant::Subject;
use crate::resolve::{Reasons, Request};
use crate::{NetRule, Overlay, Verdict};
use types::Marked;

/// The rules of all layers in order, and the ceiling's, each without what a later "deny everything" has cancelled.
///
/// The last rule that matches wins, so whatever stands before a rule that denies every address can never decide, and a list that ends in one (or has
/// only denials) grants nothing: it is empty here, as if nobody had spoken of the network.
pub(crate) fn merge(request: &Request<'_>, ledger: &mut Reasons) -> (Vec<NetRule>, Vec<NetRule>) {
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
        let what = format!("net: {} {}{}", rule.verdict, methods(rule), rule.pattern);
        ledger.decided(Subject::Network, what, &rule.place, layer);
    }
    (values(rules), values(ceiling))
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
    rule.verdict == Verdict::Deny
        && rule.methods.is_empty()
        && matches!(rule.pattern.as_str(), "*" | "**")
}

fn methods(rule: &NetRule) -> String {
    match rule.methods.as_slice() {
        [] => String::new(),
        methods => format!("{} ", methods.join(", ")),
    }
}

fn values(rules: Vec<(&Marked<NetRule>, &Overlay)>) -> Vec<NetRule> {
    rules
        .into_iter()
        .map(|(rule, _)| rule.value.clone())
        .collect()
}
