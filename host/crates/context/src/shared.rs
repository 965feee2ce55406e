//! How much of a payload the one before it had too, where the two part, and why.

use crate::{Held, Scale, Shape, ShapePart};
use serde::Serialize;
use std::ops::Range;
use std::sync::Arc;

/// The longest beginning that two payloads have in common.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shared {
    /// Tokens of the common beginning: what a provider that has cached the earlier payload need not read again.
    pub tokens: u64,
    /// Tokens of the later payload that come after it.
    pub anew: u64,
    /// Items of the later payload in the common beginning.
    pub items: usize,
    /// Where they part; `None` when the later payload is the beginning of the earlier one.
    pub parts_at: Option<Parting>,
    /// Each chunk of the later payload, in the order of the wire.
    pub chunks: Vec<ChunkShare>,
}

/// What of a chunk was sent before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChunkShare {
    /// The chunk's id.
    pub chunk: Arc<str>,
    /// Its tokens in the common beginning.
    pub shared: u64,
    /// Its tokens after it.
    pub anew: u64,
}

/// Where two payloads part.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// The chunk that made the difference.
    pub chunk: Arc<str>,
    /// What happened to it.
    pub what: Change,
    /// The item of the later payload at which they part.
    pub item: usize,
    /// What stood there in the earlier payload, if anything.
    pub before: Option<ShapePart>,
    /// What stands there in the later one.
    pub after: ShapePart,
}

/// Why two payloads part.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Change {
    /// Another model was asked, which has cached nothing of it.
    Model,
    /// Other tools are offered.
    Tools,
    /// A text reads otherwise.
    Text,
    /// The history begins elsewhere, or its summary was made anew.
    Cut,
    /// Something stands here that did not: the conversation has gone on, or a chunk holds something for the first time.
    New,
    /// A chunk that stood here holds nothing any more, or less than it did.
    Gone,
}

impl Shape {
    /// The longest beginning that this payload has in common with an `earlier` one of the same run. `tokens_of` counts a stretch of the run's conversation, in the
    /// raw units in which shapes are kept; it is asked for a stretch that was sent in part before.
    pub fn shared(&self, earlier: &Shape, tokens_of: impl Fn(Range<usize>) -> u64) -> Shared {
        let common = self.common(earlier);
        let mut shared = Shared {
            tokens: 0,
            anew: 0,
            items: common.items,
            parts_at: self.parting(earlier, &common),
            chunks: Vec::new(),
        };
        for (index, part) in self.parts.iter().enumerate() {
            let tokens = match part.held {
                _ if index < common.parts => part.tokens,
                Held::History { from, .. } if index == common.parts && common.part_items > 0 => {
                    tokens_of(from..from + common.part_items).min(part.tokens)
                }
                _ => 0,
            };
            shared.put(&part.chunk, tokens, part.tokens - tokens);
        }
        shared
    }

    /// How far the two are the same, without any counting.
    pub(crate) fn common(&self, earlier: &Shape) -> Common {
        let mut common = Common::default();
        if self.model != earlier.model {
            return common;
        }
        while let (Some(here), Some(there)) = (
            common.rest(&self.parts, common.parts, common.part_items),
            common.rest(&earlier.parts, common.earlier_parts, common.earlier_items),
        ) {
            match same(&here, &there) {
                Some(items) => common.advance(items, &here, &there),
                None => break,
            }
        }
        common
    }

    fn parting(&self, earlier: &Shape, common: &Common) -> Option<Parting> {
        let after = common.rest(&self.parts, common.parts, common.part_items)?;
        let before = common.rest(&earlier.parts, common.earlier_parts, common.earlier_items);
        let later = &self.parts[common.parts..];
        let what = match &before {
            _ if self.model != earlier.model => Change::Model,
            None => Change::New,
            Some(before) => change(before, &after, common.part_items > 0, later),
        };
        let chunk = match (&before, what) {
            (Some(before), Change::Gone) => &before.chunk,
            (Some(before), Change::Tools) if !is_tools(&after) => &before.chunk,
            _ => &after.chunk,
        };
        Some(Parting {
            chunk: chunk.clone(),
            what,
            item: common.items,
            before,
            after,
        })
    }
}

impl Shared {
    /// The same in the units of a calibrated estimator.
    pub fn scaled(mut self, scale: Scale) -> Self {
        let chunks = self.chunks.iter_mut();
        let counts = chunks.flat_map(|chunk| [&mut chunk.shared, &mut chunk.anew]);
        for count in counts.chain([&mut self.tokens, &mut self.anew]) {
            *count = scale.tokens(*count);
        }
        if let Some(parting) = &mut self.parts_at {
            parting.after.tokens = scale.tokens(parting.after.tokens);
            if let Some(before) = &mut parting.before {
                before.tokens = scale.tokens(before.tokens);
            }
        }
        self
    }

    fn put(&mut self, chunk: &Arc<str>, shared: u64, anew: u64) {
        self.tokens = self.tokens.saturating_add(shared);
        self.anew = self.anew.saturating_add(anew);
        match self.chunks.iter_mut().find(|share| share.chunk == *chunk) {
            Some(share) => {
                share.shared = share.shared.saturating_add(shared);
                share.anew = share.anew.saturating_add(anew);
            }
            None => self.chunks.push(ChunkShare {
                chunk: chunk.clone(),
                shared,
                anew,
            }),
        }
    }
}

/// How far two shapes are the same.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Common {
    /// Items of the payload.
    pub items: usize,
    /// Whole parts of the later shape.
    pub parts: usize,
    /// Items of the part after them.
    pub part_items: usize,
    /// Whole parts of the earlier shape.
    pub earlier_parts: usize,
    /// Items of the part after them.
    pub earlier_items: usize,
}

impl Common {
    /// What is left of the part at `index` behind its first `items`.
    fn rest(&self, parts: &[ShapePart], index: usize, items: usize) -> Option<ShapePart> {
        let mut part = parts.get(index)?.clone();
        if let Held::History { from, .. } = &mut part.held {
            *from += items;
        }
        Some(part)
    }

    fn advance(&mut self, items: usize, here: &ShapePart, there: &ShapePart) {
        self.items = self.items.saturating_add(items);
        self.part_items += items;
        self.earlier_items += items;
        if items == here.items() {
            (self.parts, self.part_items) = (self.parts + 1, 0);
        }
        if items == there.items() {
            (self.earlier_parts, self.earlier_items) = (self.earlier_parts + 1, 0);
        }
    }
}

fn is_tools(part: &ShapePart) -> bool {
    matches!(part.held, Held::Tools(_))
}

/// With how many items both begin; `None` when they do not begin alike.
fn same(here: &ShapePart, there: &ShapePart) -> Option<usize> {
    match (&here.held, &there.held) {
        (Held::History { from, .. }, Held::History { from: earlier, .. }) if from == earlier => {
            Some(here.items().min(there.items()))
        }
        (Held::History { .. }, _) | (_, Held::History { .. }) => None,
        (here_held, there_held) => (here_held == there_held).then(|| here.items()),
    }
}

/// What happened where `before` stood and `after` stands; `going_on` when the stretch of the conversation before it is longer than it was, `later` is what follows.
fn change(before: &ShapePart, after: &ShapePart, going_on: bool, later: &[ShapePart]) -> Change {
    if is_tools(before) || is_tools(after) {
        return Change::Tools;
    }
    if before.chunk == after.chunk {
        let mut own = later.iter().filter(|part| part.chunk == after.chunk);
        return match own.any(|part| matches!(part.held, Held::History { .. })) {
            true => Change::Cut,
            false => Change::Text,
        };
    }
    // What stood here stands further behind, or the conversation has pushed it there: something came in between.
    let still_there = later.iter().any(|part| part.chunk == before.chunk);
    if going_on || still_there {
        Change::New
    } else {
        Change::Gone
    }
}
