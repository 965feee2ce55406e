//! A deadline that nothing outlives: it ends guest code at its next yield, a host call at its next wait, and a storm of host calls at the
//! next of them.
//!
//! The last is why the store's hook is set: a guest yields after so much of its own work, and a few instructions are enough to ask the host for
//! work that takes milliseconds. Without the hook such a guest ran for minutes past its deadline.

use crate::guest::Guest;
use crate::worked::Worked;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};
use wasmtime::{CallHook, Store};

/// Further than any call is allowed to run: a clock cannot count to the end of every duration that a policy can spell.
const FAR: Duration = Duration::from_secs(100 * 365 * 24 * 3_600);

/// The instant that is `limit` from now.
pub(crate) fn at(limit: Duration) -> Instant {
    Instant::now() + limit.min(FAR)
}

/// `future`, or `None` when it is `at` first.
///
/// `tokio::time::timeout` alone would not do: a guest that yields is woken at once, so the runtime may poll it again and again without looking at
/// its timers. Here every poll looks at the clock, and a timer is made only for a guest that really waits.
pub(crate) fn within<'w, F: Future>(at: Instant, future: F) -> Deadline<'w, F> {
    Deadline {
        future: Box::pin(future),
        at,
        sleep: None,
        worked: None,
    }
}

/// Look at the clock whenever the guest of `store` calls the host.
pub(crate) fn watch(store: &mut Store<Guest>, at: Instant) {
    store.call_hook(move |_, hook| {
        if matches!(hook, CallHook::CallingHost) && Instant::now() >= at {
            return Err(wasmtime::Error::new(Overdue));
        }
        Ok(())
    });
}

/// What a guest is stopped with when it calls the host past its deadline.
#[derive(Debug)]
pub(crate) struct Overdue;

impl fmt::Display for Overdue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the deadline is over")
    }
}

impl std::error::Error for Overdue {}

pub(crate) struct Deadline<'w, F> {
    future: Pin<Box<F>>,
    at: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
    worked: Option<&'w Worked<'w>>,
}

impl<'w, F> Deadline<'w, F> {
    /// Count the CPU time that the future takes.
    pub(crate) fn counting(mut self, worked: &'w Worked<'w>) -> Self {
        self.worked = Some(worked);
        self
    }
}

impl<F: Future> Future for Deadline<'_, F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if Instant::now() >= self.at {
            return Poll::Ready(None);
        }
        let worked = self.worked;
        worked.inspect(|worked| worked.begin());
        let polled = self.future.as_mut().poll(context);
        worked.inspect(|worked| worked.pause());
        if let Poll::Ready(output) = polled {
            return Poll::Ready(Some(output));
        }
        let at = self.at;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        sleep.as_mut().poll(context).map(|()| None)
    }
}
