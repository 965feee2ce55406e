//! What a run is made of, found in the house and loaded: the agent, its chart, its plugins, its guards.

use crate::guards::Guards;
use crate::terms::terms;
use crate::{RuntimeError, Services, grants};
use definitions::{AgentDef, ChartBundle, PluginDef};
use sandbox::{Plugin, Slot};
use std::sync::Arc;
use types::{ComponentFile, PluginName};

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

/// The plugins that `agent` has in whatever capacity; one may come twice.
pub(crate) fn plugins_of(agent: &AgentDef) -> impl Iterator<Item = PluginName> + '_ {
    let summary = agent.context.summary.as_ref();
    let summary = summary.and_then(|summary| PluginName::parse(&summary.plugin.value).ok());
    let named = agent.plugins.iter().chain(&agent.guards);
    named.cloned().chain(summary)
}

/// Plugins that take a place once all that is to be exchanged with them is in order.
pub(crate) type Waiting = Vec<(Arc<Slot>, Arc<Plugin>)>;

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

/// The plugin that the house calls `name`: the generation that has its place, or the component that the house names where it has none yet.
pub(crate) async fn load_plugin(
    services: &Services,
    agent: &AgentDef,
    name: &PluginName,
) -> Result<Arc<Plugin>, RuntimeError> {
    let definition = definition(services, agent, name)?;
    if let Some(kept) = released_before(services, name, definition)? {
        return Ok(kept);
    }
    let slot = services
        .sandbox
        .slot(name, definition.component.clone(), definition.trusted);
    let slot = slot.await?;
    slot.hold(definition.component.released.is_some());
    let current = slot.current().plugin.clone();
    match may_be(&definition.component, &current) {
        true => Ok(current),
        // Whoever else is in this process has its place. It must be released for this run as well.
        false => Ok(services
            .sandbox
            .load(name.clone(), &definition.component, definition.trusted)
            .await?),
    }
}

/// Whether `plugin` has the content that is released, where the house is controlled.
pub(crate) fn may_be(component: &ComponentFile, plugin: &Plugin) -> bool {
    let released = component.released.as_ref();
    released.is_none_or(|released| released.content == Some(plugin.info().hash))
}

/// The released component of the plugin `name`, where its file is another by now and the run is to keep this one: out of what is kept by content.
fn released_before(
    services: &Services,
    name: &PluginName,
    definition: &PluginDef,
) -> Result<Option<Arc<Plugin>>, RuntimeError> {
    let component = &definition.component;
    let Some(content) = component.released.as_ref().and_then(|r| r.content) else {
        return Ok(None);
    };
    let (sandbox, path) = (&services.sandbox, &component.path);
    if sandbox.content_of(path) == Some(content) {
        return Ok(None);
    }
    let slot = sandbox
        .slot_of(name)
        .map(|slot| slot.current().plugin.clone());
    if let Some(current) = slot.filter(|current| current.info().hash == content) {
        return Ok(Some(current));
    }
    // Where nothing is kept, the file is refused by the sandbox's own gate, with the reason.
    Ok(sandbox.kept(name.clone(), path, definition.trusted, content))
}

fn definition<'a>(
    services: &'a Services,
    agent: &AgentDef,
    name: &PluginName,
) -> Result<&'a PluginDef, RuntimeError> {
    let definition = services.house.plugins.get(name);
    definition.ok_or_else(|| RuntimeError::Incomplete {
        agent: agent.name.to_string(),
        message: format!("the house has no plugin `{name}`"),
    })
}

/// Make ready what `agent` names and what has not got its place yet. Nothing is exchanged: other components than those that have the places now are added
/// to `waiting`.
pub(crate) async fn make_ready(
    services: &Services,
    agent: &AgentDef,
    waiting: &mut Waiting,
) -> Result<(), RuntimeError> {
    for name in plugins_of(agent) {
        let definition = definition(services, agent, &name)?;
        let (component, trusted) = (&definition.component, definition.trusted);
        // What has no place yet takes it when it is loaded.
        let Some(slot) = services.sandbox.slot_of(&name) else {
            continue;
        };
        let current = slot.current();
        let stays = current.plugin.path() == component.path
            && current.plugin.trusted() == trusted
            && may_be(component, &current.plugin);
        if stays || waiting.iter().any(|(slot, _)| *slot.name() == name) {
            continue;
        }
        let terms = terms(&services.house, &name, Some(current.plugin.info()));
        let ready = services
            .sandbox
            .prepare(&slot, component.clone(), trusted, &terms);
        if let Some(plugin) = ready.await? {
            waiting.push((slot, plugin));
        }
    }
    Ok(())
}

/// The plugin `name` as it will be once what is waiting has its place.
async fn to_be(
    services: &Services,
    agent: &AgentDef,
    name: &PluginName,
    waiting: &Waiting,
) -> Result<Arc<Plugin>, RuntimeError> {
    match waiting.iter().find(|(slot, _)| slot.name() == name) {
        Some((_, plugin)) => Ok(plugin.clone()),
        None => load_plugin(services, agent, name).await,
    }
}

/// Every plugin that `agent` names, as it will be once what is waiting has its place.
pub(crate) async fn plugins_to_be(
    services: &Services,
    agent: &AgentDef,
    waiting: &Waiting,
) -> Result<Vec<Arc<Plugin>>, RuntimeError> {
    let mut plugins = Vec::with_capacity(agent.plugins.len());
    for name in &agent.plugins {
        plugins.push(to_be(services, agent, name, waiting).await?);
    }
    Ok(plugins)
}

/// Load every guard that `agent` names, each with what the house, the agent and no state grant it.
pub(crate) async fn load_guards(
    services: &Services,
    agent: &AgentDef,
    bundle: &ChartBundle,
    waiting: &Waiting,
) -> Result<Guards, RuntimeError> {
    let mut guards = Vec::with_capacity(agent.guards.len());
    for name in &agent.guards {
        let plugin = to_be(services, agent, name, waiting).await?;
        if !plugin.info().kinds.contains(&sandbox::Kind::Guard) {
            return Err(RuntimeError::Incomplete {
                agent: agent.name.to_string(),
                message: format!(
                    "the plugin `{name}` is no guard: it exports no charthouse:plugin/guard"
                ),
            });
        }
        let grant =
            grants::for_component(&services.house, agent, bundle, [], None, &plugin, "inspect")
                .map_err(|message| RuntimeError::Incomplete {
                    agent: agent.name.to_string(),
                    message,
                })?;
        guards.push((plugin, grant));
    }
    Ok(Guards::new(services, guards))
}
