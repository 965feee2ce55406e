//! That a house was let in is kept beside the journal, so that the next start with the same files asks nobody again.
//!
//! It holds only as long as no record of a change has come since, no date has passed, and every file is what it was; everything else is found out anew. What is
//! kept is a shortcut: whoever takes it away only makes the next start longer.

use super::admitted::Plain;
use super::book::last_change;
use crate::RuntimeError;
use journal::Journal;
use serde::{Deserialize, Serialize};
use types::{ContentHash, Timestamp};

const NAME: &str = "control/let-in";

/// That the files with the hash `found` were let in.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The last record of a change by then.
    last: u64,
    /// What was found.
    found: ContentHash,
    /// Until when it holds.
    until: Option<i64>,
    /// Whether all of it is for everybody.
    plain: bool,
}

impl Kept {
    /// The line to be kept.
    pub(super) fn line(
        last: u64,
        found: ContentHash,
        until: Option<Timestamp>,
        plain: bool,
    ) -> (String, Vec<u8>) {
        let kept = Kept {
            last,
            found,
            until: until.map(|until| until.0),
            plain,
        };
        // A map with text keys, which always serialises.
        (
            NAME.to_owned(),
            serde_json::to_vec(&kept).unwrap_or_default(),
        )
    }

    /// What is known of `found`, where that was let in and nothing has changed since.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn holds(
        journal: &Journal,
        found: ContentHash,
        now: Timestamp,
    ) -> Result<Option<Option<Plain>>, RuntimeError> {
        let kept = journal.kept(NAME)?;
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let Some(kept) = kept.filter(|kept| kept.found == found) else {
            return Ok(None);
        };
        if kept.until.is_some_and(|until| until <= now.0) || last_change(journal)? != kept.last {
            return Ok(None);
        }
        let until = kept.until.map(Timestamp);
        Ok(Some(kept.plain.then_some(Plain { until })))
    }
}
