//! Whether what is written makes more possible: by its place and its words, for what no resolver works out.
//!
//! What rules come to for each agent is told beside this, as grants. Here stands what is no rule: people, keys, quorum, budgets, the ceiling, what is trusted. Where it
//! cannot be told it widens: what is shown in red too often is read, what is not shown is not.

use super::subject::Step;
use crate::grants::Weight;
use crate::item::ItemId;
use definitions::Outline;
use types::{Bytes, Count, parse_duration};

pub(super) fn weigh(
    item: &ItemId,
    path: &[Step],
    before: Option<&Outline>,
    after: Option<&Outline>,
) -> Weight {
    let keys: Vec<&str> = path
        .iter()
        .filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            _ => None,
        })
        .collect();
    let has = |key: &str| keys.contains(&key);
    let last = keys.last().copied().unwrap_or_default();
    if matches!(item, ItemId::House) {
        match keys.first().copied().unwrap_or_default() {
            "controlled" => return controlled(last, before, after),
            // Whoever has a key or a role more can do more; of one that is another nobody knows.
            "people" => return gain(before, after),
            // The ceiling holds everything else: a rule of it that is gone or another may hold less.
            "ceiling" if !has("limits") => return ceiling(before, after),
            "defaults" => return Weight::Widens,
            "plugins" => match last {
                "trusted" => return truth(after, "true"),
                "signed_by" => return gain(after, before),
                _ if before.is_none() => return Weight::Widens,
                _ => {}
            },
            _ => {}
        }
    }
    if matches!(item, ItemId::Agent(_)) {
        match keys.first().copied().unwrap_or_default() {
            "plugins" | "children" | "roles" if before.is_none() || after.is_none() => {
                return gain(before, after);
            }
            "budget" | "children" => return amount(before, after),
            // What inspects everything that comes and goes.
            "guards" => return gain(after, before),
            "cognition" => return Weight::Widens,
            _ => {}
        }
    }
    if has("hide") || has("never") {
        return gain(after, before);
    }
    // Which words a role takes: without a list it takes any, and each opens a way of its own.
    if matches!(item, ItemId::Chart(_)) && has("outcomes") {
        return Weight::Widens;
    }
    if matches!(item, ItemId::Chart(_)) && (last == "signed" || last == "roles") {
        return match last {
            "signed" => truth(after, "false"),
            _ => gain(before, after),
        };
    }
    if has("limits") {
        return amount(before, after);
    }
    let is_rule = matches!(item, ItemId::Policy(_)) || has("policy") || has("ceiling");
    if is_rule && (has("tools") || has("net") || has("exec")) {
        return rule(last, before, after);
    }
    Weight::Plain
}

/// More of it is more.
fn gain(before: Option<&Outline>, after: Option<&Outline>) -> Weight {
    match (before, after) {
        (Some(_), None) => Weight::Narrows,
        _ => Weight::Widens,
    }
}

fn controlled(last: &str, before: Option<&Outline>, after: Option<&Outline>) -> Weight {
    match last {
        "quorum" => match (number(before), number(after)) {
            (Some(before), Some(after)) if after > before => Weight::Narrows,
            _ => Weight::Widens,
        },
        "controlled" if before.is_none() => Weight::Narrows,
        "controlled" if after.and_then(Outline::text) == Some("true") => Weight::Narrows,
        _ => Weight::Widens,
    }
}

fn ceiling(before: Option<&Outline>, after: Option<&Outline>) -> Weight {
    match (before, after) {
        (None, Some(_)) => Weight::Narrows,
        _ => Weight::Widens,
    }
}

/// Whether it is that word now.
fn truth(after: Option<&Outline>, word: &str) -> Weight {
    match after.and_then(Outline::text) == Some(word) {
        true => Weight::Widens,
        false => Weight::Narrows,
    }
}

fn rule(last: &str, before: Option<&Outline>, after: Option<&Outline>) -> Weight {
    let denies = |value: Option<&Outline>| {
        value.is_some_and(|value| last == "deny" || value.get("deny").is_some())
    };
    match (before, after) {
        (None, Some(_)) if denies(after) => Weight::Narrows,
        (Some(_), None) if !denies(before) => Weight::Narrows,
        _ => Weight::Widens,
    }
}

/// A larger amount is more, and one that is no longer bounded too.
fn amount(before: Option<&Outline>, after: Option<&Outline>) -> Weight {
    match (number(before), number(after)) {
        (Some(before), Some(after)) if after < before => Weight::Narrows,
        (None, Some(_)) if before.is_none() => Weight::Narrows,
        _ => Weight::Widens,
    }
}

fn number(value: Option<&Outline>) -> Option<f64> {
    let text = value?.text()?;
    let text = text.split('/').next()?;
    let plain = text.parse::<f64>().ok();
    let count = || Count::parse(text).ok().map(|count| count.0 as f64);
    let bytes = || Bytes::parse(text).ok().map(|bytes| bytes.0 as f64);
    let time = || parse_duration(text).ok().map(|time| time.as_secs_f64());
    plain.or_else(bytes).or_else(count).or_else(time)
}
