//! Components: damaged ones, and whole ones around modules that no compiler would emit. Each is loaded, asked for its tools, and called.

use crate::{Mutator, Target};
use arbitrary::Unstructured;
use policy::{Grant, Limits};
use sandbox::{CallContext, Compiler, Plugin, Sandbox, Settings, ToolRequest};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::Runtime;
use types::{Clock, Count, Outcome, PluginName, Timestamp, ToolName};
use wasm_smith::{Config, Module};

struct FuzzClock(Instant);

impl Clock for FuzzClock {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

/// A sandbox that loads one component after the other.
pub struct Loader {
    sandbox: Sandbox,
    runtime: Runtime,
    cache: PathBuf,
}

impl Loader {
    pub fn new(directory: &Path) -> Self {
        let cache = directory.join("code");
        let sandbox = Sandbox::new(Settings {
            cache: cache.clone(),
            compiler: Compiler::Here,
            concurrency: 1,
            clock: Arc::new(FuzzClock(Instant::now())),
            state: None,
            http: None,
        });
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build()
            .unwrap_or_else(|error| panic!("the event loop does not start: {error}"));
        Loader {
            sandbox,
            runtime,
            cache,
        }
    }

    /// The component at `path`, which is known to be one.
    pub fn load(&self, path: &Path) -> Option<Arc<Plugin>> {
        let name = PluginName::parse("fuzz").ok()?;
        let loaded = self.runtime.block_on(self.sandbox.load(name, path, false));
        Some(loaded.unwrap_or_else(|error| panic!("{error}")))
    }

    /// One call.
    pub fn block_on(
        &self,
        plugin: &Plugin,
        request: ToolRequest<'_>,
        context: &CallContext,
    ) -> Outcome {
        self.runtime
            .block_on(self.sandbox.call(plugin, request, context))
    }

    fn run(&self, path: &Path) -> bool {
        let accepted = self.runtime.block_on(self.called(path));
        let _ = std::fs::remove_dir_all(&self.cache);
        accepted
    }

    async fn called(&self, path: &Path) -> bool {
        let name = || PluginName::parse("fuzz").unwrap_or_else(|error| panic!("{error}"));
        let plugin = match self.sandbox.load(name(), path, false).await {
            Ok(plugin) => plugin,
            Err(error) => {
                assert!(error.to_string().len() < 10_000, "a long complaint");
                return false;
            }
        };
        for tool in plugin.info().tools.iter().take(3) {
            let Ok(named) = ToolName::new(&name(), &tool.name) else {
                panic!("a tool without a name was accepted");
            };
            let grant = grant(named);
            let request = ToolRequest {
                tool: &tool.name,
                arguments: r#"{"text":"x"}"#,
                id: "fuzz/1",
                grant: &grant,
            };
            let first = self
                .sandbox
                .call(&plugin, request, &CallContext::default())
                .await;
            let again = self
                .sandbox
                .call(&plugin, request, &CallContext::default())
                .await;
            assert_eq!(first.result, again.result, "not the same answer twice");
            assert_eq!(first.fuel, again.fuel, "not the same fuel twice");
            assert!(
                first.memory <= grant.limits.memory.0,
                "more memory than allowed"
            );
        }
        true
    }
}

/// What a call of `tool` has here: little.
pub fn grant(tool: ToolName) -> Grant {
    Grant {
        limits: Limits {
            fuel: Count(2_000_000),
            // A machine that others use may be slow; fuel is what ends a guest here.
            deadline: Duration::from_secs(600),
            ..Limits::default()
        },
        ..Grant::bare(tool)
    }
}

/// The test guest `name`, where `cargo xtask test` has built it.
pub fn guest(name: &str) -> Option<PathBuf> {
    let guests = std::env::var_os("CHARTHOUSE_TEST_GUESTS").map_or_else(
        || crate::corpus::repository().join("target/guests"),
        PathBuf::from,
    );
    let path = guests.join(name).with_extension("wasm");
    path.exists().then_some(path)
}

/// A small tool plugin to begin with; without it what is known of a component's first bytes.
fn smallest() -> Vec<u8> {
    let bytes = guest("minimal").and_then(|path| std::fs::read(path).ok());
    bytes.unwrap_or_else(|| b"\0asm\x0d\0\x01\0".to_vec())
}

/// A component with bytes exchanged, taken out and put in.
pub struct Bytes(Loader);

impl Bytes {
    pub fn in_directory(directory: &Path) -> Self {
        Bytes(Loader::new(directory))
    }
}

impl Target for Bytes {
    fn corpus(&self) -> Vec<Vec<u8>> {
        let written = [
            "(component)",
            "(component (core module (memory 1) (func (export \"f\"))) (core instance (instantiate 0)))",
            "(component (type (record (field \"a\" string))) (import \"b\" (func (param \"c\" (list u8)))))",
        ];
        let mut corpus = vec![smallest()];
        corpus.extend(written.map(|text| wat::parse_str(text).unwrap_or_default()));
        corpus
    }

    fn run(&mut self, path: &Path) -> bool {
        self.0.run(path)
    }

    // The search for tools of a damaged component may burn all the fuel it has.
    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// A whole tool plugin to which a valid module was added that starts with it.
pub struct Modules(Loader);

impl Modules {
    pub fn in_directory(directory: &Path) -> Self {
        Modules(Loader::new(directory))
    }
}

impl Target for Modules {
    fn corpus(&self) -> Vec<Vec<u8>> {
        vec![smallest()]
    }

    fn make(&self, mutator: &mut Mutator, seeds: &[Vec<u8>]) -> Vec<u8> {
        let whole = mutator.one_of(seeds).to_vec();
        let mut bytes = vec![0; mutator.chance.usize(100..4_000)];
        mutator.chance.fill(&mut bytes);
        let config = Config {
            max_imports: 0,
            min_funcs: 1,
            allow_start_export: true,
            gc_enabled: false,
            exceptions_enabled: false,
            threads_enabled: false,
            memory64_enabled: mutator.chance.u8(..8) == 0,
            ..Config::default()
        };
        match Module::new(config, &mut Unstructured::new(&bytes)) {
            Ok(module) => with_module(whole, &module.to_bytes()),
            Err(_) => whole,
        }
    }

    fn run(&mut self, path: &Path) -> bool {
        self.0.run(path)
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(60)
    }
}

/// `component` with `module` and an instance of it at its end.
fn with_module(mut component: Vec<u8>, module: &[u8]) -> Vec<u8> {
    let index = modules_in(&component);
    component.push(1);
    leb(&mut component, module.len());
    component.extend_from_slice(module);
    let mut instances = vec![1, 0];
    leb(&mut instances, index);
    instances.push(0);
    component.push(2);
    leb(&mut component, instances.len());
    component.extend(instances);
    component
}

/// How many modules a component has at its outermost.
fn modules_in(component: &[u8]) -> usize {
    let (mut at, mut modules) = (8, 0);
    while at < component.len() {
        let kind = component[at];
        let (mut length, mut shift) = (0_usize, 0);
        at += 1;
        while let Some(byte) = component.get(at) {
            length |= usize::from(byte & 0x7F) << shift;
            (at, shift) = (at + 1, shift + 7);
            if byte & 0x80 == 0 || shift > 28 {
                break;
            }
        }
        modules += usize::from(kind == 1);
        at = at.saturating_add(length);
    }
    modules
}

fn leb(bytes: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        bytes.push((number & 0x7F) as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
