//! The sandbox: the only room that names wasmtime.
//!
//! A component comes in as bytes, is compiled once in a child process, and from then on every call runs in a fresh instance that has exactly
//! what its [`policy::Grant`] gives it: mounts, environment, clock, memory, fuel, a deadline, so much output. It knows nothing of agents,
//! charts or journals; who may call what was decided before a call arrives here.
//!
//! Read in this order: [`Sandbox`] (what callers use), `plugin` (a loaded generation), `call` (one call from grant to outcome), `guest` (what
//! a guest can reach), `files` (how mounts are watched), `net` (how requests are), `limits`, then `generation` and `swap` (how one generation takes
//! another's place), and last `engine`, `cache` and `compile` (how code is made and kept). A component that was not written for charthouse becomes tools in `reflected`: `exports` finds its functions, [`reflect`] is their types as JSON, `typed`
//! and `command` call them, and `adapt` turns core modules of WASI preview 1 into components.

mod adapt;
mod admission;
mod arguments;
mod bindings;
mod cache;
mod call;
mod command;
mod compile;
mod deadline;
mod docs;
mod engine;
mod error;
mod exit_code;
mod exports;
mod files;
mod gate;
mod generation;
mod guest;
mod health;
mod hides;
mod imports;
mod limits;
mod mount;
mod names;
mod native;
mod net;
mod open_files;
mod plugin;
mod ran;
mod reflect;
mod reflected;
mod scratch;
mod seal;
mod sections;
mod seen;
mod state;
mod streams;
mod swap;
mod terms;
mod time;
mod typed;
mod worked;
mod world;
mod worlds;

pub use admission::admit;
pub use call::{CallContext, ToolRequest};
pub use compile::{Compiler, compile_component, limit_this_process};
pub use engine::new_engine;
pub use error::SandboxError;
pub use exports::LeftOut;
pub use gate::look;
pub use generation::{
    Exchange, Generation, GenerationName, NothingToGoBackTo, Quarantine, Slot, Standing,
    TRAPS_UNTIL_QUARANTINE,
};
pub use guest::GuestModel;
#[cfg(target_os = "linux")]
pub use native::{CONFINE_VERB, confine_command};
pub use native::{exec_argv, exec_tool};
pub use plugin::{Kind, Plugin, PluginInfo};
pub use seal::Seal;
pub use swap::SwapError;
pub use terms::{Need, Terms};
pub use world::{Extern, World};
pub use worlds::{
    ContextRequest, Fragment, GuardDirection, GuardSubject, GuardVerdict, MemoryChange,
    MemoryEntry, MemoryLayer, SummaryRequest, SummaryTurn,
};

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use types::{Clock, Http, State};

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
    /// Who makes the requests that policy allows; without one there are none.
    pub http: Option<Arc<dyn Http>>,
}

/// Runs components. Cheap to make: the engine itself starts with the first call.
pub struct Sandbox {
    settings: Settings,
    engine: OnceLock<Result<engine::Linked, String>>,
    permits: tokio::sync::Semaphore,
    hides: hides::Hides,
    recovered: files::Recovered,
    slots: generation::Slots,
    seen: seen::Seen,
}

impl Sandbox {
    /// A sandbox with these settings. Nothing is opened yet.
    pub fn new(settings: Settings) -> Self {
        let permits = tokio::sync::Semaphore::new(settings.concurrency.max(1) as usize);
        Sandbox {
            seen: seen::Seen::of(&settings.cache),
            settings,
            engine: OnceLock::new(),
            permits,
            hides: hides::Hides::default(),
            recovered: files::Recovered::default(),
            slots: generation::Slots::default(),
        }
    }

    /// The same with a cache in which nothing is believed that does not bear `seal`.
    pub fn sealed(mut self, seal: Seal) -> Self {
        self.seen = seen::Seen::of(&self.settings.cache).sealed(seal);
        self
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
