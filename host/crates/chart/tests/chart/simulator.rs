//! The lines of `charthouse chart run`, exactly.

use crate::support::chart;
use charthouse_chart::{InputLine, Line, Simulation};
use serde_json::{Value as Json, json};

#[track_caller]
fn play(chart_json: Json, input: &[&str]) -> Vec<String> {
    let chart = chart(chart_json);
    let (mut simulation, first) = Simulation::start(&chart);
    let mut lines = vec![first];
    for (number, text) in input.iter().enumerate() {
        let line = InputLine::parse(text, number + 1).expect("an input line");
        lines.extend(line.iter().flat_map(|line| simulation.feed(line)));
    }
    let json = |line: &Line| serde_json::to_string(line).expect("JSON");
    lines.iter().map(json).collect()
}

#[test]
fn one_line_for_the_start_each_event_and_each_timer() {
    let lines = play(
        json!({
            "data": {"rounds": 0}, "initial": "orient",
            "states": {
                "orient": {"invoke": "turn", "on": {"turn.done": "act"}},
                "act": {"entry": [{"assign": {"rounds": "data.rounds + 1"}}], "after": {"10m": "stuck"}, "on": {"E": "p"}},
                "stuck": {"on": {"human.said": "orient"}},
                "p": {"type": "parallel", "states": {"z": {}, "y": {}}}
            }
        }),
        &[
            r#"{"event":"turn.done","data":{"changed":true}}"#,
            "",
            r#"{"event":"noise","after_ms":600000}"#,
            r#"{"event":"human.said"}"#,
            r#"{"event":"turn.done","after_ms":1}"#,
            r#"{"event":"E","after_ms":599999}"#,
            r#"{"event":"E","after_ms":9000000}"#,
        ],
    );
    assert_eq!(
        lines,
        [
            r#"{"event":null,"configuration":["orient"],"data":{"rounds":0},"effects":[{"type":"invoke","id":"orient.1","state":"orient","activity":"turn","params":null}]}"#,
            r#"{"event":"turn.done","configuration":["act"],"data":{"rounds":1},"effects":[{"type":"schedule","event":"timer.act.10m","due":600000}]}"#,
            r#"{"event":"timer.act.10m","configuration":["stuck"],"data":{"rounds":1},"effects":[]}"#,
            r#"{"event":"noise","configuration":["stuck"],"data":{"rounds":1},"effects":[]}"#,
            r#"{"event":"human.said","configuration":["orient"],"data":{"rounds":1},"effects":[{"type":"invoke","id":"orient.2","state":"orient","activity":"turn","params":null}]}"#,
            r#"{"event":"turn.done","configuration":["act"],"data":{"rounds":2},"effects":[{"type":"schedule","event":"timer.act.10m","due":1200001}]}"#,
            r#"{"event":"E","configuration":["y","z"],"data":{"rounds":2},"effects":[]}"#,
            r#"{"event":"E","configuration":["y","z"],"data":{"rounds":2},"effects":[]}"#,
        ]
    );
}

#[test]
fn a_failure_is_the_last_line() {
    let lines = play(
        json!({"data": {"n": 1}, "initial": "s", "states": {
            "s": {"on": {"E": "a"}},
            "a": {"always": {"guard": "data.n > 0", "target": "b"}}, "b": {"always": {"guard": "data.n > 0", "target": "a"}}
        }}),
        &[r#"{"event":"E"}"#, r#"{"event":"E"}"#],
    );
    assert_eq!(lines.len(), 2);
    assert!(
        lines[1].starts_with(r#"{"error":"the chart does not come to rest"#),
        "{}",
        lines[1]
    );
}

#[test]
fn a_timer_that_sets_itself_again_at_once_ends_in_an_error() {
    let lines = play(
        json!({"initial": "s", "states": {"s": {"after": {"0s": {"target": "s", "reenter": true}}}}}),
        &[r#"{"event":"E","after_ms":1}"#],
    );
    assert!(
        lines
            .last()
            .expect("a line")
            .starts_with(r#"{"error":"more than"#)
    );
}

#[test]
fn a_bad_line_is_named() {
    for (text, complaint) in [
        (
            "{",
            "line 3 of the events: EOF while parsing an object (column 1)",
        ),
        (
            r#"{"evnt":"E"}"#,
            "line 3 of the events: unknown field `evnt`, expected one of `event`, `data`, `after_ms`",
        ),
        (
            r#"{"event":""}"#,
            "line 3 of the events: the name of the event is empty",
        ),
        (
            r#"{"event":"E","after_ms":-1}"#,
            "line 3 of the events: invalid value: integer `-1`, expected u64",
        ),
    ] {
        let error = InputLine::parse(text, 3)
            .expect_err("a bad line")
            .to_string();
        assert!(error.starts_with(complaint), "{error}");
    }
}
