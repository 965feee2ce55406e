//! A record with its body read, as far as there is one.

use ::journal::{Journal, Record, RecordId};
use serde_json::{Value, json};

/// A record to be told of.
pub struct Told {
    /// As it was written.
    pub record: Record,
    /// Its body; `null` where it cannot be read.
    pub body: Value,
    /// Why it cannot.
    pub lost: Option<Lost>,
    /// Who had the house say what it takes, where another record says that (see [`Told::with_cause`]).
    pub by: Option<String>,
}

/// Why nothing can be told of a record's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// A compaction left only its hash.
    Compacted(String),
    /// It is not what was written.
    Unreadable,
}

impl From<Record> for Told {
    fn from(record: Record) -> Self {
        let (body, lost) = match serde_json::from_str::<Value>(&record.body) {
            Ok(body) => match only_a_hash(&body) {
                Some(hash) => (Value::Null, Some(Lost::Compacted(hash))),
                None => (body, None),
            },
            Err(_) => (Value::Null, Some(Lost::Unreadable)),
        };
        Told {
            record,
            body,
            lost,
            by: None,
        }
    }
}

/// What a compaction puts in a body's place: `{"compacted": hash}`.
fn only_a_hash(body: &Value) -> Option<String> {
    let fields = body.as_object().filter(|fields| fields.len() == 1)?;
    Some(fields.get("compacted")?.as_str()?.to_owned())
}

impl Told {
    /// The same with what the record that caused it says of who was behind that.
    pub fn with_cause(mut self, journal: &Journal) -> Self {
        if !matches!(self.kind(), "told" | "started") {
            return self;
        }
        let cause = self.number("/cause").map(RecordId);
        let cause = cause.and_then(|cause| journal.record(cause).ok().flatten());
        if let Some(cause) = cause {
            let cause = Told::from(cause);
            self.by = match (cause.text("/by"), cause.record.run.as_str()) {
                ("", ::journal::HOUSE_RUN) => None,
                ("", run) if self.kind() == "started" => Some(format!("the run {run}")),
                ("", _) => None,
                (by, _) => Some(by.to_owned()),
            };
        }
        self
    }

    /// Its number.
    pub fn seq(&self) -> u64 {
        self.record.seq.0
    }

    /// Its kind.
    pub fn kind(&self) -> &str {
        &self.record.kind
    }

    /// A text in its body, empty where there is none.
    pub fn text(&self, pointer: &str) -> &str {
        let found = self.body.pointer(pointer);
        found.and_then(Value::as_str).unwrap_or_default()
    }

    /// A number in its body.
    pub fn number(&self, pointer: &str) -> Option<u64> {
        self.body.pointer(pointer)?.as_u64()
    }

    /// A list in its body, empty where there is none.
    pub fn list(&self, pointer: &str) -> &[Value] {
        let found = self.body.pointer(pointer).and_then(Value::as_array);
        found.map_or(&[], Vec::as_slice)
    }

    /// The effect it is about.
    pub fn effect(&self) -> Option<u64> {
        self.number("/effect")
    }

    /// For a program: everything, with the body as JSON where it is.
    pub fn whole(&self) -> Value {
        let record = &self.record;
        let body = serde_json::from_str(&record.body);
        json!({
            "seq": record.seq.0, "run": record.run, "time": record.time, "kind": record.kind,
            "body": body.unwrap_or_else(|_| Value::from(record.body.clone())), "hash": record.hash,
        })
    }
}
