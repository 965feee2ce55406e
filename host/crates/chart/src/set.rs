//! A set of states as bits. States are numbered in document order (a parent before its children, a subtree without gaps), so going through
//! the bits upwards is entry order, downwards is exit order, and "everything inside this state" is a range of bits.

use crate::StateId;

/// States of one chart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct StateSet {
    words: Vec<u64>,
}

impl StateSet {
    /// The empty set, with room for `states` states.
    pub fn with_room(states: usize) -> Self {
        StateSet {
            words: vec![0; states.div_ceil(64)],
        }
    }

    /// Become the empty set with room for `states` states, keeping the memory.
    pub fn reset(&mut self, states: usize) {
        self.words.clear();
        self.words.resize(states.div_ceil(64), 0);
    }

    /// Become `other`, keeping the memory.
    pub fn copy_from(&mut self, other: &StateSet) {
        self.words.clear();
        self.words.extend_from_slice(&other.words);
    }

    pub fn insert(&mut self, state: StateId) {
        self.words[state.index() / 64] |= 1 << (state.index() % 64);
    }

    pub fn remove(&mut self, state: StateId) {
        self.words[state.index() / 64] &= !(1 << (state.index() % 64));
    }

    pub fn contains(&self, state: StateId) -> bool {
        self.words
            .get(state.index() / 64)
            .is_some_and(|word| word & (1 << (state.index() % 64)) != 0)
    }

    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Whether some member lies in `from..to`.
    pub fn any_in(&self, from: usize, to: usize) -> bool {
        self.range(from, to).next().is_some()
    }

    /// The members, in document order.
    pub fn iter(&self) -> Members<'_> {
        self.range(0, self.words.len() * 64)
    }

    /// The members in `from..to`, in document order; reversed, in exit order.
    pub fn range(&self, from: usize, to: usize) -> Members<'_> {
        Members {
            words: &self.words,
            from,
            to: to.min(self.words.len() * 64),
        }
    }
}

/// Goes through the members of a [`StateSet`].
pub(crate) struct Members<'a> {
    words: &'a [u64],
    from: usize,
    to: usize,
}

impl Iterator for Members<'_> {
    type Item = StateId;

    fn next(&mut self) -> Option<StateId> {
        while self.from < self.to {
            let rest = self.words[self.from / 64] >> (self.from % 64);
            if rest == 0 {
                self.from = (self.from / 64 + 1) * 64;
                continue;
            }
            let found = self.from + rest.trailing_zeros() as usize;
            self.from = found + 1;
            return (found < self.to).then(|| StateId::new(found));
        }
        None
    }
}

impl DoubleEndedIterator for Members<'_> {
    fn next_back(&mut self) -> Option<StateId> {
        while self.from < self.to {
            let last = self.to - 1;
            let rest = self.words[last / 64] << (63 - last % 64);
            if rest == 0 {
                self.to = last / 64 * 64;
                continue;
            }
            let found = last - rest.leading_zeros() as usize;
            if found < self.from {
                self.to = self.from;
                return None;
            }
            self.to = found;
            return Some(StateId::new(found));
        }
        None
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
}
