//! What can go wrong with a store, and what to do about it.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};
use types::Timestamp;

/// A journal that could not be opened, read or written. An append that ends in one of these has written nothing, except where it is
/// [`JournalError::Uncertain`]; either way what its records announce must not be done.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// There is no file, and it may not be made.
    #[error("there is no journal at {}: it begins with the first run of an agent in this house; check `store` in house.yaml", path.display())]
    Missing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The file or its directory cannot be used.
    #[error("the journal {} cannot be opened ({why}): check that the directory exists and that you may write in it", path.display())]
    CannotOpen {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// The file is something else.
    #[error("{} is not a journal of charthouse: move it away, or name another file under `store` in house.yaml", path.display())]
    NotAJournal {
        /// The file.
        path: PathBuf,
    },
    /// Written by a newer charthouse.
    #[error("the journal {} has version {found}, and this charthouse knows versions up to {known}: use the newer charthouse", path.display())]
    TooNew {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// The end of the records is gone: more had been recorded than are there now.
    #[error("the journal {} has lost its end: record {} had been written, and there are {found} records now. Put back what is missing ({} and {} belong together), or restore a copy; to go on without what is lost (its effects may have been done), delete {}",
        path.display(), recorded, path.display(), wal(path), witness.display())]
    Shorter {
        /// The file.
        path: PathBuf,
        /// How many records there are.
        found: u64,
        /// How many there had been at least.
        recorded: u64,
        /// The file that tells of them.
        witness: PathBuf,
    },
    /// The records are others than were written.
    #[error("the journal {} is not the one that was written here: record {seq} had another hash. If it was replaced by intent, delete {}; otherwise restore a copy",
        path.display(), witness.display())]
    Replaced {
        /// The file.
        path: PathBuf,
        /// The record.
        seq: u64,
        /// The file that tells of it.
        witness: PathBuf,
    },
    /// It is not known whether the records reached the disk.
    #[error("the disk failed while the journal {} was written ({why}): whether the last records are there is not certain; nothing was done. Look after the disk, then resume: it goes on from what is there", path.display())]
    Uncertain {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// The disk or the file system fails.
    #[error("the disk that holds the journal {} fails ({why}): look after the disk (`dmesg`, quotas, limits on the size of files), then resume the run; nothing was recorded and nothing was done", path.display())]
    Device {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// Another process hosts the house.
    #[error("this house is hosted by {holder}{}: end that first, then try again (the lock is {}; one of a process that was killed holds nothing)", since_text(since), path.display())]
    HouseTaken {
        /// The file that stands for the house.
        path: PathBuf,
        /// Who has it, for instance `charthouse serve (process 4711)`.
        holder: String,
        /// Since when, by the clock of the machine that has it; nothing where that is not known.
        since: Option<Timestamp>,
    },
    /// The file that stands for the house cannot be made.
    #[error("the house cannot be taken, because the file {} cannot be used ({why}): make it and its directory writable for you, or remove what is in the way", path.display())]
    CannotTake {
        /// The file that stands for the house.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// The file system cannot lock.
    #[error("the house cannot be taken, because {} cannot be locked ({why}): put the store on a disk of this machine that can lock files (not every network file system can), or name another place under `store` in house.yaml", path.display())]
    CannotLock {
        /// The file that stands for the house.
        path: PathBuf,
        /// The system's reason.
        why: String,
    },
    /// An archive of bodies cannot be written or read.
    #[error("the archive {}: {why}; the journal was not changed by this", path.display())]
    Archive {
        /// The file or folder.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// A store that is not the default one cannot do this.
    #[error("the store {} cannot {what}", path.display())]
    Unsupported {
        /// The store.
        path: PathBuf,
        /// What was wanted.
        what: &'static str,
    },
    /// Somebody else held the write lock for too long.
    #[error("the journal {} is locked by another process: end the process that holds it, or wait for it, then try again", path.display())]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// No room.
    #[error("the disk that holds the journal {} is full: make room, then resume the run; nothing was recorded and nothing was done", path.display())]
    DiskFull {
        /// The file.
        path: PathBuf,
    },
    /// No right to write.
    #[error("the journal {} may only be read: make the file and its directory writable, or name another file under `store` in house.yaml", path.display())]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// Damaged or tampered with.
    #[error("the journal {} is damaged ({what}): run `charthouse journal verify`, and restore the file from a copy", path.display())]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// What was found.
        what: String,
    },
    /// No run has this id.
    #[error("there is no run `{wanted}`{}", known_runs(recent))]
    NoSuchRun {
        /// What was asked for.
        wanted: String,
        /// The latest runs, the latest first.
        recent: Vec<String>,
    },
    /// More than one run begins so.
    #[error("`{wanted}` is the beginning of several runs: {}; write more of the id", candidates.join(", "))]
    AmbiguousRun {
        /// What was asked for.
        wanted: String,
        /// The runs that begin so; at most ten.
        candidates: Vec<String>,
    },
    /// Anything else that the database reports.
    #[error("the journal {}: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// The database's own error.
        source: rusqlite::Error,
    },
}

fn known_runs(recent: &[String]) -> String {
    match recent {
        [] => ": this house has no runs yet; start one with `charthouse run AGENT`".to_owned(),
        recent => format!(": the latest are {}", recent.join(", ")),
    }
}

/// The name of the file that SQLite writes ahead into.
fn wal(path: &Path) -> String {
    format!("{}-wal", path.display())
}

fn since_text(since: &Option<Timestamp>) -> String {
    match since {
        Some(since) => format!(" since {}", types::utc(*since)),
        None => String::new(),
    }
}

impl JournalError {
    /// Whether the file itself is what is wrong: not how it was asked for, nor who else has it.
    pub fn is_of_the_file(&self) -> bool {
        matches!(
            self,
            JournalError::Corrupt { .. }
                | JournalError::Device { .. }
                | JournalError::NotAJournal { .. }
                | JournalError::Shorter { .. }
                | JournalError::Replaced { .. }
                | JournalError::Database { .. }
        )
    }

    /// What `source`, an error about the database at `path`, means to a person.
    pub(crate) fn of(path: &Path, source: rusqlite::Error) -> Self {
        let path = path.to_owned();
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
                JournalError::Locked { path }
            }
            Some(ErrorCode::DiskFull) => JournalError::DiskFull { path },
            Some(ErrorCode::ReadOnly) => JournalError::ReadOnly { path },
            Some(ErrorCode::NotADatabase) => JournalError::NotAJournal { path },
            Some(ErrorCode::CannotOpen | ErrorCode::PermissionDenied) => JournalError::CannotOpen {
                path,
                why: source.to_string(),
            },
            Some(
                ErrorCode::DatabaseCorrupt
                | ErrorCode::ConstraintViolation
                | ErrorCode::TypeMismatch,
            ) => JournalError::Corrupt {
                path,
                what: source.to_string(),
            },
            Some(ErrorCode::SystemIoFailure) => JournalError::Device {
                path,
                why: source.to_string(),
            },
            // What is read as another type than was written (a hash of another length, text that is no UTF-8) is damage too.
            None if is_of_another_shape(&source) => JournalError::Corrupt {
                path,
                what: source.to_string(),
            },
            _ => JournalError::Database { path, source },
        }
    }

    /// What `source`, which ended a commit at `path`, means to a person: a disk that fails there may have kept what it was given.
    pub(crate) fn of_commit(path: &Path, source: rusqlite::Error) -> Self {
        // What could not even be handed to the system lacks the mark of a commit and is as if it never was; what could not be synchronised may be there.
        let is_unwritten = source
            .sqlite_error()
            .is_some_and(|failure| failure.extended_code == rusqlite::ffi::SQLITE_IOERR_WRITE);
        match Self::of(path, source) {
            JournalError::Device { path, why } if !is_unwritten => {
                JournalError::Uncertain { path, why }
            }
            other => other,
        }
    }
}

fn is_of_another_shape(source: &rusqlite::Error) -> bool {
    matches!(
        source,
        rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..)
            | rusqlite::Error::Utf8Error(..)
            | rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::QueryReturnedNoRows
    )
}
