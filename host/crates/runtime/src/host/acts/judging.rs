//! Which act it is that somebody has handed in or said, and what it makes of the change: each needs that they may, and that what they brought makes sense.
//!
//! It records nothing: what comes out is signed and put through the register's rules by whoever asked.

use super::{
    ASSESSOR, IMPLEMENTER, RELEASER, REQUESTER, VERIFIER, forbidden, no, signature, unfit,
};
use crate::host::candidate::{self, Brought};
use crate::host::house::Host;
use crate::host::vouch::Judged;
use crate::workflow::{Instance, WorkflowError, Wrong};
use change::{
    Assessed, Body, ChangeNumber, Class, Doing, Effectivity, Emergency, Evidence, EvidenceKind,
    Implemented, ItemId, Moment, Ordered, Person, Register, Rejected, Released, Requested,
    Reviewed, Rule, Verdict, Verified, Vote, Voted, When, Withdrawn,
};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use types::{Timestamp, Value};

/// One act being judged.
pub(super) struct Judging<'a> {
    pub(super) host: &'a Host,
    pub(super) register: &'a Register,
    pub(super) instance: &'a Instance,
    pub(super) who: &'a Person,
    pub(super) now: Timestamp,
    /// The change, if there is one yet.
    pub(super) number: Option<ChangeNumber>,
}

/// What was handed in.
pub(super) struct HandedIn<'h> {
    pub(super) role: &'h Arc<str>,
    pub(super) outcome: &'h str,
    pub(super) notes: String,
    pub(super) artefacts: Json,
}

/// Acts, and what is handed in instead of what came.
pub(super) type Found = Result<(Vec<Body>, Option<Json>), WorkflowError>;

impl Judging<'_> {
    /// The change that there must be by now.
    fn change(&self) -> Result<ChangeNumber, WorkflowError> {
        self.number.ok_or_else(|| {
            unfit(
                Wrong::State,
                "nobody has requested anything in this instance yet",
                "charthouse change request --item ITEM …",
            )
        })
    }

    /// The change, where `who` may do this about it.
    fn may(&self, doing: Doing<'_>) -> Result<ChangeNumber, WorkflowError> {
        let number = self.change()?;
        let may = self.register.may_do(number, self.who, doing, self.now);
        may.map_err(|rule| forbidden(&rule))?;
        Ok(number)
    }

    fn signed(&self) -> change::Signed {
        signature(self.who, None)
    }

    pub(super) fn handed_in(&self, handed: &HandedIn<'_>, judged: &mut Judged) -> Found {
        let settings = self
            .register
            .settings(self.now)
            .map_err(|rule| forbidden(&rule))?;
        let by = self.who.clone();
        let notes = handed.notes.clone();
        let one = |body: Body| Ok((vec![body], None));
        match (&**handed.role, handed.outcome) {
            (REQUESTER, "requested") => one(Body::Requested(self.requested(handed)?)),
            (REQUESTER, "withdrawn") if self.number.is_none() => Ok((Vec::new(), None)),
            (REQUESTER, "withdrawn") => one(Body::Withdrawn(Withdrawn {
                change: self.may(Doing::Withdraw)?,
                by,
                why: notes,
                signed: self.signed(),
            })),
            (ASSESSOR, "assessed") => {
                let change = self.may(Doing::Assess)?;
                let quorum = i64::try_from(settings.quorum).unwrap_or(i64::MAX);
                judged.known.push(("quorum", Value::Int(quorum)));
                let impact = self.host.impact(self.register, change);
                let impact = impact
                    .map_err(|why| unfit(Wrong::Definitions, why, "charthouse change restore"))?;
                one(Body::Assessed(Assessed {
                    change,
                    by,
                    impact,
                    notes,
                    signed: self.signed(),
                }))
            }
            (role, word @ ("approve" | "reject")) if settings.board.contains(role) => {
                let change = self.may(Doing::Vote(role))?;
                let vote = match word {
                    "approve" => Vote::Approve,
                    _ => Vote::Reject,
                };
                let mut acts = vec![Body::Voted(Voted {
                    change,
                    by,
                    role: handed.role.clone(),
                    vote,
                    why: notes.clone(),
                    signed: self.signed(),
                })];
                let is_urgent = self
                    .register
                    .change(change)
                    .is_some_and(|c| c.is_open_emergency());
                if vote == Vote::Reject && is_urgent {
                    acts.push(Body::Rejected(Rejected {
                        change,
                        by: self.who.to_string(),
                        why: notes,
                    }));
                }
                Ok((acts, None))
            }
            (IMPLEMENTER, "implemented") => self.implemented(handed),
            (VERIFIER, word @ ("passed" | "failed")) => self.verified(handed, word == "passed"),
            (RELEASER, "released") => self.released(handed),
            (role, word)
                if is_finding(role, word)
                    || (word == "reviewed" && settings.board.contains(role)) =>
            {
                let doing = match role {
                    ASSESSOR => Doing::Assess,
                    _ => Doing::Look,
                };
                one(Body::Reviewed(Reviewed {
                    change: self.may(doing)?,
                    by,
                    role: handed.role.clone(),
                    findings: notes,
                    signed: self.signed(),
                }))
            }
            (role, word) => Err(no(
                format!("`{word}` is nothing that the role `{role}` can hand in"),
                format!("hand in {}", words_of(role, settings.board.contains(role))),
            )),
        }
    }

    fn requested(&self, handed: &HandedIn<'_>) -> Result<Requested, WorkflowError> {
        let number = match self.number {
            Some(number) => number,
            None => self.register.next_number(),
        };
        let text = |key: &str| {
            handed.artefacts[key]
                .as_str()
                .unwrap_or_default()
                .trim()
                .to_owned()
        };
        let title = match text("title") {
            title if title.is_empty() => {
                return Err(no(
                    "the change has no title",
                    "say in the artefact `title` what it is called",
                ));
            }
            title => title,
        };
        let class = match (&*text("class"), self.is_urgent()) {
            (_, true) => Class::Emergency,
            ("" | "minor", _) => Class::Minor,
            ("major", _) => Class::Major,
            (other, _) => {
                return Err(no(
                    format!("`{other}` is no class of a change"),
                    "write minor or major; `charthouse change emergency` is for what cannot wait",
                ));
            }
        };
        Ok(Requested {
            change: number,
            instance: self.instance.id().clone(),
            title,
            reason: match (&*handed.notes, text("reason")) {
                ("", reason) => reason,
                (notes, _) => notes.to_owned(),
            },
            class,
            items: self.items(&handed.artefacts)?,
            by: self.who.clone(),
            links: texts(&handed.artefacts["links"]),
            signed: self.signed(),
        })
    }

    fn is_urgent(&self) -> bool {
        let change = self.number.and_then(|number| self.register.change(number));
        change.is_some_and(|change| change.class == Class::Emergency)
    }

    /// The items that are named, each of which is there or can be made.
    fn items(&self, artefacts: &Json) -> Result<Vec<ItemId>, WorkflowError> {
        let named = texts(&artefacts["items"]);
        if named.is_empty() {
            return Err(no(
                "the change names no item",
                "name what is to be changed in `items`, for instance [\"policy:default\"]",
            ));
        }
        let mut items = Vec::new();
        for name in named {
            let item = ItemId::parse(&name);
            let item = item.map_err(|error| no(error.to_string(), "write it so"))?;
            if !items.contains(&item) {
                items.push(item);
            }
        }
        Ok(items)
    }

    fn implemented(&self, handed: &HandedIn<'_>) -> Found {
        let change = self.may(Doing::Implement)?;
        let approved = self.register.change(change).map(|c| c.items.clone());
        let brought = Brought::read(&handed.artefacts)?;
        let candidate =
            self.host
                .candidate(self.register, &approved.unwrap_or_default(), &brought)?;
        let instead = candidate::in_short(&candidate);
        let implemented = Implemented {
            change,
            by: self.who.clone(),
            candidate: candidate.hash,
            revisions: candidate.revisions,
            signed: self.signed(),
        };
        Ok((vec![Body::Implemented(implemented)], Some(instead)))
    }

    fn verified(&self, handed: &HandedIn<'_>, passed: bool) -> Found {
        let change = self.may(Doing::Verify)?;
        let on = self.made(change)?;
        let own = self.host.own_evidence(self.register, change, true);
        let own =
            own.map_err(|why| unfit(Wrong::State, why, "the change has to be implemented again"))?;
        if let Some(failed) = own.iter().find(|one| !one.passed)
            && passed
        {
            return Err(unfit(
                Wrong::State,
                format!(
                    "it cannot have passed: {}: {}",
                    failed.evidence.what, failed.evidence.result
                ),
                "hand in `failed`; then it is made again",
            ));
        }
        // What the house has found itself stands as it has found it, whatever somebody says of the same.
        let mut evidence: Vec<Evidence> = own.into_iter().map(|one| one.evidence).collect();
        let given = self.given_evidence(handed, on, &evidence)?;
        let says = |text: &str| !text.trim().is_empty();
        let is_theirs = |one: &Evidence| {
            one.kind != EvidenceKind::Shadow && says(&one.what) && says(&one.result)
        };
        if passed && !given.iter().any(is_theirs) {
            return Err(no(
                "nobody but the house itself says that it does what was approved",
                "say in the notes what you have looked at (--notes), or bring what shows it (--evidence, --conformance or --ledger FILE)",
            ));
        }
        evidence.extend(given);
        let result = match passed {
            true => Verdict::Passed,
            false => Verdict::Failed,
        };
        let verified = Verified {
            change,
            by: self.who.clone(),
            on,
            result,
            evidence,
            signed: self.signed(),
        };
        Ok((vec![Body::Verified(verified)], None))
    }

    /// Evidence about the candidate `on` that the verifier gives beside the house's `own`. What only the house can say of itself nobody says for it: it is a statement
    /// then, unless the house has vouched for it.
    fn given_evidence(
        &self,
        handed: &HandedIn<'_>,
        on: types::ContentHash,
        own: &[Evidence],
    ) -> Result<Vec<Evidence>, WorkflowError> {
        let unread = |error: serde_json::Error| {
            no(
                format!("the evidence cannot be read: {error}"),
                "write a list of {kind: statement, what, result}",
            )
        };
        let given: Vec<Json> = match &handed.artefacts["evidence"] {
            Json::Null => Vec::new(),
            given => serde_json::from_value(given.clone()).map_err(unread)?,
        };
        let mut all: Vec<Evidence> = Vec::new();
        for mut one in given {
            let vouched = one
                .as_object_mut()
                .and_then(|one| one.shift_remove("vouched"));
            let evidence: Evidence = serde_json::from_value(one).map_err(unread)?;
            let is_own = |own: &Evidence| (own.kind, &own.what) == (evidence.kind, &evidence.what);
            if own.iter().any(is_own) {
                continue;
            }
            let is_theirs = match evidence.kind {
                EvidenceKind::Check | EvidenceKind::Scenarios => false,
                EvidenceKind::Shadow => self.host.has_vouched(on, &evidence, vouched.as_ref()),
                _ => matches!(self.who, Person::Human(_)),
            };
            let kind = match is_theirs {
                true => evidence.kind,
                false => EvidenceKind::Statement,
            };
            all.push(Evidence { kind, ..evidence });
        }
        if !handed.notes.trim().is_empty() {
            all.push(Evidence {
                kind: EvidenceKind::Statement,
                what: format!("what {} has looked at", self.who),
                result: handed.notes.clone(),
                hash: None,
            });
        }
        Ok(all)
    }

    fn released(&self, handed: &HandedIn<'_>) -> Found {
        let change = self.may(Doing::Release)?;
        says_when_alone(&handed.artefacts)?;
        let on = self.made(change)?;
        let known = self.register.change(change);
        let ordered = known.and_then(|known| known.order.as_ref());
        let ordered = ordered.map(|(_, effectivity)| effectivity.clone());
        let said = effectivity(&handed.artefacts["effectivity"])?;
        self.is_to_come(said.as_ref())?;
        let Some(effectivity) = said.or_else(|| ordered.clone()) else {
            return Err(no(
                format!("nobody has said from when {change} is to count"),
                "say it with --effectivity now, next-run or a date, or in the artefact `effectivity`",
            ));
        };
        let by = self.who.clone();
        let mut acts = Vec::new();
        if ordered.as_ref() != Some(&effectivity) {
            acts.push(Body::Ordered(Ordered {
                change,
                effectivity: effectivity.clone(),
                by: by.clone(),
                signed: self.signed(),
            }));
        }
        let made = known.and_then(|known| known.implementation());
        // What is signed says what is released, from when and for whom, in the one way in which the register compares it.
        let instead = effectivity.handed_in(on);
        acts.push(Body::Released(Released {
            change,
            by,
            on,
            effectivity,
            revisions: made.map(|made| made.steps.clone()).unwrap_or_default(),
            signed: self.signed(),
        }));
        Ok((acts, Some(instead)))
    }

    /// Nothing counts from a day that is over: the record would say that it counted when it did not.
    fn is_to_come(&self, effectivity: Option<&Effectivity>) -> Result<(), WorkflowError> {
        match effectivity.map(|effectivity| &effectivity.when) {
            Some(When::At(moment)) if types::day_of(moment.time()) < types::day_of(self.now) => {
                Err(no(
                    format!("{moment} is over, and nothing counts from before it is released"),
                    "write now, next-run, or a date to come",
                ))
            }
            _ => Ok(()),
        }
    }

    /// The candidate that was made last.
    fn made(&self, number: ChangeNumber) -> Result<types::ContentHash, WorkflowError> {
        let change = self.register.change(number);
        let made = change.and_then(|change| change.implementation());
        made.map(|made| made.candidate)
            .ok_or_else(|| forbidden(&Rule::NotImplemented(number)))
    }

    pub(super) fn said(&self, event: &str, data: &Json, judged: &mut Judged) -> Found {
        let by = self.who.clone();
        let why = || data["why"].as_str().unwrap_or_default().to_owned();
        match event {
            "human.withdrawn" if self.number.is_none() => Ok((Vec::new(), None)),
            "human.withdrawn" => {
                let body = Withdrawn {
                    change: self.may(Doing::Withdraw)?,
                    by,
                    why: why(),
                    signed: self.signed(),
                };
                Ok((vec![Body::Withdrawn(body)], None))
            }
            "human.ordered" => {
                let Some(effectivity) = effectivity(&data["effectivity"])? else {
                    return Err(no(
                        "an order says from when",
                        "write {effectivity: {when: now}}, next-run or {at: DATE}",
                    ));
                };
                self.is_to_come(Some(&effectivity))?;
                judged.claim.statement.role = RELEASER.to_owned();
                let body = Ordered {
                    change: self.change()?,
                    effectivity,
                    by,
                    signed: self.signed(),
                };
                Ok((vec![Body::Ordered(body)], None))
            }
            "human.emergency" => self.emergency(data, judged),
            _ => Ok((Vec::new(), None)),
        }
    }

    /// Something is put in force before anybody else has looked at it: a request and its revisions at once.
    fn emergency(&self, data: &Json, judged: &mut Judged) -> Found {
        let settings = self
            .register
            .settings(self.now)
            .map_err(|rule| forbidden(&rule))?;
        judged.claim.statement.role = settings.emergency.to_string();
        let number = self.register.next_number();
        let handed = HandedIn {
            role: &settings.emergency,
            outcome: "emergency",
            notes: data["why"].as_str().unwrap_or_default().to_owned(),
            artefacts: data.clone(),
        };
        if handed.notes.trim().is_empty() {
            return Err(no("nobody says why it cannot wait", "say it with --why"));
        }
        let requested = Requested {
            class: Class::Emergency,
            ..self.requested(&handed)?
        };
        let approved = requested.items.iter().cloned().collect();
        let candidate = self
            .host
            .candidate(self.register, &approved, &Brought::read(data)?)?;
        if says_of_control(&candidate.before) != says_of_control(&candidate.after) {
            return Err(WorkflowError::Forbidden {
                why: "an emergency cannot change who there is or how changes are decided (`people` and `controlled` in house.yaml)".into(),
                help: "leave both as they are; for them, request a change that can wait: charthouse change request --item house …".into(),
            });
        }
        let house = self.host.definitions();
        let within = house.controlled.as_ref().map_or(DUE_MS, |controlled| {
            i64::try_from(controlled.emergency.within.as_millis()).unwrap_or(DUE_MS)
        });
        let mut instead = candidate::in_short(&candidate);
        for key in ["title", "why", "items", "links"] {
            if !data[key].is_null() {
                instead[key] = data[key].clone();
            }
        }
        // As many as the register asks for, so that workflow and register end with the same vote.
        instead["quorum"] = json!(settings.quorum);
        let emergency = Emergency {
            change: number,
            by: self.who.clone(),
            why: handed.notes.clone(),
            revisions: candidate.revisions,
            due: Moment::at(Timestamp(self.now.0.saturating_add(within))),
            signed: self.signed(),
        };
        let acts = vec![Body::Requested(requested), Body::Emergency(emergency)];
        Ok((acts, Some(instead)))
    }
}

/// What `house` says of who there is and of how changes are decided, wherever in its file.
fn says_of_control(house: &definitions::House) -> impl PartialEq {
    let controlled = house.controlled.as_ref().map(|said| {
        let (board, workflow) = (said.board.clone(), said.workflow.value.clone());
        (said.quorum, board, workflow, said.emergency.clone())
    });
    (controlled, house.people.clone())
}

/// By when an emergency must be approved where the house does not say.
const DUE_MS: i64 = 24 * 60 * 60 * 1_000;

/// Words with which other roles say what they found, and that send a change back.
fn is_finding(role: &str, word: &str) -> bool {
    matches!(
        (role, word),
        (ASSESSOR, "returned") | (IMPLEMENTER, "impossible") | (RELEASER, "returned")
    )
}

/// What a role can hand in, for whoever handed in something else.
fn words_of(role: &str, of_board: bool) -> &'static str {
    match role {
        REQUESTER => "`requested` or `withdrawn`",
        ASSESSOR => "`assessed` or `returned`",
        IMPLEMENTER => "`implemented` or `impossible`",
        VERIFIER => "`passed` or `failed`",
        RELEASER => "`released` or `returned`",
        _ if of_board => "`approve`, `reject` or `reviewed`",
        _ => "nothing: this role has no part in the changes of this house",
    }
}

fn texts(value: &Json) -> Vec<String> {
    let list = value.as_array().into_iter().flatten();
    let one = value.as_str().into_iter();
    let all = list.filter_map(Json::as_str).chain(one);
    all.map(str::to_owned).collect()
}

/// That nothing is handed in with a release but from when and for whom it counts: what is signed and recorded says no more.
fn says_when_alone(artefacts: &Json) -> Result<(), WorkflowError> {
    let more = match artefacts {
        Json::Null => None,
        Json::Object(map) => map.keys().find(|key| *key != "effectivity").cloned(),
        other => Some(other.to_string()),
    };
    match more {
        None => Ok(()),
        Some(more) => Err(no(
            format!("a release says from when it counts (`effectivity`), and nothing of `{more}`"),
            "say in the notes what else there is to say",
        )),
    }
}

/// An effectivity as it is handed in; a word alone is one for all agents.
fn effectivity(value: &Json) -> Result<Option<Effectivity>, WorkflowError> {
    let full = match value {
        Json::Null => return Ok(None),
        Json::String(word) => json!({ "when": when(word) }),
        other => {
            let mut full = other.clone();
            if let Some(word) = other["when"].as_str() {
                full["when"] = when(word);
            }
            full
        }
    };
    serde_json::from_value(full).map(Some).map_err(|error| {
        no(
            format!("the effectivity cannot be read: {error}"),
            "write now, next-run, or a date such as 2026-12-01",
        )
    })
}

/// A word, or else a date.
fn when(word: &str) -> Json {
    match word {
        "now" | "next-run" => json!(word),
        date => json!({ "at": date }),
    }
}
