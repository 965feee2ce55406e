//! Every file's new state, made in memory: whatever can be found wrong is found before anything is written.

use crate::hunk;
use crate::parse::FilePatch;
use charthouse_sdk::Failure;
use charthouse_sdk::files::{CHUNK, FileError, FileErrorKind, Kind, Links, Mounts, Place};
use std::collections::BTreeMap;

/// The largest file that is patched; it is held whole.
const LARGEST: u64 = 8 << 20;

/// What is to be done.
pub struct Plan<'a> {
    /// In the order of the patch, for the answer.
    pub changes: Vec<Change>,
    /// By path, each file that changes.
    pub files: BTreeMap<String, Planned<'a>>,
}

/// A file before and after.
pub struct Planned<'a> {
    pub place: Place<'a>,
    /// `None` where there was none.
    pub before: Option<Vec<u8>>,
    /// `None` where there will be none.
    pub after: Option<Vec<u8>>,
}

/// What became of one file of the patch.
#[derive(Debug)]
pub struct Change {
    pub path: String,
    pub action: Action,
    pub hunks: usize,
    pub added: usize,
    pub removed: usize,
    pub offsets: Vec<i64>,
}

#[derive(Debug, PartialEq, Eq)]
pub enum Action {
    Changed,
    Created,
    Deleted,
    Renamed { from: String },
    Copied { from: String },
}

impl<'a> Plan<'a> {
    /// Plan `files`, whose paths count from `directory`.
    pub fn make(mounts: &'a Mounts, directory: &str, files: &[FilePatch]) -> Result<Self, Failure> {
        let mut plan = Plan {
            changes: Vec::new(),
            files: BTreeMap::new(),
        };
        for patch in files {
            plan.take(mounts, directory, patch)?;
        }
        plan.files.retain(|_, file| file.before != file.after);
        Ok(plan)
    }

    fn take(
        &mut self,
        mounts: &'a Mounts,
        directory: &str,
        patch: &FilePatch,
    ) -> Result<(), Failure> {
        let old = self.file(mounts, directory, patch.old.as_deref())?;
        let new = self.file(mounts, directory, patch.new.as_deref())?;
        let shown = new
            .as_deref()
            .or(old.as_deref())
            .unwrap_or_default()
            .to_owned();
        let fail = |why: String| Failure::failed(format!("`{shown}`: {why}; nothing was changed"));
        let before = match &old {
            None => Vec::new(),
            Some(path) => self.files[path].after.clone().ok_or_else(|| {
                let place = &self.files[path].place;
                fail(format!("cannot be patched: {}", missing(place)))
            })?,
        };
        if new.is_some() && new != old && self.files[&shown].after.is_some() {
            return Err(fail(
                "the patch creates it, but it is there already".to_owned(),
            ));
        }
        let patched = hunk::apply(&before, patch).map_err(fail)?;
        if new.is_none() && !patched.content.is_empty() {
            return Err(fail(
                "the patch deletes it, but not all of its lines; remove them all, or leave out `+++ /dev/null`".to_owned(),
            ));
        }
        let action = match (&old, &new) {
            (None, _) => Action::Created,
            (Some(_), None) => Action::Deleted,
            (Some(old), Some(new)) if old == new => Action::Changed,
            (Some(old), Some(_)) if patch.copy => Action::Copied { from: old.clone() },
            (Some(old), Some(_)) => Action::Renamed { from: old.clone() },
        };
        if let Some(old) = &old
            && !patch.copy
            && let Some(file) = self.files.get_mut(old)
        {
            file.after = None;
        }
        if let Some(new) = &new
            && let Some(file) = self.files.get_mut(new)
        {
            file.after = Some(patched.content);
        }
        self.changes.push(Change {
            path: shown,
            action,
            hunks: patch.hunks.len(),
            added: patched.added,
            removed: patched.removed,
            offsets: patched.offsets,
        });
        Ok(())
    }

    /// The file at `path`, read in if it was not; its full path.
    fn file(
        &mut self,
        mounts: &'a Mounts,
        directory: &str,
        path: Option<&str>,
    ) -> Result<Option<String>, Failure> {
        let Some(path) = path else {
            return Ok(None);
        };
        if path.split('/').any(|name| name == "..") {
            return Err(Failure::invalid(format!(
                "`{path}`: a path in a patch leads up (`..`); name the directory it counts from with `directory`"
            )));
        }
        let whole = match (path.starts_with('/'), directory.is_empty()) {
            (true, _) | (_, true) => path.to_owned(),
            _ => format!("{}/{path}", directory.trim_end_matches('/')),
        };
        let place = mounts.place(&whole)?;
        let path = place.path.clone();
        if !self.files.contains_key(&path) {
            let before = content(&place)?;
            let after = before.clone();
            let planned = Planned {
                place,
                before,
                after,
            };
            self.files.insert(path.clone(), planned);
        }
        Ok(Some(path))
    }
}

/// All of the file at `place`; `None` where there is nothing.
fn content(place: &Place<'_>) -> Result<Option<Vec<u8>>, Failure> {
    let told = |error: FileError| error.failure(format_args!("patch `{}`", place.path));
    let directory = &place.mount.directory;
    let metadata = match directory.metadata(&place.relative, Links::Stay) {
        Ok(metadata) => metadata,
        Err(error) if error.kind == FileErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(told(error)),
    };
    if metadata.kind == Kind::Symlink {
        return Err(Failure::failed(format!(
            "cannot patch `{}`: it is a symbolic link; name the file it leads to",
            place.path
        )));
    }
    let mut file = directory.open_file(&place.relative).map_err(told)?;
    let mut content = Vec::new();
    loop {
        let chunk = file.read_chunk(CHUNK).map_err(told)?;
        if chunk.is_empty() {
            return Ok(Some(content));
        }
        content.extend_from_slice(&chunk);
        if content.len() as u64 > LARGEST {
            return Err(Failure::failed(format!(
                "`{}` has more than {LARGEST} bytes; files of that size are not patched",
                place.path
            )));
        }
    }
}

fn missing(place: &Place<'_>) -> String {
    match place.link_out() {
        Some(link) => format!("`{link}` is a symbolic link that leads out of the mount"),
        None => "there is no such file (a new one is `--- /dev/null`)".to_owned(),
    }
}
