//! Scenarios: what an author expects of a chart, as data; played on the simulator, with a report of what was met and what was reached.
//!
//! Pure like the rest of this part: who reads the files, and who prints the report, is somebody else's business.

mod coverage;
mod meets;
mod pattern;
mod play;

pub use coverage::{Coverage, Share};
pub use pattern::{EFFECT_KINDS, EffectKind, EffectPattern};
pub use play::{Failed, Mismatch, Moved, Outcome};

use crate::condition::Condition;
use std::sync::Arc;
use types::{Marked, Place, Value};

/// One case: the chart is started, steps happen to it, and after each of them something is expected.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What it shows, in a few words.
    pub name: Marked<String>,
    /// Why it is there.
    pub doc: Option<String>,
    /// What happens, in order.
    pub steps: Vec<Step>,
}

/// Time passes, then an event comes, then things are looked at; each of the three may be missing. A first step without time and event looks
/// at the start.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub place: Place,
    /// Milliseconds that pass before the event, where time is let pass at all; every timer due by then fires.
    pub after_ms: Option<i64>,
    /// The event.
    pub event: Option<Arc<str>>,
    /// What it carries.
    pub data: Value,
    /// What must be so afterwards.
    pub expected: Vec<Expectation>,
}

impl Step {
    /// Whether it only looks: neither time nor an event.
    pub fn only_looks(&self) -> bool {
        self.after_ms.is_none() && self.event.is_none()
    }
}

/// One thing that must be so after a step.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// Where it stands.
    pub place: Place,
    /// What.
    pub what: Expected,
}

/// What must be so. Lists of names are complete unless something else is said.
#[derive(Clone, Debug)]
pub enum Expected {
    /// This state is active.
    In(Arc<str>),
    /// This state is not active.
    NotIn(Arc<str>),
    /// The active leaf states are these, in any order.
    Configuration(Vec<Arc<str>>),
    /// The chart's data holds at least these values.
    Data(Value),
    /// This holds.
    Condition(Condition),
    /// These effects are among those of the step, in this order; an empty list means that there are none.
    Effects(Vec<EffectPattern>),
    /// The signals that a model could raise are these, in any order.
    Open(Vec<Arc<str>>),
    /// What waits for its time is this, in any order: the event, and how long from now where that is said.
    Timers(Vec<(Arc<str>, Option<i64>)>),
    /// These activities run, in any order.
    Running(Vec<Arc<str>>),
    /// Whether the chart has ended.
    Done(bool),
    /// What the chart handed over at its end holds at least this.
    Output(Value),
}
