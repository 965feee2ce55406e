//! What an agent remembers, for the chunks that show it.

use context::{GatheredText, MemoryLayer};
use journal::Journal;
use types::Timestamp;

/// Looks things up in what is remembered.
pub(crate) trait Recall {
    /// What there is in `layer`, the most useful for `query` first.
    fn recall(&self, layer: MemoryLayer, query: &str) -> Result<Vec<GatheredText>, String>;
}

/// What is kept in a house's store.
pub(crate) struct Kept<'a> {
    pub(crate) journal: Option<&'a Journal>,
    pub(crate) agent: &'a str,
    pub(crate) now: Timestamp,
}
