//! What is refused: with what to do, and with nothing changed.

use super::charts::{BUSY, chart, implement_review, shipped};
use super::stage::{Stage, coder, handed_in, reviewer};
use charthouse_runtime::workflow::{
    ARTEFACTS_MAX, Happened, Instance, NOTES_BYTES_MAX, Out, Sender, Via, Who, WorkflowError,
    may_send,
};
use serde_json::json;
use types::{Event, Value};

#[test]
fn roles_that_are_not_there_not_held_or_held_by_another() {
    let mut stage = Stage::begin(&implement_review());
    let error = stage.bind("reviwer", &coder()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the workflow `implement-review` has no role `reviwer`; it has `implementer` and `reviewer`"
    );
    assert_eq!(error.code(), "not_found");
    let error = stage.hand_in("implementer", &coder(), "done").unwrap_err();
    assert!(matches!(error, WorkflowError::NotBound { .. }), "{error}");
    let error = stage.detach("implementer", Via::Command, "").unwrap_err();
    assert!(matches!(error, WorkflowError::NotBound { .. }), "{error}");
    stage.bind("implementer", &coder()).unwrap();
    // The same once more is no mistake, and no record.
    let records = stage.records.len();
    stage.bind("implementer", &coder()).unwrap();
    assert_eq!(stage.records.len(), records);
    for other in [reviewer(), Who::agent("coder", "r9"), Who::human("coder")] {
        let error = stage.bind("implementer", &other).unwrap_err();
        assert!(matches!(error, WorkflowError::Held { .. }), "{error}");
        let error = stage.hand_in("implementer", &other, "done").unwrap_err();
        assert!(matches!(error, WorkflowError::NotHolder { .. }), "{error}");
        let detach = Happened::Detach {
            role: "implementer".into(),
            who: Some(other),
            via: Via::Chart,
            why: "".into(),
            notes: None,
        };
        let error = stage.take(detach).unwrap_err();
        assert!(matches!(error, WorkflowError::NotHolder { .. }), "{error}");
    }
}

#[test]
fn a_word_that_the_role_does_not_hand_in() {
    let mut stage = Stage::begin(&shipped("nonconformance"));
    stage.bind("reporter", &coder()).unwrap();
    let error = stage.hand_in("reporter", &coder(), "nonsense").unwrap_err();
    assert_eq!(
        error.to_string(),
        "`nonsense` is nothing that the role `reporter` hands in; it hands in `reported`"
    );
    assert_eq!(error.code(), "invalid");
    assert_eq!(stage.leaves(), "report");
    stage.hand_in("reporter", &coder(), "reported").unwrap();
    assert_eq!(stage.leaves(), "contain");
    stage.bind("owner", &reviewer()).unwrap();
    let error = stage.hand_in("owner", &reviewer(), "fine").unwrap_err();
    assert!(error.to_string().contains("`contained` and `done`"));
}

#[test]
fn work_that_is_not_there() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.bind("reviewer", &reviewer()).unwrap();
    let error = stage.hand_in("reviewer", &reviewer(), "fine").unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no work for the role `reviewer` now: the workflow is in `implement`; wait until it comes to `review`"
    );
    stage.hand_in("implementer", &coder(), "done").unwrap();
    let again = stage.hand_in("implementer", &coder(), "done").unwrap_err();
    assert!(matches!(again, WorkflowError::NoWork { .. }), "{again}");
}

#[test]
fn what_is_too_large_and_what_says_nothing() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    let hand_in = |outcome: &str, notes: usize, artefacts: Value| Happened::HandIn {
        role: "implementer".into(),
        state: None,
        by: coder(),
        outcome: outcome.into(),
        notes: Some("n".repeat(notes).into()),
        artefacts,
    };
    let error = stage.take(hand_in("done", NOTES_BYTES_MAX + 1, Value::Null));
    let error = error.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the notes take 16385 bytes, and at most 16384 are kept; sum them up, or write them to a file and hand in its path as an artefact"
    );
    let many = Value::list(vec![Value::Int(1); ARTEFACTS_MAX + 1]);
    let error = stage.take(hand_in("done", 1, many)).unwrap_err();
    assert!(matches!(error, WorkflowError::TooMany { .. }), "{error}");
    let large = Value::map([("text", Value::text("x".repeat(70_000)))]);
    let error = stage.take(hand_in("done", 1, large)).unwrap_err();
    assert!(matches!(error, WorkflowError::TooLarge { .. }), "{error}");
    for outcome in ["", " ", &"x".repeat(201)] {
        let error = stage.take(hand_in(outcome, 1, Value::Null)).unwrap_err();
        assert!(matches!(error, WorkflowError::Outcome { .. }), "{error}");
    }
    let notes = "n".repeat(NOTES_BYTES_MAX + 1);
    let error = stage.detach("implementer", Via::Command, &notes);
    assert!(matches!(error, Err(WorkflowError::TooLarge { .. })));
    // A run that failed cannot be asked for shorter ones.
    stage.detach("implementer", Via::Failure, &notes).unwrap();
    let kept = stage.last("unbound")["notes"].as_str().unwrap().len();
    assert_eq!(kept, NOTES_BYTES_MAX);
    stage
        .take(Happened::Bind {
            role: "implementer".into(),
            who: coder(),
            via: Via::Offer,
        })
        .unwrap();
    stage
        .take(hand_in("done", NOTES_BYTES_MAX, Value::Null))
        .unwrap();
}

#[test]
fn a_workflow_that_goes_round_for_long_neither_grows_nor_stops() {
    let bundle = chart(
        "chart: w\nkind: workflow\nroles: { a: {} }\nstates:\n  one: { role: a, on: { role.done: { target: one, reenter: true } } }\n",
    );
    let begun = Instance::begin("i1", &bundle, Value::Null, 0);
    let (mut instance, _) = begun.unwrap();
    let bind = Happened::Bind {
        role: "a".into(),
        who: coder(),
        via: Via::Offer,
    };
    instance.take(bind, 0, None).unwrap();
    let mut largest = 0;
    for round in 0..300 {
        let mut happened = handed_in("a", &coder(), "done");
        if let Happened::HandIn { notes, .. } = &mut happened {
            *notes = Some(format!("{round} {}", "n".repeat(2_000)).into());
        }
        instance.take(happened, round, None).unwrap();
        largest = largest.max(instance.snapshot().to_string().len());
    }
    assert!(largest < 100 * 1024, "{largest}");
    let snapshot = instance.snapshot();
    let handed = snapshot["core"]["handed"].as_array().unwrap();
    assert!(
        handed.last().unwrap()["notes"]
            .as_str()
            .unwrap()
            .starts_with("299 ")
    );
    assert_eq!(
        handed.len() as u64 + snapshot["core"]["earlier"].as_u64().unwrap(),
        300
    );
}

#[test]
fn an_instance_that_has_ended_takes_nothing_more() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage
        .take(Happened::Cancelled {
            why: "not needed".into(),
        })
        .unwrap();
    assert_eq!(
        stage.sent(),
        [
            "work.withdrawn implementer/implement -> r1",
            "work.ended  -> r1"
        ]
    );
    assert_eq!(stage.last("ended")["status"], "cancelled");
    assert_eq!(stage.last("ended")["why"], "not needed");
    let records = stage.records.len();
    for happened in [
        handed_in("implementer", &coder(), "done"),
        Happened::Bind {
            role: "reviewer".into(),
            who: reviewer(),
            via: Via::Command,
        },
        Happened::TakeOver {
            role: "reviewer".into(),
            who: reviewer(),
            notes: None,
        },
        Happened::Cancelled { why: "".into() },
    ] {
        let error = stage.take(happened).unwrap_err();
        assert!(matches!(error, WorkflowError::Ended { .. }), "{error}");
    }
    assert!(matches!(
        stage.say("human.resumed"),
        Err(WorkflowError::Ended { .. })
    ));
    stage.take(Happened::Due).unwrap();
    assert_eq!(stage.records.len(), records);
    let position = stage.instance.position();
    assert_eq!((position.next_due, position.needs_human), (None, false));
    // What another run said before it knew is on the record, so that it does not come again.
    let late = handed_in("implementer", &coder(), "done");
    stage.take_because(late, Some(77)).unwrap();
    assert_eq!(stage.last("told")["cause"], 77);
    assert_eq!(stage.sent(), ["work.refused implementer -> r1"]);
}

#[test]
fn what_the_host_alone_says_is_not_taken_from_others() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    let from = |event: &str, from: Sender| Happened::Event {
        event: Event::new(event, Value::map([("outcome", Value::from("accepted"))]), 0),
        from,
    };
    for event in [
        "role.done",
        "role.detached",
        "work.started",
        "human.resumed",
        "timer.implement.2d",
        "done.state.x",
        "error.x",
        "ask.done",
    ] {
        let chart = Sender::Chart { id: "r1".into() };
        let error = stage.take(from(event, chart.clone())).unwrap_err();
        assert!(matches!(error, WorkflowError::Reserved { .. }), "{error}");
        assert!(may_send(event, &chart).is_err());
        // From another run it is consumed all the same.
        stage.take_because(from(event, chart), Some(5)).unwrap();
        assert_eq!(stage.last("told")["cause"], 5);
        assert_eq!(stage.leaves(), "implement");
    }
    let human = Sender::Human { name: "ada".into() };
    let error = stage.take(from("role.done", human)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "`role.done` cannot be sent: the host alone says what happens in `role.*`; hand in with `hand_in`, or detach"
    );
}

#[test]
fn what_a_bound_run_says_is_handed_in_or_gives_the_role_up() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    let role = "implementer".into();
    let data = Value::from(json!({ "notes": "half", "role": "implementer" }));
    let detach = Happened::said(&coder(), &role, &"work.detach".into(), &data);
    stage.take_because(detach, Some(3)).unwrap();
    assert_eq!(stage.last("unbound")["cause"], 3);
    assert_eq!(stage.last("unbound")["by"], "chart");
    stage.bind("implementer", &coder()).unwrap();
    let data = Value::from(json!({ "outcome": "done", "notes": null, "artefacts": { "a": 1 } }));
    let hand_in = Happened::said(&coder(), &role, &"hand_in".into(), &data);
    stage.take_because(hand_in, Some(4)).unwrap();
    assert_eq!(stage.last("hand_in")["cause"], 4);
    assert_eq!(stage.last("hand_in")["artefacts"], json!({ "a": 1 }));
    assert_eq!(stage.leaves(), "review");
}

#[test]
fn a_chart_that_never_rests_stays_where_it_is() {
    let bundle = chart(
        "chart: w\nkind: workflow\nroles: { a: {} }\ninitial: one\nstates:\n  one:\n    role: a\n    on: { human.looped: x, role.done: x, role.detached: x }\n    after: { 1h: x }\n  x: { on: { again: { target: x, reenter: true } }, entry: [{ send: { event: again, target: workflow } }] }\n",
    );
    let mut stage = Stage::begin(&bundle);
    stage.bind("a", &coder()).unwrap();
    // Whoever can be told is told, and nothing has happened.
    let records = stage.records.len();
    let error = stage.say("human.looped").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("1000 events followed each other"),
        "{error}"
    );
    let error = stage.hand_in("a", &coder(), "done").unwrap_err();
    assert!(matches!(error, WorkflowError::Chart(_)), "{error}");
    assert_eq!(stage.records.len(), records);
    // A timer and a detachment cannot be sent back.
    stage.wait();
    assert_eq!(stage.leaves(), "one");
    assert!(stage.instance.position().trouble.is_some());
    assert_eq!(stage.instance.next_due(), None);
    stage.detach("a", Via::Failure, "").unwrap();
    assert_eq!(stage.instance.holder("a"), None);
    assert_eq!(stage.offered(), ["a: one"]);
    assert!(stage.last("step")["failed"].is_string());
}

#[test]
fn activities_are_the_hosts_to_run_and_answer() {
    let mut stage = Stage::begin(&chart(BUSY));
    assert_eq!(
        stage.instance.position().data["input"],
        json!({ "issue": 6 })
    );
    let boss = Who::human("ada");
    stage.bind("boss", &boss).unwrap();
    stage.bind("worker", &coder()).unwrap();
    stage.wait();
    assert_eq!(stage.sent(), ["faster  -> coder"]);
    stage.wait();
    let asked = stage.out.iter().find_map(|out| match out {
        Out::Invoke {
            id,
            activity,
            params,
            holder,
            ..
        } => Some((
            id.clone(),
            activity.clone(),
            params.to_json(),
            holder.clone(),
        )),
        _ => None,
    });
    let (id, activity, params, holder) = asked.unwrap();
    assert_eq!(
        (&*activity, &params["question"]),
        ("ask", &json!("Shall I go on?"))
    );
    assert_eq!(holder, Some(boss));
    assert_eq!(stage.instance.activities()[0].id, id);
    let answer = Happened::Activity {
        id: id.clone(),
        event: Event::new("ask.done", Value::map([("text", Value::from("yes"))]), 0),
    };
    stage.take(answer.clone()).unwrap();
    assert_eq!(stage.instance.position().data["said"], "yes");
    assert_eq!(stage.leaves(), "work");
    let error = stage.take(answer).unwrap_err();
    assert!(matches!(error, WorkflowError::NoActivity { .. }), "{error}");
    // A question that nobody needs answered any more is withdrawn.
    stage.wait();
    stage.wait();
    stage.say("human.paused").unwrap();
    assert!(stage.out.iter().any(|out| matches!(out, Out::Stop { .. })));
}

#[test]
fn the_chart_sends_to_agents_and_to_itself_and_hears_where_nobody_is() {
    let bundle = chart(
        "chart: w\nkind: workflow\ndata: { lost: 0 }\non: { error.communication: { actions: [{ assign: { lost: data.lost + 1 } }] }, later: over }\ninitial: one\nstates:\n  one:\n    entry:\n      - { send: { event: hello, target: \"agent:coder\", data: { n: 1 } } }\n      - { send: { event: human.said, target: \"agent:coder\" } }\n      - { send: { event: later, target: workflow, delay: 1h } }\n  over: { type: final }\n",
    );
    let mut stage = Stage::begin(&bundle);
    assert_eq!(stage.sent(), ["hello  -> coder"]);
    assert_eq!(stage.last("sent")["data"], json!({ "n": 1 }));
    assert_eq!(stage.instance.position().data["lost"], 1);
    stage.wait();
    assert_eq!(stage.leaves(), "over");
}

#[test]
fn an_event_without_a_name_is_an_event() {
    let bundle = chart(
        "chart: w\nkind: workflow\ndata: { heard: 0 }\non: { \"*\": { actions: [{ assign: { heard: data.heard + 1 } }] } }\nstates: { one: {} }\n",
    );
    let mut stage = Stage::begin(&bundle);
    let heard = stage.instance.position().data["heard"].as_i64().unwrap();
    let event = Event::new("", Value::Float(f64::NAN), 0);
    let from = Sender::Chart { id: "r1".into() };
    stage.take(Happened::Event { event, from }).unwrap();
    assert_eq!(stage.instance.position().data["heard"], heard + 1);
}

#[test]
fn a_cognition_is_no_workflow() {
    let bundle = chart("chart: t\nstates: { one: {} }\n");
    let error = Instance::begin("i1", &bundle, Value::Null, 0).unwrap_err();
    assert!(
        matches!(error, WorkflowError::NotAWorkflow { .. }),
        "{error}"
    );
}

#[test]
fn records_that_do_not_fit_say_which() {
    let mut stage = Stage::begin(&implement_review());
    stage.bind("implementer", &coder()).unwrap();
    stage.hand_in("implementer", &coder(), "done").unwrap();
    let whole = stage.records.clone();
    stage.records.clear();
    assert!(matches!(
        stage.fold(0, None),
        Err(WorkflowError::NoBeginning { .. })
    ));
    stage.records = whole[3..].to_vec();
    assert!(matches!(
        stage.fold(0, None),
        Err(WorkflowError::NoBeginning { .. })
    ));
    // Each record in turn is torn, lost or another.
    for (n, (kind, body)) in whole.iter().enumerate() {
        stage.records = whole.clone();
        stage.records[n].1 = body[..body.len() / 2].to_owned();
        let error = stage.fold(0, None).unwrap_err();
        assert!(
            matches!(error, WorkflowError::Damaged { record, .. } if record == n as u64),
            "{kind}: {error}"
        );
        if *kind == "step" {
            stage.records[n].1 = body
                .replace("implement\"", "accepted\"")
                .replace("review\"", "accepted\"");
            let error = stage.fold(0, None).unwrap_err().to_string();
            assert!(error.contains("does not fit"), "{error}");
        }
    }
    stage.records = whole;
    let versions = |_: &charthouse_runtime::workflow::Version, _| None;
    let records = [charthouse_runtime::workflow::Recorded {
        seq: 0,
        kind: "started",
        body: &stage.records[0].1,
    }];
    let error = Instance::fold("i1", records, versions).unwrap_err();
    assert!(matches!(error, WorkflowError::NoVersion { .. }), "{error}");
}
