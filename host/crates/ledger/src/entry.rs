//! A cost as it stands in the journal, and which of them are asked for.

use crate::dimension::Dimension;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value as Json;
use types::{Cost, Timestamp};

/// A cost with its record: run and day of a cost are the record's own.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'e> {
    /// The record's number: where every cent can be looked up.
    pub seq: u64,
    /// The run that wrote it.
    pub run: &'e str,
    /// When.
    pub time: Timestamp,
    /// What it says.
    pub cost: &'e Cost,
}

impl Serialize for Entry<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("seq", &self.seq)?;
        map.serialize_entry("run", self.run)?;
        map.serialize_entry("time", &self.time)?;
        if let Ok(Json::Object(cost)) = serde_json::to_value(self.cost) {
            for (key, value) in &cost {
                map.serialize_entry(key, value)?;
            }
        }
        map.end()
    }
}

/// Which costs count.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// From this instant on.
    pub since: Option<Timestamp>,
    /// Up to this instant, which does not count.
    pub until: Option<Timestamp>,
    /// Those that are in one of these rows, for each dimension that is named.
    pub only: Vec<(Dimension, String)>,
}

impl Filter {
    /// Whether `entry` counts.
    pub fn admits(&self, entry: &Entry<'_>) -> bool {
        self.covers(entry.time)
            && self.only.iter().all(|(dimension, _)| {
                let name = dimension.of(entry);
                let mut wanted = self.only.iter().filter(|(other, _)| other == dimension);
                wanted.any(|(_, value)| *value == name)
            })
    }

    /// Whether what happened at `time` counts.
    pub fn covers(&self, time: Timestamp) -> bool {
        self.since.is_none_or(|since| since <= time) && self.until.is_none_or(|until| time < until)
    }
}
