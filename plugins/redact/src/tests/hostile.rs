//! Texts made to take long. Nothing here measures time: where a detector is not linear, so much of these takes very long and the test never ends.

use super::{SECRETS, read};
use crate::text::redact;

const MEBIBYTE: usize = 1 << 20;
/// What each of many texts has.
const MUCH: usize = MEBIBYTE / 8;

#[test]
fn a_mebibyte_of_one_thing_passes() {
    for unit in ["a", "sk-", "="] {
        assert_eq!(redact(&unit.repeat(MEBIBYTE / unit.len())), None, "{unit}");
    }
}

#[test]
fn much_of_anything_ends_and_is_stable() {
    for unit in [
        "a",
        "=",
        "-",
        "\\",
        "\"",
        ":",
        ".",
        "~",
        "@",
        "{",
        "<",
        " ",
        "/",
        "_",
        "0",
        "\n",
        "é",
        "sk-",
        "sk-a1B2-",
        "SG.",
        "SG.a1.",
        "ghp_",
        "eyJ",
        "eyJ.",
        "eyJ-",
        "eyJa.eyJa.",
        "Q~",
        "a1Q~",
        "aaa1Q~",
        "://",
        "a://b:",
        "a://b:c@",
        "://a:a",
        "-----BEGIN ",
        "-----BEGIN PRIVATE KEY-----",
        "-----END ",
        "-----",
        "Bearer ",
        "Basic ",
        "bearer a",
        "Basic YTpi",
        "password=",
        "password:",
        "token=token",
        "token=\"",
        "token='\"`",
        "\\\"password\\\":",
        "password=\\\"",
        "--password ",
        "--token=--",
        "<password>",
        "password(\"",
        "a=b:c=",
        "hooks.slack.com/services/",
        "https://hooks.slack.com/services/",
        "[redacted: password]",
        "\u{1b}[31m",
        "%3D",
        "\\u0041",
        "{\"a\":",
        "[[",
        "\"\\u0041",
        "token: &'a <",
        "password: a=",
        "secret=>",
        "m[0;m",
    ] {
        let text = unit.repeat(MUCH / unit.len());
        if let Some(redacted) = redact(&text) {
            assert_eq!(redact(&redacted.text), None, "{unit}");
        }
        // One long run before a place where something is looked for again and again.
        let half = MUCH / 2;
        let text = "eyJ-".repeat(half / 4) + &unit.repeat(half / unit.len());
        redact(&text);
        let text = unit.repeat(half / unit.len()) + &".".repeat(half);
        redact(&text);
    }
}

#[test]
fn a_mebibyte_of_secrets_loses_them_all() {
    let (text, expected) =
        read("api_key=\"«OpenAI key|sk-·8fKq2LmZx9VtR4yB7nWc1JdH5sPg3aTu6EoYiQ0k»\"\n");
    let count = MEBIBYTE / text.len();
    let redacted = redact(&text.repeat(count)).unwrap();
    assert_eq!(redacted.text, expected.repeat(count));
    assert_eq!(redacted.told(), format!("redacted {count} × OpenAI key"));
    // In one string of JSON.
    let written = serde_json::json!(text.repeat(count)).to_string();
    let redacted = redact(&written).unwrap();
    let read: String = serde_json::from_str(&redacted.text).unwrap();
    assert_eq!(read, expected.repeat(count));
}

/// Every cut of every text that has a secret in it, at every character: nothing panics, and a second look finds nothing.
#[test]
fn a_text_cut_anywhere_is_stable() {
    for marked in SECRETS {
        let (text, _) = read(marked);
        let cuts = text.char_indices().map(|(at, _)| at).step_by(3);
        for at in cuts {
            for part in [&text[..at], &text[at..]] {
                if let Some(redacted) = redact(part) {
                    assert_eq!(redact(&redacted.text), None, "{part}");
                }
            }
        }
    }
}
