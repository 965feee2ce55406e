//! Agents that start agents: whether they may, whether there are such, and whether it ends.

use super::Definitions;
use crate::agent;
use crate::chart;
use crate::house::HouseFile;
use crate::kind::Kind;
use crate::suggest::shown;
use crate::walk::Walk;
use std::collections::{HashMap, HashSet, VecDeque};
use types::{Measure, Window};

/// Complain of children that may not be started or that there are not, and warn of circles.
pub(super) fn look(
    walk: &mut Walk,
    definitions: &Definitions,
    house: Option<&HouseFile>,
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
        within(walk, draft, house);
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

/// Warn where those that an agent starts may cost more than its run, which they count for: its limit is what ends them.
fn within(walk: &mut Walk, draft: &agent::Draft, house: Option<&HouseFile>) {
    let agent = &draft.agent;
    let Some(usd) = agent.children.as_ref().and_then(|all| all.usd.as_ref()) else {
        return;
    };
    let budgets = house.map(|house| &house.budgets);
    let part = budgets.and_then(|budgets| budgets.agents.get(&agent.name));
    let of_house = budgets
        .map(|budgets| &budgets.whole)
        .into_iter()
        .chain(part);
    let limits = std::iter::once(&agent.budget).chain(of_house);
    let of_run = limits.flat_map(|budget| &budget.limits).filter(|limit| {
        (limit.measure, limit.window, limit.purpose) == (Measure::Usd, Window::Run, None)
    });
    let least = of_run.min_by_key(|limit| limit.most);
    if let Some(limit) = least.filter(|limit| limit.most < **usd) {
        walk.warning(
            &usd.place,
            format!(
                "the agents that it starts may cost {} together, and a run with all that it starts may cost {} (`{}`, {}): that ends them first",
                Measure::Usd.shown(**usd),
                Measure::Usd.shown(limit.most),
                limit.key(),
                limit.place
            ),
            format!("write less here than there, or raise `{}`", limit.key()),
        );
    }
}

/// The agents that `first` may start, and those that these may, as deep as it and they may go; without itself.
pub(super) fn below<'a>(
    first: &agent::Draft,
    agents: &'a [agent::Draft],
    charts: &[chart::Draft],
) -> Vec<&'a agent::Draft> {
    let depth = |draft: &agent::Draft| draft.agent.children.as_ref().map_or(0, |all| all.depth);
    // By how much deeper each may go, on the way there that leaves it most.
    let mut reached: HashMap<&str, u32> = HashMap::from([(&*first.agent.name, u32::MAX)]);
    let (mut found, mut next) = (Vec::new(), vec![(first, depth(first))]);
    while let Some((draft, left)) = next.pop() {
        let Some(left) = left.checked_sub(1) else {
            continue;
        };
        let own = charts
            .iter()
            .filter(|chart| *chart.name == *draft.agent.cognition);
        let started = own.flat_map(|chart| &chart.children);
        for name in started.filter_map(|child| child.agent.as_deref()) {
            let Some(child) = agents.iter().find(|draft| *draft.agent.name == *name) else {
                continue;
            };
            let left = left.min(depth(child));
            let known = reached.get(&*child.agent.name).copied();
            if known.is_some_and(|known| known >= left) {
                continue;
            }
            if known.is_none() {
                found.push(child);
            }
            reached.insert(&child.agent.name, left);
            next.push((child, left));
        }
    }
    found
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
