//! The interpreter: Appendix D of W3C SCXML, as a pure function of chart, snapshot and event.
//!
//! No clock, no chance, no IO: time comes with the events, and what should happen outside is listed as [`Effect`]s. A step runs until
//! nothing more can happen: all eventless transitions, the internal queue, child charts, and what the chart sent to itself. An error leaves
//! snapshot and effects as they were. Names follow the Recommendation where it has one.

mod actions;
mod changes;
mod invoke;
mod machine;
mod microstep;
mod select;
mod send;
mod transfer;
mod undo;

pub(crate) use machine::{Limits, Machine, Scratch, Working};
pub(crate) use select::accepts;
pub(crate) use transfer::Set;

use crate::chart::Chart;
use crate::effect::Effects;
use crate::queue::Incoming;
use crate::snapshot::Snapshot;

/// How many microsteps one step may take. A chart that needs more is in a loop that never ends: the longest run of the W3C suites takes a
/// few hundred.
pub const MICROSTEPS_MAX: u32 = 10_000;
/// How much one step may do, in actions executed; large values count as several.
pub const ACTIONS_MAX: u32 = 100_000;

/// Why a step was not taken. The snapshot and the effects are as before.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StepError {
    /// Eventless transitions, raised events or sends to itself never come to rest.
    #[error(
        "the chart does not come to rest: more than {MICROSTEPS_MAX} microsteps in one step, last in {states}; look for `always` transitions or raised events that lead back to where they came from"
    )]
    NeverRests {
        /// The active leaf states when it was stopped.
        states: String,
    },
    /// Loops over lists do too much.
    #[error(
        "one step did too much: more than {ACTIONS_MAX} actions, last in {states}; make the lists that `foreach` goes through shorter"
    )]
    TooMuchWork {
        /// The active leaf states when it was stopped.
        states: String,
    },
    /// The snapshot was made by another chart.
    #[error("this snapshot is of another chart than `{chart}`")]
    WrongChart {
        /// The chart that was to take the step.
        chart: String,
    },
}

/// What a step did, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepInfo {
    /// Whether the event made some transition happen.
    pub taken: bool,
    /// Microsteps, eventless and internal ones included.
    pub microsteps: u32,
}

/// Start a chart at the time `now_ms`: set its data, enter its initial states, and run until it rests.
pub fn start(chart: &Chart, now_ms: i64, effects: &mut Effects) -> Result<Snapshot, StepError> {
    let mut snapshot = Snapshot::empty(&chart.program, chart.hash);
    run(chart, &mut snapshot, now_ms, effects, Work::Begin)?;
    Ok(snapshot)
}

/// Process one event, which may come from outside (`&Event`), from an invocation ([`Incoming::from_invocation`]) or from
/// [`Snapshot::take_due`] (`&Due`), and everything that follows from it. A chart that has ended ignores it.
pub fn step<'e>(
    chart: &Chart,
    snapshot: &mut Snapshot,
    event: impl Into<Incoming<'e>>,
    effects: &mut Effects,
) -> Result<StepInfo, StepError> {
    let incoming = event.into();
    if snapshot.chart != chart.hash {
        return Err(StepError::WrongChart {
            chart: chart.name().to_owned(),
        });
    }
    if snapshot.done {
        return Ok(StepInfo::default());
    }
    run(
        chart,
        snapshot,
        incoming.event.time,
        effects,
        Work::Take(incoming),
    )
}

/// What a machine is to do.
enum Work<'e> {
    Begin,
    Take(Incoming<'e>),
}

/// Run `work` on a machine over `snapshot`; an error undoes all it did.
fn run(
    chart: &Chart,
    snapshot: &mut Snapshot,
    now: i64,
    effects: &mut Effects,
    work: Work<'_>,
) -> Result<StepInfo, StepError> {
    let before = effects.list.len();
    let Scratch { undo, working } = &mut effects.scratch;
    undo.begin(snapshot);
    let mut limits = Limits::new(snapshot.next_order);
    let mut machine = Machine::new(
        &chart.program,
        &chart.library,
        snapshot,
        &mut effects.list,
        &mut limits,
        working,
        now,
    );
    machine.undo = Some(undo);
    let result = match work {
        Work::Begin => machine.begin(&[]),
        Work::Take(incoming) => machine.take_incoming(incoming),
    };
    let taken = machine.taken;
    snapshot.next_order = limits.next_order;
    match result {
        Ok(()) => Ok(StepInfo {
            taken,
            microsteps: limits.microsteps,
        }),
        Err(error) => {
            undo.restore(snapshot);
            effects.list.truncate(before);
            if let Some(trace) = &mut working.trace {
                trace.clear();
            }
            Err(error)
        }
    }
}
