//! A mount's directory: that it is really where policy says, and that it stays the same one while it is used.

use policy::Mount;
use std::path::{Path, PathBuf};
use types::{CallError, CallErrorKind};

/// Open the directory behind `mount`, if it is really where policy says.
///
/// Policy compares paths as text, and a guest that can write one mount can put a link where another one begins. So no part of a mount's path may be a
/// symbolic link: whoever wants one writes the real path.
pub(crate) fn open_mount(mount: &Mount) -> Result<OpenedMount, CallError> {
    if let Some(opened) = OpenedMount::directly(&mount.host) {
        return Ok(opened);
    }
    // Why not, or how else.
    let real = mount
        .host
        .canonicalize()
        .map_err(|reason| error(mount, &reason.to_string()))?;
    if real != mount.host {
        return Err(CallError::new(
            CallErrorKind::Denied,
            format!(
                "the mount {} is refused: {} leads through a symbolic link to {}; write the real path",
                mount.guest,
                mount.host.display(),
                real.display()
            ),
        ));
    }
    OpenedMount::open(real).map_err(|reason| error(mount, &reason.to_string()))
}

/// Why a mount cannot be used.
pub(crate) fn error(mount: &Mount, why: &str) -> CallError {
    CallError::new(
        CallErrorKind::Unavailable,
        format!(
            "the mount {} cannot be opened: {}: {why}; create the directory or change the mount's `from`",
            mount.guest,
            mount.host.display()
        ),
    )
}

/// A mount's directory, held open so that nobody can exchange it between the check and its use.
pub(crate) struct OpenedMount {
    real: PathBuf,
    #[cfg(target_os = "linux")]
    held: Option<rustix::fd::OwnedFd>,
}

#[cfg(target_os = "linux")]
impl OpenedMount {
    /// The directory at `path`, where the system itself can say that nothing on the way there is a link: in one step, and without a race.
    fn directly(path: &Path) -> Option<Self> {
        use std::path::Component;
        let is_plain = path.is_absolute()
            && path
                .components()
                .all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        let held = is_plain.then(|| hold(path).ok()).flatten()?;
        Some(OpenedMount {
            real: path.to_owned(),
            held: Some(held),
        })
    }

    fn open(real: PathBuf) -> std::io::Result<Self> {
        let held = match hold(&real) {
            Ok(held) => Some(held),
            // A kernel before 5.6: the check that has just been made has to do.
            Err(rustix::io::Errno::NOSYS) => None,
            Err(error) => return Err(error.into()),
        };
        Ok(OpenedMount { real, held })
    }

    /// The path to preopen: that of the descriptor held, where the system has one.
    pub(crate) fn path(&self) -> PathBuf {
        use rustix::fd::AsRawFd;
        use std::sync::OnceLock;
        static HAS_PROC: OnceLock<bool> = OnceLock::new();
        match &self.held {
            Some(held) if *HAS_PROC.get_or_init(|| Path::new("/proc/self/fd").exists()) => {
                format!("/proc/self/fd/{}", held.as_raw_fd()).into()
            }
            _ => self.real.clone(),
        }
    }
}

/// The directory at `path`, unless anything on the way there is a link.
#[cfg(target_os = "linux")]
fn hold(path: &Path) -> rustix::io::Result<rustix::fd::OwnedFd> {
    use rustix::fs::{CWD, Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::PATH;
    openat2(CWD, path, flags, Mode::empty(), ResolveFlags::NO_SYMLINKS)
}

#[cfg(not(target_os = "linux"))]
impl OpenedMount {
    fn directly(_: &Path) -> Option<Self> {
        None
    }

    fn open(real: PathBuf) -> std::io::Result<Self> {
        Ok(OpenedMount { real })
    }

    pub(crate) fn path(&self) -> PathBuf {
        self.real.clone()
    }
}
