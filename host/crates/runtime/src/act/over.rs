//! The end of a round: what the host itself answers (signals, and work that is handed in), and every answer in the conversation.

use super::SIGNAL;
use crate::bound::HAND_IN;
use crate::live::CauseKind;
use crate::record::Kind;
use crate::round::{Finished, Progress};
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;
use types::{CallErrorKind, Item, Provenance, ToolCall, ToolResult, Value};

impl Run {
    /// All calls but signals are over: raise the signals, put every answer into the conversation, go on.
    pub(super) fn end_round(&mut self, id: &Arc<str>) {
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        let for_model = activity.for_model;
        let said = activity.said.take();
        let slots = std::mem::take(&mut activity.slots);
        if let Some(said) = said {
            self.remember(said);
        }
        for slot in slots {
            match slot.progress {
                Progress::Finished(finished) if !for_model => {
                    return self.fixed_call_over(id, *finished);
                }
                Progress::Finished(finished) => self.remember(Item::Result(finished.result)),
                _ => {
                    let result = match &*slot.call.name {
                        HAND_IN => self.handing_in(slot.call),
                        _ => self.signal(slot.call),
                    };
                    self.remember(Item::Result(result));
                }
            }
        }
        self.say_what_waited();
        self.resuming.push_back(id.clone());
    }

    /// The chart's own call is over: its chart hears what came of it.
    fn fixed_call_over(&mut self, id: &Arc<str>, finished: Finished) {
        let Finished {
            result,
            error,
            json,
        } = finished;
        match error {
            None => {
                let data =
                    Value::map([("text", Value::text(&*result.text.plain())), ("json", json)]);
                self.finish(id, data);
            }
            Some(kind) => {
                let cause = match kind {
                    CallErrorKind::Denied => CauseKind::Denied,
                    _ => CauseKind::Other,
                };
                self.finish_failed(
                    id,
                    "error.plugin",
                    cause,
                    &result.text.plain(),
                    kind.as_str(),
                );
            }
        }
    }

    /// The model hands in what its role asks for.
    fn handing_in(&mut self, call: ToolCall) -> ToolResult {
        let (text, failed) = match self.held.get(&call.id) {
            Some(why) => (format!("denied: {why}"), true),
            None => self.hand_in(&call),
        };
        self.record(
            Kind::Outcome,
            &json!({ "call": call.id, "tool": HAND_IN, "handed_in": !failed }),
        );
        ToolResult {
            call: call.id,
            name: call.name,
            text: text.into(),
            failed,
            provenance: Provenance::House,
            labels: Vec::new(),
        }
    }

    /// The model raises an event: only one that some open state accepts at this moment.
    fn signal(&mut self, call: ToolCall) -> ToolResult {
        let open: Vec<String> = self
            .snapshot
            .open_signals(&self.bundle.chart)
            .into_iter()
            .map(str::to_owned)
            .collect();
        let arguments: serde_json::Value =
            serde_json::from_str(&call.arguments.plain()).unwrap_or_default();
        let event = arguments["event"].as_str().unwrap_or_default();
        let held = self.held.get(&call.id).cloned();
        let accepted = held.is_none() && open.iter().any(|name| name == event);
        let text = if let Some(why) = held {
            format!("denied: {why}")
        } else if accepted {
            let note = Value::from(&arguments["note"]);
            self.happen(event, Value::map([("note", note)]), None);
            format!("raised {event}")
        } else if open.is_empty() {
            format!("denied: `{event}` is not raised: no state accepts a signal now")
        } else {
            format!(
                "denied: `{event}` is not raised: the open states accept {}",
                open.join(", ")
            )
        };
        self.record(
            Kind::Outcome,
            &json!({ "call": call.id, "tool": SIGNAL, "event": event, "raised": accepted }),
        );
        ToolResult {
            call: call.id,
            name: call.name,
            text: text.into(),
            failed: !accepted,
            provenance: Provenance::House,
            labels: Vec::new(),
        }
    }
}

/// Whether the host itself answers `call`, once the round's others are over.
pub(super) fn is_of_the_host(call: &ToolCall) -> bool {
    matches!(&*call.name, SIGNAL | HAND_IN)
}
