//! What a run's records come to: where its chart stands, what is under way, what is known. A fold, and nothing but a fold.
//!
//! Taking a run up again and recording a snapshot of it are the same function of the same records, so that there is no second way in which a run is stored
//! and could differ from the first. A snapshot is this fold as far as it had come; what follows it is folded on top. It holds no conversation: that is read
//! from its own records, as much of it as is needed.

use crate::RuntimeError;
use crate::act::{in_words, last_json};
use crate::admission::EXHAUSTED;
use crate::bound::{self, Binding, HAND_IN};
use crate::inbox::Word;
use crate::kin::{self, Children, Kin};
use crate::live::{Cause, CauseKind, Status};
use crate::permission::PermissionRecord;
use crate::record::Kind;
use crate::round::ActivityKind;
use crate::summarise::Written;
use chart::{Chart, Due, Effects, Incoming, SavedSnapshot, Snapshot};
use journal::{Journal, Record};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use types::{
    CallErrorKind, ContentHash, Cost, Effect, Event, Item, Label, Outcome, Provenance, Reply,
    ToolCall, ToolName, Value,
};

/// What a run was when it stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Whose run it is.
    pub(crate) agent: String,
    /// The chart that its steps are of.
    pub(crate) chart: Option<ContentHash>,
    /// The set of definitions in force, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) definitions: Option<String>,
    /// What a person said last.
    pub(crate) prompt: Arc<str>,
    pub(crate) next_effect: u64,
    /// Tools that a person has allowed for the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) permitted: Vec<ToolName>,
    pub(crate) spent: Decimal,
    #[serde(default)]
    pub(crate) unpriced: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<Written>,
    /// What was said and has not joined the conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiting: Vec<Word>,
    /// Whether a person said something that no inference was asked about.
    #[serde(default)]
    pub(crate) unanswered: bool,
    /// Whether a workflow said something that nothing was begun for.
    #[serde(default)]
    pub(crate) has_work: bool,
    /// Whether the chart began after all that was said.
    #[serde(default)]
    pub(crate) begun_with_it: bool,
    /// Items of the conversation.
    pub(crate) items: usize,
    /// The record of the newest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest_item: Option<u64>,
    /// Calls of the last answer that nothing has answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) open: Vec<ToolCall>,
    /// Activities under way, by invocation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) doing: BTreeMap<Arc<str>, Doing>,
    /// Calls that are held back, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) held: BTreeMap<Arc<str>, String>,
    /// How it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) over: Option<Status>,
    /// How it stood still last, if it has done nothing since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rested: Option<Status>,
    /// A person said that it should wait.
    #[serde(default)]
    pub(crate) paused: bool,
    /// The workflow it is bound to, and as what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<Binding>,
    /// The last record of another run's event that it has taken.
    #[serde(default)]
    pub(crate) heard_upto: u64,
    /// Whose child it is.
    #[serde(default)]
    pub(crate) kin: Kin,
    /// What it has begun.
    #[serde(default)]
    pub(crate) children: Children,
    /// Whether what its role asks for is handed in.
    #[serde(default)]
    pub(crate) handed_in: bool,
    /// The chart as it was stored last; `None` before it began.
    base: Option<SavedSnapshot>,
    /// What happened to it since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Stepped>,
    /// Records folded since the last snapshot.
    #[serde(skip)]
    pub(crate) tail: usize,
}

/// A step of the chart, as it is recorded.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Stepped {
    event: Option<Named>,
    time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    invocation: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    due: Option<Due>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Named {
    name: Arc<str>,
    #[serde(default)]
    data: Value,
}

/// An activity that was under way.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Doing {
    pub(crate) kind: ActivityKind,
    pub(crate) state: Arc<str>,
    #[serde(default)]
    pub(crate) params: Value,
    #[serde(default)]
    pub(crate) thoughts: u32,
    #[serde(default)]
    pub(crate) calls: u32,
    #[serde(default)]
    pub(crate) changed: bool,
    #[serde(default)]
    pub(crate) failed: u32,
    /// The inference that has no answer yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) asking: Option<Asking>,
    /// What the model said when it made the calls below.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) said: Option<Item>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) slots: Vec<Made>,
    /// Stopped with its run, and not because anything was wrong with it.
    #[serde(default)]
    pub(crate) suspended: bool,
}

/// An inference that was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Asking {
    pub(crate) effect: u64,
    pub(crate) provider: Arc<str>,
    pub(crate) model: Arc<str>,
    /// Tokens as they were estimated.
    pub(crate) tokens: u64,
}

/// A call of a round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Made {
    pub(crate) call: ToolCall,
    pub(crate) progress: Progress,
}

/// How far a call had come.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Progress {
    /// Not begun.
    Waiting,
    /// Begun, and nothing is known of its end.
    Running {
        effect: u64,
        /// What doing it twice would do.
        repeat: Effect,
        /// A person had not answered yet whether it may be made.
        asks: bool,
    },
    /// It has come back.
    Finished(Box<Ended>),
}

/// What a call came to.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) text: String,
    pub(crate) error: Option<CallErrorKind>,
    pub(crate) json: Value,
    pub(crate) provenance: Provenance,
    pub(crate) labels: Vec<Label>,
}

/// The chart where it stood, with what its last error was.
pub(crate) struct Stood {
    pub(crate) snapshot: Snapshot,
    /// The trouble of the last event that no state handled.
    pub(crate) unhandled: Option<Cause>,
    /// Whether something was refused for its cost, and no state handled that.
    pub(crate) over_budget: bool,
}

#[derive(Deserialize)]
struct SnapshotRecord {
    past: Past,
}

impl Past {
    /// What the records of `run` come to; `None` where there are none of an agent.
    ///
    /// # Errors
    /// When the journal cannot be read, or a record in it.
    pub(crate) fn read(journal: &Journal, run: &str) -> Result<Option<Self>, RuntimeError> {
        let mut tail = since_snapshot(journal, run)?;
        let mut past = Past {
            next_effect: 1,
            ..Past::default()
        };
        let damaged = |record: &Record, why: serde_json::Error| RuntimeError::Damaged {
            run: run.to_owned(),
            record: record.seq.0,
            why: why.to_string(),
        };
        if let Some(first) = tail.first()
            && first.kind == Kind::Snapshot.name()
        {
            let read: SnapshotRecord =
                serde_json::from_str(&first.body).map_err(|why| damaged(first, why))?;
            past = read.past;
            tail.remove(0);
        }
        for record in &tail {
            past.take(record).map_err(|why| damaged(record, why))?;
        }
        past.tail = tail.len();
        Ok((!past.agent.is_empty()).then_some(past))
    }

    /// Fold one more record.
    fn take(&mut self, record: &Record) -> Result<(), serde_json::Error> {
        let Some(kind) = Kind::named(&record.kind).filter(|kind| is_of_interest(*kind)) else {
            return Ok(());
        };
        let mut body: Json = serde_json::from_str(&record.body)?;
        if let Some(effect) = body["effect"].as_u64() {
            self.next_effect = self.next_effect.max(effect + 1);
        }
        if let Some(cause) = body["cause"].as_u64() {
            self.heard_upto = self.heard_upto.max(cause);
        }
        match kind {
            Kind::Started => {
                self.agent = text(&body["agent"]["name"]);
                self.chart = hash(&body["chart"]["hash"]);
                self.definitions = body["definitions"].as_str().map(str::to_owned);
                self.over = None;
                self.rested = None;
                if let Ok(kin) = serde_json::from_value(body["kin"].take()) {
                    self.kin = kin;
                }
            }
            Kind::Said => {
                let said = text(&body["text"]);
                self.begun_with_it = false;
                self.prompt = said.as_str().into();
                self.waiting.push(Word {
                    text: said,
                    house: body["house"] == true,
                });
                self.rested = None;
            }
            Kind::Item => {
                self.newest_item = Some(record.seq.0);
                self.item(serde_json::from_value(body["item"].take())?, &body["n"]);
            }
            Kind::Step => {
                self.rested = None;
                self.effects(&body["effects"]);
                let step: Stepped = serde_json::from_value(body)?;
                match &step.event {
                    // The chart from its beginning: whatever was before is over, and what was said is what it begins with.
                    None => {
                        if self.base.is_some() || !self.steps.is_empty() {
                            self.unanswered = false;
                            self.has_work = false;
                        }
                        self.begun_with_it = true;
                        self.base = None;
                        self.steps.clear();
                    }
                    Some(named) if matches!(&*named.name, "human.said" | "ask.done") => {
                        self.unanswered = false;
                    }
                    Some(_) => {}
                }
                self.over = None;
                if let Some(id) = &step.invocation {
                    self.doing.remove(id);
                }
                self.steps.push(step);
            }
            Kind::Think => self.asked(&body),
            Kind::Reply => self.answered(body),
            Kind::Call => self.called(&body),
            Kind::Permission => {
                if let Some(made) = self.made(&body)
                    && let Progress::Running { asks, .. } = &mut made.progress
                {
                    *asks = false;
                }
                if let Ok(permission) = serde_json::from_value::<PermissionRecord>(body) {
                    self.permitted.extend(permission.for_the_run());
                }
            }
            Kind::Outcome => self.ended(&body),
            Kind::Uncertain => {
                if let Some(made) = self.made(&body) {
                    made.progress = Progress::Finished(Box::new(Ended::uncertain()));
                }
            }
            Kind::Stopped => self.stopped(&body),
            Kind::Summary => {
                let summary = body.get_mut("summary").map(Json::take);
                if let Some(summary) = summary.filter(|summary| !summary.is_null()) {
                    self.summary = Some(serde_json::from_value(summary)?);
                }
            }
            Kind::Cost => {
                let cost: Cost = serde_json::from_value(body)?;
                self.unpriced |= cost.usd.is_none();
                self.spent += cost.usd.unwrap_or_default();
            }
            Kind::Reloaded => {
                let set = body["definitions"].as_str().map(str::to_owned);
                self.definitions = set.or(self.definitions.take());
                self.chart = hash(&body["chart"]["hash"]).or(self.chart);
            }
            Kind::Migrated => {
                self.effects(&body["effects"]);
                self.stands(&mut body);
            }
            Kind::Rested => {
                self.rested = serde_json::from_value(body["status"].take()).ok();
                self.stands(&mut body);
            }
            Kind::Ended => {
                self.over = serde_json::from_value(body["status"].take()).ok();
                self.stands(&mut body);
            }
            Kind::Paused => self.paused = true,
            Kind::Resumed => self.paused = false,
            Kind::Bound => {
                self.bound = serde_json::from_value(body).ok();
                self.handed_in = false;
            }
            Kind::Unbound => self.bound = None,
            Kind::Sent => {
                self.handed_in |= body["event"] == HAND_IN;
                if body["event"] == kin::BEGIN {
                    let kin = serde_json::from_value(body["data"]["kin"].take());
                    let run = text(&body["to"]).into();
                    self.children.begun(run, kin.unwrap_or_default());
                }
            }
            Kind::Told => {
                self.rested = None;
                match body["event"].as_str() {
                    Some(bound::ASSIGNED | bound::REFUSED) => self.handed_in = false,
                    Some(kin::OVER) => {
                        let usd = body["usd"].as_str().and_then(|usd| usd.parse().ok());
                        self.children.over(&text(&body["from"]), usd);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The record says where the chart stands. Those of earlier versions do not; the chart then stands where its steps lead.
    fn stands(&mut self, body: &mut Json) {
        if let Ok(saved) = serde_json::from_value::<SavedSnapshot>(body["snapshot"].take()) {
            self.base = Some(saved);
            self.steps.clear();
        }
    }

    /// Activities that a step began and stopped.
    fn effects(&mut self, effects: &Json) {
        for effect in effects.as_array().into_iter().flatten() {
            let id: Arc<str> = text(&effect["id"]).into();
            match effect["type"].as_str() {
                Some("invoke") => {
                    let activity = effect["activity"].as_str().and_then(ActivityKind::parse);
                    if let Some(kind) = activity {
                        let params = Value::from(&effect["params"]);
                        let state = text(&effect["state"]).into();
                        self.doing.insert(id, Doing::new(kind, state, params));
                    }
                }
                Some("cancel_invoke") => {
                    self.doing.remove(&id);
                }
                _ => {}
            }
        }
    }

    fn item(&mut self, item: Item, n: &Json) {
        let n = n.as_u64().and_then(|n| usize::try_from(n).ok());
        self.items = n.map_or(self.items + 1, |n| n + 1);
        match item {
            Item::Text {
                provenance, text, ..
            } => {
                let human = provenance == Provenance::Human;
                let joins = |word: &Word| match word.house {
                    true => !human && *text.plain() == word.text,
                    // Where it could have closed a section of the map it reads otherwise now.
                    false => human,
                };
                if self.waiting.first().is_some_and(joins) {
                    let word = self.waiting.remove(0);
                    self.unanswered |= !word.house;
                    self.has_work |= word.house;
                }
            }
            Item::Assistant { calls, .. } => {
                for doing in self.doing.values_mut() {
                    let its = |said: &Item| matches!(said, Item::Assistant { calls: own, .. } if *own == calls);
                    if doing.said.as_ref().is_some_and(its) {
                        doing.said = None;
                    }
                }
                self.open = calls;
            }
            Item::Result(result) => {
                self.open.retain(|call| call.id != result.call);
                self.held.remove(&result.call);
                for doing in self.doing.values_mut() {
                    doing.slots.retain(|made| made.call.id != result.call);
                }
            }
        }
    }

    fn asked(&mut self, body: &Json) {
        self.unanswered = false;
        self.has_work = false;
        let Some(doing) = self.by_invocation(body) else {
            return;
        };
        doing.thoughts += 1;
        doing.asking = Some(Asking {
            effect: body["effect"].as_u64().unwrap_or_default(),
            provider: text(&body["provider"]).into(),
            model: text(&body["model"]).into(),
            tokens: body["context"]["total"].as_u64().unwrap_or_default(),
        });
    }

    fn answered(&mut self, mut body: Json) {
        let effect = body["effect"].as_u64();
        let asked = |doing: &&mut Doing| {
            let asking = doing.asking.as_ref();
            asking.is_some_and(|asking| Some(asking.effect) == effect)
        };
        let Some(doing) = self.doing.values_mut().find(asked) else {
            return;
        };
        doing.asking = None;
        let Ok(reply) = serde_json::from_value::<Reply>(body["reply"].take()) else {
            return;
        };
        if let Ok(held) = serde_json::from_value(body["held"].take()) {
            let held: BTreeMap<Arc<str>, String> = held;
            self.held.extend(held);
        }
        if doing.kind != ActivityKind::Turn || reply.calls.is_empty() {
            return;
        }
        let waiting = |call: &ToolCall| Made {
            call: call.clone(),
            progress: Progress::Waiting,
        };
        doing.slots = reply.calls.iter().map(waiting).collect();
        doing.said = Some(Item::Assistant {
            text: (&reply.text).into(),
            reasoning: reply.reasoning,
            calls: reply.calls,
            provenance: Provenance::Model(reply.model),
        });
    }

    fn called(&mut self, body: &Json) {
        // Those that fetch for a payload are made anew with it.
        let (Some(id), Some(effect)) = (body["call"].as_str(), body["effect"].as_u64()) else {
            return;
        };
        let repeat = serde_json::from_value(body["repeat"].clone()).unwrap_or(Effect::Once);
        let progress = Progress::Running {
            effect,
            repeat,
            asks: body["asks"] == true,
        };
        let counts = body["refused"] != true && body["again"] != true;
        let call = ToolCall {
            id: id.into(),
            name: text(&body["tool"]).into(),
            arguments: text(&body["arguments"]).as_str().into(),
        };
        let open = self.open.clone();
        let Some(doing) = self.by_invocation(body) else {
            return;
        };
        doing.calls += u32::from(counts);
        if doing.slots.is_empty() && doing.kind == ActivityKind::Act {
            let waiting = |call| Made {
                call,
                progress: Progress::Waiting,
            };
            doing.slots = open.into_iter().map(waiting).collect();
        }
        match doing.slots.iter_mut().find(|made| *made.call.id == *id) {
            Some(made) => made.progress = progress,
            None => doing.slots.push(Made { call, progress }),
        }
    }

    fn ended(&mut self, body: &Json) {
        let Ok(outcome) = serde_json::from_value::<Outcome>(body["outcome"].clone()) else {
            return;
        };
        let failed = outcome.result.is_err();
        let provenance = serde_json::from_value(body["provenance"].clone());
        let labels = serde_json::from_value(body["labels"].clone());
        let ended = Ended {
            text: in_words(&outcome),
            error: outcome.result.as_ref().err().map(|error| error.kind),
            json: last_json(&outcome),
            provenance: provenance.unwrap_or(Provenance::House),
            labels: labels.unwrap_or_default(),
        };
        let effect = body["effect"].as_u64();
        for doing in self.doing.values_mut() {
            for made in &mut doing.slots {
                let Progress::Running {
                    effect: own,
                    repeat,
                    ..
                } = made.progress
                else {
                    continue;
                };
                if Some(own) == effect {
                    doing.changed |= repeat != Effect::None && !failed;
                    doing.failed += u32::from(failed);
                    made.progress = Progress::Finished(Box::new(ended));
                    return;
                }
            }
        }
    }

    fn stopped(&mut self, body: &Json) {
        let Some(id) = body["invocation"].as_str() else {
            return;
        };
        if body["suspended"] != true {
            self.doing.remove(id);
            return;
        }
        if let Some(doing) = self.doing.get_mut(id) {
            // Its calls have their answers in the conversation.
            doing.suspended = true;
            doing.asking = None;
            doing.said = None;
            doing.slots.clear();
        }
    }

    fn by_invocation(&mut self, body: &Json) -> Option<&mut Doing> {
        self.doing.get_mut(body["invocation"].as_str()?)
    }

    /// The call that a record is about, by its effect.
    fn made(&mut self, body: &Json) -> Option<&mut Made> {
        let effect = body["effect"].as_u64()?;
        let slots = self.doing.values_mut().flat_map(|doing| &mut doing.slots);
        let mut running = slots.filter(
            |made| matches!(made.progress, Progress::Running { effect: own, .. } if own == effect),
        );
        running.next()
    }

    /// Where its chart stands, which must be the chart that its steps are of. `None` where it never began.
    pub(crate) fn stood(&self, chart: &Chart) -> Result<Option<Stood>, String> {
        let mut effects = Effects::new();
        let mut snapshot = match &self.base {
            Some(saved) => Some(saved.restore(chart).map_err(|error| error.to_string())?),
            None => None,
        };
        let mut unhandled = None;
        let stopped = |status: Option<Status>| status == Some(Status::Budget);
        let mut over_budget = stopped(self.over) || stopped(self.rested);
        for step in &self.steps {
            let Some(named) = &step.event else {
                let begun = chart::start(chart, step.time, &mut effects);
                snapshot = Some(begun.map_err(|error| error.to_string())?);
                over_budget = false;
                effects.clear();
                continue;
            };
            let Some(snapshot) = &mut snapshot else {
                return Err("its chart took an event before it began".into());
            };
            let event = Event {
                name: named.name.clone(),
                data: named.data.clone(),
                time: step.time,
            };
            if event.name.starts_with("error") && !snapshot.accepts(chart, &event.name) {
                unhandled = Some(trouble(&event));
            } else if event.name.ends_with(".done") {
                unhandled = None;
                over_budget = false;
            } else if &*event.name == EXHAUSTED {
                over_budget = !snapshot.accepts(chart, &event.name);
            }
            // A timer that fired waits no more.
            let due = step.due.as_ref();
            let due = due.map(|due| snapshot.take_due(step.time).unwrap_or_else(|| due.clone()));
            let incoming = match (&due, &step.invocation) {
                (Some(due), _) => Incoming::from(due),
                (None, Some(id)) => Incoming::from_invocation(&event, id),
                (None, None) => Incoming::from(&event),
            };
            chart::step(chart, snapshot, incoming, &mut effects)
                .map_err(|error| error.to_string())?;
            effects.clear();
        }
        Ok(snapshot.map(|snapshot| Stood {
            snapshot,
            unhandled,
            over_budget,
        }))
    }

    /// Where its chart was stored last, with nothing that happened since: for a chart that its steps are not of.
    pub(crate) fn stored(&self) -> Option<&SavedSnapshot> {
        self.base.as_ref().filter(|_| self.steps.is_empty())
    }

    /// The same with all steps taken: what a snapshot holds.
    pub(crate) fn settled(mut self, snapshot: &Snapshot, chart: &Chart) -> Self {
        self.base = Some(snapshot.save(chart));
        self.steps.clear();
        self
    }

    /// Whether it can be stored now without holding answers of tools twice.
    pub(crate) fn is_between_rounds(&self) -> bool {
        self.doing.values().all(|doing| doing.slots.is_empty())
    }
}

impl Doing {
    fn new(kind: ActivityKind, state: Arc<str>, params: Value) -> Self {
        Doing {
            kind,
            state,
            params,
            thoughts: 0,
            calls: 0,
            changed: false,
            failed: 0,
            asking: None,
            said: None,
            slots: Vec::new(),
            suspended: false,
        }
    }
}

impl Ended {
    /// A call of which nobody knows whether it took effect.
    pub(crate) fn uncertain() -> Self {
        Ended {
            text: "under way when the host stopped: it may have taken effect, look before you do it again".into(),
            error: Some(CallErrorKind::Failed),
            json: Value::Null,
            provenance: Provenance::House,
            labels: Vec::new(),
        }
    }
}

/// The records of `run` from its newest snapshot on; all of them where there is none.
fn since_snapshot(journal: &Journal, run: &str) -> Result<Vec<Record>, RuntimeError> {
    let mut tail = Vec::new();
    journal.tail(run, |record| {
        let newest = record.kind == Kind::Snapshot.name();
        tail.push(record);
        match newest {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    tail.reverse();
    Ok(tail)
}

/// Whether a record of `kind` bears on where a run stands.
fn is_of_interest(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Guard
            | Kind::Budget
            | Kind::Interrupted
            | Kind::NotReloaded
            | Kind::PluginSwapped
            | Kind::PluginRefused
            | Kind::PluginQuarantined
            | Kind::Snapshot
    )
}

/// What an error event says.
fn trouble(event: &Event) -> Cause {
    let message = event.data.get("message").and_then(Value::as_text);
    Cause {
        kind: match &*event.name {
            "error.provider" => CauseKind::Provider,
            _ => CauseKind::Other,
        },
        message: message.unwrap_or(&event.name).to_owned(),
    }
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn hash(value: &Json) -> Option<ContentHash> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::NewRecord;
    use types::Timestamp;

    /// Records of runs that were killed and went on, as the program wrote them.
    const KILLED: &str = include_str!("../tests/past/killed.jsonl");

    fn records() -> Vec<Record> {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
        for line in KILLED.lines() {
            let line: Json = serde_json::from_str(line).unwrap();
            let body = line["body"].to_string();
            let record = NewRecord {
                run: "killed",
                time: Timestamp(line["time"].as_i64().unwrap()),
                kind: line["kind"].as_str().unwrap(),
                body: &body,
            };
            journal.append(&[record]).unwrap();
        }
        journal.records("killed").unwrap()
    }

    fn anew() -> Past {
        Past {
            next_effect: 1,
            ..Past::default()
        }
    }

    #[test]
    fn a_fold_that_is_stored_anywhere_and_goes_on_comes_to_the_same() {
        let records = records();
        assert!(records.len() > 50);
        let mut whole = anew();
        let mut stored: Vec<Past> = Vec::new();
        for record in &records {
            let now = serde_json::to_string(&whole).unwrap();
            stored.push(serde_json::from_str(&now).unwrap());
            whole.take(record).unwrap();
        }
        let whole = serde_json::to_value(&whole).unwrap();
        for (at, mut past) in stored.into_iter().enumerate() {
            for record in &records[at..] {
                past.take(record).unwrap();
            }
            let past = serde_json::to_value(&past).unwrap();
            assert_eq!(past, whole, "stored before record {at}");
        }
    }
}
