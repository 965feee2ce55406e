//! `access: staged`: what a call writes is seen by the call at once, and by the host only when the call has succeeded.

use crate::common::{call_on, error, grant, load, mount, sandbox, script_on};
use charthouse_sandbox::{CallContext, ToolRequest};
use policy::{Access, Grant, HardLinks, HideGlob, Stage};
use serde_json::json;
use std::fs;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;
use types::{Bytes, CallErrorKind, Count, Outcome, StagedState};

fn tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    let at = |path: &str| tree.path().join(path);
    fs::create_dir_all(at("sub")).unwrap();
    fs::create_dir_all(at("private")).unwrap();
    fs::write(at("a.txt"), "below\n").unwrap();
    fs::write(at("sub/b.txt"), "b\n").unwrap();
    fs::write(at(".env"), "SECRET").unwrap();
    fs::write(at("private/key"), "SECRET").unwrap();
    tree
}

fn granted(path: &Path) -> Grant {
    let mut mount = mount("/w", path, Access::Staged);
    mount.hide = vec![HideGlob::new("**/.env"), HideGlob::new("private")];
    Grant {
        mounts: vec![mount],
        ..grant()
    }
}

/// Writes in every way there is.
const WRITES: [&[&str]; 12] = [
    &["write", "0:a.txt", "changed\n"],
    &["mkdir", "0:new"],
    &["write", "0:new/c.txt", "c\n"],
    &["symlink", "../a.txt", "0:new/link"],
    &["rename", "0:sub/b.txt", "0:b.txt"],
    &["rmdir", "0:sub"],
    &["open", "0:b.txt", "b", "r w"],
    &["stream-write-fd", "b", "B"],
    &["append-fd", "b", "more\n"],
    &["size-fd", "b", "4"],
    &["times-fd", "b"],
    &["link", "0:a.txt", "0:again"],
];

const READS: [&[&str]; 8] = [
    &["list", "0:."],
    &["list", "0:new"],
    &["read", "0:a.txt"],
    &["read", "0:new/link"],
    &["read", "0:b.txt"],
    &["stream-fd", "b"],
    &["stat", "0:a.txt"],
    &["lstat", "0:new/link"],
];

fn names(path: &Path) -> Vec<String> {
    let entries = fs::read_dir(path).unwrap();
    let mut names: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn all() -> Vec<&'static [&'static str]> {
    WRITES.into_iter().chain(READS).collect()
}

fn is_untouched(tree: &TempDir) {
    assert_eq!(names(tree.path()), [".env", "a.txt", "private", "sub"]);
    assert_eq!(
        fs::read_to_string(tree.path().join("a.txt")).unwrap(),
        "below\n"
    );
    assert_eq!(names(&tree.path().join("sub")), ["b.txt"]);
}

#[tokio::test]
async fn a_call_sees_what_it_wrote_and_leaves_it_when_it_succeeds() {
    let tree = tree();
    let (said, outcome) = script_on(&sandbox(), &granted(tree.path()), &all(), "ok").await;
    let (wrote, read) = said.split_at(WRITES.len());
    assert!(wrote.iter().all(|said| said == "ok"), "{wrote:?}");
    assert_eq!(
        read,
        [
            "a.txt again b.txt new",
            "c.txt link",
            "changed\n",
            "changed\n",
            "B\nmo",
            "B\nmo",
            "DescriptorType::RegularFile 8 x2",
            "DescriptorType::SymbolicLink 8 x1",
        ]
    );
    let at = |path: &str| fs::read_to_string(tree.path().join(path)).unwrap();
    assert_eq!(
        names(tree.path()),
        [".env", "a.txt", "again", "b.txt", "new", "private"]
    );
    assert_eq!(at("a.txt"), "changed\n");
    assert_eq!(at("new/link"), "changed\n");
    assert_eq!(at("new/c.txt"), "c\n");
    assert_eq!(at("b.txt"), "B\nmo");
    let [staged] = outcome.staged.as_slice() else {
        panic!("{:?}", outcome.staged);
    };
    assert_eq!(
        (staged.mount.as_str(), staged.state),
        ("/w", StagedState::Committed)
    );
    let told: Vec<String> = staged.changes.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "changed a.txt (6B to 8B)",
            "created again (8B)",
            "renamed sub/b.txt to b.txt (2B to 4B)",
            "created directory new",
            "created new/c.txt (2B)",
            "created link new/link",
            "deleted directory sub"
        ]
    );
    assert_eq!(
        staged.changes[0].diff.as_deref(),
        Some("--- a/a.txt\n+++ b/a.txt\n@@ -1 +1 @@\n-below\n+changed\n")
    );
}

async fn dropped(end: &str, change: impl FnOnce(&mut Grant)) -> (Outcome, TempDir) {
    let tree = tree();
    let mut grant = granted(tree.path());
    change(&mut grant);
    let (_, outcome) = script_on(&sandbox(), &grant, &all(), end).await;
    is_untouched(&tree);
    (outcome, tree)
}

#[tokio::test]
async fn what_a_call_wrote_that_fails_or_traps_or_answers_too_much_is_dropped() {
    for end in ["fail", "trap"] {
        let (outcome, _tree) = dropped(end, |_| {}).await;
        assert!(outcome.result.is_err());
        assert_eq!(outcome.staged[0].state, StagedState::Dropped, "{end}");
        assert_eq!(outcome.staged[0].changes.len(), 7);
    }
    let (outcome, _tree) = dropped("ok", |grant| grant.limits.output = Bytes(10)).await;
    error(&outcome, CallErrorKind::Limit, "output limit");
    assert_eq!(outcome.staged[0].state, StagedState::Dropped);
}

#[tokio::test]
async fn what_a_call_wrote_that_runs_past_its_deadline_is_dropped() {
    let tree = tree();
    let mut grant = granted(tree.path());
    grant.limits.deadline = Duration::from_millis(300);
    let sandbox = sandbox();
    // Loaded before, so that no compilation counts.
    load(&sandbox, "rawfs").await;
    let many: Vec<&[&str]> = WRITES
        .into_iter()
        .chain(std::iter::repeat_n(
            &["list", "0:."] as &[&str],
            2_000_000 / 100,
        ))
        .collect();
    let (_, outcome) = script_on(&sandbox, &grant, &many, "ok").await;
    assert!(outcome.result.is_err(), "it was quicker than thought");
    is_untouched(&tree);
}

#[tokio::test]
async fn a_dry_run_tells_and_drops() {
    let tree = tree();
    let sandbox = sandbox();
    let plugin = load(&sandbox, "rawfs").await;
    let ops = serde_json::to_string(&WRITES).unwrap();
    let grant = granted(tree.path());
    let context = CallContext {
        dry_run: true,
        ..CallContext::default()
    };
    let arguments = json!({ "ops": ops }).to_string();
    let request = ToolRequest {
        tool: "script",
        arguments: &arguments,
        id: "x",
        grant: &grant,
    };
    let outcome = sandbox.call(&plugin, request, &context).await;
    assert!(outcome.result.is_ok(), "{outcome:?}");
    assert_eq!(outcome.staged[0].state, StagedState::Dropped);
    assert_eq!(
        outcome.staged[0].why.as_deref(),
        Some("only a dry run was asked for")
    );
    is_untouched(&tree);
}

#[tokio::test]
async fn what_policy_hides_is_hidden_in_the_layer_too() {
    let tree = tree();
    let ops: [&[&str]; 22] = [
        &["read", "0:.env"],
        &["stat", "0:.env"],
        &["hash", "0:.env"],
        &["write", "0:.env", "x"],
        &["unlink", "0:.env"],
        &["rename", "0:.env", "0:x"],
        &["rename", "0:a.txt", "0:.env"],
        &["link", "0:.env", "0:x"],
        &["link", "0:a.txt", "0:sub/.env"],
        &["symlink", "x", "0:sub/.env"],
        &["mkdir", "0:sub/.env"],
        &["rmdir", "0:private"],
        &["times", "0:.env"],
        &["readlink", "0:.env"],
        &["open", "0:private", "p", "dir"],
        &["read", "0:sub/../private/key"],
        &["mkdir", "0:private"],
        &["open", "0:sub", "s", "dir"],
        &["write", "s:.env", "x"],
        &["list", "0:."],
        &["rename", "0:sub", "0:other"],
        &["read", "0:../outside"],
    ];
    let (said, outcome) = script_on(&sandbox(), &granted(tree.path()), &ops, "ok").await;
    for (at, said) in said.iter().enumerate() {
        let expected = match at {
            17 => "ok",
            19 => "a.txt sub",
            // A name is hidden by its place, so directories stay.
            20 | 21 => "not-permitted",
            _ => "no-entry",
        };
        assert_eq!(said, expected, "{:?}", ops[at]);
    }
    assert!(outcome.staged.is_empty(), "{:?}", outcome.staged);
    is_untouched(&tree);
}

#[tokio::test]
async fn it_takes_on_so_many_bytes_and_files() {
    let tree = tree();
    let mut grant = granted(tree.path());
    grant.mounts[0].stage = Stage {
        bytes: Bytes(10),
        files: Count(2),
    };
    let ops: [&[&str]; 3] = [
        &["write", "0:x", "12345678"],
        &["write", "0:y", "123"],
        &["unlink", "0:y"],
    ];
    let (said, outcome) = script_on(&sandbox(), &grant, &ops, "ok").await;
    assert_eq!(said, ["ok", "insufficient-space", "ok"]);
    assert!(outcome.refused[0].reason.contains("more than the 10B"));
    assert!(outcome.refused[0].reason.contains("stage: { bytes: … }"));
    assert!(tree.path().join("x").exists());
    let ops: [&[&str]; 3] = [&["mkdir", "0:k"], &["mkdir", "0:l"], &["mkdir", "0:m"]];
    let (_, outcome) = script_on(&sandbox(), &grant, &ops, "ok").await;
    error(&outcome, CallErrorKind::Limit, "the call changes 3 files");
    assert_eq!(outcome.staged[0].state, StagedState::Refused);
    assert!(!tree.path().join("k").exists());
}

#[tokio::test]
async fn hard_links_are_refused_in_the_layer_too() {
    let tree = tree();
    fs::hard_link(tree.path().join(".env"), tree.path().join("planted")).unwrap();
    let mut grant = granted(tree.path());
    grant.mounts[0].hard_links = HardLinks::Refuse;
    let ops: [&[&str]; 4] = [
        &["read", "0:planted"],
        &["write", "0:planted", "x"],
        &["rename", "0:planted", "0:x"],
        &["link", "0:a.txt", "0:x"],
    ];
    let (said, _) = script_on(&sandbox(), &grant, &ops, "ok").await;
    assert!(said.iter().all(|said| said == "not-permitted"), "{said:?}");
}

#[tokio::test]
async fn a_descriptor_does_what_it_was_opened_for() {
    let tree = tree();
    let ops: [&[&str]; 20] = [
        &["open", "0:a.txt", "r", "r"],
        &["write-fd", "r", "0", "x"],
        &["stream-write-fd", "r", "x"],
        &["append-fd", "r", "x"],
        &["size-fd", "r", "0"],
        &["times-fd", "r"],
        &["open", "0:a.txt", "w", "w"],
        &["read-fd", "w"],
        &["stream-fd", "w"],
        &["list-fd", "w"],
        &["open", "0:sub", "d", "w"],
        &["same-fd", "r", "w"],
        &["write", "0:sub", "x"],
        &["open", "0:a.txt", "d", "dir"],
        // A file is no directory, so nothing is opened below it.
        &["read", "w:.env"],
        &["stat", "w:.env"],
        &["mkdir", "w:new"],
        &["rename", "w:.env", "0:x"],
        &["rename", "0:a.txt", "w:x"],
        &["stat", "r:."],
    ];
    let (said, outcome) = script_on(&sandbox(), &granted(tree.path()), &ops, "ok").await;
    let said: Vec<&str> = said.iter().map(String::as_str).collect();
    for refused in &said[14..] {
        assert!(
            ["not-directory", "cross-device"].contains(refused),
            "{said:?}"
        );
    }
    let bad = "bad-descriptor";
    assert_eq!(
        said[..14],
        [
            "ok",
            bad,
            bad,
            bad,
            bad,
            bad,
            "ok",
            bad,
            bad,
            "not-directory",
            "is-directory",
            "true",
            "is-directory",
            "not-directory"
        ]
    );
    assert!(outcome.staged.is_empty(), "{:?}", outcome.staged);
}

#[tokio::test]
async fn what_a_killed_host_left_is_cleared_away_and_never_seen() {
    let tree = tree();
    let own = ".charthouse-staged-1-2";
    fs::create_dir_all(tree.path().join(own).join("new")).unwrap();
    let (said, _) = script_on(&sandbox(), &granted(tree.path()), &[&["list", "0:."]], "ok").await;
    assert_eq!(said, ["a.txt sub"]);
    is_untouched(&tree);
    // While a commit works there, or where one was planted, no call finds it in any mount.
    let sandbox = sandbox();
    for access in [Access::ReadOnly, Access::ReadWrite, Access::Staged] {
        let mut grant = grant();
        grant.mounts = vec![mount("/w", tree.path(), access)];
        // The mount is known to be whole now.
        script_on(&sandbox, &grant, &[&["list", "0:."]], "ok").await;
        fs::create_dir_all(tree.path().join(own)).unwrap();
        fs::write(tree.path().join(own).join("intent"), "SECRET").unwrap();
        let path = format!("0:{own}/intent");
        let (said, _) = script_on(
            &sandbox,
            &grant,
            &[
                &["read", &path],
                &["write", &path, "x"],
                &["mkdir", "0:sub/.charthouse-staged-3-3"],
                &["rename", "0:sub", "0:.charthouse-staged-3-3"],
                &["list", "0:."],
            ],
            "ok",
        )
        .await;
        let gone = "no-entry";
        assert_eq!(said, [gone, gone, gone, gone, ".env a.txt private sub"]);
        fs::remove_dir_all(tree.path().join(own)).unwrap();
    }
}

#[tokio::test]
async fn programs_of_the_standard_library_work_in_it() {
    let tree = tree();
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    let grant = granted(tree.path());
    let append = json!({ "path": "/w/a.txt", "text": "more\n" });
    let outcome = call_on(&sandbox, &plugin, &grant, "append", append).await;
    assert!(outcome.result.is_ok(), "{outcome:?}");
    let text = fs::read_to_string(tree.path().join("a.txt")).unwrap();
    assert_eq!(text, "below\nmore\n");
    let list = call_on(&sandbox, &plugin, &grant, "list", json!({ "path": "/w" })).await;
    assert_eq!(crate::common::text(&list), "a.txt\nsub");
    assert!(list.staged.is_empty());
}
