//! Append, read, find runs.

use crate::chain::Link;
use crate::error::JournalError;
use crate::lock::{self, RunLock};
use crate::schema::{self, Durability};
use crate::verify::{self, Verification};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::{Deserialize, Serialize};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use types::{ContentHash, Timestamp};

/// Whose the values are that the host keeps for itself among those of the plugins: no plugin can have this name.
const HOST: &str = "host:";

/// How many runs an error lists at most.
const MOST_LISTED: usize = 10;

/// The run of records that belong to no agent's run, such as a memory that a person adds. It is no run: neither listed nor the latest, and found by its
/// whole name only.
pub const HOUSE_RUN: &str = "house";

/// A record's number. The first record of a house has 1, and there are no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub u64);

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// The run that it belongs to.
    pub run: &'a str,
    /// When it happened.
    pub time: Timestamp,
    /// What sort of record it is, for instance `cost`.
    pub kind: &'a str,
    /// JSON text; kept to the byte.
    pub body: &'a str,
}

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its number.
    pub seq: RecordId,
    /// The run that it belongs to.
    pub run: String,
    /// When it happened.
    pub time: Timestamp,
    /// What sort of record it is.
    pub kind: String,
    /// JSON text.
    pub body: String,
    /// Its hash, which covers everything above and the record before.
    pub hash: ContentHash,
}

/// One run, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run: String,
    /// Time of its first record.
    pub first: Timestamp,
    /// Time of its last record.
    pub last: Timestamp,
    /// How many records it has.
    pub records: u64,
}

/// Which records to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Every record of the house.
    All,
    /// Those of one run, by its full id.
    Run(&'a str),
    /// Those of one kind, of every run.
    Kind(&'a str),
}

/// A house's journal. Several processes may have the same one open; each append is one transaction of its own.
pub struct Journal {
    pub(crate) connection: Connection,
    pub(crate) path: PathBuf,
}

impl Journal {
    /// Open the journal at `path`, and begin one where there is none.
    ///
    /// # Errors
    /// When the file is something else, newer than this program, or cannot be written.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        Ok(Journal {
            connection: schema::open(path, Durability::EveryCommit)?,
            path: path.to_owned(),
        })
    }

    /// Open the journal at `path` for reading.
    ///
    /// # Errors
    /// [`JournalError::Missing`] when there is none.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        Ok(Journal {
            connection: schema::open_read_only(path)?,
            path: path.to_owned(),
        })
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Append `records` in one durable commit: when this returns, all of them are on the disk, and on an error none is.
    ///
    /// # Errors
    /// See [`JournalError`]; what the records announce must then not be done.
    pub fn append(&mut self, records: &[NewRecord<'_>]) -> Result<Vec<RecordId>, JournalError> {
        self.append_keeping(records, &[])
    }

    /// Append `records`, and in the same commit keep `values` under their names for [`Journal::kept`]: what the host has learnt and can learn again, which
    /// is no part of the record.
    ///
    /// # Errors
    /// As [`Journal::append`].
    pub fn append_keeping(
        &mut self,
        records: &[NewRecord<'_>],
        values: &[(String, Vec<u8>)],
    ) -> Result<Vec<RecordId>, JournalError> {
        if records.is_empty() && values.is_empty() {
            return Ok(Vec::new());
        }
        let path = &self.path;
        append(&mut self.connection, records, values)
            .map_err(|source| JournalError::of(path, source))
    }

    /// What was kept under `name`, if anything was.
    ///
    /// # Errors
    /// When reading fails.
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT value FROM state WHERE plugin = ?1 AND key = ?2")?
                .query_row([HOST, name], |row| row.get(0))
                .optional()
        })
    }

    /// Hand each record of `which` to `visit`, in order, without holding them all.
    ///
    /// # Errors
    /// What `visit` returns, and [`JournalError`] when reading fails.
    pub fn each<E: From<JournalError>>(
        &self,
        which: Which<'_>,
        mut visit: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let error = |source| JournalError::of(&self.path, source);
        let (condition, value) = match which {
            Which::All => ("?1 = ''", ""),
            Which::Run(run) => ("run = ?1", run),
            Which::Kind(kind) => ("kind = ?1", kind),
        };
        let query = format!(
            "SELECT seq, run, time, kind, body, hash FROM record WHERE {condition} ORDER BY seq"
        );
        let mut statement = self.connection.prepare_cached(&query).map_err(error)?;
        let mut rows = statement.query([value]).map_err(error)?;
        while let Some(row) = rows.next().map_err(error)? {
            visit(read_record(row).map_err(error)?)?;
        }
        Ok(())
    }

    /// Show `visit` number, time and body of the records of `kind`, of every run, the newest first, until it has seen enough: what it costs
    /// grows with what is looked at, not with the journal.
    ///
    /// # Errors
    /// When reading fails.
    pub fn latest_first(
        &self,
        kind: &str,
        mut visit: impl FnMut(RecordId, Timestamp, &str) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.read(|connection| {
            let query = "SELECT seq, time, body FROM record WHERE kind = ?1 ORDER BY seq DESC";
            let mut statement = connection.prepare_cached(query)?;
            let mut rows = statement.query([kind])?;
            while let Some(row) = rows.next()? {
                let seq = RecordId(unsigned(row.get(0)?));
                let time = Timestamp(row.get(1)?);
                if visit(seq, time, row.get_ref(2)?.as_str()?).is_break() {
                    break;
                }
            }
            Ok(())
        })
    }

    /// All records of the run `run`, in order.
    ///
    /// # Errors
    /// When reading fails; a run that is not there has no records.
    pub fn records(&self, run: &str) -> Result<Vec<Record>, JournalError> {
        self.collect(Which::Run(run))
    }

    /// All records of `kind`, of every run, in order.
    ///
    /// # Errors
    /// When reading fails.
    pub fn of_kind(&self, kind: &str) -> Result<Vec<Record>, JournalError> {
        self.collect(Which::Kind(kind))
    }

    /// The record `id`, if there is one.
    ///
    /// # Errors
    /// When reading fails.
    pub fn record(&self, id: RecordId) -> Result<Option<Record>, JournalError> {
        self.read(|connection| {
            connection
                .prepare_cached(
                    "SELECT seq, run, time, kind, body, hash FROM record WHERE seq = ?1",
                )?
                .query_row([signed(id.0)], read_record)
                .optional()
        })
    }

    fn collect(&self, which: Which<'_>) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        self.each(which, |record| {
            records.push(record);
            Ok::<_, JournalError>(())
        })?;
        Ok(records)
    }

    /// Take the run `run` for this process: while the answer lives, no other process can.
    ///
    /// # Errors
    /// [`JournalError::RunTaken`] while another has it, and when the file that stands for it cannot be made.
    pub fn take_run(&self, run: &str) -> Result<RunLock, JournalError> {
        lock::take(&self.path, run)
    }

    /// Every run of the house, in the order in which they began.
    ///
    /// # Errors
    /// When reading fails.
    pub fn runs(&self) -> Result<Vec<RunSummary>, JournalError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT ends.run, first.time, last.time, ends.records
                 FROM (SELECT run, min(seq) AS low, max(seq) AS high, count(*) AS records FROM record WHERE run <> ?1 GROUP BY run) AS ends
                 JOIN record AS first ON first.seq = ends.low
                 JOIN record AS last ON last.seq = ends.high
                 ORDER BY ends.low",
            )?;
            let runs = statement.query_map([HOUSE_RUN], |row| {
                Ok(RunSummary {
                    run: row.get(0)?,
                    first: Timestamp(row.get(1)?),
                    last: Timestamp(row.get(2)?),
                    records: unsigned(row.get(3)?),
                })
            })?;
            runs.collect()
        })
    }

    /// The full id of the run that `wanted` names: an id, the beginning of one that no other has, or `latest`.
    ///
    /// # Errors
    /// [`JournalError::NoSuchRun`] and [`JournalError::AmbiguousRun`], which list what there is.
    pub fn find_run(&self, wanted: &str) -> Result<String, JournalError> {
        if wanted == "latest" {
            return self.latest_run()?.ok_or_else(|| JournalError::NoSuchRun {
                wanted: wanted.to_owned(),
                recent: Vec::new(),
            });
        }
        let mut candidates = self.runs_that_begin_with(wanted)?;
        match candidates.len() {
            0 => Err(JournalError::NoSuchRun {
                wanted: wanted.to_owned(),
                recent: self.recent_runs()?,
            }),
            // The candidates are sorted, so a run whose whole id was written comes first.
            n if n == 1 || candidates[0] == wanted => Ok(candidates.swap_remove(0)),
            _ => Err(JournalError::AmbiguousRun {
                wanted: wanted.to_owned(),
                candidates,
            }),
        }
    }

    /// The run that wrote the last record, if there is any record.
    ///
    /// # Errors
    /// When reading fails.
    pub fn latest_run(&self) -> Result<Option<String>, JournalError> {
        self.read(|connection| {
            connection
                .prepare_cached("SELECT run FROM record WHERE run <> ?1 ORDER BY seq DESC LIMIT 1")?
                .query_row([HOUSE_RUN], |row| row.get(0))
                .optional()
        })
    }

    /// Check the whole chain. Reads every record once and holds one at a time; records appended meanwhile are not looked at.
    ///
    /// # Errors
    /// When the file cannot be read at all; damage is what the answer is about.
    pub fn verify(&self) -> Result<Verification, JournalError> {
        self.read(verify::verify)
    }

    /// Runs that begin with `prefix`, sorted, at most [`MOST_LISTED`]. Each is one look into the index, however many records it has.
    fn runs_that_begin_with(&self, prefix: &str) -> Result<Vec<String>, JournalError> {
        self.read(|connection| {
            let mut from =
                connection.prepare_cached("SELECT min(run) FROM record WHERE run >= ?1")?;
            let mut after =
                connection.prepare_cached("SELECT min(run) FROM record WHERE run > ?1")?;
            let mut found: Vec<String> = Vec::new();
            let mut next: Option<String> = from.query_row([prefix], |row| row.get(0))?;
            while let Some(run) =
                next.filter(|run| run.starts_with(prefix) && found.len() < MOST_LISTED)
            {
                next = after.query_row([&run], |row| row.get(0))?;
                if run != HOUSE_RUN || prefix == HOUSE_RUN {
                    found.push(run);
                }
            }
            Ok(found)
        })
    }

    fn recent_runs(&self) -> Result<Vec<String>, JournalError> {
        let runs = self.runs()?;
        Ok(runs
            .into_iter()
            .rev()
            .take(MOST_LISTED)
            .map(|summary| summary.run)
            .collect())
    }

    pub(crate) fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, JournalError> {
        read(&self.connection).map_err(|source| JournalError::of(&self.path, source))
    }
}

fn append(
    connection: &mut Connection,
    records: &[NewRecord<'_>],
    values: &[(String, Vec<u8>)],
) -> rusqlite::Result<Vec<RecordId>> {
    let transaction = begin(connection)?;
    let ids = append_within(&transaction, records)?;
    for (name, value) in values {
        transaction
            .prepare_cached("INSERT INTO state VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value")?
            .execute(params![HOST, name, value])?;
    }
    transaction.commit()?;
    Ok(ids)
}

/// A transaction that holds the write lock from its beginning: what it reads of the head stays so until it has written, whatever other processes append.
pub(crate) fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Append `records` as a part of `transaction`.
pub(crate) fn append_within(
    transaction: &Transaction<'_>,
    records: &[NewRecord<'_>],
) -> rusqlite::Result<Vec<RecordId>> {
    let mut ids = Vec::with_capacity(records.len());
    let (mut seq, mut hash) = read_head(transaction)?;
    let mut insert = transaction.prepare_cached(
        "INSERT INTO record (seq, run, time, kind, body, hash) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    for record in records {
        let NewRecord {
            run,
            time,
            kind,
            body,
        } = *record;
        seq += 1;
        let link = Link {
            seq,
            run,
            time: time.0,
            kind,
            body,
        };
        hash = link.hash(&hash);
        insert.execute(params![
            signed(seq),
            run,
            time.0,
            kind,
            body,
            hash.as_bytes()
        ])?;
        ids.push(RecordId(seq));
    }
    transaction
        .prepare_cached("UPDATE head SET seq = ?1, hash = ?2")?
        .execute(params![signed(seq), hash.as_bytes()])?;
    Ok(ids)
}

/// Number and hash of the last record, as the head has them.
pub(crate) fn read_head(connection: &Connection) -> rusqlite::Result<(u64, ContentHash)> {
    connection
        .prepare_cached("SELECT seq, hash FROM head")?
        .query_row([], |row| {
            Ok((unsigned(row.get(0)?), ContentHash::from_bytes(row.get(1)?)))
        })
}

/// The record in a row of `seq, run, time, kind, body, hash`.
pub(crate) fn read_record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        seq: RecordId(unsigned(row.get(0)?)),
        run: row.get(1)?,
        time: Timestamp(row.get(2)?),
        kind: row.get(3)?,
        body: row.get(4)?,
        hash: ContentHash::from_bytes(row.get(5)?),
    })
}

/// SQLite has signed integers only. No journal has 2^63 records; a negative number can only come from tampering, and becomes one that no
/// record has.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
