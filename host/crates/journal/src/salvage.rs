//! A damaged store, read as far as it can be: for a person who wants to know what is left, and for nobody who goes on from it.
//!
//! As long as nothing is wrong it reads as every store does. Where that fails, each record is asked for by its number alone, which needs no index and no neighbour;
//! what does not come is counted as lost, and what comes is shown as it is found.

use crate::chain::GENESIS;
use crate::error::JournalError;
use crate::record::{Record, RecordId, RunSummary, Which};
use crate::schema::side_file;
use crate::sqlite::SqliteStore;
use crate::store::{Head, Scan, Store, Stored, Visit};
use crate::verify::Verification;
use crate::witness;
use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::path::{Path, PathBuf};

/// Bytes that a record takes at least: its hash and some words.
const SMALLEST: u64 = 40;
/// How many gaps are told one by one.
const MOST_TOLD: usize = 8;

/// What could not be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// What the store says is wrong.
    pub what: String,
    /// The records that were asked for and did not come: first and last of each gap, in order.
    pub lost: Vec<(u64, u64)>,
}

impl Damage {
    fn lose(&mut self, seq: u64) {
        let at = self
            .lost
            .partition_point(|(_, last)| last.saturating_add(1) < seq);
        let (mut first, mut last) = (seq, seq);
        // Gaps that it lies in or touches become one.
        while let Some(&(from, to)) = self.lost.get(at)
            && from <= last.saturating_add(1)
        {
            (first, last) = (first.min(from), last.max(to));
            self.lost.remove(at);
        }
        self.lost.insert(at, (first, last));
    }
}

/// Which records are lost: `records 12 to 31 and 40 cannot be read`.
impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = |(first, last): &(u64, u64)| match first == last {
            true => first.to_string(),
            false => format!("{first} to {last}"),
        };
        let mut gaps: Vec<String> = self.lost.iter().take(MOST_TOLD).map(gap).collect();
        if self.lost.len() > MOST_TOLD {
            gaps.push(format!("{} other gaps", self.lost.len() - MOST_TOLD));
        }
        let several = self.lost.len() > 1 || self.lost.iter().any(|(first, last)| first < last);
        let record = if several { "records" } else { "record" };
        match gaps.as_slice() {
            [] => f.write_str("every record that was looked for can be read"),
            [one] => write!(f, "{record} {one} cannot be read"),
            [rest @ .., last] => {
                write!(f, "{record} {} and {last} cannot be read", rest.join(", "))
            }
        }
    }
}

/// A store that goes on where it is damaged.
pub struct Salvage {
    path: PathBuf,
    /// As every store is read; nothing where not even that opens.
    sound: Option<SqliteStore>,
    /// By number, once that is needed.
    damaged: OnceCell<ByNumber>,
}

impl Salvage {
    /// Open the store at `path` for reading.
    ///
    /// # Errors
    /// As [`SqliteStore::open_read_only`], where it does not open as a damaged one either.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        let mut salvage = Salvage {
            path: path.to_owned(),
            sound: None,
            damaged: OnceCell::new(),
        };
        match SqliteStore::open_read_only(path) {
            Ok(store) => salvage.sound = Some(store),
            Err(error) => drop(salvage.instead(error)?),
        }
        Ok(salvage)
    }

    /// The store by number, where `error` is damage and it opens.
    fn instead(&self, error: JournalError) -> Result<&ByNumber, JournalError> {
        if !is_damage(&error) {
            return Err(error);
        }
        if let Some(damaged) = self.damaged.get() {
            return Ok(damaged);
        }
        match ByNumber::open(&self.path, &error) {
            Ok(damaged) => Ok(self.damaged.get_or_init(|| damaged)),
            Err(_) => Err(error),
        }
    }

    /// As every store does it, or where that fails for damage, by number.
    fn either<T>(
        &self,
        sound: impl FnOnce(&SqliteStore) -> Result<T, JournalError>,
        damaged: impl FnOnce(&ByNumber) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let error = match self.sound.as_ref().map(sound) {
            Some(Ok(done)) => return Ok(done),
            Some(Err(error)) => error,
            None => self.corrupt(),
        };
        damaged(self.instead(error)?)
    }

    fn corrupt(&self) -> JournalError {
        JournalError::Corrupt {
            path: self.path.clone(),
            what: "it does not open".into(),
        }
    }
}

impl Store for Salvage {
    fn path(&self) -> &Path {
        &self.path
    }

    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.either(|store| store.kept(name), |store| store.kept(name))
    }

    fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        self.either(
            |store| store.kept_from(prefix),
            |store| store.kept_from(prefix),
        )
    }

    fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError> {
        let mut last = scan.from;
        let sound = self.sound.as_ref().map(|store| {
            store.read(scan, &mut |stored| {
                last = Some(stored.record.seq);
                visit(stored)
            })
        });
        match sound {
            Some(Ok(())) => Ok(()),
            failed => {
                let error = failed
                    .and_then(Result::err)
                    .unwrap_or_else(|| self.corrupt());
                let rest = Scan { from: last, ..scan };
                self.instead(error)?.read(rest, visit)
            }
        }
    }

    fn head(&self) -> Result<Head, JournalError> {
        self.either(Store::head, Store::head)
    }

    fn check_end(&self) -> Result<(), JournalError> {
        // A verdict is not salvaged: by number nothing is known of an end.
        self.sound.as_ref().map_or(Ok(()), Store::check_end)
    }

    fn damage(&self) -> Option<Damage> {
        self.damaged
            .get()
            .map(|store| store.damage.borrow().clone())
    }

    fn record(&self, id: RecordId) -> Result<Option<Record>, JournalError> {
        self.either(|store| store.record(id), |store| store.record(id))
    }

    fn newest(&self, run: &str, kind: &str) -> Result<Option<Stored>, JournalError> {
        self.either(
            |store| store.newest(run, kind),
            |store| store.newest(run, kind),
        )
    }

    fn runs(&self) -> Result<Vec<RunSummary>, JournalError> {
        self.either(Store::runs, Store::runs)
    }

    fn runs_that_begin_with(&self, prefix: &str, most: usize) -> Result<Vec<String>, JournalError> {
        self.either(
            |store| store.runs_that_begin_with(prefix, most),
            |store| store.runs_that_begin_with(prefix, most),
        )
    }

    fn latest_run(&self) -> Result<Option<String>, JournalError> {
        self.either(Store::latest_run, Store::latest_run)
    }

    fn verify(&self, archive: Option<&Path>) -> Result<Verification, JournalError> {
        match &self.sound {
            Some(store) => store.verify(archive),
            None => Err(self.corrupt()),
        }
    }
}

/// Records one by one.
struct ByNumber {
    store: SqliteStore,
    /// The highest number that is asked for.
    end: u64,
    damage: RefCell<Damage>,
}

impl ByNumber {
    fn open(path: &Path, because: &JournalError) -> Result<Self, JournalError> {
        let store = SqliteStore::open_damaged(path)?;
        let what = match because {
            JournalError::Corrupt { what, .. } | JournalError::Device { why: what, .. } => {
                what.clone()
            }
            other => other.to_string(),
        };
        let (end, said) = end(&store);
        let lost = (end < said).then_some((end.saturating_add(1), said));
        Ok(ByNumber {
            store,
            end,
            damage: RefCell::new(Damage {
                what,
                lost: lost.into_iter().collect(),
            }),
        })
    }

    /// The record `seq`. One that cannot be read is lost, and so is one that is not there and should be.
    fn one(&self, seq: u64) -> Result<Option<Stored>, JournalError> {
        let lose = || {
            self.damage.borrow_mut().lose(seq);
            Ok(None)
        };
        match self.store.alone(seq) {
            Err(error) if is_damage(&error) => lose(),
            Ok(None) if (1..=self.end).contains(&seq) => lose(),
            // What is counted is not, where some may be lost.
            found => Ok(found?.map(|stored| Stored {
                nth: None,
                ..stored
            })),
        }
    }
}

impl Store for ByNumber {
    fn path(&self) -> &Path {
        self.store.path()
    }

    fn kept(&self, _: &str) -> Result<Option<Vec<u8>>, JournalError> {
        Ok(None)
    }

    fn kept_from(&self, _: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        Ok(Vec::new())
    }

    fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError> {
        let fits = |record: &Record| match scan.which {
            Which::All => true,
            Which::Run(run) => record.run == run,
            Which::Kind(kind) => record.kind == kind,
        };
        let mut next = match (scan.from, scan.newest_first) {
            (Some(from), false) => from.0.checked_add(1),
            (Some(from), true) => from.0.min(self.end.saturating_add(1)).checked_sub(1),
            (None, false) => Some(1),
            (None, true) => Some(self.end),
        };
        while let Some(seq) = next.filter(|seq| (1..=self.end).contains(seq)) {
            if let Some(stored) = self.one(seq)?.filter(|stored| fits(&stored.record))
                && visit(stored).is_break()
            {
                break;
            }
            next = match scan.newest_first {
                true => seq.checked_sub(1),
                false => seq.checked_add(1),
            };
        }
        Ok(())
    }

    fn head(&self) -> Result<Head, JournalError> {
        Ok(self.store.head().unwrap_or(Head {
            seq: self.end,
            hash: GENESIS,
            link_2_from: u64::MAX,
        }))
    }

    fn record(&self, id: RecordId) -> Result<Option<Record>, JournalError> {
        Ok(self.one(id.0)?.map(|stored| stored.record))
    }
}

/// The highest number that a record in the file of `store` can have, and the highest that there was, by whatever still says something of it. Of more records
/// than have room in the file nothing is left to be asked for.
fn end(store: &SqliteStore) -> (u64, u64) {
    let path = store.path();
    let bytes = [path.to_owned(), side_file(path, "-wal")]
        .iter()
        .filter_map(|file| std::fs::metadata(file).ok())
        .map(|about| about.len())
        .sum::<u64>();
    let said = [
        store.highest().ok(),
        store.head().ok().map(|head| head.seq),
        witness::read(path).map(|said| said.seq),
    ];
    let room = bytes / SMALLEST;
    let said = said.into_iter().flatten().max().unwrap_or(room);
    (said.min(room), said)
}

/// Whether the file, and not what was asked of it, is the reason.
fn is_damage(error: &JournalError) -> bool {
    matches!(
        error,
        JournalError::Corrupt { .. } | JournalError::Device { .. } | JournalError::Database { .. }
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::NewRecord;

    #[test]
    fn a_witness_that_says_what_cannot_be_is_not_believed_and_does_no_harm() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("journal.db");
        let mut journal = SqliteStore::open(&path).unwrap();
        let record = NewRecord {
            run: "a",
            time: types::Timestamp(0),
            kind: "item",
            body: "{}",
        };
        journal.append(&[record, record, record], &[]).unwrap();
        witness::Witness::open(&path).say(u64::MAX, &GENESIS);
        let because = JournalError::Corrupt {
            path: path.clone(),
            what: "a test".into(),
        };
        let damaged = ByNumber::open(&path, &because).unwrap();
        for newest_first in [false, true] {
            let mut read = Vec::new();
            let scan = Scan {
                from: newest_first.then_some(RecordId(u64::MAX)),
                newest_first,
                ..Scan::all(Which::All)
            };
            let mut visit = |stored: Stored| {
                read.push(stored.record.seq.0);
                std::ops::ControlFlow::Continue(())
            };
            damaged.read(scan, &mut visit).unwrap();
            read.sort_unstable();
            assert_eq!(read, [1, 2, 3]);
        }
        assert_eq!(damaged.damage.borrow().lost, [(4, u64::MAX)]);
    }

    #[test]
    fn gaps_grow_together_in_whatever_order_they_are_found() {
        let mut damage = Damage::default();
        for seq in [7, 3, 9, 8, 4, 4, 1, 2] {
            damage.lose(seq);
        }
        assert_eq!(damage.lost, [(1, 4), (7, 9)]);
        assert_eq!(
            damage.to_string(),
            "records 1 to 4 and 7 to 9 cannot be read"
        );
    }
}
