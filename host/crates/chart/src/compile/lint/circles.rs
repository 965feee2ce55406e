//! Circles without an end: `always` transitions, raised events and sends to itself that lead back to where they came from.
//!
//! Two kinds. A circle of `always` transitions that nothing holds back is an error, because whoever gets into it never gets out. A circle of raised
//! events is followed by playing the chart through with the one active leaf and the events in its queues; it ends the search wherever a guard, an
//! error or another region could decide otherwise, and is a warning, because an action before the `raise` may fail and so end it.

use super::{is_certain, is_never, subtree, transitions};
use crate::compile::reports::Reports;
use crate::compile::tree::Tree;
use crate::program::{Action, Block, Delay, Domain, EntryPlan, Program, Shape, Text, Transition};
use crate::state::StateId;
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

/// How many microsteps a circle of raised events may have to be found, and how many events may wait in it.
const CIRCLE_MAX: usize = 64;
const QUEUE_MAX: usize = 16;

pub(super) fn look(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    always(program, tree, reports);
    raised(program, tree, reports);
}

/// Circles of `always` transitions without guards.
fn always(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    let next: Vec<Option<usize>> = program
        .transitions
        .iter()
        .map(|t| follower(program, t))
        .collect();
    let mut colour = vec![0u32; next.len()];
    for start in 0..next.len() {
        let transition = &program.transitions[start];
        let certain = transition.descriptors.is_empty() && is_certain(transition);
        let mut at = certain.then_some(start);
        while let Some(number) = at {
            if colour[number] == start as u32 + 1 {
                let transition = &program.transitions[number];
                if !may_be_ended(program, transition.source) {
                    let id = &tree.def(transition.source).id;
                    let message =
                        format!("this transition of `{id}` leads back to itself without end");
                    let help =
                        "give an `always` of the circle a guard, or make it wait for an event";
                    reports.error(&transition.place, message, help);
                }
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

/// The `always` transition that is certainly taken after `transition` in the same region, if there is one.
fn follower(program: &Program, transition: &Transition) -> Option<usize> {
    let leaf = leaf_after(program, transition, Some(transition.source))?;
    if innermost_region(program, leaf) != innermost_region(program, transition.source) {
        return None;
    }
    match next_always(program, leaf) {
        Next::Taken(number) => Some(number),
        Next::Open | Next::Nothing => None,
    }
}

/// What the `always` transitions of an active leaf come to.
enum Next {
    Taken(usize),
    /// A guard decides.
    Open,
    Nothing,
}

fn next_always(program: &Program, leaf: StateId) -> Next {
    for state in std::iter::once(leaf).chain(program.ancestors(leaf)) {
        let range = program.node(state).always.clone();
        for number in range.start as usize..range.end as usize {
            let transition = &program.transitions[number];
            if is_certain(transition) {
                return Next::Taken(number);
            }
            if !is_never(transition) {
                return Next::Open;
            }
        }
    }
    Next::Nothing
}

/// The one leaf that is active after `transition`, when that was `leaf` before. `None` where it is not the only one or not known, and where the
/// chart has ended.
fn leaf_after(
    program: &Program,
    transition: &Transition,
    leaf: Option<StateId>,
) -> Option<StateId> {
    let EntryPlan::Fixed(states) = &transition.entry else {
        return None;
    };
    let leaf = if transition.domain == Domain::None {
        leaf.filter(|s| program.is_leaf(*s))?
    } else {
        let mut leaves = states
            .iter()
            .map(|(s, _)| *s)
            .filter(|s| program.is_leaf(*s));
        leaves.next().filter(|_| leaves.next().is_none())?
    };
    let node = program.node(leaf);
    let ends = node.shape == Shape::Final && node.parent == StateId::ROOT;
    (!ends).then_some(leaf)
}

/// The region around `state` that has a parallel state as its parent; the root where there is none.
fn innermost_region(program: &Program, state: StateId) -> StateId {
    std::iter::once(state)
        .chain(program.ancestors(state))
        .find(|s| program.node(program.node(*s).parent).shape == Shape::Parallel)
        .unwrap_or(StateId::ROOT)
}

/// Whether an `always` of another region could end what goes on in the region around `state`.
fn may_be_ended(program: &Program, state: StateId) -> bool {
    let region = innermost_region(program, state);
    if region == StateId::ROOT {
        return false;
    }
    let leaves = |transition: &&Transition| match transition.domain {
        Domain::None => false,
        Domain::State(domain) => domain == region || program.is_descendant(region, domain),
        Domain::Dynamic => true,
    };
    // Only what can be active at the same time matters: the states around the region, and those of the regions beside it.
    let beside = |state: StateId| {
        let inside = |s: &StateId| *s == state || program.is_descendant(state, *s);
        let common = std::iter::once(region)
            .chain(program.ancestors(region))
            .find(inside)
            .unwrap_or(StateId::ROOT);
        common == state || program.node(common).shape == Shape::Parallel
    };
    subtree(program, StateId::ROOT)
        .filter(|s| *s != region && !program.is_descendant(*s, region) && beside(*s))
        .flat_map(|s| transitions(program, &program.node(s).always))
        .any(|transition| leaves(&transition))
}

/// Circles of events that the chart raises, or sends to itself without a delay.
fn raised(program: &Program, tree: &Tree<'_>, reports: &mut Reports) {
    let mut known: HashSet<StateId> = HashSet::new();
    for transition in &program.transitions {
        let source = transition.source;
        if transition.descriptors.is_empty()
            || !is_certain(transition)
            || !program.is_leaf(source)
            || innermost_region(program, source) != StateId::ROOT
        {
            continue;
        }
        let mut play = Play::default();
        if let Some(circle) = play.circle(program, source, transition)
            && !circle.states.iter().any(|state| known.contains(state))
        {
            let id = &tree.def(source).id;
            let event = &circle.event;
            let message = format!(
                "what this transition of `{id}` sets off never ends: `{event}` is raised again and again"
            );
            let help = "give a transition of the circle a guard, or let time pass in it: `send` with a `delay`, or `after`";
            reports.warning(&transition.place, message, help);
            known.extend(circle.states);
        }
    }
}

struct Circle {
    event: Arc<str>,
    states: Vec<StateId>,
}

/// A chart outside parallel states, as far as it is certain: one leaf, and the events that wait.
#[derive(Default)]
struct Play {
    internal: VecDeque<Arc<str>>,
    /// What it sent to itself: comes when nothing internal is left.
    own: VecDeque<Arc<str>>,
}

impl Play {
    /// Take `first` with the leaf `leaf` active and follow what it sets off. `None` where it comes to rest or nobody knows.
    fn circle(&mut self, program: &Program, leaf: StateId, first: &Transition) -> Option<Circle> {
        let mut leaf = self.take(program, leaf, first)?;
        let mut seen = HashSet::new();
        let mut visited = vec![leaf];
        for _ in 0..CIRCLE_MAX {
            let transition = match next_always(program, leaf) {
                Next::Taken(number) => &program.transitions[number],
                Next::Open => return None,
                Next::Nothing => {
                    let event = self.internal.pop_front().or_else(|| self.own.pop_front())?;
                    let Some(transition) = listener(program, leaf, &event)? else {
                        continue;
                    };
                    if !seen.insert((leaf, event.clone(), self.internal.clone(), self.own.clone()))
                    {
                        return Some(Circle {
                            event,
                            states: visited,
                        });
                    }
                    transition
                }
            };
            leaf = self.take(program, leaf, transition)?;
            visited.push(leaf);
        }
        None
    }

    /// The leaf that is active after `transition`, with what is raised on the way put into the queues.
    fn take(
        &mut self,
        program: &Program,
        leaf: StateId,
        transition: &Transition,
    ) -> Option<StateId> {
        let next = leaf_after(program, transition, Some(leaf))?;
        let EntryPlan::Fixed(entered) = &transition.entry else {
            return None;
        };
        if let Domain::State(domain) = transition.domain {
            let left = std::iter::once(leaf).chain(program.ancestors(leaf));
            for state in left.take_while(|s| program.is_descendant(*s, domain)) {
                self.blocks(&program.content(state).exit)?;
            }
        }
        self.block(&transition.actions)?;
        for (state, default) in entered {
            let content = program.content(*state);
            self.blocks(&content.entry)?;
            if *default {
                self.block(&content.initial_actions)?;
            }
            if program.node(*state).shape == Shape::Final {
                let parent = program.node(*state).parent;
                self.internal
                    .push_back(program.content(parent).done_event.clone());
            }
        }
        (self.internal.len() + self.own.len() <= QUEUE_MAX).then_some(next)
    }

    fn blocks(&mut self, blocks: &[Block]) -> Option<()> {
        blocks.iter().try_for_each(|block| self.block(block))
    }

    /// What a block certainly raises. `None` where that depends on something.
    fn block(&mut self, block: &[Action]) -> Option<()> {
        for action in block {
            match action {
                Action::Raise { event, .. } => self.internal.push_back(event.clone()),
                Action::Send(send) if send.target.is_none() => match (&send.event, &send.delay) {
                    (Text::Fixed(event), None | Some(Delay::Milliseconds(0))) => {
                        self.own.push_back(event.clone());
                    }
                    (_, Some(Delay::Milliseconds(1..))) => {}
                    _ => return None,
                },
                Action::If(branches) => {
                    for (_, actions) in branches {
                        silent(actions)?;
                    }
                }
                Action::Foreach(foreach) => silent(&foreach.actions)?,
                Action::Fail(_) => return None,
                Action::Send(_)
                | Action::Assign { .. }
                | Action::Cancel(_)
                | Action::Log { .. } => {}
            }
        }
        Some(())
    }
}

/// Actions that raise nothing, whether they run or not.
fn silent(actions: &[Action]) -> Option<()> {
    let mut play = Play::default();
    play.block(actions)?;
    (play.internal.is_empty() && play.own.is_empty()).then_some(())
}

/// The transition that `event` certainly makes happen (`Some(None)`: none). `None` where a guard decides.
fn listener<'p>(
    program: &'p Program,
    leaf: StateId,
    event: &str,
) -> Option<Option<&'p Transition>> {
    for state in std::iter::once(leaf).chain(program.ancestors(leaf)) {
        for transition in transitions(program, &program.node(state).events) {
            if is_never(transition) || !transition.descriptors.iter().any(|d| d.matches(event)) {
                continue;
            }
            return is_certain(transition).then_some(Some(transition));
        }
    }
    Some(None)
}
