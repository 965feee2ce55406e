//! The workflow that comes with charthouse, from its first offer to its end.

use super::charts::implement_review;
use super::stage::{START, Stage, coder, handed_in, reviewer};
use charthouse_runtime::workflow::{Happened, Out, Via, Who};
use serde_json::json;
use types::Value;

#[test]
fn it_is_offered_bound_rejected_and_accepted() {
    let mut stage = Stage::begin(&implement_review());
    assert_eq!(stage.kinds(), ["started", "step", "offered"]);
    assert_eq!(stage.offered(), ["implementer: implement"]);
    assert_eq!(
        stage.instance.on_offer(),
        [std::sync::Arc::from("implementer")]
    );

    stage.bind("implementer", &coder()).unwrap();
    assert_eq!(stage.sent(), ["work.assigned implementer/implement -> r1"]);
    let work = stage.told(&coder(), "work.assigned");
    assert_eq!(work["workflow"], "implement-review");
    assert_eq!(work["instance"], "i1");
    assert_eq!(work["input"], json!({ "issue": 6 }));
    assert_eq!(work["data"]["rounds"], 0);
    assert_eq!(stage.instance.on_offer(), []);

    let mut done = handed_in("implementer", &coder(), "finished");
    if let Happened::HandIn {
        notes, artefacts, ..
    } = &mut done
    {
        *notes = Some("look at the parser first".into());
        *artefacts = Value::from(json!({ "patch": "out/1.diff" }));
    }
    stage.take(done).unwrap();
    // Whoever handed in needs not hear that the work is gone.
    assert_eq!(stage.sent(), [] as [&str; 0]);
    assert_eq!(stage.offered(), ["reviewer: review"]);

    stage.bind("reviewer", &reviewer()).unwrap();
    let work = stage.told(&reviewer(), "work.assigned");
    assert_eq!(work["notes"][0]["notes"], "look at the parser first");
    assert_eq!(work["notes"][0]["by"], "agent:coder");
    assert_eq!(work["artefacts"][0]["artefacts"]["patch"], "out/1.diff");
    assert_eq!(work["data"]["rounds"], 1);

    // The same implementer is given the next round, and nobody has to bind anybody.
    stage.hand_in("reviewer", &reviewer(), "rejected").unwrap();
    assert_eq!(stage.leaves(), "implement");
    assert_eq!(stage.sent(), ["work.assigned implementer/implement -> r1"]);
    stage.hand_in("implementer", &coder(), "finished").unwrap();
    assert_eq!(stage.sent(), ["work.assigned reviewer/review -> r2"]);
    stage.hand_in("reviewer", &reviewer(), "accepted").unwrap();
    assert_eq!(
        stage.sent(),
        ["work.ended  -> r1", "work.ended  -> r2"],
        "each holder hears of the end once"
    );
    assert_eq!(stage.instance.ended().unwrap().status.name(), "done");
    assert_eq!(stage.instance.holder("reviewer"), None);
    assert_eq!(stage.instance.next_due(), None);
    assert!(matches!(stage.out.last(), Some(Out::Ended(_))));
    assert_eq!(stage.kinds().last(), Some(&"ended"));
}

#[test]
fn a_run_that_fails_is_replaced_by_another_with_its_notes() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage
        .detach("implementer", Via::Failure, "half of it is in out/")
        .unwrap();
    // Nobody is told: it is gone. The chart enters the state anew, and the role is offered anew.
    assert_eq!(stage.sent(), [] as [&str; 0]);
    assert_eq!(stage.offered(), ["implementer: implement"]);
    let position = stage.instance.position();
    assert_eq!(position.data["handovers"], 1);
    assert_eq!(position.data["notes"], "half of it is in out/");
    assert_eq!(stage.last("unbound")["by"], "failure");

    let other = Who::agent("editor", "r7");
    stage.bind("implementer", &other).unwrap();
    let work = stage.told(&other, "work.assigned");
    assert_eq!(work["notes"][0]["notes"], "half of it is in out/");
    // The run before cannot hand in any more.
    let error = stage.hand_in("implementer", &coder(), "done").unwrap_err();
    assert_eq!(error.code(), "refused");
}

#[test]
fn whoever_is_detached_by_command_is_told_and_can_be_bound_again() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.detach("implementer", Via::Command, "").unwrap();
    assert_eq!(stage.sent(), ["work.withdrawn implementer/implement -> r1"]);
    stage.bind("implementer", &coder()).unwrap();
    assert_eq!(stage.sent(), ["work.assigned implementer/implement -> r1"]);
}

#[test]
fn a_role_that_is_left_while_nobody_waits_for_it_is_not_the_charts_business() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.hand_in("implementer", &coder(), "done").unwrap();
    stage.bind("reviewer", &reviewer()).unwrap();
    stage.detach("implementer", Via::Chart, "").unwrap();
    // `role.detached` leads from `review` to `stalled`, and nobody is missing there.
    assert_eq!(stage.leaves(), "review");
    stage.hand_in("reviewer", &reviewer(), "rejected").unwrap();
    assert_eq!(stage.offered(), ["implementer: implement"]);
}

#[test]
fn somebody_takes_over_and_the_chart_goes_on_as_it_was() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    let due = stage.instance.next_due();
    let other = Who::human("ada");
    stage.take_over("implementer", &other).unwrap();
    assert_eq!(
        stage.sent(),
        [
            "work.withdrawn implementer/implement -> r1",
            "work.assigned implementer/implement -> human:ada"
        ]
    );
    assert_eq!(stage.instance.position().data["handovers"], 0);
    assert_eq!(stage.instance.next_due(), due, "the clock runs on");
    stage.hand_in("implementer", &other, "done").unwrap();
    assert_eq!(stage.leaves(), "review");
}

#[test]
fn it_stalls_and_a_person_has_it_go_on() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    assert_eq!(stage.instance.next_due(), Some(START + 2 * 86_400_000));
    stage.wait();
    assert_eq!(stage.leaves(), "stalled");
    assert_eq!(stage.sent(), ["work.withdrawn implementer/implement -> r1"]);
    assert!(stage.instance.position().needs_human);
    let error = stage.say("human.resume").unwrap_err().to_string();
    assert!(error.ends_with("say `human.resumed`"), "{error}");
    stage.say("human.resumed").unwrap();
    // It is still the implementer's.
    assert_eq!(stage.sent(), ["work.assigned implementer/implement -> r1"]);
    assert_eq!(stage.last("step")["from"], "human:ada");
}

#[test]
fn three_rejections_wait_for_a_person() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.bind("reviewer", &reviewer()).unwrap();
    assert_eq!(stage.sent(), [] as [&str; 0], "bound ahead of the work");
    for round in 1..=3 {
        stage.hand_in("implementer", &coder(), "done").unwrap();
        stage.hand_in("reviewer", &reviewer(), "rejected").unwrap();
        assert_eq!(stage.instance.position().data["rounds"], round);
    }
    assert_eq!(stage.leaves(), "stalled");
}

#[test]
fn what_a_state_adds_counts_for_its_holder_while_it_is_active() {
    let bundle = implement_review();
    let mut stage = Stage::begin(&bundle);
    stage.bind("implementer", &coder()).unwrap();
    stage.bind("reviewer", &reviewer()).unwrap();
    let states = |stage: &Stage, who: &Who| -> Vec<String> {
        let states = stage.instance.states_for(who).into_iter();
        states
            .map(|s| bundle.chart.state(s).id.to_string())
            .collect()
    };
    assert_eq!(states(&stage, &coder()), ["implement"]);
    assert_eq!(states(&stage, &reviewer()), [] as [&str; 0]);
    let binding = stage.instance.binding("r2").unwrap();
    assert!(!binding.works && binding.states.is_empty());
    stage.hand_in("implementer", &coder(), "done").unwrap();
    assert_eq!(states(&stage, &coder()), [] as [&str; 0]);
    assert_eq!(states(&stage, &reviewer()), ["review"]);
    let binding = stage.instance.binding("r2").unwrap();
    assert!(binding.works);
    assert_eq!(&*binding.role, "reviewer");
    assert_eq!(stage.instance.binding("r9"), None);
}
