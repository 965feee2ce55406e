//! Differences as a person reads them: what was on the left, what is on the right, and in red what makes more possible.

use super::{Comparison, Diff, Line, Mark};
use crate::grants::Weight;
use serde_json::{Value as Json, json};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// How something is to be shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it is.
    Plain,
    /// A title.
    Title,
    /// What is new.
    Added,
    /// What is gone.
    Removed,
    /// What makes more possible: red.
    Widens,
    /// What makes less possible.
    Narrows,
    /// Of less interest.
    Dim,
}

/// Columns below which nothing is set side by side.
const NARROW: usize = 60;

impl Comparison {
    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The comparison as text of at most `width` columns; `paint` puts styles on it, or none.
    pub fn text(&self, width: usize, paint: &dyn Fn(Tone, &str) -> String) -> String {
        let mut text = String::new();
        for diff in &self.items {
            text.push_str(&diff.text(width, paint));
            text.push('\n');
        }
        if self.is_empty() {
            text.push_str("nothing differs\n");
            return text;
        }
        text.push_str(&paint(Tone::Title, "what agents may do otherwise"));
        text.push('\n');
        if self.grants.is_empty() {
            let words = "nothing: every agent is granted what it was granted";
            for line in wrap(words, width.saturating_sub(2).max(20)) {
                text.push_str(&format!("  {line}\n"));
            }
        }
        for change in &self.grants {
            let (sign, tone) = match change.weight {
                Weight::Widens => ("! WIDER  ", Tone::Widens),
                Weight::Narrows => ("  less   ", Tone::Narrows),
                Weight::Plain => ("         ", Tone::Plain),
            };
            for (number, line) in wrap(&change.to_string(), width.saturating_sub(11).max(20))
                .iter()
                .enumerate()
            {
                let sign = if number == 0 { sign } else { "         " };
                text.push_str(&format!(
                    "  {}\n",
                    paint(tone, format!("{sign}{line}").trim_end())
                ));
            }
        }
        text
    }

    /// The same for a program.
    pub fn to_json(&self) -> Json {
        let items: Vec<Json> = self.items.iter().map(Diff::to_json).collect();
        let wider = self
            .grants
            .iter()
            .any(|change| change.weight == Weight::Widens);
        let lines = self.items.iter().flat_map(|diff| &diff.lines);
        json!({
            "items": items,
            "grants": self.grants,
            "widens": wider || lines.clone().any(|line| line.weight == Weight::Widens),
            "layout_only": !self.is_empty() && lines.clone().all(|line| line.mark == Mark::Layout),
        })
    }
}

impl Diff {
    /// The differences as text of at most `width` columns.
    pub fn text(&self, width: usize, paint: &dyn Fn(Tone, &str) -> String) -> String {
        let title = format!("{}  {} → {}", self.item, self.from.short(), self.to.short());
        let mut text = format!("{}\n", paint(Tone::Title, &title));
        for line in &self.lines {
            line.write(&mut text, width, paint);
        }
        text
    }

    /// The same for a program.
    pub fn to_json(&self) -> Json {
        // Nothing in it has keys that are no texts.
        serde_json::to_value(self).unwrap_or(Json::Null)
    }
}

impl Line {
    fn write(&self, text: &mut String, width: usize, paint: &dyn Fn(Tone, &str) -> String) {
        let (sign, word) = match self.mark {
            Mark::Added => ('+', ""),
            Mark::Removed => ('-', ""),
            Mark::Changed => ('~', ""),
            Mark::Renamed => ('>', " is renamed"),
            Mark::Moved => ('^', " is ordered otherwise"),
            Mark::Layout => ('=', ""),
        };
        let (tone, note) = match (self.weight, self.mark) {
            (Weight::Widens, _) => (Tone::Widens, "  ! may widen"),
            (Weight::Narrows, _) => (Tone::Narrows, ""),
            (_, Mark::Added) => (Tone::Added, ""),
            (_, Mark::Removed) => (Tone::Removed, ""),
            (_, Mark::Layout) => (Tone::Dim, ""),
            _ => (Tone::Plain, ""),
        };
        for (number, line) in wrap(
            &format!("{}{word}{note}", self.what),
            width.saturating_sub(4).max(20),
        )
        .iter()
        .enumerate()
        {
            let head = if number == 0 { sign } else { ' ' };
            text.push_str(&format!("  {}\n", paint(tone, &format!("{head} {line}"))));
        }
        if width < NARROW {
            for (side, tone) in [(&self.before, Tone::Removed), (&self.after, Tone::Added)] {
                for line in side
                    .iter()
                    .flat_map(|side| wrap(side, width.saturating_sub(6).max(10)))
                {
                    text.push_str(&format!("      {}\n", paint(tone, &line)));
                }
            }
            return;
        }
        let column = (width - 9) / 2;
        let lines = |side: &Option<String>| {
            side.as_deref()
                .map(|side| wrap(side, column))
                .unwrap_or_default()
        };
        let (left, right) = (lines(&self.before), lines(&self.after));
        for at in 0..left.len().max(right.len()) {
            let left = left.get(at).map_or("", String::as_str);
            let right = right.get(at).map_or("", String::as_str);
            let room = " ".repeat(column.saturating_sub(left.width()));
            let (left, right) = (paint(Tone::Removed, left), paint(Tone::Added, right));
            text.push_str(format!("      {left}{room} │ {right}").trim_end());
            text.push('\n');
        }
    }
}

/// `text` in lines of at most `width` columns, broken at spaces where there are some; nothing of it is left out.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    for whole in text.trim_end_matches('\n').split('\n') {
        let (mut line, mut columns, mut space) = (String::new(), 0, None);
        for c in whole.chars() {
            let c = if c == '\t' { ' ' } else { c };
            // What a terminal would act on has been spelt out or is replaced here.
            let c = if c.is_control() { '\u{fffd}' } else { c };
            let wide = c.width().unwrap_or(0);
            if columns + wide > width && !line.is_empty() {
                let rest = match space {
                    Some(at) if c != ' ' => line.split_off(at),
                    _ => String::new(),
                };
                lines.push(std::mem::take(&mut line).trim_end().to_owned());
                line = rest.trim_start().to_owned();
                columns = line.width();
                space = None;
                if c == ' ' && line.is_empty() {
                    continue;
                }
            }
            line.push(c);
            columns += wide;
            if c == ' ' {
                space = Some(line.len());
            }
        }
        lines.push(line);
    }
    lines
}
