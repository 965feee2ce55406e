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
        "a full chart of 1,000 states loaded",
        &path,
        &chart(20, Detail::Full),
        10.0,
        "Read, parse, walk, resolve names, type-check 3,700 expressions, work out entry sets, look for what never happens, hash.",
    );
    print(
        "a plain chart of 1,000 states loaded",
        &path,
        &chart(20, Detail::Short),
        10.0,
        "The same states with two transitions for each step, without guards and actions.",
    );
    print(
        "a chart of 10,000 states loaded",
        &path,
        &chart(200, Detail::Short),
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

/// How a module, a group and a step are written.
#[derive(Clone, Copy)]
enum Detail {
    /// With guards, actions, documentation and timers.
    Full,
    /// As short as a transition can be.
    Short,
}

/// A chart of 50 states for each module.
fn chart(modules: usize, detail: Detail) -> String {
    let mut text = String::from(
        "chart: large\nversion: 1.0.0\ndata: { count: 0, last: null, log: [] }\ninitial: m0\nstates:\n",
    );
    for module in 0..modules {
        let next = (module + 1) % modules;
        let more = match detail {
            Detail::Short => "",
            Detail::Full => {
                "
      module.stop: { guard: data.count > 1000, target: m0 }
      module.log: { actions: [{ log: { label: count, expr: data.count } }] }"
            }
        };
        let _ = write!(
            text,
            "  m{module}:
    initial: g{module}-0
    on:
      module.next: m{next}{more}
    states:\n"
        );
        (0..GROUPS).for_each(|group| self::group(&mut text, module, group, detail));
    }
    text
}

fn group(text: &mut String, module: usize, group: usize, detail: Detail) {
    let next = (group + 1) % GROUPS;
    let more = match detail {
        Detail::Short => String::new(),
        Detail::Full => format!(
            "
          group.skip: {{ guard: event.data.far, target: m{module} }}
          group.note: {{ actions: [{{ assign: {{ last: event.data.note }} }}] }}"
        ),
    };
    let _ = write!(
        text,
        "      g{module}-{group}:
        initial: s{module}-{group}-0
        on:
          group.next: g{module}-{next}{more}
        states:\n"
    );
    for step in 0..STEPS {
        let (next, before) = ((step + 1) % STEPS, (step + STEPS - 1) % STEPS);
        let place = format!("s{module}-{group}");
        let _ = match detail {
            Detail::Short => writeln!(
                text,
                "          {place}-{step}: {{ on: {{ next: {place}-{next}, back: {place}-{before} }} }}"
            ),
            Detail::Full => write!(
                text,
                "          {place}-{step}:
            doc: One step of many.
            entry: [{{ assign: {{ count: data.count + 1 }} }}]
            on:
              next: {{ guard: data.count < 100 && event.data.kind == 'go', target: {place}-{next}, actions: [{{ assign: {{ last: event.data.at }} }}] }}
              back: {{ guard: \"data.count > {step} || size(data.log) > 0\", target: {place}-{before}, actions: [{{ raise: moved }}] }}
            after: {{ 10m: {place}-{next} }}\n"
            ),
        };
    }
}
