//! A span in OTLP/JSON: ids in hexadecimal, 64-bit numbers as decimal texts, enumerations as numbers.

use serde_json::{Map, Value, json};
use types::{ContentHash, Timestamp};

/// Events that a span keeps, which is what OpenTelemetry's own limit is: a run of months has no end of states.
const MOST_EVENTS: usize = 128;

/// `SPAN_KIND_INTERNAL`
pub const INTERNAL: u8 = 1;
/// `SPAN_KIND_CLIENT`
pub const CLIENT: u8 = 3;
/// `STATUS_CODE_ERROR`
const ERROR: u8 = 2;

/// A span that has begun.
#[derive(Clone, Debug)]
pub struct Span {
    run: String,
    /// Its id.
    pub id: String,
    parent: Option<String>,
    name: String,
    kind: u8,
    start: Timestamp,
    attributes: Vec<Value>,
    events: Vec<Value>,
    dropped: u64,
    error: Option<String>,
}

/// The first `digits` of a hash over `text`.
fn id(text: &str, digits: usize) -> String {
    let hash = ContentHash::of(text.as_bytes()).to_string();
    hash.chars().take(digits).collect()
}

/// The trace of a run.
pub fn trace_id(run: &str) -> String {
    id(&format!("charthouse trace\n{run}"), 32)
}

impl Span {
    /// One that the record `seq` of `run` begins; its id follows from these, so that each export has the same.
    pub fn new(run: &str, seq: u64, what: &str, name: String, kind: u8, start: Timestamp) -> Self {
        Span {
            run: run.to_owned(),
            id: id(&format!("charthouse span\n{run}\n{seq}\n{what}"), 16),
            parent: None,
            name,
            kind,
            start,
            attributes: Vec::new(),
            events: Vec::new(),
            dropped: 0,
            error: None,
        }
    }

    /// The same below the span `parent`.
    pub fn below(mut self, parent: Option<&Span>) -> Self {
        self.parent = parent.map(|parent| parent.id.clone());
        self
    }

    /// Say `key` of it; nothing where there is no value.
    pub fn say(&mut self, key: &str, value: &Value) {
        self.attributes.extend(attribute(key, value));
    }

    /// The same while it is made.
    pub fn with(mut self, key: &str, value: impl Into<Value>) -> Self {
        self.say(key, &value.into());
        self
    }

    /// Something happened in it.
    pub fn event(&mut self, time: Timestamp, name: &str, said: &[(&str, &Value)]) {
        if self.events.len() >= MOST_EVENTS {
            self.dropped += 1;
            return;
        }
        let attributes: Vec<Value> = said
            .iter()
            .filter_map(|(key, value)| attribute(key, value))
            .collect();
        self.events.push(
            json!({ "timeUnixNano": nanoseconds(time), "name": name, "attributes": attributes }),
        );
    }

    /// It failed with an error of `kind`.
    pub fn fail(&mut self, kind: &str, message: &str) {
        self.say("error.type", &kind.into());
        self.error = Some(message.to_owned());
    }

    /// As it is sent, ended at `end`.
    pub fn ended(self, end: Timestamp) -> Ended {
        // A clock that was set back in between must not make it end before it began.
        let end = end.max(self.start);
        let mut span = Map::new();
        span.insert("traceId".into(), trace_id(&self.run).into());
        span.insert("spanId".into(), self.id.into());
        if let Some(parent) = self.parent {
            span.insert("parentSpanId".into(), parent.into());
        }
        span.insert("name".into(), self.name.into());
        span.insert("kind".into(), self.kind.into());
        span.insert("startTimeUnixNano".into(), nanoseconds(self.start).into());
        span.insert("endTimeUnixNano".into(), nanoseconds(end).into());
        span.insert("attributes".into(), self.attributes.into());
        if !self.events.is_empty() {
            span.insert("events".into(), self.events.into());
        }
        if self.dropped > 0 {
            span.insert("droppedEventsCount".into(), self.dropped.into());
        }
        let status = match self.error {
            Some(message) => json!({ "code": ERROR, "message": message }),
            None => json!({}),
        };
        span.insert("status".into(), status);
        Ended {
            start: self.start,
            end,
            json: span.into(),
        }
    }
}

/// A span that is over.
pub struct Ended {
    pub start: Timestamp,
    pub end: Timestamp,
    pub json: Value,
}

fn nanoseconds(time: Timestamp) -> String {
    (i128::from(time.0.max(0)) * 1_000_000).to_string()
}

/// `{"key", "value"}`; a value that says nothing is none.
fn attribute(key: &str, value: &Value) -> Option<Value> {
    let value = any_value(value)?;
    Some(json!({ "key": key, "value": value }))
}

fn any_value(value: &Value) -> Option<Value> {
    Some(match value {
        Value::Null => return None,
        Value::String(text) if text.is_empty() => return None,
        Value::String(text) => json!({ "stringValue": text }),
        Value::Bool(yes) => json!({ "boolValue": yes }),
        Value::Number(number) => match number.as_i64() {
            Some(number) => json!({ "intValue": number.to_string() }),
            None => json!({ "doubleValue": number }),
        },
        Value::Array(list) => {
            let values: Vec<Value> = list.iter().filter_map(any_value).collect();
            json!({ "arrayValue": { "values": values } })
        }
        Value::Object(_) => json!({ "stringValue": value.to_string() }),
    })
}
