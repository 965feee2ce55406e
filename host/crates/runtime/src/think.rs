//! `think`: one inference. Gather what the payload needs, assemble it, record that it is about to be sent, send it, take the answer.
//!
//! When the one asked cannot answer, the next in the agent's `fallback` is; when the server finds the payload too long, it is made once more with less room.

use crate::account::Component;
use crate::answer::{Answered, check};
use crate::booking::{Streamed, UnderWay, price_of};
use crate::gather::{self, Asker, Found, Gathered, Provided};
use crate::live::{CauseKind, RunEvent};
use crate::payloads::Basis;
use crate::record::Kind;
use crate::request::Asked;
use crate::run::{Done, Run};
use crate::services::Observer;
use crate::{memories, offers, used, values};
use context::{AssembleError, Assembled, Tools};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{Cost, Item, ModelError, ModelSink, Price, Provenance, Role, ToolResult};

/// Whom an inference asks, and how. An inference keeps it from its beginning to its end, whatever is reloaded meanwhile: what it cost is booked on whoever
/// was asked.
#[derive(Clone)]
pub(crate) struct Whom {
    pub(crate) asked: Asked,
    /// The place among those whom the agent asks.
    pub(crate) choice: usize,
    /// What the server said of a payload that was too long: this one is made with less.
    pub(crate) tighter: Option<Tighter>,
    /// What it costs, as of now.
    pub(crate) price: Option<Price>,
    /// Who pays.
    pub(crate) account: Cost,
}

/// A payload that is made again.
#[derive(Clone)]
pub(crate) struct Tighter {
    /// Tokens that may be sent.
    pub(crate) room: u64,
    /// The refusal of the one before.
    pub(crate) refusal: ModelError,
}

/// What of a request was expected, for comparing with what the provider reports.
#[derive(Clone, Copy, Default)]
pub(crate) struct Expected {
    /// Tokens as counted, before what was learnt of the model's own counting.
    pub(crate) raw: u64,
    /// Tokens expected to be cached.
    pub(crate) cached: u64,
}

impl Run {
    /// Begin an inference for the invocation `id`.
    pub(crate) fn think(&mut self, id: &Arc<str>) {
        self.answer_open_calls();
        self.say_what_waited();
        self.unanswered = false;
        self.has_work = false;
        if !self.may_think(id) {
            return;
        }
        self.say_where(id);
        self.ask(id, None);
    }

    /// Make a payload and send it.
    pub(crate) fn ask(&mut self, id: &Arc<str>, tighter: Option<Tighter>) {
        let choice = self
            .activities
            .get(id)
            .map_or(0, |activity| activity.choice)
            .min(self.asked.len().saturating_sub(1));
        let Some(asked) = self.asked.get(choice).cloned() else {
            return self.no_payload(id, "nobody is there to be asked");
        };
        let whom = Whom {
            price: price_of(&self.services, &asked.parameters),
            account: self.account(self.state_of(id)),
            asked,
            choice,
            tighter,
        };
        let basis = Basis {
            room: self.room(&whom),
            ..self.basis()
        };
        let plan = basis.plan(&whom.asked.parameters);
        let errands = self.errands(&plan, &whom);
        let errands = match errands {
            Ok(errands) => errands,
            Err(why) => return self.not_assembled(id, &whom, &why),
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
            return self.assemble(id, effect, whom, (&basis, &plan), texts);
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
                basis,
                plan,
                found,
            }))
        });
    }

    fn errands(&self, plan: &context::Plan, whom: &Whom) -> Result<Vec<gather::Errand>, String> {
        let basis = self.basis();
        let states = basis.states.clone();
        let offers = || self.offers(&basis);
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
                journal: Some(&self.journal.borrow()),
                agent: &self.agent.name,
                now: self.services.clock.now(),
            },
            states,
            work: self.work(),
        };
        asker.errands(plan)
    }

    /// What a payload is made of now.
    fn basis(&self) -> Basis {
        Basis {
            house: self.services.house.clone(),
            agent: self.agent.clone(),
            bundle: self.bundle.clone(),
            states: self.snapshot.configuration().collect(),
            room: None,
            bound: self.bound.clone(),
            handed_in: self.handed_in,
        }
    }

    /// Tokens that may be sent to `whom`, where that is less than the window holds.
    fn room(&self, whom: &Whom) -> Option<u64> {
        let tighter = whom.tighter.as_ref().map(|tighter| tighter.room);
        tighter.or_else(|| self.rooms.get(&whom.asked.key()).copied())
    }

    /// The tools that a payload may offer by `basis`.
    fn offers(&self, basis: &Basis) -> Vec<context::ToolOffer> {
        let measure = offers::Measure {
            somebody_answers: self.permissions.somebody_answers(),
            schemas: &self.schemas,
            estimator: self.counting.estimator(),
        };
        let plugins = offers::described(&self.plugins);
        basis.offers(&plugins, &self.snapshot, measure)
    }

    /// What the payload needed is here.
    pub(crate) fn gathered(&mut self, gathered: Gathered) {
        let Gathered {
            effect,
            invocation,
            whom,
            basis,
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
            self.provided(&whom.account, effect, &provided);
        }
        for (chunk, inspected) in guarded {
            self.guarded(&whom.account, effect, &format!("chunk {chunk}"), &inspected);
        }
        self.assemble(&invocation, effect, whom, (&basis, &plan), texts);
    }

    /// A context plugin has run: its outcome, its cost and its log.
    fn provided(&mut self, account: &Cost, effect: u64, provided: &Provided) {
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
        let component = Component {
            tool: tool.clone(),
            by: Some(&provided.by),
            given: provided.given,
            answered: provided.answered,
        };
        self.book_component(account.clone(), component, run);
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
        (planned, plan): (&Basis, &context::Plan),
        texts: Result<context::Gathered, String>,
    ) {
        let now = self.basis();
        let offers = self.offers(&now);
        let tools = Tools { offers: &offers };
        let texts = match texts {
            Ok(texts) => texts,
            Err(why) => return self.not_assembled(id, &whom, &why),
        };
        let said = self
            .history
            .said(self.summing.summary(), self.summing.inferences());
        let estimator = self.counting.calibrated(&whom.asked.parameters);
        let assembled = match plan.assemble(&texts, &said, &tools, &estimator) {
            Ok(assembled) => assembled,
            Err(AssembleError::NeedsMore { needed }) => return self.recall(id, &whom, needed),
            Err(error) => return self.not_assembled(id, &whom, &error.to_string()),
        };
        if self.sums_up_first(id, &whom, &assembled) {
            return;
        }
        let mut made_of = self.made_of(&whom, plan, &texts);
        if let Some(room) = planned.room {
            made_of["room"] = room.into();
        }
        if !planned.is(&now) {
            made_of["planned"] = self.planned(planned);
        }
        self.send_payload(id, effect, whom, (assembled, &offers), made_of);
    }

    /// What a payload is made of, for its record: all that a replay cannot find elsewhere. The texts themselves are recorded before.
    fn made_of(
        &mut self,
        whom: &Whom,
        plan: &context::Plan,
        texts: &context::Gathered,
    ) -> serde_json::Value {
        let (needs, new) = self.materials.needs(plan, texts);
        if !new.is_empty() {
            self.record(Kind::Texts, &new);
        }
        let mut made_of = json!({ "parameters": whom.asked.parameters });
        if !needs.is_empty() {
            made_of["needs"] = json!(needs);
        }
        if self.permissions.somebody_answers() {
            made_of["somebody"] = true.into();
        }
        if self.handed_in {
            made_of["handed_in"] = true.into();
        }
        self.tell_components(&mut made_of);
        made_of
    }

    fn send_payload(
        &mut self,
        id: &Arc<str>,
        effect: u64,
        whom: Whom,
        (mut assembled, offers): (Assembled, &[context::ToolOffer]),
        made_of: serde_json::Value,
    ) {
        if let Some(earlier) = &self.sent {
            assembled.follow(earlier, |range| self.history.tokens_of(range));
        }
        let Assembled {
            payload,
            report,
            shape,
            ..
        } = assembled;
        if !self.may_send(id, effect, &whom, (report.total, report.cached)) {
            return;
        }
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
        let streamed: Arc<Mutex<Streamed>> = Arc::default();
        activity.under_way = Some(UnderWay {
            effect,
            streamed: streamed.clone(),
            asked: whom.asked.clone(),
            price: whom.price.clone(),
            account: whom.account.clone(),
            started: self.services.clock.monotonic(),
        });
        activity.sent = report.total;
        let state = activity.state.clone();
        let hash = self.materials.payloads.of(&payload, &shape, offers);
        let follows = self.materials.sent.replace(effect);
        let follows = follows.filter(|_| self.sent.is_some());
        let mut body = json!({
            "effect": effect, "invocation": id, "state": state, "provider": parameters.provider,
            "model": parameters.name, "items": payload.items.len(),
            "tools": payload.tools.len(), "context": report, "shape": shape,
            "payload": hash, "follows": follows, "made_of": made_of,
        });
        if whom.asked.free {
            body["free"] = true.into();
        }
        self.record(Kind::Think, &body);
        self.show(RunEvent::Think {
            state,
            tokens: report.total,
        });
        self.sent = Some(shape);
        self.forget();
        let (model, clock) = (whom.asked.model.clone(), self.services.clock.clone());
        let (guards, context) = (self.guards.clone(), self.call_context(effect));
        let mut sink = Live {
            observer: self.observer.clone(),
            source: parameters.provider.clone(),
            silent: guards.are_posted(),
            streamed: streamed.clone(),
        };
        let invocation = id.clone();
        self.start(effect, id, async move {
            let (result, used) = used::complete(&*model, &payload, &mut sink, &clock).await;
            // The request is not needed any more, and the guards take their time.
            drop(payload);
            let result = match result {
                Ok(reply) => {
                    locked(&streamed).whole = Some((reply.usage, used));
                    Ok(check(reply, &guards, &context).await)
                }
                Err(error) => Err(error),
            };
            Done::Answered(Box::new(Answered {
                effect,
                invocation,
                whom,
                result,
                used,
            }))
        });
    }

    /// No payload could be made. Where one was too long for the server, that is the trouble.
    pub(crate) fn not_assembled(&mut self, id: &Arc<str>, whom: &Whom, why: &str) {
        // Another's window may be wide enough.
        if self.asks_next(id, whom, why) {
            return;
        }
        match &whom.tighter {
            None => self.no_payload(id, why),
            Some(tighter) => {
                let refusal = ModelError {
                    message: format!(
                        "{}; it cannot be made shorter: {why}",
                        tighter.refusal.message
                    ),
                    ..tighter.refusal.clone()
                };
                self.provider_failed(id, &refusal);
            }
        }
    }

    pub(crate) fn no_payload(&mut self, id: &Arc<str>, why: &str) {
        self.finish_failed(id, "error.context", CauseKind::Other, why, "context");
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
    pub(crate) fn answer_open_calls(&mut self) {
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
struct Live {
    observer: Observer,
    source: Arc<str>,
    /// Nothing is shown before the guards have seen it.
    silent: bool,
    streamed: Arc<Mutex<Streamed>>,
}

fn locked(streamed: &Mutex<Streamed>) -> MutexGuard<'_, Streamed> {
    streamed.lock().unwrap_or_else(PoisonError::into_inner)
}

impl ModelSink for Live {
    fn text(&mut self, delta: &str) {
        locked(&self.streamed).text.push_str(delta);
        if !self.silent {
            (self.observer)(&RunEvent::Text {
                text: delta.to_owned(),
            });
        }
    }

    fn reasoning(&mut self, delta: &str) {
        locked(&self.streamed).thought += delta.len();
        if !self.silent {
            (self.observer)(&RunEvent::Reasoning {
                text: delta.to_owned(),
            });
        }
    }

    fn calls(&mut self, bytes: usize) {
        locked(&self.streamed).calls += bytes;
    }

    fn note(&mut self, line: &str) {
        (self.observer)(&RunEvent::Log {
            source: self.source.clone(),
            message: line.to_owned(),
        });
    }
}
