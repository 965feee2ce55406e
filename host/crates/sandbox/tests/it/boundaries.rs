//! Files, environment, clocks, randomness, state: a guest has what it was given and nothing else.

use crate::common::{call, call_on, error, grant, load, mount, sandbox, text};
use policy::{Access, ClockMode, Grant, HideGlob, RandomMode, Verdict};
use serde_json::json;
use std::fs;
use std::os::unix::fs::symlink;
use tempfile::TempDir;
use types::CallErrorKind;

/// A directory with a few files, a secret, and a place outside.
fn tree() -> TempDir {
    let directory = TempDir::new().unwrap();
    let root = directory.path();
    fs::create_dir_all(root.join("w/sub")).unwrap();
    fs::write(root.join("w/a.txt"), "inside").unwrap();
    fs::write(root.join("w/.env"), "SECRET=1").unwrap();
    fs::write(root.join("w/sub/.env"), "SECRET=2").unwrap();
    fs::write(root.join("outside.txt"), "outside").unwrap();
    symlink("../outside.txt", root.join("w/out-link")).unwrap();
    symlink(root.join("outside.txt"), root.join("w/absolute-link")).unwrap();
    symlink(".env", root.join("w/innocent")).unwrap();
    symlink("sub", root.join("w/sub-link")).unwrap();
    directory
}

fn mounted(tree: &TempDir, access: Access, hide: &[&str]) -> Grant {
    let mut mount = mount("/workspace", &tree.path().join("w"), access);
    mount.hide = hide.iter().map(|glob| HideGlob::new(*glob)).collect();
    let mut grant = grant();
    grant.mounts = vec![mount];
    grant
}

#[tokio::test]
async fn a_call_that_policy_denies_never_starts() {
    let mut grant = grant();
    grant.verdict = Verdict::Deny;
    let outcome = call(&grant, "echo", json!({ "text": "x" })).await;
    error(&outcome, CallErrorKind::Denied, "no rule allows it");
    assert_eq!(outcome.fuel, 0);
}

#[tokio::test]
async fn without_a_mount_there_are_no_files() {
    for path in ["/workspace/a.txt", "/etc/passwd", "a.txt", "/"] {
        let outcome = call(&grant(), "read", json!({ "path": path })).await;
        assert!(outcome.result.is_err(), "{path}: {:?}", outcome.result);
    }
}

#[tokio::test]
async fn a_read_only_mount_is_read_and_not_written() {
    let tree = tree();
    let grant = mounted(&tree, Access::ReadOnly, &[]);
    let read = call(&grant, "read", json!({ "path": "/workspace/a.txt" })).await;
    assert_eq!(text(&read), "inside");
    for (tool, arguments) in [
        (
            "write",
            json!({ "path": "/workspace/a.txt", "text": "changed" }),
        ),
        (
            "write",
            json!({ "path": "/workspace/new.txt", "text": "new" }),
        ),
        (
            "append",
            json!({ "path": "/workspace/a.txt", "text": "more" }),
        ),
        ("remove", json!({ "path": "/workspace/a.txt" })),
        ("create_directory", json!({ "path": "/workspace/d" })),
        (
            "rename",
            json!({ "from": "/workspace/a.txt", "to": "/workspace/b.txt" }),
        ),
        (
            "link",
            json!({ "from": "/workspace/a.txt", "to": "/workspace/b.txt" }),
        ),
        (
            "symlink",
            json!({ "from": "a.txt", "to": "/workspace/b.txt" }),
        ),
    ] {
        let outcome = call(&grant, tool, arguments).await;
        assert!(outcome.result.is_err(), "{tool} succeeded");
        assert!(!outcome.refused.is_empty(), "{tool}: no refusal is listed");
        assert!(
            outcome.refused[0].subject.starts_with("/workspace"),
            "{:?}",
            outcome.refused
        );
    }
    assert_eq!(
        fs::read_to_string(tree.path().join("w/a.txt")).unwrap(),
        "inside"
    );
    assert_eq!(fs::read_dir(tree.path().join("w")).unwrap().count(), 7);
}

#[tokio::test]
async fn a_read_write_mount_is_written() {
    let tree = tree();
    let grant = mounted(&tree, Access::ReadWrite, &[]);
    let written = json!({ "path": "/workspace/sub/new.txt", "text": "new" });
    assert!(call(&grant, "write", written).await.result.is_ok());
    assert_eq!(
        fs::read_to_string(tree.path().join("w/sub/new.txt")).unwrap(),
        "new"
    );
}

#[tokio::test]
async fn no_path_leads_out_of_a_mount() {
    let tree = tree();
    let grant = mounted(&tree, Access::ReadWrite, &[]);
    for path in [
        "/workspace/../outside.txt",
        "/workspace/sub/../../outside.txt",
        "/workspace/out-link",
        "/workspace/absolute-link",
        "/workspace/sub-link/../../outside.txt",
        "../outside.txt",
    ] {
        let read = call(&grant, "read", json!({ "path": path })).await;
        assert!(read.result.is_err(), "{path} was read: {:?}", read.result);
        let written = json!({ "path": path, "text": "broken out" });
        let write = call(&grant, "write", written).await;
        assert!(write.result.is_err(), "{path} was written");
    }
    // A link that the guest makes itself leads no further.
    let made = json!({ "from": "../outside.txt", "to": "/workspace/mine" });
    let _ = call(&grant, "symlink", made).await;
    assert!(
        call(&grant, "read", json!({ "path": "/workspace/mine" }))
            .await
            .result
            .is_err()
    );
    assert_eq!(
        fs::read_to_string(tree.path().join("outside.txt")).unwrap(),
        "outside"
    );
}

#[tokio::test]
async fn hidden_names_are_not_there_under_any_name() {
    let tree = tree();
    let grant = mounted(&tree, Access::ReadWrite, &["**/.env"]);
    for path in [
        "/workspace/.env",
        "/workspace/sub/.env",
        "/workspace/sub/../.env",
        "/workspace/innocent",
        "/workspace/sub-link/.env",
    ] {
        for tool in ["read", "metadata", "remove"] {
            if tool == "remove" && path.ends_with("innocent") {
                continue; // removing the link removes the link
            }
            let outcome = call(&grant, tool, json!({ "path": path })).await;
            assert!(
                outcome.result.is_err(),
                "{tool} {path}: {:?}",
                outcome.result
            );
        }
    }
    for (tool, from, to) in [
        ("rename", "/workspace/.env", "/workspace/seen"),
        ("link", "/workspace/.env", "/workspace/seen"),
        ("rename", "/workspace/a.txt", "/workspace/.env"),
    ] {
        let outcome = call(&grant, tool, json!({ "from": from, "to": to })).await;
        assert!(outcome.result.is_err(), "{tool} {from} {to}");
    }
    let listed = text(&call(&grant, "list", json!({ "path": "/workspace" })).await);
    assert!(
        listed.contains("a.txt") && !listed.contains(".env"),
        "{listed}"
    );
    assert_eq!(
        fs::read_to_string(tree.path().join("w/.env")).unwrap(),
        "SECRET=1"
    );
    let shown = mounted(&tree, Access::ReadOnly, &[]);
    let read = call(&shown, "read", json!({ "path": "/workspace/.env" })).await;
    assert_eq!(text(&read), "SECRET=1");
}

#[tokio::test]
async fn moving_a_directory_brings_nothing_to_light() {
    let tree = tree();
    let by_place = mounted(&tree, Access::ReadWrite, &["sub/.env"]);
    let moved = json!({ "from": "/workspace/sub", "to": "/workspace/moved" });
    let outcome = call(&by_place, "rename", moved.clone()).await;
    assert!(outcome.result.is_err());
    assert!(
        outcome.refused[0].reason.contains("stay where they are"),
        "{:?}",
        outcome.refused
    );
    let by_name = mounted(&tree, Access::ReadWrite, &["**/.env"]);
    assert!(call(&by_name, "rename", moved).await.result.is_ok());
    let read = call(&by_name, "read", json!({ "path": "/workspace/moved/.env" })).await;
    assert!(read.result.is_err());
}

#[tokio::test]
async fn a_file_replaced_by_renaming_keeps_its_permissions() {
    use std::os::unix::fs::PermissionsExt;
    let tree = tree();
    let script = tree.path().join("w/sub/run.sh");
    fs::write(&script, "old").unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o4755)).unwrap();
    let grant = mounted(&tree, Access::ReadWrite, &[]);
    let written = json!({ "path": "/workspace/new", "text": "new" });
    assert!(call(&grant, "write", written).await.result.is_ok());
    let renamed = json!({ "from": "/workspace/new", "to": "/workspace/sub/run.sh" });
    assert!(call(&grant, "rename", renamed).await.result.is_ok());
    assert_eq!(fs::read_to_string(&script).unwrap(), "new");
    let mode = fs::metadata(&script).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o755);
}

#[tokio::test]
async fn what_would_block_a_thread_is_not_opened() {
    let tree = tree();
    let fifo = tree.path().join("w/fifo");
    let made = std::process::Command::new("mkfifo")
        .arg(&fifo)
        .status()
        .unwrap();
    assert!(made.success());
    let grant = mounted(&tree, Access::ReadWrite, &[]);
    let outcome = call(&grant, "read", json!({ "path": "/workspace/fifo" })).await;
    assert!(outcome.result.is_err());
    assert!(
        outcome.refused[0].reason.contains("regular files"),
        "{:?}",
        outcome.refused
    );
}

#[tokio::test]
async fn a_mount_through_a_link_is_refused() {
    let tree = tree();
    let root = tree.path().join("w");
    symlink(tree.path(), root.join("up")).unwrap();
    for host in [root.join("up"), root.join("up/w/sub")] {
        let mut grant = grant();
        grant.mounts = vec![mount("/workspace", &host, Access::ReadOnly)];
        let outcome = call(&grant, "echo", json!({ "text": "x" })).await;
        error(&outcome, CallErrorKind::Denied, "symbolic link");
    }
}

#[tokio::test]
async fn a_guest_cannot_exchange_the_directory_of_another_mount() {
    let tree = tree();
    let root = tree.path().join("w");
    fs::create_dir(root.join("out")).unwrap();
    let mut both = grant();
    both.mounts = vec![
        mount("/out", &root.join("out"), Access::ReadWrite),
        mount("/workspace", &root, Access::ReadWrite),
    ];
    let away = json!({ "from": "/workspace/out", "to": "/workspace/away" });
    assert!(call(&both, "rename", away).await.result.is_ok());
    symlink(tree.path(), root.join("out")).unwrap();
    let read = json!({ "path": "/out/outside.txt" });
    error(
        &call(&both, "read", read).await,
        CallErrorKind::Denied,
        "symbolic link",
    );
}

#[tokio::test]
async fn a_link_and_dots_do_not_lead_to_hidden_names() {
    let tree = tree();
    let root = tree.path().join("w");
    fs::create_dir_all(root.join(".git/hooks")).unwrap();
    fs::write(root.join(".git/config"), "token").unwrap();
    symlink(".git/hooks", root.join("hk")).unwrap();
    let grant = mounted(&tree, Access::ReadWrite, &["**/.git/config", "**/.env"]);
    for path in [
        "/workspace/hk/../config",
        "/workspace/./hk/.././config",
        "/workspace/sub-link/../.env",
    ] {
        for tool in ["read", "metadata"] {
            let outcome = call(&grant, tool, json!({ "path": path })).await;
            assert!(
                outcome.result.is_err(),
                "{tool} {path}: {:?}",
                outcome.result
            );
        }
        let written = json!({ "path": path, "text": "changed" });
        assert!(
            call(&grant, "write", written).await.result.is_err(),
            "{path}"
        );
    }
    let read = call(
        &grant,
        "read",
        json!({ "path": "/workspace/sub-link/../a.txt" }),
    )
    .await;
    assert_eq!(text(&read), "inside");
}

#[tokio::test]
async fn a_directory_does_not_leave_a_mount_that_hides() {
    let tree = tree();
    fs::create_dir(tree.path().join("o")).unwrap();
    let mut grant = mounted(&tree, Access::ReadWrite, &["**/.env"]);
    grant
        .mounts
        .push(mount("/out", &tree.path().join("o"), Access::ReadWrite));
    let moved = json!({ "from": "/workspace/sub", "to": "/out/sub" });
    assert!(call(&grant, "rename", moved).await.result.is_err());
    assert!(tree.path().join("w/sub/.env").exists());
}

#[tokio::test]
async fn an_endless_path_is_refused_at_once() {
    let tree = tree();
    let grant = mounted(&tree, Access::ReadOnly, &["**/.env"]);
    let path = format!("/workspace/{}x", "a/".repeat(60_000));
    let outcome = call(&grant, "metadata", json!({ "path": path })).await;
    error(&outcome, CallErrorKind::Failed, "");
    assert!(
        outcome
            .refused
            .iter()
            .all(|refused| refused.subject.len() < 1_000)
    );
}

#[tokio::test]
async fn a_mount_of_nothing_says_what_to_do() {
    let mut grant = grant();
    grant.mounts = vec![mount(
        "/workspace",
        "/does/not/exist".as_ref(),
        Access::ReadOnly,
    )];
    let outcome = call(&grant, "echo", json!({ "text": "x" })).await;
    error(&outcome, CallErrorKind::Unavailable, "create the directory");
}

#[tokio::test]
async fn the_environment_is_empty_but_for_what_is_given() {
    let mut grant = grant();
    let bare = text(&call(&grant, "env", json!({})).await);
    assert!(!bare.contains("PATH") && !bare.contains("HOME"), "{bare}");
    grant.env = vec![("LANG".into(), "C.UTF-8".into())];
    let given = text(&call(&grant, "env", json!({})).await);
    assert!(
        given.contains("LANG") && given.contains("C.UTF-8"),
        "{given}"
    );
}

#[tokio::test]
async fn a_frozen_clock_stands_at_the_time_of_the_event() {
    let mut grant = grant();
    grant.clock = ClockMode::Frozen;
    let first = text(&call(&grant, "clock", json!({})).await);
    let second = text(&call(&grant, "clock", json!({})).await);
    assert_eq!(first, second);
    assert!(first.contains("1234567890"), "{first}");
    grant.clock = ClockMode::Real;
    let real = text(&call(&grant, "clock", json!({})).await);
    assert!(!real.contains("1234567890123"), "{real}");
}

#[tokio::test]
async fn seeded_randomness_is_the_same_for_the_same_call() {
    let mut grant = grant();
    grant.random = RandomMode::Seeded;
    let first = text(&call(&grant, "random", json!({})).await);
    let second = text(&call(&grant, "random", json!({})).await);
    assert_eq!(first, second);
    grant.random = RandomMode::Real;
    let real = text(&call(&grant, "random", json!({})).await);
    let other = text(&call(&grant, "random", json!({})).await);
    assert_ne!(real, other);
}

#[tokio::test]
async fn nothing_survives_a_call_but_state() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    let grant = grant();
    for _ in 0..3 {
        let count = call_on(&sandbox, &plugin, &grant, "counter", json!({})).await;
        assert!(text(&count).contains('1'), "{}", text(&count));
    }
    let set = json!({ "key": "k", "value": "kept" });
    let set = call_on(&sandbox, &plugin, &grant, "state_set", set).await;
    assert!(set.result.is_ok(), "{:?}", set.result);
    let got = call_on(
        &sandbox,
        &plugin,
        &grant,
        "state_get",
        json!({ "key": "k" }),
    )
    .await;
    assert!(text(&got).contains("kept"));
    // Another plugin's keys are its own.
    let other = types::PluginName::parse("other").unwrap();
    let other = sandbox
        .load(other, &crate::common::guest("hostile"), true)
        .await
        .unwrap();
    let got = call_on(&sandbox, &other, &grant, "state_get", json!({ "key": "k" })).await;
    assert!(!format!("{:?}", got.result).contains("kept"));
}

#[tokio::test]
async fn arguments_are_checked_before_a_guest_starts() {
    let outcome = call(&grant(), "echo", json!({ "tekst": "x" })).await;
    error(&outcome, CallErrorKind::Invalid, "text");
    assert_eq!(outcome.fuel, 0);
    let outcome = call(&grant(), "ecko", json!({})).await;
    error(&outcome, CallErrorKind::Invalid, "has no tool `ecko`");
}
