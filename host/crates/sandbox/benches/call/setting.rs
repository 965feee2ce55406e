//! What the benches share: components that were built, a sandbox, a grant.

use charthouse_sandbox::{Compiler, Plugin, Sandbox, Settings};
use policy::{Access, ClockMode, Grant, HideGlob, Limits, Mount, RandomMode};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use types::{Clock, ContentHash, Outcome, Part, PluginName, Timestamp, ToolName};

/// A component that `cargo xtask bench` has built, below the target directory.
pub fn built(name: &str) -> PathBuf {
    let path = path_of(name);
    assert!(
        path.exists(),
        "{} is not built; run `cargo xtask bench`",
        path.display()
    );
    path
}

/// Whether the component is there and this sandbox can load it.
pub fn available(name: &str) -> Result<(), String> {
    let path = path_of(name);
    if !path.exists() {
        return Err("not built; run `cargo xtask languages`".into());
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|error| error.to_string())?;
    let loaded = runtime.block_on(sandbox(1).load(name_of(), &path, true));
    loaded.map(|_| ()).map_err(|error| error.to_string())
}

fn path_of(name: &str) -> PathBuf {
    let target = std::env::var_os("CHARTHOUSE_TEST_GUESTS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../target"),
        |guests| PathBuf::from(guests).join(".."),
    );
    target.join(name)
}

/// Where compiled code is kept from run to run.
pub fn cache() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench-code")
}

/// The machine code of `component` that a sandbox has left in the cache: both sides run the very same code.
pub fn code_of(component: &Path) -> PathBuf {
    let bytes = std::fs::read(component).expect("the component can be read");
    let content = ContentHash::of(&bytes).to_string();
    let files = std::fs::read_dir(cache()).expect("a sandbox has made the cache");
    let code = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with(&content) && name.ends_with(".cwasm")
    };
    let mut codes: Vec<PathBuf> = files
        .flatten()
        .map(|file| file.path())
        .filter(code)
        .collect();
    // An earlier version of the engine may have left its own.
    codes.sort_by_key(|path| path.metadata().and_then(|found| found.modified()).ok());
    codes.pop().expect("a sandbox has compiled the component")
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

/// A sandbox with room for so many calls at once.
pub fn sandbox(concurrency: u32) -> Sandbox {
    Sandbox::new(Settings {
        cache: cache(),
        compiler: Compiler::Here,
        concurrency,
        clock: Arc::new(BenchClock(Instant::now())),
        state: None,
        http: None,
    })
}

fn name_of() -> PluginName {
    PluginName::parse("bench").expect("a plugin's name")
}

/// Load `component`; it is compiled if it is not in the cache.
pub fn load(runtime: &Runtime, sandbox: &Sandbox, component: &Path) -> Arc<Plugin> {
    let loaded = runtime.block_on(sandbox.load(name_of(), component, true));
    loaded.unwrap_or_else(|error| panic!("{error}"))
}

/// A grant of `tool` with the default limits, which sees `mount` as `/workspace` without the names that `hide` says.
pub fn grant(tool: &str, mount: Option<&Path>, hide: &[&str]) -> Grant {
    let mount = mount.map(|host| Mount {
        guest: "/workspace".into(),
        host: host.to_owned(),
        access: Access::ReadOnly,
        hide: hide.iter().copied().map(HideGlob::new).collect(),
        hard_links: policy::HardLinks::Allow,
        stage: policy::Stage::default(),
        within: None,
    });
    Grant {
        mounts: mount.into_iter().collect(),
        limits: Limits {
            // Python's interpreter takes 40 MiB, and a megabyte in and out is more than is answered by default.
            memory: types::Bytes(256 << 20),
            output: types::Bytes(4 << 20),
            ..Limits::default()
        },
        clock: ClockMode::Real,
        random: RandomMode::Real,
        ..Grant::bare(ToolName::parse(&format!("bench.{tool}")).expect("a tool's name"))
    }
}

/// The text that an answer begins with.
pub fn text(outcome: Outcome) -> String {
    match outcome.result.as_deref() {
        Ok([Part::Text(text), ..]) => text.clone(),
        Ok([Part::Json(json), ..]) => json.to_string(),
        other => panic!("no text: {other:?}"),
    }
}
