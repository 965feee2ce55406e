//! `think`: one inference. Gather what the payload needs, assemble it, record that it is about to be sent, send it, take the answer.
//!
//! When the one asked cannot answer, the next in the agent's `fallback` is; when the server finds the payload too long, it is made once more with less room.

use crate::gather::{self, Asker, Found, Gathered, Provided};
use crate::guards::Inspected;
use crate::live::{CauseKind, RunEvent};
use crate::record::Kind;
use crate::request::Asked;
use crate::round::ActivityKind;
use crate::run::{Done, Run};
use crate::services::Observer;
use crate::{memories, offers, values};
use context::{Assembled, Said, SlotChunks, Tools};
use rust_decimal::Decimal;
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use types::{
    Cost, Item, ModelError, ModelErrorKind, ModelSink, Price, Provenance, Purpose, Reasoning,
    Reply, Role, StopReason, Text, Tokens, ToolResult, Value,
};

/// A model that has answered, or failed to.
pub(crate) struct Answered {
    effect: u64,
    invocation: Arc<str>,
    whom: Whom,
    result: Result<Checked, ModelError>,
    wall: Duration,
}

/// A reply that the guards have seen.
struct Checked {
    reply: Reply,
    /// What they said of its text and of each call's arguments.
    inspected: Vec<(String, Inspected)>,
    /// Calls that are not to be made, with the reason.
    held: BTreeMap<Arc<str>, String>,
}

/// Whom an inference asks, and how. An inference keeps it from its beginning to its end, whatever is reloaded meanwhile: what it cost is booked on whoever
/// was asked.
#[derive(Clone)]
pub(crate) struct Whom {
    asked: Asked,
    /// The place among those whom the agent asks.
    choice: usize,
    /// Tokens that may be sent, where the server has said that the last were too many.
    room: Option<u64>,
}

impl Whom {
    /// Whom it is.
    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }
}

/// What of a request was expected, for comparing with what the provider reports.
#[derive(Clone, Copy, Default)]
pub(crate) struct Expected {
    /// Tokens as counted, before what was learnt of the model's own counting.
    pub(crate) raw: u64,
    /// Tokens expected to be cached.
    pub(crate) cached: u64,
}

/// How much less is sent when a server finds a payload too long.
const TIGHTER_PERCENT: u64 = 75;

impl Run<'_> {
    /// Begin an inference for the invocation `id`.
    pub(crate) fn think(&mut self, id: &Arc<str>) {
        if self.is_over_budget(id) {
            return;
        }
        self.answer_open_calls();
        self.say_where(id);
        self.ask(id, None);
    }

    /// Make a payload and send it; with `room`, no more tokens than that.
    pub(crate) fn ask(&mut self, id: &Arc<str>, room: Option<u64>) {
        let choice = self
            .activities
            .get(id)
            .map_or(0, |activity| activity.choice)
            .min(self.asked.len().saturating_sub(1));
        let Some(asked) = self.asked.get(choice).cloned() else {
            return self.no_payload(id, "nobody is there to be asked");
        };
        let whom = Whom {
            asked,
            choice,
            room,
        };
        let plan = self.plan(&whom);
        let errands = self.errands(&plan, &whom);
        let errands = match errands {
            Ok(errands) => errands,
            Err(why) => return self.no_payload(id, &why),
        };
        let effect = self.new_effect();
        for (chunk, plugin) in gather::asked(&errands) {
            // A component is about to run: that is an effect like a tool call.
            self.record(
                Kind::Call,
                &json!({ "effect": effect, "invocation": id, "tool": format!("{plugin}.provide"), "chunk": chunk }),
            );
        }
        if gather::are_quick(&errands, &self.guards) {
            let texts = gather::run_quick(&errands);
            return self.assemble(id, effect, whom, &plan, texts);
        }
        let (services, guards) = (self.services.clone(), self.guards.clone());
        let (invocation, deadline) = (id.clone(), self.agent.context.deadline);
        let context = self.call_context(effect);
        self.start(effect, id, async move {
            let found = gather::run(&services, errands, &guards, deadline, &context).await;
            Done::Gathered(Box::new(Gathered {
                effect,
                invocation,
                whom,
                plan,
                found,
            }))
        });
    }

    fn errands(&self, plan: &context::Plan, whom: &Whom) -> Result<Vec<gather::Errand>, String> {
        let states: Vec<chart::StateId> = self.snapshot.configuration().collect();
        let offers = || self.offers(&states);
        let asker = Asker {
            services: &self.services,
            agent: &self.agent,
            bundle: &self.bundle,
            plugins: &self.plugins,
            query: &self.prompt,
            served: &self.served,
            values: values::for_templates(&values::Seen {
                agent: &self.agent,
                bundle: &self.bundle,
                snapshot: &self.snapshot,
                states: &states,
                parameters: &whom.asked.parameters,
                now: self.services.clock.now(),
                prompt: &self.prompt,
                plan,
                offers: &offers,
            }),
            memories: &memories::Kept {
                journal: Some(self.journal),
                agent: &self.agent.name,
                now: self.services.clock.now(),
            },
            states,
        };
        asker.errands(plan)
    }

    /// The chunks of the present states in the agent's map.
    fn plan(&self, whom: &Whom) -> context::Plan {
        let cognition: Vec<&context::ChunkDef> = self
            .snapshot
            .configuration()
            .flat_map(|state| &self.bundle.context[state.index()])
            .collect();
        let plan = context::plan(
            &self.agent.context,
            &SlotChunks {
                cognition: &cognition,
                workflow: &[],
            },
            &whom.asked.parameters,
        );
        match whom.room {
            Some(room) => plan.tightened(room),
            None => plan,
        }
    }

    /// The tools that a payload may offer while `states` are active.
    fn offers(&self, states: &[chart::StateId]) -> Vec<context::ToolOffer> {
        offers::offers(
            &self.services.house,
            &self.agent,
            &self.bundle,
            &self.plugins,
            states,
            &offers::signals(&self.bundle, &self.snapshot),
            offers::Measure {
                schemas: &self.schemas,
                estimator: self.counting.estimator(),
            },
        )
    }

    /// What the payload needed is here.
    pub(crate) fn gathered(&mut self, gathered: Gathered) {
        let Gathered {
            effect,
            invocation,
            whom,
            plan,
            found,
        } = gathered;
        let Found {
            texts,
            provided,
            guarded,
        } = found;
        self.over(effect);
        for mut provided in provided {
            self.served.keep(&mut provided, self.services.clock.now());
            self.provided(&invocation, effect, &provided);
        }
        for (chunk, inspected) in guarded {
            self.guarded(effect, &format!("chunk {chunk}"), &inspected);
        }
        self.assemble(&invocation, effect, whom, &plan, texts);
    }

    /// A context plugin has run: its outcome, its cost and its log.
    fn provided(&mut self, id: &Arc<str>, effect: u64, provided: &Provided) {
        let tool: Arc<str> = format!("{}.provide", provided.plugin).into();
        let Some(run) = &provided.run else {
            let body =
                json!({ "effect": effect, "tool": tool, "chunk": provided.chunk, "late": true });
            self.record(Kind::Outcome, &body);
            return;
        };
        self.record(
            Kind::Outcome,
            &json!({ "effect": effect, "tool": tool, "chunk": provided.chunk, "outcome": run }),
        );
        let cost = Cost {
            agent: self.agent.name.clone(),
            workflow: None,
            state: self.state_of(id),
            tool: Some(tool.clone()),
            model: None,
            purpose: Purpose::Work,
            tokens: Tokens::default(),
            expected_cached: 0,
            usd: Some(Decimal::ZERO),
            wall_us: run.wall_us,
            fuel: run.fuel,
        };
        self.record(Kind::Cost, &cost);
        for line in &run.log {
            self.show(RunEvent::Log {
                source: tool.clone(),
                message: line.clone(),
            });
        }
    }

    pub(crate) fn state_of(&self, id: &Arc<str>) -> Arc<str> {
        let activity = self.activities.get(id);
        activity.map_or_else(|| "".into(), |activity| activity.state.clone())
    }

    fn assemble(
        &mut self,
        id: &Arc<str>,
        effect: u64,
        whom: Whom,
        plan: &context::Plan,
        texts: Result<context::Gathered, String>,
    ) {
        let states: Vec<chart::StateId> = self.snapshot.configuration().collect();
        let offers = self.offers(&states);
        let tools = Tools { offers: &offers };
        let assembled = texts.and_then(|texts| {
            let said = Said {
                items: &self.history,
                summary: self.summing.summary(),
                inferences: self.summing.inferences(),
            };
            let estimator = self.counting.calibrated(&whom.asked.parameters);
            plan.assemble(&texts, &said, &tools, &estimator)
                .map_err(|error| error.to_string())
        });
        let assembled = match assembled {
            Ok(assembled) => assembled,
            Err(why) => return self.no_payload(id, &why),
        };
        if self.sums_up_first(id, &whom, &assembled) {
            return;
        }
        self.send_payload(id, effect, whom, assembled);
    }

    fn send_payload(&mut self, id: &Arc<str>, effect: u64, whom: Whom, mut assembled: Assembled) {
        if let Some(earlier) = &self.sent {
            assembled.follow(earlier, |range| {
                let items = self.history.get(range).unwrap_or_default();
                items.iter().map(|item| item.tokens).sum()
            });
        }
        let Assembled {
            payload,
            report,
            shape,
            ..
        } = assembled;
        let parameters = whom.asked.parameters.clone();
        let expected = Expected {
            raw: shape.tokens(),
            cached: report.cached,
        };
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        activity.thoughts += 1;
        activity.waited = false;
        activity.expected = expected;
        activity.sent = report.total;
        let state = activity.state.clone();
        self.record(
            Kind::Think,
            &json!({
                "effect": effect, "invocation": id, "state": state, "provider": parameters.provider,
                "model": parameters.name, "items": payload.items.len(),
                "tools": payload.tools.len(), "context": report, "shape": shape,
            }),
        );
        self.show(RunEvent::Think {
            state,
            tokens: report.total,
        });
        self.sent = Some(shape);
        let (model, clock) = (whom.asked.model.clone(), self.services.clock.clone());
        let (guards, context) = (self.guards.clone(), self.call_context(effect));
        let mut sink = Live {
            observer: self.observer.clone(),
            source: parameters.provider.clone(),
            silent: guards.are_posted(),
        };
        let invocation = id.clone();
        self.start(effect, id, async move {
            let started = clock.monotonic();
            let result = model.complete(&payload, &mut sink).await;
            let wall = clock.monotonic().saturating_sub(started);
            // The request is not needed any more, and the guards take their time.
            drop(payload);
            let result = match result {
                Ok(reply) => Ok(check(reply, &guards, &context).await),
                Err(error) => Err(error),
            };
            Done::Answered(Box::new(Answered {
                effect,
                invocation,
                whom,
                result,
                wall,
            }))
        });
    }

    pub(crate) fn no_payload(&mut self, id: &Arc<str>, why: &str) {
        self.finish_failed(id, "error.context", CauseKind::Other, why, "context");
    }

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
        if error.kind == ModelErrorKind::ContextOverflow && whom.room.is_none() && sent > 0 {
            let room = sent * TIGHTER_PERCENT / 100;
            self.show(RunEvent::Log {
                source: whom.asked.parameters.provider.clone(),
                message: format!(
                    "{sent} tokens were too many for the server; asking again with at most {room} ({})",
                    error.message
                ),
            });
            return self.ask(id, Some(room));
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
    pub(crate) fn cost_of(&mut self, asked: &Asked, usage: &types::Usage, wall: Duration) -> Cost {
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

    /// Money is asked for before it is spent: an agent over its day's budget hears so and thinks no more.
    fn is_over_budget(&mut self, id: &Arc<str>) -> bool {
        let Some(limit) = self.agent.budget.usd_per_day.as_deref() else {
            return false;
        };
        if self.spent_today < *limit {
            return false;
        }
        let message = format!(
            "{} has spent ${} of its ${limit} for today; raise `budget: {{ usd_per_day: … }}` or wait for tomorrow (UTC)",
            self.agent.name, self.spent_today
        );
        self.over_budget = true;
        self.finish_failed(
            id,
            "budget.exhausted",
            CauseKind::Other,
            &message,
            "usd_per_day",
        );
        true
    }

    /// A new activity that follows an answer, or begins a conversation in which nobody has spoken, begins with a word of the host's: many models want speakers to take turns, and all of them do better when the
    /// conversation says where one task ended and the next began.
    fn say_where(&mut self, id: &Arc<str>) {
        let first = self.activities.get(id).is_some_and(|a| a.thoughts == 0);
        let answered = self.history.last().is_some_and(
            |last| matches!(&*last.item, Item::Assistant { calls, .. } if calls.is_empty()),
        );
        if first && (answered || self.history.is_empty()) {
            let text = format!("[The state is now `{}`.]", self.state_of(id));
            self.remember(Item::Text {
                role: Role::User,
                text: text.into(),
                provenance: Provenance::House,
                labels: Vec::new(),
            });
        }
    }

    /// Providers refuse a conversation in which a call has no result; calls that no `act` ran get one that says so.
    fn answer_open_calls(&mut self) {
        for call in self.open_calls() {
            self.remember(Item::Result(ToolResult {
                call: call.id,
                name: call.name,
                text: "not run".into(),
                failed: true,
                provenance: Provenance::House,
                labels: Vec::new(),
            }));
        }
    }
}

/// Usage as the ledger counts it.
pub(crate) fn tokens_of(usage: &types::Usage) -> Tokens {
    Tokens {
        input: usage.input,
        cached: usage.cached,
        cache_write: usage.cache_write,
        output: usage.output,
        reasoning: usage.reasoning,
    }
}

/// Show the guards all that the model wrote: its text, its reasoning, the arguments of each call.
async fn check(
    mut reply: Reply,
    guards: &crate::guards::Guards,
    context: &sandbox::CallContext,
) -> Checked {
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
                call.arguments = Text::from(text.as_str());
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

/// Passes streamed text on to the front end.
struct Live {
    observer: Observer,
    source: Arc<str>,
    /// Nothing is shown before the guards have seen it.
    silent: bool,
}

impl ModelSink for Live {
    fn text(&mut self, delta: &str) {
        if !self.silent {
            (self.observer)(&RunEvent::Text {
                text: delta.to_owned(),
            });
        }
    }

    fn reasoning(&mut self, delta: &str) {
        if !self.silent {
            (self.observer)(&RunEvent::Reasoning {
                text: delta.to_owned(),
            });
        }
    }

    fn note(&mut self, line: &str) {
        (self.observer)(&RunEvent::Log {
            source: self.source.clone(),
            message: line.to_owned(),
        });
    }
}
