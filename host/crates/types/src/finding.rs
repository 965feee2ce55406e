//! Something wrong in what a person wrote, with what to do about it.

use crate::{Place, Severity};

/// One error or warning about a definition. `definitions` adds the source line when it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whether it stops the definition from loading.
    pub severity: Severity,
    /// Where.
    pub place: Place,
    /// What is wrong.
    pub message: String,
    /// What to do next; empty when there is nothing to add.
    pub help: String,
}

impl Finding {
    /// An error at `place`.
    pub fn error(place: &Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Error,
            place: place.clone(),
            message: message.into(),
            help: help.into(),
        }
    }

    /// A warning at `place`.
    pub fn warning(place: &Place, message: impl Into<String>, help: impl Into<String>) -> Self {
        Finding {
            severity: Severity::Warning,
            ..Finding::error(place, message, help)
        }
    }
}
