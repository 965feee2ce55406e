//! Events that go to somebody else: to the workflow that the agent is bound to, to another agent, to the run that began this one.
//!
//! What is sent is a record first. Whoever carries it reads it from there when the host died in between, so it arrives, and it arrives once.

use crate::live::CauseKind;
use crate::record::Kind;
use crate::request::Outbound;
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;
use types::Value;

/// Families of events that come from the host alone. A chart may compute an event's name from what its model says, so what is not here anybody can say.
const OF_THE_HOST: [&str; 10] = [
    "agent", "budget", "done", "host", "human", "role", "run", "timer", "tool", "work",
];
/// What a chart sends to its workflow to leave its role.
pub(crate) const DETACH: &str = "work.detach";

impl Run {
    /// Deliver `event` to `target`, which a chart has named.
    pub(crate) fn send(&mut self, event: &str, target: &str, data: &Value) {
        match self.address(event, target) {
            Ok(to) => self.send_out(&to, event, data.clone()),
            Err(why) => self.fail(
                "error.communication",
                CauseKind::Other,
                &format!("`{event}` was not sent: {why}"),
                "unreachable",
                None,
            ),
        }
    }

    fn address(&self, event: &str, target: &str) -> Result<Arc<str>, String> {
        let family = event.split('.').next().unwrap_or_default();
        let to: Arc<str> = match (target, target.strip_prefix("agent:"), &self.bound) {
            ("workflow", _, Some(bound)) => bound.instance.clone(),
            ("workflow", _, None) => return Err("this run is not bound to a workflow".into()),
            (_, Some(agent), _) => agent.into(),
            _ => return Err(format!("nobody called `{target}` is here")),
        };
        if OF_THE_HOST.contains(&family) && !(target == "workflow" && event == DETACH) {
            return Err(format!("`{family}.*` comes from the host alone"));
        }
        match &self.others {
            Some(others) => others.address(&to),
            None => Err(format!("nobody called `{target}` is here")),
        }
    }

    /// Say `event` to the run, agent or instance `to`.
    pub(crate) fn send_out(&mut self, to: &Arc<str>, event: &str, data: Value) {
        let body = json!({ "to": to, "event": event, "data": data });
        let said = Outbound {
            to: to.clone(),
            event: event.into(),
            data,
        };
        self.outbound.push((self.pending.len(), said));
        self.record(Kind::Sent, &body);
    }
}
