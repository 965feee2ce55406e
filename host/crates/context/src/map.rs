//! A context map as its author wrote it. `definitions` reads it from YAML.

use std::sync::Arc;
use std::time::Duration;
use types::{CacheClass, Marked, MemoryLayer, Percent, Place, Role, Value};

/// Longest time that gathering a payload may take unless the agent says otherwise: a person waits meanwhile.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(5);

/// The ordered list of chunks from which every payload is built.
#[derive(Clone, Debug, PartialEq)]
pub struct ContextMap {
    /// Chunks in the order they are sent.
    pub chunks: Vec<ChunkDef>,
    /// How chunks are marked off from each other.
    pub sections: Sections,
    /// How long gathering all chunks of one payload may take together. What is not there by then is served as it was the last time, or left out.
    pub deadline: Duration,
    /// What of the conversation is summed up, and when; for a history with [`Trim::Summary`].
    pub summary: Option<SummaryDef>,
}

impl Default for ContextMap {
    fn default() -> Self {
        ContextMap {
            chunks: Vec::new(),
            sections: Sections::default(),
            deadline: DEFAULT_DEADLINE,
            summary: None,
        }
    }
}

/// How chunks are marked off from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sections {
    /// As the model's family likes it best: XML for Anthropic's, plain for others.
    #[default]
    ByModel,
    /// Each chunk of text between tags named after it, `<charter>…</charter>`. Nothing that did not come from the house can open or close one.
    Xml,
    /// Texts as they are.
    Plain,
}

/// The rolling summary of what leaves the window.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryDef {
    /// The memory plugin that writes it.
    pub plugin: Marked<String>,
    /// How full the history's room may be before its older part is summed up, beside the turn that goes on.
    pub at: Percent,
    /// Also after so many inferences.
    pub every: Option<u64>,
    /// How long it may be.
    pub budget: Budget,
    /// What summing up may cost in a day, in US dollars; the decimal as written.
    pub usd_per_day: Option<Marked<rust_decimal::Decimal>>,
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
    /// A Jinja template, filled from what the agent, its chart and its model are at that moment; a name that it does not know is an error.
    Template(Template),
    /// What is remembered.
    Memory(MemoryLayer),
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
        /// How long what it provided stays good; it is asked anew every time when absent.
        expires: Option<Duration>,
        /// What beside plugin, parameters and budget its answer depends on.
        depends: Depends,
    },
}

/// Where a template's text is.
#[derive(Clone, Debug, PartialEq)]
pub enum Template {
    /// Here.
    Inline(Marked<Arc<str>>),
    /// In a file of the house.
    File(Marked<String>),
}

/// What an answer kept for later depends on beside plugin, parameters and budget: when one of these is another, it is asked for again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depends {
    /// The active states.
    pub states: bool,
    /// What was last said to the agent.
    pub query: bool,
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
    /// The middle is cut out: beginning and end stay.
    Middle,
    /// Whole pieces go, the least important first: of a slot the chunks with the lowest priority (of equal ones the later first, and none that says `never`
    /// itself), of memories and fragments those that were given last.
    Lowest,
    /// The oldest items go into a rolling summary (history).
    Summary,
}
