//! `journal compact`: the large bodies of runs that ended long ago leave the journal for an archive, and the chain goes on over them.
//!
//! How long each kind is kept is `retention` in `house.yaml`, which the command line can lengthen and not shorten.

use crate::cli::JournalCompact;
use crate::exit::{Failure, NOT_SO, USAGE};
use crate::{open, print};
use ::journal::{Bulk, Compacted, Compaction, Journal};
use definitions::{BULKY, Retention};
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use types::{Bytes, Timestamp, parse_duration, write_duration};

/// Bodies that are smaller than this stay.
const AT_LEAST: u64 = 256;
/// After how long what nobody said anything about is taken out.
const USUAL: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub fn run(asked: &JournalCompact) -> Result<u8, Failure> {
    let read = |text: &String| {
        parse_duration(text).map_err(|error| {
            Failure::new(USAGE, format!("--older-than: {error}")).help("for instance 30d, 90d")
        })
    };
    let older_than = asked.older_than.as_ref().map(read).transpose()?;
    if open::journal_to_read(&asked.house.house)?.is_none() {
        return Err(Failure::new(
            NOT_SO,
            "no agent has run in this house yet: there is nothing to compact",
        ));
    }
    let house = open::house(&asked.house.house)?;
    if let Some(asked) = older_than {
        long_enough(&house.retention, asked)?;
    }
    let ages = ages(&house.retention, older_than);
    let mut journal = open::journal(&house)?;
    let now = super::now();
    if asked.dry_run {
        return say_what_would_be(&journal, &ages, now, asked.json);
    }
    let _house = open::take(&journal, "charthouse journal compact")?;
    let archive = house.root.join(".charthouse/archive");
    let mut done = Compacted::default();
    let mut parts: Vec<Compaction<'_>> = ages
        .iter()
        .map(|(age, kinds)| Compaction {
            archive: (!asked.discard).then_some(archive.as_path()),
            ..what(*age, kinds, now)
        })
        .collect();
    // Once, after all of them, and also where none took anything out.
    parts.extend(asked.anew.then_some(Compaction {
        from: Bulk::Records(&[]),
        anew: true,
        ..what(Duration::ZERO, &[], now)
    }));
    for part in &parts {
        let part = journal.compact(part)?;
        done.records += part.records;
        done.bytes += part.bytes;
        done.too_old += part.too_old;
        done.archives.extend(part.archives);
        done.freed += part.freed;
        done.not_freed = part.not_freed.or(done.not_freed);
    }
    say_what_was_done(&done, asked.anew, asked.json)
}

/// Whether `asked` is no shorter than what is kept where the house says nothing.
fn long_enough(retention: &Retention, asked: Duration) -> Result<(), Failure> {
    let unsaid = BULKY
        .iter()
        .filter(|(kind, _)| retention.of(kind).is_none());
    let unsaid: Vec<&str> = unsaid.map(|(kind, _)| *kind).collect();
    if asked >= USUAL || unsaid.is_empty() {
        return Ok(());
    }
    Err(Failure::new(
        USAGE,
        format!(
            "--older-than {}: bodies are kept for {} where `retention` in house.yaml says nothing, as it does of {}",
            write_duration(asked),
            write_duration(USUAL),
            unsaid.join(", "),
        ),
    )
    .help("say there how long each kind is kept, for instance retention: { item: 7d, texts: 1d }; no option goes below that"))
}

/// Which kinds are taken out after how long. Those that are kept for ever are in none.
fn ages(
    retention: &Retention,
    older_than: Option<Duration>,
) -> BTreeMap<Duration, Vec<&'static str>> {
    let mut ages: BTreeMap<Duration, Vec<&'static str>> = BTreeMap::new();
    for (kind, _) in BULKY {
        let age = match retention.of(kind) {
            Some(None) => continue,
            Some(Some(kept)) => older_than.map_or(kept, |asked| asked.max(kept)),
            None => older_than.unwrap_or(USUAL),
        };
        ages.entry(age).or_default().push(kind);
    }
    ages
}

fn what<'a>(age: Duration, kinds: &'a [&'a str], now: Timestamp) -> Compaction<'a> {
    let age = i64::try_from(age.as_millis()).unwrap_or(i64::MAX);
    Compaction {
        from: Bulk::Ended {
            by: &["ended"],
            before: Timestamp(now.0.saturating_sub(age)),
        },
        kinds,
        at_least: AT_LEAST,
        archive: None::<&Path>,
        anew: false,
        now,
    }
}

fn say_what_would_be(
    journal: &Journal,
    ages: &BTreeMap<Duration, Vec<&'static str>>,
    now: Timestamp,
    as_json: bool,
) -> Result<u8, Failure> {
    let (mut rows, mut text) = (Vec::new(), String::new());
    let kinds = ages
        .iter()
        .flat_map(|(age, kinds)| kinds.iter().map(|kind| (*age, *kind)));
    for (age, kind) in kinds {
        let would = journal.would_compact(&what(age, &[kind], now))?;
        let after = write_duration(age);
        text.push_str(&format!(
            "{kind}: {} bodies of {} would be taken out (kept for {after} after the end of their run)\n",
            would.records,
            Bytes(would.bytes),
        ));
        rows.push(
            json!({ "kind": kind, "kept": after, "records": would.records, "bytes": would.bytes }),
        );
    }
    let taken: Vec<&str> = ages.values().flatten().copied().collect();
    for (kind, _) in BULKY.iter().filter(|(kind, _)| !taken.contains(kind)) {
        text.push_str(&format!("{kind}: kept for ever\n"));
        rows.push(json!({ "kind": kind, "kept": "forever", "records": 0, "bytes": 0 }));
    }
    match as_json {
        true => print::json(&json!({ "would": rows }))?,
        false => print::out(&text)?,
    }
    Ok(0)
}

fn say_what_was_done(done: &Compacted, anew: bool, as_json: bool) -> Result<u8, Failure> {
    if as_json {
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
    if anew && done.not_freed.is_none() {
        text.push_str("  the file was written anew\n");
    }
    if let Some(why) = &done.not_freed {
        text.push_str(&format!("  disk space was not given back: {why}\n"));
    }
    print::out(&text)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::journal::EVIDENCE;
    use definitions::is_kept_for_ever;

    #[test]
    fn evidence_is_never_among_what_is_taken_out() {
        for kind in EVIDENCE {
            assert!(is_kept_for_ever(&kind.replace('*', "voted")), "{kind}");
        }
        for (kind, _) in BULKY {
            assert!(!is_kept_for_ever(kind), "{kind}");
        }
    }

    #[test]
    fn what_the_house_says_can_be_lengthened_and_not_shortened() {
        let day = |n: u64| Duration::from_secs(n * 24 * 60 * 60);
        let kinds = [("reply", Some(day(400))), ("outcome", None)];
        let retention = Retention {
            kinds: kinds.map(|(kind, kept)| (kind.into(), kept)).into(),
        };
        let of = |older_than| ages(&retention, older_than);
        assert_eq!(of(None)[&day(400)], ["reply"]);
        assert_eq!(of(Some(day(1)))[&day(400)], ["reply"]);
        assert!(of(Some(day(500)))[&day(500)].contains(&"reply"));
        for older_than in [None, Some(day(1))] {
            assert!(
                of(older_than)
                    .values()
                    .all(|kinds| !kinds.contains(&"outcome"))
            );
        }
        assert_eq!(of(None)[&USUAL].len(), 4);
        assert!(long_enough(&retention, USUAL).is_ok());
        let refused = long_enough(&retention, day(29)).unwrap_err().to_string();
        assert!(
            refused.contains("item, texts, think, snapshot"),
            "{refused}"
        );
        let kinds = BULKY
            .iter()
            .map(|(kind, least)| ((*kind).into(), Some(*least)));
        let all = Retention {
            kinds: kinds.collect(),
        };
        assert!(long_enough(&all, day(1)).is_ok());
    }
}
