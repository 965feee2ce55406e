//! Effects: what a step wants done outside, as data. The runtime journals and performs them; this part never does.

use crate::interpret::Scratch;
use crate::trace::Trace;
use serde::Serialize;
use std::ops::Deref;
use std::sync::Arc;
use types::Value;

/// One effect, in the order in which the chart caused it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Effect {
    /// Start an activity. Its outcome comes back as an event with this invocation's id.
    Invoke {
        /// The invocation's id, unique in the run.
        id: Arc<str>,
        /// The state that invokes.
        state: Arc<str>,
        /// The activity's name.
        activity: Arc<str>,
        /// Its parameters; `null` without any.
        params: Value,
    },
    /// Stop an activity whose state has been left. One that has answered `<activity>.done` or `error.*` is not stopped again.
    CancelInvoke {
        /// The invocation's id.
        id: Arc<str>,
        /// The state that invoked.
        state: Arc<str>,
        /// The activity's name.
        activity: Arc<str>,
    },
    /// Deliver an event to someone else: `workflow`, `agent:ID`.
    Send {
        /// The id of the send, where it has one.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Arc<str>>,
        /// The event's name.
        event: Arc<str>,
        /// To whom.
        target: Arc<str>,
        /// What it carries.
        data: Value,
    },
    /// Pass an external event on to an activity with `autoforward`.
    Forward {
        /// The invocation's id.
        id: Arc<str>,
        /// The event's name.
        event: Arc<str>,
        /// What it carries.
        data: Value,
    },
    /// Write to the log.
    Log {
        /// A fixed label.
        #[serde(skip_serializing_if = "Option::is_none")]
        label: Option<Arc<str>>,
        /// What is logged.
        value: Value,
    },
    /// The chart raised an event for itself, or the interpreter raised an error. Done already; listed for those who watch.
    Raise {
        /// The event's name.
        event: Arc<str>,
        /// What it carries.
        data: Value,
    },
    /// A timer was set or a delayed send was scheduled. It lives in the snapshot; listed for those who watch.
    Schedule {
        /// The id it can be cancelled by.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Arc<str>>,
        /// The event it will be.
        event: Arc<str>,
        /// When, in milliseconds on the clock of the events.
        due: i64,
    },
    /// A delayed send was withdrawn before it was due. Done already; listed for those who watch.
    Cancel {
        /// Its id.
        id: Arc<str>,
    },
}

impl Effect {
    /// Whether it has been done inside already and nothing is left to perform.
    pub fn is_informational(&self) -> bool {
        matches!(
            self,
            Effect::Raise { .. } | Effect::Schedule { .. } | Effect::Cancel { .. }
        )
    }
}

/// The effects of one or more steps, and the interpreter's working memory: reuse one value from step to step and a step without effects
/// allocates nothing.
#[derive(Debug, Default)]
pub struct Effects {
    pub(crate) list: Vec<Effect>,
    pub(crate) scratch: Scratch,
}

impl Effects {
    /// None yet.
    pub fn new() -> Self {
        Effects::default()
    }

    /// Take all effects out; the working memory stays.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.list.drain(..)
    }

    /// From now on keep a [`Trace`] of what steps go through. It grows until it is taken.
    pub fn watch(&mut self) {
        self.scratch.working.trace.get_or_insert_default();
    }

    /// What the steps since the last call went through; empty unless [`Effects::watch`] was called.
    pub fn take_trace(&mut self) -> Trace {
        match &mut self.scratch.working.trace {
            Some(trace) => std::mem::take(&mut **trace),
            None => Trace::default(),
        }
    }

    /// Forget all effects.
    pub fn clear(&mut self) {
        self.list.clear();
    }
}

impl Deref for Effects {
    type Target = [Effect];
    fn deref(&self) -> &[Effect] {
        &self.list
    }
}

impl Serialize for Effects {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.list.serialize(serializer)
    }
}

impl<'a> IntoIterator for &'a Effects {
    type Item = &'a Effect;
    type IntoIter = std::slice::Iter<'a, Effect>;
    fn into_iter(self) -> Self::IntoIter {
        self.list.iter()
    }
}
