//! Which layers of policy apply now, and what they make of a tool.
//!
//! One order for enforcement, for `policy explain` and for what the model is offered: the house's default, the agent, the states of its cognition from
//! the outermost in, the states of the workflow that it is bound to from the outermost in.

use crate::Binding;
use chart::{Snapshot, StateId};
use definitions::{AgentDef, ChartBundle, House};
use policy::{Grant, Overlay, Request};
use sandbox::Plugin;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{ContentHash, ToolName};

/// The layers that apply to `agent` while `states` (in document order) are active.
pub(crate) fn layers<'a>(
    house: &'a House,
    agent: &'a AgentDef,
    bundle: &'a ChartBundle,
    states: impl IntoIterator<Item = StateId>,
    work: Option<&Binding>,
) -> Vec<&'a Overlay> {
    let mut layers: Vec<&Overlay> = Vec::new();
    layers.extend(house.default_policy.as_deref());
    layers.push(&agent.policy);
    layers.extend(
        states
            .into_iter()
            .filter_map(|state| bundle.policy[state.index()].as_ref()),
    );
    if let Some((workflow, states)) = work.and_then(|work| work.places(house)) {
        let of = |state: StateId| workflow.policy[state.index()].as_ref();
        layers.extend(states.into_iter().filter_map(of));
    }
    layers
}

/// One stack of layers for each state that can be active: the house's and the agent's with those of the state's path; and where the agent is bound to a
/// workflow, each of these with every state of that which offers its role.
pub(crate) fn stacks<'a>(
    house: &'a House,
    agent: &'a AgentDef,
    bundle: &'a ChartBundle,
    work: Option<&Binding>,
) -> Vec<Vec<&'a Overlay>> {
    let leaves = bundle.chart.states().filter(|(_, state)| state.is_leaf());
    let own: Vec<Vec<&Overlay>> = leaves
        .map(|(id, _)| layers(house, agent, bundle, path(bundle, id), None))
        .collect();
    let Some(workflow) = work.and_then(|work| house.charts.get(&work.workflow)) else {
        return own;
    };
    let role = work.map(|work| &work.role);
    let leaves = workflow.chart.states().filter(|(_, state)| state.is_leaf());
    let of_role = leaves.map(|(id, _)| path(workflow, id)).filter(|path| {
        path.iter()
            .any(|state| workflow.role[state.index()].as_ref() == role)
    });
    let added: Vec<Vec<&Overlay>> = of_role
        .map(|path| {
            let of = |state: StateId| workflow.policy[state.index()].as_ref();
            path.into_iter().filter_map(of).collect()
        })
        .collect();
    let with = |stack: &Vec<&'a Overlay>| -> Vec<Vec<&'a Overlay>> {
        let more = added.iter().map(|more| [&stack[..], &more[..]].concat());
        std::iter::once(stack.clone()).chain(more).collect()
    };
    own.iter().flat_map(with).collect()
}

/// Grants that were worked out before. A grant depends on the definitions, the active states, the binding and the tool alone, so it is worked out once for each, and thrown
/// away with the definitions.
#[derive(Default)]
pub(crate) struct Grants {
    states: Vec<StateId>,
    known: BTreeMap<ToolName, Arc<Grant>>,
    /// By the states and the tool: what a record of a call names a grant by, which an agent that goes to and fro between states needs again and again.
    hashes: BTreeMap<(Vec<StateId>, ToolName), ContentHash>,
}

/// Most hashes that are kept.
const MOST_HASHES: usize = 1_000;

impl Grants {
    /// What `agent` is granted for a call of `tool` in the states of `snapshot`.
    pub(crate) fn of(
        &mut self,
        house: &House,
        agent: &AgentDef,
        bundle: &ChartBundle,
        snapshot: &Snapshot,
        work: Option<&Binding>,
        tool: &ToolName,
    ) -> Arc<Grant> {
        if !snapshot.configuration().eq(self.states.iter().copied()) {
            self.known.clear();
            self.states = snapshot.configuration().collect();
        }
        if let Some(known) = self.known.get(tool) {
            return known.clone();
        }
        let layers = layers(house, agent, bundle, self.states.iter().copied(), work);
        let grant = Arc::new(grant(house, agent, &layers, tool));
        self.known.insert(tool.clone(), grant.clone());
        grant
    }

    /// The [`hash`] of `grant`, which [`Grants::of`] gave last.
    pub(crate) fn hash_of(&mut self, grant: &Grant) -> ContentHash {
        let key = (self.states.clone(), grant.tool.clone());
        if let Some(known) = self.hashes.get(&key) {
            return *known;
        }
        if self.hashes.len() >= MOST_HASHES {
            self.hashes.clear();
        }
        let hash = hash(grant);
        self.hashes.insert(key, hash);
        hash
    }

    /// Forget them: the definitions have changed, or what the agent is bound to.
    pub(crate) fn forget(&mut self) {
        self.known.clear();
        self.hashes.clear();
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

/// The hash of all that a grant says, with the rules that decided: what a record of a call names it by.
pub(crate) fn hash(grant: &Grant) -> ContentHash {
    ContentHash::of(grant.to_json().to_string().as_bytes())
}

/// What `grant` says of a call of its tool with these `arguments`: of a native command it depends on them.
pub(crate) fn verdict(grant: &Grant, arguments: &str) -> policy::Verdict {
    match grant.tool.as_str() {
        policy::EXEC_TOOL => sandbox::exec_argv(arguments).map_or(policy::Verdict::Deny, |argv| {
            grant.for_command(&argv).verdict
        }),
        _ => grant.verdict,
    }
}

/// What a component is granted that no model calls: a provider of context, a guard, a memory routine. Rules for tools do not apply to it; mounts, limits and
/// the rest do. `function` names what of it is called, for the record.
pub(crate) fn for_component(
    house: &House,
    agent: &AgentDef,
    bundle: &ChartBundle,
    states: impl IntoIterator<Item = StateId>,
    work: Option<&Binding>,
    plugin: &Plugin,
    function: &str,
) -> Result<Grant, String> {
    let tool = ToolName::new(plugin.name(), function).map_err(|error| error.to_string())?;
    let layers = layers(house, agent, bundle, states, work);
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
