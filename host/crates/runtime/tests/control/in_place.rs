//! Released files get into the house, once and whole, whenever somebody is killed.

use crate::house::{Place, START, item};
use change::{Effectivity, Moment, Vote, When};
use charthouse_runtime::control::{is_unfinished, put_in_place, restore};
use types::{Clock, Timestamp};

const HOUR: i64 = 3_600_000;

#[test]
fn a_release_is_in_its_place_when_the_house_is_opened_next_and_once() {
    let place = Place::released();
    let number = place.release(
        &[
            ("agents/a.md", "Be kind.\n"),
            (
                "policies/default.yaml",
                "policy: default\nenv: { A: two }\n",
            ),
        ],
        None,
        Effectivity::now(),
    );
    // Killed between the record and the files: the files are still the old ones.
    assert_eq!(place.read("agents/a.md"), "Be brief.\n");
    let (root, now) = (place.root(), place.clock.now());
    assert!(is_unfinished(&place.journal(), &root, now).unwrap());
    place.enter().unwrap();
    assert_eq!(place.read("agents/a.md"), "Be kind.\n");
    assert!(place.read("policies/default.yaml").contains("two"));
    assert!(!is_unfinished(&place.journal(), &root, now).unwrap());
    let effective = place.records("change.effective");
    assert_eq!(effective.len(), 1);
    assert_eq!(effective[0]["change"], number.to_string());
    place.enter().unwrap();
    assert_eq!(place.records("change.effective").len(), 1);
    // It stands under the change's own instance.
    let journal = place.journal();
    let record = journal.of_kind("change.effective").unwrap().remove(0);
    assert_eq!(record.run, format!("i-{number}"));
}

#[test]
fn half_of_the_files_in_place_is_finished_and_not_refused() {
    let place = Place::released();
    place.release(
        &[("agents/a.md", "Be kind.\n"), ("agents/b.md", "Be kind.\n")],
        None,
        Effectivity::now(),
    );
    place.write("agents/a.md", "Be kind.\n");
    place.enter().unwrap();
    assert_eq!(place.read("agents/b.md"), "Be kind.\n");
}

#[test]
fn a_draft_in_the_place_of_what_is_released_is_kept_aside_and_told() {
    let place = Place::released();
    let number = place.release(&[("agents/a.md", "Be kind.\n")], None, Effectivity::now());
    place.write("agents/a.md", "What I was writing.\n");
    let placed = put_in_place(&mut place.journal(), &place.root(), place.clock.now()).unwrap();
    let [(file, kept)] = &placed[0].set_aside[..] else {
        panic!("{placed:?}");
    };
    assert_eq!(file, "agents/a.md");
    assert!(
        kept.starts_with(&format!(".charthouse/changes/drafts/{number}/")),
        "{kept}"
    );
    assert_eq!(place.read(kept), "What I was writing.\n");
    assert_eq!(place.read("agents/a.md"), "Be kind.\n");
}

#[test]
fn a_date_is_waited_for() {
    let place = Place::released();
    let at = Effectivity {
        when: When::At(Moment::at(Timestamp(START + HOUR))),
        agents: None,
    };
    place.release(&[("agents/a.md", "Be kind.\n")], None, at);
    let before = place.enter().unwrap();
    assert_eq!(&**before.house.held("agents/a.md").unwrap(), b"Be brief.\n");
    assert_eq!(place.read("agents/a.md"), "Be brief.\n");
    // Who is too early is refused, and told when.
    place.write("agents/a.md", "Be kind.\n");
    assert!(
        place.refused().contains("counts from 2026-"),
        "{}",
        place.refused()
    );
    place.write("agents/a.md", "Be brief.\n");
    place.pass(HOUR);
    let after = place.enter().unwrap();
    assert_eq!(&**after.house.held("agents/a.md").unwrap(), b"Be kind.\n");
    assert_eq!(place.read("agents/a.md"), "Be kind.\n");
    // The one before is superseded.
    place.write("agents/a.md", "Be brief.\n");
    assert!(
        place.refused().contains("is an old revision"),
        "{}",
        place.refused()
    );
}

#[test]
fn a_component_is_put_in_place_and_can_be_put_back() {
    let place = Place::released();
    let first = place.read("plugins/g.wasm");
    place.release(&[], Some("generation0002"), Effectivity::now());
    place.enter().unwrap();
    assert!(place.read("plugins/g.wasm").contains("0002"));
    place.release(&[], Some("generation0001"), Effectivity::now());
    place.enter().unwrap();
    assert_eq!(place.read("plugins/g.wasm"), first);
}

#[test]
fn an_emergency_is_in_force_at_once_told_until_approved_and_told_louder_when_overdue() {
    let place = Place::released();
    let due = Timestamp(START + HOUR);
    let number = place.emergency(
        &[(
            "policies/default.yaml",
            "policy: default\nenv: { A: none }\n",
        )],
        due,
    );
    let enter = || {
        place
            .enter_as(charthouse_runtime::control::Entrance::Start)
            .unwrap()
    };
    let entered = enter();
    assert!(place.read("policies/default.yaml").contains("none"));
    let [note] = &entered.notes[..] else {
        panic!("{:?}", entered.notes)
    };
    for word in [
        "EMERGENCY",
        &number.to_string(),
        "human:bob",
        "It leaks",
        "policy:default",
    ] {
        assert!(note.contains(word), "{note}");
    }
    // Every start says so again.
    assert_eq!(enter().notes.len(), 1);
    place.pass(2 * HOUR);
    assert!(enter().notes[0].contains("OVERDUE"));
    assert!(
        place.read("policies/default.yaml").contains("none"),
        "it is never taken back in silence"
    );
    place.vote(number, "cyd", "quality", Vote::Approve);
    place.vote(number, "eve", "operations", Vote::Approve);
    assert!(enter().notes.is_empty());
}

#[test]
fn an_emergency_that_is_rejected_gives_its_place_back() {
    let place = Place::released();
    let due = Timestamp(START + HOUR);
    let before = place.read("policies/default.yaml");
    let number = place.emergency(
        &[(
            "policies/default.yaml",
            "policy: default\nenv: { A: none }\n",
        )],
        due,
    );
    place.enter().unwrap();
    place.vote(number, "cyd", "quality", Vote::Reject);
    place.reject(number);
    place.enter().unwrap();
    assert_eq!(place.read("policies/default.yaml"), before);
}

#[test]
fn an_emergency_that_took_something_away_or_added_it_is_undone_as_well() {
    let place = Place::released();
    let due = Timestamp(START + HOUR);
    let (old, new) = (place.read("agents/b.yaml"), "policies/new.yaml");
    let number = place.emergency(&[("agents/b.yaml", ""), (new, "policy: new\n")], due);
    place.enter().unwrap();
    let is_there = |file: &str| place.root().join(file).exists();
    assert!(!is_there("agents/b.yaml") && is_there(new));
    place.vote(number, "cyd", "quality", Vote::Reject);
    place.reject(number);
    let entered = place.enter().unwrap();
    assert!(entered.house.agents.contains_key("b"));
    assert_eq!(place.read("agents/b.yaml"), old);
    assert!(is_there("agents/b.md") && !is_there(new));
    // Only its absence is what was rejected: what somebody writes there is a draft, and stays one.
    place.edit("agents/b.yaml", "max_output: 100", "max_output: 101");
    assert!(place.refused().contains("agent:b"));
    assert_ne!(place.read("agents/b.yaml"), old);
}

#[test]
fn what_is_released_can_be_put_back_over_drafts() {
    let place = Place::released();
    place.write("agents/a.md", "A draft.\n");
    place.write("charts/t.yaml", "chart: [\n");
    place.write("policies/new.yaml", "policy: new\n");
    let now = place.clock.now();
    let placed = restore(
        &place.journal(),
        &place.root(),
        now,
        &[item("agent:a")].into(),
    )
    .unwrap();
    assert_eq!(placed.placed.files, ["agents/a.md"]);
    let back = &placed.back[0];
    assert_eq!(
        back.released,
        Some((item("agent:a"), change::ChangeNumber::BASELINE))
    );
    assert!(back.is_there && !back.was_missing && back.kept.is_some());
    assert_eq!(place.read("charts/t.yaml"), "chart: [\n", "nobody named it");
    restore(&place.journal(), &place.root(), now, &[].into()).unwrap();
    restore(&place.journal(), &place.root(), now, &[].into()).unwrap();
    place.enter().unwrap();
}
