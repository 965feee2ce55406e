//! What a host of many runs is asked to do, and how what happens in it is watched.
//!
//! Whoever speaks to a host (the control socket, schedules, triggers, the verbs of the command line) knows [`Hosting`] and nothing behind it, so that the same
//! [`Command`] goes to a daemon over its socket and to a host within this process.

mod agents;
mod asked;
mod command;
mod control;
mod firings;
mod house;
mod instances;
mod mailbox;
mod watchers;

pub use command::{Answered, Command, Fire, FireHow, Hosting, Refused, RefusedCode, Watch};
pub use firings::{Fired, Firings, SINCE};
pub use house::{Host, Mode, Whom};
pub use watchers::{Seen, Watchers, Watching};
