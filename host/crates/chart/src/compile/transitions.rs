//! Transitions, and what of them can be known at load: how far they reach and what they enter.

use super::Mode;
use super::content::Contents;
use crate::def::{StateKind, TransitionDef};
use crate::descriptor::Descriptor;
use crate::entry::{domain, plan};
use crate::program::{Content, Domain, EntryPlan, Node, Program, Shape, Transition};
use crate::state::StateId;

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
}
