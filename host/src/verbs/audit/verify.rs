//! `audit verify`: whether everything that was signed still holds.

use super::{read, trusted, verified};
use crate::cli::AuditVerify;
use crate::exit::{Failure, NOT_SO};
use crate::{open, print};
use audit::{Anchor, Verified};
use serde_json::json;
use sign::{Keyring, Trusted};
use std::fmt::Write;
use std::path::Path;

pub fn run(asked: &AuditVerify) -> Result<u8, Failure> {
    let trusted = trusted(asked.trust.as_deref())?;
    let anchor = match &asked.anchor {
        Some(path) => Some(Anchor::parse(&read("--anchor", path)?)?),
        None => None,
    };
    let (root, store) = open::store_of(&asked.house.house)?;
    let journal = match store.exists() {
        true => open::store_to_read(&root, &store)?,
        false => None,
    };
    let Some(journal) = journal else {
        let missed = missed(&root, &trusted, anchor.as_ref());
        return nothing(missed, asked.json);
    };
    let found = verified(&asked.house.house, &journal, &trusted, anchor.as_ref())?;
    match asked.json {
        true => print::json(&json!(found))?,
        false => print::out(&text(&found))?,
    }
    Ok(if found.ok { 0 } else { NOT_SO })
}

/// What says that there was a journal once, though there is none now.
fn missed(root: &Path, trusted: &[Trusted], anchor: Option<&Anchor>) -> Option<String> {
    let upto = anchor.map_or(0, |anchor| anchor.checkpoint.upto.seq);
    if upto > 0 {
        return Some(format!(
            "the journal is gone: when the anchor was made it had {upto} records"
        ));
    }
    let why = if runtime::control::is_marked(root) {
        "the house is marked as controlled"
    } else if Keyring::of_house(root).place_of_house().exists() {
        "the house has a key, and nothing that it signed"
    } else if root.join(".charthouse/changes").exists() {
        "the house has files of changes (.charthouse/changes)"
    } else if !trusted.is_empty() {
        "keys are to be trusted, and there is nothing that they signed"
    } else {
        return None;
    };
    Some(format!("there is no journal: {why}"))
}

/// There is no journal. That is in order only where nobody has ever seen one.
fn nothing(why: Option<String>, as_json: bool) -> Result<u8, Failure> {
    if as_json {
        print::json(
            &json!({ "ok": why.is_none(), "records": 0, "first_bad": why.as_ref().map(|_| 1), "why": why }),
        )?;
    } else {
        print::out(&format!(
            "{}\n",
            why.as_deref()
                .unwrap_or("Nothing is on record in this house yet.")
        ))?;
    }
    Ok(if why.is_none() { 0 } else { NOT_SO })
}

fn text(found: &Verified) -> String {
    let mut text = String::new();
    if found.ok {
        let _ = writeln!(
            text,
            "{} records: all as they were written and signed\n  {} checkpoints of the house hold, the last up to record {}\n  {} signatures of people and agents hold{}",
            found.records,
            found.checkpoints,
            found.signed_through,
            found.signatures,
            match found.signers.is_empty() {
                true => String::new(),
                false => format!(
                    ": {}",
                    found
                        .signers
                        .iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            }
        );
    } else {
        let _ = writeln!(text, "{} records, and they do NOT all hold:", found.records);
        for bad in &found.bad {
            let _ = match bad.record {
                0 => writeln!(text, "  {}", print::plain(&bad.what)),
                record => writeln!(text, "  record {record}: {}", print::plain(&bad.what)),
            };
        }
        text.push_str("what to do: end every charthouse of this house and copy all of it aside, as evidence. `charthouse journal verify` tells more of the chain,\n`charthouse journal show` still reads; what stands before the first of these records is proven.\n");
    }
    if let Some(key) = &found.house_key {
        let by = match found.trusted {
            true => "vouched for from outside",
            false => "as it is on record",
        };
        let _ = writeln!(text, "  key of the house: {key} ({by})");
    }
    if let Some(anchored) = found.anchored {
        let _ = writeln!(text, "  anchored from outside up to record {anchored}");
    }
    for note in &found.notes {
        let _ = writeln!(text, "note: {note}");
    }
    text
}
