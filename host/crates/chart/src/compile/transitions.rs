//! Transitions, and what of them can be known at load: how far they reach and what they enter.

use super::Mode;
use super::content::Contents;
use crate::def::{StateKind, TransitionDef};
use crate::descriptor::Descriptor;
use crate::entry::{domain, plan};
use crate::program::{
    Content, Domain, EntryPlan, Listener, Node, Program, Shape, Tables, Transition,
};
use crate::set::StateSet;
use crate::state::StateId;
use crate::vocabulary::Vocabulary;

impl<'d> Contents<'_, 'd> {
    /// The nodes of all states, with their transitions: of each state first those with events, then `always`, each in document order.
    pub fn transitions(&mut self, contents: &mut [Content]) -> (Vec<Node>, Vec<Transition>) {
        let mut nodes = Vec::with_capacity(contents.len());
        let mut transitions = Vec::new();
        let mut histories = 0;
        for (index, content) in contents.iter().enumerate() {
            let id = StateId::new(index);
            let state = &self.tree.states[index];
            let shape = match state.def.kind {
                StateKind::Normal if state.children.is_empty() => Shape::Atomic,
                StateKind::Normal => Shape::Compound,
                StateKind::Parallel => Shape::Parallel,
                StateKind::Final => Shape::Final,
                StateKind::History { .. } => {
                    histories += 1;
                    Shape::History(histories - 1)
                }
            };
            let is_always = |t: &&TransitionDef| t.events.is_empty() && t.after.is_none();
            let defs = &state.def.transitions;
            let start = transitions.len() as u32;
            for def in defs.iter().filter(|t| !is_always(t)) {
                transitions.push(self.transition(id, shape, def, content));
            }
            let middle = transitions.len() as u32;
            for def in defs.iter().filter(is_always) {
                transitions.push(self.transition(id, shape, def, content));
            }
            nodes.push(Node {
                parent: state.parent,
                end: state.end as u16,
                shape,
                events: start..middle,
                listeners: 0..0,
                always: middle..transitions.len() as u32,
            });
        }
        (nodes, transitions)
    }

    fn transition(
        &mut self,
        source: StateId,
        shape: Shape,
        def: &'d TransitionDef,
        content: &Content,
    ) -> Transition {
        def.events.iter().for_each(|event| self.descriptor(event));
        let mut descriptors: Vec<Descriptor> = def
            .events
            .iter()
            .map(|event| Descriptor::new(event))
            .collect();
        if let Some(after) = def.after {
            descriptors.push(Descriptor::Prefix(
                (&*self.timer_event(source, after)).into(),
            ));
        }
        let guard = self.guard(def.guard.as_ref());
        let mut targets: Vec<StateId> = def
            .targets
            .iter()
            .filter_map(|name| self.resolve(name))
            .collect();
        self.check_together(&targets, &def.targets);
        let mut actions = self.block(&def.actions);
        let mut reach = Domain::Dynamic;
        // People mean by a transition to the state itself that it stays, unless they say `reenter`: its inside begins anew.
        if self.names.mode == Mode::Strict && !def.reenter && targets == [source] {
            reach = Domain::State(source);
            match shape {
                Shape::Compound => {
                    targets.clone_from(&content.initial);
                    if let Some(initial) = &self.tree.def(source).initial {
                        actions.extend(self.block(&initial.actions));
                    }
                }
                Shape::Parallel => targets.clone_from(&content.children),
                _ => targets.clear(),
            }
        }
        if targets.is_empty() {
            reach = Domain::None;
        }
        Transition {
            source,
            descriptors,
            guard,
            targets,
            actions,
            stays: !def.reenter,
            domain: reach,
            entry: EntryPlan::Dynamic,
            place: def.place.clone(),
        }
    }
}

/// Work out what does not depend on what a history remembers.
pub(super) fn precompute(program: &mut Program) {
    for number in 0..program.transitions.len() {
        let transition = &program.transitions[number];
        let source = transition.source;
        // From inside the parent of a history, how far it reaches depends on which state is remembered; from anywhere else all that it may
        // remember lies in the same direction.
        let depends = transition.targets.iter().any(|target| {
            matches!(program.node(*target).shape, Shape::History(_))
                && program.is_descendant(source, program.node(*target).parent)
        });
        let reach = match transition.domain {
            Domain::Dynamic if !depends => Domain::State(domain(
                program,
                source,
                transition.stays,
                &transition.targets,
            )),
            known => known,
        };
        let entry = match reach {
            Domain::State(inside) => plan(program, &transition.targets, inside),
            Domain::None => EntryPlan::Fixed(Vec::new()),
            Domain::Dynamic => EntryPlan::Dynamic,
        };
        let transition = &mut program.transitions[number];
        transition.domain = reach;
        transition.entry = entry;
    }
    program.tables = tables(program);
}

/// What the interpreter looks up instead of working it out.
fn tables(program: &mut Program) -> Tables {
    let descriptors = program.transitions.iter().flat_map(|t| &t.descriptors);
    let (vocabulary, meant) = Vocabulary::of(descriptors);
    let mut meant = meant.into_iter();
    let mut listeners = Vec::with_capacity(meant.len());
    // Of each state first the transitions with events, then those without, which have no descriptors: the order of the descriptors is that of the states.
    for node in &mut program.nodes {
        let start = listeners.len() as u32;
        for number in node.events.clone() {
            let descriptors = program.transitions[number as usize].descriptors.len();
            listeners.extend(meant.by_ref().take(descriptors).map(|meant| Listener {
                meant,
                transition: number,
            }));
        }
        node.listeners = start..listeners.len() as u32;
    }
    let states_that = |does: &dyn Fn(&Node, &Content) -> bool| {
        let mut set = StateSet::with_room(program.nodes.len());
        for (index, (node, content)) in program.nodes.iter().zip(&program.contents).enumerate() {
            if does(node, content) {
                set.insert(StateId::new(index));
            }
        }
        set
    };
    Tables {
        vocabulary,
        listeners,
        leaves: states_that(&|node, _| matches!(node.shape, Shape::Atomic | Shape::Final)),
        always: states_that(&|node, _| !node.always.is_empty()),
        entering: states_that(&|node, content| {
            !(content.entry.is_empty()
                && content.initial_actions.is_empty()
                && content.timers.is_empty()
                && content.invokes.is_empty()
                && content.late.is_empty())
                || node.shape == Shape::Final
        }),
        leaving: states_that(&|_, content| {
            !(content.exit.is_empty()
                && content.timers.is_empty()
                && content.invokes.is_empty()
                && content.histories.is_empty())
        }),
        invokes: program.contents.iter().any(|c| !c.invokes.is_empty()),
    }
}
