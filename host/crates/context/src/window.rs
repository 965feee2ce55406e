//! The end of a conversation that is held in memory, when the conversation is too long for that: the rest stands in the journal.
//!
//! A payload is made of the newest items, so a run of ten thousand turns needs no more of them than its largest window takes. What is not held is counted
//! only, and everything that is told (payloads, cuts, reports, shapes) is the same as with the whole conversation. This file must not know where the rest
//! is kept, nor who reads it.

use crate::history::{newer_prompt, newest_prompt};
use crate::{ContextMap, HistoryItem, Plan, Said, Scale, Source, Summary, Trim};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Range;
use types::{Item, ModelParameters, Provenance, Role};

/// What stands before the held end of a conversation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Before {
    /// How many items.
    pub items: usize,
    /// Their tokens, in the raw units of the estimator that measured the conversation.
    pub tokens: u64,
    /// How many of them are results at the run's very start, whose calls never were: they are never sent.
    #[serde(default, skip_serializing_if = "is_no_item")]
    pub orphans: usize,
    /// The tokens of these.
    #[serde(default, skip_serializing_if = "is_no_token")]
    pub orphaned: u64,
}

fn is_no_item(items: &usize) -> bool {
    *items == 0
}

fn is_no_token(tokens: &u64) -> bool {
    *tokens == 0
}

/// A whole conversation in a few numbers: what a snapshot keeps, for [`History::after`] to go on from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// All of it so far.
    #[serde(flatten)]
    pub all: Before,
    /// The index of its newest prompt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<usize>,
    /// Whether a person said it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_person: bool,
}

/// How much of a conversation has to be held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needed {
    /// At least so many tokens of its end, in raw units.
    pub tokens: u64,
    /// Every item from here on: the first that no summary covers. [`usize::MAX`] where nothing is summed up.
    pub from: usize,
}

impl fmt::Display for Needed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "its newest {} tokens are needed", self.tokens)?;
        match self.from {
            usize::MAX => Ok(()),
            from => write!(f, ", and everything from its item {from} on"),
        }
    }
}

impl Needed {
    /// Nothing but what every conversation needs.
    pub const NOTHING: Needed = Needed {
        tokens: 0,
        from: usize::MAX,
    };

    /// What payloads of `map` need for any model of `asked`, each with what is known of its counting.
    ///
    /// Strictly it is one token more than may be sent; twice as much leaves room for what is learnt of the counting meanwhile.
    pub fn of<'p>(
        map: &ContextMap,
        asked: impl IntoIterator<Item = (&'p ModelParameters, Scale)>,
        summary: Option<&Summary>,
    ) -> Self {
        let history = |chunk: &&crate::ChunkDef| matches!(chunk.source, Source::History);
        let Some(history) = map.chunks.iter().find(history) else {
            return Needed::NOTHING;
        };
        let rooms = asked.into_iter().map(|(parameters, scale)| {
            let room = parameters
                .context_length
                .saturating_sub(parameters.max_output);
            tokens_for(room.max(scale.raw(room)))
        });
        Needed {
            tokens: rooms.max().unwrap_or(0),
            from: from(history.trim, summary, map.summary.is_some()),
        }
    }

    /// What serves both.
    pub fn and(self, other: Needed) -> Self {
        Needed {
            tokens: self.tokens.max(other.tokens),
            from: self.from.min(other.from),
        }
    }
}

impl Plan {
    /// What this plan needs.
    pub(crate) fn needed(&self, summary: Option<&Summary>) -> Needed {
        let history =
            |chunk: &&crate::plan::Planned| matches!(chunk.content, crate::plan::Content::History);
        let trim = self.chunks.iter().find(history).map(|chunk| chunk.trim);
        Needed {
            tokens: tokens_for(self.room.max(self.most)),
            from: trim.map_or(usize::MAX, |trim| {
                from(trim, summary, self.summary.is_some())
            }),
        }
    }
}

fn tokens_for(room: u64) -> u64 {
    room.saturating_mul(2).saturating_add(1)
}

/// The first item that has to be held for a summary's sake.
fn from(trim: Trim, summary: Option<&Summary>, is_summed: bool) -> usize {
    match (trim, summary) {
        (Trim::Summary, Some(summary)) => summary.upto,
        (Trim::Summary, None) if is_summed => 0,
        _ => usize::MAX,
    }
}

/// Whether no result in `items` has its call before them.
pub(crate) fn begins_clean(items: &[HistoryItem]) -> bool {
    let first = items
        .iter()
        .find(|entry| !matches!(*entry.item, Item::Text { .. }));
    !first.is_some_and(|entry| matches!(*entry.item, Item::Result(_)))
}

/// A conversation of which only the end is held. It grows at its end, is forgotten at its beginning, and can be given back what it has forgotten.
#[derive(Clone, Debug, Default)]
pub struct History {
    before: Before,
    /// The newest prompt that is not held, unless a newer one is.
    prompt: Option<(usize, HistoryItem)>,
    items: Vec<HistoryItem>,
    /// Tokens of these.
    tokens: u64,
    /// All of it, whatever of it is held.
    mark: Mark,
}

impl From<Vec<HistoryItem>> for History {
    fn from(items: Vec<HistoryItem>) -> Self {
        let mut history = History::default();
        items.into_iter().for_each(|item| history.push(item));
        history
    }
}

impl History {
    /// A conversation of which nothing is held yet but its newest prompt, the item `mark.prompt`. Items that follow are pushed, items before the mark are
    /// given back from the newest on, until it [meets](History::meets) what is needed.
    pub fn after(mark: Mark, prompt: Option<HistoryItem>) -> Self {
        History {
            before: mark.all,
            prompt: mark.prompt.zip(prompt),
            mark,
            ..History::default()
        }
    }

    /// Its newest prompt is `prompt`; for a conversation of which it was not known until now.
    pub fn remind(&mut self, prompt: HistoryItem) {
        if let Some(at) = self.mark.prompt.filter(|at| *at < self.start()) {
            self.prompt = Some((at, prompt));
        }
    }

    /// What of it is not held, in a few numbers.
    pub fn before(&self) -> Mark {
        Mark {
            all: self.before,
            prompt: self.prompt.as_ref().map(|(at, _)| *at),
            by_person: self
                .prompt
                .as_ref()
                .is_some_and(|(_, prompt)| is_by_person(prompt)),
        }
    }

    /// All of it in a few numbers.
    pub fn mark(&self) -> Mark {
        self.mark
    }

    /// What an assembly is told of it.
    pub fn said<'a>(&'a self, summary: Option<&'a Summary>, inferences: u64) -> Said<'a> {
        Said {
            before: self.before,
            prompt: self.earlier_prompt(),
            items: &self.items,
            summary,
            inferences,
        }
    }

    /// How many items the conversation has, held or not.
    pub fn len(&self) -> usize {
        self.before.items.saturating_add(self.items.len())
    }

    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The index of the first item that is held.
    pub fn start(&self) -> usize {
        self.before.items
    }

    /// What is held, the oldest first.
    pub fn items(&self) -> &[HistoryItem] {
        &self.items
    }

    /// The same, one after the other.
    pub fn iter(&self) -> std::slice::Iter<'_, HistoryItem> {
        self.items.iter()
    }

    /// The newest item.
    pub fn last(&self) -> Option<&HistoryItem> {
        self.items.last()
    }

    /// Add the newest item.
    pub fn push(&mut self, item: HistoryItem) {
        let by_person = is_by_person(&item);
        let is_prompt = matches!(
            *item.item,
            Item::Text {
                role: Role::User,
                ..
            }
        );
        // What a person said stays the newest prompt until a person says something else.
        if is_prompt && (by_person || !self.mark.by_person) {
            self.mark.prompt = Some(self.len());
            self.mark.by_person = by_person;
        }
        self.mark.all.count(std::slice::from_ref(&item));
        self.tokens = self.tokens.saturating_add(item.tokens);
        self.items.push(item);
    }

    /// The items of `range`, by their indices in the run; `None` where not all of them are held, or there are none such.
    pub fn get(&self, range: Range<usize>) -> Option<&[HistoryItem]> {
        let from = range.start.checked_sub(self.start())?;
        let to = range.end.checked_sub(self.start())?;
        self.items.get(from..to)
    }

    /// Tokens of what was sent of `range`: of the items that are held, and of the newest prompt.
    pub fn tokens_of(&self, range: Range<usize>) -> u64 {
        let from = range.start.saturating_sub(self.start());
        let to = range.end.saturating_sub(self.start()).min(self.items.len());
        let prompt = self.prompt.as_ref();
        let prompt = prompt.filter(|(at, _)| range.contains(at) && *at < self.start());
        sum(self.items.get(from..to).unwrap_or_default())
            .saturating_add(prompt.map_or(0, |(_, entry)| entry.tokens))
    }

    /// Whether enough is held: with what is `needed` every payload is as it would be with the whole conversation.
    pub fn meets(&self, needed: &Needed) -> bool {
        self.start() == 0
            || self.tokens >= needed.tokens
                && self.start() <= needed.from
                && begins_clean(&self.items)
                // Whoever answers open calls looks for them in the newest answer.
                && self.items.iter().any(is_answer)
    }

    /// Give back the `older` items, the oldest first, that stand right before what is held.
    pub fn give_back(&mut self, older: Vec<HistoryItem>) {
        let tokens = sum(&older);
        self.before.items = self.before.items.saturating_sub(older.len());
        self.before.tokens = self.before.tokens.saturating_sub(tokens);
        let orphans = self.before.orphans.saturating_sub(self.before.items);
        let orphaned = sum(&older[..orphans.min(older.len())]);
        self.before.orphaned = self.before.orphaned.saturating_sub(orphaned);
        self.before.orphans = self.before.orphans.min(self.before.items);
        self.prompt.take_if(|(at, _)| *at >= self.before.items);
        self.tokens = self.tokens.saturating_add(tokens);
        self.items.splice(0..0, older);
    }

    /// Forget the oldest items that are not `needed`. What is a quarter more than needed is kept, so that it is seldom done and each item costs a little once.
    pub fn forget_before(&mut self, needed: &Needed) {
        let most = needed.tokens.saturating_add(needed.tokens / 4);
        if self.tokens <= most || self.items.len() < 2 {
            return;
        }
        let most = needed
            .from
            .saturating_sub(self.start())
            .min(self.newest_answer());
        let mut rest = self.tokens;
        let mut count = 0;
        for entry in &self.items[..most.min(self.items.len())] {
            rest = rest.saturating_sub(entry.tokens);
            if rest < needed.tokens {
                break;
            }
            count += 1;
        }
        while count > 0 && !begins_clean(&self.items[count..]) {
            count -= 1;
        }
        if count == 0 {
            return;
        }
        let gone: Vec<HistoryItem> = self.items.drain(..count).collect();
        let prompt = newest_prompt(&gone).map(|(at, entry)| (self.before.items + at, entry));
        let prompt = newer_prompt(self.earlier_prompt(), prompt);
        self.prompt = prompt.map(|(at, entry)| (at, entry.clone()));
        self.before.count(&gone);
        self.tokens = sum(&self.items);
        self.items.shrink_to(self.items.len() * 2);
    }

    /// The place of the newest answer among what is held.
    fn newest_answer(&self) -> usize {
        self.items.iter().rposition(is_answer).unwrap_or(0)
    }

    fn earlier_prompt(&self) -> Option<(usize, &HistoryItem)> {
        self.prompt.as_ref().map(|(at, entry)| (*at, entry))
    }
}

impl Before {
    /// `items` come after what was counted so far.
    fn count(&mut self, items: &[HistoryItem]) {
        if self.orphans == self.items {
            let is_result = |entry: &&HistoryItem| matches!(*entry.item, Item::Result(_));
            let orphans = items.iter().take_while(is_result);
            for entry in orphans {
                self.orphans += 1;
                self.orphaned = self.orphaned.saturating_add(entry.tokens);
            }
        }
        self.items = self.items.saturating_add(items.len());
        self.tokens = self.tokens.saturating_add(sum(items));
    }
}

fn is_by_person(entry: &HistoryItem) -> bool {
    matches!(
        *entry.item,
        Item::Text {
            role: Role::User,
            provenance: Provenance::Human,
            ..
        }
    )
}

fn is_answer(entry: &HistoryItem) -> bool {
    matches!(*entry.item, Item::Assistant { .. })
}

fn sum(items: &[HistoryItem]) -> u64 {
    let tokens = items.iter().map(|entry| entry.tokens);
    tokens.fold(0, u64::saturating_add)
}
