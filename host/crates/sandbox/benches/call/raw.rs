//! The floor: wasmtime as a program would use it that has no other wish than to call the component.

use charthouse_sandbox::new_engine;
use std::path::{Path, PathBuf};
use wasmtime::component::{Component, HasSelf, Linker, ResourceTable};
use wasmtime::{Engine, Store};
use wasmtime_wasi::{FsPerms, WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

wasmtime::component::bindgen!({
    path: "../../../wit",
    world: "charthouse:plugin/tool-plugin",
    imports: { default: trappable },
    exports: { default: async },
});

use charthouse::plugin::{log, state, types};
use exports::charthouse::plugin::tool::{Call, Part};

/// Calls for which engines have room; the same on both sides.
pub const CONCURRENCY: u32 = 16;

struct Guest {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

impl types::Host for Guest {}

impl log::Host for Guest {
    fn write(&mut self, _: log::Level, _: String) -> wasmtime::Result<()> {
        Ok(())
    }
}

/// No guest that is measured keeps state; one that tried would stop, and the bench with it.
impl state::Host for Guest {
    fn get(&mut self, _: String) -> wasmtime::Result<Result<Option<Vec<u8>>, types::Failure>> {
        wasmtime::bail!("no state")
    }
    fn set(&mut self, _: String, _: Vec<u8>) -> wasmtime::Result<Result<(), types::Failure>> {
        wasmtime::bail!("no state")
    }
    fn delete(&mut self, _: String) -> wasmtime::Result<Result<(), types::Failure>> {
        wasmtime::bail!("no state")
    }
    fn keys(&mut self, _: String) -> wasmtime::Result<Result<Vec<String>, types::Failure>> {
        wasmtime::bail!("no state")
    }
}

/// A component, ready to be called.
pub struct Raw {
    pre: ToolPluginPre<Guest>,
    mount: Option<PathBuf>,
}

impl Raw {
    /// The compiled component at `code`, which sees `mount` as `/workspace`.
    pub fn new(code: &Path, mount: Option<PathBuf>) -> Self {
        Raw::linked(code, mount).unwrap_or_else(|error| panic!("{error:#}"))
    }

    fn linked(code: &Path, mount: Option<PathBuf>) -> wasmtime::Result<Self> {
        let engine = new_engine(CONCURRENCY)?;
        Raw::on(&engine, code, mount)
    }

    /// The same on an engine that is there already.
    pub fn on(engine: &Engine, code: &Path, mount: Option<PathBuf>) -> wasmtime::Result<Self> {
        let mut linker = Linker::<Guest>::new(engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        ToolPlugin::add_to_linker::<Guest, HasSelf<Guest>>(&mut linker, |guest| guest)?;
        // SAFETY: the file was written by the sandbox of this very process, or of an earlier run of this bench, and nobody else writes to it.
        #[allow(unsafe_code)]
        let component = unsafe { Component::deserialize_file(engine, code)? };
        Ok(Raw {
            pre: ToolPluginPre::new(linker.instantiate_pre(&component)?)?,
            mount,
        })
    }

    /// Call `tool` and answer the text that its answer begins with.
    pub async fn call(&self, tool: &str, arguments: &str) -> String {
        let parts = self.parts(tool, arguments).await;
        match parts.unwrap_or_else(|error| panic!("{error:#}")) {
            Ok(parts) => match parts.into_iter().next() {
                Some(Part::Text(text) | Part::Json(text)) => text,
                other => panic!("no text: {other:?}"),
            },
            Err(failure) => panic!("{failure:?}"),
        }
    }

    /// Call `tool`, whatever it answers.
    pub async fn answer(&self, tool: &str, arguments: &str) -> bool {
        let parts = self.parts(tool, arguments).await;
        parts.unwrap_or_else(|error| panic!("{error:#}")).is_ok()
    }

    async fn parts(
        &self,
        tool: &str,
        arguments: &str,
    ) -> wasmtime::Result<Result<Vec<Part>, types::Failure>> {
        let mut wasi = WasiCtxBuilder::new();
        wasi.allow_blocking_current_thread(true);
        if let Some(mount) = &self.mount {
            wasi.preopened_dir(mount, "/workspace", FsPerms::ReadOnly)?;
        }
        let guest = Guest {
            wasi: wasi.build(),
            table: ResourceTable::new(),
        };
        let mut store = Store::new(self.pre.engine(), guest);
        // The engine counts fuel, and without any a guest stops at once.
        store.set_fuel(u64::MAX)?;
        let instance = self.pre.instantiate_async(&mut store).await?;
        let call = Call {
            id: "bench/1".into(),
            name: tool.into(),
            arguments: arguments.into(),
        };
        let tool = instance.charthouse_plugin_tool();
        tool.call_invoke(&mut store, &call).await
    }
}
