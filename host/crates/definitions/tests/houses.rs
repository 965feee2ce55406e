//! Every folder below `tests/definitions` of the repository is a case. It holds only what differs from the small house in `base/`, or one
//! `chart.yaml`, `policy.yaml` or `scenarios.yaml` that is loaded by itself; `.remove` lists what the case takes out of the base.
//!
//! `invalid/` must fail and `warned/` must load, each with exactly the report in its `expected.txt`; `valid/` must load without a word.
//! `UPDATE_EXPECT=1 cargo test -p charthouse-definitions` writes the reports anew: read every one of them as somebody who meets it for the first
//! time. Does it say where, what and what to do?

mod common;

use charthouse_definitions::{Report, load, load_chart, load_policy, load_scenarios};
use common::{copy, fixtures};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory with the base house and the case's files over it.
fn lay_out(case: &Path) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    // One level down, so that what lies outside the house can be part of a case.
    let house = directory.path().join("house");
    copy(&fixtures().join("base"), &house);
    fs::write(directory.path().join("outside.md"), "outside\n").unwrap();
    for line in fs::read_to_string(case.join(".remove"))
        .unwrap_or_default()
        .lines()
    {
        let path = house.join(line);
        if path.is_dir() {
            fs::remove_dir_all(path).unwrap();
        } else {
            fs::remove_file(path).unwrap();
        }
    }
    copy(case, &house);
    directory
}

/// What loading the case comes to: whether it loaded, and the report.
fn outcome(directory: &Path) -> (bool, Report) {
    let house = directory.join("house");
    let (chart, policy) = (house.join("chart.yaml"), house.join("policy.yaml"));
    let scenarios = house.join("scenarios.yaml");
    let result = if scenarios.is_file() {
        load_scenarios(&scenarios).map(|(_, warnings)| warnings)
    } else if chart.is_file() {
        load_chart(&chart).map(|(_, warnings)| warnings)
    } else if policy.is_file() {
        load_policy(&policy).map(|(_, warnings)| warnings)
    } else {
        load(&house).map(|house| house.report())
    };
    match result {
        Ok(report) => (true, report),
        Err(report) => (false, report),
    }
}

/// The rendered report, without the temporary directory's name.
fn rendered(directory: &Path, report: &Report) -> String {
    let house = directory.join("house");
    report
        .render(false)
        .replace(&format!("{}/", house.display()), "")
}

/// Compare with `expected.txt`, or write it.
fn compare(case: &Path, actual: &str, failures: &mut Vec<String>) {
    let file = case.join("expected.txt");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(file, actual).unwrap();
        return;
    }
    let expected = fs::read_to_string(&file).unwrap_or_default();
    if expected != actual {
        failures.push(format!(
            "== {}\n-- expected\n{expected}\n-- actual\n{actual}",
            case.display()
        ));
    }
}

fn cases(kind: &str) -> Vec<PathBuf> {
    let mut cases: Vec<PathBuf> = fs::read_dir(fixtures().join(kind))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    cases.sort();
    cases
}

fn no_failures(failures: Vec<String>) {
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[test]
fn every_invalid_house_is_refused_with_the_expected_report() {
    let mut failures = Vec::new();
    let mut count = 0;
    for case in cases("invalid") {
        // Cases that hold nothing but their report are made by another test.
        if fs::read_dir(&case)
            .unwrap()
            .all(|entry| entry.unwrap().file_name() == "expected.txt")
        {
            continue;
        }
        count += 1;
        let directory = lay_out(&case);
        let (loaded, report) = outcome(directory.path());
        if loaded {
            failures.push(format!("== {}: loaded without an error", case.display()));
            continue;
        }
        check_json(&report);
        compare(&case, &rendered(directory.path(), &report), &mut failures);
    }
    assert!(
        count >= 60,
        "{count} cases are too few: the folder is not the one meant"
    );
    no_failures(failures);
}

/// The contract of `charthouse check --json`.
fn check_json(report: &Report) {
    let json = report.to_json();
    assert_eq!(json["ok"], false);
    let errors = json["errors"].as_array().unwrap();
    assert!(!errors.is_empty());
    for error in errors {
        let keys: Vec<&str> = error
            .as_object()
            .unwrap()
            .keys()
            .map(String::as_str)
            .collect();
        assert_eq!(keys, ["file", "line", "column", "message", "help"]);
        assert!(error["line"].as_u64().unwrap() >= 1, "{error}");
        assert!(error["column"].as_u64().unwrap() >= 1, "{error}");
        assert!(!error["message"].as_str().unwrap().is_empty());
        assert!(!error["help"].as_str().unwrap().is_empty(), "{error}");
    }
}

#[test]
fn a_warned_house_loads_and_says_what_is_odd() {
    let mut failures = Vec::new();
    for case in cases("warned") {
        let directory = lay_out(&case);
        let (loaded, report) = outcome(directory.path());
        let text = rendered(directory.path(), &report);
        assert!(loaded, "{}:\n{text}", case.display());
        assert!(
            !report.findings.is_empty(),
            "{} has no warning",
            case.display()
        );
        compare(&case, &text, &mut failures);
    }
    no_failures(failures);
}

#[test]
fn a_valid_house_loads_without_a_word() {
    for case in cases("valid") {
        let directory = lay_out(&case);
        let (loaded, report) = outcome(directory.path());
        let text = rendered(directory.path(), &report);
        assert!(loaded && text.is_empty(), "{}:\n{text}", case.display());
    }
}

/// Cases that are too large or too odd to lie in a repository; their reports lie beside the others.
#[test]
fn houses_that_are_made_for_the_test_are_refused_with_the_expected_report() {
    type Make = fn(&Path);
    let made: [(&str, Make); 9] = [
        ("made-oversized", |house| {
            let text = format!("policy: default\ndoc: {}\n", "x".repeat(1 << 20));
            fs::write(house.join("policies/default.yaml"), text).unwrap();
        }),
        ("made-oversized-text", |house| {
            fs::write(house.join("agents/charter.md"), "x".repeat((16 << 20) + 1)).unwrap();
        }),
        ("made-deep-nesting", |house| {
            let text = format!(
                "policy: default\nenv: {}{}\n",
                "[".repeat(200),
                "]".repeat(200)
            );
            fs::write(house.join("policies/default.yaml"), text).unwrap();
        }),
        ("made-exploding-aliases", |house| {
            let mut text =
                String::from("policy: default\nenv:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
            for n in 1..12 {
                let previous = vec![format!("*a{}", n - 1); 10].join(", ");
                text += &format!("  a{n}: &a{n} [{previous}]\n");
            }
            fs::write(house.join("policies/default.yaml"), text).unwrap();
        }),
        ("made-exploding-text", |house| {
            let aliases = vec!["*a"; 50_000].join(", ");
            let text = format!(
                "chart: think\ndata: {{ a: &a {}, b: [{aliases}] }}\nstates: {{ a: {{}} }}\n",
                "x".repeat(100_000)
            );
            fs::write(house.join("charts/think.yaml"), text).unwrap();
        }),
        ("made-too-many-values", |house| {
            let text = format!("policy: default\ntools: [{}]\n", "x,".repeat(200_000));
            fs::write(house.join("policies/default.yaml"), text).unwrap();
        }),
        ("made-directory-named-yaml", |house| {
            fs::remove_file(house.join("house.yaml")).unwrap();
            fs::create_dir(house.join("house.yaml")).unwrap();
        }),
        ("made-link-out", |house| {
            let outside = house.parent().unwrap().join("outside.yaml");
            fs::write(&outside, "policy: outside\n").unwrap();
            std::os::unix::fs::symlink(&outside, house.join("policies/outside.yaml")).unwrap();
            std::os::unix::fs::symlink("/nowhere", house.join("policies/dangling.yaml")).unwrap();
            std::os::unix::fs::symlink(".", house.join("policies/round")).unwrap();
            std::os::unix::fs::symlink(house.parent().unwrap(), house.join("charts/out")).unwrap();
        }),
        ("made-folder-is-a-file", |house| {
            fs::remove_dir_all(house.join("policies")).unwrap();
            fs::write(house.join("policies"), "policy: default\n").unwrap();
        }),
    ];
    let mut failures = Vec::new();
    for (name, make) in made {
        let case = fixtures().join("invalid").join(name);
        fs::create_dir_all(&case).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let house = directory.path().join("house");
        copy(&fixtures().join("base"), &house);
        make(&house);
        let (loaded, report) = outcome(directory.path());
        assert!(!loaded, "{name} loaded");
        check_json(&report);
        compare(&case, &rendered(directory.path(), &report), &mut failures);
    }
    no_failures(failures);
}

#[test]
fn a_place_without_a_house_says_how_to_make_one() {
    let directory = tempfile::tempdir().unwrap();
    for path in [
        directory.path().join("nothing"),
        directory.path().to_owned(),
    ] {
        let report = load(&path).unwrap_err();
        assert!(report.render(false).contains("charthouse init"), "{report}");
    }
}

#[test]
fn a_pipe_is_not_waited_for() {
    let directory = lay_out(&fixtures().join("valid/aliases"));
    let pipe = directory.path().join("house/policies/pipe.yaml");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        let report = load(&directory.path().join("house")).unwrap_err();
        assert!(report.render(false).contains("no regular file"), "{report}");
    }
}
