//! What is left, what stays and what is entered.

use super::mapping::Mapping;
use crate::entry::EntrySet;
use crate::program::{Program, Shape};
use crate::set::StateSet;
use crate::snapshot::Snapshot;
use crate::state::StateId;

/// The way from an old configuration to a new one.
pub(crate) struct Arrival {
    /// Old states to leave.
    pub left: StateSet,
    /// New states that are active already, with the old state that each of them is. In document order of the old chart.
    pub kept: Vec<(StateId, StateId)>,
    /// `kept` as a set of new states.
    pub staying: StateSet,
    /// New states to enter, and which of them by default.
    pub entry: EntrySet,
    /// Kept states that begin anew inside: their initial actions run.
    pub begun: StateSet,
    /// Kept states that have become final.
    pub finals: Vec<StateId>,
    /// Whether anything is left, entered or begun anew, or an `always` of a state that stays is another: otherwise the chart rests as it did.
    pub disturbed: bool,
    /// Declared targets that are entered, with the old state that is gone.
    pub targets: Vec<(StateId, StateId)>,
}

pub(super) fn arrival(
    old: &Program,
    new: &Program,
    mapping: &Mapping<'_>,
    snapshot: &Snapshot,
) -> Arrival {
    let mut chosen = Chosen::new(new);
    // What an author has decided comes first; then everything that can stay, from the outside in.
    let mut targets = Vec::new();
    for state in snapshot.active.iter() {
        if let Some(target) = mapping.targets[state.index()]
            && chosen.admit(target)
        {
            targets.push((state, target));
        }
    }
    let mut left = StateSet::with_room(old.nodes.len());
    let mut staying = StateSet::with_room(new.nodes.len());
    let mut kept = Vec::new();
    for state in snapshot.active.iter() {
        match mapping.states[state.index()] {
            Some(same) if chosen.admit(same) => {
                kept.push((state, same));
                staying.insert(same);
            }
            _ => left.insert(state),
        }
    }
    targets.retain(|(_, target)| !staying.contains(*target));
    let names: Vec<StateId> = targets.iter().map(|(_, target)| *target).collect();
    let history = remembered(old, new, mapping, snapshot);
    let mut entry = EntrySet::default();
    let begun = entry.fill(new, &staying, &names, &mut |number| {
        history[usize::from(number)].as_deref()
    });
    let finals = kept
        .iter()
        .filter(|(state, same)| {
            new.node(*same).shape == Shape::Final && old.node(*state).shape != Shape::Final
        })
        .map(|(_, same)| *same)
        .collect();
    let mut arrival = Arrival {
        disturbed: false,
        left,
        kept,
        staying,
        entry,
        begun,
        finals,
        targets,
    };
    arrival.disturbed = arrival.left.iter().next().is_some()
        || arrival.entry.enter.iter().next().is_some()
        || arrival.begun.iter().next().is_some()
        || !arrival.finals.is_empty()
        || arrival
            .kept
            .iter()
            .any(|(state, same)| !decides_alike(old, *state, new, *same));
    arrival
}

/// Whether the same eventless transitions are looked at in both: a chart at rest has found none of them enabled.
fn decides_alike(old: &Program, state: StateId, new: &Program, same: StateId) -> bool {
    let guards = |program: &Program, state: StateId| -> Vec<Option<String>> {
        let always = &program.node(state).always;
        program.transitions[always.start as usize..always.end as usize]
            .iter()
            .map(|t| t.guard.as_ref().map(|guard| guard.text.to_string()))
            .collect()
    };
    guards(old, state) == guards(new, same)
}

/// What the new chart's history states remember, by number. States that are gone are forgotten; a history that has nothing left takes its default.
pub(super) fn remembered(
    old: &Program,
    new: &Program,
    mapping: &Mapping<'_>,
    snapshot: &Snapshot,
) -> Vec<Option<Vec<StateId>>> {
    let mut history = vec![None; new.histories.len()];
    for (index, node) in old.nodes.iter().enumerate() {
        let Shape::History(number) = node.shape else {
            continue;
        };
        let Some(same) = mapping.states[index] else {
            continue;
        };
        let (Shape::History(new_number), Some(states)) = (
            new.node(same).shape,
            &snapshot.slow.history[usize::from(number)],
        ) else {
            continue;
        };
        let parent = new.node(same).parent;
        let deep = new.histories[usize::from(new_number)].deep;
        let mut states: Vec<StateId> = states
            .iter()
            .filter_map(|state| mapping.states[state.index()])
            .filter(|state| new.is_descendant(*state, parent))
            .map(|state| match deep {
                true => state,
                // A shallow one remembers children of its parent.
                false => std::iter::once(state)
                    .chain(new.ancestors(state))
                    .find(|s| new.node(*s).parent == parent)
                    .unwrap_or(state),
            })
            .collect();
        states.dedup();
        // What cannot be active together any more is not what was remembered.
        let mut chosen = Chosen::new(new);
        states.retain(|state| chosen.admit(*state));
        history[usize::from(new_number)] = Some(states).filter(|states| !states.is_empty());
    }
    history
}

/// A set of states that can be active together, with everything around them.
pub(super) struct Chosen<'p> {
    program: &'p Program,
    states: StateSet,
}

impl<'p> Chosen<'p> {
    pub fn new(program: &'p Program) -> Self {
        let mut states = StateSet::with_room(program.nodes.len());
        states.insert(StateId::ROOT);
        Chosen { program, states }
    }

    /// Take `state` and what is around it, if it can be active together with what has been taken.
    pub fn admit(&mut self, state: StateId) -> bool {
        let program = self.program;
        if matches!(program.node(state).shape, Shape::History(_)) {
            return false;
        }
        let mut inside = state;
        for ancestor in program.ancestors(state) {
            let taken = self.states.contains(ancestor);
            if taken && program.node(ancestor).shape == Shape::Compound {
                // One child of a compound state at a time.
                let mut others = program.content(ancestor).children.iter();
                if others.any(|child| *child != inside && self.states.contains(*child)) {
                    return false;
                }
            }
            inside = ancestor;
        }
        self.states.insert(state);
        program.ancestors(state).for_each(|a| self.states.insert(a));
        true
    }
}
