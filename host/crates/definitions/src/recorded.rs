//! A house as it was: the files that decide what runs do, to be recorded and to be read again.
//!
//! What is loaded from a record is judged as what is loaded from the disk, by the same walkers. Only what a path leads to is not asked: the house may have changed
//! since, or be gone, and nothing that is found there now may find its way into what happened then.

use crate::load::{House, finish, load_from};
use crate::report::Report;
use crate::source::{self, Text};
use crate::walk::Walk;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, Finding, Place};

/// One file of a house, as it was when it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordedFile {
    /// Its path relative to the house, with `/` between directories.
    pub name: Arc<str>,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// Its bytes: of a definition those that were read, so that what is recorded is what runs.
    pub bytes: Arc<[u8]>,
}

impl RecordedFile {
    fn new(name: Arc<str>, bytes: &[u8]) -> Self {
        RecordedFile {
            name,
            hash: ContentHash::of(bytes),
            bytes: bytes.into(),
        }
    }
}

/// The house in the directory `root` as `files` have it, by their paths relative to the house: what [`House::recordable`] gave. Nothing below `root` is read: components
/// and other files that definitions name need not exist, and what is pinned is what the recorded `house.lock` pins. Texts of chunks that were not recorded are not missed.
///
/// # Errors
/// Everything that is wrong with any of the files, for instance what this version of the program no longer takes.
pub fn load_recorded(root: &Path, files: &BTreeMap<String, Vec<u8>>) -> Result<House, Report> {
    let mut walk = Walk {
        recorded: Some(Arc::new(files.clone())),
        ..Walk::default()
    };
    // Of the house's directory no more is asked than its full name, and not even that must be there any more.
    let full = root.canonicalize().or_else(|_| std::path::absolute(root));
    let house = load_from(&mut walk, full.unwrap_or_else(|_| root.to_owned()));
    finish(walk, house)
}

impl House {
    /// Every file that decides what runs of this house do: its definitions and the lock as they were read, with the keys that signatures are checked by, and, as they
    /// are now, the files that chunks name. Each name once, sorted.
    ///
    /// A chunk's file that cannot be read now is left out: what was sent of it is recorded with each payload.
    pub fn recordable(&self) -> Vec<RecordedFile> {
        let mut files: BTreeMap<Arc<str>, RecordedFile> = BTreeMap::new();
        for file in &self.kept.files {
            files.insert(file.name.clone(), file.clone());
        }
        for (name, path) in &self.kept.named {
            if files.contains_key(name) {
                continue;
            }
            let recorded = self.kept.recorded.as_ref();
            let bytes = match (&self.held, recorded) {
                (Some(held), _) => held.get(name).map(|bytes| bytes.to_vec()),
                (None, Some(recorded)) => recorded.get(&**name).cloned(),
                (None, None) => source::read_chunk(path, name).ok().map(|text| text.bytes),
            };
            if let Some(bytes) = bytes {
                files.insert(name.clone(), RecordedFile::new(name.clone(), &bytes));
            }
        }
        files.into_values().collect()
    }
}

/// Texts by the names of their files: what chunks send, whatever the disk holds by then.
pub(crate) type Held = Arc<BTreeMap<Arc<str>, Arc<[u8]>>>;

impl House {
    /// The texts of chunks are those of `files` from now on, whatever the disk holds: what was looked at is what is used. A text that is not among them is
    /// not there.
    pub fn hold(&mut self, files: Vec<RecordedFile>) {
        let held = files.into_iter().map(|file| (file.name, file.bytes));
        self.held = Some(Arc::new(held.collect()));
    }

    /// Whether its texts are held.
    pub fn holds(&self) -> bool {
        self.held.is_some()
    }

    /// The bytes of the file `name` as they are held; `None` where they are not among those that are.
    pub fn held(&self, name: &str) -> Option<&Arc<[u8]>> {
        self.held.as_ref()?.get(name)
    }
}

/// What was read of a house, for its record.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    /// What was parsed.
    pub files: Vec<RecordedFile>,
    /// What chunks name, by the names under which it is looked for, and where it is.
    pub named: BTreeMap<Arc<str>, PathBuf>,
    /// Where this house was read from itself, if not from the disk.
    pub recorded: Option<Recorded>,
}

/// Files by name.
pub(crate) type Recorded = Arc<BTreeMap<String, Vec<u8>>>;

impl Walk {
    /// Whether a house is read as it was, and not from the disk.
    pub fn is_recorded(&self) -> bool {
        self.recorded.is_some()
    }

    /// A definition's text, from the disk or the record, and kept for the house's own.
    pub fn read(&mut self, path: &Path, shown: &Arc<str>) -> Result<Text, Finding> {
        let text = match &self.recorded {
            None => source::read(path, shown),
            Some(files) => recorded(files, shown).and_then(|bytes| source::of(bytes, shown)),
        }?;
        let file = RecordedFile::new(shown.clone(), &text.bytes);
        self.kept.files.push(file);
        Ok(text)
    }

    /// The text of a chunk, read by `read` where it is on the disk.
    pub fn read_named(
        &mut self,
        path: &Path,
        shown: &Arc<str>,
        read: impl FnOnce(&Path, &Arc<str>) -> Result<Text, Finding>,
    ) -> Result<Text, Finding> {
        self.kept.named.insert(shown.clone(), path.to_owned());
        match &self.recorded {
            None => read(path, shown),
            Some(files) => {
                // What was not recorded was not needed, or is recorded with the payloads.
                let nothing = &[][..];
                let bytes = files.get(&**shown).map_or(nothing, Vec::as_slice);
                source::of_chunk(bytes, shown)
            }
        }
    }
}

fn recorded<'f>(
    files: &'f BTreeMap<String, Vec<u8>>,
    shown: &Arc<str>,
) -> Result<&'f [u8], Finding> {
    files.get(&**shown).map(Vec::as_slice).ok_or_else(|| {
        Finding::error(
            &Place::new(shown.clone(), 1, 1),
            "this file is not among those that were recorded",
            "the record is incomplete: `charthouse journal verify` finds where it ends",
        )
    })
}
