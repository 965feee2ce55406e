//! Where strings end: each language has its own ways, and each way is one small function over bytes.

use super::Lexer;
use crate::languages::{Quote, Raw};
use memchr::{memchr, memchr2, memmem};

/// Words behind which a `/` begins a regular expression.
pub const OPERATORS: [&str; 18] = [
    "return", "typeof", "case", "in", "of", "delete", "void", "throw", "new", "else", "do", "and",
    "or", "not", "if", "unless", "while", "when",
];

/// The most hashes around a raw string, and the longest regular expression. Without a bound, a line made for it would be read again and again.
const HASHES_MAX: usize = 64;
const REGEX_MAX: usize = 1_000;
/// The longest piece of program in a string.
const INSIDE_MAX: usize = 500;

/// The longest character literal: an escape such as `'\u{10FFFF}'`.
const CHARACTER_MAX: usize = 14;

/// A text that begins on the next line and ends with a word on a line of its own.
pub struct Heredoc<'a> {
    word: &'a [u8],
    indented: bool,
}

impl Heredoc<'_> {
    /// How many bytes of `rest`, which begins on the line after, belong to it.
    pub fn end(&self, rest: &[u8]) -> usize {
        let mut at = 0;
        while at < rest.len() {
            let length = memchr(b'\n', &rest[at..]).map_or(rest.len() - at, |found| found + 1);
            let mut line = &rest[at..at + length];
            if self.indented {
                line = line.trim_ascii_start();
            }
            // What follows the word (`;`, `)`) belongs to the program again.
            if let Some(after) = line.strip_prefix(self.word)
                && !after
                    .first()
                    .is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
            {
                return at + length - after.len();
            }
            at += length;
        }
        rest.len()
    }
}

/// The end of a comment that may hold others.
pub fn nested_end(rest: &[u8], open: &[u8], close: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        if rest[at..].starts_with(open) {
            depth += 1;
            at += open.len();
        } else if rest[at..].starts_with(close) {
            depth -= 1;
            at += close.len();
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
            at += memchr2(open[0], close[0], &rest[at..]).unwrap_or(rest.len() - at);
        }
    }
    rest.len()
}

impl<'a> Lexer<'a> {
    /// Pass the string, character, regular expression or heredoc that begins here, if one does.
    pub(super) fn string(&mut self) -> bool {
        let rest = self.rest();
        let byte = rest[0];
        if byte == b'\'' && self.language.characters {
            return self.take(character(rest));
        }
        if byte == b'/' && self.language.regex {
            return !self.operand && self.take(regex(rest));
        }
        if byte == b'<' && self.language.heredocs.is_some() {
            self.heredoc();
            return false;
        }
        match (self.language.raw, byte) {
            (Raw::Hashes, b'#') => return self.take(hashes(rest)),
            (Raw::Verbatim, b'@') => {
                return rest.get(1) == Some(&b'"')
                    && self.take(verbatim(&rest[1..]).map(|n| n + 1));
            }
            _ => {}
        }
        for quote in self.language.quotes {
            if rest.starts_with(quote.open.as_bytes()) {
                return self.take(quoted(rest, quote));
            }
        }
        false
    }

    /// Pass the string that the word from `start` to here turns out to be the prefix of.
    pub(super) fn prefixed_string(&mut self, start: usize) -> bool {
        let word = &self.bytes[start..self.at];
        let next = self.bytes.get(self.at);
        if word.len() > 3 || !matches!(next, Some(b'"' | b'\'' | b'#')) {
            return false;
        }
        let rest = self.rest();
        match self.language.raw {
            Raw::Rust if word.ends_with(b"r") && next != Some(&b'\'') => self.take(hashes(rest)),
            Raw::Rust if matches!(word, b"b" | b"c") && next == Some(&b'"') => self.string(),
            Raw::Rust if word == b"b" && next == Some(&b'\'') => self.take(character(rest)),
            Raw::Delimited if word.ends_with(b"R") && next == Some(&b'"') => {
                self.take(delimited(rest))
            }
            Raw::Prefix
                if next != Some(&b'#')
                    && word.iter().any(|byte| matches!(byte, b'r' | b'R'))
                    && word.iter().all(u8::is_ascii_alphabetic) =>
            {
                // A raw string still cannot end behind a backslash.
                self.string()
            }
            _ => false,
        }
    }

    fn take(&mut self, length: Option<usize>) -> bool {
        let Some(length) = length else {
            return false;
        };
        self.pass(self.at + length);
        true
    }

    /// Note a heredoc that begins here. The rest of its line is program still.
    fn heredoc(&mut self) {
        let Some(open) = self.language.heredocs else {
            return;
        };
        let Some(mut after) = self.rest().strip_prefix(open.as_bytes()) else {
            return;
        };
        // `<<<` in a shell is no heredoc.
        if after.first() == Some(&b'<') {
            return;
        }
        let indented = matches!(after.first(), Some(b'-' | b'~')) || open == "<<<";
        if matches!(after.first(), Some(b'-' | b'~')) {
            after = &after[1..];
        }
        while self.language.heredoc_blanks && after.first() == Some(&b' ') {
            after = &after[1..];
        }
        let quote = after
            .first()
            .copied()
            .filter(|b| matches!(b, b'\'' | b'"' | b'`'));
        if quote.is_some() {
            after = &after[1..];
        }
        let length = after
            .iter()
            .take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_')
            .count();
        let closed = quote.is_none_or(|quote| after.get(length) == Some(&quote));
        // A shift (`1 << 3`, `list << item`) has no quote and, as a rule, no capital letter.
        let named = after
            .first()
            .is_some_and(|byte| byte.is_ascii_uppercase() || *byte == b'_' || quote.is_some());
        let shell = self.language.heredoc_blanks;
        let lower = after.first().is_some_and(u8::is_ascii_lowercase);
        if length > 0 && closed && (named || (shell && lower)) {
            self.heredocs.push(Heredoc {
                word: &after[..length],
                indented,
            });
        }
    }
}

/// The length of a string by its opening, or nothing where it does not end on its line although it must.
fn quoted(rest: &[u8], quote: &Quote) -> Option<usize> {
    if quote.template {
        return Some(template(rest));
    }
    let (open, close) = (quote.open.len(), quote.close.as_bytes());
    let mut at = open;
    while let Some(&byte) = rest.get(at) {
        match byte {
            _ if !quote.inside.is_empty() && rest[at..].starts_with(quote.inside.as_bytes()) => {
                at += quote.inside.len();
                at += inside_end(&rest[at..], quote.inside.as_bytes()[quote.inside.len() - 1]);
            }
            b'\\' if quote.escapes => at += 2,
            b'\n' if !quote.lines => return None,
            _ if byte == close[0] && rest[at..].starts_with(close) => {
                return Some(at + close.len());
            }
            _ => at += 1,
        }
    }
    quote.lines.then_some(rest.len())
}

/// The length of a piece of program in a string, up to the bracket that closes it. Strings in it are passed, strings in pieces of those are not told apart.
fn inside_end(rest: &[u8], open: u8) -> usize {
    let close = if open == b'(' { b')' } else { b'}' };
    let rest = &rest[..rest.len().min(INSIDE_MAX)];
    let (mut at, mut depth) = (0, 1_usize);
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\n' => break,
            b'"' => at += memchr2(b'"', b'\n', &rest[at + 1..]).map_or(0, |found| found + 1),
            _ if byte == open => depth += 1,
            _ if byte == close => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    // It does not end as it should: nothing was passed.
    0
}

/// A template of JavaScript's: `${…}` holds program, in which there may be templates again.
fn template(rest: &[u8]) -> usize {
    // One entry a template that is open: how many braces are open in its `${`, if one is.
    let mut open: Vec<Option<usize>> = vec![None];
    let mut at = 1;
    while at < rest.len() {
        let Some(inside) = open.last_mut() else {
            return at;
        };
        match (rest[at], inside) {
            (b'\\', _) => at += 1,
            (b'`', None) => {
                open.pop();
            }
            (b'`', Some(_)) => open.push(None),
            (b'$', inside @ None) if rest.get(at + 1) == Some(&b'{') => {
                *inside = Some(0);
                at += 1;
            }
            (b'{', Some(depth)) => *depth += 1,
            (b'}', Some(depth)) if *depth > 0 => *depth -= 1,
            (b'}', inside @ Some(_)) => *inside = None,
            (quote @ (b'"' | b'\''), Some(_)) => {
                let line = memchr2(quote, b'\n', &rest[at + 1..]);
                if let Some(found) = line.filter(|found| rest[at + 1 + found] == quote) {
                    at += found + 1;
                }
            }
            _ => {}
        }
        at += 1;
    }
    rest.len()
}

/// `'x'` and `'\n'`, but not the `'a` of a lifetime.
fn character(rest: &[u8]) -> Option<usize> {
    let end = match rest.get(1)? {
        b'\\' => 3 + memchr(b'\'', rest.get(3..rest.len().min(CHARACTER_MAX))?)?,
        b'\n' | b'\'' => return None,
        byte => {
            let length = match byte {
                0xf0.. => 4,
                0xe0.. => 3,
                0xc0.. => 2,
                _ => 1,
            };
            1 + length
        }
    };
    (rest.get(end) == Some(&b'\'')).then_some(end + 1)
}

/// `/…/` on one line.
fn regex(rest: &[u8]) -> Option<usize> {
    let rest = &rest[..rest.len().min(REGEX_MAX)];
    let (mut at, mut in_class) = (1, false);
    while let Some(&byte) = rest.get(at) {
        match byte {
            b'\n' => return None,
            b'\\' => at += 1,
            b'[' => in_class = true,
            b']' => in_class = false,
            b'/' if !in_class => {
                let flags = rest[at + 1..]
                    .iter()
                    .take_while(|b| b.is_ascii_alphabetic());
                return (at > 1).then(|| at + 1 + flags.count());
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// `"…"`, `#"…"#`, `##"…"##`: as many hashes behind as before, and nothing is an escape.
fn hashes(rest: &[u8]) -> Option<usize> {
    let start = &rest[..rest.len().min(HASHES_MAX)];
    let count = start.iter().take_while(|byte| **byte == b'#').count();
    if rest.get(count) != Some(&b'"') {
        return None;
    }
    let mut at = count + 1;
    loop {
        let Some(found) = rest.get(at..).and_then(|rest| memchr(b'"', rest)) else {
            return Some(rest.len());
        };
        at += found + 1;
        let behind = rest[at..]
            .iter()
            .take(count)
            .filter(|b| **b == b'#')
            .count();
        if behind == count {
            return Some(at + count);
        }
    }
}

/// `"(…)"` and `"name(…)name"` of C++.
fn delimited(rest: &[u8]) -> Option<usize> {
    let name = memchr(b'(', rest.get(1..18.min(rest.len()))?)?;
    let mut close = vec![b')'];
    close.extend_from_slice(&rest[1..=name]);
    close.push(b'"');
    let inside = name + 2;
    Some(
        memmem::find(&rest[inside..], &close)
            .map_or(rest.len(), |found| inside + found + close.len()),
    )
}

/// `"…"` of C#'s, in which a quote is doubled.
fn verbatim(rest: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        let Some(found) = rest.get(at..).and_then(|rest| memchr(b'"', rest)) else {
            return Some(rest.len());
        };
        at += found + 1;
        if rest.get(at) != Some(&b'"') {
            return Some(at);
        }
        at += 1;
    }
}
