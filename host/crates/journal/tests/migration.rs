//! Journals of every released version, as their programs wrote them, go on being used: see `fixtures/README.md`.

use charthouse_journal::{
    Bulk, Compaction, HOUSE_RUN, Journal, JournalError, MemoryScope, NewRecord, PluginState,
    RecordId, RunSummary, Which,
};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;
use types::{State, Timestamp};

const A: &str = "20261120-101112-0a1b2c3d";
const B: &str = "20261120-111112-99aabbcc";
const NEWEST: i64 = 3;

/// A fixture, how many records it has, and the hash of the last where it is written down.
struct Old {
    name: &'static str,
    version: i64,
    records: u64,
    head: Option<&'static str>,
}

const OLD: [Old; 4] = [
    Old {
        name: "version-1",
        version: 1,
        records: 27,
        head: Some("63676d8ae41eca69da13ff36e58f8cd09c4602682d90beab686cf8bc6a6a54ee"),
    },
    Old {
        name: "version-1-killed",
        version: 1,
        records: 8,
        head: None,
    },
    Old {
        name: "version-2",
        version: 2,
        records: 28,
        head: Some("1a30769a894c69af051e9c4c04d376f34bb356cc1247980f1780def06e9b6fc7"),
    },
    Old {
        name: "version-2-killed",
        version: 2,
        records: 9,
        head: None,
    },
];

impl Old {
    /// A copy to work on.
    fn copy(&self) -> (TempDir, PathBuf) {
        let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        for suffix in ["", "-wal"] {
            let from = fixtures.join(format!("{}.db{suffix}", self.name));
            if from.exists() {
                std::fs::copy(from, format!("{}{suffix}", path.display())).unwrap();
            }
        }
        (folder, path)
    }
}

fn version(path: &Path) -> i64 {
    Connection::open(path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

/// Everything that is asked of a journal about its records.
fn told(journal: &Journal) -> (Vec<RunSummary>, Vec<charthouse_journal::Record>, String) {
    let mut all = Vec::new();
    journal
        .each(Which::All, |record| {
            all.push(record);
            Ok::<_, JournalError>(())
        })
        .unwrap();
    (
        journal.runs().unwrap(),
        all,
        journal.find_run("latest").unwrap(),
    )
}

fn record<'a>(run: &'a str, body: &'a str) -> NewRecord<'a> {
    NewRecord {
        run,
        time: Timestamp(1_795_000_009_000),
        kind: "item",
        body,
    }
}

#[test]
fn a_journal_of_every_version_is_read_as_it_is_and_says_the_same_after_its_migration() {
    for old in OLD {
        let (_folder, path) = old.copy();
        let reader = Journal::open_read_only(&path).unwrap();
        let before = told(&reader);
        let verification = reader.verify().unwrap();
        assert_eq!(
            (verification.ok, verification.records),
            (true, old.records),
            "{}",
            old.name
        );
        if let Some(head) = old.head {
            assert_eq!(verification.head.to_string(), head);
        }
        assert_eq!(
            reader.after(A, RecordId(0)).unwrap().len() as u64,
            before.0[0].records
        );
        assert_eq!(version(&path), old.version, "reading changes nothing");

        let mut journal = Journal::open(&path).unwrap();
        assert_eq!(version(&path), NEWEST);
        assert_eq!(told(&journal), before, "{}", old.name);
        // A reader from before sees what is there now.
        assert_eq!(told(&reader), before);
        assert_eq!(journal.verify().unwrap(), verification);

        let (a, b) = (before.0[0].records, before.0[1].records);
        journal
            .append(&[record(A, "{}"), record("new", "{}"), record(A, "[]")])
            .unwrap();
        let counts: Vec<(String, u64)> = reader
            .runs()
            .unwrap()
            .into_iter()
            .map(|run| (run.run, run.records))
            .collect();
        assert_eq!(
            counts,
            [
                (A.to_owned(), a + 2),
                (B.to_owned(), b),
                ("new".to_owned(), 1)
            ]
        );
        assert_eq!(journal.after(A, RecordId(0)).unwrap().len() as u64, a + 2);
        assert_eq!(
            journal.newest(A, "started").unwrap().unwrap().seq,
            RecordId(1)
        );
        let verification = reader.verify().unwrap();
        assert_eq!(
            (verification.ok, verification.records),
            (true, old.records + 3)
        );
    }
}

#[test]
fn what_else_an_old_store_holds_is_still_there() {
    for old in OLD {
        let (_folder, path) = old.copy();
        let journal = Journal::open(&path).unwrap();
        assert_eq!(
            PluginState::new(&path)
                .get("search", "seen")
                .unwrap()
                .unwrap(),
            b"\x00\xff7"
        );
        let scope = MemoryScope {
            agent: "coder",
            layer: "facts",
        };
        let remembered = u64::from(old.version >= 2);
        assert_eq!(journal.memories_with(scope, "tabs").unwrap(), remembered);
        assert_eq!(
            journal.kept("tokens/m").unwrap().is_some(),
            old.version >= 2
        );
        assert!(!journal.records(HOUSE_RUN).unwrap().is_empty());
    }
}

#[test]
fn tampering_with_what_an_old_version_wrote_is_found_after_the_migration_too() {
    for (sql, expected) in [
        ("UPDATE record SET body = '{}' WHERE seq = 4", 4),
        (
            "UPDATE record SET body = '', compacted = zeroblob(32) WHERE seq = 4",
            4,
        ),
        ("UPDATE head SET link_2_from = 4", 4),
        ("UPDATE head SET link_2_from = 100", 29),
        ("UPDATE record SET nth = 9 WHERE seq = 4", 4),
        ("UPDATE record SET nth = 9 WHERE seq = 29", 29),
        (
            "UPDATE earlier SET records = records + 1 WHERE run = '20261120-101112-0a1b2c3d'",
            1,
        ),
        (
            "DELETE FROM earlier WHERE run = '20261120-111112-99aabbcc'",
            1,
        ),
    ] {
        let (_folder, path) = OLD[2].copy();
        Journal::open(&path)
            .unwrap()
            .append(&[record(A, "{}"), record("new", "{}")])
            .unwrap();
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let verification = Journal::open_read_only(&path).unwrap().verify().unwrap();
        assert_eq!(verification.first_bad, Some(expected), "{sql}");
    }
}

#[test]
fn bodies_of_old_records_stay_and_the_answer_says_so() {
    let (_folder, path) = OLD[2].copy();
    let mut journal = Journal::open(&path).unwrap();
    let long = format!("\"{}\"", "x".repeat(500));
    journal.append(&[record(A, &long)]).unwrap();
    let done = journal
        .compact(&Compaction {
            from: Bulk::Runs(&[A]),
            kinds: &["item"],
            at_least: 40,
            archive: None,
            anew: false,
            now: Timestamp(1),
        })
        .unwrap();
    assert_eq!((done.records, done.bytes), (1, 502));
    assert!(done.too_old > 5, "{done:?}");
    assert_eq!(done.not_freed, None);
    let verification = journal.verify().unwrap();
    assert_eq!((verification.ok, verification.compacted), (true, 1));
}

#[test]
fn a_store_of_a_newer_version_is_refused_and_left_alone() {
    let (_folder, path) = OLD[2].copy();
    drop(Journal::open(&path).unwrap());
    Connection::open(&path)
        .unwrap()
        .pragma_update(None, "user_version", NEWEST + 1)
        .unwrap();
    let before = std::fs::read(&path).unwrap();
    for opened in [Journal::open(&path), Journal::open_read_only(&path)] {
        let error = opened.err().unwrap();
        assert!(matches!(error, JournalError::TooNew { .. }), "{error}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[test]
fn a_migration_that_cannot_be_done_leaves_the_old_store() {
    for old in OLD {
        let (_folder, path) = old.copy();
        let other = Connection::open(&path).unwrap();
        // Somebody's own table is in the way of the very last step.
        other.execute_batch("CREATE TABLE earlier (x)").unwrap();
        assert!(Journal::open(&path).is_err());
        assert_eq!(version(&path), old.version);
        let reader = Journal::open_read_only(&path).unwrap();
        assert_eq!(reader.verify().unwrap().records, old.records);
        other.execute_batch("DROP TABLE earlier").unwrap();
        assert!(Journal::open(&path).unwrap().verify().unwrap().ok);
    }
}

const CHILD: &str = "CHARTHOUSE_MIGRATE";

/// Not a test of its own: what the killed process below does.
#[test]
fn a_process_that_migrates() {
    if let Some(path) = std::env::var_os(CHILD) {
        println!("migrating");
        drop(Journal::open(Path::new(&path)));
    }
}

#[test]
fn a_kill_in_the_midst_of_a_migration_leaves_the_old_store_or_the_new_one() {
    // Large enough that the migration takes longer than the way to it.
    let (_folder, large) = OLD[2].copy();
    Connection::open(&large)
        .unwrap()
        .execute_batch(
            "WITH RECURSIVE n(i) AS (SELECT 29 UNION ALL SELECT i + 1 FROM n WHERE i < 60000)
             INSERT INTO record SELECT i, 'run-' || i, 0, 'item', '{}', zeroblob(32) FROM n",
        )
        .unwrap();
    for n in 0..12_u64 {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        std::fs::copy(&large, &path).unwrap();
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "a_process_that_migrates", "--nocapture"])
            .env(CHILD, &path)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines =
            std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
        assert!(lines.any(|line| line.unwrap().contains("migrating")));
        // Chance decides where it is by now: no instant is waited for.
        std::thread::sleep(std::time::Duration::from_millis(n * 9));
        child.kill().unwrap();
        child.wait().unwrap();
        let reader = Journal::open_read_only(&path).unwrap();
        let whole = reader.verify().unwrap();
        assert_eq!((whole.records, whole.first_bad), (60_000, Some(29)));
        assert!([2, NEWEST].contains(&version(&path)));
        let check: String = Connection::open(&path)
            .unwrap()
            .query_row("PRAGMA integrity_check", [], |row| row.get(0))
            .unwrap();
        assert_eq!(check, "ok");
    }
}
