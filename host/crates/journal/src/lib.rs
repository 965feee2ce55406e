//! The journal: the append-only, hash-chained record of everything that a house's runs did.
//!
//! This is the only crate that names the database. It knows nothing of what the records mean: a kind and a JSON text go in, in one durable
//! commit, and come out again in order. Nothing here changes or removes a record; a body can be taken out, and its hash stays. Two things beside the records do
//! change, and share the file so that a single sync makes all durable: the plugins' own key-value state, and the index of memories, which can be made anew from
//! the records.
//!
//! What is relied upon: the disk keeps what `fsync` said it has (`schema`), and files are locked between processes (`house`). What is promised: what an append returned
//! is there after a kill or a power cut; what is not there any more, or not as it was written, is an error or is found by [`Journal::verify`], and is never passed over.
//!
//! | room | what it knows |
//! |---|---|
//! | `record` | the nouns |
//! | [`journal`](self), `reading` | append, find runs, verify; read, over any store |
//! | `store` | what a store has to do |
//! | `sqlite` | the store that there is |
//! | `chain` | what a record's hash covers |
//! | `verify` | how tampering is found |
//! | `witness` | how the loss of the end is found |
//! | `salvage` | what is left of a damaged store, for whoever looks |
//! | `compact`, `archive` | bodies that are taken out |
//! | `schema`, `tables` | versions, tables, how a connection is set up |
//! | `state` | the plugins' key-value store |
//! | `memories` | the index of what agents remember |
//! | `error` | what can go wrong, and what to do about it |
//! | `faults` | a store that fails, for tests |

mod archive;
mod chain;
mod compact;
mod error;
#[cfg(any(test, feature = "faults"))]
pub mod faults;
mod house;
mod journal;
mod memories;
mod reading;
mod record;
mod salvage;
mod schema;
mod sqlite;
mod state;
mod store;
mod tables;
mod verify;
mod witness;

pub use chain::GENESIS;
pub use compact::{Bulk, Compacted, Compaction, EVIDENCE, is_evidence};
pub use error::JournalError;
pub use house::HouseLock;
pub use journal::Journal;
pub use memories::{MemoryIndex, MemoryRow, MemoryScope, MemoryWriter, Posting};
pub use record::{HOUSE_RUN, NewRecord, Record, RecordId, RunSummary, Which};
pub use salvage::Damage;
pub use sqlite::SqliteStore;
pub use state::PluginState;
pub use store::{Head, Scan, Store, Stored, Visit};
pub use verify::{ArchiveVerification, Verification};

#[cfg(test)]
mod tests;
