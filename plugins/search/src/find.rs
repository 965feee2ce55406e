//! Tool `find`: files and directories by name.

use crate::glob::Glob;
use crate::skipped::{Example, Skipped, Tally};
use crate::walk::{Found, walk};
use charthouse_sdk::files::{Kind, Mounts};
use charthouse_sdk::{Failure, Json, arguments, choices};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::num::NonZeroU64;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Finds files and directories by name. The glob is matched against paths relative to path (**/*.rs); a glob \
    without / is matched against names at any depth (*.rs). Answers JSON: path, glob, entries (path, type: file or directory, bytes of files), \
    sorted by path, or with sort = size files alone, the largest first; total, how many there are in all; next, where there is more, is the \
    start of the next page; skipped and skipped_paths, what was left out.";

/// How many entries a page holds when nothing is said.
const PAGE: u64 = 200;
/// How many entries a page holds at most.
const LARGEST_PAGE: u64 = 1_000;
/// How many bytes of paths a page holds.
const PAGE_BYTES: usize = 96 * 1024;
/// How far into a listing by size one can page: so many must be held.
const LARGEST_START: u64 = 20_000;

choices! {
    /// An order.
    pub enum Sort {
        /// By path, bytewise.
        Path = "path",
        /// Files alone, the largest first.
        Size = "size",
    }
}

choices! {
    /// A kind of entry.
    pub enum Type {
        /// Regular files.
        File = "file",
        /// Directories.
        Directory = "directory",
    }
}

arguments! {
    /// What to look for, and where.
    pub struct Find {
        /// The glob, for instance `**/*.rs`, `Cargo.toml` or `src/**/test_*.py`.
        glob: String,
        /// Where to look: an absolute path, or one below `/workspace`; `/workspace` when absent.
        path: Option<String>,
        /// Only files, or only directories.
        r#type: Option<Type>,
        /// The order: by path, or files by size with the largest first.
        sort: Sort = Sort::Path,
        /// How many entries to leave out at the start: the `next` of the page before.
        start: u64 = 0,
        /// How many entries at most, up to 1000; 200 when absent.
        max: Option<NonZeroU64>,
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    glob: String,
    entries: Vec<Entry>,
    total: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    skipped: Tally,
    skipped_paths: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Entry {
    path: String,
    r#type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

/// The part of all entries that is answered.
struct Page {
    sort: Sort,
    start: u64,
    max: u64,
    total: u64,
    entries: Vec<Entry>,
    bytes: usize,
    /// By size, the largest first, then by path; no more than up to the end of the page.
    largest: BTreeSet<(Reverse<u64>, String)>,
}

impl Page {
    fn add(&mut self, found: &Found<'_>) {
        let index = self.total;
        self.total += 1;
        match self.sort {
            Sort::Path if index >= self.start && index < self.start + self.max => {
                let bytes = match found.kind {
                    Kind::File => found.bytes().ok(),
                    _ => None,
                };
                self.put(found.path.to_owned(), found.kind.as_str(), bytes);
            }
            Sort::Path => {}
            Sort::Size => {
                self.largest
                    .insert((Reverse(found.bytes().unwrap_or(0)), found.path.to_owned()));
                if self.largest.len() as u64 > self.start + self.max {
                    self.largest.pop_last();
                }
            }
        }
    }

    /// Put an entry on the page, unless the page is full.
    fn put(&mut self, path: String, kind: &'static str, bytes: Option<u64>) {
        if self.bytes > PAGE_BYTES {
            return;
        }
        self.bytes += path.len() + 48;
        self.entries.push(Entry {
            path,
            r#type: kind,
            bytes,
        });
    }

    fn finish(&mut self) {
        let largest = std::mem::take(&mut self.largest);
        for (Reverse(bytes), path) in largest.into_iter().skip(self.start as usize) {
            self.put(path, Kind::File.as_str(), Some(bytes));
        }
    }
}

/// Find files.
pub fn find(mounts: &Mounts, arguments: Find) -> Result<Json<impl Serialize + use<>>, Failure> {
    let glob = Glob::new(&arguments.glob)?;
    let (start, sort) = (arguments.start, arguments.sort);
    if sort == Sort::Size && start > LARGEST_START {
        return Err(Failure::invalid(format!(
            "`start` is at most {LARGEST_START} where files are sorted by size; narrow the glob"
        )));
    }
    let kind = match (arguments.r#type, sort) {
        (Some(Type::Directory), Sort::Size) => {
            return Err(Failure::invalid(
                "directories have no size: leave out `sort` or look for files",
            ));
        }
        (Some(Type::Directory), Sort::Path) => Some(Kind::Directory),
        (Some(Type::File), _) | (None, Sort::Size) => Some(Kind::File),
        (None, Sort::Path) => None,
    };
    let mut page = Page {
        sort,
        start,
        max: arguments
            .max
            .map_or(PAGE, NonZeroU64::get)
            .min(LARGEST_PAGE),
        total: 0,
        entries: Vec::new(),
        bytes: 0,
        largest: BTreeSet::new(),
    };
    let mut skipped = Skipped::default();
    let path = arguments.path.as_deref().unwrap_or(".");
    let path = walk(mounts, path, &mut skipped, &mut |found, _| {
        if kind.is_none_or(|kind| kind == found.kind) && glob.matches(found.path, found.name) {
            page.add(found);
        }
    })?;
    page.finish();
    let next = start.saturating_add(page.entries.len() as u64);
    Ok(Json(Answer {
        path,
        glob: arguments.glob,
        next: (next < page.total && !page.entries.is_empty()).then_some(next),
        entries: page.entries,
        total: page.total,
        skipped: skipped.tally(false),
        skipped_paths: skipped.examples(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;
    use std::path::Path;

    fn call(root: &Path, arguments: Value) -> Result<Value, Failure> {
        let mounts = Mounts::of(&[("/workspace", root)]).unwrap();
        let mut complaints = charthouse_sdk::Complaints::default();
        let arguments = <Find as charthouse_sdk::Argument>::read(&arguments, &mut complaints);
        find(&mounts, arguments.unwrap()).map(|answer| serde_json::to_value(answer.0).unwrap())
    }

    fn paths(answer: &Value) -> Vec<&str> {
        answer["entries"]
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| entry["path"].as_str().unwrap())
            .collect()
    }

    fn tree() -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("src/deep")).unwrap();
        fs::create_dir_all(root.path().join(".git")).unwrap();
        for (name, size) in [
            ("a.rs", 3),
            ("src/b.rs", 30),
            ("src/deep/c.rs", 10),
            ("src/d.txt", 20),
            (".git/e.rs", 99),
        ] {
            fs::write(root.path().join(name), "x".repeat(size)).unwrap();
        }
        root
    }

    #[test]
    fn names_and_paths_are_found() {
        let root = tree();
        assert_eq!(
            call(root.path(), json!({"glob": "*.rs"})).unwrap(),
            json!({
                "path": "/workspace", "glob": "*.rs",
                "entries": [
                    {"path": "a.rs", "type": "file", "bytes": 3},
                    {"path": "src/b.rs", "type": "file", "bytes": 30},
                    {"path": "src/deep/c.rs", "type": "file", "bytes": 10},
                ],
                "total": 3,
                "skipped": {"hidden": 1, "symlinks": 0, "caches": 0, "special": 0, "unreadable": 0},
                "skipped_paths": [{"path": ".git", "reason": "hidden"}],
            })
        );
        assert_eq!(
            paths(&call(root.path(), json!({"glob": "*", "type": "directory"})).unwrap()),
            ["src", "src/deep"]
        );
        assert_eq!(
            paths(&call(root.path(), json!({"glob": "deep/*", "path": "src"})).unwrap()),
            ["deep/c.rs"]
        );
    }

    #[test]
    fn the_largest_come_first_and_pages_add_up() {
        let root = tree();
        let all = call(root.path(), json!({"glob": "*", "sort": "size"})).unwrap();
        assert_eq!(
            paths(&all),
            ["src/b.rs", "src/d.txt", "src/deep/c.rs", "a.rs"]
        );
        for sort in ["size", "path"] {
            let whole = call(root.path(), json!({"glob": "*", "sort": sort})).unwrap();
            let mut paged: Vec<String> = Vec::new();
            let mut start = json!(0);
            while !start.is_null() {
                let page = call(
                    root.path(),
                    json!({"glob": "*", "sort": sort, "start": start, "max": 1}),
                )
                .unwrap();
                assert_eq!(page["total"], whole["total"]);
                paged.extend(paths(&page).into_iter().map(str::to_owned));
                start = page["next"].clone();
            }
            assert_eq!(paged, paths(&whole), "{sort}");
        }
    }

    #[test]
    fn a_start_beyond_the_end_is_an_empty_page() {
        let root = tree();
        let page = call(root.path(), json!({"glob": "*", "start": 99})).unwrap();
        assert_eq!((paths(&page).len(), page.get("next")), (0, None));
    }
}
