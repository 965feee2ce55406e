//! Which definition files a house has: `house.yaml` and every `*.yaml` and `*.yml` below `agents/`, `charts/` and `policies/`.
//!
//! Nothing outside the house is read: a symbolic link that leads out is an error, and one that leads round in a circle ends.

use crate::recorded::Recorded;
use crate::source::reason;
use crate::suggest::shown;
use crate::walk::Walk;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::Place;

/// The folders that definitions lie in.
pub(crate) const FOLDERS: [&str; 3] = ["agents", "charts", "policies"];
/// The folder that scenarios lie in, which no run reads.
pub(crate) const SCENARIOS: &str = "scenarios";

/// A definition file.
pub(crate) struct Found {
    pub path: PathBuf,
    /// Relative to the house, with `/` between directories.
    pub shown: Arc<str>,
}

/// All definition files below the folders of `root`, sorted by name. `root` must be canonical.
pub(crate) fn find(walk: &mut Walk, root: &Path) -> Vec<Found> {
    if let Some(files) = &walk.recorded {
        return recorded(files, root);
    }
    find_in(walk, root, &FOLDERS)
}

/// All YAML files below `folders` of `root` on the disk, sorted by name within each. `root` must be canonical.
pub(crate) fn find_in(walk: &mut Walk, root: &Path, folders: &[&str]) -> Vec<Found> {
    let mut search = Search {
        root,
        found: Vec::new(),
        seen: BTreeSet::new(),
    };
    for folder in folders {
        let path = root.join(folder);
        // A house without charts of its own is fine.
        if path.symlink_metadata().is_ok() {
            search.directory(walk, &path);
        }
    }
    search.found
}

/// The definition files among those that were recorded, in the same order.
fn recorded(files: &Recorded, root: &Path) -> Vec<Found> {
    let is_definition = |name: &str| {
        let folder = name.split('/').next().unwrap_or_default();
        FOLDERS.contains(&folder) && is_yaml(Path::new(name))
    };
    let mut names: Vec<&String> = files.keys().filter(|name| is_definition(name)).collect();
    // Directory by directory, as they are listed.
    names.sort_by_key(|name| Path::new(name.as_str()));
    names
        .into_iter()
        .map(|name| Found {
            path: root.join(name),
            shown: name.as_str().into(),
        })
        .collect()
}

/// Whether `path` is named like a file of YAML, in whatever case: some systems keep none.
pub(crate) fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| {
        extension.eq_ignore_ascii_case("yaml") || extension.eq_ignore_ascii_case("yml")
    })
}

struct Search<'a> {
    root: &'a Path,
    found: Vec<Found>,
    /// Directories already read, by their real path.
    seen: BTreeSet<PathBuf>,
}

impl Search<'_> {
    fn shown(&self, path: &Path) -> Arc<str> {
        let relative = path.strip_prefix(self.root).unwrap_or(path);
        shown_path(relative)
    }

    fn complain(&self, walk: &mut Walk, path: &Path, message: &str, help: &str) {
        walk.error(&Place::new(self.shown(path), 1, 1), message, help);
    }

    /// Where `path` really lies, if that is inside the house.
    fn inside(&self, walk: &mut Walk, path: &Path) -> Option<PathBuf> {
        match path.canonicalize() {
            Ok(real) if real.starts_with(self.root) => Some(real),
            Ok(_) => {
                self.complain(
                    walk,
                    path,
                    "this is a symbolic link that leads out of the house",
                    "copy what it points to into the house",
                );
                None
            }
            Err(error) => {
                let message = format!("this cannot be read: {}", reason(&error));
                let help = "if it is a symbolic link, mend or remove it";
                self.complain(walk, path, &message, help);
                None
            }
        }
    }

    fn directory(&mut self, walk: &mut Walk, path: &Path) {
        let Some(real) = self.inside(walk, path) else {
            return;
        };
        if !self.seen.insert(real) {
            return;
        }
        let mut paths = Vec::new();
        let listed = std::fs::read_dir(path).and_then(|entries| {
            for entry in entries {
                paths.push(entry?.path());
            }
            Ok(())
        });
        if let Err(error) = listed {
            let message = format!("this directory cannot be read: {}", reason(&error));
            self.complain(
                walk,
                path,
                &message,
                "check that it is a directory and that you may list it",
            );
            return;
        }
        paths.sort();
        for path in paths {
            self.entry(walk, path);
        }
    }

    fn entry(&mut self, walk: &mut Walk, path: PathBuf) {
        let hidden = path
            .file_name()
            .is_none_or(|name| name.as_encoded_bytes().starts_with(b"."));
        // Editors and synchronisers leave such files behind.
        if hidden {
            return;
        }
        match std::fs::metadata(&path) {
            Ok(about) if about.is_dir() => self.directory(walk, &path),
            _ if !is_yaml(&path) => {}
            _ => {
                if self.inside(walk, &path).is_some() {
                    let shown = self.shown(&path);
                    self.found.push(Found { path, shown });
                }
            }
        }
    }
}

/// A path as people read it, safe for a terminal.
pub(crate) fn shown_path(path: &Path) -> Arc<str> {
    let text = path.to_string_lossy();
    if text.contains(|c: char| c.is_control()) {
        shown(&text).into()
    } else {
        text.into()
    }
}
