//! One change, as its records tell it.

use crate::held::Step;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// That somebody did something.
#[derive(Clone, Debug)]
pub struct Deed {
    /// Who.
    pub who: String,
    /// The fingerprint of the key that signed it.
    pub key: String,
    /// The record.
    pub seq: u64,
}

impl Deed {
    /// Whether `other` was done by the same one, by name or by key.
    pub fn is_by_same(&self, other: &Deed) -> bool {
        self.who == other.who || self.key == other.key
    }
}

/// A vote.
#[derive(Clone, Debug)]
pub struct Cast {
    /// By whom.
    pub deed: Deed,
    /// As what.
    pub role: String,
    /// Whether for it.
    pub approves: bool,
    /// What is requested or assessed anew is voted on anew.
    pub round: u32,
}

/// What was made.
#[derive(Clone, Debug)]
pub struct Made {
    /// By whom.
    pub deed: Deed,
    /// Its name.
    pub candidate: String,
    /// What it makes of what.
    pub steps: Vec<Step>,
}

/// A verification.
#[derive(Clone, Debug)]
pub struct Verification {
    /// By whom.
    pub deed: Deed,
    /// Of what.
    pub on: String,
    /// How it ended.
    pub passed: bool,
}

/// Something that was in force before others had looked.
#[derive(Clone, Debug)]
pub struct Urgent {
    /// By whom.
    pub deed: Deed,
    /// By when others must have approved it.
    pub due: i64,
    /// When they had.
    pub confirmed: Option<i64>,
}

/// One change.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// What it may touch.
    pub items: BTreeSet<String>,
    /// Whether it cannot wait.
    pub is_urgent: bool,
    /// Who wanted it.
    pub requests: Vec<Deed>,
    /// Who made it.
    pub made: Vec<Made>,
    /// Whether the last of it still counts.
    pub is_made: bool,
    /// All votes.
    pub votes: Vec<Cast>,
    /// Which votes count.
    pub round: u32,
    /// From when it is to count.
    pub order: Option<Value>,
    /// Verifications.
    pub verifications: Vec<Verification>,
    /// Who released it.
    pub release: Option<Deed>,
    /// Whether it was rejected or taken back.
    pub ended: Option<&'static str>,
    /// Whether its files were put in place.
    pub is_effective: bool,
    /// The emergency.
    pub urgent: Option<Urgent>,
    /// How many approvals it took, when it was last asked.
    pub quorum: u64,
    /// How many of its records break a rule.
    pub broken: usize,
}

impl Change {
    /// What was made last, as long as that counts.
    pub fn candidate(&self) -> Option<&Made> {
        self.made.last().filter(|_| self.is_made)
    }

    /// The votes that count.
    pub fn standing(&self) -> impl Iterator<Item = &Cast> {
        self.votes.iter().filter(|cast| cast.round == self.round)
    }

    /// The last verification of what was made last.
    pub fn verification(&self) -> Option<&Verification> {
        let made = self.candidate()?;
        let mut all = self.verifications.iter().rev();
        all.find(|one| one.on == made.candidate && one.deed.seq > made.deed.seq)
    }

    /// How it ended; `None` as long as something can be done about it.
    pub fn is_over(&self) -> Option<&'static str> {
        let is_confirmed = self
            .urgent
            .as_ref()
            .is_some_and(|urgent| urgent.confirmed.is_some());
        self.ended
            .or(self.release.as_ref().map(|_| "released"))
            .or(is_confirmed.then_some("confirmed"))
    }

    /// Those who wanted, made or enforced it, each with the word for that.
    pub fn makers(&self) -> impl Iterator<Item = (&Deed, &'static str)> {
        let requests = self.requests.iter().map(|deed| (deed, "requested"));
        let made = self.made.iter().map(|made| (&made.deed, "implemented"));
        let urgent = self.urgent.iter();
        requests
            .chain(made)
            .chain(urgent.map(|urgent| (&urgent.deed, "put in force")))
    }

    /// Those who decided about it.
    pub fn judges(&self) -> impl Iterator<Item = (&Deed, &'static str)> {
        let votes = self.votes.iter().map(|cast| (&cast.deed, "voted on"));
        let verified = self.verifications.iter();
        votes.chain(verified.map(|one| (&one.deed, "verified")))
    }

    /// For programs.
    pub fn json(&self, number: &str) -> Value {
        let approvals = self.standing().filter(|cast| cast.approves);
        let verification = self.verification().filter(|one| one.passed);
        json!({
            "change": number, "status": self.is_over().unwrap_or("open"), "holds": self.broken == 0, "items": self.items,
            "requested_by": self.requests.first().map(|deed| &deed.who),
            "approved_by": approvals.map(|cast| json!({ "who": cast.deed.who, "role": cast.role, "record": cast.deed.seq })).collect::<Vec<_>>(),
            "quorum": self.quorum, "implemented_by": self.candidate().map(|made| &made.deed.who),
            "candidate": self.candidate().map(|made| &made.candidate), "verified_by": verification.map(|one| &one.deed.who),
            "released_by": self.release.as_ref().map(|deed| &deed.who),
        })
    }
}
