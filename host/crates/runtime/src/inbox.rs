//! What a person says while a run is under way.
//!
//! A run whose inbox is open does not end where it comes to rest: it waits for the next message. A message is taken by the chart as `human.said` where an
//! open state accepts that; a chart that has ended, or that stands in a state which nobody can speak to, begins anew with the conversation kept.

use crate::guards::Inspected;
use crate::live::{RunEvent, Status};
use crate::record::Kind;
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

/// Whose effects these are: nobody's activity.
pub(crate) const OWNER: &str = "inbox";

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
        self.resting = false;
        match message {
            Message::Interrupt => self.interrupt(),
            Message::Said(text) => {
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
        }
    }

    /// What a person said is ready to be taken.
    pub(crate) fn heard(&mut self, heard: Heard) {
        self.over(heard.effect);
        let text = self.let_in(heard.effect, "said", heard.text, heard.inspected);
        self.said(&text);
        self.all_well();
        let accepted = !self.snapshot.is_done() && self.snapshot.accepts(&self.bundle.chart, SAID);
        if accepted {
            self.happen(SAID, Value::map([("text", Value::text(text))]), None);
        } else if self.activities.is_empty()
            && (self.interrupted || self.snapshot.is_done() || self.snapshot.next_due().is_none())
        {
            self.begin_anew();
        }
        // Otherwise something is under way, or a timer will begin it: its next inference reads what was said.
        self.interrupted = false;
    }

    /// Record what a person said and put it into the conversation.
    pub(crate) fn said(&mut self, text: &str) {
        self.prompt = text.into();
        self.record(Kind::Said, &json!({ "text": text }));
        let text = self.readable(text.to_owned());
        self.remember(Item::Text {
            role: Role::User,
            text,
            provenance: Provenance::Human,
            labels: Vec::new(),
        });
    }

    /// The chart from its beginning, with the conversation kept.
    fn begin_anew(&mut self) {
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
        for id in &running {
            self.cancel(id, "a person interrupted it");
        }
        self.record(Kind::Interrupted, &json!({ "invocations": running }));
        self.show(RunEvent::Interrupted {
            activities: running.len(),
        });
        self.resuming.clear();
        self.interrupted = true;
        if self.snapshot.accepts(&self.bundle.chart, INTERRUPTED) {
            self.happen(INTERRUPTED, Value::Null, None);
        }
    }

    /// The run stands still and waits for a person: said once, with what a later resumption needs.
    pub(crate) fn rest(&mut self, status: Status) {
        if self.resting {
            return;
        }
        self.resting = true;
        let cause = match status {
            Status::Done => None,
            _ => self.trouble.clone(),
        };
        let body = json!({ "status": status, "cause": cause, "snapshot": self.saved() });
        self.record(Kind::Rested, &body);
        self.show(RunEvent::Rest {
            status,
            cause,
            usd: self.spent.to_string().into(),
        });
    }
}
