//! Which transitions are taken: `selectTransitions`, `selectEventlessTransitions`, `removeConflictingTransitions`.

use super::machine::Machine;
use crate::StateId;
use crate::entry::{domain, effective_targets};
use crate::program::{Domain, Program, Transition};
use crate::snapshot::Snapshot;

/// Whether some active state has a transition that listens to `name`; guards are not asked.
pub(crate) fn accepts(program: &Program, snapshot: &Snapshot, name: &str) -> bool {
    snapshot.active.iter().any(|state| {
        let events = &program.node(state).events;
        program.transitions[events.start as usize..events.end as usize]
            .iter()
            .any(|t| listens(t, name))
    })
}

fn listens(transition: &Transition, name: &str) -> bool {
    transition.descriptors.iter().any(|d| d.matches(name))
}

impl Machine<'_> {
    pub(super) fn select_eventless(&mut self) {
        self.working.enabled.clear();
        if self.program.has_always {
            self.select(None);
        }
    }

    pub(super) fn select_for_event(&mut self) {
        self.working.enabled.clear();
        // Taken out so that guards, which may raise errors, can borrow the machine.
        if let Some(queued) = self.event.clone() {
            self.select(Some(&queued.event.name));
        }
    }

    fn select(&mut self, event: Option<&str>) {
        let program = self.program;
        // Selection does not change the configuration, and guards do not select: walking by number needs no copy.
        let mut next = 0;
        loop {
            let following = self.snapshot.active.range(next, program.nodes.len()).next();
            let Some(state) = following else { break };
            next = state.index() + 1;
            if program.is_leaf(state) {
                self.select_from(state, event);
            }
        }
        self.remove_conflicting();
    }

    /// The first enabled transition of `leaf` or the states around it, from the inside out.
    fn select_from(&mut self, leaf: StateId, event: Option<&str>) {
        let program = self.program;
        for state in std::iter::once(leaf).chain(program.ancestors(leaf)) {
            let node = program.node(state);
            let range = match event {
                Some(_) => node.events.clone(),
                None => node.always.clone(),
            };
            for number in range {
                let transition = &program.transitions[number as usize];
                if event.is_some_and(|name| !listens(transition, name)) {
                    continue;
                }
                // Found through another leaf already: guards are pure, it holds again.
                if self.working.enabled.iter().any(|(n, _)| *n == number) {
                    return;
                }
                if self.holds(transition.guard.as_ref()) {
                    let domain = self.domain_of(transition);
                    self.working.enabled.push((number, domain));
                    return;
                }
            }
        }
    }

    /// `getTransitionDomain`.
    fn domain_of(&self, transition: &Transition) -> Domain {
        if transition.domain != Domain::Dynamic {
            return transition.domain;
        }
        let history = &self.snapshot.slow.history;
        let mut effective = Vec::new();
        effective_targets(
            self.program,
            &transition.targets,
            &mut |number| history[usize::from(number)].as_deref(),
            &mut effective,
        );
        Domain::State(domain(
            self.program,
            transition.source,
            transition.stays,
            &effective,
        ))
    }

    /// Of two transitions that would leave the same state, the one from inside the other's source wins, else the earlier one.
    fn remove_conflicting(&mut self) {
        if self.working.enabled.len() < 2 {
            return;
        }
        let program = self.program;
        let mut filtered = std::mem::take(&mut self.working.filtered);
        filtered.clear();
        'candidates: for (number, domain) in &self.working.enabled {
            let source = program.transitions[*number as usize].source;
            let mut inner = false;
            for (other, other_domain) in &filtered {
                if !overlap(program, *domain, *other_domain) {
                    continue;
                }
                if !program.is_descendant(source, program.transitions[*other as usize].source) {
                    continue 'candidates;
                }
                inner = true;
            }
            if inner {
                filtered.retain(|(_, other_domain)| !overlap(program, *domain, *other_domain));
            }
            filtered.push((*number, *domain));
        }
        std::mem::swap(&mut self.working.enabled, &mut filtered);
        self.working.filtered = filtered;
    }
}

/// Whether two transitions leave a common state. Domains are active compound states, so each has an active child: the exit sets meet exactly
/// where one domain is the other or lies inside it.
fn overlap(program: &Program, a: Domain, b: Domain) -> bool {
    match (a, b) {
        (Domain::State(a), Domain::State(b)) => {
            a == b || program.is_descendant(a, b) || program.is_descendant(b, a)
        }
        _ => false,
    }
}
