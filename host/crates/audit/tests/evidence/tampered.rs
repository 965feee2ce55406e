//! Whoever makes every hash of the chain anew is found by what the house signed.

use crate::house::{House, Seed, person};
use charthouse_audit::{AuditError, begin_new_key};
use serde_json::{Value, json};
use sign::{KeyError, Keyring, PublicKey, Trusted};
use types::Timestamp;

fn same(kind: &str, body: Value) -> Vec<(String, Value)> {
    vec![(kind.to_owned(), body)]
}

fn trust(key: &PublicKey) -> Vec<Trusted> {
    vec![Trusted {
        principals: Vec::new(),
        key: key.clone(),
    }]
}

#[test]
fn what_nobody_touched_holds() {
    let house = House::with_a_change();
    let found = house.verify();
    assert!(found.ok, "{found:#?}");
    assert_eq!(
        (found.checkpoints, found.signatures, found.unsigned),
        (3, 8, 0)
    );
    assert_eq!(
        found.signers.iter().collect::<Vec<_>>(),
        ["agent:coder", "human:ada", "human:bob", "human:eve"]
    );
    assert!(!found.trusted && found.anchored.is_none());
    let anchor = house.anchor();
    let found = house.verify_with(&trust(&house.key()), Some(&anchor));
    assert!(found.ok && found.trusted, "{found:#?}");
    assert_eq!(found.anchored, Some(anchor.checkpoint.upto.seq));
    assert!(
        house
            .rewritten(|_, kind, body| same(kind, body))
            .verify()
            .ok,
        "rewriting alone changes nothing"
    );
}

#[test]
fn every_record_that_is_edited_removed_doubled_or_moved_is_found() {
    let house = House::with_a_change();
    let records = house.journal.head().unwrap().seq;
    // The last one is the checkpoint itself: taking it away leaves a shorter record, which an anchor finds.
    for at in 1..records {
        let edited = house.rewritten(|seq, kind, mut body| {
            if seq == at {
                body["edited"] = json!(true);
            }
            same(kind, body)
        });
        assert!(!edited.verify().ok, "record {at} was edited");
        let removed = house.rewritten(|seq, kind, body| {
            if seq == at {
                Vec::new()
            } else {
                same(kind, body)
            }
        });
        assert!(!removed.verify().ok, "record {at} was removed");
        let doubled = house.rewritten(|seq, kind, body| match seq == at {
            true => vec![
                (kind.to_owned(), body.clone()),
                ("note".to_owned(), json!({})),
            ],
            false => same(kind, body),
        });
        let found = doubled.verify();
        // Between what the last checkpoint covers and itself, as behind it, the chain alone holds.
        match at < records - 1 {
            true => assert!(!found.ok, "something was put behind record {at}"),
            false => assert_eq!(found.unsigned, 1, "{found:#?}"),
        }
        let mut held = None;
        let moved = house.rewritten(|seq, kind, body| match seq {
            seq if seq == at => {
                held = Some((kind.to_owned(), body));
                Vec::new()
            }
            seq if seq == at + 1 => {
                let mut both = same(kind, body);
                both.extend(held.take());
                both
            }
            _ => same(kind, body),
        });
        assert!(
            !moved.verify().ok,
            "records {at} and the next changed places"
        );
    }
}

#[test]
fn a_record_that_was_cut_off_is_found_by_an_anchor() {
    let house = House::with_a_change();
    let anchor = house.anchor();
    for left in 1..=anchor.checkpoint.upto.seq - 1 {
        let cut = house.rewritten(|seq, kind, body| {
            if seq <= left {
                same(kind, body)
            } else {
                Vec::new()
            }
        });
        let found = cut.verify_with(&[], Some(&anchor));
        assert!(!found.ok, "{left} records are left");
        assert_eq!(found.first_bad, Some(left + 1), "{found:#?}");
    }
}

#[test]
fn who_takes_all_checkpoints_away_is_found() {
    let house = House::with_a_change();
    let bare = house.rewritten(|_, kind, body| {
        if kind == "checkpoint" {
            Vec::new()
        } else {
            same(kind, body)
        }
    });
    let found = bare.verify();
    assert!(!found.ok && found.checkpoints == 0);
}

#[test]
fn who_signs_all_anew_with_another_key_is_found_by_whoever_knows_the_right_one() {
    let house = House::with_a_change();
    let kept = house.key();
    let mut thief = house.rewritten(|_, kind, body| match kind {
        "checkpoint" => Vec::new(),
        "identity" if body["who"] == "house" => Vec::new(),
        _ => same(kind, body),
    });
    let other = tempfile::tempdir().unwrap();
    thief.ring = Keyring::of_house(other.path());
    charthouse_audit::make(
        &mut thief.journal,
        &thief.ring,
        "h",
        &Seed(66),
        Timestamp(5),
    )
    .unwrap();
    let found = thief.verify_with(&trust(&kept), None);
    assert!(!found.ok, "{found:#?}");
    let is_told = |bad: &charthouse_audit::Bad| bad.what.contains("not the one that is trusted");
    assert!(found.bad.iter().any(is_told), "{found:#?}");
    assert!(!thief.verify_with(&[], Some(&house.anchor())).ok);
    assert!(
        thief
            .verify_with(&trust(&thief.key()), None)
            .bad
            .iter()
            .all(|bad| !bad.what.contains("trusted"))
    );
}

#[test]
fn a_second_key_for_the_house_or_an_agent_is_refused_unless_somebody_vouches_for_it() {
    for who in ["house", "agent:coder"] {
        let mut house = House::with_a_change();
        let key = person(55).public().clone();
        house.record(
            "house",
            "identity",
            &json!({ "who": who, "key": key.to_string() }),
        );
        house.checkpoint();
        let found = house.verify();
        assert!(
            !found.ok && found.why.as_ref().unwrap().contains("another key"),
            "{found:#?}"
        );
        let mut both = trust(&house.key());
        both.extend(trust(&key));
        assert!(house.verify_with(&both, None).ok);
    }
}

#[test]
fn a_checkpoint_is_made_only_where_something_was_written() {
    let mut house = House::with_a_change();
    let before = house.journal.head().unwrap();
    house.checkpoint();
    house.checkpoint();
    assert_eq!(house.journal.head().unwrap(), before);
    let mut empty = House::empty();
    empty.checkpoint();
    assert_eq!(empty.journal.head().unwrap().seq, 0);
    assert!(
        empty.ring.house_if_any().unwrap().is_none(),
        "no key is made for nothing"
    );
}

fn why_not_signed(house: &mut House) -> AuditError {
    let (now, before) = (Timestamp(house.now), house.journal.head().unwrap());
    let made = charthouse_audit::make(&mut house.journal, &house.ring, "h", &Seed(98), now);
    assert_eq!(house.journal.head().unwrap(), before, "nothing is written");
    made.unwrap_err()
}

#[test]
fn nothing_is_signed_behind_what_does_not_hold() {
    let house = House::with_a_change();
    let signed = house.anchor().checkpoint.upto.seq;
    // Something before the last checkpoint reads otherwise, every hash made anew.
    let mut edited = house.rewritten(|seq, kind, mut body| {
        if seq == 1 {
            body["edited"] = json!(true);
        }
        same(kind, body)
    });
    edited.ring = house.ring.clone();
    let why = why_not_signed(&mut edited);
    assert!(
        matches!(why, AuditError::Broken { record, .. } if record == signed),
        "{why}"
    );
    // The end is gone, from before the last checkpoint: what is left holds by itself, and the house has noted beside its key what it has signed.
    for left in [0, 1, signed - 1] {
        let mut cut = house.rewritten(|seq, kind, body| match seq <= left {
            true => same(kind, body),
            false => Vec::new(),
        });
        cut.ring = house.ring.clone();
        let why = why_not_signed(&mut cut);
        assert!(
            matches!(why, AuditError::Gone { record, .. } if record == signed),
            "{left}: {why}"
        );
        if left > 0 {
            assert_eq!(cut.verify().first_bad, Some(left + 1), "without an anchor");
        }
    }
    // A checkpoint that the house did not sign.
    let mut forged = house.rewritten(|seq, kind, mut body| {
        if kind == "checkpoint" && seq > signed {
            body["time"] = json!("2020-01-01T00:00:00Z");
        }
        same(kind, body)
    });
    forged.ring = house.ring.clone();
    let why = why_not_signed(&mut forged);
    assert!(matches!(why, AuditError::Broken { .. }), "{why}");
    // An older journal was put in its place on purpose: the note is taken away.
    let mut older = house.rewritten(|seq, kind, body| match seq < signed {
        true => same(kind, body),
        false => Vec::new(),
    });
    older.ring = house.ring.clone();
    std::fs::remove_file(older.ring.place_of_signed(older.journal.path())).unwrap();
    older.checkpoint();
    assert!(older.verify().ok);
}

#[test]
fn a_key_that_is_lost_is_not_replaced_unless_somebody_says_so() {
    let mut house = House::with_a_change();
    let (place, kept) = (house.ring.place_of_house(), house.key());
    let now = Timestamp(house.now);
    let needless = begin_new_key(&mut house.journal, &house.ring, "h", &Seed(98), now);
    assert!(matches!(needless, Err(AuditError::KeyIsThere)));
    let text = std::fs::read(&place).unwrap();
    std::fs::remove_file(&place).unwrap();
    house.record("r", "step", &json!({}));
    let why = why_not_signed(&mut house);
    let known = kept.fingerprint();
    assert!(
        matches!(&why, AuditError::Key(KeyError::Lost { known: k, .. }) if *k == known),
        "{why}"
    );
    assert!(!place.exists(), "no other is made");
    assert!(why.help().unwrap().contains("--new-key"), "{why}");
    // Another lies in its place.
    person(55).write(&place).unwrap();
    let why = why_not_signed(&mut house);
    assert!(
        matches!(why, AuditError::Key(KeyError::OtherThanKnown { .. })),
        "{why}"
    );
    let mut restored = house.rewritten(|_, kind, body| same(kind, body));
    restored.ring = house.ring.clone();
    let key = begin_new_key(&mut house.journal, &house.ring, "h", &Seed(98), now).unwrap();
    assert!(key.public().is(person(55).public()));
    let found = house.verify();
    assert!(
        !found.ok && found.why.unwrap().contains("another key"),
        "whoever verifies is told"
    );
    let mut both = trust(&kept);
    both.extend(trust(&house.key()));
    let found = house.verify_with(&both, None);
    assert!(found.ok, "{found:#?}");
    // And where it is found again, all is as it was.
    std::fs::write(&place, text).unwrap();
    std::fs::remove_file(restored.ring.place_of_signed(restored.journal.path())).unwrap();
    restored.checkpoint();
    assert!(restored.verify().ok);
}
