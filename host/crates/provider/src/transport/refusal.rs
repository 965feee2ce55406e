//! What a server answers instead of a reply: read with patience and in small amounts, and understood as far as servers agree.

use crate::dialect::beginning_of;
use reqwest::Response;
use reqwest::header::{DATE, HeaderMap, LOCATION, RETRY_AFTER};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::time::timeout;

/// How much of an error's body is read, and for how long.
const LARGEST_ERROR: usize = 64 << 10;
const LONGEST_ERROR: Duration = Duration::from_secs(10);

/// What servers say when a payload does not fit, in the words of OpenAI, vLLM, llama.cpp, Mistral, Anthropic and Google's gateways.
const OVERFLOW_WORDS: [&str; 10] = [
    "context_length_exceeded",
    "exceed_context_size",
    "maximum context length",
    "context length exceeded",
    "available context size",
    "exceeds the context",
    "exceed context limit",
    "context window",
    "prompt is too long",
    "input token count",
];

/// Where servers put words of their own; the last is where OpenRouter hands on what the server behind it says.
const OWN_WORDS: [&str; 11] = [
    "/error",
    "/error/message",
    "/error/code",
    "/error/type",
    "/error/status",
    "/message",
    "/detail",
    "/detail/message",
    "/code",
    "/type",
    "/error/metadata/raw",
];

/// What a failure inside a stream would have been as a status, by the provider's word for it.
const STATUSES: [(&str, u16); 13] = [
    ("invalid_request_error", 400),
    ("invalid_prompt", 400),
    ("context_length_exceeded", 400),
    ("authentication_error", 401),
    ("billing_error", 402),
    ("permission_error", 403),
    ("not_found_error", 404),
    ("request_too_large", 413),
    ("rate_limit_error", 429),
    ("rate_limit_exceeded", 429),
    ("insufficient_quota", 429),
    ("timeout_error", 504),
    ("overloaded_error", 529),
];

/// What a server answered instead of a reply.
#[derive(Debug, Default)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The body, as far as it was read.
    pub body: String,
    /// How long it asks to wait, where it does.
    pub retry_after: Option<Duration>,
    /// Whether it says itself that repeating helps, or does not.
    pub should_retry: Option<bool>,
    /// `Location`, where it was given.
    pub location: Option<String>,
    /// The provider's id for the request.
    pub request: Option<Arc<str>>,
}

impl Refusal {
    /// Read it from a response whose status is no success.
    pub async fn read(mut response: Response) -> Self {
        let status = response.status().as_u16();
        let headers = response.headers();
        let location = header(headers, LOCATION.as_str()).map(str::to_owned);
        let retry_after = retry_after(headers);
        let should_retry =
            header(headers, "x-should-retry").and_then(|text| text.trim().parse().ok());
        let request = request_id(headers);
        let mut body = Vec::new();
        let read = async {
            while let Ok(Some(chunk)) = response.chunk().await {
                let room = LARGEST_ERROR - body.len();
                body.extend_from_slice(&chunk[..chunk.len().min(room)]);
                if body.len() == LARGEST_ERROR {
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
            should_retry,
            location,
            request,
        }
    }

    /// A failure that the server reports in a stream that began well.
    pub fn reported(error: &Value) -> Self {
        let number = |field| {
            let code = error.get(field)?.as_u64()?;
            u16::try_from(code)
                .ok()
                .filter(|code| (400..600).contains(code))
        };
        let word = ["code", "type"]
            .iter()
            .filter_map(|field| error.get(field)?.as_str())
            .find_map(|word| STATUSES.iter().find(|(name, _)| *name == word));
        Refusal {
            status: number("code")
                .or_else(|| number("status"))
                .or(word.map(|(_, status)| *status))
                .unwrap_or(500),
            body: serde_json::json!({ "error": error }).to_string(),
            ..Refusal::default()
        }
    }

    /// The provider's own word for what is wrong, such as `overloaded_error`.
    pub fn code(&self) -> Option<String> {
        let json: Value = serde_json::from_str(&self.body).ok()?;
        let json = json.get(0).unwrap_or(&json);
        ["/error/code", "/error/type", "/error/status", "/code"]
            .iter()
            .find_map(|pointer| json.pointer(pointer)?.as_str())
            .filter(|code| !code.is_empty() && code.len() <= 100)
            .map(str::to_owned)
    }

    /// The provider's id for the request, from the headers or from the body.
    pub fn request(&self) -> Option<Arc<str>> {
        self.request.clone().or_else(|| {
            let json: Value = serde_json::from_str(&self.body).ok()?;
            Some(json.get("request_id")?.as_str()?.into())
        })
    }

    /// Whether the payload was longer than the model takes.
    pub fn is_overflow(&self) -> bool {
        let is_said = |text: &str| {
            let lower = text.to_ascii_lowercase();
            OVERFLOW_WORDS.iter().any(|words| lower.contains(words))
        };
        if self.status < 400 {
            return false;
        }
        match serde_json::from_str::<Value>(&self.body) {
            Ok(json) => own_words(&json).any(is_said),
            // JSON that was too long to be read to its end is mostly what was asked, echoed.
            Err(_) => self.body.len() < LARGEST_ERROR && is_said(&self.body),
        }
    }

    /// Whether repeating the same request later can help. An exhausted account answers 429 too, and no patience mends that.
    pub fn is_worth_repeating(&self) -> bool {
        if let Some(says) = self.should_retry {
            return says;
        }
        matches!(self.status, 408 | 409 | 429 | 500..=599)
            && !self.is_overflow()
            && !self.body.contains("insufficient_quota")
    }

    /// The message in the body, in the shapes of OpenAI, Anthropic, Ollama, FastAPI and Google.
    pub fn message(&self) -> String {
        let Ok(json) = serde_json::from_str::<Value>(&self.body) else {
            return if self.body.trim_start().starts_with('<') {
                "an HTML page".to_owned()
            } else {
                self.body.clone()
            };
        };
        let json = json.get(0).unwrap_or(&json);
        ["/error/message", "/error", "/message", "/detail"]
            .iter()
            .find_map(|pointer| json.pointer(pointer).and_then(Value::as_str))
            .map_or_else(|| beginning_of(&json.to_string()), str::to_owned)
    }
}

/// The server's own words in the body of an error, in whichever shape: servers that check what they are sent echo it beside them.
fn own_words(json: &Value) -> impl Iterator<Item = &str> {
    let json = json.get(0).unwrap_or(json);
    let words = OWN_WORDS.iter().filter_map(|at| json.pointer(at)?.as_str());
    // What FastAPI finds wrong, one for each field.
    let faults = ["/detail", "/message/detail"]
        .iter()
        .filter_map(|at| json.pointer(at)?.as_array())
        .flatten();
    words.chain(faults.filter_map(|fault| fault.get("msg")?.as_str()))
}

/// The provider's id for a request, from the headers of its response.
pub fn request_id(headers: &HeaderMap) -> Option<Arc<str>> {
    ["x-request-id", "request-id"]
        .iter()
        .find_map(|name| header(headers, name))
        .filter(|id| !id.is_empty())
        .map(Into::into)
}

/// How long the server asks to wait: in milliseconds, in seconds, or until a date.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let number = |name: &str| header(headers, name)?.trim().parse::<f64>().ok();
    let seconds = number("retry-after-ms")
        .map(|milliseconds| milliseconds / 1e3)
        .or_else(|| number(RETRY_AFTER.as_str()));
    if let Some(seconds) = seconds {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let date = |name: &str| httpdate::parse_http_date(header(headers, name)?.trim()).ok();
    let until = date(RETRY_AFTER.as_str())?;
    // The server's own clock, where it tells: ours may go wrong.
    let now = date(DATE.as_str()).unwrap_or_else(SystemTime::now);
    Some(until.duration_since(now).unwrap_or_default())
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use reqwest::header::{HeaderName, HeaderValue};
    use serde_json::json;

    fn refusal(status: u16, body: &str) -> Refusal {
        Refusal {
            status,
            body: body.to_owned(),
            ..Refusal::default()
        }
    }

    #[test]
    fn a_server_is_asked_again_only_where_that_can_help() {
        for status in [408, 409, 429, 500, 502, 503, 504, 529] {
            assert!(refusal(status, "").is_worth_repeating(), "{status}");
        }
        for status in [307, 400, 401, 402, 403, 404, 413, 422] {
            assert!(!refusal(status, "").is_worth_repeating(), "{status}");
        }
        let no_money = r#"{"error":{"code":"insufficient_quota"}}"#;
        assert!(!refusal(429, no_money).is_worth_repeating());
        let too_long = r#"{"error":"the request exceeds the available context size"}"#;
        assert!(!refusal(500, too_long).is_worth_repeating());
        for says in [true, false] {
            let asked = Refusal {
                should_retry: Some(says),
                ..refusal(if says { 400 } else { 503 }, "")
            };
            assert_eq!(asked.is_worth_repeating(), says);
        }
    }

    #[test]
    fn only_what_the_server_says_itself_tells_of_an_overflow() {
        let words = "This model's maximum context length is 8 tokens";
        for body in [
            json!({"error": {"message": words, "code": 400}}),
            json!({"error": {"message": "no", "code": "context_length_exceeded"}}),
            json!({"error": {"message": "no", "code": 400, "type": "exceed_context_size_error"}}),
            json!([{"error": {"message": "The input token count exceeds the maximum", "status": "INVALID_ARGUMENT"}}]),
            json!({"error": words}),
            json!({"object": "error", "message": words, "code": 400}),
            json!({"detail": words}),
            json!({"detail": [{"loc": ["body"], "msg": words}]}),
            json!({"error": {"message": "Provider returned error", "metadata": {"raw": format!("{{\"message\":\"{words}\"}}")}}}),
            json!(words),
        ] {
            let text = body
                .as_str()
                .map_or_else(|| body.to_string(), str::to_owned);
            assert!(refusal(400, &text).is_overflow(), "{text}");
            assert!(!refusal(200, &text).is_overflow(), "{text}");
        }
        let echo = "Explain what a context window is, and context_length_exceeded";
        for body in [
            json!({"detail": [{"loc": ["body", "tools"], "msg": "Field required", "input": {"content": echo}}]}),
            json!({"error": {"message": "bad tool", "param": echo}, "input": echo}),
            json!({"message": "no", "request": {"messages": [{"content": echo}]}}),
        ] {
            assert!(!refusal(422, &body.to_string()).is_overflow(), "{body}");
        }
        let mut cut = json!({"input": echo.repeat(2000)}).to_string();
        cut.truncate(LARGEST_ERROR);
        assert!(!refusal(422, &cut).is_overflow());
    }

    #[test]
    fn every_way_to_ask_for_patience_is_understood() {
        let now = "Fri, 20 Nov 2026 10:00:00 GMT";
        for (fields, seconds) in [
            (&[("retry-after", "3")][..], Some(3.0)),
            (&[("retry-after", "0.5")], Some(0.5)),
            (
                &[("retry-after-ms", "250"), ("retry-after", "1")],
                Some(0.25),
            ),
            (
                &[
                    ("date", now),
                    ("retry-after", "Fri, 20 Nov 2026 10:00:07 GMT"),
                ],
                Some(7.0),
            ),
            (
                &[
                    ("date", now),
                    ("retry-after", "Fri, 20 Nov 2026 09:00:00 GMT"),
                ],
                Some(0.0),
            ),
            (
                &[("retry-after", "Sun, 06 Nov 1994 08:49:37 GMT")],
                Some(0.0),
            ),
            (&[("retry-after", "-1")], None),
            (&[("retry-after", "soon")], None),
            (&[("retry-after", "1e300")], None),
            (&[], None),
        ] {
            let headers = fields
                .iter()
                .map(|(name, value)| {
                    (
                        HeaderName::from_static(name),
                        HeaderValue::from_static(value),
                    )
                })
                .collect();
            let expected = seconds.map(Duration::from_secs_f64);
            assert_eq!(retry_after(&headers), expected, "{fields:?}");
        }
    }

    #[test]
    fn a_failure_in_a_stream_has_the_status_that_it_would_have_had() {
        for (error, status) in [
            (
                json!({"type": "overloaded_error", "message": "Overloaded"}),
                529,
            ),
            (json!({"code": "rate_limit_exceeded"}), 429),
            (json!({"code": 503}), 503),
            (json!({"code": 7, "type": "new_error"}), 500),
            (json!("crashed"), 500),
        ] {
            let refusal = Refusal::reported(&error);
            assert_eq!(refusal.status, status, "{error}");
        }
        let overloaded = Refusal::reported(&json!({"type": "overloaded_error"}));
        assert_eq!(overloaded.code().as_deref(), Some("overloaded_error"));
        let body = r#"{"type":"error","error":{"type":"not_found_error","message":"no"},"request_id":"req_1"}"#;
        let refusal = refusal(404, body);
        assert_eq!(refusal.code().as_deref(), Some("not_found_error"));
        assert_eq!(refusal.request().as_deref(), Some("req_1"));
    }
}
