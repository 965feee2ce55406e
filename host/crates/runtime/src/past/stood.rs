//! Where a run's chart stands: as it was stored last, with the steps taken again that were recorded since.

use super::Past;
use crate::admission::EXHAUSTED;
use crate::live::{Cause, CauseKind, Status};
use chart::{Chart, Due, Effects, Incoming, SavedSnapshot, Snapshot};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{Event, Value};

/// A step of the chart, as it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Stepped {
    pub(super) event: Option<Named>,
    pub(super) time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) invocation: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) due: Option<Due>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) name: Arc<str>,
    #[serde(default)]
    pub(super) data: Value,
}

/// The chart where it stood, with what its last error was.
pub(crate) struct Stood {
    pub(crate) snapshot: Snapshot,
    /// The trouble of the last event that no state handled.
    pub(crate) unhandled: Option<Cause>,
    /// Whether something was refused for its cost, and no state handled that.
    pub(crate) over_budget: bool,
}

impl Past {
    /// Where its chart stands, which must be the chart that its steps are of. `None` where it never began.
    pub(crate) fn stood(&self, chart: &Chart) -> Result<Option<Stood>, String> {
        let mut effects = Effects::new();
        let mut snapshot = match &self.base {
            Some(saved) => Some(saved.restore(chart).map_err(|error| error.to_string())?),
            None => None,
        };
        let mut unhandled = None;
        let stopped = |status: Option<Status>| status == Some(Status::Budget);
        let mut over_budget = stopped(self.over) || stopped(self.rested);
        for step in &self.steps {
            let Some(named) = &step.event else {
                let begun = chart::start(chart, step.time, &mut effects);
                snapshot = Some(begun.map_err(|error| error.to_string())?);
                over_budget = false;
                effects.clear();
                continue;
            };
            let Some(snapshot) = &mut snapshot else {
                return Err("its chart took an event before it began".into());
            };
            let event = Event {
                name: named.name.clone(),
                data: named.data.clone(),
                time: step.time,
            };
            if event.name.starts_with("error") && !snapshot.accepts(chart, &event.name) {
                unhandled = Some(trouble(&event));
            } else if event.name.ends_with(".done") {
                unhandled = None;
                over_budget = false;
            } else if &*event.name == EXHAUSTED {
                over_budget = !snapshot.accepts(chart, &event.name);
            }
            // A timer that fired waits no more.
            let due = step.due.as_ref();
            let due = due.map(|due| snapshot.take_due(step.time).unwrap_or_else(|| due.clone()));
            let incoming = match (&due, &step.invocation) {
                (Some(due), _) => Incoming::from(due),
                (None, Some(id)) => Incoming::from_invocation(&event, id),
                (None, None) => Incoming::from(&event),
            };
            chart::step(chart, snapshot, incoming, &mut effects)
                .map_err(|error| error.to_string())?;
            effects.clear();
        }
        Ok(snapshot.map(|snapshot| Stood {
            snapshot,
            unhandled,
            over_budget,
        }))
    }

    /// Where its chart was stored last, with nothing that happened since: for a chart that its steps are not of.
    pub(crate) fn stored(&self) -> Option<&SavedSnapshot> {
        self.base.as_ref().filter(|_| self.steps.is_empty())
    }

    /// The same with all steps taken: what a snapshot holds.
    pub(crate) fn settled(mut self, snapshot: &Snapshot, chart: &Chart) -> Self {
        self.base = Some(snapshot.save(chart));
        self.steps.clear();
        self
    }
}

/// What an error event says.
fn trouble(event: &Event) -> Cause {
    let message = event.data.get("message").and_then(Value::as_text);
    Cause {
        kind: match &*event.name {
            "error.provider" => CauseKind::Provider,
            _ => CauseKind::Other,
        },
        message: message.unwrap_or(&event.name).to_owned(),
    }
}
