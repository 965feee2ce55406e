//! Where components come from: fetching one, looking at it, and changing the house by it, all or nothing.
//!
//! Read in this order: `source` (what can be named), `fetch` and `oci` (its bytes, into a file that nobody uses yet), `look` (what the bytes are, with no
//! grants), `change` (the house's files, exchanged together or left as they were). What is pinned and signed is compared by `sandbox` at every load, and how
//! `house.yaml` and `house.lock` are written is known to `definitions`: neither is decided here.

mod change;
mod difference;
mod fetch;
mod key;
mod look;
mod oci;
mod source;
mod stage;

pub use change::Change;
pub use difference::Difference;
pub use fetch::{Fetched, Wanted, fetch};
pub use key::{Key, key};
pub use look::{Looked, before, look, needs};
pub use source::Source;
pub use stage::Staged;

/// The largest component that is fetched; the sandbox loads no longer one either.
pub const LARGEST: u64 = 64 << 20;
