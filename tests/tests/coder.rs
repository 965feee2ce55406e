//! The shipped agent `coder` on a small project: it looks, changes, checks, changes again, and can do in each state what the state allows.

use charthouse_tests::{House, Ran};
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

/// A model's part: tries to write too early, mends a file, finds a flaw, mends that, is content. What it says tells what it was told.
const SCRIPT: &str = r#"script: mend
replies:
  - when: "turn == 0"
    calls:
      - { tool: fs.read, arguments: { path: /workspace/src/sum.py } }
      - { tool: fs.read, arguments: { path: /workspace/.env } }
      - { tool: fs.edit, arguments: { path: /workspace/src/sum.py, old: "a - b", new: "a + b" } }
  - when: "turn == 1"
    text: "Early: {{ results | map(attribute='text') | join(' | ') }}"
  - when: "turn == 2"
    calls: [{ tool: fs.edit, arguments: { path: /workspace/src/sum.py, old: "a - b", new: "a + b" } }]
  - when: "turn == 3"
    text: "Changed: {{ last.text }}"
  - when: "turn == 4"
    calls: [{ tool: search.grep, arguments: { pattern: "TODO" } }]
  - when: "turn == 5"
    calls: [{ tool: signal, arguments: { event: signal.flawed, note: There is still a TODO. } }]
  - when: "turn == 6"
    calls: [{ tool: fs.edit, arguments: { path: /workspace/src/sum.py, old: "  # TODO", new: "" } }]
  - when: "turn == 7"
    text: "Again: {{ last.text }}"
  - text: "{{ prompt }}: done."
"#;

fn project() -> TempDir {
    let project = tempfile::tempdir().unwrap();
    fs::create_dir(project.path().join("src")).unwrap();
    fs::write(
        project.path().join("src/sum.py"),
        "def sum(a, b):\n    return a - b  # TODO\n",
    )
    .unwrap();
    fs::write(project.path().join(".env"), "KEY=very secret\n").unwrap();
    project
}

fn run(project: &Path, access: &str) -> (House, Ran) {
    let more = ["--access", access, "--workspace", project.to_str().unwrap()];
    let house = House::init(&more);
    house.write("scripts/mend.yaml", SCRIPT);
    house.edit(
        "house.yaml",
        "providers:\n",
        "providers:\n  mend: { kind: scripted, file: scripts/mend.yaml }\n",
    );
    let ran = house.run(["run", "coder", "Fix sum", "--provider", "mend", "--json"]);
    (house, ran)
}

fn states(events: &[Value]) -> Vec<&str> {
    let states = events.iter().filter(|event| event["type"] == "state");
    states
        .map(|event| event["configuration"][0].as_str().unwrap())
        .collect()
}

fn text(events: &[Value]) -> String {
    let replies = events.iter().filter(|event| event["type"] == "reply");
    replies
        .map(|event| format!("{}\n", event["text"].as_str().unwrap()))
        .collect()
}

#[test]
fn it_looks_changes_checks_and_changes_again() {
    let project = project();
    let (house, ran) = run(project.path(), "read-write");
    let events = ran.expect(0).lines();
    assert_eq!(
        states(&events),
        ["orient", "act", "check", "act", "check", "done"]
    );
    let mended = fs::read_to_string(project.path().join("src/sum.py")).unwrap();
    assert_eq!(mended, "def sum(a, b):\n    return a + b\n");
    let said = text(&events);
    assert!(said.contains("return a - b"), "it read the file: {said}");
    assert!(
        said.contains("`fs.edit` is refused by charts/cognition/deliberate.yaml:"),
        "it could not write before it had looked: {said}"
    );
    assert!(said.contains("Fix sum: done."), "{said}");
    // What the house hides is not there for the agent, and nowhere in the record.
    assert!(!said.contains("very secret"), "{said}");
    let journal = house.run(["journal", "show", "latest", "--json"]).expect(0);
    assert!(!journal.stdout.contains("very secret"));
    house.verify();
}

#[test]
fn without_leave_of_the_operator_it_changes_nothing() {
    let project = project();
    let before = fs::read_to_string(project.path().join("src/sum.py")).unwrap();
    let (_house, ran) = run(project.path(), "read-only");
    // The state asks for read-write; the ceiling says no, the tool is told, and nothing was changed that would need a check.
    let events = ran.expect(0).lines();
    assert_eq!(states(&events), ["orient", "act", "done"]);
    let after = fs::read_to_string(project.path().join("src/sum.py")).unwrap();
    assert_eq!(before, after);
    let said = text(&events);
    assert!(said.contains("read-only"), "it reads why: {said}");
}
