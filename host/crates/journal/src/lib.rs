//! The journal: the append-only, hash-chained record of everything that a house's runs did.
//!
//! This is the only crate that names the database. It knows nothing of what the records mean: a kind and a JSON text go in, in one durable
//! commit, and come out again in order. Nothing here changes or removes a record; the one table that does change holds the plugins' own
//! key-value state, which shares the file so that a single sync makes both durable.
//!
//! | room | what it knows |
//! |---|---|
//! | [`journal`](self) | append, read, find runs |
//! | `chain` | what a record's hash covers |
//! | `verify` | how tampering is found |
//! | `schema` | tables, versions, how a connection is set up |
//! | `state` | the plugins' key-value store |
//! | `error` | what can go wrong, and what to do about it |

mod chain;
mod error;
mod journal;
mod schema;
mod state;
mod verify;

pub use error::JournalError;
pub use journal::{Journal, NewRecord, Record, RecordId, RunSummary, Which};
pub use state::PluginState;
pub use verify::Verification;

#[cfg(test)]
mod tests;
