//! The walk that all tools share: which files and directories there are below a path, by the rules, in bytewise order of their paths.
//!
//! It asks WASI as little as it can: one listing a directory, which tells names and kinds, and nothing per file. It goes depth first and keeps
//! on its own stack what is still to be visited, so its memory grows with the largest directories on the way, never with the whole tree, and
//! no depth of directories can exhaust it.

use crate::skipped::{Reason, Skipped};
use charthouse_sdk::Failure;
use charthouse_sdk::files::{
    Directory, Entry, File, FileError, FileErrorKind, Kind, Links, Mounts, Place,
};
use std::vec::IntoIter;

/// How many directories are open at a time. Deeper down, those further up are closed and opened again on the way back, because the host limits
/// how much a guest may hold.
const OPEN: usize = 48;

/// The name of the file that marks a cache, and how a valid one begins: <https://bford.info/cachedir/>.
const TAG: &str = "CACHEDIR.TAG";
const SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// A file or a directory that the walk has come to.
pub struct Found<'a> {
    /// Its path from where the walk began; for a walk of one file, the file's name.
    pub path: &'a str,
    /// Its name.
    pub name: &'a str,
    /// File or directory, nothing else.
    pub kind: Kind,
    directory: &'a Directory,
    opens: &'a str,
    links: Links,
}

impl Found<'_> {
    /// Open it, if it is a file.
    pub fn open(&self) -> Result<File, FileError> {
        match self.links {
            Links::Stay => self.directory.open_entry(self.opens),
            Links::Follow => self.directory.open_file(self.opens),
        }
    }

    /// Its size in bytes.
    pub fn bytes(&self) -> Result<u64, FileError> {
        self.directory
            .metadata(self.opens, self.links)
            .map(|metadata| metadata.bytes)
    }
}

/// Visit everything below `path`, which may be a directory or one file. Answers the path as the guest sees it.
pub fn walk(
    mounts: &Mounts,
    path: &str,
    skipped: &mut Skipped,
    visit: &mut dyn FnMut(&Found<'_>, &mut Skipped),
) -> Result<String, Failure> {
    let place = mounts.place(path)?;
    let told = |error: FileError| explain(&place, &error);
    let metadata = place
        .mount
        .directory
        .metadata(&place.relative, Links::Follow)
        .map_err(told)?;
    match metadata.kind {
        Kind::Directory => {
            let directory = place
                .mount
                .directory
                .open_directory(&place.relative, Links::Follow)
                .map_err(told)?;
            let entries = Listing::of(&directory).map_err(told)?;
            let mut walk = Walk {
                path: String::new(),
                frames: Vec::new(),
            };
            walk.push(String::new(), directory, entries, skipped);
            walk.run(skipped, visit);
        }
        Kind::File => {
            let name = place.split().map_or(".", |(_, name)| name);
            let found = Found {
                path: name,
                name,
                kind: Kind::File,
                directory: &place.mount.directory,
                opens: &place.relative,
                links: Links::Follow,
            };
            visit(&found, skipped);
        }
        Kind::Special | Kind::Symlink => return Err(told(FileErrorKind::Special.into())),
    }
    Ok(place.path)
}

fn explain(place: &Place<'_>, error: &FileError) -> Failure {
    let failure = error.failure(format_args!("search `{}`", place.path));
    match (&error.kind, place.link_out()) {
        (FileErrorKind::Refused, Some(link)) => Failure::denied(format!(
            "cannot search `{}`: `{link}` is a symbolic link that leads out of the mount `{}`",
            place.path, place.mount.path
        )),
        (FileErrorKind::NotFound, _) => Failure::failed(format!(
            "{}; list the directory above it to see what there is",
            failure.message()
        )),
        _ => failure,
    }
}

/// A directory that is being walked.
struct Frame {
    name: String,
    /// Absent while too many below it are open.
    directory: Option<Directory>,
    entries: IntoIter<Entry>,
    /// Where the path of this directory ends in the path of the walk.
    path_end: usize,
}

struct Walk {
    /// The path of the innermost directory, with `/` at its end unless it is empty.
    path: String,
    frames: Vec<Frame>,
}

impl Walk {
    fn run(&mut self, skipped: &mut Skipped, visit: &mut dyn FnMut(&Found<'_>, &mut Skipped)) {
        while let Some(frame) = self.frames.last_mut() {
            let Some(entry) = frame.entries.next() else {
                self.frames.pop();
                self.path
                    .truncate(self.frames.last().map_or(0, |frame| frame.path_end));
                continue;
            };
            if self.visit(&entry, skipped, visit).is_err() {
                skipped.add(Reason::Unreadable, format!("{}{}", self.path, entry.name));
            }
        }
    }

    /// Visit `entry` of the innermost directory, and enter it if it is a directory.
    fn visit(
        &mut self,
        entry: &Entry,
        skipped: &mut Skipped,
        visit: &mut dyn FnMut(&Found<'_>, &mut Skipped),
    ) -> Result<(), FileError> {
        self.reopen()?;
        let Some(directory) = self
            .frames
            .last()
            .and_then(|frame| frame.directory.as_ref())
        else {
            return Err(FileErrorKind::NotFound.into());
        };
        let entered = match entry.kind {
            Kind::Directory => {
                let inner = directory.open_directory(&entry.name, Links::Stay)?;
                let entries = Listing::of(&inner)?;
                if entries.is_cache(&inner) {
                    skipped.add(Reason::Caches, format!("{}{}", self.path, entry.name));
                    return Ok(());
                }
                Some((inner, entries))
            }
            _ => None,
        };
        let end = self.path.len();
        self.path.push_str(&entry.name);
        let found = Found {
            path: &self.path,
            name: &entry.name,
            kind: entry.kind,
            directory,
            opens: &entry.name,
            links: Links::Stay,
        };
        visit(&found, skipped);
        self.path.truncate(end);
        if let Some((directory, entries)) = entered {
            self.push(entry.name.clone(), directory, entries, skipped);
        }
        Ok(())
    }

    fn push(
        &mut self,
        name: String,
        directory: Directory,
        listing: Listing,
        skipped: &mut Skipped,
    ) {
        if !name.is_empty() {
            self.path.push_str(&name);
            self.path.push('/');
        }
        let entries = listing.seen(&self.path, skipped).into_iter();
        self.frames.push(Frame {
            name,
            directory: Some(directory),
            entries,
            path_end: self.path.len(),
        });
        // The first stays open: from it every other can be found again.
        if let Some(index) = self
            .frames
            .len()
            .checked_sub(OPEN)
            .filter(|index| *index > 0)
        {
            self.frames[index].directory = None;
        }
    }

    /// Make sure that the innermost directory is open, by way of the innermost that is.
    fn reopen(&mut self) -> Result<(), FileError> {
        let last = self.frames.len().saturating_sub(1);
        let Some(open) = self
            .frames
            .iter()
            .rposition(|frame| frame.directory.is_some())
        else {
            return Ok(());
        };
        let mut passed: Option<Directory> = None;
        for index in open + 1..=last {
            let from = passed
                .as_ref()
                .or(self.frames[index - 1].directory.as_ref());
            let Some(from) = from else {
                return Err(FileErrorKind::NotFound.into());
            };
            let directory = from.open_directory(&self.frames[index].name, Links::Stay)?;
            // The nearest ones are kept for the way back, those further up are only passed through.
            if index + OPEN / 2 > last {
                self.frames[index].directory = Some(directory);
                passed = None;
            } else {
                passed = Some(directory);
            }
        }
        Ok(())
    }
}

/// What a directory holds, before the rules are applied.
struct Listing {
    entries: Vec<Entry>,
    untold: u64,
}

impl Listing {
    fn of(directory: &Directory) -> Result<Self, FileError> {
        let mut listing = Listing {
            entries: Vec::new(),
            untold: 0,
        };
        for entry in directory.entries()? {
            match entry {
                Ok(entry) => listing.entries.push(entry),
                Err(_) => listing.untold += 1,
            }
        }
        listing
            .entries
            .sort_unstable_by(|a, b| sort_key(a).cmp(sort_key(b)));
        Ok(listing)
    }

    fn is_cache(&self, directory: &Directory) -> bool {
        let tagged = self
            .entries
            .iter()
            .any(|entry| entry.name == TAG && entry.kind == Kind::File);
        tagged
            && directory
                .open_entry(TAG)
                .and_then(|mut file| file.read_chunk(SIGNATURE.len()))
                .is_ok_and(|start| start == SIGNATURE)
    }

    /// The files and directories to visit; the rest is tallied.
    fn seen(self, path: &str, skipped: &mut Skipped) -> Vec<Entry> {
        let mut seen = self.entries;
        seen.retain(|entry| {
            let reason = match entry.kind {
                _ if entry.name.starts_with('.') => Reason::Hidden,
                Kind::Symlink => Reason::Symlinks,
                Kind::Special => Reason::Special,
                Kind::File | Kind::Directory => return true,
            };
            skipped.add(reason, format!("{path}{}", entry.name));
            false
        });
        for _ in 0..self.untold {
            skipped.add(
                Reason::Unreadable,
                format!("{path}(a name that is not UTF-8)"),
            );
        }
        seen
    }
}

/// Bytes to sort an entry by, so that paths come in bytewise order although a directory's contents follow it at once: a directory sorts as if
/// its name ended with the `/` that follows it in its contents' paths.
fn sort_key(entry: &Entry) -> impl Iterator<Item = u8> {
    let slash = (entry.kind == Kind::Directory).then_some(b'/');
    entry.name.bytes().chain(slash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::fs::symlink;
    use std::path::Path;

    /// Paths found and paths left out.
    fn paths(root: &Path, path: &str) -> (Vec<String>, Vec<String>) {
        let mounts = Mounts::of(&[("/workspace", root)]).unwrap();
        let mut skipped = Skipped::default();
        let mut found = Vec::new();
        walk(&mounts, path, &mut skipped, &mut |entry, _| {
            let mark = if entry.kind == Kind::Directory {
                "/"
            } else {
                ""
            };
            found.push(format!("{}{mark}", entry.path));
        })
        .unwrap();
        let examples = serde_json::to_value(skipped.examples()).unwrap();
        let examples = examples.as_array().unwrap().iter();
        let left_out = examples.map(|example| {
            format!(
                "{} {}",
                example["reason"].as_str().unwrap(),
                example["path"].as_str().unwrap()
            )
        });
        (found, left_out.collect())
    }

    fn write(path: impl AsRef<Path>, content: &str) {
        fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    #[test]
    fn paths_come_in_bytewise_order() {
        let root = tempfile::tempdir().unwrap();
        for name in [
            "b",
            "a/x",
            "a.txt",
            "a-b/y",
            "a/sub/z",
            "a0",
            "é",
            "B",
            "with space/f",
        ] {
            write(root.path().join(name), "");
        }
        let (found, _) = paths(root.path(), ".");
        let mut sorted = found.clone();
        sorted.sort();
        assert_eq!(found, sorted);
        assert_eq!(found.len(), 13);
    }

    #[test]
    fn what_is_left_out_is_tallied() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        write(path.join(".git/config"), "");
        write(path.join("sub/.env"), "");
        write(
            path.join("cache/CACHEDIR.TAG"),
            "Signature: 8a477f597d28d172789f06886806bc55\nmore",
        );
        write(path.join("cache/.hidden-in-cache"), "");
        write(
            path.join("false-cache/CACHEDIR.TAG"),
            "Signature: of another kind",
        );
        symlink("/etc", path.join("out")).unwrap();
        symlink("sub", path.join("sub/in")).unwrap();
        let (found, left_out) = paths(path, "/workspace");
        assert_eq!(found, ["false-cache/", "false-cache/CACHEDIR.TAG", "sub/"]);
        assert_eq!(
            left_out,
            [
                "hidden .git",
                "hidden sub/.env",
                "symlinks out",
                "symlinks sub/in",
                "caches cache"
            ]
        );
    }

    #[test]
    fn the_path_asked_for_is_exempt() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path();
        write(path.join(".github/workflow"), "");
        write(
            path.join("cache/CACHEDIR.TAG"),
            "Signature: 8a477f597d28d172789f06886806bc55",
        );
        symlink(".github", path.join("link")).unwrap();
        symlink("/etc", path.join("out")).unwrap();
        assert_eq!(paths(path, ".github").0, ["workflow"]);
        assert_eq!(paths(path, "link").0, ["workflow"]);
        assert_eq!(paths(path, "cache").0, ["CACHEDIR.TAG"]);
        assert_eq!(paths(path, ".github/workflow").0, ["workflow"]);
        let mounts = Mounts::of(&[("/workspace", path)]).unwrap();
        let walked = |path: &str| walk(&mounts, path, &mut Skipped::default(), &mut |_, _| ());
        assert_eq!(
            walked("out/x"),
            Err(Failure::denied(
                "cannot search `/workspace/out/x`: `/workspace/out` is a symbolic link that leads out of the mount `/workspace`"
            ))
        );
        assert!(
            matches!(walked("nothing"), Err(Failure::Failed(message)) if message.contains("nothing at that path; list"))
        );
    }

    #[test]
    fn depth_needs_no_more_open_directories() {
        let root = tempfile::tempdir().unwrap();
        let mut path = root.path().to_owned();
        let depth = 3 * OPEN;
        for level in 0..depth {
            path.push("d");
            fs::create_dir(&path).unwrap();
            // One sorts before the directory that follows, one behind it, on the way back.
            fs::write(path.join("a"), level.to_string()).unwrap();
            fs::write(path.join("z"), level.to_string()).unwrap();
        }
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let mut skipped = Skipped::default();
        let mut levels = Vec::new();
        walk(&mounts, ".", &mut skipped, &mut |found, _| {
            if found.kind == Kind::File {
                let content = found.open().unwrap().read_chunk(100).unwrap();
                let level: usize = String::from_utf8(content).unwrap().parse().unwrap();
                assert_eq!(found.path.matches("d/").count(), level + 1);
                levels.push(level);
            }
        })
        .unwrap();
        let down_and_up: Vec<usize> = (0..depth).chain((0..depth).rev()).collect();
        assert_eq!(levels, down_and_up);
        assert_eq!(skipped.count(Reason::Unreadable), 0);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn names_that_are_not_utf8_hide_no_other() {
        use std::os::unix::ffi::OsStrExt;
        let root = tempfile::tempdir().unwrap();
        let bad = std::ffi::OsStr::from_bytes(b"bad\xFF");
        write(root.path().join(bad), "");
        write(root.path().join("a"), "");
        write(root.path().join("z"), "");
        let (found, left_out) = paths(root.path(), ".");
        assert_eq!(found, ["a", "z"]);
        assert_eq!(left_out, ["unreadable (a name that is not UTF-8)"]);
    }
}
