//! Activities: started by a state, stopped when it is left.

use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::round::{Activity, ActivityKind, Progress, Slot};
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;
use types::{Item, Provenance, ToolResult, Value};

impl Run {
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
        self.prefer(&id);
        match kind {
            ActivityKind::Think | ActivityKind::Turn => self.think(&id),
            ActivityKind::Act => self.act_on_last_reply(&id),
            ActivityKind::Plugin => self.call_fixed(&id),
            ActivityKind::Ask => self.show_question(&id),
            ActivityKind::Agent => self.begin_child(&id),
        }
    }

    /// Ask the person what the activity `id` is about.
    pub(crate) fn show_question(&self, id: &Arc<str>) {
        if let Some(activity) = self.activities.get(id) {
            let question = activity.params.clone();
            self.show(RunEvent::Ask { question });
        }
    }

    /// End the invocation `id` with `<activity>.done`.
    pub(crate) fn finish(&mut self, id: &Arc<str>, data: Value) {
        if let Some(activity) = self.activities.remove(id) {
            self.say_what_waited();
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
            self.say_what_waited();
            self.fail(name, kind, message, detail, Some(id));
        }
    }

    /// Put on the ledger what the calls of the invocation `id` took that are stopped now.
    fn book_calls(&mut self, id: &str) {
        let handles = &self.handles;
        let slots = self
            .activities
            .get_mut(id)
            .map(|activity| &mut activity.slots);
        let begun = |slot: &mut Slot| match slot.progress {
            Progress::Running(effect) if handles.contains_key(&effect) => {
                Some((slot.call.clone(), slot.expense.take()?))
            }
            _ => None,
        };
        let stopped: Vec<_> = slots.into_iter().flatten().filter_map(begun).collect();
        for (call, expense) in stopped {
            self.book_stopped(&call, expense);
        }
    }

    /// Stop the invocation `id`: its effects are dropped, and calls that the model will never hear of otherwise get an answer that says so. One that is
    /// `suspended` begins anew when the run is taken up again.
    pub(crate) fn cancel(&mut self, id: &str, why: &str, suspended: bool) {
        let streamed = self.book_stream(id, None, None);
        self.book_calls(id);
        self.abort(id);
        self.resuming.retain(|waiting| &**waiting != id);
        self.summing.forget(id);
        let Some(activity) = self.activities.remove(id) else {
            return;
        };
        let effects: Vec<u64> = activity
            .slots
            .iter()
            .filter_map(|slot| match slot.progress {
                Progress::Running(effect) => Some(effect),
                _ => None,
            })
            .collect();
        self.record(
            Kind::Stopped,
            &json!({
                "invocation": id, "activity": activity.kind.name(), "state": activity.state,
                "calls_under_way": effects, "why": why, "suspended": suspended,
            }),
        );
        if activity.kind == ActivityKind::Agent && !suspended {
            self.stop_child(id);
        }
        if let Some(text) = streamed {
            let model = self.asked.get(activity.choice);
            let model = model.map_or_else(|| "".into(), |asked| asked.parameters.name.clone());
            self.remember_cut_off(&text, &model, why);
        }
        if !activity.for_model {
            return;
        }
        if let Some(said) = activity.said {
            self.remember(said);
        }
        for slot in activity.slots {
            let result = match slot.progress {
                Progress::Finished(finished) => finished.result,
                Progress::Waiting => unanswered(slot.call.id, slot.call.name, "not run", why),
                Progress::Running(_) => unanswered(slot.call.id, slot.call.name, CUT_OFF, why),
            };
            self.remember(Item::Result(result));
        }
        self.say_what_waited();
    }
}

/// What a model reads of a call that did not come to its end.
const CUT_OFF: &str = "stopped while it ran, and may have taken effect";

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
