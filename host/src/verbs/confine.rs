//! `confine-command`: what the host starts itself for to run a native command, in a process that gives away everything the command must not have.

use crate::exit::Failure;
#[cfg(not(target_os = "linux"))]
use crate::exit::NOT_SO;

#[cfg(target_os = "linux")]
pub fn run(step: &str) -> Result<u8, Failure> {
    sandbox::confine_command(step);
    Ok(0)
}

#[cfg(not(target_os = "linux"))]
pub fn run(_: &str) -> Result<u8, Failure> {
    Err(Failure::new(
        NOT_SO,
        "only Linux has what confines a command",
    ))
}
