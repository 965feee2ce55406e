//! One change: what was said and done about it, and how far it has come.

use crate::item::ItemId;
use crate::person::Person;
use crate::record::{
    ChangeNumber, Class, Effectivity, Evidence, ImpactRecord, Step, Verdict, Vote,
};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;
use types::{ContentHash, Timestamp};

/// That somebody did something, and where it stands in the journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Deed {
    /// Who.
    pub who: Person,
    /// The fingerprint of the key that signed it.
    pub key: Arc<str>,
    /// The record.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
}

/// One line of a change's history, as it is told to people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    /// The record.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// The record's kind.
    pub kind: &'static str,
    /// Who; `None` for what the host did by itself.
    pub by: Option<Person>,
    /// What, in words.
    pub what: String,
}

/// A vote.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cast {
    /// By whom.
    pub deed: Deed,
    /// As what.
    pub role: Arc<str>,
    /// How.
    pub vote: Vote,
    /// Why.
    pub why: String,
    /// In which round: a change that is requested or assessed anew is voted on anew.
    pub round: u32,
}

/// A judgement of what depends on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assessment {
    /// By whom.
    pub deed: Deed,
    /// What depends on it.
    pub impact: ImpactRecord,
    /// In words.
    pub notes: String,
}

/// What was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Implementation {
    /// By whom.
    pub deed: Deed,
    /// What names it.
    pub candidate: ContentHash,
    /// What it makes of which item.
    pub steps: Vec<Step>,
}

/// A verification.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// By whom.
    pub deed: Deed,
    /// Of what.
    pub on: ContentHash,
    /// How it ended.
    pub result: Verdict,
    /// By what.
    pub evidence: Vec<Evidence>,
}

/// A release.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Release {
    /// By whom.
    pub deed: Deed,
    /// Of what.
    pub on: ContentHash,
    /// From when and for whom.
    pub effectivity: Effectivity,
}

/// What was in force before others had looked at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Urgent {
    /// By whom.
    pub deed: Deed,
    /// Why it could not wait.
    pub why: String,
    /// By when others must have approved it.
    pub due: Timestamp,
    /// When they had; `None` as long as they have not.
    pub confirmed: Option<Timestamp>,
}

/// How far a change has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Stage {
    /// It is wanted.
    Requested,
    /// What depends on it is known.
    Assessed,
    /// Some of the board have voted.
    Review,
    /// Somebody of the board has rejected it; it can be requested anew.
    SentBack,
    /// The quorum has approved it.
    Approved,
    /// It is made.
    Implemented,
    /// It was looked at and does not do what was approved.
    Failed,
    /// It was looked at and does.
    Verified,
    /// It is released, and not in place yet.
    Released,
    /// It is in place.
    Effective,
    /// It was in force before others looked at it, and they have approved it.
    Confirmed,
    /// It is not wanted.
    Rejected,
    /// Whoever wanted it does not want it any more.
    Withdrawn,
}

impl Stage {
    /// All of them, in order.
    pub const ALL: [Stage; 13] = [
        Stage::Requested,
        Stage::Assessed,
        Stage::Review,
        Stage::SentBack,
        Stage::Approved,
        Stage::Implemented,
        Stage::Failed,
        Stage::Verified,
        Stage::Released,
        Stage::Effective,
        Stage::Confirmed,
        Stage::Rejected,
        Stage::Withdrawn,
    ];

    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Requested => "requested",
            Stage::Assessed => "assessed",
            Stage::Review => "in review",
            Stage::SentBack => "sent back",
            Stage::Approved => "approved",
            Stage::Implemented => "implemented",
            Stage::Failed => "failed verification",
            Stage::Verified => "verified",
            Stage::Released => "released",
            Stage::Effective => "effective",
            Stage::Confirmed => "confirmed",
            Stage::Rejected => "rejected",
            Stage::Withdrawn => "withdrawn",
        }
    }

    /// Whether nothing more can be done about it.
    pub fn is_over(self) -> bool {
        self >= Stage::Released
    }
}

/// A change, as its records tell it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    /// Its number.
    pub number: ChangeNumber,
    /// The instance of the workflow that it is.
    pub instance: Arc<str>,
    /// What it is called.
    pub title: String,
    /// Why it is wanted.
    pub reason: String,
    /// How weighty it is.
    pub class: Class,
    /// What it may touch.
    pub items: BTreeSet<ItemId>,
    /// What it has to do with.
    pub links: Vec<String>,
    /// Who wanted it, each time that it was said; never empty.
    pub requests: Vec<Deed>,
    /// What was found to depend on it.
    pub assessments: Vec<Assessment>,
    /// Findings before votes.
    pub findings: Vec<(Deed, Arc<str>, String)>,
    /// All votes, those of earlier rounds too.
    pub votes: Vec<Cast>,
    /// Counted from 1.
    pub round: u32,
    /// From when it is to count.
    pub order: Option<(Deed, Effectivity)>,
    /// What was made, the latest last.
    pub implementations: Vec<Implementation>,
    /// Whether the latest still counts: what is requested anew is made anew.
    pub(crate) is_implemented: bool,
    /// Verifications, the latest last.
    pub verifications: Vec<Verification>,
    /// Its release.
    pub release: Option<Release>,
    /// When its files were in place.
    pub effective: Option<(u64, Timestamp)>,
    /// Why and when it was rejected.
    pub rejected: Option<(Timestamp, String)>,
    /// Who took it back, and why.
    pub withdrawn: Option<(Deed, String)>,
    /// Whether it was in force before others had looked at it.
    pub emergency: Option<Urgent>,
    /// Everything, in order.
    pub history: Vec<Event>,
    pub(crate) quorum: usize,
}

impl Change {
    /// What was made last, as long as that counts.
    pub fn implementation(&self) -> Option<&Implementation> {
        self.implementations.last().filter(|_| self.is_implemented)
    }

    /// The last verification of what was made last.
    pub fn verification(&self) -> Option<&Verification> {
        let candidate = self.implementation()?.candidate;
        let made = self.implementation()?.deed.seq;
        self.verifications
            .iter()
            .rev()
            .find(|verification| verification.on == candidate && verification.deed.seq > made)
    }

    /// The votes of this round.
    pub fn standing_votes(&self) -> impl Iterator<Item = &Cast> {
        self.votes.iter().filter(|cast| cast.round == self.round)
    }

    /// Approvals of this round.
    pub fn approvals(&self) -> impl Iterator<Item = &Cast> {
        self.standing_votes()
            .filter(|cast| cast.vote == Vote::Approve)
    }

    /// The rejection of this round, if there is one.
    pub fn rejection(&self) -> Option<&Cast> {
        self.standing_votes().find(|cast| cast.vote == Vote::Reject)
    }

    /// Who first wanted it.
    pub fn requested_by(&self) -> &Person {
        &self.requests[0].who
    }

    /// When it was first wanted.
    pub fn requested_at(&self) -> Timestamp {
        self.requests[0].time
    }

    /// How far it has come.
    pub fn stage(&self) -> Stage {
        if self.withdrawn.is_some() {
            return Stage::Withdrawn;
        }
        if self.rejected.is_some() {
            return Stage::Rejected;
        }
        if self.release.is_some() {
            return match self.effective {
                Some(_) => Stage::Effective,
                None => Stage::Released,
            };
        }
        if self
            .emergency
            .as_ref()
            .is_some_and(|urgent| urgent.confirmed.is_some())
        {
            return Stage::Confirmed;
        }
        let is_urgent = self.emergency.is_some();
        if !is_urgent || self.implementations.len() > 1 {
            match self.verification().map(|verification| verification.result) {
                Some(Verdict::Passed) => return Stage::Verified,
                Some(Verdict::Failed) => return Stage::Failed,
                None if self.implementation().is_some() => return Stage::Implemented,
                None => {}
            }
        }
        match () {
            () if self.rejection().is_some() => Stage::SentBack,
            () if self.approvals().count() >= self.quorum => Stage::Approved,
            () if self.standing_votes().next().is_some() => Stage::Review,
            () if !self.assessments.is_empty() => Stage::Assessed,
            () => Stage::Requested,
        }
    }

    /// Whether it is in force and nobody else has approved it yet.
    pub fn is_open_emergency(&self) -> bool {
        let over = self.rejected.is_some() || self.withdrawn.is_some() || self.release.is_some();
        !over
            && self
                .emergency
                .as_ref()
                .is_some_and(|urgent| urgent.confirmed.is_none())
    }

    /// When it was over, in whatever way.
    pub fn closed_at(&self) -> Option<Timestamp> {
        let release = self.release.as_ref().map(|release| release.deed.time);
        let confirmed = self.emergency.as_ref().and_then(|urgent| urgent.confirmed);
        let withdrawn = self.withdrawn.as_ref().map(|(deed, _)| deed.time);
        let rejected = self.rejected.as_ref().map(|(time, _)| *time);
        release.or(confirmed).or(withdrawn).or(rejected)
    }
}
