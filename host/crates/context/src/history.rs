//! The conversation, and where it is cut when it has outgrown its room.
//!
//! The cut is a pure function of the history and the room, made so that it stays where it is for many turns: a provider caches the longest prefix it has
//! seen before, and a cut that moved every turn would throw that away every turn.
//!
//! Only the end of a long conversation is held; what stands before it is in the journal. All indices are counted from the run's first item, and what does not
//! depend on how much is held is the same however much is: where it would depend on it, that is said ([`Short`]) and nothing is guessed.

use crate::window::begins_clean;
use crate::{Before, Estimator, Scale, Summary};
use std::sync::Arc;
use types::{Item, Provenance, Role};

/// An item of the conversation with its size, measured once, when it is appended: a new turn measures only what is new.
#[derive(Clone, Debug, PartialEq)]
pub struct HistoryItem {
    /// The item.
    pub item: Arc<Item>,
    /// Its tokens by the estimator in use.
    pub tokens: u64,
}

impl HistoryItem {
    /// `item`, measured.
    pub fn measured(item: Arc<Item>, estimator: &dyn Estimator) -> Self {
        let tokens = estimator.item(&item);
        HistoryItem { item, tokens }
    }
}

/// What was said so far, as the runtime keeps it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Said<'a> {
    /// What stands before `items` and is not held.
    pub before: Before,
    /// The newest prompt among what is not held, with its index; see [`History`](crate::History).
    pub prompt: Option<(usize, &'a HistoryItem)>,
    /// The items of the run that are held, up to its newest; the oldest first.
    pub items: &'a [HistoryItem],
    /// The newest summary of the older ones, if there is one.
    pub summary: Option<&'a Summary>,
    /// Inferences since that summary was wanted, or since the run began.
    pub inferences: u64,
}

impl<'a> Said<'a> {
    /// `items`, the whole of a conversation of which nothing was summed up.
    pub fn new(items: &'a [HistoryItem]) -> Self {
        Said {
            items,
            ..Said::default()
        }
    }

    /// The last place of `item` before the place `before`, with its tokens: payloads share the conversation's own items, so it is the same pointer.
    pub(crate) fn place_of(&self, item: &Arc<Item>, before: usize) -> Option<(usize, u64)> {
        let is_it = |entry: &HistoryItem| Arc::ptr_eq(&entry.item, item);
        let held = before.saturating_sub(self.before.items);
        let held = self.items.get(..held).unwrap_or(self.items);
        if let Some(at) = held.iter().rposition(is_it) {
            return Some((self.before.items + at, held[at].tokens));
        }
        let (at, entry) = self.prompt.filter(|(_, entry)| is_it(entry))?;
        Some((at, entry.tokens))
    }
}

/// Not enough of the conversation is held to say what the whole of it gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Short;

/// The conversation of one payload. Every index is counted from the run's first item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversation<'a> {
    /// What is held of it.
    items: &'a [HistoryItem],
    /// The first of these.
    base: usize,
    /// The first item that can be sent: before it stand results whose calls never were, which no provider accepts.
    start: usize,
    orphaned: u64,
    total: u64,
    /// The newest prompt before `base`.
    earlier_prompt: Option<(usize, &'a HistoryItem)>,
    pub(super) covered: Option<Covered<'a>>,
}

/// What a summary stands for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Covered<'a> {
    pub summary: &'a Summary,
    /// The first item that it does not cover; no result after it has its call before it.
    pub upto: usize,
    /// Tokens of the items that it covers.
    pub tokens: u64,
}

/// What of the conversation is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// Whether the summary is sent, before everything else.
    pub summary: bool,
    /// The newest prompt, where it stands before the cut: it is sent before the rest.
    pub prompt: Option<usize>,
    /// The first item after the cut.
    pub from: usize,
    /// Tokens sent.
    pub tokens: u64,
}

fn tokens(items: &[HistoryItem]) -> u64 {
    items.iter().map(|item| item.tokens).sum()
}

impl<'a> Conversation<'a> {
    /// The conversation; with its summary where what leaves the window is to be `summed` up.
    pub fn new(said: &Said<'a>, summed: bool) -> Result<Self, Short> {
        let is_result = |item: &&HistoryItem| matches!(*item.item, Item::Result(_));
        let before = said.before.items;
        let orphans = said.before.orphans.min(before);
        let orphans_held = match before == orphans {
            true => said.items.iter().take_while(is_result).count(),
            false => 0,
        };
        let (orphaned, items) = said.items.split_at(orphans_held);
        // These come from a journal, and what is damaged there must not end the host.
        let earlier = said.before.tokens.saturating_sub(said.before.orphaned);
        let mut conversation = Conversation {
            items,
            base: before + orphans_held,
            start: orphans + orphans_held,
            orphaned: said.before.orphaned.saturating_add(tokens(orphaned)),
            total: earlier.saturating_add(tokens(items)),
            earlier_prompt: said.prompt.filter(|_| before > orphans),
            covered: None,
        };
        if !conversation.is_whole() && (items.is_empty() || !begins_clean(items)) {
            return Err(Short);
        }
        if let Some(summary) = said.summary.filter(|_| summed) {
            if !conversation.is_whole() && summary.upto < conversation.base {
                return Err(Short);
            }
            let upto = conversation
                .boundary(summary.upto)
                .min(conversation.least().from);
            conversation.covered = (upto > conversation.start).then(|| Covered {
                summary,
                upto,
                tokens: conversation.total - tokens(conversation.after(upto)),
            });
        }
        Ok(conversation)
    }

    /// Whether all that can be sent is held.
    fn is_whole(&self) -> bool {
        self.base <= self.start
    }

    /// Whether everything from `from` on is held.
    pub fn holds(&self, from: usize) -> bool {
        from >= self.base
    }

    /// The items from `from` on, which is held.
    fn after(&self, from: usize) -> &'a [HistoryItem] {
        self.items
            .get(from.saturating_sub(self.base)..)
            .unwrap_or_default()
    }

    /// The last place up to `upto` where a cut loses no result its call.
    fn boundary(&self, upto: usize) -> usize {
        let upto = upto.saturating_sub(self.base).min(self.items.len());
        let at = match begins_clean(&self.items[upto..]) {
            true => Some(upto),
            false => self.items[..upto]
                .iter()
                .rposition(|entry| matches!(*entry.item, Item::Assistant { .. })),
        };
        at.map_or(self.start, |at| self.base + at)
    }

    /// Tokens of all that can be sent.
    pub fn tokens(&self) -> u64 {
        self.total
    }

    /// The first item that can be sent.
    pub fn start(&self) -> usize {
        self.start
    }

    /// Everything.
    pub fn whole(&self) -> Kept {
        Kept {
            summary: false,
            prompt: None,
            from: self.start,
            tokens: self.total,
        }
    }

    /// The least that makes sense to send: the newest prompt, and the newest exchange, without which the model would make the same calls again.
    pub fn least(&self) -> Kept {
        self.cut_to(0)
    }

    /// What is sent in `room` tokens; more than `room` only where [`Conversation::least`] is.
    ///
    /// Tokens go from the oldest on. How many goes by the *roundest* number between what must go and a quarter of the room more, the one divisible by
    /// the highest power of two: as the history grows it stays the same until what must go has passed it, so the cut moves once in some eighth of the
    /// room and not every turn, whatever the other chunks do meanwhile; and a larger room never keeps less.
    ///
    /// Where there is a summary, what it covers goes first and all at once: the cut then moves only when a newer summary comes.
    pub fn fit(&self, room: u64) -> Kept {
        if self.total <= room {
            return self.whole();
        }
        self.summed(room)
            .unwrap_or_else(|| self.stride(self.total, room))
    }

    /// The summary and as much of what it does not cover as fits beside it; `None` where it does not fit beside the least.
    fn summed(&self, room: u64) -> Option<Kept> {
        let covered = self.covered?;
        let left = room.checked_sub(covered.summary.tokens)?;
        if self.least().tokens > left {
            return None;
        }
        let rest = self.from(covered.upto);
        let kept = if rest.tokens <= left {
            rest
        } else {
            self.stride(rest.tokens, left)
        };
        Some(Kept {
            summary: true,
            tokens: kept.tokens + covered.summary.tokens,
            ..kept
        })
    }

    /// What is left of `tokens` when they must come down to `room`, which is less.
    fn stride(&self, tokens: u64, room: u64) -> Kept {
        let excess = tokens - room;
        let gone = roundest(excess, excess + room / 4);
        self.cut_to(tokens.saturating_sub(gone))
    }

    /// Everything from `from` on, and the newest prompt.
    fn from(&self, from: usize) -> Kept {
        let pinned = self.newest_prompt().filter(|&(prompt, _)| prompt < from);
        Kept {
            summary: false,
            prompt: pinned.map(|(prompt, _)| prompt),
            from,
            tokens: tokens(self.after(from)) + pinned.map_or(0, |(_, prompt)| prompt.tokens),
        }
    }

    /// The longest end of the history that takes at most `goal` tokens, the newest prompt included, and starts where no result loses its call.
    ///
    /// A result belongs to the assistant's turn before it; whatever stands between the two (a person who interrupts) stays with them. Walking from the
    /// end costs what is kept, not what was ever said. Where it may begin before what is held, the tokens are the least that it can be.
    pub(super) fn cut_to(&self, goal: u64) -> Kept {
        let prompt = self.newest_prompt();
        let mut best: Option<Kept> = None;
        let mut behind = 0;
        let mut owed = false;
        let mut tokens = 0;
        for (index, entry) in self.items.iter().enumerate().rev() {
            let index = self.base + index;
            behind += entry.tokens;
            let pinned = prompt.filter(|&(prompt, _)| prompt < index);
            tokens = behind + pinned.map_or(0, |(_, prompt)| prompt.tokens);
            if best.is_some() && tokens > goal {
                break;
            }
            match *entry.item {
                Item::Result(_) => owed = true,
                Item::Assistant { .. } => owed = false,
                Item::Text { .. } => {}
            }
            if !owed {
                best = Some(Kept {
                    summary: false,
                    prompt: pinned.map(|(prompt, _)| prompt),
                    from: index,
                    tokens,
                });
            }
        }
        match best {
            // It would go on into what is not held.
            Some(best) if !self.is_whole() && tokens <= goal => Kept {
                from: self.start,
                ..best
            },
            best => best.unwrap_or(self.whole()),
        }
    }

    /// The last thing a person said; where no person spoke, the last thing the host said as the user.
    fn newest_prompt(&self) -> Option<(usize, &'a HistoryItem)> {
        let held = newest_prompt(self.items).map(|(at, entry)| (self.base + at, entry));
        newer_prompt(self.earlier_prompt, held)
    }

    /// The summary that is sent before them.
    pub fn summary(&self, kept: Kept) -> Option<&'a Summary> {
        self.covered
            .filter(|_| kept.summary)
            .map(|covered| covered.summary)
    }

    /// The newest prompt, where it is sent before the rest.
    fn pinned(&self, kept: Kept) -> Option<&'a HistoryItem> {
        kept.prompt.and_then(|at| match at.checked_sub(self.base) {
            Some(at) => self.items.get(at),
            None => self.earlier_prompt.map(|(_, entry)| entry),
        })
    }

    /// The items of the conversation to send, with their sizes.
    pub fn entries(&self, kept: Kept) -> impl Iterator<Item = &'a HistoryItem> {
        self.pinned(kept).into_iter().chain(self.after(kept.from))
    }

    /// The items to send.
    pub fn items(&self, kept: Kept) -> impl Iterator<Item = Arc<Item>> {
        let summary = self.summary(kept).map(|summary| summary.item.clone());
        let rest = self.entries(kept).map(|entry| entry.item.clone());
        summary.into_iter().chain(rest)
    }

    /// Tokens that are not sent.
    pub fn trimmed(&self, kept: Kept) -> u64 {
        let summary = self.covered.filter(|_| kept.summary);
        let own = kept.tokens - summary.map_or(0, |covered| covered.summary.tokens);
        self.orphaned.saturating_add(self.total - own)
    }

    /// Tokens that are not sent and that no summary covers.
    pub fn unsummed(&self, kept: Kept) -> u64 {
        let (upto, covered) = self
            .covered
            .map_or((self.start, 0), |covered| (covered.upto, covered.tokens));
        if kept.from <= upto {
            return 0;
        }
        let lost = self.total - tokens(self.after(kept.from)) - covered;
        let pinned = kept.prompt.filter(|prompt| *prompt >= upto);
        lost - pinned.map_or(0, |_| self.pinned(kept).map_or(0, |entry| entry.tokens))
    }

    /// What a reader of the report should know of a cut, in tokens by `scale`.
    pub fn notes(&self, kept: Kept, scale: Scale) -> impl Iterator<Item = String> {
        let left_out = kept.from > self.start && !kept.summary;
        let summary = self.covered.filter(|_| left_out).map(|covered| {
            let tokens = counted(scale.tokens(covered.summary.tokens));
            format!("the summary of {tokens} does not fit beside the newest exchange")
        });
        let unsummed = self.unsummed(kept);
        let lost = (unsummed > 0).then(|| {
            let tokens = counted(scale.tokens_up(unsummed));
            format!("{tokens} went without being summed up")
        });
        summary.into_iter().chain(lost)
    }
}

/// The newest prompt of `items`: what a person said, and where no person spoke, what the host said as the user.
pub(crate) fn newest_prompt(items: &[HistoryItem]) -> Option<(usize, &HistoryItem)> {
    let last = |wanted: fn(&Provenance) -> bool| {
        let at = items.iter().rposition(
            |entry| matches!(&*entry.item, Item::Text { role: Role::User, provenance, .. } if wanted(provenance)),
        )?;
        Some((at, &items[at]))
    };
    last(|provenance| *provenance == Provenance::Human).or_else(|| last(|_| true))
}

/// Of the newest prompt of the `earlier` part of a conversation and that of the `later` one, that of both together.
pub(crate) fn newer_prompt<'a>(
    earlier: Option<(usize, &'a HistoryItem)>,
    later: Option<(usize, &'a HistoryItem)>,
) -> Option<(usize, &'a HistoryItem)> {
    let human = |(_, entry): &(usize, &HistoryItem)| {
        matches!(
            &*entry.item,
            Item::Text {
                provenance: Provenance::Human,
                ..
            }
        )
    };
    let [first, second] = match later.is_some_and(|later| human(&later)) {
        true => [later, earlier],
        false => [earlier.filter(human).or(later), earlier],
    };
    first.or(second)
}

/// `1 token`, `2 tokens`
fn counted(tokens: u64) -> String {
    match tokens {
        1 => "1 token".to_owned(),
        tokens => format!("{tokens} tokens"),
    }
}

/// The number from `low` to `high` that is divisible by the highest power of two. `low` is at least 1.
fn roundest(low: u64, high: u64) -> u64 {
    // Above the highest bit in which `low - 1` and `high` differ they agree; there `high` has a one: what follows it can all be zero.
    let differing = (low - 1) ^ high;
    let bit = 63 - differing.leading_zeros();
    high >> bit << bit
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_is_told_as_one() {
        let told: Vec<String> = [0, 1, 2].into_iter().map(counted).collect();
        assert_eq!(told, ["0 tokens", "1 token", "2 tokens"]);
    }

    #[test]
    fn the_roundest_number_is_found() {
        for (low, high, expected) in [
            (1, 1, 1),
            (5, 7, 6),
            (5, 8, 8),
            (9, 15, 12),
            (1, 100, 64),
            (65, 100, 96),
            (1000, 1023, 1008),
        ] {
            assert_eq!(roundest(low, high), expected, "{low}..={high}");
        }
    }

    proptest! {
        #[test]
        fn the_roundest_number_lies_in_its_range_and_none_is_rounder(low in 1..5_000u64, width in 0..5_000u64) {
            let found = roundest(low, low + width);
            prop_assert!((low..=low + width).contains(&found));
            prop_assert!((low..=low + width).all(|other| other.trailing_zeros() <= found.trailing_zeros()));
        }
    }
}
