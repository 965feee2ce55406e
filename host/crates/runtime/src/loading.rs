//! What a run is made of, found in the house and loaded: the agent, its chart, its plugins, its guards.

use crate::guards::Guards;
use crate::{RuntimeError, Services, grants};
use definitions::{AgentDef, ChartBundle};
use sandbox::Plugin;
use std::sync::Arc;
use types::PluginName;

/// The agent called `name` and its chart.
pub(crate) fn find_agent(
    services: &Services,
    name: &str,
) -> Result<(Arc<AgentDef>, Arc<ChartBundle>), RuntimeError> {
    let house = &services.house;
    let agent = house
        .agents
        .get(name)
        .ok_or_else(|| RuntimeError::UnknownAgent {
            name: name.to_owned(),
            known: match house.agents.len() {
                0 => "none".to_owned(),
                _ => house
                    .agents
                    .keys()
                    .map(|known| &**known)
                    .collect::<Vec<_>>()
                    .join(", "),
            },
        })?;
    let bundle = house
        .charts
        .get(&agent.cognition)
        .ok_or_else(|| RuntimeError::Incomplete {
            agent: name.to_owned(),
            message: format!(
                "its cognition `{}` is not a chart of this house",
                agent.cognition
            ),
        })?;
    Ok((agent.clone(), bundle.clone()))
}

/// Load every plugin that `agent` names.
pub(crate) async fn load_plugins(
    services: &Services,
    agent: &AgentDef,
) -> Result<Vec<Arc<Plugin>>, RuntimeError> {
    let mut plugins = Vec::with_capacity(agent.plugins.len());
    for name in &agent.plugins {
        plugins.push(load_plugin(services, agent, name).await?);
    }
    Ok(plugins)
}

/// Load the plugin that the house calls `name`.
pub(crate) async fn load_plugin(
    services: &Services,
    agent: &AgentDef,
    name: &PluginName,
) -> Result<Arc<Plugin>, RuntimeError> {
    let definition = services
        .house
        .plugins
        .get(name)
        .ok_or_else(|| RuntimeError::Incomplete {
            agent: agent.name.to_string(),
            message: format!("the house has no plugin `{name}`"),
        })?;
    let loading = services
        .sandbox
        .load(name.clone(), &definition.component, definition.trusted);
    Ok(loading.await?)
}

/// Load every guard that `agent` names, each with what the house, the agent and no state grant it.
pub(crate) async fn load_guards(
    services: &Services,
    agent: &AgentDef,
    bundle: &ChartBundle,
) -> Result<Guards, RuntimeError> {
    let mut guards = Vec::with_capacity(agent.guards.len());
    for name in &agent.guards {
        let plugin = load_plugin(services, agent, name).await?;
        if !plugin.info().kinds.contains(&sandbox::Kind::Guard) {
            return Err(RuntimeError::Incomplete {
                agent: agent.name.to_string(),
                message: format!(
                    "the plugin `{name}` is no guard: it exports no charthouse:plugin/guard"
                ),
            });
        }
        let grant = grants::for_component(&services.house, agent, bundle, [], &plugin, "inspect")
            .map_err(|message| RuntimeError::Incomplete {
            agent: agent.name.to_string(),
            message,
        })?;
        guards.push((plugin, grant));
    }
    Ok(Guards::new(services, guards))
}
