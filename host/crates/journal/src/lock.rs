//! One process at a time for a run: two that go on with the same one would write each other's effects and messages between their own.
//!
//! The lock is a file's, held by the operating system: a process that is killed leaves none behind.

use crate::error::JournalError;
use std::fs::{File, TryLockError};
use std::path::Path;

/// A run that is this process's as long as this lives.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

pub(crate) fn take(store: &Path, run: &str) -> Result<RunLock, JournalError> {
    let error = |error: std::io::Error| JournalError::CannotOpen {
        path: store.to_owned(),
        why: format!("the run {run} cannot be taken: {error}"),
    };
    let folder = store.with_extension("runs");
    std::fs::create_dir_all(&folder).map_err(error)?;
    // Ids are made of digits and letters; whatever else stands there names no place outside the folder.
    let name: String = run
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || c == '-' {
                c
            } else {
                '_'
            }
        })
        .collect();
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(folder.join(name)).map_err(error)?;
    match file.try_lock() {
        Ok(()) => Ok(RunLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(JournalError::RunTaken {
            run: run.to_owned(),
        }),
        Err(TryLockError::Error(why)) => Err(error(why)),
    }
}
