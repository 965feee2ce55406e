//! What can go wrong with memory, and what to do about it.

use crate::{LONGEST_TEXT, MemoryId};
use journal::JournalError;

/// A memory that could not be read or changed. After one of these nothing has been changed.
#[derive(Debug, thiserror::Error)]
pub enum MemoryError {
    /// Nothing, or white space alone.
    #[error("there is no text to remember: say in words what is to be remembered")]
    Empty,
    /// More than one memory holds.
    #[error(
        "the text is longer than the {LONGEST_TEXT} bytes of a memory: make several of it, or keep it in a file and remember where it lies"
    )]
    TooLong,
    /// Neither zero nor a positive number.
    #[error("a memory cannot weigh {weight}: write a number from 0 up, where 1 is usual")]
    BadWeight {
        /// What was said.
        weight: f64,
    },
    /// An agent without a name.
    #[error(
        "the agent that is to remember this has no name: name one, or none for what the whole house shares"
    )]
    Nameless,
    /// No memory has this id, or none has it any more.
    #[error("there is no memory {id}: `charthouse memory list` shows those that there are")]
    NoSuchMemory {
        /// What was asked for.
        id: MemoryId,
    },
    /// An agent may change its own memories only.
    #[error("the agent `{agent}` may not change what {} remembers: a change for an agent is one of its own memories", owner.as_deref().map_or("the house".to_owned(), |owner| format!("`{owner}`")))]
    NotItsOwn {
        /// Who wanted to.
        agent: String,
        /// Whose it is.
        owner: Option<String>,
    },
    /// A record of memory cannot be read.
    #[error(
        "record {record} does not tell of a memory as it should ({why}): run `charthouse journal verify`, and restore the journal from a copy if it is damaged"
    )]
    BadRecord {
        /// Its number.
        record: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The store.
    #[error(transparent)]
    Journal(#[from] JournalError),
}
