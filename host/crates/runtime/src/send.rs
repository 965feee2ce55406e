//! `send` with a target: events for a workflow or for another agent.
//!
//! An agent that runs alone has neither, and its chart is told so with the event SCXML has for it.

use crate::live::CauseKind;
use crate::run::Run;
use types::Value;

impl Run<'_> {
    /// Deliver `event` to `target`.
    pub(crate) fn send(&mut self, event: &str, target: &str, _data: &Value) {
        let message = match target {
            "workflow" => format!("`{event}` was not sent: this run is not bound to a workflow"),
            _ => format!("`{event}` was not sent: nobody called `{target}` is here"),
        };
        self.fail(
            "error.communication",
            CauseKind::Other,
            &message,
            "unreachable",
            None,
        );
    }
}
