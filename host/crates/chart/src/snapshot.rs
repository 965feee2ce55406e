//! Where a running chart is: everything that a step reads and changes, and nothing else. Between steps the queues are empty, because a step
//! runs until nothing more can happen; timers, delayed sends, history and invocations live in here until they are due or left.

use crate::chart::Chart;
use crate::interpret::accepts;
use crate::queue::Queued;
use crate::set::StateSet;
use crate::{StateId, program::Program};
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Deref;
use std::sync::Arc;
use types::{ContentHash, Event, Value};

/// The state of one running chart. Made by [`start`](crate::start), changed by [`step`](crate::step) only; stored by
/// [`Snapshot::save`].
#[derive(Clone, Debug, PartialEq)]
pub struct Snapshot {
    /// The chart it is of: numbers mean nothing in another one.
    pub(crate) chart: ContentHash,
    /// The active states, the chart itself included while it runs.
    pub(crate) active: StateSet,
    pub(crate) data: Vec<Value>,
    pub(crate) internal: VecDeque<Queued>,
    pub(crate) external: VecDeque<Queued>,
    /// Counts everything that is scheduled, so that ties come in order.
    pub(crate) next_order: u64,
    pub(crate) done: bool,
    pub(crate) output: Value,
    pub(crate) slow: Slow,
}

/// What most steps leave alone; a step that changes it keeps a copy to go back to.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Slow {
    /// By number of the history state.
    pub history: Vec<Option<Vec<StateId>>>,
    pub delayed: Vec<Delayed>,
    pub invocations: Vec<Invocation>,
    /// Slots that do not exist yet.
    pub missing: Vec<u16>,
    /// States whose late data has been set.
    pub initialised: Vec<StateId>,
    /// Counts generated ids.
    pub next_id: u64,
    /// Of a child chart, the last event: its exit actions can see it when its parent ends it.
    pub event: Option<Queued>,
}

/// A timer, or a send that waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delayed {
    pub due: i64,
    pub order: u64,
    pub what: Waiting,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Waiting {
    /// Belongs to a state and ends with it.
    Timer { state: StateId, event: Arc<str> },
    /// Outlives the state that sent it. It is much larger than a timer and much rarer.
    Send(Box<Sending>),
}

/// A send that waits.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sending {
    /// What `cancel` knows it by.
    pub id: Option<Arc<str>>,
    pub target: Target,
    pub queued: Queued,
}

/// Where an event goes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Target {
    /// The chart's own external queue.
    Own,
    /// The chart's own internal queue.
    Internal,
    /// The chart that invoked this one.
    Parent,
    /// An invocation of this chart, by its id.
    Invocation(Arc<str>),
    /// Someone the host knows.
    Outside(Arc<str>),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Invocation {
    pub id: Arc<str>,
    pub state: StateId,
    /// Which of the state's invokes.
    pub number: u16,
    pub running: Running,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Running {
    Activity(Arc<str>),
    Child {
        key: Arc<str>,
        snapshot: Box<Snapshot>,
    },
}

/// A timer or a delayed send that is due. Hand it to [`step`](crate::step) like an event; it reads as the [`Event`] it stands for, and it is
/// what a journal keeps, because it also says whose it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Due {
    #[serde(flatten)]
    pub(crate) event: Event,
    /// When it was due; `event.time` is when it was taken.
    pub(crate) due: i64,
    pub(crate) target: Target,
    /// The invocations that lead to the chart it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) path: Vec<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) send_id: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) origin: Option<Arc<str>>,
}

impl Due {
    /// The event it stands for; its time is when it was taken.
    pub fn event(&self) -> &Event {
        &self.event
    }

    /// When it was due.
    pub fn due_at(&self) -> i64 {
        self.due
    }
}

impl Deref for Due {
    type Target = Event;
    fn deref(&self) -> &Event {
        &self.event
    }
}

impl Snapshot {
    /// Nothing active, data not yet set.
    pub(crate) fn empty(program: &Program, chart: ContentHash) -> Self {
        Snapshot {
            chart,
            active: StateSet::with_room(program.nodes.len()),
            data: vec![Value::Null; program.data.len()],
            internal: VecDeque::new(),
            external: VecDeque::new(),
            next_order: 0,
            done: false,
            output: Value::Null,
            slow: Slow {
                history: vec![None; program.histories.len()],
                missing: program.missing.clone(),
                ..Slow::default()
            },
        }
    }

    /// The hash of the chart it is of.
    pub fn chart(&self) -> ContentHash {
        self.chart
    }

    /// The active states in document order, ancestors included, the chart itself not.
    pub fn configuration(&self) -> impl Iterator<Item = StateId> {
        self.active.iter().filter(|s| *s != StateId::ROOT)
    }

    /// The ids of the active leaf states, sorted.
    pub fn leaves<'c>(&self, chart: &'c Chart) -> Vec<&'c str> {
        let mut leaves: Vec<&str> = self
            .configuration()
            .filter_map(|s| chart.program.infos.get(s.index()))
            .filter(|info| info.is_leaf())
            .map(|info| &*info.id)
            .collect();
        leaves.sort_unstable();
        leaves
    }

    /// Whether the state with this id is active.
    pub fn is_active(&self, chart: &Chart, id: &str) -> bool {
        chart.find(id).is_some_and(|s| self.active.contains(s))
    }

    /// The `signal.*` events that some active state listens to now, sorted. Guards are not asked, because they may depend on the event.
    pub fn open_signals<'c>(&self, chart: &'c Chart) -> Vec<&'c str> {
        chart
            .signals()
            .filter(|name| self.accepts(chart, name))
            .collect()
    }

    /// Whether some active state has a transition that listens to the event `name`; guards are not asked.
    pub fn accepts(&self, chart: &Chart, name: &str) -> bool {
        !self.done && accepts(&chart.program, self, name)
    }

    /// Whether some active state carries `tag`.
    pub fn has_tag(&self, chart: &Chart, tag: &str) -> bool {
        self.configuration()
            .filter_map(|s| chart.program.infos.get(s.index()))
            .any(|info| info.tags.iter().any(|t| t == tag))
    }

    /// Whether the chart has ended: a top-level final state was reached.
    pub fn is_done(&self) -> bool {
        self.done
    }

    /// What the top-level final state handed over; `null` before the end.
    pub fn output(&self) -> &Value {
        &self.output
    }

    /// One entry of the chart's data.
    pub fn data(&self, chart: &Chart, name: &str) -> Option<&Value> {
        let slot = chart.program.data.get_index_of(name)?;
        self.data
            .get(slot)
            .filter(|_| !self.slow.missing.contains(&(slot as u16)))
    }

    /// The chart's data as one JSON object, in file order.
    pub fn data_json(&self, chart: &Chart) -> serde_json::Value {
        chart
            .data_names()
            .filter_map(|name| Some((name.to_owned(), self.data(chart, name)?.to_json())))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    /// Whether the invocation `id` is running: its state is active and it has not answered that it is done.
    pub fn is_invoked(&self, id: &str) -> bool {
        self.slow.invocations.iter().any(|i| &*i.id == id)
    }

    /// Running activities as (invocation id, state, activity), in the order in which they were started.
    pub fn activities<'s>(
        &'s self,
        chart: &'s Chart,
    ) -> impl Iterator<Item = (&'s str, &'s str, &'s str)> {
        self.slow
            .invocations
            .iter()
            .filter_map(|i| match &i.running {
                Running::Activity(name) => {
                    let state = chart.program.infos.get(i.state.index())?;
                    Some((&*i.id, &*state.id, &**name))
                }
                Running::Child { .. } => None,
            })
    }

    /// Timers and delayed sends that wait, as (when they are due, the event they will be), the earliest first; those of child charts are not
    /// among them.
    pub fn waiting(&self) -> Vec<(i64, Arc<str>)> {
        let mut waiting: Vec<&Delayed> = self.slow.delayed.iter().collect();
        waiting.sort_by_key(|delayed| (delayed.due, delayed.order));
        let event = |delayed: &'_ Delayed| match &delayed.what {
            Waiting::Timer { event, .. } => event.clone(),
            Waiting::Send(sending) => sending.queued.event.name.clone(),
        };
        waiting.iter().map(|d| (d.due, event(d))).collect()
    }

    /// When the next timer or delayed send is due, in milliseconds; those of child charts count too.
    pub fn next_due(&self) -> Option<i64> {
        self.earliest().map(|(due, _)| due)
    }

    /// (due, order) of the earliest thing that waits.
    fn earliest(&self) -> Option<(i64, u64)> {
        let own = self.slow.delayed.iter().map(|d| (d.due, d.order));
        let children = self
            .slow
            .invocations
            .iter()
            .filter_map(|i| match &i.running {
                Running::Child { snapshot, .. } => snapshot.earliest(),
                Running::Activity(_) => None,
            });
        own.chain(children).min()
    }

    /// Take out the earliest thing that is due at `now`; ties come in the order in which they were scheduled. The result goes to
    /// [`step`](crate::step); its event's time is `now`.
    pub fn take_due(&mut self, now: i64) -> Option<Due> {
        let wanted = self.earliest().filter(|(due, _)| *due <= now)?;
        self.take(wanted, now)
    }

    fn take(&mut self, wanted: (i64, u64), now: i64) -> Option<Due> {
        if let Some(position) = self
            .slow
            .delayed
            .iter()
            .position(|d| (d.due, d.order) == wanted)
        {
            let delayed = self.slow.delayed.remove(position);
            return Some(match delayed.what {
                Waiting::Timer { event, .. } => Due {
                    event: Event::new(event, Value::Null, now),
                    due: delayed.due,
                    target: Target::Own,
                    path: Vec::new(),
                    send_id: None,
                    origin: None,
                },
                Waiting::Send(sending) => Due {
                    event: Event {
                        time: now,
                        ..sending.queued.event
                    },
                    due: delayed.due,
                    target: sending.target,
                    path: Vec::new(),
                    send_id: sending.queued.send_id,
                    origin: sending.queued.origin,
                },
            });
        }
        self.slow.invocations.iter_mut().find_map(|invocation| {
            let Running::Child { snapshot, .. } = &mut invocation.running else {
                return None;
            };
            let mut due = snapshot.take(wanted, now)?;
            due.path.insert(0, invocation.id.clone());
            Some(due)
        })
    }
}
