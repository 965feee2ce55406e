//! What the sandbox adds to a call. `cargo xtask bench` makes a table of the lines this prints.
//!
//! Both sides use the same component, the same kind of pooled engine, one thread, and a fresh instance with a WASI context for every call. The floor has
//! nothing else: no policy, no check of arguments, no limits, no deadline, no watch over files, no log.

#[path = "call/crowd.rs"]
mod crowd;
#[path = "call/loads.rs"]
mod loads;
#[path = "../../../../xtask/src/bench/measure.rs"]
mod measure;
#[path = "call/raw.rs"]
mod raw;
#[path = "call/setting.rs"]
mod setting;

use charthouse_sandbox::{CallContext, ToolRequest};
use measure::{Figure, Floor, Goal, compare};
use raw::Raw;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;

const ROUNDS: usize = 101;
/// How long one turn of one side takes, roughly.
const TURN: Duration = Duration::from_millis(2);

/// One comparison.
struct Case {
    what: String,
    component: PathBuf,
    tool: &'static str,
    arguments: String,
    mount: Option<PathBuf>,
    /// Names that policy hides in it.
    hide: &'static [&'static str],
    note: &'static str,
}

fn main() {
    let files = tempfile::tempdir().expect("a directory can be made");
    std::fs::write(files.path().join("a.txt"), "x".repeat(99) + "\n").expect("it can be written");
    plant(&files.path().join("tree")).expect("it can be written");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("the event loop starts");
    loads::if_child(&runtime);
    for case in &cases(files.path()) {
        println!("{}", measured(&runtime, case));
    }
    for language in LANGUAGES {
        for case in &in_language(language, files.path()) {
            println!("{}", measured(&runtime, case));
        }
    }
    for figure in crowd::figures().into_iter().chain(loads::figures(&runtime)) {
        println!("{figure}");
    }
}

/// A tree of sixty-four files of 1 KB in eight directories.
fn plant(tree: &Path) -> std::io::Result<()> {
    for number in 0..64 {
        let directory = tree.join(format!("part-{}", number % 8));
        std::fs::create_dir_all(&directory)?;
        std::fs::write(
            directory.join(format!("{number}.rs")),
            "let a = 1;\n".repeat(100),
        )?;
    }
    Ok(())
}

/// Counting the lines of that tree.
fn count(what: &str, files: &Path, hide: &'static [&'static str], note: &'static str) -> Case {
    Case {
        what: what.into(),
        component: setting::built("plugins/search.wasm"),
        tool: "count",
        arguments: json!({ "path": "/workspace/tree", "by": "file" }).to_string(),
        mount: Some(files.to_owned()),
        hide,
        note,
    }
}

/// Guests in other languages, which are measured where `cargo xtask languages` could build them: what they are called, what of theirs reads files.
const LANGUAGES: [(&str, &str, bool); 3] = [
    ("C", "lang-c", true),
    ("JavaScript", "lang-javascript", false),
    ("Python", "lang-python", true),
];

fn echo(what: &str, component: &str, bytes: usize, note: &'static str) -> Case {
    Case {
        what: what.into(),
        component: setting::built(component),
        tool: "echo",
        arguments: json!({ "text": "x".repeat(bytes.saturating_sub(11)) }).to_string(),
        mount: None,
        hide: &[],
        note,
    }
}

fn cases(files: &Path) -> Vec<Case> {
    vec![
        echo(
            "100 B in and out, minimal guest",
            "guests/minimal.wasm",
            100,
            "The rest is the grant made into a store, arguments checked against the tool's schema, fuel that yields, the deadline, two readings of the clock.",
        ),
        echo(
            "10 KB in and out, minimal guest",
            "guests/minimal.wasm",
            10_000,
            "Arguments are parsed once more to be checked.",
        ),
        echo(
            "1 MB in and out, minimal guest",
            "guests/minimal.wasm",
            1_000_000,
            "Both sides copy it in and out; reading the arguments as JSON to check them comes to it.",
        ),
        echo(
            "100 B in and out, Rust with std",
            "guests/hostile.wasm",
            100,
            "The same; the guest's own part is larger.",
        ),
        Case {
            what: "`fs.read` of 100 B through a read-only mount".into(),
            component: setting::built("plugins/fs.wasm"),
            tool: "read",
            arguments: json!({ "path": "/workspace/a.txt" }).to_string(),
            mount: Some(files.to_owned()),
            hide: &[],
            note: "And every path is resolved and compared by the host before WASI sees it, which the floor leaves to WASI.",
        },
        count(
            "`search.count` of 64 files in 8 directories",
            files,
            &[],
            "Some three hundred calls of WASI, each of which policy's watch sees first.",
        ),
        count(
            "the same where policy hides names",
            files,
            &["**/.env", "tree/secrets/**"],
            "Every path is walked name by name, none followed unseen; the floor hides nothing.",
        ),
    ]
}

/// The cases of a guest in another language; none where it is not built, or imports what this sandbox does not link.
fn in_language((name, component, reads): (&str, &str, bool), files: &Path) -> Vec<Case> {
    let file = format!("guests/{component}.wasm");
    if let Err(error) = setting::available(&file) {
        eprintln!("not measured: {name}: {error}");
        return Vec::new();
    }
    let mut cases = vec![echo(
        &format!("100 B in and out, {name}"),
        &file,
        100,
        "A fresh interpreter or C library for every call, on both sides.",
    )];
    if reads {
        cases.push(Case {
            what: format!("reads 100 B through a read-only mount, {name}"),
            component: setting::built(&file),
            tool: "read",
            arguments: json!({ "path": "/workspace/a.txt" }).to_string(),
            mount: Some(files.to_owned()),
            hide: &[],
            note: "",
        });
    }
    cases
}

fn measured(runtime: &Runtime, case: &Case) -> Figure {
    let sandbox = setting::sandbox(raw::CONCURRENCY);
    let plugin = setting::load(runtime, &sandbox, &case.component);
    let grant = setting::grant(case.tool, case.mount.as_deref(), case.hide);
    let context = CallContext::default();
    let request = ToolRequest {
        tool: case.tool,
        arguments: &case.arguments,
        id: "bench/1",
        grant: &grant,
    };
    let raw = Raw::new(&setting::code_of(&case.component), case.mount.clone());
    let said = setting::text(runtime.block_on(sandbox.call(&plugin, request, &context)));
    let floor_said = runtime.block_on(raw.call(case.tool, &case.arguments));
    assert_eq!(said, floor_said, "both do the same work");
    let started = Instant::now();
    runtime.block_on(raw.call(case.tool, &case.arguments));
    let calls = (TURN.as_nanos() / started.elapsed().as_nanos().max(1)).clamp(1, 200) as u32;
    let compared = compare(
        ROUNDS,
        calls,
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
        what: case.what.clone(),
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
