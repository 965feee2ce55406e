//! What a model answered, or why it did not: what the guards make of it, what it cost, what happens next.

use crate::guards::{Guards, Inspected};
use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::request::Asked;
use crate::round::ActivityKind;
use crate::run::Run;
use crate::think::{Expected, Tighter, Whom};
use rust_decimal::Decimal;
use sandbox::CallContext;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use types::{
    Cost, Item, ModelError, ModelErrorKind, Price, Provenance, Purpose, Reasoning, Reply,
    StopReason, Tokens, Usage, Value,
};

/// A model that has answered, or failed to.
pub(crate) struct Answered {
    pub(crate) effect: u64,
    pub(crate) invocation: Arc<str>,
    pub(crate) whom: Whom,
    pub(crate) result: Result<Checked, ModelError>,
    pub(crate) wall: Duration,
}

/// A reply that the guards have seen.
pub(crate) struct Checked {
    reply: Reply,
    /// What they said of its text and of each call's arguments.
    inspected: Vec<(String, Inspected)>,
    /// Calls that are not to be made, with the reason.
    held: BTreeMap<Arc<str>, String>,
}

/// How much less is sent when a server finds a payload too long.
const TIGHTER_PERCENT: u64 = 75;

impl Run<'_> {
    /// The model has answered.
    pub(crate) fn answered(&mut self, answered: Answered) {
        self.over(answered.effect);
        let id = answered.invocation;
        let checked = match answered.result {
            Ok(checked) => checked,
            Err(error) => return self.unanswered(&id, answered.effect, &answered.whom, &error),
        };
        let Checked {
            reply,
            inspected,
            held,
        } = checked;
        for (subject, inspected) in &inspected {
            self.guarded(answered.effect, subject, inspected);
        }
        self.record(
            Kind::Reply,
            &json!({ "effect": answered.effect, "reply": reply }),
        );
        let expected = self
            .activities
            .get(&id)
            .map_or_else(Expected::default, |activity| activity.expected);
        self.book(&id, &answered.whom, &reply, expected, answered.wall);
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

    fn take_reply(
        &mut self,
        id: &Arc<str>,
        whom: &Whom,
        reply: Reply,
        held: BTreeMap<Arc<str>, String>,
    ) {
        let said = Item::Assistant {
            text: (&reply.text).into(),
            reasoning: reply.reasoning.clone(),
            calls: reply.calls.clone(),
            provenance: Provenance::Model(reply.model.clone()),
        };
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        activity.text = reply.text.clone();
        activity.held = held;
        let kind = activity.kind;
        if kind == ActivityKind::Turn && !reply.calls.is_empty() {
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
                    whom.asked.parameters.max_output
                ),
                "length",
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
    fn unanswered(&mut self, id: &Arc<str>, effect: u64, whom: &Whom, error: &ModelError) {
        self.record(Kind::Reply, &json!({ "effect": effect, "error": error }));
        let sent = self.activities.get(id).map_or(0, |activity| activity.sent);
        if error.kind == ModelErrorKind::ContextOverflow && whom.tighter.is_none() && sent > 0 {
            let room = sent * TIGHTER_PERCENT / 100;
            self.show(RunEvent::Log {
                source: whom.asked.parameters.provider.clone(),
                message: format!(
                    "{sent} tokens were too many for the server; asking again with at most {room} ({})",
                    error.message
                ),
            });
            let refusal = error.clone();
            return self.ask(id, Some(Tighter { room, refusal }));
        }
        let next = whom.choice + 1;
        if let Some(other) = self.asked.get(next) {
            self.show(RunEvent::Log {
                source: whom.asked.parameters.provider.clone(),
                message: format!(
                    "asking {} at {} instead: {}",
                    other.parameters.name, other.parameters.provider, error.message
                ),
            });
            if let Some(activity) = self.activities.get_mut(id) {
                // The next inferences of this activity ask it first: whoever is down now is down in a second too.
                activity.choice = next;
            }
            return self.ask(id, None);
        }
        self.provider_failed(id, error);
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

    /// Put what the reply cost on the ledger, and learn how the model counts.
    fn book(
        &mut self,
        id: &Arc<str>,
        whom: &Whom,
        reply: &Reply,
        expected: Expected,
        wall: Duration,
    ) {
        let parameters = &whom.asked.parameters;
        if reply.usage.reported {
            self.counting
                .learn(parameters, expected.raw, reply.usage.input);
        }
        let cost = self.cost_of(&whom.asked, &reply.usage, wall);
        let cost = Cost {
            state: self.state_of(id),
            expected_cached: expected.cached,
            ..cost
        };
        self.record(Kind::Cost, &cost);
    }

    /// What an inference of `asked` cost; it counts against the day's budget from now on.
    pub(crate) fn cost_of(&mut self, asked: &Asked, usage: &Usage, wall: Duration) -> Cost {
        let tokens = tokens_of(usage);
        let usd = if asked.free {
            Some(Decimal::ZERO)
        } else {
            let prices = self.services.house.prices.get(&asked.parameters.name);
            prices
                .and_then(|prices| Price::at(prices, self.services.clock.now()))
                .and_then(|price| price.usd(&tokens))
        };
        self.spent_today += usd.unwrap_or_default();
        self.spent += usd.unwrap_or_default();
        Cost {
            agent: self.agent.name.clone(),
            workflow: None,
            state: "".into(),
            tool: None,
            model: Some(asked.parameters.name.clone()),
            purpose: Purpose::Work,
            tokens,
            expected_cached: 0,
            usd,
            wall_us: wall.as_micros() as u64,
            fuel: 0,
        }
    }
}

/// Usage as the ledger counts it.
pub(crate) fn tokens_of(usage: &Usage) -> Tokens {
    Tokens {
        input: usage.input,
        cached: usage.cached,
        cache_write: usage.cache_write,
        output: usage.output,
        reasoning: usage.reasoning,
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
        let plain = call.arguments.plain().into_owned();
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
