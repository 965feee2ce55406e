//! What a migration did, in words and as data: the plan that `--dry-run` prints, and what a journal keeps.

use super::arrive::Arrival;
use super::mapping::path;
use crate::chart::Chart;
use crate::snapshot::Snapshot;
use crate::state::StateId;
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use types::{ContentHash, Value, write_duration};

/// A running chart's way to another version.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Migration {
    /// The chart that ran.
    pub from: ContentHash,
    /// The chart that runs now.
    pub to: ContentHash,
    /// The active leaf states before, sorted.
    pub before: Vec<Arc<str>>,
    /// The active leaf states after, sorted, once the new chart rests.
    pub after: Vec<Arc<str>>,
    /// Everything that is not as it was.
    pub changes: Vec<Change>,
}

/// One thing that a migration changed. Everything that is not listed goes on as it was.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "change", rename_all = "snake_case")]
pub enum Change {
    /// An active state has another name or another place; no action runs.
    Renamed {
        /// Its path before.
        from: String,
        /// Its path now.
        to: String,
    },
    /// An active state is left; its old exit actions run.
    Left {
        /// Its path.
        state: String,
        /// Why: it is gone, or it cannot be active together with others any more.
        why: &'static str,
        /// Where `migrate` says the chart goes on.
        #[serde(skip_serializing_if = "Option::is_none")]
        to: Option<String>,
    },
    /// A state is entered; its entry actions run.
    Entered {
        /// Its path.
        state: String,
    },
    /// A state that stays begins anew inside, at its initial state.
    Begun {
        /// Its path; empty for the chart itself.
        state: String,
    },
    /// A state that stays is final now.
    Final {
        /// Its path.
        state: String,
    },
    /// A data entry has another value.
    Data {
        /// Its name.
        name: Arc<str>,
        /// Before.
        from: Value,
        /// Now.
        to: Value,
    },
    /// A data entry is new.
    DataAdded {
        /// Its name.
        name: Arc<str>,
        /// Its first value.
        value: Value,
    },
    /// A data entry is gone.
    DataDropped {
        /// Its name.
        name: Arc<str>,
        /// Its last value.
        value: Value,
    },
    /// A timer of a state that stays is gone.
    TimerDropped {
        /// Its event.
        event: Arc<str>,
    },
    /// A timer of a state that stays is new, or runs for another time.
    TimerSet {
        /// Its event.
        event: Arc<str>,
        /// When it is due, in milliseconds on the clock of the events.
        due: i64,
        /// How long that is from now, in milliseconds.
        left: i64,
    },
    /// An activity of a state that stays is stopped: its invoke is gone or reads otherwise.
    ActivityStopped {
        /// Its invocation.
        id: Arc<str>,
    },
    /// A state that stays starts an activity: its invoke is new or reads otherwise.
    ActivityStarted {
        /// The state's path.
        state: String,
    },
    /// What a history state remembered is gone with the states, at least in part.
    HistoryForgotten {
        /// Its path before.
        state: String,
    },
    /// Something that its author may not have meant.
    Note {
        /// What.
        text: String,
    },
}

impl Migration {
    pub(super) fn begin(from: &Chart, to: &Chart, snapshot: &Snapshot) -> Self {
        let before = leaves(from, snapshot);
        Migration {
            from: from.hash(),
            to: to.hash(),
            after: before.clone(),
            before,
            changes: Vec::new(),
        }
    }

    pub(super) fn finish(&mut self, to: &Chart, snapshot: &Snapshot) {
        self.after = leaves(to, snapshot);
    }

    pub(super) fn left(&mut self, from: &Chart, to: &Chart, arrival: &Arrival) {
        for (state, same) in &arrival.kept {
            let (from, to) = (path(&from.program, *state), path(&to.program, *same));
            if from != to {
                self.changes.push(Change::Renamed { from, to });
            }
        }
        for state in arrival.left.iter().rev() {
            let target = arrival.targets.iter().find(|(gone, _)| *gone == state);
            let exists = to.program.ids.contains_key(from.program.name_of(state));
            self.changes.push(Change::Left {
                state: path(&from.program, state),
                why: match (exists, target) {
                    (true, None) => "it cannot stay active",
                    _ => "it is gone",
                },
                to: target.map(|(_, target)| path(&to.program, *target)),
            });
        }
    }

    pub(super) fn entered(&mut self, to: &Chart, arrival: &Arrival) {
        let name = |state: StateId| match state {
            StateId::ROOT => String::new(),
            state => path(&to.program, state),
        };
        let states = (0..to.program.nodes.len()).map(StateId::new);
        for state in states {
            if arrival.begun.contains(state) {
                self.changes.push(Change::Begun { state: name(state) });
            }
            if arrival.entry.enter.contains(state) {
                self.changes.push(Change::Entered { state: name(state) });
            }
            if arrival.finals.contains(&state) {
                self.changes.push(Change::Final { state: name(state) });
            }
        }
    }
}

fn leaves(chart: &Chart, snapshot: &Snapshot) -> Vec<Arc<str>> {
    snapshot.leaves(chart).into_iter().map(Arc::from).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Change::Renamed { from, to } => write!(f, "`{from}` is `{to}` now"),
            Change::Left { state, why, to } => {
                write!(f, "leave `{state}`, with its old exit actions: {why}")?;
                match to {
                    Some(to) => write!(f, ", and `migrate` sends it to `{to}`"),
                    None => Ok(()),
                }
            }
            Change::Entered { state } => write!(f, "enter `{state}`, with its entry actions"),
            Change::Begun { state } if state.is_empty() => {
                write!(f, "the chart goes on at its initial state")
            }
            Change::Begun { state } => write!(f, "`{state}` goes on at its initial state"),
            Change::Final { state } => write!(f, "`{state}` is final now"),
            Change::Data { name, from, to } => write!(f, "data `{name}`: {from} becomes {to}"),
            Change::DataAdded { name, value } => write!(f, "data `{name}` is new: {value}"),
            Change::DataDropped { name, value } => {
                write!(f, "data `{name}` is gone; it was {value}")
            }
            Change::TimerDropped { event } => write!(f, "the timer `{event}` is gone"),
            Change::TimerSet { event, left, .. } => {
                let left = Duration::from_millis(left.unsigned_abs());
                let left = write_duration(left);
                write!(f, "the timer `{event}` is set, due in {left}")
            }
            Change::ActivityStopped { id } => write!(f, "the activity `{id}` is stopped"),
            Change::ActivityStarted { state } => write!(f, "`{state}` starts an activity"),
            Change::HistoryForgotten { state } => {
                write!(f, "the history `{state}` forgets states that are gone")
            }
            Change::Note { text } => write!(f, "note: {text}"),
        }
    }
}
