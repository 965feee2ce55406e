//! Records that cannot be read, or were written by somebody who keeps no rules.

use crate::story::*;
use change::{At, Body, Effectivity, KINDS, Register, Rule, Taken};
use serde_json::{Value, json};
use std::sync::Arc;
use types::Timestamp;

const EDIT: &[(&str, Option<&str>)] = &[(
    "policies/default.yaml",
    Some("policy: default\ntools: [{ allow: \"fs.*\" }]\n"),
)];

fn told() -> Story {
    let mut story = Story::new();
    story.change(&["policy:default"], EDIT, Effectivity::now());
    story
}

fn fold(records: &[(u64, i64, &'static str, Value)]) -> Register {
    let mut register = Register::new(Arc::new(World));
    for (seq, time, kind, body) in records {
        let at = At {
            seq: *seq,
            time: Timestamp(*time),
            run: "run",
        };
        register.take(at, kind, body);
    }
    register
}

#[test]
fn bodies_are_read_as_they_were_written() {
    for (_, _, kind, json) in &told().records {
        let body = Body::read(kind, json).unwrap().unwrap();
        assert_eq!((body.kind(), &body.to_json()), (*kind, json));
    }
    for kind in KINDS {
        assert_eq!(Body::read(kind, &json!({})).is_none(), kind == "identity");
    }
    assert!(Body::read("call", &json!({})).is_none());
}

#[test]
fn nothing_that_is_missing_damaged_or_added_is_passed_over() {
    let story = told();
    let whole = fold(&story.records);
    assert!(whole.invalid().is_empty());
    let head = |register: &Register| {
        register
            .head(&item("policy:default"))
            .map(|head| head.change.to_string())
    };
    assert_eq!(head(&whole).as_deref(), Some("CR-0001"));
    for (index, (_, _, kind, json)) in story.records.iter().enumerate() {
        let mut keys: Vec<String> = json.as_object().unwrap().keys().cloned().collect();
        keys.push("added".into());
        for key in keys {
            let mut records = story.records.clone();
            records[index].3[&key] = json!({ "nonsense": [1] });
            let register = fold(&records);
            assert!(!register.invalid().is_empty(), "{kind} {key}");
            let released = head(&register).as_deref() == Some("CR-0001");
            assert!(!released || *kind == "change.assessed", "{kind} {key}");
        }
        // A record that is not there at all: nothing is released without what comes before it.
        let mut records = story.records.clone();
        records.remove(index);
        let released = head(&fold(&records)).as_deref() == Some("CR-0001");
        assert!(!released || *kind == "change.assessed", "{kind}");
    }
}

#[test]
fn an_unknown_kind_of_change_is_an_error_of_that_record() {
    let mut story = told();
    let at = At {
        seq: 99,
        time: Timestamp(1),
        run: "",
    };
    let taken = story
        .register
        .take(at, "change.blessed", &json!({ "change": "CR-0001" }));
    assert!(matches!(taken, Taken::Invalid(Rule::Unreadable(_))));
    assert_eq!(
        story.register.invalid()[0].change.unwrap().to_string(),
        "CR-0001"
    );
    assert_eq!(story.register.take(at, "call", &json!({})), Taken::Other);
}

#[test]
fn every_key_that_is_said_to_be_somebodys_is_known() {
    let mut story = told();
    let at = At {
        seq: 99,
        time: Timestamp(1),
        run: "",
    };
    for key in ["one", "two", "one"] {
        story
            .register
            .take(at, "identity", &json!({ "who": "agent:coder", "key": key }));
    }
    story.register.take(at, "identity", &json!({ "who": 1 }));
    let keys = story.register.identities().iter().map(|one| &*one.key);
    assert_eq!(keys.collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(story.register.invalid().len(), 1);
}

#[test]
fn files_that_are_not_what_their_hashes_say_are_not_taken() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    let candidate = story.candidate(change, EDIT).unwrap();
    type Edit = (&'static str, fn(&mut change::RevisionRecord));
    let edits: [Edit; 6] = [
        ("another text", |one| {
            one.files[0].text = Some("policy: default\n".into())
        }),
        ("no text", |one| one.files[0].text = None),
        ("another name", |one| {
            one.files[0].file = "policies/../../etc/passwd".into()
        }),
        ("renamed", |one| {
            one.files[0].file = "policies/other.yaml".into()
        }),
        ("twice", |one| one.files.push(one.files[0].clone())),
        ("none", |one| one.files.clear()),
    ];
    for (what, edit) in edits {
        let mut revisions = candidate.revisions.clone();
        edit(&mut revisions[0]);
        let told = story.clone().tell(Body::Implemented(change::Implemented {
            change,
            by: human("ada"),
            candidate: candidate.hash,
            revisions,
            signed: unsigned("human:ada"),
        }));
        assert!(matches!(told, Err(Rule::Files { .. })), "{what}: {told:?}");
    }
    let told = story.tell(Body::Implemented(change::Implemented {
        change,
        by: human("ada"),
        candidate: types::ContentHash::of(b"another"),
        revisions: candidate.revisions,
        signed: unsigned("human:ada"),
    }));
    assert_eq!(told, Err(Rule::CandidateHash));
}

#[test]
fn a_house_whose_control_cannot_be_read_stays_closed() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["house"]).unwrap();
    let house = String::from_utf8(files()["house.yaml"].clone()).unwrap() + "# broken\n";
    let refused = story.implement(change, "human:ada", &[("house.yaml", Some(&house))]);
    assert!(matches!(refused, Err(Rule::Settings(_))));
}

#[test]
fn everything_that_is_said_of_a_rule_can_be_read() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    let told = story.approve(change, "human:ada").unwrap_err();
    assert_eq!(
        told.to_string(),
        "human:ada requested CR-0001 and so cannot vote on it"
    );
    assert_eq!(told.hint(), "let somebody else do it");
    let told = story.approve(change, "agent:coder").unwrap_err();
    assert_eq!(
        told.to_string(),
        "policy:default says what agent:coder may do, and so agent:coder cannot vote on CR-0001"
    );
}
