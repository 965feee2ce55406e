//! The states of a chart laid out in document order, and what is wrong with their shape: duplicate ids, missing starts, children where none
//! can be.

use super::reports::Reports;
use super::{Mode, STATES_MAX, is_name};
use crate::def::{ActionDef, ChartDef, StateDef, StateKind};
use crate::program::{Program, Shape};
use crate::shown::Shown;
use crate::state::{StateId, StateInfo, StateType};
use std::collections::HashMap;
use std::sync::Arc;
use types::Place;

/// How deep states may nest.
const DEPTH_MAX: u16 = 64;

pub(super) struct Tree<'d> {
    pub states: Vec<TreeState<'d>>,
    pub ids: HashMap<Arc<str>, StateId>,
    /// Where the chart's name stands: what concerns the chart as a whole is said there.
    pub place: Place,
}

pub(super) struct TreeState<'d> {
    pub def: &'d StateDef,
    pub parent: StateId,
    pub end: usize,
    pub depth: u16,
    /// Children that are states, not histories.
    pub children: Vec<StateId>,
    pub histories: Vec<StateId>,
}

impl<'d> Tree<'d> {
    /// Lay out and check. `None` where it is so wrong that nothing else can be said.
    pub fn of(def: &'d ChartDef, reports: &mut Reports) -> Option<Self> {
        let mut tree = Tree {
            states: Vec::new(),
            ids: HashMap::new(),
            place: def.name.place.clone(),
        };
        if !tree.add(&def.root, StateId::ROOT, 0, reports) {
            return None;
        }
        if def.root.kind != StateKind::Normal {
            let help = "put a state of that type into the chart and make it `initial`";
            reports.error(&tree.place, "the chart itself cannot have a type", help);
            return None;
        }
        if tree.states[0].children.is_empty() {
            let help = "give it at least one state under `states`";
            reports.error(&tree.place, "the chart has no states", help);
            return None;
        }
        for index in 0..tree.states.len() {
            tree.check(StateId::new(index), reports);
        }
        Some(tree)
    }

    fn add(
        &mut self,
        def: &'d StateDef,
        parent: StateId,
        depth: u16,
        reports: &mut Reports,
    ) -> bool {
        if self.states.len() > STATES_MAX {
            let message = format!("the chart has more than {STATES_MAX} states");
            reports.error(&self.place, message, "split it into several charts");
            return false;
        }
        if depth > DEPTH_MAX {
            let message = format!("states are nested deeper than {DEPTH_MAX}");
            reports.error(&def.id.place, message, "make it flatter");
            return false;
        }
        let id = StateId::new(self.states.len());
        if depth > 0 {
            self.name(def, id, reports);
            let siblings = &mut self.states[parent.index()];
            match def.kind {
                StateKind::History { .. } => siblings.histories.push(id),
                _ => siblings.children.push(id),
            }
        }
        self.states.push(TreeState {
            def,
            parent,
            end: 0,
            depth,
            children: Vec::new(),
            histories: Vec::new(),
        });
        let fine = def
            .states
            .iter()
            .all(|child| self.add(child, id, depth + 1, reports));
        self.states[id.index()].end = self.states.len();
        fine
    }

    fn name(&mut self, def: &StateDef, id: StateId, reports: &mut Reports) {
        let name = def.id.as_str();
        if name.is_empty() {
            reports.error(&def.id.place, "a state has an empty id", "give it a name");
            return;
        }
        if let Some(first) = self.ids.get(name) {
            let first = &self.states[first.index()].def.id.place;
            let message = format!("the state `{name}` stands twice, first at {first}");
            let help = "ids are unique in a chart, also in different places of it: rename one";
            reports.error(&def.id.place, message, help);
            return;
        }
        self.ids.insert(name.into(), id);
    }

    fn check(&self, id: StateId, reports: &mut Reports) {
        let state = &self.states[id.index()];
        let (def, place) = (state.def, &state.def.id.place);
        let name = &def.id;
        match def.kind {
            StateKind::Normal => self.check_start(id, reports),
            StateKind::Parallel => {
                if let Some(initial) = &def.initial {
                    let place = initial.targets.first().map_or(place, |t| &t.place);
                    let message = format!("the parallel state `{name}` has an `initial`");
                    let help = "remove it: all regions of a parallel state are entered";
                    reports.error(place, message, help);
                }
                if state.children.is_empty() {
                    let message = format!("the parallel state `{name}` has no regions");
                    reports.error(place, message, "give it states, or remove its `type`");
                } else if let [only] = &*state.children {
                    let only = &self.def(*only).id;
                    let message =
                        format!("the parallel state `{name}` has one region only, `{only}`");
                    let help = "remove `type: parallel`, or put the other regions beside it";
                    reports.warning(place, message, help);
                }
            }
            StateKind::Final => {
                if !def.states.is_empty() {
                    let message = format!("the final state `{name}` has children");
                    let help = "a final state is the end: move them out, or remove its `type`";
                    reports.error(place, message, help);
                }
                if let Some(transition) = def.transitions.first() {
                    let message = format!("the final state `{name}` has transitions");
                    let help =
                        "what follows an end stands on the state around it: on `done.state.<id>`";
                    reports.error(&transition.place, message, help);
                }
                if let Some(invoke) = def.invoke.first() {
                    let message = format!("the final state `{name}` invokes something");
                    reports.error(&invoke.place, message, "invoke it in the state before");
                }
                let parent = &self.states[state.parent.index()];
                if parent.def.kind == StateKind::Parallel && reports.mode == Mode::Strict {
                    let message =
                        format!("the final state `{name}` is a region of a parallel state");
                    let help =
                        "a region ends when a final state inside it is reached: put it into one";
                    reports.error(place, message, help);
                }
            }
            StateKind::History { .. } => self.check_history(id, reports),
        }
        if def.output.is_some() && def.kind != StateKind::Final {
            let message = format!("the state `{name}` has an `output` and is not final");
            reports.error(place, message, "add `type: final`, or remove the output");
        }
    }

    fn check_start(&self, id: StateId, reports: &mut Reports) {
        let state = &self.states[id.index()];
        let def = state.def;
        let (what, place) = if id == StateId::ROOT {
            ("the chart".to_owned(), &self.place)
        } else {
            (format!("the state `{}`", def.id), &def.id.place)
        };
        if state.children.is_empty() {
            if !state.histories.is_empty() {
                let message = format!("{what} has no states beside a history");
                reports.error(place, message, "a history remembers states: give it some");
            } else if let Some(initial) = &def.initial {
                let place = initial.targets.first().map_or(place, |t| &t.place);
                let message = format!("{what} has an `initial` and no states");
                reports.error(place, message, "remove it, or give it states");
            }
        } else if def.initial.as_ref().is_none_or(|i| i.targets.is_empty())
            && state.children.len() > 1
            && reports.mode == Mode::Strict
        {
            let first = self.def(state.children[0]).id.as_str();
            let message = format!("{what} has no `initial`");
            let help = format!("say where it begins, for instance `initial: {first}`");
            reports.error(place, message, help);
        }
    }

    fn check_history(&self, id: StateId, reports: &mut Reports) {
        let state = &self.states[id.index()];
        let (def, place, name) = (state.def, &state.def.id.place, &state.def.id);
        if !def.states.is_empty() {
            let message = format!("the history state `{name}` has children");
            reports.error(place, message, "move them beside it");
        }
        if reports.mode == Mode::Strict && def.initial.as_ref().is_none_or(|i| i.targets.is_empty())
        {
            let message = format!("the history state `{name}` has no default");
            let help = "say where it leads the first time: `target: …`";
            reports.error(place, message, help);
        }
        let busy = [
            ("transitions", !def.transitions.is_empty()),
            ("`entry` actions", !def.entry.is_empty()),
            ("`exit` actions", !def.exit.is_empty()),
            ("an `invoke`", !def.invoke.is_empty()),
        ];
        for (what, _) in busy.into_iter().filter(|(_, has)| *has) {
            let message = format!("the history state `{name}` has {what}");
            let help = "a history state is never active: put them on the states it leads to";
            reports.error(place, message, help);
        }
        if state.parent == StateId::ROOT {
            let message = format!("the history state `{name}` never remembers anything");
            let help = "the chart itself is never left: put it into the state whose past it keeps";
            reports.warning(place, message, help);
        }
    }

    pub fn def(&self, id: StateId) -> &'d StateDef {
        self.states[id.index()].def
    }

    pub fn is_descendant(&self, id: StateId, ancestor: StateId) -> bool {
        id > ancestor && id.index() < self.states[ancestor.index()].end
    }

    /// What is known of each state.
    pub fn infos(&self) -> Vec<StateInfo> {
        let infos = self.states.iter().map(|state| StateInfo {
            id: state.def.id.as_str().into(),
            parent: (state.parent != StateId::ROOT).then_some(state.parent),
            depth: state.depth,
            tags: state.def.tags.clone(),
            kind: match state.def.kind {
                StateKind::Normal if state.children.is_empty() => StateType::Atomic,
                StateKind::Normal => StateType::Compound,
                StateKind::Parallel => StateType::Parallel,
                StateKind::Final => StateType::Final,
                StateKind::History { deep } => StateType::History { deep },
            },
            doc: state.def.doc.clone(),
            place: state.def.id.place.clone(),
        });
        infos.collect()
    }

    /// The words of each state, for pictures.
    pub fn shown(&self, program: &Program) -> Vec<Shown> {
        let find = |name: &str| self.ids.get(name).copied();
        let states = self.states.iter().enumerate().map(|(index, state)| {
            let initial = match program.nodes[index].shape {
                Shape::History(number) => &program.histories[usize::from(number)].default,
                _ => &program.contents[index].initial,
            };
            Shown::of(state.def, initial.clone(), find)
        });
        states.collect()
    }

    /// Names that some `foreach` puts its items and indexes into.
    pub fn foreach_names(&self) -> Vec<&'d str> {
        let mut names = Vec::new();
        self.each_action(&mut |action| {
            if let ActionDef::Foreach { item, index, .. } = action {
                names.push(item.as_str());
                names.extend(index.iter().map(|index| index.as_str()));
            }
        });
        names.retain(|name| is_name(name) && !name.starts_with('_'));
        names
    }

    /// Every action of the chart, those inside others after them.
    pub fn each_action(&self, look: &mut dyn FnMut(&'d ActionDef)) {
        for state in &self.states {
            let def = state.def;
            let blocks = def.entry.iter().chain(&def.exit).map(Vec::as_slice);
            let transitions = def.transitions.iter().map(|t| t.actions.as_slice());
            let initial = def.initial.iter().map(|i| i.actions.as_slice());
            let finalize = def.invoke.iter().map(|i| i.finalize.as_slice());
            for actions in blocks.chain(transitions).chain(initial).chain(finalize) {
                each_action(actions, look);
            }
        }
    }
}

fn each_action<'d>(actions: &'d [ActionDef], look: &mut dyn FnMut(&'d ActionDef)) {
    for action in actions {
        look(action);
        match action {
            ActionDef::Foreach { actions, .. } => each_action(actions, look),
            ActionDef::If(branches) => {
                for (_, actions) in branches {
                    each_action(actions, look);
                }
            }
            _ => {}
        }
    }
}
