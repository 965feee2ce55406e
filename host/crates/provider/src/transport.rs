//! The course of one request, whatever dialect it is in: look up the key, send, repeat where the server asks for patience, read the stream.
//!
//! What the bytes mean is the business of a [`Dialect`]; no room here names one.

mod clean;
mod patience;
mod read;
pub mod refusal;
mod scrub;
pub mod sse;
mod trouble;

use crate::Settings;
use crate::dialect::{Asked, Assembly, Dialect, Exchange};
use crate::http::Http;
use crate::rope::RopeBody;
use crate::secret::Key;
use clean::CleanSink;
use patience::Patience;
use refusal::{Refusal, request_id};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Body, Method, Request, Response, Url};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use trouble::Trouble;
use types::{
    Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, ProviderConfig, Reply,
    SecretRef, Usage,
};

/// How often a request may be changed because the server wants it otherwise: one change for each thing that servers differ in, and no endless loop with one
/// that is never content.
const MOST_ADAPTATIONS: u32 = 4;

/// The header in which servers that meter their energy tell it, in joules.
const ENERGY: &str = "x-energy-joules";

/// Why one attempt came to nothing.
enum Failure {
    /// Asking again does not help, or the model has said something already.
    Final(ModelError),
    /// The connection failed before the model said anything.
    Broken(ModelError),
    /// The server refused, before the model said anything.
    Refused(Refusal),
}

impl Failure {
    /// The same failure, of the request that the provider calls `request`.
    fn about(mut self, request: Option<&Arc<str>>) -> Self {
        let slot = match &mut self {
            Failure::Final(error) | Failure::Broken(error) => &mut error.request,
            Failure::Refused(refusal) => &mut refusal.request,
        };
        if slot.is_none() {
            *slot = request.cloned();
        }
        self
    }
}

/// An answer that was read to its end.
struct Heard {
    /// How many bytes were sent for it.
    sent: usize,
    /// What the provider calls the request.
    request: Option<Arc<str>>,
}

/// A server.
pub struct Server {
    name: Arc<str>,
    model: Option<Arc<str>>,
    key: Option<SecretRef>,
    http: Http,
    dialect: Box<dyn Dialect>,
}

impl Server {
    /// A server at `base_url`. Nothing is sent and nothing is set up.
    ///
    /// # Errors
    /// [`ModelErrorKind::Rejected`] when `base_url` cannot be one.
    pub fn open(
        config: &ProviderConfig,
        base_url: &str,
        key: Option<&SecretRef>,
        settings: &Settings,
        dialect: Box<dyn Dialect>,
    ) -> Result<Self, ModelError> {
        let url = endpoint(&config.name, base_url, &*dialect)?;
        let settings = settings.clone().with(&config.patience);
        Ok(Server {
            name: config.name.clone(),
            model: config.model.clone(),
            key: key.cloned(),
            http: Http::new(url, settings),
            dialect,
        })
    }

    async fn answer(
        &self,
        payload: &Payload,
        sink: &mut dyn ModelSink,
    ) -> Result<Reply, ModelError> {
        let mut spent = None;
        let answer = self.ask(payload, sink, &mut spent).await;
        answer.map_err(|error| ModelError {
            usage: spent,
            ..error
        })
    }

    /// Ask until there is an answer or no hope of one. What was `spent` on attempts that came to nothing is told however it ends.
    async fn ask(
        &self,
        payload: &Payload,
        sink: &mut dyn ModelSink,
        spent: &mut Option<Usage>,
    ) -> Result<Reply, ModelError> {
        let key = match &self.key {
            Some(secret) => Some(Key::look_up(secret, &self.name)?),
            None => None,
        };
        let model = self.model.as_deref().unwrap_or(&payload.parameters.name);
        let trouble = Trouble {
            provider: &self.name,
            url: self.http.url().as_str(),
            model,
            words: self.dialect.words(),
            reference: self.key.as_ref(),
            key: key.as_ref(),
        };
        let mut exchange = self.dialect.exchange(payload, model);
        let settings = self.http.settings();
        let mut patience = Patience::new(settings);
        let mut adapted = 0;
        loop {
            let mut assembly = exchange.assembly();
            let attempt = self.attempt(&*exchange, &mut *assembly, sink, key.as_ref(), &trouble);
            let failure = match timeout(settings.total_timeout, attempt).await {
                Ok(Ok(heard)) => {
                    let mut reply =
                        assembly.into_reply(&Asked::of(payload, heard.sent, trouble.model));
                    reply.request = heard.request.or(reply.request);
                    reply.abandoned = spent.take();
                    if let Some(key) = &key {
                        scrub::reply(&mut reply, key);
                    }
                    return Ok(reply);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Final(trouble.too_long(settings.total_timeout)),
            };
            if let Some(usage) = assembly.usage() {
                match spent {
                    Some(spent) => *spent += usage,
                    None => *spent = Some(usage),
                }
            }
            drop(assembly);
            let (error, refusal) = match failure {
                Failure::Final(error) => return Err(error),
                Failure::Broken(error) => (error, None),
                Failure::Refused(refusal) => {
                    if adapted < MOST_ADAPTATIONS && exchange.adapt(&refusal) {
                        adapted += 1;
                        continue;
                    }
                    let error = trouble.refused(&refusal);
                    if !refusal.is_worth_repeating() {
                        return Err(error);
                    }
                    (error, Some(refusal))
                }
            };
            let Some(pause) = patience.next(refusal.as_ref()) else {
                return Err(error);
            };
            tracing::info!(provider = %self.name, status = error.status, ?pause, "asking again");
            sink.note(&self.patience_note(refusal.as_ref(), pause));
            tokio::time::sleep(pause).await;
        }
    }

    /// Ask once, and read the answer into `assembly`.
    async fn attempt(
        &self,
        exchange: &dyn Exchange,
        assembly: &mut dyn Assembly,
        sink: &mut dyn ModelSink,
        key: Option<&Key>,
        trouble: &Trouble<'_>,
    ) -> Result<Heard, Failure> {
        let (response, sent) = self.send(exchange, key, trouble).await?;
        // Here already, because it goes into replies and errors alike.
        let request = request_id(response.headers()).map(|id| trouble.scrub(&id).into());
        if !response.status().is_success() {
            sink.traffic(sent as u64, response.content_length().unwrap_or(0));
            return Err(Failure::Refused(Refusal::read(response).await));
        }
        if let Some(joules) = energy_told(response.headers()) {
            sink.energy(joules);
        }
        let mut received = 0;
        let mut clean = CleanSink::new(sink, key);
        let idle = self.http.settings().idle_timeout;
        let read = read::read(response, assembly, &mut clean, idle, trouble, &mut received).await;
        clean.traffic(sent as u64, received);
        read.map_err(|failure| failure.about(request.as_ref()))?;
        clean.end();
        Ok(Heard { sent, request })
    }

    /// Send the exchange's body. Answers the response and the size of what was sent.
    async fn send(
        &self,
        exchange: &dyn Exchange,
        key: Option<&Key>,
        trouble: &Trouble<'_>,
    ) -> Result<(Response, usize), Failure> {
        let settings = self.http.settings();
        let connect = settings.connect_timeout;
        let client = self
            .http
            .client()
            .map_err(|error| Failure::Final(trouble.transport(&error, connect)))?;
        let (request, sent) = self
            .request(exchange, key, trouble)
            .map_err(Failure::Final)?;
        tracing::debug!(provider = %self.name, model = %trouble.model, bytes = sent, "asking the model");
        let response = timeout(connect + settings.idle_timeout, client.execute(request))
            .await
            // No repetition: the server may be at work, and would have to begin again.
            .map_err(|_| Failure::Final(trouble.silence(settings.idle_timeout)))?
            .map_err(|error| {
                let told = trouble.transport(&error, connect);
                if trouble::may_pass(&error) {
                    Failure::Broken(told)
                } else {
                    Failure::Final(told)
                }
            })?;
        Ok((response, sent))
    }

    fn patience_note(&self, refusal: Option<&Refusal>, pause: Duration) -> String {
        let name = &self.name;
        let seconds = pause.as_secs_f64();
        let again = match seconds < 1.0 {
            true => "at once".to_owned(),
            false => format!("in {} s", seconds.round()),
        };
        match refusal {
            Some(Refusal { status, .. }) => {
                format!("provider `{name}` asks for patience ({status}): again {again}")
            }
            None => format!("provider `{name}` cannot be reached: again {again}"),
        }
    }

    fn request(
        &self,
        exchange: &dyn Exchange,
        key: Option<&Key>,
        trouble: &Trouble<'_>,
    ) -> Result<(Request, usize), ModelError> {
        let body = exchange.body();
        let sent = body.len();
        let mut request = Request::new(Method::POST, self.http.url().clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("text/event-stream, application/json"),
        );
        self.dialect.headers(headers, key).map_err(|_| {
            trouble.error(
                ModelErrorKind::Unauthorised,
                "the key cannot be sent: it holds a character that no key has",
            )
        })?;
        if key.is_some() && self.http.url().scheme() == "http" && !self.http.is_loopback() {
            tracing::warn!(provider = %self.name, "the key travels unencrypted: use an https `base_url`");
        }
        *request.body_mut() = Some(Body::wrap(RopeBody::from(body)));
        Ok((request, sent))
    }
}

impl Model for Server {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(self.answer(payload, sink))
    }
}

/// What a server says its answer took, as some do that meter their machines.
fn energy_told(headers: &HeaderMap) -> Option<f64> {
    let joules: f64 = headers.get(ENERGY)?.to_str().ok()?.trim().parse().ok()?;
    (joules.is_finite() && joules >= 0.0).then_some(joules)
}

/// Where requests go for `base_url`: the dialect's path under its own, with its query kept.
fn endpoint(provider: &str, base_url: &str, dialect: &dyn Dialect) -> Result<Url, ModelError> {
    let example = dialect.words().example;
    let wrong = |why: &str| {
        ModelError::new(
            ModelErrorKind::Rejected,
            format!(
                "`base_url` of provider `{provider}` {why}: write where the API is, for instance `{example}`"
            ),
        )
    };
    let mut url =
        Url::parse(base_url).map_err(|error| wrong(&format!("is not a URL ({error})")))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong("is neither an http nor an https URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong(
            "holds a user name or a password, and definitions hold no secrets; use `key: env:NAME`",
        ));
    }
    url.set_fragment(None);
    let path = dialect.path(url.path().trim_end_matches('/'));
    url.set_path(&path);
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::Chat;

    #[test]
    fn base_urls_as_people_write_them() {
        for (base, expected) in [
            (
                "http://127.0.0.1:11434/v1",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            (
                "http://127.0.0.1:11434/v1/",
                "http://127.0.0.1:11434/v1/chat/completions",
            ),
            (
                "http://localhost:8080",
                "http://localhost:8080/chat/completions",
            ),
            (
                "https://x.org/v1/chat/completions",
                "https://x.org/v1/chat/completions",
            ),
            (
                "https://x.org/d?api-version=1",
                "https://x.org/d/chat/completions?api-version=1",
            ),
        ] {
            assert_eq!(
                endpoint("p", base, &Chat::default()).unwrap().as_str(),
                expected
            );
        }
    }

    #[test]
    fn a_base_url_that_is_none_says_how_to_write_one() {
        for (base, words) in [
            ("127.0.0.1:11434/v1", "is not a URL"),
            ("localhost:11434/v1", "neither an http nor"),
            ("file:///v1", "neither an http nor"),
            ("http://me:pw@host/v1", "hold no secrets"),
            ("", "is not a URL"),
        ] {
            let error = endpoint("local", base, &Chat::default()).unwrap_err();
            assert!(
                error.message.contains(words) && error.message.contains("provider `local`"),
                "{base}: {error}"
            );
        }
    }
}
