//! Moving a running chart to another version: every rule of the design, by itself.

use crate::support::{chart, text};
use charthouse_chart::*;
use serde_json::{Value as Json, json};
use types::{Event, Marked, Place, Value};

fn marked(text: &str) -> Marked<String> {
    Marked::new(text.to_owned(), Place::new("new.yaml", 1, 1))
}

/// `{"renamed": {…}, "removed": {…}, "data": {…}}`.
fn mapping(json: &Json) -> MigrateDef {
    let removed = json["removed"].as_object().into_iter().flatten();
    let pairs = |key: &str| {
        let map = json[key].as_object();
        map.into_iter()
            .flatten()
            .map(|(a, b)| (marked(a), marked(b.as_str().expect("text"))))
            .collect()
    };
    MigrateDef {
        policy: ReloadPolicy::Migrate,
        renamed: pairs("renamed"),
        removed: removed
            .map(|(old, new)| (marked(old), new.as_str().map(marked)))
            .collect(),
        data: pairs("data"),
    }
}

struct Moved {
    chart: Chart,
    snapshot: Snapshot,
    migration: Migration,
    effects: Effects,
}

impl Moved {
    fn leaves(&self) -> String {
        self.snapshot.leaves(&self.chart).join(" ")
    }

    fn log(&self) -> String {
        let said = self.effects.iter().filter_map(|effect| match effect {
            Effect::Log { value, .. } => Some(value.as_text().unwrap_or("?").to_owned()),
            Effect::Invoke { id, .. } => Some(format!("+{id}")),
            Effect::CancelInvoke { id, .. } => Some(format!("-{id}")),
            _ => None,
        });
        said.collect::<Vec<_>>().join(" ")
    }

    fn changes(&self) -> Vec<String> {
        let changes = self.migration.changes.iter();
        changes.map(ToString::to_string).collect()
    }

    #[track_caller]
    fn event(&mut self, name: &str, time: i64) -> String {
        self.effects.clear();
        let event = Event::new(name, Value::Null, time);
        step(&self.chart, &mut self.snapshot, &event, &mut self.effects).expect("a step");
        self.leaves()
    }
}

/// Start `old`, let `events` happen (one a second), and move to `new`.
fn attempt(
    old: Json,
    events: &[&str],
    new: Json,
    map: Json,
) -> (Chart, Snapshot, Result<Moved, MigrateError>) {
    let (old, new) = (chart(old), chart(new));
    let mut effects = Effects::new();
    let mut snapshot = start(&old, 0, &mut effects).expect("a start");
    let mut now = 0;
    for name in events {
        now += 1_000;
        let event = Event::new(*name, Value::Null, now);
        step(&old, &mut snapshot, &event, &mut effects).expect("a step");
    }
    effects.clear();
    let result = migrate(
        &old,
        &new,
        &mapping(&map),
        &snapshot,
        now + 1_000,
        &mut effects,
    );
    let moved = result.map(|(snapshot, migration)| {
        // What arrives can be stored and comes back as it was.
        let stored = serde_json::to_string(&snapshot.save(&new)).expect("JSON");
        let saved: SavedSnapshot = serde_json::from_str(&stored).expect("what was written");
        assert_eq!(saved.restore(&new).expect("it fits"), snapshot);
        Moved {
            chart: new,
            snapshot,
            migration,
            effects,
        }
    });
    (old, snapshot, moved)
}

#[track_caller]
fn moved(old: Json, events: &[&str], new: Json, map: Json) -> Moved {
    match attempt(old, events, new, map).2 {
        Ok(moved) => moved,
        Err(error) => panic!("{error}"),
    }
}

fn log(text: &str) -> Json {
    json!([{"log": format!("'{text}'")}])
}

/// A state that says when it is entered (`+id`) and left (`-id`).
fn noisy(id: &str, more: Json) -> Json {
    let mut state = json!({"entry": log(&format!("in:{id}")), "exit": log(&format!("out:{id}"))});
    for (key, value) in more.as_object().into_iter().flatten() {
        state[key] = value.clone();
    }
    state
}

#[test]
fn the_same_chart_changes_nothing() {
    let same = || {
        json!({"initial": "a", "data": {"n": 1}, "states": {
            "a": noisy("a", json!({"after": {"10s": "b"}, "invoke": "turn"})),
            "b": noisy("b", json!({})),
        }})
    };
    let (_, before, after) = attempt(same(), &["x"], same(), json!({}));
    let after = after.expect("it moves");
    assert_eq!(after.snapshot, before);
    assert!(after.effects.is_empty());
    assert!(after.migration.changes.is_empty());
}

#[test]
fn a_new_version_of_the_same_states_runs_no_action_and_keeps_everything() {
    let version = |name: &str| {
        json!({"chart": name, "initial": "p", "data": {"n": 1}, "states": {
            "p": noisy("p", json!({"initial": "a", "on": {"go": "q"}, "states": {
                "a": noisy("a", json!({"after": {"10s": "b"}, "invoke": "turn", "on": {"next": "b"}})),
                "b": noisy("b", json!({"entry": [{"send": {"event": "late", "delay": "30s", "id": "l"}}, {"assign": {"n": "data.n + 1"}}]})),
                "h": {"type": "history", "history": "shallow", "target": "a"},
            }})),
            "q": noisy("q", json!({"after": {"1m": "h"}, "invoke": "think", "on": {"back": "h"}})),
        }})
    };
    let (_, before, after) = attempt(version("one"), &["next", "go"], version("two"), json!({}));
    let mut after = after.expect("it moves");
    assert_eq!(after.log(), "");
    assert!(after.effects.is_empty());
    assert_eq!(after.changes(), [""; 0]);
    assert_eq!(after.snapshot.next_due(), before.next_due());
    assert!(after.snapshot.is_invoked("q.2"));
    assert_eq!(after.snapshot.data_json(&after.chart), json!({"n": 2}));
    assert_eq!(after.event("back", 5_000), "b", "history survives");
    assert_ne!(after.migration.from, after.migration.to);
}

#[test]
fn a_renamed_state_stays_active_with_what_is_inside_it() {
    let old = json!({"initial": "work", "states": {"work": noisy("work", json!({
        "initial": "a", "states": {"a": noisy("a", json!({"after": {"10s": "b"}, "invoke": "turn"})), "b": {}}}))}});
    let new = json!({"initial": "job", "states": {"job": noisy("job", json!({
        "initial": "a", "states": {"a": noisy("a", json!({"after": {"10s": "b"}, "invoke": "turn"})), "b": {}}}))}});
    let mut after = moved(
        old.clone(),
        &[],
        new.clone(),
        json!({"renamed": {"work": "job"}}),
    );
    assert_eq!((after.leaves().as_str(), after.log().as_str()), ("a", ""));
    assert_eq!(
        after.changes(),
        ["`work` is `job` now", "`work/a` is `job/a` now"]
    );
    assert_eq!(after.snapshot.next_due(), Some(10_000));
    let due = after.snapshot.take_due(10_000).expect("the timer");
    step(&after.chart, &mut after.snapshot, &due, &mut after.effects).expect("a step");
    assert_eq!(after.leaves(), "b");

    let lost = moved(old, &[], new, json!({}));
    assert_eq!(lost.log(), "out:a -a.1 out:work in:job in:a +a.2");
}

#[test]
fn a_timer_of_a_renamed_state_fires_under_its_new_name() {
    let version =
        |id: &str| json!({"initial": id, "states": {id: {"after": {"10s": "z"}}, "z": {}}});
    let mut after = moved(
        version("a"),
        &[],
        version("b"),
        json!({"renamed": {"a": "b"}}),
    );
    let due = after.snapshot.take_due(10_000).expect("the timer");
    assert_eq!(&*due.name, "timer.b.10s");
    step(&after.chart, &mut after.snapshot, &due, &mut after.effects).expect("a step");
    assert_eq!(after.leaves(), "z");
}

#[test]
fn a_removed_state_leads_to_the_initial_state_of_what_is_left_around_it() {
    let old = json!({"initial": "p", "states": {"p": noisy("p", json!({
    "initial": "a", "on": {"x": "gone"}, "states": {
        "a": noisy("a", json!({})),
        "gone": noisy("gone", json!({"initial": "deep", "states": {"deep": noisy("deep", json!({}))}})),
    }}))}});
    let new = json!({"initial": "p", "states": {"p": noisy("p", json!({
        "initial": "a", "states": {"a": noisy("a", json!({}))}}))}});
    let after = moved(old, &["x"], new, json!({}));
    assert_eq!(after.leaves(), "a");
    assert_eq!(after.log(), "out:deep out:gone in:a");
    assert_eq!(
        after.changes(),
        [
            "leave `p/gone/deep`, with its old exit actions: it is gone",
            "leave `p/gone`, with its old exit actions: it is gone",
            "`p` goes on at its initial state",
            "enter `p/a`, with its entry actions",
        ]
    );
}

#[test]
fn a_removed_state_leads_where_migrate_says() {
    let old = json!({"initial": "a", "states": {"a": noisy("a", json!({})), "b": {}, "c": noisy("c", json!({}))}});
    let new = json!({"initial": "b", "states": {"b": noisy("b", json!({})), "c": noisy("c", json!({
        "initial": "c1", "states": {"c1": noisy("c1", json!({}))}}))}});
    let after = moved(old, &[], new, json!({"removed": {"a": "c"}}));
    assert_eq!(after.log(), "out:a in:c in:c1");
    assert_eq!(
        after.changes()[0],
        "leave `a`, with its old exit actions: it is gone, and `migrate` sends it to `c`"
    );
}

fn regions(states: Json) -> Json {
    json!({"initial": "p", "states": {"p": noisy("p", json!({"type": "parallel", "states": states})), "z": noisy("z", json!({}))}})
}

fn region(id: &str, states: &[&str]) -> Json {
    let inside: serde_json::Map<String, Json> = states
        .iter()
        .map(|s| ((*s).to_owned(), noisy(s, json!({}))))
        .collect();
    noisy(id, json!({"initial": states[0], "states": inside}))
}

#[test]
fn other_regions_stay_when_a_state_of_one_is_removed() {
    let old = regions(json!({"l": region("l", &["l1", "l2"]), "r": region("r", &["r1"])}));
    let new = regions(json!({"l": region("l", &["l2"]), "r": region("r", &["r1"])}));
    let after = moved(old, &[], new, json!({}));
    assert_eq!(after.leaves(), "l2 r1");
    assert_eq!(after.log(), "out:l1 in:l2");
}

#[test]
fn a_target_outside_takes_the_other_regions_along() {
    let old = regions(json!({"l": region("l", &["l1"]), "r": region("r", &["r1"])}));
    let new = regions(json!({"l": region("l", &["l2"]), "r": region("r", &["r1"])}));
    let after = moved(old, &[], new, json!({"removed": {"l1": "z"}}));
    assert_eq!(after.leaves(), "z");
    assert_eq!(after.log(), "out:r1 out:r out:l1 out:l out:p in:z");
}

#[test]
fn an_added_region_is_entered_and_said() {
    let old = regions(json!({"l": region("l", &["l1"])}));
    let new = regions(
        json!({"l": region("l", &["l1"]), "r": region("r", &["r1"]), "s": noisy("s", json!({}))}),
    );
    let after = moved(old, &[], new, json!({}));
    assert_eq!(after.leaves(), "l1 r1 s");
    assert_eq!(after.log(), "in:r in:r1 in:s");
    assert_eq!(after.changes().len(), 3);
}

#[test]
fn a_removed_region_is_left() {
    let old = regions(json!({"l": region("l", &["l1"]), "r": region("r", &["r1"])}));
    let new = regions(json!({"l": region("l", &["l1"])}));
    let after = moved(old, &[], new, json!({}));
    assert_eq!(
        (after.leaves().as_str(), after.log().as_str()),
        ("l1", "out:r1 out:r")
    );
}

#[test]
fn a_state_may_change_its_sort() {
    let inside = |ids: &[&str]| {
        let states: serde_json::Map<String, Json> = ids
            .iter()
            .map(|s| ((*s).to_owned(), noisy(s, json!({}))))
            .collect();
        states
    };
    let atomic = json!({"initial": "p", "states": {"p": noisy("p", json!({}))}});
    let compound = json!({"initial": "p", "states": {"p": noisy("p", json!({"initial": "b", "states": inside(&["a", "b"])}))}});
    let parallel = json!({"initial": "p", "states": {"p": noisy("p", json!({"type": "parallel", "states": inside(&["a", "b"])}))}});
    let end = json!({"initial": "p", "states": {"p": {"type": "final"}}});
    for (old, new, leaves, log) in [
        (&atomic, &compound, "b", "in:b"),
        (&compound, &atomic, "p", "out:b"),
        (&compound, &parallel, "a b", "in:a"),
        (&parallel, &compound, "a", "out:b"),
        (&parallel, &atomic, "p", "out:b out:a"),
        (&atomic, &parallel, "a b", "in:a in:b"),
    ] {
        let after = moved(old.clone(), &[], new.clone(), json!({}));
        assert_eq!(
            (after.leaves().as_str(), after.log().as_str()),
            (leaves, log)
        );
    }
    let after = moved(atomic, &[], end, json!({}));
    assert!(after.snapshot.is_done());
    assert_eq!(after.changes(), ["`p` is final now"]);
}

#[test]
fn a_chart_that_has_ended_stays_ended() {
    let old = json!({"initial": "a", "states": {"a": {"on": {"x": "e"}}, "e": {"type": "final"}}});
    let new =
        json!({"initial": "a", "states": {"a": noisy("a", json!({})), "e": {"type": "final"}}});
    let after = moved(old, &["x"], new, json!({}));
    assert!(after.snapshot.is_done());
    assert_eq!((after.leaves().as_str(), after.log().as_str()), ("e", ""));
}

#[test]
fn history_forgets_what_is_gone() {
    let version = |states: &[&str]| {
        let mut p = region("p", states);
        p["states"]["h"] = json!({"type": "history", "history": "shallow", "target": states[0]});
        p["on"] = json!({"out": "q"});
        p["states"]["a"]["on"] = json!({"next": "b"});
        json!({"initial": "p", "states": {"p": p, "q": {"on": {"back": "h"}}}})
    };
    let mut old = version(&["a", "b"]);
    old["states"]["p"]["states"]["b"]["on"] = json!({});
    let mut new = version(&["a", "c"]);
    new["states"]["p"]["states"]["a"]["on"] = json!({"next": "c"});
    let mut after = moved(old, &["next", "out"], new, json!({}));
    assert_eq!(
        after.changes(),
        ["the history `p/h` forgets states that are gone"]
    );
    assert_eq!(after.event("back", 9_000), "a");
}

#[test]
fn delayed_sends_go_on_and_can_be_cancelled() {
    let version = |name: &str| {
        json!({"chart": name, "initial": "a", "states": {
            "a": {"entry": [{"send": {"event": "late", "delay": "30s", "id": "l"}}],
                  "on": {"late": "b", "stop": {"actions": [{"cancel": "l"}]}}},
            "b": {}}})
    };
    let mut after = moved(version("one"), &[], version("two"), json!({}));
    assert_eq!(after.snapshot.next_due(), Some(30_000));
    after.event("stop", 2_000);
    assert_eq!(after.snapshot.next_due(), None);
}

#[test]
fn a_timer_whose_length_changed_counts_from_when_its_state_was_entered() {
    let version = |delay: &str| json!({"initial": "a", "states": {"a": {"after": {delay: "b"}, "on": {"x": {}}}, "b": {}}});
    let after = moved(version("10s"), &["x"], version("20s"), json!({}));
    assert_eq!(after.snapshot.next_due(), Some(20_000));
    assert_eq!(
        after.changes(),
        [
            "the timer `timer.a.10s` is gone",
            "the timer `timer.a.20s` is set, due in 18s"
        ]
    );
    let mut shorter = moved(version("10s"), &["x"], version("1s"), json!({}));
    assert_eq!(shorter.snapshot.next_due(), Some(2_000), "overdue: at once");
    let due = shorter.snapshot.take_due(2_000).expect("the timer");
    step(
        &shorter.chart,
        &mut shorter.snapshot,
        &due,
        &mut shorter.effects,
    )
    .expect("a step");
    assert_eq!(shorter.leaves(), "b");
}

#[test]
fn a_timer_that_has_fired_is_not_set_again() {
    let version = |name: &str| json!({"chart": name, "initial": "a", "states": {"a": {"after": {"1s": {"actions": []}}}}});
    let (old, new) = (chart(version("one")), chart(version("two")));
    let mut effects = Effects::new();
    let mut snapshot = start(&old, 0, &mut effects).expect("a start");
    let due = snapshot.take_due(1_000).expect("the timer");
    step(&old, &mut snapshot, &due, &mut effects).expect("a step");
    let (after, _) = migrate(
        &old,
        &new,
        &MigrateDef::default(),
        &snapshot,
        2_000,
        &mut effects,
    )
    .expect("it moves");
    assert_eq!(after.next_due(), None);
}

#[test]
fn an_invoke_that_reads_as_before_goes_on_and_another_is_exchanged() {
    let version = |invoke: Json, name: &str| json!({"chart": name, "initial": "a", "states": {"a": {"invoke": invoke, "on": {"x": {}}}}});
    let plugin = |path: &str| json!({"activity": "plugin", "params": {"path": path}});
    let kept = moved(
        version(plugin("'a'"), "one"),
        &[],
        version(plugin("'a'"), "two"),
        json!({}),
    );
    assert_eq!(kept.log(), "");
    assert!(kept.snapshot.is_invoked("a.1"));
    let other = moved(
        version(plugin("'a'"), "one"),
        &[],
        version(plugin("'b'"), "two"),
        json!({}),
    );
    assert_eq!(other.log(), "-a.1 +a.2");
    assert_eq!(
        other.changes(),
        ["the activity `a.1` is stopped", "`a` starts an activity"]
    );
    let gone = moved(
        version(plugin("'a'"), "one"),
        &[],
        version(Json::Null, "two"),
        json!({}),
    );
    assert_eq!(gone.log(), "-a.1");
    let new = moved(
        version(Json::Null, "one"),
        &[],
        version("turn".into(), "two"),
        json!({}),
    );
    assert_eq!(new.log(), "+a.1");
}

#[test]
fn an_activity_that_has_answered_is_not_started_again() {
    let version =
        |name: &str| json!({"chart": name, "initial": "a", "states": {"a": {"invoke": "turn"}}});
    let (old, new) = (chart(version("one")), chart(version("two")));
    let mut effects = Effects::new();
    let mut snapshot = start(&old, 0, &mut effects).expect("a start");
    let event = Event::new("turn.done", Value::Null, 1);
    step(
        &old,
        &mut snapshot,
        Incoming::from_invocation(&event, "a.1"),
        &mut effects,
    )
    .expect("a step");
    effects.clear();
    let (after, _) = migrate(
        &old,
        &new,
        &MigrateDef::default(),
        &snapshot,
        2,
        &mut effects,
    )
    .expect("it moves");
    assert!(effects.is_empty());
    assert!(!after.is_invoked("a.1"));
}

#[test]
fn a_child_chart_that_does_the_same_goes_on_where_it_is() {
    let version = |name: &str, child: &str| {
        json!({"chart": name, "initial": "a", "states": {"a": {"invoke": {"id": "k", "autoforward": true, "chart": {
            "chart": child, "initial": "c1", "states": {
                "c1": {"on": {"x": "c2"}}, "c2": {"exit": log("child left"), "on": {"x": {"actions": log("child here")}}}}}}}}})
    };
    let mut kept = moved(version("one", "c"), &["x"], version("two", "c"), json!({}));
    assert_eq!(kept.log(), "");
    kept.event("x", 5_000);
    assert_eq!(kept.log(), "child here");
    let mut other = moved(version("one", "c"), &["x"], version("two", "d"), json!({}));
    assert_eq!(other.log(), "child left");
    other.event("x", 5_000);
    assert_eq!(other.log(), "", "it began anew");
}

#[test]
fn data_goes_over_by_name_and_by_expression() {
    let old = json!({"initial": "a", "data": {"both": 1, "dropped": [1], "rounds": 3, "wide": 2}, "states": {"a": {}}});
    let new = json!({"initial": "a", "data": {"both": 7, "fresh": "x", "tries": "", "wide": 0.5}, "states": {"a": {}}});
    let after = moved(
        old,
        &[],
        new,
        json!({"data": {"tries": "string(data.rounds) + '!'"}}),
    );
    assert_eq!(
        after.snapshot.data_json(&after.chart),
        json!({"both": 1, "fresh": "x", "tries": "3!", "wide": 2.0})
    );
    assert_eq!(
        after.changes(),
        [
            "data `fresh` is new: \"x\"",
            "data `tries` is new: \"3!\"",
            "data `wide`: 2 becomes 2.0",
            "data `dropped` is gone; it was [1]",
            "data `rounds` is gone; it was 3",
        ]
    );
}

#[test]
fn data_of_another_type_needs_a_word() {
    let old = json!({"initial": "a", "data": {"n": 1}, "states": {"a": {}}});
    let new = json!({"initial": "a", "data": {"n": "one"}, "states": {"a": {}}});
    let (_, _, refused) = attempt(old.clone(), &[], new.clone(), json!({}));
    let Err(MigrateError::Mapping(findings)) = refused.map(|moved| moved.migration) else {
        panic!("it must be refused");
    };
    assert_eq!(
        text(&findings),
        "Error: the data entry `n` holds string in this version, and here it would be int (1) (say what becomes of it: `migrate: { data: { n: EXPRESSION } }`, over the old chart's `data.*`)\n"
    );
    let after = moved(old, &[], new, json!({"data": {"n": "string(data.n)"}}));
    assert_eq!(after.snapshot.data_json(&after.chart), json!({"n": "1"}));
}

#[test]
fn what_migrate_says_is_checked() {
    let old = || json!({"initial": "a", "data": {"n": 0}, "states": {"a": {}, "b": {}}});
    let new = || {
        json!({"initial": "work", "data": {"n": 0}, "states": {"work": {"initial": "w1", "states": {
            "w1": {}, "h": {"type": "history", "history": "shallow", "target": "w1"}}}, "z": {}}})
    };
    let says = |map: Json| match attempt(old(), &[], new(), map).2 {
        Err(MigrateError::Mapping(findings)) => text(&findings),
        Err(other) => panic!("{other}"),
        Ok(_) => "it moves".into(),
    };
    for (map, wanted) in [
        (
            json!({"renamed": {"a": "wrk"}}),
            "this chart has no state `wrk` (did you mean `work`?)",
        ),
        (
            json!({"renamed": {"a": "z/w1"}}),
            "this chart has no state `z/w1` (it stands at `work/w1`)",
        ),
        (json!({"removed": {"a": "h"}}), "`h` is a history state"),
        (
            json!({"renamed": {"a": "z", "b": "z"}}),
            "`a` and `b` both become `z`",
        ),
        (
            json!({"renamed": {"a": "z"}, "removed": {"a": "work"}}),
            "says twice what becomes of `a`",
        ),
        (
            json!({"data": {"n": "1 +"}}),
            "a value is expected here, not the end",
        ),
        (json!({"removed": {"a": null}}), "it moves"),
        (
            json!({"data": {"m": "1"}}),
            "the chart has no data entry `m`",
        ),
        (json!({"data": {"n": "data.x + 1"}}), "`x`"),
        (json!({"data": {"n": "1 / 0"}}), "`1 / 0`"),
        (json!({"renamed": {"long-gone": "z"}}), "it moves"),
        (json!({"renamed": {"a": "work/w1"}}), "it moves"),
    ] {
        let said = says(map);
        assert!(said.contains(wanted), "{wanted}: {said}");
    }
}

#[test]
fn a_state_at_another_path_is_another_state_and_the_plan_says_so() {
    let old = json!({"initial": "a", "states": {"a": noisy("a", json!({}))}});
    let new = json!({"initial": "w", "states": {"w": {"initial": "a", "states": {"a": noisy("a", json!({}))}}}});
    let after = moved(old.clone(), &[], new.clone(), json!({}));
    assert_eq!(after.log(), "out:a in:a");
    assert_eq!(
        after.changes()[0],
        "note: `a` stands at `w/a` now, which is another path: write `renamed: { a: a }` if it is the same state"
    );
    let kept = moved(old, &[], new, json!({"renamed": {"a": "a"}}));
    assert_eq!((kept.leaves().as_str(), kept.log().as_str()), ("a", ""));
}

#[test]
fn what_exit_actions_raise_is_heard_by_the_new_chart() {
    let old = json!({"initial": "a", "states": {"a": {"exit": [{"raise": "bye"}, {"assign": {"n": "7"}}]}}, "data": {"n": 0}});
    let new =
        json!({"initial": "b", "states": {"b": {"on": {"bye": "c"}}, "c": {}}, "data": {"n": 0}});
    let after = moved(old, &[], new, json!({}));
    assert_eq!(after.leaves(), "c");
    assert_eq!(after.snapshot.data_json(&after.chart), json!({"n": 7}));
}

#[test]
fn the_new_chart_runs_until_it_rests() {
    let old = json!({"initial": "a", "states": {"a": {}, "b": {}}});
    let new = json!({"initial": "a", "states": {"a": {"always": "b"}, "b": {}}});
    assert_eq!(moved(old.clone(), &[], new, json!({})).leaves(), "b");
    let endless = json!({"initial": "a", "data": {"n": 0}, "states": {
        "a": {"always": {"guard": "data.n < 99999999", "actions": [{"assign": {"n": "data.n + 1"}}]}}, "b": {}}});
    let (chart, before, refused) = attempt(old, &[], endless, json!({}));
    assert!(matches!(
        refused.map(|m| m.migration),
        Err(MigrateError::Step(_))
    ));
    assert_eq!(before.leaves(&chart), ["a"]);
}

#[test]
fn a_snapshot_of_another_chart_is_refused() {
    let (a, b) = (
        chart(json!({"initial": "a", "states": {"a": {}}})),
        chart(json!({"initial": "b", "states": {"b": {}}})),
    );
    let mut effects = Effects::new();
    let snapshot = start(&a, 0, &mut effects).expect("a start");
    let refused = migrate(&b, &a, &MigrateDef::default(), &snapshot, 0, &mut effects);
    assert!(matches!(
        refused,
        Err(MigrateError::Step(StepError::WrongChart { .. }))
    ));
}

#[test]
fn a_target_around_what_stays_is_not_entered_by_default() {
    let old = json!({"initial": "s", "states": {"s": noisy("s", json!({"initial": "a", "states": {"a": noisy("a", json!({}))}}))}});
    let new = json!({"initial": "s", "states": {"s": {"initial": "z", "states": {"z": {}}}, "t": noisy("t", json!({
        "initial": "b", "states": {"b": noisy("b", json!({})), "c": noisy("c", json!({}))}}))}});
    let after = moved(
        old,
        &[],
        new,
        json!({"renamed": {"a": "c"}, "removed": {"s": "t"}}),
    );
    assert_eq!(
        (after.leaves().as_str(), after.log().as_str()),
        ("c", "out:s in:t")
    );
}

#[test]
fn a_chart_can_be_placed_in_a_configuration() {
    let chart = chart(regions(
        json!({"l": region("l", &["l1", "l2"]), "r": region("r", &["r1"])}),
    ));
    let mut effects = Effects::new();
    let at = |states: &[&str], effects: &mut Effects| {
        place(&chart, states, 0, effects).map(|s| s.leaves(&chart).join(" "))
    };
    assert_eq!(at(&[], &mut effects).as_deref(), Ok("l1 r1"));
    assert_eq!(at(&["l2"], &mut effects).as_deref(), Ok("l2 r1"));
    assert_eq!(at(&["p", "l2", "r1"], &mut effects).as_deref(), Ok("l2 r1"));
    assert_eq!(at(&["z"], &mut effects).as_deref(), Ok("z"));
    assert!(effects.is_empty());
    let said = |states: &[&str]| {
        place(&chart, states, 0, &mut Effects::new())
            .map(|_| ())
            .map_err(|e| e.to_string())
    };
    assert_eq!(
        said(&["l3"]),
        Err("the chart has no state `l3`; did you mean `l`?".into())
    );
    assert_eq!(
        said(&["l1", "l2"]),
        Err("`l2` cannot be active together with the others, or is a history state".into())
    );
}
