//! Components of people who never heard of charthouse, through the whole program: typed functions, a command, a module of WASI preview 1; called by hand and by a
//! model, under policies, journalled.

use charthouse_tests::{Calls, House, Plan, Ran, Told, copy, guests, run};
use serde_json::{Value, json};
use std::fs;
use std::path::PathBuf;

fn typed() -> PathBuf {
    guests().join("typed.wasm")
}

fn cli() -> PathBuf {
    guests().join("cli.wasm")
}

fn inspect(calls: &Calls, component: &std::path::Path) -> Ran {
    run(
        calls.path(),
        ["plugin", "inspect", component.to_str().unwrap(), "--json"],
    )
}

#[test]
fn a_component_with_typed_exports_is_inspected_and_called() {
    let calls = Calls::new();
    let info = inspect(&calls, &typed()).expect(0).json();
    assert_eq!(info["kinds"], json!(["typed"]));
    let tools = info["tools"].as_array().unwrap();
    let tool = |name: &str| tools.iter().find(|tool| tool["name"] == name).unwrap();
    assert_eq!(
        tool("greet")["parameters"],
        json!({
            "type": "object",
            "properties": { "name": { "type": "string" } },
            "required": ["name"],
            "additionalProperties": false,
        })
    );
    assert_eq!(
        info["exports"]["sums-add"],
        json!(["acme:everything/sums@1.2.3", "add"])
    );
    let left_out = info["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 3, "{left_out:?}");
    assert!(
        left_out
            .iter()
            .all(|left| left["reason"].as_str().unwrap().contains("a resource"))
    );
    let shown = run(
        calls.path(),
        ["plugin", "inspect", typed().to_str().unwrap()],
    )
    .expect(0)
    .stdout;
    assert!(
        shown.contains("left out") && shown.contains("[constructor]counter"),
        "{shown}"
    );

    for name in ["move-by", "typed.move-by", "typed__move-by"] {
        let arguments = json!({"point": {"x": 1, "y": 2, "label": "p"}, "by": [3, 4]});
        let moved = calls
            .call(&typed(), name, &arguments, None)
            .expect(0)
            .json();
        assert_eq!(
            moved,
            json!({"ok": [{"json": {"x": 4, "y": 6, "label": "p"}}]})
        );
    }
    let wrong = json!({"point": {"x": 1, "y": true}, "by": [3, 4]});
    let error = &calls
        .call(&typed(), "move-by", &wrong, None)
        .expect(1)
        .json()["error"];
    assert_eq!(error["kind"], "invalid");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .contains("`point.y` must be a whole number"),
        "{error}"
    );
    let divided = calls
        .call(&typed(), "divide", &json!({"a": 1, "b": 0}), None)
        .expect(1)
        .json();
    assert_eq!(
        divided["error"],
        json!({"kind": "failed", "message": "division-by-zero"})
    );
}

#[test]
fn policies_and_limits_hold_for_functions_and_commands() {
    let calls = Calls::new();
    calls.write(
        "some.yaml",
        "policy: some\ntools: [{ deny: \"*\" }, { allow: \"typed.*\" }, { deny: typed.misbehave }]\n",
    );
    let denied = calls.call(
        &typed(),
        "misbehave",
        &json!({"how": "x"}),
        Some("some.yaml"),
    );
    assert_eq!(denied.expect(4).json()["error"]["kind"], "denied");
    let denied = calls.call(&cli(), "run", &json!({"args": ["args"]}), Some("some.yaml"));
    assert_eq!(denied.expect(4).json()["error"]["kind"], "denied");
    calls
        .call(&typed(), "greet", &json!({"name": "x"}), Some("some.yaml"))
        .expect(0);
    for (component, tool, arguments, says) in [
        (typed(), "misbehave", json!({"how": "loop"}), "fuel"),
        (typed(), "misbehave", json!({"how": "output"}), "output"),
        (cli(), "run", json!({"args": ["loop"]}), "fuel"),
        (cli(), "run", json!({"args": ["sleep"]}), "deadline"),
        (cli(), "run", json!({"args": ["flood"]}), "output limit"),
    ] {
        let error = &calls
            .call(&component, tool, &arguments, Some("real-time.yaml"))
            .expect(1)
            .json()["error"];
        assert_eq!(error["kind"], "limit", "{error}");
        assert!(error["message"].as_str().unwrap().contains(says), "{error}");
    }
}

#[test]
fn a_command_is_run_with_arguments_input_and_the_files_of_its_policy() {
    let calls = Calls::new();
    let info = inspect(&calls, &cli()).expect(0).json();
    assert_eq!(info["kinds"], json!(["command"]));
    assert_eq!(info["tools"][0]["name"], "run");
    let ran = |arguments: Value, policy: Option<&str>| {
        calls
            .call(&cli(), "run", &arguments, policy)
            .expect(0)
            .json()
    };
    assert_eq!(
        ran(json!({"args": ["upper"], "stdin": "abc"}), None),
        json!({"ok": [{"json": {"exit_code": 0, "stdout": "ABC", "stderr": ""}}]})
    );
    assert_eq!(
        ran(json!({"args": ["no", "such"]}), None),
        json!({"ok": [{"json": {"exit_code": 1, "stdout": "", "stderr": "unknown: [\"no\", \"such\"]\n"}}]})
    );
    calls.write("data/a.txt", "inside");
    calls.write(
        "files.yaml",
        "policy: files\ntools: [{ allow: \"*\" }]\nmounts: { /workspace: { from: data, access: read-write, hide: [\"**/.env\"] } }\nenv: { LANG: C.UTF-8 }\n",
    );
    calls.write("data/.env", "SECRET");
    for path in ["a.txt", "/workspace/a.txt"] {
        let read = ran(json!({"args": ["cat", path]}), Some("files.yaml"));
        assert_eq!(read["ok"][0]["json"]["stdout"], "inside", "{read}");
    }
    for path in [".env", "/workspace/.env", "./.env"] {
        let hidden = ran(json!({"args": ["cat", path]}), Some("files.yaml"));
        assert_eq!(hidden["ok"][0]["json"]["exit_code"], 1, "{hidden}");
        assert!(!hidden.to_string().contains("SECRET"));
    }
    ran(
        json!({"args": ["write", "b.txt", "new"]}),
        Some("files.yaml"),
    );
    assert_eq!(
        fs::read_to_string(calls.path().join("data/b.txt")).unwrap(),
        "new"
    );
    let env = ran(json!({"args": ["env", "LANG"]}), Some("files.yaml"));
    assert_eq!(env["ok"][0]["json"]["stdout"], "Ok(\"C.UTF-8\")\n");
}

#[test]
fn a_module_of_preview_1_is_adapted_in_the_process_that_compiles() {
    let calls = Calls::new();
    let module = r#"(module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (data (i32.const 0) "\10\00\00\00\06\00\00\00")
        (data (i32.const 16) "hello\n")
        (func (export "_start")
            (drop (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64)))
            (call $exit (i32.const 42))))"#;
    let path = calls.path().join("hello.wasm");
    fs::write(&path, wat::parse_str(module).unwrap()).unwrap();
    assert_eq!(
        inspect(&calls, &path).expect(0).json()["kinds"],
        json!(["command"])
    );
    let ran = calls.call(&path, "run", &json!({}), None).expect(0).json();
    assert_eq!(
        ran,
        json!({"ok": [{"json": {"exit_code": 42, "stdout": "hello\n", "stderr": ""}}]})
    );

    let bare = calls.path().join("bare.wasm");
    fs::write(
        &bare,
        wat::parse_str(r#"(module (func (export "add")))"#).unwrap(),
    )
    .unwrap();
    let refused = inspect(&calls, &bare);
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.stderr.contains("only exports core functions (add)"),
        "{}",
        refused.stderr
    );
}

#[test]
fn imports_that_nobody_provides_are_all_named() {
    let calls = Calls::new();
    let path = calls.path().join("wants.wasm");
    let component = r#"(component
        (import "acme:db/store@1.0.0" (instance (export "get" (func (param "key" string) (result string)))))
        (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "open" (func)))))"#;
    fs::write(&path, wat::parse_str(component).unwrap()).unwrap();
    let refused = inspect(&calls, &path);
    assert_ne!(refused.code, Some(0));
    for expected in [
        "acme:db/store@1.0.0: ",
        "wac plug",
        "wasi:keyvalue/store@0.2.0-draft: ",
    ] {
        assert!(refused.stderr.contains(expected), "{}", refused.stderr);
    }
}

#[test]
fn a_model_calls_functions_and_commands_like_any_tool() {
    let replies = r#"
  - when: "turn == 0"
    calls:
      - { tool: typed.sums-add, arguments: { a: 2, b: 40 } }
      - { tool: typed.divide, arguments: { a: 1, b: 0 } }
      - { tool: typed.misbehave, arguments: { how: x } }
      - { tool: cli.run, arguments: { args: [cat, notes.txt] } }
  - text: "Told: {{ results | map(attribute='text') | join(' | ') }}"
"#;
    let house = House::of(Plan {
        replies,
        policy: "{ tools: [{ allow: \"*\" }, { deny: typed.misbehave }], mounts: { /workspace: { from: files, access: read-only } } }",
        house: "  typed: plugins/typed.wasm\n  cli: plugins/cli.wasm\n",
        ..Plan::default()
    });
    house.edit(
        "agents/tester.yaml",
        "[fs, search, hostile]",
        "[typed, cli]",
    );
    house.write("files/notes.txt", "remember");
    for component in [typed(), cli()] {
        copy(
            &component,
            &house
                .root
                .join("plugins")
                .join(component.file_name().unwrap()),
        );
    }
    let told = Told::of(&house, 0).ended("done");
    let said = told.text();
    for seen in ["42", "division-by-zero", "denied", "remember", "exit_code"] {
        assert!(said.contains(seen), "what the model is shown: {said}");
    }
    let outcomes = house.journal("outcome");
    let outcome = |tool: &str| {
        let of_tool = |record: &&Value| {
            record["body"]["tool"]
                .as_str()
                .is_some_and(|name| name.replace("__", ".") == tool)
        };
        let found = outcomes.iter().find(of_tool);
        found
            .unwrap_or_else(|| panic!("{tool}: {outcomes:#?}"))
            .to_string()
    };
    assert!(outcome("typed.sums-add").contains("42"), "{outcomes:#?}");
    assert!(
        outcome("typed.divide").contains("division-by-zero"),
        "{outcomes:#?}"
    );
    assert!(
        outcome("typed.misbehave").contains("denied"),
        "{outcomes:#?}"
    );
    assert!(outcome("cli.run").contains("remember"), "{outcomes:#?}");
    house.verify();
}
