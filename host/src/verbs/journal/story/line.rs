//! A line of a story: number, time, how deep it stands, its kind, and the words, cut to fit unless all is wanted.

use crate::print::{DIM, Paint, plain, shorten};
use types::Timestamp;
use unicode_width::UnicodeWidthStr;

use crate::verbs::journal::when::Zone;

/// Columns of a line that is cut to fit.
const COLUMNS: usize = 100;
/// What is left of somebody's text however long the rest of its line is.
const SHORTEST: usize = 24;
/// Columns of whose record it is, where many runs are told together.
const WHOSE: usize = 20;

/// What is said of a record.
pub struct Words {
    /// How deep: 0 for what happens to the run, 1 for an inference, 2 for a call.
    pub level: usize,
    /// What is never cut.
    pub head: String,
    /// Somebody's text, of which the beginning does.
    pub tail: Option<Tail>,
    /// The style of the kind.
    pub style: &'static str,
}

/// Somebody's text, and what sets it off.
pub struct Tail {
    pub sep: &'static str,
    pub text: String,
}

impl Words {
    /// Words without a text.
    pub fn new(level: usize, head: impl Into<String>) -> Self {
        Words {
            level,
            head: head.into(),
            tail: None,
            style: "",
        }
    }

    /// The same in `style`.
    pub fn style(mut self, style: &'static str) -> Self {
        self.style = style;
        self
    }
}

/// How lines are laid out.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    pub zone: &'a Zone,
    pub paint: Paint,
    /// Nothing cut short.
    pub full: bool,
}

impl Layout<'_> {
    /// The line of the record `seq`. With `whose`, many runs are told together.
    pub fn line(
        &self,
        seq: u64,
        time: Timestamp,
        whose: Option<&str>,
        kind: &str,
        words: &Words,
    ) -> String {
        let (number, clock) = (format!("{seq:>6}"), self.zone.clock(time));
        let mut width = 22;
        let whose = whose.map_or_else(String::new, |whose| {
            width += WHOSE + 1;
            format!("{:<WHOSE$} ", shorten(&one_line(whose), WHOSE))
        });
        let indent = "  ".repeat(words.level);
        let kind = format!("{:<8}", one_line(kind));
        let head = one_line(&words.head);
        width += indent.len() + kind.width() + 1 + head.width();
        let tail = match &words.tail {
            None => String::new(),
            Some(tail) if self.full => format!("{}{}", tail.sep, below(&tail.text)),
            Some(tail) => {
                let room = COLUMNS.saturating_sub(width + tail.sep.len()).max(SHORTEST);
                let text = one_line(tail.text.trim());
                match text.is_empty() {
                    true => String::new(),
                    false => format!("{}{}", tail.sep, shorten(&text, room)),
                }
            }
        };
        let paint = self.paint;
        let mut line = format!(
            "{}  {}  {}{indent}{} {head}{tail}",
            paint.with(DIM, &number),
            paint.with(DIM, &clock),
            paint.with(DIM, &whose),
            paint.with(words.style, &kind),
        );
        line.truncate(line.trim_end().len());
        line
    }
}

/// `text` on one line, without what could speak to the terminal.
pub fn one_line(text: &str) -> String {
    plain(text)
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// A text of many lines, those after the first set in.
fn below(text: &str) -> String {
    plain(text.trim_end()).replace('\n', "\n                        ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_cut_to_fit_and_says_nothing_to_the_terminal() {
        let zone = Zone::new(true);
        let layout = Layout {
            zone: &zone,
            paint: Paint::new(false),
            full: false,
        };
        let mut words = Words::new(2, "fs.write");
        words.tail = Some(Tail {
            sep: " ",
            text: format!("\u{1b}[2Ja\nb\u{202e}{}", "日本".repeat(100)),
        });
        let line = layout.line(7, Timestamp(0), None, "call", &words);
        assert!(
            line.starts_with(
                "     7  00:00:00.000      call     fs.write \u{fffd}[2Ja b\u{fffd}日本"
            ),
            "{line}"
        );
        assert!(line.width() <= COLUMNS && line.ends_with('…'), "{line}");
        assert!(!line.contains(['\u{1b}', '\n', '\u{202e}']));
    }
}
