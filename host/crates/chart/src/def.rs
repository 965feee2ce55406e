//! A chart as its author wrote it: the tree that `compile` turns into a [`Chart`](crate::Chart).
//!
//! `definitions` builds this from YAML and the conformance runner from neutral JSON; neither syntax is known here. Every name and every
//! expression carries its place, because whatever is wrong with it is reported there.

use std::time::Duration;
use types::{Marked, Place, Value};

/// Text of an expression, at its place.
pub type ExprText = Marked<String>;

/// What a chart describes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ChartKind {
    /// How an agent thinks.
    #[default]
    Cognition,
    /// What is worked on.
    Workflow,
}

/// A whole chart.
#[derive(Clone, Debug, PartialEq)]
pub struct ChartDef {
    /// Its name.
    pub name: Marked<String>,
    /// Its version, as written.
    pub version: String,
    /// Cognition or workflow.
    pub kind: ChartKind,
    /// Its data, in file order.
    pub data: Vec<DataDef>,
    /// The root: `initial`, `states` and `on` of the chart itself. Its id is empty.
    pub root: StateDef,
}

/// One entry of a chart's `data`.
#[derive(Clone, Debug, PartialEq)]
pub struct DataDef {
    /// Its name; `data.<name>` in expressions.
    pub name: Marked<String>,
    /// A literal (YAML), or an expression evaluated when the chart starts (conformance cases).
    pub value: DataValue,
}

/// Where a data entry's first value comes from.
#[derive(Clone, Debug, PartialEq)]
pub enum DataValue {
    /// A literal; its type becomes the entry's type, `null` is dynamic.
    Literal(Value),
    /// An expression; the entry is dynamic.
    Expr(ExprText),
}

/// What sort of state.
#[derive(Clone, Debug, PartialEq)]
pub enum StateKind {
    /// Atomic when it has no children, compound when it has.
    Normal,
    /// All children are active at once.
    Parallel,
    /// Reaching it ends its parent.
    Final,
    /// Remembers where its parent was.
    History {
        /// The whole depth, or only the parent's direct child.
        deep: bool,
    },
}

/// A state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateDef {
    /// Its id, unique in the chart; empty for the root.
    pub id: Marked<String>,
    /// What it is for, in its author's words.
    pub doc: Option<String>,
    /// Tags such as `needs-human`.
    pub tags: Vec<String>,
    /// What sort.
    pub kind: StateKind,
    /// Where a compound state begins. For a history state its default. Absent where it has one child.
    pub initial: Option<InitialDef>,
    /// Children in file order.
    pub states: Vec<StateDef>,
    /// Entry handlers; each is a block, and an error ends only its own block.
    pub entry: Vec<Vec<ActionDef>>,
    /// Exit handlers.
    pub exit: Vec<Vec<ActionDef>>,
    /// Transitions in document order: `on`, `always` (no events, no delay) and `after` (a delay).
    pub transitions: Vec<TransitionDef>,
    /// Activities that run while the state is active.
    pub invoke: Vec<InvokeDef>,
    /// What a final state's done event carries.
    pub output: Option<OutputDef>,
    /// Data declared on this state (conformance cases with late binding); normally empty.
    pub data: Vec<DataDef>,
}

/// The start of a compound state.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialDef {
    /// States to enter; several only across parallel regions.
    pub targets: Vec<Marked<String>>,
    /// Actions between the parent's entry and the child's.
    pub actions: Vec<ActionDef>,
}

/// A transition.
#[derive(Clone, Debug, PartialEq)]
pub struct TransitionDef {
    /// Event descriptors; empty for `always` and `after`.
    pub events: Vec<Marked<String>>,
    /// For `after`: the time in the state after which it is taken.
    pub after: Option<Duration>,
    /// Taken only when this is true.
    pub guard: Option<ExprText>,
    /// Where it leads; empty for a transition that only acts.
    pub targets: Vec<Marked<String>>,
    /// What it does, in order.
    pub actions: Vec<ActionDef>,
    /// SCXML's external transition: leaves the source even if the target lies inside it.
    pub reenter: bool,
    /// Where it stands.
    pub place: Place,
}

/// An action.
#[derive(Clone, Debug, PartialEq)]
pub enum ActionDef {
    /// `assign: { name: expr }`; one per name. The location is a path below `data` such as `rounds` or `plan.step`.
    Assign {
        /// What is set.
        location: Marked<String>,
        /// To what.
        expr: ExprText,
    },
    /// Put an event on the chart's own internal queue.
    Raise {
        /// Its name.
        event: Marked<String>,
        /// Its data.
        data: Option<DataExpr>,
    },
    /// Send an event to someone, now or later.
    Send(Box<SendDef>),
    /// Withdraw a delayed send by its id.
    Cancel {
        /// The id.
        id: TextOrExpr,
    },
    /// Write a line to the log.
    Log {
        /// A fixed label.
        label: Option<String>,
        /// What to log.
        expr: Option<ExprText>,
    },
    /// The first branch whose guard holds (no guard: else).
    If(Vec<(Option<ExprText>, Vec<ActionDef>)>),
    /// Once for each element of a list.
    Foreach {
        /// The list.
        array: ExprText,
        /// The data entry that holds the element.
        item: Marked<String>,
        /// The data entry that holds its index.
        index: Option<Marked<String>>,
        /// What to do.
        actions: Vec<ActionDef>,
    },
}

/// Fixed text, or an expression that yields text.
#[derive(Clone, Debug, PartialEq)]
pub enum TextOrExpr {
    /// Fixed.
    Text(Marked<String>),
    /// Computed.
    Expr(ExprText),
}

/// Data built from expressions.
#[derive(Clone, Debug, PartialEq)]
pub enum DataExpr {
    /// A map of names to expressions.
    Map(Vec<(Marked<String>, ExprText)>),
    /// One expression.
    One(ExprText),
}

/// `send`.
#[derive(Clone, Debug, PartialEq)]
pub struct SendDef {
    /// The event's name.
    pub event: TextOrExpr,
    /// `None` is the chart itself; `workflow`, `agent:ID`, `#_internal`, `#_parent`, `#_<invokeid>`.
    pub target: Option<TextOrExpr>,
    /// How long to wait: a fixed time or an expression that yields text such as `'10s'` or a number of milliseconds.
    pub delay: Option<Delay>,
    /// An id to cancel it by.
    pub id: Option<String>,
    /// A data entry that receives a generated id.
    pub id_location: Option<Marked<String>>,
    /// What it carries.
    pub data: Option<DataExpr>,
    /// SCXML's type of the transport (conformance cases); unknown ones are an `error.execution`.
    pub transport: Option<TextOrExpr>,
    /// Where it stands.
    pub place: Place,
}

/// A delay.
#[derive(Clone, Debug, PartialEq)]
pub enum Delay {
    /// Fixed.
    Fixed(Duration),
    /// Computed.
    Expr(ExprText),
}

/// `invoke`.
#[derive(Clone, Debug, PartialEq)]
pub struct InvokeDef {
    /// An id; generated as `<state>.<n>` when absent.
    pub id: Option<String>,
    /// A data entry that receives the id.
    pub id_location: Option<Marked<String>>,
    /// What runs: an activity of the host, or a child chart (conformance cases).
    pub what: InvokeWhat,
    /// Its parameters.
    pub params: Option<DataExpr>,
    /// Whether external events are passed on to it.
    pub autoforward: bool,
    /// Actions run on each event that comes back from it, before transitions are chosen.
    pub finalize: Vec<ActionDef>,
    /// Where it stands.
    pub place: Place,
}

/// What an `invoke` starts.
#[derive(Clone, Debug, PartialEq)]
pub enum InvokeWhat {
    /// An activity that the host runs, by name: `turn`, `think`, `act`, `plugin`, ….
    Activity(Marked<String>),
    /// A child chart, given inline.
    Chart(Box<ChartDef>),
    /// A child chart or activity whose name is computed.
    Expr(ExprText),
    /// One of the above with SCXML's type of what is invoked (conformance cases); unknown types are an `error.execution`.
    Typed {
        /// The type.
        transport: TextOrExpr,
        /// What runs.
        what: Box<InvokeWhat>,
    },
}

/// What a final state hands to its `done.state.*` event.
#[derive(Clone, Debug, PartialEq)]
pub struct OutputDef {
    /// The data.
    pub data: DataExpr,
}
