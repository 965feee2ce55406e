//! `change history`: all released revisions of an item, each with who released it and why, by what it was shown, and from when and for whom it counts.

use crate::exit::{Failure, NOT_SO, USAGE};
use crate::world::SystemClock;
use crate::{open, print};
use change::{Audience, Change, ItemId, Register, Standing, iso};
use runtime::control;
use serde_json::{Value, json};
use std::fmt::Write;
use std::path::Path;
use types::{Clock, Timestamp};

/// The history of `item` in the house in `directory`.
///
/// # Errors
/// When there is no such item, or nothing can be read.
pub fn run(directory: &Path, item: &str, as_json: bool) -> Result<u8, Failure> {
    let item = ItemId::parse(item).map_err(|error| Failure::new(USAGE, error))?;
    let Some(journal) = open::journal_to_read(directory)? else {
        return Err(unknown(&item, None));
    };
    let root = directory
        .canonicalize()
        .unwrap_or_else(|_| directory.to_owned());
    let register = control::register(&journal, &root)?;
    let all = register.history(&item);
    if all.is_empty() {
        return Err(unknown(&item, Some(&register)));
    }
    let now = SystemClock::new().now();
    if as_json {
        let revisions: Vec<Value> = all
            .iter()
            .map(|one| told(&register, &item, one, now))
            .collect();
        print::json(&json!({ "item": item, "revisions": revisions }))?;
        return Ok(0);
    }
    let mut text = String::new();
    for one in all.iter().rev() {
        row(&mut text, &register, &item, one, now);
    }
    print::out(&print::plain(&text))?;
    Ok(0)
}

fn unknown(item: &ItemId, register: Option<&Register>) -> Failure {
    let known: Vec<String> = register
        .into_iter()
        .flat_map(|register| register.items().map(|(item, _)| item.to_string()))
        .collect();
    let failure = Failure::new(NOT_SO, format!("no revision of {item} was ever released"));
    match known.is_empty() {
        true => failure.help("this house has no baseline: charthouse change baseline --as NAME"),
        false => failure.help(format!("released are {}", known.join(", "))),
    }
}

/// Whether the house itself uses it now.
fn counts(register: &Register, item: &ItemId, one: &Standing, now: Timestamp) -> bool {
    let house = Audience {
        agent: None,
        began: None,
        now,
    };
    let mut all = register.history(item).iter().rev();
    all.find(|standing| standing.counts_for(&house)) == Some(one)
}

fn why(change: Option<&Change>) -> String {
    match change {
        Some(change) => format!("{}: {}", change.title, change.reason),
        None => "the house as it was when its control began".into(),
    }
}

fn evidence(change: Option<&Change>) -> Vec<Value> {
    let verification = change.and_then(Change::verification);
    let evidence = verification
        .into_iter()
        .flat_map(|verification| &verification.evidence);
    evidence.map(|one| json!(one)).collect()
}

fn told(register: &Register, item: &ItemId, one: &Standing, now: Timestamp) -> Value {
    let change = register.change(one.change);
    let approved = change.into_iter().flat_map(Change::approvals);
    let approved: Vec<Value> = approved
        .map(|cast| json!({ "who": cast.deed.who, "role": cast.role, "record": cast.deed.seq }))
        .collect();
    json!({
        "change": one.change, "from": one.from, "to": one.to, "by": one.by, "record": one.seq, "time": iso(one.time),
        "why": why(change), "effectivity": one.effectivity, "emergency": one.emergency, "taken_back": one.taken_back,
        "in_force": counts(register, item, one, now), "approved": approved, "evidence": evidence(change), "files": one.files,
    })
}

fn row(text: &mut String, register: &Register, item: &ItemId, one: &Standing, now: Timestamp) {
    let change = register.change(one.change);
    let sign = if counts(register, item, one, now) {
        '*'
    } else {
        ' '
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "{sign} {}  {}  {} → {}  by {}",
        one.change,
        iso(one.time),
        one.from.short(),
        one.to.short(),
        one.by
    );
    let _ = writeln!(text, "      why          {}", why(change));
    let approved = change.into_iter().flat_map(Change::approvals);
    let approved: Vec<String> = approved
        .map(|cast| format!("{} as {}", cast.deed.who, cast.role))
        .collect();
    if !approved.is_empty() {
        let _ = writeln!(text, "      approved     {}", approved.join(", "));
    }
    let verification = change.and_then(Change::verification);
    for evidence in verification.into_iter().flat_map(|one| &one.evidence) {
        let _ = writeln!(
            text,
            "      evidence     {}: {}",
            evidence.what, evidence.result
        );
    }
    let _ = writeln!(text, "      counts       {}", one.effectivity);
    if one.emergency {
        let how = if one.taken_back {
            "rejected afterwards"
        } else {
            "in force before others had looked at it"
        };
        let _ = writeln!(text, "      emergency    {how}");
    }
    let _ = writeln!(text, "      record       {}", one.seq);
}
