//! Sums in the order in which a person asks about them: what cost most?

use crate::dimension::Dimension;
use crate::totals::Totals;
use crate::{csv, table};
use serde::ser::{Serialize, SerializeMap, Serializer};
use std::cmp::Reverse;

/// The sums of one row.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Its value of each dimension; `(none)` for what has none.
    pub names: Vec<String>,
    /// Its sums.
    pub totals: Totals,
}

/// A ledger broken down by dimensions. Serialises to the JSON of `charthouse ledger --json`.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// What it is broken down by.
    pub by: Vec<Dimension>,
    /// By money, then tokens, then calls, each from the most to the least, then by name; by day first where days are asked for first.
    pub rows: Vec<Row>,
    /// The sum of all rows.
    pub total: Totals,
    /// Cost records that are in no sum, because nobody can read what they say.
    pub unreadable: u64,
}

impl Report {
    pub(crate) fn new(
        by: &[Dimension],
        rows: Vec<(Vec<String>, Totals)>,
        total: Totals,
        unreadable: u64,
    ) -> Self {
        let mut rows: Vec<Row> = rows
            .into_iter()
            .map(|(names, totals)| Row { names, totals })
            .collect();
        rows.sort_by(|one, other| one.names.cmp(&other.names));
        // The sort is stable, so the name decides between equals.
        rows.sort_by_key(|Row { totals, .. }| {
            Reverse((totals.usd, totals.all_tokens(), totals.calls))
        });
        if by.first() == Some(&Dimension::Day) {
            rows.sort_by(|one, other| one.names.first().cmp(&other.names.first()));
        }
        Report {
            by: by.to_vec(),
            rows,
            total,
            unreadable,
        }
    }

    /// A table for people, at most 100 columns wide where not too much is asked for at once, ending in a line end.
    pub fn render(&self) -> String {
        table::render(self)
    }

    /// The rows for a spreadsheet: RFC 4180, a header first, and nothing that a spreadsheet takes for a formula.
    pub fn csv(&self) -> String {
        csv::report(self)
    }
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rows: Vec<RowJson<'_>> = self.rows.iter().map(|row| RowJson(&self.by, row)).collect();
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("rows", &rows)?;
        map.serialize_entry("total", &self.total)?;
        if self.unreadable > 0 {
            map.serialize_entry("unreadable", &self.unreadable)?;
        }
        map.end()
    }
}

/// A row whose first keys are the dimensions' names.
struct RowJson<'a>(&'a [Dimension], &'a Row);

impl Serialize for RowJson<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (dimension, name) in self.0.iter().zip(&self.1.names) {
            map.serialize_entry(dimension.as_str(), name)?;
        }
        self.1.totals.write_entries(&mut map)?;
        map.end()
    }
}
