//! Models: how a payload becomes a request in a provider's dialect, and how what comes back becomes a reply. And the client that makes guests' requests.
//!
//! This is the only crate that names reqwest. It knows nothing of agents, charts, policies or the journal: a payload goes in, a reply or a
//! typed error comes out. Opening a provider costs microseconds, because nothing is connected, loaded or verified before the first request:
//! a house with ten providers must start as fast as one with none.

mod anthropic;
mod cassette;
mod chat;
mod dialect;
mod download;
mod draft;
mod http;
mod limits;
mod manners;
mod outgoing;
mod responses;
mod rope;
mod scripted;
mod secret;
mod spelling;
mod transport;

use std::sync::Arc;
use std::time::Duration;
use types::{Model, ModelError, Patience, Payload, ProviderConfig, ProviderKind};

pub use cassette::check_cassette;
pub use download::{Download, DownloadError, Downloaded, download};
pub use outgoing::{Lookup, LookupFuture, guest_http, guest_http_with};
pub use rope::Rope;
pub use scripted::check_script;

/// How patient the host is with a provider. Times are wall-clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Longest wait for a connection, its TLS handshake included.
    pub connect_timeout: Duration,
    /// Longest wait for the next byte once connected.
    ///
    /// The first byte of an answer can be long in coming: a local model on an old machine reads a long prompt for minutes before it says
    /// anything, and an impatient host would throw that work away and start it again.
    pub idle_timeout: Duration,
    /// Longest time for one answer, repetitions not counted: even a server that sends a byte now and then must come to an end.
    pub total_timeout: Duration,
    /// How often a request is repeated after an answer that asks for patience (408, 409, 429, 5xx) or a connection that failed before the model said
    /// anything.
    pub retries: u32,
    /// Longest pause before such a repetition. A server that asks for more gets an error instead, because a person should decide then.
    pub longest_pause: Duration,
    /// Where the chance in the pauses comes from; `None` takes it from the system.
    pub seed: Option<u64>,
}

impl Settings {
    /// These settings, where the house says nothing else of this provider.
    fn with(mut self, patience: &Patience) -> Self {
        let Patience {
            connect,
            idle,
            total,
            retries,
        } = *patience;
        self.connect_timeout = connect.unwrap_or(self.connect_timeout);
        self.idle_timeout = idle.unwrap_or(self.idle_timeout);
        self.total_timeout = total.unwrap_or(self.total_timeout);
        self.retries = retries.unwrap_or(self.retries);
        self
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            // A small machine writes a long answer for an hour.
            total_timeout: Duration::from_secs(7200),
            retries: 2,
            longest_pause: Duration::from_secs(60),
            seed: None,
        }
    }
}

/// Open the provider that `config` describes: what answers, within the limits of the provider, on the cassette if it is to be recorded.
///
/// Nothing happens on the network, no key is looked up, no TLS is set up and no cassette is opened before the first request. A script is read at
/// once, because a mistake in it should be reported before a run starts.
///
/// # Errors
/// [`types::ModelErrorKind::Rejected`] when the base URL, the script, a limit or the cassette's name is not one that can be used.
pub fn open(config: &ProviderConfig, settings: &Settings) -> Result<Arc<dyn Model>, ModelError> {
    let limited = limits::Limited::around(source(config, settings)?, &config.name, config.limits)?;
    match &config.record {
        None => Ok(limited),
        Some(file) => Ok(Arc::new(cassette::Recorded::new(limited, config, file)?)),
    }
}

/// What answers.
fn source(config: &ProviderConfig, settings: &Settings) -> Result<Arc<dyn Model>, ModelError> {
    match &config.kind {
        ProviderKind::Http {
            dialect,
            base_url,
            key,
        } => {
            let dialect = speak(*dialect);
            let server =
                transport::Server::open(config, base_url, key.as_ref(), settings, dialect)?;
            Ok(Arc::new(server))
        }
        ProviderKind::Scripted { file } => Ok(Arc::new(scripted::Scripted::open(config, file)?)),
        ProviderKind::Replay { file } => Ok(Arc::new(cassette::Replayed::new(
            config.name.clone(),
            file.clone(),
        ))),
    }
}

/// The body that the provider of `config` would be sent for `payload`; `None` where nothing is sent.
pub fn body_of(config: &ProviderConfig, payload: &Payload) -> Option<Rope> {
    let ProviderKind::Http { dialect, .. } = &config.kind else {
        return None;
    };
    let model = config.model.as_deref().unwrap_or(&payload.parameters.name);
    Some(speak(*dialect).exchange(payload, model).body())
}

/// The dialect, with nothing learnt yet of the server it will be spoken with.
fn speak(dialect: types::Dialect) -> Box<dyn dialect::Dialect> {
    match dialect {
        types::Dialect::ChatCompletions => Box::<chat::Chat>::default(),
        types::Dialect::Responses { held } => Box::new(responses::Responses::new(held)),
        types::Dialect::Messages => Box::<anthropic::Messages>::default(),
    }
}
