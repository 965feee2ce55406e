//! Which runs and instances are not over: a list that a host reads at its start instead of the whole journal.
//!
//! It is kept beside the records and follows from them: a line is written with the first record of a run and taken away with its last.

use journal::{Journal, JournalError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

const RUN: &str = "alive/run/";
const INSTANCE: &str = "alive/instance/";

/// What is known of a run without reading it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alive {
    /// Whose it is: the agent, or the workflow.
    pub(crate) of: String,
    /// Whether it was left in order, with nothing under way; then the rest is true.
    #[serde(default)]
    pub(crate) parked: bool,
    /// How it stood still.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<crate::Status>,
    /// Where its chart stood.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) states: Vec<Arc<str>>,
    /// When its next timer is due.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) due: Option<i64>,
    /// Whether a person paused it.
    #[serde(default)]
    pub(crate) paused: bool,
    /// Whether it failed too often: it is taken up again when a person says so, by no host of itself.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) given_up: bool,
    /// It failed, and is taken up again then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<i64>,
    /// When it failed, lately.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) failures: Vec<i64>,
    /// What it has cost.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usd: Option<Arc<str>>,
    /// Whether the host is to have it up at all times.
    #[serde(default)]
    pub(crate) keep: bool,
}

/// To be kept: the run `id` of `agent` is under way.
pub(crate) fn of(id: &str, agent: &str) -> (String, Vec<u8>) {
    let alive = Alive {
        of: agent.to_owned(),
        ..Alive::default()
    };
    line(RUN, id, &alive)
}

/// To be kept: the run `id` was left so.
pub(crate) fn left(id: &str, alive: &Alive) -> (String, Vec<u8>) {
    line(RUN, id, alive)
}

/// To be kept: the run `id` is over.
pub(crate) fn over(id: &str) -> (String, Vec<u8>) {
    (format!("{RUN}{id}"), Vec::new())
}

/// To be kept: the instance `id` of `workflow` is not over.
pub(crate) fn instance(id: &str, workflow: &str) -> (String, Vec<u8>) {
    let alive = Alive {
        of: workflow.to_owned(),
        ..Alive::default()
    };
    line(INSTANCE, id, &alive)
}

/// To be kept: the instance `id` is over.
pub(crate) fn instance_over(id: &str) -> (String, Vec<u8>) {
    (format!("{INSTANCE}{id}"), Vec::new())
}

fn line(family: &str, id: &str, alive: &Alive) -> (String, Vec<u8>) {
    // A map with text keys, which always serialises.
    let bytes = serde_json::to_vec(alive).unwrap_or_default();
    (format!("{family}{id}"), bytes)
}

/// All runs that are not over, by id.
pub(crate) fn runs(journal: &Journal) -> Result<BTreeMap<Arc<str>, Alive>, JournalError> {
    read(journal, RUN)
}

/// All instances that are not over, by id.
pub(crate) fn instances(journal: &Journal) -> Result<BTreeMap<Arc<str>, Alive>, JournalError> {
    read(journal, INSTANCE)
}

fn read(journal: &Journal, family: &str) -> Result<BTreeMap<Arc<str>, Alive>, JournalError> {
    let kept = journal.kept_from(family)?;
    let read = kept.into_iter().filter_map(|(name, bytes)| {
        let id = name.strip_prefix(family)?;
        Some((Arc::from(id), serde_json::from_slice(&bytes).ok()?))
    });
    Ok(read.collect())
}
