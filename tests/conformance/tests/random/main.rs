//! Random charts and random events, the engine against the literal interpreter of Appendix D.
//!
//! `PROPTEST_CASES=50000 cargo nextest run -p conformance --test random` looks longer.

mod choices;
mod compare;
mod generate;
mod tree;

use chart::ChartDef;
use choices::Choices;
use compare::{Ended, Happens, compare};
use generate::{EVENTS, Generator};
use proptest::prelude::*;
use types::Value;

/// A chart that random charts can invoke by the name `shared`, and the chart itself.
fn charts(bytes: &[u8]) -> (ChartDef, Vec<(String, ChartDef)>, bool) {
    let mut choices = Choices::new(bytes);
    let strict = choices.below(2) == 1;
    let chart = Generator::new(&mut choices, strict).chart();
    let mut shared = Generator::new(&mut choices, strict);
    shared.depth = 3;
    let shared = shared.chart();
    (chart, vec![("shared".into(), shared)], strict)
}

fn happens(bytes: &[u8; 4]) -> Happens {
    Happens {
        after: [0, 0, 50, 200, 300, 700, 1000, 3000][usize::from(bytes[0]) % 8],
        name: EVENTS[usize::from(bytes[1]) % EVENTS.len()],
        data: match bytes[2] % 4 {
            0 => Value::Null,
            1 => Value::text("text"),
            n => Value::map([("v", Value::Int(i64::from(n) - 1))]),
        },
        answer: bytes[3].is_multiple_of(3),
    }
}

/// Modest by default; the environment decides how long to look.
fn config() -> ProptestConfig {
    let default = ProptestConfig::default();
    let cases = match std::env::var_os("PROPTEST_CASES") {
        Some(_) => default.cases,
        None => 300,
    };
    ProptestConfig {
        cases,
        failure_persistence: None,
        max_shrink_iters: 400,
        ..default
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_engine_does_what_the_book_says(
        bytes in prop::collection::vec(any::<u8>(), 0..700),
        script in prop::collection::vec(any::<[u8; 4]>(), 1..14),
    ) {
        let (chart, shared, strict) = charts(&bytes);
        let script: Vec<Happens> = script.iter().map(happens).collect();
        if let Err(difference) = compare(&chart, &shared, strict, &script) {
            prop_assert!(false, "{difference}\nscript {script:#?}\nstrict {strict}\n{}", outline(&chart));
        }
    }
}

/// The chart, short enough to read.
fn outline(chart: &ChartDef) -> String {
    fn write(state: &chart::StateDef, depth: usize, text: &mut String) {
        use std::fmt::Write;
        let indent = "  ".repeat(depth);
        let _ = writeln!(
            text,
            "{indent}{:?} {:?} initial {:?}",
            state.id, state.kind, state.initial
        );
        let _ = writeln!(
            text,
            "{indent}  entry {:?}\n{indent}  exit {:?}",
            state.entry, state.exit
        );
        for t in &state.transitions {
            let _ = writeln!(
                text,
                "{indent}  on {:?} after {:?} if {:?} to {:?} reenter {} do {:?}",
                t.events, t.after, t.guard, t.targets, t.reenter, t.actions
            );
        }
        if !state.invoke.is_empty() {
            let _ = writeln!(text, "{indent}  invoke {:?}", state.invoke);
        }
        state.states.iter().for_each(|s| write(s, depth + 1, text));
    }
    let mut text = String::new();
    write(&chart.root, 0, &mut text);
    text
}

/// The generator must not spend its time on charts that do not load or do not rest.
#[test]
fn most_random_charts_are_played_to_the_end() {
    let mut seed = 1u64;
    let mut byte = || {
        // Knuth's multiplier; any spread of bytes will do.
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (seed >> 56) as u8
    };
    let mut played = 0;
    let (mut broken, mut endless) = (0, 0);
    for _ in 0..100 {
        let bytes: Vec<u8> = (0..400).map(|_| byte()).collect();
        let (chart, shared, strict) = charts(&bytes);
        let script: Vec<Happens> = (0..4)
            .map(|_| happens(&[byte(), byte(), byte(), byte()]))
            .collect();
        match compare(&chart, &shared, strict, &script) {
            Ok(Ended::Played) => played += 1,
            Ok(Ended::NoChart) => broken += 1,
            _ => endless += 1,
        }
    }
    assert!(
        played > 60,
        "{played} played, {broken} do not load, {endless} do not rest"
    );
}
