//! What came of the work: a workflow's instances, out of their own records.
//!
//! What counts as what, for any workflow that hands work on:
//! - a *hand-in* is a record `hand_in`; the work it was for is a state with a role, which a `step` opens and closes;
//! - *rework* is work that is opened again after it was handed in once: somebody sent it back. A hand-over is none, because nothing was handed in;
//! - a *defect* is what the hand-in before that found: as many as its artefacts list under `defects` or `findings`, one where they list none; and what the last
//!   one lists where the instance ends without being accepted;
//! - *first pass* is an instance that was accepted without any rework;
//! - *accepted* is an instance that came to its end in a final state which is not one of those that say otherwise ([`Accepted`]).

use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};
use types::Timestamp;

/// Final states that say that nothing was accepted, unless somebody says which ones do.
const NOT_ACCEPTED: [&str; 9] = [
    "rejected",
    "refused",
    "withdrawn",
    "cancelled",
    "canceled",
    "failed",
    "abandoned",
    "stalled",
    "closed-unresolved",
];

/// As many defects as a review may say that it found, without listing them.
const MOST_STATED: u64 = 1_000_000;

/// Which ends are a change that was accepted.
#[derive(Clone, Debug, Default)]
pub enum Accepted {
    /// Every final state but those whose name says otherwise (`rejected`, `withdrawn`, `failed` and the like).
    #[default]
    Usual,
    /// These final states alone.
    States(BTreeSet<String>),
}

impl Accepted {
    fn has(&self, outcome: &str) -> bool {
        match self {
            Accepted::Usual => !NOT_ACCEPTED.contains(&outcome),
            Accepted::States(states) => states.contains(outcome),
        }
    }
}

/// One instance of a workflow.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Case {
    /// The workflow.
    pub workflow: String,
    /// Its version, as written.
    pub version: String,
    /// When it began.
    pub began: Timestamp,
    /// When it ended.
    pub ended: Option<Timestamp>,
    /// How: its final state, or `cancelled` where somebody ended it.
    pub outcome: Option<String>,
    /// Work that was sent back, each time.
    pub rework: u64,
    /// What reviews found that sent work back.
    pub defects: u64,
    /// Hand-ins.
    pub hand_ins: u64,
    stands_in: String,
    /// States whose work was handed in, in this order, since work was last sent back before them.
    handed_in: Vec<String>,
    /// What the last hand-in found, should it turn out to send work back.
    found: u64,
    cancelled: bool,
}

impl Case {
    /// Whether it came to an accepted end.
    pub fn is_accepted(&self, accepted: &Accepted) -> bool {
        !self.cancelled
            && self
                .outcome
                .as_ref()
                .is_some_and(|outcome| accepted.has(outcome))
    }

    /// What reviews found: what sent work back, and what the last hand-in found where it ended otherwise than accepted.
    pub fn defects(&self, accepted: &Accepted) -> u64 {
        match self.outcome.is_some() && !self.is_accepted(accepted) {
            true => self.defects.saturating_add(self.found),
            false => self.defects,
        }
    }

    /// Whether it did so without any rework.
    pub fn is_first_pass(&self, accepted: &Accepted) -> bool {
        self.is_accepted(accepted) && self.rework == 0
    }

    /// From its beginning to its end.
    pub fn cycle_ms(&self) -> Option<u64> {
        u64::try_from(self.ended?.0.saturating_sub(self.began.0)).ok()
    }
}

/// All instances, by their ids.
#[derive(Clone, Debug, Default)]
pub struct Cases(BTreeMap<String, Case>);

impl Cases {
    /// The kinds of record that say anything here.
    pub const KINDS: [&'static str; 5] = ["started", "step", "migrated", "hand_in", "ended"];

    /// Take the record `body` of `kind`, in the order of the journal. Records of agents' runs are passed over.
    pub fn take(&mut self, run: &str, time: Timestamp, kind: &str, body: &Json) {
        if kind == "started" {
            if let Some(name) = body["workflow"]["name"].as_str() {
                let case = Case {
                    workflow: name.to_owned(),
                    version: text(&body["workflow"]["version"]),
                    began: time,
                    ..Case::default()
                };
                self.0.insert(run.to_owned(), case);
            }
            return;
        }
        let Some(case) = self.0.get_mut(run) else {
            return;
        };
        match kind {
            "step" | "migrated" => case.stepped(body),
            "hand_in" => case.handed(body),
            "ended" => {
                case.ended = Some(time);
                case.cancelled = body["status"] == "cancelled";
                case.outcome = Some(match case.cancelled {
                    true => "cancelled".to_owned(),
                    false => case.stands_in.clone(),
                });
            }
            _ => {}
        }
    }

    /// Whether `run` is one of them.
    pub fn get(&self, instance: &str) -> Option<&Case> {
        self.0.get(instance)
    }

    /// Those of `states` in which no instance ever ended, each with what looks most like it among those in which one did.
    pub fn never_ended_in<'s>(
        &self,
        states: impl IntoIterator<Item = &'s str>,
    ) -> Vec<(&'s str, Option<String>)> {
        let ends: BTreeSet<&str> = self
            .0
            .values()
            .filter_map(|case| case.outcome.as_deref())
            .collect();
        let unknown = states.into_iter().filter(|state| !ends.contains(state));
        let nearest = |state| types::nearest(state, ends.iter().copied()).map(str::to_owned);
        unknown.map(|state| (state, nearest(state))).collect()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Case)> {
        self.0.iter().map(|(id, case)| (id.as_str(), case))
    }
}

impl Case {
    fn stepped(&mut self, body: &Json) {
        let states = body["configuration"].as_array().into_iter().flatten();
        let states: Vec<&str> = states.filter_map(Json::as_str).collect();
        self.stands_in = states.join(", ");
        for opened in body["opened"].as_array().into_iter().flatten() {
            let state = opened["state"].as_str().unwrap_or_default();
            let Some(before) = self.handed_in.iter().position(|handed| handed == state) else {
                continue;
            };
            // Whoever worked after it looks at it anew: that is no rework of theirs.
            self.handed_in.truncate(before);
            self.rework = self.rework.saturating_add(1);
            let found = std::mem::take(&mut self.found).max(1);
            self.defects = self.defects.saturating_add(found);
        }
    }

    fn handed(&mut self, body: &Json) {
        self.hand_ins = self.hand_ins.saturating_add(1);
        self.handed_in.push(text(&body["state"]));
        let artefacts = &body["artefacts"];
        let listed = [&artefacts["defects"], &artefacts["findings"]];
        self.found = listed.into_iter().map(how_many).max().unwrap_or(0);
    }
}

/// As many as there are, or as it says. A number that nobody can have counted says nothing.
fn how_many(listed: &Json) -> u64 {
    match listed {
        Json::Array(list) => list.len() as u64,
        Json::Number(number) => number
            .as_u64()
            .filter(|stated| *stated <= MOST_STATED)
            .unwrap_or(0),
        _ => 0,
    }
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// What happens to one instance, a second apart.
    fn case(records: &[(&str, Json)]) -> Case {
        let mut cases = Cases::default();
        for (n, (kind, body)) in records.iter().enumerate() {
            cases.take("i", Timestamp(n as i64 * 1_000), kind, body);
        }
        cases.get("i").cloned().unwrap()
    }

    fn began() -> (&'static str, Json) {
        (
            "started",
            json!({ "workflow": { "name": "implement-review", "version": "1.0.0" }, "input": null, "time": 0 }),
        )
    }

    fn step(state: &str, opens: bool) -> (&'static str, Json) {
        let opened = match opens {
            true => json!([{ "work": 1, "state": state, "role": "r" }]),
            false => json!([]),
        };
        (
            "step",
            json!({ "configuration": [state], "opened": opened }),
        )
    }

    fn hand_in(state: &str, outcome: &str, artefacts: Json) -> (&'static str, Json) {
        (
            "hand_in",
            json!({ "state": state, "role": "r", "outcome": outcome, "artefacts": artefacts }),
        )
    }

    fn end(status: &str) -> (&'static str, Json) {
        ("ended", json!({ "status": status }))
    }

    #[test]
    fn what_is_accepted_at_once_is_a_first_pass() {
        let case = case(&[
            began(),
            step("implement", true),
            hand_in("implement", "done", Json::Null),
            step("review", true),
            hand_in(
                "review",
                "accepted",
                json!({ "findings": ["a typo that was let pass"] }),
            ),
            step("accepted", false),
            end("done"),
        ]);
        assert!(case.is_first_pass(&Accepted::Usual));
        assert_eq!((case.rework, case.hand_ins), (0, 2));
        assert_eq!(case.defects(&Accepted::Usual), 0);
        assert_eq!(
            (case.outcome.as_deref(), case.cycle_ms()),
            (Some("accepted"), Some(6_000))
        );
        let others = Accepted::States(["released".to_owned()].into());
        assert!(!case.is_accepted(&others));
        assert_eq!(case.defects(&others), 1, "by what counts as accepted");
    }

    #[test]
    fn no_number_of_defects_is_believed_that_nobody_can_have_counted() {
        let mut records = vec![began()];
        for stated in [u64::MAX / 2, u64::MAX / 2, u64::MAX / 2, 7] {
            records.extend([
                step("implement", true),
                hand_in("implement", "done", Json::Null),
                hand_in("review", "rejected", json!({ "defects": stated })),
            ]);
        }
        records.extend([step("rejected", false), end("done")]);
        // Sent back three times, each time for something.
        assert_eq!(case(&records).defects(&Accepted::Usual), 3 + 7);
    }

    #[test]
    fn a_state_in_which_nothing_ever_ended_is_named_with_the_one_that_was_meant() {
        let mut cases = Cases::default();
        for (id, state) in [("i", "released"), ("j", "rejected")] {
            for (kind, body) in [began(), step(state, false), end("done")] {
                cases.take(id, Timestamp(0), kind, &body);
            }
        }
        let unknown = cases.never_ended_in(["released", "relaesed", "zzz"]);
        let meant = Some("released".to_owned());
        assert_eq!(unknown, [("relaesed", meant), ("zzz", None)]);
    }

    #[test]
    fn what_is_sent_back_is_rework_with_the_defects_that_were_found() {
        let round = |artefacts: Json| {
            [
                step("implement", true),
                hand_in("implement", "done", Json::Null),
                step("review", true),
                hand_in("review", "rejected", artefacts),
            ]
        };
        let mut records = vec![began()];
        records.extend(round(json!({ "defects": ["one", "two", "three"] })));
        records.extend(round(Json::Null));
        records.extend(round(json!({ "defects": 2 })));
        records.extend([step("stalled", false), end("cancelled")]);
        let case = case(&records);
        // The review that looks once more reworks nothing; what the last one found was not sent back, and is found all the same.
        assert_eq!(case.defects(&Accepted::Usual), 3 + 1 + 2);
        let stalled = Accepted::States(["stalled".to_owned()].into());
        assert_eq!(case.defects(&stalled), 3 + 1 + 2, "it was cancelled");
        assert_eq!(case.rework, 2);
        assert!(!case.is_accepted(&Accepted::Usual));
        assert_eq!(case.outcome.as_deref(), Some("cancelled"));
    }

    #[test]
    fn handing_over_is_no_rework() {
        let case = case(&[
            began(),
            step("implement", true),
            ("unbound", json!({ "role": "r" })),
            step("implement", true),
            hand_in("implement", "done", Json::Null),
            step("rejected", false),
            end("done"),
        ]);
        assert_eq!((case.rework, case.defects), (0, 0));
        assert!(
            !case.is_accepted(&Accepted::Usual),
            "its final state says otherwise"
        );
    }
}
