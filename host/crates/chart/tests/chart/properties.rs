//! Invariants over random charts and random events: no panic, no endless step, only legal configurations, snapshots that survive being
//! stored, and the same trace every time.

use crate::support::def;
use charthouse_chart::*;
use proptest::prelude::*;
use serde_json::{Map, Value as Json, json};
use types::{Event, Value};

/// Choices for a chart, read off random bytes; when they run out, the simplest choice is made, so that shrinking shortens the chart.
pub struct Choices<'b> {
    pub bytes: std::slice::Iter<'b, u8>,
    pub states: usize,
}

impl Choices<'_> {
    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.bytes.next().copied().unwrap_or(0)) % limit
    }

    pub fn chart(&mut self) -> Json {
        let mut chart = self.state(0, false);
        chart["data"] = json!({"n": 0, "t": "", "l": [1], "any": null});
        chart
    }

    fn state(&mut self, depth: usize, region: bool) -> Json {
        let mut state = json!({});
        let children = match (depth, self.below(4)) {
            (0, n) => n + 2,
            (1..4, n) => n,
            _ => 0,
        };
        let parallel = depth > 0 && children > 0 && self.below(3) == 0;
        let mut names = Vec::new();
        let mut states = Map::new();
        for _ in 0..children {
            let name = format!("s{}", self.states);
            self.states += 1;
            states.insert(name.clone(), self.state(depth + 1, parallel));
            names.push(name);
        }
        if children == 0 && depth > 0 && !region && self.below(6) == 0 {
            return json!({"type": "final"});
        }
        if parallel {
            state["type"] = "parallel".into();
        } else if let Some(first) = names.first() {
            state["initial"] = first.as_str().into();
        }
        if children > 0 && depth > 0 && self.below(2) == 0 {
            let history = format!("s{}", self.states);
            self.states += 1;
            let deep = if self.below(2) == 0 {
                "deep"
            } else {
                "shallow"
            };
            let target = names[self.below(names.len())].as_str();
            states.insert(
                history,
                json!({"type": "history", "history": deep, "target": target}),
            );
        }
        if children > 0 {
            state["states"] = states.into();
        }
        state["on"] = self.transitions();
        if self.below(6) == 0 {
            let mut always = self.transition();
            always["guard"] = "data.n % 3 == 1".into();
            state["always"] = always;
        }
        if self.below(5) == 0 && depth > 0 {
            state["after"] = json!({"1s": self.transition()});
        }
        if self.below(5) == 0 && depth > 0 {
            state["invoke"] = "turn".into();
        }
        state["entry"] = self.actions();
        state["exit"] = self.actions();
        state
    }

    fn transitions(&mut self) -> Json {
        let mut on = Map::new();
        for _ in 0..self.below(3) {
            let event = ["A", "B", "C.x", "C", "*", "error", "done.state.s1"][self.below(7)];
            on.insert(event.into(), self.transition());
        }
        on.into()
    }

    fn transition(&mut self) -> Json {
        let mut transition = json!({"actions": self.actions(), "reenter": self.below(2) == 0});
        // Which state it is, is said when all are known.
        let name = |choices: &mut Self| format!("?{}", choices.below(64));
        match self.below(24) {
            0..3 => {}
            3 => transition["target"] = json!([name(self), name(self)]),
            _ => transition["target"] = name(self).into(),
        }
        match self.below(6) {
            0 => transition["guard"] = "data.n % 2 == 0".into(),
            1 => transition["guard"] = name(self).into(),
            2 => transition["guard"] = "event.data.ok".into(),
            _ => {}
        }
        transition
    }

    fn actions(&mut self) -> Json {
        let mut actions = Vec::new();
        for _ in 0..self.below(3) {
            actions.push(match self.below(8) {
                0 => json!({"raise": (["B", "D", "E"][self.below(3)])}),
                1 => json!({"send": {"event": "A", "delay": "500ms", "id": "later"}}),
                2 => json!({"cancel": "later"}),
                3 => json!({"assign": {"t": "data.t + 'x'"}}),
                4 => json!({"foreach": {"array": "data.l", "item": "any", "do": [{"assign": {"n": "data.n + data.any"}}]}}),
                5 => json!({"send": {"event": "C.x", "data": {"ok": "true"}}}),
                6 => json!({"assign": {"any": "event.data.ok"}}),
                _ => json!({"assign": {"n": "data.n + 1"}}),
            });
        }
        actions.into()
    }
}

/// Give every placeholder the name of a state that exists.
pub fn name_states(json: &mut Json, states: usize) {
    let name = |text: &str| {
        let number: usize = text.strip_prefix('?')?.parse().ok()?;
        Some(format!("s{}", number % states))
    };
    match json {
        Json::Array(items) => items.iter_mut().for_each(|item| name_states(item, states)),
        Json::Object(map) => {
            if let Some(guard) = map.get("guard").and_then(Json::as_str).and_then(name) {
                map.insert("guard".into(), format!("In('{guard}')").into());
            }
            map.values_mut()
                .for_each(|value| name_states(value, states));
        }
        Json::String(text) => {
            if let Some(name) = name(text) {
                *text = name;
            }
        }
        _ => {}
    }
}

pub fn random_chart(bytes: &[u8]) -> Option<Chart> {
    let mut choices = Choices {
        bytes: bytes.iter(),
        states: 0,
    };
    let mut json = choices.chart();
    name_states(&mut json, choices.states);
    compile(&def(&json), Mode::Strict)
        .ok()
        .map(|compiled| compiled.chart)
}

/// Each active state with its parent, one child of each compound state, all of each parallel one.
pub fn is_legal(chart: &Chart, snapshot: &Snapshot) -> bool {
    let active: Vec<StateId> = snapshot.configuration().collect();
    if snapshot.is_done() {
        return active.len() == 1 && chart.state(active[0]).kind == StateType::Final;
    }
    let children = |parent: Option<StateId>| {
        let of = move |(_, info): &(StateId, &StateInfo)| info.parent == parent;
        let states = chart.states().filter(of);
        let states = states.filter(|(_, info)| !matches!(info.kind, StateType::History { .. }));
        states.map(|(id, _)| id).collect::<Vec<_>>()
    };
    let count = |of: &[StateId]| of.iter().filter(|s| active.contains(s)).count();
    count(&children(None)) == 1
        && active.iter().all(|state| {
            let info = chart.state(*state);
            let inside = children(Some(*state));
            info.parent.is_none_or(|parent| active.contains(&parent))
                && match info.kind {
                    StateType::Compound => count(&inside) == 1,
                    StateType::Parallel => count(&inside) == inside.len(),
                    StateType::Atomic | StateType::Final => true,
                    StateType::History { .. } => false,
                }
        })
}

pub fn event(choice: u8, time: i64) -> Event {
    let name = ["A", "B", "C.x", "C.y", "D", "turn.done"][usize::from(choice) % 6];
    let data = if choice < 128 {
        Value::Null
    } else {
        Value::map([("ok", Value::Bool(choice.is_multiple_of(2)))])
    };
    Event::new(name, data, time)
}

/// Through JSON and back.
pub fn stored(chart: &Chart, snapshot: &Snapshot) -> Snapshot {
    let text = serde_json::to_string(&snapshot.save(chart)).expect("JSON");
    let saved: SavedSnapshot = serde_json::from_str(&text).expect("what was written");
    saved.restore(chart).expect("the chart that wrote it")
}

/// Run and keep every configuration, effect and error as text; `restoring` stores the snapshot between steps.
fn trace(chart: &Chart, events: &[u8], restoring: bool) -> Result<Vec<String>, TestCaseError> {
    let mut effects = Effects::new();
    let mut lines = Vec::new();
    let Ok(mut snapshot) = start(chart, 0, &mut effects) else {
        return Ok(vec!["no start".into()]);
    };
    for (number, choice) in events.iter().enumerate() {
        let now = number as i64 * 400;
        if restoring {
            let again = stored(chart, &snapshot);
            prop_assert_eq!(&again, &snapshot);
            snapshot = again;
        }
        while let Some(due) = snapshot.take_due(now) {
            let before = snapshot.clone();
            let result = step(chart, &mut snapshot, &due, &mut effects);
            if result.is_err() {
                prop_assert_eq!(&snapshot, &before);
            }
            lines.push(format!("{}: {result:?}", due.name));
        }
        let before = snapshot.clone();
        let listed = effects.len();
        let event = event(*choice, now);
        let result = step(chart, &mut snapshot, &event, &mut effects);
        if result.is_err() {
            prop_assert_eq!(&snapshot, &before);
            prop_assert_eq!(effects.len(), listed);
        }
        prop_assert!(is_legal(chart, &snapshot), "{:?}", snapshot.leaves(chart));
        let effects: Vec<Effect> = effects.drain().collect();
        let data = snapshot.data_json(chart);
        lines.push(format!(
            "{result:?} {:?} {data} {effects:?}",
            snapshot.leaves(chart)
        ));
    }
    Ok(lines)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn charts_run_legally_and_alike_every_time(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        events in prop::collection::vec(any::<u8>(), 1..12),
    ) {
        if let Some(chart) = random_chart(&bytes) {
            let first = trace(&chart, &events, false)?;
            prop_assert_eq!(&trace(&chart, &events, false)?, &first);
            prop_assert_eq!(&trace(&chart, &events, true)?, &first);
        }
    }
}

/// The generator must not spend its time on charts that do not compile.
#[test]
fn many_random_charts_compile() {
    let mut seed = 1u64;
    let mut compiled = 0;
    for _ in 0..300 {
        let bytes: Vec<u8> = (0..300)
            .map(|_| {
                // Knuth's multiplier; any spread of bytes will do.
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 56) as u8
            })
            .collect();
        compiled += usize::from(random_chart(&bytes).is_some());
    }
    assert!(compiled > 150, "{compiled} of 300");
}
