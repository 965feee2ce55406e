//! What keeps an audit from being made. What an audit finds is no error.

use journal::JournalError;
use sign::{KeyError, SignatureError};
use std::path::PathBuf;

/// Why nothing could be signed, verified or exported.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The journal cannot be read or written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The house's key cannot be used.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A file of the bundle cannot be written.
    #[error("{}: {why}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system says.
        why: String,
    },
    /// What was given as an anchor is none.
    #[error("this is no anchor of a charthouse journal: {why}")]
    NoAnchor {
        /// What is wrong with it.
        why: String,
    },
    /// The anchor's own signature does not hold.
    #[error("the anchor was altered: {0}")]
    Anchor(SignatureError),
    /// There is nothing on record.
    #[error("nothing is on record in this house yet")]
    Nothing,
    /// There is no such change.
    #[error("there is no record of the change {0}")]
    NoChange(String),
    /// The record does not hold since the house has signed it last.
    #[error(
        "the house does not sign its record any further: of what it has signed last and what follows, record {record} does not hold ({what})"
    )]
    Broken {
        /// The number of the first that does not.
        record: u64,
        /// What is wrong with it.
        what: &'static str,
    },
    /// What the house has signed last is not in its journal.
    #[error(
        "the house does not sign its record any further: it has signed it up to record {record}, by the note {}, and this journal does not have that record", noted.display()
    )]
    Gone {
        /// The number of the record.
        record: u64,
        /// Where that is noted.
        noted: PathBuf,
    },
    /// A new key is wanted, and there is no need of one.
    #[error("the key of the house that is on record is there, or none is on record yet")]
    KeyIsThere,
    /// What is there is not to be overwritten.
    #[error("{}: there is something already", .0.display())]
    There(PathBuf),
}

impl AuditError {
    /// That `record` does not hold.
    pub(crate) fn broken(record: u64, what: &'static str) -> Self {
        AuditError::Broken { record, what }
    }

    /// What to do about it.
    pub fn help(&self) -> Option<String> {
        Some(match self {
            AuditError::Key(error) => error.help(),
            AuditError::NoAnchor { .. } => "make one with `charthouse audit anchor -o FILE`".into(),
            AuditError::Anchor(_) => {
                "use the file as it was written; if it was, somebody has changed it since".into()
            }
            AuditError::Nothing => "begin something: charthouse run AGENT".into(),
            AuditError::NoChange(_) => "charthouse change list says which there are".into(),
            AuditError::Broken { .. } => {
                "charthouse audit verify says what does not hold, and what to do".into()
            }
            AuditError::Gone { noted, .. } => format!(
                "charthouse audit verify; put the journal back as it was. If an older one was put in its place on purpose, take {} away",
                noted.display()
            ),
            AuditError::KeyIsThere => {
                "nothing is to be done: the next checkpoint is signed with it".into()
            }
            AuditError::There(_) => "name a directory that is not there yet".into(),
            AuditError::File { .. } => {
                "check the path, its permissions, and the space on the disk".into()
            }
            AuditError::Journal(_) => return None,
        })
    }
}
