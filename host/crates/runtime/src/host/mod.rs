//! What a host of many runs is asked to do, and how what happens in it is watched.
//!
//! Whoever speaks to a host (the control socket, schedules, triggers, the verbs of the command line) knows [`Hosting`] and nothing behind it, so that the same
//! [`Command`] goes to a daemon over its socket and to a host within this process.

mod acts;
mod agents;
mod asked;
mod beginning;
mod candidate;
mod changes;
mod clock;
mod command;
mod control;
mod differences;
mod evidence;
mod firings;
mod house;
mod instances;
mod intent;
mod mailbox;
mod shown;
mod story;
mod vouch;
mod watchers;

pub use command::{
    Answered, ChangeAct, ChangeDeed, Command, Fire, FireHow, Hosting, Refused, RefusedCode, Signed,
    Watch,
};
pub use firings::{Fired, Firings, SINCE};
pub use house::{Host, Mode, Whom};
pub use shown::look;
pub use watchers::{Seen, Watchers, Watching};
