//! `OrderedSet`, as Appendix D declares it: a list without doubles.

/// A set that remembers in which order things were added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderedSet<T>(Vec<T>);

impl<T> Default for OrderedSet<T> {
    fn default() -> Self {
        OrderedSet(Vec::new())
    }
}

impl<T: Copy + Ord> OrderedSet<T> {
    /// `add`.
    pub fn add(&mut self, item: T) {
        if !self.0.contains(&item) {
            self.0.push(item);
        }
    }

    /// `delete`.
    pub fn delete(&mut self, item: T) {
        self.0.retain(|i| *i != item);
    }

    /// `union`: everything of the other one too.
    pub fn union(&mut self, other: &OrderedSet<T>) {
        other.0.iter().for_each(|item| self.add(*item));
    }

    /// `isMember`.
    pub fn is_member(&self, item: T) -> bool {
        self.0.contains(&item)
    }

    /// `some`.
    pub fn some(&self, holds: impl Fn(T) -> bool) -> bool {
        self.0.iter().any(|item| holds(*item))
    }

    /// `every`.
    pub fn every(&self, holds: impl Fn(T) -> bool) -> bool {
        self.0.iter().all(|item| holds(*item))
    }

    /// `hasIntersection`.
    pub fn has_intersection(&self, other: &OrderedSet<T>) -> bool {
        self.0.iter().any(|item| other.is_member(*item))
    }

    /// `isEmpty`.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// `clear`.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// `toList`.
    pub fn to_list(&self) -> Vec<T> {
        self.0.clone()
    }

    /// `toList().sort(entryOrder)`: document order.
    pub fn in_document_order(&self) -> Vec<T> {
        let mut list = self.to_list();
        list.sort();
        list
    }
}
