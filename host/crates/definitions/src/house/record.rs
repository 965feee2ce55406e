//! Cassettes that providers are recorded on. The host writes them, so nothing that the house is made of may lie where one shall.

use super::HouseFile;
use crate::paths::Paths;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::Walk;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::{Path, PathBuf};
use types::ProviderKind;

/// Folders that the host reads whole: what is written there would be read as a definition, a component or a scenario.
const READ: [&str; 5] = ["agents", "charts", "policies", "plugins", "scenarios"];
/// What SQLite and the journal put beside a store.
const BESIDE_STORE: [&str; 6] = ["", "-wal", "-shm", "-journal", "-head", "-host"];

/// The path under `record`: inside the house, and not among what the host reads.
pub(super) fn path(walk: &mut Walk, node: &Node, paths: &Paths) -> Option<PathBuf> {
    let written = walk.marked(node, "`record`")?;
    let path = paths.to_write(walk, &written, "for instance `cassettes/local.jsonl`")?;
    let relative = path.strip_prefix(paths.root()).unwrap_or(&path);
    let folder = relative.iter().next().and_then(|first| first.to_str());
    let folder = folder.filter(|folder| READ.contains(folder));
    if let Some(folder) = folder {
        walk.error(
            &node.place,
            format!(
                "`{}` lies where the host looks for its own {folder}",
                shown(&written)
            ),
            "record into a folder of its own, for instance `cassettes/local.jsonl`",
        );
        return None;
    }
    Some(path)
}

/// Complain of every cassette that would be written into something else: what `house` itself names, one of the `texts` of chunks (relative to the house), or
/// another provider's cassette. A cassette that is played may be recorded on: what is recorded goes to its end.
pub(crate) fn check<'a>(
    walk: &mut Walk,
    house: &HouseFile,
    texts: impl Iterator<Item = &'a String>,
    paths: &Paths,
) {
    if house.records.is_empty() {
        return;
    }
    let mut used: HashMap<PathBuf, String> = HashMap::new();
    let mut add = |path: PathBuf, what: &str| {
        let path = path.canonicalize().unwrap_or(path);
        used.entry(path).or_insert_with(|| what.to_owned());
    };
    for name in ["house.yaml", "house.lock"] {
        add(paths.root().join(name), "a definition");
    }
    for suffix in BESIDE_STORE {
        let mut store = house.store.clone().into_os_string();
        store.push(suffix);
        add(store.into(), "the house's store");
    }
    for plugin in house.plugins.values() {
        add(plugin.component.path.clone(), "a plugin");
    }
    for file in texts {
        add(paths.root().join(file), "the text of a chunk");
    }
    for provider in house.providers.values() {
        if let ProviderKind::Scripted { file } = &provider.kind {
            add(
                file.clone(),
                &format!("what `{}` answers from", shown(&provider.name)),
            );
        }
    }
    for (name, place) in &house.records {
        let Some(record) = house.providers.get(name).and_then(|p| p.record.as_ref()) else {
            continue;
        };
        match used.entry(record.clone()) {
            Entry::Occupied(used) => {
                let cassette = shown_in(record, paths.root());
                let what = used.get();
                walk.error(
                    place,
                    format!("`{cassette}` is {what}, and recording would overwrite it"),
                    "record onto another file, for instance `cassettes/local.jsonl`",
                );
            }
            Entry::Vacant(free) => {
                free.insert(format!("the cassette of `{}`", shown(name)));
            }
        }
    }
}

fn shown_in(path: &Path, root: &Path) -> String {
    shown(&path.strip_prefix(root).unwrap_or(path).to_string_lossy())
}
