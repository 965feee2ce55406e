//! Where a chart expects expressions, and where it expects fixed values: both end as the text of an expression.

use crate::tree::{Kind, Node, Style, Typed};
use crate::walk::{Fields, Walk, scalar_as_expression};
use ::chart::{DataExpr, ExprText, TextOrExpr};
use std::fmt::Write;
use types::{Marked, Place};

/// An expression. Its place is that of its first character, so that what is wrong inside it can be pointed at.
pub(crate) fn expression(walk: &mut Walk, node: &Node, what: &str) -> Option<ExprText> {
    let text = match &node.kind {
        Kind::Scalar(scalar) if scalar.value == Typed::Text && scalar.text.trim().is_empty() => {
            None
        }
        Kind::Scalar(_) => scalar_as_expression(node),
        Kind::List(items) if items.is_empty() => Some("[]".into()),
        Kind::Map(entries) if entries.is_empty() => Some("{}".into()),
        _ => None,
    };
    let Some(text) = text else {
        let help = match &node.kind {
            Kind::List(_) if matches!(what, "`guard`" | "`if`") => {
                "write several conditions as one: \"data.rounds < 3 && data.open\"".into()
            }
            Kind::List(_) => quoted_whole(node, "list", "[1, 2, data.rounds]"),
            Kind::Map(_) => quoted_whole(node, "map", "{'rounds': data.rounds}"),
            Kind::Scalar(_) => {
                "write for instance `data.rounds + 1`; text inside an expression has quotes of its own: \"'done'\"".into()
            }
        };
        walk.expected(node, what, "an expression", &help);
        return None;
    };
    Some(Marked::new(text, first_character(node)))
}

/// How to write `node`, a list or a map, as an expression: itself where that is short.
fn quoted_whole(node: &Node, what: &str, otherwise: &str) -> String {
    const LONGEST: usize = 60;
    let text = literal(node);
    // What looks like an expression inside was not meant as text.
    let computed = ["'data.", "'event."]
        .iter()
        .any(|start| text.contains(start));
    let plain = text.chars().count() <= LONGEST && !text.contains(['"', '\\']) && !computed;
    let text = if plain { text.as_str() } else { otherwise };
    format!("write the {what} inside quotes, texts in it too: \"{text}\"")
}

fn first_character(node: &Node) -> Place {
    let mut place = node.place.clone();
    if node
        .scalar()
        .is_some_and(|scalar| scalar.style == Style::Quoted)
    {
        place.column += 1;
    }
    place
}

/// A map of names to expressions, or one expression for the whole.
pub(super) fn data(walk: &mut Walk, node: &Node, what: &str) -> Option<DataExpr> {
    let Some(entries) = node.map() else {
        return expression(walk, node, what).map(DataExpr::One);
    };
    let named = entries
        .iter()
        .filter_map(|entry| {
            let name = Marked::new(entry.key.text.to_string(), entry.key.place.clone());
            let expr = expression(
                walk,
                &entry.value,
                &format!("`{}`", crate::suggest::shown(&name)),
            )?;
            Some((name, expr))
        })
        .collect();
    Some(DataExpr::Map(named))
}

/// Fixed text, or `{ expr: … }`.
pub(super) fn text_or_expression(walk: &mut Walk, node: &Node, what: &str) -> Option<TextOrExpr> {
    if let Some(computed) = node.get("expr") {
        let mut fields = Fields::of(walk, node, what, "{ expr: data.name }")?;
        fields.take("expr");
        fields.finish(walk, what);
        let expr = expression(walk, computed, "`expr`");
        return expr.map(TextOrExpr::Expr);
    }
    walk.marked(node, what).map(TextOrExpr::Text)
}

/// A fixed value as an expression; `{ expr: … }` is a computed one.
pub(super) fn value(walk: &mut Walk, node: &Node) -> Option<ExprText> {
    if let Some([entry]) = node.map()
        && &*entry.key.text == "expr"
    {
        return expression(walk, &entry.value, "`expr`");
    }
    Some(Marked::new(literal(node), node.place.clone()))
}

/// A map of fixed values as one expression; each of its entries may be `{ expr: … }`.
pub(super) fn value_map(walk: &mut Walk, node: &Node, what: &str) -> Option<ExprText> {
    let Some(entries) = node.map() else {
        walk.expected(node, what, "a map", "write it as `{ path: notes.md }`");
        return None;
    };
    let mut text = String::from("{");
    let mut place = None;
    for (n, entry) in entries.iter().enumerate() {
        let separator = if n == 0 { "" } else { ", " };
        let _ = write!(text, "{separator}{}: ", quoted(&entry.key.text));
        let value = value(walk, &entry.value)?;
        if place.is_none() && entry.value.get("expr").is_some() {
            // What is wrong with a computed value is reported by its distance from the beginning of the whole text, most of which stands in no
            // file: place the whole so that this distance ends where the author wrote the value.
            let before = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
            let mut shifted = value.place.clone();
            shifted.column = shifted.column.saturating_sub(before).max(1);
            place = Some(shifted);
        }
        text.push_str(&value);
    }
    text.push('}');
    Some(Marked::new(
        text,
        place.unwrap_or_else(|| node.place.clone()),
    ))
}

fn literal(node: &Node) -> String {
    match &node.kind {
        Kind::Scalar(scalar) if scalar.value == Typed::Text => quoted(&scalar.text),
        Kind::Scalar(_) => scalar_as_expression(node).unwrap_or_else(|| "null".into()),
        Kind::List(items) => {
            let items: Vec<String> = items.iter().map(literal).collect();
            format!("[{}]", items.join(", "))
        }
        Kind::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|entry| format!("{}: {}", quoted(&entry.key.text), literal(&entry.value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

/// `text` as a text of the expression language.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}
