//! A passphrase from the terminal, which does not show what is typed.

use crate::exit::{Failure, USAGE};
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;

/// The passphrase of the key in `path`.
///
/// # Errors
/// Where there is no terminal to ask on.
pub fn ask(path: &Path) -> Result<String, Failure> {
    let none = |why: &dyn std::fmt::Display| {
        Failure::new(USAGE, format!("the key {} has a passphrase, and nobody can be asked for it: {why}", path.display()))
            .help("ask on a terminal; or sign elsewhere, with --print-statement, then --statement FILE --signature FILE")
    };
    let terminal = File::options().read(true).write(true).open("/dev/tty");
    let mut terminal = terminal.map_err(|error| none(&error))?;
    let before = tcgetattr(&terminal).map_err(|error| none(&error))?;
    let mut quiet = before.clone();
    quiet.local_modes.remove(LocalModes::ECHO);
    let restored = Restored(&terminal, &before);
    tcsetattr(&terminal, OptionalActions::Flush, &quiet).map_err(|error| none(&error))?;
    let mut line = String::new();
    let shown = format!("Passphrase of {}: ", path.display());
    (&terminal)
        .write_all(shown.as_bytes())
        .map_err(|error| none(&error))?;
    let read = BufReader::new(&terminal).read_line(&mut line);
    drop(restored);
    // The line's end was not shown either.
    let _ = terminal.write_all(b"\n");
    read.map_err(|error| none(&error))?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// Shows again what is typed when it goes.
struct Restored<'t>(&'t File, &'t Termios);

impl Drop for Restored<'_> {
    fn drop(&mut self) {
        // There is nobody to tell where it fails.
        let _ = tcsetattr(self.0, OptionalActions::Flush, self.1);
    }
}
