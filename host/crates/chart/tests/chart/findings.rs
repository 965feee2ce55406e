//! Each mistake that an author makes, and what they read: all mistakes of a chart at once.

use crate::support::{def, text};
use charthouse_chart::{Mode, compile};
use serde_json::{Value as Json, json};

#[track_caller]
fn check(chart: Json, expected: &str) {
    let found = match compile(&def(&chart), Mode::Strict) {
        Ok(compiled) => text(&compiled.warnings),
        Err(findings) => text(&findings),
    };
    let expected: String = expected
        .lines()
        .map(|l| format!("{}\n", l.trim()))
        .collect();
    assert_eq!(found, expected, "\n--- found\n{found}");
}

#[test]
fn a_chart_that_is_right_has_nothing_to_say() {
    check(
        json!({
            "data": {"rounds": 0}, "initial": "a",
            "states": {
                "a": {"on": {"E": [{"guard": "data.rounds < 3", "target": "b"}, "c"]}},
                "b": {"entry": [{"assign": {"rounds": "data.rounds + 1"}}], "always": "a"},
                "c": {"type": "final"}
            }
        }),
        "",
    );
}

#[test]
fn names_that_do_not_exist() {
    check(
        json!({
            "data": {"rounds": 0}, "initial": "ornt",
            "states": {
                "orient": {"on": {"E": "actt", "F": {"guard": "data.runds > 1 && In('orint')", "target": "act"}}},
                "act": {"entry": [{"assign": {"roundz": "1", "data.rounds": "2"}}]}
            }
        }),
        "Error: there is no state `ornt` (did you mean `orient`?)
         Error: the chart's data has no `roundz` (did you mean `rounds`?)
         Error: the chart's data has no `data` (leave `data.` out: write `rounds`)
         Error: there is no state `actt` (did you mean `act`?)
         Error: the chart's data has no `runds` (did you mean `data.rounds`?)
         Error: there is no state `orint` (did you mean `orient`?)",
    );
}

#[test]
fn wrong_types() {
    check(
        json!({
            "data": {"n": 0, "t": "x", "d": 0.5, "m": {}}, "initial": "a",
            "states": {"a": {
                "entry": [
                    {"assign": {"n": "'one'", "d": "1", "m.k": "true", "t.k": "1"}},
                    {"foreach": {"array": "data.t", "item": "t", "do": []}}
                ],
                "on": {"E": {"guard": "data.n + 1", "target": "a"}}
            }}
        }),
        "Error: `n` holds int, and this is string (an entry keeps the type it begins with; begin it with `null` to let it hold anything)
         Error: `t.k`: the entry holds string, not a map (assign to the entry itself)
         Error: foreach needs a list, and this is string
         Error: a guard must be true or false, and this is int (compare it with something, for instance `… > 0` or `… != ''`)",
    );
}

#[test]
fn the_shape_of_states() {
    check(
        json!({
            "states": {
                "a": {"states": {"a1": {}, "a2": {}}},
                "p": {"type": "parallel", "initial": "p1", "states": {"p1": {}, "pf": {"type": "final"}, "a1": {}}},
                "q": {"type": "parallel"},
                "f": {"type": "final", "states": {"x": {}}, "on": {"E": "a"}},
                "h": {"type": "history", "entry": [], "on": {"E": "a"}, "states": {"y": {}}},
                "o": {"output": "1"}
            }
        }),
        "Error: the state `a1` stands twice, first at test.yaml:1:1 (ids are unique in a chart, also in different places of it: rename one)
         Error: the chart has no `initial` (say where it begins, for instance `initial: a`)
         Error: the state `a` has no `initial` (say where it begins, for instance `initial: a1`)
         Error: the parallel state `p` has an `initial` (remove it: all regions of a parallel state are entered)
         Error: the final state `pf` is a region of a parallel state (a region ends when a final state inside it is reached: put it into one)
         Error: the parallel state `q` has no regions (give it states, or remove its `type`)
         Error: the final state `f` has children (a final state is the end: move them out, or remove its `type`)
         Error: the final state `f` has transitions (what follows an end stands on the state around it: on `done.state.<id>`)
         Error: the history state `h` has children (move them beside it)
         Error: the history state `h` has no default (say where it leads the first time: `target: …`)
         Error: the history state `h` has transitions (a history state is never active: put them on the states it leads to)
         Error: the history state `h` has `entry` actions (a history state is never active: put them on the states it leads to)
         Warning: the history state `h` never remembers anything (the chart itself is never left: put it into the state whose past it keeps)
         Error: the state `o` has an `output` and is not final (add `type: final`, or remove the output)",
    );
    check(
        json!({}),
        "Error: the chart has no states (give it at least one state under `states`)",
    );
}

#[test]
fn starts_and_targets_that_cannot_be() {
    check(
        json!({
            "initial": "a",
            "states": {
                "a": {"initial": "b", "states": {"a1": {}, "a2": {}, "h": {"type": "history", "target": "h2"}, "h2": {"type": "history", "target": "b"}}},
                "b": {"on": {"E": {"target": ["a1", "a2"]}, "F": {"target": ["p", "p1"]}, "G": {"target": ["p1x", "p2x"]}}},
                "p": {"type": "parallel", "states": {"p1": {"states": {"p1x": {}}}, "p2": {"states": {"p2x": {}}}}}
            }
        }),
        "Error: the initial state `b` lies outside `a` (name one of: a1, a2)
         Error: the default of `h` is a history itself (name the state that it should lead to)
         Error: the default `b` of `h2` lies outside `a` (a history leads into the state it belongs to: `a`)
         Error: `a1` and `a2` cannot be active together (several targets must lie in different regions of a parallel state)
         Error: `p` and `p1` cannot be active together (several targets must lie in different regions of a parallel state)",
    );
}

#[test]
fn what_is_probably_not_meant() {
    check(
        json!({
            "initial": "a",
            "states": {
                "a": {"on": {"error": "b", "error.timeout": "c", "E": [{"target": "b"}, {"guard": "1 < 2", "target": "c"}], "done.state.bb": "b"}},
                "b": {"entry": [{"raise": "timer.x"}]},
                "c": {},
                "lonely": {"states": {"inside": {}}}
            }
        }),
        "Warning: `timer.x` looks like an event that the host raises (choose another name if it is the chart's own)
         Warning: nothing leads to the state `lonely` (make a transition to it, for instance `on: { EVENT: lonely }`, or remove it)
         Warning: this transition is never taken: one before it has no guard and always wins (put it first, or give the other one a guard)
         Warning: `done.state.bb` never happens: there is no state `bb` (did you mean `done.state.b`?)",
    );
}

#[test]
fn a_circle_of_always_is_found() {
    let circle = "Error: this transition of `b` leads back to itself without end (give an `always` of the circle a guard, or make it wait for an event)";
    check(
        json!({"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {"always": "c"}, "c": {"always": "b"}}}),
        circle,
    );
    check(
        json!({"initial": "b", "states": {"b": {"always": {"actions": []}}}}),
        circle,
    );
    // With a guard on the way it may come to rest.
    check(
        json!({"data": {"n": 0}, "initial": "b", "states": {
            "b": {"always": {"guard": "data.n < 3", "target": "c"}},
            "c": {"entry": [{"assign": {"n": "data.n + 1"}}], "always": "b"}
        }}),
        "",
    );
}

#[test]
fn events_and_targets_of_sends() {
    check(
        json!({"initial": "a", "states": {"a": {
            "entry": [{"raise": "two words"}, {"send": {"event": "e", "target": "bob"}}, {"send": {"event": "e", "target": "agent:bob"}}],
            "on": {"a b": "a", "a.*.b": "a", "a.*": "a"}
        }}}),
        "Error: `two words` is no name of an event (names are words joined by dots, for instance `plan.ready`)
         Error: nobody is called `bob` (send to `workflow` or `agent:ID`; without `target` it goes to the chart itself)
         Error: `a b` is no event (write words joined by dots; `*` alone means every event, `error` means all that begin with `error.`)
         Error: `a.*.b` is no event (write words joined by dots; `*` alone means every event, `error` means all that begin with `error.`)",
    );
}

#[test]
fn a_place_inside_an_expression_is_exact() {
    let mut chart = def(
        &json!({"initial": "a", "states": {"a": {"on": {"E": {"guard": "1 < 2 && nosuch", "target": "a"}}}}}),
    );
    let guard = chart.root.states[0].transitions[0]
        .guard
        .as_mut()
        .expect("a guard");
    (guard.place.line, guard.place.column) = (7, 20);
    let findings = compile(&chart, Mode::Strict).expect_err("a wrong name");
    assert_eq!(findings[0].place.to_string(), "test.yaml:7:29");
}

#[test]
fn size_is_bounded() {
    let mut nested = json!({});
    for depth in 0..100 {
        nested = json!({"states": {format!("s{depth}"): nested}});
    }
    check(
        nested,
        "Error: states are nested deeper than 64 (make it flatter)",
    );
    let many: serde_json::Map<String, Json> =
        (0..10_001).map(|n| (format!("s{n}"), json!({}))).collect();
    check(
        json!({"initial": "s0", "states": many}),
        "Error: the chart has more than 10000 states (split it into several charts)",
    );
}

#[test]
fn the_hash_is_of_what_a_chart_does() {
    let hash = |json: Json| crate::support::chart(json).hash();
    let plain = json!({"initial": "a", "states": {"a": {"on": {"E": "b"}}, "b": {}}});
    assert_eq!(hash(plain.clone()), hash(plain.clone()));
    let mut documented = def(&plain);
    documented.root.states[0].doc = Some("why".into());
    documented.root.states[0].id.place.line = 99;
    let documented = compile(&documented, Mode::Strict).expect("a chart").chart;
    assert_eq!(documented.hash(), hash(plain.clone()));
    let mut other = plain.clone();
    other["states"]["a"]["on"] = json!({"F": "b"});
    assert_ne!(hash(other), hash(plain));
}
