//! Listings: read at once, without what is hidden, and in the order of names, so that the same directory is listed the same on every machine.

use super::fs::{DescriptorType, DirectoryEntry, ErrorCode};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};
use std::collections::VecDeque;
use std::fs::File;
use wasmtime_wasi::p2::FsResult;

/// Entries of one directory that are listed. What is read here is not interrupted by a deadline, and it stands in the host's memory.
const ENTRIES_MAX: usize = 100_000;

/// What a guest reads entry by entry.
pub(super) struct Listing(VecDeque<Result<DirectoryEntry, ErrorCode>>);

impl Listing {
    /// `entries` in the order of their names. `unreadable` are names that are no text: said last, one error for each as WASI does.
    pub(super) fn new(mut entries: Vec<DirectoryEntry>, unreadable: usize) -> Self {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let errors = std::iter::repeat_n(Err(ErrorCode::IllegalByteSequence), unreadable);
        Listing(entries.into_iter().map(Ok).chain(errors).collect())
    }

    pub(super) fn next(&mut self) -> FsResult<Option<DirectoryEntry>> {
        Ok(self.0.pop_front().transpose()?)
    }
}

/// A directory's own entries.
pub(super) struct Entries {
    pub(super) named: Vec<DirectoryEntry>,
    pub(super) unreadable: usize,
}

/// Why a directory could not be read.
pub(super) enum Unread {
    TooMany,
    Os(rustix::io::Errno),
}

impl From<rustix::io::Errno> for Unread {
    fn from(error: rustix::io::Errno) -> Self {
        Unread::Os(error)
    }
}

impl Unread {
    pub(super) const TOO_MANY: &str = "a directory of more than 100,000 entries is not listed";

    pub(super) fn code(&self) -> ErrorCode {
        match self {
            Unread::TooMany => ErrorCode::InsufficientMemory,
            Unread::Os(error) => ErrorCode::from(std::io::Error::from(*error)),
        }
    }
}

/// Read the entries of `directory`. What goes away meanwhile is left out.
pub(super) fn read(directory: &File) -> Result<Entries, Unread> {
    let mut entries = Entries {
        named: Vec::new(),
        unreadable: 0,
    };
    // Opened anew: a mount's own directory is held by a descriptor that only leads to it, and reads nothing itself.
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let opened = rustix::fs::openat(directory, ".", flags, Mode::empty())?;
    for entry in Dir::new(opened)? {
        let entry = entry?;
        let Ok(name) = entry.file_name().to_str() else {
            entries.unreadable += 1;
            continue;
        };
        if name == "." || name == ".." {
            continue;
        }
        if entries.named.len() + entries.unreadable >= ENTRIES_MAX {
            return Err(Unread::TooMany);
        }
        let kind = match entry.file_type() {
            FileType::Unknown => {
                match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
                    Ok(stat) => FileType::from_raw_mode(stat.st_mode),
                    Err(_) => continue,
                }
            }
            known => known,
        };
        entries.named.push(DirectoryEntry {
            type_: kind_of(kind),
            name: name.to_owned(),
        });
    }
    Ok(entries)
}

/// WASI's word for a kind of file.
pub(super) fn kind_of(kind: FileType) -> DescriptorType {
    match kind {
        FileType::RegularFile => DescriptorType::RegularFile,
        FileType::Directory => DescriptorType::Directory,
        FileType::Symlink => DescriptorType::SymbolicLink,
        FileType::Fifo => DescriptorType::Fifo,
        FileType::Socket => DescriptorType::Socket,
        FileType::CharacterDevice => DescriptorType::CharacterDevice,
        FileType::BlockDevice => DescriptorType::BlockDevice,
        FileType::Unknown => DescriptorType::Unknown,
    }
}
