//! Texts that are no definitions, line by line.

use super::{Line, Mark};
use crate::grants::Weight;
use similar::{ChangeTag, TextDiff};

/// The differences of the file `name`.
pub(super) fn compare(
    name: &str,
    before: Option<&str>,
    after: Option<&str>,
    lines: &mut Vec<Line>,
) {
    let mut add = |mark, what: String, before: Option<String>, after: Option<String>| {
        lines.push(Line {
            mark,
            weight: Weight::Plain,
            what,
            before,
            after,
        });
    };
    match (before, after) {
        (None, None) => {}
        (None, Some(text)) => add(
            Mark::Added,
            format!("the file {name}"),
            None,
            Some(text.to_owned()),
        ),
        (Some(text), None) => {
            add(
                Mark::Removed,
                format!("the file {name}"),
                Some(text.to_owned()),
                None,
            );
        }
        (Some(one), Some(other)) => {
            let diff = TextDiff::from_lines(one, other);
            for group in diff.grouped_ops(0) {
                let (mut was, mut is, mut place) = (String::new(), String::new(), None);
                for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
                    place = place.or(change.new_index().or(change.old_index()));
                    match change.tag() {
                        ChangeTag::Delete => was.push_str(&visible(change.value())),
                        ChangeTag::Insert => is.push_str(&visible(change.value())),
                        ChangeTag::Equal => {}
                    }
                }
                let some = |text: String| (!text.is_empty()).then_some(text);
                let mark = match (was.is_empty(), is.is_empty()) {
                    (true, false) => Mark::Added,
                    (false, true) => Mark::Removed,
                    _ => Mark::Changed,
                };
                let line = place.map_or(0, |line| line + 1);
                add(mark, format!("{name}, line {line}"), some(was), some(is));
            }
        }
    }
}

/// A line in which nothing hides: line ends other than `\n`, tabs and spaces at its end are spelt out.
fn visible(line: &str) -> String {
    let (body, end) = match line.strip_suffix('\n') {
        Some(body) => (body, "\n"),
        None => (line, " [no line end]\n"),
    };
    let trimmed = body.trim_end_matches([' ', '\t', '\r']);
    let tail: String = body[trimmed.len()..]
        .chars()
        .map(|c| match c {
            '\t' => "\\t".to_owned(),
            '\r' => "\\r".to_owned(),
            _ => "\u{b7}".to_owned(),
        })
        .collect();
    let body: String = trimmed
        .chars()
        .map(|c| match c {
            '\t' => "\t".to_owned(),
            c if c.is_control() || is_invisible(c) => format!("\\u{{{:x}}}", c as u32),
            c => c.to_string(),
        })
        .collect();
    format!("{body}{tail}{end}")
}

/// What a person would not see, or would see as something else.
pub(super) fn is_invisible(c: char) -> bool {
    matches!(
        c as u32,
        0xad | 0x34f | 0x61c | 0x115f..=0x1160 | 0x17b4..=0x17b5 | 0x180b..=0x180f | 0x200b..=0x200f | 0x202a..=0x202e
            | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f | 0xfeff | 0xffa0 | 0xe0000..=0xe0fff
    )
}
