//! `turn`: think, run the calls, think again, until the model stops calling. Payload and policy are made anew in every round.

use crate::live::CauseKind;
use crate::round::ActivityKind;
use crate::run::Run;
use std::sync::Arc;
use types::Value;

/// Inferences that one turn may make. A model that still calls tools after so many goes round in circles, and each costs money.
const THOUGHTS_PER_TURN: u32 = 200;

impl Run {
    /// The model has answered without calling anything.
    pub(crate) fn rest_after(&mut self, id: &Arc<str>) {
        let Some(activity) = self.activities.get(id) else {
            return;
        };
        let data = Value::map([
            ("state", Value::text(activity.state.clone())),
            ("text", Value::text(&*activity.text.plain())),
            ("changed", Value::Bool(activity.changed)),
            ("calls", Value::Int(i64::from(activity.calls))),
            ("failed", Value::Int(i64::from(activity.failed))),
        ]);
        self.finish(id, data);
    }

    /// The calls of a round are over.
    pub(crate) fn round_over(&mut self, id: &Arc<str>) {
        let Some(activity) = self.activities.get(id) else {
            return;
        };
        match activity.kind {
            ActivityKind::Turn if activity.thoughts >= THOUGHTS_PER_TURN => self.finish_failed(
                id,
                "error.limit",
                CauseKind::Other,
                &format!("the turn was stopped after {THOUGHTS_PER_TURN} inferences that all called tools"),
                "limit",
            ),
            ActivityKind::Turn => self.think(id),
            _ => self.rest_after(id),
        }
    }
}
