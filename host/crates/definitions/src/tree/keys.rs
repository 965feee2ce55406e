//! What stands in the place of a key: names only, each once, and none that swallowed its value.

use super::{Entry, Key, Kind, Node, Style, Typed};
use crate::suggest::shown;
use std::collections::HashMap;
use std::rc::Rc;
use types::Finding;

/// Whether the entry under a key goes into the tree, or was reported and left out.
pub(super) enum Fate {
    Kept,
    Complained,
}

/// Where each key of a map stands. Few maps have many keys: those of the others are looked through.
#[derive(Default)]
pub(super) struct Lines(HashMap<Rc<str>, u32>);

impl Lines {
    /// From so many keys on, they are kept here too.
    const MANY: usize = 24;

    /// The line of the entry among `entries` with the key `name`.
    fn of(&self, entries: &[Entry], name: &str) -> Option<u32> {
        if entries.len() >= Self::MANY {
            return self.0.get(name).copied();
        }
        let found = entries.iter().find(|entry| &*entry.key.text == name);
        found.map(|entry| entry.key.place.line)
    }

    /// Another entry has come to `entries`.
    pub fn note(&mut self, entries: &[Entry]) {
        let new = match entries.len() {
            few if few < Self::MANY => return,
            Self::MANY => entries,
            _ => &entries[entries.len() - 1..],
        };
        let keys = new
            .iter()
            .map(|entry| (entry.key.text.clone(), entry.key.place.line));
        self.0.extend(keys);
    }
}

/// A node in the place of a key; duplicates and keys that are no text are reported.
pub(super) fn as_key(
    node: Node,
    entries: &[Entry],
    lines: &Lines,
    findings: &mut Vec<Finding>,
) -> (Key, Fate) {
    let place = node.place.clone();
    let text = match &node.kind {
        Kind::Scalar(scalar) if scalar.value != Typed::Null => scalar.text.clone(),
        _ => "".into(),
    };
    let complaint = if node.is_null() && node.scalar().is_some_and(|s| !s.text.is_empty()) {
        let word = node.scalar().map_or("", |s| &*s.text);
        Some((
            format!("a key must be a name, and a bare `{word}` is nothing in YAML"),
            "put it in quotes, or choose another name",
        ))
    } else if text.is_empty() {
        Some((
            format!("a key must be a name, and this is {}", node.describe()),
            "write `name: value`; a text that begins with `{`, `[` or `*` needs quotes",
        ))
    } else if &*text == "<<" && node.scalar().is_some_and(|s| s.style == Style::Plain) {
        Some((
            "unknown key `<<`".into(),
            "merge keys belong to older YAML and are not read here: write the entries out",
        ))
    } else {
        lines.of(entries, &text).map(|line| {
            let name = shown(&text);
            (
                format!("the key `{name}` stands here a second time; the first is on line {line}"),
                "keep one of the two",
            )
        })
    };
    let fate = match complaint {
        Some((message, help)) => {
            findings.push(Finding::error(&place, message, help));
            Fate::Complained
        }
        None => Fate::Kept,
    };
    let plain = node.scalar().is_some_and(|s| s.style == Style::Plain);
    (Key { text, place, plain }, fate)
}

/// Whether this is `{ key:value }`, which YAML takes for one long key without a value.
fn is_glued(key: &Key, value: &Node) -> bool {
    let missing =
        matches!(&value.kind, Kind::Scalar(s) if s.value == Typed::Null && s.text.is_empty());
    // A URL or a quoted key that ends in nothing stays what it is.
    missing
        && key.plain
        && key.text.contains(':')
        && !key.text.contains("//")
        && !key.text.ends_with(':')
}

/// What is wrong with an entry whose key swallowed its value.
pub(super) fn glued(key: &Key, value: &Node) -> Option<Finding> {
    if !is_glued(key, value) {
        return None;
    }
    let (name, value) = key.text.split_once(':')?;
    let message = format!("there is no space after the `:` of `{}`", shown(&key.text));
    let help = format!("write `{}: {}`", shown(name), shown(value));
    Some(Finding::error(&key.place, message, help))
}
