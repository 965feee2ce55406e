//! How the verbs of the command line reach whoever hosts a house: over the control socket where a daemon serves it.
//!
//! Nothing here knows what a command means. [`place`] says where the socket lies, for both of its ends.

mod client;
pub mod place;

pub use client::Client;
