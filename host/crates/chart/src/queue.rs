//! Events on their way: what a queue holds is an event and what SCXML wants to know of where it came from.

use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{Event, Value};

/// SCXML's name for the way events travel between charts.
pub(crate) const PROCESSOR: &str = "http://www.w3.org/TR/scxml/#SCXMLEventProcessor";

/// Who put an event on a queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum EventKind {
    /// The chart itself, with `raise`.
    Internal,
    /// Someone outside, or the chart itself with `send`.
    #[default]
    External,
    /// The interpreter: `done.*`, `error.*`.
    Platform,
}

impl EventKind {
    /// As `_event.type` spells it.
    pub fn name(self) -> &'static str {
        match self {
            EventKind::Internal => "internal",
            EventKind::External => "external",
            EventKind::Platform => "platform",
        }
    }
}

/// An event on a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Queued {
    pub event: Event,
    #[serde(default)]
    pub kind: EventKind,
    /// The id of the `send` it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub send_id: Option<Arc<str>>,
    /// An address that answers can be sent to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Arc<str>>,
    /// The invocation it came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invoke: Option<Arc<str>>,
}

impl Queued {
    /// An event of `kind` without further ado.
    pub fn new(kind: EventKind, name: Arc<str>, data: Value, time: i64) -> Self {
        Queued {
            event: Event { name, data, time },
            kind,
            send_id: None,
            origin: None,
            invoke: None,
        }
    }
}

/// The event that a chart is at.
#[derive(Debug, Default)]
pub(crate) enum Current<'e> {
    /// None yet.
    #[default]
    None,
    /// One from outside, where the caller has it: nothing is copied for the commonest case.
    Lent(&'e Event),
    /// One from a queue.
    Queued(Queued),
}

impl Current<'_> {
    /// To be looked at.
    #[inline]
    pub fn seen(&self) -> Option<Seen<'_>> {
        match self {
            Current::None => None,
            Current::Lent(event) => Some(Seen {
                event,
                queued: None,
            }),
            Current::Queued(queued) => Some(queued.into()),
        }
    }
}

/// An event as expressions see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen<'e> {
    pub event: &'e Event,
    /// Where it came from, if it says.
    queued: Option<&'e Queued>,
}

impl<'e> From<&'e Queued> for Seen<'e> {
    fn from(queued: &'e Queued) -> Self {
        Seen {
            event: &queued.event,
            queued: Some(queued),
        }
    }
}

impl<'e> Seen<'e> {
    pub fn kind(self) -> EventKind {
        self.queued.map_or(EventKind::External, |q| q.kind)
    }

    pub fn send_id(self) -> Option<&'e Arc<str>> {
        self.queued?.send_id.as_ref()
    }

    pub fn origin(self) -> Option<&'e Arc<str>> {
        self.queued?.origin.as_ref()
    }

    pub fn invoke(self) -> Option<&'e Arc<str>> {
        self.queued?.invoke.as_ref()
    }

    /// To be passed on.
    pub fn to_queued(self) -> Queued {
        match self.queued {
            Some(queued) => queued.clone(),
            None => Queued {
                event: self.event.clone(),
                kind: EventKind::External,
                send_id: None,
                origin: None,
                invoke: None,
            },
        }
    }
}

/// An event for `step`, with the invocation it came from if it came from one.
#[derive(Clone, Debug)]
pub struct Incoming<'a> {
    /// What happened.
    pub event: &'a Event,
    /// The id of the invocation that answers with it: its `finalize` runs first.
    pub invoke: Option<&'a str>,
    /// Where a due timer or delayed send goes; `None` for everything from outside.
    pub(crate) due: Option<&'a crate::snapshot::Due>,
}

impl<'a> Incoming<'a> {
    /// `event`, as the answer of the invocation `invoke`.
    pub fn from_invocation(event: &'a Event, invoke: &'a str) -> Self {
        Incoming {
            invoke: Some(invoke),
            ..Incoming::from(event)
        }
    }
}

impl<'a> From<&'a Event> for Incoming<'a> {
    fn from(event: &'a Event) -> Self {
        Incoming {
            event,
            invoke: None,
            due: None,
        }
    }
}

impl<'a> From<&'a crate::snapshot::Due> for Incoming<'a> {
    fn from(due: &'a crate::snapshot::Due) -> Self {
        Incoming {
            event: &due.event,
            invoke: None,
            due: Some(due),
        }
    }
}
