//! `think`: one inference. Gather what the payload needs, assemble it, record that it is about to be sent, send it, take the answer.

use crate::gather::{self, Asker, Gathered, Provided};
use crate::live::{CauseKind, RunEvent};
use crate::offers;
use crate::record::Kind;
use crate::request::Asked;
use crate::round::ActivityKind;
use crate::run::{Done, Run};
use crate::services::Observer;
use context::{BytesEstimate, Said, SlotChunks, Tools};
use rust_decimal::Decimal;
use sandbox::CallContext;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use types::{
    Cost, Item, ModelError, ModelParameters, ModelSink, Price, Provenance, Purpose, Reply, Role,
    StopReason, Tokens, ToolResult, Value,
};

/// How tokens are counted.
pub(crate) const ESTIMATOR: BytesEstimate = BytesEstimate;

/// A model that has answered, or failed to.
pub(crate) struct Answered {
    effect: u64,
    invocation: Arc<str>,
    whom: Whom,
    result: Result<Reply, ModelError>,
    wall: Duration,
}

/// Whom an inference asks, and how. An inference keeps it from its beginning to its end, whatever is reloaded meanwhile: what it cost is booked on whoever
/// was asked.
#[derive(Clone)]
pub(crate) struct Whom {
    asked: Asked,
    parameters: ModelParameters,
}

impl Run<'_> {
    /// Begin an inference for the invocation `id`.
    pub(crate) fn think(&mut self, id: &Arc<str>) {
        if self.is_over_budget(id) {
            return;
        }
        self.answer_open_calls();
        self.say_where(id);
        let plan = self.plan();
        let whom = Whom {
            asked: self.asked.clone(),
            parameters: self.parameters.clone(),
        };
        let asker = Asker {
            services: &self.services,
            agent: &self.agent,
            bundle: &self.bundle,
            plugins: &self.plugins,
            states: self.snapshot.configuration().collect(),
            query: &self.prompt,
        };
        let errands = match asker.errands(&plan) {
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
        if gather::are_quick(&errands) {
            let texts = gather::read_all(&errands);
            return self.assemble(id, effect, whom, &plan, texts);
        }
        let services = self.services.clone();
        let invocation = id.clone();
        let context = CallContext {
            time: services.clock.now(),
            seed: format!("{}/{effect}", self.id),
            model: None,
        };
        self.start(effect, id, async move {
            let (texts, provided) = gather::run(&services, errands, &context).await;
            Done::Gathered(Box::new(Gathered {
                effect,
                invocation,
                whom,
                plan,
                texts,
                provided,
            }))
        });
    }

    /// The chunks of the present states in the agent's map.
    fn plan(&self) -> context::Plan {
        let cognition: Vec<&context::ChunkDef> = self
            .snapshot
            .configuration()
            .flat_map(|state| &self.bundle.context[state.index()])
            .collect();
        context::plan(
            &self.agent.context,
            &SlotChunks {
                cognition: &cognition,
                workflow: &[],
            },
            &self.parameters,
        )
    }

    /// What the payload needed is here.
    pub(crate) fn gathered(&mut self, gathered: Gathered) {
        self.over(gathered.effect);
        for provided in gathered.provided {
            self.provided(&gathered.invocation, gathered.effect, &provided);
        }
        self.assemble(
            &gathered.invocation,
            gathered.effect,
            gathered.whom,
            &gathered.plan,
            gathered.texts,
        );
    }

    /// A context plugin has run: its outcome, its cost and its log.
    fn provided(&mut self, id: &Arc<str>, effect: u64, provided: &Provided) {
        let tool: Arc<str> = format!("{}.provide", provided.plugin).into();
        let run = &provided.run;
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

    fn state_of(&self, id: &Arc<str>) -> Arc<str> {
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
        let offers = offers::offers(
            &self.services.house,
            &self.agent,
            &self.bundle,
            &self.plugins,
            &self.snapshot.configuration().collect::<Vec<_>>(),
            &offers::signals(&self.bundle, &self.snapshot),
            &ESTIMATOR,
        );
        let tools = Tools { offers: &offers };
        let assembled = texts.and_then(|texts| {
            plan.assemble(&texts, &Said::new(&self.history), &tools, &ESTIMATOR)
                .map_err(|error| error.to_string())
        });
        let assembled = match assembled {
            Ok(assembled) => assembled,
            Err(why) => return self.no_payload(id, &why),
        };
        let Some(activity) = self.activities.get_mut(id) else {
            return;
        };
        activity.thoughts += 1;
        let state = activity.state.clone();
        self.record(
            Kind::Think,
            &json!({
                "effect": effect, "invocation": id, "state": state, "provider": whom.parameters.provider,
                "model": whom.parameters.name, "items": assembled.payload.items.len(),
                "tools": assembled.payload.tools.len(), "context": assembled.report,
            }),
        );
        self.show(RunEvent::Think {
            state,
            tokens: assembled.report.total,
        });
        let (model, clock) = (whom.asked.model.clone(), self.services.clock.clone());
        let mut sink = Live(self.observer.clone());
        let invocation = id.clone();
        let payload = assembled.payload;
        self.start(effect, id, async move {
            let started = clock.monotonic();
            let result = model.complete(&payload, &mut sink).await;
            Done::Answered(Box::new(Answered {
                effect,
                invocation,
                whom,
                result,
                wall: clock.monotonic().saturating_sub(started),
            }))
        });
    }

    fn no_payload(&mut self, id: &Arc<str>, why: &str) {
        self.finish_failed(id, "error.context", CauseKind::Other, why, "context");
    }

    /// The model has answered.
    pub(crate) fn answered(&mut self, answered: Answered) {
        self.over(answered.effect);
        let id = answered.invocation;
        let reply = match answered.result {
            Ok(reply) => reply,
            Err(error) => {
                self.record(
                    Kind::Reply,
                    &json!({ "effect": answered.effect, "error": error }),
                );
                let detail = serde_json::to_value(error.kind).unwrap_or_default();
                let detail = detail.as_str().unwrap_or_default();
                let message = &error.message;
                self.finish_failed(&id, "error.provider", CauseKind::Provider, message, detail);
                return;
            }
        };
        self.record(
            Kind::Reply,
            &json!({ "effect": answered.effect, "reply": reply }),
        );
        self.book(&id, &answered.whom, &reply, answered.wall);
        self.show(RunEvent::Reply {
            text: reply.text.clone(),
            calls: reply.calls.len(),
            usage: reply.usage,
        });
        let said = Item::Assistant {
            text: (&reply.text).into(),
            reasoning: reply.reasoning.clone(),
            calls: reply.calls.clone(),
            provenance: Provenance::Model(reply.model.clone()),
        };
        let Some(activity) = self.activities.get_mut(&id) else {
            return;
        };
        activity.text = reply.text.clone();
        let kind = activity.kind;
        if kind == ActivityKind::Turn && !reply.calls.is_empty() {
            activity.said = Some(said);
            return self.act(&id, reply.calls, true);
        }
        self.remember(said);
        match kind {
            ActivityKind::Turn if reply.stop == StopReason::Length => self.finish_failed(
                &id,
                "error.length",
                CauseKind::Provider,
                &format!(
                    "the model stopped at its limit of {} output tokens; raise `max_output` in the agent's definition",
                    answered.whom.parameters.max_output
                ),
                "length",
            ),
            ActivityKind::Turn => self.rest(&id),
            _ => {
                let data = Value::map([
                    ("text", Value::text(reply.text)),
                    ("calls", Value::Int(reply.calls.len() as i64)),
                ]);
                self.finish(&id, data);
            }
        }
    }

    /// Put what the reply cost on the ledger.
    fn book(&mut self, id: &Arc<str>, whom: &Whom, reply: &Reply, wall: Duration) {
        let tokens = Tokens {
            input: reply.usage.input,
            cached: reply.usage.cached,
            cache_write: reply.usage.cache_write,
            output: reply.usage.output,
            reasoning: reply.usage.reasoning,
        };
        let usd = if whom.asked.free {
            Some(Decimal::ZERO)
        } else {
            let prices = self.services.house.prices.get(&whom.parameters.name);
            prices
                .and_then(|prices| Price::at(prices, self.services.clock.now()))
                .and_then(|price| price.usd(&tokens))
        };
        self.spent_today += usd.unwrap_or_default();
        let cost = Cost {
            agent: self.agent.name.clone(),
            workflow: None,
            state: self.state_of(id),
            tool: None,
            model: Some(whom.parameters.name.clone()),
            purpose: Purpose::Work,
            tokens,
            expected_cached: 0,
            usd,
            wall_us: wall.as_micros() as u64,
            fuel: 0,
        };
        self.record(Kind::Cost, &cost);
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

/// Passes streamed text on to the front end.
struct Live(Observer);

impl ModelSink for Live {
    fn text(&mut self, delta: &str) {
        (self.0)(&RunEvent::Text {
            text: delta.to_owned(),
        });
    }

    fn reasoning(&mut self, delta: &str) {
        (self.0)(&RunEvent::Reasoning {
            text: delta.to_owned(),
        });
    }
}
