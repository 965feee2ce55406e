//! What a person says while a run is under way.
//!
//! A run whose inbox is open does not end where it comes to rest: it waits for the next message. A message is taken by the chart as `human.said` where an
//! open state accepts that; a chart that has ended, or that stands in a state which nobody can speak to, begins anew with the conversation kept.

use crate::guards::Inspected;
use crate::live::{RunEvent, Status};
use crate::point::{self, Point};
use crate::record::Kind;
use crate::request::Leaving;
use crate::round::ActivityKind;
use crate::run::{Done, Run};
use crate::{Binding, bound, kin};
use chart::Effects;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;
use types::{Item, Provenance, Role, Value};

/// Something that a person does.
#[derive(Clone, Debug, PartialEq)]
pub enum Message {
    /// Says something.
    Said(String),
    /// Stops what is under way; the conversation goes on.
    Interrupt,
    /// Another run or a workflow's instance says something, or the host does.
    #[doc(hidden)]
    Told(Box<Told>),
    /// The run is to be left for now.
    #[doc(hidden)]
    Leave(Leaving),
}

/// What another run or an instance says.
#[derive(Clone, Debug, PartialEq)]
pub struct Told {
    /// Who says it.
    pub(crate) from: Arc<str>,
    /// The record that it stands in; `None` for what can be found out again at any time.
    pub(crate) seq: Option<u64>,
    /// The event.
    pub(crate) event: Arc<str>,
    /// What it carries.
    pub(crate) data: serde_json::Value,
    /// What the run is bound to from now on; `None` where that stays as it is.
    pub(crate) binding: Option<Option<Binding>>,
}

/// Something said that has not joined the conversation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Word {
    pub(crate) text: String,
    /// Whether the host says it for a workflow, and no person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) house: bool,
}

/// Messages as they come. One that ends closes the conversation: the run then ends where it comes to rest.
pub type Inbox = Pin<Box<dyn Stream<Item = Message>>>;

/// Whose effects these are: nobody's activity, for no invocation can have such a name.
pub(crate) const OWNER: &str = "host:inbox";

/// The event by which a chart hears what a person says.
const SAID: &str = "human.said";
/// The event by which a chart hears that a person stopped it.
const INTERRUPTED: &str = "human.interrupted";

/// What the host tells a run to which somebody speaks.
pub(crate) const SAYS: &str = "human.says";
/// What it tells a run that has failed and is begun again.
pub(crate) const AGAIN: &str = "run.again";

/// What a person said, once the guards have seen it.
pub(crate) struct Heard {
    effect: u64,
    text: String,
    /// The record that it stands in, where the host was told it.
    seq: Option<u64>,
    inspected: Inspected,
}

impl Run {
    /// A message has come.
    pub(crate) fn hear(&mut self, message: Message) {
        match message {
            Message::Interrupt => self.interrupt(),
            Message::Leave(leaving) => self.leaving = Some(leaving),
            Message::Told(told) => self.hear_told(&told),
            Message::Said(text) => {
                self.resting = false;
                self.unheard.push_back((text, None));
                self.listen_on();
            }
        }
    }

    /// Another run or an instance has said something. It is taken once: what is on the record already is not taken again.
    fn hear_told(&mut self, told: &Told) {
        if told.seq.is_some_and(|seq| seq <= self.heard_upto) {
            return;
        }
        if told.seq.is_some() && self.is_hearing() {
            // In order: what is on the record up to one letter has to be all before it.
            self.behind.push_back(told.clone());
            return;
        }
        point::reach(Point::Deliver);
        if &*told.event == SAYS {
            // It is taken when the guards have seen it.
            self.resting = false;
            self.unheard.push_back((said_in(told), told.seq));
            return self.listen_on();
        }
        self.take_cause(told.seq, &told.from, &told.event, &told.data["usd"]);
        if let Some(binding) = &told.binding {
            self.bind(binding.clone());
        }
        if &*told.event == bound::CHANGED {
            // The binding says it.
            return;
        }
        self.resting = false;
        match &*told.event {
            bound::ASSIGNED => self.assigned(told),
            bound::WITHDRAWN => self.withdrawn(told),
            bound::REFUSED => self.hand_in_refused(told),
            AGAIN => self.again(&told.data),
            kin::OVER => self.child_over(told),
            kin::STOP => self.stopping = true,
            event => self.happen(event, Value::from(&told.data), None),
        }
    }

    /// What has the record `seq` of another has been taken.
    fn take_cause(&mut self, seq: Option<u64>, from: &str, event: &str, usd: &serde_json::Value) {
        if let Some(seq) = seq {
            self.heard_upto = self.heard_upto.max(seq);
            let body = json!({ "cause": seq, "from": from, "event": event, "usd": usd });
            self.record(Kind::Told, &body);
        }
    }

    /// The chart is begun again, because the run failed.
    pub(crate) fn again(&mut self, data: &serde_json::Value) {
        for id in self.activities.keys().cloned().collect::<Vec<_>>() {
            self.cancel(&id, "the run is begun again", false);
        }
        self.answer_open_calls();
        self.record(Kind::Restarted, data);
        self.begin_anew();
    }

    /// Have the guards look at the next message, one after another, so that none overtakes the one before it.
    fn listen_on(&mut self) {
        if self.is_under_way(|owner| owner == OWNER) {
            return;
        }
        let Some((text, seq)) = self.unheard.pop_front() else {
            return;
        };
        let effect = self.new_effect();
        let (guards, context) = (self.guards.clone(), self.call_context(effect));
        self.start(effect, &OWNER.into(), async move {
            let inspected = guards.on_the_way_in(&text, &Provenance::Human, &[], &context);
            let inspected = inspected.await;
            Done::Heard(Box::new(Heard {
                effect,
                text,
                seq,
                inspected,
            }))
        });
    }

    /// Hear a message and all that is said in it, before anything else is begun: what was said while the run was stopped comes before what is said now.
    pub(crate) async fn hear_first(&mut self, message: Message) {
        let (text, seq) = match message {
            Message::Said(text) => (text, None),
            Message::Told(told) if &*told.event == SAYS => {
                if told.seq.is_some_and(|seq| seq <= self.heard_upto) {
                    return;
                }
                (said_in(&told), told.seq)
            }
            other => return self.hear(other),
        };
        let effect = self.new_effect();
        let (guards, context) = (self.guards.clone(), self.call_context(effect));
        let inspected = guards.on_the_way_in(&text, &Provenance::Human, &[], &context);
        let inspected = inspected.await;
        self.take_words(Heard {
            effect,
            text,
            seq,
            inspected,
        });
    }

    fn take_words(&mut self, heard: Heard) {
        self.take_cause(heard.seq, "human", SAYS, &serde_json::Value::Null);
        let text = self.let_in(heard.effect, "said", heard.text, heard.inspected);
        self.said(&text);
    }

    /// What a person said is ready to be taken.
    pub(crate) fn heard(&mut self, heard: Heard) {
        self.over(heard.effect);
        self.take_words(heard);
        self.listen_on();
        while !self.is_hearing()
            && let Some(told) = self.behind.pop_front()
        {
            self.hear_told(&told);
        }
    }

    /// Whether something that was said is not taken yet.
    fn is_hearing(&self) -> bool {
        !self.unheard.is_empty() || self.is_under_way(|owner| owner == OWNER)
    }

    /// Record what a person said. It joins the conversation at once, or when what is under way has come to an end: no model may seem to have read what it had
    /// not, and nothing may stand between a call and its result.
    pub(crate) fn said(&mut self, text: &str) {
        self.prompt = text.into();
        self.record(Kind::Said, &json!({ "text": text }));
        self.wait_with(text, false);
    }

    /// The same with what the host says for a workflow.
    pub(crate) fn told(&mut self, text: &str) {
        self.prompt = text.into();
        self.record(Kind::Said, &json!({ "text": text, "house": true }));
        self.wait_with(text, true);
    }

    /// The same with what it is reminded of. The record says that it was, so that a run that is taken up again is not reminded again.
    pub(crate) fn remind(&mut self, text: &str) {
        self.prompt = text.into();
        let body = json!({ "text": text, "house": true, "reminds": true });
        self.record(Kind::Said, &body);
        self.wait_with(text, true);
        self.reminded = true;
    }

    fn wait_with(&mut self, text: &str, house: bool) {
        self.begun_with_it = false;
        self.waiting_words.push(Word {
            text: text.to_owned(),
            house,
        });
        if self.activities.is_empty() {
            self.say_what_waited();
        }
    }

    /// Put what was said meanwhile into the conversation, where that is possible now.
    pub(crate) fn say_what_waited(&mut self) {
        let calling = |activity: &crate::round::Activity| !activity.slots.is_empty();
        if self.waiting_words.is_empty()
            || self.activities.values().any(calling)
            || !self.open_calls().is_empty()
        {
            return;
        }
        for word in std::mem::take(&mut self.waiting_words) {
            let (text, provenance) = match word.house {
                true => (word.text.into(), Provenance::House),
                false => (self.readable(word.text), Provenance::Human),
            };
            self.remember(Item::Text {
                role: Role::User,
                text,
                provenance,
                labels: Vec::new(),
            });
            self.has_work |= word.house;
            self.unanswered |= !word.house;
        }
    }

    /// Nothing is under way: see to what a person said and nobody has answered. Whether anything follows from it.
    pub(crate) fn respond(&mut self, in_conversation: bool) -> bool {
        if self.waiting_words.is_empty() && !self.unanswered && !self.has_work {
            return false;
        }
        self.answer_open_calls();
        self.say_what_waited();
        if self.begun_with_it && !self.is_spoken_to() {
            // The chart has begun with these words, and waits for something else by now.
            return false;
        }
        let a_person = std::mem::take(&mut self.unanswered);
        self.has_work = false;
        if !a_person {
            // A workflow's word to a chart that does not listen for it: it is a new task.
            if in_conversation {
                self.begin_anew();
            }
            return in_conversation;
        }
        let text = Value::map([("text", Value::text(self.prompt.clone()))]);
        let asks = |activity: &crate::round::Activity| activity.kind == ActivityKind::Ask;
        let asking = self.activities.iter().find(|(_, activity)| asks(activity));
        if let Some(id) = asking.map(|(id, _)| id.clone()) {
            self.finish(&id, text);
            return true;
        }
        if !self.snapshot.is_done() && self.snapshot.accepts(&self.bundle.chart, SAID) {
            self.all_well();
            self.happen(SAID, text, None);
            return true;
        }
        self.begin_anew();
        true
    }

    /// Whether the chart stands where it hears what a person says.
    fn is_spoken_to(&self) -> bool {
        let asks = |activity: &crate::round::Activity| activity.kind == ActivityKind::Ask;
        let listens = !self.snapshot.is_done() && self.snapshot.accepts(&self.bundle.chart, SAID);
        self.unanswered && (listens || self.activities.values().any(asks))
    }

    /// The chart from its beginning, with the conversation kept.
    fn begin_anew(&mut self) {
        self.all_well();
        self.begun_with_it = true;
        self.over_budget = false;
        self.events.clear();
        self.resuming.clear();
        let now = self.services.clock.steady().0;
        let mut effects = Effects::new();
        match chart::start(&self.bundle.chart, now, &mut effects) {
            Ok(snapshot) => {
                self.snapshot = snapshot;
                self.effects = effects;
                self.stepped(None, now);
            }
            Err(error) => self.show(RunEvent::Log {
                source: "chart".into(),
                message: format!("the chart cannot begin: {error}"),
            }),
        }
    }

    /// Stop what is under way. Calls that were made get an answer that says so, and the chart hears of it where it wants to.
    fn interrupt(&mut self) {
        let running: Vec<Arc<str>> = self.activities.keys().cloned().collect();
        if running.is_empty() {
            return self.show(RunEvent::Interrupted { activities: 0 });
        }
        self.resting = false;
        for id in &running {
            self.cancel(id, "a person interrupted it", false);
        }
        self.record(Kind::Interrupted, &json!({ "invocations": running }));
        self.show(RunEvent::Interrupted {
            activities: running.len(),
        });
        self.resuming.clear();
        if self.snapshot.accepts(&self.bundle.chart, INTERRUPTED) {
            self.happen(INTERRUPTED, Value::Null, None);
        }
    }

    /// The run stands still and waits for a person: said once, and recorded with what a later resumption needs whenever that has changed.
    pub(crate) fn rest(&mut self, status: Status) {
        let configuration = self.configuration();
        let again = self.resting && self.rested_in == configuration;
        if again {
            return;
        }
        let cause = match status {
            Status::Done => None,
            _ => self.trouble.clone(),
        };
        let body = json!({ "status": status, "cause": cause, "snapshot": self.saved() });
        self.record(Kind::Rested, &body);
        self.rested_in = configuration;
        if !std::mem::replace(&mut self.resting, true) {
            self.show(RunEvent::Rest {
                status,
                cause,
                usd: (!self.unpriced).then(|| self.spent.to_string().into()),
            });
        }
    }
}

/// What somebody says by a letter.
fn said_in(told: &Told) -> String {
    told.data["text"].as_str().unwrap_or_default().to_owned()
}
