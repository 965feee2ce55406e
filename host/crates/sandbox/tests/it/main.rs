//! The sandbox against guests written to break out of it. Each limit is tested at the limit: take it out and its test fails.
//!
//! The guests are built by `cargo xtask test` (from `tests/guests`) into `target/guests`, the first-party plugins
//! (from `plugins`) into `target/plugins`.

mod anywasm;
mod attacks;
mod bombs;
mod boundaries;
mod common;
mod determinism;
mod first_party;
mod generations;
mod hard_links;
mod hidden;
mod limits;
mod loading;
mod network;
mod staged;
mod storms;
mod summaries;
mod worlds;
mod written;
