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
    /// Where the revisions that count do not make a house together.
    broken: Option<String>,
}

/// More of them are counted and not told.
const MOST_TOLD: usize = 8;

impl NotReleased {
    pub(super) fn of(refusals: Vec<Refusal>) -> Self {
        NotReleased {
            refusals,
            broken: None,
        }
    }

    pub(super) fn broken(why: String) -> Self {
        NotReleased {
            refusals: Vec::new(),
            broken: Some(why),
        }
    }

    /// Every item that is refused.
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// What to do about it.
    pub fn help(&self) -> String {
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
        if let Some(why) = &self.broken {
            return write!(
                f,
                "the revisions that count for this do not make a house together: {why}"
            );
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
