//! Records come back: as they are found, for who looks; and proven, for who goes on from them.
//!
//! What a resume reads is the end of one run. Each record of it is compared with the chain, by the hash of the record before it, and with its place in its run, so
//! that nothing altered and no gap is gone on from, and nothing besides is read for that.

use crate::chain;
use crate::compact::{self, Claim, Claims};
use crate::error::JournalError;
use crate::journal::Journal;
use crate::record::{Record, RecordId, Which};
use crate::store::{Scan, Stored};
use crate::witness;
use std::ops::ControlFlow;
use types::{ContentHash, Timestamp};

impl Journal {
    /// Hand each record of `which` to `visit`, in order, without holding them all. Records are shown as they are found; what is proven is read with
    /// [`Journal::tail`], [`Journal::after`] and [`Journal::newest`], and all of it with [`Journal::verify`].
    ///
    /// # Errors
    /// What `visit` returns, and [`JournalError`] when reading fails; [`JournalError::Corrupt`] after the last record when some of a run were missing.
    pub fn each<E: From<JournalError>>(
        &self,
        which: Which<'_>,
        mut visit: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        let mut expected = None;
        let mut gap = None;
        self.store.read(Scan::all(which), &mut |stored| {
            if let (Which::Run(_), Some(nth)) = (which, stored.nth) {
                if expected.is_some_and(|expected| nth != expected) {
                    gap.get_or_insert(stored.record.seq);
                }
                expected = Some(nth.saturating_add(1));
            }
            match visit(stored.record) {
                Ok(()) => ControlFlow::Continue(()),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        match (failed, gap) {
            (Some(error), _) => Err(error),
            (None, Some(before)) => Err(self.missing_before(before).into()),
            (None, None) => Ok(()),
        }
    }

    /// Show `visit` the records of `run`, the newest first, until it has seen enough. Each is proven against the chain, and none is missing between two: who
    /// resumes from it resumes from what was written. What it costs grows with what is looked at, not with the journal.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] at the first record that is not as it was written, and when reading fails.
    pub fn tail(
        &self,
        run: &str,
        visit: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.proven(run, None, true, visit)
    }

    /// The same from record `id` of `run` on, which comes first. Whether it is the last of its kind, and what stands behind it, is not looked at.
    ///
    /// # Errors
    /// As [`Journal::tail`].
    pub fn tail_from(
        &self,
        run: &str,
        id: RecordId,
        visit: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let behind = RecordId(id.0.saturating_add(1));
        self.proven(run, Some(behind), true, visit)
    }

    /// The records of `run` behind record `id`, in order, each proven as by [`Journal::tail`].
    ///
    /// # Errors
    /// As [`Journal::tail`].
    pub fn after(&self, run: &str, id: RecordId) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        self.each_after(run, id, |record| {
            records.push(record);
            Ok::<_, JournalError>(())
        })?;
        Ok(records)
    }

    /// Hand each of the records of [`Journal::after`] to `visit`, without holding them all. `RecordId(0)` is before the first.
    ///
    /// # Errors
    /// What `visit` returns, and as [`Journal::tail`].
    pub fn each_after<E: From<JournalError>>(
        &self,
        run: &str,
        id: RecordId,
        mut visit: impl FnMut(Record) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut failed = None;
        self.proven(run, Some(id), false, |record| match visit(record) {
            Ok(()) => ControlFlow::Continue(()),
            Err(error) => {
                failed = Some(error);
                ControlFlow::Break(())
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    /// The newest record of `run` that is of `kind`, proven as by [`Journal::tail`]. It costs as many steps as there are records of the run, or of the kind,
    /// behind it: the fewer of the two.
    ///
    /// # Errors
    /// As [`Journal::tail`].
    pub fn newest(&self, run: &str, kind: &str) -> Result<Option<Record>, JournalError> {
        let Some(stored) = self.store.newest(run, kind)? else {
            return Ok(None);
        };
        self.prove(&stored, self.store.head()?.link_2_from)?;
        Ok(Some(stored.record))
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
        let scan = Scan {
            newest_first: true,
            ..Scan::all(Which::Kind(kind))
        };
        self.store.read(scan, &mut |Stored { record, .. }| {
            visit(record.seq, record.time, &record.body)
        })
    }

    /// Hand the records of `kind` behind record `id`, of every run, in order, to `visit`: what it costs grows with what is looked at. They are shown as they are
    /// found.
    ///
    /// # Errors
    /// When reading fails.
    pub fn each_of_kind_after(
        &self,
        kind: &str,
        id: RecordId,
        mut visit: impl FnMut(Record),
    ) -> Result<(), JournalError> {
        let scan = Scan {
            from: Some(id),
            ..Scan::all(Which::Kind(kind))
        };
        self.store.read(scan, &mut |stored| {
            visit(stored.record);
            ControlFlow::Continue(())
        })
    }

    /// How many records of `kind` there are up to the record `last`: a look into an index.
    ///
    /// # Errors
    /// When reading fails.
    pub fn count(&self, kind: &str, last: RecordId) -> Result<u64, JournalError> {
        self.store.count(kind, last)
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
        self.store.record(id)
    }

    /// The number of the first record from `from` on that is not as it was written or is missing, where record `from` (0: none yet) should have the hash `hash`. It costs what
    /// is read: that record and what stands behind it, and where a body is missing there, all records, to count those. What others append meanwhile is not looked at.
    ///
    /// # Errors
    /// When reading fails.
    pub fn first_bad_from(
        &self,
        from: u64,
        hash: ContentHash,
    ) -> Result<Option<u64>, JournalError> {
        let head = self.store.head()?;
        let there = self.store.record(RecordId(from))?;
        if from > 0 && there.is_none_or(|there| there.hash != hash) {
            return Ok(Some(from));
        }
        let (mut last, mut previous, mut compacted) = (from, hash, Vec::new());
        let scan = Scan {
            from: Some(RecordId(from)),
            ..Scan::all(Which::All)
        };
        self.store.read(scan, &mut |Stored { record, .. }| {
            let is_next = last < head.seq && record.seq.0 == last + 1;
            if !is_next || !chain::holds(&record, &previous, head.link_2_from) {
                return ControlFlow::Break(());
            }
            (last, previous) = (record.seq.0, record.hash);
            compacted.extend(record.is_compacted().then_some(record));
            ControlFlow::Continue(())
        })?;
        if last != head.seq {
            return Ok(Some(last.min(head.seq) + 1));
        }
        if previous != head.hash {
            return Ok(Some(last));
        }
        if compacted.is_empty() {
            return Ok(None);
        }
        let told = self.collect(Which::Kind(compact::KIND))?;
        let mut missing_before = 0;
        let scan = Scan {
            from: Some(RecordId(from.saturating_add(1))),
            newest_first: true,
            ..Scan::all(Which::All)
        };
        self.store.read(scan, &mut |Stored { record, .. }| {
            missing_before += u64::from(record.is_compacted());
            ControlFlow::Continue(())
        })?;
        let mut claims = Claims::new(told.iter().filter_map(Claim::of).collect(), missing_before);
        let untold = compacted.iter().find(|record| !claims.cover(record));
        Ok(untold.map(|record| record.seq.0))
    }

    /// Whether there are records, and nothing beside the store that says how far it had come: records that were cut off from its end would not be missed.
    ///
    /// # Errors
    /// When reading fails.
    pub fn lacks_witness(&self) -> Result<bool, JournalError> {
        let said = witness::read(self.path());
        Ok(said.is_none_or(|said| said.seq == 0) && self.store.head()?.seq > 0)
    }

    fn collect(&self, which: Which<'_>) -> Result<Vec<Record>, JournalError> {
        let mut records = Vec::new();
        self.each(which, |record| {
            records.push(record);
            Ok::<_, JournalError>(())
        })?;
        Ok(records)
    }

    /// Records of `run`, each proven, and with none missing between two.
    fn proven(
        &self,
        run: &str,
        from: Option<RecordId>,
        newest_first: bool,
        mut visit: impl FnMut(Record) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        let link_2_from = self.store.head()?.link_2_from;
        let scan = Scan {
            which: Which::Run(run),
            from,
            newest_first,
            proof: true,
        };
        let mut failed = None;
        let mut last: Option<(RecordId, Option<u64>)> = None;
        self.store.read(scan, &mut |stored| {
            let here = (stored.record.seq, stored.nth);
            let checked = self.prove(&stored, link_2_from).and_then(|()| {
                let (before, after) = match (newest_first, last) {
                    (_, None) => return Ok(()),
                    (true, Some(last)) => (here, last),
                    (false, Some(last)) => (last, here),
                };
                self.adjacent(before, after)
            });
            last = Some(here);
            match checked {
                Ok(()) => visit(stored.record),
                Err(error) => {
                    failed = Some(error);
                    ControlFlow::Break(())
                }
            }
        })?;
        failed.map_or(Ok(()), Err)
    }

    fn prove(&self, stored: &Stored, link_2_from: u64) -> Result<(), JournalError> {
        let holds = stored
            .previous
            .is_some_and(|previous| chain::holds(&stored.record, &previous, link_2_from));
        match holds {
            true => Ok(()),
            false => Err(self.corrupt(format!(
                "record {} is not as it was written",
                stored.record.seq.0
            ))),
        }
    }

    /// Whether no record of the run is missing between two, as far as they were counted.
    fn adjacent(
        &self,
        before: (RecordId, Option<u64>),
        after: (RecordId, Option<u64>),
    ) -> Result<(), JournalError> {
        match (before.1, after.1) {
            _ if before.0 >= after.0 => Err(self.missing_before(after.0)),
            (Some(before), Some(next)) if before.checked_add(1) != Some(next) => {
                Err(self.missing_before(after.0))
            }
            _ => Ok(()),
        }
    }

    fn missing_before(&self, record: RecordId) -> JournalError {
        self.corrupt(format!(
            "the record of the same run before record {} is missing",
            record.0
        ))
    }

    fn corrupt(&self, what: String) -> JournalError {
        JournalError::Corrupt {
            path: self.path().to_owned(),
            what,
        }
    }
}
