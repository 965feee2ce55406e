//! Guests that ask the host too often or for too much, and never give anything back. Each is stopped by the limit it runs into, and the next call of
//! the same sandbox is served as if nothing had been.

use crate::common::{call_on, error, grant, load, mount, sandbox, settings, text};
use charthouse_sandbox::Sandbox;
use policy::{Access, ClockMode, Grant, RandomMode};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use types::{Bytes, CallErrorKind, Count, Outcome};

/// Far more than any of these calls may take, far less than they took before each had its limit.
const PATIENCE: Duration = Duration::from_secs(600);

fn tree() -> TempDir {
    let tree = TempDir::new().unwrap();
    std::fs::write(tree.path().join("a.txt"), "here").unwrap();
    tree
}

fn hurried(tree: &TempDir) -> Grant {
    let mut grant = grant();
    grant.limits.fuel = Count(1 << 50);
    grant.limits.deadline = Duration::from_millis(150);
    let root = tree.path().canonicalize().unwrap();
    grant.mounts = vec![mount("/w", &root, Access::ReadOnly)];
    grant
}

/// Call a hostile tool, then see that the next call is fine.
async fn attack(grant: &Grant, tool: &str, arguments: Value) -> Outcome {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    let started = Instant::now();
    let outcome = call_on(&sandbox, &plugin, grant, tool, arguments).await;
    assert!(started.elapsed() < PATIENCE, "{:?}", started.elapsed());
    let next = json!({ "text": "fine" });
    let next = call_on(&sandbox, &plugin, &self::grant(), "echo", next).await;
    assert_eq!(text(&next), "fine");
    outcome
}

#[tokio::test]
async fn a_storm_of_host_calls_ends_with_its_deadline() {
    let tree = tree();
    let grant = hurried(&tree);
    for what in [
        "log",
        "clock",
        "wall",
        "random",
        "state_set",
        "state_get",
        "state_keys",
        "poll",
        "ready",
        "subscribe",
        "stream",
        "zeroes",
        "environment",
        "stat",
        "open",
        "list",
    ] {
        let outcome = attack(&grant, "storm", json!({ "what": what })).await;
        error(&outcome, CallErrorKind::Limit, "deadline of 150ms");
        assert!(outcome.log.len() < 10_000, "{what}: {}", outcome.log.len());
    }
}

#[tokio::test]
async fn a_storm_without_a_deadline_ends_with_its_fuel() {
    let tree = tree();
    let mut grant = hurried(&tree);
    grant.limits.deadline = Duration::from_secs(600);
    grant.limits.fuel = Count(4_000_000);
    for what in ["log", "clock", "poll", "ready", "stream"] {
        let outcome = attack(&grant, "storm", json!({ "what": what })).await;
        error(&outcome, CallErrorKind::Limit, "fuel of 4M");
    }
}

#[tokio::test]
async fn others_run_while_a_guest_storms() {
    let tree = tree();
    let mut grant = hurried(&tree);
    grant.limits.deadline = Duration::from_secs(2);
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    for what in ["state_set", "stat", "random"] {
        let storm = async {
            let storm = json!({ "what": what });
            let outcome = call_on(&sandbox, &plugin, &grant, "storm", storm).await;
            error(&outcome, CallErrorKind::Limit, "deadline");
            Instant::now()
        };
        let other = async {
            for _ in 0..3 {
                let echo = json!({ "text": "x" });
                let echo = call_on(&sandbox, &plugin, &self::grant(), "echo", echo).await;
                assert_eq!(text(&echo), "x");
            }
            Instant::now()
        };
        let (storm_ended, other_ended) = tokio::join!(storm, other);
        assert!(other_ended < storm_ended, "{what}: the others had to wait");
    }
}

#[tokio::test]
async fn work_in_bulk_costs_fuel_and_ends_with_its_deadline() {
    let tree = tree();
    let outcome = attack(&hurried(&tree), "fill", json!({})).await;
    error(&outcome, CallErrorKind::Limit, "deadline of 150ms");
    let mut grant = grant();
    grant.limits.fuel = Count(100_000_000);
    grant.limits.deadline = Duration::from_secs(600);
    let outcome = attack(&grant, "fill", json!({})).await;
    error(&outcome, CallErrorKind::Limit, "fuel of 100M");
}

#[tokio::test]
async fn waiting_for_ever_ends_with_the_deadline() {
    let tree = tree();
    let outcome = attack(&hurried(&tree), "wait_for_ever", json!({})).await;
    error(&outcome, CallErrorKind::Limit, "deadline of 150ms");
    assert!(outcome.fuel < 10_000_000);
}

#[tokio::test]
async fn hoarded_handles_have_an_end() {
    let tree = tree();
    let mut grant = hurried(&tree);
    grant.limits.deadline = Duration::from_secs(600);
    for what in ["streams", "pollables", "listings"] {
        let outcome = attack(&grant, "hoard", json!({ "what": what })).await;
        error(&outcome, CallErrorKind::Limit, "more than 1000 handles");
    }
}

#[tokio::test]
async fn open_files_have_an_end_before_the_process_has_none_left() {
    let open = || std::fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let tree = tree();
    let mut grant = hurried(&tree);
    grant.limits.deadline = Duration::from_secs(600);
    let sandbox = Arc::new(sandbox());
    let plugin = load(&sandbox, "hostile").await;
    let before = open();
    // More at once than the process may have open, whatever its limit is (as a rule 1024).
    for what in ["descriptors", "readers"] {
        let hoard = || call_on(&sandbox, &plugin, &grant, "hoard", json!({ "what": what }));
        let (a, b, c) = tokio::join!(hoard(), hoard(), hoard());
        for outcome in [a, b, c] {
            let error = outcome.result.unwrap_err();
            match error.kind {
                CallErrorKind::Limit => assert!(error.message.contains("handles"), "{error}"),
                CallErrorKind::Failed => {
                    assert!(error.message.contains("insufficient-memory"), "{error}");
                    let refusal = &outcome.refused[0];
                    assert!(refusal.reason.contains("open files"), "{refusal:?}");
                }
                _ => panic!("{error}"),
            }
        }
    }
    let read = json!({ "path": "/w/a.txt" });
    let read = call_on(&sandbox, &plugin, &grant, "read", read).await;
    assert_eq!(text(&read), "here");
    assert!(
        open() <= before + 20,
        "{} were open, {} are",
        before,
        open()
    );
}

#[tokio::test]
async fn random_bytes_come_in_bounded_portions() {
    let grant = grant();
    let little = attack(&grant, "random_bytes", json!({ "bytes": 1 << 20 })).await;
    assert_eq!(text(&little), "got 1048576");
    let much = attack(&grant, "random_bytes", json!({ "bytes": (1 << 20) + 1 })).await;
    error(&much, CallErrorKind::Trap, "exceeds limit");
}

#[tokio::test]
async fn state_has_a_quota() {
    let mut grant = grant();
    grant.limits.fuel = Count(1 << 50);
    grant.limits.deadline = Duration::from_secs(600);
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    let large = json!({ "bytes": 1 << 20 });
    let large = text(&call_on(&sandbox, &plugin, &grant, "state_flood", large).await);
    assert!(
        large.starts_with("kept 63, ") && large.contains("is full"),
        "{large}"
    );
    // It can be used again once something was deleted, and what is replaced counts once.
    let small = json!({ "key": "00000000", "value": "small" });
    for _ in 0..3 {
        let set = call_on(&sandbox, &plugin, &grant, "state_set", small.clone()).await;
        assert_eq!(text(&set), "set");
    }
    // Another plugin has its own.
    let other = sandbox
        .load(
            types::PluginName::parse("other").unwrap(),
            &crate::common::guest("hostile"),
            true,
        )
        .await
        .unwrap();
    let many = text(
        &call_on(
            &sandbox,
            &other,
            &grant,
            "state_flood",
            json!({ "bytes": 1 }),
        )
        .await,
    );
    assert!(
        many.starts_with("kept 10000, ") && many.contains("10000 keys"),
        "{many}"
    );
}

#[tokio::test]
async fn no_key_reaches_another_plugins_state() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "hostile").await;
    let named = |name: &str| types::PluginName::parse(name).unwrap();
    let victim = sandbox
        .load(named("victim"), &crate::common::guest("hostile"), true)
        .await
        .unwrap();
    let secret = json!({ "key": "k", "value": "the victim's" });
    let grant = grant();
    call_on(&sandbox, &victim, &grant, "state_set", secret).await;
    for key in [
        "k",
        "victim/k",
        "victim\u{0}k",
        "../victim/k",
        "k' OR plugin = 'victim",
        "%",
        "",
        "\u{10FFFF}",
    ] {
        let of = |tool: &'static str| call_on(&sandbox, &plugin, &grant, tool, json!({"key": key}));
        let got = of("state_get").await;
        assert!(!format!("{got:?}").contains("victim's"), "{key:?}");
        of("state_delete").await;
        let keys = of("state_keys").await;
        assert_eq!(text(&keys), "[]", "{key:?}");
    }
    let kept = call_on(
        &sandbox,
        &victim,
        &grant,
        "state_get",
        json!({ "key": "k" }),
    )
    .await;
    assert!(text(&kept).contains("the victim's"));
}

#[tokio::test]
async fn more_calls_than_places_wait_for_one() {
    let mut few = settings(crate::common::cache());
    few.concurrency = 2;
    let sandbox = Sandbox::new(few);
    let plugin = load(&sandbox, "hostile").await;
    let mut patient = grant();
    patient.limits.deadline = Duration::from_secs(600);
    let calls = (0..1_000).map(|n| {
        let (sandbox, plugin, patient) = (&sandbox, &plugin, &patient);
        async move {
            let echo = json!({ "text": n.to_string() });
            let outcome = call_on(sandbox, plugin, patient, "echo", echo).await;
            assert_eq!(text(&outcome), n.to_string());
        }
    });
    all(calls).await;
}

#[tokio::test]
async fn a_call_that_gets_no_place_before_its_deadline_says_so() {
    let mut few = settings(crate::common::cache());
    few.concurrency = 2;
    let sandbox = Sandbox::new(few);
    let plugin = load(&sandbox, "hostile").await;
    let mut long = grant();
    long.limits.deadline = Duration::from_secs(3);
    let mut short = grant();
    short.limits.deadline = Duration::from_millis(100);
    let sleep = || async {
        let sleep = json!({ "ms": 600_000 });
        let outcome = call_on(&sandbox, &plugin, &long, "sleep", sleep).await;
        error(&outcome, CallErrorKind::Limit, "deadline");
    };
    let waits = (0..1_000).map(|_| async {
        let outcome = call_on(&sandbox, &plugin, &short, "echo", json!({ "text": "x" })).await;
        error(&outcome, CallErrorKind::Unavailable, "2 calls were running");
    });
    tokio::join!(sleep(), sleep(), async {
        // Those two are in their places by now.
        tokio::time::sleep(Duration::from_millis(500)).await;
        all(waits).await;
    });
    let next = call_on(&sandbox, &plugin, &grant(), "echo", json!({ "text": "x" })).await;
    assert_eq!(text(&next), "x");
}

/// All of `futures` at the same time, on this thread.
async fn all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| future.as_mut().poll(context).is_pending());
        if waiting.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
}

/// Resident memory of this process in KiB.
#[cfg(target_os = "linux")]
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = status.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn thousands_of_calls_leave_memory_as_it_was() {
    let sandbox = sandbox();
    let plugin = load(&sandbox, "minimal").await;
    let grant = grant();
    let echo = json!({ "text": "x".repeat(100) });
    let run = async |n: u32| {
        for _ in 0..n {
            call_on(&sandbox, &plugin, &grant, "echo", echo.clone()).await;
        }
    };
    run(2_000).await;
    let before = resident();
    run(5_000).await;
    let grown = resident().saturating_sub(before);
    assert!(grown < 2_000, "5,000 calls left {grown} KiB");
}

#[tokio::test]
async fn frozen_time_passes_by_sleeping_and_takes_none() {
    let mut grant = grant();
    grant.clock = ClockMode::Frozen;
    // Seeds of hash maps are chance, and cost fuel.
    grant.random = RandomMode::Seeded;
    grant.limits.deadline = Duration::from_secs(20);
    // An hour for each sleep: any that took real time would end with the deadline.
    let waits = json!({ "ms": 3_600_000 });
    let first = attack(&grant, "waits", waits.clone()).await;
    let second = attack(&grant, "waits", waits).await;
    assert_eq!(first.result, second.result);
    assert_eq!(first.fuel, second.fuel);
    let said: Value = serde_json::from_str(&text(&first)).unwrap();
    let times: Vec<u64> = serde_json::from_value(said["times"].clone()).unwrap();
    let hour = 3_600_000_000_000;
    let hours: Vec<u64> = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0]) / hour)
        .collect();
    // Slept, blocked, polled the shorter of two, then the longer; what was ready at once cost nothing.
    assert_eq!(hours, [1, 1, 1, 1, 0], "{said}");
    assert_eq!(said["first"], json!([1, 2]), "the shorter one, asked twice");
    assert_eq!(said["early"], false);
    assert_eq!(said["at_once"], json!([1]));
    let forever = attack(&grant, "wait_for_ever", json!({})).await;
    assert!(forever.result.is_ok(), "{:?}", forever.result);
}

#[tokio::test]
async fn nothing_tells_a_frozen_and_seeded_guest_of_the_machine() {
    let mut grant = grant();
    grant.clock = ClockMode::Frozen;
    grant.random = RandomMode::Seeded;
    let first = attack(&grant, "everything", json!({})).await;
    std::thread::sleep(Duration::from_millis(20));
    let second = attack(&grant, "everything", json!({})).await;
    assert_eq!(text(&first), text(&second));
    assert_eq!(first.fuel, second.fuel);
    grant.random = RandomMode::Real;
    grant.clock = ClockMode::Real;
    let real = attack(&grant, "everything", json!({})).await;
    let read = |outcome: &Outcome| -> Value { serde_json::from_str(&text(outcome)).unwrap() };
    let (frozen, real) = (read(&first), read(&real));
    for what in ["wall", "monotonic", "random", "insecure", "seed", "hash"] {
        assert_ne!(frozen[what], real[what], "{what}");
    }
}

#[tokio::test]
async fn numbers_that_are_none_have_one_form() {
    let mut said = Vec::new();
    for n in [1, 2, 0x1234_5678] {
        said.push(text(&attack(&grant(), "nans", json!({ "n": n })).await));
    }
    assert!(said.windows(2).all(|pair| pair[0] == pair[1]), "{said:?}");
}

#[tokio::test]
async fn memory_is_counted_with_what_is_held_at_once() {
    let mut grant = grant();
    grant.limits.memory = Bytes(8 << 20);
    let outcome = attack(&grant, "fill", json!({})).await;
    error(
        &outcome,
        CallErrorKind::Limit,
        "more memory than its limit of 8MiB",
    );
}
