//! Verification over SQLite: one snapshot for everything, damaged pages that cannot be read, and indexes that hide records.

use super::SqliteStore;
use super::read;
use crate::archive;
use crate::compact::{self, Claim};
use crate::error::JournalError;
use crate::record::{RecordId, Which, signed, unsigned};
use crate::store::{Head, Scan};
use crate::verify::{Verification, Walk};
use crate::witness;
use rusqlite::{Connection, OptionalExtension, params};
use std::ops::ControlFlow;
use std::path::Path;

/// The page cache while indexes are compared with records, in KiB.
const CHECK_CACHE_KIB: i64 = 32 << 10;

pub fn verify(store: &SqliteStore, archive: Option<&Path>) -> Result<Verification, JournalError> {
    let error = |source| JournalError::of(&store.path, source);
    // The witness first: what it tells of was committed before the snapshot begins.
    let witness = witness::read(&store.path);
    let snapshot = store.connection.unchecked_transaction().map_err(error)?;
    let current = store.is_current().map_err(error)?;
    let head = read::head(&snapshot, current).unwrap_or_else(|_| guess_head(&snapshot, current));
    let mut walk = Walk::new(head, claims(&snapshot, current))
        .with_witness(witness)
        .with_counts(current);
    let scan = Scan::all(Which::All);
    // Reading that fails ends the good beginning, as a row that was altered does.
    let outcome = read::read(&snapshot, current, scan, &mut |stored| walk.step(&stored));
    walk.unreadable(outcome.is_err());
    // A damaged page can make counting fail where reading in order went well, and the other way round.
    let counted = snapshot
        .query_row("SELECT count(*) FROM record NOT INDEXED", [], |row| {
            row.get::<_, i64>(0)
        })
        .ok()
        .map(unsigned);
    let wrong_count = match current {
        true => run_with_wrong_count(&snapshot, head, &walk).map_err(error)?,
        false => None,
    };
    let mut verification = walk.end(counted);
    if verification.ok {
        verification.first_bad = damage_beside(store, &snapshot, wrong_count)?;
        verification.ok = verification.first_bad.is_none();
    }
    if let Some(place) = archive {
        verification.archive = Some(archive::check(place, &snapshot, &store.path)?);
    }
    Ok(verification)
}

/// What a head that cannot be read would say of the links; of the end it says nothing that could be right.
fn guess_head(connection: &Connection, current: bool) -> Head {
    let first_counted = connection
        .query_row(
            "SELECT seq FROM record WHERE nth IS NOT NULL ORDER BY seq LIMIT 1",
            [],
            |row| row.get(0).map(unsigned),
        )
        .ok()
        .filter(|_| current);
    Head {
        seq: u64::MAX,
        hash: crate::chain::GENESIS,
        link_2_from: first_counted.unwrap_or(u64::MAX),
    }
}

/// What the records of compaction say was taken out. The walk proves them, like all others.
fn claims(connection: &Connection, current: bool) -> Vec<Claim> {
    let mut claims = Vec::new();
    let scan = Scan::all(Which::Kind(compact::KIND));
    // One that cannot be read is found by the walk.
    let _ = read::read(connection, current, scan, &mut |stored| {
        claims.extend(Claim::of(&stored.record));
        ControlFlow::Continue(())
    });
    claims
}

/// The first record of the first run of which an older version's count is not what it was. The chain does not cover it.
fn run_with_wrong_count(
    connection: &Connection,
    head: Head,
    walk: &Walk,
) -> rusqlite::Result<Option<u64>> {
    let mut earlier = connection.prepare("SELECT run, records FROM earlier ORDER BY run")?;
    let mut rows = earlier.query([])?;
    let mut total = 0;
    while let Some(row) = rows.next()? {
        let (run, kept): (String, i64) = (row.get(0)?, row.get(1)?);
        total += unsigned(kept);
        // A run that went on has its number in the records since, which the walk has compared with what it counted.
        let first_since = connection
            .prepare_cached(
                "SELECT nth FROM record WHERE run = ?1 AND seq >= ?2 ORDER BY seq LIMIT 1",
            )?
            .query_row(params![run, signed(head.link_2_from)], |row| {
                row.get::<_, Option<i64>>(0)
            })
            .optional()?;
        let is = match first_since {
            Some(nth) => unsigned(nth.unwrap_or(0)).saturating_sub(1),
            None => walk.count(&run),
        };
        if is != unsigned(kept) {
            return first_of(connection, &run).map(|seq| Some(seq.unwrap_or(1)));
        }
    }
    let before = head.link_2_from.saturating_sub(1);
    Ok((total != before && walk.good() >= before).then_some(1))
}

fn first_of(connection: &Connection, run: &str) -> rusqlite::Result<Option<u64>> {
    connection
        .prepare_cached("SELECT seq FROM record WHERE run = ?1 ORDER BY seq LIMIT 1")?
        .query_row([run], |row| row.get(0).map(unsigned))
        .optional()
}

/// Every record is as it was written; is it found, too? The first that an index hides, or an error that says what else is damaged.
fn damage_beside(
    store: &SqliteStore,
    connection: &Connection,
    wrong_count: Option<u64>,
) -> Result<Option<u64>, JournalError> {
    let error = |source| JournalError::of(&store.path, source);
    // It looks up every record in every index, which with the small cache would read most pages many times.
    let size: i64 = connection
        .pragma_query_value(None, "cache_size", |row| row.get(0))
        .map_err(error)?;
    connection
        .pragma_update(None, "cache_size", -CHECK_CACHE_KIB)
        .map_err(error)?;
    let told = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| {
            row.get::<_, String>(0)
        })
        .unwrap_or_else(|error| error.to_string());
    connection
        .pragma_update(None, "cache_size", size)
        .map_err(error)?;
    if told == "ok" {
        return Ok(wrong_count);
    }
    if let Some(hidden) = first_hidden(connection) {
        return Ok(Some(hidden.0));
    }
    Err(JournalError::Corrupt {
        path: store.path.clone(),
        what: format!(
            "every record is as it was written, but what is kept beside them is not: {told}"
        ),
    })
}

/// The first record that is not found by its run or by its kind.
fn first_hidden(connection: &Connection) -> Option<RecordId> {
    let mut last = 0;
    let outcome = (|| {
        let mut all =
            connection.prepare("SELECT seq, run, kind FROM record NOT INDEXED ORDER BY seq")?;
        let mut by_run = connection
            .prepare("SELECT 1 FROM record INDEXED BY record_run WHERE run = ?1 AND seq = ?2")?;
        let mut by_kind = connection
            .prepare("SELECT 1 FROM record INDEXED BY record_kind WHERE kind = ?1 AND seq = ?2")?;
        let mut rows = all.query([])?;
        while let Some(row) = rows.next()? {
            let (seq, run, kind): (i64, String, String) = (row.get(0)?, row.get(1)?, row.get(2)?);
            last = unsigned(seq);
            if !by_run.exists(params![run, seq])? || !by_kind.exists(params![kind, seq])? {
                return Ok(true);
            }
        }
        Ok::<_, rusqlite::Error>(false)
    })();
    outcome.unwrap_or(true).then_some(RecordId(last))
}
