//! The bodies of the records that a change leaves, strictly read: a key that is not known may mean something, so a body that has one counts for nothing.
//!
//! Nothing is judged here. Whether an act is allowed is the register's business.

mod effectivity;
mod number;

pub use effectivity::{Effectivity, When};
pub use number::ChangeNumber;

use crate::item::{ItemId, Revision};
use crate::moment::Moment;
use crate::person::Person;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::sync::Arc;
use types::ContentHash;

/// A signature over a statement, as it stands in records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// Who signed.
    pub by: Person,
    /// The key's fingerprint, `SHA256:…`.
    pub key: String,
    /// What was signed, to the byte.
    pub statement: String,
    /// An SSH signature in PEM.
    pub signature: String,
}

/// How weighty a change is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Form, fit and function stay.
    Minor,
    /// They do not.
    Major,
    /// In force before others have looked at it.
    Emergency,
}

impl Class {
    /// The word of records.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::Minor => "minor",
            Class::Major => "major",
            Class::Emergency => "emergency",
        }
    }
}

/// A file of a revision, as it is recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileRecord {
    /// Its path in the house, with `/` between directories.
    pub file: Arc<str>,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// Its text. A component has none, and a text that a record before this one holds need not be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Where its bytes are kept, below `.charthouse/changes`, where it is no text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

/// An item with what it was and what it becomes, and all files that it then has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RevisionRecord {
    /// The item.
    pub item: ItemId,
    /// The revision that it replaces; null where there was none.
    pub from: Revision,
    /// What it becomes; null where it goes.
    pub to: Revision,
    /// All its files then, the unchanged ones too.
    pub files: Vec<FileRecord>,
}

/// An item with what it was and what it becomes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The item.
    pub item: ItemId,
    /// The revision that it replaces.
    pub from: Revision,
    /// What it becomes.
    pub to: Revision,
}

impl RevisionRecord {
    /// The same without the files.
    pub fn step(&self) -> Step {
        Step {
            item: self.item.clone(),
            from: self.from,
            to: self.to,
        }
    }
}

/// An item of the baseline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaselineRecord {
    /// The item.
    pub item: ItemId,
    /// What it is.
    pub to: Revision,
    /// All its files.
    pub files: Vec<FileRecord>,
}

/// `change.requested`. A second one with the number of an open change says anew what is wanted, and the board votes anew.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Requested {
    /// Its number.
    pub change: ChangeNumber,
    /// The instance of the workflow that it is.
    pub instance: Arc<str>,
    /// What it is called.
    pub title: String,
    /// Why it is wanted.
    pub reason: String,
    /// How weighty it is.
    pub class: Class,
    /// What it may touch.
    pub items: Vec<ItemId>,
    /// Who wants it.
    pub by: Person,
    /// What it has to do with: nonconformances, issues.
    #[serde(default)]
    pub links: Vec<String>,
    /// The signature.
    pub signed: Signed,
}

/// What depends on an item.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactRecord {
    /// Items that are affected, each with why.
    #[serde(default)]
    pub items: Vec<ImpactItem>,
    /// Agents that are affected.
    #[serde(default)]
    pub agents: Vec<Arc<str>>,
    /// Runs that are under way.
    #[serde(default)]
    pub runs: Vec<Arc<str>>,
    /// Instances that are under way.
    #[serde(default)]
    pub instances: Vec<Arc<str>>,
    /// What is granted otherwise, in words.
    #[serde(default)]
    pub grants: Vec<String>,
}

/// One affected item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImpactItem {
    /// The item.
    pub item: ItemId,
    /// Why it is affected.
    pub why: String,
    /// What it depends on, of the items that are changed or affected.
    #[serde(default)]
    pub depends: Vec<ItemId>,
}

/// `change.assessed`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessed {
    /// The change.
    pub change: ChangeNumber,
    /// Who judged it.
    pub by: Person,
    /// What depends on it.
    pub impact: ImpactRecord,
    /// Their judgement.
    #[serde(default)]
    pub notes: String,
    /// The signature.
    pub signed: Signed,
}

/// `change.reviewed`: findings before a vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reviewed {
    /// The change.
    pub change: ChangeNumber,
    /// Who looked.
    pub by: Person,
    /// In which role.
    pub role: Arc<str>,
    /// What was found.
    pub findings: String,
    /// The signature.
    pub signed: Signed,
}

/// What somebody of the board says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Vote {
    /// Yes.
    Approve,
    /// No.
    Reject,
}

/// `change.voted`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Voted {
    /// The change.
    pub change: ChangeNumber,
    /// Who votes.
    pub by: Person,
    /// In which role of the board.
    pub role: Arc<str>,
    /// How.
    pub vote: Vote,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// The signature.
    pub signed: Signed,
}

/// `change.ordered`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ordered {
    /// The change.
    pub change: ChangeNumber,
    /// From when it is to count, and for whom.
    pub effectivity: Effectivity,
    /// Who says so.
    pub by: Person,
    /// The signature.
    pub signed: Signed,
}

/// `change.implemented`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Implemented {
    /// The change.
    pub change: ChangeNumber,
    /// Who made it.
    pub by: Person,
    /// [`crate::candidate_hash`] of the revisions.
    pub candidate: ContentHash,
    /// What was made.
    pub revisions: Vec<RevisionRecord>,
    /// The signature.
    pub signed: Signed,
}

/// How a verification ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It does what was approved and nothing else.
    Passed,
    /// It does not.
    Failed,
}

/// What a piece of evidence is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvidenceKind {
    /// The conformance suite.
    Conformance,
    /// The chart's scenarios.
    Scenarios,
    /// Calls of before, answered again by both.
    Shadow,
    /// What it costs beside what it cost.
    Ledger,
    /// `charthouse check` of the candidate.
    Check,
    /// What the verifier says.
    Statement,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// What it is.
    pub kind: EvidenceKind,
    /// Of what.
    pub what: String,
    /// What it came to.
    pub result: String,
    /// The hash of what was looked at, or of the full result.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hash: Option<ContentHash>,
}

/// `change.verified`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Verified {
    /// The change.
    pub change: ChangeNumber,
    /// Who verified it.
    pub by: Person,
    /// The candidate that was looked at.
    pub on: ContentHash,
    /// How it ended.
    pub result: Verdict,
    /// By what.
    pub evidence: Vec<Evidence>,
    /// The signature.
    pub signed: Signed,
}

/// `change.released`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// The change.
    pub change: ChangeNumber,
    /// Who released it.
    pub by: Person,
    /// The candidate.
    pub on: ContentHash,
    /// As it was ordered.
    pub effectivity: Effectivity,
    /// What is released.
    pub revisions: Vec<Step>,
    /// The signature.
    pub signed: Signed,
}

/// `change.effective`: the files were put in place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Effective {
    /// The change.
    pub change: ChangeNumber,
    /// Its items.
    pub items: Vec<ItemId>,
}

/// `change.rejected`, which the chart decides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rejected {
    /// The change.
    pub change: ChangeNumber,
    /// Who or what decided it: a person, an agent, or a word such as `change-control`.
    pub by: String,
    /// Why.
    #[serde(default)]
    pub why: String,
}

/// `change.withdrawn`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// The change.
    pub change: ChangeNumber,
    /// Who takes it back.
    pub by: Person,
    /// Why.
    #[serde(default)]
    pub why: String,
    /// The signature.
    pub signed: Signed,
}

/// `change.baseline`: the house as it is when control begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baseline {
    /// Always `CR-0000`.
    pub change: ChangeNumber,
    /// Who vouches for it.
    pub by: Person,
    /// Every item of the house.
    pub revisions: Vec<BaselineRecord>,
    /// The signature.
    pub signed: Signed,
}

/// `change.emergency`: in force at once, to be approved afterwards.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Emergency {
    /// The change.
    pub change: ChangeNumber,
    /// Who does it.
    pub by: Person,
    /// Why it could not wait.
    pub why: String,
    /// What is in force.
    pub revisions: Vec<RevisionRecord>,
    /// By when others must have approved it.
    pub due: Moment,
    /// The signature.
    pub signed: Signed,
}

/// Which load path was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Where {
    /// A start of anything.
    Start,
    /// A definition that was saved.
    Reload,
    /// A component that was exchanged.
    Swap,
    /// A plugin that was added.
    Add,
    /// A run that was taken up again.
    Resume,
    /// A component that was put back.
    Rollback,
}

impl Where {
    /// The word of records.
    pub fn as_str(self) -> &'static str {
        match self {
            Where::Start => "start",
            Where::Reload => "reload",
            Where::Swap => "swap",
            Where::Add => "add",
            Where::Resume => "resume",
            Where::Rollback => "rollback",
        }
    }
}

/// `change.refused`: something that is not released was not loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Refused {
    /// On which way.
    #[serde(rename = "where")]
    pub place: Where,
    /// What.
    pub item: ItemId,
    /// The revision that was found.
    pub found: Revision,
    /// The one that is released.
    pub released: Revision,
    /// The change that concerns it, or the number to open.
    pub open: ChangeNumber,
}

/// `identity`: whose key is whose.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// `agent:NAME`, `human:NAME` or `house`.
    pub who: String,
    /// A public key as OpenSSH writes it.
    pub key: String,
    /// What the house has signed of that, as `sign::Signed` has it; older versions did not have an agent's key signed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signed: Option<Json>,
}

/// One record of a change.
#[allow(missing_docs, reason = "each variant is the type of the same name")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body {
    Requested(Requested),
    Assessed(Assessed),
    Reviewed(Reviewed),
    Voted(Voted),
    Ordered(Ordered),
    Implemented(Implemented),
    Verified(Verified),
    Released(Released),
    Effective(Effective),
    Rejected(Rejected),
    Withdrawn(Withdrawn),
    Baseline(Baseline),
    Emergency(Emergency),
    Refused(Refused),
}

/// The kinds of records that a register is folded from.
pub const KINDS: [&str; 15] = [
    "change.requested",
    "change.assessed",
    "change.reviewed",
    "change.voted",
    "change.ordered",
    "change.implemented",
    "change.verified",
    "change.released",
    "change.effective",
    "change.rejected",
    "change.withdrawn",
    "change.baseline",
    "change.emergency",
    "change.refused",
    "identity",
];

impl Body {
    /// Read a record's body; `None` where `kind` is not one of a change.
    pub fn read(kind: &str, body: &Json) -> Option<Result<Self, String>> {
        fn of<T: DeserializeOwned>(body: &Json, make: impl Fn(T) -> Body) -> Result<Body, String> {
            T::deserialize(body)
                .map(make)
                .map_err(|error| error.to_string())
        }
        Some(match kind.strip_prefix("change.")? {
            "requested" => of(body, Body::Requested),
            "assessed" => of(body, Body::Assessed),
            "reviewed" => of(body, Body::Reviewed),
            "voted" => of(body, Body::Voted),
            "ordered" => of(body, Body::Ordered),
            "implemented" => of(body, Body::Implemented),
            "verified" => of(body, Body::Verified),
            "released" => of(body, Body::Released),
            "effective" => of(body, Body::Effective),
            "rejected" => of(body, Body::Rejected),
            "withdrawn" => of(body, Body::Withdrawn),
            "baseline" => of(body, Body::Baseline),
            "emergency" => of(body, Body::Emergency),
            "refused" => of(body, Body::Refused),
            other => Err(format!(
                "`change.{}` is not known here",
                crate::text::shown(other)
            )),
        })
    }

    /// The record's kind.
    pub fn kind(&self) -> &'static str {
        match self {
            Body::Requested(_) => "change.requested",
            Body::Assessed(_) => "change.assessed",
            Body::Reviewed(_) => "change.reviewed",
            Body::Voted(_) => "change.voted",
            Body::Ordered(_) => "change.ordered",
            Body::Implemented(_) => "change.implemented",
            Body::Verified(_) => "change.verified",
            Body::Released(_) => "change.released",
            Body::Effective(_) => "change.effective",
            Body::Rejected(_) => "change.rejected",
            Body::Withdrawn(_) => "change.withdrawn",
            Body::Baseline(_) => "change.baseline",
            Body::Emergency(_) => "change.emergency",
            Body::Refused(_) => "change.refused",
        }
    }

    /// The body as it is recorded.
    pub fn to_json(&self) -> Json {
        fn of<T: Serialize>(body: &T) -> Json {
            // These types have no map with keys that are no texts: they can always be written.
            serde_json::to_value(body).unwrap_or(Json::Null)
        }
        match self {
            Body::Requested(body) => of(body),
            Body::Assessed(body) => of(body),
            Body::Reviewed(body) => of(body),
            Body::Voted(body) => of(body),
            Body::Ordered(body) => of(body),
            Body::Implemented(body) => of(body),
            Body::Verified(body) => of(body),
            Body::Released(body) => of(body),
            Body::Effective(body) => of(body),
            Body::Rejected(body) => of(body),
            Body::Withdrawn(body) => of(body),
            Body::Baseline(body) => of(body),
            Body::Emergency(body) => of(body),
            Body::Refused(body) => of(body),
        }
    }

    /// The change that it is of; none for what was refused.
    pub fn change(&self) -> Option<ChangeNumber> {
        Some(match self {
            Body::Requested(body) => body.change,
            Body::Assessed(body) => body.change,
            Body::Reviewed(body) => body.change,
            Body::Voted(body) => body.change,
            Body::Ordered(body) => body.change,
            Body::Implemented(body) => body.change,
            Body::Verified(body) => body.change,
            Body::Released(body) => body.change,
            Body::Effective(body) => body.change,
            Body::Rejected(body) => body.change,
            Body::Withdrawn(body) => body.change,
            Body::Baseline(body) => body.change,
            Body::Emergency(body) => body.change,
            Body::Refused(_) => return None,
        })
    }

    /// Who signed it, for what has to be signed.
    pub fn signed(&self) -> Option<(&Person, &Signed)> {
        Some(match self {
            Body::Requested(body) => (&body.by, &body.signed),
            Body::Assessed(body) => (&body.by, &body.signed),
            Body::Reviewed(body) => (&body.by, &body.signed),
            Body::Voted(body) => (&body.by, &body.signed),
            Body::Ordered(body) => (&body.by, &body.signed),
            Body::Implemented(body) => (&body.by, &body.signed),
            Body::Verified(body) => (&body.by, &body.signed),
            Body::Released(body) => (&body.by, &body.signed),
            Body::Withdrawn(body) => (&body.by, &body.signed),
            Body::Baseline(body) => (&body.by, &body.signed),
            Body::Emergency(body) => (&body.by, &body.signed),
            Body::Effective(_) | Body::Rejected(_) | Body::Refused(_) => return None,
        })
    }

    /// The hash of all that is recorded but the signature and, of a request, the instance, which has no name yet when the first is signed: what the statement names as
    /// `on` where there is no candidate.
    pub fn digest(&self) -> ContentHash {
        let mut body = self.to_json();
        if let Some(body) = body.as_object_mut() {
            body.shift_remove("signed");
            body.shift_remove("instance");
        }
        ContentHash::of(canonical(&body).as_bytes())
    }
}

/// JSON with sorted keys and no spaces.
pub(crate) fn canonical(json: &Json) -> String {
    fn sorted(json: &Json) -> Json {
        match json {
            Json::Object(map) => {
                let mut keys: Vec<&String> = map.keys().collect();
                keys.sort();
                keys.into_iter()
                    .map(|key| (key.clone(), sorted(&map[key])))
                    .collect()
            }
            Json::Array(items) => items.iter().map(sorted).collect(),
            other => other.clone(),
        }
    }
    sorted(json).to_string()
}
