//! Folds of what the program wrote, stored anywhere and gone on with.

use super::Past;
use crate::admission::EXHAUSTED;
use crate::bound;
use crate::record::Kind;
use journal::{Bulk, Compaction, Journal, NewRecord, Record};
use serde_json::{Value as Json, json};
use types::Timestamp;

/// Records of runs that were killed and went on, as the program wrote them.
const KILLED: &str = include_str!("../../tests/past/killed.jsonl");

fn records() -> Vec<Record> {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
    for line in KILLED.lines() {
        let line: Json = serde_json::from_str(line).unwrap();
        let body = line["body"].to_string();
        let record = NewRecord {
            run: "killed",
            time: Timestamp(line["time"].as_i64().unwrap()),
            kind: line["kind"].as_str().unwrap(),
            body: &body,
        };
        journal.append(&[record]).unwrap();
    }
    journal.records("killed").unwrap()
}

fn anew() -> Past {
    Past {
        next_effect: 1,
        ..Past::default()
    }
}

fn taken(mut past: Past, kind: Kind, body: Json) -> Past {
    let mut record = records().swap_remove(0);
    record.body = body.to_string();
    record.kind = kind.name().to_owned();
    past.take(&record).unwrap();
    // As a snapshot would keep it.
    let now = serde_json::to_string(&past).unwrap();
    serde_json::from_str(&now).unwrap()
}

#[test]
fn it_is_known_that_a_run_was_reminded_until_its_work_is_asked_for_again() {
    let said = |past, more: Json| {
        let mut body = json!({ "text": "[…]", "house": true });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        taken(past, Kind::Said, body)
    };
    let reminded = || said(anew(), json!({ "reminds": true }));
    assert!(!said(anew(), json!({})).reminded, "any other word");
    assert!(said(reminded(), json!({})).reminded, "and it stays so");
    assert!(reminded().reminded);
    for event in [bound::ASSIGNED, bound::REFUSED] {
        let told = json!({ "cause": 1, "from": "i", "event": event });
        assert!(!taken(reminded(), Kind::Told, told).reminded, "{event}");
    }
    let bound = json!({ "instance": "i", "workflow": "w", "role": "r" });
    assert!(taken(reminded(), Kind::Bound, bound).reminded);
    // What a version stored that did not know of it.
    let mut stored = serde_json::to_value(reminded()).unwrap();
    stored.as_object_mut().unwrap().remove("reminded");
    assert!(!serde_json::from_value::<Past>(stored).unwrap().reminded);
}

/// A fold in which the activity `a` of the kind `kind` has a call under way that must not be made twice, and then stops with its run.
fn stopped_with_a_call(kind: &str) -> Past {
    let begun = json!({
        "event": null, "time": 0, "effects": [{ "type": "invoke", "id": "a", "activity": kind, "state": "s", "params": {} }],
    });
    let call = json!({
        "effect": 7, "invocation": "a", "call": "c", "tool": "t__x", "arguments": "{}", "repeat": "once",
    });
    let stopped = json!({ "invocation": "a", "suspended": true });
    let past = taken(anew(), Kind::Step, begun);
    taken(taken(past, Kind::Call, call), Kind::Stopped, stopped)
}

#[test]
fn a_call_that_must_not_be_made_twice_is_uncertain_however_its_run_stopped() {
    for kind in ["plugin", "turn", "act"] {
        let past = stopped_with_a_call(kind);
        let mut doing = past.doing["a"].clone();
        assert_eq!(
            doing.uncertain(false).len(),
            1,
            "{kind}: nobody goes on with it"
        );
        let mut doing = past.doing["a"].clone();
        let cut = doing.uncertain(true).len();
        let kept = doing
            .slots
            .iter()
            .filter(|made| made.is_uncertain())
            .count();
        // What a model is told of a call is said already; the chart's own call is put back, and is found to be uncertain then.
        let expected = if kind == "plugin" { (0, 1) } else { (1, 0) };
        assert_eq!((cut, kept), expected, "{kind}");
        let told = taken(past, Kind::Uncertain, json!({ "effect": 7 }));
        let mut doing = told.doing["a"].clone();
        assert!(doing.uncertain(false).is_empty(), "{kind}: said once");
    }
}

#[test]
fn an_inference_that_was_lost_is_booked_once() {
    let begun = json!({
        "event": null, "time": 0, "effects": [{ "type": "invoke", "id": "a", "activity": "think", "state": "s", "params": {} }],
    });
    let think = json!({
        "effect": 3, "invocation": "a", "provider": "p", "model": "m", "context": { "total": 9 },
    });
    let cost = |more: Json| {
        let mut body = json!({ "agent": "x", "state": "s", "purpose": "work", "wall_us": 0 });
        body.as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        body
    };
    let asked = taken(taken(anew(), Kind::Step, begun), Kind::Think, think);
    let is_open = |past: &Past| past.doing["a"].asking.is_some();
    assert!(is_open(&asked));
    let asked = taken(asked, Kind::Cost, cost(json!({})));
    assert!(is_open(&asked), "another's cost");
    assert!(!is_open(&taken(
        asked,
        Kind::Cost,
        cost(json!({ "lost": 3 }))
    )));
}

#[test]
fn it_is_known_until_when_there_is_no_room() {
    let refused = |to: &str, until: Json| {
        let body =
            json!({ "event": EXHAUSTED, "to": to, "refused": "an inference", "until": until });
        taken(anew(), Kind::Budget, body).room_at
    };
    assert_eq!(refused("killed", json!(7)), Some(Timestamp(7)));
    assert_eq!(refused("killed", Json::Null), None);
    assert_eq!(refused("an instance", json!(7)), None);
}

#[test]
fn a_fold_that_is_stored_anywhere_and_goes_on_comes_to_the_same() {
    let records = records();
    assert!(records.len() > 50);
    let mut whole = anew();
    let mut stored: Vec<Past> = Vec::new();
    for record in &records {
        let now = serde_json::to_string(&whole).unwrap();
        stored.push(serde_json::from_str(&now).unwrap());
        whole.take(record).unwrap();
    }
    let whole = serde_json::to_value(&whole).unwrap();
    for (at, mut past) in stored.into_iter().enumerate() {
        for record in &records[at..] {
            past.take(record).unwrap();
        }
        let past = serde_json::to_value(&past).unwrap();
        assert_eq!(past, whole, "stored before record {at}");
    }
}

/// A journal of a run that has begun a turn, with `records` behind that, the one of `kind` without its body.
fn without<'k>(
    kind: &str,
    records: impl IntoIterator<Item = (&'k str, serde_json::Value)>,
) -> (tempfile::TempDir, Journal) {
    let directory = tempfile::tempdir().unwrap();
    let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
    let effects =
        json!([{ "type": "invoke", "id": "a", "activity": "turn", "state": "s", "params": {} }]);
    let step = json!({ "event": null, "time": 0, "effects": effects });
    let begun = [
        ("started", json!({ "agent": { "name": "x" } })),
        ("step", step),
    ];
    for (kind, body) in begun.into_iter().chain(records) {
        let body = body.to_string();
        let record = NewRecord {
            run: "r",
            time: Timestamp(0),
            kind,
            body: &body,
        };
        journal.append(&[record]).unwrap();
    }
    let compacted = journal.compact(&Compaction {
        from: Bulk::Runs(&["r"]),
        kinds: &[kind],
        at_least: 0,
        archive: None,
        anew: false,
        now: Timestamp(1),
    });
    assert_eq!(compacted.unwrap().records, 1);
    (directory, journal)
}

/// What a call came to was taken out of the journal. Where the call counts no more nothing is missing; where it does it must not be called uncertain.
#[test]
fn an_outcome_that_was_taken_out_and_is_needed_keeps_the_run_from_going_on() {
    for is_done in [true, false] {
        let last = match is_done {
            true => (
                "step",
                json!({ "event": { "name": "turn.done" }, "time": 0, "invocation": "a", "effects": [] }),
            ),
            false => ("stopped", json!({ "invocation": "a", "suspended": true })),
        };
        let (_directory, journal) = without(
            "outcome",
            [
                (
                    "call",
                    json!({ "effect": 7, "invocation": "a", "call": "c", "tool": "t", "arguments": "{}", "repeat": "once" }),
                ),
                (
                    "outcome",
                    json!({ "effect": 7, "outcome": "x".repeat(500) }),
                ),
                last,
                ("ended", json!({ "status": "cancelled" })),
            ],
        );
        let read = Past::read(&journal, "r");
        match is_done {
            true => assert!(read.unwrap().unwrap().doing.is_empty()),
            false => {
                let said = read.err().unwrap().to_string();
                assert!(
                    said.contains("record 4 of the run `r` was compacted"),
                    "{said}"
                );
            }
        }
    }
}

/// An answer that was taken out long ago is in: an inference that was asked for later is what is open.
#[test]
fn an_answer_that_was_taken_out_before_the_last_inference_keeps_nothing_from_going_on() {
    let think = |effect: u64| {
        let body = json!({
            "effect": effect, "invocation": "a", "provider": "p", "model": "m", "context": { "total": 9 },
        });
        ("think", body)
    };
    let (_directory, journal) = without(
        "reply",
        [
            think(3),
            ("reply", json!({ "effect": 3, "reply": "x".repeat(500) })),
            think(4),
        ],
    );
    let past = Past::read(&journal, "r").unwrap().unwrap();
    assert_eq!(past.doing["a"].asking.as_ref().unwrap().effect, 4);
}
