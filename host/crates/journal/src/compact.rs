//! Bodies taken out of records of long ago, so that a house that runs for months does not carry every answer of every model for ever.
//!
//! A record keeps everything but its body, and the hash of that, which is what the chain covers. The order of things is what makes it safe: the archive is written,
//! synchronised and put in its place; then one transaction takes the bodies out and appends the record that tells of it. A crash between the two leaves an
//! archive of bodies that are still here, and the next attempt makes the same archive again.

use crate::archive::{Archive, Line};
use crate::chain;
use crate::error::JournalError;
use crate::record::{HOUSE_RUN, NewRecord, Record, RecordId, Which, signed, unsigned};
use crate::sqlite::{SqliteStore, append_within, begin, stored};
use crate::store::{Scan, Store, Stored};
use rusqlite::types::Value;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use types::{ContentHash, Timestamp};

/// The kind of the record that tells what was taken out.
pub const KIND: &str = "compacted";

/// Kinds whose bodies are evidence of what was decided, paid and signed: they are never taken out. One that ends with `*` stands for all that begin so.
pub const EVIDENCE: &[&str] = &["change.*", "checkpoint", KIND, "cost", "identity"];

/// Whether bodies of `kind` are never taken out.
pub fn is_evidence(kind: &str) -> bool {
    EVIDENCE.iter().any(|known| match known.strip_suffix('*') {
        Some(beginning) => kind.starts_with(beginning),
        None => kind == *known,
    })
}

/// How many bodies one archive and one transaction take: so many that it is quick, and so few that nobody else waits long for the write lock.
const BATCH: usize = 5_000;

/// How many bytes of bodies one archive and one transaction take.
const BATCH_BYTES: usize = 32 << 20;

/// What is to be taken out.
#[derive(Clone, Copy, Debug)]
pub struct Compaction<'a> {
    /// Of which records.
    pub from: Bulk<'a>,
    /// Only those of these kinds.
    pub kinds: &'a [&'a str],
    /// Only bodies of at least this many bytes: what stands in for one is 32.
    pub at_least: u64,
    /// The folder that gets the bodies, made where there is none; without one they are gone for good.
    pub archive: Option<&'a Path>,
    /// Whether the whole file is written anew afterwards. That gives all the room back, also where bodies were taken from between others that stay; it needs as
    /// much room again while it lasts, and nobody can append meanwhile. Without it, whole pages that have become empty are given back.
    pub anew: bool,
    /// When it is done: the time of the record that tells of it.
    pub now: Timestamp,
}

/// Records that may lose their bodies.
#[derive(Clone, Copy, Debug)]
pub enum Bulk<'a> {
    /// Those of the runs that ended before a time: their last record is of one of these kinds, and older.
    Ended {
        /// The kinds that end a run, for instance `ended`.
        by: &'a [&'a str],
        /// Before when.
        before: Timestamp,
    },
    /// Those of these runs, by their full ids.
    Runs(&'a [&'a str]),
    /// These.
    Records(&'a [RecordId]),
}

/// What became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compacted {
    /// How many bodies were taken out.
    pub records: u64,
    /// How many bytes they had.
    pub bytes: u64,
    /// How many would have been, but were written by a version whose chain covers the body itself: these stay for ever.
    pub too_old: u64,
    /// The archives that were written.
    pub archives: Vec<PathBuf>,
    /// How many bytes the store's file became shorter.
    pub freed: u64,
    /// Why the disk space was not given back, where it was not. The store uses it for what is appended next.
    pub not_freed: Option<String>,
}

/// What a record of the kind [`KIND`] says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claim {
    /// How many bodies were taken out with it.
    records: u64,
    /// How many bytes they had.
    bytes: u64,
    /// The first and the last record.
    from: RecordId,
    through: RecordId,
    /// Whose they were.
    runs: BTreeSet<String>,
    kinds: BTreeSet<String>,
    /// Its own number, which is behind all of them.
    #[serde(skip)]
    seq: u64,
    /// The archive's name and the hash of its bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    archive: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hash: Option<ContentHash>,
}

impl Claim {
    /// What `record` says, if it is one of these.
    pub fn of(record: &Record) -> Option<Self> {
        let claim: Claim = serde_json::from_str(&record.body).ok()?;
        (record.run == HOUSE_RUN && record.kind == KIND).then_some(Claim {
            seq: record.seq.0,
            ..claim
        })
    }

    /// Whether it may have been this record that lost its body.
    fn covers(&self, record: &Record) -> bool {
        (self.from..=self.through).contains(&record.seq)
            && record.seq.0 < self.seq
            && self.runs.contains(&record.run)
            && self.kinds.contains(&record.kind)
    }

    fn over(batch: &[Chosen], archive: Option<&Archive>) -> Option<Self> {
        let (first, last) = (batch.first()?, batch.last()?);
        let name = archive.and_then(|archive| archive.path.file_name());
        Some(Claim {
            records: batch.len() as u64,
            bytes: batch.iter().map(|chosen| chosen.bytes).sum(),
            from: RecordId(first.seq),
            through: RecordId(last.seq),
            runs: batch.iter().map(|chosen| chosen.run.clone()).collect(),
            kinds: batch.iter().map(|chosen| chosen.kind.clone()).collect(),
            seq: 0,
            archive: name.map(|name| name.to_string_lossy().into_owned()),
            hash: archive.map(|archive| archive.hash),
        })
    }
}

/// Which bodies may be missing: only those that a later record says were taken out, and no more of them.
pub(crate) struct Claims {
    claims: Vec<Claim>,
    /// How many bodies were taken out.
    claimed: u64,
    /// How many are missing so far.
    pub missing: u64,
}

impl Claims {
    /// What `claims` allow, behind records of which `missing` have lost their body.
    pub fn new(claims: Vec<Claim>, missing: u64) -> Self {
        let add = |sum: u64, claim: &Claim| sum.saturating_add(claim.records);
        Claims {
            claimed: claims.iter().fold(0, add),
            claims,
            missing,
        }
    }

    /// Whether the body of `record` may be missing too.
    pub fn cover(&mut self, record: &Record) -> bool {
        self.missing += 1;
        self.missing <= self.claimed && self.claims.iter().any(|claim| claim.covers(record))
    }
}

/// A body on its way out.
struct Chosen {
    seq: u64,
    run: String,
    kind: String,
    bytes: u64,
    hash: ContentHash,
}

pub(crate) fn compact(
    store: &mut SqliteStore,
    what: &Compaction<'_>,
) -> Result<Compacted, JournalError> {
    let mut done = Compacted::default();
    if what.kinds.iter().any(|kind| is_evidence(kind)) {
        return Err(store.cannot("take out records that are kept for ever as evidence"));
    }
    let (seqs, _) = choose(store, what, &mut done)?;
    let before = store.run(pages)?;
    let mut rest = seqs.as_slice();
    while !rest.is_empty() {
        let taken = take_out(store, what, rest, &mut done)?;
        rest = rest.get(taken..).unwrap_or_default();
    }
    if done.records > 0 || what.anew {
        done.not_freed = give_back(store, what.anew)
            .err()
            .map(|error| error.to_string());
        done.freed = before.saturating_sub(store.run(pages)?);
    }
    Ok(done)
}

/// What [`compact`] would do now; nothing is changed.
pub(crate) fn would_compact(
    store: &SqliteStore,
    what: &Compaction<'_>,
) -> Result<Compacted, JournalError> {
    let mut would = Compacted::default();
    let (seqs, bytes) = choose(store, what, &mut would)?;
    would.records = seqs.len() as u64;
    would.bytes = bytes;
    Ok(would)
}

/// The numbers of the records that are to lose their bodies, in order, and how many bytes these have.
fn choose(
    store: &SqliteStore,
    what: &Compaction<'_>,
    done: &mut Compacted,
) -> Result<(Vec<u64>, u64), JournalError> {
    let link_2_from = store.head()?.link_2_from;
    let (mut seqs, mut all) = (Vec::new(), 0);
    let mut consider = |seq: u64, kind: &str, bytes: i64, out: bool| {
        if out || unsigned(bytes) < what.at_least || !what.kinds.contains(&kind) {
            return;
        }
        match seq < link_2_from {
            true => done.too_old += 1,
            false => {
                seqs.push(seq);
                all += unsigned(bytes);
            }
        }
    };
    let columns = "seq, kind, length(CAST(body AS BLOB)), compacted IS NOT NULL";
    store.run(|connection| {
        if let Bulk::Records(ids) = what.from {
            let mut one =
                connection.prepare(&format!("SELECT {columns} FROM record WHERE seq = ?1"))?;
            let sorted: BTreeSet<RecordId> = ids.iter().copied().collect();
            for id in sorted {
                let row = one
                    .query_row([signed(id.0)], |row| {
                        Ok((row.get::<_, String>(1)?, row.get(2)?, row.get(3)?))
                    })
                    .optional()?;
                if let Some((kind, bytes, out)) = row {
                    consider(id.0, &kind, bytes, out);
                }
            }
            return Ok(());
        }
        let mut of_run =
            connection.prepare(&format!("SELECT {columns} FROM record WHERE run = ?1"))?;
        for run in runs(store, what.from)? {
            let mut rows = of_run.query([run])?;
            while let Some(row) = rows.next()? {
                let kind = row.get_ref(1)?.as_str()?;
                consider(unsigned(row.get(0)?), kind, row.get(2)?, row.get(3)?);
            }
        }
        Ok(())
    })?;
    seqs.sort_unstable();
    Ok((seqs, all))
}

fn runs(store: &SqliteStore, from: Bulk<'_>) -> rusqlite::Result<Vec<String>> {
    let (by, before) = match from {
        Bulk::Ended { by, before } => (by, before),
        Bulk::Runs(runs) => return Ok(runs.iter().map(|run| (*run).to_owned()).collect()),
        Bulk::Records(_) => return Ok(Vec::new()),
    };
    let all = crate::sqlite::all_runs(&store.connection)?;
    let mut last = store
        .connection
        .prepare("SELECT kind FROM record WHERE run = ?1 ORDER BY seq DESC LIMIT 1")?;
    let mut ended = Vec::new();
    for summary in all {
        let kind: String = last.query_row([&summary.run], |row| row.get(0))?;
        if summary.last < before && by.contains(&kind.as_str()) {
            ended.push(summary.run);
        }
    }
    Ok(ended)
}

/// Take out as many of `seqs`, from the first on, as make one batch: how many these are.
fn take_out(
    store: &mut SqliteStore,
    what: &Compaction<'_>,
    seqs: &[u64],
    done: &mut Compacted,
) -> Result<usize, JournalError> {
    let mut archive = match what.archive {
        Some(folder) => Some(Archive::begin(folder)?),
        None => None,
    };
    let (batch, looked_at) = read_batch(store, seqs, archive.as_mut())?;
    let (Some(first), Some(last)) = (batch.first(), batch.last()) else {
        return Ok(looked_at);
    };
    if let Some(archive) = &mut archive {
        archive.finish(first.seq, last.seq)?;
    }
    let Some(claim) = Claim::over(&batch, archive.as_ref()) else {
        return Ok(looked_at);
    };
    commit(store, &batch, &claim, what.now)?;
    done.records += claim.records;
    done.bytes += claim.bytes;
    done.archives
        .extend(archive.map(|archive| archive.path.clone()));
    Ok(looked_at)
}

/// Read bodies, prove each against the chain, and write them into `archive`.
fn read_batch(
    store: &SqliteStore,
    seqs: &[u64],
    mut archive: Option<&mut Archive>,
) -> Result<(Vec<Chosen>, usize), JournalError> {
    let link_2_from = store.head()?.link_2_from;
    let (mut batch, mut looked_at, mut bytes) = (Vec::new(), 0, 0);
    for seq in seqs.iter().take(BATCH) {
        if bytes > BATCH_BYTES {
            break;
        }
        looked_at += 1;
        let Some(Stored {
            record, previous, ..
        }) = one(store, *seq)?
        else {
            continue;
        };
        if record.is_compacted() {
            continue;
        }
        if !previous.is_some_and(|previous| chain::holds(&record, &previous, link_2_from)) {
            return Err(JournalError::Corrupt {
                path: store.path.clone(),
                what: format!("record {seq} is not as it was written: its body stays"),
            });
        }
        if let Some(archive) = &mut archive {
            archive.write(&Line::of(&record))?;
        }
        bytes += record.body.len();
        batch.push(Chosen {
            seq: *seq,
            bytes: record.body.len() as u64,
            hash: record.body_hash(),
            run: record.run,
            kind: record.kind,
        });
    }
    Ok((batch, looked_at))
}

fn one(store: &SqliteStore, seq: u64) -> Result<Option<Stored>, JournalError> {
    let mut found = None;
    let scan = Scan {
        from: Some(RecordId(seq.saturating_sub(1))),
        proof: true,
        ..Scan::all(Which::All)
    };
    store.read(scan, &mut |stored| {
        found = Some(stored).filter(|stored| stored.record.seq.0 == seq);
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// The bodies leave, and the record that tells of it comes, in one transaction.
fn commit(
    store: &mut SqliteStore,
    batch: &[Chosen],
    claim: &Claim,
    now: Timestamp,
) -> Result<(), JournalError> {
    let path = store.path.clone();
    let error = |source| JournalError::of(&path, source);
    let body = serde_json::to_string(claim).map_err(|why| JournalError::Archive {
        path: path.clone(),
        why: why.to_string(),
    })?;
    let transaction = begin(&mut store.connection).map_err(error)?;
    for chosen in batch {
        if !replace(&transaction, chosen).map_err(error)? {
            // Another process compacts the same: it has what is to be done in hand. Nothing of this batch was changed.
            return Err(JournalError::Locked { path });
        }
    }
    let record = NewRecord {
        run: HOUSE_RUN,
        time: now,
        kind: KIND,
        body: &body,
    };
    append_within(&transaction, &[record]).map_err(error)?;
    transaction
        .commit()
        .map_err(|source| JournalError::of_commit(&path, source))?;
    store.say_head();
    Ok(())
}

/// Put the record without its body in the place of the record: whether it was there. It is removed and written anew, because SQLite merges pages that have
/// become empty when rows are removed and not when they are changed, and pages are what can be given back.
fn replace(connection: &Connection, Chosen { seq, hash, .. }: &Chosen) -> rusqlite::Result<bool> {
    let columns = "run, time, kind, hash, nth";
    let kept: Option<[Value; 5]> = connection
        .prepare_cached(&format!(
            "SELECT {columns} FROM record WHERE seq = ?1 AND compacted IS NULL"
        ))?
        .query_row([signed(*seq)], |row| {
            Ok([
                row.get(0)?,
                row.get(1)?,
                row.get(2)?,
                row.get(3)?,
                row.get(4)?,
            ])
        })
        .optional()?;
    let Some([run, time, kind, link, nth]) = kept else {
        return Ok(false);
    };
    connection
        .prepare_cached("DELETE FROM record WHERE seq = ?1")?
        .execute([signed(*seq)])?;
    connection
        .prepare_cached(&format!(
            "INSERT INTO record ({columns}, seq, body, compacted) VALUES (?1, ?2, ?3, ?4, ?5, ?6, '', ?7)"
        ))?
        .execute(params![run, time, kind, link, nth, signed(*seq), hash.as_bytes()])?;
    Ok(true)
}

fn pages(connection: &Connection) -> rusqlite::Result<u64> {
    let number = |pragma| {
        connection
            .pragma_query_value(None, pragma, |row| row.get::<_, i64>(0))
            .map(unsigned)
    };
    Ok(number("page_count")?.saturating_mul(number("page_size")?))
}

/// Give unused pages back to the disk. A store that an older version made has to be written anew for that, once.
fn give_back(store: &SqliteStore, anew: bool) -> Result<(), JournalError> {
    store.run(|connection| {
        let mode: i64 = connection.pragma_query_value(None, "auto_vacuum", |row| row.get(0))?;
        if mode == 2 && !anew {
            // Each row that this gives is a page given back.
            let mut statement = connection.prepare("PRAGMA incremental_vacuum")?;
            let mut rows = statement.query([])?;
            while rows.next()?.is_some() {}
        } else {
            connection.pragma_update(None, "auto_vacuum", "INCREMENTAL")?;
            connection.execute_batch("VACUUM")?;
        }
        // Where others read or write just now the file is cut by a later one.
        connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            .or(Ok(()))
    })
}

/// The record in a row, for those who read archives.
pub(crate) fn body_hash_of(
    connection: &Connection,
    seq: u64,
) -> rusqlite::Result<Option<ContentHash>> {
    connection
        .prepare_cached(
            "SELECT r.seq, r.run, r.time, r.kind, r.body, r.hash, r.compacted, r.nth, NULL FROM record AS r WHERE r.seq = ?1",
        )?
        .query_row([signed(seq)], stored)
        .optional()
        .map(|found| found.map(|stored| stored.record.body_hash()))
}
