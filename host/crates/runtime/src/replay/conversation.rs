//! The conversation, as its own records have it, each item held against what was said, answered or returned before it.

use super::houses::damaged;
use super::world::World;
use crate::RuntimeError;
use crate::act::in_words;
use crate::summarise::Written;
use context::{ContextMap, Estimator, HistoryItem, Summary};
use journal::Record;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Item, Outcome, Provenance, Reply};

/// What was said, and what may join it.
#[derive(Default)]
pub(super) struct Conversation {
    pub(super) items: Vec<HistoryItem>,
    pub(super) summary: Option<Summary>,
    written: Option<Written>,
    /// What a person said last.
    pub(super) prompt: String,
    /// What was said and answered and has not joined it.
    said: Vec<String>,
    replies: Vec<Item>,
    /// What calls came to, by the model's id, in words.
    outcomes: BTreeMap<String, String>,
}

/// How an item that nothing can be held against came to be: an answer that broke off is recorded nowhere else.
fn broke_off(item: &Item) -> bool {
    match item {
        Item::Assistant { text, calls, .. } => {
            let text = text.plain();
            calls.is_empty() && text.ends_with(']') && text.contains("\n[")
        }
        _ => false,
    }
}

impl Conversation {
    /// Measure everything anew: another process has taken the run up, and may count otherwise.
    pub(super) fn measure(&mut self, estimator: &'static dyn Estimator) {
        for item in &mut self.items {
            *item = HistoryItem::measured(item.item.clone(), estimator);
        }
        self.summarise(estimator);
    }

    fn summarise(&mut self, estimator: &'static dyn Estimator) {
        self.summary = self
            .written
            .as_ref()
            .map(|written| written.measured(estimator));
    }

    pub(super) fn said(&mut self, body: &Json) {
        let said = super::world::text(&body["text"]);
        self.prompt.clone_from(&said);
        self.said.push(said);
    }

    pub(super) fn replied(&mut self, body: &Json) {
        if let Ok(reply) = serde_json::from_value::<Reply>(body["reply"].clone()) {
            self.replies.push(Item::Assistant {
                text: (&reply.text).into(),
                reasoning: reply.reasoning,
                calls: reply.calls,
                provenance: Provenance::Model(reply.model),
            });
        }
    }

    pub(super) fn came_back(&mut self, body: &Json) {
        let outcome = serde_json::from_value::<Outcome>(body["outcome"].clone());
        if let (Some(call), Ok(outcome)) = (body["call"].as_str(), outcome) {
            self.outcomes.insert(call.to_owned(), in_words(&outcome));
        }
    }

    /// A summary was written, or could not be.
    pub(super) fn summed(
        &mut self,
        body: &mut Json,
        estimator: &'static dyn Estimator,
    ) -> Result<(), serde_json::Error> {
        let summary = body["summary"].take();
        if !summary.is_null() {
            self.written = Some(serde_json::from_value(summary)?);
            self.summarise(estimator);
        }
        Ok(())
    }

    /// What of `item` is not what came before it; `None` where it is, and `Some(None)` where nothing can be held against it.
    fn holds(&mut self, item: &Item, map: Option<&ContextMap>) -> Held {
        match item {
            Item::Assistant { .. } => match self.replies.iter().position(|reply| reply == item) {
                Some(at) => {
                    self.replies.remove(at);
                    Held::Same
                }
                None if broke_off(item) => Held::Nothing,
                None => Held::Not(match self.replies.last() {
                    Some(reply) => format!("the answer {}", shown(reply)),
                    None => "an answer".to_owned(),
                }),
            },
            Item::Text {
                text, provenance, ..
            } if *provenance == Provenance::Human => {
                let is = |said: &&String| text == said.as_str() || text == &*readable(said, map);
                match self.said.iter().position(|said| is(&said)) {
                    Some(at) => {
                        self.said.remove(at);
                        Held::Same
                    }
                    None => Held::Not(format!("one of what was said: {:?}", self.said)),
                }
            }
            Item::Result(result) if matches!(result.provenance, Provenance::Plugin { .. }) => {
                let Some(words) = self.outcomes.remove(&*result.call) else {
                    return Held::Nothing;
                };
                let plain = result.text.plain();
                // A note on its plugin may follow, and what is long is cut.
                let kept = plain.rsplit_once("\n[").map_or(&*plain, |(kept, _)| kept);
                let is = |words: &str| plain.starts_with(words) || words.starts_with(kept);
                match is(&words) || is(&readable(&words, map)) {
                    true => Held::Same,
                    false => Held::Not(words),
                }
            }
            _ => Held::Nothing,
        }
    }
}

/// What an item was held against.
enum Held {
    /// It is what came before it.
    Same,
    /// There is nothing: the host's own words, an answer that broke off.
    Nothing,
    /// It is not: what it should be.
    Not(String),
}

fn readable<'t>(text: &'t str, map: Option<&ContextMap>) -> Cow<'t, str> {
    match map {
        Some(map) => context::neutralise(text, map),
        None => Cow::Borrowed(text),
    }
}

fn shown(item: &Item) -> String {
    serde_json::to_string(item).unwrap_or_default()
}

impl World<'_> {
    /// An item joins the conversation.
    pub(super) fn item(&mut self, record: &Record, body: &mut Json) -> Result<(), RuntimeError> {
        let item: Item =
            serde_json::from_value(body["item"].take()).map_err(|why| damaged(record, why))?;
        let seq = record.seq.0;
        if let Some(n) = body["n"].as_u64()
            && n != self.talk.items.len() as u64
            && !self.talk_lost
        {
            let came = format!("item {}", self.talk.items.len());
            self.differs(seq, "item", format!("item {n}"), came);
        }
        let agent = self.force.as_ref().ok().map(|force| force.agent.clone());
        let map = agent.as_ref().map(|agent| &agent.context);
        match self.talk.holds(&item, map) {
            Held::Not(_) if self.talk_lost || self.heard_lost => {}
            Held::Same => self.report.compared.items += 1,
            Held::Nothing => {}
            Held::Not(expected) => {
                self.report.compared.items += 1;
                self.differs(seq, "item", expected, shown(&item));
            }
        }
        let item = HistoryItem::measured(Arc::new(item), self.estimator);
        self.talk.items.push(item);
        Ok(())
    }
}
