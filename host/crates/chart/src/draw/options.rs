//! What a caller adds to a chart when it wants a picture.

use crate::state::StateId;
use std::collections::{BTreeMap, BTreeSet};

/// What is shown beside the chart itself.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// What the chart is for.
    pub about: Option<String>,
    /// The active states, their ancestors included; empty when nothing runs.
    pub active: BTreeSet<StateId>,
    /// Short notes on states, such as the role that a workflow's state offers.
    pub notes: BTreeMap<StateId, Vec<String>>,
}

impl Options {
    /// The notes on one state.
    pub(super) fn notes_of(&self, state: StateId) -> &[String] {
        self.notes.get(&state).map_or(&[], Vec::as_slice)
    }
}
