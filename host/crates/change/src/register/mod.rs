//! The register: the fold of all records of changes, in order.
//!
//! It reads records and nothing else: no file, no clock, no key. A record that breaks a rule is kept as invalid and has no effect, whoever wrote it.

mod change;
mod fold;
mod gate;
mod held;
mod judge;
mod rule;

pub use change::{
    Assessment, Cast, Change, Deed, Event, Implementation, Release, Stage, Urgent, Verification,
};
pub use gate::{Admitted, Due, HouseFiles, Question, Reason, Refusal};
pub use held::{Audience, HeldFile, Standing};
pub use judge::Doing;
pub use rule::{Of, Rule};

use crate::item::{ItemId, Revision};
use crate::person::Person;
use crate::record::{Body, ChangeNumber, Identity, Refused, Signed};
use crate::settings::{Outside, Settings};
use crate::statement::Bound;
use held::Held;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::{Arc, Mutex};
use types::{ContentHash, Timestamp};

/// Where a record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At<'a> {
    /// Its number in the journal.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// The run or instance that it is of.
    pub run: &'a str,
}

/// What became of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It counts.
    Counted,
    /// It is of no change.
    Other,
    /// It has no effect.
    Invalid(Rule),
}

/// A record that has no effect, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// The record.
    pub seq: u64,
    /// When it was written.
    pub time: Timestamp,
    /// Its kind.
    pub kind: String,
    /// The change that it speaks of, as far as that can be read.
    pub change: Option<ChangeNumber>,
    /// Why.
    pub rule: Rule,
}

/// A load path that was refused.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Turned {
    /// The record.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// What and where.
    pub refused: Refused,
}

/// When control began.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BaselineDeed {
    /// By whom and when, the latest.
    pub deed: Deed,
    /// How many items it has.
    pub items: usize,
}

/// An emergency that others have not approved yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OpenEmergency {
    /// The change.
    pub change: ChangeNumber,
    /// Who did it.
    pub by: Person,
    /// Why.
    pub why: String,
    /// What it touches.
    pub items: Vec<ItemId>,
    /// By when it must be approved.
    pub due: Timestamp,
    /// Whether that has passed.
    pub overdue: bool,
}

/// By the agent and the files of the house.
type Known<T> = Arc<Mutex<BTreeMap<(Arc<str>, Revision), Result<BTreeSet<T>, String>>>>;

/// The fold of all records of changes.
#[derive(Clone)]
pub struct Register {
    outside: Arc<dyn Outside>,
    changes: BTreeMap<ChangeNumber, Change>,
    held: Held,
    /// What a change that is not released makes of an item.
    made: BTreeMap<(ChangeNumber, ItemId), Vec<HeldFile>>,
    baseline: Option<BaselineDeed>,
    identities: Vec<Identity>,
    invalid: Vec<Invalid>,
    refused: Vec<Turned>,
    /// Statements that were used, with the record.
    statements: BTreeMap<ContentHash, u64>,
    /// What statements have to say by now.
    bound: Bound,
    known_settings: BTreeMap<Revision, Result<Arc<Settings>, String>>,
    /// What governs an agent in a house of some files: found out once.
    governing: Known<ItemId>,
    /// Which roles it takes, the same.
    roles: Known<Arc<str>>,
    highest: ChangeNumber,
    /// A baseline that cannot be read: nothing can be said to be released.
    unreadable_baseline: Option<u64>,
    last: u64,
}

impl fmt::Debug for Register {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Register")
            .field("changes", &self.changes)
            .field("baseline", &self.baseline)
            .field("invalid", &self.invalid)
            .finish_non_exhaustive()
    }
}

/// By what a statement is known: a hand-in may lead to several records, each of another kind.
fn statement_key(body: &Body, signed: &Signed) -> ContentHash {
    ContentHash::of(format!("{}\n{}", body.kind(), signed.statement).as_bytes())
}

impl Register {
    /// Nothing is on record yet.
    pub fn new(outside: Arc<dyn Outside>) -> Self {
        Register {
            outside,
            changes: BTreeMap::new(),
            held: Held::default(),
            made: BTreeMap::new(),
            baseline: None,
            identities: Vec::new(),
            invalid: Vec::new(),
            refused: Vec::new(),
            statements: BTreeMap::new(),
            bound: Bound::default(),
            known_settings: BTreeMap::new(),
            governing: Arc::default(),
            roles: Arc::default(),
            highest: ChangeNumber::BASELINE,
            unreadable_baseline: None,
            last: 0,
        }
    }

    /// Take the next record. Records come in the order of the journal; those of other kinds are passed over.
    pub fn take(&mut self, at: At<'_>, kind: &str, body: &Json) -> Taken {
        if kind == "identity" {
            return self.identity(at, body);
        }
        let Some(read) = Body::read(kind, body) else {
            return Taken::Other;
        };
        self.last = self.last.max(at.seq);
        let named = body
            .get("change")
            .and_then(Json::as_str)
            .and_then(ChangeNumber::parse);
        let judged = read
            .map_err(Rule::Unreadable)
            .and_then(|body| self.judged(&at, &body).map(|deed| (body, deed)));
        match judged {
            Ok((body, deed)) => {
                self.count(&at, body, deed);
                Taken::Counted
            }
            Err(rule) => {
                if kind == "change.baseline" && matches!(rule, Rule::Unreadable(_)) {
                    self.unreadable_baseline = Some(at.seq);
                }
                self.invalid.push(Invalid {
                    seq: at.seq,
                    time: at.time,
                    kind: kind.to_owned(),
                    change: named,
                    rule: rule.clone(),
                });
                Taken::Invalid(rule)
            }
        }
    }

    fn identity(&mut self, at: At<'_>, body: &Json) -> Taken {
        match Identity::deserialize(body) {
            // Which of them counts is seen by who signed it, where a signature is looked at.
            Ok(identity) => {
                if !self.identities.contains(&identity) {
                    self.identities.push(identity);
                }
                Taken::Counted
            }
            Err(error) => {
                let rule = Rule::Unreadable(error.to_string());
                self.invalid.push(Invalid {
                    seq: at.seq,
                    time: at.time,
                    kind: "identity".into(),
                    change: None,
                    rule: rule.clone(),
                });
                Taken::Invalid(rule)
            }
        }
    }

    /// The number that the next change gets.
    pub fn next_number(&self) -> ChangeNumber {
        self.highest.next()
    }

    /// All changes, by number; the baseline is none.
    pub fn changes(&self) -> impl DoubleEndedIterator<Item = &Change> {
        self.changes.values()
    }

    /// One change.
    pub fn change(&self, number: ChangeNumber) -> Option<&Change> {
        self.changes.get(&number)
    }

    /// The change that the instance `run` is.
    pub fn change_of(&self, run: &str) -> Option<&Change> {
        self.changes
            .values()
            .find(|change| *change.instance == *run)
    }

    /// The newest change that is under way and touches `item`.
    pub fn open_change(&self, item: &ItemId) -> Option<&Change> {
        let mut changes = self.changes.values().rev();
        changes.find(|change| !change.stage().is_over() && change.items.contains(item))
    }

    /// When control began.
    pub fn baseline(&self) -> Option<&BaselineDeed> {
        self.baseline.as_ref()
    }

    /// What the house in force says of control; nothing without a baseline. What an emergency says of it counts once others have approved that.
    ///
    /// # Errors
    /// There is none, or it cannot be read.
    pub fn settings(&self, now: Timestamp) -> Result<Arc<Settings>, Rule> {
        self.settings_at(now)
    }

    /// Items that are or were released, each with all its revisions in order: who released which by what, from when and for whom.
    pub fn items(&self) -> impl Iterator<Item = (&ItemId, &[Standing])> {
        self.held
            .items
            .iter()
            .map(|(item, all)| (item, all.as_slice()))
    }

    /// All revisions of `item` that were released, in order.
    pub fn history(&self, item: &ItemId) -> &[Standing] {
        self.held.items.get(item).map_or(&[], Vec::as_slice)
    }

    /// The revision that was released last, which the next change is made from.
    pub fn head(&self, item: &ItemId) -> Option<&Standing> {
        self.held.head(item)
    }

    /// The files that an open change makes of `item`; empty where it removes it, `None` where it does not touch it.
    pub fn made(&self, number: ChangeNumber, item: &ItemId) -> Option<&[HeldFile]> {
        self.made.get(&(number, item.clone())).map(Vec::as_slice)
    }

    /// A text that is on record.
    pub fn text(&self, hash: &ContentHash) -> Option<&Arc<str>> {
        self.held.texts.get(hash)
    }

    /// What is in force and not approved by others, the most urgent first.
    pub fn emergencies(&self, now: Timestamp) -> Vec<OpenEmergency> {
        let open = self
            .changes
            .values()
            .filter(|change| change.is_open_emergency());
        let mut open: Vec<OpenEmergency> = open
            .filter_map(|change| {
                let urgent = change.emergency.as_ref()?;
                Some(OpenEmergency {
                    change: change.number,
                    by: urgent.deed.who.clone(),
                    why: urgent.why.clone(),
                    items: change.items.iter().cloned().collect(),
                    due: urgent.due,
                    overdue: urgent.due <= now,
                })
            })
            .collect();
        open.sort_by_key(|one| (one.due, one.change));
        open
    }

    /// Records that have no effect, and why.
    pub fn invalid(&self) -> &[Invalid] {
        &self.invalid
    }

    /// Load paths that were refused.
    pub fn refused(&self) -> &[Turned] {
        &self.refused
    }

    /// Whose key is said to be whose, in the order of the records.
    pub fn identities(&self) -> &[Identity] {
        &self.identities
    }

    /// The last record of a change that was taken.
    pub fn last(&self) -> u64 {
        self.last
    }
}
