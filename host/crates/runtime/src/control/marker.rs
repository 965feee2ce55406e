//! Where the records of a controlled house are: said at a place that no definition chooses.
//!
//! `house.yaml` names the store, and the one that lies there may be a draft: with another store it would have another history, or none. So the house marks, when
//! control begins, which baseline it began with, and whoever comes in with a journal that does not hold that baseline is refused. The marker bears a seal that
//! takes the house's key, as what the gate keeps of a start does; where that key cannot be read, the baseline that is named must be there all the same.
//!
//! It also counts the records of changes, after each act: one that is taken out of the store afterwards is missed by whoever reads them. It may be behind, after a kill
//! or where only something was refused, put in place or said of keys, until the next act or start; and it is never ahead.

use super::book::has_baseline;
use super::refused::NotReleased;
use super::tally::Tally;
use crate::RuntimeError;
use journal::{Journal, RecordId};
use serde::{Deserialize, Serialize};
use sign::{Keyring, Signer};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use types::ContentHash;

/// Where the marker lies, below the house.
const MARKER: &str = ".charthouse/controlled";

/// That control of a house began.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Marker {
    said: Said,
    /// The house's seal on it.
    seal: ContentHash,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Said {
    /// The store, relative to the house where it lies in it.
    store: String,
    /// The record of the baseline.
    baseline: u64,
    /// Its hash, which is one of the whole chain before it.
    hash: ContentHash,
    /// The records of changes; older versions did not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    changes: Option<Tally>,
}

/// That control began by the records of a journal.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Begun {
    /// The records of changes as they were counted where the house is marked as having begun there. One that was controlled before they were counted is not.
    pub(super) marked: Option<Tally>,
}

/// Whether control ever began in the house in the directory `root`, whose journal is `journal`: a look for the marker, and one into the journal.
///
/// # Errors
/// When the house is marked, and `journal` is not the one that it began with; when it cannot be read.
pub(super) fn begun(journal: &Journal, root: &Path) -> Result<Option<Begun>, RuntimeError> {
    match held(journal, root)? {
        Some(marker) => {
            let is_here = marker.said.store == shown(root, journal.path());
            Ok(Some(Begun {
                marked: marker.said.changes.filter(|_| is_here),
            }))
        }
        None => Ok(has_baseline(journal)?.then_some(Begun { marked: None })),
    }
}

/// That no record of a change is missing in `journal`, of those that were counted for the house in the directory `root`.
///
/// # Errors
/// [`JournalError::Corrupt`] where one is; and as [`begun`].
pub(super) fn must_be_whole(journal: &Journal, root: &Path) -> Result<(), RuntimeError> {
    // Whether it is the journal of this house at all is told by whoever opens it.
    match read(root)? {
        Some(Marker { said, .. }) if is_there(journal, &said)? => match said.changes {
            Some(tally) => tally.must_hold(journal),
            None => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Whether `journal` may be the one of the house in the directory `root`.
///
/// # Errors
/// When the house is marked as controlled by another; when it cannot be read.
pub fn belongs(journal: &Journal, root: &Path) -> Result<(), RuntimeError> {
    held(journal, root).map(drop)
}

/// The same for whoever seals the marker anew, because the house's key is lost: only whether `journal` holds the baseline that it names.
///
/// # Errors
/// As [`belongs`].
pub fn belongs_unsealed(journal: &Journal, root: &Path) -> Result<(), RuntimeError> {
    must_be_there(journal, root, said(root)?).map(drop)
}

/// Whether the house in the directory `root` may have no journal at `store`.
///
/// # Errors
/// When it is marked as controlled: then there must be one.
pub fn may_be_absent(root: &Path, store: &Path) -> Result<(), RuntimeError> {
    match read(root)? {
        None => Ok(()),
        Some(marker) => {
            let why = format!("{} is not there", shown(root, store));
            Err(elsewhere(&marker.said, why).into())
        }
    }
}

/// Whether the house in the directory `root` is marked as controlled, however that marker reads.
pub fn is_marked(root: &Path) -> bool {
    root.join(MARKER).symlink_metadata().is_ok()
}

/// Mark the house in the directory `root` as controlled since the record `baseline` of `journal`, with the seal of `key`; nothing is done where that is so.
///
/// # Errors
/// When the journal cannot be read, or the marker not be written.
pub(super) fn mark(
    journal: &Journal,
    root: &Path,
    baseline: u64,
    key: &Signer,
) -> Result<(), RuntimeError> {
    let Some(record) = journal.record(RecordId(baseline))? else {
        return Ok(());
    };
    // What was counted before is still there: nobody counts anew what somebody has taken records out of.
    must_be_whole(journal, root)?;
    let said = Said {
        store: shown(root, journal.path()),
        baseline,
        hash: record.hash,
        changes: Some(Tally::of(journal)?),
    };
    let seal = said.sealed(key);
    let marker = Marker { said, seal };
    let path = root.join(MARKER);
    if read(root).ok().flatten().as_ref() == Some(&marker) {
        return Ok(());
    }
    write(&path, &marker).map_err(|source| super::PlaceError::Io { path, source }.into())
}

/// Count the records of changes anew for the house in the directory `root`, after some were written; nothing is done where it is not marked.
///
/// # Errors
/// As [`mark`], and when the marker cannot be used.
pub(super) fn count(journal: &Journal, root: &Path, key: &Signer) -> Result<(), RuntimeError> {
    match held(journal, root)? {
        Some(marker) => mark(journal, root, marker.said.baseline, key),
        None => Ok(()),
    }
}

/// Seal the marker of the house in the directory `root` with `key`, which is the house's from now on. Whoever does so has looked before whether the journal is the one
/// that it names ([`belongs_unsealed`]).
///
/// # Errors
/// When it cannot be read or written.
pub fn seal_anew(root: &Path, key: &Signer) -> Result<(), RuntimeError> {
    let path = root.join(MARKER);
    let Some(marker) = said(root)? else {
        return Ok(());
    };
    let (said, seal) = (marker.said.clone(), marker.said.sealed(key));
    write(&path, &Marker { said, seal })
        .map_err(|source| super::PlaceError::Io { path, source }.into())
}

impl Said {
    fn sealed(&self, key: &Signer) -> ContentHash {
        // Fields in their order, which always serialise; the words before them keep it apart from other seals.
        let mut bytes = b"control ".to_vec();
        bytes.extend(serde_json::to_vec(self).unwrap_or_default());
        key.seal(&bytes)
    }
}

/// The marker of the house in the directory `root`, where it has one, and `journal` is as it says.
fn held(journal: &Journal, root: &Path) -> Result<Option<Marker>, RuntimeError> {
    must_be_there(journal, root, read(root)?)
}

fn must_be_there(
    journal: &Journal,
    root: &Path,
    marker: Option<Marker>,
) -> Result<Option<Marker>, RuntimeError> {
    let Some(marker) = marker else {
        return Ok(None);
    };
    let said = &marker.said;
    match is_there(journal, said)? {
        true => Ok(Some(marker)),
        false => {
            let why = format!("{} does not hold it", shown(root, journal.path()));
            Err(elsewhere(said, why).into())
        }
    }
}

/// Whether `journal` holds the baseline that the marker names. What it says is proven by whoever folds it; here it is only looked for.
fn is_there(journal: &Journal, said: &Said) -> Result<bool, RuntimeError> {
    let there = journal.record(RecordId(said.baseline))?;
    Ok(there.is_some_and(|there| there.hash == said.hash && there.kind == "change.baseline"))
}

/// The marker, where there is one. One that cannot be read, or is not sealed as the house's key seals, says nothing, and nobody is let in by it.
fn read(root: &Path) -> Result<Option<Marker>, NotReleased> {
    let Some(marker) = said(root)? else {
        return Ok(None);
    };
    let key = Keyring::of_house(root).house_if_any().unwrap_or(None);
    match key.is_none_or(|key| marker.said.sealed(&key) == marker.seal) {
        true => Ok(Some(marker)),
        false => Err(unsound("it is not sealed with the key of this house")),
    }
}

/// The same, whoever sealed it.
fn said(root: &Path) -> Result<Option<Marker>, NotReleased> {
    let path = root.join(MARKER);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && !is_marked(root) => {
            return Ok(None);
        }
        Err(error) => return Err(unsound(&error.to_string())),
    };
    serde_json::from_slice(&bytes)
        .map(Some)
        .map_err(|_| unsound("it is not one that charthouse wrote"))
}

fn elsewhere(said: &Said, why: String) -> NotReleased {
    NotReleased::elsewhere(
        format!(
            "the records of this house are not where house.yaml says: it is controlled since record {} of {}, and {why}",
            said.baseline, said.store
        ),
        format!(
            "write `store:` in house.yaml as it was; if the store was moved on purpose, move {} there with all that lies beside it (docs/controlled.md, \"Where the records are\")",
            said.store
        ),
    )
}

fn unsound(why: &str) -> NotReleased {
    NotReleased::elsewhere(
        format!("{MARKER}, which says where the records of this house are, cannot be used: {why}"),
        format!(
            "put back what was there; if you know that `store:` in house.yaml is right, take {MARKER} away: the next start writes it anew"
        ),
    )
}

/// `path` as people write it in `house.yaml`.
fn shown(root: &Path, path: &Path) -> String {
    let inside = path.strip_prefix(root).unwrap_or(path);
    inside.to_string_lossy().into_owned()
}

/// Written beside its place and renamed: whoever reads it reads all of it.
fn write(path: &Path, marker: &Marker) -> std::io::Result<()> {
    let folder: PathBuf = path.parent().map(Path::to_owned).unwrap_or_default();
    fs::create_dir_all(&folder)?;
    let fresh = folder.join(format!(".controlled.{}.new", std::process::id()));
    let mut file = fs::File::create(&fresh)?;
    // A map with text keys, which always serialises.
    file.write_all(&serde_json::to_vec(marker).unwrap_or_default())?;
    file.sync_all()?;
    fs::rename(&fresh, path)?;
    fs::File::open(&folder)?.sync_all()
}
