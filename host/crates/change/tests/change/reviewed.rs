//! The management review of a year in which a little of everything happened.

use crate::story::*;
use change::{
    Action, Effectivity, Inputs, Period, Register, Review, Spent, Supplier, Verdict, Vote, review,
};
use types::Timestamp;

const EDIT: &[(&str, Option<&str>)] = &[(
    "policies/default.yaml",
    Some("policy: default\ntools: [{ allow: \"fs.*\" }]\n"),
)];

fn year() -> Story {
    let mut story = Story::new();
    story.change(&["policy:default"], EDIT, Effectivity::now());
    // One that went round twice.
    let change = story.request("human:ada", &["policy:spare"]).unwrap();
    story.approve(change, "human:bob").unwrap();
    story
        .vote(change, "human:cyd", "quality", Vote::Reject)
        .unwrap();
    story
        .request_as(change, "human:ada", &["policy:spare"], change::Class::Minor)
        .unwrap();
    story.approve(change, "human:bob").unwrap();
    story.approve(change, "human:cyd").unwrap();
    story
        .order(change, "human:cyd", Effectivity::now())
        .unwrap();
    let on = story
        .implement(
            change,
            "human:ada",
            &[("policies/spare.yaml", Some("policy: spare\n"))],
        )
        .unwrap();
    story
        .verify_as(change, "human:bob", on, Verdict::Failed, true)
        .unwrap();
    let on = story
        .implement(change, "human:ada", &[("policies/spare.yaml", None)])
        .unwrap();
    story.verify(change, "human:bob", on).unwrap();
    story.release(change, "human:cyd", on).unwrap();
    let withdrawn = story.request("human:ada", &["house"]).unwrap();
    story.withdraw(withdrawn, "human:ada").unwrap();
    let next = story.register.next_number();
    story
        .emergency(
            next,
            "human:ada",
            &[(
                "charts/other.yaml",
                Some("chart: other\ninitial: done\nstates: { done: { type: final } }\n"),
            )],
        )
        .unwrap();
    let _ = story.approve(next, "human:ada");
    story
}

fn reviewed(story: &Story, inputs: Inputs, later: i64) -> Review {
    let now = Timestamp(story.now + later);
    let period = Period {
        since: Timestamp(0),
        until: Timestamp(now.0 + 1),
    };
    review("my|house", &story.register, period, now, inputs)
}

#[test]
fn figures_are_those_of_the_records() {
    let story = year();
    let review = reviewed(&story, Inputs::default(), 0);
    let changes = &review.changes;
    assert_eq!(
        (changes.requested, changes.released, changes.first_pass),
        (4, 2, 1)
    );
    assert_eq!(
        (changes.reworked, changes.failed, changes.invalid),
        (1, 1, 1)
    );
    assert_eq!(changes.withdrawn.len(), 1);
    assert_eq!(changes.cycle.unwrap().count, 2);
    assert!(changes.cycle.unwrap().longest_ms > changes.cycle.unwrap().median_ms);
    assert_eq!(changes.emergencies[0].state, "waits for approval");
    assert_eq!(
        reviewed(&story, Inputs::default(), 10_000_000)
            .changes
            .emergencies[0]
            .state,
        "overdue"
    );
}

#[test]
fn what_is_not_known_is_said_to_be_missing() {
    let empty = review(
        "h",
        &Register::new(std::sync::Arc::new(World)),
        Period {
            since: Timestamp(0),
            until: Timestamp(1),
        },
        Timestamp(1),
        Inputs::default(),
    );
    assert_eq!(empty.missing.len(), 8);
    let text = empty.markdown();
    assert!(text.matches("**Not known.**").count() >= 6, "{text}");
    assert!(text.contains("- **external providers** (9.3.2 c 7): from house.yaml and house.lock"));
    let full = Inputs {
        actions: Some(vec![Action {
            what: "pin everything".into(),
            who: "ada".into(),
            due: Some(Timestamp(1)),
            done: false,
        }]),
        spent: Some(vec![Spent {
            purpose: "work".into(),
            joules: Some(5),
            how: Some("estimated".into()),
            money: "1.20".into(),
            ..Spent::default()
        }]),
        processes: Some(Vec::new()),
        findings: Some(Vec::new()),
        suppliers: Some(vec![Supplier {
            plugin: "fs".into(),
            quarantined: 2,
            ..Supplier::default()
        }]),
        records: Some((false, "record 7 was edited".into())),
        feedback: Some(Vec::new()),
    };
    let review = reviewed(&year(), full, 0);
    assert!(review.missing.is_empty(), "{:?}", review.missing);
    for risk in [
        "record 7 was edited",
        "CR-0004 is in force without approval",
        "not pinned: fs",
        "were quarantined: fs",
        "pin everything (ada) is overdue",
        "has no effect",
    ] {
        assert!(
            review.risks.iter().any(|line| line.contains(risk)),
            "{risk}: {:#?}",
            review.risks
        );
    }
}

#[test]
fn it_is_a_document_in_which_nobody_elses_words_are_markup() {
    let story = year();
    let review = reviewed(
        &story,
        Inputs {
            feedback: Some(vec!["<script>alert(1)</script> | # well".into()]),
            ..Inputs::default()
        },
        0,
    );
    let text = review.markdown();
    assert!(
        text.starts_with("# Management review: my\\|house\n"),
        "{text}"
    );
    assert!(text.contains("\\<script\\>") && !text.contains("<script>"));
    assert!(
        text.contains("| released at the first attempt | 1 of 2 |"),
        "{text}"
    );
    assert_eq!(review.to_json()["changes"]["released"], 2);
}
