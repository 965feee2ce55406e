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
//! Rooms: [`def`] the tree as written · `compile` checks and tables · `expr` the language of guards · `interpret` Appendix D · `entry` which
//! states are entered · `snapshot`, `save` what runs and how it is stored · `sim` the simulator behind `charthouse chart run`.

mod chart;
mod compile;
pub mod def;
mod descriptor;
pub mod draw;
mod effect;
mod entry;
mod expr;
mod hash;
mod interpret;
mod nearest;
mod program;
mod queue;
mod save;
mod set;
mod shown;
mod sim;
mod snapshot;
mod state;

pub use chart::Chart;
pub use compile::{Compiled, Mode, STATES_MAX, compile, compile_with};
pub use def::*;
pub use descriptor::event_matches;
pub use effect::{Effect, Effects};
pub use interpret::{ACTIONS_MAX, MICROSTEPS_MAX, StepError, StepInfo, start, step};
pub use queue::Incoming;
pub use save::{RestoreError, SavedSnapshot};
pub use sim::{InputError, InputLine, Line, Simulation};
pub use snapshot::{Due, Snapshot};
pub use state::{StateId, StateInfo, StateType};
