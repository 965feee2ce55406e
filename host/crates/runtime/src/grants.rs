//! Which layers of policy apply now, and what they make of a tool.
//!
//! One order for enforcement, for `policy explain` and for what the model is offered: the house's default, the agent, the states of its cognition from
//! the outermost in.

use chart::{Snapshot, StateId};
use definitions::{AgentDef, ChartBundle, House};
use policy::{Grant, Overlay, Request};
use sandbox::Plugin;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::ToolName;

/// The layers that apply to `agent` while `states` (in document order) are active.
pub(crate) fn layers<'a>(
    house: &'a House,
    agent: &'a AgentDef,
    bundle: &'a ChartBundle,
    states: impl IntoIterator<Item = StateId>,
) -> Vec<&'a Overlay> {
    let mut layers: Vec<&Overlay> = Vec::new();
    layers.extend(house.default_policy.as_deref());
    layers.push(&agent.policy);
    layers.extend(
        states
            .into_iter()
            .filter_map(|state| bundle.policy[state.index()].as_ref()),
    );
    layers
}

/// Grants that were worked out before. A grant depends on the definitions, the active states and the tool alone, so it is worked out once for each, and thrown
/// away with the definitions.
#[derive(Default)]
pub(crate) struct Grants {
    states: Vec<StateId>,
    known: BTreeMap<ToolName, Arc<Grant>>,
}

impl Grants {
    /// What `agent` is granted for a call of `tool` in the states of `snapshot`.
    pub(crate) fn of(
        &mut self,
        house: &House,
        agent: &AgentDef,
        bundle: &ChartBundle,
        snapshot: &Snapshot,
        tool: &ToolName,
    ) -> Arc<Grant> {
        if !snapshot.configuration().eq(self.states.iter().copied()) {
            self.known.clear();
            self.states = snapshot.configuration().collect();
        }
        if let Some(known) = self.known.get(tool) {
            return known.clone();
        }
        let layers = layers(house, agent, bundle, self.states.iter().copied());
        let grant = Arc::new(grant(house, agent, &layers, tool));
        self.known.insert(tool.clone(), grant.clone());
        grant
    }

    /// Forget them: the definitions have changed.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
    }
}

/// What `layers` grant `agent` for a call of `tool`.
pub(crate) fn grant(
    house: &House,
    agent: &AgentDef,
    layers: &[&Overlay],
    tool: &ToolName,
) -> Grant {
    policy::resolve(&Request {
        root: &house.root,
        layers,
        ceiling: house.ceiling.as_ref(),
        answers: house.answers(&agent.name),
        own: definitions::OWN,
        tool,
    })
}

/// What a component is granted that no model calls: a provider of context, a guard, a memory routine. Rules for tools do not apply to it; mounts, limits and
/// the rest do. `function` names what of it is called, for the record.
pub(crate) fn for_component(
    house: &House,
    agent: &AgentDef,
    bundle: &ChartBundle,
    states: impl IntoIterator<Item = StateId>,
    plugin: &Plugin,
    function: &str,
) -> Result<Grant, String> {
    let tool = ToolName::new(plugin.name(), function).map_err(|error| error.to_string())?;
    let layers = layers(house, agent, bundle, states);
    let mut grant = grant(house, agent, &layers, &tool);
    grant.verdict = policy::Verdict::Allow;
    Ok(grant)
}

/// `state` and the states around it, from the outermost in.
pub(crate) fn path(bundle: &ChartBundle, state: StateId) -> Vec<StateId> {
    let mut path: Vec<StateId> =
        std::iter::successors(Some(state), |state| bundle.chart.state(*state).parent).collect();
    path.reverse();
    path
}
