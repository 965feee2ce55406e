//! What a guest can reach: with a policy what that grants, without one nothing. Each test is an attempt by a guest written for it.

use charthouse_tests::{Calls, OPEN, fs_plugin, hostile, keys, run};
use serde_json::{Value, json};
use std::fs;

#[test]
fn memory_is_limited_over_all_that_a_guest_takes() {
    let calls = Calls::new();
    let little = calls
        .hostile("allocate", json!({"mib": 4}))
        .expect(0)
        .json();
    assert_eq!(little, json!({"ok": [{"text": "kept 4 MiB"}]}));
    let much = calls
        .hostile("allocate", json!({"mib": 64}))
        .expect(1)
        .json();
    assert!(
        ["limit", "failed", "trap"].contains(&much["error"]["kind"].as_str().unwrap()),
        "{much}"
    );
}

#[test]
fn without_a_policy_a_call_has_nothing_but_its_arguments() {
    let calls = Calls::new();
    calls.write("secret.txt", "secret");
    let call = |tool: &str, arguments: Value| calls.call(&hostile(), tool, &arguments, None);
    for path in [
        "secret.txt",
        "./secret.txt",
        "/workspace/secret.txt",
        "/etc/passwd",
        "/",
        ".",
        "../secret.txt",
    ] {
        let answer = call("read", json!({"path": path})).expect(1).json();
        assert_eq!(answer["error"]["kind"], "failed", "{path}: {answer}");
        let answer = call("list", json!({"path": path})).expect(1).json();
        assert_eq!(answer["error"]["kind"], "failed", "{path}: {answer}");
    }
    assert_eq!(
        call("env", json!({})).expect(0).json(),
        json!({"ok": [{"json": {}}]})
    );
    assert_eq!(
        call("args", json!({})).expect(0).json()["ok"][0]["json"]
            .as_array()
            .map_or(0, |arguments| arguments.len().saturating_sub(1)),
        0
    );
    let stdin = call("stdin", json!({})).expect(0).json();
    assert_eq!(stdin["ok"][0]["json"]["bytes"], 0);
}

#[test]
fn mounts_of_a_policy_count_from_the_current_directory() {
    let calls = Calls::new();
    calls.write("policies/read.yaml", "policy: read\ntools: [{ allow: \"fs.*\" }]\nmounts: { /workspace: { from: data, access: read-only } }\n");
    calls.write("data/a.txt", "here\n");
    calls.write("policies/data/a.txt", "not here\n");
    let read = |path: &str| {
        calls.call(
            &fs_plugin(),
            "read",
            &json!({"path": path}),
            Some("policies/read.yaml"),
        )
    };
    let answer = read("/workspace/a.txt").expect(0).json();
    assert_eq!(answer["ok"][0]["text"], "here\n");
    for (path, code, words) in [
        ("/workspace/../open.yaml", 4, "outside"),
        ("/open.yaml", 4, "outside of every mount"),
        ("/workspace/nothing", 1, "nothing"),
    ] {
        let answer = read(path).expect(code).json();
        let message = answer["error"]["message"].as_str().unwrap();
        assert!(message.contains(words), "{path}: {answer}");
    }
}

#[test]
fn writing_needs_a_mount_that_is_read_write() {
    let calls = Calls::new();
    fs::create_dir(calls.path().join("data")).unwrap();
    let policy = |access: &str| {
        format!(
            "policy: p\ntools: [{{ allow: \"*\" }}]\nmounts: {{ /data: {{ from: data, access: {access} }} }}\n"
        )
    };
    calls.write("ro.yaml", &policy("read-only"));
    calls.write("rw.yaml", &policy("read-write"));
    let write = |policy: &str| {
        calls.call(
            &hostile(),
            "write",
            &json!({"path": "/data/new.txt", "text": "x"}),
            Some(policy),
        )
    };
    let refused = write("ro.yaml").expect(1).json();
    assert_eq!(refused["error"]["kind"], "failed");
    // The codes of WASI carry no text, so what was refused stands beside the answer.
    let refusal = &refused["refused"][0];
    assert_eq!(keys(refusal), ["operation", "subject", "reason"]);
    assert_eq!(refusal["subject"], "/data/new.txt");
    assert!(
        refusal["reason"].as_str().unwrap().contains("read-only"),
        "{refused}"
    );
    assert!(!calls.path().join("data/new.txt").exists());
    assert_eq!(
        write("rw.yaml").expect(0).json(),
        json!({"ok": [{"text": "wrote 1 bytes"}]})
    );
    assert_eq!(
        fs::read_to_string(calls.path().join("data/new.txt")).unwrap(),
        "x"
    );
    // A person sees the refusal too.
    let text = run(
        calls.path(),
        [
            "plugin",
            "call",
            hostile().to_str().unwrap(),
            "write",
            "{\"path\":\"/data/b\",\"text\":\"x\"}",
            "--policy",
            "ro.yaml",
        ],
    );
    text.expect(1)
        .complains(&["refused: ", "/data/b", "read-only"]);
}

#[test]
fn no_link_leads_out_of_a_mount() {
    let calls = Calls::new();
    calls.write("outside.txt", "secret");
    fs::create_dir(calls.path().join("data")).unwrap();
    for (target, link) in [
        ("../outside.txt", "file"),
        ("..", "up"),
        ("/etc", "etc"),
        ("/etc/passwd", "passwd"),
    ] {
        std::os::unix::fs::symlink(target, calls.path().join("data").join(link)).unwrap();
    }
    calls.write("rw.yaml", "policy: p\ntools: [{ allow: \"*\" }]\nmounts: { /data: { from: data, access: read-write } }\n");
    for path in [
        "/data/file",
        "/data/up/outside.txt",
        "/data/etc/passwd",
        "/data/passwd",
        "/data/../outside.txt",
        "/data/up/../outside.txt",
    ] {
        let answer = calls
            .call(&hostile(), "read", &json!({"path": path}), Some("rw.yaml"))
            .expect(1)
            .json();
        assert_eq!(answer["error"]["kind"], "failed", "{path}: {answer}");
        let answer = calls
            .call(
                &hostile(),
                "write",
                &json!({"path": path, "text": "changed"}),
                Some("rw.yaml"),
            )
            .expect(1)
            .json();
        assert_eq!(answer["error"]["kind"], "failed", "{path}: {answer}");
    }
    assert_eq!(
        fs::read_to_string(calls.path().join("outside.txt")).unwrap(),
        "secret"
    );
}

#[test]
fn hidden_names_do_not_exist_for_a_guest() {
    let calls = Calls::new();
    calls.write("data/.env", "KEY=secret");
    calls.write("data/sub/.env", "KEY=secret");
    calls.write("data/open.txt", "open");
    calls.write("p.yaml", "policy: p\ntools: [{ allow: \"*\" }]\nmounts: { /data: { from: data, access: read-write, hide: [\"**/.env\"] } }\n");
    let call =
        |tool: &str, arguments: Value| calls.call(&hostile(), tool, &arguments, Some("p.yaml"));
    assert_eq!(
        call("list", json!({"path": "/data"})).expect(0).json()["ok"][0]["text"],
        "open.txt\nsub"
    );
    for path in ["/data/.env", "/data/sub/.env", "/data/sub/../.env"] {
        call("read", json!({"path": path})).expect(1);
        call("write", json!({"path": path, "text": "KEY=mine"})).expect(1);
        call("remove", json!({"path": path})).expect(1);
    }
    assert_eq!(
        fs::read_to_string(calls.path().join("data/.env")).unwrap(),
        "KEY=secret"
    );
    assert_eq!(
        fs::read_to_string(calls.path().join("data/sub/.env")).unwrap(),
        "KEY=secret"
    );
}

#[test]
fn each_call_has_a_fresh_instance_and_a_frozen_world() {
    let calls = Calls::new();
    for _ in 0..2 {
        assert_eq!(
            calls.hostile("counter", json!({})).expect(0).json(),
            json!({"ok": [{"text": "1"}]})
        );
    }
    let random = || calls.hostile("random", json!({})).expect(0).json();
    assert_eq!(random(), random(), "seeded by default");
    calls.write("real.yaml", &format!("{OPEN}random: real\n"));
    let real = || {
        calls
            .call(&hostile(), "random", &json!({}), Some("real.yaml"))
            .expect(0)
            .json()
    };
    assert_ne!(real(), real());
    let clock = calls.hostile("clock", json!({})).expect(0).json()["ok"][0]["json"].clone();
    assert_eq!(
        clock["wall_ns"][0], clock["wall_ns"][1],
        "frozen by default"
    );
}

#[test]
fn the_environment_is_what_the_policy_says() {
    let calls = Calls::new();
    calls.write(
        "env.yaml",
        &format!("{OPEN}env: {{ LANG: C.UTF-8, GREETING: hello }}\n"),
    );
    let answer = calls
        .call(&hostile(), "env", &json!({}), Some("env.yaml"))
        .expect(0)
        .json();
    assert_eq!(
        answer["ok"][0]["json"],
        json!({"LANG": "C.UTF-8", "GREETING": "hello"})
    );
}
