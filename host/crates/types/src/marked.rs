//! A value and the place where a person wrote it.

use crate::Place;
use std::fmt;
use std::ops::Deref;

/// `value`, written at `place`. Compares and prints as the value alone.
#[derive(Clone)]
pub struct Marked<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

impl<T> Marked<T> {
    /// `value` at `place`.
    pub fn new(value: T, place: Place) -> Self {
        Marked { value, place }
    }
}

impl<T> Deref for Marked<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T: PartialEq> PartialEq for Marked<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

impl<T: fmt::Debug> fmt::Debug for Marked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}

impl<T: fmt::Display> fmt::Display for Marked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.value.fmt(f)
    }
}
