//! Keys and tokens that are known by their own shape, wherever they stand.

use crate::chance::Make;
use crate::class::{Class, Runs, begins, run_end};
use crate::shapes::{BY_FIRST, SHAPES, Shape};
use crate::text::{Finds, OWN_SHAPE};
use crate::value::is_placeholder;

/// Shortest header of a JSON Web Token, and shortest token.
const JWT_HEADER: usize = 16;
const JWT: usize = 50;
/// How much may follow a key that a sentence or a list puts there: full stops.
const AFTER: usize = 8;
/// Least different bytes in the part of a key that chance made.
const DISTINCT: usize = 8;

/// How far into a word a token may begin, where what stands before it is the end of an escape: `\u003d`.
const ESCAPE: usize = 5;

/// Find all keys and tokens in `bytes`.
pub fn find(bytes: &[u8], finds: &mut Finds) {
    let mut runs = Runs::new(bytes);
    let mut at = 0;
    while at < bytes.len() {
        if !Class::NAME.has(bytes[at]) {
            at += 1;
            continue;
        }
        let end = run_end(bytes, at, bytes.len(), |byte| Class::NAME.has(byte));
        let found = token_at(bytes, at, &mut runs, finds).or_else(|| {
            let escaped = at > 0 && matches!(bytes[at - 1], b'\\' | b'%' | b'[' | b';');
            let last = if escaped {
                end.min(at + ESCAPE + 1)
            } else {
                at
            };
            (at + 1..last)
                .filter(|start| begins(bytes, *start))
                .find_map(|start| token_at(bytes, start, &mut runs, finds))
        });
        at = found.unwrap_or(end).max(end);
    }
    for tilde in memchr::memchr_iter(b'~', bytes) {
        if let Some((start, end)) = azure_secret(bytes, tilde, &mut runs) {
            finds.put(start, end, "Azure secret", OWN_SHAPE);
        }
    }
}

/// A token that begins at `at`, put into `finds`; answers where it ends.
fn token_at(bytes: &[u8], at: usize, runs: &mut Runs, finds: &mut Finds) -> Option<usize> {
    let here = &bytes[at..];
    let (from, to) = BY_FIRST[usize::from(here[0])];
    let shapes = &SHAPES[usize::from(from)..usize::from(to)];
    let shape = shapes
        .iter()
        .find(|shape| here.starts_with(shape.prefix.as_bytes()));
    let (end, kind) = match shape {
        Some(shape) => (shaped(bytes, at, shape, runs)?, shape.kind),
        None if here.starts_with(b"eyJ") => (web_token(bytes, at, runs)?, "JSON Web Token"),
        None => return None,
    };
    finds.put(at, end, kind, OWN_SHAPE);
    Some(end)
}

/// Where the key of `shape` that begins at `at` ends.
fn shaped(bytes: &[u8], at: usize, shape: &Shape, runs: &mut Runs) -> Option<usize> {
    let start = at + shape.prefix.len();
    let run = runs.end(shape.body, start);
    if run - start > shape.length.1 + AFTER {
        return None;
    }
    let end = trimmed(bytes, start, run);
    let body = &bytes[start..end];
    let fits = (shape.length.0..=shape.length.1).contains(&body.len());
    if !fits || bytes.get(end).is_some_and(|byte| Class::WORD.has(*byte)) {
        return None;
    }
    let make = Make::of(body);
    let looks_made = match shape.body {
        // Sixteen letters and digits may well hold no digit.
        Class::UPPER | Class::HEX => true,
        // A short prefix may begin a name: `sk-learn-…`.
        _ if shape.prefix.len() <= 3 => make.is_random(),
        _ => make.digits >= 2 || make.is_random(),
    };
    let made = make.distinct >= DISTINCT.min(body.len() / 2) && looks_made;
    (made && !is_placeholder(&bytes[at..end])).then_some(end)
}

/// Where the run that begins at `start` ends without what ends a sentence.
fn trimmed(bytes: &[u8], start: usize, end: usize) -> usize {
    let dots = bytes[start..end]
        .iter()
        .rev()
        .take_while(|byte| matches!(byte, b'.' | b'~'))
        .count();
    end - dots
}

/// A JSON Web Token begins with the base64 of `{"` and has a header, a body and a signature (five parts when it is encrypted).
fn web_token(bytes: &[u8], at: usize, runs: &mut Runs) -> Option<usize> {
    // One candidate in a run, so that no run is walked twice.
    if at > 0 && matches!(bytes[at - 1], b'-' | b'.') {
        return None;
    }
    let header = runs.end(Class::WORD, at);
    if header - at < JWT_HEADER || bytes.get(header) != Some(&b'.') {
        return None;
    }
    let end = trimmed(bytes, at, runs.end(Class::DOTTED, at));
    let dots = bytes[header..end]
        .iter()
        .filter(|byte| **byte == b'.')
        .count();
    let parts = (2..=4).contains(&dots);
    // One without a signature ends in its second full stop.
    let unsigned = dots == 1 && bytes.get(end) == Some(&b'.');
    (end - at >= JWT && (parts || unsigned)).then_some(end)
}

/// A client secret of Entra: three letters or digits, a digit, `Q~` and 31 to 34 more. `tilde` is where its first `~` stands.
fn azure_secret(bytes: &[u8], tilde: usize, runs: &mut Runs) -> Option<(usize, usize)> {
    let start = tilde.checked_sub(5)?;
    let [first, second, third, digit, q] = bytes[start..tilde] else {
        return None;
    };
    let word = [first, second, third]
        .iter()
        .all(|byte| Class::WORD.has(*byte));
    if !word || !digit.is_ascii_digit() || q != b'Q' || !begins(bytes, start) {
        return None;
    }
    let run = runs.end(Class::TILDED, tilde);
    if run - tilde > 35 + AFTER {
        return None;
    }
    let end = trimmed(bytes, tilde, run);
    (32..=35).contains(&(end - tilde)).then_some((start, end))
}
