//! A chart as the interpreter runs it: flat tables indexed by state number. Everything that can be known at load is in here (ancestors,
//! subtree ranges, transition domains, entry sets), so that a step looks things up instead of working them out.

use crate::descriptor::Descriptor;
use crate::expr::{DataNames, Expr, Type};
use crate::set::StateSet;
use crate::shown::Shown;
use crate::vocabulary::{Meant, Vocabulary};
use crate::{ChartKind, Mode, StateId, StateInfo};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;
use types::{ContentHash, Place, Value};

/// One chart, compiled.
#[derive(Debug)]
pub(crate) struct Program {
    pub name: Arc<str>,
    /// Its session's id when it is not a child, and the address of that session.
    pub session: Arc<str>,
    pub address: Arc<str>,
    pub version: String,
    pub kind: ChartKind,
    pub mode: Mode,
    /// What people and other parts want to know of each state.
    pub infos: Vec<StateInfo>,
    /// What selection needs of each state; kept apart and small, because it is read at every event.
    pub nodes: Vec<Node>,
    /// What entering and leaving needs of each state.
    pub contents: Vec<Content>,
    pub ids: HashMap<Arc<str>, StateId>,
    pub transitions: Vec<Transition>,
    /// The default of each history state, by its number in [`Shape::History`].
    pub histories: Vec<History>,
    pub data: DataNames,
    /// How each data entry begins, by slot; late ones and ones made by `foreach` begin as nothing.
    pub beginnings: Vec<Beginning>,
    /// Slots that do not exist at first.
    pub missing: Vec<u16>,
    /// The chart's own start.
    pub start: EntryPlan,
    pub tables: Tables,
    /// Activities that are invoked by name, with their places.
    pub activities: Vec<(Arc<str>, Place)>,
    /// What a child chart does, as a hash; that of the chart itself is in [`Chart`](crate::Chart).
    pub content_hash: Option<ContentHash>,
    /// Concrete `signal.*` events that something listens to, sorted.
    pub signals: Vec<Arc<str>>,
    /// The words of each state, for pictures; no step reads them.
    pub shown: Vec<Shown>,
}

/// What the interpreter would otherwise have to find out again in every step.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    pub vocabulary: Vocabulary,
    /// By state, in the order in which they are asked.
    pub listeners: Vec<Listener>,
    /// The states that can be leaves of a configuration.
    pub leaves: StateSet,
    /// States with `always` transitions.
    pub always: StateSet,
    /// States that do something when they are entered, besides becoming active.
    pub entering: StateSet,
    /// States that do something when they are left.
    pub leaving: StateSet,
    /// Whether any state invokes anything.
    pub invokes: bool,
}

/// A transition and one of the descriptors that it listens by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Listener {
    pub meant: Meant,
    pub transition: u32,
}

/// What sort of state, as the interpreter tells them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    Atomic,
    Compound,
    Parallel,
    Final,
    History(u16),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// The root's parent is the root.
    pub parent: StateId,
    /// One past the last descendant.
    pub end: u16,
    pub shape: Shape,
    /// Transitions with events, in document order.
    pub events: Range<u32>,
    /// The same in [`Tables::listeners`].
    pub listeners: Range<u32>,
    /// Transitions without.
    pub always: Range<u32>,
}

/// What happens when a state is entered, left, or finished.
#[derive(Debug, Default)]
pub(crate) struct Content {
    pub entry: Vec<Block>,
    pub exit: Vec<Block>,
    /// Where a compound state begins, and the actions on the way.
    pub initial: Vec<StateId>,
    pub initial_actions: Block,
    /// Children that are states, in document order.
    pub children: Vec<StateId>,
    /// Children that are history states.
    pub histories: Vec<StateId>,
    pub timers: Vec<TimerSpec>,
    pub invokes: Vec<InvokeSpec>,
    pub output: Option<Payload>,
    /// Data set at the first entry.
    pub late: Vec<(u16, Beginning)>,
    /// `done.state.<id>`.
    pub done_event: Arc<str>,
}

#[derive(Debug)]
pub(crate) struct History {
    pub deep: bool,
    pub default: Vec<StateId>,
    pub actions: Block,
}

#[derive(Clone, Debug)]
pub(crate) enum Beginning {
    Value(Value),
    Expr(Expr),
}

/// How far a transition reaches: it leaves every active state inside its domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Domain {
    /// It leaves nothing.
    None,
    State(StateId),
    /// It depends on what a history state remembers.
    Dynamic,
}

#[derive(Debug)]
pub(crate) struct Transition {
    pub source: StateId,
    /// Empty for `always`.
    pub descriptors: Vec<Descriptor>,
    pub guard: Option<Expr>,
    pub targets: Vec<StateId>,
    pub actions: Block,
    /// May stay inside its source (SCXML's `type="internal"`).
    pub stays: bool,
    pub domain: Domain,
    pub entry: EntryPlan,
    pub place: Place,
}

/// Which states are entered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum EntryPlan {
    /// Known at load: each state, and whether it is entered by default (its initial actions run).
    Fixed(Vec<(StateId, bool)>),
    /// It depends on what a history state remembers.
    Dynamic,
}

/// Actions that an error ends together.
pub(crate) type Block = Vec<Action>;

#[derive(Debug)]
pub(crate) enum Action {
    Assign {
        location: Location,
        expr: Expr,
    },
    Raise {
        event: Arc<str>,
        data: Option<Payload>,
    },
    Send(Box<SendSpec>),
    Cancel(Text),
    Log {
        label: Option<Arc<str>>,
        expr: Option<Expr>,
    },
    If(Vec<(Option<Expr>, Block)>),
    Foreach(Box<ForeachSpec>),
    /// Something wrong that the suites want reported at run time.
    Fail(Arc<str>),
}

/// Where an assignment goes: a data entry, or something inside the map it holds.
#[derive(Clone, Debug)]
pub(crate) struct Location {
    pub slot: u16,
    pub path: Vec<Arc<str>>,
    /// What the entry may hold.
    pub kind: Type,
}

#[derive(Debug)]
pub(crate) struct ForeachSpec {
    pub array: Expr,
    pub item: Location,
    pub index: Option<Location>,
    pub actions: Block,
}

#[derive(Debug)]
pub(crate) enum Text {
    Fixed(Arc<str>),
    Expr(Expr),
}

#[derive(Debug)]
pub(crate) enum Payload {
    Map(Vec<(Arc<str>, Expr)>),
    One(Expr),
}

#[derive(Debug)]
pub(crate) enum Delay {
    Milliseconds(i64),
    Expr(Expr),
}

#[derive(Debug)]
pub(crate) struct SendSpec {
    pub event: Text,
    pub target: Option<Text>,
    pub delay: Option<Delay>,
    pub id: Option<Arc<str>>,
    pub id_location: Option<Location>,
    pub data: Option<Payload>,
    pub transport: Option<Text>,
}

#[derive(Debug)]
pub(crate) struct TimerSpec {
    /// `timer.<state>.<delay>`.
    pub event: Arc<str>,
    pub milliseconds: i64,
}

#[derive(Debug)]
pub(crate) struct InvokeSpec {
    pub id: Option<Arc<str>>,
    pub id_location: Option<Location>,
    pub what: What,
    pub transport: Option<Text>,
    pub params: Option<Payload>,
    pub autoforward: bool,
    pub finalize: Block,
}

#[derive(Debug)]
pub(crate) enum What {
    Activity(Arc<str>),
    /// A child chart, by its key in the library.
    Chart(Arc<str>),
    /// A child chart's key or an activity's name, computed.
    Expr(Expr),
}

impl Payload {
    /// Whether both are written alike.
    pub fn reads_like(&self, other: &Payload) -> bool {
        match (self, other) {
            (Payload::One(a), Payload::One(b)) => a.text == b.text,
            (Payload::Map(a), Payload::Map(b)) => {
                let pairs = a.iter().zip(b);
                a.len() == b.len()
                    && pairs.fold(true, |so_far, ((n, a), (m, b))| {
                        so_far && n == m && a.text == b.text
                    })
            }
            _ => false,
        }
    }
}

impl Program {
    pub fn node(&self, state: StateId) -> &Node {
        &self.nodes[state.index()]
    }

    pub fn content(&self, state: StateId) -> &Content {
        &self.contents[state.index()]
    }

    /// Where the subtree of `state` ends.
    pub fn end(&self, state: StateId) -> usize {
        usize::from(self.node(state).end)
    }

    /// Whether `state` lies inside `ancestor` (and is not it).
    pub fn is_descendant(&self, state: StateId, ancestor: StateId) -> bool {
        state > ancestor && state.index() < self.end(ancestor)
    }

    /// The states above `state`, from the inside out, the root last.
    pub fn ancestors(&self, state: StateId) -> impl Iterator<Item = StateId> + '_ {
        let mut at = state;
        std::iter::from_fn(move || {
            let parent = self.node(at).parent;
            let more = at != parent;
            at = parent;
            more.then_some(parent)
        })
    }

    pub fn is_leaf(&self, state: StateId) -> bool {
        matches!(self.node(state).shape, Shape::Atomic | Shape::Final)
    }

    pub fn name_of(&self, state: StateId) -> &Arc<str> {
        &self.infos[state.index()].id
    }

    /// The innermost compound state (never a parallel) that has all of `states` inside it.
    pub fn common_ancestor(&self, source: StateId, states: &[StateId]) -> StateId {
        self.ancestors(source)
            .filter(|a| self.node(*a).shape == Shape::Compound)
            .find(|a| states.iter().all(|s| self.is_descendant(*s, *a)))
            .unwrap_or(StateId::ROOT)
    }
}
