//! Whatever stands in a file, loading it ends, without a panic, in a house or in a report that can be shown.

mod common;

use charthouse_definitions::{Report, load, load_chart, load_policy};
use common::{copy, fixtures};
use proptest::prelude::*;
use std::fs;

/// Files to damage, each with where it goes in a house.
fn seeds() -> Vec<(&'static str, String)> {
    let read = |path: &str| fs::read_to_string(fixtures().join(path)).unwrap();
    vec![
        ("house.yaml", read("base/house.yaml")),
        ("agents/coder.yaml", read("base/agents/coder.yaml")),
        ("charts/think.yaml", read("base/charts/think.yaml")),
        ("policies/default.yaml", read("base/policies/default.yaml")),
        (
            "agents/coder.yaml",
            read("valid/context-sources/agents/coder.yaml"),
        ),
        ("house.yaml", read("valid/house-providers/house.yaml")),
        ("house.yaml", read("valid/house-serve/house.yaml")),
        (
            "agents/coder.yaml",
            read("valid/agent-children/agents/coder.yaml"),
        ),
        (
            "charts/think.yaml",
            read("valid/agent-children/charts/delegate.yaml"),
        ),
        (
            "charts/all.yaml",
            read("valid/all-of-charts/charts/all.yaml"),
        ),
        (
            "charts/flow.yaml",
            read("valid/design/charts/workflows/implement-review.yaml"),
        ),
        (
            "policies/default.yaml",
            read("valid/design/policies/default.yaml"),
        ),
    ]
}

/// One piece of damage.
#[derive(Clone, Debug)]
enum Damage {
    Cut(usize, usize),
    Insert(usize, String),
    Repeat(usize, usize),
    SwapLines(usize, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let scrap = prop_oneof![
        "[\\[\\]{}:,&*!|>'\"%@`#?~ \n\t-]{1,4}",
        Just("\n---\n".to_owned()),
        Just("&a *a".to_owned()),
        Just("<<: *a".to_owned()),
        Just("null".to_owned()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just("99999999999999999999".to_owned()),
        Just(".nan".to_owned()),
        Just("\u{feff}\u{2028}\u{0}".to_owned()),
        "\\PC{1,8}",
    ];
    let at = any::<prop::sample::Index>().prop_map(|index| index.index(4_096));
    prop_oneof![
        (at.clone(), 1..40usize).prop_map(|(at, length)| Damage::Cut(at, length)),
        (at.clone(), scrap).prop_map(|(at, scrap)| Damage::Insert(at, scrap)),
        (at.clone(), 1..80usize).prop_map(|(at, length)| Damage::Repeat(at, length)),
        (at.clone(), at).prop_map(|(a, b)| Damage::SwapLines(a, b)),
    ]
}

fn apply(text: &str, damage: &Damage) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    let size = chars.len() + 1;
    let range = |at: usize, length: usize| {
        let start = at % size;
        start..(start + length).min(size - 1).max(start)
    };
    match damage {
        Damage::Cut(at, length) => {
            chars.drain(range(*at, *length));
        }
        Damage::Insert(at, scrap) => {
            let at = at % size;
            chars.splice(at..at, scrap.chars());
        }
        Damage::Repeat(at, length) => {
            let piece = chars[range(*at, *length)].to_vec();
            let at = at % size;
            chars.splice(at..at, piece);
        }
        Damage::SwapLines(a, b) => {
            let mut lines: Vec<&str> = text.split('\n').collect();
            let count = lines.len();
            lines.swap(a % count, b % count);
            return lines.join("\n");
        }
    }
    chars.into_iter().collect()
}

/// A report that people and programs can use: every finding has a place in a file, and no control character reaches a terminal.
fn usable(report: &Report) -> Result<(), TestCaseError> {
    let text = report.render(false);
    prop_assert!(
        !text.chars().any(|c| c.is_control() && c != '\n'),
        "{text:?}"
    );
    for finding in &report.findings {
        prop_assert!(
            finding.place.line >= 1 && finding.place.column >= 1,
            "{finding:?}"
        );
        prop_assert!(!finding.message.is_empty());
    }
    prop_assert_eq!(report.to_json()["ok"].as_bool(), Some(report.is_ok()));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn damaged_definitions_never_panic(
        seed in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..6),
    ) {
        let seeds = seeds();
        let (path, text) = &seeds[seed.index(seeds.len())];
        let damaged = damages.iter().fold(text.clone(), |text, damage| apply(&text, damage));
        let directory = tempfile::tempdir().unwrap();
        copy(&fixtures().join("base"), directory.path());
        fs::write(directory.path().join(path), &damaged).unwrap();
        match load(directory.path()) {
            Ok(house) => usable(&house.report())?,
            Err(report) => {
                prop_assert!(!report.is_ok());
                usable(&report)?;
            }
        }
    }

    #[test]
    fn arbitrary_text_never_panics(text in prop_oneof!["\\PC{0,200}", "([a-z]{1,6}: |[\\[\\]{}&*,'\"|>-]|\n|  |[0-9a-z]{1,3}){0,80}"]) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("x.yaml");
        for first in ["", "chart: x\nstates:\n", "policy: x\n"] {
            fs::write(&file, format!("{first}{text}")).unwrap();
            match load_chart(&file) {
                Ok((_, warnings)) => usable(&warnings)?,
                Err(report) => usable(&report)?,
            }
            match load_policy(&file) {
                Ok((_, warnings)) => usable(&warnings)?,
                Err(report) => usable(&report)?,
            }
        }
    }
}
