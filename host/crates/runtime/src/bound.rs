//! An agent's side of a workflow: which instance it is bound to, in which role, what that instance's states add to its context and its policy, and how it hands
//! in what it was asked for.
//!
//! The instance itself lives elsewhere. What it says to the agent comes as messages and is recorded in the agent's own run, so that what a payload was made
//! of, and what a call was granted, can be found out from that run alone.

use crate::inbox::Told;
use crate::record::Kind;
use crate::run::Run;
use context::{Estimator, ToolOffer};
use definitions::{ChartBundle, House};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use types::{Item, Provenance, Role, ToolCall, ToolSchema, Value};

/// The host's own tool by which a model hands in what its role asks for.
pub(crate) const HAND_IN: &str = "hand_in";
/// The event by which an agent's chart hears that there is work.
pub(crate) const ASSIGNED: &str = "work.assigned";
/// The event by which it hears that it is not its work any more.
pub(crate) const WITHDRAWN: &str = "work.withdrawn";

/// The event by which it hears that the workflow does not take what was handed in.
pub(crate) const REFUSED: &str = "work.refused";
/// What it is told where only its binding has changed.
pub(crate) const CHANGED: &str = "work.changed";

/// To what an agent is bound, as it is recorded.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Binding {
    /// The workflow's instance.
    pub instance: Arc<str>,
    /// The workflow's chart.
    pub workflow: Arc<str>,
    /// The role.
    pub role: Arc<str>,
    /// The instance's active states that count for it, from the outermost in; none while no state with its role is active.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub states: Vec<Arc<str>>,
    /// Whether there is work for it to hand in.
    #[serde(default)]
    pub works: bool,
    /// The words that the role hands in with, where it has some: recorded here, since a payload is made again from this record.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outcomes: Vec<Arc<str>>,
}

impl Binding {
    /// The workflow's definition, and the places of its states that count.
    pub fn places<'h>(
        &self,
        house: &'h House,
    ) -> Option<(&'h Arc<ChartBundle>, Vec<chart::StateId>)> {
        let bundle = house.charts.get(&self.workflow)?;
        let states = self.states.iter();
        // A state that a newer version does not have adds nothing.
        let states = states.filter_map(|state| bundle.chart.find(state));
        Some((bundle, states.collect()))
    }

    /// The tool by which the model hands in, while there is something to hand in.
    pub(crate) fn hand_in(&self, open: bool, estimator: &dyn Estimator) -> Option<ToolOffer> {
        let bound = Some(self).filter(|bound| bound.works)?;
        let outcome = match &bound.outcomes[..] {
            [] => {
                json!({ "type": "string", "description": "One word that the workflow acts on, for instance done, accepted or rejected." })
            }
            words => {
                json!({ "type": "string", "enum": words, "description": "The word that the workflow acts on." })
            }
        };
        let schema = ToolSchema {
            name: HAND_IN.into(),
            description: format!(
                "Hand in the work of the role `{}` in the workflow `{}`. Do it once, when the work is done or when you are sure that it cannot be. It takes effect after the other calls of this round.",
                bound.role, bound.workflow
            )
            .into(),
            parameters: Arc::new(json!({
                "type": "object",
                "required": ["outcome"],
                "additionalProperties": false,
                "properties": {
                    "outcome": outcome,
                    "notes": { "type": "string", "description": "What whoever takes it from here should know." },
                    "artefacts": { "type": "object", "description": "What was made, by name: paths, summaries, figures." }
                }
            })),
        };
        Some(ToolOffer::measured(schema, open, estimator))
    }
}

impl Run {
    /// The workflow does not take what was handed in: it may be handed in otherwise.
    pub(crate) fn hand_in_refused(&mut self, told: &Told) {
        self.handed_in = false;
        self.reminded = false;
        if self.snapshot.accepts(&self.bundle.chart, REFUSED) {
            self.happen(REFUSED, Value::from(&told.data), None);
            return;
        }
        let why = told.data["why"].as_str().unwrap_or("it does not say why");
        self.told(&format!(
            "[The workflow does not take what you handed in: {why}]"
        ));
    }

    /// What the agent is bound to.
    pub(crate) fn work(&self) -> Option<&Binding> {
        self.bound.as_ref()
    }

    /// The binding is another by now.
    pub(crate) fn bind(&mut self, binding: Option<Binding>) {
        if self.bound == binding {
            return;
        }
        match &binding {
            Some(bound) => self.record(Kind::Bound, bound),
            None => self.record(Kind::Unbound, &json!({ "was": self.bound })),
        }
        self.bound = binding;
        self.handed_in = false;
        self.grants.forget();
    }

    /// There is work for the agent in its role.
    pub(crate) fn assigned(&mut self, told: &Told) {
        self.handed_in = false;
        self.reminded = false;
        let data = Value::from(&told.data);
        if self.snapshot.accepts(&self.bundle.chart, ASSIGNED) {
            self.happen(ASSIGNED, data, None);
            return;
        }
        let text = work_in_words(&told.data);
        self.told(&text);
    }

    /// The chart has come to its end and its role's work is not handed in: the agent is told so, once for each assignment and each refusal. Whether it was.
    pub(crate) fn remind_of_work(&mut self) -> bool {
        let Some(bound) = self.bound.as_ref().filter(|bound| bound.works) else {
            return false;
        };
        if self.handed_in || self.reminded {
            return false;
        }
        let text = format!(
            "[Nothing was handed in for your role `{}` in the workflow `{}`. Call `{HAND_IN}` now: with what you have, or with an outcome that says that it cannot be done. You are not reminded again.]",
            bound.role, bound.workflow
        );
        self.remind(&text);
        true
    }

    /// It is not its work any more: what is under way for it ends, unless the chart sees to that itself.
    pub(crate) fn withdrawn(&mut self, told: &Told) {
        if self.snapshot.accepts(&self.bundle.chart, WITHDRAWN) {
            self.happen(WITHDRAWN, Value::from(&told.data), None);
            return;
        }
        let why = told.data["why"].as_str().unwrap_or("the workflow went on");
        for id in self.activities.keys().cloned().collect::<Vec<_>>() {
            self.cancel(&id, "its work was withdrawn", false);
        }
        self.remember(Item::Text {
            role: Role::User,
            text: format!("[The work in your role was withdrawn: {why}]").into(),
            provenance: Provenance::House,
            labels: Vec::new(),
        });
    }

    /// The model hands in. What it reads of that, and whether it failed.
    pub(crate) fn hand_in(&mut self, call: &ToolCall) -> (String, bool) {
        let arguments: serde_json::Value =
            serde_json::from_str(&call.arguments.plain()).unwrap_or_default();
        let Some(bound) = self.bound.clone().filter(|bound| bound.works) else {
            let why =
                "denied: there is nothing to hand in: no workflow waits for work in your role";
            return (why.into(), true);
        };
        if self.handed_in {
            return ("denied: it is handed in already".into(), true);
        }
        let Some(outcome) = arguments["outcome"]
            .as_str()
            .filter(|word| !word.is_empty())
        else {
            return ("invalid: `outcome` is missing: say in one word what came of it, for instance done or rejected".into(), true);
        };
        if !matches!(
            &arguments["notes"],
            serde_json::Value::Null | serde_json::Value::String(_)
        ) {
            return ("invalid: `notes` is a text".into(), true);
        }
        if !matches!(
            &arguments["artefacts"],
            serde_json::Value::Null | serde_json::Value::Object(_)
        ) {
            return (
                "invalid: `artefacts` is an object of names and values".into(),
                true,
            );
        }
        let data = json!({
            "role": bound.role, "outcome": outcome, "notes": arguments["notes"], "artefacts": arguments["artefacts"],
        });
        self.handed_in = true;
        self.send_out(&bound.instance, HAND_IN, Value::from(&data));
        (format!("handed in as `{}`: {outcome}", bound.role), false)
    }
}

/// What there is to do, as the model reads it.
fn work_in_words(data: &serde_json::Value) -> String {
    let word = |key: &str| data[key].as_str().unwrap_or_default().to_owned();
    let mut text = format!(
        "[You hold the role `{}` of the workflow `{}` (instance {}), which is in `{}` and waits for your work.",
        word("role"),
        word("workflow"),
        word("instance"),
        word("state")
    );
    let more = [
        ("input", "What it is about"),
        ("notes", "Notes of those who worked on it before you"),
        ("artefacts", "What was handed in so far"),
        ("data", "Where the workflow stands"),
        (
            "change",
            "The change: what is wanted, what depends on it, what differs, its files",
        ),
    ];
    for (key, what) in more {
        let empty = match &data[key] {
            serde_json::Value::Null => true,
            serde_json::Value::Array(list) => list.is_empty(),
            serde_json::Value::Object(map) => map.is_empty(),
            serde_json::Value::String(text) => text.is_empty(),
            _ => false,
        };
        if empty {
            continue;
        }
        let shown = match &data[key] {
            serde_json::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        text.push_str(&format!("\n{what}: {shown}"));
    }
    text.push_str(&format!(
        "\nWhen it is done, call `{HAND_IN}` with the outcome.]"
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_reads_the_words_of_its_role_and_what_was_recorded_without_them_reads_as_it_did() {
        let of = |more: &str| -> Binding {
            let body = format!(
                "{{\"instance\":\"i\",\"workflow\":\"w\",\"role\":\"r\",\"works\":true{more}}}"
            );
            let bound: Binding = serde_json::from_str(&body).unwrap();
            assert_eq!(serde_json::to_string(&bound).unwrap(), body);
            bound
        };
        let outcome = |bound: &Binding| {
            let estimator = context::counter(context::Counting::Estimate);
            let offer = bound.hand_in(true, estimator).unwrap();
            offer.schema.parameters["properties"]["outcome"].clone()
        };
        assert_eq!(
            outcome(&of("")),
            json!({ "type": "string", "description": "One word that the workflow acts on, for instance done, accepted or rejected." })
        );
        let with = outcome(&of(",\"outcomes\":[\"conforms\",\"does-not\"]"));
        assert_eq!(with["enum"], json!(["conforms", "does-not"]));
        assert!(!with.to_string().contains("accepted"), "{with}");
    }
}
