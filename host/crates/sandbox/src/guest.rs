//! What a guest can reach while it runs: the data of its store, and the host's side of `log` and `model`.

use crate::bindings::charthouse::plugin::{log, model, types as wit};
use crate::files::{Watch, WatchedView};
use crate::limits::Limiter;
use crate::net::{Network, RefusedView};
use crate::state::Store;
use crate::time::{Stepping, TimedView};
use std::fmt;
use std::sync::Arc;
use types::{Item, Model, ModelParameters, Payload, Provenance, Role};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::clocks::WasiClocksView;
use wasmtime_wasi::filesystem::WasiFilesystemCtxView;
use wasmtime_wasi::sockets::WasiSocketsCtxView;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::WasiHttpCtxView;

/// What a line of log costs beside its text, so that a flood of empty lines has an end too.
const LINE_OVERHEAD: u64 = 32;

/// The data of one call's store.
pub(crate) struct Guest {
    pub(crate) wasi: WasiCtx,
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
    pub(crate) watch: Watch,
    pub(crate) net: Network,
    pub(crate) plugin: Arc<str>,
    pub(crate) log: Log,
    pub(crate) state: Option<Store>,
    /// The stop watch, where time is frozen.
    pub(crate) stop_watch: Option<Stepping>,
    pub(crate) model: Option<GuestModel>,
}

/// A model that one call may use. Whoever grants it says what it may cost: the sandbox passes requests on and counts no money.
#[derive(Clone)]
pub struct GuestModel {
    /// What answers.
    pub model: Arc<dyn Model>,
    /// Which model, and the most it may answer with; a guest can ask for less.
    pub parameters: ModelParameters,
}

impl fmt::Debug for GuestModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestModel")
            .field("parameters", &self.parameters)
            .finish_non_exhaustive()
    }
}

impl Guest {
    pub(crate) fn files(&mut self) -> WatchedView<'_> {
        WatchedView {
            inner: WasiFilesystemCtxView {
                ctx: self.wasi.filesystem(),
                table: &mut self.table,
            },
            watch: &mut self.watch,
        }
    }

    pub(crate) fn http(&mut self) -> WasiHttpCtxView<'_> {
        self.net.http(&mut self.table)
    }

    pub(crate) fn sockets(&mut self) -> WasiSocketsCtxView<'_> {
        WasiSocketsCtxView {
            ctx: self.wasi.sockets(),
            table: &mut self.table,
        }
    }

    pub(crate) fn refused(&mut self) -> RefusedView<'_> {
        RefusedView {
            table: &mut self.table,
            sockets: self.wasi.sockets(),
            notes: self.net.notes(),
        }
    }

    pub(crate) fn time(&mut self) -> TimedView<'_> {
        let watch = self.stop_watch.clone();
        TimedView {
            clocks: self.clocks(),
            watch,
        }
    }
}

impl WasiView for Guest {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// Lines a guest logged, within the call's output limit.
#[derive(Default)]
pub(crate) struct Log {
    pub(crate) lines: Vec<String>,
    pub(crate) room: u64,
    pub(crate) dropped: u64,
}

impl wit::Host for Guest {}

impl log::Host for Guest {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        let size = message.len() as u64 + LINE_OVERHEAD;
        if size > self.log.room {
            self.log.dropped += 1;
            return Ok(());
        }
        self.log.room -= size;
        let level = match level {
            log::Level::Debug => "debug",
            log::Level::Info => "info",
            log::Level::Warn => "warn",
            log::Level::Error => "error",
        };
        self.log.lines.push(format!("{level}: {message}"));
        Ok(())
    }
}

impl model::Host for Guest {
    async fn complete(
        &mut self,
        request: model::Request,
    ) -> wasmtime::Result<Result<String, wit::Failure>> {
        let Some(GuestModel { model, parameters }) = self.model.clone() else {
            return Ok(Err(wit::Failure::Denied(
                "this call was not granted a model; do without one".into(),
            )));
        };
        let text = |role, text: String| {
            Arc::new(Item::Text {
                role,
                text: text.into(),
                provenance: Provenance::Plugin {
                    name: self.plugin.clone(),
                    generation: "".into(),
                },
                labels: Vec::new(),
            })
        };
        let payload = Payload {
            items: vec![
                text(Role::System, request.system),
                text(Role::User, request.prompt),
            ],
            tools: Vec::new(),
            breakpoints: Vec::new(),
            parameters: ModelParameters {
                max_output: parameters.max_output.min(u64::from(request.max_output)),
                ..parameters
            },
        };
        Ok(model
            .complete(&payload, &mut ())
            .await
            .map(|reply| reply.text.to_string())
            .map_err(|error| wit::Failure::Unavailable(error.message)))
    }
}
