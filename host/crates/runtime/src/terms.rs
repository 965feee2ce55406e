//! The terms on which a component may become a plugin of a house: what the definitions use the plugin for, and what the house would let it have.
//!
//! Pure. The comparison itself is the sandbox's ([`Terms::broken_by`]).

use crate::grants;
use definitions::{AgentDef, ChartBundle, House};
use sandbox::{Kind, Need, PluginInfo, Terms};
use std::collections::BTreeSet;
use types::{PluginName, ToolName};

/// What is linked for every component and gives it nothing by itself: files are those of a mount, variables those of `env`, the clock stands and chance is
/// seeded unless policy says otherwise, and its own state it has anyway.
const CLOSED_BY_ITSELF: [Need; 5] = [
    Need::Files,
    Need::Environment,
    Need::Clock,
    Need::Random,
    Need::State,
];

/// On what terms a component may become the plugin `name` of `house`, where `before` has been it until now.
///
/// What the one before needed was accepted with it. The network comes with a `net` rule that the ceiling leaves standing, a model with the use as a memory
/// routine; anything else that is not [`CLOSED_BY_ITSELF`] nobody here gives.
pub fn terms(house: &House, name: &PluginName, before: Option<&PluginInfo>) -> Terms {
    let mut terms = Terms {
        may_need: CLOSED_BY_ITSELF.into(),
        ..Terms::default()
    };
    if let Some(before) = before {
        terms.may_need.extend(Need::of_all(&before.imports));
    }
    for agent in house.agents.values() {
        let Some(bundle) = house.charts.get(&agent.cognition) else {
            continue;
        };
        let kinds = kinds(agent, bundle, name);
        if !kinds.is_empty() || agent.plugins.contains(name) {
            add(&mut terms, house, agent, bundle, name);
        }
        if kinds.contains(&Kind::Memory) {
            terms.may_need.insert(Need::Model);
        }
        terms.kinds.extend(kinds);
    }
    terms
}

/// What `agent` asks of its plugin `name`, and what it would give it.
fn add(
    terms: &mut Terms,
    house: &House,
    agent: &AgentDef,
    bundle: &ChartBundle,
    name: &PluginName,
) {
    if agent.plugins.contains(name) {
        let calls = bundle.calls.iter();
        let own = calls.filter(|tool| tool.plugin() == name.as_str());
        terms.tools.extend(own.map(|tool| tool.tool().to_owned()));
    }
    // Rules for the network go by address and not by tool, so any tool's grant tells.
    let Ok(tool) = ToolName::new(name, "call") else {
        return;
    };
    let reaches = |layers: Vec<&policy::Overlay>| {
        let grant = grants::grant(house, agent, &layers, &tool);
        !grant.net.is_empty()
    };
    if grants::stacks(house, agent, bundle, None)
        .into_iter()
        .any(reaches)
    {
        terms.may_need.insert(Need::Network);
    }
}

/// What `agent` uses the plugin `name` as, apart from its tools.
fn kinds(agent: &AgentDef, bundle: &ChartBundle, name: &PluginName) -> BTreeSet<Kind> {
    let mut kinds = BTreeSet::new();
    if agent.guards.contains(name) {
        kinds.insert(Kind::Guard);
    }
    let summary = agent.context.summary.as_ref();
    if summary.is_some_and(|summary| summary.plugin.value == name.as_str()) {
        kinds.insert(Kind::Memory);
    }
    let of_states = bundle.context.iter().flatten();
    let mut chunks = agent.context.chunks.iter().chain(of_states);
    let provides = |chunk: &context::ChunkDef| match &chunk.source {
        context::Source::Plugin { name: used, .. } => used.value == name.as_str(),
        _ => false,
    };
    if chunks.any(provides) {
        kinds.insert(Kind::Context);
    }
    kinds
}
