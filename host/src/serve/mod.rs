//! The daemon's front end.

mod engine;
