//! Files through `wasi:filesystem`, for plugins as they run.

use super::{Entry, FileError, FileErrorKind, Kind, Links, Metadata};
use wasip2::filesystem::preopens::get_directories;
use wasip2::filesystem::types::{
    Descriptor, DescriptorFlags, DescriptorType, DirectoryEntryStream, ErrorCode, OpenFlags,
    PathFlags,
};

#[derive(Debug)]
pub struct Directory(Descriptor);

#[derive(Debug)]
pub struct File {
    descriptor: Descriptor,
    position: u64,
}

/// The stream of entries, and the directory it must not outlive.
#[derive(Debug)]
pub struct Entries(DirectoryEntryStream);

/// The mounts of this call: guest path and directory.
pub fn preopens() -> Vec<(String, Directory)> {
    get_directories()
        .into_iter()
        .map(|(descriptor, path)| (path, Directory(descriptor)))
        .collect()
}

impl Iterator for Entries {
    type Item = Result<Entry, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.0.read_directory_entry() {
            Ok(entry) => entry.map(|entry| {
                Ok(Entry {
                    name: entry.name,
                    kind: kind(entry.type_),
                })
            }),
            Err(code) => Some(Err(error(code))),
        }
    }
}

impl Directory {
    pub fn entries(&self) -> Result<Entries, FileError> {
        self.0.read_directory().map(Entries).map_err(error)
    }

    pub fn open_directory(&self, path: &str, links: Links) -> Result<Self, FileError> {
        self.0
            .open_at(
                flags(links),
                path,
                OpenFlags::DIRECTORY,
                DescriptorFlags::READ,
            )
            .map(Directory)
            .map_err(error)
    }

    pub fn open_file(&self, path: &str, links: Links) -> Result<File, FileError> {
        self.0
            .open_at(
                flags(links),
                path,
                OpenFlags::empty(),
                DescriptorFlags::READ,
            )
            .map(|descriptor| File {
                descriptor,
                position: 0,
            })
            .map_err(error)
    }

    pub fn metadata(&self, path: &str, links: Links) -> Result<Metadata, FileError> {
        let stat = self.0.stat_at(flags(links), path).map_err(error)?;
        Ok(Metadata {
            kind: kind(stat.type_),
            bytes: stat.size,
            modified: stat.data_modification_timestamp.and_then(|time| {
                time.seconds
                    .checked_mul(1_000_000_000)?
                    .checked_add(u64::from(time.nanoseconds))
            }),
        })
    }

    pub fn create_file(&self, path: &str) -> Result<File, FileError> {
        self.0
            .open_at(
                PathFlags::empty(),
                path,
                OpenFlags::CREATE | OpenFlags::EXCLUSIVE,
                DescriptorFlags::WRITE,
            )
            .map(|descriptor| File {
                descriptor,
                position: 0,
            })
            .map_err(error)
    }

    pub fn create_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.create_directory_at(path).map_err(error)
    }

    pub fn rename(&self, from: &str, to: &str) -> Result<(), FileError> {
        self.0.rename_at(from, &self.0, to).map_err(error)
    }

    pub fn remove_file(&self, path: &str) -> Result<(), FileError> {
        self.0.unlink_file_at(path).map_err(error)
    }

    pub fn remove_directory(&self, path: &str) -> Result<(), FileError> {
        self.0.remove_directory_at(path).map_err(error)
    }

    pub fn read_link(&self, path: &str) -> Result<String, FileError> {
        self.0.readlink_at(path).map_err(error)
    }

    pub fn identity(&self) -> Result<u64, FileError> {
        self.0.metadata_hash().map(|hash| hash.lower).map_err(error)
    }

    pub fn is_writable(&self) -> bool {
        self.0
            .get_flags()
            .is_ok_and(|flags| flags.contains(DescriptorFlags::MUTATE_DIRECTORY))
    }
}

impl File {
    pub fn read_chunk(&mut self, most: usize) -> Result<Vec<u8>, FileError> {
        let (bytes, _) = self
            .descriptor
            .read(most as u64, self.position)
            .map_err(error)?;
        self.position += bytes.len() as u64;
        Ok(bytes)
    }

    pub fn seek(&mut self, position: u64) {
        self.position = position;
    }

    pub fn write_all(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        let mut rest = bytes;
        while !rest.is_empty() {
            let part = &rest[..rest.len().min(super::CHUNK)];
            let written = self.descriptor.write(part, self.position).map_err(error)?;
            if written == 0 {
                return Err(FileErrorKind::NoSpace.into());
            }
            self.position += written;
            rest = &rest[written as usize..];
        }
        Ok(())
    }

    pub fn size(&self) -> Result<u64, FileError> {
        self.descriptor.stat().map(|stat| stat.size).map_err(error)
    }
}

fn flags(links: Links) -> PathFlags {
    match links {
        Links::Follow => PathFlags::SYMLINK_FOLLOW,
        Links::Stay => PathFlags::empty(),
    }
}

fn kind(kind: DescriptorType) -> Kind {
    match kind {
        DescriptorType::RegularFile => Kind::File,
        DescriptorType::Directory => Kind::Directory,
        DescriptorType::SymbolicLink => Kind::Symlink,
        // `Unknown` is what wasmtime says of FIFOs and sockets.
        _ => Kind::Special,
    }
}

fn error(code: ErrorCode) -> FileError {
    match code {
        ErrorCode::NoEntry => FileErrorKind::NotFound,
        ErrorCode::NotPermitted | ErrorCode::ReadOnly => FileErrorKind::Refused,
        ErrorCode::Access => FileErrorKind::NoAccess,
        ErrorCode::IsDirectory => FileErrorKind::IsDirectory,
        ErrorCode::NotDirectory => FileErrorKind::NotDirectory,
        ErrorCode::Exist => FileErrorKind::Exists,
        ErrorCode::IllegalByteSequence => FileErrorKind::NotUtf8,
        ErrorCode::NameTooLong => FileErrorKind::NameTooLong,
        ErrorCode::Loop => FileErrorKind::Circle,
        ErrorCode::InsufficientSpace | ErrorCode::Quota => FileErrorKind::NoSpace,
        ErrorCode::Busy | ErrorCode::TextFileBusy => FileErrorKind::Busy,
        other => FileErrorKind::Other(other.message().to_owned()),
    }
    .into()
}
