//! What became of changes in a period.

use super::Period;
use crate::person::Person;
use crate::record::{ChangeNumber, Class, Verdict};
use crate::register::{Change, Register, Stage};
use serde::Serialize;
use std::collections::BTreeMap;
use types::Timestamp;

/// How many changes stand where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageCount {
    /// Where.
    pub stage: Stage,
    /// How many.
    pub count: usize,
}

/// How long it took from the request to the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Cycle {
    /// Of how many changes.
    pub count: usize,
    /// The one in the middle, the lower of two.
    pub median_ms: i64,
    /// The longest.
    pub longest_ms: i64,
}

/// An emergency of the period, or one that is still open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct EmergencyLine {
    /// The change.
    pub change: ChangeNumber,
    /// By whom.
    pub by: Person,
    /// Why.
    pub why: String,
    /// When.
    pub time: Timestamp,
    /// By when others had to approve it.
    pub due: Timestamp,
    /// What became of it.
    pub state: &'static str,
}

/// What became of changes.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ChangeFigures {
    /// Requested in the period.
    pub requested: usize,
    /// Released or confirmed in the period.
    pub released: usize,
    /// Of those, how many were assessed, approved, made and verified once.
    pub first_pass: usize,
    /// Rounds beyond the first, of those that were requested or closed in the period.
    pub reworked: usize,
    /// Verifications that failed in the period.
    pub failed: usize,
    /// Rejected in the period, with why.
    pub rejected: Vec<(ChangeNumber, String)>,
    /// Withdrawn in the period, with why.
    pub withdrawn: Vec<(ChangeNumber, String)>,
    /// Where all changes stand that were under way at some time in the period.
    pub stages: Vec<StageCount>,
    /// Their classes.
    pub classes: BTreeMap<&'static str, usize>,
    /// From request to release, of those released in the period.
    pub cycle: Option<Cycle>,
    /// Emergencies.
    pub emergencies: Vec<EmergencyLine>,
    /// Load paths that were refused in the period, with how often.
    pub refused: BTreeMap<&'static str, usize>,
    /// Records without effect in the period.
    pub invalid: usize,
}

pub(super) fn figures(register: &Register, period: Period, now: Timestamp) -> ChangeFigures {
    let all: Vec<&Change> = register.changes().collect();
    let done = |change: &&&Change| {
        matches!(
            change.stage(),
            Stage::Released | Stage::Effective | Stage::Confirmed
        ) && change.closed_at().is_some_and(|time| period.has(time))
    };
    let released: Vec<&&Change> = all.iter().filter(done).collect();
    let under_way = |change: &&&Change| {
        change.requested_at() < period.until
            && change.closed_at().is_none_or(|time| time >= period.since)
    };
    let under_way: Vec<&&Change> = all.iter().filter(under_way).collect();
    let mut classes = BTreeMap::new();
    for change in &under_way {
        *classes.entry(change.class.as_str()).or_default() += 1;
    }
    let mut refused = BTreeMap::new();
    for turned in register
        .refused()
        .iter()
        .filter(|turned| period.has(turned.time))
    {
        *refused.entry(turned.refused.place.as_str()).or_default() += 1;
    }
    let failed = all.iter().flat_map(|change| &change.verifications);
    let failed = failed.filter(|one| one.result == Verdict::Failed && period.has(one.deed.time));
    ChangeFigures {
        requested: all
            .iter()
            .filter(|change| period.has(change.requested_at()))
            .count(),
        released: released.len(),
        first_pass: released
            .iter()
            .filter(|change| is_first_pass(change))
            .count(),
        reworked: under_way.iter().map(|change| rework(change)).sum(),
        failed: failed.count(),
        rejected: all
            .iter()
            .filter_map(|change| {
                let (time, why) = change.rejected.as_ref()?;
                period.has(*time).then(|| (change.number, why.clone()))
            })
            .collect(),
        withdrawn: all
            .iter()
            .filter_map(|change| {
                let (deed, why) = change.withdrawn.as_ref()?;
                period.has(deed.time).then(|| (change.number, why.clone()))
            })
            .collect(),
        stages: Stage::ALL
            .into_iter()
            .map(|stage| StageCount {
                stage,
                count: under_way
                    .iter()
                    .filter(|change| change.stage() == stage)
                    .count(),
            })
            .filter(|one| one.count > 0)
            .collect(),
        classes,
        cycle: cycle(&released),
        emergencies: emergencies(&all, period, now),
        refused,
        invalid: register
            .invalid()
            .iter()
            .filter(|one| period.has(one.time))
            .count(),
    }
}

fn rework(change: &Change) -> usize {
    let rounds = change.round as usize - 1;
    rounds.max(change.implementations.len().saturating_sub(1))
}

fn is_first_pass(change: &Change) -> bool {
    let failed = change
        .verifications
        .iter()
        .any(|one| one.result == Verdict::Failed);
    rework(change) == 0 && !failed && change.class != Class::Emergency
}

fn cycle(released: &[&&Change]) -> Option<Cycle> {
    let lengths = released
        .iter()
        .filter_map(|change| Some(change.closed_at()?.0 - change.requested_at().0));
    let mut lengths: Vec<i64> = lengths.collect();
    lengths.sort_unstable();
    let longest = *lengths.last()?;
    Some(Cycle {
        count: lengths.len(),
        median_ms: lengths[(lengths.len() - 1) / 2],
        longest_ms: longest,
    })
}

fn emergencies(all: &[&Change], period: Period, now: Timestamp) -> Vec<EmergencyLine> {
    let lines = all.iter().filter_map(|change| {
        let urgent = change.emergency.as_ref()?;
        let is_open = change.is_open_emergency();
        let late = |time: Option<Timestamp>| time.is_some_and(|time| time > urgent.due);
        let state = match (is_open, change.stage()) {
            (true, _) if urgent.due <= now => "overdue",
            (true, _) => "waits for approval",
            (_, Stage::Rejected) => "rejected, taken back",
            (_, Stage::Withdrawn) => "withdrawn, taken back",
            _ if late(change.closed_at()) => "approved too late",
            _ => "approved in time",
        };
        (is_open || period.has(urgent.deed.time)).then(|| EmergencyLine {
            change: change.number,
            by: urgent.deed.who.clone(),
            why: urgent.why.clone(),
            time: urgent.deed.time,
            due: urgent.due,
            state,
        })
    });
    lines.collect()
}
