//! Printing: to a person or to a program, and quietly when nobody listens any more.

pub mod behind;

use crate::exit::{Failure, NOT_SO};
use serde::Serialize;
use std::io::{IsTerminal, Write};
use std::sync::mpsc::Sender;
use std::sync::{Mutex, MutexGuard};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

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
    takes_controls() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Whether the terminal understands control sequences.
pub fn takes_controls() -> bool {
    std::env::var_os("TERM").is_none_or(|terminal| terminal != "dumb")
}

/// Who prints to the terminal while a line is edited on it.
static EDITOR: Mutex<Option<Sender<String>>> = Mutex::new(None);

fn editor() -> MutexGuard<'static, Option<Sender<String>>> {
    EDITOR.lock().unwrap_or_else(|broken| broken.into_inner())
}

/// Write `text` to standard error. When nobody can read it there is nobody to tell, and what the program does must not depend on that.
///
/// While a line is edited, whoever shows that line prints the text above it.
pub fn err(text: &str) {
    match &*editor() {
        Some(editor) if editor.send(text.to_owned()).is_ok() => {}
        _ => err_at_once(text),
    }
}

/// As [`err`], for whoever edits the line: nothing is edited at the moment.
pub fn err_at_once(text: &str) {
    if let Some(behind) = behind::err() {
        return behind.say(text);
    }
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}

/// From now on a line is edited on the terminal; what is to be printed goes to `printer`.
pub fn lend_terminal(printer: Sender<String>) {
    *editor() = Some(printer);
}

/// No line is edited any more.
pub fn take_terminal_back() {
    *editor() = None;
}

/// Whether a line is edited on the terminal.
pub fn terminal_is_lent() -> bool {
    editor().is_some()
}

/// Standard error for those who want a writer.
pub struct Stderr;

impl Write for Stderr {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        err(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// `text` on one line that is no wider than the terminal, so that it can be taken away again.
pub fn one_line(text: &str) -> String {
    cut(text, columns().saturating_sub(1))
}

fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    match size.map_or(0, |size| size.ws_col) {
        0 => 80,
        columns => columns.into(),
    }
}

/// As much of `text` as has room in so many columns, with a mark where some of it is left out.
pub fn shorten(text: &str, room: usize) -> String {
    if text.width() <= room {
        return text.to_owned();
    }
    let mut wide = 0;
    let mut cut: String = text
        .chars()
        .take_while(|c| {
            wide += c.width().unwrap_or(0);
            wide < room
        })
        .collect();
    cut.push('…');
    cut
}

/// `text` without control characters, cut after so many columns.
fn cut(text: &str, columns: usize) -> String {
    let mut wide = 0;
    plain(text)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take_while(|c| {
            wide += c.width().unwrap_or_default();
            wide <= columns
        })
        .collect()
}

/// Characters that nobody sees but that change what is seen: they turn the direction of a line around, or hide text in it. The joiners of scripts and emoji
/// are none of them.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}'
            | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}'
    )
}

/// `text` without the control characters by which a guest, a model or a file name could speak to the terminal itself, or show a person something else than
/// what is there.
pub fn plain(text: &str) -> std::borrow::Cow<'_, str> {
    let harmless = |c: char| c == '\n' || c == '\t' || !(c.is_control() || is_invisible(c));
    if text.chars().all(harmless) {
        return text.into();
    }
    let shown = |c: char| if harmless(c) { c } else { '\u{fffd}' };
    text.chars().map(shown).collect::<String>().into()
}

/// Write `text` to standard output. A reader that has gone away is no error.
pub fn out(text: &str) -> Result<(), Failure> {
    if let Some(behind) = behind::out() {
        behind.say(text);
        return Ok(());
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_shown() {
        assert_eq!(
            plain("a\u{202e}b\u{2066}c\u{200b}\u{1b}[2J\n"),
            "a\u{fffd}b\u{fffd}c\u{fffd}\u{fffd}[2J\n"
        );
        let family = "\u{1f468}\u{200d}\u{1f469} می\u{200c}خواهم";
        assert_eq!(plain(family), family);
    }

    #[test]
    fn a_line_is_cut_by_its_width() {
        assert_eq!(cut("abcdef", 4), "abcd");
        assert_eq!(cut("日本語", 5), "日本");
        assert_eq!(cut("a\nb\tc", 9), "a b c");
    }
}
