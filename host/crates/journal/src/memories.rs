//! The index of what agents remember: which record holds which memory, and which words it has.
//!
//! It knows nothing of what a memory says or how words are found in it: the crate `memory` does. What this room promises is that a change of the index and
//! the record that tells of it are one commit, so that the index never says anything that the chain of records does not, and can be made anew from it.

use crate::error::JournalError;
use crate::record::{NewRecord, RecordId, signed, unsigned};
use crate::sqlite::{SqliteStore, append_within, begin, read_head};
use crate::tables::WITH_MEMORIES;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use std::path::Path;
use types::Timestamp;

/// A body, or what stands for one that was taken out, as [`crate::Record::body`] has it.
const BODY: &str = r#"CASE WHEN compacted IS NULL THEN body ELSE '{"compacted":"' || lower(hex(compacted)) || '"}' END"#;

/// One layer of what one agent remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct MemoryScope<'a> {
    /// The agent; empty for what the whole house shares.
    pub agent: &'a str,
    /// The layer.
    pub layer: &'a str,
}

/// What the index says of one memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MemoryRow {
    /// Its number, which it keeps when it is replaced.
    pub id: u64,
    /// The record that holds it as it is now.
    pub record: RecordId,
    /// When that was.
    pub time: Timestamp,
    /// How much it counts.
    pub weight: f64,
    /// How many words it has, repetitions counted.
    pub words: u32,
}

/// That a memory has a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// The memory.
    pub id: u64,
    /// How often.
    pub times: u32,
}

/// The index, to be read.
pub struct MemoryIndex<'a> {
    store: &'a SqliteStore,
}

impl<'a> MemoryIndex<'a> {
    pub(crate) fn of(store: &'a SqliteStore) -> Self {
        MemoryIndex { store }
    }

    /// Every scope that holds a memory, as agent and layer, sorted.
    ///
    /// # Errors
    /// When reading fails.
    pub fn scopes(&self) -> Result<Vec<(String, String)>, JournalError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT agent, layer FROM memory_scope AS s
                 WHERE EXISTS (SELECT 1 FROM memory WHERE memory.scope = s.scope) ORDER BY agent, layer",
            )?;
            let scopes = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
            scopes.collect()
        })
    }

    /// Every memory of `scope`, by number.
    ///
    /// # Errors
    /// When reading fails.
    pub fn rows(&self, scope: MemoryScope<'_>) -> Result<Vec<MemoryRow>, JournalError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, record, time, weight, words FROM memory WHERE scope = ?1 ORDER BY id",
            )?;
            match find_scope(connection, scope)? {
                Some(scope) => statement.query_map([scope], read_row)?.collect(),
                None => Ok(Vec::new()),
            }
        })
    }

    /// The memory `id`, if there is one.
    ///
    /// # Errors
    /// When reading fails.
    pub fn row(&self, id: u64) -> Result<Option<MemoryRow>, JournalError> {
        self.read(|connection| find_row(connection, id))
    }

    /// How many memories of `scope` have `word`.
    ///
    /// # Errors
    /// When reading fails.
    pub fn with(&self, scope: MemoryScope<'_>, word: &str) -> Result<u64, JournalError> {
        self.read(|connection| {
            let Some(scope) = find_scope(connection, scope)? else {
                return Ok(0);
            };
            connection
                .prepare_cached("SELECT count(*) FROM memory_word WHERE scope = ?1 AND word = ?2")?
                .query_row(params![scope, word], |row| row.get(0).map(unsigned))
        })
    }

    /// Which memories of `scope` have `word`, by number.
    ///
    /// # Errors
    /// When reading fails.
    pub fn postings(
        &self,
        scope: MemoryScope<'_>,
        word: &str,
    ) -> Result<Vec<Posting>, JournalError> {
        self.read(|connection| {
            let Some(scope) = find_scope(connection, scope)? else {
                return Ok(Vec::new());
            };
            let mut statement = connection.prepare_cached(
                "SELECT id, times FROM memory_word WHERE scope = ?1 AND word = ?2 ORDER BY id",
            )?;
            let postings = statement.query_map(params![scope, word], |row| {
                Ok(Posting {
                    id: unsigned(row.get(0)?),
                    times: row.get(1)?,
                })
            })?;
            postings.collect()
        })
    }

    /// Read from the index, which a store of an older version that is only read does not have: nothing is remembered there.
    fn read<T: Default>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        self.store.run(|connection| {
            // Asked every time: another process may have brought the store up to date meanwhile.
            if self.store.is_current()? || self.store.version()? >= WITH_MEMORIES {
                read(connection)
            } else {
                Ok(T::default())
            }
        })
    }
}

/// Changes the index and appends the records that tell of it.
pub struct MemoryWriter<'a> {
    transaction: Transaction<'a>,
    path: &'a Path,
}

impl<'a> MemoryWriter<'a> {
    pub(crate) fn begin(
        connection: &'a mut Connection,
        path: &'a Path,
    ) -> Result<Self, JournalError> {
        let transaction = begin(connection).map_err(|source| JournalError::of(path, source))?;
        Ok(MemoryWriter { transaction, path })
    }

    pub(crate) fn commit(self) -> Result<(), JournalError> {
        let path = self.path;
        self.transaction
            .commit()
            .map_err(|source| JournalError::of_commit(path, source))
    }

    /// The number that the next record will have.
    ///
    /// # Errors
    /// When reading fails.
    pub fn next(&self) -> Result<RecordId, JournalError> {
        self.run(|transaction| Ok(RecordId(read_head(transaction)?.0.saturating_add(1))))
    }

    /// Append `record`.
    ///
    /// # Errors
    /// When writing fails.
    pub fn append(&mut self, record: NewRecord<'_>) -> Result<(), JournalError> {
        self.run(|transaction| append_within(transaction, &[record]).map(drop))
    }

    /// The memory `id` as this change has it so far.
    ///
    /// # Errors
    /// When reading fails.
    pub fn row(&self, id: u64) -> Result<Option<MemoryRow>, JournalError> {
        self.run(|transaction| find_row(transaction, id))
    }

    /// The body of the record `id`, of this change too.
    ///
    /// # Errors
    /// When reading fails.
    pub fn body(&self, id: RecordId) -> Result<Option<String>, JournalError> {
        self.run(|transaction| {
            transaction
                .prepare_cached(&format!("SELECT {BODY} FROM record WHERE seq = ?1"))?
                .query_row([signed(id.0)], |row| row.get(0))
                .optional()
        })
    }

    /// Put `row`, whose words are `words` with how often each occurs, into the index.
    ///
    /// # Errors
    /// When writing fails, and when the memory is there already.
    pub fn put<'w>(
        &mut self,
        scope: MemoryScope<'_>,
        row: &MemoryRow,
        words: impl IntoIterator<Item = (&'w str, u32)>,
    ) -> Result<(), JournalError> {
        self.run(|transaction| {
            let scope = make_scope(transaction, scope)?;
            transaction
                .prepare_cached(
                    "INSERT INTO memory (scope, id, record, time, weight, words) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                )?
                .execute(params![
                    scope,
                    signed(row.id),
                    signed(row.record.0),
                    row.time.0,
                    row.weight,
                    row.words
                ])?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO memory_word (scope, word, id, times) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for (word, times) in words {
                insert.execute(params![scope, word, signed(row.id), times])?;
            }
            Ok(())
        })
    }

    /// Take the memory `id`, whose words are `words`, out of the index.
    ///
    /// # Errors
    /// When writing fails.
    pub fn remove<'w>(
        &mut self,
        scope: MemoryScope<'_>,
        id: u64,
        words: impl IntoIterator<Item = &'w str>,
    ) -> Result<(), JournalError> {
        self.run(|transaction| {
            let Some(scope) = find_scope(transaction, scope)? else {
                return Ok(());
            };
            transaction
                .prepare_cached("DELETE FROM memory WHERE scope = ?1 AND id = ?2")?
                .execute(params![scope, signed(id)])?;
            let mut delete = transaction.prepare_cached(
                "DELETE FROM memory_word WHERE scope = ?1 AND word = ?2 AND id = ?3",
            )?;
            for word in words {
                delete.execute(params![scope, word, signed(id)])?;
            }
            Ok(())
        })
    }

    /// How many memories the index has.
    ///
    /// # Errors
    /// When reading fails.
    pub fn count(&self) -> Result<u64, JournalError> {
        self.run(|transaction| {
            transaction.query_row("SELECT count(*) FROM memory", [], |row| {
                row.get(0).map(unsigned)
            })
        })
    }

    /// Empty the index, to make it anew from the records.
    ///
    /// # Errors
    /// When writing fails.
    pub fn clear(&mut self) -> Result<(), JournalError> {
        self.run(|transaction| {
            transaction.execute_batch(
                "DELETE FROM memory_word; DELETE FROM memory; DELETE FROM memory_scope",
            )
        })
    }

    /// Hand number, time and body of each record of `kind` to `visit`, in order.
    ///
    /// # Errors
    /// What `visit` returns, and [`JournalError`] when reading fails.
    pub fn each<E: From<JournalError>>(
        &mut self,
        kind: &str,
        mut visit: impl FnMut(&mut Self, RecordId, Timestamp, String) -> Result<(), E>,
    ) -> Result<(), E> {
        // By number and not through one open statement, which could not run while `visit` writes.
        let mut last = 0;
        while let Some((seq, time, body)) = self.after(kind, last)? {
            visit(self, RecordId(seq), time, body)?;
            last = seq;
        }
        Ok(())
    }

    fn after(
        &self,
        kind: &str,
        seq: u64,
    ) -> Result<Option<(u64, Timestamp, String)>, JournalError> {
        self.run(|transaction| {
            transaction
                .prepare_cached(&format!(
                    "SELECT seq, time, {BODY} FROM record WHERE kind = ?1 AND seq > ?2 ORDER BY seq LIMIT 1"
                ))?
                .query_row(params![kind, signed(seq)], |row| {
                    Ok((unsigned(row.get(0)?), Timestamp(row.get(1)?), row.get(2)?))
                })
                .optional()
        })
    }

    fn run<T>(
        &self,
        run: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        run(&self.transaction).map_err(|source| JournalError::of(self.path, source))
    }
}

fn find_scope(connection: &Connection, scope: MemoryScope<'_>) -> rusqlite::Result<Option<i64>> {
    connection
        .prepare_cached("SELECT scope FROM memory_scope WHERE agent = ?1 AND layer = ?2")?
        .query_row([scope.agent, scope.layer], |row| row.get(0))
        .optional()
}

fn make_scope(connection: &Connection, scope: MemoryScope<'_>) -> rusqlite::Result<i64> {
    if let Some(found) = find_scope(connection, scope)? {
        return Ok(found);
    }
    connection
        .prepare_cached("INSERT INTO memory_scope (agent, layer) VALUES (?1, ?2)")?
        .execute([scope.agent, scope.layer])?;
    Ok(connection.last_insert_rowid())
}

fn find_row(connection: &Connection, id: u64) -> rusqlite::Result<Option<MemoryRow>> {
    connection
        .prepare_cached("SELECT id, record, time, weight, words FROM memory WHERE id = ?1")?
        .query_row([signed(id)], read_row)
        .optional()
}

/// The row of `id, record, time, weight, words`.
fn read_row(row: &Row<'_>) -> rusqlite::Result<MemoryRow> {
    Ok(MemoryRow {
        id: unsigned(row.get(0)?),
        record: RecordId(unsigned(row.get(1)?)),
        time: Timestamp(row.get(2)?),
        weight: row.get(3)?,
        words: row.get(4)?,
    })
}

mod reached;
#[cfg(test)]
mod tests;
