//! What an inference took beside its tokens: time, CPU time, bytes, and energy where the provider tells it. Money and whose account it is on are `booking`'s.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use types::{Clock, How, Joules, Model, ModelError, ModelSink, Payload, Reply};

/// What was used up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Used {
    pub(crate) wall: Duration,
    /// Of this process.
    pub(crate) cpu: Duration,
    /// Bytes of requests.
    pub(crate) sent: u64,
    /// Bytes of responses.
    pub(crate) received: u64,
    /// What the provider says the answer took where it was made.
    pub(crate) reported: Option<Joules>,
}

impl Used {
    /// Time alone.
    pub(crate) fn wall(wall: Duration) -> Self {
        Used {
            wall,
            ..Used::default()
        }
    }
}

/// Have `model` answer `payload`, and count what that takes.
pub(crate) async fn complete(
    model: &dyn Model,
    payload: &Payload,
    sink: &mut dyn ModelSink,
    clock: &Arc<dyn Clock>,
) -> (Result<Reply, ModelError>, Used) {
    let started = clock.monotonic();
    let mut counted = Counted {
        inner: sink,
        used: Used::default(),
    };
    let (answer, cpu) = Metered {
        future: model.complete(payload, &mut counted),
        clock: clock.clone(),
        cpu: Duration::ZERO,
    }
    .await;
    let used = Used {
        wall: clock.monotonic().saturating_sub(started),
        cpu,
        ..counted.used
    };
    (answer, used)
}

/// Passes on, and counts.
struct Counted<'a> {
    inner: &'a mut dyn ModelSink,
    used: Used,
}

impl ModelSink for Counted<'_> {
    fn text(&mut self, delta: &str) {
        self.inner.text(delta);
    }

    fn reasoning(&mut self, delta: &str) {
        self.inner.reasoning(delta);
    }

    fn note(&mut self, line: &str) {
        self.inner.note(line);
    }

    fn traffic(&mut self, sent: u64, received: u64) {
        self.used.sent = self.used.sent.saturating_add(sent);
        self.used.received = self.used.received.saturating_add(received);
        self.inner.traffic(sent, received);
    }

    fn energy(&mut self, joules: f64) {
        let told = Some(Joules::of(joules, How::Reported));
        self.used.reported = Joules::sum(self.used.reported, told);
        self.inner.energy(joules);
    }
}

/// A future, and the CPU time of its thread while it was at work.
struct Metered<F> {
    future: F,
    clock: Arc<dyn Clock>,
    cpu: Duration,
}

impl<T> Future for Metered<Pin<Box<dyn Future<Output = T> + Send + '_>>> {
    type Output = (T, Duration);

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let before = self.clock.thread_cpu();
        let polled = self.future.as_mut().poll(context);
        if let (Some(before), Some(after)) = (before, self.clock.thread_cpu()) {
            self.cpu += after.saturating_sub(before);
        }
        polled.map(|output| (output, self.cpu))
    }
}
