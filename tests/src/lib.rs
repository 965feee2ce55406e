//! What whole-system tests share: starting the real program, houses to start it in, and a server that plays a model.
//!
//! Nothing here links a part of charthouse: a test knows the program as a user does, by its command line, its files and its JSON.

mod calls;
mod controlled;
mod daemon;
mod house;
mod people;
mod program;
mod server;
mod tampering;
mod terminal;
mod told;
mod under_way;

pub use calls::{Calls, OPEN, fs_plugin, hostile};
pub use controlled::Controlled;
pub use daemon::{Daemon, resting, until};
pub use house::{House, Plan, share_cache};
pub use program::{
    Ran, charthouse, copy, guests, keys, plugins, program, repository, run, shared_cache,
};
pub use server::{Answer, Asked, ModelServer, Said, dead_address};
pub use tampering::{Links, Row, auditor, replace, rows, sql};
pub use terminal::Terminal;
pub use told::Told;
pub use under_way::{Held, UnderWay};
