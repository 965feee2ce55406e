//! Which run of an agent is meant: looked up before anything is done with it.

use crate::exit::{Failure, NOT_SO};
use journal::Journal;
use runtime::RuntimeError;
use std::collections::BTreeMap;

/// The run of `agent` that `wanted` names: an id, the beginning of one, or `latest`, which is the one of this agent that wrote last.
pub fn run_of(journal: &Journal, agent: &str, wanted: &str) -> Result<String, Failure> {
    let agents = agents(journal)?;
    let is_its = |run: &str| agents.get(run).is_some_and(|known| known == agent);
    if wanted == "latest" {
        let runs = journal.runs()?.into_iter();
        let latest = runs
            .filter(|run| is_its(&run.run))
            .max_by_key(|run| run.last);
        return latest.map(|run| run.run).ok_or_else(|| {
            Failure::new(
                NOT_SO,
                format!("there is no run of the agent `{agent}` yet"),
            )
            .help(format!("begin one: charthouse chat {agent}"))
        });
    }
    let run = journal.find_run(wanted)?;
    match agents.get(&run) {
        Some(other) if other != agent => Err(RuntimeError::OtherAgent {
            run,
            agent: agent.to_owned(),
            other: other.clone(),
        }
        .into()),
        _ => Ok(run),
    }
}

/// Whose each run is.
fn agents(journal: &Journal) -> Result<BTreeMap<String, String>, Failure> {
    let started = journal.of_kind("started")?;
    let named = started.into_iter().filter_map(|record| {
        let body: serde_json::Value = serde_json::from_str(&record.body).ok()?;
        Some((record.run, body["agent"]["name"].as_str()?.to_owned()))
    });
    Ok(named.collect())
}
