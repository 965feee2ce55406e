//! What an author of plugins does: begin one, build it, look at it, test it with cases.

use charthouse_tests::{Calls, Ran, charthouse, fs_plugin, hostile, program, run};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;

/// `plugin test` of the guest `hostile` with these cases.
fn cases(calls: &Calls, cases: &str, more: &[&str]) -> Ran {
    calls.write("cases.yaml", &format!("tests: t\ncases:\n{cases}"));
    let mut words = vec!["plugin", "test"];
    let component = hostile();
    words.push(component.to_str().unwrap());
    words.extend(more);
    run(calls.path(), words)
}

const ECHO: &str = "  - name: says it again
    tool: echo
    arguments: { text: \"one\\ntwo\\nthree\\n\" }
    expect: { text: \"one\\ntwo\\nthree\\n\" }
";

#[test]
fn a_case_that_is_met_is_ok_and_one_that_is_not_shows_the_difference_and_its_place() {
    let calls = Calls::new();
    let ran = cases(&calls, ECHO, &[]).expect(0);
    assert_eq!(
        ran.stdout,
        "cases.yaml\n  ok      says it again\n\n1 case, all as expected\n"
    );
    let wrong = ECHO.replace("expect: { text: \"one\\ntwo", "expect: { text: \"one\\n2");
    let ran = cases(&calls, &wrong, &[]).expect(1);
    for line in [
        "  failed  says it again",
        "cases.yaml:6:",
        "- 2\n",
        "+ two\n",
        "1 case, 1 failed",
    ] {
        assert!(ran.stdout.contains(line), "{line}:\n{}", ran.stdout);
    }
    let json = cases(&calls, &wrong, &["--json"]).expect(1).json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["cases"][0]["name"], "says it again");
    assert_eq!(json["cases"][0]["ok"], false);
    let unmet = &json["cases"][0]["unmet"][0];
    assert_eq!(unmet["line"], 6, "{json}");
    assert_eq!(unmet["file"], "cases.yaml", "{json}");
}

#[test]
fn failures_denials_and_limits_are_what_a_case_may_expect() {
    let calls = Calls::new();
    calls.write(
        "closed.yaml",
        "policy: closed\ntools: [{ allow: \"*\" }, { deny: hostile.echo }]\n",
    );
    let invalid = "  - { name: no text, tool: echo, expect: { error: { kind: invalid, message: \"needs the argument `text`\" } } }\n";
    cases(&calls, invalid, &[]).expect(0);
    let denied = "  - { name: closed, tool: echo, arguments: { text: a }, expect: { error: { kind: denied, message: \"hostile.echo\" } } }\n";
    cases(&calls, denied, &["--policy", "closed.yaml"]).expect(0);
    // The same without the policy is no denial.
    let ran = cases(&calls, denied, &[]).expect(1);
    assert!(ran.stdout.contains("failed  closed"), "{}", ran.stdout);
    let limited = "  - { name: endless, tool: spin, policy: { limits: { fuel: 5M } }, expect: { error: limit } }\n";
    cases(&calls, limited, &[]).expect(0);
    let frugal = ECHO.replace("three\\n\" }\n", "three\\n\", max_fuel: 1 }\n");
    let ran = cases(&calls, &frugal, &[]).expect(1);
    assert!(ran.stdout.contains("fuel"), "{}", ran.stdout);
}

#[test]
fn every_case_has_files_of_its_own() {
    let calls = Calls::new();
    calls.write(
        "fs.yaml",
        "tests: fs
policy:
  tools: [{ allow: \"fs.*\" }]
  mounts: { /workspace: { from: ., access: read-write } }
files: { a.txt: \"one\\n\" }
cases:
  - name: writes
    tool: write
    arguments: { path: /workspace/a.txt, text: two }
    expect: { ok: any, files: { a.txt: two, b.txt: null } }
  - name: what another case wrote is not there
    tool: read
    arguments: { path: /workspace/a.txt }
    expect: { text: { contains: one, lacks: two } }
  - name: outside there is nothing
    tool: read
    arguments: { path: /etc/passwd }
    expect: { error: denied }
",
    );
    let component = fs_plugin();
    let ran = run(
        calls.path(),
        ["plugin", "test", component.to_str().unwrap(), "fs.yaml"],
    );
    assert_eq!(ran.code, Some(0), "{}{}", ran.stdout, ran.stderr);
    assert!(
        !calls.path().join("a.txt").exists(),
        "a case writes into a directory of its own"
    );
}

#[test]
fn a_wrong_file_of_cases_says_where_and_what_to_write() {
    let calls = Calls::new();
    let wrong = "  - name: a\n    tool: echo\n    expects: { text: a }\n  - name: b\n    tool: echo\n    expect: { error: invald }\n";
    let ran = cases(&calls, wrong, &[]).expect(3);
    for text in [
        "cases.yaml:5:5",
        "did you mean `expect`",
        "cases.yaml:8:22",
        "`invalid`",
    ] {
        assert!(ran.stderr.contains(text), "{text}:\n{}", ran.stderr);
    }
    let report = cases(&calls, wrong, &["--json"]).expect(3).json();
    assert_eq!(report["ok"], false);
    assert!(report["errors"].as_array().unwrap().len() >= 2, "{report}");
    cases(&calls, ECHO, &["--only", "no such case"]).expect(2);
    let component = hostile();
    run(
        calls.path(),
        ["plugin", "test", component.to_str().unwrap(), "nowhere"],
    )
    .expect(2);
}

#[test]
fn inspect_shows_the_world_and_a_policy_that_can_be_pasted() {
    let calls = Calls::new();
    let component = fs_plugin();
    let component = component.to_str().unwrap();
    let text = run(calls.path(), ["plugin", "inspect", component])
        .expect(0)
        .stdout;
    for line in [
        "  export charthouse:plugin/tool@0.1.0  (invoke, specs)",
        "  import wasi:filesystem/preopens@",
        "policy: fs",
        "  - allow: \"fs.read\"",
        "  - ask: \"fs.edit\"",
        "/workspace: { from: ., access: read-write }",
    ] {
        assert!(text.contains(line), "{line}:\n{text}");
    }
    let json = run(calls.path(), ["plugin", "inspect", component, "--json"])
        .expect(0)
        .json();
    assert_eq!(
        json["world"]["exports"],
        json!([{"name": "charthouse:plugin/tool@0.1.0", "functions": ["invoke", "specs"]}])
    );
    // Pasted as it is, it gives what it says: reading works, and what asks is denied where nobody can be asked.
    calls.write("pasted.yaml", json["policy"].as_str().unwrap());
    calls.write("a.txt", "hello");
    let read = calls.call(
        &fs_plugin(),
        "read",
        &json!({"path": "/workspace/a.txt"}),
        Some("pasted.yaml"),
    );
    assert!(read.expect(0).stdout.contains("hello"));
    let write = json!({"path": "/workspace/a.txt", "text": "gone"});
    calls
        .call(&fs_plugin(), "write", &write, Some("pasted.yaml"))
        .expect(4);
}

#[test]
fn a_new_plugin_is_named_as_plugins_are_and_overwrites_nothing() {
    let calls = Calls::new();
    let new = |words: &[&str]| {
        let all: Vec<&str> = ["new", "plugin"].iter().chain(words).copied().collect();
        run(calls.path(), all)
    };
    new(&["greeter"]).expect(2);
    new(&["greeter", "--lang", "cobol"]).expect(2);
    new(&["Not A Name", "--lang", "js"]).expect(2);
    new(&["../out", "--lang", "js"]).expect(2);
    let made = new(&["greeter", "--lang", "js", "--json"]).expect(0).json();
    assert_eq!(
        (&made["plugin"], &made["language"]),
        (&json!("greeter"), &json!("js"))
    );
    for file in made["files"].as_array().unwrap() {
        let path = calls.path().join("greeter").join(file.as_str().unwrap());
        assert!(path.is_file(), "{}", path.display());
    }
    let refused = new(&["greeter", "--lang", "js"]).expect(1);
    assert!(
        refused.stderr.contains("is there already"),
        "{}",
        refused.stderr
    );
    new(&["greeter", "--lang", "c", "--in", "elsewhere"]).expect(0);
    let cases = fs::read_to_string(calls.path().join("elsewhere/greeter/cases.yaml")).unwrap();
    assert!(cases.starts_with("# Calls of greeter "), "{cases}");
}

/// `sh build.sh`, with what cargo builds kept from one run of the tests to the next.
fn build(plugin: &Path) {
    let target = program();
    let target = target.ancestors().nth(2).unwrap().join("wasm/authoring");
    let built = Command::new("sh")
        .arg("build.sh")
        .current_dir(plugin)
        .env("CARGO_TARGET_DIR", target)
        .output()
        .unwrap();
    assert!(
        built.status.success(),
        "{}",
        String::from_utf8_lossy(&built.stderr)
    );
}

#[test]
fn a_new_plugin_in_rust_builds_as_it_is_and_passes_its_own_cases() {
    let calls = Calls::new();
    run(
        calls.path(),
        ["new", "plugin", "my-greeter", "--lang", "rust"],
    )
    .expect(0);
    let plugin = calls.path().join("my-greeter");
    build(&plugin);
    let tested = run(
        &plugin,
        [
            "plugin",
            "test",
            "my-greeter.wasm",
            "--policy",
            "policy.yaml",
        ],
    );
    assert_eq!(tested.code, Some(0), "{}{}", tested.stdout, tested.stderr);
    assert!(
        tested.stdout.contains("4 cases, all as expected"),
        "{}",
        tested.stdout
    );
    // It needs nothing but to be allowed, and is small.
    let about = run(&plugin, ["plugin", "inspect", "my-greeter.wasm", "--json"])
        .expect(0)
        .json();
    assert!(
        about["size"].as_u64().unwrap() < 200_000,
        "{}",
        about["size"]
    );
    assert_eq!(
        about["tools"][0]["parameters"]["properties"]["times"],
        json!({"type": "integer", "minimum": 0, "description": "How often, at most 10.", "default": 1})
    );
    // What the model gets wrong is told all at once, by argument.
    let wrong = Ran::of(charthouse(&plugin).args([
        "plugin",
        "call",
        "my-greeter.wasm",
        "greet",
        "{\"name\":\"Ada\",\"times\":-1}",
        "--json",
    ]));
    let message = wrong.expect(1).json()["error"]["message"].to_string();
    assert!(message.contains("`times`"), "{message}");
}
