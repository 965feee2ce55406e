//! Transitions that do not do what they seem to. They lead across regions, or can never be taken: an earlier one of the same state always wins, the states inside always answer first, the state is left
//! before any event is looked at, or the guard is written as `false`.

use super::{all, is_certain, is_never, subtree, transitions};
use crate::compile::reports::Reports;
use crate::compile::tree::Tree;
use crate::def::TransitionDef;
use crate::descriptor::Descriptor;
use crate::program::{Program, Shape, Transition};
use crate::state::StateId;

/// How many transitions are looked at to find out what the states inside answer. Enough for every chart that a person could read; a chart made to
/// be slow ends here.
const LOOKS_MAX: usize = 2_000_000;

pub(super) fn look(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    let mut inside = Inside {
        program,
        looks: LOOKS_MAX,
    };
    for (index, node) in program.nodes.iter().enumerate() {
        let state = StateId::new(index);
        let events = transitions(program, &node.events);
        let beaten_events = beaten(events, reports);
        beaten(transitions(program, &node.always), reports);
        for transition in all(program, state).iter().filter(|t| is_never(t)) {
            let help = "correct the guard, or remove the transition";
            reports.warning(
                &transition.place,
                "this transition is never taken: its guard is `false`",
                help,
            );
        }
        for (transition, _) in events
            .iter()
            .zip(beaten_events)
            .filter(|(_, beaten)| !beaten)
        {
            inside.judge(state, transition, tree, reports);
        }
        left_at_once(program, state, tree, reports);
        for transition in all(program, state) {
            crosses(program, transition, reports);
        }
    }
}

/// A transition from one region of a parallel state into another: it leaves and enters again all of them, which nobody expects.
fn crosses(program: &Program, transition: &Transition, reports: &mut Reports) {
    let [target] = *transition.targets else {
        // Who names a target for several regions knows it.
        return;
    };
    let source = transition.source;
    let common = program
        .ancestors(source)
        .find(|state| program.is_descendant(target, *state))
        .filter(|state| program.node(*state).shape == Shape::Parallel);
    let is_history = matches!(program.node(target).shape, Shape::History(_));
    let inside = target == source || program.is_descendant(target, source);
    if let Some(parallel) = common.filter(|_| !(is_history || inside && transition.stays)) {
        let id = program.name_of(parallel);
        let (what, help) = if inside || program.is_descendant(source, target) {
            let help =
                "to begin this region alone anew, name the state inside it, without `reenter`";
            ("enters its own region from outside", help)
        } else {
            let help = "to move the other region alone, `raise` an event that it listens to";
            ("leads from one region into another", help)
        };
        let message =
            format!("this {what}, so `{id}` is left with all its regions and begins anew");
        reports.warning(&transition.place, message, help);
    }
}

/// Which transitions of one state an earlier one without a guard always beats.
fn beaten(transitions: &[Transition], reports: &mut Reports) -> Vec<bool> {
    let mut open: Vec<&Descriptor> = Vec::new();
    let mut ended = false;
    let mut found = Vec::with_capacity(transitions.len());
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
            let bare =
                |t: &Transition| t.guard.is_none() && t.actions.is_empty() && t.targets.len() == 1;
            let help = if transitions.len() > 1 && transitions.iter().all(bare) {
                "put it first, or give the other one a guard; several states at once are one transition: `{ target: [a, b] }`"
            } else {
                "put it first, or give the other one a guard"
            };
            reports.warning(&transition.place, message, help);
        }
        if is_certain(transition) {
            ended |= always;
            open.extend(&transition.descriptors);
        }
        found.push(beaten);
    }
    found
}

/// A state with an `always` that nothing holds back is left in the same step: no event reaches it or what lies inside.
fn left_at_once(program: &Program, state: StateId, tree: &Tree<'_>, reports: &mut Reports) {
    let always = transitions(program, &program.node(state).always);
    let Some(leaving) = always.iter().find(|t| is_certain(t)) else {
        return;
    };
    let inside: Vec<_> = subtree(program, state).map(|s| tree.def(s)).collect();
    let on = |key: fn(&TransitionDef) -> bool| {
        let mut transitions = inside.iter().flat_map(|def| &def.transitions);
        transitions.any(key)
    };
    let keys = [
        ("`on`", on(|t| !t.events.is_empty())),
        ("`after`", on(|t| t.after.is_some())),
        ("`invoke`", inside.iter().any(|def| !def.invoke.is_empty())),
    ];
    let idle: Vec<&str> = keys
        .iter()
        .filter(|(_, has)| *has)
        .map(|(key, _)| *key)
        .collect();
    if idle.is_empty() {
        return;
    }
    let message = format!(
        "`{}` is left as soon as it is entered, because this has no guard: nothing ever uses its {}",
        program.name_of(state),
        idle.join(", ")
    );
    let help = "give it a guard, or make it wait for an event: `on: { EVENT: TARGET }`";
    reports.warning(&leaving.place, message, help);
}

/// What the states inside a state certainly answer.
struct Inside<'p> {
    program: &'p Program,
    looks: usize,
}

impl Inside<'_> {
    /// Warn where every state that could be active inside `state` takes the events of `transition` for itself.
    fn judge(
        &mut self,
        state: StateId,
        transition: &Transition,
        tree: &Tree<'_>,
        reports: &mut Reports,
    ) {
        let program = self.program;
        if program.is_leaf(state) || transition.descriptors.is_empty() {
            return;
        }
        let answered = transition
            .descriptors
            .iter()
            .all(|descriptor| self.children_answer(state, descriptor));
        if answered {
            let message = if state == StateId::ROOT {
                "this transition is never taken: every state of the chart takes this event itself"
                    .to_owned()
            } else {
                let id = &tree.def(state).id;
                format!(
                    "this transition is never taken: every state inside `{id}` takes this event itself"
                )
            };
            let help = "inner states come first: give theirs a guard, or remove one of the two";
            reports.warning(&transition.place, message, help);
        }
    }

    fn children_answer(&mut self, state: StateId, event: &Descriptor) -> bool {
        let program = self.program;
        let children = &program.content(state).children;
        // In a parallel state one region that does not answer lets the event through.
        !children.is_empty() && children.iter().all(|child| self.answers(*child, event))
    }

    fn answers(&mut self, state: StateId, event: &Descriptor) -> bool {
        let program = self.program;
        let own = transitions(program, &program.node(state).events);
        match self.looks.checked_sub(own.len() + 1) {
            Some(left) => self.looks = left,
            None => return false,
        }
        let takes = |t: &Transition| is_certain(t) && t.descriptors.iter().any(|d| d.covers(event));
        if own.iter().any(takes) {
            return true;
        }
        !matches!(program.node(state).shape, Shape::Final | Shape::Atomic)
            && self.children_answer(state, event)
    }
}
