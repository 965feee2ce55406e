//! Printing: to a person or to a program, and quietly when nobody listens any more.

use crate::exit::{Failure, NOT_SO};
use serde::Serialize;
use std::io::{IsTerminal, Write};

/// Styles, as terminals number them.
pub const BOLD: &str = "1";
pub const DIM: &str = "2";
pub const RED: &str = "1;31";
pub const GREEN: &str = "32";
pub const YELLOW: &str = "33";
pub const CYAN: &str = "36";

/// Puts styles on text, or leaves it as it is.
#[derive(Clone, Copy)]
pub struct Paint {
    color: bool,
}

impl Paint {
    /// With styles, or without.
    pub fn new(color: bool) -> Self {
        Paint { color }
    }

    /// `text` in `style`.
    pub fn with(self, style: &str, text: &str) -> String {
        match self.color && !text.is_empty() {
            true => format!("\u{1b}[{style}m{text}\u{1b}[0m"),
            false => text.to_owned(),
        }
    }
}

/// Whether diagnostics may be coloured.
pub fn color_on_stderr() -> bool {
    color_wanted() && std::io::stderr().is_terminal()
}

/// Whether what is printed may be coloured.
pub fn color_on_stdout() -> bool {
    color_wanted() && std::io::stdout().is_terminal()
}

fn color_wanted() -> bool {
    std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Write `text` to standard error. When nobody can read it there is nobody to tell, and what the program does must not depend on that.
pub fn err(text: &str) {
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// `text` without the control characters by which a guest, a model or a file name could speak to the terminal itself.
pub fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    let harmless = |c: char| !c.is_control() || c == '\n' || c == '\t';
    if text.chars().all(harmless) {
        return text.into();
    }
    let shown = |c: char| if harmless(c) { c } else { '\u{fffd}' };
    text.chars().map(shown).collect::<String>().into()
}

/// Write `text` to standard output. A reader that has gone away is no error.
pub fn out(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
            NOT_SO,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Write `value` as one line of JSON.
pub fn json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value)
        .map_err(|error| Failure::new(NOT_SO, format!("cannot write JSON: {error}")))?;
    text.push('\n');
    out(&text)
}
