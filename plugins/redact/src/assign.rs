//! Values that a name gives away: `password = "…"`, `API_KEY: …`, `"token": "…"`, `--token …`, `<password>…</password>`; in source code, environment
//! files, YAML, shell, connection strings and JSON, also where the quotes are escaped because the text is inside another.

use crate::class::{Class, run_end, run_start};
use crate::key::{self, Key, Strength};
use crate::text::{BY_PLACE, Finds};
use crate::value::{Place, is_secret};

/// Longest value that is looked at.
const LONGEST: usize = 1_024;
/// What may stand between a name and `=`, and between `=` and the value: spaces, brackets, quotes with what escapes them.
const BETWEEN: usize = 32;
/// How much a type may take between a name and its value.
const TYPE: usize = 48;

/// What stands between a name and its value, or before a flag.
const SIGNS: [bool; 256] = {
    let mut signs = [false; 256];
    let all = b"=:(>-";
    let mut index = 0;
    while index < all.len() {
        signs[all[index] as usize] = true;
        index += 1;
    }
    signs
};

/// A value as it is written.
struct Value {
    start: usize,
    end: usize,
    place: Place,
}

/// Find what names give away in `bytes`.
pub fn find(bytes: &[u8], finds: &mut Finds) {
    let mut runs = BareRuns::new(bytes);
    let mut next = 0;
    while let Some(skipped) = bytes[next..]
        .iter()
        .position(|byte| SIGNS[usize::from(*byte)])
    {
        let at = next + skipped;
        next = at + 1;
        let found = match bytes[at] {
            b'=' | b':' => assigned(bytes, at, &mut runs),
            b'(' => argument(bytes, at),
            b'>' => element(bytes, at),
            _ => flag(bytes, at, &mut runs),
        };
        if let Some((key, mut value)) = found {
            // Where a URL's password looks like a name's value, its host is no part of it; what chance made has no `@` in it.
            let host = bytes[value.start..value.end]
                .iter()
                .position(|byte| *byte == b'@');
            if let Some(host) = host
                && key.strength != Strength::Password
            {
                value.end = value.start + host;
            }
            if is_secret(key, &bytes[value.start..value.end], value.place) {
                finds.put(value.start, value.end, key.kind, BY_PLACE);
            }
        }
    }
}

/// `name = value`, `name: value`, `"name": "value"`, `name: Type = "value"`, `name["x"] = "value"`; the sign is at `sign`.
fn assigned(bytes: &[u8], sign: usize, runs: &mut BareRuns) -> Option<(Key, Value)> {
    let next = bytes.get(sign + 1).copied()?;
    let path = bytes[sign] == b':' && (next == b':' || (sign > 0 && bytes[sign - 1] == b':'));
    if path {
        return None;
    }
    let name_end = run_start(bytes, sign, BETWEEN, |byte| {
        matches!(
            byte,
            b' ' | b'\t' | b'"' | b'\'' | b'`' | b'\\' | b']' | b'?'
        )
    });
    let name = name_before(bytes, name_end);
    let key = Key::of(name)?;
    let after = run_end(bytes, sign + 1, sign + BETWEEN, |byte| {
        matches!(byte, b'=' | b'>' | b' ' | b'\t')
    });
    let after = match key.strength {
        Strength::Credentials => after_scheme(bytes, after),
        _ => after,
    };
    if let Some(value) = quoted(bytes, after) {
        return Some((key, value));
    }
    if bytes[sign] == b':'
        && let Some(value) = typed(bytes, after)
    {
        return Some((key, value));
    }
    let environment = bytes[sign] == b'='
        && after == sign + 1
        && name.iter().all(|byte| !byte.is_ascii_lowercase());
    let value = match environment {
        true => word(bytes, after)?,
        false => bare(bytes, after, runs)?,
    };
    Some((key, value))
}

/// The name that ends at `end`; nothing where it is no secret's, going by its last letters.
fn name_before(bytes: &[u8], end: usize) -> &[u8] {
    if !key::may_end_so(&bytes[..end]) {
        return &[];
    }
    let start = run_start(bytes, end, key::LONGEST, |byte| {
        Class::DOTTED.has(byte) || byte == b'$'
    });
    // The letter of an escape, as in `\npassword`, is no part of it.
    let escape = start > 0
        && bytes[start - 1] == b'\\'
        && matches!(bytes.get(start), Some(b'n' | b'r' | b't'));
    &bytes[start + usize::from(escape)..end]
}

/// After `Bearer`, `Token` or another scheme of the header `Authorization`, quoted or not.
fn after_scheme(bytes: &[u8], at: usize) -> usize {
    let from = run_end(bytes, at, at + 4, |byte| {
        matches!(byte, b'"' | b'\'' | b'\\')
    });
    let word = run_end(bytes, from, from + 12, |byte| {
        byte.is_ascii_alphabetic() || byte == b'-'
    });
    let spaces = run_end(bytes, word, word + 4, |byte| byte == b' ');
    match word > from && spaces > word {
        true => spaces,
        false => at,
    }
}

/// A value in quotes, which may themselves be escaped; `at` is where they begin, or a letter or two before (`b"…"`, `f'…'`).
fn quoted(bytes: &[u8], at: usize) -> Option<Value> {
    let letters = run_end(bytes, at, at + 2, |byte| {
        matches!(byte, b'b' | b'f' | b'r' | b'u' | b'L' | b'@')
    });
    let start = run_end(bytes, letters, letters + BETWEEN, |byte| byte == b'\\');
    let escapes = start - letters;
    let quote = *bytes.get(start)?;
    if !matches!(quote, b'"' | b'\'' | b'`') {
        return None;
    }
    let start = start + 1;
    let limit = bytes.len().min(start + LONGEST);
    let mut behind = 0;
    for (index, byte) in bytes[start..limit].iter().enumerate() {
        match *byte {
            b'\\' => behind += 1,
            b'\n' => return None,
            byte if byte == quote && (behind <= escapes || behind % 2 == 0) => {
                let end = start + index - behind.min(escapes);
                return Some(Value {
                    start,
                    end,
                    place: Place::Literal,
                });
            }
            _ => behind = 0,
        }
    }
    None
}

/// The quoted value behind a type that begins at `at`: `&str = "…"`.
fn typed(bytes: &[u8], at: usize) -> Option<Value> {
    let end = run_end(bytes, at, at + TYPE, |byte| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b'&' | b'\'' | b'<' | b'>' | b'[' | b']' | b'|' | b' ' | b'.' | b'?' | b':'
            )
    });
    if bytes.get(end) != Some(&b'=') || bytes.get(end + 1) == Some(&b'=') {
        return None;
    }
    let value = run_end(bytes, end + 1, end + 1 + BETWEEN, |byte| byte == b' ');
    quoted(bytes, value)
}

/// A value of the environment or behind a flag: to the next space or quote.
fn word(bytes: &[u8], start: usize) -> Option<Value> {
    let end = run_end(bytes, start, start + LONGEST, |byte| {
        byte > b' ' && !matches!(byte, b'"' | b'\'' | b'`' | b'\\' | b'<' | b'>' | b'|')
    });
    let last = |byte: &&u8| matches!(**byte, b';' | b',' | b'.' | b')' | b']' | b'}');
    let end = end - bytes[start..end].iter().rev().take_while(last).count();
    (end > start).then_some(Value {
        start,
        end,
        place: Place::Literal,
    })
}

/// A value without quotes.
fn bare(bytes: &[u8], start: usize, runs: &mut BareRuns) -> Option<Value> {
    let run = runs.end(start);
    if run - start > LONGEST {
        return None;
    }
    let padding = run_end(bytes, run, run + 2, |byte| byte == b'=');
    let line = run_end(bytes, padding, padding + BETWEEN, |byte| byte == b' ');
    let next = match bytes.get(line) {
        None | Some(b'\n' | b'\r' | b'#') => None,
        _ => bytes.get(padding),
    };
    let place = match next {
        // What is called or looked into is a name.
        Some(b'(' | b'[' | b'{') => return None,
        // A quote ends the string that a line is in.
        None | Some(b'\\' | b'"' | b'\'' | b'`') => Place::Line,
        // Connection strings and queries hold literals only.
        Some(b';' | b'&') if bytes[start - 1] == b'=' => Place::Literal,
        Some(_) => Place::Bare,
    };
    let stops = |byte: &&u8| place != Place::Literal && matches!(**byte, b'.' | b':');
    let end = padding - bytes[start..padding].iter().rev().take_while(stops).count();
    (end > start).then_some(Value { start, end, place })
}

/// `with_password("value")`; the bracket is at `bracket`.
fn argument(bytes: &[u8], bracket: usize) -> Option<(Key, Value)> {
    let key = Key::of(name_before(bytes, bracket))?;
    let value = quoted(bytes, bracket + 1)?;
    Some((
        key,
        Value {
            place: Place::Argument,
            ..value
        },
    ))
}

/// `<password>value</password>`; the first tag ends at `tag`.
fn element(bytes: &[u8], tag: usize) -> Option<(Key, Value)> {
    let name = name_before(bytes, tag);
    let before = tag.checked_sub(name.len() + 1).map(|i| bytes[i]);
    if before != Some(b'<') {
        return None;
    }
    let key = Key::of(name)?;
    let start = tag + 1;
    let end = run_end(bytes, start, start + LONGEST, |byte| {
        byte > b' ' && byte != b'<' && byte != b'"'
    });
    (bytes.get(end) == Some(&b'<')).then_some((
        key,
        Value {
            start,
            end,
            place: Place::Literal,
        },
    ))
}

/// `--token value`, also as two members of a list: `"--token", "value"`. The first dash is at `dash`.
fn flag(bytes: &[u8], dash: usize, runs: &mut BareRuns) -> Option<(Key, Value)> {
    let fresh = dash == 0 || !(bytes[dash - 1] == b'-' || bytes[dash - 1].is_ascii_alphanumeric());
    if !fresh || bytes.get(dash + 1) != Some(&b'-') {
        return None;
    }
    let name_end = run_end(bytes, dash + 2, dash + 2 + key::LONGEST, |byte| {
        byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
    });
    let key = Key::of(&bytes[dash + 2..name_end])?;
    let start = run_end(bytes, name_end, name_end + BETWEEN, |byte| {
        matches!(byte, b' ' | b'"' | b'\'' | b'\\' | b',')
    });
    // Behind a comma only another member of the list is its value: `"--token", default="…"` declares one.
    let listed = bytes[name_end..start].contains(&b',');
    if start == name_end || (listed && !matches!(bytes[start - 1], b'"' | b'\'')) {
        return None;
    }
    let value = bare(bytes, start, runs)?;
    Some((
        key,
        Value {
            place: Place::Literal,
            ..value
        },
    ))
}

/// The ends of values without quotes; those that overlap are walked once.
struct BareRuns<'a> {
    bytes: &'a [u8],
    walked: (usize, usize),
}

impl<'a> BareRuns<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        BareRuns {
            bytes,
            walked: (0, 0),
        }
    }

    fn end(&mut self, from: usize) -> usize {
        let (start, end) = self.walked;
        if start <= from && from < end {
            return end;
        }
        let part = |byte: u8| {
            byte > b' '
                && !matches!(
                    byte,
                    b'"' | b'\''
                        | b'`'
                        | b','
                        | b';'
                        | b'&'
                        | b'<'
                        | b'>'
                        | b')'
                        | b']'
                        | b'}'
                        | b'('
                        | b'['
                        | b'{'
                        | b'|'
                        | b'\\'
                        | b'='
                )
        };
        let end = run_end(self.bytes, from, self.bytes.len(), part);
        self.walked = (from, end);
        end
    }
}
