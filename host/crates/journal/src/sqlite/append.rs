//! Records go in: one transaction, which holds the write lock from before it reads the head.

use super::HOST;
use super::read::read_head;
use crate::chain::Link;
use crate::error::JournalError;
use crate::record::{NewRecord, RecordId, signed, unsigned};
use crate::witness::Witness;
use rusqlite::{Connection, OptionalExtension, Transaction, TransactionBehavior, params};
use std::path::Path;
use types::ContentHash;

/// A body of so many bytes fills the page cache with what is hardly read again: a program that waits has no use for a second copy of a conversation.
const LARGE: usize = 32 << 10;

pub fn append(
    connection: &mut Connection,
    path: &Path,
    witness: Option<&Witness>,
    records: &[NewRecord<'_>],
    values: &[(String, Vec<u8>)],
) -> Result<Vec<RecordId>, JournalError> {
    let error = |source| JournalError::of(path, source);
    let transaction = begin(connection).map_err(error)?;
    let (ids, hash) = append_within(&transaction, records).map_err(error)?;
    for (name, value) in values {
        keep(&transaction, name, value).map_err(error)?;
    }
    transaction
        .commit()
        .map_err(|source| JournalError::of_commit(path, source))?;
    if let (Some(witness), Some(last)) = (witness, ids.last()) {
        witness.say(last.0, &hash);
    }
    if records.iter().any(|record| record.body.len() >= LARGE) {
        // What cannot be given back now is given back with the next.
        let _ = connection.release_memory();
    }
    Ok(ids)
}

/// A transaction that holds the write lock from its beginning: what it reads of the head stays so until it has written, whatever other processes append.
pub(crate) fn begin(connection: &mut Connection) -> rusqlite::Result<Transaction<'_>> {
    connection.transaction_with_behavior(TransactionBehavior::Immediate)
}

/// Append `records` as a part of `transaction`: their numbers, and the hash of the last record there is then.
pub(crate) fn append_within(
    transaction: &Transaction<'_>,
    records: &[NewRecord<'_>],
) -> rusqlite::Result<(Vec<RecordId>, ContentHash)> {
    let mut ids = Vec::with_capacity(records.len());
    let (mut seq, mut hash) = read_head(transaction)?;
    if records.is_empty() {
        return Ok((ids, hash));
    }
    let mut counts = Counts {
        transaction,
        known: Vec::new(),
    };
    let mut insert = transaction.prepare_cached(
        "INSERT INTO record (seq, run, time, kind, body, hash, nth) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
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
        };
        hash = link.hash(&hash, &ContentHash::of(body.as_bytes()));
        let nth = counts.next(run)?;
        insert.execute(params![
            signed(seq),
            run,
            time.0,
            kind,
            body,
            hash.as_bytes(),
            signed(nth)
        ])?;
        ids.push(RecordId(seq));
    }
    transaction
        .prepare_cached("UPDATE head SET seq = ?1, hash = ?2")?
        .execute(params![signed(seq), hash.as_bytes()])?;
    Ok((ids, hash))
}

/// How many records the runs of one commit have. There are few of them: a list is quicker than a map.
struct Counts<'t, 'r> {
    transaction: &'t Transaction<'t>,
    known: Vec<(&'r str, u64)>,
}

impl<'r> Counts<'_, 'r> {
    fn next(&mut self, run: &'r str) -> rusqlite::Result<u64> {
        if let Some((_, count)) = self.known.iter_mut().rev().find(|(known, _)| *known == run) {
            *count += 1;
            return Ok(*count);
        }
        let next = self.count(run)?.saturating_add(1);
        self.known.push((run, next));
        Ok(next)
    }

    fn count(&self, run: &str) -> rusqlite::Result<u64> {
        let last: Option<Option<i64>> = self
            .transaction
            .prepare_cached("SELECT nth FROM record WHERE run = ?1 ORDER BY seq DESC LIMIT 1")?
            .query_row([run], |row| row.get(0))
            .optional()?;
        let count = match last {
            None => Some(0),
            Some(Some(count)) => Some(count),
            // Written by an older version, which did not count.
            Some(None) => self
                .transaction
                .prepare_cached("SELECT records FROM earlier WHERE run = ?1")?
                .query_row([run], |row| row.get(0))
                .optional()?,
        };
        Ok(unsigned(count.unwrap_or(0)))
    }
}

pub fn keep(connection: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    if value.is_empty() {
        return connection
            .prepare_cached("DELETE FROM state WHERE plugin = ?1 AND key = ?2")?
            .execute(params![HOST, name])
            .map(drop);
    }
    connection
        .prepare_cached("INSERT INTO state VALUES (?1, ?2, ?3) ON CONFLICT DO UPDATE SET value = excluded.value")?
        .execute(params![HOST, name, value])
        .map(drop)
}

/// Have `witness` say what the head is now.
pub(crate) fn say_head(connection: &Connection, witness: Option<&Witness>) {
    if let (Some(witness), Ok((seq, hash))) = (witness, read_head(connection)) {
        witness.say(seq, &hash);
    }
}
