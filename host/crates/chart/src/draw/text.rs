//! How wide text is, and making it fit.
//!
//! A picture is laid out without a font at hand, so the widths of the font that nearly every viewer has (Helvetica, and Arial and Liberation
//! Sans, which share its metrics) are in a table; the SVG then asks for that font and states each text's length.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// Widths of `' '..='~'` in thousandths of the font's size, from Adobe's font metrics of Helvetica.
const REGULAR: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667,
    611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222, 500,
    222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];

/// The same of Helvetica Bold.
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556,
    556, 556, 556, 556, 556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667,
    611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667,
    667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278, 556,
    278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];

/// A line of text, indented `depth` times.
pub(super) fn push_line(out: &mut String, indent: &str, depth: usize, text: fmt::Arguments<'_>) {
    out.push_str(&indent.repeat(depth));
    // Writing to a string does not fail.
    let _ = out.write_fmt(text);
    out.push('\n');
}

/// A face and size of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Font {
    /// In pixels.
    pub size: i32,
    /// Whether it is bold.
    pub bold: bool,
}

impl Font {
    /// How wide `text` is, in whole pixels.
    pub fn width(self, text: &str) -> i32 {
        let thousandths: i32 = text.chars().map(|c| self.thousandths(c)).sum();
        (thousandths * self.size + 999) / 1000
    }

    fn thousandths(self, c: char) -> i32 {
        let table = if self.bold { &BOLD } else { &REGULAR };
        match c {
            ' '..='~' => i32::from(table[c as usize - ' ' as usize]),
            '…' | '→' | '←' | '↻' | '\u{fffd}' => 1000,
            '·' => 278,
            // Marks that stand on the letter before, and joiners.
            '\u{300}'..='\u{36f}'
            | '\u{591}'..='\u{5c7}'
            | '\u{64b}'..='\u{65f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{fe00}'..='\u{fe0f}' => 0,
            // East Asian scripts and pictographs are as wide as they are high, and a little more.
            '\u{1100}'..='\u{115f}'
            | '\u{2e80}'..='\u{a4cf}'
            | '\u{ac00}'..='\u{d7a3}'
            | '\u{f900}'..='\u{faff}'
            | '\u{fe30}'..='\u{fe6f}'
            | '\u{ff00}'..='\u{ffe6}' => 1000,
            '\u{2190}'..='\u{2bff}' | '\u{1f000}'..='\u{3ffff}' => 1250,
            _ if c.is_uppercase() => 740,
            _ => 640,
        }
    }

    /// `text`, cut off with an ellipsis where it is wider than `limit`.
    pub fn clip(self, text: &str, limit: i32) -> Cow<'_, str> {
        if self.width(text) <= limit {
            return text.into();
        }
        let room = limit * 1000 / self.size - self.thousandths('…');
        let mut used = 0;
        let fits = |(_, c): &(usize, char)| {
            used += self.thousandths(*c);
            used <= room
        };
        let end = text.char_indices().take_while(fits).last();
        let end = end.map_or(0, |(index, c)| index + c.len_utf8());
        format!("{}…", text[..end].trim_end()).into()
    }

    /// `text` in at most `rows` rows of at most `limit` pixels, broken between words; what does not fit is cut off.
    pub fn wrap(self, text: &str, limit: i32, rows: usize) -> Vec<String> {
        let mut done: Vec<String> = Vec::new();
        let mut row = String::new();
        let mut words = text.split(' ').peekable();
        while let Some(word) = words.next() {
            let longer = if row.is_empty() {
                word.to_owned()
            } else {
                format!("{row} {word}")
            };
            if row.is_empty() || self.width(&longer) <= limit {
                row = longer;
                continue;
            }
            if done.len() + 1 == rows {
                let rest: Vec<&str> = std::iter::once(word).chain(words).collect();
                row = format!("{row} {}", rest.join(" "));
                break;
            }
            done.push(std::mem::replace(&mut row, word.to_owned()));
        }
        if !row.is_empty() {
            done.push(row);
        }
        done.iter()
            .map(|row| self.clip(row, limit).into_owned())
            .collect()
    }
}

/// `text` without what no document may hold or what would turn the text around it: control characters, noncharacters and the overrides of
/// writing direction become `�`.
pub fn harmless(text: &str) -> Cow<'_, str> {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{fffe}' | '\u{ffff}' | '\u{202a}'..='\u{202e}' | '\u{2028}' | '\u{2029}' | '\u{2066}'..='\u{2069}')
    };
    if !text.contains(harmful) {
        return text.into();
    }
    text.replace(harmful, "\u{fffd}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FONT: Font = Font {
        size: 10,
        bold: false,
    };

    #[test]
    fn text_is_cut_and_broken_to_fit() {
        assert_eq!(FONT.width("turn.done"), 43);
        assert_eq!(FONT.clip("turn.done", 43), "turn.done");
        let cut = FONT.clip("turn.done and more", 50);
        assert!(cut.ends_with('…') && FONT.width(&cut) <= 50, "{cut}");
        assert_eq!(FONT.clip("wide", 1), "…");
        assert_eq!(FONT.wrap("one two three", 40, 3), ["one two", "three"]);
        let rows = FONT.wrap("one two three four five", 40, 2);
        assert_eq!(rows.len(), 2);
        assert!(
            rows[1].starts_with("three") && rows[1].ends_with('…'),
            "{rows:?}"
        );
        assert!(FONT.wrap("", 40, 2).is_empty());
    }

    #[test]
    fn what_would_break_a_document_is_replaced() {
        assert_eq!(harmless("a\u{0}b\u{202e}c"), "a\u{fffd}b\u{fffd}c");
        assert_eq!(harmless("שלום"), "שלום");
    }
}
