//! Copies of directories that calls may write to and that nobody keeps.

use crate::shadow::FileDifference;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use types::ContentHash;

/// Most that is copied of one directory. A shadow run is made to be waited for; whoever has more is told that nothing could be written there.
const MOST_BYTES: u64 = 64 << 20;
const MOST_FILES: usize = 10_000;

/// Copies of directories, gone with it.
pub(crate) struct Copies {
    root: PathBuf,
    copies: BTreeMap<PathBuf, PathBuf>,
    too_large: Vec<PathBuf>,
}

impl Copies {
    /// Copies of `directories`, made below `own`; the directory that could not be copied and why.
    pub(crate) fn make(
        own: &Path,
        side: &str,
        directories: &BTreeSet<PathBuf>,
    ) -> Result<Self, (PathBuf, io::Error)> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut copies = Copies {
            root: own.join(format!("shadow-{}-{next}-{side}", std::process::id())),
            copies: BTreeMap::new(),
            too_large: Vec::new(),
        };
        for (n, directory) in directories.iter().enumerate() {
            let copy = copies.root.join(n.to_string());
            let mut room = Room {
                bytes: MOST_BYTES,
                files: MOST_FILES,
            };
            match copy_tree(directory, &copy, own, &mut room) {
                Ok(()) => {
                    copies.copies.insert(directory.clone(), copy);
                }
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    copies.too_large.push(directory.clone());
                }
                Err(error) => return Err((directory.clone(), error)),
            }
        }
        Ok(copies)
    }

    /// The copy of `directory`.
    pub(crate) fn of(&self, directory: &Path) -> Option<PathBuf> {
        self.copies.get(directory).cloned()
    }

    /// Whether `path` is one of the copies.
    pub(crate) fn is_copy(&self, path: &Path) -> bool {
        self.copies.values().any(|copy| copy == path)
    }

    /// The directories that are too large to be copied.
    pub(crate) fn too_large(&self) -> impl Iterator<Item = &Path> {
        self.too_large.iter().map(PathBuf::as_path)
    }

    /// Where these copies and `others`, of the same directories, differ.
    pub(crate) fn compare(&self, others: &Copies) -> Vec<FileDifference> {
        let mut differences = BTreeSet::new();
        for (directory, copy) in &self.copies {
            let Some(other) = others.copies.get(directory) else {
                continue;
            };
            let (mut old, mut new) = (BTreeMap::new(), BTreeMap::new());
            contents(copy, copy, &mut old);
            contents(other, other, &mut new);
            let names: BTreeSet<&PathBuf> = old.keys().chain(new.keys()).collect();
            for name in names {
                let what = match (old.get(name), new.get(name)) {
                    (Some(old), Some(new)) if old == new => continue,
                    (Some(_), Some(_)) => "different",
                    (Some(_), None) => "only old",
                    (None, _) => "only new",
                };
                differences.insert(FileDifference {
                    path: directory.join(name),
                    what,
                });
            }
        }
        differences.into_iter().collect()
    }
}

impl Drop for Copies {
    fn drop(&mut self) {
        // What cannot be removed is rubbish and no more.
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// How much may still be copied.
struct Room {
    bytes: u64,
    files: usize,
}

impl Room {
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        let left = (self.bytes.checked_sub(bytes), self.files.checked_sub(1));
        let (Some(bytes), Some(files)) = left else {
            return Err(io::ErrorKind::FileTooLarge.into());
        };
        *self = Room { bytes, files };
        Ok(())
    }
}

/// Copy `from` to `to`, all but `except`. Links stay links; what is neither file, directory nor link is left out, because no guest can open it.
fn copy_tree(from: &Path, to: &Path, except: &Path, room: &mut Room) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path == except {
            continue;
        }
        let about = path.symlink_metadata()?;
        room.take(if about.is_file() { about.len() } else { 0 })?;
        if about.is_dir() {
            copy_tree(&path, &target, except, room)?;
        } else if about.is_symlink() {
            link(&fs::read_link(&path)?, &target)?;
        } else if about.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

#[cfg(unix)]
fn link(to: &Path, at: &Path) -> io::Result<()> {
    std::os::unix::fs::symlink(to, at)
}

#[cfg(not(unix))]
fn link(_: &Path, _: &Path) -> io::Result<()> {
    Ok(())
}

/// What lies below `directory`, by path relative to `root`. What cannot be read counts as what it is: something else.
fn contents(root: &Path, directory: &Path, found: &mut BTreeMap<PathBuf, ContentHash>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap_or(&path).to_owned();
        let content = match path.symlink_metadata() {
            Ok(about) if about.is_dir() => {
                contents(root, &path, found);
                ContentHash::of(b"directory")
            }
            Ok(about) if about.is_file() => ContentHash::of(&fs::read(&path).unwrap_or_default()),
            _ => {
                let to = fs::read_link(&path).unwrap_or_default();
                ContentHash::of(to.as_os_str().as_encoded_bytes())
            }
        };
        found.insert(name, content);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn copies_are_compared_and_go_away() {
        let house = TempDir::new().unwrap();
        let own = house.path().join(".charthouse");
        let work = house.path().to_owned();
        fs::create_dir_all(own.join("cache")).unwrap();
        fs::create_dir_all(work.join("src")).unwrap();
        for (file, text) in [("a", "1"), ("src/b", "2"), ("src/c", "3")] {
            fs::write(work.join(file), text).unwrap();
        }
        link(Path::new("src/b"), &work.join("l")).unwrap();
        let all = BTreeSet::from([work.clone()]);
        let old = Copies::make(&own, "old", &all).unwrap();
        let new = Copies::make(&own, "new", &all).unwrap();
        assert_eq!(old.compare(&new), []);
        let (before, after) = (old.of(&work).unwrap(), new.of(&work).unwrap());
        assert!(old.is_copy(&before) && !old.is_copy(&work));
        assert!(
            !before.join(".charthouse").exists(),
            "the records are not copied"
        );
        fs::write(after.join("a"), "otherwise").unwrap();
        fs::write(after.join("n"), "").unwrap();
        fs::remove_file(after.join("src/c")).unwrap();
        let found = old.compare(&new);
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.path.strip_prefix(&work).unwrap(), found.what))
            .collect();
        let expected = [
            (Path::new("a"), "different"),
            (Path::new("n"), "only new"),
            (Path::new("src/c"), "only old"),
        ];
        assert_eq!(found, expected);
        assert_eq!(fs::read_to_string(work.join("a")).unwrap(), "1");
        let roots = [old.root.clone(), new.root.clone()];
        drop((old, new));
        assert!(roots.iter().all(|root| !root.exists()));
    }

    #[test]
    fn what_is_too_large_is_not_copied() {
        let (house, work) = (TempDir::new().unwrap(), TempDir::new().unwrap());
        let file = fs::File::create(work.path().join("large")).unwrap();
        file.set_len(MOST_BYTES + 1).unwrap();
        let all = BTreeSet::from([work.path().to_owned()]);
        let copies = Copies::make(house.path(), "old", &all).unwrap();
        assert_eq!(copies.of(work.path()), None);
        assert_eq!(copies.too_large().collect::<Vec<_>>(), [work.path()]);
    }
}
