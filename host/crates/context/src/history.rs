//! The conversation, and where it is cut when it has outgrown its room.
//!
//! The cut is a pure function of the history and the room, made so that it stays where it is for many turns: a provider caches the longest prefix it has
//! seen before, and a cut that moved every turn would throw that away every turn.

use crate::Estimator;
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

/// The conversation of one payload.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conversation<'a> {
    items: &'a [HistoryItem],
    /// Results at the very start, whose calls are gone: no provider accepts them.
    orphans: u64,
    total: u64,
}

/// What of the conversation is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Kept {
    /// The newest prompt, where it stands before the cut: it is sent first.
    pub prompt: Option<usize>,
    /// The first item after the cut.
    pub from: usize,
    /// Tokens sent.
    pub tokens: u64,
}

impl<'a> Conversation<'a> {
    pub fn new(items: &'a [HistoryItem]) -> Self {
        let is_result = |item: &&HistoryItem| matches!(*item.item, Item::Result(_));
        let start = items.iter().take_while(is_result).count();
        let tokens = |items: &[HistoryItem]| items.iter().map(|item| item.tokens).sum();
        Conversation {
            items: &items[start..],
            orphans: tokens(&items[..start]),
            total: tokens(&items[start..]),
        }
    }

    /// Tokens of all that can be sent.
    pub fn tokens(&self) -> u64 {
        self.total
    }

    /// Everything.
    pub fn whole(&self) -> Kept {
        Kept {
            prompt: None,
            from: 0,
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
    pub fn fit(&self, room: u64) -> Kept {
        match self.total.checked_sub(room) {
            None | Some(0) => self.whole(),
            Some(excess) => {
                let gone = roundest(excess, excess + room / 4);
                self.cut_to(self.total.saturating_sub(gone))
            }
        }
    }

    /// The longest end of the history that takes at most `goal` tokens, the newest prompt included, and starts where no result loses its call.
    ///
    /// A result belongs to the assistant's turn before it; whatever stands between the two (a person who interrupts) stays with them. Walking from the
    /// end costs what is kept, not what was ever said.
    fn cut_to(&self, goal: u64) -> Kept {
        let prompt = self.newest_prompt();
        let mut best: Option<Kept> = None;
        let mut behind = 0;
        let mut owed = false;
        for (index, entry) in self.items.iter().enumerate().rev() {
            behind += entry.tokens;
            let pinned = prompt.filter(|&(prompt, _)| prompt < index);
            let tokens = behind + pinned.map_or(0, |(_, tokens)| tokens);
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
                    prompt: pinned.map(|(prompt, _)| prompt),
                    from: index,
                    tokens,
                });
            }
        }
        best.unwrap_or(self.whole())
    }

    /// The last thing a person said; where no person spoke, the last thing the host said as the user.
    fn newest_prompt(&self) -> Option<(usize, u64)> {
        let last = |wanted: fn(&Provenance) -> bool| {
            let at = self.items.iter().rposition(
                |entry| matches!(&*entry.item, Item::Text { role: Role::User, provenance, .. } if wanted(provenance)),
            )?;
            Some((at, self.items[at].tokens))
        };
        last(|provenance| *provenance == Provenance::Human).or_else(|| last(|_| true))
    }

    /// The items to send, with their sizes.
    pub fn entries(&self, kept: Kept) -> impl Iterator<Item = &'a HistoryItem> {
        let prompt = kept.prompt.map(|at| &self.items[at]);
        prompt.into_iter().chain(&self.items[kept.from..])
    }

    /// The items to send.
    pub fn items(&self, kept: Kept) -> impl Iterator<Item = Arc<Item>> {
        self.entries(kept).map(|entry| entry.item.clone())
    }

    /// Tokens that are not sent.
    pub fn trimmed(&self, kept: Kept) -> u64 {
        self.orphans + self.total - kept.tokens
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
