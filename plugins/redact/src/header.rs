//! Credentials as HTTP carries them: `Bearer …` and `Basic …`, with or without the header's name before them.

use crate::chance::Make;
use crate::class::{Class, Runs, begins, run_end};
use crate::text::{BY_PLACE, Finds};
use crate::value::is_placeholder;
use memchr::memmem;

/// Shortest bearer token; shorter ones are words of a sentence.
const BEARER: usize = 16;
/// Longest credentials of either scheme that are looked at.
const LONGEST: usize = 4_096;
/// Spaces between a scheme and its credentials.
const SPACES: usize = 8;

/// Where credentials begin and end, and what they are.
type Credentials = (usize, usize, &'static str);
/// What reads the credentials that follow a scheme.
type Read = fn(&[u8], usize, &mut Runs) -> Option<Credentials>;
/// The schemes.
const SCHEMES: [(&[u8], Read); 2] = [(b"bearer", bearer), (b"basic", basic)];

/// Find credentials in `bytes`.
pub fn find(bytes: &[u8], finds: &mut Finds) {
    let mut runs = Runs::new(bytes);
    for (scheme, read) in SCHEMES {
        // Its first letter may be of either case, the others are of one.
        for rest in [
            &scheme.to_ascii_lowercase()[1..],
            &scheme.to_ascii_uppercase()[1..],
        ] {
            for second in memmem::find_iter(bytes, rest) {
                let Some(at) = second.checked_sub(1) else {
                    continue;
                };
                if bytes[at].eq_ignore_ascii_case(&scheme[0])
                    && begins(bytes, at)
                    && let Some((start, end, kind)) = read(bytes, at + scheme.len(), &mut runs)
                {
                    finds.put(start, end, kind, BY_PLACE);
                }
            }
        }
    }
}

/// Where credentials begin after a scheme that ends at `at`.
fn after_space(bytes: &[u8], at: usize) -> Option<usize> {
    if bytes[at..].starts_with(b"%20") {
        return Some(at + 3);
    }
    let start = run_end(bytes, at, at + SPACES, |byte| byte == b' ');
    (start > at && start < bytes.len()).then_some(start)
}

fn bearer(bytes: &[u8], at: usize, runs: &mut Runs) -> Option<Credentials> {
    let start = after_space(bytes, at)?;
    let end = runs.end(Class::BEARER, start);
    if !(BEARER..=LONGEST).contains(&(end - start)) {
        return None;
    }
    let token = &bytes[start..end];
    // A full stop ends a sentence as well.
    let dots = token.iter().rev().take_while(|byte| **byte == b'.').count();
    let end = end - dots;
    let token = &bytes[start..end];
    (Make::of(token).is_random() && !is_placeholder(token)).then_some((start, end, "bearer token"))
}

fn basic(bytes: &[u8], at: usize, runs: &mut Runs) -> Option<Credentials> {
    let start = after_space(bytes, at)?;
    let end = runs.end(Class::BASE64, start);
    (end - start <= LONGEST && is_user_and_password(&bytes[start..end])).then_some((
        start,
        end,
        "basic credentials",
    ))
}

/// Whether `text` is the base64 of `user:password`.
pub fn is_user_and_password(text: &[u8]) -> bool {
    if text.len() < 8 || !text.len().is_multiple_of(4) {
        return false;
    }
    let Some(decoded) = decoded(text) else {
        return false;
    };
    let printable = decoded.iter().all(|byte| matches!(byte, b' '..=b'~'));
    printable && decoded.contains(&b':') && !is_placeholder(&decoded)
}

/// What `text` is the base64 of.
fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    if padding > 2 {
        return None;
    }
    let mut decoded = Vec::with_capacity(text.len() / 4 * 3);
    let (mut bits, mut held) = (0_u32, 0);
    for byte in &text[..text.len() - padding] {
        let six = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(six);
        held += 6;
        if held >= 8 {
            held -= 8;
            decoded.push((bits >> held & 0xff) as u8);
        }
    }
    Some(decoded)
}
