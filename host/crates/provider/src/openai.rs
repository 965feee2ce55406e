//! Chat completions as OpenAI's servers and many others speak them: llama.cpp, Ollama, vLLM, LM Studio, OpenRouter and the rest.
//!
//! This file knows the course of one request: look up the key, send, repeat where the server asks for patience, read the stream. What the
//! bytes mean stands in the rooms beside it: [`encode`], [`sse`], [`decode`], and [`trouble`] for everything that goes wrong.

mod clean;
mod decode;
mod encode;
mod sse;
mod trouble;

use crate::Settings;
use crate::http::Http;
use crate::secret::Key;
use clean::CleanSink;
use decode::{Assembly, DecodeError};
use encode::LimitField;
use reqwest::header::{
    ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Method, Request, Response, Url};
use sse::Events;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::timeout;
use trouble::{Refusal, Trouble};
use types::{
    Item, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, ProviderConfig,
    Reply, SecretRef, Text, ToolCall,
};

pub use encode::encode_item;

/// How much of an error's body is read, and for how long.
const LARGEST_ERROR: usize = 64 << 10;
const LONGEST_ERROR: Duration = Duration::from_secs(10);

/// How long a server that has said why the model stopped may take to send the rest (the count of tokens, mostly).
const LONGEST_EPILOGUE: Duration = Duration::from_secs(5);

/// Pause before the first repetition where the server names none; doubled each time.
const FIRST_PAUSE: Duration = Duration::from_millis(500);

/// The largest body of a server that answers in one piece.
const LARGEST_ANSWER: usize = 64 << 20;

/// A server that speaks chat completions.
pub struct OpenAi {
    name: Arc<str>,
    model: Option<Arc<str>>,
    key: Option<SecretRef>,
    http: Http,
    /// Learnt from the server's first refusal.
    wants_completion_limit: AtomicBool,
}

impl OpenAi {
    /// A server at `base_url`. Nothing is sent and nothing is set up.
    pub fn open(
        config: &ProviderConfig,
        base_url: &str,
        key: Option<&SecretRef>,
        settings: &Settings,
    ) -> Result<Self, ModelError> {
        Ok(OpenAi {
            name: config.name.clone(),
            model: config.model.clone(),
            key: key.cloned(),
            http: Http::new(endpoint(&config.name, base_url)?, settings.clone()),
            wants_completion_limit: AtomicBool::new(false),
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
            reference: self.key.as_ref(),
            key: key.as_ref(),
        };
        let (response, sent) = self.send(payload, model, key.as_ref(), &trouble).await?;
        let id = request_id(&response);
        let mut clean = CleanSink::new(sink, key.as_ref());
        let assembly = self.read(response, &mut clean, &trouble).await?;
        clean.end();
        let turn = payload
            .items
            .iter()
            .filter(|item| matches!(***item, Item::Assistant { .. }))
            .count();
        let mut reply = assembly.into_reply(turn, sent, model);
        if id.is_some() {
            reply.request = id;
        }
        if let Some(key) = &key {
            scrub_reply(&mut reply, key);
        }
        Ok(reply)
    }

    /// Send `payload`, and again where that can help. Answers the response and the size of what was sent.
    async fn send(
        &self,
        payload: &Payload,
        model: &str,
        key: Option<&Key>,
        trouble: &Trouble<'_>,
    ) -> Result<(Response, usize), ModelError> {
        let settings = self.http.settings();
        let client = self
            .http
            .client()
            .map_err(|error| trouble.transport(&error, settings.connect_timeout))?;
        let mut limit = match self.wants_completion_limit.load(Ordering::Relaxed) {
            true => LimitField::MaxCompletionTokens,
            false => LimitField::MaxTokens,
        };
        let (mut request, mut sent) = self.request(payload, model, limit, key, trouble)?;
        let mut pauses = 0;
        loop {
            // The body is shared between the copies, not copied.
            let again = request.try_clone();
            tracing::debug!(provider = %self.name, %model, bytes = sent, "asking the model");
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
            if limit == LimitField::MaxTokens && trouble::wants_other_limit(&refusal) {
                limit = LimitField::MaxCompletionTokens;
                self.wants_completion_limit.store(true, Ordering::Relaxed);
                (request, sent) = self.request(payload, model, limit, key, trouble)?;
                continue;
            }
            let pause = refusal
                .retry_after
                .unwrap_or(FIRST_PAUSE * (1 << pauses.min(6)));
            let error = trouble.refused(&refusal);
            let Some(next) = again.filter(|_| {
                pauses < settings.retries
                    && pause <= settings.longest_pause
                    && trouble::is_worth_repeating(&refusal)
            }) else {
                return Err(error);
            };
            tracing::info!(provider = %self.name, status = refusal.status, ?pause, "the provider asks for patience");
            tokio::time::sleep(pause).await;
            pauses += 1;
            request = next;
        }
    }

    fn request(
        &self,
        payload: &Payload,
        model: &str,
        limit: LimitField,
        key: Option<&Key>,
        trouble: &Trouble<'_>,
    ) -> Result<(Request, usize), ModelError> {
        let body = encode::body(payload, model, limit);
        let sent = body.len();
        let mut request = Request::new(Method::POST, self.http.url().clone());
        let headers = request.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        headers.insert(
            ACCEPT,
            HeaderValue::from_static("text/event-stream, application/json"),
        );
        if let Some(key) = key {
            let mut value = HeaderValue::from_str(&key.bearer()).map_err(|_| {
                trouble.error(
                    ModelErrorKind::Unauthorised,
                    "the key cannot be sent: it holds a character that no key has",
                )
            })?;
            value.set_sensitive(true);
            headers.insert(AUTHORIZATION, value);
            if self.http.url().scheme() == "http" && !self.http.is_loopback() {
                tracing::warn!(provider = %self.name, "the key travels unencrypted: use an https `base_url`");
            }
        }
        *request.body_mut() = Some(body.into());
        Ok((request, sent))
    }

    /// Read the answer, whichever way the server chose to send it.
    async fn read(
        &self,
        mut response: Response,
        sink: &mut dyn ModelSink,
        trouble: &Trouble<'_>,
    ) -> Result<Assembly, ModelError> {
        let mut assembly = Assembly::default();
        let mut events = Events::default();
        let mut whole: Option<Vec<u8>> = None;
        let mut began = false;
        let idle = self.http.settings().idle_timeout;
        loop {
            let patience = if assembly.is_finished() {
                idle.min(LONGEST_EPILOGUE)
            } else {
                idle
            };
            let chunk = match timeout(patience, response.chunk()).await {
                Ok(Ok(Some(chunk))) => chunk,
                Ok(Ok(None)) => break,
                // What counts is there: a server that forgets to hang up, or hangs up rudely, does no harm any more.
                Err(_) | Ok(Err(_)) if assembly.is_finished() => break,
                Err(_) => return Err(trouble.silence(patience)),
                Ok(Err(error)) => return Err(trouble.cut_off(Some(&error))),
            };
            // Some servers label what they stream as JSON or not at all, so the first byte decides and not the header.
            let first = chunk
                .iter()
                .copied()
                .find(|byte| !byte.is_ascii_whitespace());
            if let (false, Some(first)) = (began, first) {
                began = true;
                whole = matches!(first, b'{' | b'[' | b'<').then(Vec::new);
            }
            match &mut whole {
                Some(whole) if whole.len() + chunk.len() > LARGEST_ANSWER => {
                    return Err(trouble.not_protocol("more than 64 MiB in one piece"));
                }
                Some(whole) => whole.extend_from_slice(&chunk),
                None => events
                    .push(&chunk, |data| assembly.take(data, sink))
                    .map_err(|error| wrong_answer(error, trouble))?,
            }
            if assembly.is_done() {
                break;
            }
        }
        let is_whole = whole.is_some();
        match whole {
            Some(whole) => assembly.take(&String::from_utf8_lossy(&whole), sink),
            None => events.end(|data| assembly.take(data, sink)),
        }
        .or_else(|error| {
            if assembly.is_finished() {
                Ok(())
            } else {
                Err(error)
            }
        })
        .map_err(|error| wrong_answer(error, trouble))?;
        if assembly.is_finished() || (is_whole && !assembly.is_empty()) {
            return Ok(assembly);
        }
        Err(if !assembly.is_empty() {
            trouble.cut_off(None)
        } else if is_whole || began {
            trouble.not_protocol("it holds no choice")
        } else {
            trouble.not_protocol("the body is empty")
        })
    }
}

impl Model for OpenAi {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(self.answer(payload, sink))
    }
}

/// Where requests go for `base_url`: its path and `chat/completions`, with its query kept.
fn endpoint(provider: &str, base_url: &str) -> Result<Url, ModelError> {
    let wrong = |why: &str| {
        ModelError::new(
            ModelErrorKind::Rejected,
            format!(
                "`base_url` of provider `{provider}` {why}: write where the API is, for instance `http://127.0.0.1:11434/v1`"
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
    let path = url.path().trim_end_matches('/');
    if !path.ends_with("/chat/completions") {
        url.set_path(&format!("{path}/chat/completions"));
    }
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

fn wrong_answer(error: DecodeError, trouble: &Trouble<'_>) -> ModelError {
    match error {
        DecodeError::NotProtocol(what) => trouble.not_protocol(&what),
        DecodeError::Reported(error) => trouble.reported(&error),
    }
}

fn request_id(response: &Response) -> Option<Arc<str>> {
    let id = response.headers().get("x-request-id")?.to_str().ok()?;
    Some(id.into())
}

/// A server that echoes the key into its answer would carry it into the journal and back into every later payload.
fn scrub_reply(reply: &mut Reply, key: &Key) {
    let scrub = |text: &mut Arc<str>| {
        if let Cow::Owned(clean) = key.scrub_whole(text) {
            *text = clean.into();
        }
    };
    scrub(&mut reply.text);
    scrub(&mut reply.model);
    reply.request.as_mut().map(scrub);
    if let Some(reasoning) = &mut reply.reasoning {
        scrub_text(&mut reasoning.text, key);
        if let Some(kept) = &mut reasoning.kept {
            scrub(&mut kept.json);
        }
    }
    for ToolCall {
        id,
        name,
        arguments,
    } in &mut reply.calls
    {
        [id, name].into_iter().for_each(scrub);
        scrub_text(arguments, key);
    }
}

fn scrub_text(text: &mut Text, key: &Key) {
    if let Cow::Owned(clean) = key.scrub_whole(&text.plain()) {
        *text = clean.into();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(endpoint("p", base).unwrap().as_str(), expected);
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
            let error = endpoint("local", base).unwrap_err();
            assert!(
                error.message.contains(words) && error.message.contains("provider `local`"),
                "{base}: {error}"
            );
        }
    }
}
