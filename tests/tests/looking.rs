//! The verbs that show and do nothing: `context show`, `policy explain`, `chart run`. What they say must be so: a line that is named as the
//! reason must hold the reason.

use charthouse_tests::{House, Ran, charthouse, keys, repository, run};
use serde_json::{Value, json};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

#[test]
fn context_show_accounts_for_every_token() {
    let house = House::init::<&str>(&[]);
    for arguments in [
        &["surveyor"][..],
        &["surveyor", "--in", "act"],
        &["coder"],
        &["coder", "Fix the failing test", "--in", "check"],
    ] {
        let shown = house
            .run(["context", "show", "--json"].iter().chain(arguments))
            .expect(0)
            .json();
        assert_eq!(
            keys(&shown),
            [
                "limit",
                "reserve",
                "total",
                "estimator",
                "chunks",
                "cached",
                "calibration"
            ]
        );
        let chunks = shown["chunks"].as_array().unwrap();
        let ids: Vec<&str> = chunks
            .iter()
            .map(|chunk| chunk["id"].as_str().unwrap())
            .collect();
        let expected = match arguments[0] {
            "coder" => &[
                "charter",
                "tools",
                "repo",
                "history",
                "workflow",
                "cognition",
            ][..],
            _ => &["charter", "tools", "history", "workflow", "cognition"],
        };
        assert_eq!(ids, expected, "in map order");
        for chunk in chunks {
            assert_eq!(
                keys(chunk),
                [
                    "id",
                    "role",
                    "source",
                    "tokens",
                    "budget",
                    "trimmed",
                    "cache",
                    "priority",
                    "cached",
                    "provenance"
                ]
            );
            if let Some(budget) = chunk["budget"].as_u64() {
                assert!(chunk["tokens"].as_u64().unwrap() <= budget, "{chunk}");
            }
        }
        let sum: u64 = chunks
            .iter()
            .map(|chunk| chunk["tokens"].as_u64().unwrap())
            .sum();
        assert_eq!(shown["total"], sum, "{arguments:?}");
        assert!(sum + shown["reserve"].as_u64().unwrap() <= shown["limit"].as_u64().unwrap());
    }
    let coder = house
        .run(["context", "show", "coder", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        (&coder["limit"], &coder["reserve"]),
        (&json!(131_072), &json!(8_192))
    );
    // 4 % of what is left for the input.
    assert_eq!(coder["chunks"][0]["budget"], (131_072 - 8_192) * 4 / 100);
}

#[test]
fn context_show_follows_state_and_prompt() {
    let house = House::init::<&str>(&[]);
    let tokens = |arguments: &[&str], id: &str| -> u64 {
        let shown = house
            .run(
                ["context", "show", "coder", "--json"]
                    .iter()
                    .chain(arguments),
            )
            .expect(0)
            .json();
        let chunk = shown["chunks"]
            .as_array()
            .unwrap()
            .iter()
            .find(|chunk| chunk["id"] == id)
            .unwrap()
            .clone();
        chunk["tokens"].as_u64().unwrap()
    };
    assert_ne!(
        tokens(&["--in", "act"], "cognition"),
        tokens(&["--in", "check"], "cognition"),
        "each state has its own text"
    );
    assert_eq!(tokens(&[], "history"), 0);
    assert!(tokens(&[&"word ".repeat(1_000)], "history") > 1_000);
    let text = house.run(["context", "show", "coder"]).expect(0).stdout;
    for words in ["charter", "tools", "history", "cognition"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn what_is_never_to_be_trimmed_and_does_not_fit_is_said_loudly() {
    let house = House::init::<&str>(&[]);
    house.edit(
        "agents/coder.yaml",
        "file: coder.md, budget: 4%",
        "file: coder.md, budget: 10",
    );
    house
        .run(["context", "show", "coder"])
        .expect(1)
        .complains(&["charter", "10"]);
}

/// The line of a house's file that a reason names.
#[track_caller]
fn line_of(house: &House, because: &Value) -> String {
    let file = because["file"].as_str().unwrap();
    let line = because["line"].as_u64().unwrap() as usize;
    house
        .read(file)
        .lines()
        .nth(line - 1)
        .unwrap_or_else(|| panic!("{file} has no line {line}"))
        .to_owned()
}

#[track_caller]
fn reason<'a>(explained: &'a Value, what: &str) -> &'a Value {
    let all = explained["because"].as_array().unwrap();
    all.iter()
        .find(|because| because["what"].as_str().unwrap().starts_with(what))
        .unwrap_or_else(|| panic!("no line about {what}: {all:#?}"))
}

#[test]
fn policy_explain_names_the_line_that_decided() {
    let house = House::init(&["--access", "read-write"]);
    let explain = |state: &str, tool: &str| {
        house
            .run([
                "policy", "explain", "surveyor", "--in", state, "--tool", tool, "--json",
            ])
            .expect(0)
            .json()
    };
    for (state, tool, verdict, file, words) in [
        (
            "orient",
            "fs.write",
            "deny",
            "charts/cognition/deliberate.yaml",
            "deny: \"*\"",
        ),
        (
            "orient",
            "search.grep",
            "allow",
            "charts/cognition/deliberate.yaml",
            "search.*",
        ),
        (
            "act",
            "fs.write",
            "allow",
            "charts/cognition/deliberate.yaml",
            "allow: [\"fs.*\"",
        ),
        (
            "act",
            "search.grep",
            "allow",
            "policies/default.yaml",
            "search.*",
        ),
        (
            "check",
            "fs.write",
            "deny",
            "policies/default.yaml",
            "deny: \"*\"",
        ),
    ] {
        let explained = explain(state, tool);
        assert_eq!(keys(&explained), ["grant", "because"]);
        assert_eq!(explained["grant"]["tool"], tool);
        assert_eq!(explained["grant"]["verdict"], verdict, "{state} {tool}");
        let because = reason(&explained, &format!("tool {tool}:"));
        assert_eq!(because["file"], file, "{state} {tool}");
        assert!(
            line_of(&house, because).contains(words),
            "{state} {tool}: {because}"
        );
    }
    for because in explain("act", "fs.write")["because"].as_array().unwrap() {
        assert_eq!(keys(because), ["what", "file", "line"]);
        if because["line"] != 0 {
            line_of(&house, because);
        }
    }
}

#[test]
fn every_line_of_a_grant_has_a_true_reason() {
    let house = House::init(&["--access", "read-write"]);
    let act = house
        .run([
            "policy", "explain", "surveyor", "--in", "act", "--tool", "fs.write", "--json",
        ])
        .expect(0)
        .json();
    let grant = &act["grant"];
    assert_eq!(
        keys(grant),
        [
            "tool",
            "verdict",
            "mounts",
            "env",
            "net",
            "net_ceiling",
            "limits",
            "clock",
            "random"
        ]
    );
    for (what, words) in [
        (
            "mount /workspace: from",
            "/workspace: { from: ., access: read-write",
        ),
        (
            "mount /workspace: access read-write",
            "/workspace: read-write",
        ),
        (
            "mount /out: access read-write",
            "/out: { from: out, access: read-write }",
        ),
        ("env LANG: C.UTF-8", "LANG: C.UTF-8"),
        ("limit memory: 128MiB", "memory: 128MiB"),
        ("limit fuel: 500G", "fuel: 500G"),
        ("limit calls: 50/turn", "calls: 50/turn"),
    ] {
        let line = line_of(&house, reason(&act, what));
        assert!(line.contains(words), "{what}: {line}");
    }
    assert_eq!(
        reason(&act, "clock: frozen")["line"],
        0,
        "the host itself decided"
    );
    assert_eq!(grant["env"], json!({"LANG": "C.UTF-8"}));
    assert_eq!(grant["limits"]["memory_bytes"], 128 << 20);
    let access = |explained: &Value, guest: &str| {
        explained["grant"]["mounts"]
            .as_array()
            .unwrap()
            .iter()
            .find(|mount| mount["guest"] == guest)
            .map(|mount| mount["access"].clone())
    };
    assert_eq!(access(&act, "/workspace"), Some(json!("read-write")));
    let orient = house
        .run([
            "policy", "explain", "surveyor", "--in", "orient", "--tool", "fs.read", "--json",
        ])
        .expect(0)
        .json();
    assert_eq!(access(&orient, "/workspace"), Some(json!("read-only")));
    let because = reason(&orient, "mount /workspace: access read-only");
    assert!(
        line_of(&house, because).contains("/workspace: read-only"),
        "{because}"
    );
}

#[test]
fn the_ceiling_narrows_and_says_so() {
    let house = House::init::<&str>(&[]);
    // The state `act` asks for read-write; the ceiling of a new house allows read-only.
    let act = house
        .run([
            "policy", "explain", "surveyor", "--in", "act", "--tool", "fs.write", "--json",
        ])
        .expect(0)
        .json();
    let because = reason(
        &act,
        "mount /workspace: access read-only (the ceiling; otherwise read-write)",
    );
    assert_eq!(because["file"], "house.yaml");
    assert!(line_of(&house, because).contains("/workspace: { from: ., access: read-only"));

    house.edit("house.yaml", "ceiling:\n", "ceiling:\n  tools: [{ allow: \"*\" }, { deny: \"fs.write\" }]\n  limits: { memory: 32MiB }\n");
    let act = house
        .run([
            "policy", "explain", "surveyor", "--in", "act", "--tool", "fs.write", "--json",
        ])
        .expect(0)
        .json();
    assert_eq!(act["grant"]["verdict"], "deny");
    let because = reason(&act, "tool fs.write:");
    assert_eq!(because["file"], "house.yaml");
    assert!(
        line_of(&house, because).contains("deny: \"fs.write\""),
        "{because}"
    );
    assert_eq!(act["grant"]["limits"]["memory_bytes"], 32 << 20);
    assert!(line_of(&house, reason(&act, "limit memory: 32MiB")).contains("memory: 32MiB"));
    // Enforcement is the same resolver: the surveyor cannot write its report any more.
    house.run(["run", "surveyor"]).expect(0);
    let denied = house
        .journal("outcome")
        .into_iter()
        .find(|record| record["body"]["tool"] == "fs.write")
        .expect("it tried");
    let error = &denied["body"]["outcome"]["result"]["Err"];
    assert_eq!(error["kind"], "denied");
    assert_eq!(error["rule"], format!("house.yaml:{}", because["line"]));
    assert!(!house.root.join("out/survey.md").exists());
}

#[test]
fn a_mount_outside_the_ceiling_is_not_mounted() {
    let house = House::init::<&str>(&[]);
    house.edit(
        "agents/coder.yaml",
        "/workspace: { from: .,",
        "/workspace: { from: /etc,",
    );
    let explained = house
        .run(["policy", "explain", "coder", "--tool", "fs.read", "--json"])
        .expect(0)
        .json();
    assert_eq!(explained["grant"]["mounts"], json!([]));
    let because = reason(&explained, "mount /workspace:");
    assert!(
        because["what"].as_str().unwrap().contains("ceiling"),
        "{because}"
    );
}

#[test]
fn policy_explain_without_a_tool_tells_all_of_them() {
    let house = House::init::<&str>(&[]);
    let all = house
        .run(["policy", "explain", "coder", "--in", "orient", "--json"])
        .expect(0)
        .json();
    assert_eq!(
        all["grant"]["tools"],
        json!({"fs.read": "allow", "fs.list": "allow", "fs.write": "deny", "fs.edit": "deny",
            "search.grep": "allow", "search.find": "allow", "search.count": "allow", "patch.apply": "deny", "patch.check": "deny"})
    );
    let text = house
        .run(["policy", "explain", "coder", "--in", "orient"])
        .expect(0)
        .stdout;
    for words in [
        "tool fs.write: deny",
        "charts/cognition/deliberate.yaml:",
        "mount /workspace",
        "limit memory",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

/// Run a chart on `events`, given on standard input.
fn chart(chart: &Path, events: &str) -> Ran {
    let mut command = charthouse(chart.parent().unwrap());
    command
        .args(["chart", "run"])
        .arg(chart)
        .args(["--events", "-"]);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // It may end before it has read everything, after an error for instance.
    let _ = child.stdin.take().unwrap().write_all(events.as_bytes());
    Ran::from(child.wait_with_output().unwrap())
}

fn written(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("chart.yaml");
    fs::write(
        &path,
        format!("chart: tried\nversion: 1.0.0\nkind: cognition\n{text}"),
    )
    .unwrap();
    (directory, path)
}

#[test]
fn chart_run_prints_a_line_for_the_start_each_event_and_each_timer() {
    let deliberate = repository().join("charts/cognition/deliberate.yaml");
    let lines = chart(
        &deliberate,
        "{\"event\":\"turn.done\",\"data\":{\"changed\":true}}\n\n{\"event\":\"turn.done\",\"data\":{\"changed\":true},\"after_ms\":1000}\n\
         {\"event\":\"signal.flawed\"}\n{\"event\":\"unknown\",\"after_ms\":600000}\n{\"event\":\"human.said\"}\n",
    )
    .expect(0)
    .lines();
    let told: Vec<(Value, Value, Value)> = lines
        .iter()
        .map(|line| {
            (
                line["event"].clone(),
                line["configuration"].clone(),
                line["data"]["rounds"].clone(),
            )
        })
        .collect();
    let expected = [
        (json!(null), "orient", 0),
        (json!("turn.done"), "act", 1),
        (json!("turn.done"), "check", 1),
        (json!("signal.flawed"), "act", 2),
        (json!("timer.act.10m"), "stuck", 2),
        (json!("unknown"), "stuck", 2),
        (json!("human.said"), "orient", 2),
    ]
    .map(|(event, state, rounds)| (event, json!([state]), json!(rounds)));
    assert_eq!(told, expected);
    for line in &lines {
        assert_eq!(keys(line), ["event", "configuration", "data", "effects"]);
        for effect in line["effects"].as_array().unwrap() {
            assert_eq!(keys(effect)[0], "type");
        }
    }
    assert_eq!(lines[0]["effects"][0]["type"], "invoke");
    assert_eq!(lines[0]["effects"][0]["activity"], "turn");
}

#[test]
fn at_the_end_of_input_the_clock_stops() {
    let (_directory, path) = written(
        "initial: a\nstates:\n  a: { after: { 1s: b } }\n  b: { after: { 1s: c } }\n  c: {}\n",
    );
    let states = |events: &str| -> Vec<Value> {
        chart(&path, events)
            .expect(0)
            .lines()
            .iter()
            .map(|line| line["configuration"][0].clone())
            .collect()
    };
    assert_eq!(states(""), ["a"]);
    assert_eq!(states("{\"event\":\"x\",\"after_ms\":999}\n"), ["a", "a"]);
    assert_eq!(
        states("{\"event\":\"x\",\"after_ms\":1000}\n"),
        ["a", "b", "b"]
    );
    assert_eq!(
        states("{\"event\":\"x\",\"after_ms\":600}\n{\"event\":\"y\",\"after_ms\":600}\n"),
        ["a", "a", "b", "b"]
    );
    assert_eq!(
        states("{\"event\":\"x\",\"after_ms\":5000}\n"),
        ["a", "b", "c", "c"]
    );
}

#[test]
fn configurations_are_sorted_leaves() {
    let (_directory, path) = written(
        "initial: all\nstates:\n  all:\n    type: parallel\n    states:\n      zebra: { initial: z1, states: { z1: {} } }\n      ape: { initial: a1, states: { a1: { on: { go: a2 } }, a2: {} } }\n",
    );
    let lines = chart(&path, "{\"event\":\"go\"}").expect(0).lines();
    assert_eq!(lines[0]["configuration"], json!(["a1", "z1"]));
    assert_eq!(lines[1]["configuration"], json!(["a2", "z1"]));
}

#[test]
fn events_come_from_a_file_as_well() {
    let (directory, path) =
        written("initial: a\nstates:\n  a: { on: { go: b } }\n  b: { type: final }\n");
    fs::write(
        directory.path().join("events.jsonl"),
        "{\"event\":\"go\"}\n",
    )
    .unwrap();
    let ran = run(
        directory.path(),
        [
            "chart",
            "run",
            path.to_str().unwrap(),
            "--events",
            "events.jsonl",
        ],
    )
    .expect(0);
    assert_eq!(ran.lines()[1]["configuration"], json!(["b"]));
    run(
        directory.path(),
        [
            "chart",
            "run",
            path.to_str().unwrap(),
            "--events",
            "nothing.jsonl",
        ],
    )
    .expect(2)
    .complains(&["nothing.jsonl", "standard input"]);
}

#[test]
fn a_failure_at_run_time_is_the_last_line_and_1() {
    let (_directory, path) = written(
        "initial: a\ndata: { n: 0 }\nstates:\n  a: { on: { go: b } }\n  b: { always: { target: c, actions: [{ assign: { n: data.n + 1 } }] } }\n  c: { always: { guard: data.n > 0, target: b } }\n",
    );
    let ran = chart(&path, "{\"event\":\"go\"}\n{\"event\":\"go\"}\n").expect(1);
    let lines = ran.lines();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(keys(&lines[1]), ["error"]);
    assert_ne!(lines[1]["error"], "");
}

#[test]
fn a_line_of_events_that_is_wrong_is_named() {
    let (_directory, path) = written("initial: a\nstates:\n  a: {}\n");
    for (events, words) in [
        ("{\"event\":\"x\"}\nnonsense\n", "line 2"),
        ("{\"evnt\":\"x\"}\n", "evnt"),
        ("{\"event\":\"\"}\n", "empty"),
        ("{\"event\":\"x\",\"after_ms\":-1}\n", "line 1"),
        ("[]\n", "line 1"),
    ] {
        let ran = chart(&path, events).expect(2);
        ran.complains(&[words, "{\"event\":"].map(|word| {
            if events.contains("\"\"") {
                "empty"
            } else {
                word
            }
        }));
    }
}

#[test]
fn a_chart_that_is_wrong_is_3_with_every_mistake() {
    let (_directory, path) =
        written("initial: a\nstates:\n  a: { on: { go: nowhere }, afer: { 1s: a } }\n");
    let ran = chart(&path, "").expect(3);
    ran.complains(&["nowhere", "afer", "did you mean", "chart.yaml:6:"]);
    assert_eq!(ran.stdout, "");
    run(
        Path::new("/"),
        ["chart", "run", "/nothing.yaml", "--events", "-"],
    )
    .expect(3)
    .complains(&["/nothing.yaml"]);
}
