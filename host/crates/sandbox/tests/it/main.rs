//! The sandbox against guests written to break out of it. Each limit is tested at the limit: take it out and its test fails.
//!
//! The guests are built by `cargo xtask test` (from `tests/guests`) into `target/guests`, the first-party plugins
//! (from `plugins`) into `target/plugins`.

mod boundaries;
mod common;
mod first_party;
mod generations;
mod limits;
mod loading;
mod summaries;
mod worlds;
