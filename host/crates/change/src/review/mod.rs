//! The management review (ISO 9001:2015, 9.3): what changes, costs, suppliers and failures came to in a period, out of the records.
//!
//! The register says what became of changes. Everything else is given as data, and what is not given is said to be missing: a review that leaves a gap out looks
//! complete. Nothing is judged here; that is what the review is for.

mod changes;
mod markdown;

pub use changes::{ChangeFigures, Cycle, EmergencyLine, StageCount};

use crate::moment::iso;
use crate::record::ChangeNumber;
use crate::register::Register;
use serde::Serialize;
use std::collections::BTreeMap;
use types::Timestamp;

/// From when to when; the end is not part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Period {
    /// Its beginning.
    pub since: Timestamp,
    /// Its end.
    pub until: Timestamp,
}

impl Period {
    /// Whether `time` lies in it.
    pub fn has(&self, time: Timestamp) -> bool {
        self.since <= time && time < self.until
    }
}

/// What one purpose took.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Spent {
    /// The purpose: `work`, `consolidation`, `summary`, `improvement`, `overhead`.
    pub purpose: String,
    /// Calls of models and tools.
    pub calls: u64,
    /// Tokens in and out.
    pub tokens: u64,
    /// Money, as the ledger writes it.
    pub money: String,
    /// Energy in joules; `None` where it was not measured.
    pub joules: Option<u64>,
    /// How the energy is known: `measured`, `reported`, `estimated`.
    pub how: Option<String>,
}

/// How instances of one workflow went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ProcessFact {
    /// The workflow.
    pub workflow: String,
    /// Instances that began in the period.
    pub started: u64,
    /// Instances that ended in it.
    pub ended: u64,
    /// How they ended, with how many.
    pub outcomes: BTreeMap<String, u64>,
    /// Of those that ended, how many went through without rework; `None` where that is not known.
    pub first_pass: Option<u64>,
    /// Rounds of rework in all.
    pub rework: Option<u64>,
    /// The median of their lengths.
    pub median_ms: Option<u64>,
    /// Money for one that was accepted, as the ledger writes it.
    pub cost_per_accepted: Option<String>,
}

/// A nonconformance (8.7) or a corrective action (10.2).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The instance that tells of it.
    pub instance: String,
    /// What it is: `nonconformance` or `corrective-action`.
    pub kind: String,
    /// What was found or is to be done.
    pub what: String,
    /// When it began.
    pub opened: Timestamp,
    /// When it ended, if it did.
    pub closed: Option<Timestamp>,
    /// Where it stands.
    pub state: String,
    /// The changes that it led to.
    pub changes: Vec<ChangeNumber>,
}

/// An action that an earlier review decided.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Action {
    /// What.
    pub what: String,
    /// Who.
    pub who: String,
    /// By when, if that was said.
    pub due: Option<Timestamp>,
    /// Whether it is done.
    pub done: bool,
}

/// A component, and how far its supplier is known.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Supplier {
    /// The plugin.
    pub plugin: String,
    /// Where it came from, as the lock has it.
    pub source: Option<String>,
    /// Whether its bytes are pinned.
    pub pinned: bool,
    /// Whose signature is demanded.
    pub signed_by: Option<String>,
    /// How often it was quarantined in the period.
    pub quarantined: u64,
    /// How often it was refused in the period.
    pub refused: u64,
}

/// Everything that is not in the register. `None` is not known, an empty list is that there was nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inputs {
    /// Actions of earlier reviews.
    pub actions: Option<Vec<Action>>,
    /// What was spent, by purpose.
    pub spent: Option<Vec<Spent>>,
    /// How workflows went.
    pub processes: Option<Vec<ProcessFact>>,
    /// Nonconformances and corrective actions.
    pub findings: Option<Vec<Finding>>,
    /// Components.
    pub suppliers: Option<Vec<Supplier>>,
    /// Whether the journal verifies, in words; and whether it does.
    pub records: Option<(bool, String)>,
    /// What customers and others said: the company's own to add.
    pub feedback: Option<Vec<String>>,
}

/// A part of the review that nothing is known of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// What is missing.
    pub what: &'static str,
    /// The clause that asks for it.
    pub clause: &'static str,
    /// Where it would come from.
    pub whence: &'static str,
}

/// The review.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Review {
    /// The house.
    pub house: String,
    /// The period.
    pub period: Period,
    /// When it was made.
    pub made: Timestamp,
    /// Actions of earlier reviews.
    pub actions: Option<Vec<Action>>,
    /// What became of changes.
    pub changes: ChangeFigures,
    /// Nonconformances and corrective actions that were open at some time in the period.
    pub findings: Option<Vec<Finding>>,
    /// How workflows went.
    pub processes: Option<Vec<ProcessFact>>,
    /// What was spent, by purpose.
    pub spent: Option<Vec<Spent>>,
    /// Components.
    pub suppliers: Option<Vec<Supplier>>,
    /// What others said.
    pub feedback: Option<Vec<String>>,
    /// Whether the records verify.
    pub records: Option<(bool, String)>,
    /// What may go wrong, as far as the records show it.
    pub risks: Vec<String>,
    /// What is not known.
    pub missing: Vec<Gap>,
}

/// The review of `period`, made at `now`.
pub fn review(
    house: &str,
    register: &Register,
    period: Period,
    now: Timestamp,
    inputs: Inputs,
) -> Review {
    let changes = changes::figures(register, period, now);
    let risks = risks(register, &changes, period, now, &inputs);
    let findings = inputs.findings.map(|findings| {
        let in_period = |finding: &Finding| {
            finding.opened < period.until
                && finding.closed.is_none_or(|closed| closed >= period.since)
        };
        findings.into_iter().filter(in_period).collect::<Vec<_>>()
    });
    let mut missing = Vec::new();
    let mut gap = |is_there: bool, what, clause, whence| {
        if !is_there {
            missing.push(Gap {
                what,
                clause,
                whence,
            });
        }
    };
    gap(
        inputs.actions.is_some(),
        "actions of earlier reviews",
        "9.3.2 a",
        "instances of corrective-action that a review began",
    );
    gap(
        inputs.feedback.is_some(),
        "what customers and other parties said, and issues inside and outside the company",
        "9.3.2 b, c 1",
        "the company's own; the house does not know its customers",
    );
    gap(
        register.baseline().is_some(),
        "changes: this house is not under change control",
        "8.5.6",
        "charthouse change baseline --as NAME",
    );
    gap(
        findings.is_some(),
        "nonconformances and corrective actions",
        "9.3.2 c 4",
        "instances of the workflows nonconformance and corrective-action",
    );
    gap(
        inputs.processes.is_some(),
        "how the processes went",
        "9.3.2 c 3",
        "instances of workflows",
    );
    gap(
        inputs.spent.is_some(),
        "resources",
        "9.3.2 d",
        "charthouse ledger --by purpose",
    );
    let measured = inputs
        .spent
        .as_ref()
        .is_some_and(|spent| spent.iter().any(|one| one.joules.is_some()));
    gap(
        measured || inputs.spent.is_none(),
        "energy",
        "9.3.2 d",
        "`power` in house.yaml, or a machine whose energy can be read",
    );
    gap(
        inputs.suppliers.is_some(),
        "external providers",
        "9.3.2 c 7",
        "house.yaml and house.lock",
    );
    gap(
        inputs.records.is_some(),
        "whether the records are whole",
        "7.5.3",
        "charthouse audit verify",
    );
    Review {
        house: house.to_owned(),
        period,
        made: now,
        actions: inputs.actions,
        changes,
        findings,
        processes: inputs.processes,
        spent: inputs.spent,
        suppliers: inputs.suppliers,
        feedback: inputs.feedback,
        records: inputs.records,
        risks,
        missing,
    }
}

fn risks(
    register: &Register,
    changes: &ChangeFigures,
    period: Period,
    now: Timestamp,
    inputs: &Inputs,
) -> Vec<String> {
    let mut risks = Vec::new();
    if let Some((false, what)) = &inputs.records {
        risks.push(format!("the records do not verify: {what}"));
    }
    for open in register.emergencies(now) {
        let (due, overdue) = (
            iso(open.due),
            if open.overdue {
                ", which has passed"
            } else {
                ""
            },
        );
        risks.push(format!(
            "{} is in force without approval by others, which is due by {due}{overdue}",
            open.change
        ));
    }
    for invalid in register
        .invalid()
        .iter()
        .filter(|invalid| period.has(invalid.time))
    {
        risks.push(format!(
            "record {} ({}) has no effect: {}",
            invalid.seq, invalid.kind, invalid.rule
        ));
    }
    for (path, count) in &changes.refused {
        risks.push(format!(
            "{count} times something was not loaded because it is not released, at {path}"
        ));
    }
    let suppliers = || inputs.suppliers.iter().flatten();
    let mut named = |what: &str, which: &dyn Fn(&&Supplier) -> bool| {
        let names: Vec<&str> = suppliers()
            .filter(which)
            .map(|one| one.plugin.as_str())
            .collect();
        if !names.is_empty() {
            risks.push(format!("{what}: {}", names.join(", ")));
        }
    };
    named("plugins that are not pinned", &|one| !one.pinned);
    named("plugins of which nobody's signature is demanded", &|one| {
        one.signed_by.is_none()
    });
    named("plugins that were quarantined", &|one| one.quarantined > 0);
    for action in inputs.actions.iter().flatten() {
        if !action.done && action.due.is_some_and(|due| due <= now) {
            risks.push(format!("{} ({}) is overdue", action.what, action.who));
        }
    }
    if let Ok(settings) = register.settings(now) {
        let board = |name: &std::sync::Arc<str>| {
            settings
                .board
                .iter()
                .any(|role| settings.may_hold(name, role))
        };
        let seats = settings.people.keys().filter(|name| board(name)).count();
        if seats <= settings.quorum {
            risks.push(format!(
                "{seats} people may sit on the board and {} must approve: where one of them requests a change, agents decide or nobody does",
                settings.quorum
            ));
        }
    }
    risks
}
