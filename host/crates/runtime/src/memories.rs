//! What an agent remembers, for the chunks that show it.

use crate::act::UNTRUSTED;
use context::GatheredText;
use journal::Journal;
use memory::{Memory, Whose};
use types::{MemoryLayer, Provenance, Timestamp};

/// Most memories that are looked at for one chunk; its budget holds fewer.
const MOST: usize = 1_000;

/// Looks things up in what is remembered.
pub(crate) trait Recall {
    /// What there is in `layer`, the most useful for `query` first.
    fn recall(&self, layer: MemoryLayer, query: &str) -> Result<Vec<GatheredText>, String>;
}

/// What is kept in a house's store; without one nothing is remembered.
pub(crate) struct Kept<'a> {
    pub(crate) journal: Option<&'a Journal>,
    pub(crate) agent: &'a str,
    pub(crate) now: Timestamp,
}

impl Recall for Kept<'_> {
    fn recall(&self, layer: MemoryLayer, query: &str) -> Result<Vec<GatheredText>, String> {
        let Some(journal) = self.journal else {
            return Ok(Vec::new());
        };
        let found = Memory::of(journal)
            .select(Whose::Agent(self.agent), layer, query, MOST, self.now)
            .map_err(|error| error.to_string())?;
        let text = |memory: memory::Remembered| {
            let mut labels = memory.labels;
            if matches!(memory.provenance, Provenance::Model(_)) && labels.is_empty() {
                // What a model wrote down is no better than what it had read.
                labels.push(UNTRUSTED.into());
            }
            GatheredText {
                text: memory.text,
                provenance: memory.provenance,
                labels,
            }
        };
        Ok(found.into_iter().map(text).collect())
    }
}
