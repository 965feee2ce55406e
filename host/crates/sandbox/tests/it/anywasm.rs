//! Components that know nothing of charthouse: typed functions, commands, modules of WASI preview 1; and those that cannot be used, with the reason.

use crate::common::{call_on, grant, load, mount, sandbox};
use charthouse_sandbox::{Kind, Plugin, Sandbox, SandboxError};
use policy::Access;
use serde_json::{Value, json};
use std::sync::Arc;
use types::{Bytes, CallErrorKind, Count, Outcome, Part, PluginName};

/// The answer, which is one json part.
fn answer(outcome: &Outcome) -> Value {
    match outcome.result.as_deref() {
        Ok([Part::Json(value)]) => value.clone(),
        other => panic!("{other:?}"),
    }
}

fn failure(outcome: &Outcome) -> (CallErrorKind, String) {
    let error = outcome.result.as_ref().unwrap_err();
    (error.kind, error.message.clone())
}

/// Load a component, or a module, written as text.
async fn load_text(sandbox: &Sandbox, name: &str, text: &str) -> Result<Arc<Plugin>, SandboxError> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join(format!("{name}.wasm"));
    std::fs::write(&path, wat::parse_str(text).unwrap()).unwrap();
    let plugin = sandbox
        .load(PluginName::parse(name).unwrap(), &path, false)
        .await;
    // The file has to stay for as long as it may be compiled.
    std::mem::forget(directory);
    plugin
}

async fn typed(tool: &str, arguments: Value) -> Outcome {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "typed").await;
    call_on(&sandbox, &plugin, &grant(), tool, arguments).await
}

#[tokio::test]
async fn every_typed_function_is_a_tool_with_a_schema() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "typed").await;
    let info = plugin.info();
    assert_eq!(info.kinds, [Kind::Typed]);
    let mut names: Vec<&str> = info.tools.iter().map(|tool| &*tool.name).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "counter-version",
            "describe",
            "divide",
            "echo-bytes",
            "echo-whole",
            "forget",
            "greet",
            "how-many",
            "misbehave",
            "move-by",
            "nested",
            "next-colour",
            "refuse",
            "sums-add",
            "texts-add",
            "toggle",
            "total",
        ]
    );
    for tool in &info.tools {
        jsonschema::draft202012::meta::validate(&tool.parameters).unwrap();
    }
    let add = plugin.tool("sums-add").unwrap();
    assert_eq!(
        add.description,
        "add: func(a: u64, b: u64) -> u64 of acme:everything/sums@1.2.3"
    );
    let left_out: Vec<(&str, bool)> = info
        .left_out
        .iter()
        .map(|left| (&*left.function, left.reason.contains("a resource")))
        .collect();
    let counters = "acme:everything/counters@1.2.3";
    assert_eq!(
        left_out,
        [
            (&*format!("{counters} [constructor]counter"), true),
            (&*format!("{counters} [method]counter.next"), true),
            (&*format!("{counters} open"), true),
        ]
    );
}

#[tokio::test]
async fn values_of_every_type_go_there_and_back() {
    let cases = [
        ("greet", json!({"name": "Ada"}), json!("Hello, Ada!")),
        (
            "move-by",
            json!({"point": {"x": 1, "y": 2}, "by": [10, -20]}),
            json!({"x": 11, "y": -18, "label": null}),
        ),
        (
            "move-by",
            json!({"point": {"x": 1.0, "y": 2, "label": "here"}, "by": [0, 0]}),
            json!({"x": 1, "y": 2, "label": "here"}),
        ),
        ("describe", json!({"shape": "nothing"}), json!("nothing")),
        (
            "describe",
            json!({"shape": {"circle": 1.5}}),
            json!("a circle of 1.5"),
        ),
        (
            "describe",
            json!({"shape": {"polygon": [{"x": 0, "y": 0}, {"x": 1, "y": 0}]}}),
            json!("a polygon of 2 points"),
        ),
        ("next-colour", json!({"colour": "red"}), json!("dark-green")),
        (
            "toggle",
            json!({"rights": ["read", "write"], "which": ["run-it", "read"]}),
            json!(["write", "run-it"]),
        ),
        (
            "echo-bytes",
            json!({"bytes": "AAEC/w=="}),
            json!("AAEC/w=="),
        ),
        (
            "echo-bytes",
            json!({"bytes": [0, 1, 2, 255]}),
            json!("AAEC/w=="),
        ),
        (
            "nested",
            json!({"deep": {"some": null}, "outcome": {"err": "no"}}),
            json!([{"some": null}, {"err": "no"}]),
        ),
        (
            "nested",
            json!({"deep": {"some": 7}, "outcome": {"ok": 255}}),
            json!([{"some": 7}, {"ok": 255}]),
        ),
        (
            "nested",
            json!({"outcome": {"ok": 0}}),
            json!([null, {"ok": 0}]),
        ),
        ("divide", json!({"a": 1, "b": 4}), json!(0.25)),
        (
            "divide",
            json!({"a": "-Infinity", "b": 4}),
            json!("-Infinity"),
        ),
        ("forget", json!({}), json!(null)),
        (
            "sums-add",
            json!({"a": "18446744073709551615", "b": 0}),
            json!("18446744073709551615"),
        ),
        (
            "sums-add",
            json!({"a": 9_007_199_254_740_990_u64, "b": 1}),
            json!(9_007_199_254_740_991_u64),
        ),
        (
            "total",
            json!({"of": [-9_223_372_036_854_775_808_i64, 0]}),
            json!("-9223372036854775808"),
        ),
        (
            "texts-add",
            json!({"a": "é\u{0}", "b": "🦀"}),
            json!("é\u{0}🦀"),
        ),
    ];
    for (tool, arguments, expected) in cases {
        let outcome = typed(tool, arguments.clone()).await;
        assert_eq!(answer(&outcome), expected, "{tool} {arguments}");
        assert!(outcome.fuel > 0, "what it burnt is counted");
    }
    let whole = json!({
        "small": 255, "signed": -128, "middle": -32768, "wide": 65535, "word": -2147483648_i64, "count": 4294967295_u64,
        "far": "-9223372036854775808", "large": "18446744073709551615", "ratio": 0.1, "exact": 0.1, "letter": "🦀", "yes": true,
    });
    let outcome = typed("echo-whole", json!({ "all": whole })).await;
    assert_eq!(answer(&outcome), whole);
}

#[tokio::test]
async fn each_mistake_in_arguments_is_named_by_its_path() {
    let cases = [
        (
            "greet",
            json!({}),
            "`greet` needs the argument `name`; it takes name",
        ),
        (
            "greet",
            json!({"name": "a", "nome": "b"}),
            "`greet` has no argument `nome`",
        ),
        ("forget", json!({"x": 1}), "it takes no arguments"),
        (
            "move-by",
            json!({"point": {"x": 1}, "by": [0, 0]}),
            "`point` needs `y`; it has x, y, label",
        ),
        (
            "move-by",
            json!({"point": {"x": 1, "y": "2"}, "by": [0, 0]}),
            "`point.y` must be a whole number from -2147483648 to 2147483647, not \"2\"",
        ),
        (
            "move-by",
            json!({"point": {"x": 1, "y": 2}, "by": [0]}),
            "`by` must be an array of exactly 2, not an array of 1",
        ),
        (
            "describe",
            json!({"shape": {"polygon": [{"x": 0, "y": 0}, {"x": 1.5, "y": 0}]}}),
            "`shape.polygon[1].x` must be a whole number",
        ),
        (
            "describe",
            json!({"shape": "square"}),
            "must be one of \"nothing\", {\"circle\": …}, {\"polygon\": …}, not \"square\"",
        ),
        (
            "describe",
            json!({"shape": "circle"}),
            "the case `circle` carries a value: write {\"circle\": …}",
        ),
        (
            "next-colour",
            json!({"colour": "pink"}),
            "`colour` must be one of red, dark-green, blue, not \"pink\"",
        ),
        (
            "toggle",
            json!({"rights": ["fly"], "which": []}),
            "`rights[0]` must be one of read, write, run-it",
        ),
        (
            "sums-add",
            json!({"a": "18446744073709551616", "b": 0}),
            "`a` must be a whole number from 0 to 18446744073709551615",
        ),
        (
            "echo-bytes",
            json!({"bytes": "?"}),
            "`bytes` must be bytes as standard base64",
        ),
    ];
    for (tool, arguments, expected) in cases {
        let (kind, message) = failure(&typed(tool, arguments).await);
        assert_eq!(kind, CallErrorKind::Invalid, "{message}");
        assert!(message.contains(expected), "{message}");
    }
}

#[tokio::test]
async fn the_error_side_of_a_result_is_a_failure_in_its_own_words() {
    let failed = |message: &str| (CallErrorKind::Failed, message.to_owned());
    let divided = typed("divide", json!({"a": 1, "b": 0})).await;
    assert_eq!(failure(&divided), failed("division-by-zero"));
    let too_large = typed("divide", json!({"a": 1e301, "b": 1})).await;
    assert_eq!(failure(&too_large), failed(r#"{"too-large":1e+301}"#));
    let refused = typed("refuse", json!({"why": "not on a Sunday"})).await;
    assert_eq!(failure(&refused), failed("not on a Sunday"));
}

#[tokio::test]
async fn every_limit_holds_for_typed_functions() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "typed").await;
    let mut tight = grant();
    tight.limits.fuel = Count(50_000_000);
    tight.limits.memory = Bytes(8 << 20);
    tight.limits.output = Bytes(64 << 10);
    for (how, kind, says) in [
        ("loop", CallErrorKind::Limit, "fuel"),
        ("memory", CallErrorKind::Limit, "memory"),
        ("output", CallErrorKind::Limit, "output"),
        ("trap", CallErrorKind::Trap, "on purpose"),
    ] {
        let outcome = call_on(
            &sandbox,
            &plugin,
            &tight,
            "misbehave",
            json!({ "how": how }),
        )
        .await;
        let (found, message) = failure(&outcome);
        assert_eq!(found, kind, "{how}: {message}");
        assert!(message.contains(says), "{how}: {message}");
    }
    let mut endless = grant();
    endless.limits.fuel = Count(u64::MAX / 2);
    endless.limits.deadline = std::time::Duration::from_millis(200);
    let outcome = call_on(
        &sandbox,
        &plugin,
        &endless,
        "misbehave",
        json!({"how": "loop"}),
    )
    .await;
    let (kind, message) = failure(&outcome);
    assert_eq!(kind, CallErrorKind::Limit);
    assert!(message.contains("deadline"), "{message}");
    let after = call_on(&sandbox, &plugin, &tight, "greet", json!({"name": "you"})).await;
    assert_eq!(answer(&after), json!("Hello, you!"));
}

#[tokio::test]
async fn a_typed_function_has_the_files_of_its_grant_and_no_others() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "typed").await;
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    std::fs::write(root.join("a.txt"), "inside").unwrap();
    let read = json!({"how": "/workspace/a.txt"});
    let outcome = call_on(&sandbox, &plugin, &grant(), "misbehave", read.clone()).await;
    assert!(answer(&outcome).as_str().unwrap().starts_with("error"));
    let mut granted = grant();
    granted.mounts = vec![mount("/workspace", &root, Access::ReadOnly)];
    let outcome = call_on(&sandbox, &plugin, &granted, "misbehave", read).await;
    assert_eq!(answer(&outcome), json!("inside"));
}

async fn cli(args: &[&str], more: Value) -> Outcome {
    cli_with(&grant(), args, more).await
}

async fn cli_with(grant: &policy::Grant, args: &[&str], mut more: Value) -> Outcome {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "cli").await;
    assert_eq!(plugin.info().kinds, [Kind::Command]);
    more["args"] = json!(args);
    call_on(&sandbox, &plugin, grant, "run", more).await
}

#[tokio::test]
async fn a_program_has_its_arguments_its_input_and_its_exit_code() {
    let ran =
        |code: i32, out: &str, err: &str| json!({"exit_code": code, "stdout": out, "stderr": err});
    let args = cli(&["args", "a b", "", "é"], json!({})).await;
    assert_eq!(
        answer(&args),
        ran(0, "[\"cli\", \"args\", \"a b\", \"\", \"é\"]\n", "")
    );
    let upper = cli(&["upper"], json!({"stdin": "one\ntwo"})).await;
    assert_eq!(answer(&upper), ran(0, "ONE\nTWO", ""));
    assert_eq!(answer(&cli(&["upper"], json!({})).await), ran(0, "", ""));
    assert_eq!(
        answer(&cli(&["what"], json!({})).await),
        ran(1, "", "unknown: [\"what\"]\n")
    );
    // WASI's plain `exit` carries success or failure alone; the code itself needs `exit-with-code`.
    let code = answer(&cli(&["exit", "7"], json!({})).await)["exit_code"].clone();
    assert_eq!(code, 1);
    let code = answer(&cli(&["quit", "7"], json!({})).await)["exit_code"].clone();
    assert_eq!(code, 1);
    assert_eq!(
        answer(&cli(&["quit", "0"], json!({})).await),
        ran(0, "", "")
    );
    assert_eq!(
        answer(&cli(&["env", "HOME"], json!({})).await),
        ran(0, "Err(NotPresent)\n", "")
    );
    let bytes = answer(&cli(&["bytes"], json!({})).await);
    assert_eq!(bytes["stdout"], "f\u{fffd}\u{fffd}");
    assert_eq!(bytes["stdout_base64"], "Zv/+");
}

#[tokio::test]
async fn a_program_finds_its_files_by_absolute_and_by_relative_paths() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path().canonicalize().unwrap();
    std::fs::write(root.join("a.txt"), "inside").unwrap();
    let mut granted = grant();
    granted.mounts = vec![mount("/workspace", &root, Access::ReadOnly)];
    for path in ["/workspace/a.txt", "a.txt", "./a.txt"] {
        let outcome = cli_with(&granted, &["cat", path], json!({})).await;
        assert_eq!(
            answer(&outcome)["stdout"],
            "inside",
            "{path}: {:?}",
            outcome.result
        );
    }
    let denied = cli_with(&granted, &["write", "b.txt", "x"], json!({})).await;
    assert_eq!(answer(&denied)["exit_code"], 1, "{denied:?}");
    assert!(!root.join("b.txt").exists());
    let outside = cli_with(&granted, &["cat", "../../etc/passwd"], json!({})).await;
    assert_eq!(answer(&outside)["exit_code"], 1);
    assert_eq!(answer(&outside)["stdout"], "");
    granted.mounts[0].access = Access::ReadWrite;
    let written = cli_with(&granted, &["write", "b.txt", "x"], json!({})).await;
    assert_eq!(answer(&written)["exit_code"], 0, "{written:?}");
    assert_eq!(std::fs::read_to_string(root.join("b.txt")).unwrap(), "x");
}

#[tokio::test]
async fn every_limit_holds_for_programs() {
    let mut tight = grant();
    tight.limits.fuel = Count(500_000_000);
    tight.limits.output = Bytes(64 << 10);
    tight.limits.deadline = std::time::Duration::from_millis(700);
    for (how, kind, says) in [
        (
            "flood",
            CallErrorKind::Limit,
            "more than its output limit of 64KiB",
        ),
        ("loop", CallErrorKind::Limit, "was stopped"),
        ("sleep", CallErrorKind::Limit, "deadline"),
        ("panic", CallErrorKind::Trap, "on purpose"),
    ] {
        let (found, message) = failure(&cli_with(&tight, &[how], json!({})).await);
        assert_eq!(found, kind, "{how}: {message}");
        assert!(message.contains(says), "{how}: {message}");
    }
}

const PREVIEW1: &str = r#"
    (module
        (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_sizes_get" (func $sizes (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
        (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
        (memory (export "memory") 1)
        (func (export "_start")
            (drop (call $sizes (i32.const 0) (i32.const 4)))
            (drop (call $args (i32.const 100) (i32.const 1000)))
            (i32.store (i32.const 16) (i32.const 1000))
            (i32.store (i32.const 20) (i32.load (i32.const 4)))
            (drop (call $fd_write (i32.const 1) (i32.const 16) (i32.const 1) (i32.const 24)))
            (call $exit (i32.const 3))))"#;

#[tokio::test]
async fn a_module_of_preview_1_is_a_program_too() {
    let sandbox = sandbox();
    let plugin = load_text(&sandbox, "old", PREVIEW1).await.unwrap();
    assert_eq!(plugin.info().kinds, [Kind::Command]);
    assert!(
        plugin
            .info()
            .imports
            .iter()
            .any(|name| name.starts_with("wasi:cli/stdout"))
    );
    let outcome = call_on(
        &sandbox,
        &plugin,
        &grant(),
        "run",
        json!({"args": ["one", "two"]}),
    )
    .await;
    let ran = answer(&outcome);
    assert_eq!(ran["stdout"], "old\0one\0two\0");
    assert_eq!(ran["exit_code"], 3);
}

#[tokio::test]
async fn a_module_that_cannot_be_adapted_says_what_is_in_the_way() {
    let sandbox = sandbox();
    for (text, expected) in [
        ("(module)", "exports no functions"),
        (
            r#"(module (func (export "add") (param i32) (result i32) (local.get 0)))"#,
            "only exports core functions (add) and nothing says what their arguments mean",
        ),
        (
            r#"(module (import "gojs" "runtime.wasmExit" (func)) (func (export "run")))"#,
            "gojs runtime.wasmExit; it was built for a browser: use GOOS=wasip1",
        ),
        (
            r#"(module (import "env" "abort" (func)) (func (export "_start")))"#,
            "it was built by AssemblyScript",
        ),
        (
            r#"(module (import "wasi_snapshot_preview1" "no_such_thing" (func)) (func (export "_start")) (memory (export "memory") 1))"#,
            "no_such_thing",
        ),
        (
            r#"(module (memory (export "memory") 1 1 shared) (func (export "_start")))"#,
            "shared memory",
        ),
    ] {
        let error = load_text(&sandbox, "module", text)
            .await
            .err()
            .unwrap()
            .to_string();
        assert!(error.contains(expected), "{error}");
    }
}

#[tokio::test]
async fn all_imports_that_are_missing_are_named_at_once_with_a_hint_each() {
    let sandbox = sandbox();
    let error = load_text(
        &sandbox,
        "wants",
        r#"(component
            (import "acme:db/store@1.0.0" (instance
                (export "row" (type (sub resource)))
                (export "get" (func (param "key" string) (result string)))))
            (import "wasi:keyvalue/store@0.2.0-draft" (instance (export "open" (func (param "name" string)))))
            (import "wasi:cli/environment@0.3.0" (instance (export "get-arguments" (func (result (list string))))))
            (import "wasi:random/random@0.2.3" (instance (export "get-random-u64" (func (result u64)))))
            (import "wasi:io/error@0.2.9" (instance (export "brand-new" (func))))
            (import "log-it" (func (param "line" string)))
            (import "acme:types/only@1.0.0" (instance (type $u u32) (export "t" (type (eq $u))))))"#,
    )
    .await
    .err()
    .unwrap()
    .to_string();
    let lines: Vec<&str> = error.lines().collect();
    assert!(
        lines[0].ends_with("it imports 5 things that this host does not have:"),
        "{error}"
    );
    for (line, (name, hint)) in lines[1..].iter().zip([
        (
            "acme:db/store@1.0.0",
            "an interface of its own world that nothing here provides: compose it",
        ),
        (
            "wasi:keyvalue/store@0.2.0-draft",
            "no grant gives this part of WASI",
        ),
        ("wasi:cli/environment@0.3.0", "WASI 0.3"),
        ("wasi:io/error@0.2.9", "a newer WASI 0.2"),
        ("log-it", "a function of its own world"),
    ]) {
        assert!(
            line.trim().starts_with(&format!("{name}: ")) && line.contains(hint),
            "{error}"
        );
    }
    assert_eq!(lines.len(), 6, "{error}");
}

#[tokio::test]
async fn a_component_with_nothing_to_call_says_so_with_the_reasons() {
    let sandbox = sandbox();
    let error = load_text(&sandbox, "empty", "(component)")
        .await
        .err()
        .unwrap()
        .to_string();
    assert!(
        error.contains("it exports nothing that can be called"),
        "{error}"
    );
}

/// A function in an instance in an instance, names with capitals and digits, and a command beside functions.
#[tokio::test]
async fn odd_exports_are_tools_too() {
    let sandbox = sandbox();
    let plugin = load_text(
        &sandbox,
        "odd",
        r#"(component
            (core module $m
                (func (export "seven") (result i32) (i32.const 7))
                (func (export "done") (result i32) (i32.const 0)))
            (core instance $i (instantiate $m))
            (func $seven (result u32) (canon lift (core func $i "seven")))
            (func $done (result (result)) (canon lift (core func $i "done")))
            (instance $inner (export "deep-down" (func $seven)))
            (instance $outer (export "inner" (instance $inner)) (export "HTTP-code2" (func $seven)))
            (instance $run (export "run" (func $done)))
            (export "outer" (instance $outer))
            (export "run" (func $seven))
            (export "acme:a/b@0.1.0" (instance $outer))
            (export "wasi:cli/run@0.2.1" (instance $run)))"#,
    )
    .await
    .unwrap();
    assert_eq!(plugin.info().kinds, [Kind::Typed, Kind::Command]);
    let tools: Vec<&str> = plugin.info().tools.iter().map(|tool| &*tool.name).collect();
    assert_eq!(
        tools,
        [
            "run",
            "outer-inner-deep-down",
            "outer-HTTP-code2",
            "run-2",
            "acme-a-b-0-1-0-inner-deep-down",
            "b-HTTP-code2"
        ]
    );
    for tool in &tools[1..] {
        let outcome = call_on(&sandbox, &plugin, &grant(), tool, json!({})).await;
        assert_eq!(answer(&outcome), json!(7), "{tool}");
    }
    let ran = call_on(&sandbox, &plugin, &grant(), "run", json!({})).await;
    assert_eq!(
        answer(&ran),
        json!({"exit_code": 0, "stdout": "", "stderr": ""})
    );
}

#[tokio::test]
async fn documentation_that_a_component_carries_is_told() {
    let sandbox = sandbox();
    let plugin = load_text(
        &sandbox,
        "documented",
        r#"(component
            (core module $m (func (export "seven") (result i32) (i32.const 7)))
            (core instance $i (instantiate $m))
            (func $seven (result u32) (canon lift (core func $i "seven")))
            (export "lucky" (func $seven))
            (@custom "package-docs" "\01{\"worlds\":{\"w\":{\"func_exports\":{\"lucky\":{\"docs\":\"A number that brings luck.\"}}}}}"))"#,
    )
    .await
    .unwrap();
    assert_eq!(
        plugin.info().tools[0].description,
        "A number that brings luck.\n\nlucky: func() -> u32"
    );
}

#[tokio::test]
async fn types_without_end_are_left_out_and_the_rest_is_usable() {
    let mut types = String::from("(type $t0 (list u32))");
    for depth in 1..40 {
        types += &format!("(type $t{depth} (list $t{}))", depth - 1);
    }
    let mut wide = String::from("(type $w0 (tuple u32 u32))");
    for width in 1..16 {
        wide += &format!("(type $w{width} (tuple $w{0} $w{0}))", width - 1);
    }
    let text = format!(
        r#"(component {types} {wide}
            (core module $m
                (memory (export "memory") 1)
                (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 0))
                (func (export "one") (result i32) (i32.const 1))
                (func (export "take") (param i32 i32))
                (func (export "take-wide") (param i32)))
            (core instance $i (instantiate $m))
            (func $one (result u8) (canon lift (core func $i "one")))
            (func $deep (param "x" $t39) (canon lift (core func $i "take") (memory $i "memory") (realloc (func $i "realloc"))))
            (func $wide (param "x" $w15) (canon lift (core func $i "take-wide") (memory $i "memory") (realloc (func $i "realloc"))))
            (export "one" (func $one))
            (export "deep" (func $deep))
            (export "wide" (func $wide)))"#
    );
    let sandbox = sandbox();
    let plugin = load_text(&sandbox, "endless", &text).await.unwrap();
    let info = plugin.info();
    assert_eq!(info.tools.len(), 1);
    let reasons: Vec<String> = info
        .left_out
        .iter()
        .map(|left| format!("{}: {}", left.function, left.reason))
        .collect();
    assert!(
        reasons[0].starts_with("deep: ") && reasons[0].contains("nested more than 24 deep"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("wide: ") && reasons[1].contains("more than 4096 pieces"),
        "{reasons:?}"
    );
    let one = call_on(&sandbox, &plugin, &grant(), "one", json!({})).await;
    assert_eq!(answer(&one), json!(1));
}
