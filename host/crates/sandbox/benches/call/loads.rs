//! What a component costs that is there and is not called: loading it again, and the memory it takes. And that calls leave nothing behind.

use crate::measure::{Figure, Floor, Goal, compare};
use crate::raw::{self, Raw};
use crate::setting;
use charthouse_sandbox::{CallContext, Plugin, Sandbox, ToolRequest, new_engine};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;
use tokio::runtime::Runtime;

/// In a process of its own: which measurement of memory is wanted. What was measured before would have left its own memory behind.
const CHILD: &str = "CHARTHOUSE_BENCH_MEMORY";
/// Components that differ in nothing but their hash.
const COPIES: usize = 10;
const CALLS: u32 = 100_000;
const SAMPLES: u32 = 20;

/// The figures of this file; in a child, only the number it was started for.
pub fn figures(runtime: &Runtime) -> Vec<Figure> {
    let mut figures = vec![reloaded(
        runtime,
        "Rust with std",
        "plugins/fs.wasm",
        "read",
        r#"{"path":"x"}"#,
    )];
    if setting::available("guests/lang-javascript.wasm").is_ok() {
        let arguments = r#"{"text":"x"}"#;
        figures.push(reloaded(
            runtime,
            "JavaScript",
            "guests/lang-javascript.wasm",
            "echo",
            arguments,
        ));
    }
    let copies = copies();
    let sandbox = setting::sandbox(raw::CONCURRENCY);
    for copy in &copies {
        setting::load(runtime, &sandbox, copy);
    }
    figures.push(Figure {
        what: "resident memory of one more loaded component (Rust with std)".into(),
        value: in_a_child("loaded") / f64::from(1 << 20),
        unit: "MiB".into(),
        floor: None,
        goal: None,
        note: "Ten components that differ, each loaded and called once, in a process that has run another before.".into(),
    });
    figures.push(Figure {
        what: "resident memory that a call leaves behind, over 100,000 calls".into(),
        value: in_a_child("calls"),
        unit: "bytes".into(),
        floor: None,
        goal: Some(Goal::AtMost(1.0)),
        note: "The slope of a straight line through twenty samples, after 5,000 calls to warm up."
            .into(),
    });
    figures
}

/// Measure memory and end, if this process was started for it.
pub fn if_child(runtime: &Runtime) {
    let Ok(what) = std::env::var(CHILD) else {
        return;
    };
    let sandbox = setting::sandbox(raw::CONCURRENCY);
    let minimal = setting::load(runtime, &sandbox, &setting::built("guests/minimal.wasm"));
    let number = match what.as_str() {
        "loaded" => {
            calls(runtime, &sandbox, &minimal, 100);
            let before = resident();
            let loaded: Vec<_> = copies()
                .iter()
                .map(|copy| {
                    let plugin = setting::load(runtime, &sandbox, copy);
                    calls(runtime, &sandbox, &plugin, 1);
                    plugin
                })
                .collect();
            (resident() - before) / loaded.len() as f64
        }
        _ => {
            calls(runtime, &sandbox, &minimal, 5_000);
            let sample = |n: u32| {
                calls(runtime, &sandbox, &minimal, CALLS / SAMPLES);
                (f64::from(n * (CALLS / SAMPLES)), resident())
            };
            slope(&(0..SAMPLES).map(sample).collect::<Vec<_>>())
        }
    };
    println!("{number}");
    std::process::exit(0);
}

fn in_a_child(what: &str) -> f64 {
    let here = std::env::current_exe().expect("this program is a file");
    let output = Command::new(here).env(CHILD, what).output();
    let output = output.expect("it starts again");
    let said = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    said.parse().unwrap_or_else(|_| {
        panic!(
            "no number: {said} {}",
            String::from_utf8_lossy(&output.stderr)
        )
    })
}

/// From a component's file, seen before, to the answer of its first call, against the same from the file with its machine code.
fn reloaded(
    runtime: &Runtime,
    language: &str,
    component: &str,
    tool: &str,
    arguments: &str,
) -> Figure {
    let component = setting::built(component);
    let sandbox = setting::sandbox(raw::CONCURRENCY);
    setting::load(runtime, &sandbox, &component);
    let code = setting::code_of(&component);
    let engine = new_engine(raw::CONCURRENCY).expect("the engine starts");
    let grant = setting::grant(tool, None, &[]);
    let compared = compare(
        21,
        2,
        |times| {
            for _ in 0..times {
                let plugin = setting::load(runtime, &sandbox, &component);
                let request = ToolRequest {
                    tool,
                    arguments,
                    id: "bench/1",
                    grant: &grant,
                };
                let context = CallContext::default();
                std::hint::black_box(runtime.block_on(sandbox.call(&plugin, request, &context)));
            }
        },
        |times| {
            for _ in 0..times {
                let raw = Raw::on(&engine, &code, None).expect("it loads");
                std::hint::black_box(runtime.block_on(raw.answer(tool, arguments)));
            }
        },
    );
    Figure {
        what: format!("load again and call once, {language}"),
        value: compared.subject / 1e6,
        unit: "ms".into(),
        floor: Some(Floor {
            what: "raw deserialisation, link and call".into(),
            value: compared.floor / 1e6,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::Times(1.5)),
        note: "That nobody touched the component and its machine code since they were hashed is looked at; damaged code would be run otherwise.".into(),
    }
}

/// Copies of a component, each with one byte of its own in a section that nobody reads.
fn copies() -> Vec<PathBuf> {
    let bytes = std::fs::read(setting::built("guests/hostile.wasm")).expect("it can be read");
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("copies");
    std::fs::create_dir_all(&directory).expect("a directory can be made");
    (0..COPIES)
        .map(|n| {
            let path = directory.join(format!("{n}.wasm"));
            let section = [0, 3, 1, b'n', n as u8];
            std::fs::write(&path, [&bytes[..], &section].concat()).expect("it can be written");
            path
        })
        .collect()
}

fn calls(runtime: &Runtime, sandbox: &Sandbox, plugin: &Plugin, calls: u32) {
    let grant = setting::grant("echo", None, &[]);
    let arguments = json!({ "text": "x".repeat(89) }).to_string();
    let request = ToolRequest {
        tool: "echo",
        arguments: &arguments,
        id: "bench/1",
        grant: &grant,
    };
    runtime.block_on(async {
        for _ in 0..calls {
            let outcome = sandbox.call(plugin, request, &CallContext::default()).await;
            assert!(outcome.result.is_ok());
        }
    });
}

/// Resident memory of this process in bytes; nothing where the system does not tell.
fn resident() -> f64 {
    let status = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    pages.unwrap_or_default() * 4096.0
}

/// The slope of the line with the least squares through `points`.
fn slope(points: &[(f64, f64)]) -> f64 {
    let n = points.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| points.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let together = points
        .iter()
        .map(|point| (point.0 - x) * (point.1 - y))
        .sum::<f64>();
    let alone = points
        .iter()
        .map(|point| (point.0 - x).powi(2))
        .sum::<f64>();
    together / alone
}
