//! How a house names the models' servers, and how it names secrets without holding them.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// A reference to a secret. The value is looked up at the moment of use and goes nowhere else: not into a journal, a log, an error or a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SecretRef {
    /// `env:NAME`.
    Env(String),
    /// `file:PATH`; surrounding white space in the file is ignored.
    File(PathBuf),
}

impl SecretRef {
    /// Parse `env:NAME` or `file:PATH`.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':')? {
            ("env", name) if !name.is_empty() => Some(SecretRef::Env(name.into())),
            ("file", path) if !path.is_empty() => Some(SecretRef::File(path.into())),
            _ => None,
        }
    }
}

impl fmt::Display for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretRef::Env(name) => write!(f, "env:{name}"),
            SecretRef::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

/// One entry of the house's `providers`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProviderConfig {
    /// Its name in the house.
    pub name: Arc<str>,
    /// The model to ask it for, whatever name the agent's definition has; for servers that offer one model only.
    pub model: Option<Arc<str>>,
    /// What it speaks.
    pub kind: ProviderKind,
}

/// The dialect of a provider and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// Chat completions as OpenAI's servers and many others speak them.
    OpenAi {
        /// For instance `http://127.0.0.1:11434/v1`.
        base_url: String,
        /// The key, sent as a bearer token.
        key: Option<SecretRef>,
    },
    /// Replies out of a YAML script: no network, no cost.
    Scripted {
        /// The script; absolute.
        file: PathBuf,
    },
}
