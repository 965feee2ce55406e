//! The sandbox: the only room that names wasmtime.
//!
//! A component comes in as bytes, is compiled once in a child process, and from then on every call runs in a fresh instance that has exactly
//! what its [`policy::Grant`] gives it: mounts, environment, clock, memory, fuel, a deadline, so much output. It knows nothing of agents,
//! charts or journals; who may call what was decided before a call arrives here.
//!
//! Read in this order: [`Sandbox`] (what callers use), `plugin` (a loaded generation), `call` (one call from grant to outcome), `guest` (what
//! a guest can reach), `files` (how mounts are watched), `limits`, and last `engine`, `cache` and `compile` (how code is made and kept).

mod arguments;
mod bindings;
mod cache;
mod call;
mod compile;
mod deadline;
mod engine;
mod error;
mod files;
mod guest;
mod hides;
mod limits;
mod plugin;
mod ran;
mod streams;
mod world;
mod worlds;

pub use call::{CallContext, ToolRequest};
pub use compile::{Compiler, compile_component, limit_this_process};
pub use engine::{link_wasi, new_engine};
pub use error::SandboxError;
pub use guest::GuestModel;
pub use plugin::{Kind, Plugin, PluginInfo};
pub use world::{Extern, World};
pub use worlds::{
    ContextRequest, Fragment, GuardDirection, GuardSubject, GuardVerdict, MemoryChange,
    MemoryEntry, MemoryLayer, SummaryRequest, SummaryTurn,
};

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use types::{Clock, State};

/// Everything the sandbox needs from outside, injected once.
#[derive(Clone)]
pub struct Settings {
    /// Where compiled code is kept. Made when it is first needed.
    pub cache: PathBuf,
    /// Who compiles.
    pub compiler: Compiler,
    /// How many calls may run at the same time; further ones wait.
    pub concurrency: u32,
    /// Calendar and stop watch.
    pub clock: Arc<dyn Clock>,
    /// The plugins' key-value stores; without one the `state` import answers `unavailable`.
    pub state: Option<Arc<dyn State>>,
}

/// Runs components. Cheap to make: the engine itself starts with the first call.
pub struct Sandbox {
    settings: Settings,
    engine: OnceLock<Result<engine::Linked, String>>,
    permits: tokio::sync::Semaphore,
    hides: hides::Hides,
}

impl Sandbox {
    /// A sandbox with these settings. Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        let permits = tokio::sync::Semaphore::new(settings.concurrency.max(1) as usize);
        Sandbox {
            settings,
            engine: OnceLock::new(),
            permits,
            hides: hides::Hides::default(),
        }
    }

    /// The engine and its linker, made on first use.
    fn linked(&self) -> Result<&engine::Linked, SandboxError> {
        self.engine
            .get_or_init(|| {
                engine::Linked::new(self.settings.concurrency).map_err(|e| format!("{e:#}"))
            })
            .as_ref()
            .map_err(|message| SandboxError::Engine(message.clone()))
    }
}
