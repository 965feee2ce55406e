//! What a replay found, for people and for programs.

use serde::Serialize;

/// Most differences that are listed; what follows from the first is rarely news.
const MOST_LISTED: usize = 20;

/// What came of executing a run again.
#[derive(Clone, Debug, Default, Serialize)]
pub struct ReplayReport {
    /// The run.
    pub run: String,
    /// Its agent.
    pub agent: String,
    /// Whether it is an instance of a workflow: a chart, and no agent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub instance: bool,
    /// How many of its records were read.
    pub records: u64,
    /// The last of them.
    pub last: u64,
    /// What was made again and compared, whatever came of it.
    pub compared: Compared,
    /// Where what came is not what is recorded, in the order of the records.
    pub differences: Vec<Difference>,
    /// Differences beyond those that are listed.
    #[serde(skip_serializing_if = "is_zero")]
    pub more: u64,
    /// What could not be compared.
    pub not_compared: Vec<NotCompared>,
}

/// How much was made again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// Steps of the chart: configuration and effects.
    pub steps: u64,
    /// Moves of the chart to another version.
    pub migrations: u64,
    /// Snapshots of the chart: data, timers, all of it.
    pub snapshots: u64,
    /// Payloads, to the byte, with their accounts.
    pub payloads: u64,
    /// Calls: the verdict and the whole grant.
    pub grants: u64,
    /// Items of the conversation against what was said, answered and returned.
    pub items: u64,
    /// Files of the house and gathered texts against their hashes.
    pub texts: u64,
}

/// One thing that came out otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The record's number.
    pub record: u64,
    /// What is different: `step`, `payload`, `grant`, …
    pub what: &'static str,
    /// The chunk of a payload that is the first to be different.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chunk: Option<String>,
    /// What is recorded.
    pub expected: String,
    /// What came.
    pub came: String,
}

/// Things of one sort that could not be compared, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NotCompared {
    /// What: `step`, `payload`, `grant`, …
    pub what: &'static str,
    /// Why not.
    pub why: String,
    /// How many.
    pub count: u64,
    /// The record of the first.
    pub first: u64,
}

/// What a replay comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Everything was made again and is the same.
    Identical,
    /// Something came out otherwise.
    Different,
    /// What could be made again is the same; something could not be.
    Incomplete,
}

impl ReplayReport {
    /// What it comes to.
    pub fn verdict(&self) -> Verdict {
        match (self.differences.is_empty(), self.not_compared.is_empty()) {
            (false, _) => Verdict::Different,
            (true, true) => Verdict::Identical,
            (true, false) => Verdict::Incomplete,
        }
    }

    pub(super) fn differs(&mut self, difference: Difference) {
        match self.differences.len() < MOST_LISTED {
            true => self.differences.push(difference),
            false => self.more += 1,
        }
    }

    pub(super) fn skips(&mut self, record: u64, what: &'static str, why: &str) {
        let mut known = self.not_compared.iter_mut();
        match known.find(|known| known.what == what && known.why == why) {
            Some(known) => known.count += 1,
            None => self.not_compared.push(NotCompared {
                what,
                why: why.to_owned(),
                count: 1,
                first: record,
            }),
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
