//! Passwords in URLs (`postgres://user:password@host`), and URLs that are secrets themselves.

use crate::class::run_end;
use crate::text::{BY_PLACE, Finds, OWN_SHAPE};
use crate::value::is_reference;
use memchr::memmem;

/// Longest user and password that are looked at.
const LONGEST: usize = 512;
/// Passwords that documentation writes where a password would stand.
const WORDS: [&[u8]; 10] = [
    b"password",
    b"passwd",
    b"pass",
    b"pwd",
    b"pw",
    b"secret",
    b"token",
    b"key",
    b"p",
    b"x-oauth-basic",
];
/// Addresses that whoever knows them may post to, and the secret part after them.
const HOOKS: [(&[u8], &str); 3] = [
    (b"hooks.slack.com/services/", "Slack webhook"),
    (b"discord.com/api/webhooks/", "Discord webhook"),
    (b"discordapp.com/api/webhooks/", "Discord webhook"),
];

/// Find passwords and secret addresses in `bytes`.
pub fn find(bytes: &[u8], finds: &mut Finds) {
    let mut from = 0;
    for slashes in memmem::find_iter(bytes, b"://") {
        if slashes < from {
            continue;
        }
        if let Some((start, end)) = password(bytes, slashes) {
            finds.put(start, end, "password", BY_PLACE);
            from = end;
        } else if let Some((start, end, kind)) = hook(bytes, slashes + 3) {
            finds.put(start, end, kind, OWN_SHAPE);
            from = end;
        }
    }
}

/// The password in the authority that follows `://` at `slashes`.
fn password(bytes: &[u8], slashes: usize) -> Option<(usize, usize)> {
    let scheme = slashes.checked_sub(1).map(|i| bytes[i])?;
    if !scheme.is_ascii_alphanumeric() {
        return None;
    }
    let start = slashes + 3;
    let end = run_end(bytes, start, start + LONGEST, |byte| {
        byte > b' '
            && !matches!(
                byte,
                b'/' | b'?' | b'#' | b'"' | b'\'' | b'`' | b'<' | b'>' | b'\\' | b','
            )
    });
    let authority = &bytes[start..end];
    let at = authority.iter().rposition(|byte| *byte == b'@')?;
    let colon = authority[..at].iter().position(|byte| *byte == b':')?;
    let password = &authority[colon + 1..at];
    let dummy = WORDS.iter().any(|word| password.eq_ignore_ascii_case(word));
    (!password.is_empty() && !dummy && !is_reference(password))
        .then_some((start + colon + 1, start + at))
}

/// The secret part of an address that begins at `start`.
fn hook(bytes: &[u8], start: usize) -> Option<(usize, usize, &'static str)> {
    let (host, kind) = HOOKS
        .iter()
        .find(|(host, _)| bytes[start..].starts_with(host))?;
    let path = start + host.len();
    let end = run_end(bytes, path, path + LONGEST, |byte| {
        byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_')
    });
    let digits = bytes[path..end]
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .count();
    (end - path >= 24 && digits >= 2).then_some((path, end, kind))
}
