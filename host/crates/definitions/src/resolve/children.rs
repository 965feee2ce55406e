//! Agents that start agents: whether they may, whether there are such, and whether it ends.

use super::Definitions;
use crate::agent;
use crate::chart;
use crate::kind::Kind;
use crate::suggest::shown;
use crate::walk::Walk;
use std::collections::{HashMap, HashSet, VecDeque};

/// Complain of children that may not be started or that there are not, and warn of circles.
pub(super) fn look(
    walk: &mut Walk,
    definitions: &Definitions,
    agents: &[agent::Draft],
    charts: &[chart::Draft],
) {
    for child in charts.iter().flat_map(|chart| &chart.children) {
        if let Some(name) = &child.agent {
            definitions.known(walk, Kind::Agent, name, &child.place);
        }
    }
    let charts: HashMap<&str, &chart::Draft> = charts
        .iter()
        .map(|chart| (chart.name.as_str(), chart))
        .collect();
    for draft in agents {
        if let Some(chart) = charts.get(&*draft.agent.cognition) {
            may_it(walk, draft, chart);
        }
    }
    circles(walk, agents, &charts);
}

/// Whether what `draft` allows fits what its chart does.
fn may_it(walk: &mut Walk, draft: &agent::Draft, chart: &chart::Draft) {
    let cognition = shown(&draft.agent.cognition);
    match (chart.children.first(), &draft.agent.children) {
        (Some(child), None) => walk.error(
            &draft.cognition,
            format!(
                "`{cognition}` starts other agents ({}), and this agent may start none",
                child.place
            ),
            "add `children: { depth: 1, at_once: 4, total: 100, usd: 1.00 }` to the agent: how deep, how many at once and in all, and what they may cost",
        ),
        // A chart in which something is wrong may have lost what starts one.
        (None, Some(children))
            if walk.in_order(&chart.name.place.file) && walk.in_order(&children.place.file) =>
        {
            walk.warning(
            &children.place,
            format!("`{cognition}` starts no agents, so these limits limit nothing"),
            "remove them, or start one: `invoke: { activity: agent, params: { agent: NAME } }`",
            )
        }
        _ => {}
    }
}

/// Warn of each agent that comes back to itself by way of those it starts.
fn circles(walk: &mut Walk, agents: &[agent::Draft], charts: &HashMap<&str, &chart::Draft>) {
    let index: HashMap<&str, usize> = agents
        .iter()
        .enumerate()
        .map(|(n, draft)| (&*draft.agent.name, n))
        .collect();
    let starts: Vec<Vec<usize>> = agents
        .iter()
        .map(|draft| {
            let chart = charts.get(&*draft.agent.cognition);
            let chart = chart.filter(|_| draft.agent.children.is_some());
            let children = chart.into_iter().flat_map(|chart| &chart.children);
            let names = children.filter_map(|child| child.agent.as_deref());
            names.filter_map(|name| index.get(name).copied()).collect()
        })
        .collect();
    // Each circle is said once, of the one in it that is defined first.
    for first in 0..agents.len() {
        let Some(way) = way_back(first, &starts) else {
            continue;
        };
        let name = |n: &usize| format!("`{}`", shown(&agents[*n].agent.name));
        let Some(children) = &agents[first].agent.children else {
            continue;
        };
        let message = match way.as_slice() {
            [] => format!("{} starts itself", name(&first)),
            way => {
                let way: Vec<String> = way.iter().map(name).collect();
                let own = name(&first);
                format!(
                    "{own} starts {}, which starts {own} again",
                    way.join(", which starts ")
                )
            }
        };
        walk.warning(
            &children.place,
            format!(
                "{message}: only `depth` ends that, which is {}",
                children.depth
            ),
            "let one of them start another agent, or keep `depth` and `usd` small",
        );
    }
}

/// The shortest way from `first` back to itself by way of those after it, both ends left out.
fn way_back(first: usize, starts: &[Vec<usize>]) -> Option<Vec<usize>> {
    let mut came_from: HashMap<usize, usize> = HashMap::new();
    let mut seen = HashSet::from([first]);
    let mut next = VecDeque::from([first]);
    while let Some(at) = next.pop_front() {
        for &to in &starts[at] {
            if to == first {
                let mut way = Vec::new();
                let mut back = at;
                while back != first {
                    way.push(back);
                    back = *came_from.get(&back)?;
                }
                way.reverse();
                return Some(way);
            }
            if to > first && seen.insert(to) {
                came_from.insert(to, at);
                next.push_back(to);
            }
        }
    }
    None
}
