//! One call: a grant becomes a store, a fresh instance runs in it, and whatever happens becomes an [`Outcome`] in words.

use crate::bindings::charthouse::plugin::types as wit_types;
use crate::bindings::exports::charthouse::plugin::tool as wit;
use crate::deadline::{self, Overdue};
use crate::files::{Settled, Watch, WatchedMount, layer_of};
use crate::guest::{Guest, GuestModel, Log};
use crate::limits::Limiter;
use crate::mount::{self, open_mount};
use crate::net::{LinkClass, Network};
use crate::plugin::{Loaded, Plugin};
use crate::ran::Ran;
use crate::state::Store as PluginState;
use crate::streams::{Stdio, Tail};
use crate::time::{Frozen, Stepping};
use crate::worked::Worked;
use crate::{Sandbox, arguments, exports};
use policy::{Access, ClockMode, Grant, Limits, RandomMode};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::time::Duration;
use tokio::sync::{SemaphorePermit, TryAcquireError};
use tokio::time::Instant;
use types::{CallError, CallErrorKind, ContentHash, Outcome, Part, Timestamp};
use wasmtime::component::{Instance, ResourceTable};
use wasmtime::{PoolConcurrencyLimitError, Store, Trap};
use wasmtime_wasi::{FsPerms, I32Exit, WasiCtxBuilder};

/// Fuel after which a guest lets others run and its deadline is looked at: a tenth of a millisecond of work, or five thousand calls of the host.
const YIELD_FUEL: u64 = 100_000;
/// Most bytes one host call may carry out of a guest. A deadline cannot stop a copy, so the copy must be small; an answer beyond its `output` limit but
/// below this is still measured and reported as what it is.
const HOSTCALL_BYTES: usize = 32 << 20;
/// Most handles to host resources a guest may hold at once; each open file is one.
const HANDLES: usize = 1_000;
/// Most random bytes a guest may ask for at once; they are made in the host's memory, which no limit of the guest's counts.
const RANDOM_BYTES: u64 = 1 << 20;

/// The file of the cache with the key that seals what a commit is about to do.
const COMMIT_KEY: &str = "commit.key";

/// What a call is part of, for a frozen clock and seeded randomness.
#[derive(Clone, Debug, Default)]
pub struct CallContext {
    /// The time of the event that caused the call; a frozen clock stands there.
    pub time: Timestamp,
    /// What seeded randomness is derived from, for instance run and call.
    pub seed: String,
    /// The model the call may use; with `None` the `model` import answers `denied`.
    pub model: Option<GuestModel>,
    /// Whether what the call changes in staged mounts is shown and dropped.
    pub dry_run: bool,
}

/// Why a call found no place.
enum Full {
    /// All were taken until its deadline.
    Busy,
    /// There are no more calls.
    Closed,
}

/// A call of a tool.
#[derive(Clone, Copy, Debug)]
pub struct ToolRequest<'a> {
    /// The tool's own name, without its plugin's.
    pub tool: &'a str,
    /// Arguments as JSON text.
    pub arguments: &'a str,
    /// The host's id for the call.
    pub id: &'a str,
    /// What it may do.
    pub grant: &'a Grant,
}

impl Sandbox {
    /// Call a tool of `plugin`.
    pub async fn call(
        &self,
        plugin: &Plugin,
        request: ToolRequest<'_>,
        context: &CallContext,
    ) -> Outcome {
        if let Some(denial) = request.grant.denial() {
            return Outcome::refused(denial);
        }
        let Some(spec) = plugin.tool(request.tool) else {
            let names: Vec<&str> = plugin
                .info()
                .tools
                .iter()
                .map(|t| t.name.as_str())
                .collect();
            return Outcome::refused(CallError::new(
                CallErrorKind::Invalid,
                format!(
                    "the plugin `{}` has no tool `{}`; it has {}",
                    plugin.name(),
                    request.tool,
                    if names.is_empty() {
                        "none".into()
                    } else {
                        names.join(", ")
                    }
                ),
            ));
        };
        if let Some(path) = plugin.info().exports.get(request.tool) {
            return match path.first().is_some_and(|name| exports::is_command(name)) {
                true => self.call_command(plugin, request, context, path).await,
                false => self.call_function(plugin, request, context, path).await,
            };
        }
        if let Err(error) = arguments::check(spec, request.arguments) {
            return Outcome::refused(error);
        }
        let call = wit::Call {
            id: request.id.to_owned(),
            name: request.tool.to_owned(),
            arguments: if request.arguments.trim().is_empty() {
                "{}".to_owned()
            } else {
                request.arguments.to_owned()
            },
        };
        let ran = self
            .run(
                plugin,
                request.grant,
                context,
                async |store, instance, loaded| {
                    let guest = loaded
                        .tool
                        .as_ref()
                        .ok_or_else(|| wasmtime::format_err!("it exports no tools"))?
                        .load(&mut *store, instance)?;
                    guest.call_invoke(store, &call).await
                },
            )
            .await;
        let limit = request.grant.limits.output.0;
        let (parts, outcome) = ran.read(|answer| match answer {
            Ok(parts) => parts_of(parts, limit),
            Err(failure) => Err(failure_of(failure, limit)),
        });
        Outcome {
            result: parts,
            ..outcome
        }
    }

    /// Run `work` in a fresh instance of `plugin` that has what `grant` gives.
    pub(crate) async fn run<R>(
        &self,
        plugin: &Plugin,
        grant: &Grant,
        context: &CallContext,
        work: impl AsyncFnOnce(&mut Store<Guest>, &Instance, &Loaded) -> wasmtime::Result<R>,
    ) -> Ran<R> {
        self.run_with(plugin, grant, context, &Stdio::default(), work)
            .await
    }

    /// The same, with these standard streams.
    pub(crate) async fn run_with<R>(
        &self,
        plugin: &Plugin,
        grant: &Grant,
        context: &CallContext,
        stdio: &Stdio,
        work: impl AsyncFnOnce(&mut Store<Guest>, &Instance, &Loaded) -> wasmtime::Result<R>,
    ) -> Ran<R> {
        let started = self.settings.clock.monotonic();
        let stopped = |error: CallError| Ran {
            result: Err(error),
            refused: Vec::new(),
            log: Vec::new(),
            wall: Duration::ZERO,
            cpu: Duration::ZERO,
            fuel: 0,
            memory: 0,
            network: (0, 0),
            settled: Settled::default(),
        };
        let unavailable =
            |message: String| stopped(CallError::new(CallErrorKind::Unavailable, message));
        let loaded = match self.loaded(plugin) {
            Ok(loaded) => loaded,
            Err(error) => return unavailable(error.to_string()),
        };
        let limits = &grant.limits;
        let until = deadline::at(limits.deadline);
        let _permit = match self.place(until).await {
            Ok(permit) => permit,
            Err(Full::Busy) => {
                return unavailable(format!(
                    "{} calls were running, as many as may run at once, and none ended before this call's deadline of {:?} was over; try again later",
                    self.settings.concurrency, limits.deadline
                ));
            }
            Err(Full::Closed) => return unavailable("the sandbox is shutting down".into()),
        };
        let worked = Worked::from_now(&*self.settings.clock);
        let guest = match self.guest(plugin, grant, context, stdio) {
            Ok(guest) => guest,
            Err(error) => return stopped(error),
        };
        let pre = loaded.pre(LinkClass::of(grant));
        let mut store = Store::new(pre.engine(), guest);
        store.limiter(|guest| &mut guest.limiter);
        store.set_hostcall_fuel(HOSTCALL_BYTES);
        store.set_max_component_handles(HANDLES);
        // Both fail only for an engine that does not count fuel, and ours does.
        let fuelled = store
            .set_fuel(limits.fuel.0)
            .and_then(|()| store.fuel_async_yield_interval(Some(YIELD_FUEL)));
        if let Err(error) = fuelled {
            return unavailable(format!("{error:#}"));
        }
        deadline::watch(&mut store, until);
        let finished = deadline::within(until, async {
            let instance = pre.instantiate_async(&mut store).await?;
            work(&mut store, &instance, &loaded).await
        })
        .counting(&worked)
        .await;
        let result = match finished {
            None => Err(overdue(limits)),
            Some(Ok(result)) => Ok(result),
            Some(Err(error)) => Err(in_words(&error, limits, &store.data().limiter, &stdio.tail)),
        };
        plugin.health.heard(result.as_ref().err());
        let fuel = limits.fuel.0 - store.get_fuel().unwrap_or(0).min(limits.fuel.0);
        let mut guest = store.into_data();
        let settled = guest.watch.settle(context.dry_run);
        let mut log = guest.log.lines;
        if guest.log.dropped > 0 {
            log.push(format!(
                "warn: {} more lines were dropped at the call's output limit",
                guest.log.dropped
            ));
        }
        // What a command wrote is its answer, and is told once.
        if stdio.captured.is_none() || result.is_err() {
            log.extend(stdio.tail.lines());
        }
        let (unreached, asked) = guest.net.notes().take();
        let mut refused = guest.watch.refusals;
        refused.extend(unreached);
        log.extend(asked);
        Ran {
            result,
            refused,
            log,
            wall: self.settings.clock.monotonic().saturating_sub(started),
            cpu: worked.so_far(),
            fuel,
            memory: guest.limiter.peak as u64,
            network: guest.net.used(),
            settled,
        }
    }

    /// A place among the calls that may run at once; where there is none, the first that comes free before `until`. Who waits is served first.
    async fn place(&self, until: Instant) -> Result<SemaphorePermit<'_>, Full> {
        // Nearly always there is one, and waiting for what is there costs an allocation and a share of the task's turn.
        match self.permits.try_acquire() {
            Ok(permit) => return Ok(permit),
            Err(TryAcquireError::Closed) => return Err(Full::Closed),
            Err(TryAcquireError::NoPermits) => {}
        }
        match deadline::within(until, self.permits.acquire()).await {
            Some(permit) => permit.map_err(|_| Full::Closed),
            None => Err(Full::Busy),
        }
    }

    fn guest(
        &self,
        plugin: &Plugin,
        grant: &Grant,
        context: &CallContext,
        stdio: &Stdio,
    ) -> Result<Guest, CallError> {
        let mut wasi = WasiCtxBuilder::new();
        // Before any mount: files are read on this thread, which is five times as quick as asking another. Whatever could wait is refused in `files`.
        wasi.allow_blocking_current_thread(true);
        wasi.allow_tcp(false).allow_udp(false);
        stdio.connect(&mut wasi);
        for (name, value) in &grant.env {
            wasi.env(name, value);
        }
        let frozen = (grant.clock == ClockMode::Frozen)
            .then(|| Duration::from_millis(u64::try_from(context.time.0).unwrap_or(0)));
        if let Some(time) = frozen {
            wasi.wall_clock(Frozen(time));
        }
        let stop_watch = (grant.clock == ClockMode::Frozen).then(Stepping::default);
        if let Some(watch) = &stop_watch {
            wasi.monotonic_clock(watch.clone());
        }
        wasi.max_random_size(RANDOM_BYTES);
        if grant.random == RandomMode::Seeded {
            let seed = ContentHash::of(context.seed.as_bytes());
            wasi.secure_random(StdRng::from_seed(*seed.as_bytes()));
            wasi.insecure_random(StdRng::from_seed(*seed.as_bytes()));
            let bytes = seed.as_bytes()[..16].try_into().unwrap_or_default();
            wasi.insecure_random_seed(u128::from_le_bytes(bytes));
        }
        let mut watched = Vec::with_capacity(grant.mounts.len());
        let mut layers = Vec::with_capacity(grant.mounts.len());
        for mount in &grant.mounts {
            let opened = open_mount(mount)?;
            let access = match mount.access {
                Access::ReadWrite => FsPerms::ReadWrite,
                _ => FsPerms::ReadOnly,
            };
            wasi.preopened_dir(opened.path(), &mount.guest, access)
                .map_err(|error| mount::error(mount, &error.to_string()))?;
            // A glob that cannot be read hides nobody knows what: the mount is not used.
            let hide = self.hides.of(mount).map_err(|error| {
                CallError::new(
                    CallErrorKind::Denied,
                    format!("the mount {} is refused: {error}", mount.guest),
                )
            })?;
            let mount_watched = WatchedMount {
                guest: mount.guest.clone(),
                hide,
                fixed_directories: !mount.hide.iter().all(hides_names_alone),
                hard_links: mount.hard_links,
            };
            let key = self.settings.cache.join(COMMIT_KEY);
            let layer = layer_of(mount, &mount_watched, &opened.path(), &self.recovered, &key)
                .map_err(|why| mount::error(mount, &why))?;
            layers.push(layer);
            watched.push(mount_watched);
        }
        let mut watch = Watch::new(watched.into(), layers, frozen);
        watch.here = stdio.here.as_ref().map(|(mount, _)| *mount);
        Ok(Guest {
            wasi: wasi.build(),
            table: ResourceTable::new(),
            limiter: Limiter::new(grant.limits.memory.0),
            watch,
            net: Network::new(grant, self.settings.http.clone()),
            plugin: plugin.shared_name().clone(),
            log: Log {
                room: grant.limits.output.0,
                ..Log::default()
            },
            state: self
                .settings
                .state
                .clone()
                .map(|state| PluginState::new(state, plugin.shared_name().clone())),
            stop_watch,
            model: context.model.clone(),
        })
    }
}

/// Whether `glob` hides a name wherever it stands, as `**/.env` does: then moving a directory cannot bring anything to light.
fn hides_names_alone(glob: &policy::HideGlob) -> bool {
    glob.glob
        .strip_prefix("**/")
        .is_some_and(|name| !name.contains('/'))
}

fn overdue(limits: &Limits) -> CallError {
    CallError::new(
        CallErrorKind::Limit,
        format!(
            "the call ran past its deadline of {:?} and was stopped; ask for less, or raise `limits: {{ deadline: … }}`",
            limits.deadline
        ),
    )
}

/// Why a guest stopped, in words that say which limit it ran into or how it crashed.
fn in_words(error: &wasmtime::Error, limits: &Limits, limiter: &Limiter, tail: &Tail) -> CallError {
    let limit = |message: String| CallError::new(CallErrorKind::Limit, message);
    let trap = error.downcast_ref::<Trap>();
    if trap == Some(&Trap::OutOfFuel) {
        return limit(format!(
            "the call burnt all its fuel of {} and was stopped; ask for less, or raise `limits: {{ fuel: … }}`",
            limits.fuel
        ));
    }
    if error.is::<Overdue>() {
        return overdue(limits);
    }
    if error.is::<PoolConcurrencyLimitError>() {
        return CallError::new(
            CallErrorKind::Unavailable,
            "there is no room for another instance at the moment; try again later",
        );
    }
    if error
        .root_cause()
        .to_string()
        .contains("store handle limit exceeded")
    {
        return limit(format!(
            "the call held more than {HANDLES} handles (open files, streams, things to wait for) at once and was stopped"
        ));
    }
    if limiter.refused {
        return limit(format!(
            "the call needed more memory than its limit of {} and was stopped; ask for less, or raise `limits: {{ memory: … }}`",
            limits.memory
        ));
    }
    if error.to_string().contains("fuel allocated for hostcalls") {
        return limit(format!(
            "the call sent more than {} through the host at once and was stopped; its output limit is {}",
            types::Bytes(HOSTCALL_BYTES as u64),
            limits.output
        ));
    }
    let said = tail.lines();
    let said = match said.len() {
        0 => String::new(),
        n => format!(
            "; it last said: {}",
            said[n.saturating_sub(3)..].join(" / ")
        ),
    };
    let message = match (trap, error.downcast_ref::<I32Exit>()) {
        (_, Some(exit)) => format!("the plugin ended itself with status {}{said}", exit.0),
        (Some(trap), None) => format!("the plugin crashed: {trap}{said}"),
        (None, None) => format!("the plugin crashed: {}{said}", error.root_cause()),
    };
    CallError::new(CallErrorKind::Trap, message)
}

/// A guest's own failure, its text held to the output limit like any other answer.
pub(crate) fn failure_of(failure: wit_types::Failure, limit: u64) -> CallError {
    let (kind, message) = match failure {
        wit_types::Failure::Invalid(message) => (CallErrorKind::Invalid, message),
        wit_types::Failure::Denied(message) => (CallErrorKind::Denied, message),
        wit_types::Failure::Unavailable(message) => (CallErrorKind::Unavailable, message),
        wit_types::Failure::Failed(message) => (CallErrorKind::Failed, message),
    };
    CallError::new(kind, cut_at(message, limit))
}

/// A message of the guest's, cut where it is longer than its output limit.
pub(crate) fn cut_at(mut message: String, limit: u64) -> String {
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    if message.len() > limit {
        let end = (0..=limit).rev().find(|end| message.is_char_boundary(*end));
        message.truncate(end.unwrap_or(0));
        message.push_str("… (cut at the output limit)");
    }
    message
}

/// What a piece of an answer costs beside its bytes, so that a flood of empty ones has an end too. The first is free: an answer of one piece may have
/// exactly as many bytes as the limit says.
const PIECE_OVERHEAD: u64 = 16;

/// Hold an answer, given as the sizes of its pieces, to the output limit.
pub(crate) fn within_output(
    sizes: impl IntoIterator<Item = usize>,
    limit: u64,
) -> Result<(), CallError> {
    let piece = |size| size as u64 + PIECE_OVERHEAD;
    let size = sizes.into_iter().map(piece).sum::<u64>();
    let size = size.saturating_sub(PIECE_OVERHEAD);
    if size > limit {
        return Err(output_error(size, limit));
    }
    Ok(())
}

pub(crate) fn output_error(size: u64, limit: u64) -> CallError {
    CallError::new(
        CallErrorKind::Limit,
        format!(
            "the call answered {}, more than its output limit of {}; ask for less, or raise `limits: {{ output: … }}`",
            types::Bytes(size),
            types::Bytes(limit)
        ),
    )
}

fn parts_of(parts: Vec<wit_types::Part>, limit: u64) -> Result<Vec<Part>, CallError> {
    within_output(
        parts.iter().map(|part| match part {
            wit_types::Part::Text(text) | wit_types::Part::Json(text) => text.len(),
            wit_types::Part::Blob(blob) => blob.mime.len() + blob.bytes.len(),
        }),
        limit,
    )?;
    parts
        .into_iter()
        .map(|part| match part {
            wit_types::Part::Text(text) => Ok(Part::Text(text)),
            wit_types::Part::Json(text) => {
                serde_json::from_str(&text)
                    .map(Part::Json)
                    .map_err(|error| {
                        CallError::new(
                            CallErrorKind::Failed,
                            format!("the plugin answered a json part that is not JSON: {error}"),
                        )
                    })
            }
            wit_types::Part::Blob(blob) => Ok(Part::Blob {
                mime: blob.mime,
                bytes: blob.bytes,
            }),
        })
        .collect()
}
