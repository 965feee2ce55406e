//! What is said to whom a trigger starts: texts that are filled from what happened.
//!
//! They are the templates of chunks, with the one name `trigger`. What came from outside fills holes and is never read as a template itself.

use crate::context::{check_text, first_character};
use crate::tree::{Kind, Node};
use crate::walk::Walk;
use context::{TemplateError, render_template};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use types::{Marked, Place};

/// What `trigger` has, by what the trigger waits for. `due` is the time, as RFC 3339 writes it, at which it was due or came; `path` is the file, as its mount
/// or the house has it, or the path of the request; `body` is what JSON said, or the text.
const TIME: &[&str] = &["name", "kind", "due"];
const FILES: &[&str] = &["name", "kind", "due", "path"];
const HTTP: &[&str] = &["name", "kind", "due", "method", "path", "query", "body"];

/// The names for a trigger of `kind`; all of them where that is unknown.
pub(super) fn names(kind: Option<&str>) -> &'static [&'static str] {
    match kind {
        Some("cron" | "every") => TIME,
        Some("files") => FILES,
        _ => HTTP,
    }
}

/// A text with holes.
#[derive(Clone, Debug, PartialEq)]
pub struct Prompt {
    text: Marked<Arc<str>>,
}

impl Prompt {
    /// The text, filled from `trigger`: an object with the keys that the kind of trigger has.
    ///
    /// # Errors
    /// What cannot be filled, with its place: for instance a part of a request's body that is not there.
    pub fn fill(&self, trigger: &Value) -> Result<String, TemplateError> {
        fill(&self.text.value, &self.text.place, trigger)
    }

    /// As it was written.
    pub fn written(&self) -> &str {
        &self.text
    }

    pub(super) fn read(
        walk: &mut Walk,
        node: &Node,
        names: &'static [&'static str],
    ) -> Option<Self> {
        let text = walk.text(node, "`prompt`")?;
        let place = first_character(node);
        check(walk, text, &place, names);
        Some(Prompt {
            text: Marked::new(text.into(), place),
        })
    }
}

/// A map whose texts may have holes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Input {
    entries: Vec<(String, Part)>,
}

#[derive(Clone, Debug, PartialEq)]
enum Part {
    Text(Marked<Arc<str>>),
    List(Vec<Part>),
    Map(Vec<(String, Part)>),
    Other(Value),
}

impl Input {
    /// The map as an object, filled from `trigger`. A text that is nothing but `{{ trigger.body.x }}` becomes that value itself, whatever it is.
    ///
    /// # Errors
    /// What cannot be filled, with its place.
    pub fn fill(&self, trigger: &Value) -> Result<Value, TemplateError> {
        entries(&self.entries, trigger)
    }

    /// Whether the house says nothing.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(super) fn read(
        walk: &mut Walk,
        node: &Node,
        names: &'static [&'static str],
    ) -> Option<Self> {
        if node.map().is_none() {
            walk.expected(node, "`input`", "a map", "write it as `{ task: \"…\" }`");
            return None;
        }
        match part(walk, node, names) {
            Part::Map(entries) => Some(Input { entries }),
            _ => None,
        }
    }
}

fn part(walk: &mut Walk, node: &Node, names: &'static [&'static str]) -> Part {
    match &node.kind {
        Kind::List(items) => Part::List(items.iter().map(|n| part(walk, n, names)).collect()),
        Kind::Map(entries) => Part::Map(
            entries
                .iter()
                .map(|entry| (entry.key.text.to_string(), part(walk, &entry.value, names)))
                .collect(),
        ),
        Kind::Scalar(_) => match node.text() {
            Some(text) if text.contains("{{") || text.contains("{%") => {
                let place = first_character(node);
                check(walk, text, &place, names);
                Part::Text(Marked::new(text.into(), place))
            }
            _ => Part::Other(node.to_value().to_json()),
        },
    }
}

impl Part {
    fn fill(&self, trigger: &Value) -> Result<Value, TemplateError> {
        match self {
            Part::Text(text) => match whole(text, trigger) {
                Some(value) => Ok(value.clone()),
                None => fill(text, &text.place, trigger).map(Value::String),
            },
            Part::List(items) => items.iter().map(|item| item.fill(trigger)).collect(),
            Part::Map(map) => entries(map, trigger),
            Part::Other(value) => Ok(value.clone()),
        }
    }
}

fn entries(entries: &[(String, Part)], trigger: &Value) -> Result<Value, TemplateError> {
    let filled: Result<Map<String, Value>, _> = entries
        .iter()
        .map(|(key, part)| Ok((key.clone(), part.fill(trigger)?)))
        .collect();
    filled.map(Value::Object)
}

/// The value that `text` names, where it is one name between braces and nothing else.
fn whole<'t>(text: &str, trigger: &'t Value) -> Option<&'t Value> {
    let inner = text.trim().strip_prefix("{{")?.strip_suffix("}}")?.trim();
    let mut parts = inner.split('.');
    if parts.next() != Some("trigger") {
        return None;
    }
    parts.try_fold(trigger, |value, part| value.get(part))
}

fn fill(text: &str, place: &Place, trigger: &Value) -> Result<String, TemplateError> {
    render_template(text, "prompt", place, &json!({ "trigger": trigger }))
}

fn check(walk: &mut Walk, text: &str, place: &Place, names: &'static [&'static str]) {
    check_text(walk, text, "prompt", place, Some(&[("trigger", names)]));
}
