//! Whether an act is allowed. The same answer before it is recorded and when its record is read: what another program wrote counts for as little as what it may do.

use crate::candidate::candidate_hash;
use crate::item::{ItemId, Revision};
use crate::person::Person;
use crate::record::{
    BaselineRecord, Body, ChangeNumber, Class, Effectivity, FileRecord, RevisionRecord, Verdict,
    Vote,
};
use crate::register::change::{Change, Deed};
use crate::register::held::Audience;
use crate::register::rule::Rule;
use crate::register::{At, HeldFile, Register};
use crate::settings::{Files, Settings, Signer};
use crate::statement;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use types::{ContentHash, Timestamp};

/// Who acts, in what is to be decided: with the key where they have signed already.
struct Actor<'a> {
    who: &'a Person,
    key: Option<&'a str>,
}

impl Actor<'_> {
    /// Whether `deed` was this one's, by name or by key.
    fn did(&self, deed: &Deed) -> bool {
        deed.who == *self.who
            || self
                .key
                .is_some_and(|key| !key.is_empty() && *deed.key == *key)
    }
}

/// What somebody wants to do with a change, before there is anything signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doing<'a> {
    /// Judge what depends on it, or find something.
    Look,
    /// Vote in this role.
    Vote(&'a str),
    /// Make it.
    Implement,
    /// Verify it.
    Verify,
    /// Release it.
    Release,
    /// Take it back.
    Withdraw,
}

impl Register {
    /// Whether `who` could do this at all: separation of duties, roles and what governs whom. What only the act itself shows (signature, candidate, evidence) is not asked.
    ///
    /// # Errors
    /// The rule that stands against it.
    pub fn may_do(
        &self,
        number: ChangeNumber,
        who: &Person,
        doing: Doing<'_>,
        now: Timestamp,
    ) -> Result<(), Rule> {
        let settings = self.settings_at(now)?;
        let change = self.open(number)?;
        let actor = Actor { who, key: None };
        self.listed(&settings, who)?;
        match doing {
            Doing::Look => Ok(()),
            Doing::Vote(role) => self.may_vote(&settings, change, &actor, role),
            Doing::Implement => may_make(change, &actor),
            Doing::Verify => self.independent(change, &actor, "verify", &[]),
            Doing::Release => {
                has_role(&settings, who, "releaser")?;
                self.independent(change, &actor, "release", &[])
            }
            Doing::Withdraw => may_withdraw(change, &actor),
        }
    }

    /// Whether `body` may be recorded at `at`, by whoever signed it.
    ///
    /// # Errors
    /// The rule that stands against it.
    pub fn may(&self, at: &At<'_>, body: &Body) -> Result<(), Rule> {
        self.judged(at, body).map(|_| ())
    }

    /// The same, with who signed it.
    pub(super) fn judged(&self, at: &At<'_>, body: &Body) -> Result<Option<Deed>, Rule> {
        if let Body::Refused(_) = body {
            return Ok(None);
        }
        let settings = match body {
            Body::Baseline(body) => {
                if let Some(seq) = self.is_controlled_since(at.time) {
                    return Err(Rule::BaselineStands { seq });
                }
                if body.change != ChangeNumber::BASELINE {
                    return Err(Rule::BaselineNumber(body.change));
                }
                self.settings_of_baseline(&body.revisions)?
            }
            _ => self.settings_at(at.time)?,
        };
        let signer = match body.signed() {
            Some(_) => Some(self.signer(&settings, at, body)?),
            None => None,
        };
        let actor = body
            .signed()
            .zip(signer.as_ref())
            .map(|((who, _), signer)| Actor {
                who,
                key: Some(&signer.key),
            });
        match (body, &actor) {
            (Body::Effective(body), _) => {
                let is_out = match body.change {
                    ChangeNumber::BASELINE => self.baseline.is_some(),
                    number => self.change(number).is_some_and(|change| {
                        change.release.is_some() || change.emergency.is_some()
                    }),
                };
                is_out.then_some(()).ok_or(Rule::NotReleased {
                    change: body.change,
                })?;
            }
            (Body::Rejected(body), _) => {
                let change = self.open(body.change)?;
                change.rejection().ok_or(Rule::NotRejected(body.change))?;
            }
            (_, None) => return Err(Rule::Signature("there is none".into())),
            (_, Some(actor)) => self.may_as(&settings, at, body, actor)?,
        }
        Ok(signer.map(|signer| Deed {
            who: signer.who,
            key: signer.key,
            seq: at.seq,
            time: at.time,
        }))
    }

    fn may_as(
        &self,
        settings: &Settings,
        at: &At<'_>,
        body: &Body,
        actor: &Actor<'_>,
    ) -> Result<(), Rule> {
        match body {
            Body::Baseline(body) => {
                person(actor.who, "vouch for a baseline")?;
                has_role(settings, actor.who, "releaser")?;
                self.is_whole(&body.revisions)
            }
            Body::Requested(body) => {
                if body.items.is_empty() {
                    return Err(Rule::NoItems);
                }
                match self.change(body.change) {
                    Some(change) => {
                        let change = self.open(change.number)?;
                        if change.instance != body.instance {
                            return Err(Rule::Instance {
                                change: change.number,
                                instance: change.instance.clone(),
                                other: body.instance.clone(),
                            });
                        }
                        // Whoever says what is wanted must not have decided that it is good.
                        apart(change, actor, "request", &DECIDED)?;
                        (change.emergency.is_none() || body.class == Class::Emergency)
                            .then_some(())
                            .ok_or(Rule::Class {
                                change: change.number,
                                found: "done as an emergency",
                                needed: "a change that is not",
                            })
                    }
                    None if body.change == self.next_number() => Ok(()),
                    None => Err(Rule::Number {
                        number: body.change,
                        next: self.next_number(),
                    }),
                }
            }
            Body::Assessed(body) => self.open(body.change).map(|_| ()),
            Body::Reviewed(body) => self.open(body.change).map(|_| ()),
            Body::Voted(body) => {
                self.may_vote(settings, self.open(body.change)?, actor, &body.role)
            }
            Body::Ordered(body) => {
                let change = self.open(body.change)?;
                self.has_quorum(settings, change, &[])?;
                self.can_count(change, &body.effectivity)
            }
            Body::Implemented(body) => {
                let change = self.open(body.change)?;
                may_make(change, actor)?;
                for revision in &body.revisions {
                    if !change.items.contains(&revision.item) {
                        return Err(Rule::NotApproved {
                            change: change.number,
                            item: revision.item.clone(),
                        });
                    }
                }
                if candidate_hash(&body.revisions) != body.candidate {
                    return Err(Rule::CandidateHash);
                }
                self.can_replace(Some(change), &body.revisions)
            }
            Body::Verified(body) => {
                let change = self.open(body.change)?;
                is_candidate(change, body.on)?;
                if body.evidence.is_empty() {
                    return Err(Rule::NoEvidence);
                }
                self.independent(change, actor, "verify", &[])
            }
            Body::Released(body) => self.may_release(settings, actor, body),
            Body::Withdrawn(body) => may_withdraw(self.open(body.change)?, actor),
            Body::Emergency(body) => {
                person(actor.who, "act in an emergency")?;
                has_role(settings, actor.who, &settings.emergency)?;
                if body.due.time() <= at.time {
                    return Err(Rule::Due);
                }
                let known = match self.change(body.change) {
                    Some(change) => Some(self.open(change.number)?),
                    None if body.change == self.next_number() => None,
                    None => {
                        return Err(Rule::Number {
                            number: body.change,
                            next: self.next_number(),
                        });
                    }
                };
                if let Some(change) = known {
                    if change.class != Class::Emergency {
                        return Err(Rule::Class {
                            change: change.number,
                            found: "requested as one that can wait",
                            needed: "an emergency",
                        });
                    }
                    apart(change, actor, "put in force", &DECIDED)?;
                    for revision in &body.revisions {
                        if !change.items.contains(&revision.item) {
                            return Err(Rule::NotApproved {
                                change: change.number,
                                item: revision.item.clone(),
                            });
                        }
                    }
                }
                self.can_replace(known, &body.revisions)
            }
            Body::Effective(_) | Body::Rejected(_) | Body::Refused(_) => Ok(()),
        }
    }

    fn may_release(
        &self,
        settings: &Settings,
        actor: &Actor<'_>,
        body: &crate::record::Released,
    ) -> Result<(), Rule> {
        let change = self.open(body.change)?;
        has_role(settings, actor.who, "releaser")?;
        let steps: Vec<ItemId> = body
            .revisions
            .iter()
            .map(|step| step.item.clone())
            .collect();
        self.independent(change, actor, "release", &steps)?;
        let made = is_candidate(change, body.on)?;
        let (mut steps, mut wanted) = (body.revisions.clone(), made.steps.clone());
        steps.sort_by(|one, other| one.item.cmp(&other.item));
        wanted.sort_by(|one, other| one.item.cmp(&other.item));
        if steps != wanted {
            return Err(Rule::OtherRevisions(change.number));
        }
        let (_, ordered) = change
            .order
            .as_ref()
            .ok_or(Rule::NotOrdered(change.number))?;
        if *ordered != body.effectivity {
            return Err(Rule::OrderedOtherwise(change.number, ordered.to_string()));
        }
        self.can_count(change, &body.effectivity)?;
        let items: Vec<ItemId> = steps.iter().map(|step| step.item.clone()).collect();
        self.has_quorum(settings, change, &items)?;
        let verified = change
            .verification()
            .ok_or(Rule::NotVerified(change.number))?;
        if verified.result != Verdict::Passed {
            return Err(Rule::VerificationFailed(change.number));
        }
        let verifier = Actor {
            who: &verified.deed.who,
            key: Some(&verified.deed.key),
        };
        self.independent(change, &verifier, "verify", &items)?;
        for step in &steps {
            self.is_fresh(Some(change), &step.item, step.from, step.to)?;
        }
        Ok(())
    }

    /// The change `number`, as long as something can be done about it.
    fn open(&self, number: ChangeNumber) -> Result<&Change, Rule> {
        let change = self.change(number).ok_or(Rule::NoChange(number))?;
        let stage = change.stage();
        match stage.is_over() {
            true => Err(Rule::Closed {
                change: number,
                how: stage.as_str(),
            }),
            false => Ok(change),
        }
    }

    /// What the house in force says of control.
    pub(super) fn settings_at(&self, now: Timestamp) -> Result<Arc<Settings>, Rule> {
        if self.baseline.is_none() {
            return Err(Rule::NoBaseline);
        }
        let audience = Audience {
            agent: None,
            began: None,
            now,
        };
        let house = self.held.in_force(&ItemId::House, &audience);
        let house = house.ok_or(Rule::Settings("house.yaml is not released".into()))?;
        if let Some(known) = self.known_settings.get(&house.to) {
            return known.clone().map_err(Rule::Settings);
        }
        let files = self.texts_of(&house.files);
        self.outside
            .settings(&files)
            .map(Arc::new)
            .map_err(Rule::Settings)
    }

    pub(super) fn texts_of(&self, files: &[HeldFile]) -> Files {
        let text = |file: &HeldFile| {
            let text = self.held.texts.get(&file.hash)?;
            Some((file.file.to_string(), text.as_bytes().to_vec()))
        };
        files.iter().filter_map(text).collect()
    }

    fn settings_of_baseline(&self, revisions: &[BaselineRecord]) -> Result<Arc<Settings>, Rule> {
        let house = revisions
            .iter()
            .find(|revision| revision.item == ItemId::House);
        let house = house.ok_or(Rule::BaselineItems)?;
        let files = house.files.iter();
        let files = files.filter_map(|file| {
            Some((
                file.file.to_string(),
                file.text.as_ref()?.as_bytes().to_vec(),
            ))
        });
        self.outside
            .settings(&files.collect())
            .map(Arc::new)
            .map_err(Rule::Settings)
    }

    fn signer(&self, settings: &Settings, at: &At<'_>, body: &Body) -> Result<Signer, Rule> {
        let (by, signed) = body
            .signed()
            .ok_or(Rule::Signature("there is none".into()))?;
        let wrong = Rule::Signature;
        if signed.by != *by {
            return Err(wrong(format!(
                "it is {}'s and the record is by {by}",
                signed.by
            )));
        }
        statement::agrees(body, &signed.statement, at.seq).map_err(wrong)?;
        if let Some(seq) = self.statements.get(&super::statement_key(body, signed)) {
            return Err(Rule::Reused {
                who: by.clone(),
                seq: *seq,
            });
        }
        self.listed(settings, by)?;
        let signer = self
            .outside
            .signer(signed, settings, &self.identities)
            .map_err(wrong)?;
        if signer.who != *by {
            return Err(wrong(format!("the key is that of {}", signer.who)));
        }
        if let Some(role) = statement::role_of(&signed.statement) {
            has_role(settings, by, &role)?;
        }
        Ok(signer)
    }

    fn listed(&self, settings: &Settings, who: &Person) -> Result<(), Rule> {
        match who {
            Person::Human(name) if !settings.people.contains_key(name) => {
                Err(Rule::Stranger { who: who.clone() })
            }
            _ => Ok(()),
        }
    }

    fn may_vote(
        &self,
        settings: &Settings,
        change: &Change,
        actor: &Actor<'_>,
        role: &str,
    ) -> Result<(), Rule> {
        if !settings.board.contains(role) {
            return Err(Rule::NotBoard {
                role: role.into(),
                board: settings
                    .board
                    .iter()
                    .map(|role| &**role)
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        has_role(settings, actor.who, role)?;
        if change.order.is_some() {
            return Err(Rule::Decided(change.number));
        }
        self.independent(change, actor, "vote on", &[])?;
        match change.standing_votes().any(|cast| actor.did(&cast.deed)) {
            true => Err(Rule::VotedTwice {
                change: change.number,
                who: actor.who.clone(),
            }),
            false => Ok(()),
        }
    }

    /// Whoever decides about a change neither wanted nor made it, and is not governed by what it touches.
    fn independent(
        &self,
        change: &Change,
        actor: &Actor<'_>,
        act: &'static str,
        touched: &[ItemId],
    ) -> Result<(), Rule> {
        apart(change, actor, act, &MADE)?;
        let Some(agent) = actor.who.agent() else {
            return Ok(());
        };
        let governing = self
            .governing(agent, change)
            .map_err(|why| Rule::Ungoverned {
                change: change.number,
                who: actor.who.clone(),
                why,
            })?;
        match change
            .items
            .iter()
            .chain(touched)
            .find(|item| governing.contains(item))
        {
            Some(item) => Err(Rule::Governed {
                change: change.number,
                who: actor.who.clone(),
                item: item.clone(),
                act,
            }),
            None => Ok(()),
        }
    }

    /// What says what `agent` may do, by what is released and by what the change makes of it.
    fn governing(&self, agent: &str, change: &Change) -> Result<BTreeSet<ItemId>, String> {
        let mut files: BTreeMap<Arc<str>, &HeldFile> = BTreeMap::new();
        for item in self.held.items.keys() {
            let held = self.held.head(item).map(|standing| standing.files.iter());
            files.extend(
                held.into_iter()
                    .flatten()
                    .map(|file| (file.file.clone(), file)),
            );
        }
        let mut governing = self.governing_among(agent, &files)?;
        governing.insert(ItemId::House);
        governing.insert(ItemId::Agent(agent.into()));
        // What the change would make of it: an agent that gets another policy by it is governed by that one too.
        if let Some(made) = change.implementation() {
            for step in &made.steps {
                let before = self.held.head(&step.item).map(|standing| &standing.files);
                for file in before.into_iter().flatten() {
                    files.remove(&file.file);
                }
                let after = self.made.get(&(change.number, step.item.clone()));
                files.extend(
                    after
                        .into_iter()
                        .flatten()
                        .map(|file| (file.file.clone(), file)),
                );
            }
            // Where it cannot be loaded so, nobody could release it either.
            if let Ok(after) = self.governing_among(agent, &files) {
                governing.extend(after);
            }
        }
        Ok(governing)
    }

    /// The same for these files. It is asked again and again for the same ones, and to load a house takes a moment.
    fn governing_among(
        &self,
        agent: &str,
        files: &BTreeMap<Arc<str>, &HeldFile>,
    ) -> Result<BTreeSet<ItemId>, String> {
        let whole = Revision::of(files.iter().map(|(name, file)| (&**name, file.hash)));
        let key = (Arc::<str>::from(agent), whole);
        let known = || {
            self.governing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = known().get(&key) {
            return known.clone();
        }
        let texts = files.iter().filter_map(|(name, file)| {
            let text = self.held.texts.get(&file.hash)?;
            Some((name.to_string(), text.as_bytes().to_vec()))
        });
        let found = self.outside.governing(agent, &texts.collect());
        known().insert(key, found.clone());
        found
    }

    /// That enough of the board have approved `change`, none of whom it concerns.
    fn has_quorum(
        &self,
        settings: &Settings,
        change: &Change,
        touched: &[ItemId],
    ) -> Result<(), Rule> {
        if let Some(rejection) = change.rejection() {
            return Err(Rule::RejectionStands {
                change: change.number,
                who: rejection.deed.who.clone(),
            });
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for cast in change
            .standing_votes()
            .filter(|cast| cast.vote == Vote::Approve)
        {
            let actor = Actor {
                who: &cast.deed.who,
                key: Some(&cast.deed.key),
            };
            let counts = settings.board.contains(&cast.role)
                && self.independent(change, &actor, "vote on", touched).is_ok()
                && !keys.contains(&cast.deed.key)
                && names.insert(&cast.deed.who);
            if counts && !cast.deed.key.is_empty() {
                keys.insert(&cast.deed.key);
            }
        }
        let needed = settings.quorum.max(1);
        match names.len() >= needed {
            true => Ok(()),
            false => Err(Rule::Quorum {
                change: change.number,
                found: names.len(),
                needed,
            }),
        }
    }

    /// That there is somebody for whom it would count.
    fn can_count(&self, change: &Change, effectivity: &Effectivity) -> Result<(), Rule> {
        let Some(agents) = &effectivity.agents else {
            return Ok(());
        };
        if agents.is_empty() {
            return Err(Rule::NoAgents);
        }
        if change.items.contains(&ItemId::House) {
            return Err(Rule::HouseForSome);
        }
        for agent in agents {
            let item = ItemId::Agent(agent.clone());
            let is_known = self.held.head_revision(&item) != Revision::Absent;
            if !is_known && !change.items.contains(&item) {
                return Err(Rule::NoAgent(agent.clone()));
            }
        }
        Ok(())
    }

    /// That `revisions` are what their hashes say and follow on what is released.
    fn can_replace(
        &self,
        change: Option<&Change>,
        revisions: &[RevisionRecord],
    ) -> Result<(), Rule> {
        if revisions.is_empty() {
            return Err(Rule::NoItems);
        }
        let files = revisions
            .iter()
            .map(|revision| (&revision.item, &revision.files));
        let fresh = fresh_texts(files.map(|(_, files)| files));
        let mut seen = BTreeSet::new();
        for revision in revisions {
            let item = &revision.item;
            if !seen.insert(item) {
                return Err(Rule::ItemTwice { item: item.clone() });
            }
            if revision.from == revision.to {
                return Err(Rule::Unchanged { item: item.clone() });
            }
            self.is_fresh(change, item, revision.from, revision.to)?;
            self.held
                .files_of(item, revision.to, &revision.files, &fresh)?;
        }
        self.agree(
            revisions
                .iter()
                .map(|revision| (&revision.item, &revision.files)),
        )?;
        if let Some(house) = revisions.iter().find(|one| one.item == ItemId::House) {
            let text = |file: &FileRecord| {
                let known = self.held.texts.get(&file.hash).map(|text| text.to_string());
                let text = file
                    .text
                    .clone()
                    .or(known)
                    .or_else(|| fresh.get(&file.hash).map(|text| (*text).to_owned()));
                Some((file.file.to_string(), text?.into_bytes()))
            };
            let files: Files = house.files.iter().filter_map(text).collect();
            self.outside.settings(&files).map_err(Rule::Settings)?;
        }
        Ok(())
    }

    /// That a revision was made from what is released now. What was in force before others looked may be confirmed as it is.
    fn is_fresh(
        &self,
        change: Option<&Change>,
        item: &ItemId,
        from: Revision,
        to: Revision,
    ) -> Result<(), Rule> {
        let head = self.held.head(item);
        let released = self.held.head_revision(item);
        let is_own_emergency = head.is_some_and(|head| {
            let own = change.is_some_and(|change| change.number == head.change);
            own && head.emergency && head.from == from && head.to == to
        });
        match released == from || is_own_emergency {
            true => Ok(()),
            false => Err(Rule::Stale {
                item: item.clone(),
                released,
                from,
            }),
        }
    }

    /// That no file would be one thing in one item and another in another.
    fn agree<'f>(
        &self,
        items: impl Iterator<Item = (&'f ItemId, &'f Vec<FileRecord>)>,
    ) -> Result<(), Rule> {
        let items: BTreeMap<&ItemId, &Vec<FileRecord>> = items.collect();
        let mut known: BTreeMap<&str, (&ItemId, ContentHash)> = BTreeMap::new();
        for (item, standing) in self.held.items.keys().filter_map(|item| {
            (!items.contains_key(item)).then_some(())?;
            Some((item, self.held.head(item)?))
        }) {
            for file in &standing.files {
                known.insert(&file.file, (item, file.hash));
            }
        }
        for (item, files) in items {
            for file in files {
                let other = known.insert(&file.file, (item, file.hash));
                if let Some((other, hash)) = other
                    && hash != file.hash
                {
                    return Err(Rule::Shared {
                        file: file.file.clone(),
                        one: other.clone(),
                        other: item.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// That a baseline is what its hashes say.
    fn is_whole(&self, revisions: &[BaselineRecord]) -> Result<(), Rule> {
        let fresh = fresh_texts(revisions.iter().map(|revision| &revision.files));
        let mut seen = BTreeSet::new();
        for revision in revisions {
            if !seen.insert(&revision.item) || revision.to == Revision::Absent {
                return Err(Rule::BaselineItems);
            }
            self.held
                .files_of(&revision.item, revision.to, &revision.files, &fresh)?;
        }
        let mut known: BTreeMap<&str, (&ItemId, ContentHash)> = BTreeMap::new();
        for revision in revisions {
            for file in &revision.files {
                let other = known.insert(&file.file, (&revision.item, file.hash));
                if let Some((other, hash)) = other
                    && hash != file.hash
                {
                    return Err(Rule::Shared {
                        file: file.file.clone(),
                        one: other.clone(),
                        other: revision.item.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

fn fresh_texts<'f>(
    files: impl Iterator<Item = &'f Vec<FileRecord>>,
) -> BTreeMap<ContentHash, &'f str> {
    files
        .flatten()
        .filter_map(|file| {
            let text = file.text.as_deref()?;
            (ContentHash::of(text.as_bytes()) == file.hash).then_some((file.hash, text))
        })
        .collect()
}

/// Who did what of a change, and in which word.
type Part = (fn(&Change) -> Vec<&Deed>, &'static str);

/// What excludes from deciding.
const MADE: [Part; 3] = [
    (|change| change.requests.iter().collect(), "requested"),
    (
        |change| change.implementations.iter().map(|one| &one.deed).collect(),
        "implemented",
    ),
    (
        |change| change.emergency.iter().map(|one| &one.deed).collect(),
        "put in force",
    ),
];

/// What excludes from making.
const DECIDED: [Part; 2] = [
    (
        |change| change.votes.iter().map(|one| &one.deed).collect(),
        "voted on",
    ),
    (
        |change| change.verifications.iter().map(|one| &one.deed).collect(),
        "verified",
    ),
];

/// That `actor` had none of these `parts` in the change.
fn apart(
    change: &Change,
    actor: &Actor<'_>,
    act: &'static str,
    parts: &[Part],
) -> Result<(), Rule> {
    for (deeds, did) in parts {
        if let Some(deed) = deeds(change).into_iter().find(|deed| actor.did(deed)) {
            return Err(match deed.who == *actor.who {
                true => Rule::Separation {
                    change: change.number,
                    who: actor.who.clone(),
                    did,
                    act,
                },
                false => Rule::SameKey {
                    change: change.number,
                    who: actor.who.clone(),
                    other: deed.who.clone(),
                    did,
                    act,
                },
            });
        }
    }
    Ok(())
}

fn may_make(change: &Change, actor: &Actor<'_>) -> Result<(), Rule> {
    apart(change, actor, "implement", &DECIDED)
}

fn may_withdraw(change: &Change, actor: &Actor<'_>) -> Result<(), Rule> {
    let own = change.requests.iter().any(|deed| actor.did(deed));
    match (own, actor.who) {
        (true, _) | (_, Person::Human(_)) => Ok(()),
        (false, Person::Agent(_)) => Err(Rule::AgentCannot("take back what another has requested")),
    }
}

fn person(who: &Person, what: &'static str) -> Result<(), Rule> {
    match who {
        Person::Human(_) => Ok(()),
        Person::Agent(_) => Err(Rule::AgentCannot(what)),
    }
}

fn has_role(settings: &Settings, who: &Person, role: &str) -> Result<(), Rule> {
    match settings.may_hold(who, role) {
        true => Ok(()),
        false => Err(Rule::Role {
            who: who.clone(),
            role: role.into(),
        }),
    }
}

fn is_candidate(change: &Change, on: ContentHash) -> Result<&super::Implementation, Rule> {
    let made = change
        .implementation()
        .ok_or(Rule::NotImplemented(change.number))?;
    match made.candidate == on {
        true => Ok(made),
        false => Err(Rule::OtherCandidate {
            change: change.number,
            candidate: made.candidate.short(),
            other: on.short(),
        }),
    }
}
