//! `journal verify`: whether the record is whole, and if it is not, what the first bad record is about and what to do.

use super::story::{Teller, one_line};
use super::told::Told;
use super::when::Zone;
use crate::exit::{Failure, NOT_SO};
use crate::{open, print};
use ::journal::{Journal, JournalError, RecordId, Which};
use serde_json::json;
use std::fmt::Write;
use std::path::Path;

pub fn run(house: &Path, archive: Option<&Path>, utc: bool, as_json: bool) -> Result<u8, Failure> {
    match checked(house, archive, utc, as_json) {
        Err(failure) if failure.of_the_journal => Err(not_checked(house, failure, as_json)?),
        checked => checked,
    }
}

/// The file itself is damaged, or is none of ours: what there is to say of it.
fn not_checked(house: &Path, failure: Failure, as_json: bool) -> Result<Failure, Failure> {
    let left = open::journal_to_look(house).ok().flatten().map(|journal| {
        let mut records: u64 = 0;
        let counted = journal.each(Which::All, |_| {
            records += 1;
            Ok::<_, JournalError>(())
        });
        (records, counted.ok().and_then(|()| journal.damage()))
    });
    let (records, damage) = left.unwrap_or_default();
    if as_json {
        let first_bad = damage.as_ref().and_then(|damage| damage.lost.first());
        print::json(&json!({
            "ok": false,
            "records": records,
            "first_bad": first_bad.map(|(first, _)| first),
            "problem": print::plain(failure.message()),
        }))?;
    }
    Ok(match damage {
        Some(damage) if records > 0 => failure.help(format!(
            "{damage}; `charthouse journal show` and `charthouse journal export` read what is left"
        )),
        _ => failure,
    })
}

fn checked(house: &Path, archive: Option<&Path>, utc: bool, as_json: bool) -> Result<u8, Failure> {
    let Some(journal) = open::journal_to_read(house)? else {
        let answer = json!({ "ok": true, "records": 0, "first_bad": null });
        return super::nothing_yet(as_json.then_some(answer));
    };
    let verification = match archive {
        Some(archive) => journal.verify_with(archive)?,
        None => journal.verify()?,
    };
    let zone = Zone::new(utc);
    // Where the head cannot be read either, that has been found.
    let note = journal.lacks_witness().unwrap_or(false).then(|| {
        format!(
            "{}-head, which says how far it had come, is not there or says nothing: records that were cut off from its end are not missed",
            journal.path().display()
        )
    });
    if as_json {
        let mut answer = json!({
            "ok": verification.ok,
            "records": verification.records,
            "first_bad": verification.first_bad,
        });
        if archive.is_some() {
            answer["compacted"] = verification.compacted.into();
            answer["archive"] = json!(verification.archive);
        }
        if let Some(note) = note {
            answer["notes"] = json!([note]);
        }
        print::json(&answer)?;
    } else {
        let records = verification.records;
        print::out(&match verification.first_bad {
            None => format!("{records} records, all as they were written\n"),
            Some(bad) => format!(
                "{records} records; record {bad} is the first that is not as it was written\n{}",
                about(&journal, bad, &zone)
            ),
        })?;
        if let Some(note) = note {
            print::err(&format!("warning: {note}\n"));
        }
    }
    Ok(if verification.ok { 0 } else { NOT_SO })
}

/// What can be told of the record `bad`, and what to do.
fn about(journal: &Journal, bad: u64, zone: &Zone) -> String {
    let mut text = String::new();
    // What follows is as much as can still be read; that something cannot is what this is about.
    let _ = match journal.record(RecordId(bad)) {
        Ok(Some(record)) => {
            let told = Told::from(record);
            let teller = Teller {
                zone,
                known: None,
                full: false,
            };
            let words = teller.words(&told);
            let head: String = one_line(&words.head).chars().take(80).collect();
            writeln!(
                text,
                "  it says it is `{}` of the run {}, {} ({}): {head}",
                one_line(told.kind()),
                one_line(&told.record.run),
                zone.full(told.record.time),
                zone.name(),
            )
        }
        Ok(None) => writeln!(
            text,
            "  it is missing, or records after it are out of place"
        ),
        Err(error) => writeln!(text, "  it cannot be read: {error}"),
    };
    let before = bad.checked_sub(1).map(RecordId);
    if let Some(Ok(Some(record))) = before.map(|before| journal.record(before)) {
        let _ = writeln!(
            text,
            "  the last good one is record {}, `{}` of the run {}, {}",
            record.seq.0,
            record.kind,
            record.run,
            zone.full(record.time),
        );
    }
    let path = journal.path().display();
    let _ = write!(
        text,
        "what to do: end every charthouse of this house and copy {path} and the files beginning\n\
         with its name aside, as they are evidence; put the newest backup that verifies in its place.\n\
         Without a backup it can still be read: charthouse journal show, charthouse journal export.\n\
         What it says up to record {} is proven; what it says from record {bad} on is not.\n",
        bad.saturating_sub(1),
    );
    text
}
