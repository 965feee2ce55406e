//! The outside world as traits, so that time, chance, storage and models can be injected: a run is replayed by injecting recorded ones.

use crate::{Joules, ModelError, Payload, Reply};
use serde::{Deserialize, Serialize};
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Milliseconds since the Unix epoch.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// The time. Nothing below the runtime asks the operating system for it.
pub trait Clock: Send + Sync {
    /// Now, by the calendar.
    fn now(&self) -> Timestamp;
    /// Time since some fixed instant; never goes back. For measuring.
    fn monotonic(&self) -> Duration;
    /// By how many milliseconds it is known to have been set back.
    fn set_back(&self) -> i64 {
        0
    }
    /// By how much the record says that it is set back now.
    fn was_set_back(&self, _by: i64) {}
    /// Now, as timers count it: by the calendar, but a clock that is set back makes none of them wait longer.
    fn steady(&self) -> Timestamp {
        Timestamp(self.now().0.saturating_add(self.set_back()))
    }
    /// CPU time of the thread that asks; `None` where nobody counts it.
    fn thread_cpu(&self) -> Option<Duration> {
        None
    }
}

/// The energy meter of this machine's CPU, where it has one that may be read.
pub trait EnergyMeter: Send + Sync {
    /// What so much CPU time has taken of late; `None` where nothing is measured.
    fn of_cpu(&self, cpu: Duration) -> Option<Joules>;
}

impl EnergyMeter for () {
    fn of_cpu(&self, _: Duration) -> Option<Joules> {
        None
    }
}

/// Randomness.
pub trait Rng: Send + Sync {
    /// Fill `bytes` with random ones.
    fn fill(&self, bytes: &mut [u8]);
}

/// A plugin's own key-value store. Keys of one plugin are invisible to every other.
pub trait State: Send + Sync {
    /// The value under `key`, if any.
    fn get(&self, plugin: &str, key: &str) -> Result<Option<Vec<u8>>, String>;
    /// Put `value` under `key`, or remove the key.
    fn set(&self, plugin: &str, key: &str, value: Option<&[u8]>) -> Result<(), String>;
    /// All keys that start with `prefix`, sorted.
    fn keys(&self, plugin: &str, prefix: &str) -> Result<Vec<String>, String>;
    /// How much the plugin keeps.
    fn held(&self, plugin: &str) -> Result<StateSize, String>;
}

/// How much a plugin keeps in its own store.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateSize {
    /// Keys.
    pub keys: u64,
    /// Bytes of keys and values together.
    pub bytes: u64,
}

/// Hears a reply while it arrives, for live display only: what counts is the [`Reply`].
pub trait ModelSink: Send {
    /// Some more visible text.
    fn text(&mut self, delta: &str);
    /// Some more reasoning.
    fn reasoning(&mut self, delta: &str);
    /// So many more bytes of the calls that it makes.
    fn calls(&mut self, bytes: usize) {
        let _ = bytes;
    }
    /// A line for the operator: why it takes longer, for instance.
    fn note(&mut self, line: &str) {
        let _ = line;
    }
    /// A request of `sent` bytes was answered by `received` bytes; told once for each attempt, however it ends.
    fn traffic(&mut self, sent: u64, received: u64) {
        let _ = (sent, received);
    }
    /// The provider says how many joules the answer took where it was made.
    fn energy(&mut self, joules: f64) {
        let _ = joules;
    }
}

impl ModelSink for () {
    fn text(&mut self, _: &str) {}
    fn reasoning(&mut self, _: &str) {}
}

/// A future that a trait object can return.
pub type ModelFuture<'a> = Pin<Box<dyn Future<Output = Result<Reply, ModelError>> + Send + 'a>>;

/// Something that answers payloads: a provider, a script, a recording.
pub trait Model: Send + Sync {
    /// Answer `payload`. Dropping the future cancels the request and closes its connection.
    fn complete<'a>(&'a self, payload: &'a Payload, sink: &'a mut dyn ModelSink)
    -> ModelFuture<'a>;
}
