//! `chart test` and `chart run` as people call them, and the shipped charts by their own scenarios.

use charthouse_tests::{House, Ran, charthouse, repository, run};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const DOOR: &str = "chart: door
version: 1.0.0
initial: closed
states:
  closed: { on: { open: ajar } }
  ajar: { on: { close: closed, break: broken }, after: { 1h: closed } }
  broken: { type: final }
";

const CASES: &str = "scenarios: door
chart: charts/door.yaml
cases:
  - name: it opens
    steps: [{ event: open, in: ajar }]
  - name: it breaks
    steps: [open, { event: break, done: true }]
";

fn door(cases: &str) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("charts")).unwrap();
    fs::write(directory.path().join("charts/door.yaml"), DOOR).unwrap();
    fs::write(directory.path().join("door.yaml"), cases).unwrap();
    directory
}

/// All YAML files below `folder` of the shipped definitions.
fn shipped(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(repository().join("charts").join(folder)).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "yaml")
    });
    paths.sort();
    paths
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

#[test]
fn what_is_not_reached_is_listed_with_its_place() {
    let directory = door(CASES);
    let ran = run(directory.path(), ["chart", "test", "door.yaml"]).expect(0);
    for line in [
        "  ok      it opens",
        "  states       100 %  3/3",
        "  transitions   50 %  2/4",
        "    charts/door.yaml:6:24: transition ajar → closed on close",
        "    charts/door.yaml:6:62: transition ajar → closed on timer.ajar.1h",
        "2 cases, all as expected",
    ] {
        assert!(
            ran.stdout.lines().any(|l| l == line),
            "{line}:\n{}",
            ran.stdout
        );
    }
    let asked = run(
        directory.path(),
        ["chart", "test", "door.yaml", "--min-coverage", "51%"],
    );
    let asked = asked.expect(1);
    assert!(
        asked.stdout.contains("door is covered less than 51 %"),
        "{}",
        asked.stdout
    );
    run(
        directory.path(),
        ["chart", "test", "door.yaml", "--min-coverage", "50"],
    )
    .expect(0);
    run(
        directory.path(),
        ["chart", "test", "door.yaml", "--min-coverage", "101"],
    )
    .expect(2);
}

#[test]
fn a_failed_case_says_where_what_and_how_it_came_there() {
    let directory = door(&CASES.replace("in: ajar", "in: closed"));
    let ran = run(directory.path(), ["chart", "test", "door.yaml"]).expect(1);
    for line in [
        "  failed  it opens",
        "    door.yaml:5:13: step 1, open, at 0s",
        "      expected  in closed",
        "      but       in ajar",
        "            0s  open: closed → ajar  charts/door.yaml:5:25",
        "2 cases, 1 failed",
    ] {
        assert!(
            ran.stdout.lines().any(|l| l == line),
            "{line}:\n{}",
            ran.stdout
        );
    }
    let json = run(directory.path(), ["chart", "test", "door.yaml", "--json"])
        .expect(1)
        .json();
    assert_eq!(json["ok"], false);
    let failure = &json["cases"][0]["failure"];
    assert_eq!(
        (&failure["line"], &failure["event"]),
        (&Value::from(5), &Value::from("open"))
    );
    assert_eq!(failure["mismatches"][0]["actual"], "in ajar");
    assert_eq!(failure["path"][0]["targets"][0], "ajar");
    assert_eq!(json["cases"][1]["ok"], true);
    assert_eq!(json["coverage"][0]["transitions"]["reached"], 2);
    assert_eq!(
        json["coverage"][0]["unreached"]["transitions"][0]["line"],
        6
    );
}

#[test]
fn several_files_of_one_chart_are_covered_together() {
    let directory = door(CASES);
    let more = "scenarios: more\nchart: ../charts/door.yaml\ncases:\n  - name: it closes\n    steps: [open, close, open, +1h, { in: closed }]\n";
    fs::create_dir_all(directory.path().join("cases/deep")).unwrap();
    fs::rename(
        directory.path().join("door.yaml"),
        directory.path().join("cases/door.yaml"),
    )
    .unwrap();
    fs::write(
        directory.path().join("cases/deep/more.yaml"),
        more.replace("../", "../../"),
    )
    .unwrap();
    let moved = CASES.replace("chart: charts", "chart: ../charts");
    fs::write(directory.path().join("cases/door.yaml"), moved).unwrap();
    let json = run(
        directory.path(),
        ["chart", "test", "cases", "--min-coverage", "100", "--json"],
    );
    let json = json.expect(0).json();
    assert_eq!(json["coverage"].as_array().unwrap().len(), 1, "{json}");
    assert_eq!(json["cases"].as_array().unwrap().len(), 3, "{json}");
    assert_eq!(json["coverage"][0]["file"], "charts/door.yaml");
}

#[test]
fn what_is_wrong_with_any_file_is_said_at_once() {
    let directory = door(&CASES.replace("in: ajar", "in: ajra"));
    fs::write(directory.path().join("other.yaml"), "house: x\n").unwrap();
    let both = ["chart", "test", "door.yaml", "other.yaml"];
    let ran = run(directory.path(), both).expect(3);
    ran.complains(&[
        "did you mean `ajar`?",
        "door.yaml:5:32",
        "this is no scenario file",
        "2 errors",
    ]);
    let json = run(directory.path(), both.into_iter().chain(["--json"]))
        .expect(3)
        .json();
    assert_eq!(json["errors"].as_array().unwrap().len(), 2, "{json}");
    run(directory.path(), ["chart", "test", "nowhere.yaml"]).expect(2);
    run(directory.path(), ["chart", "test", "charts/door.yaml"]).expect(3);
}

#[test]
fn without_a_terminal_events_come_from_standard_input() {
    let directory = door(CASES);
    let lines = "{\"event\":\"open\"}\n{\"event\":\"x\",\"after_ms\":3600000}\n";
    let file = directory.path().join("events");
    fs::write(&file, lines).unwrap();
    let mut command = charthouse(directory.path());
    command
        .args(["chart", "run", "charts/door.yaml"])
        .stdin(fs::File::open(&file).unwrap());
    let answers = Ran::of(&mut command).expect(0).lines();
    let events: Vec<&Value> = answers.iter().map(|line| &line["event"]).collect();
    assert_eq!(
        events,
        [
            &Value::Null,
            &"open".into(),
            &"timer.ajar.1h".into(),
            &"x".into()
        ]
    );
}

#[test]
fn every_shipped_chart_has_scenarios_that_reach_all_of_it() {
    let json = run(
        &repository(),
        [
            "chart",
            "test",
            "charts/scenarios",
            "--min-coverage",
            "100",
            "--json",
        ],
    );
    let json = json.expect(0).json();
    let covered: Vec<&str> = json["coverage"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["chart"].as_str().unwrap())
        .collect();
    let mut charts: Vec<String> = shipped("cognition")
        .iter()
        .chain(&shipped("workflows"))
        .map(|path| stem(path))
        .collect();
    charts.sort();
    assert_eq!(covered, charts);
}

#[test]
fn every_shipped_chart_is_used_by_a_shipped_agent() {
    let agents: Vec<String> = shipped("agents")
        .iter()
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    for chart in shipped("cognition") {
        let line = format!("cognition: {}", stem(&chart));
        assert!(
            agents.iter().any(|agent| agent.lines().any(|l| l == line)),
            "{line}"
        );
    }
    // The others are about the house itself: people hold their roles, and agents that a house lets.
    let workflows = shipped("workflows");
    let workflow = workflows
        .iter()
        .find(|path| stem(path) == "implement-review");
    let workflow = fs::read_to_string(workflow.unwrap()).unwrap();
    for role in ["implementer", "reviewer"] {
        assert!(workflow.contains(role));
        let taken = format!("takes the role `{role}` of the workflow implement-review");
        assert!(agents.iter().any(|agent| agent.contains(&taken)), "{taken}");
    }
}

#[test]
fn a_new_house_has_scenarios_that_pass_and_that_only_check_looks_at() {
    let house = House::init::<&str>(&[]);
    let ran = house
        .run(["chart", "test", "--min-coverage", "100"])
        .expect(0);
    assert!(ran.stdout.ends_with("all as expected\n"), "{}", ran.stdout);
    house.write("scenarios/broken.yaml", "not: a scenario\n");
    let checked = house.run(["check"]).expect(3);
    assert!(
        checked.stderr.contains("--> scenarios/broken.yaml:1:1"),
        "{checked:?}"
    );
    house.run(["chart", "test"]).expect(3);
    // No run needs them.
    house.run(["context", "show", "surveyor"]).expect(0);
}
