//! Who watches a host. Telling them costs nothing while nobody does, and never waits for anybody.

use super::Watch;
use futures_util::Stream;
use serde_json::{Value, json};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use tokio::sync::mpsc::{Receiver, Sender, channel};

/// How many events may wait for one who watches; beyond it they are only in the journal.
const WAITING: usize = 1_024;

/// Something that happened.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// The run or instance; empty for what concerns the host.
    pub run: Arc<str>,
    /// What happened: an object with the key `type`.
    pub event: Arc<Value>,
}

/// All who watch.
#[derive(Clone, Default)]
pub struct Watchers(Arc<Mutex<Vec<Watcher>>>);

struct Watcher {
    watch: Watch,
    sender: Sender<Seen>,
    /// Events that found no room and that the reader has not been told of.
    lost: Arc<AtomicU64>,
}

/// What happens, for one who watches.
pub struct Watching {
    receiver: Receiver<Seen>,
    lost: Arc<AtomicU64>,
}

impl Watchers {
    /// Watch from now on. The watching ends when the stream is dropped.
    pub fn watch(&self, watch: Watch) -> Watching {
        let (sender, receiver) = channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        self.all().push(Watcher {
            watch,
            sender,
            lost: lost.clone(),
        });
        Watching { receiver, lost }
    }

    /// Tell all who watch `run` that something happened. `event` is asked for at most once, and not at all where nobody watches; `text` says that it is a piece
    /// of text as it streams by.
    pub fn tell(&self, run: &Arc<str>, text: bool, event: impl FnOnce() -> Value) {
        let mut all = self.all();
        all.retain(|watcher| !watcher.sender.is_closed());
        let mut event = Some(event);
        let mut made: Option<Seen> = None;
        for watcher in all.iter().filter(|watcher| watcher.wants(run, text)) {
            if let Some(event) = event.take() {
                made = Some(Seen {
                    run: run.clone(),
                    event: Arc::new(event()),
                });
            }
            if let Some(seen) = &made {
                watcher.tell(seen);
            }
        }
    }

    fn all(&self) -> MutexGuard<'_, Vec<Watcher>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Watcher {
    fn wants(&self, run: &str, text: bool) -> bool {
        (self.watch.text || !text) && self.watch.run.as_deref().is_none_or(|only| only == run)
    }

    /// One more event, after a word about those that found no room.
    fn tell(&self, seen: &Seen) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        let told = lost == 0 || self.sender.try_send(lagged(lost)).is_ok();
        let missing = match (told, told && self.sender.try_send(seen.clone()).is_ok()) {
            (true, true) => return,
            (true, false) => 1,
            (false, _) => lost + 1,
        };
        self.lost.fetch_add(missing, Ordering::Relaxed);
    }
}

impl Stream for Watching {
    type Item = Seen;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Seen>> {
        match self.receiver.poll_recv(context) {
            // Nothing waits any more: what was lost since is told now, for nothing may follow.
            Poll::Pending | Poll::Ready(None) if self.lost.load(Ordering::Relaxed) > 0 => {
                let lost = self.lost.swap(0, Ordering::Relaxed);
                Poll::Ready(Some(lagged(lost)))
            }
            other => other,
        }
    }
}

fn lagged(lost: u64) -> Seen {
    Seen {
        run: "".into(),
        event: Arc::new(json!({ "type": "lagged", "lost": lost })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::{FutureExt, StreamExt};

    fn number(n: usize) -> Value {
        json!({ "type": "n", "n": n })
    }

    fn next(watching: &mut Watching) -> Option<Value> {
        let seen = watching.next().now_or_never()??;
        Some((*seen.event).clone())
    }

    #[test]
    fn only_what_is_watched_is_made() {
        let watchers = Watchers::default();
        let run: Arc<str> = "a".into();
        watchers.tell(&run, false, || unreachable!("nobody watches"));
        let mut one = watchers.watch(Watch {
            run: Some("b".into()),
            text: false,
        });
        watchers.tell(&run, false, || unreachable!("nobody watches this run"));
        let other: Arc<str> = "b".into();
        watchers.tell(&other, true, || unreachable!("nobody wants text"));
        watchers.tell(&other, false, || number(1));
        assert_eq!(next(&mut one), Some(number(1)));
        assert_eq!(next(&mut one), None);
        drop(one);
        watchers.tell(&other, false, || unreachable!("nobody watches any more"));
    }

    #[test]
    fn who_is_too_slow_is_told_how_much_was_missed_and_where() {
        let watchers = Watchers::default();
        let run: Arc<str> = "a".into();
        let mut slow = watchers.watch(Watch::default());
        for n in 0..WAITING + 3 {
            watchers.tell(&run, false, || number(n));
        }
        for n in 0..2 {
            assert_eq!(next(&mut slow), Some(number(n)));
        }
        watchers.tell(&run, false, || number(9_999));
        watchers.tell(&run, false, || number(10_000));
        for n in 2..WAITING {
            assert_eq!(next(&mut slow), Some(number(n)));
        }
        let lagged = |lost| Some(json!({ "type": "lagged", "lost": lost }));
        assert_eq!(next(&mut slow), lagged(3));
        assert_eq!(next(&mut slow), Some(number(9_999)));
        assert_eq!(next(&mut slow), lagged(1));
        assert_eq!(next(&mut slow), None);
    }
}
