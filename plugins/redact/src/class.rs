//! Bytes by what they can be part of, runs of them, and where a word may begin.

/// A set of bytes, as bits of [`KINDS`].
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Class(u16);

const LOWER_HEX: u16 = 1;
const LOWER_REST: u16 = 2;
const UPPER_HEX: u16 = 4;
const UPPER_REST: u16 = 8;
const DIGITS: u16 = 16;
const UNDERSCORE: u16 = 32;
const DASH: u16 = 64;
const DOT: u16 = 128;
const TILDE: u16 = 256;
const PLUS_SLASH: u16 = 512;
const EQUALS: u16 = 1024;

/// What each byte is.
const KINDS: [u16; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'f' => LOWER_HEX,
            b'g'..=b'z' => LOWER_REST,
            b'A'..=b'F' => UPPER_HEX,
            b'G'..=b'Z' => UPPER_REST,
            b'0'..=b'9' => DIGITS,
            b'_' => UNDERSCORE,
            b'-' => DASH,
            b'.' => DOT,
            b'~' => TILDE,
            b'+' | b'/' => PLUS_SLASH,
            b'=' => EQUALS,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

impl Class {
    /// `0-9a-f`.
    pub const HEX: Class = Class(LOWER_HEX | DIGITS);
    /// `0-9A-Z`.
    pub const UPPER: Class = Class(UPPER_HEX | UPPER_REST | DIGITS);
    /// Letters and digits.
    pub const ALNUM: Class = Class(LOWER_HEX | LOWER_REST | UPPER_HEX | UPPER_REST | DIGITS);
    /// Letters, digits and `_`: a name in a program.
    pub const NAME: Class = Class(Class::ALNUM.0 | UNDERSCORE);
    /// Letters, digits, `_` and `-`: base64 as URLs have it.
    pub const WORD: Class = Class(Class::ALNUM.0 | UNDERSCORE | DASH);
    /// The same with `.`.
    pub const DOTTED: Class = Class(Class::WORD.0 | DOT);
    /// The same with `~`.
    pub const TILDED: Class = Class(Class::DOTTED.0 | TILDE);
    /// Base64 with its padding.
    pub const BASE64: Class = Class(Class::ALNUM.0 | PLUS_SLASH | EQUALS);
    /// Both alphabets of base64, with padding.
    pub const BASE64_URL: Class = Class(Class::WORD.0 | Class::BASE64.0);
    /// What a bearer token is made of (RFC 6750).
    pub const BEARER: Class = Class(Class::TILDED.0 | Class::BASE64.0);

    /// Whether `byte` is in it.
    pub fn has(self, byte: u8) -> bool {
        KINDS[usize::from(byte)] & self.0 != 0
    }
}

/// The ends of runs, each remembered until the walk is beyond it, so that many candidates in one run cost no more than one.
pub struct Runs<'a> {
    bytes: &'a [u8],
    known: Vec<(Class, usize, usize)>,
}

impl<'a> Runs<'a> {
    /// Over `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Runs {
            bytes,
            known: Vec::new(),
        }
    }

    /// Where the run of `class` that holds `from` ends.
    pub fn end(&mut self, class: Class, from: usize) -> usize {
        let found = self.known.iter().position(|(known, ..)| *known == class);
        if let Some(index) = found {
            let (_, start, end) = self.known[index];
            if (start..=end).contains(&from) && from < end {
                return end;
            }
        }
        let end = run_end(self.bytes, from, self.bytes.len(), |byte| class.has(byte));
        match found {
            Some(index) => self.known[index] = (class, from, end),
            None => self.known.push((class, from, end)),
        }
        end
    }
}

/// Where the bytes from `from` on stop being `wanted`, after `limit` bytes of the text at the latest.
pub fn run_end(bytes: &[u8], from: usize, limit: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let limit = limit.min(bytes.len());
    let Some(rest) = bytes.get(from..limit) else {
        return from;
    };
    let mut length = 0;
    for byte in rest {
        if !wanted(*byte) {
            break;
        }
        length += 1;
    }
    from + length
}

/// Where the `wanted` bytes that end at `end` begin, `most` before it at the earliest.
pub fn run_start(bytes: &[u8], end: usize, most: usize, wanted: impl Fn(u8) -> bool) -> usize {
    let mut start = end;
    let first = end.saturating_sub(most);
    while start > first && wanted(bytes[start - 1]) {
        start -= 1;
    }
    start
}

/// Whether a word may begin at `at`: nothing that belongs to a word stands before it, or what does is the end of an escape.
///
/// In JSON and in source code a line feed is `\n`, a colour ends in `m`, and in a URL `=` may be `%3D`; a secret that follows one has a letter before it.
pub fn begins(bytes: &[u8], at: usize) -> bool {
    let Some(before) = at.checked_sub(1).map(|i| bytes[i]) else {
        return true;
    };
    if !(before.is_ascii_alphanumeric() || before == b'_') {
        return true;
    }
    let back = |n: usize| at.checked_sub(n).map(|i| bytes[i]);
    let hex = |from: usize| {
        bytes[at - from..at]
            .iter()
            .all(|byte| byte.is_ascii_hexdigit())
    };
    if back(2) == Some(b'\\') {
        return matches!(before, b'n' | b'r' | b't' | b'b' | b'f' | b'v' | b'0');
    }
    if back(3) == Some(b'%') && hex(2) {
        return true;
    }
    if back(6) == Some(b'\\') && back(5) == Some(b'u') && hex(4) {
        return true;
    }
    before == b'm' && ends_a_colour(&bytes[..at - 1])
}

/// Whether `bytes` end in `[` and numbers, as a terminal's colours do.
fn ends_a_colour(bytes: &[u8]) -> bool {
    let numbers = |byte: &&u8| byte.is_ascii_digit() || **byte == b';';
    let length = bytes.iter().rev().take(12).take_while(numbers).count();
    length > 0 && bytes[..bytes.len() - length].ends_with(b"[")
}
