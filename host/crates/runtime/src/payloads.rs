//! What a payload is made of, worked out in one place for a run, for a look at what would be sent, and for a replay of what was.
//!
//! Nothing here gathers, sends or records anything.

use crate::Binding;
use crate::offers::{self, Described, Measure};
use chart::{Snapshot, StateId};
use context::{Plan, SlotChunks, ToolOffer};
use definitions::{AgentDef, ChartBundle, House};
use std::sync::Arc;
use types::ModelParameters;

/// By whose definitions a payload is made, and in which states.
#[derive(Clone)]
pub(crate) struct Basis {
    pub(crate) house: Arc<House>,
    pub(crate) agent: Arc<AgentDef>,
    pub(crate) bundle: Arc<ChartBundle>,
    /// The active states, in document order.
    pub(crate) states: Vec<StateId>,
    /// Tokens that may be sent at most, where a server has been found to take no more.
    pub(crate) room: Option<u64>,
    /// The workflow that the agent is bound to.
    pub(crate) bound: Option<Binding>,
    /// Whether it has handed in what it was asked for there.
    pub(crate) handed_in: bool,
}

impl Basis {
    /// The agent's map made ready for one request with `parameters`.
    pub(crate) fn plan(&self, parameters: &ModelParameters) -> Plan {
        let states = self.states.iter();
        let cognition: Vec<&context::ChunkDef> = states
            .flat_map(|state| &self.bundle.context[state.index()])
            .collect();
        let work = self.bound.as_ref();
        let work = work.and_then(|bound| bound.places(&self.house));
        let workflow: Vec<&context::ChunkDef> = work
            .iter()
            .flat_map(|(bundle, states)| {
                let of = |state: &StateId| &bundle.context[state.index()];
                states.iter().flat_map(of)
            })
            .collect();
        let slots = SlotChunks {
            cognition: &cognition,
            workflow: &workflow,
        };
        let plan = context::plan(&self.agent.context, &slots, parameters);
        match self.room {
            Some(room) => plan.tightened(room),
            None => plan,
        }
    }

    /// Whether `other` is the same definitions and the same states.
    pub(crate) fn is(&self, other: &Basis) -> bool {
        Arc::ptr_eq(&self.agent, &other.agent)
            && Arc::ptr_eq(&self.bundle, &other.bundle)
            && self.states == other.states
            && self.bound == other.bound
    }

    /// The tools that a payload may offer while its chart stands as in `snapshot`.
    pub(crate) fn offers(
        &self,
        plugins: &[Described<'_>],
        snapshot: &Snapshot,
        measure: Measure<'_>,
    ) -> Vec<ToolOffer> {
        let signals = offers::signals(&self.bundle, snapshot);
        let bound = self.bound.as_ref();
        let mut offers = offers::offers(self, plugins, &signals, measure);
        offers.extend(bound.and_then(|bound| bound.hand_in(!self.handed_in, measure.estimator)));
        offers
    }
}
