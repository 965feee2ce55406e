//! The plugins of a house and nothing else of it: what changing them needs.
//!
//! Only `house.yaml` and `house.lock` must be in order for that. An agent may name a plugin that is about to be added, and a component may be missing that is
//! about to be fetched.

use crate::house::PluginDef;
use crate::load::{directory, has_errors, read_house};
use crate::lock::{self, Lock};
use crate::paths::Paths;
use crate::report::Report;
use crate::resolve::Definitions;
use crate::walk::Walk;
use indexmap::IndexMap;
use std::path::{Path, PathBuf};
use types::PluginName;

/// What a house says of its plugins.
#[derive(Clone, Debug, PartialEq)]
pub struct HousePlugins {
    /// The house's directory; canonical.
    pub root: PathBuf,
    /// The plugins by name; their components may be missing.
    pub plugins: IndexMap<PluginName, PluginDef>,
    /// What is pinned; `None` where there is no `house.lock`.
    pub lock: Option<Lock>,
}

/// The plugins of the house in the directory `root`.
///
/// # Errors
/// What is wrong with `house.yaml` or `house.lock`.
pub fn load_plugins(root: &Path) -> Result<HousePlugins, Report> {
    let mut walk = Walk::default();
    let found = read(&mut walk, root);
    match found {
        Some(found) if !has_errors(&walk) => Ok(found),
        _ => Err(Report::new(walk.findings, walk.sources)),
    }
}

fn read(walk: &mut Walk, root: &Path) -> Option<HousePlugins> {
    let root = directory(walk, root)?;
    let paths = Paths::new(root.clone()).without_components();
    let mut definitions = Definitions::default();
    let (mut house, _) = read_house(walk, &paths, &mut definitions)?;
    let lock = lock::read(walk, &paths, &mut definitions.files);
    lock::attach(walk, &mut house, lock);
    Some(HousePlugins {
        root,
        plugins: house.plugins,
        lock: house.lock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_agents_nor_components_need_be_in_order() {
        let directory = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = directory.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        write(
            "house.yaml",
            "house: h\nplugins: { gone: plugins/gone.wasm }\n",
        );
        write("agents/a.yaml", "agent: [\n");
        assert!(crate::load(directory.path()).is_err());
        let found = load_plugins(directory.path()).unwrap();
        let gone = &found.plugins[&PluginName::parse("gone").unwrap()];
        assert_eq!(gone.component.path, found.root.join("plugins/gone.wasm"));
        write("house.lock", "lock: 2\n");
        let report = load_plugins(directory.path()).unwrap_err().render(false);
        assert!(report.contains("version 2"), "{report}");
    }
}
