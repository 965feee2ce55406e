//! The hash of all that a request says: what a record names a payload by, so that making it again can prove that it is the same to the byte.
//!
//! It covers what a provider's dialect is made from: parameters, schemas in their order, the wire form of each item in its order, and where cached prefixes
//! end. Where a text came from does not go on the wire and is not in it. A conversation only grows at its end, so what was hashed of it stays hashed: a turn
//! costs what is new.

use blake3::Hasher;
use context::{Held, Shape, ToolOffer};
use std::sync::Arc;
use types::{ContentHash, Item, Payload, Role, Text, ToolSchema};

/// Names what is hashed. Changing anything that the hash covers means a new one, and payloads of before cannot be compared any more.
const CONTEXT: &str = "charthouse payload 1";

/// Hashes the payloads of one run.
#[derive(Default)]
pub(crate) struct PayloadHash {
    /// The stretch of the conversation that the last payload ended with.
    stretch: Option<Stretch>,
}

struct Stretch {
    from: usize,
    to: usize,
    hasher: Hasher,
}

impl PayloadHash {
    /// The hash of `payload`, which is made up as `shape` says and offers some of `offers`.
    pub(crate) fn of(
        &mut self,
        payload: &Payload,
        shape: &Shape,
        offers: &[ToolOffer],
    ) -> ContentHash {
        let mut all = Hasher::new_derive_key(CONTEXT);
        let parameters = serde_json::to_string(&payload.parameters).unwrap_or_default();
        put(&mut all, parameters.as_bytes());
        number(&mut all, payload.tools.len());
        let mut offers = offers.iter();
        for tool in &payload.tools {
            // They are among the offers, in the same order, and hashed once for each plugin.
            let offer = offers.find(|offer| offer.schema.name == tool.name);
            let hash = offer.map_or_else(|| schema(tool), |offer| offer.hash);
            all.update(hash.as_bytes());
        }
        let mut at = 0;
        for part in &shape.parts {
            let items = payload.items.get(at..at + part.items()).unwrap_or_default();
            at += items.len();
            match part.held {
                Held::Tools(_) => {}
                Held::Text(_) => {
                    let mut one = Hasher::new();
                    items.iter().for_each(|text| item(&mut one, text));
                    all.update(one.finalize().as_bytes());
                }
                Held::History { from, to } => {
                    all.update(self.history(from, to, items).as_bytes());
                }
            }
        }
        number(&mut all, payload.breakpoints.len());
        for end in &payload.breakpoints {
            number(&mut all, *end);
        }
        ContentHash::from_bytes(*all.finalize().as_bytes())
    }

    /// The hash of the items `from` to `to` of the conversation, which are `items`.
    fn history(&mut self, from: usize, to: usize, items: &[Arc<Item>]) -> blake3::Hash {
        let known = self.stretch.as_mut();
        let known = known.filter(|known| known.from == from && known.to <= to);
        if let Some(known) = known {
            let new = items.get(known.to - from..).unwrap_or_default();
            new.iter().for_each(|new| item(&mut known.hasher, new));
            known.to = to;
            return known.hasher.finalize();
        }
        let mut hasher = Hasher::new();
        items.iter().for_each(|one| item(&mut hasher, one));
        let hash = hasher.finalize();
        // A prompt that is pinned before the rest is one item: what is worth keeping is the rest.
        if items.len() > 1 || self.stretch.is_none() {
            self.stretch = Some(Stretch { from, to, hasher });
        }
        hash
    }
}

/// A schema that was not measured before.
fn schema(tool: &ToolSchema) -> ContentHash {
    ToolOffer::measured(
        tool.clone(),
        true,
        context::counter(context::Counting::Estimate),
    )
    .hash
}

fn number(hasher: &mut Hasher, number: usize) {
    hasher.update(&(number as u64).to_le_bytes());
}

fn put(hasher: &mut Hasher, bytes: &[u8]) {
    number(hasher, bytes.len());
    hasher.update(bytes);
}

fn text(hasher: &mut Hasher, text: &Text) {
    put(hasher, text.wire());
}

/// What of an item goes on the wire, each text after its length.
fn item(hasher: &mut Hasher, item: &Item) {
    match item {
        Item::Text {
            role, text: said, ..
        } => {
            hasher.update(match role {
                Role::System => b"s",
                Role::User => b"u",
            });
            text(hasher, said);
        }
        Item::Assistant {
            text: said,
            reasoning,
            calls,
            ..
        } => {
            hasher.update(b"a");
            text(hasher, said);
            if let Some(reasoning) = reasoning {
                hasher.update(b"r");
                text(hasher, &reasoning.text);
                if let Some(kept) = &reasoning.kept {
                    hasher.update(b"k");
                    put(hasher, kept.dialect.as_bytes());
                    put(hasher, kept.json.as_bytes());
                }
            }
            number(hasher, calls.len());
            for call in calls {
                put(hasher, call.id.as_bytes());
                put(hasher, call.name.as_bytes());
                text(hasher, &call.arguments);
            }
        }
        Item::Result(result) => {
            hasher.update(if result.failed { b"f" } else { b"o" });
            put(hasher, result.call.as_bytes());
            put(hasher, result.name.as_bytes());
            text(hasher, &result.text);
        }
    }
}
