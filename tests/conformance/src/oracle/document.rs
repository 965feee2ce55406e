//! A chart as Appendix D sees it: elements in document order, each with its parent and children, and the predicates the pseudo-code uses.
//! Slow on purpose: every question walks the tree again.

use chart::{ChartDef, InitialDef, StateDef, StateKind, TransitionDef};

/// A state, by its position in document order; the root is 0.
pub type State = usize;

/// The `<scxml>` element.
pub const ROOT: State = 0;

/// One element.
#[derive(Debug)]
pub struct Element {
    /// As written, without its children.
    pub def: StateDef,
    /// Its parent; none for the root.
    pub parent: Option<State>,
    /// Its direct children, histories included.
    pub all_children: Vec<State>,
    /// Where it begins, or a history leads.
    pub initial: Vec<State>,
    /// Its transitions in document order, with their targets found.
    pub transitions: Vec<(TransitionDef, Vec<State>)>,
}

/// A whole document.
#[derive(Debug)]
pub struct Document {
    /// As written, for its name and data.
    pub def: ChartDef,
    /// All elements in document order.
    pub elements: Vec<Element>,
}

impl Document {
    /// Lay a chart out. Names that do not exist are left out: the compiler refuses such a chart before anything runs.
    pub fn of(def: &ChartDef) -> Self {
        let mut document = Document {
            def: def.clone(),
            elements: Vec::new(),
        };
        document.add(&def.root, None);
        for state in 0..document.elements.len() {
            let element = &document.elements[state];
            let initial = document.begins(state, element.def.initial.as_ref());
            let transitions = element.def.transitions.iter();
            let transitions = transitions
                .map(|t| {
                    let targets = t.targets.iter();
                    let targets = targets.filter_map(|name| document.find(name)).collect();
                    (t.clone(), targets)
                })
                .collect();
            document.elements[state].initial = initial;
            document.elements[state].transitions = transitions;
        }
        document
    }

    fn add(&mut self, def: &StateDef, parent: Option<State>) -> State {
        let state = self.elements.len();
        self.elements.push(Element {
            def: StateDef {
                states: Vec::new(),
                ..def.clone()
            },
            parent,
            all_children: Vec::new(),
            initial: Vec::new(),
            transitions: Vec::new(),
        });
        for child in &def.states {
            let child = self.add(child, Some(state));
            self.elements[state].all_children.push(child);
        }
        state
    }

    /// The default is the first child in document order.
    fn begins(&self, state: State, written: Option<&InitialDef>) -> Vec<State> {
        let named: Vec<State> = written
            .iter()
            .flat_map(|i| &i.targets)
            .filter_map(|name| self.find(name))
            .collect();
        if !named.is_empty() {
            return named;
        }
        match (self.is_history(state), self.elements[state].parent) {
            (true, Some(parent)) if self.is_parallel(parent) => self.child_states(parent),
            (true, Some(parent)) => self.child_states(parent).into_iter().take(1).collect(),
            _ => self.child_states(state).into_iter().take(1).collect(),
        }
    }

    /// The state called `id`.
    pub fn find(&self, id: &str) -> Option<State> {
        (1..self.elements.len()).find(|s| *self.elements[*s].def.id == *id)
    }

    /// Its id.
    pub fn id(&self, state: State) -> &str {
        &self.elements[state].def.id
    }

    /// `getChildStates`: children that are states.
    pub fn child_states(&self, state: State) -> Vec<State> {
        let children = self.elements[state].all_children.iter().copied();
        children.filter(|c| !self.is_history(*c)).collect()
    }

    /// The history states directly inside.
    pub fn histories(&self, state: State) -> Vec<State> {
        let children = self.elements[state].all_children.iter().copied();
        children.filter(|c| self.is_history(*c)).collect()
    }

    /// `getProperAncestors`: the states above, inside first, up to but not including `upto`.
    pub fn proper_ancestors(&self, state: State, upto: Option<State>) -> Vec<State> {
        let mut ancestors = Vec::new();
        let mut at = self.elements[state].parent;
        while let Some(parent) = at {
            if Some(parent) == upto {
                break;
            }
            ancestors.push(parent);
            at = self.elements[parent].parent;
        }
        ancestors
    }

    /// `isDescendant`: a child, a child of a child, …; never the state itself.
    pub fn is_descendant(&self, state: State, of: State) -> bool {
        self.proper_ancestors(state, None).contains(&of)
    }

    /// `isHistoryState`.
    pub fn is_history(&self, state: State) -> bool {
        matches!(self.elements[state].def.kind, StateKind::History { .. })
    }

    /// `isParallelState`.
    pub fn is_parallel(&self, state: State) -> bool {
        self.elements[state].def.kind == StateKind::Parallel
    }

    /// `isFinalState`.
    pub fn is_final(&self, state: State) -> bool {
        self.elements[state].def.kind == StateKind::Final
    }

    /// `isCompoundState`, which the root is as well.
    pub fn is_compound(&self, state: State) -> bool {
        self.elements[state].def.kind == StateKind::Normal && !self.child_states(state).is_empty()
    }

    /// `isAtomicState`: nothing inside.
    pub fn is_atomic(&self, state: State) -> bool {
        !self.is_history(state) && self.child_states(state).is_empty()
    }
}
