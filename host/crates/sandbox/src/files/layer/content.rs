//! What a file of a layer holds: the file below until somebody writes, a copy of its own from then on. Whoever has it open sees the change at once.

use super::base::Base;
use rustix::fs::Stat;
use rustix::io::Errno;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// What all files of one layer share: where copies lie, and how many bytes they may still take.
pub(crate) struct Room {
    /// Made with the first copy, removed with the layer.
    scratch: Option<TempDir>,
    next: u64,
    left: u64,
    most: u64,
}

impl Room {
    pub(super) fn new(bytes: u64) -> Self {
        Room {
            scratch: None,
            next: 0,
            left: bytes,
            most: bytes,
        }
    }

    pub(super) fn most(&self) -> u64 {
        self.most
    }

    /// Take `bytes`, or say that there are not as many.
    fn take(&mut self, bytes: u64) -> io::Result<()> {
        self.left = self.left.checked_sub(bytes).ok_or(Errno::NOSPC)?;
        Ok(())
    }

    fn give_back(&mut self, bytes: u64) {
        self.left = self.left.saturating_add(bytes).min(self.most);
    }

    /// A path for a new copy.
    fn path(&mut self) -> io::Result<PathBuf> {
        let scratch = match &mut self.scratch {
            Some(scratch) => scratch,
            none => none.insert(
                tempfile::Builder::new()
                    .prefix("charthouse-layer-")
                    .tempdir()?,
            ),
        };
        self.next += 1;
        Ok(scratch.path().join(self.next.to_string()))
    }
}

/// Lock what a panic elsewhere cannot have left half done.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

enum Lies {
    Below(String),
    Copied { path: PathBuf, size: u64 },
}

/// A file's content.
pub(crate) struct Content {
    base: Arc<Base>,
    room: Arc<Mutex<Room>>,
    lies: Lies,
}

impl Content {
    /// The file at `path` below.
    pub(super) fn below(base: Arc<Base>, path: String, room: Arc<Mutex<Room>>) -> Self {
        Content {
            base,
            room,
            lies: Lies::Below(path),
        }
    }

    /// A new, empty file.
    pub(super) fn empty(base: Arc<Base>, room: Arc<Mutex<Room>>) -> io::Result<Self> {
        let path = lock(&room).path()?;
        File::create_new(&path)?;
        Ok(Content {
            base,
            room,
            lies: Lies::Copied { path, size: 0 },
        })
    }

    /// Whether it is another than below.
    pub(super) fn is_changed(&self) -> bool {
        matches!(self.lies, Lies::Copied { .. })
    }

    /// The copy's path.
    pub(super) fn copy(&self) -> Option<&std::path::Path> {
        match &self.lies {
            Lies::Copied { path, .. } => Some(path),
            Lies::Below(_) => None,
        }
    }

    fn open(&self) -> io::Result<File> {
        match &self.lies {
            Lies::Below(path) => Ok(self.base.file(path)?),
            Lies::Copied { path, .. } => File::open(path),
        }
    }

    pub(crate) fn stat(&self) -> io::Result<Stat> {
        Ok(rustix::fs::fstat(self.open()?)?)
    }

    /// Bytes from `offset` on, at most `most`; none at the end.
    pub(crate) fn read(&self, most: usize, offset: u64) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; most];
        let read = self.open()?.read_at(&mut bytes, offset)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// All of it, where it is not longer than `most`.
    pub(super) fn whole(&self, most: u64) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        self.open()?.take(most + 1).read_to_end(&mut bytes)?;
        Ok((bytes.len() as u64 <= most).then_some(bytes))
    }

    pub(crate) fn size(&self) -> io::Result<u64> {
        match &self.lies {
            Lies::Copied { size, .. } => Ok(*size),
            Lies::Below(_) => Ok(u64::try_from(self.stat()?.st_size).unwrap_or(0)),
        }
    }

    /// Copy it, if it was not, so that it can be written.
    pub(super) fn copy_up(&mut self, truncate: bool) -> io::Result<()> {
        if let Lies::Copied { .. } = &self.lies {
            return if truncate { self.set_size(0) } else { Ok(()) };
        }
        let mut file = self.open()?;
        let mut room = lock(&self.room);
        let path = room.path()?;
        let mut copy = File::create_new(&path)?;
        let size = if truncate {
            0
        } else {
            let size = file.metadata()?.len();
            room.take(size)?;
            // The host may be writing to it: no more than was counted.
            let copied = io::copy(&mut (&mut file).take(size), &mut copy)?;
            room.give_back(size - copied);
            copied
        };
        drop(room);
        self.lies = Lies::Copied { path, size };
        Ok(())
    }

    fn copied(&mut self) -> io::Result<(File, u64)> {
        self.copy_up(false)?;
        match &self.lies {
            Lies::Copied { path, size } => Ok((File::options().write(true).open(path)?, *size)),
            Lies::Below(_) => Err(Errno::IO.into()),
        }
    }

    fn grown(&mut self, to: u64) {
        if let Lies::Copied { size, .. } = &mut self.lies {
            *size = to;
        }
    }

    /// Write all of `bytes` at `offset`.
    pub(crate) fn write(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let (file, size) = self.copied()?;
        let end = offset.checked_add(bytes.len() as u64).ok_or(Errno::FBIG)?;
        if bytes.is_empty() {
            return Ok(());
        }
        lock(&self.room).take(end.saturating_sub(size))?;
        if let Err(error) = file.write_all_at(bytes, offset) {
            lock(&self.room).give_back(end.saturating_sub(size));
            return Err(error);
        }
        self.grown(end.max(size));
        Ok(())
    }

    /// Cut it off, or fill it up with zeroes.
    pub(crate) fn set_size(&mut self, to: u64) -> io::Result<()> {
        let (file, size) = self.copied()?;
        if to > size {
            lock(&self.room).take(to - size)?;
        }
        file.set_len(to)?;
        lock(&self.room).give_back(size.saturating_sub(to));
        self.grown(to);
        Ok(())
    }

    pub(crate) fn set_times(&mut self, times: std::fs::FileTimes) -> io::Result<()> {
        let (file, _) = self.copied()?;
        file.set_times(times)
    }
}
