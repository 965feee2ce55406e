//! `plugin list | inspect | call`: what a component is, and what one call of a tool comes to, under a policy or under none.

use charthouse_tests::{Calls, House, Ran, guests, hostile, keys, run};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

#[test]
fn a_tool_is_called_by_path_by_name_and_by_every_spelling() {
    let calls = Calls::new();
    let expected = json!({"ok": [{"text": "hi"}]});
    for tool in ["echo", "hostile.echo", "hostile__echo"] {
        let ran = calls
            .call(&hostile(), tool, &json!({"text": "hi"}), None)
            .expect(0);
        assert_eq!(ran.json(), expected, "{tool}");
    }
    let house = House::init::<&str>(&[]);
    let listing = [
        "plugin",
        "call",
        "fs",
        "list",
        "{\"path\":\"/workspace\"}",
        "--json",
    ];
    let named = house.run(listing).expect(4).json();
    assert_eq!(
        named["error"]["kind"], "denied",
        "by name too a call has no files: {named}"
    );
    house.write("look.yaml", "policy: look\ntools: [{ allow: fs.list }]\nmounts: { /workspace: { from: agents, access: read-only } }\n");
    let listed = house
        .run([
            "plugin",
            "call",
            "fs",
            "list",
            "{\"path\":\"/workspace\"}",
            "--policy",
            "look.yaml",
        ])
        .expect(0);
    assert!(
        listed.stdout.contains("surveyor.yaml") && !listed.stdout.contains("house.yaml"),
        "{}",
        listed.stdout
    );
}

#[test]
fn every_kind_of_part_has_its_json() {
    let calls = Calls::new();
    assert_eq!(
        calls.hostile("blob", json!({"bytes": 4})).expect(0).json(),
        json!({"ok": [{"blob": {"mime": "application/octet-stream", "bytes": "AAAAAA=="}}]})
    );
    assert_eq!(
        calls.hostile("env", json!({})).expect(0).json(),
        json!({"ok": [{"json": {}}]})
    );
    assert_eq!(
        calls.hostile("parts", json!({"n": 3})).expect(0).json(),
        json!({"ok": [{"text": "x"}, {"text": "x"}, {"text": "x"}]})
    );
    assert_eq!(
        calls.hostile("parts", json!({"n": 0})).expect(0).json(),
        json!({"ok": []})
    );
}

#[test]
fn every_kind_of_error_has_its_word_and_its_exit_code() {
    let calls = Calls::new();
    calls.write(
        "closed.yaml",
        "policy: closed\ntools:\n  - allow: \"*\"\n  - deny: hostile.echo\n",
    );
    calls.write("asking.yaml", "policy: asking\ntools: [{ ask: \"*\" }]\n");
    let echo = |arguments: &str, policy: &str| {
        run(
            calls.path(),
            [
                "plugin",
                "call",
                hostile().to_str().unwrap(),
                "echo",
                arguments,
                "--policy",
                policy,
                "--json",
            ],
        )
    };
    let cases = [
        (
            "invalid",
            1,
            calls.hostile("echo", json!({})),
            "needs the argument `text`",
        ),
        (
            "invalid",
            1,
            calls.hostile("echo", json!({"text": 7})),
            "text",
        ),
        (
            "invalid",
            1,
            calls.hostile("echo", json!({"text": "a", "more": 1})),
            "more",
        ),
        (
            "invalid",
            1,
            calls.hostile("no_such_tool", json!({})),
            "no tool `no_such_tool`",
        ),
        ("invalid", 1, echo("not json", "open.yaml"), "not JSON"),
        (
            "invalid",
            1,
            echo("[1]", "open.yaml"),
            "must be a JSON object",
        ),
        (
            "denied",
            4,
            echo("{\"text\":\"x\"}", "closed.yaml"),
            "`hostile.echo` is refused by closed.yaml:4",
        ),
        (
            "denied",
            4,
            echo("{\"text\":\"x\"}", "asking.yaml"),
            "nobody is here to answer",
        ),
        (
            "failed",
            1,
            calls.hostile("read", json!({"path": "/etc/passwd"})),
            "No such file",
        ),
        (
            "failed",
            1,
            calls.hostile("bad_json", json!({})),
            "not JSON",
        ),
        ("limit", 1, calls.hostile("spin", json!({})), "fuel of 50M"),
        (
            "limit",
            1,
            calls.call(
                &hostile(),
                "sleep",
                &json!({"ms": 600_000}),
                Some("real-time.yaml"),
            ),
            "deadline of 2s",
        ),
        (
            "limit",
            1,
            calls.hostile("output", json!({"bytes": 1_000_000})),
            "output limit of 4KiB",
        ),
        ("trap", 1, calls.hostile("trap", json!({})), "unreachable"),
        (
            "trap",
            1,
            calls.hostile("panic", json!({"text": "my last words"})),
            "my last words",
        ),
        (
            "trap",
            1,
            calls.hostile("exit", json!({"n": 0})),
            "ended itself",
        ),
        (
            "unavailable",
            1,
            calls.hostile("state_set", json!({"key": "a", "value": "b"})),
            "no state",
        ),
        (
            "unavailable",
            1,
            calls.call(Path::new("nowhere.wasm"), "x", &json!({}), None),
            "cannot read the component nowhere.wasm",
        ),
        (
            "unavailable",
            1,
            calls.call(&guests().join("badspecs.wasm"), "x", &json!({}), None),
            "not a usable plugin",
        ),
    ];
    for (kind, code, ran, words) in cases {
        let answer = ran.expect(code).json();
        let error = &answer["error"];
        assert_eq!(error["kind"], kind, "{answer}");
        assert!(
            error["message"].as_str().unwrap().contains(words),
            "{words}: {answer}"
        );
        match kind {
            "denied" => assert_eq!(keys(error), ["kind", "message", "rule"]),
            _ => assert_eq!(keys(error), ["kind", "message"]),
        }
    }
}

#[test]
fn a_file_that_is_no_component_is_said_to_be_none() {
    let calls = Calls::new();
    calls.write("text.wasm", "This is a text.");
    let answer = calls
        .call(Path::new("text.wasm"), "x", &json!({}), None)
        .expect(1)
        .json();
    assert_eq!(answer["error"]["kind"], "unavailable");
    run(calls.path(), ["plugin", "inspect", "text.wasm"])
        .expect(1)
        .complains(&["text.wasm"]);
    calls.write("Not A Name.wasm", "");
    run(calls.path(), ["plugin", "inspect", "Not A Name.wasm"])
        .expect(2)
        .complains(&["rename the file"]);
}

#[test]
fn a_policy_that_is_wrong_is_explained_before_anything_is_called() {
    let calls = Calls::new();
    calls.write(
        "wrong.yaml",
        "policy: wrong\ntools: [{ alow: \"*\" }]\nlimits: { deadline: 5 parsecs }\n",
    );
    let ran = calls
        .call(
            &hostile(),
            "echo",
            &json!({"text": "x"}),
            Some("wrong.yaml"),
        )
        .expect(3);
    ran.complains(&[
        "alow",
        "did you mean",
        "wrong.yaml:2:",
        "parsecs",
        "wrong.yaml:3:",
    ]);
    assert_eq!(ran.stdout, "");
    calls
        .call(
            &hostile(),
            "echo",
            &json!({"text": "x"}),
            Some("missing.yaml"),
        )
        .expect(3)
        .complains(&["missing.yaml"]);
}

#[test]
fn what_a_guest_logs_goes_to_the_operator_and_not_into_the_answer() {
    let calls = Calls::new();
    let ran = calls
        .hostile("log", json!({"level": "warn", "message": "mind the gap"}))
        .expect(0);
    assert_eq!(ran.json(), json!({"ok": [{"text": "logged"}]}));
    ran.complains(&["mind the gap"]);
}

#[test]
fn answers_for_a_person_are_text() {
    let calls = Calls::new();
    let call = |tool: &str, arguments: &str| {
        run(
            calls.path(),
            [
                "plugin",
                "call",
                hostile().to_str().unwrap(),
                tool,
                arguments,
            ],
        )
    };
    assert_eq!(call("echo", "{\"text\":\"hi\"}").expect(0).stdout, "hi\n");
    let failed = call("echo", "{}").expect(1);
    assert_eq!(failed.stdout, "");
    failed.complains(&["error: invalid: ", "`text`"]);
}

#[test]
fn list_and_inspect_say_what_a_plugin_is() {
    let house = House::init::<&str>(&[]);
    let listed = house.run(["plugin", "list", "--json"]).expect(0).json();
    let all = listed["plugins"].as_array().unwrap();
    let names: Vec<&str> = all
        .iter()
        .map(|plugin| plugin["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        ["fs", "search", "patch", "repo-map", "redact", "digest"]
    );
    let tools = |plugin: &Value| -> Vec<String> {
        plugin["tools"]
            .as_array()
            .unwrap()
            .iter()
            .map(|tool| tool["name"].as_str().unwrap().to_owned())
            .collect()
    };
    assert_eq!(tools(&all[0]), ["read", "list", "write", "edit"]);
    assert_eq!(tools(&all[1]), ["grep", "find", "count"]);
    assert_eq!(tools(&all[2]), ["apply", "check"]);
    let kinds = ["tool", "tool", "tool", "context", "guard", "memory"];
    for (plugin, kind) in all.iter().zip(kinds) {
        assert_eq!(
            keys(plugin),
            [
                "name",
                "component",
                "hash",
                "sha256",
                "size",
                "trusted",
                "kinds",
                "tools",
                "exports",
                "left_out",
                "imports",
                "needs"
            ]
        );
        assert_eq!(
            (&plugin["trusted"], &plugin["kinds"]),
            (&json!(true), &json!([kind]))
        );
        assert_eq!(
            plugin["size"],
            fs::metadata(plugin["component"].as_str().unwrap())
                .unwrap()
                .len()
        );
        let imports = plugin["imports"].as_array().unwrap();
        assert!(
            !imports
                .iter()
                .any(|import| import.as_str().unwrap().contains("sockets")),
            "a first-party plugin wants no network"
        );
        for tool in plugin["tools"].as_array().unwrap() {
            assert_eq!(tool["parameters"]["type"], "object");
            assert!(!tool["description"].as_str().unwrap().is_empty());
        }
        // The same by name and by path, but for what only the house knows.
        let name = plugin["name"].as_str().unwrap();
        let mut alone = house
            .run(["plugin", "inspect", name, "--json"])
            .expect(0)
            .json();
        let more = alone.as_object_mut().unwrap();
        for more_than_listed in ["world", "policy"] {
            assert!(more.shift_remove(more_than_listed).is_some());
        }
        assert_eq!(&alone, plugin);
        let by_path = house
            .run([
                "plugin",
                "inspect",
                &format!("plugins/{name}.wasm"),
                "--json",
            ])
            .expect(0)
            .json();
        assert_eq!(
            (&by_path["hash"], &by_path["tools"]),
            (&plugin["hash"], &plugin["tools"])
        );
        assert_eq!(
            by_path["trusted"], false,
            "a component named by path is nobody's friend"
        );
    }
    let text = house.run(["plugin", "list"]).expect(0).stdout;
    assert!(
        text.contains("fs") && text.contains("grep, find, count"),
        "{text}"
    );
    let text = house.run(["plugin", "inspect", "fs"]).expect(0).stdout;
    for words in ["fs.edit", "imports", "wasi:filesystem/"] {
        assert!(text.contains(words), "{words}: {text}");
    }
}

#[test]
fn components_of_every_kind_are_recognised() {
    let calls = Calls::new();
    for (guest, kind) in [
        ("ctx", "context"),
        ("mem", "memory"),
        ("sum", "memory"),
        ("grd", "guard"),
        ("minimal", "tool"),
    ] {
        let component = guests().join(format!("{guest}.wasm"));
        let answer = run(
            calls.path(),
            ["plugin", "inspect", component.to_str().unwrap(), "--json"],
        )
        .expect(0)
        .json();
        assert!(
            answer["kinds"].as_array().unwrap().contains(&json!(kind)),
            "{guest}: {answer}"
        );
    }
}

#[test]
fn compiled_code_that_was_damaged_is_made_again() {
    let calls = Calls::new();
    let cache = tempfile::tempdir().unwrap();
    let minimal = guests().join("minimal.wasm");
    let call = || {
        let mut command = charthouse_tests::charthouse(calls.path());
        command
            .env("XDG_CACHE_HOME", cache.path())
            .args(["plugin", "call"])
            .arg(&minimal)
            .args(["echo", "{\"text\":\"x\"}", "--json"]);
        Ran::of(&mut command).expect(0).json()
    };
    let expected = call();
    let mut damaged = 0;
    for entry in fs::read_dir(cache.path().join("charthouse/code")).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_some_and(|extension| extension == "cwasm")
        {
            let mut bytes = fs::read(&path).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0xFF;
            bytes.truncate(bytes.len() - 1_000);
            fs::write(&path, bytes).unwrap();
            damaged += 1;
        }
    }
    assert_eq!(damaged, 1);
    assert_eq!(call(), expected);
}
