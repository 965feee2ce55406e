//! What is allowed and probably not meant: states that nothing leads to, transitions that an earlier one always beats, circles of `always`.

use super::reports::Reports;
use super::tree::Tree;
use crate::descriptor::Descriptor;
use crate::entry::EntrySet;
use crate::program::{EntryPlan, Program, Shape, Transition};
use crate::state::StateId;
use std::ops::Range;

/// Look at a chart without errors.
pub(super) fn look(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    unreachable(program, reports);
    for node in &program.nodes {
        shadowed(transitions(program, &node.events), reports);
        shadowed(transitions(program, &node.always), reports);
    }
    circles(program, tree, reports);
}

fn transitions<'p>(program: &'p Program, range: &Range<u32>) -> &'p [Transition] {
    &program.transitions[range.start as usize..range.end as usize]
}

/// States that no run can enter, whatever the guards say.
fn unreachable(program: &Program, reports: &mut Reports) {
    let mut reached = vec![false; program.nodes.len()];
    let mut waiting = Vec::new();
    let reach = |states: Vec<StateId>, reached: &mut Vec<bool>, waiting: &mut Vec<StateId>| {
        for state in states {
            if !std::mem::replace(&mut reached[state.index()], true) {
                waiting.push(state);
            }
        }
    };
    reach(vec![StateId::ROOT], &mut reached, &mut waiting);
    let initial = &program.content(StateId::ROOT).initial;
    reach(
        entered(program, &program.start, initial, StateId::ROOT),
        &mut reached,
        &mut waiting,
    );
    while let Some(state) = waiting.pop() {
        let node = program.node(state);
        let all = node.events.start..node.always.end;
        for transition in transitions(program, &all) {
            // A target that is a history has been reached as soon as something leads to it.
            reach(transition.targets.clone(), &mut reached, &mut waiting);
            let domain = program.common_ancestor(transition.source, &transition.targets);
            let states = entered(program, &transition.entry, &transition.targets, domain);
            reach(states, &mut reached, &mut waiting);
        }
        reach(node_history(program, state), &mut reached, &mut waiting);
    }
    for (index, info) in program.infos.iter().enumerate().skip(1) {
        let parent = program.nodes[index].parent;
        // One warning for the outermost; what lies inside follows from it.
        if !reached[index] && reached[parent.index()] {
            let message = format!("nothing leads to the state `{}`", info.id);
            reports.warning(
                &info.place,
                message,
                "make a transition to it, or remove it",
            );
        }
    }
}

/// Histories that are the start of a state are found on the way.
fn node_history(program: &Program, state: StateId) -> Vec<StateId> {
    let initial = &program.content(state).initial;
    let is_history = |s: &&StateId| matches!(program.node(**s).shape, Shape::History(_));
    initial.iter().filter(is_history).copied().collect()
}

fn entered(
    program: &Program,
    plan: &EntryPlan,
    targets: &[StateId],
    domain: StateId,
) -> Vec<StateId> {
    match plan {
        EntryPlan::Fixed(states) => states.iter().map(|(state, _)| *state).collect(),
        EntryPlan::Dynamic => {
            let mut set = EntrySet::default();
            set.reset(program.nodes.len());
            set.add(program, targets, domain, &mut |_| None);
            set.enter
                .iter()
                .chain(set.histories.iter().copied())
                .collect()
        }
    }
}

/// Transitions of one state that an earlier one without a guard always beats.
fn shadowed(transitions: &[Transition], reports: &mut Reports) {
    let mut open: Vec<&Descriptor> = Vec::new();
    let mut ended = false;
    for transition in transitions {
        let always = transition.descriptors.is_empty();
        let beaten = if always {
            ended
        } else {
            let covered = |d: &Descriptor| open.iter().any(|earlier| earlier.covers(d));
            transition.descriptors.iter().all(covered)
        };
        if beaten {
            let message =
                "this transition is never taken: one before it has no guard and always wins";
            let help = "put it first, or give the other one a guard";
            reports.warning(&transition.place, message, help);
        }
        if transition.guard.is_none() {
            ended |= always;
            open.extend(&transition.descriptors);
        }
    }
}

/// Circles of `always` transitions without guards: the chart would never come to rest.
fn circles(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    // Which transition follows for certain: outside parallel states nothing else can happen.
    let next: Vec<Option<usize>> = program
        .transitions
        .iter()
        .map(|t| follower(program, t))
        .collect();
    let mut colour = vec![0u32; next.len()];
    for start in 0..next.len() {
        let certain = program.transitions[start].descriptors.is_empty()
            && program.transitions[start].guard.is_none()
            && !in_parallel(program, program.transitions[start].source);
        let mut at = certain.then_some(start);
        while let Some(number) = at {
            if colour[number] == start as u32 + 1 {
                let transition = &program.transitions[number];
                let id = &tree.def(transition.source).id;
                let message = format!("this transition of `{id}` leads back to itself without end");
                let help = "give an `always` of the circle a guard, or make it wait for an event";
                reports.error(&transition.place, message, help);
                break;
            }
            if colour[number] != 0 {
                break;
            }
            colour[number] = start as u32 + 1;
            at = next[number];
        }
    }
}

/// The `always` transition that is certainly taken after `transition`, if there is one.
fn follower(program: &Program, transition: &Transition) -> Option<usize> {
    let leaf = match &transition.entry {
        EntryPlan::Fixed(states) if transition.targets.is_empty() && states.is_empty() => {
            // It leaves nothing: its own state decides again, if that is where the active leaf is.
            Some(transition.source).filter(|s| program.is_leaf(*s))
        }
        EntryPlan::Fixed(states) => {
            let mut leaves = states
                .iter()
                .map(|(s, _)| *s)
                .filter(|s| program.is_leaf(*s));
            leaves.next().filter(|_| leaves.next().is_none())
        }
        EntryPlan::Dynamic => None,
    }?;
    let ends =
        program.node(leaf).shape == Shape::Final && program.node(leaf).parent == StateId::ROOT;
    if ends || in_parallel(program, leaf) {
        return None;
    }
    for state in std::iter::once(leaf).chain(program.ancestors(leaf)) {
        let always = &program.node(state).always;
        if !always.is_empty() {
            let first = always.start as usize;
            return program.transitions[first].guard.is_none().then_some(first);
        }
    }
    None
}

fn in_parallel(program: &Program, state: StateId) -> bool {
    program
        .ancestors(state)
        .any(|a| program.node(a).shape == Shape::Parallel)
}
