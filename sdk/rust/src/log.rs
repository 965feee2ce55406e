//! Lines for the operator. They reach the host's log and the journal, never the model, and count against the call's `output` limit.
//!
//! Natively (in unit tests) lines go to standard error.

pub use crate::bindings::imports::charthouse::plugin::log::Level;

/// Write `message` at `level`.
pub fn write(level: Level, message: &str) {
    #[cfg(target_os = "wasi")]
    crate::bindings::imports::charthouse::plugin::log::write(level, message);
    #[cfg(not(target_os = "wasi"))]
    eprintln!("{level:?}: {message}");
}

/// A line for the plugin's author.
pub fn debug(message: impl AsRef<str>) {
    write(Level::Debug, message.as_ref());
}

/// A line worth knowing.
pub fn info(message: impl AsRef<str>) {
    write(Level::Info, message.as_ref());
}

/// A line about something that is off.
pub fn warn(message: impl AsRef<str>) {
    write(Level::Warn, message.as_ref());
}

/// A line about something that failed.
pub fn error(message: impl AsRef<str>) {
    write(Level::Error, message.as_ref());
}
