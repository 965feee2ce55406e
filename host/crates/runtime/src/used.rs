//! What an inference took beside its tokens: time, CPU time, bytes, and energy where the provider tells it. Money and whose account it is on are `booking`'s.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use types::{Clock, How, Joules, Model, ModelError, ModelSink, Payload, Reply, Tokens};

/// What a token takes at the very most, in millionths of a joule: a thousand times what the largest models on the worst machines take, and as much as a house may
/// state of one.
const MOST_OF_A_TOKEN: u64 = 10_000 * 1_000_000;

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

    /// What the provider says that `tokens` took. A server that tells nonsense must not spend the budget of a year, and what it tells then is no figure.
    pub(crate) fn told(&self, tokens: &Tokens) -> Option<Joules> {
        let told = self.reported?;
        let tokens = tokens.input.saturating_add(tokens.output);
        let can_be = told.micro <= tokens.max(1).saturating_mul(MOST_OF_A_TOKEN);
        if !can_be {
            tracing::warn!(
                joules = told.value(),
                tokens,
                "a provider told energy that no machine takes: it is not counted"
            );
        }
        can_be.then_some(told)
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
    let cpu = CpuTime::default();
    let future = model.complete(payload, &mut counted);
    let answer = metered(future, clock.clone(), cpu.clone()).await;
    let used = Used {
        wall: clock.monotonic().saturating_sub(started),
        cpu: cpu.so_far(),
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

    fn calls(&mut self, bytes: usize) {
        self.inner.calls(bytes);
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

/// CPU time of something that is under way, to be read by whoever stops it as well.
#[derive(Clone, Default)]
pub(crate) struct CpuTime(Arc<AtomicU64>);

impl CpuTime {
    /// What it has come to.
    pub(crate) fn so_far(&self) -> Duration {
        Duration::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn add(&self, more: Duration) {
        let nanos = u64::try_from(more.as_nanos()).unwrap_or(u64::MAX);
        self.0.fetch_add(nanos, Ordering::Relaxed);
    }
}

/// `future`, with the CPU time of its thread while it is at work added to `cpu`.
pub(crate) async fn metered<F: Future>(
    future: F,
    clock: Arc<dyn Clock>,
    cpu: CpuTime,
) -> F::Output {
    let mut future = std::pin::pin!(future);
    std::future::poll_fn(|context| {
        let before = clock.thread_cpu();
        let polled = future.as_mut().poll(context);
        if let (Some(before), Some(after)) = (before, clock.thread_cpu()) {
            cpu.add(after.saturating_sub(before));
        }
        polled
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn energy_that_no_machine_takes_is_not_counted() {
        let used = |joules: f64| Used {
            reported: Some(Joules::of(joules, How::Reported)),
            ..Used::default()
        };
        let tokens = Tokens {
            input: 90,
            output: 10,
            ..Tokens::default()
        };
        assert_eq!(used(250.0).told(&tokens), used(250.0).reported);
        assert!(used(1e6).told(&tokens).is_some(), "ten thousand each");
        for nonsense in [1.1e6, 1e30, f64::MAX] {
            assert_eq!(used(nonsense).told(&tokens), None, "{nonsense}");
        }
        assert_eq!(used(1e5).told(&Tokens::default()), None);
        assert_eq!(Used::default().told(&tokens), None);
    }
}
