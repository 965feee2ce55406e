//! What a journal asks of the place where its records lie. SQLite is the one it has; a test puts one around it that fails (`faults`).
//!
//! A store is append-only. It numbers records, links them (see `chain`), and gives them back; what they mean it does not know. Six functions are enough, four
//! where it is only read, and the rest have a plain way of doing it over these six, which a store with indexes replaces by a quicker one.

use crate::chain::GENESIS;
use crate::compact::{Compacted, Compaction};
use crate::error::JournalError;
use crate::memories::{MemoryIndex, MemoryWriter};
use crate::record::{HOUSE_RUN, NewRecord, Record, RecordId, RunSummary, Which};
use crate::salvage::Damage;
use crate::verify::{Verification, Walk};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::path::Path;
use types::ContentHash;

/// How many runs an error lists at most.
pub(crate) const MOST_LISTED: usize = 10;

/// What a store says of its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last record; 0 where there is none.
    pub seq: u64,
    /// Its hash.
    pub hash: ContentHash,
    /// From which record on the chain has link 2 (see `chain`): 1 in a journal that was begun with it.
    pub link_2_from: u64,
}

/// Which records to read, from where, and in which order.
#[derive(Clone, Copy, Debug)]
pub struct Scan<'a> {
    /// Which ones.
    pub which: Which<'a>,
    /// Only those behind (or, with `newest_first`, before) this one.
    pub from: Option<RecordId>,
    /// In the order in which they were written, or the other way round.
    pub newest_first: bool,
    /// Whether [`Stored::previous`] is wanted, which costs a look at one more record each.
    pub proof: bool,
}

impl<'a> Scan<'a> {
    /// All of `which`, in order.
    pub fn all(which: Which<'a>) -> Self {
        Scan {
            which,
            from: None,
            newest_first: false,
            proof: false,
        }
    }
}

/// A record as a store has it, with what is known of its neighbours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The record.
    pub record: Record,
    /// The hash of the record before it; that of the beginning for the first, and nothing where it was not asked for or is missing.
    pub previous: Option<ContentHash>,
    /// Which record of its run it is: 1 for the first. Nothing for those of older versions, which did not count.
    pub nth: Option<u64>,
}

/// Takes one record after the other until it has seen enough.
pub type Visit<'v> = &'v mut dyn FnMut(Stored) -> ControlFlow<()>;

/// Where the records of a house lie.
pub trait Store: Send {
    /// Where that is.
    fn path(&self) -> &Path;

    /// Append `records` and keep `values` under their names, in one durable commit: when this returns all are on the disk, and on an error other than
    /// [`JournalError::Uncertain`] none is.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn append(
        &mut self,
        _records: &[NewRecord<'_>],
        _values: &[(String, Vec<u8>)],
    ) -> Result<Vec<RecordId>, JournalError> {
        Err(self.cannot("be written"))
    }

    /// Keep `value` under `name`, where every process sees it at once. It is durable with the next commit of records.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn keep(&self, _name: &str, _value: &[u8]) -> Result<(), JournalError> {
        Err(self.cannot("be written"))
    }

    /// What was kept under `name`, if anything was.
    ///
    /// # Errors
    /// When reading fails.
    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError>;

    /// Everything that is kept under a name that begins with `prefix`, by name.
    ///
    /// # Errors
    /// When reading fails.
    fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError>;

    /// Hand the records of `scan` to `visit`, one at a time, until it breaks off. It costs what is read.
    ///
    /// # Errors
    /// When reading fails.
    fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError>;

    /// What is known of the end.
    ///
    /// # Errors
    /// When reading fails.
    fn head(&self) -> Result<Head, JournalError>;

    /// Whether the end is the one that was written last, as far as anything beside the records tells of it.
    ///
    /// # Errors
    /// When it is not, and when reading fails.
    fn check_end(&self) -> Result<(), JournalError> {
        Ok(())
    }

    /// What could not be read so far, in a store that goes on where it is damaged.
    fn damage(&self) -> Option<Damage> {
        None
    }

    /// The record `id`, if there is one.
    ///
    /// # Errors
    /// When reading fails.
    fn record(&self, id: RecordId) -> Result<Option<Record>, JournalError> {
        let mut found = None;
        let scan = Scan {
            from: id.0.checked_sub(1).map(RecordId),
            ..Scan::all(Which::All)
        };
        self.read(scan, &mut |stored| {
            found = Some(stored.record).filter(|record| record.seq == id);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// The newest record of `run` that is of `kind`, with its proof.
    ///
    /// # Errors
    /// When reading fails.
    fn newest(&self, run: &str, kind: &str) -> Result<Option<Stored>, JournalError> {
        let mut found = None;
        let scan = Scan {
            newest_first: true,
            proof: true,
            ..Scan::all(Which::Run(run))
        };
        self.read(scan, &mut |stored| {
            if stored.record.kind != kind {
                return ControlFlow::Continue(());
            }
            found = Some(stored);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// How many records of `kind` there are up to the record `last`.
    ///
    /// # Errors
    /// When reading fails.
    fn count(&self, kind: &str, last: RecordId) -> Result<u64, JournalError> {
        let mut count = 0;
        self.read(Scan::all(Which::Kind(kind)), &mut |stored| {
            if stored.record.seq > last {
                return ControlFlow::Break(());
            }
            count += 1;
            ControlFlow::Continue(())
        })?;
        Ok(count)
    }

    /// Every run but [`HOUSE_RUN`], in the order in which they began.
    ///
    /// # Errors
    /// When reading fails.
    fn runs(&self) -> Result<Vec<RunSummary>, JournalError> {
        let mut runs: Vec<RunSummary> = Vec::new();
        let mut places: HashMap<String, usize> = HashMap::new();
        self.read(Scan::all(Which::All), &mut |Stored { record, .. }| {
            match places
                .get(&record.run)
                .and_then(|place| runs.get_mut(*place))
            {
                Some(summary) => {
                    summary.last = record.time;
                    summary.records += 1;
                }
                None if record.run == HOUSE_RUN => {}
                None => {
                    places.insert(record.run.clone(), runs.len());
                    runs.push(RunSummary {
                        run: record.run,
                        first: record.time,
                        last: record.time,
                        records: 1,
                    });
                }
            }
            ControlFlow::Continue(())
        })?;
        Ok(runs)
    }

    /// The first `most` runs that begin with `prefix`, sorted; [`HOUSE_RUN`] only by its whole name.
    ///
    /// # Errors
    /// When reading fails.
    fn runs_that_begin_with(&self, prefix: &str, most: usize) -> Result<Vec<String>, JournalError> {
        let mut found: Vec<String> = self
            .runs()?
            .into_iter()
            .map(|summary| summary.run)
            .collect();
        found.push(HOUSE_RUN.to_owned());
        found.retain(|run| run.starts_with(prefix) && (run != HOUSE_RUN || prefix == HOUSE_RUN));
        found.sort();
        found.truncate(most);
        Ok(found)
    }

    /// The run that wrote the last record, [`HOUSE_RUN`] apart.
    ///
    /// # Errors
    /// When reading fails.
    fn latest_run(&self) -> Result<Option<String>, JournalError> {
        let mut found = None;
        let scan = Scan {
            newest_first: true,
            ..Scan::all(Which::All)
        };
        self.read(scan, &mut |Stored { record, .. }| {
            if record.run == HOUSE_RUN {
                return ControlFlow::Continue(());
            }
            found = Some(record.run);
            ControlFlow::Break(())
        })?;
        Ok(found)
    }

    /// Check the whole chain, and the bodies in `archive` (a file or a folder) where one is named.
    ///
    /// # Errors
    /// When the store cannot be read at all, and for damage beside the records.
    fn verify(&self, archive: Option<&Path>) -> Result<Verification, JournalError> {
        if archive.is_some() {
            return Err(self.cannot("check archives"));
        }
        let head = self.head()?;
        let mut walk = Walk::new(head, Vec::new());
        let read = self.read(Scan::all(Which::All), &mut |stored| walk.step(&stored));
        walk.unreadable(read.is_err());
        Ok(walk.end(None))
    }

    /// Take bodies out; see [`crate::Journal::compact`].
    ///
    /// # Errors
    /// See [`JournalError`].
    fn compact(&mut self, _what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        Err(self.cannot("be compacted"))
    }

    /// What [`Store::compact`] would do now; see [`crate::Journal::would_compact`].
    ///
    /// # Errors
    /// See [`JournalError`].
    fn would_compact(&self, _what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        Err(self.cannot("be compacted"))
    }

    /// Let `change` append records and change the index of memories, in one durable commit; nothing is changed where it breaks off.
    ///
    /// # Errors
    /// See [`JournalError`].
    fn change_memories(
        &mut self,
        _change: &mut dyn FnMut(&mut MemoryWriter<'_>) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        Err(self.cannot("hold memories"))
    }

    /// The index of memories, if it has one. There is one kind only: a store around another hands out that of the inner one.
    fn memories(&self) -> Option<MemoryIndex<'_>> {
        None
    }

    /// That this store cannot do `what`.
    fn cannot(&self, what: &'static str) -> JournalError {
        JournalError::Unsupported {
            path: self.path().to_owned(),
            what,
        }
    }
}

/// The hash of what stands before record `seq`, given what was found there.
pub(crate) fn before(seq: u64, previous: Option<ContentHash>) -> Option<ContentHash> {
    if seq == 1 { Some(GENESIS) } else { previous }
}
