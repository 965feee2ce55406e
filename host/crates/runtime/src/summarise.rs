//! Summing up what leaves the window, beside the turn that goes on.
//!
//! A memory plugin writes the summary. It may ask the agent's own model through the `model` import: every such inference is metered, booked with the
//! purpose `summary`, and refused once what may be spent on summing up, or any other limit that bears on it, is spent. A turn waits for a summary only where the payload
//! would lose what no summary covers yet, and once only.

use crate::account::Component;
use crate::admission::{Allowance, Rates, in_words, inference, of_tokens};
use crate::booking::{BYTES_PER_TOKEN, price_of, tokens_of};
use crate::guards::{Guards, Inspected, labels_of};
use crate::live::RunEvent;
use crate::loading::load_plugin;
use crate::record::Kind;
use crate::request::Asked;
use crate::run::{Done, Run};
use crate::think::{Tighter, Whom};
use crate::used::{self, Used};
use crate::{Services, grants};
use context::{Assembled, Estimator, Summary, SummaryWanted};
use definitions::AgentDef;
use ledger::budget::{Exhausted, Sum};
use sandbox::{CallContext, GuestModel, SummaryRequest, SummaryTurn};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use types::{
    Clock, Cost, Item, Label, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Outcome,
    Payload, PluginName, Price, Provenance, Purpose, Usage,
};

/// Whose effects these are: nobody's activity, for no invocation can have such a name.
pub(crate) const OWNER: &str = "host:summary";

/// How far summing up has come.
#[derive(Default)]
pub(crate) struct Summing {
    written: Option<Written>,
    /// The same, ready to be sent.
    summary: Option<Summary>,
    /// The effect that is under way.
    under_way: Option<u64>,
    /// Inferences since the last summary was begun.
    inferences: u64,
    /// What it asks the model for, and whom.
    meter: Option<Metering>,
    /// Invocations that wait for the one under way, with how their payload is to be made.
    waiting: Vec<(Arc<str>, Option<Tighter>)>,
    /// How many inferences to let pass before it is tried again, since it failed.
    rest: u64,
}

impl Summing {
    /// The summary so far.
    pub(crate) fn summary(&self) -> Option<&Summary> {
        self.summary.as_ref()
    }

    /// Whether a turn waits for the summary that is being written.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// The invocation `id` is over: it waits no more.
    pub(crate) fn forget(&mut self, id: &str) {
        self.waiting.retain(|(waiting, _)| &**waiting != id);
    }

    /// Inferences since the last one was begun.
    pub(crate) fn inferences(&self) -> u64 {
        self.inferences
    }

    /// Use `written` from now on.
    pub(crate) fn take(&mut self, written: Written, estimator: &dyn Estimator) {
        self.summary = Some(written.measured(estimator));
        self.written = Some(written);
    }
}

/// What counts the inferences of a summary that is under way, and who pays for them and for it.
struct Metering {
    meter: Arc<Meter>,
    asked: Asked,
    account: Cost,
}

/// A summary as it is kept on the record.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Written {
    text: String,
    /// How many items of the conversation it covers.
    upto: usize,
    provenance: Provenance,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    labels: Vec<Label>,
}

impl Written {
    /// The same, ready to be sent.
    pub(crate) fn measured(&self, estimator: &dyn Estimator) -> Summary {
        Summary::measured(
            &self.text,
            self.upto,
            self.provenance.clone(),
            self.labels.clone(),
            estimator,
        )
    }
}

/// Summing up is over.
pub(crate) struct Summarised {
    effect: u64,
    upto: usize,
    budget: u64,
    /// Bytes of the conversation that it was given.
    given: u64,
    author: Option<Author>,
    result: Result<String, String>,
    outcome: Option<Outcome>,
    /// What guards said of it.
    inspected: Option<Inspected>,
}

impl Run {
    /// Whether the turn `id` waits for a summary before its payload is sent. Begins one where it is wanted.
    pub(crate) fn sums_up_first(
        &mut self,
        id: &Arc<str>,
        whom: &Whom,
        assembled: &Assembled,
    ) -> bool {
        self.summing.inferences += 1;
        let Some(wanted) = &assembled.summary else {
            return false;
        };
        if self.summing.under_way.is_none() {
            match self.summing.rest.checked_sub(1) {
                Some(rest) => self.summing.rest = rest,
                None => self.sum_up(whom, wanted),
            }
        }
        let Some(activity) = self.activities.get_mut(id) else {
            return false;
        };
        if !wanted.must || activity.waited || self.summing.under_way.is_none() {
            return false;
        }
        activity.waited = true;
        self.summing
            .waiting
            .push((id.clone(), whom.tighter.clone()));
        self.show(RunEvent::Log {
            source: "summary".into(),
            message: "waiting for the summary of what leaves the window".into(),
        });
        true
    }

    fn sum_up(&mut self, whom: &Whom, wanted: &SummaryWanted) {
        let Some(definition) = self.agent.context.summary.clone() else {
            return;
        };
        let Ok(name) = PluginName::parse(&definition.plugin.value) else {
            return;
        };
        let covered = self
            .summing
            .written
            .as_ref()
            .map_or(0, |written| written.upto);
        let leaving = self.history.get(covered..wanted.upto).unwrap_or_default();
        if leaving.is_empty() {
            return;
        }
        let request = SummaryRequest {
            earlier: self
                .summing
                .written
                .as_ref()
                .map(|written| written.text.clone()),
            said: leaving.iter().flat_map(|item| turns(&item.item)).collect(),
            budget: u32::try_from(wanted.budget).unwrap_or(u32::MAX),
        };
        let allowance = match self.allowance(Purpose::Summary) {
            Ok(allowance) => allowance,
            Err(message) => {
                self.summing.rest = REST_AFTER_FAILURE;
                return self.show(RunEvent::Log {
                    source: "summary".into(),
                    message,
                });
            }
        };
        let effect = self.new_effect();
        let asked = whom.asked.clone();
        let state = self.leading_state();
        // Whom it may ask, and about how much: a host that dies meanwhile books that.
        self.record(
            Kind::Call,
            &json!({
                "effect": effect, "tool": format!("{name}.summarise"),
                "from": covered, "upto": wanted.upto, "budget": wanted.budget,
                "state": state, "provider": asked.parameters.provider, "model": asked.parameters.name, "free": asked.free,
                "tokens": bytes_of(&request).div_ceil(BYTES_PER_TOKEN),
            }),
        );
        let meter = Arc::new(Meter {
            inner: asked.model.clone(),
            clock: self.services.clock.clone(),
            free: asked.free,
            price: price_of(&self.services, &asked.parameters),
            max_output: asked.parameters.max_output,
            rates: self.rates(&asked),
            allowance,
            said: Mutex::default(),
        });
        self.summing.meter = Some(Metering {
            meter: meter.clone(),
            asked: asked.clone(),
            account: Cost {
                purpose: Purpose::Summary,
                ..self.account(state)
            },
        });
        let mut context = self.call_context(effect);
        context.model = Some(GuestModel {
            model: meter.clone(),
            parameters: asked.parameters.clone(),
        });
        let (services, agent, bundle) = (
            self.services.clone(),
            self.agent.clone(),
            self.bundle.clone(),
        );
        let (upto, budget, guards) = (wanted.upto, wanted.budget, self.guards.clone());
        self.summing.under_way = Some(effect);
        self.summing.inferences = 0;
        self.start(effect, &OWNER.into(), async move {
            let (author, mut result, mut outcome) =
                ask_plugin(&services, &agent, &bundle, &name, &request, &context).await;
            let inspected = guard(&guards, &mut result, outcome.as_mut(), &context).await;
            Done::Summarised(Box::new(Summarised {
                effect,
                given: bytes_of(&request),
                upto,
                budget,
                author,
                result,
                outcome,
                inspected,
            }))
        });
    }

    /// A summary has been written, or could not be.
    pub(crate) fn summarised(&mut self, summarised: Summarised) {
        self.over(summarised.effect);
        self.summing.under_way = None;
        let metering = self.summing.meter.take();
        let asked = metering.as_ref().map(|m| m.asked.parameters.clone());
        if let Some(metering) = &metering {
            self.book_meter(metering);
            if let Some(inspected) = &summarised.inspected {
                self.guarded(&metering.account, summarised.effect, "summary", inspected);
            }
            self.book_plugin(&summarised, &metering.account);
        }
        // A plugin that does not keep to its budget would be asked again every turn.
        let kept = match &summarised.result {
            Ok(text) => {
                let text = self.readable(text.clone()).to_string();
                let held = match &asked {
                    Some(asked) => {
                        let estimator = self.counting.calibrated(asked);
                        Summary::within(&text, summarised.budget, &estimator)
                    }
                    None => Summary::within(&text, summarised.budget, self.counting.estimator()),
                };
                held.filter(|text| !text.trim().is_empty())
            }
            Err(_) => None,
        };
        match kept {
            Some(text) => {
                let (provenance, labels) = match summarised.author {
                    Some(author) => (author.provenance, author.labels),
                    None => (Provenance::House, Vec::new()),
                };
                let written = Written {
                    text,
                    upto: summarised.upto,
                    provenance,
                    labels,
                };
                self.record(
                    Kind::Summary,
                    &json!({ "effect": summarised.effect, "summary": written }),
                );
                self.show(RunEvent::Log {
                    source: "summary".into(),
                    message: format!("summed up the first {} items", written.upto),
                });
                self.summing.take(written, self.counting.estimator());
                self.summing.rest = 0;
            }
            None => {
                let empty = "the summary is empty, or none of it fits its budget";
                let why = summarised.result.err().unwrap_or_else(|| empty.into());
                self.record(
                    Kind::Summary,
                    &json!({ "effect": summarised.effect, "summary": null, "why": why }),
                );
                self.show(RunEvent::Log {
                    source: "summary".into(),
                    message: format!("not summed up: {why}"),
                });
                self.summing.rest = REST_AFTER_FAILURE;
            }
        }
        for (id, tighter) in std::mem::take(&mut self.summing.waiting) {
            if self.activities.contains_key(&id) && self.may_think(&id) {
                self.ask(&id, tighter);
            }
        }
    }

    /// Put the inferences that `meter` has counted on the ledger.
    fn book_meter(&mut self, metering: &Metering) {
        let Metering {
            meter,
            asked,
            account,
        } = metering;
        let metered = std::mem::take(&mut *meter.said());
        for ticket in metered.tickets {
            meter.allowance.over(ticket);
        }
        if let Some(exhausted) = metered.refused {
            self.not_done(&exhausted, "an inference for a summary");
        }
        for (usage, used) in metered.inferences {
            let cost = self.cost_of(account, asked.payee(meter.price.as_ref()), &usage, used);
            self.record(Kind::Cost, &cost);
        }
        // It is stopped, and has cost what was sent.
        if let Some((tokens, started)) = metered.asking {
            let usage = Usage {
                input: tokens,
                ..Usage::default()
            };
            let wall = self.services.clock.monotonic().saturating_sub(started);
            let payee = asked.payee(meter.price.as_ref());
            let cost = self.cost_of(account, payee, &usage, Used::wall(wall));
            let cost = Cost {
                estimated: true,
                ..cost
            };
            self.record(Kind::Cost, &cost);
        }
    }

    /// The component's own share: time and fuel.
    fn book_plugin(&mut self, summarised: &Summarised, account: &Cost) {
        let Some(outcome) = &summarised.outcome else {
            return;
        };
        let author = summarised.author.as_ref();
        let name = author.map_or("", |author| &author.name);
        let tool: Arc<str> = format!("{name}.summarise").into();
        self.record(
            Kind::Outcome,
            &json!({ "effect": summarised.effect, "tool": tool, "outcome": outcome }),
        );
        for line in &outcome.log {
            self.show(RunEvent::Log {
                source: tool.clone(),
                message: line.clone(),
            });
        }
        let (Ok(said) | Err(said)) = &summarised.result;
        let component = Component {
            tool,
            by: author.map(|author| &author.provenance),
            given: summarised.given,
            answered: said.len() as u64,
        };
        self.book_component(account.clone(), component, outcome);
    }

    /// Nobody waits for the summary any more.
    pub(crate) fn stop_summing(&mut self, why: &str) {
        if let Some(effect) = self.summing.under_way.take() {
            self.abort(OWNER);
            if let Some(metering) = self.summing.meter.take() {
                self.book_meter(&metering);
            }
            self.record(
                Kind::Summary,
                &json!({ "effect": effect, "summary": null, "why": why }),
            );
        }
    }
}

/// Bytes of what is to be summed up.
fn bytes_of(request: &SummaryRequest) -> u64 {
    let said: usize = request.said.iter().map(|turn| turn.text.len()).sum();
    (said + request.earlier.as_ref().map_or(0, String::len)) as u64
}

/// The plugin that wrote a summary.
struct Author {
    name: Arc<str>,
    provenance: Provenance,
    labels: Vec<Label>,
}

type Asking = (Option<Author>, Result<String, String>, Option<Outcome>);

async fn ask_plugin(
    services: &Services,
    agent: &AgentDef,
    bundle: &definitions::ChartBundle,
    name: &PluginName,
    request: &SummaryRequest,
    context: &CallContext,
) -> Asking {
    let plugin = match load_plugin(services, agent, name).await {
        Ok(plugin) => plugin,
        Err(error) => return (None, Err(error.to_string()), None),
    };
    let author = Some(Author {
        name: plugin.shared_name().clone(),
        provenance: Provenance::Plugin {
            name: plugin.shared_name().clone(),
            generation: plugin.info().hash.short().into(),
        },
        labels: labels_of(&plugin),
    });
    let mut grant = match grants::for_component(
        &services.house,
        agent,
        bundle,
        [],
        None,
        &plugin,
        "summarise",
    ) {
        Ok(grant) => grant,
        Err(why) => return (author, Err(why), None),
    };
    // It waits for a model, which is not the plugin's fault; a ceiling that says less still holds.
    let ceiling = services.house.ceiling.as_ref();
    let most = ceiling.and_then(|ceiling| ceiling.limits.deadline.as_deref());
    grant.limits.deadline = PATIENCE.min(most.copied().unwrap_or(PATIENCE));
    let (result, outcome) = services
        .sandbox
        .summarise(&plugin, request, &grant, context)
        .await;
    (
        author,
        result.map_err(|error| error.to_string()),
        Some(outcome),
    )
}

/// Show the guards what was written, and what the plugin said of itself.
async fn guard(
    guards: &Guards,
    result: &mut Result<String, String>,
    outcome: Option<&mut Outcome>,
    context: &CallContext,
) -> Option<Inspected> {
    if !guards.are_posted() {
        return None;
    }
    let model = Provenance::Model("summary".into());
    if let Some(outcome) = outcome {
        let log = outcome.log.join("\n");
        let lines = guards.on_the_way_in(&log, &model, &[], context).await;
        if lines.changes() {
            outcome.log = lines.apply(log).lines().map(str::to_owned).collect();
        }
    }
    let text = match result {
        Ok(text) | Err(text) => text,
    };
    let inspected = guards.on_the_way_out(text, &model, context).await;
    let clean = inspected.apply(std::mem::take(text));
    match &inspected.blocked {
        Some(_) => *result = Err(clean),
        None => *text = clean,
    }
    Some(inspected)
}

/// Inferences that pass after a summary that failed: each try may cost money and time.
const REST_AFTER_FAILURE: u64 = 8;

/// Longest time that one summary may take, its inferences included.
const PATIENCE: Duration = Duration::from_secs(600);

/// An item of the conversation as a summary plugin is told it.
fn turns(item: &Item) -> Vec<SummaryTurn> {
    let turn = |speaker: &str, text: String| SummaryTurn {
        speaker: speaker.to_owned(),
        text,
    };
    match item {
        Item::Text {
            text, provenance, ..
        } => {
            let speaker = match provenance {
                Provenance::Human => "human",
                _ => "house",
            };
            vec![turn(speaker, text.to_string())]
        }
        Item::Assistant { text, calls, .. } => {
            let said = (!text.is_empty()).then(|| turn("model", text.to_string()));
            let called = calls
                .iter()
                .map(|call| turn("model", format!("called {} {}", call.name, call.arguments)));
            said.into_iter().chain(called).collect()
        }
        Item::Result(result) => vec![turn(&result.name, result.text.to_string())],
    }
}

/// A model that counts what it is asked, and refuses when there is nothing left to spend.
struct Meter {
    inner: Arc<dyn Model>,
    clock: Arc<dyn Clock>,
    free: bool,
    price: Option<Price>,
    /// The longest answer.
    max_output: u64,
    /// What else its cost is worked out by.
    rates: Rates,
    /// What it is held to.
    allowance: Allowance,
    said: Mutex<Metered>,
}

/// What a meter has counted.
#[derive(Default)]
struct Metered {
    inferences: Vec<(Usage, Used)>,
    /// The one that has no answer yet: what was sent, in tokens, and when.
    asking: Option<(u64, Duration)>,
    /// Those that count as under way.
    tickets: Vec<u64>,
    /// Why the last one was refused.
    refused: Option<Box<Exhausted>>,
}

impl Meter {
    fn said(&self) -> MutexGuard<'_, Metered> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `usages` come to.
    fn sum(&self, usages: &[Usage]) -> Sum {
        let price = self.price.as_ref().filter(|_| !self.free);
        let mut sum = Sum::default();
        for usage in usages {
            sum.add(&of_tokens(
                price,
                &self.rates,
                &tokens_of(usage),
                self.clock.now(),
            ));
        }
        sum
    }
}

/// What a component asks for in tokens, by its length.
fn tokens_in(payload: &Payload) -> u64 {
    let turns = payload.items.iter().flat_map(|item| turns(item));
    let bytes: usize = turns.map(|turn| turn.text.len()).sum();
    (bytes as u64).div_ceil(BYTES_PER_TOKEN)
}

impl Model for Meter {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(async move {
            let price = self.price.as_ref().filter(|_| !self.free);
            let now = self.clock.now();
            let input = (tokens_in(payload), 0);
            let expected = inference(price, &self.rates, input, self.max_output, now);
            let room = self.allowance.room(&expected, now).await;
            let ticket = room.map_err(|exhausted| {
                let why = in_words(&exhausted);
                self.said().refused = Some(exhausted);
                ModelError::new(ModelErrorKind::Rejected, why)
            })?;
            {
                let mut said = self.said();
                said.tickets.push(ticket);
                said.asking = Some((input.0, self.clock.monotonic()));
            }
            let (answer, used) = used::complete(&*self.inner, payload, sink, &self.clock).await;
            let (before, usage) = match &answer {
                Ok(reply) => (reply.abandoned, Some(reply.usage)),
                Err(error) => (None, error.usage),
            };
            let usages: Vec<Usage> = before.into_iter().chain(usage).collect();
            self.allowance.came_to(ticket, self.sum(&usages));
            let mut said = self.said();
            said.asking = None;
            said.inferences
                .extend(before.map(|usage| (usage, Used::default())));
            said.inferences.extend(usage.map(|usage| (usage, used)));
            drop(said);
            answer
        })
    }
}
