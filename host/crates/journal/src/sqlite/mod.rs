//! The store that a house has unless told otherwise: one SQLite file. This folder, `schema`, `tables`, `memories` and `state` alone speak SQL.
//!
//! Several processes may have it open. One of them hosts the house (`house`); what others append beside it, such as a memory that a person adds or a plugin that
//! is swapped by hand, is a transaction of its own, which holds SQLite's write lock from its beginning: the chain has one order.

mod append;
mod check;
mod read;
mod runs;

pub(crate) use append::{append_within, begin, say_head};
pub(crate) use read::{read_head, stored};

use crate::chain;
use crate::compact::{self, Compacted, Compaction};
use crate::error::JournalError;
use crate::memories::{MemoryIndex, MemoryWriter};
use crate::record::{NewRecord, Record, RecordId, RunSummary, Which, signed, unsigned};
use crate::salvage::Damage;
use crate::schema::{self, Durability};
use crate::store::{Head, Scan, Store, Stored, Visit};
use crate::tables::WITH_LINK_2;
use crate::verify::Verification;
use crate::witness::{self, Witness};
use rusqlite::{Connection, OptionalExtension, params};
use std::cell::Cell;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

/// Whose the values are that the host keeps for itself among those of the plugins: no plugin can have this name.
const HOST: &str = "host:";

/// A house's records in an SQLite file.
pub struct SqliteStore {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
    /// Nothing where the store is only read.
    witness: Option<Witness>,
    /// Whether it is known to have the tables of this version; another process may bring an older one up to date while it is being read.
    current: Cell<bool>,
}

impl SqliteStore {
    /// Open the store at `path`, and begin one where there is none.
    ///
    /// # Errors
    /// When the file is something else, newer than this program, or cannot be written, and when its end is not the one that was written last.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let store = SqliteStore {
            connection: schema::open(path, Durability::EveryCommit)?,
            path: path.to_owned(),
            witness: Some(Witness::open(path)),
            current: Cell::new(true),
        };
        store.compare_end()?;
        Ok(store)
    }

    /// Open the store at `path` for reading.
    ///
    /// # Errors
    /// [`JournalError::Missing`] when there is none.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        schema::open_read_only(path).map(|connection| Self::to_read(connection, path))
    }

    /// The same with a damaged one, as far as that can be opened.
    pub(crate) fn open_damaged(path: &Path) -> Result<Self, JournalError> {
        schema::open_damaged(path).map(|connection| Self::to_read(connection, path))
    }

    fn to_read(connection: Connection, path: &Path) -> Self {
        SqliteStore {
            connection,
            path: path.to_owned(),
            witness: None,
            current: Cell::new(false),
        }
    }

    /// The record `seq` and no look at any other, which may be damaged.
    pub(crate) fn alone(&self, seq: u64) -> Result<Option<Stored>, JournalError> {
        self.run(|connection| {
            connection
                .prepare_cached(&read::alone(self.is_current()?))?
                .query_row([signed(seq)], stored)
                .optional()
        })
    }

    /// The highest number of a record, as the table has it.
    pub(crate) fn highest(&self) -> Result<u64, JournalError> {
        self.run(|connection| {
            connection.query_row("SELECT max(seq) FROM record NOT INDEXED", [], |row| {
                Ok(row.get::<_, Option<i64>>(0)?.map_or(0, unsigned))
            })
        })
    }

    /// Refuse an end that is not the one that was written: what is lost may have been done.
    fn compare_end(&self) -> Result<(), JournalError> {
        // The witness before the snapshot: what it tells of was committed by then, and others go on appending.
        let said = witness::read(&self.path);
        let snapshot = self
            .connection
            .unchecked_transaction()
            .map_err(|source| JournalError::of(&self.path, source))?;
        let head = self.head()?;
        if let Some(what) = self.wrong_end(&head)? {
            return Err(JournalError::Corrupt {
                path: self.path.clone(),
                what,
            });
        }
        let hash_of = |seq| Ok(self.record(RecordId(seq))?.map(|record| record.hash));
        witness::confront(&self.path, said, head.seq, hash_of)?;
        drop(snapshot);
        Ok(())
    }

    /// What is wrong where the last record is not the one that `head` names, as it was written.
    fn wrong_end(&self, head: &Head) -> Result<Option<String>, JournalError> {
        let mut last = None;
        let newest = Scan {
            newest_first: true,
            proof: true,
            ..Scan::all(Which::All)
        };
        self.read(newest, &mut |stored| {
            last = Some(stored);
            ControlFlow::Break(())
        })?;
        let found = last.as_ref().map_or(0, |last| last.record.seq.0);
        if found < head.seq {
            let lost = Damage {
                what: String::new(),
                lost: vec![(found + 1, head.seq)],
            };
            return Ok(Some(format!("it has lost its end: {lost}")));
        }
        let holds = match last {
            Some(Stored {
                record, previous, ..
            }) => {
                (record.seq.0, record.hash) == (head.seq, head.hash)
                    && previous
                        .is_some_and(|previous| chain::holds(&record, &previous, head.link_2_from))
            }
            None => true,
        };
        Ok((!holds).then(|| {
            format!(
                "its last record is not record {} as it was written",
                head.seq
            )
        }))
    }

    /// Whether the tables are this version's.
    pub(crate) fn is_current(&self) -> rusqlite::Result<bool> {
        if !self.current.get() {
            self.current.set(self.version()? >= WITH_LINK_2);
        }
        Ok(self.current.get())
    }

    pub(crate) fn version(&self) -> rusqlite::Result<i64> {
        self.connection
            .pragma_query_value(None, "user_version", |row| row.get(0))
    }

    pub(crate) fn run<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        read(&self.connection).map_err(|source| JournalError::of(&self.path, source))
    }

    /// Write down how far the journal has come, after a commit.
    pub(crate) fn say_head(&self) {
        say_head(&self.connection, self.witness.as_ref());
    }
}

/// Whether a commit is on the disk before it returns.
const SYNCHRONOUS: &str = "synchronous";

impl Store for SqliteStore {
    fn path(&self) -> &Path {
        &self.path
    }

    fn append(
        &mut self,
        records: &[NewRecord<'_>],
        values: &[(String, Vec<u8>)],
    ) -> Result<Vec<RecordId>, JournalError> {
        append::append(
            &mut self.connection,
            &self.path,
            self.witness.as_ref(),
            records,
            values,
        )
    }

    fn keep(&self, name: &str, value: &[u8]) -> Result<(), JournalError> {
        self.run(|connection| {
            let before: i64 = connection.pragma_query_value(None, SYNCHRONOUS, |row| row.get(0))?;
            connection.pragma_update(None, SYNCHRONOUS, "NORMAL")?;
            let kept = append::keep(connection, name, value);
            // Where it stays as it is, no later commit would be durable: nobody may go on with that.
            connection.pragma_update(None, SYNCHRONOUS, before)?;
            kept
        })
    }

    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT value FROM state WHERE plugin = ?1 AND key = ?2")?
                .query_row([HOST, name], |row| row.get(0))
                .optional()
        })
    }

    fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        self.run(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT key, value FROM state WHERE plugin = ?1 AND key >= ?2 ORDER BY key",
            )?;
            let mut rows = statement.query([HOST, prefix])?;
            let mut kept = Vec::new();
            // Names with the prefix stand together, from the prefix on.
            while let Some(row) = rows.next()? {
                let name: String = row.get(0)?;
                if !name.starts_with(prefix) {
                    break;
                }
                kept.push((name, row.get(1)?));
            }
            Ok(kept)
        })
    }

    fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError> {
        self.run(|connection| read::read(connection, self.is_current()?, scan, visit))
    }

    fn head(&self) -> Result<Head, JournalError> {
        self.run(|connection| read::head(connection, self.is_current()?))
    }

    fn record(&self, id: RecordId) -> Result<Option<Record>, JournalError> {
        self.run(|connection| {
            let query = read::by_number(self.is_current()?);
            connection
                .prepare_cached(&query)?
                .query_row([signed(id.0)], |row| Ok(stored(row)?.record))
                .optional()
        })
    }

    fn newest(&self, run: &str, kind: &str) -> Result<Option<Stored>, JournalError> {
        self.run(|connection| {
            let Some(seq) = read::newest(connection, run, kind)? else {
                return Ok(None);
            };
            let query = read::by_number(self.is_current()?);
            connection
                .prepare_cached(&query)?
                .query_row(params![seq], stored)
                .map(Some)
        })
    }

    fn check_end(&self) -> Result<(), JournalError> {
        self.compare_end()
    }

    fn count(&self, kind: &str, last: RecordId) -> Result<u64, JournalError> {
        self.run(|connection| {
            connection
                .prepare_cached("SELECT count(*) FROM record WHERE kind = ?1 AND seq <= ?2")?
                .query_row(params![kind, signed(last.0)], |row| {
                    row.get(0).map(unsigned)
                })
        })
    }

    fn runs(&self) -> Result<Vec<RunSummary>, JournalError> {
        self.run(|connection| runs::all(connection, self.is_current()?))
    }

    fn runs_that_begin_with(&self, prefix: &str, most: usize) -> Result<Vec<String>, JournalError> {
        self.run(|connection| runs::that_begin_with(connection, prefix, most))
    }

    fn latest_run(&self) -> Result<Option<String>, JournalError> {
        self.run(runs::latest)
    }

    fn verify(&self, archive: Option<&Path>) -> Result<Verification, JournalError> {
        check::verify(self, archive)
    }

    fn compact(&mut self, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        compact::compact(self, what)
    }

    fn would_compact(&self, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        compact::would_compact(self, what)
    }

    fn change_memories(
        &mut self,
        change: &mut dyn FnMut(&mut MemoryWriter<'_>) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let mut writer = MemoryWriter::begin(&mut self.connection, &self.path)?;
        if change(&mut writer).is_break() {
            return Ok(());
        }
        writer.commit()?;
        self.say_head();
        Ok(())
    }

    fn memories(&self) -> Option<MemoryIndex<'_>> {
        Some(MemoryIndex::of(self))
    }
}

/// Every run of a store of this version.
pub(crate) fn all_runs(connection: &Connection) -> rusqlite::Result<Vec<RunSummary>> {
    runs::all(connection, true)
}

#[cfg(test)]
mod tests;
