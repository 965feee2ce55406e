//! States that no run can enter, whatever the guards say, and why.

use super::{all, is_never, listed};
use crate::compile::reports::Reports;
use crate::entry::EntrySet;
use crate::program::{EntryPlan, Program, Shape};
use crate::state::StateId;

pub(super) fn look(program: &Program, reports: &mut Reports) {
    let reached = reached(program);
    // Who names each state, or something inside it, from outside: the reason for every state at once.
    let mut named: Vec<Vec<StateId>> = vec![Vec::new(); program.nodes.len()];
    for transition in &program.transitions {
        for target in &transition.targets {
            let mut at = *target;
            while at != StateId::ROOT
                && !reached[at.index()]
                && at != transition.source
                && !program.is_descendant(transition.source, at)
            {
                if named[at.index()].last() != Some(&transition.source) {
                    named[at.index()].push(transition.source);
                }
                at = program.node(at).parent;
            }
        }
    }
    for (index, info) in program.infos.iter().enumerate().skip(1) {
        let parent = program.nodes[index].parent;
        // One warning for the outermost; what lies inside follows from it.
        if reached[index] || !reached[parent.index()] {
            continue;
        }
        let id = &info.id;
        let (idle, dead): (Vec<StateId>, Vec<StateId>) = named[index]
            .iter()
            .partition(|source| reached[source.index()]);
        let (message, help) = if !dead.is_empty() {
            let from = listed(dead.iter().map(|source| &**program.name_of(*source)));
            (
                format!(
                    "nothing leads to the state `{id}`: only {from} would, and nothing leads there"
                ),
                format!("make a transition to `{id}` from a state that is reached, or remove it"),
            )
        } else if !idle.is_empty() {
            let from = listed(idle.iter().map(|source| &**program.name_of(*source)));
            (
                format!("nothing leads to the state `{id}`: the guard in {from} is never true"),
                "correct the guard, or remove the state".to_owned(),
            )
        } else {
            (
                format!("nothing leads to the state `{id}`"),
                format!(
                    "make a transition to it, for instance `on: {{ EVENT: {id} }}`, or remove it"
                ),
            )
        };
        reports.warning(&info.place, message, help);
    }
}

fn reached(program: &Program) -> Vec<bool> {
    let mut search = Search {
        reached: vec![false; program.nodes.len()],
        waiting: Vec::new(),
    };
    search.reach([StateId::ROOT]);
    let initial = &program.content(StateId::ROOT).initial;
    search.enter(program, &program.start, initial, StateId::ROOT);
    while let Some(state) = search.waiting.pop() {
        for transition in all(program, state).iter().filter(|t| !is_never(t)) {
            // A target that is a history has been reached as soon as something leads to it.
            search.reach(transition.targets.iter().copied());
            let domain = program.common_ancestor(transition.source, &transition.targets);
            search.enter(program, &transition.entry, &transition.targets, domain);
        }
        // Histories that are the start of a state are found on the way.
        let initial = program.content(state).initial.iter().copied();
        search.reach(initial.filter(|s| matches!(program.node(*s).shape, Shape::History(_))));
    }
    search.reached
}

struct Search {
    reached: Vec<bool>,
    waiting: Vec<StateId>,
}

impl Search {
    fn reach(&mut self, states: impl IntoIterator<Item = StateId>) {
        for state in states {
            if !std::mem::replace(&mut self.reached[state.index()], true) {
                self.waiting.push(state);
            }
        }
    }

    fn enter(&mut self, program: &Program, plan: &EntryPlan, targets: &[StateId], domain: StateId) {
        match plan {
            EntryPlan::Fixed(states) => self.reach(states.iter().map(|(state, _)| *state)),
            EntryPlan::Dynamic => {
                let mut set = EntrySet::default();
                set.reset(program.nodes.len());
                set.add(program, targets, domain, &mut |_| None);
                self.reach(set.enter.iter().chain(set.histories.iter().copied()));
            }
        }
    }
}
