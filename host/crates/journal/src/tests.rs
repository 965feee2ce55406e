//! The promises of the journal, each with the accident or the tampering that would break it.

use super::*;
use rusqlite::Connection;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use types::{State, Timestamp};

struct House {
    folder: TempDir,
}

impl House {
    fn new() -> Self {
        House {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join(".charthouse/journal.db")
    }

    fn journal(&self) -> Journal {
        Journal::open(&self.path()).unwrap()
    }

    /// A journal of `count` records of two runs.
    fn with_records(count: i64) -> Self {
        let house = House::new();
        let mut journal = house.journal();
        for n in 1..=count {
            journal
                .append(&[record(if n % 2 == 1 { "run-a" } else { "run-b" }, n)])
                .unwrap();
        }
        house
    }

    /// Change the file behind the journal's back.
    fn tamper(&self, sql: &str) {
        Connection::open(self.path())
            .unwrap()
            .execute_batch(sql)
            .unwrap();
    }

    fn first_bad(&self) -> Option<u64> {
        let verification = Journal::open_read_only(&self.path())
            .unwrap()
            .verify()
            .unwrap();
        assert_eq!(verification.ok, verification.first_bad.is_none());
        verification.first_bad
    }
}

fn record(run: &str, time: i64) -> NewRecord<'_> {
    NewRecord {
        run,
        time: Timestamp(time),
        kind: "event",
        body: r#"{"name":"turn.done"}"#,
    }
}

#[test]
fn what_the_host_keeps_is_there_with_the_commit_and_is_no_record() {
    let house = House::new();
    let mut journal = house.journal();
    assert_eq!(journal.kept("tokens/m").unwrap(), None);
    let value = |text: &str| vec![("tokens/m".to_owned(), text.as_bytes().to_vec())];
    journal
        .append_keeping(&[record("run-a", 1)], &value("one"))
        .unwrap();
    journal.append_keeping(&[], &value("two")).unwrap();
    drop(journal);
    let journal = Journal::open_read_only(&house.path()).unwrap();
    assert_eq!(journal.kept("tokens/m").unwrap(), Some(b"two".to_vec()));
    assert_eq!(journal.kept("tokens/other").unwrap(), None);
    assert_eq!(journal.verify().unwrap().records, 1);
    assert_eq!(house.first_bad(), None);
}

#[test]
fn what_was_appended_comes_back_in_order_after_reopening() {
    let house = House::new();
    let cost = NewRecord {
        kind: "cost",
        body: "{\"é\":\"\\u0000🦀\"}",
        ..record("run-a", -7)
    };
    let ids = house
        .journal()
        .append(&[record("run-a", 1), cost, record("run-b", 3)])
        .unwrap();
    assert_eq!(ids, [RecordId(1), RecordId(2), RecordId(3)]);
    assert_eq!(
        house.journal().append(&[record("run-a", 4)]).unwrap(),
        [RecordId(4)]
    );
    assert_eq!(house.journal().append(&[]).unwrap(), []);

    let journal = Journal::open_read_only(&house.path()).unwrap();
    let records = journal.records("run-a").unwrap();
    assert_eq!(
        records
            .iter()
            .map(|r| (r.seq.0, r.time.0))
            .collect::<Vec<_>>(),
        [(1, 1), (2, -7), (4, 4)]
    );
    assert_eq!(records[1].body, cost.body);
    assert_eq!(journal.of_kind("cost").unwrap(), [records[1].clone()]);
    assert_eq!(journal.records("nobody").unwrap(), []);
    let mut all = 0;
    journal
        .each(Which::All, |_| {
            all += 1;
            Ok::<_, JournalError>(())
        })
        .unwrap();
    assert_eq!(all, 4);
    let verification = journal.verify().unwrap();
    assert_eq!(
        (
            verification.ok,
            verification.records,
            verification.first_bad
        ),
        (true, 4, None)
    );
    assert_eq!(verification.head, records[2].hash);
    assert_eq!(
        journal.runs().unwrap(),
        [
            RunSummary {
                run: "run-a".into(),
                first: Timestamp(1),
                last: Timestamp(4),
                records: 3
            },
            RunSummary {
                run: "run-b".into(),
                first: Timestamp(3),
                last: Timestamp(3),
                records: 1
            },
        ]
    );
}

#[test]
fn every_kind_of_tampering_is_found_at_its_place() {
    assert_eq!(House::with_records(0).first_bad(), None);
    assert_eq!(House::with_records(9).first_bad(), None);
    for (what, sql, expected) in [
        (
            "altered body",
            "UPDATE record SET body = '{}' WHERE seq = 5",
            5,
        ),
        (
            "altered time",
            "UPDATE record SET time = 0 WHERE seq = 1",
            1,
        ),
        (
            "altered run",
            "UPDATE record SET run = 'run-b' WHERE seq = 9",
            9,
        ),
        (
            "altered kind",
            "UPDATE record SET kind = 'cost' WHERE seq = 4",
            4,
        ),
        (
            "altered hash",
            "UPDATE record SET hash = zeroblob(32) WHERE seq = 6",
            6,
        ),
        (
            "hash of another length",
            "UPDATE record SET hash = x'00' WHERE seq = 6",
            6,
        ),
        (
            "text that is no text",
            "UPDATE record SET body = CAST(x'ff' AS TEXT) WHERE seq = 3",
            3,
        ),
        ("removed first", "DELETE FROM record WHERE seq = 1", 1),
        (
            "removed in the middle",
            "DELETE FROM record WHERE seq = 5",
            5,
        ),
        (
            "removed and closed up",
            "DELETE FROM record WHERE seq = 5; UPDATE record SET seq = seq - 1 WHERE seq > 5",
            5,
        ),
        ("cut off", "DELETE FROM record WHERE seq > 7", 8),
        ("all removed", "DELETE FROM record", 1),
        (
            "swapped",
            "UPDATE record SET seq = -1 WHERE seq = 3; UPDATE record SET seq = 3 WHERE seq = 4; UPDATE record SET seq = 4 WHERE seq = -1",
            3,
        ),
        (
            "a number below the first",
            "UPDATE record SET seq = -4 WHERE seq = 4",
            1,
        ),
        (
            "one too many",
            "INSERT INTO record SELECT 10, run, time, kind, body, hash, nth, compacted FROM record WHERE seq = 9",
            10,
        ),
        (
            "another count",
            "UPDATE record SET nth = nth + 1 WHERE seq = 9",
            9,
        ),
        ("no count", "UPDATE record SET nth = NULL WHERE seq = 3", 3),
        (
            "a body that was taken out by hand",
            "UPDATE record SET body = '', compacted = zeroblob(32) WHERE seq = 7",
            7,
        ),
        (
            "another beginning of link 2",
            "UPDATE head SET link_2_from = 4",
            1,
        ),
        (
            "a head that is behind",
            "UPDATE head SET seq = 8, hash = (SELECT hash FROM record WHERE seq = 8)",
            9,
        ),
        (
            "a head that is wrong",
            "UPDATE head SET hash = zeroblob(32)",
            9,
        ),
        ("no head", "DELETE FROM head", 10),
    ] {
        let house = House::with_records(9);
        house.tamper(sql);
        assert_eq!(house.first_bad(), Some(expected), "{what}");
    }
}

#[test]
fn nothing_is_appended_behind_an_end_that_is_not_as_it_was_written() {
    for sql in [
        "DELETE FROM record WHERE seq = 5",
        "DELETE FROM record WHERE seq = 5; UPDATE head SET seq = 4, hash = (SELECT hash FROM record WHERE seq = 4)",
        "UPDATE record SET body = '{}' WHERE seq = 5",
        "INSERT INTO record SELECT 6, run, time, kind, body, hash, nth + 1, NULL FROM record WHERE seq = 5",
        "UPDATE head SET seq = 6",
    ] {
        let house = House::with_records(5);
        house.tamper(sql);
        assert!(house.first_bad().is_some(), "{sql}");
        let before = std::fs::read(house.path()).unwrap();
        let error = Journal::open(&house.path()).err().unwrap();
        assert!(
            matches!(
                error,
                JournalError::Corrupt { .. } | JournalError::Shorter { .. }
            ),
            "{sql}: {error}"
        );
        assert_eq!(std::fs::read(house.path()).unwrap(), before);
    }
}

#[test]
fn what_follows_a_record_is_proven_without_reading_what_is_before() {
    let hash_of = |house: &House, seq| {
        let journal = Journal::open_read_only(&house.path()).unwrap();
        journal.record(RecordId(seq)).unwrap().unwrap().hash
    };
    let bad = |house: &House, from, hash| {
        let journal = Journal::open_read_only(&house.path()).unwrap();
        journal.first_bad_from(from, hash).unwrap()
    };
    let house = House::with_records(9);
    let fifth = hash_of(&house, 5);
    assert_eq!(bad(&house, 0, GENESIS), None);
    assert_eq!(bad(&house, 5, fifth), None);
    assert_eq!(bad(&house, 9, hash_of(&house, 9)), None);
    assert_eq!(bad(&house, 5, hash_of(&house, 6)), Some(5));
    assert_eq!(bad(&house, 12, fifth), Some(12));
    for (sql, found) in [
        ("UPDATE record SET body = '{}' WHERE seq = 7", Some(7)),
        (
            "UPDATE record SET body = substr(body, 1, 5) WHERE seq = 6",
            Some(6),
        ),
        ("DELETE FROM record WHERE seq = 8", Some(8)),
        ("DELETE FROM record WHERE seq > 7", Some(8)),
        ("UPDATE head SET hash = zeroblob(32)", Some(9)),
        // Its body is not there, and no record tells that it was taken out.
        (
            "UPDATE record SET compacted = zeroblob(32) WHERE seq = 9",
            Some(9),
        ),
        ("UPDATE record SET body = '{}' WHERE seq = 4", None),
    ] {
        let house = House::with_records(9);
        house.tamper(sql);
        assert_eq!(bad(&house, 5, fifth), found, "{sql}");
    }
    assert!(!house.journal().lacks_witness().unwrap());
    std::fs::remove_file(witness::place(&house.path())).unwrap();
    assert!(house.journal().lacks_witness().unwrap());
}

#[test]
fn a_page_overwritten_on_the_disk_is_found() {
    let house = House::with_records(400);
    let mut bytes = std::fs::read(house.path()).unwrap();
    let (start, end) = (bytes.len() / 2, bytes.len() / 2 + 4096);
    bytes[start..end].fill(0x5a);
    std::fs::write(house.path(), bytes).unwrap();
    let verdict = Journal::open_read_only(&house.path()).and_then(|journal| journal.verify());
    assert!(verdict.is_err() || verdict.is_ok_and(|v| !v.ok));
}

#[test]
fn two_writers_make_one_chain() {
    let house = House::new();
    let path = house.path();
    let writers: Vec<_> = ["run-a", "run-b", "run-c"]
        .map(|run| {
            let path = path.clone();
            // Each opens for itself, so that they also race to make the file.
            std::thread::spawn(move || {
                let mut journal = Journal::open(&path).unwrap();
                for n in 0..40 {
                    let ids = journal.append(&[record(run, n), record(run, n)]).unwrap();
                    assert_eq!(ids[1].0, ids[0].0 + 1);
                }
            })
        })
        .into_iter()
        .collect();
    for writer in writers {
        writer.join().unwrap();
    }
    let verification = house.journal().verify().unwrap();
    assert_eq!((verification.ok, verification.records), (true, 240));
    assert!(
        house
            .journal()
            .runs()
            .unwrap()
            .iter()
            .all(|run| run.records == 80)
    );
}

/// The files as a kill or a power cut at this moment would leave them.
fn copy_as_it_is(from: &Path, to: &Path) {
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    for suffix in ["", "-wal"] {
        let side = |path: &Path| PathBuf::from(format!("{}{suffix}", path.display()));
        if side(from).exists() {
            std::fs::copy(side(from), side(to)).unwrap();
        }
    }
}

#[test]
fn a_kill_between_two_commits_loses_nothing_that_was_committed() {
    let house = House::new();
    let mut journal = house.journal();
    journal.append(&[record("run-a", 1)]).unwrap();
    let other = Connection::open(house.path()).unwrap();
    other
        .execute_batch("BEGIN IMMEDIATE; INSERT INTO record VALUES (2, 'x', 0, 'x', '', x'', 1, NULL); UPDATE head SET seq = 2")
        .unwrap();
    let after = House::new();
    copy_as_it_is(&house.path(), &after.path());
    assert_eq!(after.journal().verify().unwrap().records, 1);
    assert_eq!(after.first_bad(), None);
    assert_eq!(
        after.journal().append(&[record("run-a", 2)]).unwrap(),
        [RecordId(2)]
    );
}

#[test]
fn a_commit_that_reached_the_disk_in_part_is_as_if_it_never_was() {
    let house = House::new();
    let mut journal = house.journal();
    journal.append(&[record("run-a", 1)]).unwrap();
    let wal = |house: &House| PathBuf::from(format!("{}-wal", house.path().display()));
    let whole = std::fs::metadata(wal(&house)).unwrap().len();
    journal
        .append(&[record("run-a", 2), record("run-a", 3)])
        .unwrap();
    let longer = std::fs::metadata(wal(&house)).unwrap().len();
    for cut in [whole, whole + 1, (whole + longer) / 2, longer - 1] {
        let after = House::new();
        copy_as_it_is(&house.path(), &after.path());
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(wal(&after))
            .unwrap();
        file.set_len(cut).unwrap();
        let verification = after.journal().verify().unwrap();
        assert_eq!(
            (verification.ok, verification.records),
            (true, 1),
            "cut at {cut} of {longer}"
        );
    }
}

#[test]
fn a_full_disk_writes_nothing_and_says_so() {
    let house = House::with_records(3);
    let mut journal = SqliteStore::open(&house.path()).unwrap();
    journal
        .connection
        .pragma_update(None, "max_page_count", 1)
        .unwrap();
    let long = "x".repeat(100_000);
    let too_much = NewRecord {
        body: &long,
        ..record("run-a", 4)
    };
    let error = journal
        .append(&[record("run-a", 4), too_much], &[])
        .unwrap_err();
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    assert!(error.to_string().contains("make room"), "{error}");
    journal
        .connection
        .pragma_update(None, "max_page_count", 1_000_000)
        .unwrap();
    assert_eq!(
        journal.append(&[record("run-a", 5)], &[]).unwrap(),
        [RecordId(4)]
    );
    assert_eq!(house.first_bad(), None);
}

#[test]
fn a_lock_that_is_held_is_reported() {
    let house = House::with_records(1);
    let store = SqliteStore::open(&house.path()).unwrap();
    store.connection.busy_timeout(Duration::ZERO).unwrap();
    let mut journal = Journal::over(store);
    let other = Connection::open(house.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let error = journal.append(&[record("run-a", 2)]).unwrap_err();
    assert!(matches!(error, JournalError::Locked { .. }), "{error}");
    other.execute_batch("ROLLBACK").unwrap();
    assert_eq!(
        journal.append(&[record("run-a", 2)]).unwrap(),
        [RecordId(2)]
    );
}

#[test]
fn what_is_no_journal_is_refused_and_left_alone() {
    let house = House::new();
    let missing = Journal::open_read_only(&house.path()).err().unwrap();
    assert!(matches!(missing, JournalError::Missing { .. }), "{missing}");
    assert!(!house.path().exists());

    std::fs::create_dir_all(house.path().parent().unwrap()).unwrap();
    let text = "this is not a database, it is a text of some length\n".repeat(100);
    std::fs::write(house.path(), &text).unwrap();
    let error = Journal::open(&house.path()).err().unwrap();
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
    assert_eq!(std::fs::read_to_string(house.path()).unwrap(), text);

    let other = House::new();
    std::fs::create_dir_all(other.path().parent().unwrap()).unwrap();
    other.tamper("CREATE TABLE bookmarks (x)");
    let error = Journal::open(&other.path()).err().unwrap();
    assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
}

#[test]
fn a_newer_journal_is_refused() {
    let house = House::with_records(1);
    house.tamper("PRAGMA user_version = 4");
    let error = Journal::open(&house.path()).err().unwrap();
    assert!(
        matches!(
            error,
            JournalError::TooNew {
                found: 4,
                known: 3,
                ..
            }
        ),
        "{error}"
    );
    assert!(
        error.to_string().contains("use the newer charthouse"),
        "{error}"
    );
}

#[test]
fn a_journal_opened_for_reading_cannot_be_written() {
    let house = House::with_records(1);
    let mut journal = Journal::open_read_only(&house.path()).unwrap();
    let error = journal.append(&[record("run-a", 2)]).unwrap_err();
    assert!(matches!(error, JournalError::ReadOnly { .. }), "{error}");
}

#[test]
fn a_directory_in_the_way_is_reported() {
    let house = House::new();
    std::fs::create_dir_all(house.path()).unwrap();
    let error = Journal::open(&house.path()).err().unwrap();
    assert!(matches!(error, JournalError::CannotOpen { .. }), "{error}");
}

#[cfg(unix)]
#[test]
fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::with_records(1);
    let mode = std::fs::metadata(house.path())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn runs_may_be_abbreviated() {
    let house = House::new();
    let mut journal = house.journal();
    assert!(
        journal
            .find_run("latest")
            .unwrap_err()
            .to_string()
            .contains("has no runs yet")
    );
    for run in ["ab1", "ab12", "b%", "é7"] {
        journal.append(&[record(run, 0)]).unwrap();
    }
    for (wanted, run) in [
        ("ab1", "ab1"),
        ("ab12", "ab12"),
        ("b", "b%"),
        ("é", "é7"),
        ("latest", "é7"),
    ] {
        assert_eq!(journal.find_run(wanted).unwrap(), run);
    }
    assert_eq!(
        journal.find_run("a").unwrap_err().to_string(),
        "`a` is the beginning of several runs: ab1, ab12; write more of the id"
    );
    assert_eq!(
        journal.find_run("%").unwrap_err().to_string(),
        "there is no run `%`: the latest are é7, b%, ab12, ab1"
    );
}

#[test]
fn records_of_the_house_are_no_run() {
    let house = House::new();
    let mut journal = house.journal();
    journal.append(&[record(HOUSE_RUN, 1)]).unwrap();
    assert_eq!(journal.runs().unwrap(), []);
    assert_eq!(journal.latest_run().unwrap(), None);
    assert!(journal.find_run("h").is_err());
    assert_eq!(journal.find_run(HOUSE_RUN).unwrap(), HOUSE_RUN);
    journal
        .append(&[record("ho-a", 2), record(HOUSE_RUN, 3)])
        .unwrap();
    assert_eq!(journal.runs().unwrap().len(), 1);
    assert_eq!(journal.find_run("latest").unwrap(), "ho-a");
    assert_eq!(journal.find_run("ho").unwrap(), "ho-a");
    assert_eq!(journal.records(HOUSE_RUN).unwrap().len(), 2);
    assert_eq!(journal.verify().unwrap().records, 3);
}

#[test]
fn the_newest_of_a_kind_come_first_and_no_more_than_are_wanted() {
    let house = House::with_records(20);
    let seen = |kind: &str, most: usize| {
        let mut times = Vec::new();
        let read = house.journal().latest_first(kind, |seq, time, body| {
            assert_eq!(seq.0, time.0 as u64);
            assert_eq!(body, r#"{"name":"turn.done"}"#);
            times.push(time.0);
            match times.len() == most {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        });
        read.unwrap();
        times
    };
    assert_eq!(seen("event", 3), [20, 19, 18]);
    assert_eq!(seen("event", 100).len(), 20);
    assert!(seen("cost", 1).is_empty());
}

#[test]
fn a_record_is_found_by_its_number() {
    let house = House::with_records(3);
    let journal = house.journal();
    let second = journal.record(RecordId(2)).unwrap().unwrap();
    assert_eq!((second.seq.0, second.run.as_str()), (2, "run-b"));
    assert_eq!(journal.record(RecordId(4)).unwrap(), None);
}

#[test]
fn plugin_state_is_kept_apart_by_plugin() {
    let house = House::new();
    let state = PluginState::new(&house.path());
    assert!(
        !house.path().exists(),
        "nothing is opened before it is needed"
    );
    assert_eq!(state.get("a", "k").unwrap(), None);
    state.set("a", "k", Some(b"1")).unwrap();
    state.set("a", "k", Some(b"\0\xff")).unwrap();
    for key in ["k2", "k\u{0}x", "l", "K"] {
        state.set("a", key, Some(b"")).unwrap();
    }
    state.set("b", "k3", Some(b"b")).unwrap();
    assert_eq!(state.get("a", "k").unwrap().unwrap(), b"\0\xff");
    assert_eq!(state.get("b", "k").unwrap(), None);
    assert_eq!(state.keys("a", "k").unwrap(), ["k", "k\u{0}x", "k2"]);
    assert_eq!(state.keys("a", "").unwrap().len(), 5);
    state.set("a", "k", None).unwrap();
    state.set("a", "never there", None).unwrap();
    assert_eq!(PluginState::new(&house.path()).get("a", "k").unwrap(), None);
    // The journal beside it is untouched.
    assert_eq!(house.journal().verify().unwrap().records, 0);
}

#[test]
fn plugin_state_is_shared_between_threads() {
    let house = House::new();
    let state = PluginState::new(&house.path());
    let mut journal = house.journal();
    std::thread::scope(|scope| {
        for n in 0..4 {
            let state = &state;
            scope.spawn(move || {
                for i in 0..25 {
                    state.set("p", &format!("{n}-{i}"), Some(&[n])).unwrap();
                }
            });
        }
        for n in 0..25 {
            journal.append(&[record("run-a", n)]).unwrap();
        }
    });
    assert_eq!(state.keys("p", "").unwrap().len(), 100);
    assert_eq!(house.first_bad(), None);
}
