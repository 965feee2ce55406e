//! Walking a path one name at a time, without ever following a link unseen.
//!
//! Looking at a path and then handing it to the operating system leaves a moment in which somebody else (the host, another call) puts a link in the
//! way. So where policy looks at names, a path is walked here: every directory on it is opened by its own name below the last one, links are read
//! and walked like anything else, and what comes out is a directory held open and one name in it. Nothing that happens to the path afterwards
//! changes what that means. It knows nothing of policy: whoever walks says which names stop him.

use super::names::{End, Names, Step};
use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::sync::Arc;

/// Where a walk begins: a directory and its path in the mount.
pub(crate) struct Start {
    pub(crate) directory: Arc<File>,
    pub(crate) real: String,
}

/// Where a walk ends: one name in a directory that is held open.
pub(crate) struct Pinned {
    pub(crate) directory: Arc<File>,
    /// The name; `.` for the directory itself.
    pub(crate) name: String,
    /// Path in the mount, every link followed.
    pub(crate) real: String,
    /// What stands there now; a link only where the walk does not follow the last one.
    pub(crate) stat: Option<Stat>,
    /// Whether the path can only mean a directory, as `a/` does.
    pub(crate) only_directory: bool,
}

impl Pinned {
    pub(crate) fn kind(&self) -> Option<FileType> {
        let stat = self.stat.as_ref()?;
        Some(FileType::from_raw_mode(stat.st_mode))
    }
}

/// Why a walk ended before its path did.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A name on the way is one that stops the walker.
    Hidden,
    /// The path leads out of where it began.
    Out,
    /// The operating system's word.
    Os(Errno),
}

impl From<Errno> for Stop {
    fn from(error: Errno) -> Self {
        Stop::Os(error)
    }
}

impl From<End> for Stop {
    fn from(end: End) -> Self {
        match end {
            End::Out => Stop::Out,
            End::Os(error) => Stop::Os(error),
        }
    }
}

/// Walk `path` from `start`. `stops` is asked about every path in the mount that the walk comes to, with the directory and the name that stands there.
pub(crate) fn walk(
    start: Start,
    path: &str,
    follow: bool,
    stops: &dyn Fn(&File, &str, &str) -> bool,
) -> Result<Pinned, Stop> {
    let mut names = Names::of(path)?;
    let mut stack = vec![start];
    while let Some(step) = names.next() {
        let Step::On {
            name,
            last,
            only_directory,
        } = step
        else {
            stack.pop();
            if stack.is_empty() {
                return Err(Stop::Out);
            }
            continue;
        };
        // The stack is never empty: `..` that would empty it has returned.
        let Some(here) = stack.last() else {
            return Err(Stop::Out);
        };
        let real = join(&here.real, &name);
        if stops(&here.directory, &name, &real) {
            return Err(Stop::Hidden);
        }
        let found = rustix::fs::statat(&*here.directory, &name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = match found {
            Ok(stat) => Some(stat),
            Err(Errno::NOENT) if last || only_directory => None,
            Err(error) => return Err(error.into()),
        };
        let kind = stat
            .as_ref()
            .map(|stat| FileType::from_raw_mode(stat.st_mode));
        if kind == Some(FileType::Symlink) && (!last || follow) {
            let target = rustix::fs::readlinkat(&*here.directory, &name, Vec::new())?;
            names.follow(&target.into_string().map_err(|_| Errno::ILSEQ)?)?;
            continue;
        }
        if last || only_directory {
            return Ok(Pinned {
                directory: here.directory.clone(),
                name,
                real,
                stat,
                only_directory,
            });
        }
        let opened = open_directory(&*here.directory, &name)?;
        stack.push(Start {
            directory: Arc::new(File::from(opened)),
            real,
        });
    }
    let Some(here) = stack.pop() else {
        return Err(Stop::Out);
    };
    let stat = rustix::fs::fstat(&*here.directory)?;
    Ok(Pinned {
        directory: here.directory,
        name: ".".into(),
        real: here.real,
        stat: Some(stat),
        only_directory: true,
    })
}

/// Open the directory `name` in `directory` for walking on. Never follows a link.
pub(crate) fn open_directory(directory: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    let how = OFlags::PATH;
    #[cfg(not(target_os = "linux"))]
    let how = OFlags::RDONLY;
    let flags = how | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, name, flags, Mode::empty())
}

/// Whether `directory` has an entry spelled exactly `name`: a file system that overlooks case opens other spellings too.
pub(crate) fn lists(directory: &File, name: &str) -> bool {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let Ok(readable) = rustix::fs::openat(directory, ".", flags, Mode::empty()) else {
        return false;
    };
    let Ok(entries) = rustix::fs::Dir::read_from(readable) else {
        return false;
    };
    entries
        .flatten()
        .any(|entry| entry.file_name().to_bytes() == name.as_bytes())
}

/// `name` below the path `directory` of a mount, where the mount itself is the empty path.
pub(crate) fn join(directory: &str, name: &str) -> String {
    match directory {
        "" => name.to_owned(),
        _ => format!("{directory}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    fn tree() -> tempfile::TempDir {
        let tree = tempfile::tempdir().unwrap();
        let at = |path: &str| tree.path().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("a/b/f"), "f").unwrap();
        symlink("a/b", at("to-b")).unwrap();
        symlink("f", at("a/b/to-f")).unwrap();
        symlink("../../..", at("a/b/out")).unwrap();
        symlink("/etc", at("absolute")).unwrap();
        symlink("loop", at("loop")).unwrap();
        symlink("missing", at("dangling")).unwrap();
        tree
    }

    fn go(tree: &tempfile::TempDir, path: &str, follow: bool) -> Result<String, Stop> {
        let start = Start {
            directory: Arc::new(File::open(tree.path()).unwrap()),
            real: String::new(),
        };
        let stops = |_: &File, _: &str, real: &str| real.ends_with("secret");
        let pinned = walk(start, path, follow, &stops)?;
        let there = match pinned.kind() {
            None => "-",
            Some(FileType::Directory) => "d",
            Some(FileType::Symlink) => "l",
            Some(_) => "f",
        };
        Ok(format!("{there} {}", pinned.real))
    }

    #[test]
    fn a_path_ends_where_the_operating_system_would_end_it() {
        let tree = tree();
        for (path, follow, expected) in [
            ("a/b/f", false, Ok("f a/b/f")),
            ("to-b/f", false, Ok("f a/b/f")),
            ("to-b", false, Ok("l to-b")),
            ("to-b", true, Ok("d a/b")),
            ("to-b/", false, Ok("d a/b")),
            ("to-b/..", false, Ok("d a")),
            ("to-b/to-f", true, Ok("f a/b/f")),
            ("./a//b/./f", false, Ok("f a/b/f")),
            (".", false, Ok("d ")),
            ("a/new", true, Ok("- a/new")),
            ("dangling", true, Ok("- missing")),
            ("dangling", false, Ok("l dangling")),
            ("a/b/f/", false, Ok("f a/b/f")),
            ("", false, Err(Stop::Os(Errno::NOENT))),
            ("..", false, Err(Stop::Out)),
            ("a/../..", false, Err(Stop::Out)),
            ("/etc", false, Err(Stop::Out)),
            ("absolute/passwd", false, Err(Stop::Out)),
            ("a/b/out", true, Err(Stop::Out)),
            ("loop", true, Err(Stop::Os(Errno::LOOP))),
            ("missing/x", false, Err(Stop::Os(Errno::NOENT))),
            ("a/b/f/x", false, Err(Stop::Os(Errno::NOTDIR))),
            ("a/secret/../b", false, Err(Stop::Hidden)),
        ] {
            let got = go(&tree, path, follow);
            assert_eq!(got.as_deref(), expected.as_deref(), "{path}");
        }
    }

    #[test]
    fn names_are_listed_as_they_are_spelled() {
        let tree = tree();
        let directory = File::open(tree.path()).unwrap();
        assert!(lists(&directory, "to-b"));
        assert!(!lists(&directory, "TO-B"));
    }
}
