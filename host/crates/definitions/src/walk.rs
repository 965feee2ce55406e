//! How the walkers read a tree: every complaint is collected, nothing stops at the first one.
//!
//! A walker that meets something wrong reports it and goes on with what it has, so that one run shows all that is wrong. It knows no kind of
//! definition; what it knows is how to say that a value is missing, of the wrong shape, or under a key nobody asked for.

use crate::recorded::{Kept, Recorded};
use crate::source::Sources;
use crate::suggest::{self, shown};
use crate::tree::{Key, Kind, Node, Typed};
use std::collections::HashSet;
use std::sync::Arc;
use types::{Finding, Marked, Place, Severity, UnitError};

/// Findings beyond this are not collected: nobody reads them, and a file of a hundred thousand wrong keys must not take long.
const MAX_FINDINGS: usize = 1_000;
/// Characters of a message or of a help.
const LONGEST_MESSAGE: usize = 400;

/// What was found so far.
#[derive(Default)]
pub(crate) struct Walk {
    pub findings: Vec<Finding>,
    pub sources: Sources,
    /// What a house is read from instead of the disk, by paths relative to it.
    pub recorded: Option<Recorded>,
    /// What was read so far.
    pub kept: Kept,
    /// Files of templates that were looked at: many chunks may name the same one.
    pub templates: HashSet<Arc<str>>,
    /// Files of chunks that were looked at.
    pub texts: HashSet<Arc<str>>,
    /// The keys that were asked for in each sort of map, for the test that holds the schema to them.
    #[cfg(test)]
    pub keys: std::collections::BTreeMap<String, std::collections::BTreeSet<&'static str>>,
}

impl Walk {
    pub fn error(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.push(Finding::error(place, message, help));
    }

    pub fn warning(&mut self, place: &Place, message: impl Into<String>, help: impl Into<String>) {
        self.push(Finding::warning(place, message, help));
    }

    pub fn push(&mut self, mut finding: Finding) {
        if self.findings.len() < MAX_FINDINGS {
            // Other parts quote what they read as it is.
            for text in [&mut finding.message, &mut finding.help] {
                if text.len() > LONGEST_MESSAGE || text.contains(char::is_control) {
                    *text = suggest::shown_up_to(text, LONGEST_MESSAGE);
                }
            }
            self.findings.push(finding);
        }
    }

    pub fn extend(&mut self, findings: impl IntoIterator<Item = Finding>) {
        findings.into_iter().for_each(|finding| self.push(finding));
    }

    /// Whether no error was found in `file` so far.
    pub fn in_order(&self, file: &str) -> bool {
        !self
            .findings
            .iter()
            .any(|f| f.severity == Severity::Error && &*f.place.file == file)
    }

    /// Help for the unknown name `name`, as [`suggest::help`] has it; nothing when no further finding will be kept.
    pub fn suggestion<'a>(
        &self,
        name: &str,
        known: impl IntoIterator<Item = &'a str> + Clone,
        what: &str,
        otherwise: &str,
    ) -> String {
        if self.findings.len() < MAX_FINDINGS {
            suggest::help(name, known, what, otherwise)
        } else {
            String::new()
        }
    }

    /// `node` is not what `what` must be.
    pub fn expected(&mut self, node: &Node, what: &str, expected: &str, help: &str) {
        let message = if node.is_null() {
            format!("{what} has no value; it must be {expected}")
        } else {
            format!("{what} must be {expected}, not {}", node.describe())
        };
        self.error(&node.place, message, help);
    }

    /// Text. A number or a truth value is refused, because YAML would already have changed how it was written.
    pub fn text<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match node.text() {
            Some(text) if !text.trim().is_empty() => Some(text),
            _ => {
                let help = match node.scalar().map(|s| s.value) {
                    Some(Typed::Int(_) | Typed::Float(_) | Typed::Bool(_)) => {
                        "put it in quotes to make it text"
                    }
                    Some(_) => "write the text after the `:`",
                    None => "a single text is meant here, without `-`, `[` or `{`",
                };
                self.expected(node, what, "text", help);
                None
            }
        }
    }

    /// Text with its place.
    pub fn marked(&mut self, node: &Node, what: &str) -> Option<Marked<String>> {
        self.text(node, what)
            .map(|text| Marked::new(text.to_owned(), node.place.clone()))
    }

    /// The name of a definition, a chunk, a state: something that can be typed in a shell and in an expression.
    pub fn name(&mut self, node: &Node, what: &str) -> Option<Marked<String>> {
        let text = self.text(node, what)?;
        if let Err(why) = check_name(text) {
            self.error(
                &node.place,
                format!("`{}` cannot be {what}: {why}", shown(text)),
                "use letters, digits, `-` and `_`, beginning with a letter or a digit",
            );
            return None;
        }
        Some(Marked::new(text.to_owned(), node.place.clone()))
    }

    /// Any scalar as it was written, for versions and the like, where `1.10` must not become `1.1`.
    pub fn as_written<'n>(&mut self, node: &'n Node, what: &str) -> Option<&'n str> {
        match node.scalar() {
            Some(scalar) if !scalar.text.trim().is_empty() && !node.is_null() => Some(&scalar.text),
            _ => {
                self.expected(
                    node,
                    what,
                    "a text or a number",
                    "write a single value after the `:`",
                );
                None
            }
        }
    }

    pub fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.scalar().map(|scalar| scalar.value) {
            Some(Typed::Bool(b)) => Some(b),
            _ => {
                let help = match node.text() {
                    Some("yes" | "Yes" | "on" | "On") => "in YAML 1.2 that is text: write `true`",
                    Some("no" | "No" | "off" | "Off") => "in YAML 1.2 that is text: write `false`",
                    _ => "write the bare word, without quotes",
                };
                self.expected(node, what, "`true` or `false`", help);
                None
            }
        }
    }

    /// A list's items.
    pub fn list<'n>(&mut self, node: &'n Node, what: &str, example: &str) -> Option<&'n [Node]> {
        let items = node.list();
        if items.is_none() {
            self.expected(node, what, "a list", &format!("write it as `{example}`"));
        }
        items
    }

    /// One of a few words.
    pub fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let names = || words.iter().map(|(name, _)| *name);
        let list = || {
            names()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>()
                .join(", ")
        };
        let Some(text) = node
            .scalar()
            .map(|scalar| &*scalar.text)
            .filter(|_| !node.is_null())
        else {
            self.expected(
                node,
                what,
                &format!("one of {}", list()),
                "write one of these words after the `:`",
            );
            return None;
        };
        let found = words.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            self.error(
                &node.place,
                format!("`{}` is not {what}", shown(text)),
                match suggest::nearest(text, names()) {
                    Some(best) => format!("did you mean `{best}`?"),
                    None => format!("it is one of {}", list()),
                },
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A quantity with its unit, read by `parse`.
    pub fn unit<T>(
        &mut self,
        node: &Node,
        what: &str,
        parse: impl Fn(&str) -> Result<T, UnitError>,
    ) -> Option<Marked<T>> {
        let text = self.as_written(node, what)?;
        match parse(text) {
            Ok(value) => Some(Marked::new(value, node.place.clone())),
            Err(error) => {
                self.error(&node.place, format!("{what}: {error}"), error.help);
                None
            }
        }
    }

    /// A whole number from 0.
    pub fn whole(&mut self, node: &Node, what: &str) -> Option<u64> {
        let number = match node.scalar().map(|scalar| scalar.value) {
            Some(Typed::Int(n)) => u64::try_from(n).ok(),
            _ => None,
        };
        if number.is_none() {
            let help = match node.text().map(str::parse::<u64>) {
                Some(Ok(_)) => "take the quotes away",
                _ => "write digits only, for instance `5`",
            };
            self.expected(node, what, "a whole number, 0 or more", help);
        }
        number
    }
}

/// Why `text` cannot be a name.
pub(crate) fn check_name(text: &str) -> Result<(), String> {
    if let Some(c) = text
        .chars()
        .find(|c| !(c.is_alphanumeric() || matches!(c, '-' | '_')))
    {
        return Err(match c {
            ' ' => "it has a space in it".into(),
            c => format!("it has `{}` in it", shown(&c.to_string())),
        });
    }
    if text.starts_with(['-', '_']) {
        return Err("it begins with a sign".into());
    }
    if text.len() > 100 {
        return Err("it is longer than 100 characters".into());
    }
    Ok(())
}

/// The entries of one map while a walker takes them out by name.
pub(crate) struct Fields<'n> {
    /// The map.
    pub node: &'n Node,
    entries: &'n [crate::tree::Entry],
    known: Vec<&'static str>,
}

impl<'n> Fields<'n> {
    /// The fields of `node`; a complaint and `None` when it is no map.
    pub fn of(walk: &mut Walk, node: &'n Node, what: &str, example: &str) -> Option<Self> {
        let Some(entries) = node.map() else {
            walk.expected(node, what, "a map", &format!("write it as `{example}`"));
            return None;
        };
        Some(Fields {
            node,
            entries,
            known: Vec::with_capacity(20),
        })
    }

    /// Where the map begins.
    pub fn place(&self) -> &'n Place {
        &self.node.place
    }

    /// The value under `key`, which is known from now on.
    pub fn take(&mut self, key: &'static str) -> Option<&'n Node> {
        self.take_entry(key).map(|(_, value)| value)
    }

    /// Key and value.
    pub fn take_entry(&mut self, key: &'static str) -> Option<(&'n Key, &'n Node)> {
        self.known.push(key);
        self.entries
            .iter()
            .find(|entry| &*entry.key.text == key)
            .map(|entry| (&entry.key, &entry.value))
    }

    /// The value under `key`; a complaint when there is none.
    pub fn need(
        &mut self,
        walk: &mut Walk,
        key: &'static str,
        what: &str,
        example: &str,
    ) -> Option<&'n Node> {
        let found = self.take(key);
        if found.is_none() {
            let typo = self
                .entries
                .iter()
                .find(|entry| suggest::nearest(&entry.key.text, [key]).is_some());
            // Where the key is there but misspelt, the unknown key says it all.
            if typo.is_none() {
                walk.error(
                    self.place(),
                    format!("{what} has no `{key}`"),
                    format!("add it, for instance `{example}`"),
                );
            }
        }
        found
    }

    /// Complain of every key that nobody took.
    pub fn finish(self, walk: &mut Walk, what: &str) {
        self.finish_with(walk, what, |_| None);
    }

    /// Complain of every key that nobody took, with special help where `hint` has some.
    pub fn finish_with(self, walk: &mut Walk, what: &str, hint: impl Fn(&str) -> Option<String>) {
        #[cfg(test)]
        walk.keys
            .entry(what.to_owned())
            .or_default()
            .extend(&self.known);
        for entry in self.entries {
            let name = &*entry.key.text;
            if self.known.contains(&name) {
                continue;
            }
            let help = hint(name).unwrap_or_else(|| {
                let all = self.known.iter().copied();
                walk.suggestion(name, all, "the keys known here are", "remove it")
            });
            walk.error(
                &entry.key.place,
                format!("unknown key `{}` in {what}", shown(name)),
                help,
            );
        }
    }
}

/// The value of the literal node `kind` as an expression's text, where it can be one.
pub(crate) fn scalar_as_expression(node: &Node) -> Option<String> {
    let Kind::Scalar(scalar) = &node.kind else {
        return None;
    };
    match scalar.value {
        Typed::Text => Some(scalar.text.to_string()),
        Typed::Bool(b) => Some(b.to_string()),
        Typed::Int(n) => Some(n.to_string()),
        Typed::Float(x) if x.is_finite() => Some(format!("{x:?}")),
        Typed::Null if !scalar.text.is_empty() => Some("null".into()),
        _ => None,
    }
}
