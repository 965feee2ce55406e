//! Roles of workflows and the agents that take them: whether each finds the other.

use crate::agent;
use crate::chart;
use crate::suggest::shown;
use crate::walk::Walk;
use ::chart::ChartKind;
use context::{Slot, Source};
use indexmap::IndexSet;

/// Warn of roles that agents wait for in vain, and of those that wait for agents in vain.
pub(super) fn look(walk: &mut Walk, agents: &[agent::Draft], charts: &[chart::Draft]) {
    let workflows = || {
        charts
            .iter()
            .filter(|chart| chart.def.kind == ChartKind::Workflow)
    };
    // The faulty ones' too: what is declared but wrong is not also unknown.
    let offered: IndexSet<&str> = workflows()
        .flat_map(|chart| &chart.declared)
        .map(String::as_str)
        .collect();
    let mut taken: IndexSet<&str> = IndexSet::new();
    for draft in agents {
        for role in &draft.agent.roles {
            taken.insert(role);
            if !offered.contains(&*role.value) {
                let help = walk.suggestion(
                    role,
                    offered.iter().copied(),
                    "the roles of the workflows are",
                    "remove it, or give a workflow such a role: `roles: { implementer: {} }`",
                );
                walk.warning(
                    &role.place,
                    format!("no workflow of this house has the role `{}`", shown(role)),
                    help,
                );
            }
        }
        sees_its_work(walk, draft);
    }
    // Where no agent takes any role by itself, people bind them.
    if taken.is_empty() {
        return;
    }
    // People hold roles in what is signed as a matter of course.
    for chart in workflows().filter(|chart| !chart.signed) {
        for (name, role) in &chart.roles {
            if !taken.contains(&**name) {
                walk.warning(
                    &role.place,
                    format!("no agent takes the role `{name}` by itself: it waits until somebody is bound"),
                    format!("bind a person or an agent with `charthouse workflow bind`, or write `roles: [{name}]` into the agent that is to take it"),
                );
            }
        }
    }
}

/// An agent that takes work and has no place for what is said of it.
fn sees_its_work(walk: &mut Walk, draft: &agent::Draft) {
    let Some(role) = draft.agent.roles.first() else {
        return;
    };
    let map = &draft.agent.context.chunks;
    let has_slot = map
        .iter()
        .any(|chunk| matches!(chunk.source, Source::Slot(Slot::Workflow)));
    // A map in which something is wrong may have lost it.
    if !has_slot && walk.in_order(&draft.agent.place.file) {
        walk.warning(
            &role.place,
            "this agent takes roles, and its context has no room for what a workflow's state says",
            "add `{ id: workflow, role: user, slot: workflow, budget: 3%, trim: tail, priority: 8 }` to its `context`",
        );
    }
}
