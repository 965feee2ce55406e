//! The shape of a payload: enough to say how much of the next one the provider has seen already, and small enough to keep for every inference.
//!
//! Providers cache the beginning of a request and charge little for what they have cached. How long the beginning is that two payloads have in common is
//! decided by what they were made of, in the order of the wire: tools first, then items. A text is known by its hash. The conversation only ever grows and
//! its items never change, so a stretch of it is known by its indices and a shape does not grow with the history.

use crate::{Estimator, Said, ToolOffer};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{ContentHash, Item, ModelParameters, Role};

/// What a payload was made of, in the order in which a provider reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// Provider and model: another one has cached nothing.
    pub model: Arc<str>,
    /// Its parts: the tools, then every text and every stretch of the conversation.
    pub parts: Vec<ShapePart>,
}

/// One part of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShapePart {
    /// The chunk that it belongs to.
    pub chunk: Arc<str>,
    /// What it holds.
    #[serde(flatten)]
    pub held: Held,
    /// Its tokens in the raw units of the estimator, before any calibration.
    pub tokens: u64,
    /// Whether its chunk says that it stays the same for the whole run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stable: bool,
}

/// What a part holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Held {
    /// All schemas in order, by one short hash.
    Tools(Arc<str>),
    /// One text item, by a short hash.
    Text(Arc<str>),
    /// Items of the run's conversation.
    History {
        /// Index of the first.
        from: usize,
        /// Index after the last.
        to: usize,
    },
}

impl ShapePart {
    /// How many items of the payload it is; the tools are none.
    pub fn items(&self) -> usize {
        match self.held {
            Held::Tools(_) => 0,
            Held::Text(_) => 1,
            Held::History { from, to } => to.saturating_sub(from),
        }
    }
}

impl Shape {
    /// Tokens of the payload in the raw units of the estimator: what a [`Calibration`](crate::Calibration) learns from.
    pub fn tokens(&self) -> u64 {
        let tokens = self.parts.iter().map(|part| part.tokens);
        tokens.fold(0, u64::saturating_add)
    }

    /// Items of the payload.
    pub fn items(&self) -> usize {
        count(&self.parts)
    }

    pub(crate) fn new(parameters: &ModelParameters) -> Self {
        Shape {
            model: format!("{}/{}", parameters.provider, parameters.name).into(),
            parts: Vec::new(),
        }
    }

    /// The schemas of `offers`: whatever stands before them in the map, they are sent first.
    pub(crate) fn put_tools<'a>(
        &mut self,
        chunk: &str,
        stable: bool,
        offers: impl Iterator<Item = &'a ToolOffer>,
    ) {
        let mut bytes = Vec::new();
        let mut tokens = 0;
        for offer in offers {
            bytes.extend_from_slice(offer.hash.as_bytes());
            tokens += offer.tokens;
        }
        if bytes.is_empty() {
            return;
        }
        let part = ShapePart {
            chunk: chunk.into(),
            held: Held::Tools(ContentHash::of(&bytes).short().into()),
            tokens,
            stable,
        };
        self.parts.insert(0, part);
    }

    /// One item that is no part of the conversation.
    pub(crate) fn put_item(&mut self, chunk: &str, stable: bool, item: &Item, tokens: u64) {
        self.parts.push(ShapePart {
            chunk: chunk.into(),
            held: Held::Text(hash_of(item)),
            tokens,
            stable,
        });
    }

    /// What a history chunk sends of what was `said`: stretches of it, and beside them whatever is made for the payload, such as a summary of what was cut.
    pub(crate) fn put_history(
        &mut self,
        chunk: &str,
        items: &[Arc<Item>],
        said: &Said<'_>,
        estimator: &dyn Estimator,
    ) {
        let start = self.parts.len();
        // From the end on, where an item and its successor in the history are nearly always neighbours: each is looked for where it is expected.
        let mut expected = said.before.items + said.items.len();
        for item in items.iter().rev() {
            match said.place_of(item, expected) {
                Some((index, tokens)) => {
                    self.put_before(chunk, start, index, tokens);
                    expected = index;
                }
                None => {
                    let tokens = estimator.item(item);
                    self.put_item(chunk, false, item, tokens);
                }
            }
        }
        self.parts[start..].reverse();
    }

    /// The history's item `index` before what was put last.
    fn put_before(&mut self, chunk: &str, start: usize, index: usize, tokens: u64) {
        let last = self.parts[start..].last_mut();
        if let Some(last) = last
            && let Held::History { from, .. } = &mut last.held
            && *from == index + 1
        {
            *from = index;
            last.tokens += tokens;
            return;
        }
        self.parts.push(ShapePart {
            chunk: chunk.into(),
            held: Held::History {
                from: index,
                to: index + 1,
            },
            tokens,
            stable: false,
        });
    }
}

/// Items of `parts`. Saturating, as all sums here: a shape is read back from a journal, and what is damaged there must not end the host.
pub(crate) fn count(parts: &[ShapePart]) -> usize {
    parts
        .iter()
        .map(ShapePart::items)
        .fold(0, usize::saturating_add)
}

/// A short hash of what of an item goes on the wire.
fn hash_of(item: &Item) -> Arc<str> {
    let bytes = match item {
        Item::Text { role, text, .. } => {
            let role: &[u8] = match role {
                Role::System => b"system\0",
                Role::User => b"user\0",
            };
            [role, text.wire()].concat()
        }
        // Only texts are made for a payload; whatever else came to be is told apart all the same.
        other => format!("{other:?}").into_bytes(),
    };
    ContentHash::of(&bytes).short().into()
}
