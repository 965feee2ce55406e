//! Pictures, measured: nothing overlaps, no line passes through what is not its own, whatever the chart.

use crate::properties;
use crate::support::{chart, def};
use charthouse_chart::draw::{FaultKind, Options, Picture, Point, picture};
use charthouse_chart::*;
use serde_json::{Map, Value as Json, json};

/// A small generator of numbers, the same everywhere.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }
}

const EVENTS: [&str; 8] = [
    "turn.done",
    "error",
    "human.said",
    "signal.flawed",
    "tool.done.with.a.rather.long.name",
    "x",
    "budget.exhausted",
    "done.state.s1",
];
const GUARDS: [&str; 4] = [
    "data.n < 3",
    "data.n > 0 && (data.any == null || data.n % 7 == 3) && data.t != 'a long text that nobody would read'",
    "event.data.ok",
    "data.t == \"<&>\"",
];

/// A chart as people make them: most transitions lead to a neighbour, some far away.
fn random(seed: u64) -> Json {
    let mut dice = Dice(seed);
    let mut names = Vec::new();
    let mut chart = inside(&mut dice, 0, &mut names);
    chart["data"] = json!({"n": 0, "t": "", "any": null});
    let count = names.len();
    connect(&mut dice, &mut chart, "", count);
    if dice.below(3) == 0 {
        chart["on"] = json!({"signal.abort": (format!("s{}", dice.below(count)))});
    }
    chart
}

fn inside(dice: &mut Dice, depth: usize, names: &mut Vec<()>) -> Json {
    let count = [3 + dice.below(4), 2 + dice.below(3), 1 + dice.below(3), 1][depth.min(3)];
    let parallel = depth > 0 && count > 1 && dice.below(3) == 0;
    let mut states = Map::new();
    let mut first = None;
    for _ in 0..count {
        let name = format!("s{}", names.len());
        names.push(());
        let nested = depth < 3 && dice.below(3) == 0;
        let state = match nested {
            true => inside(dice, depth + 1, names),
            false => leaf(dice, depth, parallel),
        };
        first.get_or_insert_with(|| name.clone());
        states.insert(name, state);
    }
    let first = first.unwrap_or_default();
    if depth > 0 && dice.below(3) == 0 {
        let history = ["deep", "shallow"][dice.below(2)];
        states.insert(
            format!("s{}", names.len()),
            json!({"type": "history", "history": history, "target": first}),
        );
        names.push(());
    }
    let mut state = json!({"states": states});
    match parallel {
        true => state["type"] = "parallel".into(),
        false => state["initial"] = first.into(),
    }
    state
}

fn leaf(dice: &mut Dice, depth: usize, region: bool) -> Json {
    if depth > 0 && !region && dice.below(5) == 0 {
        return json!({"type": "final"});
    }
    let mut state = json!({"on": {}});
    if dice.below(3) == 0 {
        state["entry"] = json!([{"assign": {"n": "data.n + 1"}}, {"log": "'entered'"}]);
    }
    if dice.below(3) == 0 {
        state["invoke"] = "turn".into();
    }
    if dice.below(4) == 0 {
        state["tags"] = json!(["needs-human", "busy"]);
    }
    state
}

fn connect(dice: &mut Dice, json: &mut Json, id: &str, count: usize) {
    let plain = json["type"] != "final" && json["type"] != "history";
    if !id.is_empty() && plain {
        let own: usize = id[1..].parse().expect("a number");
        for _ in 0..dice.below(4) {
            let target = match dice.below(5) {
                0 => dice.below(count),
                1 => own,
                _ => (own + 1 + dice.below(3)) % count,
            };
            let mut transition =
                json!({"target": (format!("s{target}")), "reenter": (dice.below(4) == 0)});
            match dice.below(5) {
                0 | 1 => transition["guard"] = GUARDS[dice.below(GUARDS.len())].into(),
                2 => transition = json!({"actions": [{"raise": "x"}]}),
                3 => transition["actions"] = json!([{"assign": {"n": "0"}}]),
                _ => {}
            }
            json["on"][EVENTS[dice.below(EVENTS.len())]] = transition;
        }
        if dice.below(5) == 0 {
            json["after"] = json!({"90s": (format!("s{}", dice.below(count)))});
        }
    }
    if let Some(states) = json["states"].as_object_mut() {
        for (id, state) in states {
            connect(dice, state, id, count);
        }
    }
}

/// A random chart that compiles; a few do not, where two targets exclude each other.
fn random_chart(seed: u64) -> Option<Chart> {
    let compiled = compile(&def(&random(seed)), Mode::Strict);
    compiled.ok().map(|compiled| compiled.chart)
}

/// Nothing overlaps.
#[track_caller]
fn check(picture: &Picture, name: &str) {
    let faults = picture.faults();
    assert!(faults.is_empty(), "{name}: {faults:#?}");
}

#[test]
fn nothing_overlaps_in_random_charts() {
    let mut charts = 0;
    for seed in 0..64 {
        if let Some(chart) = random_chart(seed) {
            check(
                &picture(&chart, &Options::default()),
                &format!("seed {seed}"),
            );
            charts += 1;
        }
    }
    assert!(charts > 40, "only {charts} random charts compile");
}

#[test]
fn a_long_chain_is_folded() {
    let mut states = Map::new();
    for number in 0..30 {
        let next = format!("s{}", (number + 1) % 30);
        states.insert(format!("s{number}"), json!({"on": {"go": next}}));
    }
    let picture = picture(
        &chart(json!({"initial": "s0", "states": states})),
        &Options::default(),
    );
    check(&picture, "chain");
    let (width, height) = (picture.width, picture.height);
    assert!(
        width < 3 * height && height < 3 * width,
        "{width} x {height}"
    );
}

/// What the measure finds when something is wrong: a test of the tests.
#[test]
fn faults_are_found() {
    let chart = chart(json!({
        "initial": "a",
        "states": {
            "a": {"on": {"go": "b", "stop": "c"}},
            "b": {"on": {"back": "a"}},
            "c": {"type": "final"},
        },
    }));
    let good = picture(&chart, &Options::default());
    check(&good, "untouched");
    let kinds = |change: &dyn Fn(&mut Picture)| {
        let mut picture = good.clone();
        change(&mut picture);
        let mut kinds: Vec<FaultKind> = picture.faults().iter().map(|f| f.kind).collect();
        kinds.sort();
        kinds.dedup();
        kinds
    };
    let labelled: Vec<usize> = (0..good.lines.len())
        .filter(|line| good.lines[*line].label.is_some())
        .collect();
    let label = |picture: &Picture, line: usize| picture.lines[line].label.clone().expect("one");
    assert!(
        kinds(&|p| {
            let first = label(p, labelled[0]);
            p.lines[labelled[1]].label = Some(first);
        })
        .contains(&FaultKind::LabelOnLabel)
    );
    assert!(
        kinds(&|p| {
            let mut moved = label(p, labelled[0]);
            moved.rect = p.shapes[1].rect;
            p.lines[labelled[0]].label = Some(moved);
        })
        .contains(&FaultKind::LabelOnBox)
    );
    assert!(kinds(&|p| p.shapes[1].rect.x = -50).contains(&FaultKind::Outside));
    assert!(kinds(&|p| p.shapes[1].rect = p.shapes[2].rect).contains(&FaultKind::Siblings));
    assert!(
        kinds(&|p| p.lines[labelled[0]].parts[0][0].x += 1).contains(&FaultKind::Loose),
        "a slanted line"
    );
    assert!(
        kinds(&|p| p.lines[labelled[1]].parts = p.lines[labelled[0]].parts.clone())
            .contains(&FaultKind::LineOnLine)
    );
    assert!(
        kinds(&|p| {
            let rect = p.shapes[3].rect;
            let (y, from, to) = (rect.y + 3, rect.x - 5, rect.right() + 5);
            p.lines[labelled[0]].parts[0] = vec![Point { x: from, y }, Point { x: to, y }];
        })
        .contains(&FaultKind::LineThroughBox)
    );
}

#[test]
fn a_thousand_states_end_and_nothing_is_too_deep() {
    // Sixty levels, the deepest that a chart may have, and a thousand states beside each other.
    let mut deep = json!({"on": {"up": "d0"}});
    for level in (0..60).rev() {
        deep = json!({"initial": (format!("d{level}")), "states": {(format!("d{level}")): deep}});
    }
    check(
        &picture(&chart(deep), &Options::default()),
        "sixty levels deep",
    );
    let mut states = Map::new();
    for number in 0..1000 {
        let next = format!("s{}", (number * 7 + 1) % 1000);
        states.insert(
            format!("s{number}"),
            json!({"on": {"go": next, "x": {"actions": [{"raise": "go"}]}}}),
        );
    }
    let wide = chart(json!({"initial": "s0", "states": states}));
    assert_eq!(
        picture(&wide, &Options::default())
            .lines
            .iter()
            .filter(|l| !l.default)
            .count(),
        1000
    );
}

/// The engine's own random charts: transitions to several states at once, regions that are final, everything that is allowed and unusual.
#[test]
fn nothing_overlaps_in_unusual_charts() {
    let mut dice = Dice(7);
    let mut charts = 0;
    for round in 0..64 {
        let bytes: Vec<u8> = (0..400).map(|_| dice.below(256) as u8).collect();
        if let Some(chart) = properties::random_chart(&bytes) {
            let picture = picture(&chart, &Options::default());
            check(&picture, &format!("round {round}"));
            charts += usize::from(picture.lines.len() > 4);
        }
    }
    assert!(charts > 20, "only {charts} random charts are worth it");
}
