//! The way back from drafts: what is released and in force lies in its place again, and what lay there instead is kept aside.
//!
//! Items that no change has made are drafts as a whole: their files go aside, too.

use super::book::Book;
use super::files::{self, Content, PlaceError, Placed};
use super::place::{DRAFTS, in_place, put};
use crate::RuntimeError;
use change::{ChangeNumber, ItemId, Register, Revision, items_of};
use journal::Journal;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use types::Timestamp;

/// The folder for them.
const RESTORED: &str = "restored";

/// A file that lies otherwise than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Back {
    /// The file, relative to the house.
    pub file: String,
    /// The item and the change that released it so; none for what was taken away, and for the host's own file.
    pub released: Option<(ItemId, ChangeNumber)>,
    /// Whether it lies there now.
    pub is_there: bool,
    /// Whether it had been missing.
    pub was_missing: bool,
    /// Where the draft is that lay there.
    pub kept: Option<String>,
}

/// What [`restore`] has done.
#[derive(Debug, Default)]
pub struct Restored {
    /// What lies otherwise.
    pub back: Vec<Back>,
    /// The same as for a release.
    pub placed: Placed,
}

/// Put back what is in force by `now` in the house in the directory `root`: all of it, or `only` these items.
///
/// # Errors
/// When the journal cannot be read, or a file cannot be written.
pub fn restore(
    journal: &Journal,
    root: &Path,
    now: Timestamp,
    only: &BTreeSet<ItemId>,
) -> Result<Restored, RuntimeError> {
    let register = Book::read(journal, root)?.register;
    let wanted = |item: &&ItemId| only.is_empty() || only.contains(*item);
    let items: Vec<ItemId> = register
        .items()
        .map(|(item, _)| item)
        .filter(wanted)
        .cloned()
        .collect();
    let released = || {
        let standing = items.iter().filter_map(|item| {
            let standing = in_place(&register, item, now)?;
            (standing.to != Revision::Absent).then_some((item, standing))
        });
        standing.flat_map(|(item, standing)| {
            let of = (item, standing.change);
            standing.files.iter().map(move |file| (&*file.file, of))
        })
    };
    let missing: BTreeSet<&str> = released()
        .map(|(file, _)| file)
        .filter(|file| !root.join(file).exists())
        .collect();
    let mut placed = put(&register, root, &items, now, RESTORED)?;
    let strays = strays(&register, root, only)?;
    placed.files.extend(strays.files);
    placed.set_aside.extend(strays.set_aside);
    let back = placed.files.iter().map(|file| Back {
        released: released()
            .find(|(name, _)| name == file)
            .map(|(_, (item, change))| (item.clone(), change)),
        is_there: root.join(file).exists(),
        was_missing: missing.contains(file.as_str()),
        kept: placed
            .set_aside
            .iter()
            .find(|(name, _)| name == file)
            .map(|(_, kept)| kept.clone()),
        file: file.clone(),
    });
    Ok(Restored {
        back: back.collect(),
        placed,
    })
}

/// Definitions of items that were never released. Where the house cannot be read, there is no telling which they are.
fn strays(register: &Register, root: &Path, only: &BTreeSet<ItemId>) -> Result<Placed, PlaceError> {
    let Ok(house) = definitions::load(root) else {
        return Ok(Placed::default());
    };
    let items = items_of(&house, &BTreeMap::new());
    let known: BTreeSet<&str> = register
        .items()
        .flat_map(|(_, all)| {
            all.iter()
                .filter(|one| one.to != Revision::Absent)
                .flat_map(|one| &one.files)
        })
        .map(|file| &*file.file)
        .collect();
    let strays = items.items.iter().filter(|(item, _)| {
        register.history(item).is_empty() && (only.is_empty() || only.contains(*item))
    });
    let files = strays.flat_map(|(_, parts)| parts.files.iter().map(|(file, _)| file));
    let files = files.filter(|file| !known.contains(&***file));
    let gone: BTreeMap<String, Content> = files
        .map(|file| (file.to_string(), Content::Gone))
        .collect();
    files::put(root, &gone, &|_, _| false, &format!("{DRAFTS}/{RESTORED}"))
}
