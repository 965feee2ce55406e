//! What loading a chart costs, from its file to a chart that can run. `cargo xtask bench` makes a table of the lines this prints.
//!
//! The chart of 1,000 states has modules, groups and steps in three levels, 3,000 transitions, and a guard and an action on nearly each of them: about
//! the largest that a person could write. The one of 10,000 states is the largest that loads, with two short transitions for each step. The floor is
//! `serde-saphyr` reading the same text into a `serde_json::Value`, which knows nothing of charts and forgets where things stand.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;

use charthouse_definitions::load_chart;
use measure::{Figure, Floor, Goal, compare};
use std::fmt::Write;
use std::hint::black_box;
use std::path::Path;

const ROUNDS: usize = 31;
const GROUPS: usize = 7;
const STEPS: usize = 6;

fn main() {
    let directory = tempfile::tempdir().expect("a directory can be made");
    let path = directory.path().join("chart.yaml");
    print(
        "a chart of 1,000 states loaded",
        &path,
        &chart(20, full_step),
        10.0,
        "Read, parse, walk, resolve names, type-check 5,000 expressions, work out entry sets, look for what never happens, hash.",
    );
    print(
        "a chart of 10,000 states loaded",
        &path,
        &chart(200, short_step),
        2_000.0,
        "The most states that a chart may have; two transitions for each step.",
    );
}

fn print(what: &str, path: &Path, text: &str, goal: f64, note: &str) {
    std::fs::write(path, text).expect("the chart can be written");
    let (bundle, warnings) = load_chart(path).unwrap_or_else(|report| panic!("{report}"));
    assert_eq!(warnings.findings, [], "the chart means what it says");
    eprintln!(
        "{what}: {} states, {} bytes",
        bundle.chart.states().count(),
        text.len()
    );
    let compared = compare(
        ROUNDS,
        1,
        |_| {
            black_box(load_chart(black_box(path)).is_ok());
        },
        |_| {
            let value: serde_json::Value =
                serde_saphyr::from_str_with_options(black_box(text), wide())
                    .expect("the chart is YAML");
            black_box(value);
        },
    );
    let milliseconds = |nanoseconds: f64| nanoseconds / 1e6;
    let figure = Figure {
        what: what.into(),
        value: milliseconds(compared.subject),
        unit: "ms".into(),
        floor: Some(Floor {
            what: "the same YAML read into a generic value".into(),
            value: milliseconds(compared.floor),
            ratio: compared.ratio,
        }),
        goal: Some(Goal::AtMost(goal)),
        note: note.into(),
    };
    println!("{figure}");
}

/// The floor's own limits, out of the way.
fn wide() -> serde_saphyr::Options {
    let mut options = serde_saphyr::Options::default();
    options.budget = None;
    options
}

/// A chart of 50 states for each module.
fn chart(modules: usize, step: fn(&mut String, [usize; 3])) -> String {
    let mut text = String::from(
        "chart: large\nversion: 1.0.0\ndata: { count: 0, last: null, log: [] }\ninitial: m0\nstates:\n",
    );
    for module in 0..modules {
        let next = (module + 1) % modules;
        let _ = write!(
            text,
            "  m{module}:\n    initial: g{module}-0\n    on:\n      module.next: m{next}\n      module.stop: {{ guard: data.count > 1000, target: m0 }}\n      module.log: {{ actions: [{{ log: {{ label: count, expr: data.count }} }}] }}\n    states:\n"
        );
        for group in 0..GROUPS {
            let next = (group + 1) % GROUPS;
            let _ = write!(
                text,
                "      g{module}-{group}:\n        initial: s{module}-{group}-0\n        on:\n          group.next: g{module}-{next}\n          group.skip: {{ guard: event.data.far, target: m{module} }}\n          group.note: {{ actions: [{{ assign: {{ last: event.data.note }} }}] }}\n        states:\n"
            );
            for number in 0..STEPS {
                step(&mut text, [module, group, number]);
            }
        }
    }
    text
}

fn full_step(text: &mut String, [module, group, step]: [usize; 3]) {
    let place = format!("{module}-{group}");
    let (next, before) = ((step + 1) % STEPS, (step + STEPS - 1) % STEPS);
    let _ = write!(
        text,
        "          s{place}-{step}:
            doc: One step of many.
            entry: [{{ assign: {{ count: data.count + 1 }} }}]
            on:
              next: {{ guard: data.count < 100 && event.data.kind == 'go', target: s{place}-{next}, actions: [{{ assign: {{ last: event.data.at }} }}] }}
              back: {{ guard: \"data.count > {step} || size(data.log) > 0\", target: s{place}-{before}, actions: [{{ raise: moved }}] }}
            after: {{ 10m: s{place}-{next} }}\n"
    );
}

fn short_step(text: &mut String, [module, group, step]: [usize; 3]) {
    let place = format!("{module}-{group}");
    let (next, before) = ((step + 1) % STEPS, (step + STEPS - 1) % STEPS);
    let _ = writeln!(
        text,
        "          s{place}-{step}: {{ on: {{ next: s{place}-{next}, back: s{place}-{before} }} }}"
    );
}
