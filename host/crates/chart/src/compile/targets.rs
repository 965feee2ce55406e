//! Names of states resolved: where compound states begin, where transitions lead, and whether several targets can be active together.

use super::content::Contents;
use crate::def::StateKind;
use crate::nearest::did_you_mean;
use crate::state::StateId;
use types::Marked;

impl Contents<'_, '_> {
    /// Where a compound state begins, or a history leads the first time.
    pub fn initial(&mut self, id: StateId) -> Vec<StateId> {
        let state = &self.tree.states[id.index()];
        let history = matches!(state.def.kind, StateKind::History { .. });
        if !history && state.def.kind != StateKind::Normal {
            return Vec::new();
        }
        let below = if history { state.parent } else { id };
        let Some(initial) = state.def.initial.as_ref().filter(|i| !i.targets.is_empty()) else {
            return self.first(below);
        };
        let mut targets = Vec::new();
        for name in &initial.targets {
            let Some(target) = self.resolve(name) else {
                continue;
            };
            // That there is nothing inside has been said.
            let inside =
                self.tree.is_descendant(target, below) || (!history && state.children.is_empty());
            // A default that is a history of the same state could lead in a circle.
            let circular = history && self.is_history_of(target, below);
            if inside && !circular {
                targets.push(target);
                continue;
            }
            let (message, help) = if circular {
                let message = format!("the default of `{}` is a history itself", state.def.id);
                (message, "name the state that it should lead to".to_owned())
            } else if history {
                let parent = &self.tree.def(below).id;
                let message = format!(
                    "the default `{name}` of `{}` lies outside `{parent}`",
                    state.def.id
                );
                (
                    message,
                    format!("a history leads into the state it belongs to: `{parent}`"),
                )
            } else {
                let message = format!("the initial state `{name}` lies outside `{}`", state.def.id);
                (message, format!("name one of: {}", self.children_names(id)))
            };
            self.compiler.reports.error(&name.place, message, help);
        }
        self.check_together(&targets, &initial.targets);
        targets
    }

    fn is_history_of(&self, target: StateId, parent: StateId) -> bool {
        let state = &self.tree.states[target.index()];
        matches!(state.def.kind, StateKind::History { .. }) && state.parent == parent
    }

    /// What is entered where nothing is said: the first child, or all regions.
    fn first(&self, id: StateId) -> Vec<StateId> {
        let state = &self.tree.states[id.index()];
        match state.def.kind {
            StateKind::Parallel => state.children.clone(),
            _ => state.children.first().copied().into_iter().collect(),
        }
    }

    fn children_names(&self, id: StateId) -> String {
        let children = &self.tree.states[id.index()].children;
        let names = children
            .iter()
            .take(8)
            .map(|c| self.tree.def(*c).id.as_str());
        names.collect::<Vec<_>>().join(", ")
    }

    /// The state called `name`, or an error with the nearest name.
    pub fn resolve(&mut self, name: &Marked<String>) -> Option<StateId> {
        let found = self.tree.ids.get(name.as_str()).copied();
        if found.is_none() {
            let known = self.tree.ids.keys().map(|id| &**id);
            let last = name.rsplit(['.', '#', '/']).next().unwrap_or_default();
            let help = match self.tree.ids.contains_key(last) {
                true => format!(
                    "ids are unique in a chart, so a state is named by its id alone: write `{last}`"
                ),
                false => did_you_mean(name, known, "")
                    .unwrap_or_else(|| "add it under `states`, or name one that exists".into()),
            };
            let message = format!("there is no state `{name}`");
            self.compiler.reports.error(&name.place, message, help);
        }
        found
    }

    /// Several targets must be able to be active together: in different regions of one parallel state.
    pub fn check_together(&mut self, targets: &[StateId], names: &[Marked<String>]) {
        for (n, a) in targets.iter().enumerate() {
            for b in &targets[n + 1..] {
                if self.orthogonal(*a, *b) {
                    continue;
                }
                let (a, b) = (&self.tree.def(*a).id, &self.tree.def(*b).id);
                let message = format!("`{a}` and `{b}` cannot be active together");
                let help = "several targets must lie in different regions of a parallel state";
                self.compiler.reports.error(&names[0].place, message, help);
                return;
            }
        }
    }

    fn orthogonal(&self, a: StateId, b: StateId) -> bool {
        let tree = self.tree;
        // A history stands for everything its parent may have inside.
        let extent = |id: StateId| {
            let state = &tree.states[id.index()];
            match state.def.kind {
                StateKind::History { .. } => state.parent,
                _ => id,
            }
        };
        let (a, b) = (extent(a), extent(b));
        if a == b || tree.is_descendant(a, b) || tree.is_descendant(b, a) {
            return false;
        }
        let mut common = tree.states[a.index()].parent;
        while !tree.is_descendant(b, common) {
            common = tree.states[common.index()].parent;
        }
        tree.def(common).kind == StateKind::Parallel
    }
}
