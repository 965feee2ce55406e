//! A map report as a picture in plain text, for people. It has no colours, so there are none to switch off, and nothing that a terminal would obey: names and notes
//! come from strangers.

use crate::{ChunkReport, MapReport};
use std::fmt::Write;

/// Widest picture: text for people fits 100 columns.
const WIDEST: usize = 100;
/// Below this nothing can be told apart.
const NARROWEST: usize = 60;
/// Columns for `1234567/1234567` and its gap.
const FIGURES: usize = 17;
/// Columns for the share of the room.
const SHARE: usize = 6;

impl MapReport {
    /// Draw it in at most `width` columns (60 to 100): for each chunk its bar, its tokens and budget, what was trimmed and what there is to note; a rule shows
    /// where the stable prefix ends.
    pub fn render(&self, width: usize) -> String {
        let layout = Layout::of(self, width.clamp(NARROWEST, WIDEST));
        let mut text = self.heading(layout.width);
        let stable = self.stable_chunks().count();
        for (index, chunk) in self.chunks.iter().enumerate() {
            if index == stable && stable > 0 {
                layout.prefix_rule(self.stable_prefix(), &mut text);
            }
            layout.chunk(chunk, &mut text);
        }
        if stable == self.chunks.len() && stable > 0 {
            layout.prefix_rule(self.stable_prefix(), &mut text);
        }
        if self.total > 0 {
            let legend = [
                "█ sent before: the provider can have it cached,",
                "▒ sent anew,",
                "· budget left",
            ];
            let lines = filled(legend.into_iter(), layout.width);
            text = text + "\n" + &lines.join("\n") + "\n";
        }
        text
    }

    /// Tokens that may be sent.
    pub(crate) fn room(&self) -> u64 {
        self.limit.saturating_sub(self.reserve)
    }

    /// The whole in a sentence, on as many lines as the width asks for.
    fn heading(&self, width: usize) -> String {
        let parts = [
            format!(
                "{} of {} tokens used ({}),",
                self.total,
                self.room(),
                percent(self.total, self.room())
            ),
            format!("{} kept for the answer,", self.reserve),
            format!("{} expected cached,", self.cached),
            format!("counted by {}", printable(&self.estimator)),
        ];
        filled(parts.iter().map(String::as_str), width).join("\n") + "\n\n"
    }
}

/// A part of a whole, such as `87.7%`.
pub(crate) fn percent(part: u64, whole: u64) -> String {
    let (part, whole) = (u128::from(part), u128::from(whole));
    let tenths = (part * 1_000 + whole / 2).checked_div(whole).unwrap_or(0);
    format!("{}.{}%", tenths / 10, tenths % 10)
}

/// Lines of at most `width` columns, each with as many of the `parts` as fit into it. A part that is longer than a line is cut.
pub(crate) fn filled<'a>(parts: impl Iterator<Item = &'a str>, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut column = 0;
    for part in parts {
        let part = shortened(part, width);
        let length = part.chars().count();
        match lines.last_mut() {
            Some(line) if column + 1 + length <= width => {
                line.push(' ');
                line.push_str(&part);
                column += 1 + length;
            }
            _ => {
                lines.push(part);
                column = length;
            }
        }
    }
    lines
}

/// Columns of one picture.
struct Layout {
    width: usize,
    id: usize,
    source: usize,
    bar: usize,
    /// Tokens of a full bar.
    full: u64,
    room: u64,
}

impl Layout {
    fn of(report: &MapReport, width: usize) -> Self {
        let widest = |text: fn(&ChunkReport) -> &str, most: usize| {
            let widths = report
                .chunks
                .iter()
                .map(|chunk| text(chunk).chars().count());
            widths.max().unwrap_or(0).min(most)
        };
        let id = widest(|chunk| &chunk.id, width / 6);
        let source = widest(|chunk| &chunk.source, width / 5);
        let full = report
            .chunks
            .iter()
            .map(|chunk| chunk.tokens.max(chunk.budget.unwrap_or(0)));
        Layout {
            width,
            id,
            source,
            // Two gaps of two columns, and two around the bar.
            bar: width - id - source - FIGURES - SHARE - 5,
            full: full.max().unwrap_or(0).max(1),
            room: report.room(),
        }
    }

    fn chunk(&self, chunk: &ChunkReport, text: &mut String) {
        let figures = match chunk.budget {
            Some(budget) => format!("{}/{budget}", chunk.tokens),
            None => chunk.tokens.to_string(),
        };
        let line = format!(
            "{:id$}  {:source$}  {} {figures:>figures_width$}{:>share$}",
            shortened(&printable(&chunk.id), self.id),
            shortened(&printable(&chunk.source), self.source),
            self.bar(chunk),
            percent(chunk.tokens, self.room),
            id = self.id,
            source = self.source,
            figures_width = FIGURES,
            share = SHARE,
        );
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}", line.trim_end());
        if chunk.trimmed > 0 {
            let _ = writeln!(
                text,
                "{:id$}  ✂ {} tokens trimmed (priority {})",
                "",
                chunk.trimmed,
                chunk.priority,
                id = self.id
            );
        }
        let note = printable(chunk.note.as_deref().unwrap_or_default());
        for (index, line) in filled(note.split_whitespace(), self.width - self.id - 4)
            .iter()
            .enumerate()
        {
            let mark = if index == 0 { "! " } else { "  " };
            let _ = writeln!(text, "{:id$}  {mark}{line}", "", id = self.id);
        }
    }

    /// What was sent before in full blocks, what is sent anew in lighter ones, what of the budget is free in dots.
    fn bar(&self, chunk: &ChunkReport) -> String {
        let held = self.columns(chunk.tokens);
        let cached = match chunk.cached < chunk.tokens {
            // What is not all cached shows that, however little is missing.
            true => self.columns(chunk.cached).min(held.saturating_sub(1)),
            false => held,
        };
        let budget = self.columns(chunk.budget.unwrap_or(0)).max(held);
        format!(
            "{}{}{}{}",
            "█".repeat(cached),
            "▒".repeat(held - cached),
            "·".repeat(budget - held),
            " ".repeat(self.bar - budget)
        )
    }

    /// Columns for `tokens`; at least one for any.
    fn columns(&self, tokens: u64) -> usize {
        let columns = (u128::from(tokens) * self.bar as u128 / u128::from(self.full)) as usize;
        columns.max(usize::from(tokens > 0)).min(self.bar)
    }

    fn prefix_rule(&self, tokens: u64, text: &mut String) {
        let label = format!(" stable prefix: {tokens} tokens ");
        let rest = self.width.saturating_sub(label.chars().count() + 2);
        let _ = writeln!(text, "──{label}{}", "─".repeat(rest));
    }
}

/// `text` without what a terminal would obey.
pub(crate) fn printable(text: &str) -> String {
    let safe = |character: char| {
        if character.is_control() {
            '\u{fffd}'
        } else {
            character
        }
    };
    text.chars().map(safe).collect()
}

/// `text` in at most `width` columns, its end replaced by an ellipsis.
pub(crate) fn shortened(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let kept: String = text.chars().take(width.saturating_sub(1)).collect();
    format!("{kept}…")
}
