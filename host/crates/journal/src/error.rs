//! What can go wrong with a store, and what to do about it.

use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};

/// A journal that could not be opened, read or written. An append that ends in one of these has written nothing.
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
    /// Another process has the run.
    #[error("the run `{run}` is under way in another process: end that first")]
    RunTaken {
        /// The run.
        run: String,
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

impl JournalError {
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
            _ => JournalError::Database { path, source },
        }
    }
}
