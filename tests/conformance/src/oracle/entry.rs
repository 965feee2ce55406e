//! Appendix D: where a transition reaches and what is entered: `computeEntrySet` and below, `getTransitionDomain`,
//! `getEffectiveTargetStates`.

use super::Family;
use super::document::{ROOT, State};
use super::interpreter::{Session, Transition};
use super::ordered::OrderedSet;
use std::collections::HashMap;

impl Session {
    /// `computeEntrySet`.
    pub(super) fn compute_entry_set(
        &self,
        transitions: &[Transition],
        entry: &mut EntrySets,
        family: &Family,
    ) {
        for t in transitions {
            let targets = self.targets(*t, family);
            for s in &targets {
                self.add_descendant_states_to_enter(*s, entry);
            }
            if targets.is_empty() {
                continue;
            }
            let ancestor = self.get_transition_domain(*t, family);
            for s in self.get_effective_target_states(&targets).to_list() {
                self.add_ancestor_states_to_enter(s, ancestor, entry);
            }
        }
    }

    /// `addDescendantStatesToEnter`.
    pub(super) fn add_descendant_states_to_enter(&self, state: State, entry: &mut EntrySets) {
        let doc = &self.doc;
        if doc.is_history(state) {
            let parent = doc.elements[state].parent.unwrap_or(ROOT);
            let next = match self.history_value.get(&state) {
                Some(remembered) => remembered.clone(),
                None => {
                    entry.default_history_content.insert(parent, state);
                    doc.elements[state].initial.clone()
                }
            };
            for s in &next {
                self.add_descendant_states_to_enter(*s, entry);
            }
            for s in &next {
                self.add_ancestor_states_to_enter(*s, parent, entry);
            }
            return;
        }
        entry.states_to_enter.add(state);
        if doc.is_compound(state) {
            entry.states_for_default_entry.add(state);
            let initial = doc.elements[state].initial.clone();
            for s in &initial {
                self.add_descendant_states_to_enter(*s, entry);
            }
            for s in &initial {
                self.add_ancestor_states_to_enter(*s, state, entry);
            }
        } else if doc.is_parallel(state) {
            self.add_regions(state, entry);
        }
    }

    /// `addAncestorStatesToEnter`.
    pub(super) fn add_ancestor_states_to_enter(
        &self,
        state: State,
        ancestor: State,
        entry: &mut EntrySets,
    ) {
        for anc in self.doc.proper_ancestors(state, Some(ancestor)) {
            entry.states_to_enter.add(anc);
            if self.doc.is_parallel(anc) {
                self.add_regions(anc, entry);
            }
        }
    }

    fn add_regions(&self, parallel: State, entry: &mut EntrySets) {
        for child in self.doc.child_states(parallel) {
            let doc = &self.doc;
            if !entry.states_to_enter.some(|s| doc.is_descendant(s, child)) {
                self.add_descendant_states_to_enter(child, entry);
            }
        }
    }

    /// `getTransitionDomain`.
    pub(super) fn get_transition_domain(&self, t: Transition, family: &Family) -> State {
        if self.stays_itself(t, family) {
            return t.0;
        }
        let doc = &self.doc;
        let tstates = self.get_effective_target_states(&self.targets(t, family));
        let internal = !doc.elements[t.0].transitions[t.1].0.reenter;
        if internal && doc.is_compound(t.0) && tstates.every(|s| doc.is_descendant(s, t.0)) {
            return t.0;
        }
        // `findLCCA`.
        let around = doc.proper_ancestors(t.0, None);
        around
            .into_iter()
            .filter(|anc| doc.is_compound(*anc))
            .find(|anc| tstates.every(|s| doc.is_descendant(s, *anc)))
            .unwrap_or(ROOT)
    }

    /// `getEffectiveTargetStates`.
    pub(super) fn get_effective_target_states(&self, targets: &[State]) -> OrderedSet<State> {
        let mut effective = OrderedSet::default();
        for s in targets {
            if !self.doc.is_history(*s) {
                effective.add(*s);
                continue;
            }
            match self.history_value.get(s) {
                Some(remembered) => remembered.iter().for_each(|s| effective.add(*s)),
                None => {
                    let default = &self.doc.elements[*s].initial;
                    effective.union(&self.get_effective_target_states(default));
                }
            }
        }
        effective
    }
}

/// What `computeEntrySet` fills.
#[derive(Default)]
pub(super) struct EntrySets {
    pub states_to_enter: OrderedSet<State>,
    pub states_for_default_entry: OrderedSet<State>,
    /// By parent: the history whose default content runs after its entry.
    pub default_history_content: HashMap<State, State>,
}
