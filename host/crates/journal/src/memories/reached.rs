//! The memories of a journal, for those who have a journal in hand.

use super::{MemoryIndex, MemoryRow, MemoryScope, MemoryWriter, Posting};
use crate::error::JournalError;
use crate::journal::Journal;
use std::ops::ControlFlow;

impl Journal {
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
}
