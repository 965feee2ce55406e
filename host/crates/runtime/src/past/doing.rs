//! What was under way when a run stopped: its activities, the inference without an answer, and the calls of a round as far as they had come.

use crate::round::ActivityKind;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{CallErrorKind, Effect, Item, Label, Provenance, Timestamp, ToolCall, Value};

/// An activity that was under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Doing {
    pub(crate) kind: ActivityKind,
    pub(crate) state: Arc<str>,
    #[serde(default)]
    pub(crate) params: Value,
    #[serde(default)]
    pub(crate) thoughts: u32,
    #[serde(default)]
    pub(crate) calls: u32,
    #[serde(default)]
    pub(crate) changed: bool,
    #[serde(default)]
    pub(crate) failed: u32,
    /// The inference that has no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asking: Option<Asking>,
    /// What the model said when it made the calls below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<Item>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slots: Vec<Made>,
    /// Calls of a model that ran when it was stopped with its run and may have taken effect: the chart hears of them when the run is taken up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) cut: Vec<Made>,
    /// Stopped with its run, and not because anything was wrong with it.
    #[serde(default)]
    pub(crate) suspended: bool,
    /// A record that came while it waited for an answer, and whose body was taken out of the journal.
    #[serde(skip)]
    pub(crate) lost: Option<u64>,
}

/// An inference that was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asking {
    pub(crate) effect: u64,
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    /// Tokens as they were estimated.
    pub(crate) tokens: u64,
    /// Whether it costs nothing.
    #[serde(default)]
    pub(crate) free: bool,
    /// When: prices change.
    #[serde(default)]
    pub(crate) time: Timestamp,
}

/// A call of a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) call: ToolCall,
    pub(crate) progress: Progress,
}

/// How far a call had come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// Not begun.
    Waiting,
    /// Begun, and nothing is known of its end.
    Running {
        effect: u64,
        /// What doing it twice would do.
        repeat: Effect,
        /// A person had not answered yet whether it may be made.
        asks: bool,
    },
    /// It has come back.
    Finished(Box<Ended>),
}

/// What a call came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) text: String,
    pub(crate) error: Option<CallErrorKind>,
    pub(crate) json: Value,
    pub(crate) provenance: Provenance,
    pub(crate) labels: Vec<Label>,
}

impl Made {
    /// Whether it was under way, and doing it again might do harm.
    pub(crate) fn is_uncertain(&self) -> bool {
        let Progress::Running { repeat, asks, .. } = self.progress else {
            return false;
        };
        !asks && repeat == Effect::Once
    }

    /// As which effect it is under way.
    pub(crate) fn effect(&self) -> Option<u64> {
        match self.progress {
            Progress::Running { effect, .. } => Some(effect),
            _ => None,
        }
    }
}

impl Doing {
    /// The record of an answer that it still waits for, as far as is known, and whose body was taken out of the journal.
    pub(super) fn misses(&self) -> Option<u64> {
        let runs = |made: &Made| made.effect().is_some();
        let waits = self.asking.is_some() || self.slots.iter().chain(&self.cut).any(runs);
        self.lost.filter(|_| waits)
    }

    /// Calls of which nobody knows what came of them: those that were cut off, and those under way of an activity that does not go on.
    pub(crate) fn uncertain(&mut self, goes_on: bool) -> Vec<Made> {
        let mut cut = std::mem::take(&mut self.cut);
        if !goes_on {
            let slots = std::mem::take(&mut self.slots);
            cut.extend(slots.into_iter().filter(Made::is_uncertain));
        }
        cut
    }

    pub(super) fn new(kind: ActivityKind, state: Arc<str>, params: Value) -> Self {
        Doing {
            kind,
            state,
            params,
            thoughts: 0,
            calls: 0,
            changed: false,
            failed: 0,
            asking: None,
            said: None,
            slots: Vec::new(),
            cut: Vec::new(),
            suspended: false,
            lost: None,
        }
    }
}

impl Ended {
    /// A call of which nobody knows whether it took effect.
    pub(crate) fn uncertain() -> Self {
        Ended {
            text: "under way when the host stopped: it may have taken effect, look before you do it again".into(),
            error: Some(CallErrorKind::Failed),
            json: Value::Null,
            provenance: Provenance::House,
            labels: Vec::new(),
        }
    }
}
