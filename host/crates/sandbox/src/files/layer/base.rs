//! The directory below a layer. Everything in it is opened by its path, without ever following a link and without ever leaving it.

use crate::files::walk::lists;
use crate::files::watch::WatchedMount;
use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The directory.
pub(crate) struct Base {
    root: Arc<File>,
    /// The file with the key by which a commit knows its own list of steps again.
    key: PathBuf,
    #[cfg(not(target_os = "linux"))]
    host: PathBuf,
}

/// What something below was when the call first looked at it.
#[derive(Clone)]
pub(super) struct Origin {
    pub(super) path: String,
    pub(super) stat: Stat,
}

impl Origin {
    pub(super) fn kind(&self) -> FileType {
        FileType::from_raw_mode(self.stat.st_mode)
    }

    /// Whether `now` is the same, unchanged. A directory may have got other entries.
    pub(super) fn is_still(&self, now: &Stat) -> bool {
        let then = &self.stat;
        let same = (then.st_dev, then.st_ino) == (now.st_dev, now.st_ino);
        if self.kind().is_dir() {
            return same;
        }
        let modified = |stat: &Stat| (stat.st_size, stat.st_mtime, stat.st_mtime_nsec);
        let changed = |stat: &Stat| (stat.st_ctime, stat.st_ctime_nsec);
        same && modified(then) == modified(now) && changed(then) == changed(now)
    }
}

impl Base {
    /// The directory that is open as `root`; `host` is its path.
    #[cfg_attr(
        target_os = "linux",
        expect(unused_variables, reason = "it is reached by its descriptor")
    )]
    pub(crate) fn new(root: Arc<File>, host: &Path, key: PathBuf) -> Self {
        Base {
            root,
            key,
            #[cfg(not(target_os = "linux"))]
            host: host.to_owned(),
        }
    }

    /// A path by which the directory is reached whatever its name is now.
    pub(super) fn path(&self) -> PathBuf {
        #[cfg(target_os = "linux")]
        {
            use std::os::fd::AsRawFd;
            PathBuf::from(format!("/proc/self/fd/{}", self.root.as_raw_fd()))
        }
        #[cfg(not(target_os = "linux"))]
        self.host.clone()
    }

    pub(super) fn key(&self) -> &Path {
        &self.key
    }

    pub(super) fn root(&self) -> &File {
        &self.root
    }

    /// The directory that holds `path`, open, and the last name.
    pub(super) fn holder<'a>(&self, path: &'a str) -> Result<(OwnedFd, &'a str), Errno> {
        let (parent, name) = match path.rsplit_once('/') {
            Some((parent, name)) => (parent, name),
            None => (".", path),
        };
        Ok((self.directory(parent)?, name))
    }

    /// The directory at `path`, open.
    pub(super) fn directory(&self, path: &str) -> Result<OwnedFd, Errno> {
        let path = if path.is_empty() { "." } else { path };
        self.open(path, OFlags::RDONLY | OFlags::DIRECTORY)
    }

    /// The regular file at `path`, open for reading.
    pub(super) fn file(&self, path: &str) -> Result<File, Errno> {
        let file = self.open(path, OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY)?;
        match FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) {
            FileType::RegularFile => Ok(File::from(file)),
            _ => Err(Errno::NXIO),
        }
    }

    #[cfg(target_os = "linux")]
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        use rustix::fs::{ResolveFlags, openat2};
        let resolve =
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
        let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match openat2(&*self.root, path, flags, Mode::empty(), resolve) {
            Err(Errno::NOSYS) => self.open_by_names(path, flags),
            opened => opened,
        }
    }

    #[cfg(not(target_os = "linux"))]
    fn open(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        self.open_by_names(path, flags | OFlags::NOFOLLOW | OFlags::CLOEXEC)
    }

    /// One directory after the other, where the system has no call for the whole.
    fn open_by_names(&self, path: &str, flags: OFlags) -> Result<OwnedFd, Errno> {
        let mut here = rustix::io::dup(&*self.root)?;
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            if names.peek().is_none() {
                return rustix::fs::openat(&here, name, flags, Mode::empty());
            }
            here = crate::files::walk::open_directory(&here, name)?;
        }
        Err(Errno::NOENT)
    }

    pub(super) fn stat(&self, path: &str) -> Result<Stat, Errno> {
        let (holder, name) = self.holder(path)?;
        rustix::fs::statat(&holder, name, AtFlags::SYMLINK_NOFOLLOW)
    }

    pub(super) fn origin(&self, path: &str) -> Result<Origin, Errno> {
        Ok(Origin {
            path: path.to_owned(),
            stat: self.stat(path)?,
        })
    }

    pub(super) fn read_link(&self, path: &str) -> Result<String, Errno> {
        let (holder, name) = self.holder(path)?;
        let target = rustix::fs::readlinkat(&holder, name, Vec::new())?;
        target.into_string().map_err(|_| Errno::ILSEQ)
    }

    /// Whether policy hides `path`, as it is spelled or as another spelling of a hidden name.
    pub(super) fn hides(&self, mount: &WatchedMount, path: &str) -> bool {
        mount.hides(path)
            || mount.resembles(path)
                && self.holder(path).is_ok_and(|(holder, name)| {
                    let holder = File::from(holder);
                    let stat = rustix::fs::statat(&holder, name, AtFlags::SYMLINK_NOFOLLOW);
                    stat.is_ok() && !lists(&holder, name)
                })
    }
}
