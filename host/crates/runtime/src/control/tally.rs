//! How many records of changes there are, and which: so that one that is taken out of the store is missed.
//!
//! A record that was altered is noticed by its hash where it is read; one that is not there any more is read by nobody. The chain over all records shows the gap, and
//! costs a look at all of them (`journal verify`). Here only the records are looked at that say what is released.

use crate::RuntimeError;
use change::KINDS;
use journal::{Journal, JournalError, RecordId};
use serde::{Deserialize, Serialize};
use types::ContentHash;

/// The records of changes up to one of them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// How many.
    records: u64,
    /// The number of the last.
    last: u64,
    /// Over the number and the hash of each.
    hash: ContentHash,
}

impl Tally {
    /// Those of `journal`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn of(journal: &Journal) -> Result<Self, RuntimeError> {
        // Others may append meanwhile: of what there is by now nothing is overlooked.
        Tally::up_to(journal, journal.head()?.seq)
    }

    /// Those of `journal` up to the record `last`.
    fn up_to(journal: &Journal, last: u64) -> Result<Self, RuntimeError> {
        let mut all: Vec<(u64, ContentHash)> = Vec::new();
        for kind in KINDS {
            journal.each_of_kind_after(kind, RecordId(0), |record| {
                if record.seq.0 <= last {
                    all.push((record.seq.0, record.hash));
                }
            })?;
        }
        all.sort_by_key(|(seq, _)| *seq);
        let lines = all.iter().map(|(seq, hash)| format!("{seq} {hash}\n"));
        Ok(Tally {
            records: all.len() as u64,
            last: all.last().map_or(0, |(seq, _)| *seq),
            hash: ContentHash::of(lines.collect::<String>().as_bytes()),
        })
    }

    /// That `journal` still has all of them.
    ///
    /// # Errors
    /// [`JournalError::Corrupt`] where it does not.
    pub(super) fn must_hold(&self, journal: &Journal) -> Result<(), RuntimeError> {
        let found = Tally::up_to(journal, self.last)?;
        if found == *self {
            return Ok(());
        }
        let (there, last) = (found.records, self.last);
        let what = match self.records.saturating_sub(there) {
            0 => format!(
                "the records of changes up to record {last} are others than this house has counted"
            ),
            gone => format!(
                "{gone} of the {} records of changes up to record {last} are missing",
                self.records
            ),
        };
        let path = journal.path().to_owned();
        Err(JournalError::Corrupt { path, what }.into())
    }

    /// Whether `journal` still has as many, which costs a look into an index.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn has_as_many(&self, journal: &Journal) -> Result<bool, RuntimeError> {
        let mut there = 0;
        for kind in KINDS {
            there += journal.count(kind, RecordId(self.last))?;
        }
        Ok(there == self.records)
    }
}
