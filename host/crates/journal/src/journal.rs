//! Append, read, find runs: what everybody else uses, over any [`Store`].

use crate::chain;
use crate::compact::{Compacted, Compaction};
use crate::error::JournalError;
use crate::house::{self, HouseLock};
use crate::lock::{self, RunLock};
use crate::memories::{MemoryIndex, MemoryRow, MemoryScope, MemoryWriter, Posting};
use crate::record::{NewRecord, Record, RecordId, RunSummary, Which};
use crate::sqlite::SqliteStore;
use crate::store::{Head, MOST_LISTED, Scan, Store, Stored};
use crate::verify::Verification;
use std::ops::ControlFlow;
use std::path::Path;
use types::Timestamp;

/// A house's journal. Several processes may have the same one open; each append is one transaction of its own. One of them hosts the house
/// ([`Journal::take_house`]); what others append beside it is serialised by the store's own lock for writing.
pub struct Journal {
    store: Box<dyn Store>,
}

impl Journal {
    /// Open the journal at `path`, and begin one where there is none.
    ///
    /// # Errors
    /// When the file is something else, newer than this program, or cannot be written, and when the end that was written last is not there.
    pub fn open(path: &Path) -> Result<Self, JournalError> {
        SqliteStore::open(path).map(Self::over)
    }

    /// Open the journal at `path` for reading.
    ///
    /// # Errors
    /// [`JournalError::Missing`] when there is none.
    pub fn open_read_only(path: &Path) -> Result<Self, JournalError> {
        SqliteStore::open_read_only(path).map(Self::over)
    }

    /// The journal that `store` holds.
    pub fn over(store: impl Store + 'static) -> Self {
        Journal {
            store: Box::new(store),
        }
    }

    /// Where it lies.
    pub fn path(&self) -> &Path {
        self.store.path()
    }

    /// Append `records` in one durable commit: when this returns, all of them are on the disk, and on an error none is, unless it is
    /// [`JournalError::Uncertain`].
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
        self.store.append(records, values)
    }

    /// What was kept under `name`, if anything was.
    ///
    /// # Errors
    /// When reading fails.
    pub fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.store.kept(name)
    }

    /// Everything that was kept under a name that begins with `prefix`, by name. What was kept with nothing in it is there no more.
    ///
    /// # Errors
    /// When reading fails.
    pub fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        self.store.kept_from(prefix)
    }

    /// The number and the hash of the last record.
    ///
    /// # Errors
    /// When reading fails.
    pub fn head(&self) -> Result<Head, JournalError> {
        self.store.head()
    }

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

    /// Take the run `run` for this process: while the answer lives, no other process can.
    ///
    /// # Errors
    /// [`JournalError::RunTaken`] while another has it, and when the file that stands for it cannot be made.
    pub fn take_run(&self, run: &str) -> Result<RunLock, JournalError> {
        lock::take(self.path(), run)
    }

    /// Take the whole house for this process, which calls itself `by` (for instance `charthouse serve`): while the answer lives, no other can.
    /// Who only appends something administrative beside the host (a memory that a person adds, a plugin that is swapped by hand) needs no house: the store's
    /// own lock for writing puts such a commit before or behind the host's.
    ///
    /// # Errors
    /// [`JournalError::HouseTaken`], which says who has it; [`JournalError::CannotLock`] and [`JournalError::CannotOpen`] where nothing can be taken.
    pub fn take_house(&self, by: &str) -> Result<HouseLock, JournalError> {
        house::take(&*self.store, by)
    }

    /// Every run of the house, in the order in which they began. It costs a few looks for each run, however many records it has.
    ///
    /// # Errors
    /// When reading fails.
    pub fn runs(&self) -> Result<Vec<RunSummary>, JournalError> {
        self.store.runs()
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
        let mut candidates = self.store.runs_that_begin_with(wanted, MOST_LISTED)?;
        match candidates.first() {
            None => Err(JournalError::NoSuchRun {
                wanted: wanted.to_owned(),
                recent: self.recent_runs()?,
            }),
            // The candidates are sorted, so a run whose whole id was written comes first.
            Some(first) if candidates.len() == 1 || first == wanted => {
                Ok(candidates.swap_remove(0))
            }
            Some(_) => Err(JournalError::AmbiguousRun {
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
        self.store.latest_run()
    }

    /// Check the whole chain, that every record is found by its run and kind, and what the witness beside the store says of its end. Reads every record and
    /// holds one at a time; records appended meanwhile are not looked at.
    ///
    /// # Errors
    /// When the file cannot be read at all, and [`JournalError::Corrupt`] where every record is whole and something else in the file is not; damage to
    /// records is what the answer is about.
    pub fn verify(&self) -> Result<Verification, JournalError> {
        self.store.verify(None)
    }

    /// As [`Journal::verify`], and compare the bodies in `archive` (a file that [`Journal::compact`] wrote, or the folder of all of them) with the chain.
    ///
    /// # Errors
    /// As [`Journal::verify`], and [`JournalError::Archive`] when the archive cannot be read.
    pub fn verify_with(&self, archive: &Path) -> Result<Verification, JournalError> {
        self.store.verify(Some(archive))
    }

    /// Take the bodies of bulky records out, into an archive or for good. The records stay, and so does the chain's proof of them: it covers the hash of a
    /// body. What was taken out is told by a record of the kind `compacted`, in the same commit. The archive is on the disk before anything is taken out, so
    /// that a crash at any instant loses nothing.
    ///
    /// # Errors
    /// [`JournalError::Archive`]; [`JournalError::Corrupt`] when a record that was chosen is not as it was written. What was done before the error stays done.
    pub fn compact(&mut self, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        self.store.compact(what)
    }

    /// Let `change` append records and change the index of memories accordingly, all in one durable commit. When it fails nothing has been changed.
    ///
    /// # Errors
    /// What `change` returns, and [`JournalError`] when the commit fails.
    pub fn change_memories<T, E: From<JournalError>>(
        &mut self,
        change: impl FnOnce(&mut MemoryWriter<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        let mut change = Some(change);
        let mut done = None;
        self.store.change_memories(&mut |writer| {
            done = change.take().map(|change| change(writer));
            match done {
                Some(Ok(_)) => ControlFlow::Continue(()),
                _ => ControlFlow::Break(()),
            }
        })?;
        done.unwrap_or_else(|| Err(self.store.cannot("hold memories").into()))
    }

    /// Every scope that holds a memory, as agent and layer, sorted.
    ///
    /// # Errors
    /// When reading fails.
    pub fn memory_scopes(&self) -> Result<Vec<(String, String)>, JournalError> {
        self.of_memories(|index| index.scopes())
    }

    /// Every memory of `scope`, by number.
    ///
    /// # Errors
    /// When reading fails.
    pub fn memory_rows(&self, scope: MemoryScope<'_>) -> Result<Vec<MemoryRow>, JournalError> {
        self.of_memories(|index| index.rows(scope))
    }

    /// The memory `id`, if there is one.
    ///
    /// # Errors
    /// When reading fails.
    pub fn memory_row(&self, id: u64) -> Result<Option<MemoryRow>, JournalError> {
        self.of_memories(|index| index.row(id))
    }

    /// How many memories of `scope` have `word`.
    ///
    /// # Errors
    /// When reading fails.
    pub fn memories_with(&self, scope: MemoryScope<'_>, word: &str) -> Result<u64, JournalError> {
        self.of_memories(|index| index.with(scope, word))
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
        self.of_memories(|index| index.postings(scope, word))
    }

    fn of_memories<T: Default>(
        &self,
        read: impl FnOnce(MemoryIndex<'_>) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        self.store.memories().map_or_else(|| Ok(T::default()), read)
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

    fn recent_runs(&self) -> Result<Vec<String>, JournalError> {
        let runs = self.runs()?;
        Ok(runs
            .into_iter()
            .rev()
            .take(MOST_LISTED)
            .map(|summary| summary.run)
            .collect())
    }
}
