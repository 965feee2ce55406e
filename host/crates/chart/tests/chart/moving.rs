//! Invariants of moving to another version, at every instant of a run: a version that does the same disturbs nothing; any other leaves a chart that is
//! somewhere legal and goes on, or is refused and leaves everything as it was; and the way is the same every time.

use crate::properties::{Choices, event, is_legal, name_states, stored};
use crate::support::def;
use charthouse_chart::*;
use proptest::prelude::*;
use types::{Marked, Place};

fn random_def(bytes: &[u8]) -> (ChartDef, usize) {
    let mut choices = Choices {
        bytes: bytes.iter(),
        states: 0,
    };
    let mut json = choices.chart();
    name_states(&mut json, choices.states);
    (def(&json), choices.states)
}

/// A chart that has ended may have ended in a state that its new version does not have, or that ends nothing there: then it is nowhere.
fn stands(chart: &Chart, snapshot: &Snapshot) -> bool {
    let nowhere = snapshot.is_done() && snapshot.leaves(chart).is_empty();
    nowhere || is_legal(chart, snapshot)
}

fn compiled(def: &ChartDef) -> Option<Chart> {
    compile(def, Mode::Strict).ok().map(|c| c.chart)
}

/// Where a running chart is moved to, and before which event.
struct Move<'a> {
    before: usize,
    to: &'a Chart,
    map: &'a MigrateDef,
}

/// Run, moving once; every step as text. `Err` is a legality that does not hold.
fn run(
    chart: &Chart,
    events: &[u8],
    moving: Option<&Move<'_>>,
    storing: bool,
) -> Result<Vec<String>, TestCaseError> {
    let mut chart = chart;
    let mut effects = Effects::new();
    let mut lines = Vec::new();
    let Ok(mut snapshot) = start(chart, 0, &mut effects) else {
        return Ok(lines);
    };
    effects.clear();
    for (number, choice) in events.iter().enumerate() {
        let now = number as i64 * 400;
        if storing {
            snapshot = stored(chart, &snapshot);
        }
        if let Some(moving) = moving.filter(|m| m.before == number) {
            let before = snapshot.clone();
            let moved = migrate(chart, moving.to, moving.map, &snapshot, now, &mut effects);
            prop_assert_eq!(&before, &snapshot);
            match moved {
                Ok((moved, migration)) => {
                    chart = moving.to;
                    snapshot = moved;
                    prop_assert!(stands(chart, &snapshot), "{:?}", snapshot.leaves(chart));
                    prop_assert_eq!(&stored(chart, &snapshot), &snapshot);
                    let effects: Vec<Effect> = effects.drain().collect();
                    // A move that nothing shows must not stand in the trace.
                    if !effects.is_empty() || !migration.changes.is_empty() {
                        lines.push(format!("{migration:?} {effects:?}"));
                    }
                }
                Err(error) => {
                    prop_assert!(effects.is_empty());
                    lines.push(error.to_string());
                }
            }
        }
        // A chart that sends itself more than it hears would wait for ever more.
        for _ in 0..20 {
            let Some(due) = snapshot.take_due(now) else {
                break;
            };
            let result = step(chart, &mut snapshot, &due, &mut effects);
            lines.push(format!("{}: {result:?}", due.name));
        }
        let result = step(chart, &mut snapshot, &event(*choice, now), &mut effects);
        prop_assert!(stands(chart, &snapshot), "{:?}", snapshot.leaves(chart));
        let data = snapshot.data_json(chart);
        let effects: Vec<Effect> = effects.drain().collect();
        let leaves = snapshot.leaves(chart);
        lines.push(format!("{result:?} {leaves:?} {data} {effects:?}"));
    }
    Ok(lines)
}

fn marked(state: usize, states: usize) -> Marked<String> {
    Marked::new(
        format!("s{}", state % states.max(1)),
        Place::new("new.yaml", 1, 1),
    )
}

/// A few cases at every test, as many as `PROPTEST_CASES` says when somebody looks longer.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default.cases,
        None => 32,
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_version_that_does_the_same_disturbs_nothing_at_any_instant(
        bytes in prop::collection::vec(any::<u8>(), 0..400),
        events in prop::collection::vec(any::<u8>(), 1..10),
    ) {
        let (mut def, _) = random_def(&bytes);
        if let Some(chart) = compiled(&def) {
            def.version = "2.0.0".into();
            let to = compiled(&def).expect("it compiled before");
            let untouched = run(&chart, &events, None, false)?;
            for before in 0..events.len() {
                let moving = Move { before, to: &to, map: &MigrateDef::default() };
                prop_assert_eq!(&run(&chart, &events, Some(&moving), true)?, &untouched, "before event {}", before);
            }
        }
    }

    #[test]
    fn any_other_version_is_reached_legally_or_refused_at_every_instant(
        bytes in prop::collection::vec(any::<u8>(), 40..400),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        renamed in prop::collection::vec((0usize..12, 0usize..12), 0..3),
        removed in prop::collection::vec((0usize..12, 0usize..12), 0..2),
        events in prop::collection::vec(any::<u8>(), 1..8),
    ) {
        let (old, states) = random_def(&bytes);
        let mut other = bytes.clone();
        for (at, byte) in &changes {
            let length = other.len();
            other[at.index(length)] = *byte;
        }
        let (new, new_states) = random_def(&other);
        if let (Some(old), Some(new)) = (compiled(&old), compiled(&new)) {
            let pairs = |pairs: &[(usize, usize)]| -> Vec<(Marked<String>, Marked<String>)> {
                pairs.iter().map(|(a, b)| (marked(*a, states), marked(*b, new_states))).collect()
            };
            let gone = pairs(&removed).into_iter();
            let map = MigrateDef {
                renamed: pairs(&renamed),
                removed: gone.map(|(old, new)| (old, (*new != *"s3").then_some(new))).collect(),
                ..MigrateDef::default()
            };
            for before in 0..events.len() {
                let moving = Move { before, to: &new, map: &map };
                let first = run(&old, &events, Some(&moving), false)?;
                // A journal holds no more than this: the charts, the events and when the move was.
                prop_assert_eq!(&run(&old, &events, Some(&moving), true)?, &first);
            }
        }
    }
}
