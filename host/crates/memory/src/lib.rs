//! What agents remember: episodes, facts and skills.
//!
//! Every change of memory is a record in the journal's chain, of the kind [`RECORD_KIND`]; the index beside it is changed by the same commit, through the
//! same reading of the record that [`Memory::rebuild`] does, so that it cannot come to say anything else. A memory that is forgotten or replaced is gone from
//! the index and stays in the record.
//!
//! This part knows neither agents' definitions nor context maps nor models: whoever asks says for whom, with which query, and at what time. It decides who
//! may change what, and what is most useful.
//!
//! | room | what it knows |
//! |---|---|
//! | `entry` | what a memory is |
//! | `change` | what can be done to memory, who may do it, and how it is committed |
//! | `record` | the JSON of a record, and how the index follows from it |
//! | `recall` | listing, and which memories are most useful now |
//! | `words` | what counts as a word |

mod change;
mod entry;
mod error;
mod recall;
mod record;
mod words;

pub use change::{Author, Change, LONGEST_TEXT, NewMemory};
pub use entry::{MemoryId, Remembered};
pub use error::MemoryError;
pub use recall::Whose;
pub use record::RECORD_KIND;

use journal::Journal;
use std::ops::{Deref, DerefMut};

/// The memory that a journal holds. Over a `&Journal` it can be read, over a `&mut Journal` (or a guard of one) it can be changed too.
pub struct Memory<J>(J);

impl<J: Deref<Target = Journal>> Memory<J> {
    /// The memory in `journal`.
    pub fn of(journal: J) -> Self {
        Memory(journal)
    }

    /// The memory `id`.
    ///
    /// # Errors
    /// [`MemoryError::NoSuchMemory`], and when the store cannot be read.
    pub fn get(&self, id: MemoryId) -> Result<Remembered, MemoryError> {
        recall::get(&self.0, id)
    }

    /// Whether `agent` has memories of its own.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn knows(&self, agent: &str) -> Result<bool, MemoryError> {
        let scopes = self.0.memory_scopes()?;
        Ok(scopes.iter().any(|(owner, _)| owner == agent))
    }

    /// Every memory of `layer` that is `whose`, the oldest first.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn list(
        &self,
        whose: Whose<'_>,
        layer: types::MemoryLayer,
    ) -> Result<Vec<Remembered>, MemoryError> {
        recall::list(&self.0, whose, layer)
    }

    /// At most `most` memories of `layer` that are `whose`, the most useful first: by how well they match `query`, how fresh they are and how much they
    /// weigh. Without a word in the query freshness and weight decide. What does not match comes after what does, but is not left out; equally useful ones
    /// stand in the order of their ids. A larger `most` only adds at the end.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub fn select(
        &self,
        whose: Whose<'_>,
        layer: types::MemoryLayer,
        query: &str,
        most: usize,
        now: types::Timestamp,
    ) -> Result<Vec<Remembered>, MemoryError> {
        recall::select(&self.0, whose, layer, query, most, now)
    }
}

impl<J: DerefMut<Target = Journal>> Memory<J> {
    /// Make `changes`, all of them in one commit or none. The answer has an id for each: that of the new memory, or of the one that was changed.
    ///
    /// # Errors
    /// When a text is unfit, a memory is not there or not the author's to change, or the store cannot be written.
    pub fn apply(
        &mut self,
        author: &Author<'_>,
        changes: &[Change],
    ) -> Result<Vec<MemoryId>, MemoryError> {
        change::apply(&mut self.0, author, changes)
    }

    /// Remember something new.
    ///
    /// # Errors
    /// As [`Memory::apply`].
    pub fn add(&mut self, author: &Author<'_>, new: NewMemory) -> Result<MemoryId, MemoryError> {
        self.one(author, Change::Add(new))
    }

    /// Put another text in the place of that of `id`, which keeps its id, its agent and its layer.
    ///
    /// # Errors
    /// As [`Memory::apply`].
    pub fn replace(
        &mut self,
        author: &Author<'_>,
        id: MemoryId,
        text: impl Into<String>,
        labels: Vec<types::Label>,
        weight: f64,
    ) -> Result<(), MemoryError> {
        let text = text.into();
        let change = Change::Replace {
            id,
            text,
            labels,
            weight,
        };
        self.one(author, change).map(drop)
    }

    /// Forget `id`. Nothing here can bring it back; what it said stays in the record.
    ///
    /// # Errors
    /// As [`Memory::apply`].
    pub fn forget(&mut self, author: &Author<'_>, id: MemoryId) -> Result<(), MemoryError> {
        self.one(author, Change::Forget(id)).map(drop)
    }

    /// Make the index anew from the records. The answer is how many memories there are.
    ///
    /// # Errors
    /// When a record cannot be read, which leaves the index as it was, or the store cannot be written.
    pub fn rebuild(&mut self) -> Result<u64, MemoryError> {
        record::rebuild(&mut self.0)
    }

    fn one(&mut self, author: &Author<'_>, change: Change) -> Result<MemoryId, MemoryError> {
        let ids = self.apply(author, &[change])?;
        Ok(ids[0])
    }
}
