//! The network of one call: nothing at all, or requests that policy allows one by one.
//!
//! Two link classes. In the `closed` one `wasi:http` and `wasi:sockets` are there by name only, because toolchains drag them in unused, and whatever
//! would reach out is refused (`refusing`). In the `http` one requests go through `outgoing`: policy is asked of each, and an injected [`Http`] makes it.
//! Sockets are refused in both. This room names no client and looks up no name, and it never sees the value of a secret.

mod body;
mod meter;
mod outgoing;
mod refusing;

pub(crate) use refusing::{RefusedView, link_requests, link_sockets};

use outgoing::Hooks;
use policy::Grant;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard};
use types::{Http, Refusal};
use wasmtime::component::ResourceTable;
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView};

/// Refusals kept of one call; a guest that tries a thousand times tells nothing new.
const REFUSALS_KEPT: usize = 20;
/// Longest subject of a refusal that is kept, in characters.
const SUBJECT_MAX: usize = 300;
/// Most bytes of all headers of a request or an answer together, with what keeping them costs. A guest may hold many such maps.
const FIELDS_MAX: usize = 64 << 10;

/// Which interfaces to the network are really there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LinkClass {
    /// None.
    Closed,
    /// `wasi:http/outgoing-handler`.
    Http,
}

impl LinkClass {
    /// The class of a call under `grant`.
    pub(crate) fn of(grant: &Grant) -> Self {
        match grant.net.is_empty() {
            true => LinkClass::Closed,
            false => LinkClass::Http,
        }
    }
}

/// What one call has of the network.
pub(crate) struct Network {
    context: WasiHttpCtx,
    hooks: Hooks,
    notes: Notes,
}

impl Network {
    /// The network of a call under `grant`, whose requests `http` makes.
    pub(crate) fn new(grant: &Grant, http: Option<Arc<dyn Http>>) -> Self {
        let notes = Notes::default();
        let mut context = WasiHttpCtx::new();
        context.set_field_size_limit(FIELDS_MAX);
        Network {
            context,
            hooks: Hooks::new(grant, http, notes.clone()),
            notes,
        }
    }

    /// `wasi:http` over this network and the call's resources.
    pub(crate) fn http<'a>(&'a mut self, table: &'a mut ResourceTable) -> WasiHttpCtxView<'a> {
        WasiHttpCtxView {
            hooks: &mut self.hooks,
            table,
            ctx: &mut self.context,
        }
    }

    /// How many bytes of requests were sent, and how many of answers came.
    pub(crate) fn used(&self) -> (u64, u64) {
        self.hooks.used()
    }

    /// What was written down.
    pub(crate) fn notes(&self) -> &Notes {
        &self.notes
    }
}

/// What was refused during a call, and what was asked, in words. Shared, because requests go on beside the guest.
#[derive(Clone, Default)]
pub(crate) struct Notes(Arc<Mutex<Noted>>);

#[derive(Default)]
struct Noted {
    refused: Vec<Refusal>,
    asked: Vec<String>,
}

impl Notes {
    fn lock(&self) -> MutexGuard<'_, Noted> {
        self.0.lock().unwrap_or_else(|broken| broken.into_inner())
    }

    /// Something was refused.
    pub(crate) fn refused(&self, operation: &str, subject: &str, reason: impl Into<String>) {
        let kept = &mut self.lock().refused;
        if kept.len() < REFUSALS_KEPT {
            kept.push(Refusal {
                operation: operation.to_owned(),
                subject: shortened(subject),
                reason: reason.into(),
            });
        }
    }

    /// A request was made, and answered so.
    pub(crate) fn answered(&self, request: &str, status: u16) {
        let line = format!("net: {} answered {status}", shortened(request));
        self.lock().asked.push(line);
    }

    /// What was refused so far, and lines for the log of what was asked.
    pub(crate) fn take(&self) -> (Vec<Refusal>, Vec<String>) {
        let mut noted = self.lock();
        (take(&mut noted.refused), take(&mut noted.asked))
    }
}

fn shortened(subject: &str) -> String {
    match subject.char_indices().nth(SUBJECT_MAX) {
        Some((end, _)) => format!("{}…", &subject[..end]),
        None => subject.to_owned(),
    }
}
