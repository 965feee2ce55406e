//! A store in a directory of its own, and short ways to say what tests say often.

use charthouse_memory::{Author, Memory, MemoryError, MemoryId, NewMemory, Remembered, Whose};
use journal::{HOUSE_RUN, Journal};
use std::path::PathBuf;
use tempfile::TempDir;
use types::{MemoryLayer, Provenance, Timestamp};

pub const NOW: Timestamp = Timestamp(1_800_000_000_000);
pub const DAY: i64 = 86_400_000;

/// A store and the directory that goes away with it.
pub struct Store {
    pub journal: Journal,
    folder: TempDir,
}

impl Store {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        Store { journal, folder }
    }

    pub fn path(&self) -> PathBuf {
        self.folder.path().join("journal.db")
    }

    pub fn memory(&mut self) -> Memory<&mut Journal> {
        Memory::of(&mut self.journal)
    }

    pub fn read(&self) -> Memory<&Journal> {
        Memory::of(&self.journal)
    }

    /// A fact of the agent `coder`, remembered so many days before [`NOW`].
    pub fn fact(&mut self, text: &str, days: i64) -> MemoryId {
        self.memory().add(&ago(days), of("coder", text)).unwrap()
    }

    /// The texts of `coder`'s facts, the most useful for `query` first.
    pub fn recall(&self, query: &str, most: usize) -> Vec<String> {
        let whose = Whose::Agent("coder");
        let found = self
            .read()
            .select(whose, MemoryLayer::Facts, query, most, NOW);
        texts(&found.unwrap())
    }
}

pub fn texts(memories: &[Remembered]) -> Vec<String> {
    memories
        .iter()
        .map(|memory| memory.text.to_string())
        .collect()
}

/// A person, now.
pub fn person() -> Author<'static> {
    ago(0)
}

/// A person, so many days before [`NOW`].
pub fn ago(days: i64) -> Author<'static> {
    Author {
        run: HOUSE_RUN,
        agent: None,
        provenance: Provenance::Human,
        time: Timestamp(NOW.0 - days * DAY),
    }
}

/// A run of `agent`, now.
pub fn acting(agent: &str) -> Author<'_> {
    Author {
        run: "run-a",
        agent: Some(agent),
        provenance: Provenance::Model("model".into()),
        time: NOW,
    }
}

/// A new fact of `agent`; of the house where that is empty.
pub fn of(agent: &str, text: &str) -> NewMemory {
    NewMemory {
        agent: (!agent.is_empty()).then(|| agent.into()),
        layer: MemoryLayer::Facts,
        text: text.into(),
        labels: vec![],
        weight: 1.0,
    }
}

/// The message of the error that it must have been.
#[track_caller]
pub fn message<T: std::fmt::Debug>(result: Result<T, MemoryError>) -> String {
    result.unwrap_err().to_string()
}
