//! Released files are put in their places: each whole or not at all, and nothing that a person was writing is lost.
//!
//! All of them are written beside their places first, and then renamed, so that a reader meets one that is whole. Doing it again after a crash changes nothing
//! that is there already. It knows files and their contents, and nothing of changes.

use crate::point::{self, Point};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};
use types::ContentHash;

/// What a file is to hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// What the file at this path holds, which must have this hash.
    Copy(PathBuf, ContentHash),
    /// It is not to be there.
    Gone,
}

/// What was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Placed {
    /// The files that were written or taken away, relative to the house.
    pub files: Vec<String>,
    /// Drafts that lay in their places, and where they are now, both relative to the house.
    pub set_aside: Vec<(String, String)>,
    /// Plugins whose component is another now, and of which `house.lock` had a signature and has none of the new one.
    pub unsigned: Vec<String>,
}

impl Placed {
    /// What is to be told of plugins that have no signature any more.
    pub fn warnings(&self) -> impl Iterator<Item = String> {
        self.unsigned.iter().map(|name| {
            format!(
                "the component of `{name}` is another now, and the signature in house.lock was of the one before: it is gone. \
                 `charthouse plugin pin {name} --signature FILE` puts the author's signature of the new one there"
            )
        })
    }
}

/// Why files cannot be put in their places.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// The record names a file that no house may have.
    #[error("`{file}` is no place for a released file: {why}")]
    NoPlace {
        /// As the record names it.
        file: String,
        /// Why.
        why: &'static str,
    },
    /// What was recorded is not there any more.
    #[error("what was released as {file} cannot be had: {why}")]
    Lost {
        /// The file.
        file: String,
        /// Why.
        why: String,
    },
    /// The system refuses.
    #[error("{} cannot be put in place: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Have the files below `root` be `wanted`. What lies there and is not among `known` (the contents that were released at any time) is somebody's draft: it is kept
/// in the folder `aside`, relative to the house.
///
/// # Errors
/// The first that cannot be done. What was done before stays done, and doing all of it again finishes it.
pub(super) fn put(
    root: &Path,
    wanted: &BTreeMap<String, Content>,
    known: &dyn Fn(&str, ContentHash) -> bool,
    aside: &str,
) -> Result<Placed, PlaceError> {
    let mut placed = Placed::default();
    let mut ready: Vec<(String, PathBuf, Option<Fresh>)> = Vec::new();
    for (file, content) in wanted {
        let path = place(root, file)?;
        let there = fs::read(&path).ok();
        let found = there.as_deref().map(ContentHash::of);
        let to = match content {
            Content::Bytes(bytes) => Some(ContentHash::of(bytes)),
            Content::Copy(_, hash) => Some(*hash),
            Content::Gone => None,
        };
        if found == to {
            continue;
        }
        if let (Some(bytes), Some(found)) = (&there, found)
            && !known(file, found)
        {
            let kept = keep_aside(root, aside, file, bytes, found)?;
            placed.set_aside.push((file.clone(), kept));
        }
        let fresh = match content {
            Content::Bytes(bytes) => Some(Fresh::write(&path, bytes)?),
            Content::Copy(from, hash) => {
                let lost = |why: String| PlaceError::Lost {
                    file: file.clone(),
                    why,
                };
                let bytes =
                    fs::read(from).map_err(|error| lost(format!("{}: {error}", from.display())))?;
                if ContentHash::of(&bytes) != *hash {
                    return Err(lost(format!("{} holds something else", from.display())));
                }
                Some(Fresh::write(&path, &bytes)?)
            }
            Content::Gone => None,
        };
        ready.push((file.clone(), path, fresh));
    }
    for (file, path, fresh) in ready {
        point::reach(Point::Place);
        let io = |source| PlaceError::Io {
            path: path.clone(),
            source,
        };
        match fresh {
            Some(fresh) => fresh.become_file(&path).map_err(io)?,
            None => fs::remove_file(&path).map_err(io)?,
        }
        // The name is on the disk with the folder.
        if let Some(folder) = path.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(io)?;
        }
        placed.files.push(file);
    }
    Ok(placed)
}

/// Where `file` lies, which must be a plain name inside the house, and no link may lead out of it.
fn place(root: &Path, file: &str) -> Result<PathBuf, PlaceError> {
    let refused = |why| PlaceError::NoPlace {
        file: file.to_owned(),
        why,
    };
    let parts = Path::new(file).components();
    let plain = parts
        .clone()
        .all(|part| matches!(part, Component::Normal(_)));
    if file.is_empty() || !plain {
        return Err(refused("it is not a path inside the house"));
    }
    if parts.clone().next() == Some(Component::Normal(".charthouse".as_ref())) {
        return Err(refused("that is where the records are"));
    }
    let path = root.join(file);
    let folder = path.parent().unwrap_or(root);
    let io = |source| PlaceError::Io {
        path: folder.to_owned(),
        source,
    };
    // Folders are made in the deepest one that is there, so where that is comes first.
    let mut there = folder.ancestors();
    let there = there.find(|above| above.symlink_metadata().is_ok());
    let real = there.unwrap_or(root).canonicalize().map_err(io)?;
    let own = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    if !real.starts_with(&own) {
        return Err(refused("a symbolic link leads out of the house"));
    }
    fs::create_dir_all(folder).map_err(io)?;
    Ok(path)
}

/// Keep a draft, under its own name and a bit of its hash; twice the same is kept once.
fn keep_aside(
    root: &Path,
    aside: &str,
    file: &str,
    bytes: &[u8],
    hash: ContentHash,
) -> Result<String, PlaceError> {
    let kept = format!("{aside}/{file}.{}", hash.short());
    let path = root.join(&kept);
    let io = |source| PlaceError::Io {
        path: path.clone(),
        source,
    };
    let folder = path.parent().unwrap_or(root);
    fs::create_dir_all(folder).map_err(io)?;
    Fresh::write(&path, bytes)?.become_file(&path).map_err(io)?;
    Ok(kept)
}

/// A file that is written beside its place; gone where it does not get there.
struct Fresh(Option<PathBuf>);

impl Fresh {
    fn write(path: &Path, bytes: &[u8]) -> Result<Self, PlaceError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let fresh = path.with_file_name(format!(".{name}.{}.new", std::process::id()));
        let io = |source| PlaceError::Io {
            path: path.to_owned(),
            source,
        };
        let made = Fresh(Some(fresh.clone()));
        let mut file = File::create(&fresh).map_err(io)?;
        file.write_all(bytes).map_err(io)?;
        // As whoever wrote the one before had it.
        if let Ok(before) = fs::metadata(path) {
            file.set_permissions(before.permissions()).map_err(io)?;
        }
        file.sync_all().map_err(io)?;
        Ok(made)
    }

    fn become_file(mut self, path: &Path) -> io::Result<()> {
        let Some(fresh) = &self.0 else {
            return Ok(());
        };
        fs::rename(fresh, path)?;
        self.0 = None;
        Ok(())
    }
}

impl Drop for Fresh {
    fn drop(&mut self) {
        if let Some(fresh) = &self.0 {
            // What cannot be finished must not be left behind; that it cannot be removed is no news.
            let _ = fs::remove_file(fresh);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(files: &[(&str, Content)]) -> BTreeMap<String, Content> {
        let files = files.iter();
        files
            .map(|(file, content)| ((*file).to_owned(), content.clone()))
            .collect()
    }

    fn text(text: &str) -> Content {
        Content::Bytes(text.as_bytes().to_vec())
    }

    #[test]
    fn files_get_their_places_once_and_drafts_are_kept() {
        let house = tempfile::tempdir().unwrap();
        let root = house.path();
        fs::create_dir(root.join("agents")).unwrap();
        fs::write(root.join("agents/a.yaml"), "old").unwrap();
        fs::write(root.join("agents/b.yaml"), "a draft").unwrap();
        fs::write(root.join("agents/c.yaml"), "old").unwrap();
        let old = ContentHash::of(b"old");
        let known = |_: &str, hash| hash == old;
        let wanted = wanted(&[
            ("agents/a.yaml", text("new a")),
            ("agents/b.yaml", text("new b")),
            ("agents/c.yaml", Content::Gone),
            ("charts/deep/d.yaml", text("new d")),
        ]);
        let placed = put(root, &wanted, &known, ".charthouse/changes/drafts/CR-0001").unwrap();
        assert_eq!(placed.files.len(), 4);
        let read = |file: &str| fs::read_to_string(root.join(file)).ok();
        assert_eq!(read("agents/a.yaml").as_deref(), Some("new a"));
        assert_eq!(read("agents/c.yaml"), None);
        assert_eq!(read("charts/deep/d.yaml").as_deref(), Some("new d"));
        let [(file, kept)] = &placed.set_aside[..] else {
            panic!("{placed:?}");
        };
        assert_eq!(file, "agents/b.yaml");
        assert_eq!(read(kept).as_deref(), Some("a draft"));
        // Again, as after a crash: nothing is left to do.
        let again = put(root, &wanted, &known, "aside").unwrap();
        assert_eq!(again, Placed::default());
        let left = fs::read_dir(root.join("agents")).unwrap();
        assert_eq!(left.count(), 2, "nothing half made stays");
    }

    #[test]
    fn no_record_writes_outside_the_house_or_into_its_records() {
        let house = tempfile::tempdir().unwrap();
        let root = house.path().join("house");
        fs::create_dir(&root).unwrap();
        std::os::unix::fs::symlink(house.path(), root.join("link")).unwrap();
        for file in [
            "../x",
            "/x",
            "",
            "agents/../../x",
            ".charthouse/journal.db",
            "link/x",
            "link/sub/x",
        ] {
            let refused = put(&root, &wanted(&[(file, text("x"))]), &|_, _| true, "aside");
            let refused = refused.unwrap_err();
            assert!(matches!(refused, PlaceError::NoPlace { .. }), "{refused}");
        }
        let left: Vec<_> = fs::read_dir(house.path()).unwrap().collect();
        assert_eq!(left.len(), 1, "not even a folder: {left:?}");
    }

    #[test]
    fn what_was_stored_must_be_what_was_released() {
        let house = tempfile::tempdir().unwrap();
        let stored = house.path().join("stored");
        fs::write(&stored, "other").unwrap();
        let content = Content::Copy(stored.clone(), ContentHash::of(b"these"));
        let files = wanted(&[("plugins/x.wasm", content)]);
        let refused = put(house.path(), &files, &|_, _| true, "aside").unwrap_err();
        assert!(matches!(refused, PlaceError::Lost { .. }), "{refused}");
        assert!(!house.path().join("plugins/x.wasm").exists());
        fs::write(&stored, "these").unwrap();
        put(house.path(), &files, &|_, _| true, "aside").unwrap();
        assert!(house.path().join("plugins/x.wasm").exists());
    }
}
