//! Hiding secrets in a stream, wherever its pieces are cut.
//!
//! A secret is looked for as it is, in percent-encoding, in the escapes of JSON and in Base64 however it is aligned, because servers that echo what they
//! were sent do it in these forms. Each byte of it is replaced by one `*`, so lengths that were announced stay right. A server that means to give a
//! secret away can always think of another form: it is only ever sent to the host that its rule names.

use aho_corasick::{AhoCorasick, BuildError};
use std::sync::Arc;

const HIDDEN: u8 = b'*';
/// Shortest run of Base64 that is looked for; a shorter one stands in packed data by chance.
const SHORTEST_BASE64: usize = 10;

/// The forms of all secrets.
pub(super) struct Patterns {
    forms: Vec<Vec<u8>>,
    longest: usize,
    search: AhoCorasick,
}

impl Patterns {
    /// The forms of `secrets`; `None` where there are none.
    pub(super) fn of<'a>(
        secrets: impl Iterator<Item = &'a str>,
    ) -> Result<Option<Self>, BuildError> {
        let mut forms: Vec<Vec<u8>> = secrets
            .flat_map(|secret| forms(secret.as_bytes()))
            .collect();
        forms.sort();
        forms.dedup();
        let Some(longest) = forms.iter().map(Vec::len).max() else {
            return Ok(None);
        };
        let search = AhoCorasick::new(&forms)?;
        Ok(Some(Patterns {
            forms,
            longest,
            search,
        }))
    }

    /// How many bytes at the end of `text` may be the beginning of a form.
    fn begun_at_the_end_of(&self, text: &[u8]) -> usize {
        let longest = text.len().min(self.longest.saturating_sub(1));
        let tails = (1..=longest).rev();
        let begins = |tail: &usize| {
            let tail = &text[text.len() - tail..];
            let mut forms = self.forms.iter();
            forms.any(|form| form.len() > tail.len() && form.starts_with(tail))
        };
        { tails }.find(begins).unwrap_or(0)
    }
}

fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let mut forms = vec![secret.to_vec()];
    let escaped = |upper: bool| {
        let mut text = String::new();
        for &byte in secret {
            match byte {
                b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => text.push(char::from(b)),
                b if upper => text.push_str(&format!("%{b:02X}")),
                b => text.push_str(&format!("%{b:02x}")),
            }
        }
        text.into_bytes()
    };
    forms.extend([escaped(true), escaped(false)]);
    let text = String::from_utf8_lossy(secret);
    let json = text.replace('\\', "\\\\").replace('"', "\\\"");
    forms.push(json.replace('/', "\\/").into_bytes());
    forms.push(json.into_bytes());
    for alignment in 0..3 {
        let plain = base64(secret, alignment);
        if plain.len() >= SHORTEST_BASE64 {
            let for_urls = plain.iter().map(|c| match c {
                b'+' => b'-',
                b'/' => b'_',
                c => *c,
            });
            forms.push(for_urls.collect());
            forms.push(plain);
        }
    }
    forms
}

/// Those characters of Base64 that depend on nothing but `secret` when it begins `alignment` bytes after a group of three.
fn base64(secret: &[u8], alignment: usize) -> Vec<u8> {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let bit = |at: usize| {
        let byte = secret[at / 8];
        usize::from(byte >> (7 - at % 8) & 1)
    };
    // Bits before the secret that share a character with its first bits.
    let skipped = (6 - alignment * 8 % 6) % 6;
    let bits = secret.len() * 8;
    let mut text = Vec::new();
    let mut at = skipped;
    while at + 6 <= bits {
        let index = (at..at + 6).fold(0, |index, at| index << 1 | bit(at));
        text.push(LETTERS[index]);
        at += 6;
    }
    text
}

/// A stream on its way through.
pub(super) struct Mask {
    patterns: Arc<Patterns>,
    /// What has come and may still turn out to be the beginning of a form.
    held: Vec<u8>,
    /// The same with what is hidden already.
    shown: Vec<u8>,
}

impl Mask {
    pub(super) fn new(patterns: Arc<Patterns>) -> Self {
        Mask {
            patterns,
            held: Vec::new(),
            shown: Vec::new(),
        }
    }

    /// Take the next piece, and give what can be shown.
    pub(super) fn push(&mut self, piece: &[u8]) -> Vec<u8> {
        self.held.extend_from_slice(piece);
        self.shown.extend_from_slice(piece);
        for found in self.patterns.search.find_overlapping_iter(&self.held) {
            self.shown[found.range()].fill(HIDDEN);
        }
        let kept = self.patterns.begun_at_the_end_of(&self.held);
        let ready = self.held.len() - kept;
        self.held.drain(..ready);
        let rest = self.shown.split_off(ready);
        std::mem::replace(&mut self.shown, rest)
    }

    /// The stream is over: what was held back is no secret.
    pub(super) fn end(&mut self) -> Vec<u8> {
        self.held.clear();
        std::mem::take(&mut self.shown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECRET: &str = "ghp_aB3/x+Y\"z9~tokenTOKEN";

    fn masked(secrets: &[&str], pieces: &[&[u8]]) -> String {
        let patterns = Patterns::of(secrets.iter().copied()).unwrap().unwrap();
        let mut mask = Mask::new(Arc::new(patterns));
        let mut text: Vec<u8> = pieces.iter().flat_map(|piece| mask.push(piece)).collect();
        text.extend(mask.end());
        String::from_utf8(text).unwrap()
    }

    fn whole_base64(bytes: &[u8]) -> String {
        let mut bytes = bytes.to_vec();
        while !bytes.len().is_multiple_of(3) {
            bytes.push(b' ');
        }
        String::from_utf8(base64(&bytes, 0)).unwrap()
    }

    #[test]
    fn base64_is_base64() {
        assert_eq!(base64(b"Man", 0), b"TWFu");
        assert_eq!(base64(b"light work.", 0), b"bGlnaHQgd29yay");
        assert_eq!(base64(b"ight wor", 1), b"lnaHQgd29y");
        assert_eq!(base64(b"ght work", 2), b"naHQgd29ya");
    }

    #[test]
    fn every_form_is_hidden_and_keeps_its_length() {
        let percent: String = SECRET
            .bytes()
            .map(|b| match b {
                b if b.is_ascii_alphanumeric() || b"-._~".contains(&b) => char::from(b).to_string(),
                b => format!("%{b:02X}"),
            })
            .collect();
        for form in [
            SECRET.to_owned(),
            percent,
            serde_json::to_string(SECRET)
                .unwrap()
                .trim_matches('"')
                .to_owned(),
            SECRET.replace('"', "\\\"").replace('/', "\\/"),
        ] {
            let text = format!("before {form} after");
            let clean = masked(&[SECRET], &[text.as_bytes()]);
            assert_eq!(clean, format!("before {} after", "*".repeat(form.len())));
        }
        for before in ["", "u", "us", "user:"] {
            let text = whole_base64(format!("{before}{SECRET}!").as_bytes());
            let clean = masked(&[SECRET], &[text.as_bytes()]);
            assert_eq!(clean.len(), text.len());
            assert!(clean.matches('*').count() >= 30, "{text} became {clean}");
        }
    }

    #[test]
    fn what_only_begins_like_a_secret_is_shown() {
        assert_eq!(
            masked(&[SECRET], &[b"ghp_", b"ghp_aB3/x", b"!"]),
            "ghp_ghp_aB3/x!"
        );
        assert_eq!(
            masked(&["aaaaaaaab"], &[b"aaaaaaaa", b"aab."]),
            "aa*********."
        );
        // One ends where another begins.
        assert_eq!(
            masked(&["12345678ab", "abcdefgh"], &[b"12345678abc", b"defgh"]),
            "*".repeat(16)
        );
    }

    proptest! {
        #[test]
        fn however_it_is_cut_no_secret_is_shown(
            before in "[a-zA-Z0-9_/ ]{0,30}", after in "[a-zA-Z0-9_/ ]{0,30}", cuts in prop::collection::vec(0usize..100, 0..8),
        ) {
            let text = format!("{before}{SECRET}{after}{SECRET}");
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut % text.len()).collect();
            cuts.sort_unstable();
            let mut pieces = Vec::new();
            let mut from = 0;
            for cut in cuts {
                pieces.push(&text.as_bytes()[from..cut]);
                from = cut;
            }
            pieces.push(&text.as_bytes()[from..]);
            let clean = masked(&[SECRET], &pieces);
            prop_assert!(!clean.contains(SECRET));
            prop_assert_eq!(clean, text.replace(SECRET, &"*".repeat(SECRET.len())));
        }

        #[test]
        fn what_holds_no_secret_is_left_alone(pieces in prop::collection::vec("[a-fgh_/+]{0,12}", 0..8)) {
            let bytes: Vec<&[u8]> = pieces.iter().map(|piece| piece.as_bytes()).collect();
            prop_assert_eq!(masked(&[SECRET], &bytes), pieces.concat());
        }
    }
}
