//! The statechart engine: W3C SCXML's semantics as a pure `step`.
//!
//! ```text
//! ChartDef ──compile──▶ Chart ──start──▶ Snapshot ──step(event)──▶ Snapshot, effects
//! ```
//!
//! A chart as written ([`ChartDef`]) is checked and compiled once ([`compile`]), with every error at once and at its place. What runs is a
//! [`Snapshot`], which only [`start`] and [`step`] change; what should happen outside is listed as [`Effect`]s. This part knows nothing of
//! YAML, files, clocks or chance: time comes with the events, timers live in the snapshot, and the host asks [`Snapshot::next_due`] when to
//! come back. The same chart and the same events give the same trace, bit for bit.
//!
//! Rooms: [`def`] the tree as written · `compile` checks and tables · `vocabulary` events as numbers · `expr` the language of guards ·
//! `interpret` Appendix D · `entry` which states are entered · `migrate` the way to another version · `snapshot`, `save` what runs and how it is
//! stored · `sim` the simulator behind `charthouse chart run` · `scenario` what an author expects of a chart, played on the simulator · [`draw`]
//! pictures of it.

mod chart;
mod choices;
mod compile;
mod condition;
pub mod def;
mod descriptor;
pub mod draw;
mod effect;
mod entry;
mod expr;
mod hash;
mod interpret;
mod migrate;
mod nearest;
mod program;
mod queue;
mod save;
mod scenario;
mod set;
mod shown;
mod sim;
mod snapshot;
mod state;
mod trace;
mod vocabulary;

pub use chart::Chart;
pub use choices::Listener;
pub use compile::{Compiled, Mode, STATES_MAX, compile, compile_with};
pub use condition::{Condition, GuardNow};
pub use def::*;
pub use descriptor::event_matches;
pub use effect::{Effect, Effects};
pub use interpret::{ACTIONS_MAX, MICROSTEPS_MAX, StepError, StepInfo, start, step};
pub use migrate::{
    Change, MigrateDef, MigrateError, Migration, PlaceError, ReloadPolicy, migrate, place,
};
pub use queue::Incoming;
pub use save::{RestoreError, SavedSnapshot};
pub use scenario::{
    Coverage, EFFECT_KINDS, EffectKind, EffectPattern, Expectation, Expected, Failed, Mismatch,
    Moved, Outcome, Scenario, Share, Step,
};
pub use sim::{InputError, InputLine, Line, Simulation};
pub use snapshot::{Due, Snapshot};
pub use state::{StateId, StateInfo, StateType};
pub use trace::{Trace, TransitionId, TransitionInfo};
