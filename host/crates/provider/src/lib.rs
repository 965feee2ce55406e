//! Models: how a payload becomes a request in a provider's dialect, and how what comes back becomes a reply.
//!
//! This is the only crate that names reqwest. It knows nothing of agents, charts, policies or the journal: a payload goes in, a reply or a
//! typed error comes out. Opening a provider costs microseconds, because nothing is connected, loaded or verified before the first request:
//! a house with ten providers must start as fast as one with none.

mod cassette;
mod http;
mod limits;
mod openai;
mod scripted;
mod secret;

use std::sync::Arc;
use std::time::Duration;
use types::{Model, ModelError, ProviderConfig, ProviderKind};

pub use cassette::check_cassette;
pub use openai::encode_item;
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
    /// How often a request is repeated after an answer that asks for patience (429, 502, 503, 504).
    pub retries: u32,
    /// Longest pause before such a repetition. A server that asks for more gets an error instead, because a person should decide then.
    pub longest_pause: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(300),
            retries: 2,
            longest_pause: Duration::from_secs(60),
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
            dialect: types::Dialect::ChatCompletions,
            base_url,
            key,
        } => Ok(Arc::new(openai::OpenAi::open(
            config,
            base_url,
            key.as_ref(),
            settings,
        )?)),
        ProviderKind::Http { .. } => Err(ModelError::new(
            types::ModelErrorKind::Rejected,
            format!(
                "provider `{}` speaks a dialect that this build does not",
                config.name
            ),
        )),
        ProviderKind::Scripted { file } => Ok(Arc::new(scripted::Scripted::open(config, file)?)),
        ProviderKind::Replay { file } => Ok(Arc::new(cassette::Replayed::new(
            config.name.clone(),
            file.clone(),
        ))),
    }
}
