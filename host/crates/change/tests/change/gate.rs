//! What may be loaded, for whom and from when.

use crate::story::*;
use change::{Body, Effectivity, Moment, Question, Reason, Revision, When};
use std::sync::Arc;
use types::Timestamp;

const WIDER: &str = "policy: default\ntools: [{ deny: \"*\" }, { allow: \"fs.read\" }]\n";
const EDIT: &[(&str, Option<&str>)] = &[("policies/default.yaml", Some(WIDER))];

fn policy() -> change::ItemId {
    item("policy:default")
}

#[test]
fn a_house_that_wants_control_needs_a_baseline() {
    let story = Story::empty();
    let found = revisions(&files());
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(
        why[0].contains("no baseline") && why[0].contains("charthouse change baseline --as NAME"),
        "{why:?}"
    );
    let open = Question {
        found: &found,
        whole: true,
        file_says_controlled: false,
        audience: story.audience(None, None),
    };
    assert!(!story.register.admit(&open).unwrap().controlled);
}

#[test]
fn the_register_says_whether_it_is_controlled_and_not_the_file() {
    let story = Story::new();
    let house = String::from_utf8(files()["house.yaml"].clone()).unwrap() + "# open\n";
    let found = story.found(&[("house.yaml", Some(&house))]);
    let question = Question {
        found: &found,
        whole: true,
        file_says_controlled: false,
        audience: story.audience(None, None),
    };
    let refusals = story.register.admit(&question).unwrap_err();
    assert_eq!(refusals.len(), 1);
    assert_eq!(
        (&refusals[0].item, &refusals[0].reason),
        (&change::ItemId::House, &Reason::NotReleased)
    );
}

#[test]
fn turning_control_off_is_a_released_change_of_the_house_and_a_new_baseline_turns_it_on() {
    let mut story = Story::new();
    let house = String::from_utf8(files()["house.yaml"].clone()).unwrap() + "# open\n";
    story.change(
        &["house"],
        &[("house.yaml", Some(&house))],
        Effectivity::now(),
    );
    let found = story.found(EDIT);
    let mut question = Question {
        found: &found,
        whole: true,
        file_says_controlled: false,
        audience: story.audience(None, None),
    };
    assert!(!story.register.admit(&question).unwrap().controlled);
    // The word in the file alone controls nothing, so nothing is let in by it.
    question.file_says_controlled = true;
    let refusals = story.register.admit(&question).unwrap_err();
    assert_eq!(refusals[0].reason, Reason::NoBaseline);
    let mut files = files();
    files.insert("policies/default.yaml".into(), WIDER.into());
    files.remove("policies/spare.yaml");
    story.tell(baseline_of("human:bob", &files)).unwrap();
    let found = revisions(&files);
    assert!(story.admit(&found, None, None).unwrap().controlled);
    assert_eq!(
        story.register.head(&item("policy:spare")).unwrap().to,
        Revision::Absent
    );
}

#[test]
fn what_is_not_released_is_refused_with_what_to_do() {
    let mut story = Story::new();
    let found = story.found(EDIT);
    let why = story.admit(&found, Some("coder"), None).unwrap_err();
    assert_eq!(
        why,
        [
            "policies/default.yaml is not a released revision of policy:default (released: CR-0000). Open CR-0001: charthouse change request --item policy:default …"
        ]
    );
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(
        why[0].ends_with("CR-0001 is open about it: charthouse change show CR-0001"),
        "{why:?}"
    );
    story.withdraw(change, "human:ada").unwrap();
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(why[0].contains("Open CR-0002"), "{why:?}");
}

#[test]
fn a_text_that_an_agent_names_is_a_part_of_it() {
    let story = Story::new();
    let found = story.found(&[("texts/coder.md", Some("Do as you like.\n"))]);
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(
        why[0].contains("agents/coder.yaml is not a released revision of agent:coder"),
        "{why:?}"
    );
    let found = story.found(&[("scripts/s.yaml", Some("replies: []\n"))]);
    assert!(story.admit(&found, None, None).is_err());
}

#[test]
fn what_is_new_or_gone_is_refused_too() {
    let story = Story::new();
    let found = story.found(&[("policies/more.yaml", Some("policy: more\n"))]);
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(
        why[0].starts_with("policies/more.yaml is not released: no change made policy:more"),
        "{why:?}"
    );
    let found = story.found(&[("policies/spare.yaml", None)]);
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(
        why[0].starts_with("policies/spare.yaml is missing: CR-0000 released policy:spare"),
        "{why:?}"
    );
    // Whoever asks about one item only is not told of the others.
    let part = [(policy(), found[&policy()])].into();
    let question = Question {
        found: &part,
        whole: false,
        file_says_controlled: true,
        audience: story.audience(None, None),
    };
    assert!(story.register.admit(&question).is_ok());
}

#[test]
fn now_counts_for_runs_that_are_under_way() {
    let mut story = Story::new();
    let began = story.seq;
    let before = story.found(&[]);
    story.change(&["policy:default"], EDIT, Effectivity::now());
    let after = story.found(EDIT);
    assert!(
        story
            .admit(&after, Some("coder"), Some(began))
            .unwrap()
            .replace
            .is_empty()
    );
    let why = story
        .admit(&before, Some("coder"), Some(began))
        .unwrap_err();
    assert!(
        why[0].contains("is an old revision of policy:default: CR-0001 released another since"),
        "{why:?}"
    );
}

#[test]
fn next_run_counts_for_runs_that_begin_after_it() {
    let mut story = Story::new();
    let began = story.seq;
    let before = story.found(&[])[&policy()];
    let effectivity = Effectivity {
        when: When::NextRun,
        agents: None,
    };
    story.change(&["policy:default"], EDIT, effectivity);
    let found = story.found(EDIT);
    let replace = story
        .admit(&found, Some("coder"), Some(began))
        .unwrap()
        .replace;
    assert_eq!(replace, [(policy(), before)].into());
    let old = story
        .register
        .files_for(&story.audience(Some("coder"), Some(began)));
    assert_eq!(old.files, files());
    assert!(
        story
            .admit(&found, Some("coder"), Some(story.seq + 1))
            .unwrap()
            .replace
            .is_empty()
    );
    assert!(story.admit(&found, None, None).unwrap().replace.is_empty());
}

#[test]
fn a_date_counts_from_then_on() {
    let mut story = Story::new();
    let at = Timestamp(story.now + 100_000);
    let effectivity = Effectivity {
        when: When::At(Moment::at(at)),
        agents: None,
    };
    let at = Timestamp(at.0 / 1_000 * 1_000);
    let change = story.change(&["policy:default"], EDIT, effectivity);
    let now = Timestamp(story.now);
    assert_eq!(story.register.next_due(now), Some((at, change)));
    assert!(story.register.due(now).is_empty());
    let before = story.found(&[]);
    assert!(story.admit(&before, None, None).is_ok());
    let after = story.found(EDIT);
    let why = story.admit(&after, None, None).unwrap_err();
    assert!(
        why[0].contains(&format!("which counts from {} on", change::iso(at))),
        "{why:?}"
    );
    story.now = at.0;
    assert_eq!(story.register.due(at)[0].change, change);
    assert_eq!(story.register.next_due(at), None);
    assert!(story.admit(&after, None, None).is_ok());
    assert!(story.admit(&before, None, None).is_err());
    assert_eq!(
        story.register.files_in_place(at).files["policies/default.yaml"],
        WIDER.as_bytes()
    );
}

#[test]
fn a_release_for_some_counts_for_them_alone() {
    let mut story = Story::new();
    let before = story.found(&[])[&policy()];
    let effectivity = Effectivity {
        when: When::Now,
        agents: Some(vec![Arc::from("coder")]),
    };
    story.change(&["policy:default"], EDIT, effectivity);
    let found = story.found(EDIT);
    assert!(
        story
            .admit(&found, Some("coder"), Some(1))
            .unwrap()
            .replace
            .is_empty()
    );
    for other in [Some("checker"), None] {
        let replace = story.admit(&found, other, None).unwrap().replace;
        assert_eq!(replace, [(policy(), before)].into(), "{other:?}");
    }
    // The next change is made from what was released last, and takes the place of both.
    let widest = "policy: default\ntools: [{ allow: \"*\" }]\n";
    story.change(
        &["policy:default"],
        &[("policies/default.yaml", Some(widest))],
        Effectivity::now(),
    );
    assert!(story.admit(&found, Some("coder"), None).is_err());
}

#[test]
fn an_item_that_is_new_for_some_is_left_out_for_the_others() {
    let mut story = Story::new();
    let effectivity = Effectivity {
        when: When::Now,
        agents: Some(vec![Arc::from("coder")]),
    };
    story.change(
        &["policy:more"],
        &[("policies/more.yaml", Some("policy: more\n"))],
        effectivity,
    );
    let found = story.found(&[]);
    assert!(found.contains_key(&item("policy:more")));
    let replace = story.admit(&found, Some("checker"), None).unwrap().replace;
    assert_eq!(replace, [(item("policy:more"), Revision::Absent)].into());
    assert!(
        !story
            .register
            .files_for(&story.audience(Some("checker"), None))
            .files
            .contains_key("policies/more.yaml")
    );
}

#[test]
fn a_baseline_that_cannot_be_read_opens_nothing() {
    let mut story = Story::empty();
    let mut json = baseline("human:ada").to_json();
    json["more"] = 1.into();
    let at = change::At {
        seq: 1,
        time: Timestamp(1),
        run: "",
    };
    assert!(matches!(
        story.register.take(at, "change.baseline", &json),
        change::Taken::Invalid(_)
    ));
    let found = revisions(&files());
    let question = Question {
        found: &found,
        whole: true,
        file_says_controlled: false,
        audience: story.audience(None, None),
    };
    assert!(story.register.admit(&question).is_err());
}

#[test]
fn what_was_recorded_of_a_refusal_is_kept() {
    let mut story = Story::new();
    let found = story.found(EDIT);
    let question = Question {
        found: &found,
        whole: true,
        file_says_controlled: true,
        audience: story.audience(None, None),
    };
    let refusal = story.register.admit(&question).unwrap_err().remove(0);
    story
        .tell(Body::Refused(refusal.record(change::Where::Reload)))
        .unwrap();
    assert_eq!(story.register.refused()[0].refused.item, policy());
}
