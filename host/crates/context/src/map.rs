//! A context map as its author wrote it. `definitions` reads it from YAML.

use std::sync::Arc;
use types::{CacheClass, Marked, Percent, Place, Role, Value};

/// The ordered list of chunks from which every payload is built.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ContextMap {
    /// Chunks in the order they are sent.
    pub chunks: Vec<ChunkDef>,
}

/// One entry of a map, or one chunk that a state adds to its slot.
#[derive(Clone, Debug, PartialEq)]
pub struct ChunkDef {
    /// Its id, unique in the map.
    pub id: Marked<String>,
    /// Who speaks.
    pub role: Role,
    /// Where its text comes from.
    pub source: Source,
    /// How many tokens it may hold; `None` is unlimited (for history: what the others leave).
    pub budget: Option<Marked<Budget>>,
    /// How it is cut to its budget.
    pub trim: Trim,
    /// A higher one is kept longer when the whole is too long; 5 by default.
    pub priority: u8,
    /// Whether it takes what the others leave.
    pub flexible: bool,
    /// How long its text stays the same.
    pub cache: CacheClass,
    /// Where it stands.
    pub place: Place,
}

/// Where a chunk's text comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// Fixed text.
    Text(Arc<str>),
    /// A file of the house, as written (relative to the file that names it).
    File(Marked<String>),
    /// The schemas of tools.
    Tools(ToolsMode),
    /// The conversation.
    History,
    /// What the active states add.
    Slot(Slot),
    /// What a context plugin provides.
    Plugin {
        /// The plugin.
        name: Marked<String>,
        /// Its parameters.
        params: Value,
    },
}

/// Which tools a `tools` chunk offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToolsMode {
    /// Exactly those that the policy of this instant allows.
    Allowed,
    /// All that some state could allow, with one volatile line saying which are open now.
    Declared,
}

/// Whose states fill a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The agent's own chart.
    Cognition,
    /// The workflow it is bound to.
    Workflow,
}

/// A budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// A share of `context_length − max_output`.
    Share(Percent),
    /// A number of tokens.
    Tokens(u64),
}

/// How a chunk is cut to its budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trim {
    /// Not at all: too long is a loud failure.
    Never,
    /// The oldest items go first (history).
    Oldest,
    /// The end is cut off.
    Tail,
}
