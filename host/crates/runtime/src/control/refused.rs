//! What the gate does not let in, and what to do: for people, and for the record.

use change::{Refusal, Where};
use journal::HOUSE_RUN;
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;

/// What is not loaded, because it is not released.
#[derive(Clone, Debug, PartialEq)]
pub struct NotReleased {
    refusals: Vec<Refusal>,
    /// Where it is not about what lies there.
    other: Option<Other>,
}

#[derive(Clone, Debug, PartialEq)]
struct Other {
    why: String,
    help: String,
}

/// More of them are counted and not told.
const MOST_TOLD: usize = 8;

impl NotReleased {
    pub(super) fn of(refusals: Vec<Refusal>) -> Self {
        NotReleased {
            refusals,
            other: None,
        }
    }

    /// The revisions that count do not make a house together.
    pub(super) fn broken(why: String) -> Self {
        NotReleased::other(
            format!("the revisions that count for this do not make a house together: {why}"),
            "charthouse change list says what is in force".into(),
        )
    }

    /// The records that say what is released are not those of this house.
    pub(super) fn elsewhere(why: String, help: String) -> Self {
        NotReleased::other(why, help)
    }

    fn other(why: String, help: String) -> Self {
        NotReleased {
            refusals: Vec::new(),
            other: Some(Other { why, help }),
        }
    }

    /// Every item that is refused.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// What to do about it.
    pub fn help(&self) -> String {
        if let Some(other) = &self.other {
            return other.help.clone();
        }
        let hints = self.refusals.iter().map(Refusal::hint);
        match (hints.into_iter().next(), self.refusals.len()) {
            (Some(hint), 1) => hint,
            (Some(hint), _) => format!(
                "{hint}; one change may take several items: repeat --item. Work on drafts in a copy of the house"
            ),
            (None, _) => "charthouse change list says what is in force".into(),
        }
    }

    /// What is recorded of it, each with the run that it is recorded under.
    pub(crate) fn records(&self, place: Where) -> Vec<(Arc<str>, Json)> {
        let run: Arc<str> = HOUSE_RUN.into();
        let bodies = self.refusals.iter().map(|refusal| {
            let body = serde_json::to_value(refusal.record(place));
            // A map with text keys, which always serialises.
            (run.clone(), body.unwrap_or_default())
        });
        bodies.collect()
    }
}

impl fmt::Display for NotReleased {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(other) = &self.other {
            return f.write_str(&other.why);
        }
        for (n, refusal) in self.refusals.iter().take(MOST_TOLD).enumerate() {
            let end = if n == 0 { "" } else { "\n" };
            write!(f, "{end}{refusal}")?;
        }
        match self.refusals.len().saturating_sub(MOST_TOLD) {
            0 => Ok(()),
            more => write!(f, "\nand {more} more"),
        }
    }
}

impl std::error::Error for NotReleased {}
