//! Everything that can go wrong with a server, in words that say what to do next.
//!
//! All errors of servers are made here, because this is where the key is taken out of them: servers echo it.

use super::refusal::Refusal;
use crate::dialect::Words;
use crate::secret::Key;
use std::error::Error;
use std::io;
use std::time::Duration;
use types::{ModelError, ModelErrorKind, SecretRef};

/// Longest stretch of a server's own message that is quoted.
const LONGEST_QUOTE: usize = 400;

/// Whom an error is about.
pub struct Trouble<'a> {
    /// The provider's name in the house.
    pub provider: &'a str,
    /// Where the request went.
    pub url: &'a str,
    /// The model asked for.
    pub model: &'a str,
    /// What things are called in the dialect.
    pub words: &'static Words,
    /// The key's reference, never its value.
    pub reference: Option<&'a SecretRef>,
    /// The key, to be kept out of the texts.
    pub key: Option<&'a Key>,
}

impl Trouble<'_> {
    /// An error without the key in it.
    pub fn error(&self, kind: ModelErrorKind, message: &str) -> ModelError {
        ModelError::new(kind, self.scrub(message))
    }

    /// `text` without the key in it.
    pub fn scrub(&self, text: &str) -> String {
        match self.key {
            Some(key) => key.scrub(text).into_owned(),
            None => text.to_owned(),
        }
    }

    /// The request could not be sent, or the answer broke off before it began.
    pub fn transport(&self, error: &reqwest::Error, connect_timeout: Duration) -> ModelError {
        let Trouble { provider, url, .. } = self;
        let unreachable = |text: &str| self.error(ModelErrorKind::Unreachable, text);
        let settle = format!("or change `base_url` of provider `{provider}` in house.yaml");
        if error.is_connect() && error.is_timeout() {
            let seconds = connect_timeout.as_secs_f64();
            return unreachable(&format!(
                "provider `{provider}`: no connection to {url} within {seconds} s: check that the server runs and that no firewall is \
                 between, {settle}"
            ));
        }
        if io_kind(error) == Some(io::ErrorKind::ConnectionRefused) {
            return unreachable(&format!(
                "provider `{provider}`: nothing listens at {url} (connection refused): start the server, {settle}"
            ));
        }
        if error.is_dns() {
            return unreachable(&format!(
                "provider `{provider}`: the host name in {url} cannot be resolved: check the network, {settle}"
            ));
        }
        let cause = root_cause(error);
        if error.is_builder() {
            return unreachable(&format!(
                "provider `{provider}`: a safe connection to {url} cannot be set up ({cause}): install the system's root certificates \
                 (usually the package `ca-certificates`)"
            ));
        }
        if error.is_connect() {
            return unreachable(&format!(
                "provider `{provider}`: no connection to {url} ({cause}): check the network and the server's certificate, {settle}"
            ));
        }
        unreachable(&format!(
            "provider `{provider}`: the connection to {url} broke before an answer came ({cause}): look at the server's log, then try again"
        ))
    }

    /// Nothing came for too long.
    pub fn silence(&self, waited: Duration) -> ModelError {
        let Trouble {
            provider,
            url,
            model,
            ..
        } = self;
        self.error(
            ModelErrorKind::Timeout,
            &format!(
                "provider `{provider}`: {url} sent nothing for {} s: the server hangs, or model `{model}` is too slow on that machine for a \
                 payload of this length",
                waited.as_secs_f64()
            ),
        )
    }

    /// One answer took longer than one may.
    pub fn too_long(&self, waited: Duration) -> ModelError {
        let Trouble {
            provider,
            url,
            model,
            ..
        } = self;
        self.error(
            ModelErrorKind::Timeout,
            &format!(
                "provider `{provider}`: {url} had not finished its answer after {} s, the most that one may take: ask model `{model}` for less at \
                 once (`max_output`), or give provider `{provider}` more time in house.yaml",
                waited.as_secs_f64()
            ),
        )
    }

    /// The stream ended before the model had finished.
    pub fn cut_off(&self, cause: Option<&reqwest::Error>) -> ModelError {
        let Trouble { provider, url, .. } = self;
        let cause = cause.map_or_else(String::new, |error| format!(" ({})", root_cause(error)));
        self.error(
            ModelErrorKind::Unreachable,
            &format!(
                "provider `{provider}`: the answer of {url} broke off before it was finished{cause}: look at the server's log, then try again"
            ),
        )
    }

    /// The answer is none of this dialect.
    pub fn not_protocol(&self, what: &str) -> ModelError {
        let Trouble {
            provider,
            url,
            words,
            ..
        } = self;
        self.error(
            ModelErrorKind::Protocol,
            &format!(
                "provider `{provider}`: what {url} answers is not {}: {}: check that `base_url` is {}",
                words.answer,
                self.scrub(what),
                words.base_url
            ),
        )
    }

    /// The server answered with a status that is no success.
    pub fn refused(&self, refusal: &Refusal) -> ModelError {
        let Trouble {
            provider,
            url,
            model,
            words,
            ..
        } = self;
        let status = refusal.status;
        let said = self.quote(&refusal.message());
        let (kind, text) = match status {
            _ if refusal.is_overflow() => (
                ModelErrorKind::ContextOverflow,
                format!(
                    "provider `{provider}`: the payload is longer than model `{model}` takes ({said}): set `context_length` in the agent's \
                     `model` to what the server really offers, or give the server a longer context"
                ),
            ),
            300..=399 => (
                ModelErrorKind::Rejected,
                format!(
                    "provider `{provider}`: {url} redirects ({status}) to {}; redirects are not followed, because the key would go with \
                     them: set `base_url` to the right place",
                    refusal.location.as_deref().unwrap_or("nowhere")
                ),
            ),
            401 => (ModelErrorKind::Unauthorised, self.unauthorised(&said)),
            402 | 403 => (
                ModelErrorKind::Unauthorised,
                format!(
                    "provider `{provider}`: {url} does not allow this ({status}: {said}): check that {} may use model `{model}`",
                    self.reference
                        .map_or_else(|| "you".to_owned(), |r| format!("the key {r}"))
                ),
            ),
            404 => (
                ModelErrorKind::Rejected,
                format!(
                    "provider `{provider}`: {url} does not know model `{model}` or this path (404: {said}): check the model's name in the \
                     agent, and that `base_url` in house.yaml is {}",
                    words.base_url
                ),
            ),
            408 => (
                ModelErrorKind::Timeout,
                format!("provider `{provider}`: {url} gave up waiting (408: {said}): try again"),
            ),
            413 => (
                ModelErrorKind::ContextOverflow,
                format!(
                    "provider `{provider}`: the request is larger than {url} takes (413: {said}): set `context_length` in the agent's `model` lower"
                ),
            ),
            429 => (
                ModelErrorKind::RateLimited,
                self.rate_limited(&said, refusal.retry_after),
            ),
            500..=599 => (
                ModelErrorKind::Unreachable,
                format!(
                    "provider `{provider}`: {url} failed ({status}: {said}): look at the server's log or status page, then try again"
                ),
            ),
            _ => (
                ModelErrorKind::Rejected,
                format!(
                    "provider `{provider}`: {url} refused the request for model `{model}` ({status}: {said})"
                ),
            ),
        };
        ModelError {
            status: Some(status),
            code: refusal.code().map(|code| self.scrub(&code).into()),
            request: refusal.request().map(|id| self.scrub(&id).into()),
            ..self.error(kind, &text)
        }
    }

    fn unauthorised(&self, said: &str) -> String {
        let Trouble { provider, url, .. } = self;
        match self.reference {
            Some(reference) => format!(
                "provider `{provider}`: {url} does not accept the key {reference} (401: {said}): check that it holds a valid key for this \
                 server"
            ),
            None => format!(
                "provider `{provider}`: {url} wants a key (401: {said}): add `key: env:NAME` to provider `{provider}` in house.yaml and set \
                 that variable"
            ),
        }
    }

    fn rate_limited(&self, said: &str, retry_after: Option<Duration>) -> String {
        let Trouble { provider, url, .. } = self;
        let advice = match retry_after {
            Some(pause) => format!("it asks to wait {} s", pause.as_secs_f64()),
            None => "wait, or raise the account's limits".to_owned(),
        };
        format!("provider `{provider}`: {url} takes no more requests now (429: {said}): {advice}")
    }

    /// The server's own words, in one line, short, and without the key. The key is taken out before the text is cut, so that no half stays.
    fn quote(&self, message: &str) -> String {
        let message = self.scrub(message);
        let mut line = message.split_whitespace().collect::<Vec<_>>().join(" ");
        line.retain(|c| !c.is_control());
        if line.chars().nth(LONGEST_QUOTE).is_some() {
            line = line.chars().take(LONGEST_QUOTE).collect();
            line.push('…');
        }
        if line.is_empty() {
            "no message".to_owned()
        } else {
            line
        }
    }
}

/// Whether the request could not be sent for a reason that may be gone in a moment; a certificate that nobody trusts is none.
pub fn may_pass(error: &reqwest::Error) -> bool {
    !error.is_builder() && io_kind(error) != Some(io::ErrorKind::InvalidData)
}

fn io_kind(error: &reqwest::Error) -> Option<io::ErrorKind> {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<io::Error>() {
            return Some(io.kind());
        }
        source = cause.source();
    }
    None
}

/// The innermost cause: the layers above it only say that something failed.
fn root_cause(error: &reqwest::Error) -> String {
    let mut cause: &dyn Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TROUBLE: Trouble<'static> = Trouble {
        provider: "local",
        url: "http://127.0.0.1:1/v1/chat/completions",
        model: "m",
        words: &Words {
            answer: "an answer",
            base_url: "right",
            example: "http://127.0.0.1/v1",
        },
        reference: None,
        key: None,
    };

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal {
            status,
            body: body.to_owned(),
            ..Refusal::default()
        }
    }

    #[test]
    fn a_status_becomes_a_kind_and_advice() {
        for (status, body, kind, words) in [
            (
                401,
                r#"{"error":{"message":"no"}}"#,
                ModelErrorKind::Unauthorised,
                "401: no",
            ),
            (
                403,
                r#"{"message":"not yours"}"#,
                ModelErrorKind::Unauthorised,
                "403: not yours",
            ),
            (
                404,
                r#"{"detail":"gone"}"#,
                ModelErrorKind::Rejected,
                "404: gone",
            ),
            (
                429,
                r#"[{"error":{"message":"slow down"}}]"#,
                ModelErrorKind::RateLimited,
                "slow down",
            ),
            (
                400,
                r#"{"error":{"code":"context_length_exceeded"}}"#,
                ModelErrorKind::ContextOverflow,
                "context_length",
            ),
            (
                500,
                r#"{"error":"the request exceeds the available context size"}"#,
                ModelErrorKind::ContextOverflow,
                "context",
            ),
            (
                400,
                r#"{"error":"bad tool"}"#,
                ModelErrorKind::Rejected,
                "400: bad tool",
            ),
            (
                503,
                "<html><body>busy",
                ModelErrorKind::Unreachable,
                "503: an HTML page",
            ),
            (500, "", ModelErrorKind::Unreachable, "500: no message"),
            (307, "", ModelErrorKind::Rejected, "redirects"),
        ] {
            let error = TROUBLE.refused(&refusal(status, body));
            assert_eq!(error.kind, kind, "{status} {body}");
            assert!(error.message.contains(words), "{error}");
            assert_eq!(error.status, Some(status));
        }
    }

    #[test]
    fn a_servers_message_is_one_short_line() {
        let error = TROUBLE.refused(&refusal(
            400,
            &format!("a\n\u{1b}[31mb {}", "x".repeat(1000)),
        ));
        assert!(error.message.contains("400: a [31mb xxx"), "{error}");
        assert!(
            error.message.len() < 600 && !error.message.contains('\n'),
            "{error}"
        );
    }
}
