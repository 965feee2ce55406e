//! JSON stays JSON: where the whole text is JSON, secrets are taken out of its strings only, and no escape is cut in two.

use crate::text::Found;
use serde::de::IgnoredAny;

/// `found` as it may be taken out of `text`.
pub fn within_strings(text: &str, found: Vec<Found>) -> Vec<Found> {
    let begins = text.trim_start().as_bytes().first();
    let may_be = matches!(begins, Some(b'{' | b'[' | b'"'));
    if !may_be || serde_json::from_str::<IgnoredAny>(text).is_err() {
        return found;
    }
    let mut within = Vec::with_capacity(found.len());
    let mut waiting = found.into_iter().peekable();
    for mut string in Strings::new(text.as_bytes()) {
        while let Some(next) = waiting.peek_mut() {
            if next.start < string.end
                && let Some(part) = string.part(text.as_bytes(), next)
            {
                within.push(part);
            }
            if next.end > string.end {
                break;
            }
            waiting.next();
        }
    }
    within
}

/// The inside of one string literal.
struct Inside {
    end: usize,
    /// How far escapes have been walked; what is asked for comes in order.
    walked: usize,
}

impl Inside {
    /// The part of `found` that is in here, made longer where it would cut an escape.
    fn part(&mut self, bytes: &[u8], found: &Found) -> Option<Found> {
        let (mut start, mut end) = (found.start.max(self.walked), found.end.min(self.end));
        if start >= end {
            return None;
        }
        let mut at = self.walked;
        while at < end {
            let next = at + escape_length(bytes, at);
            if at < start && start < next {
                start = at;
            }
            if end < next {
                end = next;
            }
            at = next;
        }
        self.walked = at;
        Some(Found {
            start,
            end,
            ..*found
        })
    }
}

fn escape_length(bytes: &[u8], at: usize) -> usize {
    match (bytes[at], bytes.get(at + 1)) {
        (b'\\', Some(b'u')) => 6,
        (b'\\', _) => 2,
        _ => 1,
    }
}

/// The string literals of JSON that is known to be right.
struct Strings<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Strings<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Strings { bytes, at: 0 }
    }
}

impl Iterator for Strings<'_> {
    type Item = Inside;

    fn next(&mut self) -> Option<Inside> {
        let quote = |from: usize| {
            self.bytes[from..]
                .iter()
                .position(|byte| *byte == b'"')
                .map(|n| from + n)
        };
        let start = quote(self.at)? + 1;
        let mut end = start;
        while self.bytes.get(end).is_some_and(|byte| *byte != b'"') {
            end += escape_length(self.bytes, end);
        }
        self.at = (end + 1).min(self.bytes.len());
        Some(Inside { end, walked: start })
    }
}
