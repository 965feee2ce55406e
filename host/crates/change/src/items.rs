//! Which items a house consists of, and the files of each.

use crate::item::{ItemId, Revision};
use context::{ChunkDef, Source, Template};
use definitions::{AgentDef, ChartBundle, House};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{ContentHash, PluginName};

/// The files of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Its revision.
    pub revision: Revision,
    /// Its files with their hashes, sorted. A text that two items name is a part of both.
    pub files: Vec<(Arc<str>, ContentHash)>,
    /// Files that it names and that cannot be read: its revision says so.
    pub missing: Vec<Arc<str>>,
}

/// The items of a house.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Items {
    /// By their ids.
    pub items: BTreeMap<ItemId, Parts>,
}

impl Items {
    /// The revision of `item`; absent where it is not among them.
    pub fn revision(&self, item: &ItemId) -> Revision {
        self.items
            .get(item)
            .map_or(Revision::Absent, |parts| parts.revision)
    }

    /// All revisions.
    pub fn revisions(&self) -> BTreeMap<ItemId, Revision> {
        let items = self.items.iter();
        items
            .map(|(item, parts)| (item.clone(), parts.revision))
            .collect()
    }

    /// The items that `file` is a part of.
    pub fn owners<'a>(&'a self, file: &'a str) -> impl Iterator<Item = &'a ItemId> {
        let items = self.items.iter();
        items.filter_map(move |(item, parts)| {
            let named = parts.files.iter().any(|(name, _)| **name == *file);
            (named || parts.missing.iter().any(|name| **name == *file)).then_some(item)
        })
    }
}

/// The items of `house`, whose components have the content `plugins`. A plugin whose content is not known has a revision that nobody can have released.
pub fn items_of(house: &House, plugins: &BTreeMap<PluginName, ContentHash>) -> Items {
    let known: BTreeMap<Arc<str>, ContentHash> = house
        .controlled_files()
        .into_iter()
        .map(|file| (file.name, file.hash))
        .collect();
    let mut items = Items::default();
    let mut add = |item: ItemId, files: BTreeSet<Arc<str>>| {
        items.items.insert(item, parts(&known, files));
    };
    add(ItemId::House, house_files(house));
    for agent in house.agents.values() {
        add(ItemId::Agent(agent.name.clone()), agent_files(agent));
    }
    for (name, chart) in &house.charts {
        add(ItemId::Chart(name.clone()), chart_files(chart));
    }
    for (name, file) in &house.policy_files {
        add(ItemId::Policy(name.clone()), [file.clone()].into());
    }
    for (name, plugin) in &house.plugins {
        let path = &plugin.component.path;
        let file = path.strip_prefix(&house.root).unwrap_or(path);
        let file: Arc<str> = slashed(file).into();
        let content = plugins.get(name).copied();
        let parts = Parts {
            revision: match content {
                Some(hash) => Revision::Content(hash),
                None => unreadable(std::slice::from_ref(&file)),
            },
            files: content
                .map(|hash| (file.clone(), hash))
                .into_iter()
                .collect(),
            missing: content.is_none().then_some(file).into_iter().collect(),
        };
        items
            .items
            .insert(ItemId::Plugin(name.as_str().into()), parts);
    }
    items
}

/// The revision of what cannot be read: equal to nothing that can be.
fn unreadable(missing: &[Arc<str>]) -> Revision {
    let text = format!("cannot be read\0{}", missing.join("\0"));
    Revision::Content(ContentHash::of(text.as_bytes()))
}

fn parts(known: &BTreeMap<Arc<str>, ContentHash>, names: BTreeSet<Arc<str>>) -> Parts {
    let (mut files, mut missing) = (Vec::new(), Vec::new());
    for name in names {
        match known.get(&name) {
            Some(hash) => files.push((name, *hash)),
            None => missing.push(name),
        }
    }
    let revision = match missing.is_empty() {
        true => Revision::of(files.iter().map(|(name, hash)| (&**name, *hash))),
        false => unreadable(&missing),
    };
    Parts {
        revision,
        files,
        missing,
    }
}

fn house_files(house: &House) -> BTreeSet<Arc<str>> {
    let signers = house.plugins.values();
    let keys = signers.filter_map(|plugin| Some(plugin.component.signer.as_ref()?.file.clone()));
    let mut files: BTreeSet<Arc<str>> = keys.collect();
    files.insert("house.yaml".into());
    files.extend(house.scripts());
    files
}

fn agent_files(agent: &AgentDef) -> BTreeSet<Arc<str>> {
    let mut files = texts(&agent.context.chunks);
    files.insert(agent.place.file.clone());
    files
}

fn chart_files(chart: &ChartBundle) -> BTreeSet<Arc<str>> {
    let mut files = BTreeSet::from([chart.place.file.clone()]);
    files.extend(chart.context.iter().flat_map(|chunks| texts(chunks)));
    files
}

fn texts(chunks: &[ChunkDef]) -> BTreeSet<Arc<str>> {
    let named = chunks.iter().filter_map(|chunk| match &chunk.source {
        Source::File(file) | Source::Template(Template::File(file)) => {
            Some(file.value.as_str().into())
        }
        _ => None,
    });
    named.collect()
}

fn slashed(path: &std::path::Path) -> String {
    let parts: Vec<_> = path
        .components()
        .map(|part| part.as_os_str().to_string_lossy())
        .collect();
    match path.is_absolute() {
        true => format!("/{}", parts[1..].join("/")),
        false => parts.join("/"),
    }
}
