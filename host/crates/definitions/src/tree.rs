//! YAML text as a tree in which every node knows its place.
//!
//! This is the only room that knows YAML. Everything after it sees scalars, lists and maps. The parser is `serde-saphyr`'s own event parser;
//! what is added here are places, the typing of plain scalars by YAML 1.2's core schema, and budgets: a definition cannot make the host spend
//! more than a bounded amount of memory, whatever its nesting and its aliases.

mod build;
mod keys;
mod scalar;
mod syntax;

use crate::suggest::shown;
use std::rc::Rc;
use std::sync::Arc;
use types::{Finding, Place, Value};

pub(crate) use build::{parse, parse_as};

/// Nesting beyond this is no definition; walking the tree recurses, so it has to end somewhere.
pub(crate) const MAX_DEPTH: usize = 64;
/// Values in one file, those that aliases repeat counted every time.
pub(crate) const MAX_NODES: usize = 100_000;
/// Bytes of text in one file, those that aliases repeat counted every time.
pub(crate) const MAX_TEXT: usize = 4 * 1024 * 1024;

/// A value and where it stands. Cloning is cheap: what it holds is shared.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub kind: Kind,
    pub place: Place,
}

#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Scalar(Scalar),
    List(Rc<Vec<Node>>),
    Map(Rc<Vec<Entry>>),
}

/// A scalar as written and as typed.
#[derive(Clone, Debug)]
pub(crate) struct Scalar {
    pub text: Rc<str>,
    pub style: Style,
    pub value: Typed,
    /// Lines that it takes up in the file.
    pub lines: u32,
}

/// How a scalar is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    Plain,
    Quoted,
    Block,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Typed {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text,
}

/// One entry of a map.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub key: Key,
    pub value: Node,
}

/// A map's key: always a scalar, taken as its text.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub text: Rc<str>,
    pub place: Place,
    /// Written without quotes.
    pub plain: bool,
}

impl Node {
    /// What a person calls this, with its article.
    pub fn describe(&self) -> String {
        match &self.kind {
            Kind::List(_) => "a list".into(),
            Kind::Map(_) => "a map".into(),
            Kind::Scalar(scalar) => match scalar.value {
                Typed::Null => "nothing".into(),
                Typed::Bool(b) => format!("`{b}` (a truth value)"),
                Typed::Int(_) | Typed::Float(_) => format!("the number `{}`", shown(&scalar.text)),
                Typed::Text if scalar.text.is_empty() => "an empty text".into(),
                Typed::Text => format!("the text `{}`", shown(&scalar.text)),
            },
        }
    }

    /// What an empty file holds.
    pub fn nothing(file: &Arc<str>) -> Self {
        Node {
            kind: Kind::Map(Rc::default()),
            place: Place::new(file.clone(), 1, 1),
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(&self.kind, Kind::Scalar(scalar) if scalar.value == Typed::Null)
    }

    pub fn scalar(&self) -> Option<&Scalar> {
        match &self.kind {
            Kind::Scalar(scalar) => Some(scalar),
            _ => None,
        }
    }

    /// Text, and nothing that YAML types otherwise.
    pub fn text(&self) -> Option<&str> {
        self.scalar()
            .filter(|scalar| scalar.value == Typed::Text)
            .map(|scalar| &*scalar.text)
    }

    pub fn list(&self) -> Option<&[Node]> {
        match &self.kind {
            Kind::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn map(&self) -> Option<&[Entry]> {
        match &self.kind {
            Kind::Map(entries) => Some(entries),
            _ => None,
        }
    }

    /// The value of `key`, for looking ahead; walkers go by `Fields`, which notices what nobody asked for.
    pub fn get(&self, key: &str) -> Option<&Node> {
        self.map()?
            .iter()
            .find(|entry| &*entry.key.text == key)
            .map(|entry| &entry.value)
    }

    /// This literal as data.
    pub fn to_value(&self) -> Value {
        match &self.kind {
            Kind::List(items) => Value::list(items.iter().map(Node::to_value)),
            Kind::Map(entries) => Value::map(
                entries
                    .iter()
                    .map(|entry| (&*entry.key.text, entry.value.to_value())),
            ),
            Kind::Scalar(scalar) => match scalar.value {
                Typed::Null => Value::Null,
                Typed::Bool(b) => Value::Bool(b),
                Typed::Int(n) => Value::Int(n),
                Typed::Float(x) => Value::Float(x),
                Typed::Text => Value::text(&*scalar.text),
            },
        }
    }
}

/// A file that could be read as YAML: its root, and what is wrong with it all the same (such as duplicate keys).
pub(crate) struct Tree {
    pub root: Node,
    pub findings: Vec<Finding>,
}
