//! What a change is called.

use crate::text::{is_text, shown};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of a change: `CR-0001`, counted up in a house. `CR-0000` is the baseline.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ChangeNumber(u32);

impl ChangeNumber {
    /// The baseline.
    pub const BASELINE: ChangeNumber = ChangeNumber(0);

    /// The change with this number.
    pub const fn new(number: u32) -> Self {
        ChangeNumber(number)
    }

    /// The one that follows.
    pub fn next(self) -> Self {
        ChangeNumber(self.0.saturating_add(1))
    }

    /// Read `CR-0001`; nothing else is a number, so that one change has one name.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix("CR-")?;
        let number = ChangeNumber(digits.parse().ok()?);
        (number.to_string() == text).then_some(number)
    }
}

impl fmt::Display for ChangeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CR-{:04}", self.0)
    }
}

is_text!(ChangeNumber, String, |text: &str| {
    ChangeNumber::parse(text).ok_or_else(|| format!("`{}` is no number of a change", shown(text)))
});
