//! The fold: one pass over the records, in which each adds to one row.

use crate::dimension::Dimension;
use crate::entry::{Entry, Filter};
use crate::report::Report;
use crate::totals::Totals;
use std::collections::HashMap;

/// The sums of all costs so far, by the dimensions that are asked for.
#[derive(Clone, Debug)]
pub struct Ledger {
    by: Vec<Dimension>,
    filter: Filter,
    /// Where the row of these names is, the names behind each other with their lengths before them: a journal has millions of records and few rows, so
    /// finding one must make nothing new.
    places: HashMap<Box<[u8]>, usize>,
    rows: Vec<(Vec<String>, Totals)>,
    key: Vec<u8>,
    unreadable: u64,
}

impl Ledger {
    /// Nothing yet, to be counted by these dimensions. By none is one row.
    pub fn by(dimensions: &[Dimension], filter: Filter) -> Self {
        Ledger {
            by: dimensions.to_vec(),
            filter,
            places: HashMap::new(),
            rows: Vec::new(),
            key: Vec::new(),
            unreadable: 0,
        }
    }

    /// Add one expense, if it is asked for; whether it is. Sums that would overflow stay at the largest number there is.
    pub fn add(&mut self, entry: &Entry<'_>) -> bool {
        if !self.filter.admits(entry) {
            return false;
        }
        self.key.clear();
        for dimension in &self.by {
            let name = dimension.of(entry);
            self.key.extend_from_slice(&name.len().to_le_bytes());
            self.key.extend_from_slice(name.as_bytes());
        }
        let place = match self.places.get(self.key.as_slice()) {
            Some(place) => *place,
            None => {
                let names = self
                    .by
                    .iter()
                    .map(|dimension| dimension.of(entry).into_owned());
                self.rows.push((names.collect(), Totals::default()));
                self.places
                    .insert(self.key.as_slice().into(), self.rows.len() - 1);
                self.rows.len() - 1
            }
        };
        self.rows[place].1.count(entry.cost);
        true
    }

    /// A cost record says something that nobody can read: it is in no sum, and the report says so.
    pub fn add_unreadable(&mut self) {
        self.unreadable += 1;
    }

    /// The sum of everything.
    pub fn total(&self) -> Totals {
        let mut total = Totals::default();
        self.rows.iter().for_each(|(_, totals)| total.add(totals));
        total
    }

    /// The sums, the dearest first; by day, the earliest first.
    ///
    /// What has no value for a dimension (a tool call has no model) is a row of its own, so that the rows of all dimensions add up to the same total.
    pub fn report(&self) -> Report {
        Report::new(&self.by, self.rows.clone(), self.total(), self.unreadable)
    }
}
