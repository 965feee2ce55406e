//! The register: the fold of all records of changes, in order.
//!
//! It reads records and nothing else: no file, no clock, no key. A record that breaks a rule is kept as invalid and has no effect, whoever wrote it.

mod change;
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
use crate::moment::iso;
use crate::person::Person;
use crate::record::{
    Body, ChangeNumber, Class, Effectivity, FileRecord, Identity, Refused, Signed, Verdict, Vote,
};
use crate::settings::{Outside, Settings};
use crate::statement;
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
    /// Whether requests, orders and emergencies say in what is signed what they are: from the first on all must.
    is_bound: bool,
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
            is_bound: false,
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

    /// Put a record into effect that breaks no rule.
    fn count(&mut self, at: &At<'_>, body: Body, deed: Option<Deed>) {
        if let Some((_, signed)) = body.signed() {
            self.statements.insert(statement_key(&body, signed), at.seq);
            self.is_bound |= statement::binds(&body);
        }
        if let Body::Refused(refused) = body {
            self.refused.push(Turned {
                seq: at.seq,
                time: at.time,
                refused,
            });
            return;
        }
        let kind = body.kind();
        let number = body.change().unwrap_or(ChangeNumber::BASELINE);
        self.highest = self.highest.max(number);
        let event = Event {
            seq: at.seq,
            time: at.time,
            kind,
            by: deed.as_ref().map(|deed| deed.who.clone()),
            what: in_words(&body),
        };
        match deed {
            Some(deed) => self.done(body, deed),
            None => self.happened(at, body),
        }
        let quorum = self.quorum(at.time);
        if let Some(change) = self.changes.get_mut(&number) {
            change.history.push(event);
            // One that began with an emergency is the instance that recorded it.
            if change.instance.is_empty() {
                change.instance = at.run.into();
            }
            change.quorum = quorum;
            let is_urgent = change.is_open_emergency();
            let approved = change.rejection().is_none() && change.approvals().count() >= quorum;
            if is_urgent
                && approved
                && kind == "change.voted"
                && let Some(urgent) = &mut change.emergency
            {
                urgent.confirmed = Some(at.time);
            }
        }
    }

    fn quorum(&self, now: Timestamp) -> usize {
        self.settings_at(now)
            .map_or(usize::MAX, |settings| settings.quorum.max(1))
    }

    /// What the host did by itself.
    fn happened(&mut self, at: &At<'_>, body: Body) {
        match body {
            Body::Effective(body) => {
                if let Some(change) = self.changes.get_mut(&body.change) {
                    change.effective = Some((at.seq, at.time));
                }
            }
            Body::Rejected(body) => {
                if let Some(change) = self.changes.get_mut(&body.change) {
                    change.rejected = Some((at.time, body.why));
                    self.take_back(body.change);
                }
            }
            _ => {}
        }
    }

    /// What somebody did.
    fn done(&mut self, body: Body, deed: Deed) {
        if let Body::Baseline(body) = body {
            return self.begin(body, deed);
        }
        if let Body::Requested(body) = &body
            && !self.changes.contains_key(&body.change)
        {
            let change = requested(body, deed);
            self.changes.insert(body.change, change);
            return;
        }
        if let Body::Emergency(body) = body {
            return self.urgent(body, deed);
        }
        let Some(number) = body.change() else { return };
        let Some(change) = self.changes.get_mut(&number) else {
            return;
        };
        match body {
            Body::Requested(body) => {
                change.title = body.title;
                change.reason = body.reason;
                change.class = body.class;
                change.items = body.items.into_iter().collect();
                change.links = body.links;
                change.requests.push(deed);
                change.round += 1;
                change.order = None;
                change.is_implemented = change.emergency.is_some();
            }
            Body::Assessed(body) => {
                // What is judged anew is voted on anew.
                if change.standing_votes().next().is_some() {
                    change.round += 1;
                    change.order = None;
                }
                change.assessments.push(Assessment {
                    deed,
                    impact: body.impact,
                    notes: body.notes,
                });
            }
            Body::Reviewed(body) => change.findings.push((deed, body.role, body.findings)),
            Body::Voted(body) => {
                let round = change.round;
                change.votes.push(Cast {
                    deed,
                    role: body.role,
                    vote: body.vote,
                    why: body.why,
                    round,
                });
            }
            Body::Ordered(body) => change.order = Some((deed, body.effectivity)),
            Body::Implemented(body) => {
                change.implementations.push(Implementation {
                    deed,
                    candidate: body.candidate,
                    steps: body.revisions.iter().map(|one| one.step()).collect(),
                });
                change.is_implemented = true;
                self.made.retain(|(of, _), _| *of != number);
                for revision in &body.revisions {
                    self.held.keep(&revision.files);
                    let files = held_files(&revision.files);
                    self.made.insert((number, revision.item.clone()), files);
                }
            }
            Body::Verified(body) => change.verifications.push(Verification {
                deed,
                on: body.on,
                result: body.result,
                evidence: body.evidence,
            }),
            Body::Released(body) => {
                change.release = Some(Release {
                    deed: deed.clone(),
                    on: body.on,
                    effectivity: body.effectivity.clone(),
                });
                for step in body.revisions {
                    let files = self.made.get(&(number, step.item.clone())).cloned();
                    let standing = Standing {
                        change: number,
                        from: step.from,
                        to: step.to,
                        seq: deed.seq,
                        time: deed.time,
                        by: deed.who.clone(),
                        effectivity: body.effectivity.clone(),
                        files: files.unwrap_or_default(),
                        emergency: false,
                        taken_back: false,
                    };
                    self.stand(step.item, standing);
                }
            }
            Body::Withdrawn(body) => {
                change.withdrawn = Some((deed, body.why));
                self.take_back(number);
            }
            Body::Baseline(_)
            | Body::Emergency(_)
            | Body::Effective(_)
            | Body::Rejected(_)
            | Body::Refused(_) => {}
        }
    }

    fn begin(&mut self, body: crate::record::Baseline, deed: Deed) {
        self.baseline = Some(BaselineDeed {
            deed: deed.clone(),
            items: body.revisions.len(),
        });
        self.unreadable_baseline = None;
        let mut gone: Vec<ItemId> = self.held.items.keys().cloned().collect();
        gone.retain(|item| body.revisions.iter().all(|revision| revision.item != *item));
        let standing = |from, to, files| Standing {
            change: ChangeNumber::BASELINE,
            from,
            to,
            seq: deed.seq,
            time: deed.time,
            by: deed.who.clone(),
            effectivity: Effectivity::now(),
            files,
            emergency: false,
            taken_back: false,
        };
        for revision in &body.revisions {
            self.held.keep(&revision.files);
        }
        for revision in body.revisions {
            let from = self.held.head_revision(&revision.item);
            let standing = standing(from, revision.to, held_files(&revision.files));
            self.stand(revision.item, standing);
        }
        for item in gone {
            let standing = standing(self.held.head_revision(&item), Revision::Absent, Vec::new());
            self.stand(item, standing);
        }
    }

    fn urgent(&mut self, body: crate::record::Emergency, deed: Deed) {
        let change = self.changes.entry(body.change).or_insert_with(|| {
            let title = body.why.lines().next().unwrap_or_default().to_owned();
            Change {
                instance: "".into(),
                title,
                reason: body.why.clone(),
                class: Class::Emergency,
                items: body.revisions.iter().map(|one| one.item.clone()).collect(),
                ..blank(body.change, deed.clone())
            }
        });
        change.emergency = Some(Urgent {
            deed: deed.clone(),
            why: body.why,
            due: body.due.time(),
            confirmed: None,
        });
        change.implementations.push(Implementation {
            deed: deed.clone(),
            candidate: crate::candidate::candidate_hash(&body.revisions),
            steps: body.revisions.iter().map(|one| one.step()).collect(),
        });
        change.is_implemented = true;
        let number = body.change;
        for revision in body.revisions {
            self.held.keep(&revision.files);
            let files = held_files(&revision.files);
            self.made
                .insert((number, revision.item.clone()), files.clone());
            let standing = Standing {
                change: number,
                from: revision.from,
                to: revision.to,
                seq: deed.seq,
                time: deed.time,
                by: deed.who.clone(),
                effectivity: Effectivity::now(),
                files,
                emergency: true,
                taken_back: false,
            };
            self.stand(revision.item, standing);
        }
    }

    fn stand(&mut self, item: ItemId, standing: Standing) {
        if item == ItemId::House && !self.known_settings.contains_key(&standing.to) {
            let settings = self.outside.settings(&self.texts_of(&standing.files));
            self.known_settings
                .insert(standing.to, settings.map(Arc::new));
        }
        self.held.items.entry(item).or_default().push(standing);
    }

    /// What was in force before others looked at it counts no more.
    fn take_back(&mut self, number: ChangeNumber) {
        for standing in self.held.items.values_mut().flatten() {
            if standing.change == number && standing.emergency {
                standing.taken_back = true;
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

fn held_files(files: &[FileRecord]) -> Vec<HeldFile> {
    let held = files.iter().map(|file| HeldFile {
        file: file.file.clone(),
        hash: file.hash,
        stored: file.stored.clone(),
    });
    held.collect()
}

fn blank(number: ChangeNumber, deed: Deed) -> Change {
    Change {
        number,
        instance: "".into(),
        title: String::new(),
        reason: String::new(),
        class: Class::Minor,
        items: Default::default(),
        links: Vec::new(),
        requests: vec![deed],
        assessments: Vec::new(),
        findings: Vec::new(),
        votes: Vec::new(),
        round: 1,
        order: None,
        implementations: Vec::new(),
        is_implemented: false,
        verifications: Vec::new(),
        release: None,
        effective: None,
        rejected: None,
        withdrawn: None,
        emergency: None,
        history: Vec::new(),
        quorum: usize::MAX,
    }
}

fn requested(body: &crate::record::Requested, deed: Deed) -> Change {
    Change {
        instance: body.instance.clone(),
        title: body.title.clone(),
        reason: body.reason.clone(),
        class: body.class,
        items: body.items.iter().cloned().collect(),
        links: body.links.clone(),
        ..blank(body.change, deed)
    }
}

/// What a record says, for the history of its change.
fn in_words(body: &Body) -> String {
    fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
        let items: Vec<String> = items.into_iter().map(|item| item.to_string()).collect();
        items.join(", ")
    }
    let because = |what: String, why: &str| match why.trim() {
        "" => what,
        why => format!("{what}: {why}"),
    };
    match body {
        Body::Requested(body) => because(
            format!("requested for {}", list(&body.items)),
            &format!("{}. {}", body.title, body.reason),
        ),
        Body::Assessed(body) => {
            let (items, agents) = (body.impact.items.len(), body.impact.agents.len());
            because(
                format!("assessed: it bears on {items} items and {agents} agents"),
                &body.notes,
            )
        }
        Body::Reviewed(body) => because(format!("reviewed as {}", body.role), &body.findings),
        Body::Voted(body) => {
            let word = match body.vote {
                Vote::Approve => "approved",
                Vote::Reject => "rejected",
            };
            because(format!("{word} as {}", body.role), &body.why)
        }
        Body::Ordered(body) => format!("ordered {}", body.effectivity),
        Body::Implemented(body) => {
            let items = body
                .revisions
                .iter()
                .map(|one| format!("{} as {}", one.item, one.to.short()));
            format!(
                "implemented, candidate {}: {}",
                body.candidate.short(),
                list(items)
            )
        }
        Body::Verified(body) => {
            let word = match body.result {
                Verdict::Passed => "verified",
                Verdict::Failed => "failed verification",
            };
            let evidence = body
                .evidence
                .iter()
                .map(|one| format!("{}: {}", one.what, one.result));
            format!(
                "{word}, candidate {}: {}",
                body.on.short(),
                evidence.collect::<Vec<_>>().join("; ")
            )
        }
        Body::Released(body) => format!(
            "released {}, candidate {}",
            body.effectivity,
            body.on.short()
        ),
        Body::Effective(body) => format!("put in place: {}", list(&body.items)),
        Body::Rejected(body) => because(
            format!("closed as rejected by {}", crate::item::shown(&body.by)),
            &body.why,
        ),
        Body::Withdrawn(body) => because("withdrawn".into(), &body.why),
        Body::Baseline(body) => format!("baseline of {} items", body.revisions.len()),
        Body::Emergency(body) => because(
            format!(
                "in force without approval, which is due by {}",
                iso(body.due.time())
            ),
            &body.why,
        ),
        Body::Refused(body) => format!("{} refused at {}", body.item, body.place.as_str()),
    }
}
