//! Bodies that are taken out: the chain still proves everything, the archive holds what is gone, and a crash loses nothing.

use charthouse_journal::{
    Bulk, Compacted, Compaction, HOUSE_RUN, Journal, JournalError, NewRecord, RecordId,
};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use types::{ContentHash, Timestamp};

const NOW: Timestamp = Timestamp(1_000_000);

fn body(n: i64) -> String {
    format!(r#"{{"n":{n},"text":"é🦀\u0000 {}"}}"#, "long ".repeat(300))
}

/// Three runs: `old` has ended, `again` has ended and gone on, `live` has not. Each has 40 large bodies and some small ones.
fn house() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    let mut append = |run: &str, kind: &str, time: i64, body: &str| {
        journal
            .append(&[NewRecord {
                run,
                time: Timestamp(time),
                kind,
                body,
            }])
            .unwrap();
    };
    for n in 0..40 {
        for run in ["old", "again", "live"] {
            append(run, "reply", n, &body(n));
            append(run, "cost", n, &body(n));
            append(run, "item", n, "{}");
        }
    }
    append("old", "ended", 100, "{}");
    append("again", "ended", 100, "{}");
    append("again", "step", 101, "{}");
    drop(journal);
    (folder, path)
}

fn ended(archive: Option<&Path>) -> Compaction<'_> {
    Compaction {
        from: Bulk::Ended {
            by: &["ended"],
            before: Timestamp(1000),
        },
        kinds: &["reply", "item"],
        at_least: 64,
        archive,
        anew: false,
        now: NOW,
    }
}

fn compact(path: &Path, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
    Journal::open(path).unwrap().compact(what)
}

#[test]
fn the_file_is_written_anew_also_where_nothing_is_taken_out_any_more() {
    let (_folder, path) = house();
    compact(&path, &ended(None)).unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    let anew = Compaction {
        from: Bulk::Records(&[]),
        anew: true,
        ..ended(None)
    };
    let done = compact(&path, &anew).unwrap();
    assert_eq!((done.records, done.not_freed), (0, None));
    assert!(done.freed > 0 && std::fs::metadata(&path).unwrap().len() < size);
    assert!(Journal::open(&path).unwrap().verify().unwrap().ok);
}

#[test]
fn what_is_bulky_and_over_goes_and_the_rest_stays() {
    let (folder, path) = house();
    let archive = folder.path().join("archive");
    let before = Journal::open(&path).unwrap().records("old").unwrap();
    let head = Journal::open(&path).unwrap().verify().unwrap().head;
    let size = std::fs::metadata(&path).unwrap().len();
    let anew = Compaction {
        anew: true,
        ..ended(Some(&archive))
    };
    let done = compact(&path, &anew).unwrap();
    assert_eq!((done.records, done.too_old), (40, 0));
    assert_eq!(
        done.bytes,
        (0..40).map(|n| body(n).len() as u64).sum::<u64>()
    );
    assert_eq!(done.not_freed, None);
    assert!(done.freed > 0 && std::fs::metadata(&path).unwrap().len() < size);

    let journal = Journal::open(&path).unwrap();
    let verification = journal.verify_with(&archive).unwrap();
    assert_eq!(
        (
            verification.ok,
            verification.records,
            verification.compacted
        ),
        (true, 364, 40)
    );
    let bodies = verification.archive.unwrap();
    assert_eq!(
        (bodies.bodies, bodies.missing, bodies.first_bad),
        (40, 0, None)
    );
    assert_ne!(
        verification.head, head,
        "the compaction is a record of its own"
    );

    // In every way of reading: the marker for what is gone, everything else as it was.
    let after = journal.records("old").unwrap();
    assert_eq!(journal.after("old", RecordId(0)).unwrap(), after);
    assert_eq!(after.len(), before.len());
    for (was, is) in before.iter().zip(&after) {
        assert_eq!((was.seq, was.hash, &was.kind), (is.seq, is.hash, &is.kind));
        assert_eq!(is.is_compacted(), was.kind == "reply");
        let hash = ContentHash::of(was.body.as_bytes());
        assert_eq!(is.body_hash(), hash);
        match is.is_compacted() {
            true => assert_eq!(is.body, format!(r#"{{"compacted":"{hash}"}}"#)),
            false => assert_eq!(is.body, was.body),
        }
    }
    for run in ["again", "live"] {
        assert!(
            journal
                .records(run)
                .unwrap()
                .iter()
                .all(|r| !r.is_compacted())
        );
    }
    let told = journal.records(HOUSE_RUN).unwrap();
    assert_eq!(
        (told.len(), told[0].kind.as_str(), told[0].time),
        (1, "compacted", NOW)
    );
    let told: serde_json::Value = serde_json::from_str(&told[0].body).unwrap();
    assert_eq!(told["records"], 40);
    assert_eq!(
        told["archive"],
        done.archives[0].file_name().unwrap().to_str().unwrap()
    );

    // The archive has the bodies to the byte.
    let text = std::fs::read_to_string(&done.archives[0]).unwrap();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let replies: Vec<_> = before.iter().filter(|r| r.kind == "reply").collect();
    assert_eq!(lines.len(), replies.len());
    for (line, reply) in lines.iter().zip(replies) {
        assert_eq!(
            (line["seq"].as_u64(), line["body"].as_str()),
            (Some(reply.seq.0), Some(reply.body.as_str()))
        );
    }

    // A second time there is nothing to do, and nothing is written.
    let again = compact(&path, &ended(Some(&archive))).unwrap();
    assert_eq!(again, Compacted::default());
    assert_eq!(std::fs::read_dir(&archive).unwrap().count(), 1);
}

#[test]
fn records_and_runs_may_be_named_and_bodies_may_go_for_good() {
    let (_folder, path) = house();
    let seqs = [
        RecordId(10),
        RecordId(1),
        RecordId(10),
        RecordId(9999),
        RecordId(2),
    ];
    let named = Compaction {
        from: Bulk::Records(&seqs),
        ..ended(None)
    };
    // 2 is a cost, 9999 is none.
    assert_eq!(compact(&path, &named).unwrap().records, 2);
    let runs = Compaction {
        from: Bulk::Runs(&["live", "nobody"]),
        ..ended(None)
    };
    assert_eq!(compact(&path, &runs).unwrap().records, 40);
    let verification = Journal::open(&path).unwrap().verify().unwrap();
    assert_eq!((verification.ok, verification.compacted), (true, 42));
}

#[test]
fn what_was_taken_out_by_hand_is_found() {
    for (sql, expected) in [
        // A body that was taken out without a record that tells of it, with its true hash.
        (
            "UPDATE record SET body = '', compacted = X'HASH2' WHERE seq = 2",
            2,
        ),
        (
            "UPDATE record SET body = '', compacted = zeroblob(32) WHERE seq = 4",
            4,
        ),
        // Of a run that was compacted, and of no kind that was.
        (
            "UPDATE record SET body = '', compacted = X'HASH3' WHERE seq = 3",
            3,
        ),
        // Behind what was taken out, though of the same run and kind.
        (
            "INSERT INTO record SELECT 365, run, time, kind, '', hash, 123, compacted FROM record WHERE seq = 10; UPDATE head SET seq = 365",
            365,
        ),
        (
            "UPDATE record SET compacted = zeroblob(32) WHERE seq = 10",
            10,
        ),
        ("UPDATE record SET compacted = NULL WHERE seq = 10", 10),
        ("DELETE FROM record WHERE kind = 'compacted'", 1),
    ] {
        let (_folder, path) = house();
        let hash = |seq| {
            let journal = Journal::open(&path).unwrap();
            let record = journal.record(RecordId(seq)).unwrap().unwrap();
            record.body_hash().to_string()
        };
        let sql = sql.replace("HASH2", &hash(2)).replace("HASH3", &hash(3));
        compact(&path, &ended(None)).unwrap();
        Connection::open(&path)
            .unwrap()
            .execute_batch(&sql)
            .unwrap();
        let found = Journal::open_read_only(&path).unwrap().verify().unwrap();
        assert_eq!(found.first_bad, Some(expected), "{sql}");
    }
}

/// Whoever signs looks at the end only, and by the same rule.
#[test]
fn no_more_bodies_are_missing_behind_a_record_than_were_taken_out() {
    let (_folder, path) = house();
    let taken = [RecordId(10), RecordId(28)];
    let named = Compaction {
        from: Bulk::Records(&taken),
        ..ended(None)
    };
    let hash = |seq| {
        let journal = Journal::open_read_only(&path).unwrap();
        journal.record(RecordId(seq)).unwrap().unwrap()
    };
    let body = hash(19).body_hash();
    assert_eq!(compact(&path, &named).unwrap().records, 2);
    let found = || {
        let journal = Journal::open_read_only(&path).unwrap();
        let behind = [5, 15, 20].map(|from| journal.first_bad_from(from, hash(from).hash).unwrap());
        (journal.verify().unwrap().first_bad, behind)
    };
    assert_eq!(found(), (None, [None; 3]));
    let sql = format!("UPDATE record SET body = '', compacted = X'{body}' WHERE seq = 19");
    Connection::open(&path)
        .unwrap()
        .execute_batch(&sql)
        .unwrap();
    assert_eq!(found(), (Some(28), [Some(28); 3]));
}

#[test]
fn an_archive_that_was_altered_is_found_and_one_that_is_gone_is_counted() {
    let (folder, path) = house();
    let archive = folder.path().join("archive");
    let done = compact(&path, &ended(Some(&archive))).unwrap();
    let text = std::fs::read_to_string(&done.archives[0]).unwrap();
    let journal = Journal::open(&path).unwrap();
    std::fs::write(&done.archives[0], text.replacen("long", "lang", 1)).unwrap();
    let found = journal.verify_with(&archive).unwrap();
    let bodies = found.archive.unwrap();
    assert_eq!(
        (bodies.bodies, bodies.missing, bodies.first_bad),
        (39, 1, Some(1))
    );
    // Torn in the middle of a line.
    std::fs::write(&done.archives[0], &text[..text.len() / 2]).unwrap();
    let error = journal.verify_with(&archive).unwrap_err();
    assert!(matches!(error, JournalError::Archive { .. }), "{error}");
    std::fs::remove_file(&done.archives[0]).unwrap();
    let bodies = journal.verify_with(&archive).unwrap().archive.unwrap();
    assert_eq!((bodies.bodies, bodies.missing), (0, 40));
    assert!(journal.verify_with(&folder.path().join("nowhere")).is_err());
}

#[test]
fn nothing_is_taken_out_that_is_not_as_it_was_written_or_cannot_be_archived() {
    let (folder, path) = house();
    let in_the_way = folder.path().join("file");
    std::fs::write(&in_the_way, "x").unwrap();
    let error = compact(&path, &ended(Some(&in_the_way))).unwrap_err();
    assert!(matches!(error, JournalError::Archive { .. }), "{error}");
    Connection::open(&path)
        .unwrap()
        .execute_batch("UPDATE record SET body = replace(body, 'long', 'lang') WHERE seq = 10")
        .unwrap();
    let archive = folder.path().join("archive");
    let error = compact(&path, &ended(Some(&archive)));
    // Record 10 is of the run that has ended.
    let error = error.unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    assert_eq!(
        std::fs::read_dir(&archive).unwrap().count(),
        0,
        "no part is left"
    );
    let found = Journal::open_read_only(&path).unwrap().verify().unwrap();
    assert_eq!((found.first_bad, found.compacted), (Some(10), 0));
    let refused = Compaction {
        kinds: &["compacted"],
        ..ended(None)
    };
    assert!(compact(&path, &refused).is_err());
}

#[test]
fn a_crash_between_archive_and_commit_loses_nothing_and_is_made_good() {
    let (folder, path) = house();
    let archive = folder.path().join("archive");
    // The store refuses the commit, after the archive was written.
    let other = Connection::open(&path).unwrap();
    other
        .execute_batch(
            "CREATE TRIGGER no BEFORE DELETE ON record BEGIN SELECT raise(ABORT, 'no'); END",
        )
        .unwrap();
    assert!(compact(&path, &ended(Some(&archive))).is_err());
    let found = Journal::open(&path).unwrap().verify_with(&archive).unwrap();
    assert_eq!((found.ok, found.compacted), (true, 0));
    assert_eq!(found.archive.unwrap().first_bad, None);
    other.execute_batch("DROP TRIGGER no").unwrap();
    assert_eq!(compact(&path, &ended(Some(&archive))).unwrap().records, 40);
    assert_eq!(
        std::fs::read_dir(&archive).unwrap().count(),
        1,
        "the same archive again"
    );
    let bodies = Journal::open(&path)
        .unwrap()
        .verify_with(&archive)
        .unwrap()
        .archive
        .unwrap();
    assert_eq!((bodies.bodies, bodies.missing), (40, 0));
}

#[test]
fn much_is_done_in_several_steps_each_of_which_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let mut journal = Journal::open(&path).unwrap();
    let body = body(1);
    let one = NewRecord {
        run: "a",
        time: Timestamp(1),
        kind: "reply",
        body: &body,
    };
    for _ in 0..12 {
        journal.append(&vec![one; 1000]).unwrap();
    }
    journal
        .append(&[NewRecord {
            kind: "ended",
            body: "{}",
            ..one
        }])
        .unwrap();
    let size = std::fs::metadata(&path).unwrap().len();
    let archive = folder.path().join("archive");
    let done = journal.compact(&ended(Some(&archive))).unwrap();
    assert_eq!((done.records, done.archives.len()), (12_000, 3));
    let found = journal.verify_with(&archive).unwrap();
    assert_eq!((found.ok, found.compacted), (true, 12_000));
    assert_eq!(found.archive.unwrap().bodies, 12_000);
    assert!(
        std::fs::metadata(&path).unwrap().len() < size / 4,
        "{done:?}"
    );
}
