//! Why a component could not be loaded. What goes wrong during a call is a [`types::CallError`] instead.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{ContentHash, Sha256};

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
    /// The file does not have the bytes that were pinned.
    #[error("{}; {}", not_pinned(.path, *.expected, *.found), take_or_restore(.name))]
    NotPinned {
        /// The file.
        path: PathBuf,
        /// The plugin that it is to be.
        name: Arc<str>,
        /// What was pinned.
        expected: Sha256,
        /// What is there.
        found: Sha256,
    },
    /// The house is controlled, and the file does not have the bytes that are released.
    #[error("{} is not a released component ({}): {why}", path.display(), found.short())]
    NotReleased {
        /// The file.
        path: PathBuf,
        /// What is there.
        found: ContentHash,
        /// What is released instead, by which change, and which change to open.
        why: Arc<str>,
    },
    /// The file does not bear the signature that the house demands.
    #[error("{}; {SIGN}", not_signed(.path, .key, .message))]
    NotSigned {
        /// The file.
        path: PathBuf,
        /// What is missing or wrong.
        message: String,
        /// The key's file, as the house names it.
        key: Arc<str>,
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

/// What to do about a signature that is missing or wrong.
const SIGN: &str = "get the author's signature over these very bytes, and record it with `charthouse plugin pin NAME --signature FILE`";

fn not_pinned(path: &Path, expected: Sha256, found: Sha256) -> String {
    format!(
        "{} is not the component that was pinned: house.lock expects sha256 {expected} and found is {found}",
        path.display()
    )
}

fn take_or_restore(name: &str) -> String {
    format!(
        "`charthouse plugin restore {name}` brings the pinned one back, `charthouse plugin pin {name}` takes this one for good, and --dev takes it for a trial"
    )
}

fn not_signed(path: &Path, key: &str, message: &str) -> String {
    format!(
        "{} is not signed as house.yaml demands (signed_by: {key}): {message}",
        path.display()
    )
}

impl SandboxError {
    /// What is wrong, and what to do about it, as two texts; the second is empty where the first says it all.
    pub fn parts(&self) -> (String, String) {
        match self {
            SandboxError::NotPinned {
                path,
                name,
                expected,
                found,
            } => (not_pinned(path, *expected, *found), take_or_restore(name)),
            SandboxError::NotSigned { path, message, key } => {
                (not_signed(path, key, message), SIGN.to_owned())
            }
            other => (other.to_string(), String::new()),
        }
    }

    /// The same, speaking of the file that the person named rather than of a copy of it.
    pub fn about(mut self, named: &Path) -> Self {
        match &mut self {
            SandboxError::Read { path, .. }
            | SandboxError::NotPinned { path, .. }
            | SandboxError::NotSigned { path, .. }
            | SandboxError::NotReleased { path, .. }
            | SandboxError::NotAComponent { path, .. }
            | SandboxError::Link { path, .. }
            | SandboxError::Probe { path, .. } => named.clone_into(path),
            SandboxError::Compile { path, message } => {
                named.clone_into(path);
                *message = in_brief(message);
            }
            SandboxError::Cache { .. } | SandboxError::Engine(_) => {}
        }
        self
    }
}
