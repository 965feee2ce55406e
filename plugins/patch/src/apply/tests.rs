//! Whole patches on a directory: what becomes of the files, and that a failure leaves every one of them as it was.

use super::*;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

fn tree() -> TempDir {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("src")).unwrap();
    fs::write(root.path().join("src/a.rs"), "fn a() {\n    1\n}\n").unwrap();
    fs::write(root.path().join("b.txt"), "one\ntwo\nthree\n").unwrap();
    root
}

fn state(root: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut open = vec![root.to_owned()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if path.is_dir() {
                found.push((name, String::new()));
                open.push(path);
            } else {
                found.push((name, fs::read_to_string(path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn run(root: &Path, patch: &str) -> Result<serde_json::Value, Failure> {
    run_in(root, patch, "", None)
}

fn run_in(
    root: &Path,
    patch: &str,
    directory: &str,
    strip: Option<u32>,
) -> Result<serde_json::Value, Failure> {
    let mounts = Mounts::of(&[("/workspace", root)]).unwrap();
    let arguments = Patch {
        patch: patch.to_owned(),
        directory: directory.to_owned(),
        strip,
    };
    apply(&mounts, arguments).map(|Json(answer)| serde_json::to_value(answer).unwrap())
}

const GIT: &str = "From: somebody\nSubject: a letter\n\n---\n src/a.rs | 2 +-\n\ndiff --git a/src/a.rs b/src/a.rs\nindex 1..2 100644\n--- a/src/a.rs\n+++ b/src/a.rs\n@@ -1,3 +1,3 @@ fn a\n fn a() {\n-    1\n+    2\n }\ndiff --git a/new/deep/c.txt b/new/deep/c.txt\nnew file mode 100644\nindex 0..1\n--- /dev/null\n+++ b/new/deep/c.txt\n@@ -0,0 +1,2 @@\n+c\n+cc\ndiff --git a/b.txt b/d e.txt\nsimilarity index 80%\nrename from b.txt\nrename to d e.txt\nindex 1..2 100644\n--- a/b.txt\n+++ b/d e.txt\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\ndiff --git a/empty b/empty\nnew file mode 100644\nindex 0..0\n-- \n2.40\n";

#[test]
fn a_git_patch_changes_creates_and_renames() {
    let root = tree();
    let answer = run(root.path(), GIT).unwrap();
    let expected = [
        ("d e.txt", "one\n2\nthree\n"),
        ("empty", ""),
        ("new", ""),
        ("new/deep", ""),
        ("new/deep/c.txt", "c\ncc\n"),
        ("src", ""),
        ("src/a.rs", "fn a() {\n    2\n}\n"),
    ];
    let expected: Vec<_> = expected.map(|(a, b)| (a.to_owned(), b.to_owned())).into();
    assert_eq!(state(root.path()), expected);
    let files = answer["files"].as_array().unwrap();
    let told: Vec<String> = files
        .iter()
        .map(|file| {
            format!("{} {} {}", file["action"], file["path"], file["from"]).replace('"', "")
        })
        .collect();
    assert_eq!(
        told,
        [
            "changed /workspace/src/a.rs null",
            "created /workspace/new/deep/c.txt null",
            "renamed /workspace/d e.txt /workspace/b.txt",
            "created /workspace/empty null"
        ]
    );
    assert_eq!(files[0]["added"], 1);
}

#[test]
fn files_are_deleted_copied_renamed_without_a_change_and_modes_are_ignored() {
    let root = tree();
    run(
        root.path(),
        "diff --git a/b.txt b/b.txt\ndeleted file mode 100644\n--- a/b.txt\n+++ /dev/null\n@@ -1,3 +0,0 @@\n-one\n-two\n-three\ndiff --git a/src/a.rs b/src/x.rs\nsimilarity index 100%\ncopy from src/a.rs\ncopy to src/x.rs\ndiff --git a/src/a.rs b/lib.rs\nold mode 100644\nnew mode 100755\nsimilarity index 100%\nrename from src/a.rs\nrename to lib.rs\ndiff --git a/src/x.rs b/src/x.rs\nold mode 100644\nnew mode 100755\n",
    )
    .unwrap();
    let names: Vec<String> = state(root.path())
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(names, ["lib.rs", "src", "src/x.rs"]);
}

#[test]
fn paths_are_taken_as_they_are_meant() {
    let hunk = "@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n";
    for (old, new, directory, strip) in [
        ("b.txt", "b.txt", "", None),
        ("a/b.txt", "b/b.txt", "", None),
        ("/workspace/b.txt", "/workspace/b.txt", "", None),
        ("b.txt\t2026-01-01", "b.txt\t2026-01-02", "", None),
        ("x/y/b.txt", "x/y/b.txt", "", Some(2)),
        ("b.txt", "b.txt", "/workspace", None),
    ] {
        let root = tree();
        let patch = format!("--- {old}\n+++ {new}\n{hunk}");
        run_in(root.path(), &patch, directory, strip).unwrap();
        assert_eq!(
            fs::read_to_string(root.path().join("b.txt")).unwrap(),
            "one\n2\nthree\n"
        );
    }
    let root = tree();
    let patch = "--- a.rs\n+++ a.rs\n@@ -2 +2 @@\n-    1\n+    2\n";
    run_in(root.path(), patch, "/workspace/src", None).unwrap();
    assert!(
        fs::read_to_string(root.path().join("src/a.rs"))
            .unwrap()
            .contains('2')
    );
}

#[test]
fn one_file_may_come_twice() {
    let root = tree();
    run(
        root.path(),
        "--- b.txt\n+++ b.txt\n@@ -1 +1 @@\n-one\n+1\n--- b.txt\n+++ b.txt\n@@ -1 +1 @@\n-1\n+I\n",
    )
    .unwrap();
    assert_eq!(
        fs::read_to_string(root.path().join("b.txt")).unwrap(),
        "I\ntwo\nthree\n"
    );
}

#[test]
fn a_failure_changes_nothing_and_says_which_file() {
    let good = "--- b.txt\n+++ b.txt\n@@ -1 +1 @@\n-one\n+1\n";
    std::os::unix::fs::symlink("b.txt", tree().path().join("l")).unwrap();
    for (bad, expected) in [
        (
            "--- src/a.rs\n+++ src/a.rs\n@@ -1 +1 @@\n-fn b() {\n+fn c() {\n",
            "`/workspace/src/a.rs`: hunk 1 (`@@ -1 +1 @@`) does not fit: line 1 is `fn a() {`",
        ),
        (
            "--- gone\n+++ gone\n@@ -1 +1 @@\n-x\n+y\n",
            "`/workspace/gone`: cannot be patched: there is no such file",
        ),
        (
            "--- /dev/null\n+++ src/a.rs\n@@ -0,0 +1 @@\n+x\n",
            "is there already",
        ),
        (
            "--- src/a.rs\n+++ /dev/null\n@@ -1 +0,0 @@\n-fn a() {\n",
            "not all of its lines",
        ),
        ("--- ../x\n+++ ../x\n@@ -1 +1 @@\n-x\n+y\n", "leads up"),
        (
            "--- /etc/passwd\n+++ /etc/passwd\n@@ -1 +1 @@\n-x\n+y\n",
            "outside of every mount",
        ),
        ("--- src\n+++ src\n@@ -1 +1 @@\n-x\n+y\n", "directory"),
        ("--- link\n+++ link\n@@ -1 +1 @@\n-x\n+y\n", "symbolic link"),
        (
            "--- /dev/null\n+++ b.txt/x\n@@ -0,0 +1 @@\n+x\n",
            "not a directory",
        ),
        (
            "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n@@ -0,0 +1 @@\n+y\n",
            "only regular files",
        ),
        (
            "diff --git a/x b/x\nGIT binary patch\nliteral 1\n",
            "binary",
        ),
        ("--- src/a.rs\n+++ src/a.rs\n", "has no hunk"),
    ] {
        let root = tree();
        std::os::unix::fs::symlink("b.txt", root.path().join("link")).unwrap();
        let before = state(root.path());
        let failure = run(root.path(), &format!("{good}{bad}")).unwrap_err();
        assert!(
            failure.message().contains(expected),
            "{expected}: {}",
            failure.message()
        );
        assert_eq!(state(root.path()), before, "{bad}");
    }
    let root = tree();
    for (text, expected) in [
        ("", "there is no file in the patch"),
        ("@@ -1 +1 @@\n-a\n+b\n", "without a file"),
        ("hello\n", "there is no file in the patch"),
    ] {
        let failure = run(root.path(), text).unwrap_err();
        assert!(
            failure.message().contains(expected),
            "{}",
            failure.message()
        );
    }
}

#[test]
fn a_failure_in_the_middle_of_writing_is_undone() {
    use std::os::unix::fs::PermissionsExt;
    let root = tree();
    // A directory in the way of a rename: found by nothing before it happens.
    let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
    let patch = "--- b.txt\n+++ b.txt\n@@ -1 +1 @@\n-one\n+1\n--- /dev/null\n+++ new/c\n@@ -0,0 +1 @@\n+c\n--- src/a.rs\n+++ src/a.rs\n@@ -2 +2 @@\n-    1\n+    2\n--- /dev/null\n+++ z\n@@ -0,0 +1 @@\n+z\n";
    let files = parse::parse(patch, None).unwrap();
    let plan = Plan::make(&mounts, "", &files).unwrap();
    fs::create_dir(root.path().join("z")).unwrap();
    fs::set_permissions(root.path().join("z"), fs::Permissions::from_mode(0o755)).unwrap();
    let before = state(root.path());
    let failure = commit::commit(&plan).unwrap_err();
    assert!(
        failure.message().contains("/workspace/z"),
        "{}",
        failure.message()
    );
    assert_eq!(state(root.path()), before);
}

#[test]
fn check_changes_nothing() {
    let root = tree();
    let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
    let before = state(root.path());
    let arguments = Patch {
        patch: GIT.to_owned(),
        directory: String::new(),
        strip: None,
    };
    let Json(answer) = check(&mounts, arguments).unwrap();
    assert_eq!(
        serde_json::to_value(answer).unwrap()["files"]
            .as_array()
            .unwrap()
            .len(),
        4
    );
    assert_eq!(state(root.path()), before);
}

/// What `git diff` and `diff -u` really write goes in and comes out the same.
#[test]
fn patches_of_real_programs_apply() {
    let git = |root: &Path, words: &[&str]| {
        let output = std::process::Command::new("git")
            .args(["-c", "user.name=x", "-c", "user.email=x@x", "-C"])
            .arg(root)
            .args(words)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    if std::process::Command::new("git")
        .arg("--version")
        .output()
        .is_err()
    {
        return;
    }
    let root = tree();
    fs::write(root.path().join("crlf.txt"), "a\r\nb\r\nc\r\n").unwrap();
    fs::write(root.path().join("ä ö.txt"), "x\ny").unwrap();
    let long: String = (0..200).map(|n| format!("line {n}\n")).collect();
    fs::write(root.path().join("long.txt"), &long).unwrap();
    git(root.path(), &["init", "-q"]);
    git(root.path(), &["config", "core.autocrlf", "false"]);
    git(root.path(), &["add", "-A"]);
    git(root.path(), &["commit", "-qm", "before"]);
    let copy = tempfile::tempdir().unwrap();
    git(
        copy.path(),
        &["clone", "-q", &root.path().display().to_string(), "w"],
    );
    let copy = copy.path().join("w");
    fs::write(root.path().join("crlf.txt"), "a\r\nB\r\nc\r\nd").unwrap();
    fs::write(root.path().join("ä ö.txt"), "x\ny\n").unwrap();
    let changed = long
        .replace("line 20\n", "")
        .replace("line 100\n", "l\nine\n")
        .replace("line 199\n", "end");
    fs::write(root.path().join("long.txt"), &changed).unwrap();
    fs::rename(root.path().join("b.txt"), root.path().join("src/c.txt")).unwrap();
    fs::remove_file(root.path().join("src/a.rs")).unwrap();
    fs::write(root.path().join("new"), "").unwrap();
    git(root.path(), &["add", "-A"]);
    let patch = git(root.path(), &["diff", "--cached", "-M"]);
    run(&copy, &patch).unwrap();
    let without_git = |root: &Path| -> Vec<(String, String)> {
        fs::remove_dir_all(root.join(".git")).unwrap();
        state(root)
    };
    assert_eq!(without_git(&copy), without_git(root.path()));
}
