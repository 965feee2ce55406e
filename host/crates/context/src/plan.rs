//! The first step: what a map will hold, and what has to be fetched for it.

use crate::section::{self, SectionNames, Tags};
use crate::{Budget, ChunkDef, ContextMap, Depends, Slot, Source, Template, ToolsMode, Trim};
use std::sync::Arc;
use std::time::Duration;
use types::{CacheClass, Marked, MemoryLayer, ModelParameters, Percent, Place, Role, Value};

/// The chunks that active states put into the map's slots, in the order of the states.
#[derive(Clone, Copy, Debug, Default)]
pub struct SlotChunks<'a> {
    /// Of the agent's own chart.
    pub cognition: &'a [&'a ChunkDef],
    /// Of the workflow it is bound to.
    pub workflow: &'a [&'a ChunkDef],
}

/// Names one need of one plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NeedId(usize);

/// Something that must be gathered before the plan can be assembled. Needs do not depend on each other: gather them all at once.
#[derive(Clone, Debug, PartialEq)]
pub struct Need {
    /// Under which [`Gathered::put`](crate::Gathered::put) takes the answer.
    pub id: NeedId,
    /// The chunk that needs it.
    pub chunk: String,
    /// What it is.
    pub kind: NeedKind,
}

/// What must be gathered.
#[derive(Clone, Debug, PartialEq)]
pub enum NeedKind {
    /// A file, as written: relative to the file that its place names.
    File(Marked<String>),
    /// A template, filled by [`render_template`](crate::render_template); its text is here, or in a file as [`NeedKind::File`] names one.
    Template(Template),
    /// What is remembered, the most important first.
    Memory {
        /// The layer.
        layer: MemoryLayer,
        /// Tokens it may fill; what it gives beyond them is trimmed.
        budget: u64,
    },
    /// What a context plugin provides, the most important first.
    Plugin {
        /// The plugin.
        name: Marked<String>,
        /// Its parameters.
        params: Value,
        /// Tokens it may fill; what it gives beyond them is trimmed.
        budget: u64,
        /// How long its answer stays good.
        expires: Option<Duration>,
        /// What beside plugin, parameters and budget its answer depends on.
        depends: Depends,
    },
}

/// A map made ready: budgets in tokens, slots filled, needs listed.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) chunks: Vec<Planned>,
    pub(crate) parameters: ModelParameters,
    pub(crate) summary: Option<SummaryTerms>,
    /// The names that nobody else may use, where chunks stand in sections.
    pub(crate) sections: Option<SectionNames>,
    /// Tokens that may be sent.
    pub(crate) room: u64,
    /// What may be sent at most when nothing can go any more; more than the room only by what was learnt of a model's counting.
    pub(crate) most: u64,
    /// Whether the room was made smaller after a server had refused.
    pub(crate) tightened: bool,
    needs: Vec<Need>,
}

/// When and how much of the conversation is summed up, in tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SummaryTerms {
    pub at: Percent,
    pub every: Option<u64>,
    pub budget: u64,
}

/// What a budget allows.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Allowed {
    /// What is trimmed to it.
    pub budget: u64,
    /// What cannot be trimmed any further may be so long; more than the budget only by what was learnt of a model's counting.
    pub most: u64,
}

impl Allowed {
    fn exactly(budget: u64) -> Self {
        Allowed {
            budget,
            most: budget,
        }
    }
}

/// One chunk of a plan.
#[derive(Clone, Debug)]
pub(crate) struct Planned {
    pub id: String,
    pub role: Role,
    pub source: String,
    pub content: Content,
    pub budget: Option<Allowed>,
    pub trim: Trim,
    pub priority: u8,
    pub flexible: bool,
    pub cache: CacheClass,
    pub place: Place,
    /// What its texts stand between.
    pub tags: Option<Tags>,
}

/// Where a chunk's content comes from when it is assembled.
#[derive(Clone, Debug)]
pub(crate) enum Content {
    /// Texts, joined by blank lines.
    Pieces(Vec<Piece>),
    /// Schemas.
    Tools(ToolsMode),
    /// The conversation.
    History,
}

/// One text of a chunk: a slot has one for each chunk of the states, any other chunk has one.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub id: String,
    pub place: Place,
    pub origin: Origin,
    /// What a state allows its own chunk; the slot's budget and trimming hold for all of them together.
    pub own: Option<(Allowed, Trim)>,
    /// A higher one is kept longer where whole pieces go.
    pub priority: u8,
    /// Whether it stays when whole pieces go: a state's chunk with `trim: never`.
    pub protected: bool,
}

#[derive(Clone, Debug)]
pub(crate) enum Origin {
    Fixed(Arc<str>),
    Needed(NeedId),
}

/// Make `map` ready for one request to the model that `parameters` describe.
///
/// A slot holds the texts of its states' chunks. A chunk in a slot may be a text, a file, a template, a memory or a plugin; anything else has no text to
/// give and is left out (`definitions` refuses it when it loads). Only the first `tools` and the first `history` chunk of a map hold anything.
pub fn plan(map: &ContextMap, slots: &SlotChunks<'_>, parameters: &ModelParameters) -> Plan {
    let mut planner = Planner {
        slots,
        room: parameters
            .context_length
            .saturating_sub(parameters.max_output),
        marked: section::are_marked(map.sections, &parameters.name),
        needs: Vec::new(),
    };
    let mut chunks: Vec<Planned> = map
        .chunks
        .iter()
        .map(|chunk| planner.chunk(chunk))
        .collect();
    only_first(&mut chunks, |content| matches!(content, Content::History));
    only_first(&mut chunks, |content| matches!(content, Content::Tools(_)));
    if !chunks.iter().any(|chunk| chunk.flexible) {
        // A history without a budget holds what the others leave.
        let history = |chunk: &&mut Planned| {
            matches!(chunk.content, Content::History) && chunk.budget.is_none()
        };
        chunks
            .iter_mut()
            .filter(history)
            .for_each(|chunk| chunk.flexible = true);
    }
    Plan {
        summary: map.summary.as_ref().map(|summary| SummaryTerms {
            at: summary.at,
            every: summary.every,
            budget: planner.in_tokens(summary.budget),
        }),
        sections: planner.marked.then(|| SectionNames::of(map)),
        chunks,
        parameters: parameters.clone(),
        room: planner.room,
        most: planner.room,
        tightened: false,
        needs: planner.needs,
    }
}

fn only_first(chunks: &mut [Planned], kind: impl Fn(&Content) -> bool) {
    for later in chunks
        .iter_mut()
        .filter(|chunk| kind(&chunk.content))
        .skip(1)
    {
        later.content = Content::Pieces(Vec::new());
    }
}

impl Plan {
    /// What must be gathered, in map order.
    pub fn needs(&self) -> &[Need] {
        &self.needs
    }

    /// Tokens that may be sent: `context_length − max_output`, or less where the plan was [`tightened`](Plan::tightened).
    pub fn room(&self) -> u64 {
        self.room
    }

    /// The same plan with `room` tokens at most, for when a server counts more tokens than were estimated and refuses. Budgets stay as they are, so that
    /// what was gathered still answers it; the conversation loses what is missing before anything else does.
    pub fn tightened(self, room: u64) -> Self {
        let room = self.room.min(room);
        Plan {
            room,
            most: room,
            tightened: true,
            ..self
        }
    }

    pub(crate) fn need(&self, id: NeedId) -> Option<&Need> {
        self.needs.get(id.0)
    }
}

struct Planner<'a> {
    slots: &'a SlotChunks<'a>,
    room: u64,
    /// Whether chunks of text stand in sections.
    marked: bool,
    needs: Vec<Need>,
}

impl Planner<'_> {
    fn chunk(&mut self, chunk: &ChunkDef) -> Planned {
        Planned {
            id: chunk.id.value.clone(),
            role: chunk.role,
            source: source_name(&chunk.source),
            content: self.content(chunk),
            budget: self.tokens(chunk.budget.as_ref()).map(Allowed::exactly),
            trim: chunk.trim,
            priority: chunk.priority,
            flexible: chunk.flexible,
            cache: chunk.cache,
            place: chunk.place.clone(),
            tags: self.marked.then(|| Tags::of(&chunk.id)).flatten(),
        }
    }

    fn content(&mut self, chunk: &ChunkDef) -> Content {
        match &chunk.source {
            Source::History => Content::History,
            Source::Tools(mode) => Content::Tools(*mode),
            Source::Slot(slot) => {
                let states = match slot {
                    Slot::Cognition => self.slots.cognition,
                    Slot::Workflow => self.slots.workflow,
                };
                let limit = self.tokens(chunk.budget.as_ref());
                Content::Pieces(
                    states
                        .iter()
                        .filter_map(|state| self.state_piece(state, limit))
                        .collect(),
                )
            }
            Source::Text(_)
            | Source::File(_)
            | Source::Template(_)
            | Source::Memory(_)
            | Source::Plugin { .. } => {
                let limit = self.tokens(chunk.budget.as_ref());
                Content::Pieces(self.piece(chunk, limit).into_iter().collect())
            }
        }
    }

    /// A state's chunk: never longer than the slot, and trimmed to its own budget where it names one.
    fn state_piece(&mut self, chunk: &ChunkDef, slot: Option<u64>) -> Option<Piece> {
        let own = self.tokens(chunk.budget.as_ref());
        let limit = match (own, slot) {
            (Some(own), Some(slot)) => Some(own.min(slot)),
            (own, slot) => own.or(slot),
        };
        let piece = self.piece(chunk, limit)?;
        Some(Piece {
            own: own.map(|budget| (Allowed::exactly(budget), chunk.trim)),
            protected: chunk.trim == Trim::Never,
            ..piece
        })
    }

    fn piece(&mut self, chunk: &ChunkDef, limit: Option<u64>) -> Option<Piece> {
        let origin = match &chunk.source {
            Source::Text(text) => Origin::Fixed(text.clone()),
            Source::File(path) => self.need(chunk, NeedKind::File(path.clone())),
            Source::Template(template) => self.need(chunk, NeedKind::Template(template.clone())),
            Source::Memory(layer) => {
                let budget = limit.unwrap_or(self.room);
                let layer = *layer;
                self.need(chunk, NeedKind::Memory { layer, budget })
            }
            Source::Plugin {
                name,
                params,
                expires,
                depends,
            } => {
                let kind = NeedKind::Plugin {
                    expires: *expires,
                    depends: *depends,
                    name: name.clone(),
                    params: params.clone(),
                    budget: limit.unwrap_or(self.room),
                };
                self.need(chunk, kind)
            }
            Source::Tools(_) | Source::History | Source::Slot(_) => return None,
        };
        Some(Piece {
            id: chunk.id.value.clone(),
            place: chunk.place.clone(),
            origin,
            own: None,
            priority: chunk.priority,
            protected: false,
        })
    }

    fn need(&mut self, chunk: &ChunkDef, kind: NeedKind) -> Origin {
        let id = NeedId(self.needs.len());
        self.needs.push(Need {
            id,
            chunk: chunk.id.value.clone(),
            kind,
        });
        Origin::Needed(id)
    }

    fn tokens(&self, budget: Option<&Marked<Budget>>) -> Option<u64> {
        budget.map(|budget| self.in_tokens(budget.value))
    }

    /// A budget in tokens. Shares are of `context_length − max_output`.
    fn in_tokens(&self, budget: Budget) -> u64 {
        match budget {
            Budget::Share(percent) => percent.of(self.room),
            Budget::Tokens(tokens) => tokens,
        }
    }
}

/// A source as reports spell it.
fn source_name(source: &Source) -> String {
    match source {
        Source::Text(_) => "text".into(),
        Source::File(path) => format!("file:{path}"),
        Source::Template(Template::Inline(_)) => "template".into(),
        Source::Template(Template::File(path)) => format!("template:{path}"),
        Source::Memory(layer) => format!("memory:{}", layer.name()),
        Source::Tools(ToolsMode::Allowed) => "tools:allowed".into(),
        Source::Tools(ToolsMode::Declared) => "tools:declared".into(),
        Source::History => "history".into(),
        Source::Slot(Slot::Cognition) => "slot:cognition".into(),
        Source::Slot(Slot::Workflow) => "slot:workflow".into(),
        Source::Plugin { name, .. } => format!("plugin:{name}"),
    }
}
