//! What a payload came to, chunk by chunk: the data behind `context show`, in the exact shape of DESIGN §6.

use crate::{CalibrationReport, Shared};
use serde::{Deserialize, Serialize};
use types::{CacheClass, Provenance, Role};

/// A map as it was filled.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Tokens of the longest beginning that the payload before it had too: what the provider can have cached. 0 where nothing was sent before.
    pub cached: u64,
    /// What was learnt from the provider's own counts, once it was.
    pub calibration: Option<CalibrationReport>,
}

/// One chunk as it was filled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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
    /// Tokens that the provider can have cached.
    pub cached: u64,
    /// What else there is to know of it: that it is from an earlier turn, that a plugin was late, that something went without being summed up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
    /// Where what it holds came from, in the order in which it is sent.
    pub provenance: Vec<ProvenanceShare>,
}

/// What of a chunk came from one source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProvenanceShare {
    /// The source: `house`, `human`, `model:NAME`, `plugin:NAME@GENERATION`, `file:PATH`.
    pub from: String,
    /// Its tokens.
    pub tokens: u64,
}

/// What of a chunk came from where, added up while it is sent.
#[derive(Default)]
pub(crate) struct Provenances<'a> {
    found: Vec<(&'a Provenance, u64)>,
    shares: Vec<ProvenanceShare>,
}

impl<'a> Provenances<'a> {
    pub fn add(&mut self, provenance: &'a Provenance, tokens: u64) {
        // A conversation has few sources and thousands of items: the newest are looked at first, and nothing is spelt out until the end.
        match self
            .found
            .iter_mut()
            .find(|(known, _)| *known == provenance)
        {
            Some((_, sum)) => *sum += tokens,
            None => self.found.push((provenance, tokens)),
        }
    }

    /// A source that is no provenance of an item: a plugin whose tool is offered.
    pub fn add_named(&mut self, from: &str, tokens: u64) {
        match self.shares.iter_mut().find(|share| share.from == from) {
            Some(share) => share.tokens += tokens,
            None => self.shares.push(ProvenanceShare {
                from: from.to_owned(),
                tokens,
            }),
        }
    }

    pub fn shares(mut self) -> Vec<ProvenanceShare> {
        for (provenance, tokens) in std::mem::take(&mut self.found) {
            self.add_named(&spelt(provenance), tokens);
        }
        self.shares
    }
}

/// A provenance in one word, as reports show it.
fn spelt(provenance: &Provenance) -> String {
    match provenance {
        Provenance::House => "house".into(),
        Provenance::Human => "human".into(),
        Provenance::Model(name) => format!("model:{name}"),
        Provenance::Plugin { name, generation } => format!("plugin:{name}@{generation}"),
        Provenance::File(path) => format!("file:{path}"),
    }
}

impl MapReport {
    /// Note what of it the payload before had too; `shared` in tokens.
    pub(crate) fn note_cached(&mut self, shared: &Shared) {
        self.cached = 0;
        for chunk in &mut self.chunks {
            let share = shared.chunks.iter().find(|share| *share.chunk == *chunk.id);
            chunk.cached = share.map_or(0, |share| share.shared.min(chunk.tokens));
            self.cached += chunk.cached;
        }
    }

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
