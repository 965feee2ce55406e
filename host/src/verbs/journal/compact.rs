//! `journal compact`: the large bodies of runs that ended long ago leave the journal for an archive, and the chain goes on over them.

use crate::cli::JournalCompact;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::{open, print};
use ::journal::{Bulk, Compaction};
use serde_json::json;
use types::{Bytes, Timestamp, parse_duration};

/// What is large, and read by nobody once its run is over: the conversation, answers, outcomes, what payloads were made of, snapshots.
const BULKY: [&str; 6] = ["item", "reply", "outcome", "texts", "think", "snapshot"];
/// Bodies that are smaller than this stay.
const AT_LEAST: u64 = 256;

pub fn run(asked: &JournalCompact) -> Result<u8, Failure> {
    let age = parse_duration(&asked.older_than).map_err(|error| {
        Failure::new(USAGE, format!("--older-than: {error}")).help("for instance 30d, 12h")
    })?;
    if open::journal_to_read(&asked.house.house)?.is_none() {
        return Err(Failure::new(
            NOT_SO,
            "no agent has run in this house yet: there is nothing to compact",
        ));
    }
    let house = open::house(&asked.house.house)?;
    let mut journal = open::journal(&house)?;
    let _house = open::take(&journal, "charthouse journal compact")?;
    let archive = house.root.join(".charthouse/archive");
    let now = super::now();
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    let done = journal.compact(&Compaction {
        from: Bulk::Ended {
            by: &["ended"],
            before: Timestamp(now.0.saturating_sub(age)),
        },
        kinds: &BULKY,
        at_least: AT_LEAST,
        archive: (!asked.discard).then_some(archive.as_path()),
        anew: asked.anew,
        now,
    })?;
    if asked.json {
        print::json(&json!({
            "records": done.records, "bytes": done.bytes, "too_old": done.too_old, "archives": done.archives,
            "freed": done.freed, "not_freed": done.not_freed,
        }))?;
        return Ok(0);
    }
    let mut text = format!(
        "{} bodies of {} taken out; the file is {} shorter\n",
        done.records,
        Bytes(done.bytes),
        Bytes(done.freed)
    );
    for archive in &done.archives {
        text.push_str(&format!("  archive {}\n", archive.display()));
    }
    if done.too_old > 0 {
        text.push_str(&format!(
            "  {} stay: an earlier version wrote them, and its chain covers the body itself\n",
            done.too_old
        ));
    }
    if let Some(why) = done.not_freed {
        text.push_str(&format!("  disk space was not given back: {why}\n"));
    }
    print::out(&text)?;
    Ok(0)
}
