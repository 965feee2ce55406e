//! Opening, so that no race makes it wait and none makes it open what was not looked at.
//!
//! A FIFO blocks whoever opens it until its other end is opened, past any deadline; and between a look at a name and its opening the host or another call
//! may exchange what stands there. So files are opened without waiting, and what was opened is looked at, not what was there before.

use super::fs::{DescriptorFlags, DescriptorType, OpenFlags, PathFlags};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use std::fs::File;
use wasmtime_wasi::OpenMode;

/// What a guest asked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted {
    pub(super) follow: bool,
    pub(super) open: OpenFlags,
    pub(super) flags: DescriptorFlags,
}

impl Wanted {
    pub(super) fn new(path: PathFlags, open: OpenFlags, flags: DescriptorFlags) -> Self {
        Wanted {
            follow: path.contains(PathFlags::SYMLINK_FOLLOW),
            open,
            flags,
        }
    }

    pub(super) fn writes(&self) -> bool {
        self.flags.contains(DescriptorFlags::WRITE)
            || self
                .open
                .intersects(OpenFlags::CREATE | OpenFlags::TRUNCATE)
    }

    pub(super) fn creates(&self) -> bool {
        self.open.contains(OpenFlags::CREATE)
    }

    pub(super) fn truncates(&self) -> bool {
        self.open.contains(OpenFlags::TRUNCATE)
    }

    pub(super) fn operation(&self) -> &'static str {
        match self.writes() {
            true => "open for writing",
            false => "open",
        }
    }

    /// WASI's own reading of the flags: how the descriptor says it was opened.
    pub(super) fn mode(&self) -> OpenMode {
        let mut mode = OpenMode::empty();
        if self.writes() {
            mode |= OpenMode::WRITE;
        }
        if self.reads() {
            mode |= OpenMode::READ;
        }
        mode
    }

    /// A file that is not opened for writing is opened for reading, whatever was asked.
    fn reads(&self) -> bool {
        self.flags.contains(DescriptorFlags::READ) || !self.flags.contains(DescriptorFlags::WRITE)
    }

    /// Whether WASI knows what to do with the flags.
    pub(super) fn supported(&self) -> Result<(), super::ErrorCode> {
        let synchronous = DescriptorFlags::FILE_INTEGRITY_SYNC
            | DescriptorFlags::DATA_INTEGRITY_SYNC
            | DescriptorFlags::REQUESTED_WRITE_SYNC;
        if self.flags.intersects(synchronous) {
            return Err(super::ErrorCode::Unsupported);
        }
        let changes = OpenFlags::CREATE | OpenFlags::EXCLUSIVE | OpenFlags::TRUNCATE;
        if self.open.contains(OpenFlags::DIRECTORY) && self.open.intersects(changes) {
            return Err(super::ErrorCode::Invalid);
        }
        Ok(())
    }

    fn system(&self, truncate: bool) -> OFlags {
        let mut flags = OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        flags |= match (self.writes(), self.reads()) {
            (true, true) => OFlags::RDWR,
            (true, false) => OFlags::WRONLY,
            (false, _) => OFlags::RDONLY,
        };
        if self.creates() {
            flags |= OFlags::CREATE;
            if self.open.contains(OpenFlags::EXCLUSIVE) {
                flags |= OFlags::EXCL;
            }
        }
        if truncate && self.truncates() {
            flags |= OFlags::TRUNC;
        }
        if self.open.contains(OpenFlags::DIRECTORY) {
            flags |= OFlags::DIRECTORY;
        }
        flags
    }

    /// Open `name` in `directory`, itself and nothing that it leads to. Nothing is cut off yet: the caller looks at what it got first.
    pub(super) fn open_pinned(&self, directory: &File, name: &str) -> Result<File, Errno> {
        let flags = self.system(false) | OFlags::NOFOLLOW;
        rustix::fs::openat(directory, name, flags, CREATED).map(File::from)
    }

    /// Open `path` below `directory` and nowhere else; `None` where this system has no call for that, or something moved meanwhile.
    #[cfg(target_os = "linux")]
    pub(super) fn open_beneath(&self, directory: &File, path: &str) -> Option<Result<File, Errno>> {
        use rustix::fs::{ResolveFlags, openat2};
        let mut flags = self.system(true);
        if !self.follow {
            flags |= OFlags::NOFOLLOW;
        }
        let mode = if self.creates() {
            CREATED
        } else {
            Mode::empty()
        };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        match openat2(directory, path, flags, mode, resolve) {
            Err(Errno::NOSYS | Errno::AGAIN | Errno::PERM) => None,
            // What leads out.
            Err(Errno::XDEV) => Some(Err(Errno::PERM)),
            // A FIFO that nobody reads, or a socket.
            Err(Errno::NXIO) => Some(Err(Errno::NXIO)),
            opened => Some(opened.map(File::from)),
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn open_beneath(&self, _: &File, _: &str) -> Option<Result<File, Errno>> {
        None
    }
}

/// Permissions of a new file, before the process's own mask.
const CREATED: Mode = Mode::from_raw_mode(0o666);

/// Whether a guest may hold something of this kind.
pub(super) fn may_be_opened(kind: FileType) -> bool {
    matches!(kind, FileType::RegularFile | FileType::Directory)
}

/// The same in WASI's words; a link is refused by opening itself, in its own words.
pub(super) fn may_open(kind: DescriptorType) -> bool {
    matches!(
        kind,
        DescriptorType::RegularFile | DescriptorType::Directory | DescriptorType::SymbolicLink
    )
}
