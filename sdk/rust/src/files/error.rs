//! Why something about a file did not work, in words: WASI's error codes carry none.

use crate::Failure;
use std::fmt;

/// What went wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileErrorKind {
    /// There is nothing at that path.
    NotFound,
    /// WASI refused it: the path leads out of its mount, the mount is read-only, or the policy hides the file.
    Refused,
    /// The operating system does not permit it to the host.
    NoAccess,
    /// It is a directory, and a file was wanted.
    IsDirectory,
    /// It, or something before it in the path, is not a directory.
    NotDirectory,
    /// There is something already.
    Exists,
    /// It is a FIFO, a socket or a device.
    Special,
    /// A name is not UTF-8.
    NotUtf8,
    /// A name, or the path as a whole, is too long.
    NameTooLong,
    /// Symbolic links lead in a circle.
    Circle,
    /// The disk, or a quota, is full.
    NoSpace,
    /// It is in use.
    Busy,
    /// Anything else, by WASI's own word for it.
    Other(String),
}

/// Something about a file that did not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// What went wrong.
    pub kind: FileErrorKind,
}

impl From<FileErrorKind> for FileError {
    fn from(kind: FileErrorKind) -> Self {
        FileError { kind }
    }
}

impl FileError {
    /// The failure of a tool that was about to do `what` (for instance ``read `/workspace/a` ``).
    pub fn failure(&self, what: impl fmt::Display) -> Failure {
        let message = format!("cannot {what}: {self}");
        match self.kind {
            FileErrorKind::Refused => Failure::Denied(message),
            FileErrorKind::Busy => Failure::Unavailable(message),
            _ => Failure::Failed(message),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match &self.kind {
            FileErrorKind::NotFound => "there is nothing at that path",
            FileErrorKind::Refused => {
                "the sandbox refused it: the path leads out of its mount through a symbolic link, the mount is read-only, or the policy hides it"
            }
            FileErrorKind::NoAccess => "the operating system does not permit it to the host",
            FileErrorKind::IsDirectory => "it is a directory",
            FileErrorKind::NotDirectory => "it, or something before it in the path, is not a directory",
            FileErrorKind::Exists => "there is something at that path already",
            FileErrorKind::Special => "it is a FIFO, a socket or a device, and those are never opened",
            FileErrorKind::NotUtf8 => "a name in it is not UTF-8",
            FileErrorKind::NameTooLong => "a name in the path, or the path as a whole, is too long",
            FileErrorKind::Circle => "symbolic links lead in a circle",
            FileErrorKind::NoSpace => "no space is left on the disk",
            FileErrorKind::Busy => "it is in use",
            FileErrorKind::Other(word) => word,
        })
    }
}

impl std::error::Error for FileError {}
