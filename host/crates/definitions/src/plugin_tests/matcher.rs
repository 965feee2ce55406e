//! What a text must be: just so, or holding, lacking and matching something.

use crate::suggest::shown;
use crate::tree::{Node, Typed};
use crate::walk::{Fields, Walk};
use regex::Regex;
use types::Marked;

const EXAMPLE: &str = "{ contains: [\"two lines\"], lacks: error, matches: \"^\\d+ lines$\" }";

/// What a text must be. All that is named must hold.
#[derive(Clone, Debug, Default)]
pub struct TextMatch {
    /// Exactly this.
    pub equals: Option<Marked<String>>,
    /// All of these are in it.
    pub contains: Vec<Marked<String>>,
    /// None of these is in it.
    pub lacks: Vec<Marked<String>>,
    /// All of these are found in it.
    pub matches: Vec<Marked<Regex>>,
}

/// A text that is meant exactly, or a map of conditions.
pub(super) fn read(walk: &mut Walk, node: &Node, what: &str) -> Option<TextMatch> {
    if node.map().is_none() {
        let text = exact(walk, node, what)?;
        return Some(TextMatch {
            equals: Some(Marked::new(text, node.place.clone())),
            ..TextMatch::default()
        });
    }
    conditions(walk, node, what)
}

/// The same where a bare text is meant as a part of what is found: for long messages, of which a case names what matters.
pub(super) fn part(walk: &mut Walk, node: &Node, what: &str) -> Option<TextMatch> {
    if node.map().is_none() {
        let text = exact(walk, node, what)?;
        return Some(TextMatch {
            contains: vec![Marked::new(text, node.place.clone())],
            ..TextMatch::default()
        });
    }
    conditions(walk, node, what)
}

/// One or several of them, a bare text meant as a part.
pub(super) fn parts(walk: &mut Walk, node: &Node, what: &str) -> Vec<TextMatch> {
    let single = std::slice::from_ref(node);
    let items = node.list().unwrap_or(single).iter();
    items.filter_map(|item| part(walk, item, what)).collect()
}

/// Text as it is written, which may be empty.
pub(super) fn exact(walk: &mut Walk, node: &Node, what: &str) -> Option<String> {
    let text = node.text();
    if text.is_none() {
        let help = match node.scalar().map(|scalar| scalar.value) {
            Some(Typed::Null) => "write `\"\"` for an empty text",
            Some(_) => "put it in quotes to make it text",
            None => "a single text is meant here",
        };
        walk.expected(node, what, "text", help);
    }
    text.map(str::to_owned)
}

fn conditions(walk: &mut Walk, node: &Node, what: &str) -> Option<TextMatch> {
    let mut fields = Fields::of(walk, node, what, EXAMPLE)?;
    let equals = fields
        .take("equals")
        .and_then(|n| Some(Marked::new(exact(walk, n, "`equals`")?, n.place.clone())));
    let contains = fields
        .take("contains")
        .map(|n| texts(walk, n, "`contains`"));
    let lacks = fields.take("lacks").map(|n| texts(walk, n, "`lacks`"));
    let matches = fields.take("matches").map(|n| texts(walk, n, "`matches`"));
    fields.finish(walk, "what a text must be");
    if node.map().is_some_and(<[_]>::is_empty) {
        walk.error(
            &node.place,
            format!("{what} says nothing of what the text must be"),
            format!("write the text itself, or `{EXAMPLE}`"),
        );
    }
    let matches = matches.unwrap_or_default();
    let compiled = matches.into_iter().filter_map(|text| compile(walk, text));
    Some(TextMatch {
        equals,
        contains: contains.unwrap_or_default(),
        lacks: lacks.unwrap_or_default(),
        matches: compiled.collect(),
    })
}

fn texts(walk: &mut Walk, node: &Node, what: &str) -> Vec<Marked<String>> {
    let single = std::slice::from_ref(node);
    let items = node.list().unwrap_or(single).iter();
    items.filter_map(|item| walk.marked(item, what)).collect()
}

fn compile(walk: &mut Walk, text: Marked<String>) -> Option<Marked<Regex>> {
    match Regex::new(&text) {
        Ok(regex) => Some(Marked::new(regex, text.place)),
        Err(error) => {
            let why = match &error {
                regex::Error::Syntax(why) => why.lines().last().unwrap_or_default().to_owned(),
                other => other.to_string(),
            };
            walk.error(
                &text.place,
                format!("`{}` is no regular expression: {why}", shown(&text)),
                "write a `\\` before a sign that is meant as itself, or use `contains` for plain text",
            );
            None
        }
    }
}
