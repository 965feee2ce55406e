//! What a person says while a run is under way.
//!
//! A run whose inbox is open does not end where it comes to rest: it waits for the next message. A message is taken by the chart as `human.said` where an
//! open state accepts that; a chart that has ended, or that stands in a state which nobody can speak to, begins anew with the conversation kept.

use crate::guards::Inspected;
use crate::live::{RunEvent, Status};
use crate::record::Kind;
use crate::round::ActivityKind;
use crate::run::{Done, Run};
use chart::Effects;
use futures_util::Stream;
use serde_json::json;
use std::pin::Pin;
use std::sync::Arc;
use types::{Item, Provenance, Role, Value};

/// Something that a person does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Says something.
    Said(String),
    /// Stops what is under way; the conversation goes on.
    Interrupt,
}

/// Messages as they come. One that ends closes the conversation: the run then ends where it comes to rest.
pub type Inbox = Pin<Box<dyn Stream<Item = Message>>>;

/// Whose effects these are: nobody's activity, for no invocation can have such a name.
pub(crate) const OWNER: &str = "host:inbox";

/// The event by which a chart hears what a person says.
const SAID: &str = "human.said";
/// The event by which a chart hears that a person stopped it.
const INTERRUPTED: &str = "human.interrupted";

/// What a person said, once the guards have seen it.
pub(crate) struct Heard {
    effect: u64,
    text: String,
    inspected: Inspected,
}

impl Run<'_> {
    /// A message has come.
    pub(crate) fn hear(&mut self, message: Message) {
        match message {
            Message::Interrupt => self.interrupt(),
            Message::Said(text) => {
                self.resting = false;
                self.unheard.push_back(text);
                self.listen_on();
            }
        }
    }

    /// Have the guards look at the next message, one after another, so that none overtakes the one before it.
    fn listen_on(&mut self) {
        if self.is_under_way(|owner| owner == OWNER) {
            return;
        }
        let Some(text) = self.unheard.pop_front() else {
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
                inspected,
            }))
        });
    }

    /// What a person said is ready to be taken.
    pub(crate) fn heard(&mut self, heard: Heard) {
        self.over(heard.effect);
        let text = self.let_in(heard.effect, "said", heard.text, heard.inspected);
        self.said(&text);
        self.listen_on();
    }

    /// Record what a person said. It joins the conversation at once, or when what is under way has come to an end: no model may seem to have read what it had
    /// not, and nothing may stand between a call and its result.
    pub(crate) fn said(&mut self, text: &str) {
        self.prompt = text.into();
        self.record(Kind::Said, &json!({ "text": text }));
        self.waiting_words.push(text.to_owned());
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
        for text in std::mem::take(&mut self.waiting_words) {
            let text = self.readable(text);
            self.remember(Item::Text {
                role: Role::User,
                text,
                provenance: Provenance::Human,
                labels: Vec::new(),
            });
            self.unanswered = true;
        }
    }

    /// Nothing is under way: see to what a person said and nobody has answered. Whether anything follows from it.
    pub(crate) fn respond(&mut self, in_conversation: bool) -> bool {
        if self.waiting_words.is_empty() && !self.unanswered {
            return false;
        }
        self.answer_open_calls();
        self.say_what_waited();
        self.unanswered = false;
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
        if in_conversation {
            self.begin_anew();
        }
        in_conversation
    }

    /// The chart from its beginning, with the conversation kept.
    fn begin_anew(&mut self) {
        self.all_well();
        self.over_budget = false;
        self.events.clear();
        self.resuming.clear();
        let now = self.services.clock.now().0;
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
            self.cancel(id, "a person interrupted it");
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
