//! What revisions are made of: the contents of released files, found in the records of changes by their hashes.
//!
//! Only whoever needs a revision that does not lie on the disk asks: files that are put in place, and runs that keep an earlier revision. A start where all is
//! as it was released reads none of it.

use super::files::Content;
use crate::RuntimeError;
use change::{Body, FileRecord};
use journal::{Journal, Which};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use types::ContentHash;

/// The kinds of records that hold contents.
const KINDS: [&str; 3] = [
    "change.baseline",
    "change.implemented",
    "change.emergency",
];

/// Contents by their hashes.
#[derive(Default)]
pub(super) struct Texts {
    texts: BTreeMap<ContentHash, String>,
    stored: BTreeMap<ContentHash, PathBuf>,
}

impl Texts {
    /// All that `journal` has of the house in the directory `root`.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn read(journal: &Journal, root: &Path) -> Result<Self, RuntimeError> {
        let mut texts = Texts::default();
        for kind in KINDS {
            journal.each(Which::Kind(kind), |record| {
                let body = serde_json::from_str(&record.body).unwrap_or_default();
                match Body::read(kind, &body) {
                    Some(Ok(Body::Baseline(body))) => {
                        let files = body.revisions.iter().flat_map(|revision| &revision.files);
                        texts.take(files, root);
                    }
                    Some(Ok(Body::Implemented(body))) => {
                        let files = body.revisions.iter().flat_map(|revision| &revision.files);
                        texts.take(files, root);
                    }
                    Some(Ok(Body::Emergency(body))) => {
                        let files = body.revisions.iter().flat_map(|revision| &revision.files);
                        texts.take(files, root);
                    }
                    // What cannot be read counts for nothing, and so does what it holds.
                    _ => {}
                }
                Ok::<_, RuntimeError>(())
            })?;
        }
        Ok(texts)
    }

    fn take<'f>(&mut self, files: impl Iterator<Item = &'f FileRecord>, root: &Path) {
        for file in files {
            // What is not what its hash says is not what was released.
            if let Some(text) = &file.text
                && ContentHash::of(text.as_bytes()) == file.hash
            {
                self.texts.insert(file.hash, text.clone());
            }
            if let Some(stored) = &file.stored
                && stored.starts_with(".charthouse/changes/")
                && !stored.split('/').any(|part| part == "..")
            {
                self.stored.insert(file.hash, root.join(stored));
            }
        }
    }

    /// What the file `file` with the hash `hash` holds; `kept` knows where components are kept by content.
    ///
    /// # Errors
    /// In words, when no record has it.
    pub(super) fn content(
        &self,
        file: &str,
        hash: ContentHash,
        kept: &dyn Fn(ContentHash) -> Option<PathBuf>,
    ) -> Result<Content, String> {
        if let Some(text) = self.texts.get(&hash) {
            return Ok(Content::Bytes(text.clone().into_bytes()));
        }
        let stored = self.stored.get(&hash).filter(|path| path.is_file()).cloned();
        match stored.or_else(|| kept(hash)) {
            Some(path) => Ok(Content::Copy(path, hash)),
            None => Err(format!(
                "no record of a change holds {file} with the content {}",
                hash.short()
            )),
        }
    }

    /// The text of `hash`, where a record has it.
    pub(super) fn text(&self, hash: ContentHash) -> Option<&str> {
        self.texts.get(&hash).map(String::as_str)
    }
}
