//! Each rule, broken by somebody who would like to.

use crate::story::*;
use change::{
    Body, ChangeNumber, Class, Effectivity, ItemId, Of, Person, Rule, Stage, Verdict, Vote, When,
};
use std::sync::Arc;

const WIDER: &str = "policy: default\ntools: [{ deny: \"*\" }, { allow: \"fs.read\" }]\n";
const WIDEST: &str = "policy: default\ntools: [{ allow: \"*\" }]\n";
pub const EDIT: &[(&str, Option<&str>)] = &[("policies/default.yaml", Some(WIDER))];

/// A change that the board has approved and that is ordered.
pub fn ordered(items: &[&str]) -> (Story, ChangeNumber) {
    let mut story = Story::new();
    let change = story.request("human:ada", items).unwrap();
    story.assess(change, "human:bob").unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    story
        .order(change, "human:bob", Effectivity::now())
        .unwrap();
    (story, change)
}

#[test]
fn a_change_goes_from_its_request_to_its_release() {
    let (mut story, change) = ordered(&["policy:default"]);
    let stage = |story: &Story| story.register.change(change).unwrap().stage();
    assert_eq!(stage(&story), Stage::Approved);
    let on = story.implement(change, "human:ada", EDIT).unwrap();
    assert_eq!(stage(&story), Stage::Implemented);
    story.verify(change, "human:bob", on).unwrap();
    assert_eq!(stage(&story), Stage::Verified);
    story.release(change, "human:cyd", on).unwrap();
    assert_eq!(stage(&story), Stage::Released);
    let head = story.register.head(&item("policy:default")).unwrap();
    assert_eq!((head.change, &head.by), (change, &human("cyd")));
    let history = &story.register.change(change).unwrap().history;
    assert_eq!(history.len(), 8);
    assert!(
        history[2].what.contains("approved as quality: I looked"),
        "{history:?}"
    );
    assert_eq!(
        story.register.due(types::Timestamp(story.now))[0].change,
        change
    );
    story
        .tell(Body::Effective(change::Effective {
            change,
            items: vec![item("policy:default")],
        }))
        .unwrap();
    assert_eq!(stage(&story), Stage::Effective);
    assert!(story.register.due(types::Timestamp(story.now)).is_empty());
    assert!(matches!(
        story.withdraw(change, "human:ada"),
        Err(Rule::Closed { .. })
    ));
}

#[test]
fn whoever_requested_or_made_it_decides_nothing() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:spare"]).unwrap();
    assert!(matches!(
        story.approve(change, "human:ada"),
        Err(Rule::Separation {
            did: "requested",
            ..
        })
    ));
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    story
        .order(change, "human:dan", Effectivity::now())
        .unwrap();
    // Bob has voted.
    let spare = [("policies/spare.yaml", Some("policy: spare\n"))];
    assert!(matches!(
        story.implement(change, "human:bob", &spare),
        Err(Rule::Separation {
            did: "voted on",
            ..
        })
    ));
    let on = story.implement(change, "human:dan", &spare).unwrap();
    assert!(matches!(
        story.verify(change, "human:dan", on),
        Err(Rule::Separation { .. })
    ));
    assert!(matches!(
        story.verify(change, "human:ada", on),
        Err(Rule::Separation { .. })
    ));
    story.verify(change, "human:bob", on).unwrap();
    assert!(matches!(
        story.release(change, "human:dan", on),
        Err(Rule::Separation { .. })
    ));
    assert!(matches!(
        story.release(change, "human:ada", on),
        Err(Rule::Separation { .. })
    ));
    story.release(change, "human:cyd", on).unwrap();
}

#[test]
fn two_names_with_one_key_are_one_person() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    assert!(matches!(
        story.approve(change, "human:eve"),
        Err(Rule::SameKey { .. })
    ));
    let change = story.request("human:bob", &["policy:default"]).unwrap();
    story.approve(change, "human:ada").unwrap();
    assert!(matches!(
        story.approve(change, "human:eve"),
        Err(Rule::VotedTwice { .. })
    ));
}

#[test]
fn nobody_votes_twice_and_the_quorum_counts_people() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    assert!(matches!(
        story.order(change, "human:bob", Effectivity::now()),
        Err(Rule::Quorum { found: 0, .. })
    ));
    story.approve(change, "human:bob").unwrap();
    assert!(matches!(
        story.vote(change, "human:bob", "engineering", Vote::Approve),
        Err(Rule::VotedTwice { .. })
    ));
    assert!(matches!(
        story.order(change, "human:bob", Effectivity::now()),
        Err(Rule::Quorum { found: 1, .. })
    ));
    assert!(matches!(
        story.vote(change, "human:cyd", "gardening", Vote::Approve),
        Err(Rule::NotBoard { .. })
    ));
    assert!(matches!(
        story.vote(change, "human:fay", "engineering", Vote::Approve),
        Err(Rule::Role { .. })
    ));
    assert!(matches!(
        story.approve(change, "human:zoe"),
        Err(Rule::Stranger { .. })
    ));
    story.approve(change, "human:fay").unwrap();
    story
        .order(change, "human:bob", Effectivity::now())
        .unwrap();
    assert!(matches!(
        story.vote(change, "human:cyd", "quality", Vote::Reject),
        Err(Rule::Decided(_))
    ));
    // That is how things are, and nobody's duty.
    assert_eq!(Rule::Decided(change).of(), Of::State);
    assert_eq!(Rule::NoBaseline.of(), Of::State);
    assert_eq!(Rule::CandidateHash.of(), Of::Said);
}

#[test]
fn a_rejection_stands_until_the_change_is_requested_anew() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story
        .vote(change, "human:cyd", "quality", Vote::Reject)
        .unwrap();
    story.approve(change, "human:dan").unwrap();
    assert!(matches!(
        story.order(change, "human:dan", Effectivity::now()),
        Err(Rule::RejectionStands { .. })
    ));
    assert_eq!(
        story.register.change(change).unwrap().stage(),
        Stage::SentBack
    );
    // Nobody who has voted may say what is wanted.
    assert!(matches!(
        story.request_as(change, "human:bob", &["policy:spare"], Class::Minor),
        Err(Rule::Separation { .. })
    ));
    story
        .request_as(change, "human:ada", &["policy:default"], Class::Minor)
        .unwrap();
    // Votes on what was wanted before do not count for what is wanted now.
    assert!(matches!(
        story.order(change, "human:dan", Effectivity::now()),
        Err(Rule::Quorum { found: 0, .. })
    ));
    story.approve(change, "human:cyd").unwrap();
    story.approve(change, "human:bob").unwrap();
    story
        .order(change, "human:dan", Effectivity::now())
        .unwrap();
}

#[test]
fn only_what_was_approved_is_touched() {
    let (mut story, change) = ordered(&["policy:spare"]);
    let all = story
        .register
        .items()
        .map(|(item, _)| item.clone())
        .collect();
    let other = story.candidate_of(&all, EDIT).unwrap();
    let refused = story.tell(Body::Implemented(change::Implemented {
        change,
        by: human("ada"),
        candidate: other.hash,
        revisions: other.revisions,
        signed: unsigned("human:ada"),
    }));
    assert_eq!(
        refused.unwrap_err().to_string(),
        "CR-0001 does not touch policy:default"
    );
}

#[test]
fn what_is_released_is_what_was_verified() {
    let (mut story, change) = ordered(&["policy:default"]);
    let first = story.implement(change, "human:ada", EDIT).unwrap();
    story.verify(change, "human:bob", first).unwrap();
    // Something else is made after it was verified.
    let second = story
        .implement(
            change,
            "human:ada",
            &[("policies/default.yaml", Some(WIDEST))],
        )
        .unwrap();
    assert!(matches!(
        story.release(change, "human:cyd", first),
        Err(Rule::OtherCandidate { .. })
    ));
    assert!(matches!(
        story.release(change, "human:cyd", second),
        Err(Rule::NotVerified(_))
    ));
    assert!(matches!(
        story.verify(change, "human:bob", first),
        Err(Rule::OtherCandidate { .. })
    ));
    story
        .verify_as(change, "human:bob", second, Verdict::Failed, true)
        .unwrap();
    assert!(matches!(
        story.release(change, "human:cyd", second),
        Err(Rule::VerificationFailed(_))
    ));
    // What failed and is made again as it was before must be verified again.
    let again = story.implement(change, "human:ada", EDIT).unwrap();
    assert_eq!(again, first);
    assert!(matches!(
        story.release(change, "human:cyd", again),
        Err(Rule::NotVerified(_))
    ));
    story.verify(change, "human:bob", again).unwrap();
    let mut body = story.release_body(change, "human:cyd", again);
    if let Body::Released(body) = &mut body {
        body.revisions[0].to = change::Revision::Absent;
    }
    assert!(matches!(story.tell(body), Err(Rule::OtherRevisions(_))));
    let mut body = story.release_body(change, "human:cyd", again);
    if let Body::Released(body) = &mut body {
        body.effectivity.when = When::NextRun;
    }
    assert!(matches!(story.tell(body), Err(Rule::OrderedOtherwise(..))));
    story.release(change, "human:cyd", again).unwrap();
}

#[test]
fn a_verification_needs_evidence_and_a_release_an_order() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    let on = story.implement(change, "human:ada", EDIT).unwrap();
    assert!(matches!(
        story.verify_as(change, "human:bob", on, Verdict::Passed, false),
        Err(Rule::NoEvidence)
    ));
    story.verify(change, "human:bob", on).unwrap();
    assert!(matches!(
        story.release(change, "human:cyd", on),
        Err(Rule::NotOrdered(_))
    ));
    story
        .order(change, "human:cyd", Effectivity::now())
        .unwrap();
    assert!(matches!(
        story.release(change, "human:fay", on),
        Err(Rule::Role { .. })
    ));
    story.release(change, "human:cyd", on).unwrap();
}

#[test]
fn an_agent_decides_nothing_about_what_governs_it() {
    for (items, governed) in [
        (&["agent:coder"][..], &["coder"][..]),
        (&["chart:think"], &["coder", "checker"]),
        (&["policy:default"], &["coder", "checker", "lone"]),
        (&["house"], &["coder", "checker", "lone"]),
        (&["chart:other", "policy:spare"], &["lone"]),
    ] {
        for name in ["coder", "checker", "lone"] {
            let mut story = Story::new();
            let change = story.request("human:ada", items).unwrap();
            let refused = story.approve(change, &format!("agent:{name}"));
            match governed.contains(&name) {
                true => assert!(
                    matches!(refused, Err(Rule::Governed { .. })),
                    "{name} {items:?} {refused:?}"
                ),
                false => refused.unwrap(),
            }
        }
    }
}

#[test]
fn an_agent_that_the_change_itself_binds_to_an_item_is_governed_by_it() {
    // `lone` is not governed by chart:think, until this change has it think by it.
    let mut story = Story::new();
    let change = story
        .request("human:ada", &["chart:think", "agent:lone"])
        .unwrap();
    assert!(matches!(
        story.approve(change, "agent:lone"),
        Err(Rule::Governed { .. })
    ));
    let change = story.request("human:ada", &["chart:think"]).unwrap();
    story.approve(change, "agent:lone").unwrap();
    story.approve(change, "human:bob").unwrap();
    story
        .order(change, "human:bob", Effectivity::now())
        .unwrap();
    let think = "chart: think\ninitial: done\nstates: { done: { type: final } }\n";
    let on = story
        .implement(change, "human:ada", &[("charts/think.yaml", Some(think))])
        .unwrap();
    story.verify(change, "human:bob", on).unwrap();
    // Meanwhile another change has `lone` think by it: what it said counts no more.
    let lone = String::from_utf8(files()["agents/lone.yaml"].clone())
        .unwrap()
        .replace("cognition: other", "cognition: think");
    story.change(
        &["agent:lone"],
        &[("agents/lone.yaml", Some(&lone))],
        Effectivity::now(),
    );
    assert!(matches!(
        story.release(change, "human:bob", on),
        Err(Rule::Quorum { found: 1, .. })
    ));
}

#[test]
fn agents_hold_roles_as_people_do() {
    let mut story = Story::new();
    let change = story.request("agent:coder", &["policy:spare"]).unwrap();
    story.approve(change, "agent:checker").unwrap();
    story.approve(change, "human:bob").unwrap();
    story
        .order(change, "human:bob", Effectivity::now())
        .unwrap();
    let on = story
        .implement(change, "agent:coder", &[("policies/spare.yaml", None)])
        .unwrap();
    assert!(matches!(
        story.verify(change, "agent:coder", on),
        Err(Rule::Separation { .. })
    ));
    story.verify(change, "agent:lone", on).unwrap();
    story.release(change, "human:cyd", on).unwrap();
    assert_eq!(
        story.register.head(&item("policy:spare")).unwrap().to,
        change::Revision::Absent
    );
}

#[test]
fn only_people_vouch_for_a_baseline_and_act_in_an_emergency() {
    let mut story = Story::empty();
    assert_eq!(
        story.request("human:ada", &["house"]),
        Err(Rule::NoBaseline)
    );
    assert!(matches!(
        story.tell(baseline("agent:coder")),
        Err(Rule::NoAgent(_))
    ));
    assert!(matches!(
        story.tell(baseline("human:fay")),
        Err(Rule::Role { .. })
    ));
    story.tell(baseline("human:ada")).unwrap();
    assert!(matches!(
        story.tell(baseline("human:ada")),
        Err(Rule::BaselineStands { .. })
    ));
    let next = story.register.next_number();
    assert!(matches!(
        story.emergency(next, "agent:coder", EDIT),
        Err(Rule::AgentCannot(_))
    ));
    assert!(matches!(
        story.emergency(next, "human:fay", EDIT),
        Err(Rule::Role { .. })
    ));
    story.emergency(next, "human:ada", EDIT).unwrap();
    assert_eq!(
        story.register.head(&item("policy:default")).unwrap().change,
        next
    );
}

#[test]
fn an_emergency_counts_at_once_and_is_approved_by_others_afterwards() {
    let mut story = Story::new();
    let change = story.register.next_number();
    story.emergency(change, "human:ada", EDIT).unwrap();
    let open = |story: &Story, later: i64| {
        story
            .register
            .emergencies(types::Timestamp(story.now + later))
    };
    assert_eq!(
        open(&story, 0)
            .iter()
            .map(|one| one.overdue)
            .collect::<Vec<_>>(),
        [false]
    );
    assert!(open(&story, 4_000_000)[0].overdue);
    assert!(matches!(
        story.approve(change, "human:ada"),
        Err(Rule::Separation { .. })
    ));
    story.approve(change, "human:bob").unwrap();
    assert_eq!(open(&story, 0).len(), 1);
    story.approve(change, "human:cyd").unwrap();
    assert!(open(&story, 4_000_000).is_empty());
    assert_eq!(
        story.register.change(change).unwrap().stage(),
        Stage::Confirmed
    );
    assert_eq!(
        story.register.head(&item("policy:default")).unwrap().change,
        change
    );
}

#[test]
fn an_emergency_that_is_rejected_is_taken_back() {
    let mut story = Story::new();
    let change = story.register.next_number();
    story.emergency(change, "human:ada", EDIT).unwrap();
    assert!(matches!(story.reject(change), Err(Rule::NotRejected(_))));
    story
        .vote(change, "human:bob", "quality", Vote::Reject)
        .unwrap();
    assert_eq!(open_numbers(&story), [change]);
    story.reject(change).unwrap();
    assert_eq!(open_numbers(&story), []);
    assert_eq!(
        story.register.head(&item("policy:default")).unwrap().change,
        ChangeNumber::BASELINE
    );
    let found = story.found(EDIT);
    let why = story.admit(&found, None, None).unwrap_err();
    assert!(
        why[0].contains("in an emergency, and that was rejected"),
        "{why:?}"
    );
}

pub fn open_numbers(story: &Story) -> Vec<ChangeNumber> {
    let open = story.register.emergencies(types::Timestamp(story.now));
    open.into_iter().map(|one| one.change).collect()
}

#[test]
fn what_was_made_from_an_old_revision_is_not_released() {
    let (mut story, change) = ordered(&["policy:default"]);
    let on = story.implement(change, "human:ada", EDIT).unwrap();
    story.verify(change, "human:bob", on).unwrap();
    story.change(
        &["policy:default"],
        &[("policies/default.yaml", Some(WIDEST))],
        Effectivity::now(),
    );
    assert!(matches!(
        story.release(change, "human:cyd", on),
        Err(Rule::Stale { .. })
    ));
}

#[test]
fn numbers_are_counted_and_belong_to_one_instance() {
    let mut story = Story::new();
    let ninth = ChangeNumber::new(9);
    assert!(matches!(
        story.request_as(ninth, "human:ada", &["house"], Class::Minor),
        Err(Rule::Number { .. })
    ));
    let change = story.request("human:ada", &["house"]).unwrap();
    assert_eq!(change.to_string(), "CR-0001");
    let mut other = Story::clone(&story);
    let body = Body::Requested(change::Requested {
        change,
        instance: "another".into(),
        title: String::new(),
        reason: String::new(),
        class: Class::Minor,
        items: vec![ItemId::House],
        by: human("ada"),
        links: Vec::new(),
        signed: unsigned("human:ada"),
    });
    assert!(matches!(other.tell(body), Err(Rule::Instance { .. })));
    assert_eq!(story.request("human:ada", &[]), Err(Rule::NoItems));
    assert_eq!(
        story.request("human:ada", &["house"]).unwrap().to_string(),
        "CR-0002"
    );
}

#[test]
fn a_release_for_some_names_agents_that_there_are() {
    let mut story = Story::new();
    let change = story.request("human:ada", &["policy:default"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    let some = |names: &[&str]| Effectivity {
        when: When::Now,
        agents: Some(names.iter().map(|name| Arc::from(*name)).collect()),
    };
    assert_eq!(
        story.order(change, "human:bob", some(&[])),
        Err(Rule::NoAgents)
    );
    assert!(matches!(
        story.order(change, "human:bob", some(&["coder", "codre"])),
        Err(Rule::NoAgent(_))
    ));
    story.order(change, "human:bob", some(&["coder"])).unwrap();
    let change = story.request("human:ada", &["house"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    assert_eq!(
        story.order(change, "human:bob", some(&["coder"])),
        Err(Rule::HouseForSome)
    );
}

#[test]
fn what_could_be_done_is_known_before_anybody_signs() {
    use change::Doing;
    let (mut story, change) = ordered(&["chart:think"]);
    let now = types::Timestamp(story.now);
    let may = |story: &Story, who: &Person, doing| story.register.may_do(change, who, doing, now);
    assert!(may(&story, &human("ada"), Doing::Implement).is_ok());
    assert!(may(&story, &human("bob"), Doing::Implement).is_err());
    assert!(may(&story, &human("ada"), Doing::Verify).is_err());
    assert!(matches!(
        may(&story, &agent("coder"), Doing::Release),
        Err(Rule::Governed { .. })
    ));
    assert!(may(&story, &agent("lone"), Doing::Verify).is_ok());
    assert!(matches!(
        may(&story, &human("zoe"), Doing::Look),
        Err(Rule::Stranger { .. })
    ));
    assert!(may(&story, &agent("lone"), Doing::Withdraw).is_err());
    story.withdraw(change, "human:dan").unwrap();
    assert!(matches!(
        may(&story, &human("ada"), Doing::Look),
        Err(Rule::Closed { .. })
    ));
}
