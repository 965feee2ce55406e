//! How tampering is found: by walking the chain once, from the first record to the last, and comparing its end with the stored head and with the witness
//! beside the store.
//!
//! A chain proves that records were not changed *without making the rest anew*. Whoever can write the file can compute a whole new chain;
//! against that the head's hash must be kept somewhere else, which is what [`Verification::head`] is for.

use crate::chain::{self, GENESIS};
use crate::compact::{Claim, Claims};
use crate::store::{Head, Stored};
use crate::witness::Testimony;
use serde::Serialize;
use std::collections::HashMap;
use std::ops::ControlFlow;
use types::ContentHash;

/// What became of the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Whether every record is as it was written.
    pub ok: bool,
    /// How many records there are.
    pub records: u64,
    /// The number of the first record that is altered, missing, moved, or too many. Where records are missing from the end, it is the
    /// first missing one.
    pub first_bad: Option<u64>,
    /// The hash of the last good record: written down elsewhere, it proves this journal against whoever rewrites all of it.
    pub head: ContentHash,
    /// How many records have had their body taken out; the chain proves all the rest of them.
    pub compacted: u64,
    /// What an archive of such bodies holds, where one was looked at.
    pub archive: Option<ArchiveVerification>,
}

/// What became of the bodies in an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ArchiveVerification {
    /// How many of the bodies that were taken out are there as they were written.
    pub bodies: u64,
    /// How many are not there.
    pub missing: u64,
    /// The number of the first record whose body in the archive is another than was written.
    pub first_bad: Option<u64>,
}

/// Goes along the records, in order, as far as they are good.
pub struct Walk {
    head: Head,
    good: u64,
    previous: ContentHash,
    claims: Claims,
    /// How many records each run has had.
    counts: HashMap<String, u64>,
    /// Whether the store counts, so that a record of link 2 without a count was altered.
    is_counted: bool,
    /// What the witness says, until it was compared.
    witness: Option<Testimony>,
    witness_is_wrong: Option<u64>,
    /// Whether something was read behind the last good record.
    ended_badly: bool,
}

impl Walk {
    /// Before the first record of a store with `head`. `claims` are what its records of compaction say was taken out.
    pub fn new(head: Head, claims: Vec<Claim>) -> Self {
        Walk {
            head,
            good: 0,
            previous: GENESIS,
            claims: Claims::new(claims, 0),
            counts: HashMap::new(),
            is_counted: false,
            witness: None,
            witness_is_wrong: None,
            ended_badly: false,
        }
    }

    /// Compare with what a witness says too.
    pub fn with_witness(mut self, witness: Option<Testimony>) -> Self {
        self.witness = witness.filter(|said| said.seq > 0);
        self
    }

    /// Expect every record of link 2 to say which of its run it is.
    pub fn with_counts(mut self, is_counted: bool) -> Self {
        self.is_counted = is_counted;
        self
    }

    /// How many records from the first on are good so far.
    pub fn good(&self) -> u64 {
        self.good
    }

    /// How many records `run` has had.
    pub fn count(&self, run: &str) -> u64 {
        self.counts.get(run).copied().unwrap_or(0)
    }

    /// Look at the next record; break off at one that is not as it was written.
    pub fn step(&mut self, stored: &Stored) -> ControlFlow<()> {
        if self.is_good(stored) {
            self.good = stored.record.seq.0;
            self.previous = stored.record.hash;
            ControlFlow::Continue(())
        } else {
            self.ended_badly = true;
            ControlFlow::Break(())
        }
    }

    fn is_good(&mut self, stored: &Stored) -> bool {
        let record = &stored.record;
        let link_2_from = self.head.link_2_from;
        if record.seq.0 != self.good + 1 || !chain::holds(record, &self.previous, link_2_from) {
            return false;
        }
        if record.is_compacted() && !self.claims.cover(record) {
            return false;
        }
        if self.witness.is_some_and(|said| said.seq == record.seq.0)
            && self
                .witness
                .take()
                .is_some_and(|said| said.hash != record.hash)
        {
            self.witness_is_wrong = Some(record.seq.0);
        }
        match self.counts.get_mut(&record.run) {
            Some(count) => *count += 1,
            None => drop(self.counts.insert(record.run.clone(), 1)),
        }
        // The chain does not cover the count; a store that does not count has none.
        match stored.nth {
            Some(nth) => nth == self.count(&record.run),
            None => !self.is_counted || record.seq.0 < link_2_from,
        }
    }

    /// Reading broke off with an error: what could not be read is as bad as what was altered.
    pub fn unreadable(&mut self, so: bool) {
        self.ended_badly |= so;
    }

    /// What came of it, where `counted` is how many records there are, if they could be counted.
    pub fn end(self, counted: Option<u64>) -> Verification {
        let records = counted.unwrap_or(self.good).max(self.good);
        let first_bad = self.first_bad(records);
        Verification {
            ok: first_bad.is_none(),
            records,
            first_bad,
            head: self.previous,
            compacted: self.claims.missing,
            archive: None,
        }
    }

    fn first_bad(&self, records: u64) -> Option<u64> {
        let Head { seq, hash, .. } = self.head;
        if self.ended_badly || records > self.good {
            Some(self.good + 1)
        } else if seq != self.good {
            // The head says that there was more or less at the end.
            Some(seq.min(self.good) + 1)
        } else if hash != self.previous {
            Some(self.good.max(1))
        } else if self.witness.is_some_and(|said| said.seq > self.good) {
            Some(self.good + 1)
        } else {
            self.witness_is_wrong
        }
    }
}
