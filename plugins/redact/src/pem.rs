//! Private keys in PEM blocks, the whole block: also where its line ends are escaped, and where its end is missing.

use crate::class::{Class, run_end};
use crate::text::{Finds, OWN_SHAPE};
use memchr::memmem;

const BEGIN: &[u8] = b"-----BEGIN ";
const DASHES: &[u8] = b"-----";
/// Longest label, such as `RSA PRIVATE KEY`.
const LABEL: usize = 64;
/// What is longer is no word.
const PART: usize = 24;
/// A block holds at least one line of base64 that is so long; where PEM is only spoken of, there is none.
const LINE: usize = 40;

/// Find private keys in `bytes`.
pub fn find(bytes: &[u8], finds: &mut Finds) {
    let mut at = 0;
    while let Some(begin) = next(bytes, at, BEGIN) {
        at = begin + BEGIN.len();
        let label = label_end(bytes, at);
        let secret = holds(&bytes[at..label], b"PRIVATE KEY");
        if !secret || !bytes[label..].starts_with(DASHES) {
            continue;
        }
        let inside = label + DASHES.len();
        let end = end_of_block(bytes, inside);
        if has_line(&bytes[inside..end]) {
            finds.put(begin, end, "private key", OWN_SHAPE);
        }
        at = end;
    }
}

fn next(bytes: &[u8], from: usize, wanted: &[u8]) -> Option<usize> {
    Some(from + memmem::find(bytes.get(from..)?, wanted)?)
}

fn label_end(bytes: &[u8], at: usize) -> usize {
    run_end(bytes, at, at + LABEL, |byte| {
        byte == b' ' || byte.is_ascii_uppercase() || byte.is_ascii_digit()
    })
}

fn holds(text: &[u8], wanted: &[u8]) -> bool {
    text.windows(wanted.len()).any(|window| window == wanted)
}

/// Where the block whose content begins at `inside` ends: after its last line, or, if that is missing, after what can be part of it.
fn end_of_block(bytes: &[u8], inside: usize) -> usize {
    let marker = next(bytes, inside, DASHES);
    if let Some(marker) = marker
        && bytes[marker..].starts_with(b"-----END ")
    {
        let label = label_end(bytes, marker + 9);
        if bytes[label..].starts_with(DASHES) {
            return label + DASHES.len();
        }
        return label;
    }
    let run = run_end(bytes, inside, marker.unwrap_or(bytes.len()), |byte| {
        Class::BASE64.has(byte)
            || matches!(
                byte,
                b' ' | b'\n' | b'\r' | b'\t' | b'\\' | b':' | b',' | b'-'
            )
    });
    inside + broken_off(&bytes[inside..run], run == bytes.len())
}

/// How much of `run` is base64. Where the text was cut off, so was the last line; elsewhere short words are somebody's words again.
fn broken_off(run: &[u8], cut: bool) -> usize {
    if cut {
        return run.trim_ascii_end().len();
    }
    let mut kept = 0;
    let mut at = 0;
    for part in run.split(|byte| !Class::BASE64.has(*byte)) {
        at += part.len();
        if part.len() >= PART {
            kept = at;
        }
        at += 1;
    }
    kept
}

/// Whether `inside` has a line of base64 in it.
fn has_line(inside: &[u8]) -> bool {
    let long = |part: &[u8]| part.len() >= LINE;
    inside.split(|byte| !Class::BASE64.has(*byte)).any(long)
}
