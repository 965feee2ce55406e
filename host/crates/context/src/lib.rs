//! What the model sees: a context map comes in, a payload goes out, and nothing here touches the world.
//!
//! Building a payload has three steps. [`plan()`] says what must be gathered (files, plugins); the runtime gathers it, all at once, because it alone may
//! do IO; [`Plan::assemble`] measures every chunk, trims each by its own policy, rebalances the whole and emits it in map order, together with the
//! [`MapReport`] that `context show` draws. The map owns the token budget and the chunks do not know it. This room must know nothing of YAML, of
//! wire formats and of where a file lies, and has no clock: the same inputs give the same bytes.

mod assemble;
mod breakpoints;
mod calibration;
mod chunk;
mod diff;
mod error;
mod estimate;
mod exact;
mod gather;
mod history;
mod map;
mod picture;
mod plan;
mod rebalance;
mod render;
mod report;
mod scale;
mod section;
mod shape;
mod shared;
mod summary;
mod template;
mod text;
mod tools;
mod window;

pub use assemble::Assembled;
pub use breakpoints::breakpoints;
pub use calibration::{Calibrated, Calibration, CalibrationReport, Learned};
pub use error::AssembleError;
pub use estimate::{BytesEstimate, Estimator, counter};
pub use exact::{Counting, Vocabulary};
pub use gather::{Gathered, GatheredText};
pub use history::{HistoryItem, Said};
pub use map::{
    Budget, ChunkDef, ContextMap, DEFAULT_DEADLINE, Depends, Sections, Slot, Source, SummaryDef,
    Template, ToolsMode, Trim,
};
pub use plan::{Need, NeedId, NeedKind, Plan, SlotChunks, plan};
pub use report::{ChunkReport, MapReport, ProvenanceShare};
pub use scale::Scale;
pub use section::neutralise;
pub use shape::{Held, Shape, ShapePart};
pub use shared::{Change, ChunkShare, Parting, Shared};
pub use summary::{Summary, SummaryWanted};
pub use template::{
    TEMPLATE_NAMES, TemplateError, check_template, check_template_of, render_template,
};
pub use tools::{ToolOffer, Tools};
pub use window::{Before, History, Mark, Needed};
