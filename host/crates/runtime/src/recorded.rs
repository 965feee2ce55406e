//! Calls of a plugin as the journal has them, with all that is needed to make them again: arguments, time, seed, and what its agent's policy gives it.

use crate::grants;
use crate::record::Kind;
use definitions::House;
use journal::{Journal, JournalError, Record, Which};
use policy::{ClockMode, Grant, RandomMode, Verdict};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use types::{PluginName, Timestamp, ToolName};

/// A call that was made once.
pub(crate) struct Recorded {
    pub(crate) run: String,
    pub(crate) effect: u64,
    pub(crate) tool: ToolName,
    pub(crate) arguments: String,
    pub(crate) time: Timestamp,
    /// What its agent would be granted for it now, where it was then; with a clock that stands, seeded chance and no network.
    pub(crate) grant: Grant,
}

/// The last `most` calls of the plugin `name` that were let through, the oldest first, and how many more could not be made again because their agent or its
/// chart is gone.
///
/// # Errors
/// When the journal cannot be read.
pub(crate) fn last_calls(
    journal: &Journal,
    house: &House,
    name: &PluginName,
    most: usize,
) -> Result<(Vec<Recorded>, usize), JournalError> {
    let mut all: Vec<(u64, String)> = Vec::new();
    journal.each(Which::Kind(Kind::Call.name()), |record| {
        if tool_of(&record).is_some_and(|tool| tool.plugin() == name.as_str()) {
            all.push((record.seq.0, record.run));
        }
        Ok::<_, JournalError>(())
    })?;
    let (mut calls, mut lost) = (Vec::new(), 0);
    let mut runs: BTreeMap<String, Story> = BTreeMap::new();
    for (seq, run) in all.into_iter().rev() {
        if calls.len() == most {
            break;
        }
        if !runs.contains_key(&run) {
            let story = Story::of(journal.records(&run)?);
            runs.insert(run.clone(), story);
        }
        let Some(call) = runs[&run].calls.get(&seq).filter(|call| call.ran) else {
            continue;
        };
        match call.again(house, &run) {
            Some(recorded) => calls.push(recorded),
            None => lost += 1,
        }
    }
    calls.reverse();
    Ok((calls, lost))
}

fn tool_of(record: &Record) -> Option<ToolName> {
    let body: Value = serde_json::from_str(&record.body).ok()?;
    // What no model and no chart called (a summary) has no arguments.
    body["arguments"].as_str()?;
    ToolName::from_wire(body["tool"].as_str()?)
}

/// The calls of a run, by the numbers of their records.
struct Story {
    calls: BTreeMap<u64, Made>,
}

struct Made {
    effect: u64,
    tool: ToolName,
    arguments: String,
    time: Timestamp,
    agent: String,
    states: Vec<String>,
    ran: bool,
}

impl Story {
    fn of(records: Vec<Record>) -> Self {
        let mut calls: BTreeMap<u64, Made> = BTreeMap::new();
        let mut by_effect: BTreeMap<u64, u64> = BTreeMap::new();
        let (mut agent, mut states) = (String::new(), Vec::new());
        for record in records {
            let Ok(body) = serde_json::from_str::<Value>(&record.body) else {
                continue;
            };
            if record.kind == Kind::Started.name() {
                agent = text(&body["agent"]["name"]);
            } else if record.kind == Kind::Step.name() || record.kind == Kind::Migrated.name() {
                let configuration = body["configuration"].as_array();
                states = configuration.into_iter().flatten().map(text).collect();
            } else if record.kind == Kind::Call.name() {
                let (Some(tool), Some(effect)) = (tool_of(&record), body["effect"].as_u64()) else {
                    continue;
                };
                by_effect.insert(effect, record.seq.0);
                let made = Made {
                    effect,
                    tool,
                    arguments: text(&body["arguments"]),
                    time: record.time,
                    agent: agent.clone(),
                    states: states.clone(),
                    ran: false,
                };
                calls.insert(record.seq.0, made);
            } else if record.kind == Kind::Outcome.name() {
                let call = body["effect"].as_u64().and_then(|e| by_effect.get(&e));
                if let Some(made) = call.and_then(|seq| calls.get_mut(seq)) {
                    // A call that policy refused has not run.
                    made.ran = body["outcome"]["wall_us"].as_u64() > Some(0)
                        || body["outcome"]["fuel"].as_u64() > Some(0);
                }
            }
        }
        Story { calls }
    }
}

impl Made {
    fn again(&self, house: &House, run: &str) -> Option<Recorded> {
        let agent = house.agents.get(self.agent.as_str())?;
        let bundle = house.charts.get(&agent.cognition)?;
        let leaves = self
            .states
            .iter()
            .filter_map(|leaf| bundle.chart.find(leaf));
        // In document order, each once: regions share the states around them.
        let states: BTreeMap<usize, chart::StateId> = leaves
            .flat_map(|leaf| grants::path(bundle, leaf))
            .map(|state| (state.index(), state))
            .collect();
        let layers = grants::layers(house, agent, bundle, states.into_values(), None);
        let mut grant = grants::grant(house, agent, &layers, &self.tool);
        grant.verdict = Verdict::Allow;
        grant.net.clear();
        grant.net_ceiling.clear();
        grant.clock = ClockMode::Frozen;
        grant.random = RandomMode::Seeded;
        Some(Recorded {
            run: run.to_owned(),
            effect: self.effect,
            tool: self.tool.clone(),
            arguments: self.arguments.clone(),
            time: self.time,
            grant,
        })
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// The directories that `calls` may write to, each once.
pub(crate) fn written_to(calls: &[Recorded]) -> BTreeSet<std::path::PathBuf> {
    let mounts = calls.iter().flat_map(|call| &call.grant.mounts);
    let written = mounts.filter(|mount| mount.access > policy::Access::ReadOnly);
    written.map(|mount| mount.host.clone()).collect()
}
