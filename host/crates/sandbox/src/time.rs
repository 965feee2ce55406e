//! A guest's time where policy freezes it: the calendar stands still, the stop watch moves by being looked at, and sleeping costs no time.
//!
//! The same call must come to the same answer with the same fuel on every run, so nothing here asks the machine. A sleep is over as soon as there
//! is nothing else to wait for, and the stop watch then stands where the sleep was to end. Only while something real is awaited beside
//! it (an answer from the network, say) does a sleep take real time, because otherwise every timeout would be over before any answer could come.

use crate::guest::Guest;
use std::collections::BTreeSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;
use wasmtime::component::{HasData, Linker, Resource, ResourceTable};
use wasmtime_wasi::clocks::WasiClocksCtxView;
use wasmtime_wasi::p2::bindings::clocks::monotonic_clock;
use wasmtime_wasi::p2::bindings::io::poll;
use wasmtime_wasi::p2::{DynPollable, Pollable, subscribe};
use wasmtime_wasi::{HostMonotonicClock, HostWallClock};

/// How far the stop watch moves each time it is looked at: a guest that waits for it to move is not caught in a loop.
const STEP: u64 = 1_000;

/// A calendar that stands still.
pub(crate) struct Frozen(pub(crate) Duration);

impl HostWallClock for Frozen {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        self.0
    }
}

/// The stop watch of one call, shared by all who look at it.
#[derive(Clone, Default)]
pub(crate) struct Stepping(Arc<Hands>);

#[derive(Default)]
struct Hands {
    now: AtomicU64,
    /// The earliest end among the sleeps that were asked and are not over.
    next: AtomicU64,
    /// How many those are.
    asleep: AtomicUsize,
    /// Whether sleeps take real time at the moment.
    real: AtomicBool,
}

impl Stepping {
    fn step(&self) -> u64 {
        let now = self.0.now.load(Ordering::Relaxed);
        let next = now.saturating_add(STEP);
        self.0.now.store(next, Ordering::Relaxed);
        now
    }

    fn move_to(&self, at: u64) {
        self.0.now.fetch_max(at, Ordering::Relaxed);
    }

    /// Begin a round in which sleeps only say when they end.
    fn ask(&self) {
        self.0.next.store(u64::MAX, Ordering::Relaxed);
        self.0.asleep.store(0, Ordering::Relaxed);
        self.0.real.store(false, Ordering::Relaxed);
    }

    /// Wait for the pollables with these names and answer the places of those that are ready. A round that finds none ready moves the stop watch to
    /// the end of the first sleep, unless something else than sleeps is awaited.
    async fn wait(&self, table: &mut ResourceTable, names: &[u32]) -> wasmtime::Result<Vec<u32>> {
        let borrowed = || {
            names
                .iter()
                .map(|name| Resource::new_borrow(*name))
                .collect()
        };
        self.ask();
        if let Some(ready) = once(poll::Host::poll(table, borrowed())).await {
            return ready;
        }
        let different = names.iter().collect::<BTreeSet<_>>().len();
        if self.0.asleep.load(Ordering::Relaxed) == different {
            self.move_to(self.0.next.load(Ordering::Relaxed));
        } else {
            self.0.real.store(true, Ordering::Relaxed);
        }
        poll::Host::poll(table, borrowed()).await
    }
}

/// What `future` comes to when it is polled once.
async fn once<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

impl HostMonotonicClock for Stepping {
    fn resolution(&self) -> u64 {
        STEP
    }

    fn now(&self) -> u64 {
        self.step()
    }
}

/// A sleep on the stop watch.
struct Nap {
    watch: Stepping,
    end: u64,
    /// When it ends if it has to take real time; `None` for one that never would.
    really: Option<Instant>,
}

#[wasmtime_wasi::async_trait]
impl Pollable for Nap {
    async fn ready(&mut self) {
        let hands = &self.watch.0;
        if hands.now.load(Ordering::Relaxed) >= self.end {
            return;
        }
        if !hands.real.load(Ordering::Relaxed) {
            hands.asleep.fetch_add(1, Ordering::Relaxed);
            hands.next.fetch_min(self.end, Ordering::Relaxed);
            std::future::pending::<()>().await;
        }
        match self.really {
            Some(at) => tokio::time::sleep_until(at).await,
            None => std::future::pending().await,
        }
        self.watch.move_to(self.end);
    }
}

/// Link the stop watch and waiting so that a frozen guest's time is [`Stepping`]; every other guest's is WASI's own.
pub(crate) fn link(linker: &mut Linker<Guest>) -> wasmtime::Result<()> {
    monotonic_clock::add_to_linker::<Guest, Timed>(linker, Guest::time)?;
    poll::add_to_linker::<Guest, Timed>(linker, Guest::time)
}

/// Marker for the linker.
pub(crate) struct Timed;

impl HasData for Timed {
    type Data<'a> = TimedView<'a>;
}

/// WASI's clocks and table, and the stop watch where time is frozen.
pub(crate) struct TimedView<'a> {
    pub(crate) clocks: WasiClocksCtxView<'a>,
    pub(crate) watch: Option<Stepping>,
}

impl TimedView<'_> {
    fn nap(
        &mut self,
        watch: Stepping,
        end: u64,
        length: u64,
    ) -> wasmtime::Result<Resource<DynPollable>> {
        let nap = Nap {
            watch,
            end,
            really: Instant::now().checked_add(Duration::from_nanos(length)),
        };
        let nap = self.clocks.table.push(nap)?;
        subscribe(self.clocks.table, nap)
    }
}

impl monotonic_clock::Host for TimedView<'_> {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.clocks.now()
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.clocks.resolution()
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match self.watch.clone() {
            Some(watch) => {
                let now = watch.step();
                self.nap(watch, when, when.saturating_sub(now))
            }
            None => self.clocks.subscribe_instant(when),
        }
    }

    fn subscribe_duration(&mut self, length: u64) -> wasmtime::Result<Resource<DynPollable>> {
        match self.watch.clone() {
            Some(watch) => {
                let end = watch.step().saturating_add(length);
                self.nap(watch, end, length)
            }
            None => self.clocks.subscribe_duration(length),
        }
    }
}

impl poll::Host for TimedView<'_> {
    async fn poll(&mut self, pollables: Vec<Resource<DynPollable>>) -> wasmtime::Result<Vec<u32>> {
        let Some(watch) = self.watch.clone() else {
            return poll::Host::poll(self.clocks.table, pollables).await;
        };
        let names: Vec<u32> = pollables.iter().map(Resource::rep).collect();
        watch.wait(self.clocks.table, &names).await
    }
}

impl poll::HostPollable for TimedView<'_> {
    async fn block(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        let Some(watch) = self.watch.clone() else {
            return poll::HostPollable::block(self.clocks.table, pollable).await;
        };
        let ready = watch.wait(self.clocks.table, &[pollable.rep()]).await;
        ready.map(|_| ())
    }

    async fn ready(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<bool> {
        if let Some(watch) = &self.watch {
            watch.ask();
            // Asking again and again is a way of waiting too, and has to come to an end.
            watch.step();
        }
        poll::HostPollable::ready(self.clocks.table, pollable).await
    }

    fn drop(&mut self, pollable: Resource<DynPollable>) -> wasmtime::Result<()> {
        poll::HostPollable::drop(self.clocks.table, pollable)
    }
}
