//! The ledger: what everything cost, on whose account, and what came of it.
//!
//! A pure fold of cost records into totals, by any dimensions, and of the records of workflows' instances into what was made and how well; and whether there is
//! enough left of what may be spent ([`budget`]). It reads no file,
//! asks no clock and knows neither the journal that the records come from nor the models that caused them. Money is decimal, never a float; amounts of
//! different currencies are never added.

pub mod budget;
mod compare;
mod csv;
mod day;
mod dimension;
mod entry;
mod fold;
mod quality;
mod report;
mod table;
mod totals;

pub use compare::{Comparison, Rated};
pub use csv::{entry as csv_of_entry, heading as csv_heading};
pub use dimension::{Dimension, NONE, UnknownDimension};
pub use entry::{Entry, Filter};
pub use fold::Ledger;
pub use quality::{Accepted, Case, Cases};
pub use report::{Report, Row};
pub use table::{money_notes, unreadable as unreadable_note};
pub use totals::Totals;

#[cfg(test)]
mod tests;
