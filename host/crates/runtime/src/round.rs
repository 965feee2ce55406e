//! The state of one running activity: how far a `turn`, `think`, `act`, `plugin` or `ask` has come. Data only; the files named after them move it.

use crate::booking::UnderWay;
use crate::think::Expected;
use crate::used::CpuTime;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use std::time::Duration;
use types::{CallErrorKind, Cost, Item, Provenance, Text, ToolCall, ToolResult, Value};

/// What an `invoke` named.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ActivityKind {
    /// One inference.
    Think,
    /// The calls of the last inference.
    Act,
    /// Both, until no call is left.
    Turn,
    /// One fixed call.
    Plugin,
    /// A question to a person.
    Ask,
    /// Another agent, begun for this.
    Agent,
}

impl ActivityKind {
    /// The activity called `name` in a chart.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "think" => ActivityKind::Think,
            "act" => ActivityKind::Act,
            "turn" => ActivityKind::Turn,
            "plugin" => ActivityKind::Plugin,
            "ask" => ActivityKind::Ask,
            "agent" => ActivityKind::Agent,
            _ => return None,
        })
    }

    /// Its name; `<name>.done` is its event.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ActivityKind::Think => "think",
            ActivityKind::Act => "act",
            ActivityKind::Turn => "turn",
            ActivityKind::Plugin => "plugin",
            ActivityKind::Ask => "ask",
            ActivityKind::Agent => "agent",
        }
    }
}

/// An activity under way.
pub(crate) struct Activity {
    pub(crate) kind: ActivityKind,
    /// The state that invoked it.
    pub(crate) state: Arc<str>,
    pub(crate) params: Value,
    /// Inferences made.
    pub(crate) thoughts: u32,
    /// Tool calls made.
    pub(crate) calls: u32,
    /// Whether some call that writes succeeded.
    pub(crate) changed: bool,
    /// Calls that failed.
    pub(crate) failed: u32,
    /// Whom it asks: the place among those whom the agent asks.
    pub(crate) choice: usize,
    /// What was expected of the last request.
    pub(crate) expected: Expected,
    /// Tokens of the last request.
    pub(crate) sent: u64,
    /// Whether the next inference has waited already for a summary.
    pub(crate) waited: bool,
    /// The inference that is under way.
    pub(crate) under_way: Option<UnderWay>,
    /// Answers in a row that were cut off at the limit.
    pub(crate) cut_off: u32,
    /// What the model said last: the bytes that the conversation keeps.
    pub(crate) text: Text,
    /// What the model said when it made the calls of the present round. It joins the conversation together with their results: other activities may be
    /// talking meanwhile, and providers want each result right behind the call it answers.
    pub(crate) said: Option<Item>,
    /// Calls of the present round, in the model's order.
    pub(crate) slots: Vec<Slot>,
    /// Whether the calls are those of a model, which reads their results, or the chart's own.
    pub(crate) for_model: bool,
}

impl Activity {
    pub(crate) fn new(kind: ActivityKind, state: Arc<str>, params: Value) -> Self {
        Activity {
            kind,
            state,
            params,
            thoughts: 0,
            calls: 0,
            changed: false,
            failed: 0,
            choice: 0,
            expected: Expected::default(),
            sent: 0,
            waited: false,
            under_way: None,
            cut_off: 0,
            text: Text::default(),
            said: None,
            slots: Vec::new(),
            for_model: true,
        }
    }
}

/// One call of a round.
pub(crate) struct Slot {
    pub(crate) call: ToolCall,
    /// The effect as which it was begun before the host died: it is repeated under the same name.
    pub(crate) again: Option<u64>,
    pub(crate) progress: Progress,
    /// Who pays for it, once it is under way.
    pub(crate) expense: Option<Expense>,
}

/// A call that is under way, as the ledger will have it if it is stopped.
pub(crate) struct Expense {
    pub(crate) account: Cost,
    pub(crate) by: Provenance,
    pub(crate) started: Duration,
    pub(crate) cpu: CpuTime,
}

/// How far a call has come.
pub(crate) enum Progress {
    /// Not begun.
    Waiting,
    /// Under way, as this effect.
    Running(u64),
    /// Over.
    Finished(Box<Finished>),
}

/// A call that is over.
pub(crate) struct Finished {
    /// What the model reads.
    pub(crate) result: ToolResult,
    /// What sort of failure it was, for a call of the chart's own.
    pub(crate) error: Option<CallErrorKind>,
    /// The last structured part of the answer, for a call of the chart's own.
    pub(crate) json: Value,
}
