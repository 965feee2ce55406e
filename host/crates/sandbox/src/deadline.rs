//! A deadline that nothing outlives: it ends guest code at its next yield and a host call at its next wait.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// `future`, or `None` when `limit` is over first.
///
/// `tokio::time::timeout` alone would not do: a guest that yields is woken at once, so the runtime may poll it again and again without looking at
/// its timers. Here every poll looks at the clock, and a timer is made only for a guest that really waits.
pub(crate) fn within<F: Future>(limit: Duration, future: F) -> Deadline<F> {
    Deadline {
        future: Box::pin(future),
        at: Instant::now() + limit,
        sleep: None,
    }
}

pub(crate) struct Deadline<F> {
    future: Pin<Box<F>>,
    at: Instant,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl<F: Future> Future for Deadline<F> {
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        if Instant::now() >= self.at {
            return Poll::Ready(None);
        }
        if let Poll::Ready(output) = self.future.as_mut().poll(context) {
            return Poll::Ready(Some(output));
        }
        let at = self.at;
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
        sleep.as_mut().poll(context).map(|()| None)
    }
}
