//! What happened: the only thing that moves a chart.

use crate::Value;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// An event as a chart sees it. Its time is part of it, because `step` may not look at a clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Dot-separated name, for instance `turn.done`.
    pub name: Arc<str>,
    /// What came with it; `null` when nothing did.
    #[serde(default)]
    pub data: Value,
    /// Milliseconds since the Unix epoch (or since the start of a virtual clock) at which it happened.
    #[serde(default)]
    pub time: i64,
}

impl Event {
    /// An event `name` with `data`, happening at `time` (ms).
    pub fn new(name: impl Into<Arc<str>>, data: Value, time: i64) -> Self {
        Event {
            name: name.into(),
            data,
            time,
        }
    }
}
