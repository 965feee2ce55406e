//! The course of one request, whatever dialect it is in: look up the key, send, repeat where the server asks for patience, read the stream.
//!
//! What the bytes mean is the business of a [`Dialect`]; no room here names one.

mod clean;
mod read;
mod scrub;
pub mod sse;
pub mod trouble;

use crate::Settings;
use crate::dialect::{Asked, Dialect, Exchange};
use crate::http::Http;
use crate::rope::RopeBody;
use crate::secret::Key;
use clean::CleanSink;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER};
use reqwest::{Body, Method, Request, Response, Url};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;
use trouble::{Refusal, Trouble};
use types::{
    Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, ProviderConfig, Reply,
    SecretRef,
};

/// How much of an error's body is read, and for how long.
const LARGEST_ERROR: usize = 64 << 10;
const LONGEST_ERROR: Duration = Duration::from_secs(10);

/// Pause before the first repetition where the server names none; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

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
        Ok(Server {
            name: config.name.clone(),
            model: config.model.clone(),
            key: key.cloned(),
            http: Http::new(url, settings.clone()),
            dialect,
        })
    }

    async fn answer(
        &self,
        payload: &Payload,
        sink: &mut dyn ModelSink,
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
        let (response, sent) = self.send(&mut *exchange, key.as_ref(), &trouble).await?;
        let id = request_id(&response);
        let mut clean = CleanSink::new(sink, key.as_ref());
        let mut assembly = exchange.assembly();
        read::read(
            response,
            &mut *assembly,
            &mut clean,
            self.http.settings().idle_timeout,
            &trouble,
        )
        .await?;
        clean.end();
        let mut reply = assembly.into_reply(&Asked::of(payload, sent, model));
        if id.is_some() {
            reply.request = id;
        }
        if let Some(key) = &key {
            scrub::reply(&mut reply, key);
        }
        Ok(reply)
    }

    /// Send the exchange's body, and again where that can help. Answers the response and the size of what was sent.
    async fn send(
        &self,
        exchange: &mut dyn Exchange,
        key: Option<&Key>,
        trouble: &Trouble<'_>,
    ) -> Result<(Response, usize), ModelError> {
        let settings = self.http.settings();
        let client = self
            .http
            .client()
            .map_err(|error| trouble.transport(&error, settings.connect_timeout))?;
        let mut pauses = 0;
        loop {
            let (request, sent) = self.request(exchange, key, trouble)?;
            tracing::debug!(provider = %self.name, model = %trouble.model, bytes = sent, "asking the model");
            let response = timeout(
                settings.connect_timeout + settings.idle_timeout,
                client.execute(request),
            )
            .await
            .map_err(|_| trouble.silence(settings.idle_timeout))?
            .map_err(|error| trouble.transport(&error, settings.connect_timeout))?;
            if response.status().is_success() {
                return Ok((response, sent));
            }
            let refusal = read_refusal(response).await;
            if exchange.adapt(&refusal) {
                continue;
            }
            let pause = refusal
                .retry_after
                .unwrap_or(FIRST_PAUSE * (1 << pauses.min(6)));
            if pauses >= settings.retries
                || pause > settings.longest_pause
                || !trouble::is_worth_repeating(&refusal)
            {
                return Err(trouble.refused(&refusal));
            }
            tracing::info!(provider = %self.name, status = refusal.status, ?pause, "the provider asks for patience");
            tokio::time::sleep(pause).await;
            pauses += 1;
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

async fn read_refusal(mut response: Response) -> Refusal {
    let status = response.status().as_u16();
    let header = |headers: &HeaderMap, name| {
        headers
            .get(name)
            .and_then(|v: &HeaderValue| v.to_str().ok())
            .map(str::to_owned)
    };
    let location = header(response.headers(), LOCATION);
    // A date is allowed here too; no model server sends one, and the host's own pause is right without it.
    let retry_after = header(response.headers(), RETRY_AFTER)
        .and_then(|text| text.trim().parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let mut body = Vec::new();
    let read = async {
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ERROR {
                break;
            }
        }
    };
    // Half an explanation is better than none.
    let _ = timeout(LONGEST_ERROR, read).await;
    Refusal {
        status,
        body: String::from_utf8_lossy(&body).into_owned(),
        retry_after,
        location,
    }
}

fn request_id(response: &Response) -> Option<Arc<str>> {
    let id = response.headers().get("x-request-id")?.to_str().ok()?;
    Some(id.into())
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
