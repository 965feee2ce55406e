//! States as other parts see them.

use std::sync::Arc;
use types::Place;

/// The number of a state in its chart: its position in document order, the root (the chart itself) being 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StateId(u16);

impl StateId {
    /// The chart itself.
    pub(crate) const ROOT: StateId = StateId(0);

    pub(crate) fn new(index: usize) -> Self {
        // A chart has at most 10,000 states, which `compile` holds.
        StateId(index as u16)
    }

    /// The position in document order.
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// What sort of state it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StateType {
    /// Has no children.
    Atomic,
    /// One child is active at a time.
    Compound,
    /// All children are active at once.
    Parallel,
    /// Ends its parent.
    Final,
    /// Remembers; never active itself.
    History {
        /// The whole depth, or only the parent's direct child.
        deep: bool,
    },
}

/// What is known of a state.
#[derive(Clone, Debug, PartialEq)]
pub struct StateInfo {
    /// Its id; empty for the chart itself.
    pub id: Arc<str>,
    /// The state around it; `None` for top-level states and for the chart itself.
    pub parent: Option<StateId>,
    /// 0 for the chart itself, 1 for top-level states.
    pub depth: u16,
    /// Tags such as `needs-human`.
    pub tags: Vec<String>,
    /// What sort.
    pub kind: StateType,
    /// What it is for, in its author's words.
    pub doc: Option<String>,
    /// Where it stands.
    pub place: Place,
}

impl StateInfo {
    /// Whether it can be a leaf of a configuration.
    pub fn is_leaf(&self) -> bool {
        matches!(self.kind, StateType::Atomic | StateType::Final)
    }
}
