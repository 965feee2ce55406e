//! Where a person wrote something: file, line and column, carried along so that every error and every `explain` can point at it.

use serde::Serialize;
use std::fmt;
use std::sync::Arc;

/// A place in a file. Lines and columns count from 1; columns count characters.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Place {
    /// The file, as shown to people (relative to the house where it lies in it).
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// A place in `file`.
    pub fn new(file: impl Into<Arc<str>>, line: u32, column: u32) -> Self {
        Place {
            file: file.into(),
            line,
            column,
        }
    }

    /// Something the host itself decided, such as a built-in default: no file has it.
    pub fn built_in(what: &str) -> Self {
        Place::new(format!("<{what}>"), 0, 0)
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line == 0 {
            write!(f, "{}", self.file)
        } else {
            write!(f, "{}:{}:{}", self.file, self.line, self.column)
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Whether a finding stops a definition from loading.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The definition cannot be used.
    Error,
    /// It can be used, but probably does not do what its author wants.
    Warning,
}
