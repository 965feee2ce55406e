//! Stores of version 1, as the programs of that time made them, go on being used.

use crate::chain::{GENESIS, Link};
use crate::witness;
use crate::{Journal, JournalError, MemoryScope, NewRecord, PluginState};
use rusqlite::{Connection, OpenFlags, params};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use types::{State, Timestamp};

/// What version 1 made, word for word. It must never follow a change of the tables.
const VERSION_1: &str = "
    CREATE TABLE record (
        seq  INTEGER PRIMARY KEY,
        run  TEXT NOT NULL,
        time INTEGER NOT NULL,
        kind TEXT NOT NULL,
        body TEXT NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE INDEX record_run ON record (run);
    CREATE INDEX record_kind ON record (kind);
    CREATE TABLE head (
        one  INTEGER PRIMARY KEY CHECK (one = 1),
        seq  INTEGER NOT NULL,
        hash BLOB NOT NULL
    ) STRICT;
    CREATE TABLE state (
        plugin TEXT NOT NULL,
        key    TEXT NOT NULL,
        value  BLOB NOT NULL,
        PRIMARY KEY (plugin, key)
    ) STRICT, WITHOUT ROWID;
    PRAGMA application_id = 0x43687274;
    PRAGMA user_version = 1;
";

const SCOPE: MemoryScope<'static> = MemoryScope {
    agent: "coder",
    layer: "facts",
};

/// A store of version 1 with one record and one value of a plugin.
fn old_store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    let old = Connection::open(&path).unwrap();
    old.pragma_update(None, "journal_mode", "WAL").unwrap();
    old.execute_batch(VERSION_1).unwrap();
    let link = Link {
        seq: 1,
        run: "run-a",
        time: 5,
        kind: "said",
    };
    let hash = link.hash_1(&GENESIS, "{}");
    old.execute(
        "INSERT INTO record VALUES (1, 'run-a', 5, 'said', '{}', ?1)",
        params![hash.as_bytes()],
    )
    .unwrap();
    old.execute("INSERT INTO head VALUES (1, 1, ?1)", [hash.as_bytes()])
        .unwrap();
    old.execute("INSERT INTO state VALUES ('p', 'k', x'01')", [])
        .unwrap();
    (folder, path)
}

fn version(path: &Path) -> i64 {
    Connection::open(path)
        .unwrap()
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .unwrap()
}

#[test]
fn an_old_store_is_read_as_it_is() {
    let (_folder, path) = old_store();
    let journal = Journal::open_read_only(&path).unwrap();
    assert_eq!(journal.records("run-a").unwrap().len(), 1);
    assert!(journal.verify().unwrap().ok);
    assert_eq!(journal.memory_scopes().unwrap(), []);
    assert_eq!(journal.memory_rows(SCOPE).unwrap(), []);
    assert_eq!(journal.memory_row(1).unwrap(), None);
    assert_eq!(journal.memories_with(SCOPE, "a").unwrap(), 0);
    assert_eq!(journal.postings(SCOPE, "a").unwrap(), []);
    assert_eq!(version(&path), 1);
}

#[test]
fn an_old_store_that_is_written_to_gains_the_index_and_keeps_the_rest() {
    let (_folder, path) = old_store();
    let reader = Journal::open_read_only(&path).unwrap();
    let mut journal = Journal::open(&path).unwrap();
    assert_eq!(version(&path), super::VERSION);
    journal
        .append(&[NewRecord {
            run: "run-a",
            time: Timestamp(6),
            kind: "ended",
            body: "{}",
        }])
        .unwrap();
    let id = journal
        .change_memories(|writer| {
            writer.clear()?;
            writer.next()
        })
        .unwrap();
    assert_eq!(id.0, 3, "the numbers go on");
    let verification = reader.verify().unwrap();
    assert_eq!((verification.ok, verification.records), (true, 2));
    assert_eq!(
        PluginState::new(&path).get("p", "k").unwrap().unwrap(),
        [1u8]
    );
    // A second opening finds nothing to do.
    assert!(Journal::open(&path).unwrap().verify().unwrap().ok);
}

#[test]
fn many_that_open_an_old_store_at_once_bring_it_up_to_date_once() {
    let (_folder, path) = old_store();
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| assert!(Journal::open(&path).unwrap().verify().unwrap().ok));
        }
    });
    assert_eq!(version(&path), super::VERSION);
}

/// Another process makes the store just now: what it says of it is no loss to whoever looked before.
#[test]
fn a_witness_that_comes_while_a_store_is_opened_says_nothing_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    std::fs::write(&path, "").unwrap();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let opened = super::read_only(&path, &path, flags, |_| {
        witness::Witness::open(&path).say(7, &GENESIS);
        Ok(())
    });
    assert!(matches!(opened, Err(JournalError::Missing { .. })));
}

#[test]
fn an_update_that_fails_leaves_the_old_store() {
    let (_folder, path) = old_store();
    let other = Connection::open(&path).unwrap();
    // A table that is in the way, made by somebody else.
    other.execute_batch("CREATE TABLE memory (x)").unwrap();
    assert!(Journal::open(&path).is_err());
    assert_eq!(version(&path), 1);
    other.execute_batch("DROP TABLE memory").unwrap();
    assert!(Journal::open(&path).is_ok());
}

#[test]
fn versions_that_never_were_are_refused() {
    for version in [0, -1] {
        let (_folder, path) = old_store();
        Connection::open(&path)
            .unwrap()
            .pragma_update(None, "user_version", version)
            .unwrap();
        let error = Journal::open(&path).err().unwrap();
        assert!(matches!(error, JournalError::NotAJournal { .. }), "{error}");
    }
}
