//! Scenarios: what is met and what is not, how it is told, and what is reached.

use crate::support::chart;
use charthouse_chart::{
    Chart, Condition, Coverage, EffectPattern, Expectation, Expected, GuardNow, Outcome, Scenario,
    Simulation, Step,
};
use serde_json::{Value as Json, json};
use types::{Marked, Place, Value};

fn place() -> Place {
    Place::new("cases.yaml", 1, 1)
}

fn condition(chart: &Chart, text: &str) -> Expected {
    let text = Marked::new(text.to_owned(), place());
    Expected::Condition(Condition::compile(chart, &text).expect("a condition"))
}

/// A step: `+5` lets time pass, anything else is an event, with data after a blank; nothing is no event.
fn step(what: &str, expected: Vec<Expected>) -> Step {
    let (name, data) = what.split_once(' ').unwrap_or((what, "null"));
    let after_ms = name
        .strip_prefix('+')
        .map(|ms| ms.parse().expect("a number"));
    Step {
        place: place(),
        after_ms,
        event: (after_ms.is_none() && !name.is_empty()).then(|| name.into()),
        data: serde_json::from_str(data).expect("JSON"),
        expected: expected
            .into_iter()
            .map(|what| Expectation {
                place: place(),
                what,
            })
            .collect(),
    }
}

fn play(chart: &Chart, steps: Vec<Step>) -> Outcome {
    let scenario = Scenario {
        name: Marked::new("case".into(), place()),
        doc: None,
        steps,
    };
    scenario.play(chart)
}

/// A door with a history: `locked` remembers nothing, `open` counts, and an hour closes it.
fn door() -> Chart {
    chart(json!({
        "data": {"opened": 0, "last": null}, "initial": "closed",
        "states": {
            "closed": {"on": {
                "open": {"target": "ajar", "guard": "data.opened < 2", "actions": [{"assign": {"opened": "data.opened + 1"}}]},
                "signal.lock": {"target": "locked", "guard": "event.data.key == 'k'"}
            }},
            "ajar": {"invoke": "turn", "after": {"1h": "closed"}, "on": {"close": "closed", "turn.done": "broken"}},
            "locked": {},
            "broken": {"type": "final"}
        }
    }))
}

fn mismatch(steps: Vec<Step>) -> (String, String) {
    let failed = play(&door(), steps).failed.expect("a failure");
    let first = &failed.mismatches[0];
    (first.expected.clone(), first.actual.clone())
}

#[test]
fn a_case_goes_through_time_and_events_and_looks_after_each() {
    let door = door();
    let pattern = |json: Json| EffectPattern {
        place: place(),
        fields: Value::from(json),
    };
    let outcome = play(
        &door,
        vec![
            step(
                "",
                vec![Expected::Effects(vec![]), Expected::In("closed".into())],
            ),
            step(
                "open",
                vec![
                    Expected::Configuration(vec!["ajar".into()]),
                    condition(&door, "data.opened == 1 && In('ajar')"),
                    Expected::Effects(vec![pattern(json!({"type": "invoke", "activity": "turn"}))]),
                    Expected::Running(vec!["turn".into()]),
                    Expected::Timers(vec![("timer.ajar.1h".into(), Some(3_600_000))]),
                ],
            ),
            step(
                "+3599999",
                vec![Expected::In("ajar".into()), Expected::Effects(vec![])],
            ),
            step(
                "+1",
                vec![
                    Expected::Effects(vec![pattern(json!({"type": "cancel_invoke"}))]),
                    Expected::NotIn("ajar".into()),
                    Expected::Timers(vec![]),
                    Expected::Open(vec!["signal.lock".into()]),
                    Expected::Data(Value::from(json!({"opened": 1}))),
                ],
            ),
            step("open", vec![]),
            step(
                "turn.done",
                vec![Expected::Done(true), Expected::Output(Value::Null)],
            ),
        ],
    );
    assert!(outcome.failed.is_none(), "{:?}", outcome.failed);
}

#[test]
fn a_failure_says_what_was_expected_what_was_so_and_how_it_came_there() {
    let door = door();
    let steps = vec![
        step("open", vec![]),
        step("+5000", vec![]),
        step(
            "close",
            vec![
                Expected::In("ajar".into()),
                condition(&door, "data.opened == 2"),
            ],
        ),
        step("never", vec![]),
    ];
    let failed = play(&door, steps).failed.expect("a failure");
    assert_eq!(
        (failed.step, failed.time, failed.event.as_deref()),
        (3, 5_000, Some("close"))
    );
    let told: Vec<_> = failed
        .mismatches
        .iter()
        .map(|m| (&*m.expected, &*m.actual))
        .collect();
    assert_eq!(
        told,
        [
            ("in ajar", "in closed"),
            (
                "data.opened == 2",
                "in closed, with data {\"last\":null,\"opened\":1}"
            ),
        ]
    );
    let path: Vec<_> = failed
        .path
        .iter()
        .map(|m| (m.event.as_deref().unwrap_or(""), m.time))
        .collect();
    assert_eq!(path, [("open", 0), ("close", 5_000)]);
}

#[test]
fn every_kind_of_expectation_can_fail() {
    let all = |what: Expected| mismatch(vec![step("open", vec![what])]);
    let none = "no effects".to_owned();
    assert_eq!(all(Expected::NotIn("ajar".into())).0, "not in ajar");
    assert_eq!(all(Expected::Configuration(vec![])).0, "exactly in none");
    assert_eq!(all(Expected::Effects(vec![])).0, none);
    assert_eq!(all(Expected::Done(true)).0, "the end of the chart");
    assert_eq!(
        all(Expected::Open(vec!["signal.lock".into()])).1,
        "open signals: none"
    );
    assert_eq!(all(Expected::Running(vec![])).1, "running: turn");
    let late = Expected::Timers(vec![("timer.ajar.1h".into(), Some(1_000))]);
    assert_eq!(
        all(late),
        (
            "timers: timer.ajar.1h in 1s".into(),
            "timers: timer.ajar.1h in 1h".into()
        )
    );
    let data = |part: Json| Expected::Data(Value::from(part));
    assert_eq!(
        all(data(json!({"opened": 3}))),
        ("data.opened is 3".into(), "data.opened is 1".into())
    );
    let output = Expected::Output(Value::Int(1));
    assert_eq!(all(output), ("output is 1".into(), "output is null".into()));
    let ended = mismatch(vec![
        step("open", vec![]),
        step("turn.done", vec![Expected::Done(false)]),
    ]);
    assert_eq!(ended.1, "it has ended");
}

#[test]
fn a_chart_that_cannot_take_a_step_fails_its_case() {
    let circle = chart(json!({"data": {"n": 1}, "initial": "s", "states": {
        "s": {"on": {"go": "a"}},
        "a": {"always": {"guard": "data.n > 0", "target": "b"}}, "b": {"always": {"guard": "data.n > 0", "target": "a"}}
    }}));
    let failed = play(&circle, vec![step("go", vec![])])
        .failed
        .expect("a failure");
    assert!(
        failed.mismatches[0]
            .actual
            .starts_with("the chart does not come to rest")
    );
}

#[test]
fn a_case_that_would_go_on_for_hours_is_stopped() {
    let clock = chart(
        json!({"initial": "s", "states": {"s": {"after": {"1ms": {"target": "s", "reenter": true}}}}}),
    );
    let failed = play(&clock, vec![step("+31536000000", vec![])])
        .failed
        .expect("a failure");
    assert!(failed.mismatches[0].actual.contains("let less time pass"));
}

#[test]
fn coverage_counts_what_can_be_reached_and_adds_up() {
    let chart = chart(json!({"initial": "a", "states": {
        "a": {"initial": "x", "states": {"x": {"on": {"e": "y"}}, "y": {}, "h": {"type": "history", "target": "x"}}, "on": {"out": "b"}},
        "b": {"on": {"back": "h"}, "always": {"guard": "In('x')", "target": "a"}}
    }}));
    let mut all = Coverage::none(&chart);
    assert_eq!(
        (all.states().total, all.transitions().total),
        (4, 4),
        "a history is never entered itself"
    );
    let first = play(&chart, vec![step("e", vec![])]).coverage;
    let second = play(&chart, vec![step("out", vec![]), step("back", vec![])]).coverage;
    assert_eq!((first.states().reached, first.states().percent()), (3, 75));
    all.merge(&first);
    all.merge(&second);
    assert_eq!(
        (all.states().percent(), all.transitions().percent()),
        (100, 75)
    );
    let left: Vec<_> = all.unreached_transitions().collect();
    assert_eq!(chart.transition(left[0]).guard(), Some("In('x')"));
    assert_eq!(left.len(), 1);
    assert_eq!(all.unreached_states().count(), 0);
}

#[test]
fn what_can_happen_next_is_listed_with_what_its_guards_say() {
    let door = door();
    let (mut simulation, _) = Simulation::start(&door);
    let listed = |simulation: &Simulation| -> Vec<(String, GuardNow)> {
        let snapshot = simulation.snapshot().expect("it runs");
        let listeners = snapshot.listeners(&door).into_iter();
        listeners.map(|l| (l.event.to_owned(), l.guard)).collect()
    };
    let closed = |open| {
        vec![
            ("open".to_owned(), open),
            ("signal.lock".to_owned(), GuardNow::Depends),
        ]
    };
    assert_eq!(listed(&simulation), closed(GuardNow::Open));
    for event in ["open", "close", "open"] {
        simulation.happen(event, Value::Null);
    }
    let ajar =
        ["close", "turn.done", "timer.ajar.1h"].map(|event| (event.to_owned(), GuardNow::Open));
    let mut now = listed(&simulation);
    now.sort_by_key(|(event, _)| ajar.iter().position(|(name, _)| name == event));
    assert_eq!(now, ajar);
    simulation.happen("close", Value::Null);
    assert_eq!(listed(&simulation), closed(GuardNow::Closed));
    assert!(door.hears("turn.done") && !door.hears("turn"));
    assert_eq!(
        door.suggest_event("tunr.done").as_deref(),
        Some("did you mean `turn.done`?")
    );
    assert_eq!(door.suggest_event("weather"), None);
}

#[test]
fn a_condition_between_events_cannot_look_at_one() {
    let compile = |text: &str| Condition::compile(&door(), &Marked::new(text.to_owned(), place()));
    for (text, complaint) in [
        (
            "event.name == 'x'",
            "a condition between events cannot look at one",
        ),
        (
            "data.opened > 0 ? true : event.data.x",
            "a condition between events cannot look at one",
        ),
        (
            "[1, event.time] == data.last",
            "a condition between events cannot look at one",
        ),
        ("data.opend == 1", "the chart's data has no `opend`"),
        (
            "data.opened",
            "a condition must be true or false, and this is int",
        ),
    ] {
        let findings = compile(text).expect_err(text);
        assert_eq!(findings[0].message, complaint, "{text}");
    }
    assert!(compile("size(string(data.opened)) == 1 || {'a': data.last} == data.last").is_ok());
}
