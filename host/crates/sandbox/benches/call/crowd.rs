//! Many calls at once: on two threads, and more on one thread than there are places.

use crate::measure::{Compared, Figure, Floor, Goal, compare};
use crate::raw::{self, Raw};
use crate::setting;
use charthouse_sandbox::{CallContext, Plugin, Sandbox, ToolRequest};
use policy::Grant;
use serde_json::json;
use std::task::Poll;
use std::thread;
use tokio::runtime::Runtime;

const ROUNDS: usize = 51;
const CALLS: u32 = 200;
const THREADS: u32 = 2;
/// Callers on one thread: four for each place.
const CALLERS: u32 = 4 * raw::CONCURRENCY;

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("the event loop starts")
}

struct Sides {
    sandbox: Sandbox,
    plugin: std::sync::Arc<Plugin>,
    grant: Grant,
    arguments: String,
    raw: Raw,
}

/// The figures of this file.
pub fn figures() -> Vec<Figure> {
    let component = setting::built("guests/minimal.wasm");
    let sandbox = setting::sandbox(raw::CONCURRENCY);
    let plugin = setting::load(&runtime(), &sandbox, &component);
    let raw = Raw::new(&setting::code_of(&component), None);
    let sides = Sides {
        sandbox,
        plugin,
        grant: setting::grant("echo", None, &[]),
        arguments: json!({ "text": "x".repeat(89) }).to_string(),
        raw,
    };
    vec![
        figure(
            "100 B, two threads at once, for each call",
            "Both sides have two threads; what they share (the slots, the permits) is all that could hold one of them up.",
            compare(
                ROUNDS,
                CALLS,
                |calls| threads(|| runtime().block_on(sides.calls(calls / THREADS))),
                |calls| threads(|| runtime().block_on(sides.raw_calls(calls / THREADS))),
            ),
        ),
        figure(
            "100 B, 64 callers for 16 places on one thread, for each call",
            "Whoever finds no place waits for one; the floor makes the same calls one after the other.",
            compare(
                ROUNDS,
                CALLERS,
                |calls| runtime().block_on(all((0..calls).map(|_| sides.calls(1)))),
                |calls| runtime().block_on(sides.raw_calls(calls)),
            ),
        ),
    ]
}

impl Sides {
    async fn calls(&self, calls: u32) {
        let context = CallContext::default();
        let request = ToolRequest {
            tool: "echo",
            arguments: &self.arguments,
            id: "bench/1",
            grant: &self.grant,
        };
        for _ in 0..calls {
            let outcome = self.sandbox.call(&self.plugin, request, &context).await;
            assert!(outcome.result.is_ok());
        }
    }

    async fn raw_calls(&self, calls: u32) {
        for _ in 0..calls {
            self.raw.call("echo", &self.arguments).await;
        }
    }
}

fn threads(work: impl Fn() + Sync) {
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(&work);
        }
    });
}

/// All of `futures` at the same time, on this thread.
async fn all(futures: impl Iterator<Item = impl Future<Output = ()>>) {
    let mut waiting: Vec<_> = futures.map(Box::pin).collect();
    std::future::poll_fn(|context| {
        waiting.retain_mut(|future| future.as_mut().poll(context).is_pending());
        match waiting.is_empty() {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
}

fn figure(what: &str, note: &str, compared: Compared) -> Figure {
    Figure {
        what: what.into(),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: "raw wasmtime".into(),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::Times(1.3)),
        note: note.into(),
    }
}
