//! What is found and what is not, as tables; and what must hold for every text.

mod harmless;
mod hostile;
mod json;
mod secrets;

use crate::text::{MARK, redact};
use harmless::HARMLESS;
use secrets::SECRETS;

/// The text that `marked` stands for, and what it is to become.
fn read(marked: &str) -> (String, String) {
    let marked = marked.replace('·', "");
    let (mut text, mut expected) = (String::new(), String::new());
    for (index, part) in marked.split(['«', '»']).enumerate() {
        match part.split_once('|') {
            Some((kind, secret)) if index % 2 == 1 => {
                text.push_str(secret);
                expected.push_str(&format!("{MARK}{kind}]"));
            }
            _ => {
                text.push_str(part);
                expected.push_str(part);
            }
        }
    }
    (text, expected)
}

#[track_caller]
fn check(marked: &str) {
    let (text, expected) = read(marked);
    let redacted = redact(&text).map(|redacted| redacted.text);
    assert_eq!(redacted.as_deref(), Some(expected.as_str()), "of {text}");
    assert_eq!(redact(&expected), None, "a second look at {expected}");
}

#[test]
fn secrets_are_taken_out_and_nothing_else() {
    let mut wrong = Vec::new();
    for marked in SECRETS {
        let (text, expected) = read(marked);
        let redacted = redact(&text).map(|redacted| redacted.text);
        if redacted.as_deref() != Some(expected.as_str()) {
            wrong.push(format!(
                "{text}\n  became {redacted:?}\n  not    {expected:?}"
            ));
        }
        assert_eq!(redact(&expected), None, "a second look at {expected}");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn secrets_are_found_wherever_the_text_stands() {
    for marked in SECRETS {
        check(&format!("Some words before.\n{marked}\n"));
        check(&format!("ä\t{marked} "));
    }
}

#[test]
fn what_is_no_secret_passes() {
    let wrong: Vec<String> = HARMLESS
        .iter()
        .filter_map(|text| Some(format!("{text}\n  became {}", redact(text)?.text)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_told_names_kinds_and_no_secret() {
    let (text, _) = read(
        "postgres://a:«password|s3cr·et»@h postgres://a:«password|s3cr·et2»@h AKIA·QX7ZB3NTRYKD5FWM",
    );
    let told = redact(&text).map(|redacted| redacted.told());
    assert_eq!(
        told.as_deref(),
        Some("redacted AWS access key, 2 × password")
    );
}

/// The sources of this very program: thousands of lines about keys, tokens and passwords.
#[test]
fn the_sources_of_this_plugin_pass() {
    let sources = [
        include_str!("../assign.rs"),
        include_str!("../chance.rs"),
        include_str!("../class.rs"),
        include_str!("../header.rs"),
        include_str!("../json.rs"),
        include_str!("../key.rs"),
        include_str!("../lib.rs"),
        include_str!("../pem.rs"),
        include_str!("../shapes.rs"),
        include_str!("../text.rs"),
        include_str!("../tokens.rs"),
        include_str!("../url.rs"),
        include_str!("../value.rs"),
    ];
    for source in sources {
        let redacted = redact(source).map(|redacted| redacted.text);
        assert_eq!(redacted, None);
    }
}
