//! Cassettes: what a provider was asked and what it answered, on file, so that it can be played again without a network and without cost.
//!
//! A cassette is JSON, one line each: first a [`Header`], then one [`Exchange`] after the other. It never holds what was asked as a whole: of a
//! payload it keeps [`Mark`]s, by which the same payload is known again, and a short excerpt of every item, for the person who wants to know
//! where two payloads part. Conversations grow at their end and share their beginnings; so an exchange lists only the items that no line above
//! it has, and a cassette grows by what is new and not by how long a conversation has become.
//!
//! This room knows no dialect and no network: it wraps any [`types::Model`] ([`record`]) or stands in its place ([`replay`]).

mod hide;
mod mark;
mod record;
mod replay;
mod tape;

pub use record::Recorded;
pub use replay::Replayed;

use mark::Mark;
use serde::{Deserialize, Serialize};
use std::path::Path;
use types::{Finding, ModelError, ModelParameters, Place, Reply};

/// The format that this build writes, and the newest that it reads.
const FORMAT: u64 = 1;

/// The first line.
#[derive(Serialize, Deserialize)]
struct Header {
    /// The format's version.
    cassette: u64,
    /// The program that made the file.
    by: String,
    /// The provider's name in the house where it was recorded.
    provider: String,
}

/// Every other line: one request and what came of it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exchange {
    /// The mark of the conversation's beginning that lines above hold already; absent where `items` begin at the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    follows: Option<Mark>,
    /// The items after that beginning.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    items: Vec<Said>,
    /// The tools that were offered.
    tools: Mark,
    /// Their names, where no line above has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    offered: Option<Vec<String>>,
    /// The model that was asked, and how.
    parameters: ModelParameters,
    /// What was said last, in short.
    asked: String,
    /// What was streamed. Deltas of one kind that follow each other are one here.
    heard: Vec<Heard>,
    /// What came of it.
    answer: Answer,
    /// How long it took, in milliseconds.
    took_ms: u64,
}

/// One item of a conversation.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Said {
    /// The mark of the conversation up to and with this item.
    mark: Mark,
    /// An excerpt.
    says: String,
}

/// A stretch of what was streamed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Heard {
    /// Visible text.
    Text(String),
    /// Reasoning.
    Reasoning(String),
}

/// How an exchange ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Answer {
    /// With an answer.
    Reply(Reply),
    /// Without one.
    Error(ModelError),
}

/// Everything that is wrong with the cassette in `file`, which is called `shown` in the findings; empty when it can be played.
pub fn check_cassette(file: &Path, shown: &str) -> Vec<Finding> {
    match tape::Tape::load(file, shown) {
        Err(findings) => findings,
        Ok(tape) if tape.is_empty() => vec![Finding::warning(
            &Place::new(shown, 1, 1),
            "the cassette holds no exchange",
            "record one: put `record:` with this file on a provider and run an agent that uses it",
        )],
        Ok(_) => Vec::new(),
    }
}
