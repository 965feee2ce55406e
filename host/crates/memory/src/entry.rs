//! What a memory is.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use types::{Label, MemoryLayer, Provenance, Timestamp};

/// The number of a memory: that of the record that first told of it, so it is never given twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemoryId(pub u64);

impl fmt::Display for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl FromStr for MemoryId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(MemoryId).map_err(|_| {
            "a memory's id is a whole number, as `charthouse memory list` shows it".into()
        })
    }
}

/// Something remembered.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Remembered {
    /// Its number.
    pub id: MemoryId,
    /// Whose it is; none for what the whole house shares.
    pub agent: Option<Arc<str>>,
    /// Its layer.
    pub layer: MemoryLayer,
    /// What is remembered, to the byte.
    pub text: Arc<str>,
    /// When it was added, or last replaced.
    pub time: Timestamp,
    /// How much it counts beside others; 1 is usual.
    pub weight: f64,
    /// Where it came from.
    pub provenance: Provenance,
    /// Labels put on it.
    pub labels: Vec<Label>,
}
