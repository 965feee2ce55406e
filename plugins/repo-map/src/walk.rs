//! The walk: which files there are below a directory, with what tells whether they changed, and no look at what they hold.
//!
//! One listing a directory and one question a file. Directories are opened one at a time by their whole path, so that neither the depth of a tree nor its
//! width holds more than one open; what is a link is never followed, so no circle of them can hold the walk.
//!
//! The plugin `search` has a walk of its own with other rules, which its answers state (it reads no ignore files, and asks nothing per file): they share
//! too little to be one.

use crate::globs::{Globs, Ignore};
use crate::languages::{self, Language};
use crate::rules;
use charthouse_sdk::Failure;
use charthouse_sdk::files::{Directory, Entry, File, FileError, Kind, Links, Place};
use std::rc::Rc;

/// Most files that are looked at: as many as a call's default fuel ranks beside what it may scan. What is beyond is told.
pub const FILES_MAX: usize = 8_000;
/// Most entries of all kinds, so that a tree of empty directories ends too.
const ENTRIES_MAX: usize = 200_000;
/// Most bytes of a `.gitignore` that are read.
const IGNORE_MAX: usize = 256 << 10;

/// The name of the file that marks a cache, and how a valid one begins: <https://bford.info/cachedir/>.
const TAG: &str = "CACHEDIR.TAG";
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// A file of the tree.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its path below the directory that is mapped.
    pub path: String,
    pub bytes: u64,
    /// When its content last changed, in nanoseconds since the Unix epoch, if that is known.
    pub modified: Option<u64>,
    /// What it is written in, if it is worth reading.
    pub language: Option<&'static Language>,
}

/// What was left out, by why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Files and directories that `.gitignore` files name.
    pub ignored: u64,
    /// Directories of other people's work, or a build's.
    pub vendored: u64,
    /// What could not be listed or read, and names that are not UTF-8.
    pub unreadable: u64,
    /// Whether there are more files than are looked at.
    pub too_many: bool,
}

/// A tree.
#[derive(Debug)]
pub struct Tree {
    /// In order of path.
    pub files: Vec<Found>,
    pub left_out: LeftOut,
}

/// Which files are wanted.
#[derive(Debug)]
pub struct Wanted {
    pub include: Globs,
    pub exclude: Globs,
    /// Languages to outline; all when there is none.
    pub languages: Vec<&'static Language>,
}

impl Wanted {
    /// Whether it leaves anything out.
    pub fn is_partial(&self) -> bool {
        !(self.include.is_empty() && self.exclude.is_empty() && self.languages.is_empty())
    }

    fn language(&self, name: &str, path: &str, bytes: u64) -> Option<&'static Language> {
        let language = languages::of_file(name)?;
        let wanted = self.languages.is_empty()
            || self
                .languages
                .iter()
                .any(|wanted| wanted.name == language.name);
        let worth = bytes <= rules::FILE_MAX && !rules::is_generated_name(name);
        let included = self.include.is_empty() || self.include.matches(path);
        (wanted && worth && included).then_some(language)
    }
}

/// The files below `place`, a directory.
pub fn walk(place: &Place<'_>, wanted: &Wanted) -> Result<Tree, Failure> {
    let told = |error: FileError| error.failure(format_args!("map `{}`", place.path));
    let root = place
        .mount
        .directory
        .open_directory(&place.relative, Links::Follow)
        .map_err(told)?;
    let mut walk = Walk {
        wanted,
        // Paths from the mount are longer by this much: ignore files above the directory count too.
        prefix: match place.relative.as_str() {
            "." => String::new(),
            relative => format!("{relative}/"),
        },
        files: Vec::new(),
        left_out: LeftOut::default(),
        pending: Vec::new(),
        entries: 0,
    };
    let above = walk.ignore_above(&place.mount.directory);
    walk.enter(&root, "", above).map_err(told)?;
    while let Some((path, above)) = walk.pending.pop() {
        let entered = root
            .open_directory(&path, Links::Stay)
            .and_then(|directory| walk.enter(&directory, &path, above));
        if entered.is_err() {
            walk.left_out.unreadable += 1;
        }
        if walk.left_out.too_many {
            break;
        }
    }
    let mut files = walk.files;
    files.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    Ok(Tree {
        files,
        left_out: walk.left_out,
    })
}

struct Walk<'w> {
    wanted: &'w Wanted,
    prefix: String,
    files: Vec<Found>,
    left_out: LeftOut,
    /// Directories still to be entered.
    pending: Vec<(String, Option<Rc<Ignore>>)>,
    entries: usize,
}

impl Walk<'_> {
    /// The rules of the directories between the mount and where the walk begins.
    fn ignore_above(&self, mount: &Directory) -> Option<Rc<Ignore>> {
        let ends = self.prefix.match_indices('/').map(|(at, _)| at + 1);
        let mut ignore = None;
        for end in std::iter::once(0).chain(ends) {
            if end < self.prefix.len() {
                let file = mount.open_file(&format!("{}.gitignore", &self.prefix[..end]));
                ignore = with_rules(file, end, ignore);
            }
        }
        ignore
    }

    fn enter(
        &mut self,
        directory: &Directory,
        path: &str,
        above: Option<Rc<Ignore>>,
    ) -> Result<(), FileError> {
        let mut entries: Vec<Entry> = Vec::new();
        for entry in directory.entries()? {
            match entry {
                Ok(entry) => entries.push(entry),
                Err(_) => self.left_out.unreadable += 1,
            }
            self.entries += 1;
            if self.entries > ENTRIES_MAX {
                self.left_out.too_many = true;
                break;
            }
        }
        let has = |name: &str| {
            entries
                .iter()
                .any(|entry| entry.name == name && entry.kind == Kind::File)
        };
        if has(TAG) && !path.is_empty() && is_cache(directory) {
            self.left_out.vendored += 1;
            return Ok(());
        }
        let base = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let ignore = match has(".gitignore") {
            true => with_rules(
                directory.open_entry(".gitignore"),
                self.prefix.len() + base.len(),
                above,
            ),
            false => above,
        };
        // The last in order is visited first, as the stack would have it; the order does not matter but must be the same each time.
        entries.sort_unstable_by(|a, b| b.name.cmp(&a.name));
        for entry in entries {
            if entry.name.starts_with('.') {
                continue;
            }
            let path = format!("{base}{}", entry.name);
            let is_directory = entry.kind == Kind::Directory;
            if !is_directory && entry.kind != Kind::File {
                continue;
            }
            if self.wanted.exclude.matches(&path) {
                continue;
            }
            let ignored = ignore.as_ref().is_some_and(|ignore| {
                ignore.ignores(&format!("{}{path}", self.prefix), is_directory)
            });
            if ignored {
                self.left_out.ignored += 1;
            } else if is_directory && rules::is_vendored(&entry.name) {
                self.left_out.vendored += 1;
            } else if is_directory {
                self.pending.push((path, ignore.clone()));
            } else {
                self.found(directory, &entry.name, path);
            }
        }
        Ok(())
    }

    fn found(&mut self, directory: &Directory, name: &str, path: String) {
        if self.files.len() >= FILES_MAX {
            self.left_out.too_many = true;
            return;
        }
        if !self.wanted.include.is_empty() && !self.wanted.include.matches(&path) {
            return;
        }
        // Only what may be read is asked about.
        let (bytes, modified) = match languages::of_file(name) {
            None => (0, None),
            Some(_) => match directory.metadata(name, Links::Stay) {
                Ok(metadata) => (metadata.bytes, metadata.modified),
                Err(_) => {
                    self.left_out.unreadable += 1;
                    return;
                }
            },
        };
        self.files.push(Found {
            language: self.wanted.language(name, &path, bytes),
            path,
            bytes,
            modified,
        });
    }
}

fn with_rules(
    file: Result<File, FileError>,
    base: usize,
    above: Option<Rc<Ignore>>,
) -> Option<Rc<Ignore>> {
    match file.and_then(|mut file| read(&mut file, IGNORE_MAX)) {
        Ok(bytes) => Ignore::new(&String::from_utf8_lossy(&bytes), base, above),
        Err(_) => above,
    }
}

fn is_cache(directory: &Directory) -> bool {
    directory
        .open_entry(TAG)
        .and_then(|mut file| file.read_chunk(SIGNATURE.len()))
        .is_ok_and(|start| start == SIGNATURE)
}

/// The first `most` bytes of a file.
pub fn read(file: &mut File, most: usize) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    while bytes.len() < most {
        let chunk = file.read_chunk(most - bytes.len())?;
        if chunk.is_empty() {
            break;
        }
        if bytes.is_empty() {
            bytes = chunk;
        } else {
            bytes.extend_from_slice(&chunk);
        }
    }
    Ok(bytes)
}
