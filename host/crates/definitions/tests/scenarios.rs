//! Scenario files as a program sees them: what is loaded, played, and written again.

mod common;

use charthouse_definitions::{ScenarioFile, load_chart, load_scenarios, scenarios_text};
use common::{copy, fixtures};
use std::path::Path;

fn load(path: &Path) -> ScenarioFile {
    match load_scenarios(path) {
        Ok((file, _)) => file,
        Err(report) => panic!("{report}"),
    }
}

fn everything() -> ScenarioFile {
    load(&fixtures().join("valid/scenario-everything/scenarios.yaml"))
}

#[test]
fn every_kind_of_expectation_is_met_by_a_chart_that_does_so() {
    let file = everything();
    let outcome = file.cases[0].play(&file.chart.chart);
    assert!(outcome.failed.is_none(), "{:?}", outcome.failed);
}

#[test]
fn what_is_written_reads_back_as_the_same() {
    let file = everything();
    let text = scenarios_text(&file.name, "flow.yaml", &file.cases);
    let directory = tempfile::tempdir().unwrap();
    copy(
        &fixtures().join("valid/scenario-everything"),
        directory.path(),
    );
    let path = directory.path().join("again.yaml");
    std::fs::write(&path, &text).unwrap();
    let again = load(&path);
    assert_eq!(scenarios_text(&again.name, "flow.yaml", &again.cases), text);
    assert!(again.cases[0].play(&again.chart.chart).failed.is_none());
    assert_eq!(again.cases[0].steps.len(), file.cases[0].steps.len());
    for (again, before) in again.cases[0].steps.iter().zip(&file.cases[0].steps) {
        assert_eq!(again.data, before.data);
        assert_eq!(again.after_ms, before.after_ms);
        assert_eq!(again.expected.len(), before.expected.len());
    }
}

#[test]
fn the_chart_is_found_beside_its_scenarios_wherever_they_are_named_from() {
    assert!(
        everything()
            .chart_path
            .ends_with("scenario-everything/flow.yaml")
    );
}

/// A transition as people read it.
#[derive(Debug, PartialEq)]
struct Told {
    from: String,
    events: Vec<String>,
    guard: Option<String>,
    to: Vec<String>,
}

/// Every transition of the chart at `path`.
fn transitions(path: &Path) -> Vec<Told> {
    let bundle = match load_chart(path) {
        Ok((bundle, _)) => bundle,
        Err(report) => panic!("{report}"),
    };
    let chart = &bundle.chart;
    let told = chart.transitions().map(|(_, transition)| {
        let id = |state| chart.state(state).id.to_string();
        Told {
            from: id(transition.source()),
            events: transition.events().map(str::to_owned).collect(),
            guard: transition.guard().map(str::to_owned),
            to: transition
                .targets()
                .iter()
                .map(|state| id(*state))
                .collect(),
        }
    });
    told.collect()
}

#[test]
fn the_shipped_charts_keep_what_the_design_fixes() {
    let design = fixtures().join("valid/design/charts");
    let shipped = fixtures().join("../../charts");
    for path in [
        "cognition/deliberate.yaml",
        "workflows/implement-review.yaml",
    ] {
        let shipped = transitions(&shipped.join(path));
        for transition in transitions(&design.join(path)) {
            assert!(
                shipped.contains(&transition),
                "{path} has lost {transition:?}"
            );
        }
    }
}
