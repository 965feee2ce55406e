//! Text in the form in which every provider's dialect sends it, made once.
//!
//! All dialects put a text into a JSON string, and all of them escape it the same way. So the conversation keeps each text as the inside of such a string:
//! a request then shares those bytes and copies nothing, however long the history is, and the text is in memory once and not twice. Whoever needs the
//! text itself (a guard, a summary, a person) asks for [`Text::plain`].

mod escape;

use bytes::Bytes;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// A text, kept as the inside of a JSON string. Two are equal when their texts are: there is one way to escape.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct Text {
    wire: Bytes,
    /// What budgets go by, counted once, while the text is at hand anyway: a turn measures a conversation without looking at it.
    length: usize,
    beyond_ascii: usize,
}

impl Text {
    /// The inside of the JSON string: UTF-8 without the quotation marks.
    pub fn wire(&self) -> &Bytes {
        &self.wire
    }

    /// The text itself; borrowed where nothing in it had to be escaped.
    pub fn plain(&self) -> Cow<'_, str> {
        // Escaping gives UTF-8; nothing else makes a `Text`.
        let wire = std::str::from_utf8(&self.wire).unwrap_or_default();
        match wire.find('\\') {
            None => Cow::Borrowed(wire),
            Some(first) => {
                let mut text = String::with_capacity(wire.len());
                unescape(wire, first, &mut text);
                Cow::Owned(text)
            }
        }
    }

    /// Put the text itself into `room`, in place of what is there: for many texts one after the other.
    pub fn plain_into(&self, room: &mut String) {
        let wire = std::str::from_utf8(&self.wire).unwrap_or_default();
        room.clear();
        unescape(wire, wire.find('\\').unwrap_or(wire.len()), room);
    }

    /// The length of the text itself, in bytes.
    pub fn len(&self) -> usize {
        self.length
    }

    /// How many bytes of the text itself lie outside of ASCII.
    pub fn beyond_ascii(&self) -> usize {
        self.beyond_ascii
    }

    /// Whether there is no text.
    pub fn is_empty(&self) -> bool {
        self.wire.is_empty()
    }
}

/// How many bytes of `text` lie outside of ASCII.
pub fn beyond_ascii(text: &str) -> usize {
    // In groups small enough for a byte to count, which the compiler turns into vector instructions.
    let groups = text.as_bytes().chunks(128);
    groups
        .map(|group| usize::from(group.iter().map(|byte| byte >> 7).sum::<u8>()))
        .sum()
}

/// Add the text of which `wire` is the inside of a JSON string, whose first escape stands at `first`, to `text`.
fn unescape(wire: &str, first: usize, text: &mut String) {
    text.push_str(&wire[..first]);
    let mut rest = &wire[first..];
    // Escapes stand close together where there are any: looking at byte after byte is quicker than calling a search.
    while let Some(at) = rest.bytes().position(|byte| byte == b'\\') {
        text.push_str(&rest[..at]);
        let mut escape = rest[at + 1..].chars();
        match escape.next() {
            Some('n') => text.push('\n'),
            Some('t') => text.push('\t'),
            Some('r') => text.push('\r'),
            Some('b') => text.push('\u{8}'),
            Some('f') => text.push('\u{c}'),
            Some('u') => {
                // Only control characters are written so: always four digits, never a surrogate.
                let digits = escape.as_str().get(..4).unwrap_or_default();
                text.extend(
                    u32::from_str_radix(digits, 16)
                        .ok()
                        .and_then(char::from_u32),
                );
                escape = escape.as_str().get(4..).unwrap_or_default().chars();
            }
            Some(other) => text.push(other),
            None => {}
        }
        rest = escape.as_str();
    }
    text.push_str(rest);
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text {
            wire: escape::escape(text),
            length: text.len(),
            beyond_ascii: beyond_ascii(text),
        }
    }
}

impl From<String> for Text {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Text {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Arc<str>> for Text {
    fn from(text: Arc<str>) -> Self {
        (&*text).into()
    }
}

impl From<&Arc<str>> for Text {
    fn from(text: &Arc<str>) -> Self {
        (&**text).into()
    }
}

impl From<Cow<'_, str>> for Text {
    fn from(text: Cow<'_, str>) -> Self {
        (&*text).into()
    }
}

impl PartialEq<str> for Text {
    fn eq(&self, other: &str) -> bool {
        self.plain() == other
    }
}

impl PartialEq<&str> for Text {
    fn eq(&self, other: &&str) -> bool {
        self.plain() == *other
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plain())
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&*self.plain(), f)
    }
}

impl Serialize for Text {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.plain())
    }
}

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Cow::<str>::deserialize(deserializer).map(Text::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_comes_back_as_it_was_and_its_wire_form_is_json(text in "[\u{0}-\u{7f}\\\\\"\u{80}-\u{10ffff}]{0,40}") {
            let kept = Text::from(&*text);
            prop_assert_eq!(&*kept.plain(), &*text);
            prop_assert_eq!(kept.len(), text.len());
            prop_assert_eq!(kept.beyond_ascii(), text.bytes().filter(|byte| !byte.is_ascii()).count());
            let mut room = String::from("what was there");
            kept.plain_into(&mut room);
            prop_assert_eq!(&room, &text);
            let mut json = vec![b'"'];
            json.extend_from_slice(kept.wire());
            json.push(b'"');
            prop_assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text.clone());
            let journalled = serde_json::to_string(&kept).unwrap();
            prop_assert_eq!(serde_json::from_str::<Text>(&journalled).unwrap(), kept);
        }
    }

    #[test]
    fn every_control_character_survives() {
        let all: String = (0..0x20u8)
            .map(char::from)
            .chain("\"\\/\u{7f}é🦀".chars())
            .collect();
        assert_eq!(Text::from(&*all).plain(), all);
        assert_eq!(Text::from("plain").wire(), "plain");
        assert!(Text::from("").is_empty());
    }
}
