//! Append, find runs, verify: what everybody else uses, over any [`Store`]. How records are read is in `reading`.

use crate::compact::{Compacted, Compaction};
use crate::error::JournalError;
use crate::house::{self, HouseLock};
use crate::record::{NewRecord, RecordId, RunSummary};
use crate::salvage::{Damage, Salvage};
use crate::sqlite::SqliteStore;
use crate::store::{Head, MOST_LISTED, Store};
use crate::verify::Verification;
use std::path::Path;

/// A house's journal. Several processes may have the same one open; each append is one transaction of its own. One of them hosts the house
/// ([`Journal::take_house`]); what others append beside it is serialised by the store's own lock for writing.
pub struct Journal {
    pub(crate) store: Box<dyn Store>,
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

    /// Open the journal at `path` to look at it. What is damaged in it is passed over, and [`Journal::damage`] says of it. Nothing that is read so is proven.
    ///
    /// # Errors
    /// As [`Journal::open_read_only`], where nothing of it can be read.
    pub fn open_to_look(path: &Path) -> Result<Self, JournalError> {
        Salvage::open(path).map(Self::over)
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

    /// What could not be read of it so far, in a journal that was opened with [`Journal::open_to_look`].
    pub fn damage(&self) -> Option<Damage> {
        self.store.damage()
    }

    /// Whether its end is the one that was written last: what the witness beside the store says is there.
    ///
    /// # Errors
    /// [`JournalError::Shorter`], [`JournalError::Replaced`] and [`JournalError::Corrupt`] when it is not.
    pub fn check_end(&self) -> Result<(), JournalError> {
        self.store.check_end()
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

    /// How many bodies [`Journal::compact`] would take out now, and how many bytes these have; nothing is changed.
    ///
    /// # Errors
    /// When reading fails.
    pub fn would_compact(&self, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        self.store.would_compact(what)
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
