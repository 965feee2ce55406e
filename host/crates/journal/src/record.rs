//! The nouns of a journal: a record, what is said of a run, which records are meant.

use serde::{Deserialize, Serialize};
use types::{ContentHash, Timestamp};

/// The run of records that belong to no agent's run, such as a memory that a person adds. It is no run: neither listed nor the latest, and found by its
/// whole name only.
pub const HOUSE_RUN: &str = "house";

/// A record's number. The first record of a house has 1, and there are no gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RecordId(pub u64);

/// A record to be written.
#[derive(Clone, Copy, Debug)]
pub struct NewRecord<'a> {
    /// The run that it belongs to.
    pub run: &'a str,
    /// When it happened.
    pub time: Timestamp,
    /// What sort of record it is, for instance `cost`.
    pub kind: &'a str,
    /// JSON text; kept to the byte.
    pub body: &'a str,
}

/// A record as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Record {
    /// Its number.
    pub seq: RecordId,
    /// The run that it belongs to.
    pub run: String,
    /// When it happened.
    pub time: Timestamp,
    /// What sort of record it is.
    pub kind: String,
    /// JSON text. Of a record whose body was taken out it is `{"compacted":"HASH"}`, where `HASH` is the blake3 hash of the body in hexadecimal digits.
    pub body: String,
    /// Its hash, which covers everything above and the record before.
    pub hash: ContentHash,
    /// The hash of the body that was taken out, if it was.
    #[serde(skip)]
    pub(crate) compacted: Option<ContentHash>,
}

impl Record {
    /// Whether the body was taken out by [`crate::Journal::compact`]: what is in [`Record::body`] then only names it.
    pub fn is_compacted(&self) -> bool {
        self.compacted.is_some()
    }

    /// The hash of the body as it was written, whether it is still here or not.
    pub fn body_hash(&self) -> ContentHash {
        self.compacted
            .unwrap_or_else(|| ContentHash::of(self.body.as_bytes()))
    }
}

/// The text that stands for a body that was taken out.
pub(crate) fn marker(hash: &ContentHash) -> String {
    format!(r#"{{"compacted":"{hash}"}}"#)
}

/// One run, in short.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// Its id.
    pub run: String,
    /// Time of its first record.
    pub first: Timestamp,
    /// Time of its last record.
    pub last: Timestamp,
    /// How many records it has.
    pub records: u64,
}

/// Which records to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which<'a> {
    /// Every record of the house.
    All,
    /// Those of one run, by its full id.
    Run(&'a str),
    /// Those of one kind, of every run.
    Kind(&'a str),
}

/// SQLite has signed integers only. No journal has 2^63 records; a negative number can only come from tampering, and becomes one that no
/// record has.
pub(crate) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
