//! What the sandbox adds to a call. `cargo xtask bench` makes a table of the lines this prints.
//!
//! Both sides use the same component, the same kind of pooled engine, one thread, and a fresh instance with a WASI context for every call. The floor has
//! nothing else: no policy, no check of arguments, no limits, no deadline, no watch over files, no log.

#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;
#[path = "call/raw.rs"]
mod raw;

use charthouse_sandbox::{
    CallContext, Compiler, Plugin, Sandbox, Settings, ToolRequest, compile_component,
};
use measure::{Figure, Floor, Goal, compare};
use policy::{Access, ClockMode, Grant, Limits, Mount, RandomMode, Verdict};
use raw::Raw;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use types::{Clock, Outcome, Part, PluginName, Timestamp, ToolName};

const ROUNDS: usize = 201;
const CALLS: u32 = 200;

/// One comparison.
struct Case {
    what: &'static str,
    component: PathBuf,
    tool: &'static str,
    arguments: String,
    mount: Option<PathBuf>,
    note: &'static str,
}

fn main() {
    let files = tempfile::tempdir().expect("a directory can be made");
    std::fs::write(files.path().join("a.txt"), "x".repeat(99) + "\n").expect("it can be written");
    let text = "x".repeat(89);
    let cases = [
        Case {
            what: "100 B in and out, minimal guest",
            component: built("guests/minimal.wasm"),
            tool: "echo",
            arguments: json!({ "text": text }).to_string(),
            mount: None,
            note: "The rest is the grant made into a store, arguments checked against the tool's schema, fuel that yields, the deadline, two readings of the clock.",
        },
        Case {
            what: "100 B in and out, Rust with std",
            component: built("guests/hostile.wasm"),
            tool: "echo",
            arguments: json!({ "text": text }).to_string(),
            mount: None,
            note: "The same; the guest's own part is larger.",
        },
        Case {
            what: "`fs.read` of 100 B through a read-only mount",
            component: built("plugins/fs.wasm"),
            tool: "read",
            arguments: json!({ "path": "/workspace/a.txt" }).to_string(),
            mount: Some(files.path().to_owned()),
            note: "And every path is resolved and compared by the host before WASI sees it, which the floor leaves to WASI.",
        },
    ];
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("the event loop starts");
    for case in &cases {
        println!("{}", measured(&runtime, case));
    }
}

fn measured(runtime: &Runtime, case: &Case) -> Figure {
    let sandbox = sandbox();
    let plugin = load(runtime, &sandbox, case);
    let grant = grant(case);
    let context = CallContext::default();
    let request = ToolRequest {
        tool: case.tool,
        arguments: &case.arguments,
        id: "bench/1",
        grant: &grant,
    };
    let raw = Raw::new(&compiled(&case.component), case.mount.clone());
    let said = text(runtime.block_on(sandbox.call(&plugin, request, &context)));
    let floor_said = runtime.block_on(raw.call(case.tool, &case.arguments));
    assert_eq!(said, floor_said, "both do the same work");
    let compared = compare(
        ROUNDS,
        CALLS,
        |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    let outcome = sandbox.call(&plugin, request, &context).await;
                    assert!(outcome.result.is_ok());
                }
            });
        },
        |calls| {
            runtime.block_on(async {
                for _ in 0..calls {
                    raw.call(case.tool, &case.arguments).await;
                }
            });
        },
    );
    Figure {
        what: case.what.into(),
        value: compared.subject / 1e3,
        unit: "µs".into(),
        floor: Some(Floor {
            what: "raw wasmtime".into(),
            value: compared.floor / 1e3,
            ratio: compared.ratio,
        }),
        goal: Some(Goal::Times(1.3)),
        note: case.note.into(),
    }
}

/// A component that `cargo xtask bench` has built, below the target directory.
fn built(name: &str) -> PathBuf {
    let target = std::env::var_os("CHARTHOUSE_TEST_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target"),
        |guests| PathBuf::from(guests).join(".."),
    );
    let path = target.join(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask bench`",
        path.display()
    );
    path
}

/// The machine code of `component`, in a file.
fn compiled(component: &Path) -> PathBuf {
    let name = component.file_stem().expect("a component has a name");
    let code = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join(name)
        .with_extension("bench.cwasm");
    compile_component(component, &code).expect("the component compiles");
    code
}

struct BenchClock(Instant);

impl Clock for BenchClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_000_000_000)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

fn sandbox() -> Sandbox {
    Sandbox::new(Settings {
        cache: Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-code"),
        compiler: Compiler::Here,
        concurrency: raw::CONCURRENCY,
        clock: Arc::new(BenchClock(Instant::now())),
        state: None,
    })
}

fn load(runtime: &Runtime, sandbox: &Sandbox, case: &Case) -> Arc<Plugin> {
    let name = PluginName::parse("bench").expect("a plugin's name");
    let loaded = runtime.block_on(sandbox.load(name, &case.component, true));
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

fn grant(case: &Case) -> Grant {
    let mount = |host: &PathBuf| Mount {
        guest: "/workspace".into(),
        host: host.clone(),
        access: Access::ReadOnly,
        hide: Vec::new(),
        within: None,
    };
    Grant {
        tool: ToolName::parse(&format!("bench.{}", case.tool)).expect("a tool's name"),
        verdict: Verdict::Allow,
        mounts: case.mount.iter().map(mount).collect(),
        env: Vec::new(),
        net: Vec::new(),
        net_ceiling: Vec::new(),
        exec: Vec::new(),
        exec_ceiling: Vec::new(),
        command: None,
        limits: Limits::default(),
        clock: ClockMode::Real,
        random: RandomMode::Real,
        because: Vec::new(),
    }
}

fn text(outcome: Outcome) -> String {
    match outcome.result.as_deref() {
        Ok([Part::Text(text), ..]) => text.clone(),
        other => panic!("no text: {other:?}"),
    }
}
