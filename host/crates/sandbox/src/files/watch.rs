//! What is remembered of a guest's files during one call: which directory a descriptor stands for, what was refused, and what may be told of times.

use super::layer::{Layer, NodeId};
use super::staged::StagedFile;
use super::walk::lists;
use super::whereabouts::Root;
use policy::{HardLinks, Hide};
use std::collections::HashMap;
use std::fs::File;
use std::path::{Component, Path};
use std::sync::Arc;
use std::time::Duration;
use types::Refusal;

/// Longest path that is looked at. Operating systems take no longer one, and what is done here with a path is not interrupted by a deadline.
pub(super) const PATH_MAX: usize = 4_096;
/// Longest subject of a refusal that is kept.
const SUBJECT_MAX: usize = 300;
/// Refusals kept of one call; a guest that tries a thousand times tells nothing new.
const REFUSALS_KEPT: usize = 20;
/// How the host's own directories for a commit are called while they stand in a mount. No guest sees them.
pub(crate) const OWN_PREFIX: &str = ".charthouse-staged-";

/// A mount as the watch knows it.
#[derive(Clone)]
pub(crate) struct WatchedMount {
    pub(crate) guest: String,
    pub(crate) hide: Option<Arc<Hide>>,
    /// Whether directories must stay where they are, because what is hidden in them is hidden by where it stands.
    pub(crate) fixed_directories: bool,
    pub(crate) hard_links: HardLinks,
}

impl WatchedMount {
    /// Whether names have to be walked one by one, because policy looks at them.
    fn looks_at_names(&self) -> bool {
        self.hide.is_some() || self.hard_links == HardLinks::Refuse
    }

    /// Whether the path `inside` of the mount is hidden.
    pub(super) fn hides(&self, inside: &str) -> bool {
        is_own(inside) || self.hide.as_ref().is_some_and(|hide| hide.hides(inside))
    }

    /// Whether `inside` may be another spelling of a hidden name.
    pub(super) fn resembles(&self, inside: &str) -> bool {
        self.hide
            .as_ref()
            .is_some_and(|hide| hide.resembles(inside))
    }

    /// Whether `name` in `directory`, which is the path `real` of the mount, is hidden: as it is spelled, or as another spelling of a hidden name where the
    /// file system takes one for the other.
    pub(super) fn hides_entry(&self, directory: &File, name: &str, real: &str) -> bool {
        if self.hides(real) {
            return true;
        }
        self.resembles(real)
            && rustix::fs::statat(directory, name, rustix::fs::AtFlags::SYMLINK_NOFOLLOW).is_ok()
            && !lists(directory, name)
    }
}

/// Whether a path of a mount belongs to the host's own work on a commit.
pub(super) fn is_own(inside: &str) -> bool {
    inside.contains(OWN_PREFIX) && inside.split('/').any(|name| name.starts_with(OWN_PREFIX))
}

/// A directory that the guest has opened.
#[derive(Clone)]
pub(super) struct Place {
    pub(super) mount: usize,
    /// Its path in the mount, as the guest named it.
    pub(super) inside: String,
    /// Its path in the mount with every link followed, as it was when it was opened. Known where names are looked at.
    pub(super) real: Option<String>,
    /// What it is in the layer above the mount, where there is one.
    pub(super) node: Option<NodeId>,
}

/// What the watch remembers during one call.
#[derive(Default)]
pub(crate) struct Watch {
    pub(crate) mounts: Arc<[WatchedMount]>,
    /// The layers of staged mounts, in the order of the mounts.
    pub(super) layers: Vec<Option<Layer>>,
    /// Files of layers that are open.
    pub(super) staged_files: HashMap<u32, StagedFile>,
    /// Where the guest's clock stands still, since 1970; `None` when it is the host's.
    pub(crate) frozen: Option<Duration>,
    /// The mounts' own directories, in their order, once the guest has asked for them.
    pub(super) roots: Vec<Root>,
    /// Which directory a descriptor stands for.
    pub(super) directories: HashMap<u32, Place>,
    /// The numbers that stand for objects where their own would differ from machine to machine.
    identities: HashMap<(u64, u64), u64>,
    /// The mount in which a program's relative paths begin.
    pub(crate) here: Option<usize>,
    pub(crate) refusals: Vec<Refusal>,
}

impl Watch {
    pub(crate) fn new(
        mounts: Arc<[WatchedMount]>,
        layers: Vec<Option<Layer>>,
        frozen: Option<Duration>,
    ) -> Self {
        Watch {
            mounts,
            layers,
            frozen,
            ..Watch::default()
        }
    }

    /// Whether paths below the directory `fd` are walked one name at a time: policy looks at them, or what is told of them has to be the same on every run.
    pub(super) fn careful(&self, fd: u32) -> bool {
        let place = self.directories.get(&fd);
        place
            .is_some_and(|place| self.frozen.is_some() || self.mounts[place.mount].looks_at_names())
    }

    pub(super) fn mount_of(&self, fd: u32) -> Option<(usize, &WatchedMount)> {
        let place = self.directories.get(&fd)?;
        Some((place.mount, &self.mounts[place.mount]))
    }

    /// Mount and path in it of `path` below the directory `fd`.
    pub(super) fn locate(&self, fd: u32, path: &str) -> Option<(usize, String)> {
        let place = self.directories.get(&fd)?;
        Some((place.mount, normalise(&place.inside, path)))
    }

    pub(super) fn shown(&self, fd: u32, path: &str) -> String {
        match self.locate(fd, path) {
            Some((mount, inside)) if inside.is_empty() => self.mounts[mount].guest.clone(),
            Some((mount, inside)) => format!("{}/{inside}", self.mounts[mount].guest),
            None => path.to_owned(),
        }
    }

    pub(super) fn refuse(&mut self, operation: &str, subject: String, reason: impl Into<String>) {
        if self.refusals.len() < REFUSALS_KEPT {
            let subject = match subject.char_indices().nth(SUBJECT_MAX) {
                Some((end, _)) => format!("{}…", &subject[..end]),
                None => subject,
            };
            self.refusals.push(Refusal {
                operation: operation.to_owned(),
                subject,
                reason: reason.into(),
            });
        }
    }

    /// A small number for the object that the host knows as `identity`: in the order in which the guest met them, so the same on every run.
    pub(super) fn identity(&mut self, identity: (u64, u64)) -> u64 {
        let next = self.identities.len() as u64 + 1;
        *self.identities.entry(identity).or_insert(next)
    }
}

/// `path` below `directory`, without `.` and `..`. What would climb out of the mount stays at its root: WASI refuses such a path itself.
pub(super) fn normalise(directory: &str, path: &str) -> String {
    let mut parts: Vec<&str> = directory.split('/').filter(|p| !p.is_empty()).collect();
    for component in Path::new(path).components() {
        match component {
            Component::Normal(name) => parts.push(name.to_str().unwrap_or_default()),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::normalise;

    #[test]
    fn paths_are_compared_without_dots() {
        assert_eq!(normalise("", "./a/../b"), "b");
        assert_eq!(normalise("src/x", "../y/./z"), "src/y/z");
        assert_eq!(normalise("a", "../../../etc"), "etc");
        assert_eq!(normalise("a", "."), "a");
    }
}
