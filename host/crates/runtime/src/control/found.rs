//! What lies in a house, read once: the bytes that are looked at here are the bytes that are loaded.
//!
//! Definitions were read when the house was; texts of chunks, scripts and cassettes are read here and held, so that whoever writes to them afterwards writes to nothing
//! that is used. Components go by their content, which the sandbox compares with what it maps.

use super::Revisions;
use crate::Services;
use change::{ItemId, Revision, items_of};
use definitions::House;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, PluginName, ProviderKind, Released};

/// Where scripts and cassettes are kept by their content, below the house.
const HELD: &str = ".charthouse/changes/held";

/// A house whose texts are held, and the revisions that it is made of.
pub(super) struct Found {
    pub(super) house: House,
    pub(super) revisions: Revisions,
}

impl Found {
    /// Hold the texts of `house`, and say what it is made of; `content` tells the content of a component's file.
    pub(super) fn of(mut house: House, content: impl Fn(&Path) -> Option<ContentHash>) -> Self {
        let files = house.controlled_files();
        house.hold(files);
        let plugins: BTreeMap<PluginName, ContentHash> = house
            .plugins
            .iter()
            .filter_map(|(name, plugin)| Some((name.clone(), content(&plugin.component.path)?)))
            .collect();
        let revisions = items_of(&house, &plugins).revisions();
        Found { house, revisions }
    }

    /// The hash of all of it.
    pub(super) fn hash(&self) -> ContentHash {
        hash_of(&self.revisions)
    }

    /// The same house as whoever runs it gets it: its components must have the contents that were found, and its scripts are copies that nobody writes to.
    ///
    /// # Errors
    /// When a script cannot be kept.
    pub(super) fn released(self) -> std::io::Result<(House, Revisions)> {
        let Found {
            mut house,
            revisions,
        } = self;
        for (name, plugin) in &mut house.plugins {
            let revision = revisions.get(&ItemId::Plugin(name.as_str().into()));
            plugin.component.released = Some(must_be(name, revision.and_then(|one| one.hash())));
        }
        hold_scripts(&mut house)?;
        Ok((house, revisions))
    }
}

/// That the plugin `name` must have this content.
pub(super) fn must_be(name: &PluginName, content: Option<ContentHash>) -> Released {
    Released {
        content,
        why: format!(
            "the house is controlled; `charthouse change history plugin:{name}` says what is released, and `charthouse change request --item plugin:{name} …` asks for another"
        )
        .into(),
    }
}

/// The content of a component's file as `services` know it.
pub(super) fn content(services: &Services) -> impl Fn(&Path) -> Option<ContentHash> {
    let sandbox = services.sandbox.clone();
    move |path| sandbox.content_of(path)
}

/// The content of a component's file, read now.
pub(super) fn content_now(path: &Path) -> Option<ContentHash> {
    fs::read(path).ok().map(|bytes| ContentHash::of(&bytes))
}

/// The hash of `revisions`.
pub(super) fn hash_of(revisions: &Revisions) -> ContentHash {
    let mut all = String::new();
    for (item, revision) in revisions {
        all.push_str(&format!("{item} {revision}\n"));
    }
    ContentHash::of(all.as_bytes())
}

/// Have providers answer from copies of the scripts and cassettes that were held.
fn hold_scripts(house: &mut House) -> std::io::Result<()> {
    let names = house.scripts();
    let held: Vec<(PathBuf, Arc<[u8]>)> = names
        .iter()
        .filter_map(|name| Some((house.root.join(&**name), house.held(name)?.clone())))
        .collect();
    let folder = house.root.join(HELD);
    for provider in house.providers.values_mut() {
        let (ProviderKind::Scripted { file } | ProviderKind::Replay { file }) = &mut provider.kind
        else {
            continue;
        };
        let bytes = held.iter().find(|(path, _)| path == file);
        // One that could not be read is refused where it is opened.
        let Some((_, bytes)) = bytes else { continue };
        let hash = ContentHash::of(bytes);
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        let kept = folder.join(format!("{hash}-{name}"));
        if content_now(&kept) != Some(hash) {
            fs::create_dir_all(&folder)?;
            let fresh = folder.join(format!(".{hash}.{}.new", std::process::id()));
            fs::write(&fresh, bytes)?;
            fs::rename(&fresh, &kept)?;
        }
        *file = kept;
    }
    Ok(())
}

/// A plugin's item with this content, as something that was found.
pub(super) fn of_plugin(name: &PluginName, content: Option<ContentHash>) -> Revisions {
    let item = ItemId::Plugin(name.as_str().into());
    BTreeMap::from([(item, Revision::from(content))])
}
