//! What whole-system tests share: starting the real program, houses to start it in, and a server that plays a model.
//!
//! Nothing here links a part of charthouse: a test knows the program as a user does, by its command line, its files and its JSON.

mod calls;
mod daemon;
mod house;
mod program;
mod server;
mod terminal;
mod told;
mod under_way;

pub use calls::{Calls, OPEN, fs_plugin, hostile};
pub use daemon::{Daemon, until};
pub use house::{House, Plan, share_cache};
pub use program::{
    Ran, charthouse, copy, guests, keys, plugins, program, repository, run, shared_cache,
};
pub use server::{Answer, Asked, ModelServer, Said, dead_address};
pub use terminal::Terminal;
pub use told::Told;
pub use under_way::{Held, UnderWay};
