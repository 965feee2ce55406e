//! Several roles at once.

use super::charts::{SIDE_BY_SIDE, chart};
use super::stage::{Stage, coder, reviewer};
use charthouse_runtime::workflow::{Happened, Via, Who, WorkflowError};
use types::Value;

fn editor() -> Who {
    Who::human("ada")
}

fn hand_in(stage: &mut Stage, state: &str, outcome: &str) -> Result<(), WorkflowError> {
    stage.take(Happened::HandIn {
        role: "editor".into(),
        state: Some(state.into()),
        by: editor(),
        outcome: outcome.into(),
        notes: None,
        artefacts: Value::Null,
    })
}

#[test]
fn regions_offer_their_roles_at_once_and_end_together() {
    let mut stage = Stage::begin(&chart(SIDE_BY_SIDE));
    assert_eq!(stage.offered(), ["tester: testing", "writer: write"]);
    stage.bind("writer", &coder()).unwrap();
    stage.bind("tester", &reviewer()).unwrap();
    stage.bind("editor", &editor()).unwrap();
    stage.hand_in("writer", &coder(), "done").unwrap();
    // One region goes on, the other one's work stays with whoever has it.
    assert_eq!(stage.sent(), ["work.assigned editor/edit -> human:ada"]);
    stage.hand_in("tester", &reviewer(), "done").unwrap();
    assert_eq!(stage.sent(), ["work.assigned editor/pictures -> human:ada"]);
    let error = stage.hand_in("editor", &editor(), "done").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the role `editor` has work in `edit` and `pictures`; say for which state this is handed in"
    );
    assert_eq!(stage.instance.work_of(&editor()).len(), 2);
    // Entered anew is work anew, for the one state alone.
    hand_in(&mut stage, "edit", "again").unwrap();
    assert_eq!(stage.sent(), ["work.assigned editor/edit -> human:ada"]);
    hand_in(&mut stage, "edit", "done").unwrap();
    let error = hand_in(&mut stage, "edit", "done").unwrap_err();
    assert!(matches!(error, WorkflowError::NoWork { .. }), "{error}");
    hand_in(&mut stage, "pictures", "done").unwrap();
    assert_eq!(stage.leaves(), "done");
    assert_eq!(
        stage.sent(),
        [
            "work.ended  -> r1",
            "work.ended  -> r2",
            "work.ended  -> human:ada"
        ]
    );
}

#[test]
fn what_one_region_adds_is_not_the_others() {
    let bundle = chart(SIDE_BY_SIDE);
    let mut stage = Stage::begin(&bundle);
    stage.bind("writer", &coder()).unwrap();
    stage.bind("tester", &reviewer()).unwrap();
    let states = |stage: &Stage, who: &Who| -> Vec<String> {
        let states = stage.instance.states_for(who).into_iter();
        states
            .map(|s| bundle.chart.state(s).id.to_string())
            .collect()
    };
    // From the outermost in, regions in document order; the tester's read-only mount is not the writer's.
    assert_eq!(states(&stage, &coder()), ["work", "text", "write", "test"]);
    assert_eq!(
        states(&stage, &reviewer()),
        ["work", "text", "test", "testing"]
    );
    stage.hand_in("writer", &coder(), "done").unwrap();
    assert_eq!(states(&stage, &coder()), [] as [&str; 0]);
}

#[test]
fn what_is_left_at_once_is_withdrawn_from_everybody_and_given_back() {
    let mut stage = Stage::begin(&chart(SIDE_BY_SIDE));
    stage.bind("writer", &coder()).unwrap();
    stage.bind("tester", &reviewer()).unwrap();
    stage.say("human.stopped").unwrap();
    assert_eq!(
        stage.sent(),
        [
            "work.withdrawn writer/write -> r1",
            "work.withdrawn tester/testing -> r2"
        ]
    );
    stage.say("human.resumed").unwrap();
    assert_eq!(
        stage.sent(),
        [
            "work.assigned writer/write -> r1",
            "work.assigned tester/testing -> r2"
        ]
    );
    // The tester is detached; the writer does not notice.
    stage.detach("tester", Via::Command, "").unwrap();
    assert_eq!(stage.sent(), ["work.withdrawn tester/testing -> r2"]);
    assert_eq!(stage.offered(), ["tester: testing"]);
}
