//! Snapshots as they are stored: states by name, data by name, so that what was stored says what it means without the chart beside it, and
//! survives a chart that has gained or lost other states.

use crate::chart::Chart;
use crate::program::{Program, Shape};
use crate::queue::Queued;
use crate::set::StateSet;
use crate::snapshot::{Delayed, Invocation, Running, Sending, Slow, Snapshot, Target, Waiting};
use crate::state::StateId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use types::Value;

/// A snapshot with names instead of numbers: what a journal keeps. Made by [`Snapshot::save`], turned back by [`SavedSnapshot::restore`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SavedSnapshot {
    /// The active states, in document order.
    pub configuration: Vec<Arc<str>>,
    /// The chart's data; an entry that does not exist yet is absent.
    pub data: BTreeMap<Arc<str>, Value>,
    /// What history states remember.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub history: BTreeMap<Arc<str>, Vec<Arc<str>>>,
    /// Timers and delayed sends, in the order in which they were scheduled.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    delayed: Vec<SavedDelayed>,
    /// Running invocations, in the order in which they were started.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    invocations: Vec<SavedInvocation>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    internal: VecDeque<Queued>,
    #[serde(default, skip_serializing_if = "VecDeque::is_empty")]
    external: VecDeque<Queued>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    initialised: Vec<Arc<str>>,
    /// Of a child chart, the last event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<Queued>,
    next_order: u64,
    next_id: u64,
    /// Whether the chart has ended.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub done: bool,
    /// What it handed over at its end.
    #[serde(default)]
    pub output: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedDelayed {
    due: i64,
    order: u64,
    #[serde(flatten)]
    what: SavedWaiting,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedWaiting {
    Timer {
        state: Arc<str>,
        event: Arc<str>,
    },
    Send {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<Arc<str>>,
        target: Target,
        queued: Queued,
    },
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct SavedInvocation {
    id: Arc<str>,
    state: Arc<str>,
    number: u16,
    #[serde(flatten)]
    running: SavedRunning,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SavedRunning {
    Activity(Arc<str>),
    Child {
        key: Arc<str>,
        snapshot: Box<SavedSnapshot>,
    },
}

/// Why a stored snapshot does not fit a chart.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RestoreError {
    /// A state is gone.
    #[error(
        "the chart `{chart}` has no state `{state}`; run it with the version it was stored with, or migrate it"
    )]
    NoState {
        /// The chart.
        chart: String,
        /// The state that the snapshot names.
        state: String,
    },
    /// A data entry is gone.
    #[error(
        "the chart `{chart}` has no data entry `{name}`; run it with the version it was stored with, or migrate it"
    )]
    NoData {
        /// The chart.
        chart: String,
        /// The entry that the snapshot names.
        name: String,
    },
    /// Something the chart invoked is gone.
    #[error(
        "the chart `{chart}` no longer invokes `{invocation}`; run it with the version it was stored with, or migrate it"
    )]
    NoInvoke {
        /// The chart.
        chart: String,
        /// The invocation's id.
        invocation: String,
    },
    /// The active states are none that the chart can be in.
    #[error(
        "the states of this snapshot cannot be active together in the chart `{chart}`; run it with the version it was stored with, or migrate it"
    )]
    Illegal {
        /// The chart.
        chart: String,
    },
}

impl Snapshot {
    /// This snapshot with names instead of numbers.
    pub fn save(&self, chart: &Chart) -> SavedSnapshot {
        save(self, &chart.program, chart)
    }
}

impl SavedSnapshot {
    /// The snapshot again, for `chart`. What the chart has and the snapshot does not begins as it does in the chart.
    pub fn restore(&self, chart: &Chart) -> Result<Snapshot, RestoreError> {
        restore(self, &chart.program, chart)
    }
}

fn save(snapshot: &Snapshot, program: &Program, chart: &Chart) -> SavedSnapshot {
    let name = |state: &StateId| program.name_of(*state).clone();
    let slow = &snapshot.slow;
    let history = program
        .nodes
        .iter()
        .enumerate()
        .filter_map(|(index, node)| {
            let Shape::History(number) = node.shape else {
                return None;
            };
            let remembered = slow.history.get(usize::from(number))?.as_ref()?;
            Some((
                name(&StateId::new(index)),
                remembered.iter().map(name).collect(),
            ))
        });
    let data = program.data.keys().zip(&snapshot.data).enumerate();
    let data = data.filter(|(slot, _)| !slow.missing.contains(&(*slot as u16)));
    SavedSnapshot {
        configuration: snapshot.configuration().map(|s| name(&s)).collect(),
        data: data
            .map(|(_, (name, value))| (name.clone(), value.clone()))
            .collect(),
        history: history.collect(),
        delayed: slow
            .delayed
            .iter()
            .map(|delayed| save_delayed(delayed, program))
            .collect(),
        invocations: slow
            .invocations
            .iter()
            .map(|invocation| SavedInvocation {
                id: invocation.id.clone(),
                state: name(&invocation.state),
                number: invocation.number,
                running: save_running(&invocation.running, chart),
            })
            .collect(),
        internal: snapshot.internal.clone(),
        external: snapshot.external.clone(),
        initialised: slow.initialised.iter().map(name).collect(),
        event: slow.event.clone(),
        next_order: snapshot.next_order,
        next_id: slow.next_id,
        done: snapshot.done,
        output: snapshot.output.clone(),
    }
}

fn save_delayed(delayed: &Delayed, program: &Program) -> SavedDelayed {
    SavedDelayed {
        due: delayed.due,
        order: delayed.order,
        what: match &delayed.what {
            Waiting::Timer { state, event } => SavedWaiting::Timer {
                state: program.name_of(*state).clone(),
                event: event.clone(),
            },
            Waiting::Send(sending) => SavedWaiting::Send {
                id: sending.id.clone(),
                target: sending.target.clone(),
                queued: sending.queued.clone(),
            },
        },
    }
}

fn save_running(running: &Running, chart: &Chart) -> SavedRunning {
    match running {
        Running::Activity(name) => SavedRunning::Activity(name.clone()),
        Running::Child { key, snapshot } => {
            let saved = chart
                .library
                .get(key)
                .map(|program| save(snapshot, program, chart));
            SavedRunning::Child {
                key: key.clone(),
                snapshot: Box::new(saved.unwrap_or_default()),
            }
        }
    }
}

fn restore(
    saved: &SavedSnapshot,
    program: &Program,
    chart: &Chart,
) -> Result<Snapshot, RestoreError> {
    let find = |name: &Arc<str>| find(program, name);
    let mut snapshot = Snapshot::empty(program, chart.hash);
    if !saved.done {
        snapshot.active.insert(StateId::ROOT);
    }
    for state in &saved.configuration {
        snapshot.active.insert(find(state)?);
    }
    if !is_legal(&snapshot.active, program, saved.done) {
        return Err(RestoreError::Illegal {
            chart: program.name.to_string(),
        });
    }
    for (slot, beginning) in program.beginnings.iter().enumerate() {
        if let crate::program::Beginning::Value(value) = beginning {
            snapshot.data[slot] = value.clone();
        }
    }
    let mut missing = program.missing.clone();
    for (name, value) in &saved.data {
        let slot = program
            .data
            .get_index_of(name)
            .ok_or_else(|| RestoreError::NoData {
                chart: program.name.to_string(),
                name: name.to_string(),
            })?;
        snapshot.data[slot] = value.clone();
        missing.retain(|m| usize::from(*m) != slot);
    }
    let mut history = vec![None; program.histories.len()];
    for (name, states) in &saved.history {
        if let Shape::History(number) = program.node(find(name)?).shape {
            let states: Result<Vec<StateId>, RestoreError> = states.iter().map(find).collect();
            history[usize::from(number)] = Some(states?);
        }
    }
    let delayed: Result<Vec<Delayed>, RestoreError> = saved
        .delayed
        .iter()
        .map(|delayed| restore_delayed(delayed, program))
        .collect();
    let invocations: Result<Vec<Invocation>, RestoreError> = saved
        .invocations
        .iter()
        .map(|i| restore_invocation(i, program, chart))
        .collect();
    let initialised: Result<Vec<StateId>, RestoreError> =
        saved.initialised.iter().map(find).collect();
    snapshot.slow = Slow {
        history,
        delayed: delayed?,
        invocations: invocations?,
        missing,
        initialised: initialised?,
        next_id: saved.next_id,
        event: saved.event.clone(),
    };
    snapshot.internal.clone_from(&saved.internal);
    snapshot.external.clone_from(&saved.external);
    snapshot.next_order = saved.next_order;
    snapshot.done = saved.done;
    snapshot.output = saved.output.clone();
    Ok(snapshot)
}

fn find(program: &Program, name: &Arc<str>) -> Result<StateId, RestoreError> {
    program
        .ids
        .get(name)
        .copied()
        .ok_or_else(|| RestoreError::NoState {
            chart: program.name.to_string(),
            state: name.to_string(),
        })
}

fn restore_delayed(saved: &SavedDelayed, program: &Program) -> Result<Delayed, RestoreError> {
    Ok(Delayed {
        due: saved.due,
        order: saved.order,
        what: match &saved.what {
            SavedWaiting::Timer { state, event } => Waiting::Timer {
                // The chart itself has no name.
                state: if state.is_empty() {
                    StateId::ROOT
                } else {
                    find(program, state)?
                },
                event: event.clone(),
            },
            SavedWaiting::Send { id, target, queued } => Waiting::Send(Box::new(Sending {
                id: id.clone(),
                target: target.clone(),
                queued: queued.clone(),
            })),
        },
    })
}

fn restore_invocation(
    saved: &SavedInvocation,
    program: &Program,
    chart: &Chart,
) -> Result<Invocation, RestoreError> {
    let gone = || RestoreError::NoInvoke {
        chart: program.name.to_string(),
        invocation: saved.id.to_string(),
    };
    let state = if saved.state.is_empty() {
        StateId::ROOT
    } else {
        find(program, &saved.state)?
    };
    if usize::from(saved.number) >= program.content(state).invokes.len() {
        return Err(gone());
    }
    let running = match &saved.running {
        SavedRunning::Activity(name) => Running::Activity(name.clone()),
        SavedRunning::Child { key, snapshot } => {
            let child = chart.library.get(key).ok_or_else(gone)?;
            Running::Child {
                key: key.clone(),
                snapshot: Box::new(restore(snapshot, child, chart)?),
            }
        }
    };
    Ok(Invocation {
        id: saved.id.clone(),
        state,
        number: saved.number,
        running,
    })
}

/// Whether these states can be active together: each with its parent, one child of a compound state, all of a parallel one.
pub(crate) fn is_legal(active: &StateSet, program: &Program, done: bool) -> bool {
    let is_active = |s: &StateId| active.contains(*s);
    if done {
        // Where a chart has ended, only its final state is listed.
        return active.iter().all(|s| program.node(s).shape == Shape::Final)
            && active.iter().count() <= 1;
    }
    active.contains(StateId::ROOT)
        && active.iter().all(|state| {
            let children = &program.content(state).children;
            let count = children.iter().filter(|c| is_active(c)).count();
            is_active(&program.node(state).parent)
                && match program.node(state).shape {
                    Shape::Compound => count == 1,
                    Shape::Parallel => count == children.len(),
                    Shape::Atomic | Shape::Final => true,
                    Shape::History(_) => false,
                }
        })
}
