//! Charts as their authors write them. Every folder below `tests/charts` is one: what stands in `events.jsonl` happens to `chart.yaml`, and
//! `expected.jsonl` is what `charthouse chart run` prints. `UPDATE_EXPECT=1 cargo test -p charthouse-definitions` writes it anew: read it as the
//! author of the chart would. Every example of `docs/charts.md` must load without a word too, and its scenarios must be met.

use chart::{InputLine, Simulation};
use charthouse_definitions::{ChartBundle, load_chart, load_scenarios};
use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

/// The chart at `path`, about which there must be nothing to say.
fn without_a_word(path: &Path) -> ChartBundle {
    match load_chart(path) {
        Ok((bundle, warnings)) if warnings.findings.is_empty() => bundle,
        Ok((_, report)) | Err(report) => panic!("{report}"),
    }
}

/// What `chart run` prints.
fn run(bundle: &ChartBundle, events: &str) -> String {
    let (mut simulation, first) = Simulation::start(&bundle.chart);
    let mut lines = vec![first];
    for (number, text) in events.lines().enumerate() {
        if let Some(input) = InputLine::parse(text, number + 1).expect("events are lines of JSON") {
            lines.extend(simulation.feed(&input));
        }
    }
    let written = lines
        .iter()
        .map(|line| serde_json::to_string(line).expect("a line is JSON") + "\n");
    written.collect()
}

#[test]
fn charts_do_what_their_authors_expect() {
    let mut failures = Vec::new();
    let mut count = 0;
    for entry in fs::read_dir(root().join("tests/charts")).unwrap() {
        let folder = entry.unwrap().path();
        let bundle = without_a_word(&folder.join("chart.yaml"));
        let events = fs::read_to_string(folder.join("events.jsonl")).unwrap();
        let actual = run(&bundle, &events);
        let file = folder.join("expected.jsonl");
        count += 1;
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(file, actual).unwrap();
            continue;
        }
        let expected = fs::read_to_string(&file).unwrap_or_default();
        if expected != actual {
            failures.push(format!(
                "== {}\n-- expected\n{expected}\n-- actual\n{actual}",
                folder.display()
            ));
        }
    }
    assert!(count >= 12, "{count} charts are too few");
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn the_examples_of_the_documentation_are_right() {
    let read = |file: &str| fs::read_to_string(root().join(file)).unwrap();
    let text = read("docs/charts.md") + &read("README.md");
    let house = tempfile::tempdir().unwrap();
    let (charts, scenarios) = (house.path().join("charts"), house.path().join("scenarios"));
    fs::create_dir(&charts).unwrap();
    fs::create_dir(&scenarios).unwrap();
    let mut count = 0;
    for block in text.split("```yaml\n").skip(1) {
        let (example, _) = block.split_once("```").expect("an example ends");
        // Pieces of a chart show a key only.
        if let Some(named) = example.strip_prefix("chart: ") {
            let name = named.split_whitespace().next().unwrap();
            // A later version of a chart does not replace the first.
            let first = charts.join(format!("{name}.yaml"));
            let path = match first.exists() {
                true => charts.join(format!("{name}-{count}.yaml")),
                false => first,
            };
            fs::write(&path, example).unwrap();
            without_a_word(&path);
            count += 1;
        } else if example.starts_with("scenarios:") {
            let path = scenarios.join("example.yaml");
            fs::write(&path, example).unwrap();
            plays(&path);
            count += 1;
        }
    }
    assert!(count >= 7, "{count} examples are too few");
}

/// The scenarios at `path`, about which there must be nothing to say, are all met.
fn plays(path: &Path) {
    let file = match load_scenarios(path) {
        Ok((file, warnings)) if warnings.findings.is_empty() => file,
        Ok((_, report)) | Err(report) => panic!("{report}"),
    };
    for case in &file.cases {
        let failed = case.play(&file.chart.chart).failed;
        assert!(failed.is_none(), "{}: {failed:?}", case.name);
    }
}
