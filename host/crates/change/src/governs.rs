//! Which items say what an agent may do: who may be judged by a change must not judge it.

use crate::item::ItemId;
use crate::settings::Files;
use definitions::{House, answers_of, load_recorded};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

/// The items that say what `agent` may do, in a house of these files.
///
/// # Errors
/// The files are no house that could be loaded.
pub fn governing(agent: &str, files: &Files) -> Result<BTreeSet<ItemId>, String> {
    house(files).map(|house| governing_in(agent, &house))
}

/// The roles that `agent` takes by its definition, in a house of these files; none where there is no such agent.
///
/// # Errors
/// The files are no house that could be loaded.
pub fn roles(agent: &str, files: &Files) -> Result<BTreeSet<Arc<str>>, String> {
    let house = house(files)?;
    let roles = house.agents.get(agent).map(|agent| agent.roles.iter());
    let roles = roles.into_iter().flatten();
    Ok(roles.map(|role| role.value.clone()).collect())
}

fn house(files: &Files) -> Result<House, String> {
    // Where it lies has nothing to do with it.
    let house = load_recorded(Path::new("/charthouse/recorded"), files);
    house.map_err(|report| report.render(false))
}

/// The house, the agent, the policies that apply to it, its own chart, and the workflows whose roles it takes.
pub fn governing_in(agent: &str, house: &House) -> BTreeSet<ItemId> {
    let mut items = BTreeSet::from([ItemId::House, ItemId::Agent(agent.into())]);
    if let Some(default) = &house.default_policy_name {
        items.insert(ItemId::Policy(default.clone()));
    }
    items.insert(ItemId::Policy(answers_of(agent).into()));
    let Some(agent) = house.agents.get(agent) else {
        return items;
    };
    items.insert(ItemId::Chart(agent.cognition.clone()));
    for (name, chart) in &house.charts {
        if agent
            .roles
            .iter()
            .any(|role| chart.roles.contains_key(&role.value))
        {
            items.insert(ItemId::Chart(name.clone()));
        }
    }
    items
}
