//! What `docs/files.md` tells the author of a policy, done with the real program and the policies that stand there.

use charthouse_tests::{Calls, House, fs_plugin, repository};
use serde_json::{Value, json};
use std::fs;

/// The policies of the page, by name.
fn policies(calls: &Calls) {
    let page = fs::read_to_string(repository().join("docs/files.md")).unwrap();
    let mut found = 0;
    for block in page.split("```yaml\n").skip(1) {
        let text = block.split("```").next().unwrap();
        let name = text.lines().next().unwrap().trim_start_matches("policy: ");
        calls.write(&format!("{name}.yaml"), text);
        found += 1;
    }
    assert_eq!(found, 3);
}

fn workspace() -> Calls {
    let calls = Calls::new();
    policies(&calls);
    calls.write("notes.txt", "one\n");
    calls.write(".env", "SECRET=1\n");
    calls.write("private/key", "SECRET=2\n");
    calls
}

fn call(calls: &Calls, tool: &str, arguments: Value, policy: &str) -> Value {
    let policy = format!("{policy}.yaml");
    let ran = calls.call(&fs_plugin(), tool, &arguments, Some(&policy));
    ran.json()
}

#[test]
fn what_is_hidden_is_not_there() {
    let calls = workspace();
    let list = call(&calls, "list", json!({ "path": "/workspace" }), "look");
    assert!(list.to_string().contains("notes.txt"), "{list}");
    assert!(!list.to_string().contains("private"), "{list}");
    for path in ["/workspace/.env", "/workspace/private/key"] {
        let read = call(&calls, "read", json!({ "path": path }), "look");
        assert!(read["error"]["message"].to_string().contains("there is no"));
        assert!(!read.to_string().contains("SECRET"));
        let subject = read["refused"][0]["subject"].as_str().unwrap();
        assert!(path.starts_with(subject), "{read}");
        assert_eq!(read["refused"][0]["reason"], "policy hides this name");
    }
}

#[test]
fn a_file_with_several_names_is_refused() {
    let calls = workspace();
    fs::hard_link(calls.path().join(".env"), calls.path().join("planted")).unwrap();
    let read = json!({ "path": "/workspace/planted" });
    let refused = call(&calls, "read", read.clone(), "careful");
    assert_eq!(refused["error"]["kind"], "denied", "{refused}");
    let reason = refused["refused"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("several names (hard links)"), "{reason}");
    // The other policy does not say so.
    let read = call(&calls, "read", read, "careful-writer");
    assert!(read.to_string().contains("SECRET"), "{read}");
}

#[test]
fn a_staged_call_is_shown_and_dropped_or_committed() {
    let calls = workspace();
    let arguments = json!({ "path": "/workspace/notes.txt", "text": "two\n" }).to_string();
    let plugin = fs_plugin().display().to_string();
    let run = |more: &[&str]| {
        let words = [
            "plugin",
            "call",
            &plugin,
            "write",
            &arguments,
            "--policy",
            "careful-writer.yaml",
        ];
        charthouse_tests::run(calls.path(), words.iter().chain(more))
    };
    let notes = || fs::read_to_string(calls.path().join("notes.txt")).unwrap();
    // The page shows it to the letter.
    let page = fs::read_to_string(repository().join("docs/files.md")).unwrap();
    let shown = page.split("--dry-run\n").nth(1).unwrap();
    let shown = shown.split("```").next().unwrap();
    let dry = run(&["--dry-run"]).expect(0);
    assert!(dry.stderr.contains(shown), "{}", dry.stderr);
    assert_eq!(notes(), "one\n");
    let answer = run(&["--json"]).expect(0).json();
    assert_eq!(notes(), "two\n");
    assert_eq!(answer["staged"][0]["state"], "committed");
    let change = &answer["staged"][0]["changes"][0];
    assert_eq!(
        (&change["what"], &change["path"]),
        (&json!("changed"), &json!("notes.txt"))
    );
    let names = fs::read_dir(calls.path()).unwrap();
    let mut names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.all(|name| !name.starts_with(".charthouse-staged")));
}

#[test]
fn a_staged_call_writes_no_more_than_it_may() {
    let calls = workspace();
    let text = "x".repeat((64 << 10) + 1);
    let arguments = json!({ "path": "/workspace/big", "text": text });
    let big = call(&calls, "write", arguments, "careful-writer");
    assert_eq!(big["error"]["kind"], "failed", "{big}");
    assert!(big["refused"][0]["reason"].to_string().contains("64KiB"));
    assert!(!calls.path().join("big").exists());
}

#[test]
fn the_ceiling_stages_what_a_state_would_write_and_the_journal_tells_it() {
    let work = tempfile::tempdir().unwrap();
    fs::create_dir(work.path().join("src")).unwrap();
    fs::write(work.path().join("src/x"), "one\n").unwrap();
    let workspace = work.path().to_str().unwrap();
    let house = House::init(&["--access", "read-write", "--workspace", workspace]);
    let ceiling = house.read("house.yaml");
    assert!(ceiling.contains("access: read-write"), "{ceiling}");
    house.write(
        "house.yaml",
        &ceiling.replacen("access: read-write", "access: staged", 1),
    );
    house.write(
        "scripts/mend.yaml",
        "script: mend\nreplies:\n  - { when: \"turn == 0\", text: seen }\n  - when: \"turn == 1\"\n    calls: [{ tool: fs.edit, arguments: { path: /workspace/src/x, old: one, new: two } }]\n  - { text: done }\n",
    );
    house.edit(
        "house.yaml",
        "providers:\n",
        "providers:\n  mend: { kind: scripted, file: scripts/mend.yaml }\n",
    );
    let ran = house.run(["run", "coder", "Mend x", "--provider", "mend", "--json"]);
    let events = ran.expect(0).stdout;
    assert_eq!(
        fs::read_to_string(work.path().join("src/x")).unwrap(),
        "two\n"
    );
    // The model is not told of a commit that went well.
    assert!(!events.contains("staged"), "{events}");
    let outcomes = house.journal("outcome");
    let told = outcomes
        .iter()
        .map(|outcome| outcome.to_string())
        .find(|outcome| outcome.contains("\"staged\""))
        .expect("an outcome tells what was staged");
    assert!(told.contains("\"committed\""), "{told}");
    assert!(
        told.contains("--- a/src/x\\n+++ b/src/x\\n@@ -1 +1 @@\\n-one\\n+two\\n"),
        "{told}"
    );
    house.verify();
}

#[test]
fn what_a_house_consists_of_is_not_written_by_a_call_by_hand_either() {
    let house = House::init::<&str>(&[]);
    house.write(
        "open.yaml",
        "policy: open\ntools: [{ allow: \"*\" }]\nmounts: { /workspace: { from: ., access: read-write } }\n",
    );
    for path in [
        ".charthouse/cache/x.cwasm",
        "house.yaml",
        "policies/default.yaml",
    ] {
        let arguments = json!({ "path": format!("/workspace/{path}"), "text": "x" }).to_string();
        let words = ["plugin", "call", "plugins/fs.wasm", "write", &arguments];
        let ran = house.run(words.into_iter().chain(["--policy", "open.yaml", "--json"]));
        let answer = ran.json();
        assert_eq!(answer["error"]["kind"], "denied", "{path}: {answer}");
        let told = answer["error"]["message"].as_str().unwrap();
        assert!(told.contains("the policy of this call hides"), "{told}");
        assert!(told.contains("in `/workspace`"), "{told}");
        assert_eq!(answer["refused"][0]["reason"], "policy hides this name");
    }
    house.run(["check"]).expect(0);
}

#[test]
fn a_file_is_written_where_policy_hides_names_with_a_dot() {
    let calls = workspace();
    calls.write(
        "dots.yaml",
        "policy: dots\ntools: [{ allow: \"*\" }]\nmounts: { /workspace: { from: ., access: read-write, hide: [\"**/.*\"] } }\n",
    );
    for path in ["notes.txt", "new/more.txt"] {
        let arguments = json!({ "path": format!("/workspace/{path}"), "text": "two\n" });
        let answer = call(&calls, "write", arguments, "dots");
        assert_eq!(answer["error"], Value::Null, "{path}: {answer}");
        let written = fs::read_to_string(calls.path().join(path)).unwrap();
        assert_eq!(written, "two\n");
        let beside = calls.path().join(format!("{path}.part-0"));
        assert!(!beside.exists(), "{path}");
    }
    let arguments = json!({ "path": "/workspace/.env", "text": "x" });
    let answer = call(&calls, "write", arguments, "dots");
    assert_eq!(answer["error"]["kind"], "denied", "{answer}");
    assert_eq!(
        fs::read_to_string(calls.path().join(".env")).unwrap(),
        "SECRET=1\n"
    );
}
