//! A map report as one HTML page, drawn like the map of a disk: the model's window from end to end, every chunk in proportion to what it takes of it.
//!
//! The page needs nothing but itself: no script, no font, no address. What can be seen with a pointer can be reached with the keyboard and read without
//! colours: every part is a link with a name, leads to its row in the table, and shows its details when it is pointed at or focused. Names, sources and notes
//! come from strangers: all that is not written here passes [`escape`].

mod escape;
mod map;
mod table;

use crate::render::percent;
use crate::{ChunkReport, MapReport};
use escape::{escape, isolated};
use std::fmt::Write;

const STYLE: &str = include_str!("style.css");

impl MapReport {
    /// Draw it as one self-contained HTML page with this title.
    pub fn html(&self, title: &str) -> String {
        let mut page = String::with_capacity(16 * 1_024 + 2_048 * self.chunks.len());
        let name = escape(title);
        // Writing to a String cannot fail, here and below.
        let _ = write!(
            page,
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <meta name=\"color-scheme\" content=\"light dark\">\n\
             <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
             <meta name=\"generator\" content=\"charthouse\">\n\
             <title>{name}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>\n\
             <header>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n</header>\n",
            isolated(title),
            self.lead(),
        );
        self.figures(&mut page);
        map::draw(self, &mut page);
        table::draw(self, &mut page);
        let _ = write!(
            page,
            "<footer>Counted by {}.</footer>\n</main>\n</body>\n</html>\n",
            isolated(&self.estimator)
        );
        page
    }

    /// The whole in one sentence.
    fn lead(&self) -> String {
        let full = self.chunks.iter().filter(|chunk| chunk.tokens > 0).count();
        let parts = if full == 1 {
            "chunk fills"
        } else {
            "chunks fill"
        };
        format!(
            "{full} {parts} {} of the {} tokens that the model can read at once, beside its answer.",
            percent(self.total, self.room()),
            number(self.room()),
        )
    }

    fn figures(&self, page: &mut String) {
        page.push_str("<dl class=\"figures\">\n");
        let trimmed: u64 = self
            .chunks
            .iter()
            .map(|chunk| chunk.trimmed)
            .fold(0, u64::saturating_add);
        let counting = match &self.calibration {
            Some(calibration) => (
                format!("× {:.2}", calibration.factor),
                format!(
                    "learnt from {}{}",
                    counted(calibration.samples, "reply", "replies"),
                    calibration.error.map_or_else(String::new, |error| format!(
                        ", off by {:.1}%",
                        error * 100.0
                    ))
                ),
            ),
            None => (
                "estimate".to_owned(),
                "not compared with the provider yet".to_owned(),
            ),
        };
        let free = self.free();
        for (name, value, more) in [
            (
                "Sent",
                number(self.total),
                format!("tokens, {} of the room", percent(self.total, self.room())),
            ),
            (
                "Expected cached",
                number(self.cached),
                format!(
                    "tokens, {} of what is sent",
                    percent(self.cached, self.total)
                ),
            ),
            ("Trimmed", number(trimmed), "tokens left out".to_owned()),
            (
                "Free",
                number(free),
                format!("tokens, {} of the room", percent(free, self.room())),
            ),
            (
                "Kept for the answer",
                number(self.reserve),
                format!("of a window of {}", number(self.limit)),
            ),
            ("Counting", counting.0, counting.1),
        ] {
            let _ = writeln!(
                page,
                "<div><dt>{name}</dt><dd>{value}<small>{more}</small></dd></div>"
            );
        }
        page.push_str("</dl>\n");
    }

    /// Tokens that could still be sent.
    fn free(&self) -> u64 {
        self.room().saturating_sub(self.total)
    }
}

/// The family that a chunk's source belongs to: a class of the style, and its name in the legend.
fn kind(chunk: &ChunkReport) -> (&'static str, &'static str) {
    match chunk.source.split(':').next().unwrap_or_default() {
        "tools" => ("tools", "tools"),
        "history" => ("history", "conversation"),
        "memory" => ("memory", "memory"),
        "slot" => ("states", "active states"),
        "plugin" => ("plugin", "plugins"),
        _ => ("text", "texts and files"),
    }
}

/// A number as people read it, in groups of three.
fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() * 2);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            // A narrow space at which no line breaks.
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// `1 reply`, `2 replies`.
fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{} {}", number(count), if count == 1 { one } else { many })
}

/// A part of a whole for the style sheet, in percent.
fn width(part: u64, whole: u64) -> String {
    let hundredths = u128::from(part.min(whole)) * 10_000 / u128::from(whole.max(1));
    format!("{}.{:02}%", hundredths / 100, hundredths % 100)
}
