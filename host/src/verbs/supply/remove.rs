//! `plugin remove`: out of the house and out of its lock.

use super::{HOUSE, LOCK, PLUGINS, definition, plugin_of};
use crate::cli::PluginRemove;
use crate::exit::{Failure, NOT_SO};
use crate::print;
use crate::supply::Change;
use definitions::without_plugin;
use types::PluginName;

pub fn remove(options: &PluginRemove) -> Result<u8, Failure> {
    let mut change = Change::begin(&options.house.house)?;
    if let Some(name) = pinned_only(&change, &options.name) {
        let mut lock = change.lock();
        lock.plugins.remove(&name);
        change.write(LOCK, &lock.text())?;
        change.finish()?;
        print::out(&format!("removed {name} from house.lock\n"))?;
        return Ok(0);
    }
    let name = plugin_of(&change, &options.name)?;
    let root = change.root().to_owned();
    let text = without_plugin(&change.house_text()?, &name).map_err(|by_hand| {
        Failure::new(
            NOT_SO,
            "this house.yaml is written in a way that nothing can be taken out of",
        )
        .help(format!("{by_hand}; nothing was changed"))
    })?;
    let component = definition(&change, &name)?.component.path;
    let shared = change
        .plugins
        .plugins
        .iter()
        .any(|(other, plugin)| *other != name && plugin.component.path == component);
    let goes = !options.keep_file && !shared && component.starts_with(root.join(PLUGINS));
    change.write(HOUSE, &text)?;
    let mut lock = change.lock();
    if lock.plugins.remove(&name).is_some() {
        change.write(LOCK, &lock.text())?;
    }
    if goes {
        change.remove(&component)?;
    }
    change.finish()?;
    let shown = component
        .strip_prefix(&root)
        .unwrap_or(&component)
        .display();
    print::out(&match goes {
        true => format!("removed {name} and {shown}\n"),
        false => format!("removed {name}; {shown} stays where it is\n"),
    })?;
    Ok(0)
}

/// The plugin `named`, where `house.lock` has it and `house.yaml` no longer.
fn pinned_only(change: &Change, named: &str) -> Option<PluginName> {
    let name = PluginName::parse(named).ok()?;
    let known = change.plugins.plugins.contains_key(&name);
    (!known && change.lock().plugins.contains_key(&name)).then_some(name)
}
