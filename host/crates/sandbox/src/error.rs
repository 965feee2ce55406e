//! Why a component could not be loaded. What goes wrong during a call is a [`types::CallError`] instead.

use std::path::PathBuf;

/// A component that cannot be used, or an engine that cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The file could not be read.
    #[error("cannot read the component {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not a component.
    #[error("{} is {what}", path.display())]
    NotAComponent {
        /// The file.
        path: PathBuf,
        /// What it is instead, and what to do.
        what: String,
    },
    /// It could not be compiled.
    #[error("cannot compile {}: {message}", path.display())]
    Compile {
        /// The file.
        path: PathBuf,
        /// Why.
        message: String,
    },
    /// It asks for something that the sandbox does not have.
    #[error("{} cannot be linked: {message}", path.display())]
    Link {
        /// The file.
        path: PathBuf,
        /// The first import that is missing.
        message: String,
    },
    /// It loads, but does not behave.
    #[error("{} is not a usable plugin: {message}", path.display())]
    Probe {
        /// The file.
        path: PathBuf,
        /// What was wrong.
        message: String,
    },
    /// The cache of compiled code cannot be used.
    #[error("the code cache {} cannot be used: {source}", path.display())]
    Cache {
        /// The file or directory.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// No engine on this machine.
    #[error("the WebAssembly engine does not start: {0}")]
    Engine(String),
}

/// How much is repeated of what a component made somebody say: names in it may be 100 kB long.
const SAID_MAX: usize = 2_000;

/// The beginning of a long text.
pub(crate) fn in_brief(said: &str) -> String {
    match said.char_indices().nth(SAID_MAX) {
        Some((end, _)) => format!("{}…", &said[..end]),
        None => said.to_owned(),
    }
}

impl SandboxError {
    /// The same, speaking of the file that the person named rather than of a copy of it.
    pub(crate) fn about(self, named: &std::path::Path) -> Self {
        match self {
            SandboxError::Compile { message, .. } => SandboxError::Compile {
                path: named.to_owned(),
                message: in_brief(&message),
            },
            other => other,
        }
    }
}
