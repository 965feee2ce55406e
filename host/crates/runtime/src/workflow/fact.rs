//! What the records of an instance hold. A fact is made once, applied to what the instance knows, and written; reading it back applies the same.

use super::who::{Via, Who};
use crate::record::Kind;
use definitions::ChartBundle;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::fmt;
use std::sync::Arc;
use types::{ContentHash, Value};

/// Which version of a workflow: what finds it again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// The chart's name.
    pub name: Arc<str>,
    /// Its version, as written.
    pub version: Arc<str>,
    /// What the chart does: `Chart::hash`.
    pub hash: ContentHash,
    /// The file's content, which also says roles, context and policy: `ChartBundle::hash`.
    pub file: ContentHash,
}

impl Version {
    /// The version that `bundle` is.
    pub fn of(bundle: &ChartBundle) -> Self {
        Version {
            name: bundle.chart.name().into(),
            version: bundle.chart.version().into(),
            hash: bundle.chart.hash(),
            file: bundle.hash,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {} ({})", self.name, self.version, self.file)
    }
}

/// `started`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Started {
    pub workflow: Version,
    pub input: Value,
    pub time: i64,
}

/// An event as a step holds it; its time is the step's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Said {
    pub name: Arc<str>,
    #[serde(default)]
    pub data: Value,
}

/// `step`: the chart took an event. The first has none.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stepped {
    pub event: Option<Said>,
    pub time: i64,
    /// The leaf states after it, sorted.
    pub configuration: Vec<Arc<str>>,
    /// For those who read; a fold makes them anew.
    #[serde(skip_deserializing)]
    pub effects: Vec<chart::Effect>,
    /// The activity that answers with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invocation: Option<Arc<str>>,
    /// The timer that it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due: Option<chart::Due>,
    /// The person or chart that sent it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<Arc<str>>,
    /// What the person has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Json>,
    /// The record of another run that caused it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// Why the chart could not take it: it stands as it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<Arc<str>>,
    #[serde(flatten)]
    pub work: Turnover,
}

/// Work that came and went with a step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Turnover {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub closed: Vec<u64>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub opened: Vec<Opened>,
}

/// A state with a role was entered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Opened {
    pub work: u64,
    pub state: Arc<str>,
    pub role: Arc<str>,
}

/// `bound`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Bound {
    pub role: Arc<str>,
    pub who: Who,
    pub by: Via,
    pub time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What whoever bound it has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Json>,
}

/// `unbound`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Unbound {
    pub role: Arc<str>,
    pub who: Who,
    pub by: Via,
    pub why: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Arc<str>>,
    pub time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What whoever detached it has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Json>,
}

/// `hand_in`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct HandedIn {
    pub role: Arc<str>,
    pub work: u64,
    pub state: Arc<str>,
    pub by: Who,
    pub outcome: Arc<str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Arc<str>>,
    #[serde(default)]
    pub artefacts: Value,
    pub time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// What whoever handed it in has signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Json>,
}

/// `offered`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Offered {
    pub role: Arc<str>,
    pub states: Vec<Arc<str>>,
    pub works: Vec<u64>,
    pub time: i64,
}

/// `sent`. Work that is assigned by it has a number here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Sent {
    pub to: Arc<str>,
    pub event: Arc<str>,
    pub data: Value,
    pub time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assigns: Option<u64>,
}

/// `migrated`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Migrated {
    pub workflow: Version,
    pub time: i64,
    /// What the move did; null where the chart does the same and only roles, context or policy are others.
    pub migration: Json,
    pub configuration: Vec<Arc<str>>,
    #[serde(skip_deserializing)]
    pub effects: Vec<chart::Effect>,
    /// Work whose state has another name now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<Renamed>,
    #[serde(flatten)]
    pub work: Turnover,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Renamed {
    pub work: u64,
    pub state: Arc<str>,
}

/// `told`: something that another run said and that was refused. What is not refused names its cause in the record of what came of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Refused {
    pub cause: u64,
    pub refused: Arc<str>,
    pub time: i64,
}

/// `ended`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Finished {
    #[serde(flatten)]
    pub end: super::instance::Ended,
    pub time: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Fact {
    Started(Started),
    Stepped(Box<Stepped>),
    Bound(Bound),
    Unbound(Unbound),
    HandedIn(HandedIn),
    Offered(Offered),
    Sent(Sent),
    Migrated(Box<Migrated>),
    Refused(Refused),
    Finished(Finished),
}

impl Fact {
    pub fn kind(&self) -> Kind {
        match self {
            Fact::Started(_) => Kind::Started,
            Fact::Stepped(_) => Kind::Step,
            Fact::Bound(_) => Kind::Bound,
            Fact::Unbound(_) => Kind::Unbound,
            Fact::HandedIn(_) => Kind::HandIn,
            Fact::Offered(_) => Kind::Offered,
            Fact::Sent(_) => Kind::Sent,
            Fact::Migrated(_) => Kind::Migrated,
            Fact::Refused(_) => Kind::Told,
            Fact::Finished(_) => Kind::Ended,
        }
    }

    /// As it is recorded.
    pub fn body(&self) -> Json {
        let body = match self {
            Fact::Started(fact) => serde_json::to_value(fact),
            Fact::Stepped(fact) => serde_json::to_value(fact),
            Fact::Bound(fact) => serde_json::to_value(fact),
            Fact::Unbound(fact) => serde_json::to_value(fact),
            Fact::HandedIn(fact) => serde_json::to_value(fact),
            Fact::Offered(fact) => serde_json::to_value(fact),
            Fact::Sent(fact) => serde_json::to_value(fact),
            Fact::Migrated(fact) => serde_json::to_value(fact),
            Fact::Refused(fact) => serde_json::to_value(fact),
            Fact::Finished(fact) => serde_json::to_value(fact),
        };
        // Maps with text keys, which always serialise.
        body.unwrap_or_default()
    }

    /// The fact that a record of this kind holds; `None` for kinds that hold none.
    pub fn read(kind: &str, body: &str) -> Result<Option<Fact>, serde_json::Error> {
        Ok(Some(match Kind::named(kind) {
            Some(Kind::Started) => Fact::Started(serde_json::from_str(body)?),
            Some(Kind::Step) => Fact::Stepped(serde_json::from_str(body)?),
            Some(Kind::Bound) => Fact::Bound(serde_json::from_str(body)?),
            Some(Kind::Unbound) => Fact::Unbound(serde_json::from_str(body)?),
            Some(Kind::HandIn) => Fact::HandedIn(serde_json::from_str(body)?),
            Some(Kind::Offered) => Fact::Offered(serde_json::from_str(body)?),
            Some(Kind::Sent) => Fact::Sent(serde_json::from_str(body)?),
            Some(Kind::Migrated) => Fact::Migrated(serde_json::from_str(body)?),
            Some(Kind::Told) => Fact::Refused(serde_json::from_str(body)?),
            Some(Kind::Ended) => Fact::Finished(serde_json::from_str(body)?),
            _ => return Ok(None),
        }))
    }
}
