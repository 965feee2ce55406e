//! The parser's events put together into a tree, within the budgets.

use super::keys::{self, Fate, Lines};
use super::{Entry, Key, Kind, MAX_DEPTH, MAX_NODES, MAX_TEXT, Node, Scalar, Style, Tree, Typed};
use super::{scalar, syntax};
use crate::suggest::shown;
use serde_saphyr::granit_parser::{Event, Parser, ScalarStyle, Span, Tag};
use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use types::{Finding, Place};

/// Parse the one document that `text` holds.
///
/// # Errors
/// Whatever makes a tree impossible: no YAML, no document or several, or a budget exceeded. The findings that were made until then come first.
pub(crate) fn parse(file: &Arc<str>, text: &str) -> Result<Tree, Vec<Finding>> {
    parse_as(file, text, begin(file))
}

/// The same; `begin` says how a file that is empty should begin.
pub(crate) fn parse_as(file: &Arc<str>, text: &str, begin: &str) -> Result<Tree, Vec<Finding>> {
    let mut builder = Builder {
        file: file.clone(),
        open: Vec::new(),
        anchors: HashMap::new(),
        root: None,
        documents: 0,
        spent: Weight::default(),
        findings: Vec::new(),
    };
    for event in Parser::new_from_str(text) {
        let stopped = match event {
            Ok((event, span)) => builder.event(event, &span),
            Err(error) => Err(syntax::finding(&builder.file, text, &error)),
        };
        if let Err(finding) = stopped {
            builder.findings.push(finding);
            return Err(builder.findings);
        }
    }
    match builder.root {
        Some(root) if !root.is_null() => Ok(Tree {
            root,
            findings: builder.findings,
        }),
        _ => Err(vec![Finding::error(
            &Place::new(file.clone(), 1, 1),
            "this file is empty",
            begin,
        )]),
    }
}

/// How a definition begins.
fn begin(file: &str) -> &'static str {
    match file {
        "house.yaml" => {
            "begin it with `house: NAME`; `charthouse init DIR` makes a whole house to look at"
        }
        "house.lock" => {
            "take it out of your backup, or delete it and pin the components anew with `charthouse plugin pin NAME`"
        }
        _ => "begin it with `agent: NAME`, `chart: NAME` or `policy: NAME`, or delete it",
    }
}

/// Whether all of `text` stands in quotes as word processors and web pages set them.
fn is_in_printed_quotes(text: &str) -> bool {
    let is_quote = |c: char| matches!(c, '“' | '”' | '„' | '‘' | '’' | '«' | '»');
    text.chars().count() > 1 && text.starts_with(is_quote) && text.ends_with(is_quote)
}

/// What a subtree costs whoever walks it.
#[derive(Clone, Copy, Default)]
struct Weight {
    nodes: usize,
    text: usize,
    /// Levels of nesting, the node itself included.
    height: usize,
}

/// A collection whose end has not come yet.
struct Open {
    place: Place,
    anchor: usize,
    content: Content,
    /// What had been spent when it began.
    spent_before: Weight,
    /// The highest child so far.
    height: usize,
}

enum Content {
    List(Vec<Node>),
    Map {
        entries: Vec<Entry>,
        key: Option<(Key, Fate)>,
        lines: Lines,
    },
}

struct Builder {
    file: Arc<str>,
    open: Vec<Open>,
    /// Finished values by anchor. An anchor that is not here yet belongs to a value that is still open: an alias to it would be a cycle.
    anchors: HashMap<usize, (Node, Weight)>,
    root: Option<Node>,
    documents: usize,
    spent: Weight,
    findings: Vec<Finding>,
}

impl Builder {
    fn place(&self, span: &Span) -> Place {
        Place::new(
            self.file.clone(),
            u32::try_from(span.start.line()).unwrap_or(u32::MAX),
            u32::try_from(span.start.col()).unwrap_or(u32::MAX - 1) + 1,
        )
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Finding> {
        match event {
            Event::DocumentStart(..) => self.begin_document(span),
            Event::Scalar(text, style, anchor, tag) => {
                // The parser writes `~` for a value that is not there.
                let missing = span.start.index() == span.end.index() && style == ScalarStyle::Plain;
                let text = if missing { Cow::Borrowed("") } else { text };
                let scalar = self.scalar(text, style, tag.as_deref(), span)?;
                let weight = Weight {
                    nodes: 1,
                    text: scalar.text.len(),
                    height: 0,
                };
                let node = Node {
                    place: self.place(span),
                    kind: Kind::Scalar(scalar),
                };
                self.spend(weight, &node.place)?;
                self.put(node, anchor, weight)
            }
            Event::SequenceStart(_, anchor, tag) => {
                self.tag_of_collection(tag.as_deref(), "seq", span);
                self.begin(Content::List(Vec::new()), anchor, span)
            }
            Event::MappingStart(_, anchor, tag) => {
                self.tag_of_collection(tag.as_deref(), "map", span);
                let content = Content::Map {
                    entries: Vec::new(),
                    key: None,
                    lines: Lines::default(),
                };
                self.begin(content, anchor, span)
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(anchor) => self.alias(anchor, span),
            _ => Ok(()),
        }
    }

    fn begin_document(&mut self, span: &Span) -> Result<(), Finding> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(Finding::error(
                &self.place(span),
                "a second document begins here",
                "put each definition into a file of its own and remove the `---`",
            ));
        }
        Ok(())
    }

    fn begin(&mut self, content: Content, anchor: usize, span: &Span) -> Result<(), Finding> {
        let place = self.place(span);
        if self.open.len() >= MAX_DEPTH {
            return Err(Finding::error(
                &place,
                format!("this is nested more than {MAX_DEPTH} levels deep"),
                "flatten it: states, lists and maps seldom need more than ten levels",
            ));
        }
        let spent_before = self.spent;
        self.spend(
            Weight {
                nodes: 1,
                text: 0,
                height: 0,
            },
            &place,
        )?;
        self.open.push(Open {
            place,
            anchor,
            content,
            spent_before,
            height: 0,
        });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Finding> {
        let Some(open) = self.open.pop() else {
            return Ok(());
        };
        let weight = Weight {
            nodes: self.spent.nodes - open.spent_before.nodes,
            text: self.spent.text - open.spent_before.text,
            height: open.height + 1,
        };
        let kind = match open.content {
            Content::List(items) => Kind::List(Rc::new(items)),
            Content::Map { entries, .. } => Kind::Map(Rc::new(entries)),
        };
        let node = Node {
            kind,
            place: open.place,
        };
        self.put(node, open.anchor, weight)
    }

    fn alias(&mut self, anchor: usize, span: &Span) -> Result<(), Finding> {
        let place = self.place(span);
        let Some((node, weight)) = self.anchors.get(&anchor).cloned() else {
            return Err(Finding::error(
                &place,
                "this alias stands inside the value it refers to, which would never end",
                "write the value out instead",
            ));
        };
        if self.open.len() + weight.height > MAX_DEPTH {
            return Err(Finding::error(
                &place,
                format!(
                    "with what this alias repeats, this is nested more than {MAX_DEPTH} levels deep"
                ),
                "write the value out instead, and flatter",
            ));
        }
        self.spend(weight, &place)?;
        self.put(node, 0, weight)
    }

    fn spend(&mut self, weight: Weight, place: &Place) -> Result<(), Finding> {
        self.spent.nodes += weight.nodes;
        self.spent.text += weight.text;
        let over = if self.spent.nodes > MAX_NODES {
            format!("{} thousand values", MAX_NODES / 1_000)
        } else if self.spent.text > MAX_TEXT {
            format!("{} MiB of text", MAX_TEXT >> 20)
        } else {
            return Ok(());
        };
        Err(Finding::error(
            place,
            format!("this file holds more than {over}, aliases counted each time"),
            "split it into several definitions, or repeat less with aliases",
        ))
    }

    /// Put a finished node where it belongs.
    fn put(&mut self, mut node: Node, anchor: usize, weight: Weight) -> Result<(), Finding> {
        if anchor != 0 {
            self.anchors.insert(anchor, (node.clone(), weight));
        }
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.height = open.height.max(weight.height);
        match &mut open.content {
            Content::List(items) => items.push(node),
            Content::Map {
                entries,
                key,
                lines,
            } => match key.take() {
                None => *key = Some(keys::as_key(node, entries, lines, &mut self.findings)),
                Some((_, Fate::Complained)) => {}
                Some((key, Fate::Kept)) => {
                    if let Some(finding) = keys::glued(&key, &node) {
                        self.findings.push(finding);
                        return Ok(());
                    }
                    // A missing value has no place of its own: its key's is where one would look.
                    if node.is_null() && node.scalar().is_some_and(|s| s.text.is_empty()) {
                        node.place = key.place.clone();
                    }
                    entries.push(Entry { key, value: node });
                    lines.note(entries);
                }
            },
        }
        Ok(())
    }

    fn scalar(
        &mut self,
        mut text: Cow<'_, str>,
        style: ScalarStyle,
        tag: Option<&Tag>,
        span: &Span,
    ) -> Result<Scalar, Finding> {
        let style = match style {
            ScalarStyle::Plain => Style::Plain,
            ScalarStyle::SingleQuoted | ScalarStyle::DoubleQuoted => Style::Quoted,
            _ => Style::Block,
        };
        if style == Style::Plain && is_in_printed_quotes(&text) {
            self.findings.push(Finding::warning(
                &self.place(span),
                "these are quotes of printed text, and YAML takes them as part of the value",
                "write plain ones, `\"` or `'`",
            ));
        }
        let plain = if style == Style::Plain {
            scalar::typed(&text)
        } else {
            Typed::Text
        };
        let value = match tag {
            None => plain,
            Some(tag) if tag.core_suffix() == Some("str") || tag.original() == "!" => Typed::Text,
            Some(tag) => {
                let typed = scalar::typed(&text);
                let fits = matches!(
                    (tag.core_suffix(), typed),
                    (Some("null"), Typed::Null)
                        | (Some("bool"), Typed::Bool(_))
                        | (Some("int"), Typed::Int(_))
                        | (Some("float"), Typed::Float(_) | Typed::Int(_))
                );
                if fits {
                    typed
                } else {
                    self.complain_of_tag(tag, span);
                    // It was meant as text that begins so, as `!data.ready` is.
                    text = format!("{}{text}", tag.original()).into();
                    Typed::Text
                }
            }
        };
        let lines = span.end.line().saturating_sub(span.start.line()) + 1;
        Ok(Scalar {
            text: text.into(),
            style,
            value,
            lines: u32::try_from(lines).unwrap_or(u32::MAX),
        })
    }

    fn tag_of_collection(&mut self, tag: Option<&Tag>, expected: &str, span: &Span) {
        if let Some(tag) = tag
            && tag.core_suffix() != Some(expected)
            && tag.original() != "!"
        {
            self.complain_of_tag(tag, span);
        }
    }

    fn complain_of_tag(&mut self, tag: &Tag, span: &Span) {
        let at = span.tag_span().unwrap_or(*span);
        self.findings.push(Finding::error(
            &self.place(&at),
            format!("the tag `{}` means nothing here", shown(&tag.original())),
            "in YAML `!` begins a tag: an expression or a text that begins with it needs quotes",
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Value;

    fn parsed(text: &str) -> Result<Tree, Vec<Finding>> {
        parse(&"t.yaml".into(), text)
    }

    fn value(text: &str) -> Value {
        let tree = parsed(text).unwrap();
        assert_eq!(tree.findings, []);
        tree.root.to_value()
    }

    /// The first complaint, as `line:column message`.
    fn complaint(text: &str) -> String {
        let findings = match parsed(text) {
            Ok(tree) => tree.findings,
            Err(findings) => findings,
        };
        let first = &findings[0];
        format!(
            "{}:{} {}",
            first.place.line, first.place.column, first.message
        )
    }

    #[test]
    fn values_are_those_of_yaml_1_2() {
        assert_eq!(
            value("{ on: off, n: 1, x: 1.5, t: true, q: \"1\", e: , l: [a, b], s: !!str 5 }")
                .to_string(),
            r#"{"e":null,"l":["a","b"],"n":1,"on":"off","q":"1","s":"5","t":true,"x":1.5}"#
        );
        assert_eq!(
            value("a: |\n  one\n  two\n").to_string(),
            r#"{"a":"one\ntwo\n"}"#
        );
        assert_eq!(
            value("a: &x { b: 1 }\nc: *x\n").to_string(),
            r#"{"a":{"b":1},"c":{"b":1}}"#
        );
    }

    #[test]
    fn places_count_characters_from_one() {
        let tree = parsed("ä: [ü, x]\nb:\n  c: d\n").unwrap();
        let entries = tree.root.map().unwrap();
        let second = &entries[0].value.list().unwrap()[1].place;
        assert_eq!((second.line, second.column), (1, 8));
        let inner = &entries[1].value.map().unwrap()[0];
        assert_eq!((inner.key.place.line, inner.key.place.column), (3, 3));
        assert_eq!((inner.value.place.line, inner.value.place.column), (3, 6));
    }

    #[test]
    fn a_missing_value_stands_where_its_key_does() {
        let tree = parsed("a: 1\nb:\n").unwrap();
        let place = &tree.root.get("b").unwrap().place;
        assert_eq!((place.line, place.column), (2, 1));
    }

    #[test]
    fn the_first_of_two_equal_keys_counts_and_both_lines_are_named() {
        let tree = parsed("a: 1\nb: 2\na: 3\n").unwrap();
        assert_eq!(tree.root.to_value().to_string(), r#"{"a":1,"b":2}"#);
        assert_eq!(
            complaint("a: 1\nb: 2\na: 3\n"),
            "3:1 the key `a` stands here a second time; the first is on line 1"
        );
    }

    #[test]
    fn nesting_is_bounded_also_through_aliases() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parsed(&nested(MAX_DEPTH)).is_ok());
        assert!(complaint(&nested(MAX_DEPTH + 1)).contains("levels deep"));
        // Each alias adds a level to what it repeats.
        let mut text = String::from("a0: &a0 [x]\n");
        for n in 1..MAX_DEPTH + 4 {
            text += &format!("a{n}: &a{n} [*a{}]\n", n - 1);
        }
        assert!(complaint(&text).contains("levels deep"));
    }

    #[test]
    fn an_anchor_that_nobody_repeats_costs_nothing_more() {
        let text = format!("a: &a [{}]\n", "x,".repeat(MAX_NODES - 10));
        assert!(parsed(&text).is_ok());
        assert!(complaint(&format!("{text}b: *a\n")).contains("aliases counted"));
    }
}
