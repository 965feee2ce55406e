//! Memory, fuel, deadline, output: each stops a guest that goes one step further than it may, and lets one pass that does not.

use crate::common::{call, error, grant, text};
use policy::Grant;
use serde_json::json;
use std::time::{Duration, Instant};
use types::{Bytes, CallErrorKind, Count};

fn with(change: impl FnOnce(&mut policy::Limits)) -> Grant {
    let mut grant = grant();
    change(&mut grant.limits);
    grant
}

#[tokio::test]
async fn an_endless_loop_ends_with_its_fuel() {
    let grant = with(|limits| {
        limits.fuel = Count(50_000_000);
        limits.deadline = Duration::from_secs(600);
    });
    let outcome = call(&grant, "spin", json!({})).await;
    error(&outcome, CallErrorKind::Limit, "fuel of 50M");
    assert_eq!(outcome.fuel, 50_000_000);
}

#[tokio::test]
async fn fuel_is_exact_and_the_same_on_every_run() {
    let first = call(&grant(), "fuel", json!({ "n": 10_000 })).await;
    let second = call(&grant(), "fuel", json!({ "n": 10_000 })).await;
    assert_eq!(text(&first), text(&second));
    assert!(first.fuel > 10_000);
    assert_eq!(first.fuel, second.fuel);
    // As much is enough. Fuel is looked at where a function or a loop begins, so a little less may do too, but not a tenth less.
    let enough = with(|limits| limits.fuel = Count(first.fuel));
    let outcome = call(&enough, "fuel", json!({ "n": 10_000 })).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let short = with(|limits| limits.fuel = Count(first.fuel / 10 * 9));
    let outcome = call(&short, "fuel", json!({ "n": 10_000 })).await;
    error(&outcome, CallErrorKind::Limit, "fuel");
}

#[tokio::test]
async fn a_deadline_stops_a_guest_that_computes() {
    let grant = with(|limits| {
        limits.fuel = Count(1_000_000_000_000);
        limits.deadline = Duration::from_millis(200);
    });
    let outcome = call(&grant, "spin", json!({})).await;
    error(&outcome, CallErrorKind::Limit, "deadline of 200ms");
}

#[tokio::test]
async fn a_deadline_stops_a_guest_that_waits_in_the_host() {
    let grant = with(|limits| limits.deadline = Duration::from_millis(100));
    let started = Instant::now();
    let outcome = call(&grant, "sleep", json!({ "ms": 600_000 })).await;
    error(&outcome, CallErrorKind::Limit, "deadline of 100ms");
    assert!(started.elapsed() < Duration::from_secs(300));
    let patient = with(|limits| limits.deadline = Duration::from_secs(600));
    assert!(
        call(&patient, "sleep", json!({ "ms": 1 }))
            .await
            .result
            .is_ok()
    );
}

#[tokio::test]
async fn one_guests_deadline_does_not_touch_another() {
    let hurried = with(|limits| {
        limits.fuel = Count(1_000_000_000_000);
        limits.deadline = Duration::from_millis(50);
    });
    let patient = with(|limits| limits.deadline = Duration::from_secs(600));
    let (stopped, finished) = tokio::join!(
        call(&hurried, "spin", json!({})),
        call(&patient, "sleep", json!({ "ms": 300 })),
    );
    error(&stopped, CallErrorKind::Limit, "deadline");
    assert!(finished.result.is_ok(), "{:?}", finished.result);
}

#[tokio::test]
async fn memory_is_limited() {
    let grant = with(|limits| limits.memory = Bytes(16 << 20));
    let outcome = call(&grant, "allocate", json!({ "mib": 64 })).await;
    let refused = error(&outcome, CallErrorKind::Failed, "MiB of 64");
    assert!(!refused.message.contains("got 64"), "{refused}");
    assert!(outcome.memory <= 16 << 20);
    // One that cannot live with a refusal is told which limit it was.
    let outcome = call(&grant, "output", json!({ "bytes": 64 << 20 })).await;
    error(
        &outcome,
        CallErrorKind::Limit,
        "more memory than its limit of 16MiB",
    );
    assert!(outcome.memory <= 16 << 20);
    let outcome = call(&grant, "allocate", json!({ "mib": 8 })).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    assert!(outcome.memory > 8 << 20);
}

#[tokio::test]
async fn growth_is_refused_at_the_limit_and_the_guest_may_go_on() {
    let grant = with(|limits| limits.memory = Bytes(8 << 20));
    let said = text(&call(&grant, "memory_grow", json!({ "n": 1_000 })).await);
    let got: u64 = said
        .split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap();
    assert!(got < 8 * 16, "{got} pages of 64 KiB in 8 MiB");
    assert!(got > 2 * 16);
}

#[tokio::test]
async fn output_is_limited() {
    let grant = with(|limits| limits.output = Bytes(10_000));
    assert!(
        call(&grant, "output", json!({ "bytes": 10_000 }))
            .await
            .result
            .is_ok()
    );
    for tool in ["output", "blob"] {
        let outcome = call(&grant, tool, json!({ "bytes": 11_000 })).await;
        error(&outcome, CallErrorKind::Limit, "output limit");
    }
    let outcome = call(&grant, "panic", json!({ "text": "x".repeat(20_000) })).await;
    assert!(outcome.result.unwrap_err().message.len() < 15_000);
    let outcome = call(&grant, "parts", json!({ "n": 11_000 })).await;
    error(&outcome, CallErrorKind::Limit, "output limit");
}

#[tokio::test]
async fn what_leaves_at_once_is_limited_whatever_the_output_limit_says() {
    let grant = with(|limits| {
        limits.output = Bytes(1 << 40);
        limits.memory = Bytes(512 << 20);
    });
    let outcome = call(&grant, "output", json!({ "bytes": 100 << 20 })).await;
    error(&outcome, CallErrorKind::Limit, "at once");
}

#[tokio::test]
async fn a_flood_of_log_lines_is_cut_at_the_output_limit() {
    let grant = with(|limits| limits.output = Bytes(64 << 10));
    let outcome = call(&grant, "log_flood", json!({ "bytes": 1 << 20 })).await;
    assert!(outcome.result.is_ok(), "{:?}", outcome.result);
    let kept: usize = outcome.log.iter().map(String::len).sum();
    assert!(kept < 80 << 10, "{kept} bytes were kept");
    assert!(
        outcome.log.last().unwrap().contains("dropped"),
        "{:?}",
        outcome.log.last()
    );
}

#[tokio::test]
async fn crashes_say_what_happened() {
    error(
        &call(&grant(), "trap", json!({})).await,
        CallErrorKind::Trap,
        "unreachable",
    );
    let panic = call(&grant(), "panic", json!({ "text": "the reason" })).await;
    error(&panic, CallErrorKind::Trap, "the reason");
    error(
        &call(&grant(), "exit", json!({ "n": 3 })).await,
        CallErrorKind::Trap,
        "ended itself",
    );
    error(
        &call(&grant(), "deep", json!({ "n": 100_000_000 })).await,
        CallErrorKind::Trap,
        "out of bounds",
    );
    error(
        &call(&grant(), "bad_json", json!({})).await,
        CallErrorKind::Failed,
        "not JSON",
    );
}
