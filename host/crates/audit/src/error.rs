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
    /// What is there is not to be overwritten.
    #[error("{}: there is something already", .0.display())]
    There(PathBuf),
}

impl AuditError {
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
            AuditError::There(_) => "name a directory that is not there yet".into(),
            AuditError::File { .. } => {
                "check the path, its permissions, and the space on the disk".into()
            }
            AuditError::Journal(_) => return None,
        })
    }
}
