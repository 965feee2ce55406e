//! The register of a house as this process knows it: folded from the journal once, and then by what is new.
//!
//! A start does without it as long as nothing has been changed since an earlier one was let in (`kept`). Every record is proven against the chain before it
//! counts.

use super::marker;
use super::outside::{World, seen};
use crate::RuntimeError;
use change::{At, KINDS, Register};
use journal::{Journal, RecordId};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use types::Timestamp;

/// Kinds of records that bear on nothing that may be loaded by themselves.
const BESIDE: [&str; 2] = ["change.refused", IDENTITY];
/// The kind of the records that say whose a key is.
const IDENTITY: &str = "identity";

/// The register, and how far it has come.
pub(super) struct Book {
    pub(super) register: Register,
    world: Arc<World>,
    upto: u64,
}

impl Book {
    /// Fold what `journal` has of the house in the directory `root`.
    ///
    /// # Errors
    /// When it cannot be read, or a record is not as it was written or not there any more.
    pub(super) fn read(journal: &Journal, root: &Path) -> Result<Self, RuntimeError> {
        marker::must_be_whole(journal, root)?;
        let world = Arc::new(World::of(root.to_owned()));
        let mut book = Book {
            register: Register::new(world.clone()),
            world,
            upto: 0,
        };
        book.refresh(journal)?;
        Ok(book)
    }

    /// Fold what has come since.
    ///
    /// # Errors
    /// As [`Book::read`].
    pub(super) fn refresh(&mut self, journal: &Journal) -> Result<(), RuntimeError> {
        let head = journal.head()?.seq;
        if head == self.upto {
            return Ok(());
        }
        // Whose a key is, which the house may have signed only afterwards, is known before anything that was signed with it is looked at.
        let mut new: Vec<(bool, RecordId)> = Vec::new();
        for kind in KINDS {
            journal.latest_first(kind, |seq, _, _| {
                if seq.0 <= self.upto {
                    return ControlFlow::Break(());
                }
                // What others append meanwhile is taken the next time.
                if seq.0 <= head {
                    new.push((kind != IDENTITY, seq));
                }
                ControlFlow::Continue(())
            })?;
        }
        new.sort();
        for (_, seq) in new {
            self.take(journal, seq)?;
        }
        self.upto = head;
        Ok(())
    }

    fn take(&mut self, journal: &Journal, seq: RecordId) -> Result<(), RuntimeError> {
        let Some(found) = journal.record(seq)? else {
            return Ok(());
        };
        let mut proven = None;
        journal.tail_from(&found.run, seq, |record| {
            proven = Some(record);
            ControlFlow::Break(())
        })?;
        let Some(record) = proven.filter(|record| record.seq == seq) else {
            return Ok(());
        };
        let body = serde_json::from_str(&record.body).unwrap_or_default();
        self.look_up(journal, &body)?;
        let at = At {
            seq: seq.0,
            time: record.time,
            run: &record.run,
        };
        self.register.take(at, &record.kind, &body);
        Ok(())
    }

    /// Have the world know the record that the signature in `body` says it has seen.
    pub(super) fn look_up(
        &self,
        journal: &Journal,
        body: &serde_json::Value,
    ) -> Result<(), RuntimeError> {
        let statement = body["signed"]["statement"].as_str();
        if let Some(seq) = statement.and_then(seen)
            && let Some(record) = journal.record(RecordId(seq))?
        {
            self.world.has_seen(seq, record.hash);
        }
        Ok(())
    }

    /// When something is to be looked at again though nobody does anything: a release that becomes due, an emergency that should have been approved.
    pub(super) fn next_due(&self, now: Timestamp) -> Option<Timestamp> {
        let release = self.register.next_due(now).map(|(due, _)| due);
        let emergencies = self.register.emergencies(now).into_iter();
        let emergency = emergencies.map(|one| one.due).filter(|due| *due > now);
        release.into_iter().chain(emergency).min()
    }
}

/// Whether control ever began in the house of `journal`: one look.
///
/// # Errors
/// When it cannot be read.
pub(super) fn has_baseline(journal: &Journal) -> Result<bool, RuntimeError> {
    let mut found = false;
    journal.latest_first("change.baseline", |_, _, _| {
        found = true;
        ControlFlow::Break(())
    })?;
    Ok(found)
}

/// The last record that bears on what may be loaded; 0 where there is none.
///
/// # Errors
/// When the journal cannot be read.
pub(super) fn last_change(journal: &Journal) -> Result<u64, RuntimeError> {
    let mut last = 0;
    for kind in KINDS.iter().filter(|kind| !BESIDE.contains(kind)) {
        journal.latest_first(kind, |seq, _, _| {
            last = last.max(seq.0);
            ControlFlow::Break(())
        })?;
    }
    Ok(last)
}
