//! JSON stays JSON, whatever stands in its strings.

use super::{SECRETS, read};
use crate::text::{MARK, redact};
use serde_json::{Value, json};

#[test]
fn json_with_secrets_in_it_is_json_without_them() {
    for marked in SECRETS {
        let (text, expected) = read(marked);
        for value in [
            json!({ "text": text, "n": 1 }),
            json!([[text], { "arguments": json!({ "new": text }).to_string() }]),
            json!(text),
            json!({ "deep": json!({ "deeper": json!({ "text": text }).to_string() }).to_string() }),
        ] {
            for written in [value.to_string(), format!("{value:#}")] {
                let redacted = redact(&written).unwrap_or_else(|| panic!("nothing in {written}"));
                serde_json::from_str::<Value>(&redacted.text)
                    .unwrap_or_else(|error| panic!("{error}: {}", redacted.text));
                assert_eq!(redact(&redacted.text), None, "{}", redacted.text);
            }
        }
        let plain = json!({ "text": text }).to_string();
        let redacted: Value = serde_json::from_str(&redact(&plain).unwrap().text).unwrap();
        let marks = |text: &str| text.matches(MARK).count();
        assert_eq!(
            marks(redacted["text"].as_str().unwrap()),
            marks(&expected),
            "{redacted} of {text}"
        );
    }
}

#[test]
fn a_secret_that_reaches_beyond_its_string_is_taken_out_of_each() {
    let line = "b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz";
    let text = json!({
        "lines": ["-----BEGIN PRIVATE KEY-----", line],
        "last": "-----END PRIVATE KEY-----",
    })
    .to_string();
    let redacted = redact(&text).unwrap().text;
    let value: Value = serde_json::from_str(&redacted).unwrap();
    assert_eq!(value["lines"][1], format!("{MARK}private key]"));
    assert!(!redacted.contains(line), "{redacted}");
}

#[test]
fn numbers_and_names_of_json_are_no_secrets() {
    for text in [
        r#"{"password": 12345678, "token": 9007199254740993, "secret": true}"#,
        r#"{"password":"","token":"a","api_key":[]}"#,
    ] {
        assert_eq!(redact(text), None, "{text}");
    }
}

#[test]
fn no_escape_is_cut_in_two() {
    for text in [
        r#"{"password":"Hunter2\\u00e4\"x9"}"#,
        r#"{"a":"password=\"H\\nunter22\\\"zz9\" b"}"#,
        r#"{"a":"PASSWORD=Hunter22\u0021\tb","b":"postgres://a:b9\\c7x@h"}"#,
        r#""--password Hunter22\\""#,
    ] {
        let before: Value = serde_json::from_str(text).unwrap();
        let after = redact(text).map_or(text.to_owned(), |redacted| redacted.text);
        let after: Value = serde_json::from_str(&after).unwrap_or_else(|e| panic!("{e}: {after}"));
        assert_eq!(before.is_object(), after.is_object());
    }
}
