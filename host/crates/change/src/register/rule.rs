//! Why an act is not allowed, in words for whoever tried, with what to do instead.

use crate::item::{ItemId, Revision};
use crate::person::Person;
use crate::record::ChangeNumber;
use std::sync::Arc;

/// A rule that an act breaks.
#[allow(missing_docs, reason = "each field is named in the message")]
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Rule {
    #[error("the record cannot be read: {0}")]
    Unreadable(String),
    #[error("this house has no baseline")]
    NoBaseline,
    #[error("this house is under control already, since the record {seq}")]
    BaselineStands { seq: u64 },
    #[error("a baseline is CR-0000, not {0}")]
    BaselineNumber(ChangeNumber),
    #[error("a baseline has each item once, and `house` among them")]
    BaselineItems,
    #[error("what the house says of control cannot be read: {0}")]
    Settings(String),
    #[error("there is no change {0}")]
    NoChange(ChangeNumber),
    #[error("{number} cannot be requested: the next number is {next}")]
    Number {
        number: ChangeNumber,
        next: ChangeNumber,
    },
    #[error("{change} is over: it was {how}")]
    Closed {
        change: ChangeNumber,
        how: &'static str,
    },
    #[error("a change needs at least one item")]
    NoItems,
    #[error("{change} is the instance {instance} of its workflow, not {other}")]
    Instance {
        change: ChangeNumber,
        instance: Arc<str>,
        other: Arc<str>,
    },
    #[error("the signature does not count: {0}")]
    Signature(String),
    #[error("{who} signed this statement before, for the record {seq}")]
    Reused { who: Person, seq: u64 },
    #[error("{who} is not among the people of this house")]
    Stranger { who: Person },
    #[error("{who} does not have the role `{role}`")]
    Role { who: Person, role: Arc<str> },
    #[error("what roles {who} takes cannot be told: {why}")]
    Roles { who: Person, why: String },
    #[error("`{role}` is not a role of the board ({board})")]
    NotBoard { role: Arc<str>, board: String },
    #[error("an agent cannot {0}")]
    AgentCannot(&'static str),
    #[error("{who} {did} {change} and so cannot {act} it")]
    Separation {
        change: ChangeNumber,
        who: Person,
        did: &'static str,
        act: &'static str,
    },
    #[error("{who} has the key of {other}, who {did} {change}, and so cannot {act} it")]
    SameKey {
        change: ChangeNumber,
        who: Person,
        other: Person,
        did: &'static str,
        act: &'static str,
    },
    #[error("{item} says what {who} may do, and so {who} cannot {act} {change}")]
    Governed {
        change: ChangeNumber,
        who: Person,
        item: ItemId,
        act: &'static str,
    },
    #[error(
        "what says what {who} may do cannot be told, and so {who} cannot decide about {change}: {why}"
    )]
    Ungoverned {
        change: ChangeNumber,
        who: Person,
        why: String,
    },
    #[error("{who} has voted on {change} already")]
    VotedTwice { change: ChangeNumber, who: Person },
    #[error("the board has decided about {0}: it is ordered")]
    Decided(ChangeNumber),
    #[error("{change} has {found} of the {needed} approvals that it needs")]
    Quorum {
        change: ChangeNumber,
        found: usize,
        needed: usize,
    },
    #[error("{who} has rejected {change}")]
    RejectionStands { change: ChangeNumber, who: Person },
    #[error("nobody has rejected {0}")]
    NotRejected(ChangeNumber),
    #[error("{0} is not ordered")]
    NotOrdered(ChangeNumber),
    #[error("{0} is ordered otherwise: {1}")]
    OrderedOtherwise(ChangeNumber, String),
    #[error("{0} is not implemented")]
    NotImplemented(ChangeNumber),
    #[error("{change} is on the candidate {candidate}, not on {other}")]
    OtherCandidate {
        change: ChangeNumber,
        candidate: String,
        other: String,
    },
    #[error("the candidate's hash is not that of what is in it")]
    CandidateHash,
    #[error("{change} does not touch {item}")]
    NotApproved { change: ChangeNumber, item: ItemId },
    #[error("{item} stands in it twice")]
    ItemTwice { item: ItemId },
    #[error("{item} is as it was")]
    Unchanged { item: ItemId },
    #[error("{item} is released as {released}, and this was made from {from}")]
    Stale {
        item: ItemId,
        released: Revision,
        from: Revision,
    },
    #[error("the files of {item} are not its revision: {why}")]
    Files { item: ItemId, why: String },
    #[error("{file} is part of {one} and of {other}, and would be another in each")]
    Shared {
        file: Arc<str>,
        one: ItemId,
        other: ItemId,
    },
    #[error("{0} is not what was implemented")]
    OtherRevisions(ChangeNumber),
    #[error("{0} is not verified")]
    NotVerified(ChangeNumber),
    #[error("the last verification of {0} failed")]
    VerificationFailed(ChangeNumber),
    #[error("a verification needs evidence")]
    NoEvidence,
    #[error("`{0}` is no agent of this house")]
    NoAgent(Arc<str>),
    #[error("an effectivity for some agents names at least one")]
    NoAgents,
    #[error("`house` is one for all agents: it cannot be released for some of them")]
    HouseForSome,
    #[error("the due date of an emergency must come after it")]
    Due,
    #[error("{change} was {found}, and only {needed} can do this")]
    Class {
        change: ChangeNumber,
        found: &'static str,
        needed: &'static str,
    },
    #[error("{change} is nothing that can be put in place: it is not released")]
    NotReleased { change: ChangeNumber },
}

/// What a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Of {
    /// Who may do what, by which signature and with whose approval.
    Duties,
    /// How things are: it is over already, or something else has to be done first.
    State,
    /// What was said or brought, whoever did.
    Said,
}

impl Rule {
    /// What it is about.
    pub fn of(&self) -> Of {
        match self {
            Rule::NoBaseline
            | Rule::NoChange(_)
            | Rule::Closed { .. }
            | Rule::Decided(_)
            | Rule::NotRejected(_)
            | Rule::NotOrdered(_)
            | Rule::NotImplemented(_)
            | Rule::NotVerified(_)
            | Rule::VerificationFailed(_)
            | Rule::OtherCandidate { .. }
            | Rule::Stale { .. }
            | Rule::NotReleased { .. } => Of::State,
            Rule::Unreadable(_)
            | Rule::CandidateHash
            | Rule::NoItems
            | Rule::ItemTwice { .. }
            | Rule::Unchanged { .. }
            | Rule::Files { .. }
            | Rule::Shared { .. }
            | Rule::NoEvidence
            | Rule::NoAgent(_)
            | Rule::NoAgents
            | Rule::HouseForSome
            | Rule::NotBoard { .. }
            | Rule::Due => Of::Said,
            _ => Of::Duties,
        }
    }

    /// What to do about it; empty where the message says it.
    pub fn hint(&self) -> String {
        match self {
            Rule::NoBaseline => "charthouse change baseline --as NAME".into(),
            Rule::BaselineStands { .. } => {
                "what is to be another is requested: charthouse change request --item ITEM".into()
            }
            Rule::Number { next, .. } => format!("request {next}"),
            Rule::Closed { .. } => "request a new change".into(),
            Rule::Separation { .. } | Rule::SameKey { .. } => "let somebody else do it".into(),
            Rule::Governed { .. } => {
                "let a person do it, or an agent that these items do not concern".into()
            }
            Rule::Stranger { .. } => {
                "add them to `people` in house.yaml, by a change of `house`".into()
            }
            Rule::VotedTwice { .. } => {
                "a vote stands until the change is requested or assessed anew".into()
            }
            Rule::Quorum { change, .. } => {
                format!(
                    "charthouse change approve {change} --as NAME, by somebody else of the board"
                )
            }
            Rule::RejectionStands { change, .. } => {
                format!(
                    "request {change} anew with what the rejection asks for, and let the board vote again"
                )
            }
            Rule::NotOrdered(change) => format!("say from when {change} is to count"),
            Rule::NotVerified(change) | Rule::VerificationFailed(change) => {
                format!(
                    "charthouse change verify {change} --as NAME, by somebody who did not make it"
                )
            }
            Rule::NotApproved { item, .. } => {
                format!("leave it as it is, or request a change that has --item {item}")
            }
            Rule::Stale { .. } => "make it again from what is released now".into(),
            Rule::CandidateHash | Rule::OtherCandidate { .. } | Rule::OtherRevisions(_) => {
                "verify and release what was implemented last".into()
            }
            _ => String::new(),
        }
    }
}
