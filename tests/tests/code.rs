//! Plugins that run code: a snippet under the call's own grant. They are built by `cargo xtask code` with tools from npm and PyPI; where they are not, there is nothing
//! to look at.

use charthouse_tests::{Calls, Ran, guests};
use serde_json::{Value, json};
use std::path::PathBuf;

const POLICY: &str = "policy: code
tools: [{ allow: \"*\" }]
limits: { fuel: 4G, memory: 128MiB, deadline: 60s, output: 64KiB }
mounts:
  /workspace: { from: work, access: read-write, hide: [\"**/.env\"] }
  /reference: { from: reference, access: read-only }
";

struct Code {
    calls: Calls,
    component: PathBuf,
}

impl Code {
    fn of(name: &str) -> Option<Self> {
        let component = guests().with_file_name("code").join(format!("{name}.wasm"));
        if !component.is_file() {
            eprintln!("not looked at: {} is not built", component.display());
            return None;
        }
        let calls = Calls::new();
        for (path, text) in [
            ("policy.yaml", POLICY),
            ("work/a.txt", "héllo €\n"),
            ("work/.env", "SECRET\n"),
            ("reference/r.txt", "r\n"),
        ] {
            calls.write(path, text);
        }
        Some(Code { calls, component })
    }

    fn run(&self, arguments: &Value, policy: Option<&str>) -> Ran {
        self.calls.call(&self.component, "run", arguments, policy)
    }

    #[track_caller]
    fn answers(&self, arguments: Value, result: Value, stdout: &str) {
        let ran = self.run(&arguments, Some("policy.yaml")).expect(0).json();
        assert_eq!(
            ran["ok"][0]["json"],
            json!({"result": result, "stdout": stdout}),
            "{arguments}"
        );
    }

    #[track_caller]
    fn fails(&self, code: &str, kind: &str, words: &[&str]) -> Value {
        let ran = self
            .run(&json!({ "code": code }), Some("policy.yaml"))
            .json();
        assert_eq!(ran["error"]["kind"], kind, "{ran}");
        let message = ran["error"]["message"].as_str().unwrap();
        assert!(words.iter().all(|word| message.contains(word)), "{ran}");
        ran
    }

    fn result(&self, code: &str, policy: Option<&str>) -> Value {
        let ran = self.run(&json!({ "code": code }), policy).expect(0).json();
        ran["ok"][0]["json"]["result"].clone()
    }
}

#[test]
fn javascript_answers_its_last_value_and_what_it_printed() {
    let Some(code) = Code::of("code-js") else {
        return;
    };
    code.answers(json!({"code": "1 + 1"}), json!(2), "");
    code.answers(
        json!({"code": "console.log('hi', {a: 1}); const x = input.a * 2; ({ x })", "input": {"a": 21}}),
        json!({"x": 42}),
        "hi {\"a\":1}\n",
    );
    code.answers(
        json!({"code": "if (true) { return 'early'; }\n'late'"}),
        json!("early"),
        "",
    );
    code.fails(
        "let a = 1;\n\nfoo.bar",
        "failed",
        &["ReferenceError", "line 3"],
    );
    code.fails("let a = ;", "failed", &["SyntaxError", "line 1"]);
    code.fails(
        "console.log('before'); throw {a: 1}",
        "failed",
        &["{\"a\":1}", "before"],
    );
    // Nothing of one call is there in the next.
    code.answers(json!({"code": "globalThis.left = 1"}), json!(1), "");
    code.answers(json!({"code": "typeof left"}), json!("undefined"), "");
}

#[test]
fn javascript_reaches_what_its_grant_mounts_and_nothing_else() {
    let Some(code) = Code::of("code-js") else {
        return;
    };
    code.answers(
        json!({"code": "fs.readText('/workspace/a.txt')"}),
        json!("héllo €\n"),
        "",
    );
    code.answers(
        json!({"code": "fs.writeText('/workspace/made.txt', 'x'.repeat(200000) + '€'); [fs.list('/workspace'), fs.readText('/workspace/made.txt').length]"}),
        json!([["a.txt", "made.txt"], 200_001]),
        "",
    );
    let hidden = code.fails(
        "fs.readText('/workspace/.env')",
        "failed",
        &["/workspace/.env"],
    );
    assert_eq!(
        hidden["refused"][0]["reason"], "policy hides this name",
        "{hidden}"
    );
    code.fails(
        "fs.writeText('/reference/r.txt', 'x')",
        "failed",
        &["/reference/r.txt"],
    );
    code.fails(
        "fs.readText('/etc/passwd')",
        "failed",
        &["in no mount", "/workspace"],
    );
    code.fails(
        "fs.readText('/workspace/../outside')",
        "failed",
        &["cannot read"],
    );
    // Without a policy it may only compute.
    let ran = code
        .run(&json!({"code": "fs.list('/workspace')"}), None)
        .expect(1)
        .json();
    assert_eq!(ran["error"]["kind"], "failed", "{ran}");
}

#[test]
fn javascript_is_held_to_its_limits_clock_and_chance() {
    let Some(code) = Code::of("code-js") else {
        return;
    };
    code.fails("for (;;) {}", "limit", &["fuel"]);
    code.fails("function f() { f(); } f()", "trap", &["stack"]);
    let memory = code.run(
        &json!({"code": "const a = []; for (;;) a.push(new Array(1000).fill(1))"}),
        Some("policy.yaml"),
    );
    assert!(
        memory.json()["error"].to_string().contains("memory"),
        "{}",
        memory.stdout
    );
    let chance = "[Math.random(), Math.random()]";
    let seeded = code.result(chance, Some("policy.yaml"));
    assert_ne!(seeded[0], seeded[1]);
    assert_eq!(seeded, code.result(chance, Some("policy.yaml")));
    let still = "const t = Date.now(); for (let i = 0; i < 1000000; i++); Date.now() - t";
    assert_eq!(code.result(still, Some("policy.yaml")), 0);
    code.calls
        .write("policy.yaml", &format!("{POLICY}random: real\n"));
    assert_ne!(
        code.result(chance, Some("policy.yaml")),
        code.result(chance, Some("policy.yaml"))
    );
}

#[test]
fn python_answers_its_last_value_and_what_it_printed() {
    let Some(code) = Code::of("code-python") else {
        return;
    };
    let first = code
        .run(&json!({"code": "1 + 1"}), Some("policy.yaml"))
        .json();
    if first.to_string().contains("wasi:sockets") {
        eprintln!("not looked at: components that import sockets unused are not loaded: {first}");
        return;
    }
    code.answers(json!({"code": "1 + 1"}), json!(2), "");
    code.answers(
        json!({"code": "print('hi')\nx = input_['a'] * 2\n{'x': x}", "input": {"a": 21}}),
        json!({"x": 42}),
        "hi\n",
    );
    code.answers(
        json!({"code": "open('/workspace/a.txt').read()"}),
        json!("héllo €\n"),
        "",
    );
    code.fails("a = 1\n\nfoo.bar", "failed", &["NameError", "line 3"]);
    code.fails("a = ", "failed", &["SyntaxError", "line 1"]);
    code.fails("import sys; sys.exit(3)", "failed", &["SystemExit: 3"]);
    let hidden = code.fails(
        "open('/workspace/.env').read()",
        "failed",
        &["FileNotFoundError"],
    );
    assert_eq!(
        hidden["refused"][0]["reason"], "policy hides this name",
        "{hidden}"
    );
    code.fails("open('/reference/r.txt', 'w')", "failed", &["Error"]);
    code.fails("while True: pass", "limit", &["fuel"]);
    let chance = "import random; random.random()";
    assert_eq!(
        code.result(chance, Some("policy.yaml")),
        code.result(chance, Some("policy.yaml"))
    );
}
