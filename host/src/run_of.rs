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

/// The run to go on with where none is named: the one that wrote last among those that have not come to their end, else the one that wrote last. One that
/// another run began goes on with that one.
pub fn unfinished(journal: &Journal) -> Result<String, Failure> {
    let mut parents: BTreeMap<String, Option<String>> = BTreeMap::new();
    let mut begun: BTreeMap<String, u64> = BTreeMap::new();
    for record in journal.of_kind("started")? {
        let body: serde_json::Value = serde_json::from_str(&record.body).unwrap_or_default();
        if body["agent"]["name"].is_string() {
            let parent = body["kin"]["parent"].as_str().map(str::to_owned);
            parents.insert(record.run.clone(), parent);
            begun.insert(record.run, record.seq.0);
        }
    }
    let mut ended: BTreeMap<String, u64> = BTreeMap::new();
    for record in journal.of_kind("ended")? {
        let body: serde_json::Value = serde_json::from_str(&record.body).unwrap_or_default();
        if body["status"] == "done" {
            ended.insert(record.run, record.seq.0);
        }
    }
    // Whoever ended and was begun again has not come to its end.
    let is_open = |run: &str| ended.get(run) < begun.get(run);
    let mut runs = journal.runs()?;
    runs.retain(|run| begun.contains_key(&run.run));
    runs.sort_by_key(|run| run.last);
    let open = runs.iter().rfind(|run| is_open(&run.run));
    let Some(last) = open.or(runs.last()) else {
        return Err(Failure::new(
            NOT_SO,
            "there is no run to go on with yet: no agent has run in this house",
        )
        .help("begin one: charthouse run AGENT"));
    };
    let mut run = &last.run;
    // A journal that somebody has edited may go round in a circle.
    for _ in 0..parents.len() {
        match parents.get(run) {
            Some(Some(parent)) if is_open(parent) => run = parent,
            _ => break,
        }
    }
    Ok(run.clone())
}

/// The agent whose run `run` is.
pub fn agent_of(journal: &Journal, run: &str) -> Result<String, Failure> {
    let agent = agents(journal)?.remove(run);
    agent.ok_or_else(|| {
        Failure::new(NOT_SO, format!("`{run}` is no run of an agent"))
            .help("charthouse journal show lists the runs")
    })
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
