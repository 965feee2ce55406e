//! A definition's text as plain maps, lists and scalars, for whoever compares two of them and wants to miss nothing.

use crate::tree::{self, Kind, Node, Style, Typed};
use std::sync::Arc;

/// What a file of YAML holds, with everything that its meaning can depend on and nothing of its layout. Anchors are written out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outline {
    /// A scalar.
    Scalar(Written),
    /// A list.
    List(Vec<Outline>),
    /// A map, in file order.
    Map(Vec<(Arc<str>, Outline)>),
}

/// A scalar as it is written, and whether it is text: `1` is not `"1"`, and `1.10` is not `1.1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// What is written, without quotes.
    pub text: Arc<str>,
    /// Whether YAML takes it as text.
    pub is_text: bool,
}

impl Outline {
    /// The value under `key` of a map.
    pub fn get(&self, key: &str) -> Option<&Outline> {
        match self {
            Outline::Map(entries) => {
                let found = entries.iter().find(|(name, _)| **name == *key);
                found.map(|(_, value)| value)
            }
            _ => None,
        }
    }

    /// The text of a scalar.
    pub fn text(&self) -> Option<&str> {
        match self {
            Outline::Scalar(scalar) => Some(&scalar.text),
            _ => None,
        }
    }
}

/// What `text` holds; `None` where it is no YAML that a definition could be in.
pub fn outline(text: &str) -> Option<Outline> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let tree = tree::parse(&Arc::from("compared"), text).ok()?;
    tree.findings.is_empty().then(|| of(&tree.root))
}

fn of(node: &Node) -> Outline {
    match &node.kind {
        Kind::List(items) => Outline::List(items.iter().map(of).collect()),
        Kind::Map(entries) => Outline::Map(
            entries
                .iter()
                .map(|entry| (entry.key.text.as_ref().into(), of(&entry.value)))
                .collect(),
        ),
        Kind::Scalar(scalar) => Outline::Scalar(Written {
            text: scalar.text.as_ref().into(),
            is_text: scalar.value == Typed::Text || scalar.style != Style::Plain,
        }),
    }
}
