//! A chart that has been checked and can run, and what other parts may ask of it.

use crate::program::Program;
use crate::{ChartKind, StateId, StateInfo};
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{ContentHash, Place};

/// A compiled chart. Cheap to clone, never changes.
#[derive(Clone, Debug)]
pub struct Chart {
    pub(crate) program: Arc<Program>,
    /// Child charts by key.
    pub(crate) library: Arc<Library>,
    pub(crate) hash: ContentHash,
}

/// The child charts that a chart and its children can invoke.
pub(crate) type Library = BTreeMap<Arc<str>, Program>;

impl Chart {
    /// What the chart does, as a hash: equal for two charts that differ only in comments, documentation and layout.
    pub fn hash(&self) -> ContentHash {
        self.hash
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.program.name
    }

    /// Its version, as written.
    pub fn version(&self) -> &str {
        &self.program.version
    }

    /// Cognition or workflow.
    pub fn kind(&self) -> ChartKind {
        self.program.kind
    }

    /// All states in document order, without the chart itself.
    pub fn states(&self) -> impl Iterator<Item = (StateId, &StateInfo)> {
        self.program
            .infos
            .iter()
            .enumerate()
            .skip(1)
            .map(|(index, info)| (StateId::new(index), info))
    }

    /// The states right inside `state`, in document order.
    pub(crate) fn children(&self, state: StateId) -> Vec<StateId> {
        self.states()
            .map(|(child, _)| child)
            .filter(|child| self.program.node(*child).parent == state)
            .collect()
    }

    /// One state.
    ///
    /// # Panics
    /// If `id` comes from another chart that has more states.
    pub fn state(&self, id: StateId) -> &StateInfo {
        &self.program.infos[id.index()]
    }

    /// The state with this id.
    pub fn find(&self, id: &str) -> Option<StateId> {
        self.program.ids.get(id).copied()
    }

    /// The `signal.*` events that some transition names, sorted; a wildcard such as `signal.*` names none.
    pub fn signals(&self) -> impl Iterator<Item = &str> {
        self.program.signals.iter().map(|s| &**s)
    }

    /// Activities that states invoke by name, each with the place of the name, in document order; child charts included.
    pub fn activities(&self) -> impl Iterator<Item = (&str, &Place)> {
        std::iter::once(&*self.program)
            .chain(self.library.values())
            .flat_map(|program| &program.activities)
            .map(|(name, place)| (&**name, place))
    }

    /// Names of the chart's data entries, in file order.
    pub fn data_names(&self) -> impl Iterator<Item = &str> {
        self.program.data.keys().map(|name| &**name)
    }
}
