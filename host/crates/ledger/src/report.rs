//! Sums in the order in which a person asks about them: what cost most?

use crate::dimension::Dimension;
use crate::table;
use crate::totals::Totals;
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The sums of one value of the report's dimension.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The value; `(none)` for what has none.
    pub name: String,
    /// Its sums.
    pub totals: Totals,
}

/// A ledger broken down by one dimension. Serialises to the JSON of `charthouse ledger --json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What it is broken down by.
    pub dimension: Dimension,
    /// By money, then tokens, then calls, each from the most to the least, then by name.
    pub rows: Vec<Row>,
    /// The sum of all rows.
    pub total: Totals,
}

impl Report {
    pub(crate) fn new(dimension: Dimension, sums: BTreeMap<&str, Totals>, total: Totals) -> Self {
        let mut rows: Vec<Row> = sums
            .into_iter()
            .map(|(name, totals)| Row {
                name: name.to_owned(),
                totals,
            })
            .collect();
        // The rows come sorted by name and the sort is stable, so the name decides between equals.
        rows.sort_by_key(|Row { totals, .. }| {
            Reverse((totals.usd, totals.all_tokens(), totals.calls))
        });
        Report {
            dimension,
            rows,
            total,
        }
    }

    /// A table for people, at most 100 columns wide, ending in a line end.
    pub fn render(&self) -> String {
        table::render(self)
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<RowJson<'_>> = self
            .rows
            .iter()
            .map(|row| RowJson(self.dimension, row))
            .collect();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("total", &self.total)?;
        map.end()
    }
}

/// A row whose first key is the dimension's name.
struct RowJson<'a>(Dimension, &'a Row);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry(self.0.as_str(), &self.1.name)?;
        self.1.totals.write_entries(&mut map)?;
        map.end()
    }
}
