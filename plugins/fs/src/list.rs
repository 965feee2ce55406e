//! Tool `list`: what a directory holds.

use crate::near;
use charthouse_sdk::files::{Directory, FileErrorKind, Kind, Links, Mounts};
use charthouse_sdk::{Failure, Json, arguments};
use serde::Serialize;
use std::collections::BTreeMap;
use std::num::NonZeroU64;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Lists a directory. Answers JSON: path, entries (name relative to path, type: file, directory, symlink or other, \
    bytes of files), sorted by name; total, how many there are in all; unreadable, how many could not be told. With depth > 1 it also lists \
    what the directories in it hold, except for hidden ones (named with a dot at the start), of which not_entered says how many there are: \
    list those by their own path. Symbolic links are listed and not followed. A page holds at most 1,000 entries; next, where there is more, \
    is the value of after for the next page.";

/// How many entries a page holds.
const ENTRIES: usize = 1_000;
/// How many bytes of names a page holds.
const BYTES: usize = 96 * 1024;
/// How deep a listing goes at most.
const DEPTH: u64 = 64;

arguments! {
    /// Which directory, how deep.
    pub struct List {
        /// The directory's absolute path, for instance `/workspace/src`; a relative one is taken below `/workspace`.
        path: String,
        /// How many levels; 1 is the directory alone.
        depth: Option<NonZeroU64>,
        /// Only entries whose name sorts after this one: the `next` of the page before.
        after: Option<String>,
    }
}

#[derive(Debug, Serialize)]
struct Listing {
    path: String,
    entries: Vec<Entry>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    unreadable: u64,
    #[serde(skip_serializing_if = "is_zero")]
    not_entered: u64,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Keeps the first names after a given one, however many come by, and counts all.
struct Page {
    after: String,
    first: BTreeMap<String, Kind>,
    more: bool,
    total: u64,
    unreadable: u64,
    not_entered: u64,
}

impl Page {
    fn add(&mut self, name: String, kind: Kind) {
        self.total += 1;
        if name.as_str() <= self.after.as_str() && !self.after.is_empty() {
            return;
        }
        self.first.insert(name, kind);
        if self.first.len() > ENTRIES {
            self.first.pop_last();
            self.more = true;
        }
    }

    fn walk(
        &mut self,
        directory: &Directory,
        prefix: &str,
        depth: u64,
    ) -> Result<(), charthouse_sdk::files::FileError> {
        // Entered after the listing is over, so that no more than one is open at each level.
        let mut inner = Vec::new();
        for entry in directory.entries()? {
            let Ok(entry) = entry else {
                self.unreadable += 1;
                continue;
            };
            if entry.kind == Kind::Directory && depth > 1 {
                match entry.name.starts_with('.') {
                    true => self.not_entered += 1,
                    false => inner.push(entry.name.clone()),
                }
            }
            self.add(format!("{prefix}{}", entry.name), entry.kind);
        }
        for name in inner {
            let listed = directory
                .open_directory(&name, Links::Stay)
                .and_then(|directory| {
                    self.walk(&directory, &format!("{prefix}{name}/"), depth - 1)
                });
            if listed.is_err() {
                self.unreadable += 1;
            }
        }
        Ok(())
    }
}

/// List a page.
pub fn list(mounts: &Mounts, arguments: List) -> Result<Json<impl Serialize + use<>>, Failure> {
    let place = mounts.place(&arguments.path)?;
    let depth = arguments.depth.map_or(1, NonZeroU64::get).min(DEPTH);
    let mut page = Page {
        after: arguments.after.unwrap_or_default(),
        first: BTreeMap::new(),
        more: false,
        total: 0,
        unreadable: 0,
        not_entered: 0,
    };
    let opened = place
        .mount
        .directory
        .open_directory(&place.relative, Links::Follow);
    let directory = opened.map_err(|error| {
        match (
            &error.kind,
            place
                .mount
                .directory
                .metadata(&place.relative, Links::Follow),
        ) {
            (FileErrorKind::NotDirectory, Ok(metadata)) if metadata.kind == Kind::File => {
                Failure::failed(format!(
                    "cannot list `{}`: it is a file; use `read`",
                    place.path
                ))
            }
            _ => near::explain(&place, "list", &error),
        }
    })?;
    page.walk(&directory, "", depth)
        .map_err(|error| near::explain(&place, "list", &error))?;

    let mut entries = Vec::with_capacity(page.first.len());
    let mut bytes = 0;
    let mut next = None;
    let kept = page.first.len();
    for (name, kind) in page.first {
        bytes += name.len() + 48;
        if bytes > BYTES && !entries.is_empty() {
            next = entries.last().map(|entry: &Entry| entry.name.clone());
            break;
        }
        let size = match kind {
            Kind::File => directory
                .metadata(&name, Links::Stay)
                .ok()
                .map(|metadata| metadata.bytes),
            _ => None,
        };
        entries.push(Entry {
            name,
            r#type: kind.as_str(),
            bytes: size,
        });
    }
    if page.more && entries.len() == kept {
        next = entries.last().map(|entry| entry.name.clone());
    }
    Ok(Json(Listing {
        path: place.path,
        entries,
        total: page.total,
        next,
        unreadable: page.unreadable,
        not_entered: page.not_entered,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;
    use std::path::Path;

    fn call(root: &Path, path: &str, depth: u64, after: Option<&str>) -> Result<Value, Failure> {
        let mounts = Mounts::of(&[("/workspace", root)]).unwrap();
        let arguments = List {
            path: path.to_owned(),
            depth: NonZeroU64::new(depth),
            after: after.map(str::to_owned),
        };
        list(&mounts, arguments).map(|listing| serde_json::to_value(listing.0).unwrap())
    }

    fn names(listing: &Value) -> Vec<&str> {
        listing["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["name"].as_str().unwrap())
            .collect()
    }

    #[test]
    fn entries_are_sorted_typed_and_measured() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("b file"), "abc").unwrap();
        fs::create_dir_all(root.path().join("a/.git")).unwrap();
        fs::write(root.path().join("a/.git/config"), "").unwrap();
        fs::write(root.path().join("a/x"), "").unwrap();
        fs::write(root.path().join("a.txt"), "").unwrap();
        fs::write(root.path().join(".hidden"), "").unwrap();
        std::os::unix::fs::symlink("/etc", root.path().join("out")).unwrap();
        assert_eq!(
            call(root.path(), "/workspace", 0, None).unwrap(),
            json!({
                "path": "/workspace",
                "entries": [
                    {"name": ".hidden", "type": "file", "bytes": 0},
                    {"name": "a", "type": "directory"},
                    {"name": "a.txt", "type": "file", "bytes": 0},
                    {"name": "b file", "type": "file", "bytes": 3},
                    {"name": "out", "type": "symlink"},
                ],
                "total": 5,
                "unreadable": 0,
            })
        );
        let deep = call(root.path(), ".", 3, None).unwrap();
        assert_eq!(
            names(&deep),
            [".hidden", "a", "a.txt", "a/.git", "a/x", "b file", "out"]
        );
        assert_eq!(deep["not_entered"], 1);
        assert_eq!(
            names(&call(root.path(), "a/.git", 1, None).unwrap()),
            ["config"]
        );
    }

    #[test]
    fn pages_lead_from_one_to_the_next_and_miss_nothing() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..2_345 {
            fs::write(root.path().join(format!("file {n:04}")), "").unwrap();
        }
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let page = call(root.path(), ".", 1, after.as_deref()).unwrap();
            assert_eq!(page["total"], 2_345);
            seen.extend(names(&page).into_iter().map(str::to_owned));
            after = page
                .get("next")
                .map(|next| next.as_str().unwrap().to_owned());
            if after.is_none() {
                break;
            }
        }
        assert_eq!(
            seen,
            (0..2_345)
                .map(|n| format!("file {n:04}"))
                .collect::<Vec<_>>()
        );
    }

    #[test]
    fn exactly_one_page_has_no_next() {
        let root = tempfile::tempdir().unwrap();
        for n in 0..ENTRIES {
            fs::write(root.path().join(format!("{n:04}")), "").unwrap();
        }
        let page = call(root.path(), ".", 1, None).unwrap();
        assert_eq!((names(&page).len(), page.get("next")), (ENTRIES, None));
    }

    #[test]
    fn a_file_and_a_missing_directory_are_told() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join("a"), "").unwrap();
        assert_eq!(
            call(root.path(), "a", 1, None).unwrap_err(),
            Failure::failed("cannot list `/workspace/a`: it is a file; use `read`")
        );
        assert_eq!(
            call(root.path(), "b/c", 1, None).unwrap_err(),
            Failure::failed(
                "cannot list `/workspace/b/c`: there is no `b` in `/workspace`; it holds `a`"
            )
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_name_that_is_not_utf8_hides_no_other() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().unwrap();
        fs::write(
            root.path().join(std::ffi::OsStr::from_bytes(b"bad \xFF")),
            "",
        )
        .unwrap();
        fs::write(root.path().join("a"), "").unwrap();
        fs::write(root.path().join("z"), "").unwrap();
        let listing = call(root.path(), ".", 1, None).unwrap();
        assert_eq!(names(&listing), ["a", "z"]);
        assert_eq!(listing["unreadable"], 1);
    }
}
