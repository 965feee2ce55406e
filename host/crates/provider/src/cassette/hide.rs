//! What must not get onto a cassette: the provider's key, long parts of it, and what looks like the credentials of a request.
//!
//! A cassette is made to be kept and shared, so this is stricter than what a run shows: a part of the key is hidden wherever it stands, and a
//! model that quotes an `Authorization` header, whoever's it is, has it blanked. Hiding twice changes nothing more: what is played back goes into
//! the next payload, whose marks must be those that were recorded.

use crate::secret::Key;
use regex::{Captures, Regex};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What stands where credentials stood.
const HIDDEN: &str = "[hidden]";

/// A header that carries credentials, with its value's scheme if it has one, and the value. Shorter values are no credentials but words such as
/// `Bearer`.
static HEADER: LazyLock<Regex> = LazyLock::new(|| {
    compile(
        r#"(?i)((?:authorization|x-api-key|api-key|x-goog-api-key)[\\"']*\s*[:=]\s*[\\"']*(?:(?:bearer|basic|token|digest|apikey)\s+)?)[a-z0-9._~+/=:-]{8,}"#,
    )
});

/// A value of such a header by itself.
static SCHEME: LazyLock<Regex> =
    LazyLock::new(|| compile(r"(?i)\b((?:bearer|basic)\s+)([a-z0-9._~+/=-]{8,})"));

/// From this length on, what follows `Bearer` is no word of a sentence.
const LONGEST_WORD: usize = 24;

fn compile(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a constant that a test compiles")
}

/// Hides secrets.
pub struct Hide<'a> {
    key: Option<&'a Key>,
}

impl<'a> Hide<'a> {
    /// Hides `key`, parts of it, and credentials in headers.
    pub fn new(key: Option<&'a Key>) -> Self {
        Hide { key }
    }

    /// Hides credentials in headers: for whoever has no key.
    pub const fn only_headers() -> Hide<'static> {
        Hide { key: None }
    }

    /// `text` without secrets.
    pub fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let clean = match self.key {
            Some(key) => key.scrub(text),
            None => Cow::Borrowed(text),
        };
        let clean = replace(clean, &HEADER, |found| format!("{}{HIDDEN}", &found[1]));
        replace(clean, &SCHEME, |found| {
            let value = &found[2];
            if value.len() > LONGEST_WORD || value.bytes().any(|byte| byte.is_ascii_digit()) {
                format!("{}{HIDDEN}", &found[1])
            } else {
                found[0].to_owned()
            }
        })
    }

    /// `value` without secrets in any of its strings, names of fields included.
    pub fn value(&self, value: &mut Value) {
        match value {
            Value::String(text) => {
                if let Cow::Owned(clean) = self.text_or_json(text) {
                    *text = clean;
                }
            }
            Value::Array(values) => values.iter_mut().for_each(|value| self.value(value)),
            Value::Object(fields) => {
                fields.values_mut().for_each(|value| self.value(value));
                if fields.keys().any(|name| self.is_changed(name)) {
                    *fields = std::mem::take(fields)
                        .into_iter()
                        .map(|(name, value)| (self.text(&name).into_owned(), value))
                        .collect();
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// As [`Hide::text`], and where the text is JSON of its own, such as a call's arguments, also what is escaped in there: first, because a
    /// part that is hidden could leave half an escape.
    pub fn text_or_json<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let may_be_json = text.contains('\\') && text.trim_start().starts_with(['{', '[']);
        let inside = may_be_json
            .then(|| serde_json::from_str::<Value>(text).ok())
            .flatten();
        let Some(inside) = inside else {
            return self.text(text);
        };
        let mut hidden = inside.clone();
        self.value(&mut hidden);
        if hidden == inside {
            self.text(text)
        } else {
            Cow::Owned(self.text(&hidden.to_string()).into_owned())
        }
    }

    fn is_changed(&self, text: &str) -> bool {
        matches!(self.text(text), Cow::Owned(_))
    }
}

/// Replace what `pattern` finds; borrowed stays borrowed where nothing changes.
fn replace<'t>(
    text: Cow<'t, str>,
    pattern: &Regex,
    with: impl Fn(&Captures<'_>) -> String,
) -> Cow<'t, str> {
    let changed = match pattern.replace_all(&text, with) {
        Cow::Owned(changed) if changed != *text => changed,
        _ => return text,
    };
    Cow::Owned(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;
    use types::SecretRef;

    const KEY: &str = "sk-proj-0123456789abcdef";

    fn key() -> Key {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("key");
        std::fs::write(&file, KEY).unwrap();
        Key::look_up(&SecretRef::File(file), "p").unwrap()
    }

    #[test]
    fn credentials_are_hidden_and_talk_of_them_is_not() {
        let key = key();
        let hide = Hide::new(Some(&key));
        for (text, clean) in [
            ("the key is sk-proj-0123456789abcdef.", "the key is [key]."),
            ("it ends in 456789abcdef", "it ends in [key]"),
            (
                "Authorization: Bearer AbCdEfGhIj",
                "Authorization: Bearer [hidden]",
            ),
            (
                "authorization: Token 87654321",
                "authorization: Token [hidden]",
            ),
            (
                r#"{"Authorization":"Basic dXNlcjpwYXNz"}"#,
                r#"{"Authorization":"Basic [hidden]"}"#,
            ),
            ("-H 'x-api-key: abcdefgh-1'", "-H 'x-api-key: [hidden]'"),
            ("Bearer eyJhbGciOiJIUzI1NiJ9.x.y", "Bearer [hidden]"),
            (
                "bearer authentication is usual",
                "bearer authentication is usual",
            ),
            ("Basic understanding", "Basic understanding"),
            (
                "Authorization: Bearer $TOKEN",
                "Authorization: Bearer $TOKEN",
            ),
            (
                r#"f"Authorization: Bearer {token}""#,
                r#"f"Authorization: Bearer {token}""#,
            ),
            ("authorization of requests", "authorization of requests"),
        ] {
            assert_eq!(hide.text(text), clean);
        }
    }

    #[test]
    fn json_inside_of_json_is_looked_into() {
        let key = key();
        let escaped = KEY.replace("k-", "\\u006b-").replace("012", "\\u003012");
        let mut value = json!({
            "arguments": format!("{{\"a\":[\"{escaped}\"]}}"),
            KEY: {"deep": [1, format!("x{KEY}x")]},
            "kept": "{\"plain\":\"a\\nb\"}",
        });
        Hide::new(Some(&key)).value(&mut value);
        assert_eq!(
            value,
            json!({
                "arguments": "{\"a\":[\"[key]\"]}",
                "[key]": {"deep": [1, "x[key]x"]},
                "kept": "{\"plain\":\"a\\nb\"}",
            })
        );
    }

    proptest! {
        #[test]
        fn hiding_twice_changes_nothing_more(parts in proptest::collection::vec(
            proptest::sample::select(vec!["Authorization", ": ", "Bearer ", "Basic ", "basic", " ", "\"", "abcdefgh", "12345678", KEY, "sk-proj-", "x-api-key=", "[hidden]", "[key]", "é", "\n", "0123456", "789abcdef"]), 0..8)
        ) {
            let text = parts.concat();
            let key = key();
            for hide in [Hide::new(Some(&key)), Hide::only_headers()] {
                let once = hide.text(&text).into_owned();
                prop_assert_eq!(hide.text(&once), &*once);
                prop_assert!(!hide.key.is_some_and(|_| once.contains("3456789abc")));
            }
            // A replay has no key, and must find what was recorded with one.
            let recorded = Hide::new(Some(&key)).text(&text).into_owned();
            prop_assert_eq!(Hide::only_headers().text(&recorded), &*recorded);
        }
    }
}
