//! Files: the mounts that a call was granted, and reading, listing and replacing files in them.
//!
//! A thin layer on WASI's own interface rather than `std::fs`, for three reasons: a directory with one name that is not UTF-8 still lists all
//! its other names; what is a file and what is a directory comes with the listing, without a question per entry; and files open relative
//! to a directory that is already open. In unit tests the same types work on the machine's own files, under the same rules.
//!
//! Paths here are relative to a [`Directory`] and use `/`; `.` is the directory itself. WASI refuses whatever leads out of a mount, be it
//! through `..` or through a symbolic link, with [`FileErrorKind::Refused`].

mod error;
mod mounts;
#[cfg(not(target_os = "wasi"))]
mod native;
#[cfg(target_os = "wasi")]
mod wasi;

#[cfg(not(target_os = "wasi"))]
use native as system;
#[cfg(target_os = "wasi")]
use wasi as system;

pub use error::{FileError, FileErrorKind};
pub use mounts::{Mount, Mounts, Place, mounts};

/// The most that one read asks of the host.
pub const CHUNK: usize = 64 * 1024;

/// What stands in a directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink,
    /// A FIFO, a socket or a device. Opening one may block for ever, so nothing here does.
    Special,
}

impl Kind {
    /// Its name for people: `file`, `directory`, `symlink`, `other`.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::File => "file",
            Kind::Directory => "directory",
            Kind::Symlink => "symlink",
            Kind::Special => "other",
        }
    }
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name, without the directory's.
    pub name: String,
    /// What it is; links are not followed.
    pub kind: Kind,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// What it is.
    pub kind: Kind,
    /// A file's size in bytes; of no meaning for the rest.
    pub bytes: u64,
    /// When its content last changed, in nanoseconds since the Unix epoch, where the system tells.
    pub modified: Option<u64>,
}

/// What to do about a symbolic link at the end of a path. Links before the end are always followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Links {
    /// Go where it points.
    Follow,
    /// Take it for what it is.
    Stay,
}

/// An open directory.
#[derive(Debug)]
pub struct Directory(system::Directory);

/// A file that is open for reading or for writing.
#[derive(Debug)]
pub struct File(system::File);

/// The entries of a directory, in no order. An entry that cannot be told (its name is not UTF-8, it went away meanwhile) is an error, and
/// those after it still come.
#[derive(Debug)]
pub struct Entries(system::Entries);

impl Iterator for Entries {
    type Item = Result<Entry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }
}

impl Directory {
    /// What stands in it.
    pub fn entries(&self) -> Result<Entries, FileError> {
        self.0.entries().map(Entries)
    }

    /// Open the directory at `path`.
    pub fn open_directory(&self, path: &str, links: Links) -> Result<Directory, FileError> {
        self.0.open_directory(path, links).map(Directory)
    }

    /// Open the regular file at `path` for reading, after making sure that it is one.
    pub fn open_file(&self, path: &str) -> Result<File, FileError> {
        match self.metadata(path, Links::Follow)?.kind {
            Kind::File => self.0.open_file(path, Links::Follow).map(File),
            Kind::Directory => Err(FileErrorKind::IsDirectory.into()),
            Kind::Special | Kind::Symlink => Err(FileErrorKind::Special.into()),
        }
    }

    /// Open for reading what [`Directory::entries`] has just told to be a regular file.
    pub fn open_entry(&self, name: &str) -> Result<File, FileError> {
        self.0.open_file(name, Links::Stay).map(File)
    }

    /// What stands at `path`.
    pub fn metadata(&self, path: &str, links: Links) -> Result<Metadata, FileError> {
        self.0.metadata(path, links)
    }

    /// Create a file at `path`, where nothing may stand yet, and open it for writing.
    pub fn create_file(&self, path: &str) -> Result<File, FileError> {
        self.0.create_file(path).map(File)
    }

    /// Create a directory at `path`, where nothing may stand yet.
    pub fn create_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.create_directory(path)
    }

    /// Move what stands at `from` to `to`, in the place of a file that may stand there. One step: nobody sees half of it.
    pub fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.0.rename(from, to)
    }

    /// Remove the file or the symbolic link at `path`.
    pub fn remove_file(&self, path: &str) -> Result<(), FileError> {
        self.0.remove_file(path)
    }

    /// Remove the directory at `path`, which must be empty.
    pub fn remove_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.remove_directory(path)
    }

    /// Where the symbolic link at `path` points.
    pub fn read_link(&self, path: &str) -> Result<String, FileError> {
        self.0.read_link(path)
    }

    /// A number that tells this directory from others on the same machine, whatever it is called: for keeping what is remembered of one mount apart from
    /// what is remembered of another. It may change with the host's version.
    pub fn identity(&self) -> Result<u64, FileError> {
        self.0.identity()
    }

    /// Whether anything may be changed in it.
    pub fn is_writable(&self) -> bool {
        self.0.is_writable()
    }
}

impl File {
    /// The next bytes of the file, at most `most` and at most [`CHUNK`]; empty at its end.
    pub fn read_chunk(&mut self, most: usize) -> Result<Vec<u8>, FileError> {
        self.0.read_chunk(most.min(CHUNK))
    }

    /// Go on reading `position` bytes after the file's start.
    pub fn seek(&mut self, position: u64) {
        self.0.seek(position);
    }

    /// Write all of `bytes` behind what was written before.
    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.0.write_all(bytes)
    }

    /// Its size in bytes now.
    pub fn size(&self) -> Result<u64, FileError> {
        self.0.size()
    }
}
