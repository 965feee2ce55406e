//! What charts do that people write in YAML, beyond what the conformance suites say.

use crate::support::chart;
use charthouse_chart::*;
use serde_json::{Value as Json, json};
use types::{Event, Value};

struct Run {
    chart: Chart,
    snapshot: Snapshot,
    effects: Effects,
}

#[track_caller]
fn begin(json: Json) -> Run {
    let chart = chart(json);
    let mut effects = Effects::new();
    let snapshot = start(&chart, 0, &mut effects).expect("a start");
    Run {
        chart,
        snapshot,
        effects,
    }
}

impl Run {
    #[track_caller]
    fn event(&mut self, name: &str, data: Json) -> StepInfo {
        self.effects.clear();
        let event = Event::new(name, Value::from(data), 0);
        step(&self.chart, &mut self.snapshot, &event, &mut self.effects).expect("a step")
    }

    fn leaves(&self) -> String {
        self.snapshot.leaves(&self.chart).join(" ")
    }

    fn data(&self, name: &str) -> String {
        self.snapshot
            .data(&self.chart, name)
            .map(Value::to_string)
            .unwrap_or_default()
    }

    fn effects(&self) -> String {
        serde_json::to_string(&self.effects).expect("effects are JSON")
    }
}

#[test]
fn a_transition_to_itself_stays_unless_it_reenters() {
    let mut run = begin(json!({
        "data": {"t": ""}, "initial": "s",
        "states": {"s": {
            "initial": "a",
            "entry": [{"assign": {"t": "data.t + 'S'"}}], "exit": [{"assign": {"t": "data.t + 's'"}}],
            "on": {"STAY": "s", "AGAIN": {"target": "s", "reenter": true}},
            "states": {
                "a": {"entry": [{"assign": {"t": "data.t + 'A'"}}], "exit": [{"assign": {"t": "data.t + 'a'"}}],
                      "on": {"SELF": {"target": "a", "actions": [{"assign": {"t": "data.t + '!'"}}]}, "NEXT": "b"}},
                "b": {}
            }
        }}
    }));
    assert_eq!(run.data("t"), "\"SA\"");
    run.event("SELF", Json::Null);
    assert_eq!(run.data("t"), "\"SA!\"");
    run.event("NEXT", Json::Null);
    run.event("STAY", Json::Null);
    assert_eq!(
        (run.leaves().as_str(), run.data("t").as_str()),
        ("a", "\"SA!aA\"")
    );
    run.event("AGAIN", Json::Null);
    assert_eq!(run.data("t"), "\"SA!aAasSA\"");
}

#[test]
fn a_parallel_state_that_leads_to_itself_begins_its_regions_anew() {
    let mut run = begin(json!({
        "data": {"n": 0}, "initial": "p",
        "states": {"p": {"type": "parallel", "entry": [{"assign": {"n": "data.n + 1"}}], "on": {"RESET": "p"}, "states": {
            "r1": {"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}},
            "r2": {"initial": "c", "states": {"c": {"on": {"E": "d"}}, "d": {}}}
        }}}
    }));
    run.event("E", Json::Null);
    assert_eq!(run.leaves(), "b d");
    run.event("RESET", Json::Null);
    assert_eq!(
        (run.leaves().as_str(), run.data("n").as_str()),
        ("a c", "1")
    );
}

#[test]
fn activities_are_effects_and_their_answers_end_them() {
    let mut run = begin(json!({
        "data": {"n": 0}, "initial": "think",
        "states": {
            "think": {
                "invoke": {"activity": "turn", "params": {"limit": "data.n + 5"}, "finalize": [{"assign": {"n": "event.data.n"}}]},
                "on": {"turn.done": "rest", "AWAY": "rest", "error": "rest"}
            },
            "rest": {"on": {"BACK": "think"}}
        }
    }));
    assert_eq!(
        run.effects(),
        r#"[{"type":"invoke","id":"think.1","state":"think","activity":"turn","params":{"limit":5}}]"#
    );
    assert!(run.snapshot.is_invoked("think.1"));
    let done = Event::new("turn.done", Value::from(json!({"n": 9})), 0);
    run.effects.clear();
    let answer = Incoming::from_invocation(&done, "think.1");
    step(&run.chart, &mut run.snapshot, answer, &mut run.effects).expect("a step");
    assert_eq!(
        (run.leaves().as_str(), run.data("n").as_str()),
        ("rest", "9")
    );
    // It has answered: there is nothing to cancel, and a second answer comes from nobody.
    assert_eq!(run.effects(), "[]");
    assert!(!run.snapshot.is_invoked("think.1"));

    run.event("BACK", Json::Null);
    assert!(run.snapshot.is_invoked("think.2"));
    run.event("AWAY", Json::Null);
    assert_eq!(
        run.effects(),
        r#"[{"type":"cancel_invoke","id":"think.2","state":"think","activity":"turn"}]"#
    );
}

#[test]
fn timers_belong_to_their_state_and_delayed_sends_do_not() {
    let mut run = begin(json!({
        "initial": "s",
        "states": {
            "s": {"entry": [{"send": {"event": "LATE", "delay": "30m", "id": "x"}}], "after": {"10m": "t", "1h": "u"}, "on": {"OUT": "t"}},
            "t": {"on": {"LATE": "u"}}, "u": {}
        }
    }));
    assert_eq!(run.snapshot.next_due(), Some(600_000));
    assert!(run.snapshot.take_due(599_999).is_none());
    let due = run.snapshot.take_due(600_005).expect("a timer");
    assert_eq!(
        (&*due.name, due.time, due.due_at()),
        ("timer.s.10m", 600_005, 600_000)
    );
    // A journal keeps it and a replay reads it back.
    let text = serde_json::to_string(&due).expect("JSON");
    let due: Due = serde_json::from_str(&text).expect("the same");
    step(&run.chart, &mut run.snapshot, &due, &mut run.effects).expect("a step");
    assert_eq!(run.leaves(), "t");
    // The hour's timer left with its state; the send did not.
    assert_eq!(run.snapshot.next_due(), Some(1_800_000));
    let late = run.snapshot.take_due(1_800_000).expect("the send");
    step(&run.chart, &mut run.snapshot, &late, &mut run.effects).expect("a step");
    assert_eq!(
        (run.leaves().as_str(), run.snapshot.next_due()),
        ("u", None)
    );
}

#[test]
fn sends_to_others_are_effects_also_when_they_wait() {
    let mut run = begin(json!({
        "initial": "s",
        "states": {"s": {"entry": [
            {"send": {"event": "now", "target": "workflow", "data": {"k": "1"}}},
            {"send": {"event": "later", "target": "agent:bob", "delay": "5s"}},
            {"send": {"event": "gone", "delay": "9s", "id": "g"}}, {"cancel": "g"}
        ]}}
    }));
    assert_eq!(
        run.effects(),
        concat!(
            r#"[{"type":"send","event":"now","target":"workflow","data":{"k":1}},"#,
            r#"{"type":"schedule","event":"later","due":5000},"#,
            r#"{"type":"schedule","id":"g","event":"gone","due":9000},{"type":"cancel","id":"g"}]"#
        )
    );
    run.effects.clear();
    let due = run.snapshot.take_due(5_000).expect("the send");
    step(&run.chart, &mut run.snapshot, &due, &mut run.effects).expect("a step");
    assert_eq!(
        run.effects(),
        r#"[{"type":"send","event":"later","target":"agent:bob","data":null}]"#
    );
    assert_eq!(run.snapshot.next_due(), None);
}

#[test]
fn the_model_may_raise_only_what_an_open_state_listens_to() {
    let run = begin(json!({
        "initial": "p",
        "states": {
            "p": {"type": "parallel", "states": {
                "a": {"on": {"signal.flawed": "q", "human.said": "q"}}, "b": {"tags": ["needs-human"], "on": {"signal.done": "q"}}
            }},
            "q": {"on": {"signal.closed": "p"}}
        }
    }));
    assert_eq!(
        run.snapshot.open_signals(&run.chart),
        ["signal.done", "signal.flawed"]
    );
    assert_eq!(run.chart.signals().count(), 3);
    assert!(run.snapshot.accepts(&run.chart, "human.said"));
    assert!(!run.snapshot.accepts(&run.chart, "signal.closed"));
    assert!(run.snapshot.has_tag(&run.chart, "needs-human"));
    assert!(!run.snapshot.has_tag(&run.chart, "other"));
}

#[test]
fn a_failing_guard_is_false_and_says_why() {
    let mut run = begin(json!({
        "initial": "a",
        "states": {"a": {"on": {"E": [{"guard": "event.data.ok", "target": "b"}, "c"]}}, "b": {}, "c": {"on": {"error.execution": "d"}}, "d": {}}
    }));
    run.event("E", Json::Null);
    assert_eq!(run.leaves(), "d");
    assert_eq!(
        run.effects(),
        r#"[{"type":"raise","event":"error.execution","data":{"message":"guard `event.data.ok`: `.ok` needs a map, not null"}}]"#
    );
}

#[test]
fn an_entry_keeps_its_type() {
    let mut run = begin(json!({
        "data": {"n": 1, "d": 0.5, "m": {"a": 1}, "any": null}, "initial": "a",
        "states": {"a": {"on": {
            "SET": {"actions": [{"assign": {"d": "event.data.x", "any": "event.data.x", "m.b.c": "event.data.x", "n": "event.data.x"}}]},
            "error.execution": {"actions": [{"assign": {"any": "event.data.message"}}]}
        }}}
    }));
    run.event("SET", json!({"x": 2}));
    assert_eq!(
        (run.data("n"), run.data("d"), run.data("any"), run.data("m")),
        (
            "2".into(),
            "2.0".into(),
            "2".into(),
            r#"{"a":1,"b":{"c":2}}"#.into()
        )
    );
    run.event("SET", json!({"x": "two"}));
    assert_eq!(run.data("n"), "2");
    assert_eq!(run.data("any"), r#""`d` holds double, and this is string""#);
}

#[test]
fn a_step_that_never_rests_changes_nothing() {
    let mut run = begin(json!({
        "data": {"n": 0, "l": []}, "initial": "s",
        "states": {
            "s": {"on": {"LOOP": {"target": "a", "actions": [{"assign": {"n": "5", "l": "[1]"}}, {"send": {"event": "x", "delay": "1s"}}]},
                         "FINE": {"actions": [{"assign": {"n": "data.n + 1"}}]}}, "after": {"1h": "a"}},
            "a": {"initial": "a1", "states": {"a1": {}}, "always": {"guard": "data.n > 0", "target": "b"}},
            "b": {"entry": [{"assign": {"n": "data.n + 1"}}], "always": {"guard": "data.n > 0", "target": "a"}}
        }
    }));
    run.event("FINE", Json::Null);
    let before = run.snapshot.clone();
    run.effects.clear();
    let event = Event::new("LOOP", Value::Null, 0);
    let error = step(&run.chart, &mut run.snapshot, &event, &mut run.effects).expect_err("a loop");
    assert!(
        error
            .to_string()
            .starts_with("the chart does not come to rest"),
        "{error}"
    );
    assert_eq!(run.snapshot, before);
    assert_eq!(run.effects(), "[]");
    run.event("FINE", Json::Null);
    assert_eq!((run.leaves().as_str(), run.data("n").as_str()), ("s", "2"));
}

#[test]
fn errors_that_cause_errors_end() {
    // A guard that fails on the error it caused would be asked again without end.
    let chart = chart(json!({
        "initial": "a", "states": {"a": {"on": {"error": {"guard": "event.data.none", "target": "a"}, "E": {"guard": "event.data.none", "target": "a"}}}}
    }));
    let mut effects = Effects::new();
    let mut snapshot = start(&chart, 0, &mut effects).expect("a start");
    let event = Event::new("E", Value::Null, 0);
    assert!(matches!(
        step(&chart, &mut snapshot, &event, &mut effects),
        Err(StepError::NeverRests { .. })
    ));
}

#[test]
fn work_and_values_are_bounded() {
    let mut run = begin(json!({
        "data": {"l": [1, 2], "i": null, "j": null, "k": null, "m": null, "t": "xxxxxxxxxxxxxxxx"}, "initial": "s",
        "states": {"s": {"on": {
            "DOUBLE": {"actions": [{"assign": {"m": "[data.m, data.m]"}}]},
            "TEXT": {"actions": [{"assign": {"t": "data.t + data.t"}}]},
            "NEST": {"actions": [{"foreach": {"array": "data.l", "item": "i", "do": [{"foreach": {"array": "data.l", "item": "j", "do": [
                {"foreach": {"array": "data.l", "item": "k", "do": [{"assign": {"m": "data.k"}}]}}]}}]}}]},
            "GROW": {"actions": [{"assign": {"l": "data.l + data.l"}}]}
        }}}
    }));
    for _ in 0..40 {
        run.event("DOUBLE", Json::Null);
        run.event("TEXT", Json::Null);
    }
    assert!(run.data("m").len() < 1_000_000 && run.data("t").len() <= (1 << 20) + 2);
    for _ in 0..8 {
        run.event("GROW", Json::Null);
    }
    let event = Event::new("NEST", Value::Null, 0);
    assert!(matches!(
        step(&run.chart, &mut run.snapshot, &event, &mut run.effects),
        Err(StepError::TooMuchWork { .. })
    ));
}

#[test]
fn an_event_that_swallows_itself_ends_before_it_is_too_deep() {
    let mut run = begin(json!({
        "initial": "s", "data": {"why": ""},
        "states": {"s": {"on": {
            "E": {"actions": [{"send": {"event": "E", "data": {"inner": "event.data"}}}]},
            "error.execution": {"actions": [{"assign": {"why": "event.data.message"}}]}
        }}}
    }));
    run.event("E", Json::Null);
    assert_eq!(run.data("why"), "\"the value nests deeper than 120\"");
}

#[test]
fn the_end_keeps_its_final_state_and_hands_over() {
    let mut run = begin(json!({
        "data": {"t": ""}, "initial": "s",
        "states": {
            "s": {"on": {"E": "end"}, "after": {"1h": "end"}, "exit": [{"assign": {"t": "data.t + 's'"}}]},
            "end": {"type": "final", "output": {"t": "data.t", "bad": "event.data.none.x"}, "exit": [{"assign": {"t": "data.t + 'e'"}}]}
        }
    }));
    run.event("E", Json::Null);
    assert!(run.snapshot.is_done());
    assert_eq!(run.leaves(), "end");
    assert_eq!(run.snapshot.output().to_string(), r#"{"t":"se"}"#);
    assert_eq!(run.snapshot.next_due(), None);
    assert_eq!(run.event("E", Json::Null), StepInfo::default());
    let saved = run.snapshot.save(&run.chart);
    assert_eq!(saved.restore(&run.chart).expect("the same"), run.snapshot);
}

#[test]
fn a_snapshot_is_stored_by_name_with_all_that_waits() {
    let mut run = begin(json!({
        "data": {"n": 0.1}, "initial": "s",
        "states": {
            "s": {"initial": "a", "after": {"1h": "t"}, "invoke": "turn", "on": {"OUT": "t"},
                  "entry": [{"send": {"event": "late", "delay": "2h", "id": "x"}}],
                  "states": {"a": {"on": {"E": "b"}}, "b": {}, "h": {"type": "history", "target": "a"}}},
            "t": {"on": {"BACK": "h"}, "invoke": {"id": "kid", "chart": {"initial": "k", "states": {"k": {"after": {"5s": "l"}}, "l": {}}}}}
        }
    }));
    run.event("E", Json::Null);
    run.event("OUT", Json::Null);
    let text = serde_json::to_string(&run.snapshot.save(&run.chart)).expect("JSON");
    assert_eq!(
        text,
        concat!(
            r#"{"configuration":["t"],"data":{"n":0.1},"history":{"h":["b"]},"#,
            r#""delayed":[{"due":7200000,"order":2,"send":{"id":"x","target":"own","queued":{"event":{"name":"late","data":null,"time":0},"kind":"external","send_id":"x","origin":"#,
            "\"#_scxml_session\"}}}],",
            r#""invocations":[{"id":"kid","state":"t","number":0,"child":{"key":"t#0","snapshot":{"configuration":["k"],"data":{},"delayed":[{"due":5000,"order":3,"timer":{"state":"k","event":"timer.k.5s"}}],"next_order":0,"next_id":0,"output":null}}}],"#,
            r#""next_order":3,"next_id":1,"output":null}"#
        )
    );
    let saved: SavedSnapshot = serde_json::from_str(&text).expect("JSON");
    assert_eq!(saved.restore(&run.chart).expect("the same"), run.snapshot);
    let other = chart(json!({"initial": "x", "states": {"x": {}, "y": {}}}));
    assert_eq!(
        saved
            .restore(&other)
            .expect_err("another chart")
            .to_string(),
        "the chart `test` has no state `t`; run it with the version it was stored with, or migrate it"
    );
    let event = Event::new("E", Value::Null, 0);
    assert!(matches!(
        step(&other, &mut run.snapshot, &event, &mut run.effects),
        Err(StepError::WrongChart { .. })
    ));
}

#[test]
fn the_timer_of_a_child_chart_reaches_the_child() {
    let mut run = begin(json!({
        "initial": "s",
        "states": {
            "s": {"on": {"done.invoke.kid": "t"}, "invoke": {"id": "kid", "chart": {"initial": "k", "states": {"k": {"after": {"5s": "l"}}, "l": {"type": "final"}}}}},
            "t": {}
        }
    }));
    let due = run.snapshot.take_due(5_000).expect("the child's timer");
    assert_eq!(&*due.name, "timer.k.5s");
    step(&run.chart, &mut run.snapshot, &due, &mut run.effects).expect("a step");
    assert_eq!(
        (run.leaves().as_str(), run.snapshot.is_invoked("kid")),
        ("t", false)
    );
}

/// A child that its parent ends still has its last event, also after the snapshot was stored in between.
#[test]
fn a_child_that_is_ended_sees_its_last_event() {
    let mut run = begin(json!({
        "initial": "a",
        "states": {
            "a": {
                "invoke": {"id": "kid", "autoforward": true, "chart": {
                    "initial": "c", "states": {"c": {"exit": [{"log": "event.data.k"}], "on": {"go": {}}}}
                }},
                "on": {"leave": "b"}
            },
            "b": {}
        }
    }));
    run.event("go", json!({"k": 4}));
    let saved = serde_json::to_string(&run.snapshot.save(&run.chart)).expect("JSON");
    let saved: SavedSnapshot = serde_json::from_str(&saved).expect("what was written");
    run.snapshot = saved.restore(&run.chart).expect("its own chart");
    run.event("leave", json!({"k": 5}));
    assert!(
        run.effects().contains(r#"{"type":"log","value":4}"#),
        "{}",
        run.effects()
    );
}

/// What is logged is bounded like what is kept: shared parts make a small value that is endless to write.
#[test]
fn a_log_line_that_would_be_endless_is_an_error() {
    let many: Vec<i64> = (0..2_000).collect();
    let run = begin(json!({
        "data": {"l": many}, "initial": "a",
        "states": {"a": {"entry": [{"log": "data.l.map(x, data.l)"}]}}
    }));
    let effects = run.effects();
    assert!(
        effects.contains("error.execution") && effects.len() < 1_000,
        "{}",
        effects.len()
    );
}

#[test]
fn a_watched_step_tells_what_it_went_through() {
    let chart = chart(json!({
        "initial": "a",
        "states": {
            "a": {"on": {"go": "b"}},
            "b": {"initial": "c", "states": {"c": {"always": "d"}, "d": {}}},
        },
    }));
    let mut effects = Effects::new();
    effects.watch();
    let mut snapshot = start(&chart, 0, &mut effects).unwrap();
    assert_eq!(effects.take_trace().entered.len(), 1);
    step(
        &chart,
        &mut snapshot,
        &Event::new("go", Value::Null, 1),
        &mut effects,
    )
    .unwrap();
    let trace = effects.take_trace();
    let entered: Vec<&str> = trace.entered.iter().map(|s| &*chart.state(*s).id).collect();
    assert_eq!(entered, ["b", "c", "d"]);
    let sources: Vec<&str> = trace
        .taken
        .iter()
        .map(|t| {
            let (_, info) = chart.transitions().nth(t.index()).unwrap();
            &*chart.state(info.source()).id
        })
        .collect();
    assert_eq!(sources, ["a", "c"]);
    assert_eq!(effects.take_trace(), Trace::default());
}
