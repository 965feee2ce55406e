//! What is outside the host: chance, the clock, the disk, and the power that goes.

use journal::faults::{Faults, FaultyStore};
use journal::{
    Compacted, Compaction, Head, JournalError, MemoryIndex, MemoryWriter, NewRecord, RecordId,
    Scan, Store, Verification, Visit,
};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;
use types::{Clock, Rng, Timestamp};

/// Chance that follows from a seed (splitmix64).
#[derive(Clone)]
pub struct Dice(Arc<Mutex<u64>>);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Dice(Arc::new(Mutex::new(seed)))
    }

    pub fn next(&self) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = *state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        self.next() % end.max(1)
    }

    /// Whether something happens that happens so often in a hundred times.
    pub fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub fn pick<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        of.get(usize::try_from(self.below(of.len() as u64)).unwrap())
    }
}

impl Rng for Dice {
    fn fill(&self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next() as u8;
        }
    }
}

/// When the power goes: at some look at the clock, or at some commit, before or after it.
pub struct Power {
    on: AtomicBool,
    looks: AtomicI64,
    commits: AtomicI64,
    /// Whether the commit at which it goes is on the disk.
    written: AtomicBool,
}

impl Power {
    pub fn new() -> Arc<Self> {
        Arc::new(Power {
            on: AtomicBool::new(true),
            looks: AtomicI64::new(i64::MAX),
            commits: AtomicI64::new(i64::MAX),
            written: AtomicBool::new(false),
        })
    }

    pub fn is_on(&self) -> bool {
        self.on.load(SeqCst)
    }

    pub fn cut(&self) {
        self.on.store(false, SeqCst);
    }

    /// Let it be there, and go where `dice` say.
    pub fn plan(&self, dice: &Dice) {
        self.never();
        let commits = |most| i64::try_from(1 + dice.below(most)).unwrap();
        match dice.below(4) {
            0 => self.commits.store(commits(12), SeqCst),
            1 => self.commits.store(commits(80), SeqCst),
            2 => self.looks.store(commits(2_000), SeqCst),
            _ => {}
        }
        self.written.store(dice.percent(50), SeqCst);
    }

    /// Let it be there for good.
    pub fn never(&self) {
        self.on.store(true, SeqCst);
        self.looks.store(i64::MAX, SeqCst);
        self.commits.store(i64::MAX, SeqCst);
    }

    fn look(&self) {
        if self.looks.fetch_sub(1, SeqCst) == 1 {
            self.cut();
        }
    }

    /// Whether this commit is made, and whether its writer lives to hear of it.
    fn commit(&self) -> (bool, bool) {
        if !self.is_on() {
            return (false, false);
        }
        if self.commits.fetch_sub(1, SeqCst) == 1 {
            self.cut();
            return (self.written.load(SeqCst), false);
        }
        (true, true)
    }
}

/// Virtual time, and a calendar that somebody sets.
pub struct Hand {
    begun: Instant,
    set: AtomicI64,
    power: Arc<Power>,
}

/// A Monday in 2026.
const BEGINNING: i64 = 1_767_571_200_000;

impl Hand {
    pub fn new(power: &Arc<Power>) -> Arc<Self> {
        Arc::new(Hand {
            begun: Instant::now(),
            set: AtomicI64::new(0),
            power: power.clone(),
        })
    }

    /// Set the calendar forward or back.
    pub fn set(&self, by: i64) {
        self.set.fetch_add(by, SeqCst);
    }

    /// Now, without anything happening because somebody looks.
    pub fn read(&self) -> i64 {
        let passed = i64::try_from(self.begun.elapsed().as_millis()).unwrap();
        BEGINNING + passed + self.set.load(SeqCst)
    }
}

impl Clock for Hand {
    fn now(&self) -> Timestamp {
        self.power.look();
        Timestamp(self.read())
    }

    fn monotonic(&self) -> Duration {
        self.begun.elapsed()
    }
}

/// A disk that hears no more when the power is gone.
pub struct Disk {
    pub store: FaultyStore,
    pub power: Arc<Power>,
}

impl Disk {
    pub fn new(store: impl Store + 'static, faults: &Faults, power: &Arc<Power>) -> Self {
        Disk {
            store: faults.around(store),
            power: power.clone(),
        }
    }

    fn gone<T>(&self) -> Result<T, JournalError> {
        Err(JournalError::Device {
            path: self.store.path().to_owned(),
            why: "the power is gone".into(),
        })
    }
}

impl Store for Disk {
    fn path(&self) -> &Path {
        self.store.path()
    }

    fn append(
        &mut self,
        records: &[NewRecord<'_>],
        values: &[(String, Vec<u8>)],
    ) -> Result<Vec<RecordId>, JournalError> {
        let (made, heard) = self.power.commit();
        if !made {
            return self.gone();
        }
        let written = self.store.append(records, values);
        match heard {
            true => written,
            false => self.gone(),
        }
    }

    fn keep(&self, name: &str, value: &[u8]) -> Result<(), JournalError> {
        match self.power.is_on() {
            true => self.store.keep(name, value),
            false => self.gone(),
        }
    }

    fn kept(&self, name: &str) -> Result<Option<Vec<u8>>, JournalError> {
        self.store.kept(name)
    }

    fn kept_from(&self, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, JournalError> {
        self.store.kept_from(prefix)
    }

    fn read(&self, scan: Scan<'_>, visit: Visit<'_>) -> Result<(), JournalError> {
        self.store.read(scan, visit)
    }

    fn head(&self) -> Result<Head, JournalError> {
        self.store.head()
    }

    fn record(&self, id: RecordId) -> Result<Option<journal::Record>, JournalError> {
        self.store.record(id)
    }

    fn newest(&self, run: &str, kind: &str) -> Result<Option<journal::Stored>, JournalError> {
        self.store.newest(run, kind)
    }

    fn runs(&self) -> Result<Vec<journal::RunSummary>, JournalError> {
        self.store.runs()
    }

    fn verify(&self, archive: Option<&Path>) -> Result<Verification, JournalError> {
        self.store.verify(archive)
    }

    fn compact(&mut self, what: &Compaction<'_>) -> Result<Compacted, JournalError> {
        self.store.compact(what)
    }

    fn change_memories(
        &mut self,
        change: &mut dyn FnMut(&mut MemoryWriter<'_>) -> ControlFlow<()>,
    ) -> Result<(), JournalError> {
        self.store.change_memories(change)
    }

    fn memories(&self) -> Option<MemoryIndex<'_>> {
        self.store.memories()
    }
}
