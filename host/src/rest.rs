//! When the program is at rest: nothing has happened for a while, and nobody knows when something will.
//!
//! An agent waits most of its life: for a model, a person, the next morning. What it does not need for waiting is given back then (`memory.rs`). A
//! program at rest is woken by nothing of this.

use crate::memory;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// So long nothing happens before it is a rest.
const QUIET: Duration = Duration::from_millis(200);
/// Rests shorter than this were none: twice as much quiet is waited for the next time, so that a clock that ticks costs next to nothing,
const SHORT: Duration = Duration::from_secs(2);
/// up to this.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often the event loop wakes while nothing happens but that time is waited for: the timers' wheel has six wheels within each other, and each passes a far time on.
const OWN_WAKES: u64 = 6;

/// What the event loop tells of itself.
#[derive(Default)]
struct Pulse {
    /// How often it woke.
    wakes: AtomicU64,
    /// It is to say when it wakes next.
    resting: AtomicBool,
    woke: Notify,
}

/// Build `event_loop` as one that gives back at rest what it does not need.
pub fn build(event_loop: Builder) -> std::io::Result<Runtime> {
    build_with(event_loop, memory::give_back_unused)
}

fn build_with(
    mut event_loop: Builder,
    give_back: impl Fn() + Send + Sync + 'static,
) -> std::io::Result<Runtime> {
    let pulse = Arc::new(Pulse::default());
    let felt = pulse.clone();
    event_loop.on_thread_unpark(move || {
        felt.wakes.fetch_add(1, Relaxed);
        if felt.resting.swap(false, Relaxed) {
            felt.woke.notify_one();
        }
    });
    let runtime = event_loop.build()?;
    runtime.spawn(watch(pulse, give_back));
    Ok(runtime)
}

async fn watch(pulse: Arc<Pulse>, give_back: impl Fn()) {
    let mut quiet = QUIET;
    loop {
        let before = pulse.wakes.load(Relaxed);
        sleep(quiet).await;
        if pulse.wakes.load(Relaxed) - before > OWN_WAKES {
            continue;
        }
        give_back();
        let since = Instant::now();
        pulse.resting.store(true, Relaxed);
        pulse.woke.notified().await;
        quiet = next_quiet(quiet, since.elapsed());
    }
}

/// How much quiet to wait for after a rest of `rested` that came after so much `quiet`.
fn next_quiet(quiet: Duration, rested: Duration) -> Duration {
    match rested < SHORT {
        true => PATIENCE.min(quiet * 2),
        false => QUIET,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rest_gives_back_and_work_does_not() {
        let given = Arc::new(AtomicU64::new(0));
        let gives = given.clone();
        let mut event_loop = Builder::new_current_thread();
        event_loop.enable_time();
        let event_loop = build_with(event_loop, move || {
            gives.fetch_add(1, Relaxed);
        });
        event_loop.unwrap().block_on(async {
            let (busy, mut last, mut gap) = (Instant::now(), Instant::now(), Duration::ZERO);
            while busy.elapsed() < QUIET * 3 {
                sleep(Duration::from_millis(1)).await;
                gap = gap.max(last.elapsed());
                last = Instant::now();
            }
            // A machine that stands still for so long makes a rest of work.
            assert!(given.load(Relaxed) == 0 || gap > QUIET / 2);
            for rest in 1..=2 {
                while given.load(Relaxed) < rest {
                    sleep(QUIET * 4).await;
                }
            }
        });
    }

    #[test]
    fn a_clock_that_ticks_is_soon_no_rest() {
        let tick = Duration::from_millis(900);
        let quiets = std::iter::successors(Some(QUIET), |quiet| Some(next_quiet(*quiet, tick)));
        let quiets: Vec<Duration> = quiets.take(8).collect();
        assert!(quiets.is_sorted(), "{quiets:?}");
        assert_eq!(quiets.last(), Some(&PATIENCE));
        assert_eq!(next_quiet(PATIENCE, SHORT), QUIET);
    }
}
