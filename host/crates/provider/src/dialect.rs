//! What a dialect must know, and all it must know: where requests go, how a payload is written, what the server's events mean.
//!
//! Everything else (keys, connections, patience, streams that break) is the same for all and stands in [`crate::transport`], which names no dialect.

use crate::rope::Rope;
use crate::secret::Key;
use crate::transport::refusal::Refusal;
use crate::transport::sse::SseError;
use reqwest::header::{HeaderMap, InvalidHeaderValue};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use types::{Item, ModelSink, Payload, Reply, Usage};

/// What messages for people call things of a dialect.
pub struct Words {
    /// What the server should have answered: `a chat completion`.
    pub answer: &'static str,
    /// What `base_url` should be, in words: `that of an OpenAI-compatible API (it usually ends in `/v1`)`.
    pub base_url: &'static str,
    /// How a `base_url` looks.
    pub example: &'static str,
}

/// A way to speak with a server.
pub trait Dialect: Send + Sync {
    /// How messages call it.
    fn words(&self) -> &'static Words;

    /// The path of requests, where `base` is that of `base_url` without slashes at its end.
    fn path(&self, base: &str) -> String;

    /// Add the headers that this dialect wants, the key among them.
    ///
    /// # Errors
    /// When the key cannot be a header.
    fn headers(&self, headers: &mut HeaderMap, key: Option<&Key>)
    -> Result<(), InvalidHeaderValue>;

    /// Begin the exchange of `payload` for a reply of `model`.
    fn exchange<'a>(&'a self, payload: &'a Payload, model: &'a str) -> Box<dyn Exchange + 'a>;
}

/// One payload on its way, with all its repetitions.
pub trait Exchange: Send + Sync {
    /// The request's body; the same bytes each time, until [`Exchange::adapt`] says otherwise.
    fn body(&self) -> Rope;

    /// Whether the body is another one from now on, because `refusal` shows that this server wants it otherwise.
    fn adapt(&mut self, refusal: &Refusal) -> bool;

    /// An assembly for one answer.
    fn assembly(&self) -> Box<dyn Assembly + '_>;
}

/// One event of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'a> {
    /// Its `event` field; empty where there is none, and for an answer in one piece.
    pub name: &'a str,
    /// Its `data`, or the whole answer.
    pub data: &'a str,
}

/// A reply while it arrives.
pub trait Assembly: Send {
    /// Take one event, or one whole answer.
    ///
    /// # Errors
    /// When the answer cannot be used.
    fn take(&mut self, event: Event<'_>, sink: &mut dyn ModelSink) -> Result<(), DecodeError>;

    /// Whether the model has said why it stopped, or the server that it has sent everything.
    fn is_finished(&self) -> bool;

    /// Whether the server has said that nothing more will come.
    fn is_done(&self) -> bool;

    /// Whether nothing that counts has come.
    fn is_empty(&self) -> bool;

    /// Tokens, as far as the server has told of them.
    fn usage(&self) -> Option<Usage>;

    /// The reply.
    fn into_reply(self: Box<Self>, asked: &Asked<'_>) -> Reply;
}

/// What was asked for: out of it comes what a server leaves out of its answer.
pub struct Asked<'a> {
    /// Answers before this one, out of which ids are made where the server gives none.
    pub turn: usize,
    /// The request's size in bytes, out of which tokens are estimated where the server counts none.
    pub sent: usize,
    /// The model.
    pub model: &'a str,
}

impl<'a> Asked<'a> {
    /// A request of `sent` bytes for `payload`.
    pub fn of(payload: &Payload, sent: usize, model: &'a str) -> Self {
        let is_answer = |item: &&std::sync::Arc<Item>| matches!(***item, Item::Assistant { .. });
        Asked {
            turn: payload.items.iter().filter(is_answer).count(),
            sent,
            model,
        }
    }
}

/// What can be wrong with an answer.
#[derive(Debug, PartialEq)]
pub enum DecodeError {
    /// Not JSON of the expected shape; the text says what and quotes its beginning.
    NotProtocol(String),
    /// The server reports a failure inside the stream, in its own JSON.
    Reported(Value),
}

impl DecodeError {
    /// `data` is not JSON of the expected shape.
    pub fn not_json(error: &serde_json::Error, data: &str) -> Self {
        DecodeError::NotProtocol(format!("{error}, in `{}`", beginning_of(data)))
    }
}

impl From<SseError> for DecodeError {
    fn from(error: SseError) -> Self {
        DecodeError::NotProtocol(match error {
            SseError::TooLong => "an event of more than 16 MiB".to_owned(),
            SseError::NotText => "an event that is not UTF-8".to_owned(),
        })
    }
}

/// A word or a name that some servers write as a number, for `deserialize_with`; nothing where it is something else still, because no answer is worth
/// less for what it is called.
///
/// # Errors
/// When it is no JSON.
pub fn word<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(word) => Some(word),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    })
}

/// A position, as [`word`] reads words.
///
/// # Errors
/// When it is no JSON.
pub fn position<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(match Value::deserialize(deserializer)? {
        Value::String(digits) => digits.parse().ok(),
        Value::Number(number) => number
            .as_u64()
            .or_else(|| number.as_f64().filter(|n| *n >= 0.0).map(|n| n as u64)),
        _ => None,
    })
}

/// What an event called `error` tells: the error in it, or all of it.
pub fn told_error(data: &str) -> Value {
    match serde_json::from_str::<Value>(data) {
        Ok(Value::Object(mut fields)) => match fields.remove("error") {
            Some(error) if !error.is_null() => error,
            _ => Value::Object(fields),
        },
        Ok(other) => other,
        Err(_) => data.into(),
    }
}

/// The first characters of `text`, for an error message.
pub fn beginning_of(text: &str) -> String {
    const MOST: usize = 160;
    let mut line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST)
        .collect();
    if text.chars().nth(MOST).is_some() {
        line.push('…');
    }
    line
}
