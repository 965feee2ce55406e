//! What a model answered, or why it did not: what the guards make of it, what it cost, what happens next.

use crate::booking::believable;
use crate::guards::{Guards, Inspected};
use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::round::ActivityKind;
use crate::run::Run;
use crate::think::{Expected, Tighter, Whom};
use crate::used::Used;
use sandbox::CallContext;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{
    Item, ModelError, ModelErrorKind, Provenance, Reasoning, Reply, StopReason, Text, Value,
};

/// A model that has answered, or failed to.
pub(crate) struct Answered {
    pub(crate) effect: u64,
    pub(crate) invocation: Arc<str>,
    pub(crate) whom: Whom,
    pub(crate) result: Result<Checked, ModelError>,
    pub(crate) used: Used,
}

/// A reply that the guards have seen.
pub(crate) struct Checked {
    reply: Reply,
    /// What they said of its text and of each call's arguments.
    inspected: Vec<(String, Inspected)>,
    /// Calls that are not to be made, with the reason.
    held: BTreeMap<Arc<str>, String>,
}

/// Answers in a row that may be cut off at the limit while they call tools.
const CUT_OFF_IN_A_ROW: u32 = 3;

/// How much less is sent when a server finds a payload too long.
const TIGHTER_PERCENT: u64 = 75;

impl Run {
    /// The model has answered.
    pub(crate) fn answered(&mut self, answered: Answered) {
        self.over(answered.effect);
        let id = answered.invocation;
        let checked = match answered.result {
            Ok(checked) => checked,
            Err(error) => {
                return self.unanswered(
                    &id,
                    answered.effect,
                    (&answered.whom, answered.used),
                    &error,
                );
            }
        };
        let Checked {
            mut reply,
            inspected,
            held,
        } = checked;
        self.forget_stream(&id);
        for (subject, inspected) in &inspected {
            self.guarded(&answered.whom.account, answered.effect, subject, inspected);
        }
        let expected = self
            .activities
            .get(&id)
            .map_or_else(Expected::default, |activity| activity.expected);
        if let Some(estimate) = believable(&reply, expected, &answered.whom) {
            self.show(RunEvent::Log {
                source: answered.whom.asked.parameters.provider.clone(),
                message: format!(
                    "its count of {} tokens in and {} out cannot be; {} and {} are booked",
                    reply.usage.input, reply.usage.output, estimate.input, estimate.output
                ),
            });
            reply.usage = estimate;
        }
        let mut body = json!({ "effect": answered.effect, "reply": reply });
        let held = self.held_back(&answered.whom, &reply, held);
        if !held.is_empty() {
            body["held"] = json!(held);
        }
        self.record(Kind::Reply, &body);
        self.book(&answered.whom, &reply, expected, answered.used);
        if self.guards.are_posted() && !reply.text.is_empty() {
            // It was held back while it streamed.
            self.show(RunEvent::Text {
                text: reply.text.to_string(),
            });
        }
        self.show(RunEvent::Reply {
            text: reply.text.clone(),
            calls: reply.calls.len(),
            usage: reply.usage,
        });
        self.take_reply(&id, &answered.whom, reply, held);
    }

    /// The calls of `reply` that are not to be made, with the reason: those that a guard held back, and one that is not whole.
    fn held_back(
        &self,
        whom: &Whom,
        reply: &Reply,
        mut held: BTreeMap<Arc<str>, String>,
    ) -> BTreeMap<Arc<str>, String> {
        if let (StopReason::Length, Some(last)) = (&reply.stop, reply.calls.last()) {
            // Its arguments end somewhere: running what there is of them would be a guess.
            let limit = whom.asked.parameters.max_output;
            let why = format!(
                "the answer was cut off at its limit of {limit} tokens, so this call is not whole and was not run"
            );
            held.insert(last.id.clone(), why);
        }
        held
    }

    fn take_reply(
        &mut self,
        id: &Arc<str>,
        whom: &Whom,
        reply: Reply,
        held: BTreeMap<Arc<str>, String>,
    ) {
        self.held.extend(held);
        let limit = whom.asked.parameters.max_output;
        let text = Text::from(&reply.text);
        let said = Item::Assistant {
            text: text.clone(),
            reasoning: reply.reasoning.clone(),
            calls: reply.calls.clone(),
            provenance: Provenance::Model(reply.model.clone()),
        };
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        activity.text = text;
        let kind = activity.kind;
        activity.cut_off = match reply.stop {
            StopReason::Length => activity.cut_off + 1,
            _ => 0,
        };
        let cut_off = activity.cut_off;
        if kind == ActivityKind::Turn && !reply.calls.is_empty() && cut_off < CUT_OFF_IN_A_ROW {
            activity.said = Some(said);
            return self.act(id, reply.calls, true);
        }
        self.remember(said);
        match kind {
            ActivityKind::Turn if reply.stop == StopReason::Length => self.finish_failed(
                id,
                "error.length",
                CauseKind::Provider,
                &format!(
                    "the model stopped at its limit of {} output tokens; raise `max_output` in the agent's definition",
                    limit
                ),
                "length",
            ),
            ActivityKind::Turn if reply.stop == StopReason::Filter => self.finish_failed(
                id,
                "error.refused",
                CauseKind::Provider,
                "the provider or the model refused to answer",
                "refused",
            ),
            ActivityKind::Turn => self.rest_after(id),
            _ => {
                let data = Value::map([
                    ("text", Value::text(reply.text)),
                    ("calls", Value::Int(reply.calls.len() as i64)),
                ]);
                self.finish(id, data);
            }
        }
    }

    /// The one asked did not answer: ask again with less, ask the next one, or tell the chart.
    fn unanswered(
        &mut self,
        id: &Arc<str>,
        effect: u64,
        (whom, used): (&Whom, Used),
        error: &ModelError,
    ) {
        self.record(Kind::Reply, &json!({ "effect": effect, "error": error }));
        let sent = self.activities.get(id).map_or(0, |activity| activity.sent);
        let streamed = self.book_stream(id, error.usage, Some(used));
        if error.kind == ModelErrorKind::ContextOverflow && whom.tighter.is_none() && sent > 0 {
            let parameters = &whom.asked.parameters;
            let window = parameters
                .context_length
                .saturating_sub(parameters.max_output);
            let room = sent.min(window) * TIGHTER_PERCENT / 100;
            self.show(RunEvent::Log {
                source: whom.asked.parameters.provider.clone(),
                message: format!(
                    "{sent} tokens were too many for the server; asking again with at most {room} ({})",
                    error.message
                ),
            });
            // What it does not take now it will not take in the next round either.
            self.rooms.insert(whom.asked.key(), room);
            let refusal = error.clone();
            return self.ask(id, Some(Tighter { room, refusal }));
        }
        if self.asks_next(id, whom, &error.message) {
            return;
        }
        if let Some(text) = streamed {
            self.remember_cut_off(&text, &whom.asked.parameters.name, "the answer broke off");
        }
        self.provider_failed(id, error);
    }

    /// Ask the next of those whom the agent asks, where there is one.
    pub(crate) fn asks_next(&mut self, id: &Arc<str>, whom: &Whom, why: &str) -> bool {
        let next = whom.choice + 1;
        let Some(other) = self.asked.get(next) else {
            return false;
        };
        self.show(RunEvent::Log {
            source: whom.asked.parameters.provider.clone(),
            message: format!(
                "asking {} at {} instead: {why}",
                other.parameters.name, other.parameters.provider
            ),
        });
        let Some(activity) = self.activities.get_mut(id) else {
            return false;
        };
        // Whoever is down now is down in a second too.
        activity.choice = next;
        self.preferred = Some((next, self.services.clock.now()));
        self.ask(id, None);
        true
    }

    /// The chart hears what the provider's trouble was.
    pub(crate) fn provider_failed(&mut self, id: &Arc<str>, error: &ModelError) {
        let detail = serde_json::to_value(error.kind).unwrap_or_default();
        let detail = detail.as_str().unwrap_or_default();
        self.finish_failed(
            id,
            "error.provider",
            CauseKind::Provider,
            &error.message,
            detail,
        );
    }
}

/// Show the guards all that the model wrote: its text, its reasoning, the arguments of each call.
pub(crate) async fn check(mut reply: Reply, guards: &Guards, context: &CallContext) -> Checked {
    let mut inspected = Vec::new();
    let mut held = BTreeMap::new();
    if !guards.are_posted() {
        return Checked {
            reply,
            inspected,
            held,
        };
    }
    let provenance = Provenance::Model(reply.model.clone());
    let text = guards.on_the_way_out(&reply.text, &provenance, context);
    let text = text.await;
    reply.text = text.apply(reply.text.to_string()).into();
    inspected.push(("reply".to_owned(), text));
    if let Some(reasoning) = &reply.reasoning {
        let plain = reasoning.text.plain().into_owned();
        let thought = guards.on_the_way_out(&plain, &provenance, context).await;
        if thought.blocked.is_some() || thought.redacted.is_some() {
            // The provider's own form of it is signed and cannot be mended.
            reply.reasoning = Some(Reasoning::text(thought.apply(plain)));
        }
        inspected.push(("reasoning".to_owned(), thought));
    }
    for call in &mut reply.calls {
        let plain = meant(&call.arguments.plain());
        let arguments = guards.on_the_way_out(&plain, &provenance, context).await;
        let is_json = |text: &str| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        let why = match (&arguments.blocked, &arguments.redacted) {
            (Some(blocked), _) => Some(blocked.note()),
            (None, Some(text)) if is_json(&plain) && !is_json(text) => {
                Some("[held back: what a guard left of the arguments is not JSON]".to_owned())
            }
            (None, Some(text)) => {
                call.arguments = text.as_str().into();
                None
            }
            (None, None) => None,
        };
        if let Some(why) = why {
            call.arguments = "{}".into();
            held.insert(call.id.clone(), why);
        }
        inspected.push((format!("call {}", call.id), arguments));
    }
    Checked {
        reply,
        inspected,
        held,
    }
}

/// Arguments as they will be understood: JSON can write a letter in many ways, and a guard must see the one that is meant.
fn meant(arguments: &str) -> String {
    let escaped = arguments.contains('\\');
    match serde_json::from_str::<serde_json::Value>(arguments) {
        Ok(value) if escaped => value.to_string(),
        _ => arguments.to_owned(),
    }
}
