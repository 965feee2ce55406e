//! Files of this machine, for unit tests of plugins: through the library whose rules wasmtime applies to guests.

use super::{Entry, FileError, FileErrorKind, Kind, Links, Metadata};
use cap_std::fs::{Dir, DirEntry, FileType, MetadataExt, OpenOptions, ReadDir};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::time::UNIX_EPOCH;

#[derive(Debug)]
pub struct Directory(Dir);

#[derive(Debug)]
pub struct File(cap_std::fs::File);

#[derive(Debug)]
pub struct Entries(ReadDir);

/// Natively nothing is granted: tests name their mounts with `Mounts::of`.
pub fn preopens() -> Vec<(String, Directory)> {
    Vec::new()
}

/// The directory at `path` on this machine.
pub fn open(path: &std::path::Path) -> std::io::Result<Directory> {
    Dir::open_ambient_dir(path, cap_std::ambient_authority()).map(Directory)
}

impl Iterator for Entries {
    type Item = Result<Entry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.0.next()?.map_err(error).and_then(entry))
    }
}

fn entry(entry: DirEntry) -> Result<Entry, FileError> {
    let name = entry
        .file_name()
        .into_string()
        .map_err(|_| FileErrorKind::NotUtf8)?;
    Ok(Entry {
        name,
        kind: kind(entry.file_type().map_err(error)?),
    })
}

impl Directory {
    pub fn entries(&self) -> Result<Entries, FileError> {
        self.0.entries().map(Entries).map_err(error)
    }

    pub fn open_directory(&self, path: &str, links: Links) -> Result<Self, FileError> {
        match self.metadata(path, links)?.kind {
            Kind::Directory => self.0.open_dir(path).map(Directory).map_err(error),
            _ => Err(FileErrorKind::NotDirectory.into()),
        }
    }

    pub fn open_file(&self, path: &str, links: Links) -> Result<File, FileError> {
        match self.metadata(path, links)?.kind {
            Kind::Symlink => Err(FileErrorKind::Circle.into()),
            _ => self.0.open(path).map(File).map_err(error),
        }
    }

    pub fn metadata(&self, path: &str, links: Links) -> Result<Metadata, FileError> {
        let metadata = match links {
            Links::Follow => self.0.metadata(path),
            Links::Stay => self.0.symlink_metadata(path),
        };
        let metadata = metadata.map_err(error)?;
        Ok(Metadata {
            kind: kind(metadata.file_type()),
            bytes: metadata.len(),
            modified: metadata.modified().ok().and_then(|time| {
                let since = time.into_std().duration_since(UNIX_EPOCH).ok()?;
                u64::try_from(since.as_nanos()).ok()
            }),
        })
    }

    pub fn create_file(&self, path: &str) -> Result<File, FileError> {
        self.0
            .open_with(path, OpenOptions::new().write(true).create_new(true))
            .map(File)
            .map_err(error)
    }

    pub fn create_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.create_dir(path).map_err(error)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.0.rename(from, &self.0, to).map_err(error)
    }

    pub fn remove_file(&self, path: &str) -> Result<(), FileError> {
        self.0.remove_file(path).map_err(error)
    }

    pub fn remove_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.remove_dir(path).map_err(error)
    }

    pub fn read_link(&self, path: &str) -> Result<String, FileError> {
        let link = self.0.read_link(path).map_err(error)?;
        link.into_os_string()
            .into_string()
            .map_err(|_| FileErrorKind::NotUtf8.into())
    }

    pub fn identity(&self) -> Result<u64, FileError> {
        let metadata = self.0.dir_metadata().map_err(error)?;
        Ok(metadata.dev().rotate_left(32) ^ metadata.ino())
    }

    pub fn is_writable(&self) -> bool {
        self.0
            .dir_metadata()
            .is_ok_and(|metadata| !metadata.permissions().readonly())
    }
}

impl File {
    pub fn read_chunk(&mut self, most: usize) -> Result<Vec<u8>, FileError> {
        let mut bytes = vec![0; most];
        let read = self.0.read(&mut bytes).map_err(error)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    pub fn seek(&mut self, position: u64) {
        // Seeking a regular file to a position that fits cannot fail; should it, the next read says so.
        let _ = self.0.seek(SeekFrom::Start(position));
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.0.write_all(bytes).map_err(error)
    }

    pub fn size(&self) -> Result<u64, FileError> {
        self.0
            .metadata()
            .map(|metadata| metadata.len())
            .map_err(error)
    }
}

fn kind(kind: FileType) -> Kind {
    if kind.is_file() {
        Kind::File
    } else if kind.is_dir() {
        Kind::Directory
    } else if kind.is_symlink() {
        Kind::Symlink
    } else {
        Kind::Special
    }
}

fn error(error: std::io::Error) -> FileError {
    match (error.kind(), error.raw_os_error()) {
        (ErrorKind::NotFound, _) => FileErrorKind::NotFound,
        // What the library refuses by itself carries no code of the operating system.
        (ErrorKind::PermissionDenied, None) | (ErrorKind::ReadOnlyFilesystem, _) => {
            FileErrorKind::Refused
        }
        (ErrorKind::PermissionDenied, Some(_)) => FileErrorKind::NoAccess,
        (ErrorKind::IsADirectory, _) => FileErrorKind::IsDirectory,
        (ErrorKind::NotADirectory, _) => FileErrorKind::NotDirectory,
        (ErrorKind::AlreadyExists, _) => FileErrorKind::Exists,
        (ErrorKind::InvalidFilename, _) => FileErrorKind::NameTooLong,
        (ErrorKind::StorageFull | ErrorKind::QuotaExceeded, _) => FileErrorKind::NoSpace,
        (ErrorKind::ResourceBusy | ErrorKind::ExecutableFileBusy, _) => FileErrorKind::Busy,
        _ => FileErrorKind::Other(error.to_string()),
    }
    .into()
}
