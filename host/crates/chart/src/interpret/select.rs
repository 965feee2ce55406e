//! Which transitions are taken: `selectTransitions`, `selectEventlessTransitions`, `removeConflictingTransitions`.

use super::machine::Machine;
use crate::StateId;
use crate::entry::{domain, effective_targets};
use crate::program::{Domain, Listener, Node, Program, Transition};
use crate::snapshot::Snapshot;
use crate::vocabulary::Word;

impl Listener {
    /// Whether it listens to the events that `word` stands for.
    #[inline]
    fn hears(&self, word: Word) -> bool {
        let (from, to) = self.meant;
        from <= word && word < to
    }
}

/// Whether some active state has a transition that listens to `name`; guards are not asked.
pub(crate) fn accepts(program: &Program, snapshot: &Snapshot, name: &str) -> bool {
    let tables = &program.tables;
    let word = tables.vocabulary.find(name);
    snapshot.active.iter().any(|state| {
        let listeners = &program.node(state).listeners;
        tables.listeners[listeners.start as usize..listeners.end as usize]
            .iter()
            .any(|listener| listener.hears(word))
    })
}

impl Machine<'_> {
    pub(super) fn select_eventless(&mut self) {
        self.working.enabled.clear();
        let tables = &self.program.tables;
        if self.snapshot.active.meets(&tables.always) {
            self.select(|machine, node| machine.first_enabled(node.always.clone()));
        }
    }

    pub(super) fn select_for_event(&mut self) {
        self.working.enabled.clear();
        let Some(seen) = self.event.seen() else {
            return;
        };
        let tables = &self.program.tables;
        let word = tables.vocabulary.find(&seen.event.name);
        self.select(|machine, node| {
            let range = node.listeners.start as usize..node.listeners.end as usize;
            // A transition that listens by several descriptors is asked once.
            let mut last = None;
            let heard = tables.listeners[range].iter().filter(|listener| {
                listener.hears(word)
                    && last.replace(listener.transition) != Some(listener.transition)
            });
            machine.first_enabled(heard.map(|listener| listener.transition))
        });
    }

    /// From each leaf outwards, the first state where `enables` finds an enabled transition ends the search.
    #[inline]
    fn select(&mut self, enables: impl Fn(&mut Self, &Node) -> bool) {
        let program = self.program;
        // Selection does not change the configuration, and guards do not select: walking by number needs no copy.
        let mut next = 0;
        while let Some(leaf) = self
            .snapshot
            .active
            .next_common(&program.tables.leaves, next)
        {
            next = leaf.index() + 1;
            let mut state = leaf;
            loop {
                let node = program.node(state);
                if enables(self, node) || state == node.parent {
                    break;
                }
                state = node.parent;
            }
        }
        if self.working.enabled.len() > 1 {
            self.remove_conflicting();
        }
    }

    /// Enable the first of these transitions whose guard holds.
    #[inline]
    fn first_enabled(&mut self, mut candidates: impl Iterator<Item = u32>) -> bool {
        candidates.any(|number| {
            let transition = &self.program.transitions[number as usize];
            // Found through another leaf already: guards are pure, it holds again.
            if self.working.enabled.iter().any(|(n, _)| *n == number) {
                return true;
            }
            let holds = self.holds(transition.guard.as_ref());
            if holds {
                let domain = self.domain_of(transition);
                self.working.enabled.push((number, domain));
            }
            holds
        })
    }

    /// `getTransitionDomain`.
    #[inline]
    fn domain_of(&mut self, transition: &Transition) -> Domain {
        match transition.domain {
            Domain::Dynamic => Domain::State(self.dynamic_domain(transition)),
            known => known,
        }
    }

    fn dynamic_domain(&mut self, transition: &Transition) -> StateId {
        let history = &self.snapshot.slow.history;
        let effective = &mut self.working.entry.effective;
        effective.clear();
        effective_targets(
            self.program,
            &transition.targets,
            &mut |number| history[usize::from(number)].as_deref(),
            effective,
        );
        domain(self.program, transition.source, transition.stays, effective)
    }

    /// Of two transitions that would leave the same state, the one from inside the other's source wins, else the earlier one.
    fn remove_conflicting(&mut self) {
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
