//! Names and arguments as every dialect's servers accept them, and back.

use serde_json::json;
use std::borrow::Cow;
use types::ToolName;

/// Longest name that every provider accepts for a tool.
const LONGEST_NAME: usize = 64;

/// The spelling that providers accept: [`ToolName::wire`] for a tool's full name; host tools have a plain name that needs none. A name that
/// a model made up may hold anything, and is sent back in the characters that are allowed.
pub fn wire_name(name: &str) -> Cow<'_, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if !name.is_empty() && name.len() <= LONGEST_NAME && name.chars().all(is_allowed) {
        return name.into();
    }
    if let Ok(name) = ToolName::parse(name) {
        return name.wire().into();
    }
    let mut wire: String = name
        .chars()
        .map(|c| if is_allowed(c) { c } else { '_' })
        .take(LONGEST_NAME)
        .collect();
    if wire.is_empty() {
        wire.push('_');
    }
    wire.into()
}

/// A call's id in the characters that every provider accepts: a conversation may have begun with another one.
pub fn wire_id(id: &str) -> Cow<'_, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if id.is_empty() {
        "_".into()
    } else if id.chars().all(is_allowed) {
        id.into()
    } else {
        let mended = id.chars().map(|c| if is_allowed(c) { c } else { '_' });
        mended.collect::<String>().into()
    }
}

/// The house's spelling of a name that a model sent; kept as it is where it is no known spelling.
pub fn house_name(wire: &str) -> String {
    ToolName::from_wire(wire).map_or_else(|| wire.to_owned(), |name| name.to_string())
}

/// Arguments as a JSON object: as they are where they are one, and wrapped into one where the model wrote something else, which several servers would
/// refuse for as long as it stood in the history.
pub fn wire_arguments(arguments: &str) -> Cow<'_, str> {
    let is_object = arguments.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok();
    if is_object {
        arguments.into()
    } else if arguments.trim().is_empty() {
        "{}".into()
    } else {
        json!({ "not_json": arguments }).to_string().into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_spelled_as_providers_want_them() {
        for (name, wire) in [
            ("fs.read", "fs__read"),
            ("signal", "signal"),
            ("my_fs.read", "my_-fs__read"),
            ("rm -rf /", "rm_-rf__"),
            ("", "_"),
        ] {
            assert_eq!(wire_name(name), wire);
        }
        assert_eq!(wire_name(&"é".repeat(100)).len(), LONGEST_NAME);
        assert_eq!(house_name("fs__read"), "fs.read");
        assert_eq!(house_name("made up"), "made up");
    }

    #[test]
    fn arguments_are_an_object() {
        for (written, wire) in [
            (" { \"a\": 1 }", " { \"a\": 1 }"),
            (" ", "{}"),
            ("{\"path\": ", r#"{"not_json":"{\"path\": "}"#),
            ("[1]", r#"{"not_json":"[1]"}"#),
        ] {
            assert_eq!(wire_arguments(written), wire);
        }
    }
}
