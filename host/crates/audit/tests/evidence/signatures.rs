//! Signatures of people and agents in the record, by somebody who has the house and its key, and not theirs.

use crate::house::{House, INSTANCE, Seed, house_yaml, person};
use serde_json::{Value, json};
use sign::Statement;
use types::ContentHash;

/// What is wrong with a house of which the last record is `body`, once the house has signed that too.
fn why(make: impl FnOnce(&mut House)) -> String {
    let mut house = House::with_a_change();
    make(&mut house);
    house.checkpoint();
    let found = house.verify();
    assert!(!found.ok, "{found:#?}");
    found.why.unwrap()
}

fn vote(vote: &str) -> Value {
    json!({ "change": "CR-0001", "role": "quality", "vote": vote, "why": "" })
}

#[test]
fn nothing_counts_that_the_right_one_has_not_signed() {
    let unsigned = why(|house| {
        let mut body = vote("approve");
        body["by"] = "human:bob".into();
        house.record(INSTANCE, "change.voted", &body);
    });
    assert!(unsigned.contains("nobody has signed"), "{unsigned}");
    // Eve's key for Bob's word; a key of nobody; a person who is not listed; an agent without a key on record.
    for (who, seed) in [
        ("human:bob", 3),
        ("human:bob", 44),
        ("human:mallory", 3),
        ("agent:other", 7),
        ("house", 7),
    ] {
        let why = why(|house| {
            house.signed(who, seed, "change.voted", "approve", vote("approve"));
        });
        assert!(why.contains("the signature of"), "{who}: {why}");
    }
}

#[test]
fn a_signature_under_one_thing_does_not_stand_under_another() {
    let flipped = why(|house| {
        house.signed("human:bob", 2, "change.voted", "reject", vote("approve"));
    });
    assert!(flipped.contains("`reject`"), "{flipped}");
    let other = why(|house| {
        let statement = house.statement("human:bob", "approve", None);
        let mut body = vote("approve");
        body["change"] = "CR-0002".into();
        body["by"] = "human:bob".into();
        body["signed"] = json!(person(2).sign(&statement));
        house.record(INSTANCE, "change.voted", &body);
    });
    assert!(other.contains("CR-0001"), "{other}");
    let role = why(|house| {
        let mut statement = house.statement("human:bob", "approve", None);
        statement.role = "engineering".into();
        let mut body = vote("approve");
        body["by"] = "human:bob".into();
        body["signed"] = json!(person(2).sign(&statement));
        house.record(INSTANCE, "change.voted", &body);
    });
    assert!(role.contains("as engineering"), "{role}");
    let candidate = why(|house| {
        let statement = house.statement("human:bob", "passed", Some(ContentHash::of(b"other")));
        let body = json!({ "change": "CR-0001", "by": "human:bob", "on": ContentHash::of(b"candidate"), "result": "passed", "evidence": [], "signed": person(2).sign(&statement) });
        house.record(INSTANCE, "change.verified", &body);
    });
    assert!(candidate.contains("another candidate"), "{candidate}");
}

#[test]
fn a_signature_is_used_once_and_in_its_own_history() {
    let twice = why(|house| {
        let records = house.journal.of_kind("change.voted").unwrap();
        let body = house.body(records[0].seq.0);
        house.record(INSTANCE, "change.voted", &body);
    });
    assert!(twice.contains("used twice"), "{twice}");
    let elsewhere = why(|house| {
        let mut statement = house.statement("human:bob", "approve", None);
        statement.seen.hash = ContentHash::of(b"another history");
        let mut body = vote("approve");
        body["by"] = "human:bob".into();
        body["signed"] = json!(person(2).sign(&statement));
        house.record(INSTANCE, "change.voted", &body);
    });
    assert!(elsewhere.contains("another history"), "{elsewhere}");
}

#[test]
fn people_count_from_the_release_that_lists_them_and_until_the_one_that_does_not() {
    let mut house = House::with_a_change();
    let text = house_yaml(&[("ada", 1), ("eve", 3), ("kim", 4)]);
    let file =
        json!({ "file": "house.yaml", "hash": ContentHash::of(text.as_bytes()), "text": text });
    let candidate = ContentHash::of(b"2").to_string();
    let revisions =
        json!([{ "item": "house", "from": null, "to": ContentHash::of(b"3"), "files": [file] }]);
    let change = "CR-0002";
    house.signed(
        "human:ada",
        1,
        "change.implemented",
        "implemented",
        json!({ "change": change, "candidate": candidate, "revisions": revisions }),
    );
    // Bob is listed until it is released.
    house.signed(
        "human:bob",
        2,
        "change.verified",
        "passed",
        json!({ "change": change, "on": candidate, "result": "passed", "evidence": [] }),
    );
    house.signed("human:eve", 3, "change.released", "released", json!({ "change": change, "on": candidate, "effectivity": { "when": "now" }, "revisions": [] }));
    house.signed(
        "human:kim",
        4,
        "change.requested",
        "requested",
        json!({ "change": "CR-0003" }),
    );
    house.checkpoint();
    let found = house.verify();
    assert!(found.ok, "{found:#?}");
    house.signed(
        "human:bob",
        2,
        "change.requested",
        "requested",
        json!({ "change": "CR-0004" }),
    );
    let found = house.verify();
    assert!(!found.ok);
    assert!(
        found
            .why
            .unwrap()
            .contains("human:bob is not among the people")
    );
}

#[test]
fn whose_key_an_agents_is_the_house_signs() {
    // As older versions recorded it: it holds, and is told.
    let old = House::with_a_change().verify();
    assert!(old.ok, "{old:#?}");
    assert!(old.notes.iter().any(|note| note.contains("older versions")));
    // What the house has made itself it signs with the next checkpoint, and nothing else.
    let mut old = House::with_a_change();
    let own = old.ring.agent("mine", &Seed(9)).unwrap().signer;
    for (who, key) in [
        ("agent:mine", own.public()),
        ("agent:not", person(8).public()),
    ] {
        let body = json!({ "who": who, "key": key.to_string() });
        old.record("i-2", "identity", &body);
    }
    old.checkpoint();
    old.checkpoint();
    let signed = old.journal.of_kind("identity").unwrap();
    let signed: Vec<&str> = signed.iter().map(|record| &*record.body).collect();
    let signed = signed.iter().filter(|body| body.contains("\"signed\""));
    let signed: Vec<&&str> = signed.collect();
    assert!(
        signed.len() == 1 && signed[0].contains("agent:mine"),
        "{signed:?}"
    );
    assert!(old.verify().ok);
    let identity = |house: &mut House, seed: u8, signed_for: u8| {
        let key = person(seed).public().to_string();
        let other = person(signed_for).public().to_string();
        let statement = house.statement("house", "", None);
        let (seen, time) = (statement.seen, statement.time);
        let said = Statement::of_identity("agent:new", &other, "h", seen, time);
        let own = house.ring.house_if_any().unwrap().unwrap();
        let body = json!({ "who": "agent:new", "key": key, "signed": own.sign(&said) });
        house.record("i-2", "identity", &body);
    };
    let mut house = House::with_a_change();
    identity(&mut house, 8, 8);
    house.checkpoint();
    let found = house.verify();
    assert!(found.ok && found.signers.contains("house"), "{found:#?}");
    let another = why(|house| identity(house, 8, 9));
    assert!(another.contains("another key"), "{another}");
    let unsigned = why(|house| {
        identity(house, 8, 8);
        let key = person(9).public().to_string();
        house.record(
            "i-2",
            "identity",
            &json!({ "who": "agent:newer", "key": key }),
        );
    });
    assert!(unsigned.contains("has not signed whose key"), "{unsigned}");
}
