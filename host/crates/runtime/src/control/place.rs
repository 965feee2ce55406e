//! What was released gets into its place: the files of each release that is due, in the house.
//!
//! Record and files are two things, and a process may be killed between them: whoever opens the house next finds a release without `change.effective` and puts
//! its files in place again, which changes nothing that is there already. An emergency that was rejected afterwards gives its place back.

use super::baseline::{keep_old_signature, signature_of};
use super::book::Book;
use super::files::{self, Content, PlaceError, Placed};
use super::marker::begun;
use crate::RuntimeError;
use crate::record::Kind;
use change::{Effective, HeldFile, ItemId, Register, Revision, Standing};
use definitions::Locked;
use journal::{HOUSE_RUN, Journal, NewRecord};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, PluginName, Sha256, Timestamp};

/// Where drafts go that lie in the place of something released, below the house.
pub(super) const DRAFTS: &str = ".charthouse/changes/drafts";
/// The file that pins components.
const LOCK: &str = "house.lock";

/// What was put in place, and what is to be recorded of it.
#[derive(Default)]
pub(crate) struct Placing {
    /// What was done, for each change.
    pub(crate) placed: Vec<Placed>,
    /// The bodies of `change.effective`, each with the run that it is recorded under.
    pub(crate) effective: Vec<(Arc<str>, Json)>,
}

impl Placing {
    /// Whether anything lies otherwise than before.
    pub(crate) fn has_changed(&self) -> bool {
        let files = self.placed.iter().any(|placed| !placed.files.is_empty());
        files || !self.effective.is_empty()
    }
}

/// Whether a record of this kind may put something in force.
pub(crate) fn puts_in_force(kind: &str) -> bool {
    matches!(
        kind,
        "change.released"
            | "change.emergency"
            | "change.rejected"
            | "change.withdrawn"
            | "change.baseline"
    )
}

/// Put the files of every release that is due by `now` into the house in the directory `root`.
///
/// # Errors
/// When the journal cannot be read, or a file cannot be written: what is missing is put in place the next time.
pub(crate) fn place(
    journal: &Journal,
    root: &Path,
    now: Timestamp,
) -> Result<Placing, RuntimeError> {
    if begun(journal, root)?.is_none() {
        return Ok(Placing::default());
    }
    let book = Book::read(journal, root)?;
    Ok(place_by(&book.register, root, now)?)
}

/// The same, and recorded.
///
/// # Errors
/// As [`place`], and when it cannot be recorded.
pub fn put_in_place(
    journal: &mut Journal,
    root: &Path,
    now: Timestamp,
) -> Result<Vec<Placed>, RuntimeError> {
    let placing = place(journal, root, now)?;
    record(journal, &placing, now)?;
    Ok(placing.placed)
}

/// Record what was put in place.
pub(super) fn record(
    journal: &mut Journal,
    placing: &Placing,
    now: Timestamp,
) -> Result<(), RuntimeError> {
    for (run, body) in &placing.effective {
        journal.append(&[NewRecord {
            run,
            time: now,
            kind: Kind::ChangeEffective.name(),
            body: &body.to_string(),
        }])?;
    }
    Ok(())
}

/// Whether anything is released, due by `now`, and not in its place.
///
/// # Errors
/// When the journal cannot be read.
pub fn is_unfinished(journal: &Journal, root: &Path, now: Timestamp) -> Result<bool, RuntimeError> {
    Ok(begun(journal, root)?.is_some() && !Book::read(journal, root)?.register.due(now).is_empty())
}

/// Put in place what `register` says.
pub(super) fn place_by(
    register: &Register,
    root: &Path,
    now: Timestamp,
) -> Result<Placing, PlaceError> {
    let mut placing = Placing::default();
    for due in register.due(now) {
        let placed = put(register, root, &due.items, now, &due.change.to_string())?;
        placing.placed.push(placed);
        let instance = register.change(due.change).map(|change| &change.instance);
        let run = instance.filter(|instance| !instance.is_empty());
        let body = serde_json::to_value(Effective {
            change: due.change,
            items: due.items,
        });
        let run = run.cloned().unwrap_or_else(|| HOUSE_RUN.into());
        // A map with text keys, which always serialises.
        placing.effective.push((run, body.unwrap_or_default()));
    }
    let back = taken_back(register, root);
    if !back.is_empty() {
        placing
            .placed
            .push(put(register, root, &back, now, "taken-back")?);
    }
    Ok(placing)
}

/// Items in whose place lies what was in force in an emergency and was rejected afterwards, or nothing where it took them away. Whatever else lies there is a draft.
fn taken_back(register: &Register, root: &Path) -> Vec<ItemId> {
    let items = register.items().filter_map(|(item, all)| {
        let last = all.last().filter(|last| last.taken_back)?;
        let lies = |file: &HeldFile| {
            let bytes = fs::read(root.join(&*file.file)).ok();
            bytes.is_some_and(|bytes| ContentHash::of(&bytes) == file.hash)
        };
        let before = all.iter().rev().find(|one| !one.taken_back);
        let files = before.map_or(&[][..], |before| &before.files[..]);
        let new = last.files.iter().filter(|file| !files.contains(file));
        let is_gone = last.to == Revision::Absent
            && files.iter().any(|file| !root.join(&*file.file).exists());
        (is_gone || new.clone().any(lies)).then(|| item.clone())
    });
    items.collect()
}

/// The revision of `item` that is to lie on the disk.
pub(super) fn in_place<'r>(
    register: &'r Register,
    item: &ItemId,
    now: Timestamp,
) -> Option<&'r Standing> {
    let all = register.history(item).iter().rev();
    all.into_iter()
        .find(|standing| !standing.taken_back && standing.is_due(now))
}

pub(super) fn put(
    register: &Register,
    root: &Path,
    items: &[ItemId],
    now: Timestamp,
    change: &str,
) -> Result<Placed, PlaceError> {
    let mut wanted: BTreeMap<String, Content> = BTreeMap::new();
    let mut pins: Vec<(PluginName, ContentHash, PathBuf)> = Vec::new();
    // What any item has in its place stays, whichever other item let go of it.
    let kept: BTreeSet<&str> = register
        .items()
        .filter_map(|(item, _)| in_place(register, item, now))
        .filter(|standing| standing.to != Revision::Absent)
        .flat_map(|standing| standing.files.iter().map(|file| &*file.file))
        .collect();
    for item in items {
        for before in register.history(item).iter().flat_map(|one| &one.files) {
            if !kept.contains(&*before.file) {
                wanted.insert(before.file.to_string(), Content::Gone);
            }
        }
        // What was never released but in an emergency that was rejected is not there.
        let standing = in_place(register, item, now);
        let Some(standing) = standing.filter(|standing| standing.to != Revision::Absent) else {
            continue;
        };
        for file in &standing.files {
            let content = content_of(register, root, item, file)?;
            if let (ItemId::Plugin(name), Content::Copy(from, hash)) = (item, &content)
                && let Ok(name) = PluginName::parse(name)
            {
                pins.push((name, *hash, from.clone()));
            }
            wanted.insert(file.file.to_string(), content);
        }
    }
    let (lock, unsigned) = pinned(root, &pins);
    if let Some(lock) = lock {
        wanted.insert(LOCK.into(), Content::Bytes(lock.into_bytes()));
    }
    let known: BTreeSet<(&str, ContentHash)> = register
        .items()
        .flat_map(|(_, all)| all.iter().flat_map(|one| &one.files))
        .map(|file| (&*file.file, file.hash))
        .collect();
    // The lock is the host's own file.
    let known = |file: &str, hash| file == LOCK || known.contains(&(file, hash));
    let placed = files::put(root, &wanted, &known, &format!("{DRAFTS}/{change}"))?;
    Ok(Placed { unsigned, ..placed })
}

/// What `file` of `item` holds: its text out of the register, or a component as it is kept.
fn content_of(
    register: &Register,
    root: &Path,
    item: &ItemId,
    file: &HeldFile,
) -> Result<Content, PlaceError> {
    if !matches!(item, ItemId::Plugin(_)) {
        let text = register.text(&file.hash);
        let text = text.ok_or_else(|| PlaceError::Lost {
            file: file.file.to_string(),
            why: "no record holds its text".into(),
        })?;
        return Ok(Content::Bytes(text.as_bytes().to_vec()));
    }
    let own = root.join(&*file.file);
    Ok(Content::Copy(
        component(root, file.stored.as_deref(), file.hash).unwrap_or(own),
        file.hash,
    ))
}

/// Where a component with the content `hash` is kept: with its change, or in the code cache.
pub(super) fn component(root: &Path, stored: Option<&str>, hash: ContentHash) -> Option<PathBuf> {
    let sound = |stored: &&str| {
        stored.starts_with(".charthouse/changes/") && !stored.split('/').any(|part| part == "..")
    };
    let stored = stored.filter(sound).map(|stored| root.join(stored));
    let cached = root.join(format!(".charthouse/cache/{hash}.wasm"));
    let kept = stored.into_iter().chain([cached]);
    kept.into_iter().find(|path| path.is_file())
}

/// The text of `house.lock` with the components `pins` pinned, where it pins them otherwise; and the plugins of which it had a signature and has none now.
fn pinned(
    root: &Path,
    pins: &[(PluginName, ContentHash, PathBuf)],
) -> (Option<String>, Vec<String>) {
    let mut unsigned = Vec::new();
    let Some(found) = definitions::load_plugins(root).ok() else {
        return (None, unsigned);
    };
    let Some(mut lock) = found.lock else {
        return (None, unsigned);
    };
    let mut changed = false;
    for (name, _, from) in pins {
        let Some(locked) = lock.plugins.get_mut(name) else {
            continue;
        };
        let Ok(bytes) = fs::read(from) else { continue };
        let sha256 = Sha256::of(&bytes);
        if locked.sha256 != sha256 {
            let inside = from.strip_prefix(root).unwrap_or(from);
            let signature = signature_of(from);
            if let (Some(old), Some(plugin)) = (&locked.signature, found.plugins.get(name)) {
                // Should what lies there be put back one day, its signature is needed again.
                keep_old_signature(root, &plugin.component.path, old);
            }
            if locked.signature.is_some() && signature.is_none() {
                unsigned.push(name.to_string());
            }
            *locked = Locked {
                sha256,
                size: bytes.len() as u64,
                source: inside.to_string_lossy().into_owned(),
                manifest: None,
                signature,
            };
            changed = true;
        }
    }
    (changed.then(|| lock.text()), unsigned)
}
