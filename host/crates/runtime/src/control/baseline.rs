//! The baseline: everything that a house is made of when its control begins, with all its texts.
//!
//! Components are no texts: they are kept by their content below `.charthouse/changes`, where no mount shows them, so that each can be put back.

use super::found::{Found, content_now};
use change::{BaselineRecord, FileRecord, ItemId, Items, items_of};
use definitions::House;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use types::{ContentHash, PluginName, Signature};

/// Where components are kept by their content, below the house.
const COMPONENTS: &str = ".charthouse/changes/components";

/// Why no baseline can be made.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// Something that belongs to an item cannot be read.
    #[error("{item} names {file}, which cannot be read")]
    Missing {
        /// The item.
        item: ItemId,
        /// The file.
        file: String,
    },
    /// It is no text, and no component.
    #[error("{file}, a part of {item}, is not text (UTF-8)")]
    NoText {
        /// The item.
        item: ItemId,
        /// The file.
        file: String,
    },
    /// A component cannot be kept.
    #[error("{} cannot be kept: {source}", path.display())]
    Keep {
        /// Which.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// What `house` is made of, as `change.baseline` has it: every item with its files. What is signed is the body that this goes into.
///
/// # Errors
/// When something cannot be read or kept.
pub fn baseline(house: House) -> Result<Vec<BaselineRecord>, BaselineError> {
    let root = house.root.clone();
    let Found { house, .. } = Found::of(house, content_now);
    let plugins: BTreeMap<PluginName, ContentHash> = house
        .plugins
        .iter()
        .filter_map(|(name, plugin)| Some((name.clone(), content_now(&plugin.component.path)?)))
        .collect();
    let Items { items } = items_of(&house, &plugins);
    let mut records = Vec::with_capacity(items.len());
    for (item, parts) in items {
        if let Some(file) = parts.missing.first() {
            return Err(BaselineError::Missing {
                item,
                file: file.to_string(),
            });
        }
        let mut files = Vec::with_capacity(parts.files.len());
        for (file, hash) in parts.files {
            files.push(match &item {
                ItemId::Plugin(name) => {
                    let name = PluginName::parse(name).ok();
                    let path =
                        name.and_then(|name| Some(&house.plugins.get(&name)?.component.path));
                    let path = path.cloned().unwrap_or_else(|| root.join(&*file));
                    FileRecord {
                        file,
                        hash,
                        text: None,
                        stored: Some(store(&root, &path, hash)?),
                    }
                }
                item => {
                    let text = house
                        .held(&file)
                        .and_then(|bytes| String::from_utf8(bytes.to_vec()).ok());
                    FileRecord {
                        text: Some(text.ok_or_else(|| BaselineError::NoText {
                            item: item.clone(),
                            file: file.to_string(),
                        })?),
                        file,
                        hash,
                        stored: None,
                    }
                }
            });
        }
        records.push(BaselineRecord {
            item,
            to: parts.revision,
            files,
        });
    }
    Ok(records)
}

/// Keep the component at `from`, whose content is `hash`; where, relative to the house in the directory `root`. For whoever implements a change of one, too.
///
/// # Errors
/// When it cannot be read or written, or holds something else by now.
pub fn store(root: &Path, from: &Path, hash: ContentHash) -> Result<String, BaselineError> {
    let kept = format!("{COMPONENTS}/{hash}.wasm");
    let path = root.join(&kept);
    keep_signature(root, from, &path)?;
    if content_now(&path) == Some(hash) {
        return Ok(kept);
    }
    let failed = |source| BaselineError::Keep {
        path: from.to_owned(),
        source,
    };
    let bytes = fs::read(from).map_err(failed)?;
    if ContentHash::of(&bytes) != hash {
        return Err(failed(std::io::Error::other("it changed meanwhile")));
    }
    let folder = root.join(COMPONENTS);
    fs::create_dir_all(&folder).map_err(failed)?;
    let fresh = folder.join(format!(".{hash}.{}.new", std::process::id()));
    fs::write(&fresh, &bytes)
        .and_then(|()| fs::File::open(&fresh)?.sync_all())
        .and_then(|()| fs::rename(&fresh, &path))
        .map_err(failed)?;
    Ok(kept)
}

/// Where the signature of the component at `path` lies: the same name with `.sig` behind it.
pub(super) fn signature_beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    name.into()
}

/// The author's signature that lies beside the component at `path`, where there is one that can be read.
pub(crate) fn signature_of(path: &Path) -> Option<Signature> {
    let bytes = fs::read(signature_beside(path)).ok()?;
    Signature::read(&bytes).ok()
}

/// Keep `signature`, of the component at `path`, with that component as it is kept, if it is. Where that fails it has to be given again.
pub(super) fn keep_old_signature(root: &Path, path: &Path, signature: &Signature) {
    let kept = content_now(path).map(|hash| root.join(format!("{COMPONENTS}/{hash}.wasm")));
    if let Some(kept) = kept.filter(|kept| kept.is_file()) {
        let _ = fs::write(signature_beside(&kept), signature.to_string());
    }
}

/// Keep what is beside `from` beside `path` too. Whether it holds is looked at by whoever uses the component.
fn keep_signature(root: &Path, from: &Path, path: &Path) -> Result<(), BaselineError> {
    let Some(signature) = signature_of(from) else {
        return Ok(());
    };
    let failed = |source| BaselineError::Keep {
        path: signature_beside(from),
        source,
    };
    fs::create_dir_all(root.join(COMPONENTS)).map_err(failed)?;
    fs::write(signature_beside(path), signature.to_string()).map_err(failed)
}
