//! A set of states as bits. States are numbered in document order (a parent before its children, a subtree without gaps), so going through
//! the bits upwards is entry order, downwards is exit order, and "everything inside this state" is a range of bits.
//!
//! Nearly every chart has at most 64 states, and its sets are then one word that lies in the set itself: most operations look at that word
//! and at a length that is 0.

use crate::StateId;

/// States of one chart. Operations on two sets are about sets of the same chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateSet {
    /// The states 0 to 63.
    first: u64,
    /// The states from 64 on.
    rest: Vec<u64>,
}

/// Bits in a word.
const WORD: usize = 64;

/// How many words a chart of so many states needs behind the first.
fn further_words(states: usize) -> usize {
    states.div_ceil(WORD).saturating_sub(1)
}

/// The lowest `count` bits of a word; all of them if it has no more.
#[inline]
fn lowest(count: usize) -> u64 {
    if count >= WORD {
        u64::MAX
    } else {
        (1 << count) - 1
    }
}

impl StateSet {
    /// The empty set, with room for `states` states.
    pub fn with_room(states: usize) -> Self {
        StateSet {
            first: 0,
            rest: vec![0; further_words(states)],
        }
    }

    /// Become the empty set with room for `states` states, keeping the memory.
    #[inline]
    pub fn reset(&mut self, states: usize) {
        self.first = 0;
        if states > WORD || !self.rest.is_empty() {
            self.rest.clear();
            self.rest.resize(further_words(states), 0);
        }
    }

    /// Become `other`, keeping the memory.
    #[inline]
    pub fn copy_from(&mut self, other: &StateSet) {
        self.first = other.first;
        if !(self.rest.is_empty() && other.rest.is_empty()) {
            self.rest.clone_from(&other.rest);
        }
    }

    #[inline]
    pub fn insert(&mut self, state: StateId) {
        let bit = 1 << (state.index() % WORD);
        match state.index() / WORD {
            0 => self.first |= bit,
            word => self.rest[word - 1] |= bit,
        }
    }

    #[inline]
    pub fn remove(&mut self, state: StateId) {
        let bit = 1 << (state.index() % WORD);
        match state.index() / WORD {
            0 => self.first &= !bit,
            word => self.rest[word - 1] &= !bit,
        }
    }

    #[inline]
    pub fn contains(&self, state: StateId) -> bool {
        self.word(state.index() / WORD) & (1 << (state.index() % WORD)) != 0
    }

    #[inline]
    pub fn clear(&mut self) {
        self.first = 0;
        // Filling nothing at all is no cheap call: on a dangling pointer some versions of memset take a microcode assist, a hundred cycles.
        if !self.rest.is_empty() {
            self.rest.fill(0);
        }
    }

    /// Take in those members of `other` that lie in `from..to`.
    #[inline]
    pub fn insert_range(&mut self, other: &StateSet, from: usize, to: usize) {
        self.first |= other.first & lowest(to) & !lowest(from);
        for (index, (word, theirs)) in self.rest.iter_mut().zip(&other.rest).enumerate() {
            let base = (index + 1) * WORD;
            let from = from.saturating_sub(base);
            let to = to.saturating_sub(base);
            *word |= theirs & lowest(to) & !lowest(from);
        }
    }

    /// Take out all members of `other`.
    #[inline]
    pub fn remove_all(&mut self, other: &StateSet) {
        self.first &= !other.first;
        for (word, theirs) in self.rest.iter_mut().zip(&other.rest) {
            *word &= !theirs;
        }
    }

    /// Whether the two have a member in common.
    #[inline]
    pub fn meets(&self, other: &StateSet) -> bool {
        let meet = |(a, b): (&u64, &u64)| a & b != 0;
        self.first & other.first != 0 || self.rest.iter().zip(&other.rest).any(meet)
    }

    /// The first common member that does not come before `from`.
    #[inline]
    pub fn next_common(&self, other: &StateSet, from: usize) -> Option<StateId> {
        let mut word = from / WORD;
        let mut hidden = lowest(from % WORD);
        while word <= self.rest.len() {
            let common = self.word(word) & other.word(word) & !hidden;
            if common != 0 {
                let bit = common.trailing_zeros() as usize;
                return Some(StateId::new(word * WORD + bit));
            }
            word += 1;
            hidden = 0;
        }
        None
    }

    /// Whether some member lies in `from..to`.
    #[inline]
    pub fn any_in(&self, from: usize, to: usize) -> bool {
        self.range(from, to).next().is_some()
    }

    /// The members, in document order.
    #[inline]
    pub fn iter(&self) -> Members<'_> {
        Members {
            bits: self.first,
            base: 0,
            words: &self.rest,
            to: usize::MAX,
        }
    }

    /// The members in `from..to`, in document order; reversed, in exit order.
    #[inline]
    pub fn range(&self, from: usize, to: usize) -> Members<'_> {
        let word = from / WORD;
        let base = word * WORD;
        Members {
            bits: self.word(word) & lowest(to.saturating_sub(base)) & !lowest(from - base),
            base,
            words: self
                .rest
                .get(word..further_words(to).min(self.rest.len()))
                .unwrap_or(&[]),
            to,
        }
    }

    #[inline]
    fn word(&self, index: usize) -> u64 {
        match index {
            0 => self.first,
            index => self.rest.get(index - 1).copied().unwrap_or(0),
        }
    }
}

/// Goes through the members of a [`StateSet`].
#[derive(Clone, Debug)]
pub(crate) struct Members<'a> {
    /// What is left of the word that starts at `base`.
    bits: u64,
    base: usize,
    /// The words behind it, of which everything from `to` on does not count.
    words: &'a [u64],
    to: usize,
}

impl Iterator for Members<'_> {
    type Item = StateId;

    #[inline]
    fn next(&mut self) -> Option<StateId> {
        while self.bits == 0 {
            let (word, behind) = self.words.split_first()?;
            self.base += WORD;
            self.words = behind;
            self.bits = word & lowest(self.to.saturating_sub(self.base));
        }
        let bit = self.bits.trailing_zeros() as usize;
        self.bits &= self.bits - 1;
        Some(StateId::new(self.base + bit))
    }
}

impl DoubleEndedIterator for Members<'_> {
    #[inline]
    fn next_back(&mut self) -> Option<StateId> {
        while let Some((word, before)) = self.words.split_last() {
            let base = self.base + WORD * self.words.len();
            let bits = word & lowest(self.to.saturating_sub(base));
            if bits != 0 {
                self.to = base + bits.ilog2() as usize;
                return Some(StateId::new(self.to));
            }
            self.words = before;
        }
        let bit = self.bits.checked_ilog2()?;
        self.bits &= !(1 << bit);
        Some(StateId::new(self.base + bit as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn indexes(members: impl Iterator<Item = StateId>) -> Vec<usize> {
        members.map(StateId::index).collect()
    }

    #[test]
    fn members_come_in_order_from_both_ends_and_ranges_are_exact() {
        let mut set = StateSet::with_room(200);
        for n in [0, 1, 63, 64, 127, 130, 199] {
            set.insert(StateId::new(n));
        }
        assert_eq!(indexes(set.iter()), [0, 1, 63, 64, 127, 130, 199]);
        assert_eq!(indexes(set.iter().rev()), [199, 130, 127, 64, 63, 1, 0]);
        assert_eq!(indexes(set.range(1, 127)), [1, 63, 64]);
        assert_eq!(indexes(set.range(2, 130).rev()), [127, 64, 63]);
        assert!(indexes(set.range(65, 127).rev()).is_empty());
        assert!(!set.any_in(65, 127));
        assert!(set.any_in(65, 128));
        set.remove(StateId::new(64));
        assert!(!set.contains(StateId::new(64)));
        assert!(!set.contains(StateId::new(5_000)));
    }

    #[test]
    fn operations_on_two_sets_agree_with_their_members_on_both_sides_of_a_word() {
        let set = |members: &[usize]| {
            let mut set = StateSet::with_room(200);
            members.iter().for_each(|n| set.insert(StateId::new(*n)));
            set
        };
        let all = set(&[0, 5, 63, 64, 70, 127, 128, 199]);
        for (from, to) in [
            (0, 200),
            (1, 64),
            (5, 63),
            (63, 65),
            (64, 128),
            (70, 70),
            (129, 199),
        ] {
            let mut some = set(&[3]);
            some.insert_range(&all, from, to);
            let mut expected = set(&[3]);
            all.range(from, to).for_each(|state| expected.insert(state));
            assert_eq!(some, expected, "{from}..{to}");
        }
        let other = set(&[5, 70, 199]);
        assert_eq!(all.next_common(&other, 0), Some(StateId::new(5)));
        assert_eq!(all.next_common(&other, 6), Some(StateId::new(70)));
        assert_eq!(all.next_common(&other, 71), Some(StateId::new(199)));
        assert_eq!(all.next_common(&other, 200), None);
        assert!(all.meets(&other) && !set(&[6, 71]).meets(&other));
        let mut less = all.clone();
        less.remove_all(&other);
        assert_eq!(indexes(less.iter()), [0, 63, 64, 127, 128]);
        less.remove_all(&all);
        assert_eq!(less, set(&[]));
    }
}
