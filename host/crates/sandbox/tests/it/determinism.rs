//! The same call comes to the same answer, to the bit, with the same fuel: twice in one process, in another process, and in whatever language the guest
//! was written. Time and chance are the grant's, and numbers that are none have one form.
//!
//! The guests in other languages are built by `cargo xtask languages`; those that are not there are not tested, and a line says so.

use crate::common::{call_on, grant, guest_path, load, sandbox, text};
use charthouse_sandbox::{Plugin, Sandbox, SandboxError};
use policy::{ClockMode, Grant, RandomMode};
use serde_json::{Value, json};
use std::process::Command;
use std::sync::Arc;
use types::Outcome;

/// The guests in other languages.
const LANGUAGES: [&str; 3] = ["lang-c", "lang-javascript", "lang-python"];
/// In a process that was started to look once more: whose look.
const LOOK: &str = "CHARTHOUSE_TEST_LOOK";

fn closed() -> Grant {
    let mut grant = grant();
    grant.clock = ClockMode::Frozen;
    grant.random = RandomMode::Seeded;
    grant.limits.memory = types::Bytes(256 << 20);
    grant
}

async fn look(sandbox: &Sandbox, plugin: &Arc<Plugin>, grant: &Grant) -> Outcome {
    let tool = if plugin.tool("look").is_some() {
        "look"
    } else {
        "everything"
    };
    let outcome = call_on(sandbox, plugin, grant, tool, json!({})).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    outcome
}

/// What a look comes to, in one line.
fn line(outcome: &Outcome) -> String {
    format!(
        "looked: {} fuel {} memory {}",
        text(outcome),
        outcome.fuel,
        outcome.memory
    )
}

/// Look at the guest `name` in every way, and answer what it saw under a closed grant and under an open one.
async fn looks(name: &str) -> (Value, Value) {
    let sandbox = sandbox();
    let plugin = load(&sandbox, name).await;
    let first = look(&sandbox, &plugin, &closed()).await;
    let second = look(&sandbox, &plugin, &closed()).await;
    assert_eq!(line(&first), line(&second), "{name}");
    let here = std::env::current_exe().unwrap();
    let there = Command::new(here)
        .args(["--exact", "determinism::in_another_process", "--nocapture"])
        .env(LOOK, name)
        .output()
        .unwrap();
    let there = String::from_utf8_lossy(&there.stdout).into_owned();
    assert!(
        there.contains(&line(&first)),
        "{name}: {} is not in {there}",
        line(&first)
    );
    let mut open = closed();
    open.clock = ClockMode::Real;
    open.random = RandomMode::Real;
    let open = look(&sandbox, &plugin, &open).await;
    let read = |outcome| serde_json::from_str(&text(outcome)).unwrap();
    (read(&first), read(&open))
}

/// Started by the other tests in a process of its own; alone it has nothing to do.
#[tokio::test]
async fn in_another_process() {
    let Ok(name) = std::env::var(LOOK) else {
        return;
    };
    let sandbox = sandbox();
    let plugin = load(&sandbox, &name).await;
    println!("{}", line(&look(&sandbox, &plugin, &closed()).await));
}

#[tokio::test]
async fn a_guest_in_rust_is_the_same_on_every_run() {
    let (closed, open) = looks("hostile").await;
    for what in ["wall", "monotonic", "random", "insecure", "seed", "hash"] {
        assert_ne!(closed[what], open[what], "{what}");
    }
}

#[tokio::test]
async fn guests_in_other_languages_are_the_same_on_every_run() {
    for name in LANGUAGES {
        if !guest_path(name).exists() {
            eprintln!("not tested: {name} is not built; run `cargo xtask languages`");
            continue;
        }
        if wants_the_network(name).await {
            eprintln!("not tested: {name} imports the network, and none is linked");
            continue;
        }
        let (closed, open) = looks(name).await;
        for what in ["wall", "monotonic", "random"] {
            assert_ne!(closed[what], open[what], "{name} {what}");
        }
        for what in ["nans", "sum"] {
            assert_eq!(closed[what], open[what], "{name} {what}");
        }
        let nans = closed["nans"].as_array().unwrap();
        for nan in nans {
            let form = ["7ff8000000000000", "000000000000f87f"];
            assert!(form.contains(&nan.as_str().unwrap()), "{name}: {nan}");
        }
    }
}

#[tokio::test]
async fn fuel_that_runs_out_runs_out_at_the_same_place() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    let full = look(&sandbox, &plugin, &closed()).await;
    // Ended at any place, it has burnt the same on every run.
    for part in [1, 3, 7] {
        let mut short = closed();
        short.limits.fuel = types::Count(full.fuel * part / 10);
        let run = async || {
            let outcome = call_on(&sandbox, &plugin, &short, "everything", json!({})).await;
            (outcome.result.unwrap_err(), outcome.fuel, outcome.memory)
        };
        assert_eq!(run().await, run().await);
    }
}

/// Python's interpreter imports all of `wasi:sockets` whether it uses it or not.
async fn wants_the_network(name: &str) -> bool {
    let plugin = types::PluginName::parse(name).unwrap();
    let loaded = sandbox().load(plugin, &guest_path(name), true).await;
    matches!(loaded, Err(SandboxError::Link { message, .. }) if message.contains("wasi:sockets"))
}
