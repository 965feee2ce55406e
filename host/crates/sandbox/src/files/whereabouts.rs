//! Where a directory is now: what is open may be moved, by the host or by another call, and policy goes by where things stand.
//!
//! Only Linux can say. Elsewhere a directory counts as being where it was opened.

use std::fs::File;
use std::sync::Arc;

/// A mount's own directory.
pub(super) struct Root {
    pub(super) directory: Arc<File>,
    /// Where it was when it was last looked at: again only when something does not lie below it.
    #[cfg(target_os = "linux")]
    path: Option<std::path::PathBuf>,
}

/// Where something is now.
pub(super) enum Now {
    /// At this path of the mount.
    Inside(String),
    /// Moved out of the mount, by the host.
    Outside,
}

#[cfg(target_os = "linux")]
impl Root {
    pub(super) fn new(directory: Arc<File>) -> Self {
        Root {
            directory,
            path: None,
        }
    }

    /// Where `directory` is; `None` where the system cannot tell.
    pub(super) fn find(&mut self, directory: &Arc<File>) -> Option<Now> {
        if Arc::ptr_eq(&self.directory, directory) {
            return Some(Now::Inside(String::new()));
        }
        let path = linux::path_of(directory)?;
        let inside = |root: &std::path::Path| {
            let inside = path.strip_prefix(root).ok()?;
            Some(Now::Inside(inside.to_str()?.to_owned()))
        };
        if let Some(now) = self.path.as_deref().and_then(inside) {
            return Some(now);
        }
        self.path = linux::path_of(&self.directory);
        Some(inside(self.path.as_deref()?).unwrap_or(Now::Outside))
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use rustix::fd::{AsRawFd, OwnedFd};
    use rustix::fs::{CWD, Mode, OFlags};
    use std::ffi::OsString;
    use std::fs::File;
    use std::os::unix::ffi::OsStringExt;
    use std::path::PathBuf;
    use std::sync::OnceLock;

    /// The path of what is open as `file`.
    pub(super) fn path_of(file: &File) -> Option<PathBuf> {
        /// This process's open files by number, held: to walk there takes longer than to read a link.
        static OPEN_FILES: OnceLock<Option<OwnedFd>> = OnceLock::new();
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = || rustix::fs::openat(CWD, "/proc/self/fd", flags, Mode::empty()).ok();
        let open_files = OPEN_FILES.get_or_init(open).as_ref()?;
        let number = rustix::path::DecInt::new(file.as_raw_fd());
        let link = rustix::fs::readlinkat(open_files, number, Vec::with_capacity(256)).ok()?;
        Some(OsString::from_vec(link.into_bytes()).into())
    }
}

#[cfg(not(target_os = "linux"))]
impl Root {
    pub(super) fn new(directory: Arc<File>) -> Self {
        Root { directory }
    }

    pub(super) fn find(&mut self, _: &Arc<File>) -> Option<Now> {
        None
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use std::path::Path;

    fn open(path: &Path) -> Arc<File> {
        Arc::new(File::open(path).unwrap())
    }

    fn said(root: &mut Root, directory: &Arc<File>) -> Option<String> {
        match root.find(directory) {
            Some(Now::Inside(path)) => Some(path),
            _ => None,
        }
    }

    #[test]
    fn a_directory_is_where_it_was_moved_to() {
        let place = tempfile::tempdir().unwrap();
        let at = |path: &str| place.path().canonicalize().unwrap().join(path);
        std::fs::create_dir_all(at("mount/a/b")).unwrap();
        let mut root = Root::new(open(&at("mount")));
        let (own, b) = (root.directory.clone(), open(&at("mount/a/b")));
        assert_eq!(said(&mut root, &own).as_deref(), Some(""));
        assert_eq!(said(&mut root, &b).as_deref(), Some("a/b"));
        std::fs::rename(at("mount/a"), at("mount/c")).unwrap();
        assert_eq!(said(&mut root, &b).as_deref(), Some("c/b"));
        std::fs::rename(at("mount/c/b"), at("elsewhere")).unwrap();
        assert_eq!(said(&mut root, &b), None);
        std::fs::rename(at("elsewhere"), at("mount/d")).unwrap();
        std::fs::rename(at("mount"), at("moved")).unwrap();
        assert_eq!(said(&mut root, &b).as_deref(), Some("d"));
    }
}
