//! What a tool gives back: parts or a failure, and the short ways to make them.

use crate::{Blob, Failure, Part};
use serde::Serialize;

impl Failure {
    /// The arguments were wrong and the caller can mend them: name the argument, say what was expected.
    pub fn invalid(message: impl Into<String>) -> Self {
        Failure::Invalid(message.into())
    }

    /// The plugin was not permitted something: say what, and what is permitted.
    pub fn denied(message: impl Into<String>) -> Self {
        Failure::Denied(message.into())
    }

    /// Something is not there now, and trying again later may help.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Failure::Unavailable(message.into())
    }

    /// It was tried and did not succeed: say why, and what to do instead.
    pub fn failed(message: impl Into<String>) -> Self {
        Failure::Failed(message.into())
    }

    /// The text, whatever the kind.
    pub fn message(&self) -> &str {
        match self {
            Failure::Invalid(message)
            | Failure::Denied(message)
            | Failure::Unavailable(message)
            | Failure::Failed(message) => message,
        }
    }
}

/// What the file system refused is denied, anything else has failed. Say more with `map_err` where more is known: which path, and what to do instead.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        match error.kind() {
            PermissionDenied | ReadOnlyFilesystem => Failure::denied(error.to_string()),
            _ => Failure::failed(error.to_string()),
        }
    }
}

impl Part {
    /// A part of plain text.
    pub fn text(text: impl Into<String>) -> Self {
        Part::Text(text.into())
    }

    /// A part of JSON. Fails only for values that JSON cannot hold, such as a map whose keys are not text.
    pub fn json(value: &impl Serialize) -> Result<Self, Failure> {
        serde_json::to_string(value)
            .map(Part::Json)
            .map_err(|error| {
                Failure::failed(format!("the answer cannot be written as JSON: {error}"))
            })
    }

    /// A part of bytes with their media type, for instance `image/png`.
    pub fn blob(mime: impl Into<String>, bytes: Vec<u8>) -> Self {
        Part::Blob(Blob {
            mime: mime.into(),
            bytes,
        })
    }
}

/// A value to be answered as one JSON part.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// What a tool's function may return: anything that becomes parts.
pub trait Answer {
    /// The parts, in the order the model reads them.
    fn into_parts(self) -> Result<Vec<Part>, Failure>;
}

impl Answer for Vec<Part> {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(self)
    }
}

impl<const N: usize> Answer for [Part; N] {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(self.into())
    }
}

impl Answer for Part {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(vec![self])
    }
}

impl Answer for String {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(vec![Part::Text(self)])
    }
}

impl Answer for &str {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(vec![Part::text(self)])
    }
}

/// Nothing to say: an answer without parts.
impl Answer for () {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(Vec::new())
    }
}

impl<T: Serialize> Answer for Json<T> {
    fn into_parts(self) -> Result<Vec<Part>, Failure> {
        Ok(vec![Part::json(&self.0)?])
    }
}
