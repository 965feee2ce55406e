//! Whether an act is allowed. The same answer before it is recorded and when its record is read: what another program wrote counts for as little as what it may do.

mod candidate;
mod signer;
mod voting;

use crate::candidate::candidate_hash;
use crate::item::ItemId;
use crate::person::Person;
use crate::record::{Body, ChangeNumber, Class, Verdict};
use crate::register::change::{Change, Deed};
use crate::register::rule::Rule;
use crate::register::{At, Register};
use crate::settings::Settings;
use candidate::is_candidate;
use types::Timestamp;
use voting::{DECIDED, apart};

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
    /// Find something.
    Look,
    /// Judge what depends on it: no agent does where it could not decide about it.
    Assess,
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
            Doing::Assess if who.agent().is_none() => Ok(()),
            Doing::Assess => self.independent(change, &actor, "assess", &[]),
            Doing::Vote(role) => self.may_vote(&settings, change, &actor, role, now),
            Doing::Implement => may_make(change, &actor),
            Doing::Verify => self.independent(change, &actor, "verify", &[]),
            Doing::Release => {
                self.has_role(&settings, who, "releaser", now)?;
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
                self.has_role(settings, actor.who, "releaser", at.time)?;
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
            Body::Voted(body) => self.may_vote(
                settings,
                self.open(body.change)?,
                actor,
                &body.role,
                at.time,
            ),
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
            Body::Released(body) => self.may_release(settings, actor, body, at.time),
            Body::Withdrawn(body) => may_withdraw(self.open(body.change)?, actor),
            Body::Emergency(body) => {
                person(actor.who, "act in an emergency")?;
                self.has_role(settings, actor.who, &settings.emergency, at.time)?;
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
        now: Timestamp,
    ) -> Result<(), Rule> {
        let change = self.open(body.change)?;
        self.has_role(settings, actor.who, "releaser", now)?;
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
