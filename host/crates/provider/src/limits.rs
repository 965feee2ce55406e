//! How much a provider may be asked, by all agents that hold it together.
//!
//! Whoever asks goes through one gate in the order in which they came; the first in the queue waits for a free place among the requests under way
//! and for room in the minute. A large request at the front is not overtaken by small ones, or it would starve. Limits hold for every stretch of
//! sixty seconds, not only on average ([`window`]). What a request will take is estimated when it goes out and put right when the answer reports it.
//!
//! A repetition after a refusal is the transport's own and counts with the request it repeats.

mod window;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::Instant;
use types::{
    Item, Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, RateLimits, Reply,
};
use window::{Ticket, Wait, Window};

/// What an estimated token is long, in bytes.
const BYTES_PER_TOKEN: usize = 4;

/// A wait that is shorter than this is not worth a line on the operator's screen.
const SHORTEST_NOTED: Duration = Duration::from_millis(500);

/// A model that is asked no more than it may be.
pub struct Limited {
    inner: Arc<dyn Model>,
    provider: Arc<str>,
    limits: RateLimits,
    /// Held by the first in the queue while it waits. Its own waiters are served first come, first served.
    gate: tokio::sync::Mutex<()>,
    places: Semaphore,
    window: Mutex<Window>,
    /// Something has ended or been put right, so that the first in the queue should look again.
    changed: Notify,
}

impl Limited {
    /// `inner` within `limits`; `inner` itself where there are none.
    ///
    /// # Errors
    /// [`ModelErrorKind::Rejected`] for a limit of nothing, with which no request could ever go out.
    pub fn around(
        inner: Arc<dyn Model>,
        provider: &Arc<str>,
        limits: RateLimits,
    ) -> Result<Arc<dyn Model>, ModelError> {
        let RateLimits {
            requests_per_minute,
            tokens_per_minute,
            concurrent,
        } = limits;
        if requests_per_minute == Some(0) || tokens_per_minute == Some(0) || concurrent == Some(0) {
            return Err(ModelError::new(
                ModelErrorKind::Rejected,
                format!(
                    "provider `{provider}` has a limit of 0, with which nothing could ever be asked: write how much it may be asked, or \
                     remove the limit"
                ),
            ));
        }
        if limits == RateLimits::default() {
            return Ok(inner);
        }
        let places = concurrent.map_or(Semaphore::MAX_PERMITS, |places| places as usize);
        Ok(Arc::new(Limited {
            inner,
            provider: provider.clone(),
            limits,
            gate: tokio::sync::Mutex::new(()),
            places: Semaphore::new(places.min(Semaphore::MAX_PERMITS)),
            window: Mutex::new(Window::new(requests_per_minute, tokens_per_minute)),
            changed: Notify::new(),
        }))
    }

    async fn answer(
        &self,
        payload: &Payload,
        sink: &mut dyn ModelSink,
    ) -> Result<Reply, ModelError> {
        let mut underway = self.admit(payload, sink).await;
        let answer = self.inner.complete(payload, sink).await;
        underway.end(&answer);
        answer
    }

    /// Wait until a request for `payload` may go out. Dropping the future leaves the queue.
    async fn admit(&self, payload: &Payload, sink: &mut dyn ModelSink) -> Underway<'_> {
        let _first = match self.gate.try_lock() {
            Ok(first) => first,
            Err(_) => {
                sink.note(&format!(
                    "provider `{}`: waiting behind requests that came before",
                    self.provider
                ));
                self.gate.lock().await
            }
        };
        let place = match self.places.try_acquire() {
            Ok(place) => Some(place),
            Err(_) => {
                sink.note(&format!(
                    "provider `{}`: waiting for one of the {} requests under way to end",
                    self.provider,
                    self.limits.concurrent.unwrap_or_default()
                ));
                // Nobody closes it.
                self.places.acquire().await.ok()
            }
        };
        let input = input_tokens(payload);
        let mut noted = None;
        loop {
            let changed = self.changed.notified();
            let admitted =
                self.window()
                    .admit(Instant::now(), input, payload.parameters.max_output);
            let wait = match admitted {
                Ok(ticket) => {
                    return Underway {
                        limited: self,
                        ticket: Some(ticket),
                        _place: place,
                    };
                }
                Err(wait) => wait,
            };
            if noted != Some(wait.limit()) {
                self.note(&wait, sink);
                noted = Some(wait.limit());
            }
            match wait {
                Wait::Until(instant, _) => {
                    // Whichever comes first: both mean looking again.
                    let _ = tokio::time::timeout_at(instant, changed).await;
                }
                Wait::ForAnEnd(_) => changed.await,
            }
        }
    }

    fn note(&self, wait: &Wait, sink: &mut dyn ModelSink) {
        let how_long = match wait {
            Wait::Until(instant, _) => {
                let left = instant.saturating_duration_since(Instant::now());
                if left < SHORTEST_NOTED {
                    return;
                }
                format!("waiting {} s", left.as_secs_f64().ceil())
            }
            Wait::ForAnEnd(_) => "waiting for a request under way to end".to_owned(),
        };
        let limit = wait.limit();
        sink.note(&format!(
            "provider `{}`: {how_long}: it may be asked {limit} a minute",
            self.provider
        ));
    }

    fn window(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Model for Limited {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(self.answer(payload, sink))
    }
}

/// A request that has gone out. Gives its place back however it ends, also when it is dropped.
struct Underway<'a> {
    limited: &'a Limited,
    /// Gone once the request has been booked.
    ticket: Option<Ticket>,
    _place: Option<SemaphorePermit<'a>>,
}

impl Underway<'_> {
    fn end(&mut self, answer: &Result<Reply, ModelError>) {
        let Some(ticket) = self.ticket.take() else {
            return;
        };
        let now = Instant::now();
        let mut window = self.limited.window();
        match answer {
            Ok(reply) => {
                let before = reply.abandoned.unwrap_or_default();
                let (input, output) = (reply.usage.input, reply.usage.output);
                window.end(now, &ticket, input + before.input, output + before.output);
            }
            Err(ModelError {
                usage: Some(spent), ..
            }) => window.failed(now, &ticket, spent.input, spent.output),
            // What a server refuses it does not read.
            Err(error) if error.status.is_some() => window.refused(&ticket),
            Err(_) => window.lost(now, &ticket),
        }
        drop(window);
        self.limited.changed.notify_waiters();
    }
}

impl Drop for Underway<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limited.window().lost(Instant::now(), &ticket);
            self.limited.changed.notify_waiters();
        }
    }
}

/// An estimate of the tokens that `payload` is.
fn input_tokens(payload: &Payload) -> u64 {
    let items = payload.items.iter().map(|item| match &**item {
        Item::Text { text, .. } => text.len(),
        Item::Assistant {
            text,
            reasoning,
            calls,
            ..
        } => {
            let calls: usize = calls
                .iter()
                .map(|call| call.name.len() + call.arguments.len())
                .sum();
            text.len() + reasoning.as_ref().map_or(0, |thought| thought.text.len()) + calls
        }
        Item::Result(result) => result.text.len(),
    });
    let tools = payload
        .tools
        .iter()
        .map(|tool| tool.name.len() + tool.description.len() + tool.parameters.to_string().len());
    let bytes = items.sum::<usize>() + tools.sum::<usize>();
    bytes.div_ceil(BYTES_PER_TOKEN) as u64
}

#[cfg(test)]
mod tests;
