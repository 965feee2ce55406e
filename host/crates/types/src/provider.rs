//! How a house names the models' servers, and how it names secrets without holding them.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

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
    /// How much it may be asked, by all agents together.
    pub limits: RateLimits,
    /// How long it may take, and how often it is asked again.
    pub patience: Patience,
    /// The cassette on which what it answers is recorded; absolute.
    pub record: Option<PathBuf>,
}

impl ProviderConfig {
    /// A provider of `kind` with nothing said about limits, patience and recording.
    pub fn new(name: impl Into<Arc<str>>, kind: ProviderKind) -> Self {
        ProviderConfig {
            name: name.into(),
            model: None,
            kind,
            limits: RateLimits::default(),
            patience: Patience::default(),
            record: None,
        }
    }
}

/// The dialect of a provider and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderKind {
    /// A server.
    Http {
        /// What it speaks.
        dialect: Dialect,
        /// For instance `http://127.0.0.1:11434/v1`.
        base_url: String,
        /// The key.
        key: Option<SecretRef>,
    },
    /// Replies out of a YAML script: no network, no cost.
    Scripted {
        /// The script; absolute.
        file: PathBuf,
    },
    /// Replies off a cassette that was recorded before: no network, no cost.
    Replay {
        /// The cassette; absolute.
        file: PathBuf,
    },
}

impl ProviderKind {
    /// Whether it is a server on this machine, where nobody sends a bill unless a price says so.
    pub fn is_here(&self) -> bool {
        let ProviderKind::Http { base_url, .. } = self else {
            return false;
        };
        let rest = base_url.split_once("://").map_or("", |(_, rest)| rest);
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let place = authority.rsplit('@').next().unwrap_or_default();
        let host = match place.strip_prefix('[') {
            Some(six) => six.split(']').next().unwrap_or_default(),
            None => place.split(':').next().unwrap_or_default(),
        };
        match host.parse::<IpAddr>() {
            Ok(address) => address.is_loopback(),
            Err(_) => host == "localhost" || host.ends_with(".localhost"),
        }
    }
}

/// What a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Chat completions, as OpenAI's servers and many others speak them.
    ChatCompletions,
    /// OpenAI's Responses.
    Responses {
        /// Whether the server is to hold the conversation, so that a turn sends only what is new.
        held: bool,
    },
    /// Anthropic's Messages.
    Messages,
}

/// How much a provider may be asked, by all agents together. What would go beyond waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RateLimits {
    /// Requests in a minute.
    pub requests_per_minute: Option<u64>,
    /// Tokens in a minute, sent and received.
    pub tokens_per_minute: Option<u64>,
    /// Requests at the same time.
    pub concurrent: Option<u32>,
}

/// How long a provider may take, and how often it is asked again. Absent means the host's own default.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// Longest wait for a connection.
    pub connect: Option<Duration>,
    /// Longest wait for the next byte.
    pub idle: Option<Duration>,
    /// Longest time for one answer, repetitions not counted.
    pub total: Option<Duration>,
    /// How often a request is repeated after an answer that asks for patience.
    pub retries: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_on_this_machine_is_told_from_others() {
        for (base_url, here) in [
            ("http://127.0.0.1:11434/v1", true),
            ("http://[::1]:11434/v1", true),
            ("http://localhost/v1", true),
            ("http://models.localhost:80", true),
            ("http://192.168.1.5/v1", false),
            ("https://localhost.example.org/v1", false),
            ("https://127.0.0.1@example.org/v1", false),
            ("https://example.org/?127.0.0.1", false),
            ("", false),
        ] {
            let kind = ProviderKind::Http {
                dialect: Dialect::ChatCompletions,
                base_url: base_url.to_owned(),
                key: None,
            };
            assert_eq!(kind.is_here(), here, "{base_url}");
        }
    }
}
