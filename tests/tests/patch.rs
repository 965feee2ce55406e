//! The first-party plugin `patch` in the hands of the shipped agent `coder`: a patch over several files lands as a whole or not at all.

use charthouse_tests::House;
use std::fs;
use std::path::Path;

/// A model's part: looks, applies a patch whose second half does not fit, is told so, applies a better one.
const SCRIPT: &str = r#"script: mend
replies:
  - when: "turn == 0"
    text: "I have seen enough."
  - when: "turn == 1"
    calls:
      - tool: patch.apply
        arguments:
          patch: "--- a/src/sum.py\n+++ b/src/sum.py\n@@ -1,2 +1,2 @@\n def sum(a, b):\n-    return a - b\n+    return a + b\n--- a/NOTES\n+++ b/NOTES\n@@ -1 +1 @@\n-old\n+new\n"
  - when: "turn == 2"
    calls:
      - tool: patch.apply
        arguments:
          patch: "diff --git a/src/sum.py b/src/sum.py\n--- a/src/sum.py\n+++ b/src/sum.py\n@@ -1,2 +1,2 @@\n def sum(a, b):\n-    return a - b\n+    return a + b\ndiff --git a/NOTES b/docs/NOTES\nrename from NOTES\nrename to docs/NOTES\n"
  - when: "turn == 3"
    text: "{{ last.text }}"
  - text: "done"
"#;

fn project(root: &Path) {
    fs::create_dir(root.join("src")).unwrap();
    fs::write(
        root.join("src/sum.py"),
        "def sum(a, b):\n    return a - b\n",
    )
    .unwrap();
    fs::write(root.join("NOTES"), "some notes\n").unwrap();
}

#[test]
fn the_coder_applies_a_patch_as_a_whole_or_not_at_all() {
    let work = tempfile::tempdir().unwrap();
    project(work.path());
    let workspace = work.path().to_str().unwrap();
    let house = House::init(&["--access", "read-write", "--workspace", workspace]);
    house.write("scripts/mend.yaml", SCRIPT);
    house.edit(
        "house.yaml",
        "providers:\n",
        "providers:\n  mend: { kind: scripted, file: scripts/mend.yaml }\n",
    );
    let ran = house.run(["run", "coder", "Fix sum", "--provider", "mend", "--json"]);
    let events = ran.expect(0).lines();
    let outcomes: Vec<String> = events
        .iter()
        .filter(|event| event["type"] == "outcome")
        .map(ToString::to_string)
        .collect();
    assert_eq!(outcomes.len(), 2, "{outcomes:?}");
    assert!(
        outcomes[0].contains("`/workspace/NOTES`: hunk 1 (`@@ -1 +1 @@`) does not fit: line 1 is `some notes`, but it expects `old`"),
        "{}",
        outcomes[0]
    );
    assert!(!work.path().join("NOTES").exists());
    let moved = fs::read_to_string(work.path().join("docs/NOTES")).unwrap();
    assert_eq!(moved, "some notes\n");
    let mended = fs::read_to_string(work.path().join("src/sum.py")).unwrap();
    assert_eq!(mended, "def sum(a, b):\n    return a + b\n");
    house.verify();
}

#[test]
fn a_patch_is_held_to_the_mount_it_is_given() {
    let work = tempfile::tempdir().unwrap();
    project(work.path());
    fs::write(work.path().join(".env"), "KEY=1\n").unwrap();
    let calls = charthouse_tests::Calls::new();
    let plugin = charthouse_tests::plugins().join("patch.wasm");
    let policy = |access: &str| {
        format!(
            "policy: p\ntools: [{{ allow: \"patch.*\" }}]\nmounts: {{ /workspace: {{ from: \"{}\", access: {access}, hide: [\"**/.env\"] }} }}\n",
            work.path().display()
        )
    };
    let patch = "--- .env\n+++ .env\n@@ -1 +1 @@\n-KEY=1\n+KEY=2\n";
    let arguments = serde_json::json!({ "patch": patch });
    calls.write("rw.yaml", &policy("read-write"));
    calls.write("ro.yaml", &policy("read-only"));
    let hidden = calls.call(&plugin, "apply", &arguments, Some("rw.yaml"));
    let said = format!("{}{}", hidden.stdout, hidden.stderr);
    assert!(said.contains("there is no such file"), "{said}");
    let patch = "--- NOTES\n+++ NOTES\n@@ -1 +1 @@\n-some notes\n+x\n";
    let arguments = serde_json::json!({ "patch": patch });
    let refused = calls.call(&plugin, "apply", &arguments, Some("ro.yaml"));
    assert!(format!("{}{}", refused.stdout, refused.stderr).contains("read-only"));
    assert_eq!(
        fs::read_to_string(work.path().join("NOTES")).unwrap(),
        "some notes\n"
    );
}
