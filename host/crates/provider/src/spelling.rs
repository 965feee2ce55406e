//! Names and arguments as every dialect's servers accept them, and back.

use serde::{Serialize, Serializer};
use serde_json::json;
use std::borrow::Cow;
use types::{Arguments, ToolName};

/// Longest name that every provider accepts for a tool.
const LONGEST_NAME: usize = 64;

/// The spelling that providers accept: [`ToolName::wire`] for a tool's full name; host tools have a plain name that needs none. A name that
/// a model made up may hold anything, and is sent back in the characters that are allowed.
pub fn wire_name(name: &str) -> WireName {
    let mut wire = WireName::default();
    let well_formed = match name.split_once('.') {
        None => wire.push_all(name),
        Some((plugin, tool)) => {
            let is_name = |part: &str| part.starts_with(|c: char| c.is_ascii_alphabetic());
            // As [`ToolName::wire`] writes it, which a test compares; there is a name to write for each call of a conversation in each turn.
            let fits = plugin
                .split_inclusive('_')
                .all(|part| wire.push_all(part) && (!part.ends_with('_') || wire.push(b'-')));
            is_name(plugin) && is_name(tool) && fits && wire.push_all("__") && wire.push_all(tool)
        }
    };
    if well_formed && wire.length > 0 {
        return wire;
    }
    wire.length = 0;
    for character in name.chars() {
        let allowed = u8::try_from(character)
            .ok()
            .filter(|byte| is_allowed(*byte));
        wire.push(allowed.unwrap_or(b'_'));
    }
    if wire.length == 0 {
        wire.push(b'_');
    }
    wire
}

/// A name as it goes on the wire, on the stack.
#[derive(Clone, Copy)]
pub struct WireName {
    bytes: [u8; LONGEST_NAME],
    length: usize,
}

impl Default for WireName {
    fn default() -> Self {
        WireName {
            bytes: [0; LONGEST_NAME],
            length: 0,
        }
    }
}

impl Serialize for WireName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // ASCII, whatever the name was.
        serializer.serialize_str(std::str::from_utf8(self.as_bytes()).unwrap_or_default())
    }
}

impl WireName {
    /// The name: nothing in it has to be escaped.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Whether there was room for `byte`.
    fn push(&mut self, byte: u8) -> bool {
        let room = self.bytes.get_mut(self.length);
        let fits = room.is_some();
        if let Some(room) = room {
            *room = byte;
            self.length += 1;
        }
        fits
    }

    /// Whether all of `text` may stand in a name and there was room for it.
    fn push_all(&mut self, text: &str) -> bool {
        text.bytes().all(|byte| is_allowed(byte) && self.push(byte))
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_')
}

/// A call's id in the characters that every provider accepts: a conversation may have begun with another one.
pub fn wire_id(id: &str) -> Cow<'_, str> {
    if id.is_empty() {
        "_".into()
    } else if id.bytes().all(is_allowed) {
        id.into()
    } else {
        let allowed = |c: char| u8::try_from(c).is_ok_and(is_allowed);
        let mended = id.chars().map(|c| if allowed(c) { c } else { '_' });
        mended.collect::<String>().into()
    }
}

/// The house's spelling of a name that a model sent; kept as it is where it is no known spelling.
pub fn house_name(wire: &str) -> String {
    ToolName::from_wire(wire).map_or_else(|| wire.to_owned(), |name| name.to_string())
}

/// How the arguments of a call go on the wire: as a JSON object, which several servers insist on for as long as the call stands in the history.
#[derive(Debug, PartialEq, Eq)]
pub enum Sent {
    /// As the model wrote them.
    Written,
    /// It wrote none, or something else: this is the object that is sent.
    Mended(Cow<'static, str>),
}

/// The arguments of a call.
pub fn wire_arguments(arguments: &Arguments) -> Sent {
    if arguments.is_object() {
        return Sent::Written;
    }
    let text = arguments.plain();
    Sent::Mended(match text.trim() {
        "" => "{}".into(),
        _ => json!({ "not_json": text }).to_string().into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_are_spelled_as_providers_want_them() {
        for (name, wire) in [
            ("fs.read", "fs__read"),
            ("signal", "signal"),
            ("my_fs.read", "my_-fs__read"),
            ("rm -rf /", "rm_-rf__"),
            ("", "_"),
        ] {
            assert_eq!(wire_name(name).as_bytes(), wire.as_bytes());
            assert_eq!(json!(wire_name(name)), wire);
        }
        assert_eq!(wire_name(&"é".repeat(100)).as_bytes().len(), LONGEST_NAME);
        assert_eq!(house_name("fs__read"), "fs.read");
        assert_eq!(house_name("made up"), "made up");
    }

    proptest! {
        #[test]
        fn a_tools_name_is_spelled_as_its_type_spells_it(name in "[a-zA-Z0-9_.é-]{0,70}|[a-z_-]{1,40}\\.[a-z_-]{1,40}") {
            let wire = wire_name(&name);
            prop_assert!((1..=LONGEST_NAME).contains(&wire.as_bytes().len()));
            prop_assert!(wire.as_bytes().iter().all(|byte| is_allowed(*byte)));
            if let Ok(name) = ToolName::parse(&name) {
                let expected = name.wire();
                prop_assert_eq!(wire.as_bytes(), expected.as_bytes());
            }
        }
    }

    #[test]
    fn arguments_are_an_object() {
        for (written, wire) in [
            (" { \"a\": 1 }", " { \"a\": 1 }"),
            (" ", "{}"),
            ("{\"path\": ", r#"{"not_json":"{\"path\": "}"#),
            ("[1]", r#"{"not_json":"[1]"}"#),
        ] {
            let arguments = match wire_arguments(&written.into()) {
                Sent::Written => written.to_owned(),
                Sent::Mended(object) => object.into_owned(),
            };
            assert_eq!(arguments, wire);
        }
    }
}
