//! A call that has come back: its outcome is recorded and booked, and becomes what the model will read.

use super::{Called, Ran, cut, in_words, last_json};
use crate::account::Component;
use crate::live::RunEvent;
use crate::record::Kind;
use crate::round::{Finished, Progress};
use crate::run::Run;
use serde_json::json;
use std::sync::Arc;
use types::{Effect, Outcome, Provenance, Text, ToolName, ToolResult};

/// What a token is long at least, in any language that models read well.
const BYTES_PER_TOKEN: u64 = 3;

impl Run {
    /// A call has come back from the sandbox.
    pub(crate) fn called(&mut self, called: Called) {
        self.over(called.effect);
        for inspected in &called.inspected {
            self.guarded(&called.ran.account, called.effect, "result", inspected);
        }
        self.came_back(
            &called.invocation,
            called.slot,
            called.effect,
            &called.outcome,
            Some(called.ran),
        );
        self.advance(&called.invocation);
    }

    pub(super) fn came_back(
        &mut self,
        id: &Arc<str>,
        index: usize,
        effect: u64,
        outcome: &Outcome,
        ran: Option<Ran>,
    ) {
        let Some(slot) = self.slot(id, index) else {
            return;
        };
        let call = slot.call.clone();
        let tool = ToolName::from_wire(&call.name);
        let mut body =
            json!({ "effect": effect, "call": call.id, "tool": call.name, "outcome": outcome });
        if let Some(ran) = &ran {
            body["provenance"] = json!(ran.provenance);
            body["labels"] = json!(ran.labels);
        }
        self.record(Kind::Outcome, &body);
        let took = outcome.wall_us > 0 || outcome.fuel > 0;
        if let (true, Some(ran)) = (took, &ran) {
            let component = Component {
                tool: tool
                    .as_ref()
                    .map_or(call.name.clone(), |t| t.as_str().into()),
                by: Some(&ran.provenance),
                given: call.arguments.len() as u64,
                answered: outcome.bytes(),
            };
            self.book_component(ran.account.clone(), component, outcome);
        }
        for line in &outcome.log {
            self.show(RunEvent::Log {
                source: call.name.clone(),
                message: line.clone(),
            });
        }
        let error = outcome.result.as_ref().err().map(ToString::to_string);
        self.show(RunEvent::Outcome {
            id: self.effect_id(effect),
            tool: call.name.clone(),
            ok: error.is_none(),
            error,
            wall_us: outcome.wall_us,
        });
        let writes = ran.as_ref().is_some_and(|ran| ran.effect != Effect::None);
        let (provenance, labels) = match ran {
            Some(ran) if took => (ran.provenance, ran.labels),
            _ => (Provenance::House, vec![]),
        };
        let failed = outcome.result.is_err();
        let notes = tool.map_or_else(String::new, |tool| self.take_notes(tool.plugin()));
        let text = cut(in_words(outcome), self.longest_result()) + &notes;
        let result = ToolResult {
            call: call.id,
            name: call.name,
            text: self.readable(text),
            failed,
            provenance,
            labels,
        };
        if let Some(activity) = self.activities.get_mut(id) {
            activity.changed |= writes && !failed;
            activity.failed += u32::from(failed);
            activity.slots[index].progress = Progress::Finished(Box::new(Finished {
                result,
                error: outcome.result.as_ref().err().map(|error| error.kind),
                json: last_json(outcome),
            }));
        }
    }

    /// What did not come from the house, as it joins the conversation: it cannot open or close a section of the map.
    pub(crate) fn readable(&self, text: String) -> Text {
        let map = &self.agent.context;
        let mut models = self.asked.iter().map(|asked| &asked.parameters.name);
        match models.any(|model| map.has_sections(model)) {
            true => context::neutralise(&text, map).into(),
            false => text.into(),
        }
    }

    /// Longest result that goes into the conversation, in bytes. One answer may fill a quarter of the window and no more: a longer one would push the
    /// whole conversation out of it, or not fit at all, whatever the sandbox's own output limit is.
    pub(crate) fn longest_result(&self) -> usize {
        // Whoever of those asked has the smallest window may have to read it.
        let rooms = self.asked.iter().map(|asked| {
            let parameters = &asked.parameters;
            parameters
                .context_length
                .saturating_sub(parameters.max_output)
        });
        let room = rooms.min().unwrap_or(0);
        usize::try_from(room / 4 * BYTES_PER_TOKEN).unwrap_or(usize::MAX)
    }
}
