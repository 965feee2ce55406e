//! The index and the record that tells of a change are one commit, and scopes lie apart.

use super::*;
use crate::Journal;
use crate::JournalError;
use std::path::PathBuf;
use tempfile::TempDir;

const FACTS: MemoryScope<'static> = MemoryScope {
    agent: "coder",
    layer: "facts",
};

const OTHERS: MemoryScope<'static> = MemoryScope {
    agent: "surveyor",
    layer: "facts",
};

const SHARED: MemoryScope<'static> = MemoryScope {
    agent: "",
    layer: "facts",
};

fn store() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("journal.db");
    (folder, path)
}

/// Append a record and index a memory with `words`, once each.
fn remember(
    journal: &mut Journal,
    scope: MemoryScope<'_>,
    words: &[&str],
) -> Result<MemoryRow, JournalError> {
    journal.change_memories(|writer| {
        let row = MemoryRow {
            id: writer.next()?.0,
            record: writer.next()?,
            time: Timestamp(-3),
            weight: 0.1,
            words: 7,
        };
        writer.append(NewRecord {
            run: "run-a",
            time: row.time,
            kind: "memory",
            body: "{}",
        })?;
        writer.put(scope, &row, words.iter().map(|word| (*word, 2)))?;
        Ok(row)
    })
}

#[test]
fn what_is_put_comes_back_by_scope_number_and_word() {
    let (_folder, path) = store();
    let mut journal = Journal::open(&path).unwrap();
    let first = remember(&mut journal, FACTS, &["tea", "é\0x"]).unwrap();
    let second = remember(&mut journal, FACTS, &["tea"]).unwrap();
    let other = remember(&mut journal, OTHERS, &["tea"]).unwrap();
    let shared = remember(&mut journal, SHARED, &[]).unwrap();
    let journal = Journal::open_read_only(&path).unwrap();
    assert_eq!(journal.memory_rows(FACTS).unwrap(), [first, second]);
    assert_eq!(journal.memory_rows(OTHERS).unwrap(), [other]);
    assert_eq!(journal.memory_rows(SHARED).unwrap(), [shared]);
    assert_eq!(journal.memory_row(second.id).unwrap(), Some(second));
    assert_eq!(journal.memory_row(99).unwrap(), None);
    assert_eq!(journal.memories_with(FACTS, "tea").unwrap(), 2);
    assert_eq!(journal.memories_with(FACTS, "é\0x").unwrap(), 1);
    assert_eq!(journal.memories_with(SHARED, "tea").unwrap(), 0);
    let posting = Posting {
        id: other.id,
        times: 2,
    };
    assert_eq!(journal.postings(OTHERS, "tea").unwrap(), [posting]);
    let scope = |agent: &str| (agent.to_owned(), "facts".to_owned());
    assert_eq!(
        journal.memory_scopes().unwrap(),
        [scope(""), scope("coder"), scope("surveyor")]
    );
    assert_eq!(journal.verify().unwrap().records, 4);
}

#[test]
fn what_is_removed_is_gone_with_its_words_and_leaves_the_others() {
    let (_folder, path) = store();
    let mut journal = Journal::open(&path).unwrap();
    let first = remember(&mut journal, FACTS, &["tea", "cup"]).unwrap();
    let other = remember(&mut journal, OTHERS, &["tea"]).unwrap();
    journal
        .change_memories(|writer| writer.remove(FACTS, first.id, ["tea", "cup"]))
        .unwrap();
    assert_eq!(journal.memory_row(first.id).unwrap(), None);
    assert_eq!(journal.memories_with(FACTS, "tea").unwrap(), 0);
    assert_eq!(journal.postings(FACTS, "cup").unwrap(), []);
    assert_eq!(journal.memory_rows(OTHERS).unwrap(), [other]);
    assert_eq!(journal.memory_scopes().unwrap().len(), 1);
}

#[test]
fn a_change_that_fails_leaves_neither_record_nor_index() {
    let (_folder, path) = store();
    let mut journal = Journal::open(&path).unwrap();
    remember(&mut journal, FACTS, &["tea"]).unwrap();
    // The same word twice for one memory is a mistake of the caller, found in the middle of the change.
    let error = remember(&mut journal, OTHERS, &["cup", "cup"]).unwrap_err();
    assert!(matches!(error, JournalError::Corrupt { .. }), "{error}");
    assert_eq!(journal.memory_rows(OTHERS).unwrap(), []);
    assert_eq!(journal.verify().unwrap().records, 1);
    let row = remember(&mut journal, FACTS, &[]).unwrap();
    assert_eq!(row.id, 2, "the number is free again");
    assert!(journal.verify().unwrap().ok);
}

#[test]
fn a_full_disk_changes_nothing_and_says_so() {
    let (_folder, path) = store();
    let store = SqliteStore::open(&path).unwrap();
    store
        .connection
        .pragma_update(None, "max_page_count", 1)
        .unwrap();
    let mut journal = Journal::over(store);
    remember(&mut journal, FACTS, &["tea"]).unwrap();
    let many: Vec<String> = (0..20_000).map(|n| format!("word{n}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    let error = remember(&mut journal, FACTS, &many).unwrap_err();
    assert!(matches!(error, JournalError::DiskFull { .. }), "{error}");
    assert_eq!(journal.memory_rows(FACTS).unwrap().len(), 1);
    assert_eq!(journal.verify().unwrap().records, 1);
}

#[test]
fn writers_in_several_processes_get_numbers_of_their_own() {
    let (_folder, path) = store();
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut journal = Journal::open(&path).unwrap();
                for _ in 0..20 {
                    remember(&mut journal, FACTS, &["tea"]).unwrap();
                }
            });
        }
    });
    let journal = Journal::open_read_only(&path).unwrap();
    assert_eq!(journal.memory_rows(FACTS).unwrap().len(), 60);
    assert_eq!(journal.postings(FACTS, "tea").unwrap().len(), 60);
    assert!(journal.verify().unwrap().ok);
}

#[test]
fn records_of_one_kind_can_be_read_while_the_index_is_made_anew() {
    let (_folder, path) = store();
    let mut journal = Journal::open(&path).unwrap();
    for words in [&["tea"], &["cup"]] {
        remember(&mut journal, FACTS, words).unwrap();
    }
    let seen = journal
        .change_memories(|writer| {
            writer.clear()?;
            let mut seen = Vec::new();
            writer.each("memory", |writer, record, time, body| {
                assert_eq!(writer.body(record)?, Some(body));
                assert_eq!(writer.row(record.0)?, None);
                seen.push((record.0, time.0));
                Ok::<_, JournalError>(())
            })?;
            Ok::<_, JournalError>(seen)
        })
        .unwrap();
    assert_eq!(seen, [(1, -3), (2, -3)]);
    assert_eq!(journal.memory_scopes().unwrap(), []);
}
