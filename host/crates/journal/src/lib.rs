//! The journal: the append-only, hash-chained record of everything that a house's runs did.
//!
//! This is the only crate that names the database. It knows nothing of what the records mean: a kind and a JSON text go in, in one durable
//! commit, and come out again in order. Nothing here changes or removes a record. Two things beside the records do change, and share the file so that a
//! single sync makes all durable: the plugins' own key-value state, and the index of memories, which can be made anew from the records.
//!
//! | room | what it knows |
//! |---|---|
//! | [`journal`](self) | append, read, find runs |
//! | `chain` | what a record's hash covers |
//! | `verify` | how tampering is found |
//! | `schema` | tables, versions, how a connection is set up |
//! | `state` | the plugins' key-value store |
//! | `memories` | the index of what agents remember |
//! | `lock` | one process at a time for a run |
//! | `error` | what can go wrong, and what to do about it |

mod chain;
mod error;
mod journal;
mod lock;
mod memories;
mod schema;
mod state;
mod verify;

pub use error::JournalError;
pub use journal::{HOUSE_RUN, Journal, NewRecord, Record, RecordId, RunSummary, Which};
pub use lock::RunLock;
pub use memories::{MemoryRow, MemoryScope, MemoryWriter, Posting};
pub use state::PluginState;
pub use verify::Verification;

#[cfg(test)]
mod tests;
