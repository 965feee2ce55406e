//! The engine and the linkers, one for each link class: made once for the whole process.
//!
//! The configuration is chosen by measurement (WASM.md §1): pooled slots that stay resident, copy-on-write images, fuel for exact and
//! repeatable limits. There is no epoch: a global tick would let one guest's deadline touch every other, while a store that yields every few
//! million instructions can be stopped by its own deadline alone.

use crate::files::Watched;
use crate::guest::Guest;
use crate::net::{LinkClass, link_requests, link_sockets};
use std::num::NonZeroUsize;
use wasmtime::component::{HasData, HasSelf, Linker, ResourceTable};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};
use wasmtime_wasi::WasiView;
use wasmtime_wasi::cli::{WasiCli, WasiCliView};
use wasmtime_wasi::clocks::{WasiClocks, WasiClocksView};
use wasmtime_wasi::p2::bindings as wasi;
use wasmtime_wasi::random::WasiRandom;
use wasmtime_wasi_http::WasiHttp;
use wasmtime_wasi_http::p2::bindings::http;

/// Resident memory a slot keeps between calls: enough for an interpreter's heap, little enough that many idle slots do not matter.
const KEEP_MEMORY: usize = 4 << 20;
/// The same for tables and stacks.
const KEEP_TABLE: usize = 128 << 10;
const KEEP_STACK: usize = 64 << 10;
/// Slots that keep their pages when nobody uses them.
const WARM_SLOTS: u32 = 8;
/// Interpreters compiled to components have this many core instances.
const CORE_INSTANCES_PER_COMPONENT: u32 = 20;
/// Memories and tables of one component: an interpreter has one of each and its adapter another, and components can be composed of a few. What one
/// component may have is multiplied by the number of calls at once, so that no component takes another's slot.
const MEMORIES_PER_COMPONENT: u32 = 4;
const TABLES_PER_COMPONENT: u32 = 8;
/// Elements of one table: Python's interpreter has 11,000 functions in its own.
const TABLE_ELEMENTS: usize = 40_000;

/// What decides how code is compiled; the same in the process that compiles and in the one that runs.
fn base_config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .concurrency_support(false)
        .memory_init_cow(true)
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_relaxed_simd(false)
        .wasm_memory64(false)
        .wasm_backtrace_max_frames(NonZeroUsize::new(20));
    config
}

/// An engine that only compiles: it reserves no slots, so it starts under a limit on address space.
pub(crate) fn compiling_engine() -> wasmtime::Result<Engine> {
    Engine::new(&base_config())
}

/// The engine that runs guests, with room for `concurrency` calls at once.
///
/// Public for benchmarks, which compare the sandbox with bare wasmtime on the same engine.
pub fn new_engine(concurrency: u32) -> wasmtime::Result<Engine> {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(concurrency)
        .total_stacks(concurrency)
        .total_core_instances(concurrency.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(concurrency.saturating_mul(MEMORIES_PER_COMPONENT))
        .max_memories_per_component(MEMORIES_PER_COMPONENT)
        .max_memories_per_module(MEMORIES_PER_COMPONENT)
        .total_tables(concurrency.saturating_mul(TABLES_PER_COMPONENT))
        .max_tables_per_component(TABLES_PER_COMPONENT)
        .max_tables_per_module(TABLES_PER_COMPONENT)
        .table_elements(TABLE_ELEMENTS)
        .max_memory_size(1 << 32)
        .max_unused_warm_slots(WARM_SLOTS)
        .linear_memory_keep_resident(KEEP_MEMORY)
        .table_keep_resident(KEEP_TABLE)
        .async_stack_keep_resident(KEEP_STACK)
        .pagemap_scan(Enabled::Auto);
    let mut config = base_config();
    config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    // A machine with little address space (or a strict ulimit) runs too, only slower: both strategies load the same compiled code.
    Engine::new(&config).or_else(|_| compiling_engine())
}

/// The engine with everything a guest can import.
pub(crate) struct Linked {
    pub(crate) engine: Engine,
    closed: Linker<Guest>,
    http: Linker<Guest>,
}

impl Linked {
    pub(crate) fn new(concurrency: u32) -> wasmtime::Result<Self> {
        let engine = new_engine(concurrency)?;
        let mut linker = Linker::new(&engine);
        link_steady(&mut linker)?;
        crate::time::link(&mut linker)?;
        wasi::filesystem::preopens::add_to_linker::<Guest, Watched>(&mut linker, Guest::files)?;
        wasi::filesystem::types::add_to_linker::<Guest, Watched>(&mut linker, Guest::files)?;
        use crate::bindings::charthouse::plugin;
        plugin::types::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        plugin::log::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        plugin::state::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        plugin::model::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        link_sockets(&mut linker)?;
        let options = http::types::LinkOptions::default();
        http::types::add_to_linker::<Guest, WasiHttp>(&mut linker, &options, Guest::http)?;
        let mut closed = linker.clone();
        link_requests(&mut closed)?;
        http::outgoing_handler::add_to_linker::<Guest, WasiHttp>(&mut linker, Guest::http)?;
        Ok(Linked {
            engine,
            closed,
            http: linker,
        })
    }

    /// The linker of `class`.
    pub(crate) fn linker(&self, class: LinkClass) -> &Linker<Guest> {
        match class {
            LinkClass::Closed => &self.closed,
            LinkClass::Http => &self.http,
        }
    }
}

struct Table;

impl HasData for Table {
    type Data<'a> = &'a mut ResourceTable;
}

/// Link the WASI interfaces that are WASI's own: io, the calendar, chance and the command line's. Waiting and the stop watch are linked apart because time may be
/// frozen, files because every path goes through [`Watched`], and there is no network here.
fn link_steady(l: &mut Linker<Guest>) -> wasmtime::Result<()> {
    wasi::io::error::add_to_linker::<Guest, Table>(l, |t| t.ctx().table)?;
    wasi::io::streams::add_to_linker::<Guest, Table>(l, |t| t.ctx().table)?;
    wasi::clocks::wall_clock::add_to_linker::<Guest, WasiClocks>(l, Guest::clocks)?;
    wasi::random::random::add_to_linker::<Guest, WasiRandom>(l, |t| t.ctx().ctx.random())?;
    wasi::random::insecure::add_to_linker::<Guest, WasiRandom>(l, |t| t.ctx().ctx.random())?;
    wasi::random::insecure_seed::add_to_linker::<Guest, WasiRandom>(l, |t| t.ctx().ctx.random())?;
    wasi::cli::exit::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::environment::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::terminal_input::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::terminal_output::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::terminal_stdin::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::terminal_stdout::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    wasi::cli::terminal_stderr::add_to_linker::<Guest, WasiCli>(l, Guest::cli)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::hash::{DefaultHasher, Hash, Hasher};

    fn compatibility(engine: &Engine) -> u64 {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        hasher.finish()
    }

    #[test]
    fn what_one_process_compiles_the_other_can_run() {
        assert_eq!(
            compatibility(&compiling_engine().unwrap()),
            compatibility(&new_engine(4).unwrap())
        );
    }
}
