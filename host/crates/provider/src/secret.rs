//! Keys: looked up at the moment of use, and kept out of everything that a person, a log or a model reads.

use reqwest::header::{HeaderValue, InvalidHeaderValue};
use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;
use types::{ModelError, ModelErrorKind, SecretRef};

/// Shortest stretch of a key that is hidden in error texts. Servers like to echo a part of a wrong key; eight characters in a row are more
/// than chance, and more than anyone needs to recognise which key was meant.
const SHORTEST_HIDDEN: usize = 8;

/// What stands where a key stood.
const HIDDEN: &str = "[key]";

/// The value of a key. It has no `Display`, and its `Debug` hides it.
pub struct Key(String);

impl Key {
    /// Look up `secret`, the key of the provider `provider`.
    ///
    /// # Errors
    /// [`ModelErrorKind::Unauthorised`], saying how to set it, when it is missing, empty or cannot be a header.
    pub fn look_up(secret: &SecretRef, provider: &str) -> Result<Self, ModelError> {
        let unusable = |what: String| ModelError::new(ModelErrorKind::Unauthorised, what);
        let value = match secret {
            SecretRef::Env(name) => std::env::var(name).map_err(|error| match error {
                std::env::VarError::NotPresent => unusable(format!(
                    "provider `{provider}` needs a key and the environment variable {name} is not set: run `export {name}=…` first, or \
                     change `key` of provider `{provider}` in house.yaml"
                )),
                std::env::VarError::NotUnicode(_) => unusable(format!(
                    "the environment variable {name}, the key of provider `{provider}`, is not text: set it again"
                )),
            })?,
            SecretRef::File(path) => std::fs::read_to_string(path).map_err(|error| {
                unusable(format!(
                    "provider `{provider}` needs a key and {} cannot be read ({error}): write the key into that file, or change `key` of \
                     provider `{provider}` in house.yaml",
                    path.display()
                ))
            })?,
        };
        let value = value.trim();
        if value.is_empty() {
            return Err(unusable(format!(
                "the key of provider `{provider}`, {secret}, is empty: put the key there"
            )));
        }
        // Checked here and not left to the HTTP library, so that no other error could come to quote it.
        if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(unusable(format!(
                "the key of provider `{provider}`, {secret}, holds a space, a line break or another character that no key has: it should \
                 hold the key alone"
            )));
        }
        Ok(Key(value.to_owned()))
    }

    /// A header's value: the key behind `scheme`, such as `Bearer `.
    ///
    /// # Errors
    /// When the key holds what no header can.
    pub fn header(&self, scheme: &str) -> Result<HeaderValue, InvalidHeaderValue> {
        let mut value = HeaderValue::from_str(&format!("{scheme}{}", self.0))?;
        value.set_sensitive(true);
        Ok(value)
    }

    /// `text` without the key and without any longer stretch of it.
    pub fn scrub<'a>(&self, text: &'a str) -> Cow<'a, str> {
        let shortest = SHORTEST_HIDDEN.min(self.0.len());
        if !self.may_be_in(text, shortest) {
            return Cow::Borrowed(text);
        }
        let mut clean: Option<String> = None;
        let mut kept = 0;
        let mut at = 0;
        while at + shortest <= text.len() {
            let length = self.longest_match(&text.as_bytes()[at..], shortest);
            if length == 0 {
                at += 1;
                continue;
            }
            let clean = clean.get_or_insert_with(String::new);
            // A key is ASCII, so both ends of a match are character boundaries.
            clean.push_str(&text[kept..at]);
            clean.push_str(HIDDEN);
            at += length;
            kept = at;
        }
        match clean {
            None => Cow::Borrowed(text),
            Some(mut clean) => {
                clean.push_str(&text[kept..]);
                Cow::Owned(clean)
            }
        }
    }

    /// `text` without the whole key: for what a model says, where a short stretch that happens to be in the key must stay.
    pub fn scrub_whole<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.len() >= SHORTEST_HIDDEN && text.contains(&self.0) {
            Cow::Owned(text.replace(&self.0, HIDDEN))
        } else {
            Cow::Borrowed(text)
        }
    }

    /// As [`Key::scrub_whole`], for text that may be JSON, where any character of the key may stand as an escape, also as an escape of an escape. Nothing
    /// is parsed, because what a model calls with may be cut off, and what stands around the key stays as it is.
    pub fn scrub_escaped<'a>(&self, text: &'a str) -> Cow<'a, str> {
        if self.0.len() < SHORTEST_HIDDEN || !text.contains('\\') {
            return self.scrub_whole(text);
        }
        let bytes = text.as_bytes();
        let (mut clean, mut kept, mut at) = (String::new(), 0, 0);
        while at < bytes.len() {
            match self.escaped_length(&bytes[at..]) {
                Some(length) => {
                    // A key is ASCII and so are escapes: both ends are character boundaries.
                    clean.push_str(&text[kept..at]);
                    clean.push_str(HIDDEN);
                    at += length;
                    kept = at;
                }
                // What does not begin with all of the backslashes does not begin with some of them.
                None => at += backslashes(&bytes[at..]).max(1),
            }
        }
        if kept == 0 {
            return self.scrub_whole(text);
        }
        clean.push_str(&text[kept..]);
        // A key with backslashes of its own.
        Cow::Owned(self.scrub_whole(&clean).into_owned())
    }

    /// How long the key is that `text` begins with, escaped or not.
    fn escaped_length(&self, text: &[u8]) -> Option<usize> {
        let mut at = 0;
        for &wanted in self.0.as_bytes() {
            at += written_length(wanted, &text[at..])?;
        }
        Some(at)
    }

    /// How many bytes at the end of `text` may be the beginning of the key.
    pub fn begins_at_the_end_of(&self, text: &str) -> usize {
        let longest = self.0.len().saturating_sub(1).min(text.len());
        let matches = |length: &usize| text.as_bytes().ends_with(&self.0.as_bytes()[..*length]);
        (1..=longest).rev().find(matches).unwrap_or(0)
    }

    /// A quick look, because whole conversations are looked through: a stretch of eight bytes, wherever it stands, holds the four that begin at some fifth
    /// byte of the text. May be wrong when it says yes.
    fn may_be_in(&self, text: &str, shortest: usize) -> bool {
        if shortest < SHORTEST_HIDDEN {
            return true;
        }
        let fours: HashSet<&[u8]> = self.0.as_bytes().windows(4).collect();
        let mut groups = text.as_bytes().chunks(5);
        groups.any(|group| group.get(..4).is_some_and(|four| fours.contains(four)))
    }

    /// How many bytes at the start of `text` stand somewhere in the key; 0 when they are fewer than `shortest`.
    fn longest_match(&self, text: &[u8], shortest: usize) -> usize {
        let key = self.0.as_bytes();
        (0..=key.len() - shortest)
            .map(|start| {
                key[start..]
                    .iter()
                    .zip(text)
                    .take_while(|(a, b)| a == b)
                    .count()
            })
            .max()
            .filter(|length| *length >= shortest)
            .unwrap_or(0)
    }
}

fn backslashes(text: &[u8]) -> usize {
    text.iter().take_while(|byte| **byte == b'\\').count()
}

/// How long the character `wanted` is that `text` begins with, as itself or in one of JSON's escapes.
fn written_length(wanted: u8, text: &[u8]) -> Option<usize> {
    let slashes = backslashes(text);
    if wanted == b'\\' && slashes > 0 {
        return Some(slashes);
    }
    let rest = &text[slashes..];
    if rest.first() == Some(&wanted) && (slashes == 0 || matches!(wanted, b'/' | b'"')) {
        return Some(slashes + 1);
    }
    let digits = rest.strip_prefix(b"u").filter(|_| slashes > 0)?.get(..4)?;
    let digits = std::str::from_utf8(digits).ok()?;
    let is_it = u32::from_str_radix(digits, 16) == Ok(u32::from(wanted));
    is_it.then_some(slashes + "u0000".len())
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(HIDDEN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::PathBuf;

    fn key(text: &str) -> Key {
        Key(text.to_owned())
    }

    #[test]
    fn neither_the_key_nor_a_long_part_of_it_stays() {
        let key = key("sk-proj-0123456789abcdef");
        for (text, clean) in [
            ("wrong key sk-proj-0123456789abcdef!", "wrong key [key]!"),
            ("é sk-proj-0123456…é", "é [key]…é"),
            ("ends in 89abcdef", "ends in [key]"),
            ("begins with sk-proj", "begins with sk-proj"),
            ("", ""),
        ] {
            assert_eq!(key.scrub(text), clean);
        }
        assert_eq!(format!("{key:?}"), "[key]");
        assert_eq!(
            key.scrub_whole("0123456789 is a number"),
            "0123456789 is a number"
        );
        assert_eq!(key.scrub_whole("sk-proj-0123456789abcdef"), "[key]");
    }

    proptest! {
        #[test]
        fn no_stretch_of_the_key_stays_wherever_it_stands(
            before in "[é.]{0,11}", from in 0usize..17, length in 8usize..25, after in "[é.]{0,11}",
        ) {
            let whole = "sk-proj-0123456789abcdef";
            let stretch = &whole[from..whole.len().min(from + length)];
            let text = format!("{before}{stretch}{after}");
            prop_assert_eq!(key(whole).scrub(&text), format!("{before}[key]{after}"));
        }
    }

    #[test]
    fn a_key_is_found_behind_escapes() {
        let key = key("sk-t/est\"0123");
        for (text, clean) in [
            (r#"{"a":"sk-t/est\"0123"}"#, r#"{"a":"[key]"}"#),
            (
                r#"{"a":"\u0073k-t\/est\"0123","b":"\n"}"#,
                r#"{"a":"[key]","b":"\n"}"#,
            ),
            (
                r#"{"a":"x\\sk-t/est\u0022012\u0033."}"#,
                r#"{"a":"x\\[key]."}"#,
            ),
            (
                r#"{"a":"{\"b\":\"\\u0073k-t\\/est\\\"0123\"}"}"#,
                r#"{"a":"{\"b\":\"[key]\"}"}"#,
            ),
            (
                r#"{"cut off":"\u0073\u006B-t\u002fest\"0123"#,
                r#"{"cut off":"[key]"#,
            ),
            (
                r#"{"é":"\u0073k-t\/est\"012é"}"#,
                r#"{"é":"\u0073k-t\/est\"012é"}"#,
            ),
            (r"\\\u0073", r"\\\u0073"),
        ] {
            assert_eq!(key.scrub_escaped(text), clean);
        }
    }

    proptest! {
        #[test]
        fn however_it_is_escaped_what_is_read_holds_no_key(
            how in proptest::collection::vec(0u8..3, 13), before in r#"[a-z\\"/é\n]{0,8}"#, after in r#"[a-z\\"/é\n]{0,8}"#,
        ) {
            let whole = "sk-t/est\"0123";
            let json = |text: &str| serde_json::Value::from(text).to_string();
            let inner = |text: &str| { let text = json(text); text[1..text.len() - 1].to_owned() };
            let written: String = whole.chars().zip(how).map(|(c, how)| match (how, c) {
                (0, _) => format!("\\u{:04x}", c as u32),
                (1, _) => format!("\\u{:04X}", c as u32),
                (_, '/') => "\\/".to_owned(),
                (_, c) => inner(&c.to_string()),
            }).collect();
            let text = format!("\"{}{written}{}\"", inner(&before), inner(&after));
            for text in [json(&text), text] {
                let clean = key(whole).scrub_escaped(&text).into_owned();
                let read: String = serde_json::from_str(&clean).unwrap();
                prop_assert!(read.contains("[key]") && !read.contains(whole), "{}", clean);
            }
        }
    }

    #[test]
    fn a_short_key_is_hidden_as_a_whole() {
        assert_eq!(
            key("abc12").scrub("got abc12, not abc1"),
            "got [key], not abc1"
        );
    }

    #[test]
    fn a_file_holds_the_key_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let secret = SecretRef::File(path.clone());
        let missing = Key::look_up(&secret, "local").unwrap_err();
        assert_eq!(missing.kind, ModelErrorKind::Unauthorised);
        assert!(
            missing.message.contains("write the key into that file"),
            "{missing}"
        );
        std::fs::write(&path, "  sk-1234\n").unwrap();
        assert_eq!(
            Key::look_up(&secret, "local")
                .unwrap()
                .header("Bearer ")
                .unwrap(),
            "Bearer sk-1234"
        );
        for wrong in ["", "\n", "two words", "sk-1\nsk-2", "schlüssel"] {
            std::fs::write(&path, wrong).unwrap();
            let error = Key::look_up(&secret, "local").unwrap_err();
            assert!(
                wrong.trim().is_empty() || !error.message.contains(wrong.trim()),
                "{error}"
            );
        }
    }

    #[test]
    fn a_missing_variable_says_how_to_set_it() {
        let secret = SecretRef::Env("CHARTHOUSE_TEST_NO_SUCH_KEY".into());
        let error = Key::look_up(&secret, "claude").unwrap_err();
        assert!(
            error
                .message
                .contains("export CHARTHOUSE_TEST_NO_SUCH_KEY=…"),
            "{error}"
        );
        let secret = SecretRef::File(PathBuf::from("/nowhere/at/all"));
        assert!(
            Key::look_up(&secret, "claude")
                .unwrap_err()
                .message
                .contains("/nowhere/at/all")
        );
    }
}
