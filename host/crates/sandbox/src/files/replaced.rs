//! Permissions of a file that is replaced by renaming another over it, which is how careful programs write.
//!
//! WASI knows no permission bits, so a guest cannot give the new file those of the old: a script would stop being executable with every edit. The
//! host passes them on.

use rustix::fs::{FileType, Mode, OFlags};
use std::sync::Arc;
use wasmtime_wasi::filesystem::Descriptor;

/// A file that is about to be replaced.
pub(super) struct Replaced {
    directory: Arc<std::fs::File>,
    path: String,
    mode: Mode,
}

impl Replaced {
    /// The regular file at `path` below `directory`, if there is one.
    pub(super) fn find(directory: &Descriptor, path: &str) -> Option<Self> {
        let Descriptor::Dir(directory) = directory else {
            return None;
        };
        let file = inside(&directory.dir, path, OFlags::RDONLY | OFlags::NONBLOCK)?;
        let stat = regular(&file)?;
        Some(Replaced {
            directory: directory.dir.clone(),
            path: path.to_owned(),
            // Never the bits that lend a file's owner to whoever runs it.
            mode: Mode::from_raw_mode(stat.st_mode & 0o777),
        })
    }

    /// Give the file that stands there now the same permissions. Where that cannot be done the rename still holds.
    pub(super) fn pass_on(self) {
        let file = inside(
            &self.directory,
            &self.path,
            OFlags::RDONLY | OFlags::NONBLOCK,
        );
        if let Some(file) = file
            && regular(&file).is_some()
        {
            let _ = rustix::fs::fchmod(file, self.mode);
        }
    }
}

/// Open `path` without ever leaving `directory` and without following a link at its end.
#[cfg(target_os = "linux")]
fn inside(directory: &std::fs::File, path: &str, flags: OFlags) -> Option<rustix::fd::OwnedFd> {
    use rustix::fs::{ResolveFlags, openat2};
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(directory, path, flags, Mode::empty(), resolve).ok()
}

/// Elsewhere only a plain name can be opened without the risk of leaving the directory.
#[cfg(not(target_os = "linux"))]
fn inside(directory: &std::fs::File, path: &str, flags: OFlags) -> Option<rustix::fd::OwnedFd> {
    if path.contains('/') {
        return None;
    }
    let flags = flags | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(directory, path, flags, Mode::empty()).ok()
}

fn regular(file: &rustix::fd::OwnedFd) -> Option<rustix::fs::Stat> {
    let stat = rustix::fs::fstat(file).ok()?;
    FileType::from_raw_mode(stat.st_mode)
        .is_file()
        .then_some(stat)
}
