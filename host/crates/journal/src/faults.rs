//! A store that fails as disks do, at moments that a seed decides: for tests and for the deterministic simulation.
//!
//! Everything that is asked of it goes to the store within, except what the plan lets fail. The same seed and the same questions give the same faults.

use crate::chain::GENESIS;
use crate::compact::{Compacted, Compaction};
use crate::error::JournalError;
use crate::memories::{MemoryIndex, MemoryWriter};
use crate::record::{NewRecord, Record, RecordId, RunSummary};
use crate::store::{Head, Scan, Store, Stored, Visit};
use crate::verify::Verification;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The disk is full: nothing is written.
    Full,
    /// The disk fails: nothing is written, and that is known.
    Device,
    /// The disk fails after all was written; the writer cannot know.
    Written,
    /// The disk fails before anything was written; the writer cannot know.
    Unwritten,
    /// What is there cannot be read.
    Unreadable,
    /// A record comes back with half of its body.
    Torn,
    /// A record comes back with another body, of the same length and still JSON where it can be.
    Altered,
    /// A record does not come back. Only by order: one that is lost from the end of a run cannot be missed by who reads that run.
    Lost,
}

impl Fault {
    fn is_of_writing(self) -> bool {
        matches!(
            self,
            Fault::Full | Fault::Device | Fault::Written | Fault::Unwritten
        )
    }
}

/// How likely each sort of fault is, in 10,000 times.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chances {
    /// That a commit fails, in one of the four ways.
    pub writing: u32,
    /// That reading fails as a whole.
    pub reading: u32,
    /// That a record that is read comes back torn or altered.
    pub record: u32,
}

struct Plan {
    random: u64,
    chances: Chances,
    next: VecDeque<Fault>,
    happened: Vec<Fault>,
}

/// Where faults are ordered, and where one sees which there were. Clones are the same.
#[derive(Clone)]
pub struct Faults {
    plan: Arc<Mutex<Plan>>,
}

impl Faults {
    /// Faults that follow from `seed`, as likely as `chances` says.
    pub fn new(seed: u64, chances: Chances) -> Self {
        Faults {
            plan: Arc::new(Mutex::new(Plan {
                random: seed,
                chances,
                next: VecDeque::new(),
                happened: Vec::new(),
            })),
        }
    }

    /// `store` with these faults.
    pub fn around(&self, store: impl Store + 'static) -> FaultyStore {
        FaultyStore {
            inner: Box::new(store),
            faults: self.clone(),
        }
    }

    /// Let the next commit, or the next reading, have `fault`; several come one after the other.
    pub fn order(&self, fault: Fault) {
        self.plan().next.push_back(fault);
    }

    /// From now on as likely as `chances` says, and nothing that was ordered.
    pub fn set(&self, chances: Chances) {
        let mut plan = self.plan();
        plan.chances = chances;
        plan.next.clear();
    }

    /// The faults that there were, in order.
    pub fn happened(&self) -> Vec<Fault> {
        self.plan().happened.clone()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The fault of the next commit.
    fn of_writing(&self) -> Option<Fault> {
        let mut plan = self.plan();
        let chance = plan.chances.writing;
        plan.draw(
            Fault::is_of_writing,
            chance,
            &[Fault::Full, Fault::Device, Fault::Written, Fault::Unwritten],
        )
    }

    /// The fault of the next reading as a whole.
    fn of_reading(&self) -> Option<Fault> {
        let mut plan = self.plan();
        let chance = plan.chances.reading;
        plan.draw(
            |fault| fault == Fault::Unreadable,
            chance,
            &[Fault::Unreadable],
        )
    }

    /// The fault of the next record that is read.
    fn of_record(&self) -> Option<Fault> {
        let mut plan = self.plan();
        let chance = plan.chances.record;
        plan.draw(
            |fault| !fault.is_of_writing() && fault != Fault::Unreadable,
            chance,
            &[Fault::Torn, Fault::Altered],
        )
    }
}

impl Plan {
    /// What was ordered, if it is `due` here, or by chance one of `sorts`.
    fn draw(&mut self, due: impl Fn(Fault) -> bool, chance: u32, sorts: &[Fault]) -> Option<Fault> {
        let fault = match self.next.front().copied() {
            Some(ordered) if due(ordered) => self.next.pop_front(),
            _ if self.below(10_000) < u64::from(chance) => {
                let sort = self.below(sorts.len() as u64);
                sorts.get(usize::try_from(sort).unwrap_or(0)).copied()
            }
            _ => None,
        };
        self.happened.extend(fault);
        fault
    }

    /// A number below `end`, by splitmix64: small, and the same everywhere.
    fn below(&mut self, end: u64) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.random;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end.max(1)
    }
}

/// A store with faults.
pub struct FaultyStore {
    inner: Box<dyn Store>,
    faults: Faults,
}

impl FaultyStore {
    /// A commit that may fail before or after it was done.
    fn commit<T>(
        &mut self,
        write: impl FnOnce(&mut dyn Store) -> Result<T, JournalError>,
    ) -> Result<T, JournalError> {
        let path = self.path().to_owned();
        let why = "a fault that was ordered".to_owned();
        match self.faults.of_writing() {
            Some(Fault::Full) => Err(JournalError::DiskFull { path }),
            Some(Fault::Device) => Err(JournalError::Device { path, why }),
            Some(Fault::Unwritten) => Err(JournalError::Uncertain { path, why }),
            Some(Fault::Written) => {
                write(&mut *self.inner)?;
                Err(JournalError::Uncertain { path, why })
            }
            _ => write(&mut *self.inner),
        }
    }

    fn reading(&self) -> Result<&dyn Store, JournalError> {
        match self.faults.of_reading() {
            Some(_) => Err(JournalError::Device {
                path: self.path().to_owned(),
                why: "a fault that was ordered".to_owned(),
            }),
            None => Ok(&*self.inner),
        }
    }

    fn spoilt(&self, mut stored: Stored) -> Option<Stored> {
        match self.faults.of_record() {
            Some(Fault::Lost) => return None,
            Some(Fault::Torn) => stored.record.body = half(&stored.record.body),
            Some(_) => alter(&mut stored.record),
            None => {}
        }
        Some(stored)
    }
}

fn half(body: &str) -> String {
    body.chars().take(body.chars().count() / 2).collect()
}

/// Another body, or where there is none that could be altered another hash.
fn alter(record: &mut Record) {
    let digit = record.body.find(|c: char| c.is_ascii_alphanumeric());
    match digit {
        Some(at) if !record.is_compacted() => {
            let other = match record.body.get(at..=at) {
                Some("0") => "1",
                Some(c) if c.starts_with(|c: char| c.is_ascii_digit()) => "0",
                Some("x") => "y",
                _ => "x",
            };
            record.body.replace_range(at..=at, other);
        }
        _ => record.hash = GENESIS,
    }
}

impl Store for FaultyStore {
    fn path(&self) -> &Path {
        self.inner.path()
    }

    fn append(
        &mut self,
        records: &[NewRecord<'_>],
        values: &[(String, Vec<u8>)],
    ) -> Result<Vec<RecordId>, JournalError> {
        self.commit(|store| store.append(records, values))
    }

    fn keep(&self, name: &str, value: &[u8]) -> Result<(), JournalError> {
        self.inner.keep(name, value)
    }

    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.reading()?.kept(name)
    }

    fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        self.reading()?.kept_from(prefix)
    }

    fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError> {
        self.reading()?
            .read(scan, &mut |stored| match self.spoilt(stored) {
                Some(stored) => visit(stored),
                None => ControlFlow::Continue(()),
            })
    }

    fn head(&self) -> Result<Head, JournalError> {
        self.reading()?.head()
    }

    fn record(&self, id: RecordId) -> Result<Option<Record>, JournalError> {
        let found = self.reading()?.record(id)?;
        Ok(found.and_then(|record| {
            let stored = Stored {
                record,
                previous: None,
                nth: None,
            };
            self.spoilt(stored).map(|stored| stored.record)
        }))
    }

    fn newest(&self, run: &str, kind: &str) -> Result<Option<Stored>, JournalError> {
        let found = self.reading()?.newest(run, kind)?;
        Ok(found.and_then(|stored| self.spoilt(stored)))
    }

    fn runs(&self) -> Result<Vec<RunSummary>, JournalError> {
        self.reading()?.runs()
    }

    fn runs_that_begin_with(&self, prefix: &str, most: usize) -> Result<Vec<String>, JournalError> {
        self.reading()?.runs_that_begin_with(prefix, most)
    }

    fn latest_run(&self) -> Result<Option<String>, JournalError> {
        self.reading()?.latest_run()
    }

    fn verify(&self, archive: Option<&Path>) -> Result<Verification, JournalError> {
        self.reading()?.verify(archive)
    }

    fn compact(&mut self, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        self.commit(|store| store.compact(what))
    }

    fn change_memories(
        &mut self,
        change: &mut dyn FnMut(&mut MemoryWriter<'_>) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.commit(|store| store.change_memories(change))
    }

    fn memories(&self) -> Option<MemoryIndex<'_>> {
        self.inner.memories()
    }
}

#[cfg(test)]
mod tests;
