//! Which states a transition enters: `computeEntrySet` and the two procedures below it, from Appendix D of the Recommendation.
//!
//! The same code runs when a chart loads (to find entry sets that never change) and in a step (where a history state decides).

use crate::StateId;
use crate::program::{EntryPlan, Program, Shape};
use crate::set::StateSet;

/// What a microstep is about to enter.
#[derive(Clone, Debug, Default)]
pub(crate) struct EntrySet {
    /// The states to enter.
    pub enter: StateSet,
    /// Those among them that are entered by default.
    pub default: StateSet,
    /// History states whose default is taken: their actions run after the entry of their parent.
    pub histories: Vec<StateId>,
    /// Working memory for [`effective_targets`].
    pub effective: Vec<StateId>,
}

impl EntrySet {
    /// Empty, with room for `states` states, keeping the memory.
    pub fn reset(&mut self, states: usize) {
        self.enter.reset(states);
        self.default.reset(states);
        self.histories.clear();
    }

    /// Add a fixed plan.
    pub fn add_plan(&mut self, plan: &[(StateId, bool)]) {
        for (state, default) in plan {
            self.enter.insert(*state);
            if *default {
                self.default.insert(*state);
            }
        }
    }

    /// Add what a transition with these `targets` and this `domain` enters. `remembered` tells what a history state holds.
    pub fn add<'h>(
        &mut self,
        program: &'h Program,
        targets: &[StateId],
        domain: StateId,
        remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    ) {
        for target in targets {
            self.add_descendants(program, *target, remembered);
        }
        let mut effective = std::mem::take(&mut self.effective);
        effective.clear();
        effective_targets(program, targets, remembered, &mut effective);
        for target in &effective {
            self.add_ancestors(program, *target, domain, remembered);
        }
        self.effective = effective;
    }

    fn add_descendants<'h>(
        &mut self,
        program: &'h Program,
        state: StateId,
        remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    ) {
        let content = program.content(state);
        match program.node(state).shape {
            Shape::History(number) => {
                let parent = program.node(state).parent;
                let next: &[StateId] = match remembered(number) {
                    Some(states) => states,
                    None => {
                        self.histories.push(state);
                        &program.histories[usize::from(number)].default
                    }
                };
                self.add_all(program, next, parent, remembered);
            }
            Shape::Compound => {
                self.enter.insert(state);
                self.default.insert(state);
                self.add_all(program, &content.initial, state, remembered);
            }
            Shape::Parallel => {
                self.enter.insert(state);
                self.complete(program, state, remembered);
            }
            Shape::Atomic | Shape::Final => self.enter.insert(state),
        }
    }

    fn add_all<'h>(
        &mut self,
        program: &'h Program,
        states: &[StateId],
        below: StateId,
        remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    ) {
        for state in states {
            self.add_descendants(program, *state, remembered);
        }
        for state in states {
            self.add_ancestors(program, *state, below, remembered);
        }
    }

    fn add_ancestors<'h>(
        &mut self,
        program: &'h Program,
        state: StateId,
        below: StateId,
        remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    ) {
        for ancestor in program.ancestors(state) {
            if !program.is_descendant(ancestor, below) {
                break;
            }
            self.enter.insert(ancestor);
            if program.node(ancestor).shape == Shape::Parallel {
                self.complete(program, ancestor, remembered);
            }
        }
    }

    /// Become what `staying` (active already) and `targets` need to be a whole configuration, without `staying` itself. The answer: the
    /// states of `staying` that have nothing left inside and begin anew.
    pub fn fill<'h>(
        &mut self,
        program: &'h Program,
        staying: &StateSet,
        targets: &[StateId],
        remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    ) -> StateSet {
        let states = program.nodes.len();
        self.reset(states);
        self.enter.copy_from(staying);
        self.enter.insert(StateId::ROOT);
        let mut wanted = self.enter.clone();
        targets.iter().for_each(|target| wanted.insert(*target));
        let mut begun = StateSet::with_room(states);
        for state in staying.iter() {
            let is_empty = !wanted.any_in(state.index() + 1, program.end(state));
            if program.node(state).shape == Shape::Compound && is_empty {
                begun.insert(state);
                self.add_all(program, &program.content(state).initial, state, remembered);
            }
        }
        // A target around what is there already, or around another target, is entered with that and not by default.
        let innermost = |target: &StateId| !wanted.any_in(target.index() + 1, program.end(*target));
        let targets: Vec<StateId> = targets.iter().copied().filter(innermost).collect();
        self.add(program, &targets, StateId::ROOT, remembered);
        for state in staying.iter() {
            self.add_ancestors(program, state, StateId::ROOT, remembered);
            if program.node(state).shape == Shape::Parallel {
                self.complete(program, state, remembered);
            }
        }
        for state in staying.iter().chain([StateId::ROOT]) {
            self.enter.remove(state);
            self.default.remove(state);
        }
        begun
    }

    /// Enter by default every region of a parallel state that nothing else enters.
    fn complete<'h>(
        &mut self,
        program: &'h Program,
        parallel: StateId,
        remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    ) {
        for region in &program.content(parallel).children {
            if !self.enter.any_in(region.index() + 1, program.end(*region)) {
                self.add_descendants(program, *region, remembered);
            }
        }
    }
}

/// Targets with every history state replaced by what it stands for.
pub(crate) fn effective_targets<'h>(
    program: &'h Program,
    targets: &[StateId],
    remembered: &mut dyn FnMut(u16) -> Option<&'h [StateId]>,
    effective: &mut Vec<StateId>,
) {
    for target in targets {
        match program.node(*target).shape {
            Shape::History(number) => match remembered(number) {
                Some(states) => effective.extend_from_slice(states),
                None => {
                    let default = &program.histories[usize::from(number)].default;
                    effective_targets(program, default, remembered, effective);
                }
            },
            _ => effective.push(*target),
        }
    }
}

/// The domain of a transition whose effective targets are these.
pub(crate) fn domain(
    program: &Program,
    source: StateId,
    stays: bool,
    effective: &[StateId],
) -> StateId {
    let inside = || effective.iter().all(|t| program.is_descendant(*t, source));
    if stays && program.node(source).shape == Shape::Compound && inside() {
        return source;
    }
    program.common_ancestor(source, effective)
}

/// The plan for entering `targets` inside `domain`, fixed where no history state is met on the way.
pub(crate) fn plan(program: &Program, targets: &[StateId], domain: StateId) -> EntryPlan {
    let mut set = EntrySet::default();
    set.reset(program.nodes.len());
    let mut history = false;
    set.add(program, targets, domain, &mut |_| {
        history = true;
        None
    });
    if history {
        return EntryPlan::Dynamic;
    }
    let planned = set.enter.iter().map(|s| (s, set.default.contains(s)));
    EntryPlan::Fixed(planned.collect())
}
