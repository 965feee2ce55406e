//! What a payload came to, chunk by chunk: the data behind `context show`, in the exact shape of DESIGN §6.

use serde::Serialize;
use types::{CacheClass, Role};

/// A map as it was filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct MapReport {
    /// The model's `context_length`.
    pub limit: u64,
    /// Tokens kept for the answer: its `max_output`.
    pub reserve: u64,
    /// Tokens of the payload.
    pub total: u64,
    /// What counted them.
    pub estimator: String,
    /// Every chunk in map order, empty ones too.
    pub chunks: Vec<ChunkReport>,
}

/// One chunk as it was filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChunkReport {
    /// Its id.
    pub id: String,
    /// Who speaks in it.
    pub role: Role,
    /// Where it comes from, such as `file:charter.md`.
    pub source: String,
    /// Tokens that are sent.
    pub tokens: u64,
    /// Tokens it may hold; `None` where it may take what there is.
    pub budget: Option<u64>,
    /// Tokens that were cut.
    pub trimmed: u64,
    /// How long its text stays as it is.
    pub cache: CacheClass,
    /// Its priority.
    pub priority: u8,
    /// What else there is to know of it: that it is from an earlier turn, that a plugin was late, that something went without being summed up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

impl MapReport {
    /// Tokens of the chunks that stand before the first volatile one that holds anything: what a provider can have cached whatever happens.
    pub fn stable_prefix(&self) -> u64 {
        self.stable_chunks().map(|chunk| chunk.tokens).sum()
    }

    pub(crate) fn stable_chunks(&self) -> impl Iterator<Item = &ChunkReport> {
        self.chunks
            .iter()
            .take_while(|chunk| chunk.cache == CacheClass::Stable || chunk.tokens == 0)
    }
}
