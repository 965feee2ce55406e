//! Activities: started by a state, stopped when it is left.

use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::round::{Activity, ActivityKind, Progress};
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;
use types::{Item, Provenance, ToolResult, Value};

impl Run<'_> {
    /// Start `activity` as the invocation `id`.
    pub(crate) fn invoke(&mut self, id: Arc<str>, state: Arc<str>, activity: &str, params: Value) {
        let Some(kind) = ActivityKind::parse(activity) else {
            // `check` refuses such a chart; a name computed at run time arrives here.
            self.fail(
                "error.execution",
                CauseKind::Other,
                &format!("there is no activity `{activity}`"),
                "invalid",
                Some(&id),
            );
            return;
        };
        self.activities
            .insert(id.clone(), Activity::new(kind, state, params.clone()));
        match kind {
            ActivityKind::Think | ActivityKind::Turn => self.think(&id),
            ActivityKind::Act => self.act_on_last_reply(&id),
            ActivityKind::Plugin => self.call_fixed(&id),
            ActivityKind::Ask => self.show(RunEvent::Ask { question: params }),
        }
    }

    /// End the invocation `id` with `<activity>.done`.
    pub(crate) fn finish(&mut self, id: &Arc<str>, data: Value) {
        if let Some(activity) = self.activities.remove(id) {
            self.all_well();
            self.happen(&format!("{}.done", activity.kind.name()), data, Some(id));
        }
    }

    /// End the invocation `id` with an error event.
    pub(crate) fn finish_failed(
        &mut self,
        id: &Arc<str>,
        name: &str,
        kind: CauseKind,
        message: &str,
        detail: &str,
    ) {
        if self.activities.remove(id).is_some() {
            self.fail(name, kind, message, detail, Some(id));
        }
    }

    /// Stop the invocation `id`: its effects are dropped, and calls that the model will never hear of otherwise get an answer that says so.
    pub(crate) fn cancel(&mut self, id: &str, why: &str) {
        self.abort(id);
        let Some(activity) = self.activities.remove(id) else {
            return;
        };
        let unfinished: Vec<ToolResult> = activity
            .slots
            .into_iter()
            .filter(|_| activity.for_model)
            .map(|slot| match slot.progress {
                Progress::Finished(finished) => finished.result,
                Progress::Waiting => unanswered(slot.call.id, slot.call.name, "not run", why),
                Progress::Running => {
                    unanswered(slot.call.id, slot.call.name, "stopped while it ran", why)
                }
            })
            .collect();
        self.record(
            Kind::Stopped,
            &json!({ "invocation": id, "activity": activity.kind.name(), "state": activity.state, "why": why }),
        );
        for result in unfinished {
            self.remember(Item::Result(result));
        }
    }
}

fn unanswered(call: Arc<str>, name: Arc<str>, what: &str, why: &str) -> ToolResult {
    ToolResult {
        call,
        name,
        text: format!("{what}: {why}").into(),
        failed: true,
        provenance: Provenance::House,
        labels: Vec::new(),
    }
}
