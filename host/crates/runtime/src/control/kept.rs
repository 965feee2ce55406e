//! That a house was let in is kept beside the journal, so that the next start with the same files asks nobody again.
//!
//! It holds only as long as no record of a change has come since, no date has passed, and every file is what it was; everything else is found out anew. What is
//! kept is a shortcut, and is no part of the chain: whoever takes it away only makes the next start longer. So that whoever can write the store can let nothing in by
//! it, it names the last record of a change by its hash, which is one of the whole chain before it, and bears a seal that takes the house's key.

use super::admitted::Plain;
use super::book::last_change;
use crate::RuntimeError;
use journal::{Journal, RecordId};
use serde::{Deserialize, Serialize};
use sign::{Keyring, Signer};
use types::{ContentHash, Timestamp};

const NAME: &str = "control/let-in";

/// That the files with the hash `found` were let in.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    said: Said,
    /// The house's seal on it.
    seal: ContentHash,
}

/// What is kept.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    /// The last record of a change by then.
    last: u64,
    /// Its hash.
    at: ContentHash,
    /// What was found.
    found: ContentHash,
    /// Until when it holds.
    until: Option<i64>,
    /// Whether all of it is for everybody.
    plain: bool,
}

impl Said {
    fn sealed(&self, key: &Signer) -> ContentHash {
        // Fields in their order, which always serialise.
        key.seal(&serde_json::to_vec(self).unwrap_or_default())
    }
}

impl Kept {
    /// The line to be kept of what was let in by the records of `journal`, with the seal of `key`; none where no change is on record.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn line(
        journal: &Journal,
        key: &Signer,
        found: ContentHash,
        until: Option<Timestamp>,
        plain: bool,
    ) -> Result<Option<(String, Vec<u8>)>, RuntimeError> {
        let last = last_change(journal)?;
        let Some(record) = journal.record(RecordId(last))? else {
            return Ok(None);
        };
        let said = Said {
            last,
            at: record.hash,
            found,
            until: until.map(|until| until.0),
            plain,
        };
        let seal = said.sealed(key);
        // A map with text keys, which always serialises.
        let line = serde_json::to_vec(&Kept { said, seal }).unwrap_or_default();
        Ok(Some((NAME.to_owned(), line)))
    }

    /// What is known of `found`, where that was let in and nothing has changed since. `ring` has the house's key.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub(super) fn holds(
        journal: &Journal,
        ring: &Keyring,
        found: ContentHash,
        now: Timestamp,
    ) -> Result<Option<Option<Plain>>, RuntimeError> {
        let kept = journal.kept(NAME)?;
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let Some(kept) = kept.filter(|kept| kept.said.found == found) else {
            return Ok(None);
        };
        let said = &kept.said;
        if said.until.is_some_and(|until| until <= now.0) || last_change(journal)? != said.last {
            return Ok(None);
        }
        let record = journal.record(RecordId(said.last))?;
        // A key that cannot be used is told by whoever needs it.
        let key = ring.house_if_any().unwrap_or(None);
        let is_ours = record.is_some_and(|record| record.hash == said.at)
            && key.is_some_and(|key| said.sealed(&key) == kept.seal);
        let until = said.until.map(Timestamp);
        Ok(is_ours.then(|| said.plain.then_some(Plain { until })))
    }
}
