//! What depends on what, out of the definitions themselves: whom a change of an item would concern, and why.

use crate::grants::{GrantChange, Tools, grant_changes};
use crate::item::ItemId;
use crate::items::items_of;
use crate::record::{ImpactItem, ImpactRecord};
use context::{ChunkDef, Source};
use definitions::{AgentDef, ChartBundle, House, On, Starts, answers_of};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

/// A run that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunFact {
    /// The run.
    pub run: Arc<str>,
    /// Whose.
    pub agent: Arc<str>,
}

/// An instance that is under way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceFact {
    /// The instance.
    pub instance: Arc<str>,
    /// Of which workflow.
    pub workflow: Arc<str>,
}

/// What a change bears on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Impact {
    /// What is recorded with the assessment.
    pub record: ImpactRecord,
    /// What agents may do otherwise, where what is to come is known.
    pub grants: Vec<GrantChange>,
}

/// That one item is affected by another, and why.
struct Edge {
    on: ItemId,
    item: ItemId,
    why: String,
}

/// What a change of `items` bears on, in `house` and, where it is known, in the house that it would make.
pub fn impact(
    house: &House,
    after: Option<&House>,
    items: &BTreeSet<ItemId>,
    runs: &[RunFact],
    instances: &[InstanceFact],
    tools: &Tools,
) -> Impact {
    let mut edges = edges(house);
    edges.extend(after.map(self::edges).unwrap_or_default());
    let found = reach(items, &edges);
    let mut concerned: BTreeSet<&ItemId> = items.iter().chain(found.keys()).collect();
    let whole: Vec<ItemId>;
    if items.contains(&ItemId::House) {
        whole = items_of(house, &BTreeMap::new())
            .items
            .into_keys()
            .collect();
        concerned.extend(&whole);
    }
    let of = |item: &ItemId| concerned.contains(item);
    let agents = concerned.iter().filter_map(|item| match item {
        ItemId::Agent(name) => Some(name.clone()),
        _ => None,
    });
    let agents: Vec<Arc<str>> = agents.collect();
    let grants = after
        .map(|after| grant_changes(house, after, tools))
        .unwrap_or_default();
    let mut lines: Vec<ImpactItem> = found
        .iter()
        .map(|(item, (why, depends))| ImpactItem {
            item: item.clone(),
            why: why.clone(),
            depends: depends.iter().cloned().collect(),
        })
        .collect();
    if items.contains(&ItemId::House) {
        lines.push(ImpactItem {
            item: ItemId::House,
            why: "what the house says bears on everything in it".into(),
            depends: Vec::new(),
        });
    }
    Impact {
        record: ImpactRecord {
            items: lines,
            runs: runs
                .iter()
                .filter(|run| of(&ItemId::Agent(run.agent.clone())))
                .map(|run| run.run.clone())
                .collect(),
            instances: instances
                .iter()
                .filter(|one| of(&ItemId::Chart(one.workflow.clone())))
                .map(|one| one.instance.clone())
                .collect(),
            agents,
            grants: grants.iter().map(ToString::to_string).collect(),
        },
        grants,
    }
}

/// Everything that can be reached from `items`, each once, with all the reasons for it.
fn reach(items: &BTreeSet<ItemId>, edges: &[Edge]) -> BTreeMap<ItemId, (String, BTreeSet<ItemId>)> {
    let mut whys: BTreeMap<ItemId, (BTreeSet<String>, BTreeSet<ItemId>)> = BTreeMap::new();
    let mut seen = items.clone();
    let mut queue: VecDeque<ItemId> = items.iter().cloned().collect();
    while let Some(next) = queue.pop_front() {
        for edge in edges.iter().filter(|edge| edge.on == next) {
            if !items.contains(&edge.item) {
                let (reasons, depends) = whys.entry(edge.item.clone()).or_default();
                reasons.insert(edge.why.clone());
                depends.insert(next.clone());
            }
            // That a trigger of the house starts something does not bear on all the rest of the house.
            if edge.item != ItemId::House && seen.insert(edge.item.clone()) {
                queue.push_back(edge.item.clone());
            }
        }
    }
    let lines = whys.into_iter().map(|(item, (reasons, depends))| {
        let reasons: Vec<String> = reasons.into_iter().collect();
        (item, (reasons.join("; "), depends))
    });
    lines.collect()
}

fn edges(house: &House) -> Vec<Edge> {
    let mut edges = Vec::new();
    let mut add = |on: ItemId, item: ItemId, why: String| edges.push(Edge { on, item, why });
    for agent in house.agents.values() {
        of_agent(house, agent, &mut add);
    }
    for (name, chart) in &house.charts {
        of_chart(house, name, chart, &mut add);
    }
    of_serve(house, &mut add);
    shared_texts(house, &mut add);
    edges
}

fn chunk_plugins(chunks: &[ChunkDef]) -> impl Iterator<Item = &str> {
    chunks.iter().filter_map(|chunk| match &chunk.source {
        Source::Plugin { name, .. } => Some(name.value.as_str()),
        _ => None,
    })
}

fn of_agent(house: &House, agent: &AgentDef, add: &mut impl FnMut(ItemId, ItemId, String)) {
    let name = &agent.name;
    let item = || ItemId::Agent(name.clone());
    if let Some(default) = &house.default_policy_name {
        let why = format!("it is the layer of policy beneath every agent's, {name}'s too");
        add(ItemId::Policy(default.clone()), item(), why);
    }
    let answers = answers_of(name);
    if house.policies.contains_key(answers.as_str()) {
        let why = format!("it answers questions of {name}'s policy");
        add(ItemId::Policy(answers.into()), item(), why);
    }
    let why = format!("{name} thinks by it");
    add(ItemId::Chart(agent.cognition.clone()), item(), why);
    let plugin = |name: &str| ItemId::Plugin(name.into());
    for one in &agent.plugins {
        add(
            plugin(one.as_str()),
            item(),
            format!("{name} may call its tools"),
        );
    }
    for one in &agent.guards {
        add(
            plugin(one.as_str()),
            item(),
            format!("it guards what {name} reads and says"),
        );
    }
    for one in chunk_plugins(&agent.context.chunks) {
        add(
            plugin(one),
            item(),
            format!("it provides a chunk of {name}'s context"),
        );
    }
    if let Some(summary) = &agent.context.summary {
        add(
            plugin(&summary.plugin),
            item(),
            format!("it sums up what {name} remembers"),
        );
    }
}

fn of_chart(
    house: &House,
    name: &Arc<str>,
    chart: &ChartBundle,
    add: &mut impl FnMut(ItemId, ItemId, String),
) {
    let item = || ItemId::Chart(name.clone());
    for tool in &chart.calls {
        let plugin = ItemId::Plugin(tool.plugin().into());
        add(plugin, item(), format!("it calls {tool}"));
    }
    for one in chart
        .context
        .iter()
        .flat_map(|chunks| chunk_plugins(chunks))
    {
        add(
            ItemId::Plugin(one.into()),
            item(),
            "it provides a chunk of a state".into(),
        );
    }
    for child in &chart.children {
        match &child.agent {
            Some(agent) => {
                add(
                    ItemId::Agent(agent.clone()),
                    item(),
                    format!("it starts {agent}"),
                );
            }
            // Which one is computed: it could be any.
            None => {
                for agent in house.agents.keys() {
                    add(
                        ItemId::Agent(agent.clone()),
                        item(),
                        format!("it may start {agent}: which agent it starts is computed"),
                    );
                }
            }
        }
    }
    for agent in house.agents.values() {
        for role in agent
            .roles
            .iter()
            .filter(|role| chart.roles.contains_key(&role.value))
        {
            let agent_item = ItemId::Agent(agent.name.clone());
            let why = format!("{} takes the role {} in it", agent.name, role.value);
            add(item(), agent_item.clone(), why.clone());
            add(agent_item, item(), why);
        }
    }
}

fn of_serve(house: &House, add: &mut impl FnMut(ItemId, ItemId, String)) {
    for keep in &house.serve.keep {
        let agent = ItemId::Agent(keep.agent.value.clone());
        add(
            agent,
            ItemId::House,
            format!("the house keeps {} up", keep.agent.value),
        );
    }
    for trigger in house.serve.triggers.values() {
        let on = match &trigger.on {
            On::Time(_) => "schedule",
            On::Files(_) => "files",
            On::Http(_) => "request",
        };
        let (what, item) = match &trigger.starts {
            Starts::Agent { agent, .. } => (&agent.value, ItemId::Agent(agent.value.clone())),
            Starts::Workflow { chart, .. } => (&chart.value, ItemId::Chart(chart.value.clone())),
        };
        add(
            item,
            ItemId::House,
            format!("the trigger {} ({on}) starts {what}", trigger.name),
        );
    }
}

fn shared_texts(house: &House, add: &mut impl FnMut(ItemId, ItemId, String)) {
    let items = items_of(house, &BTreeMap::new());
    let mut owners: BTreeMap<&str, Vec<&ItemId>> = BTreeMap::new();
    for (item, parts) in &items.items {
        for (file, _) in &parts.files {
            owners.entry(file).or_default().push(item);
        }
    }
    for (file, items) in owners.iter().filter(|(_, items)| items.len() > 1) {
        for one in items {
            for other in items.iter().filter(|other| *other != one) {
                add(
                    (*one).clone(),
                    (*other).clone(),
                    format!("{file} is a part of both"),
                );
            }
        }
    }
}
