//! `migrate`: how running instances of the version before become instances of this one.

use super::expression::expression;
use crate::tree::{Entry, Node};
use crate::walk::{Fields, Walk};
use ::chart::{MigrateDef, ReloadPolicy};
use types::Marked;

const EXAMPLE: &str =
    "{ renamed: { old: new }, removed: { old: where-to-go-on }, data: { rounds: data.tries + 1 } }";
const POLICIES: [(&str, ReloadPolicy); 3] = [
    ("migrate", ReloadPolicy::Migrate),
    ("pin", ReloadPolicy::Pin),
    ("refuse", ReloadPolicy::Refuse),
];

/// One word for the policy, or a map.
pub(super) fn read(walk: &mut Walk, node: &Node) -> MigrateDef {
    let mut def = MigrateDef::default();
    if node.scalar().is_some() && !node.is_null() {
        def.policy = policy(walk, node);
        return def;
    }
    let Some(mut fields) = Fields::of(walk, node, "`migrate`", EXAMPLE) else {
        return def;
    };
    if let Some(node) = fields.take("policy") {
        def.policy = policy(walk, node);
    }
    if let Some(node) = fields.take("renamed") {
        for entry in entries(walk, node, "`renamed`", "{ old: new }") {
            if let Some(new) = walk.marked(&entry.value, "the new name of a state") {
                def.renamed.push((key(entry), new));
            }
        }
    }
    if let Some(node) = fields.take("removed") {
        removed(walk, node, &mut def);
    }
    if let Some(node) = fields.take("data") {
        for entry in entries(walk, node, "`data`", "{ rounds: data.tries + 1 }") {
            let what = "the value of a data entry";
            if let Some(value) = expression(walk, &entry.value, what) {
                def.data.push((key(entry), value));
            }
        }
    }
    fields.finish_with(walk, "`migrate`", |key| match key {
        "rename" | "states" => Some(format!("write `renamed`, as in `{EXAMPLE}`")),
        "remove" => Some(format!("write `removed`, as in `{EXAMPLE}`")),
        _ => None,
    });
    def
}

fn policy(walk: &mut Walk, node: &Node) -> ReloadPolicy {
    walk.word(node, "what happens to running instances", &POLICIES)
        .unwrap_or_default()
}

/// A map from states to where the chart goes on, or a list of states after which it goes on at what is left around them.
fn removed(walk: &mut Walk, node: &Node, def: &mut MigrateDef) {
    if let Some(items) = node.list() {
        for item in items {
            if let Some(old) = walk.marked(item, "a state that is gone") {
                def.removed.push((old, None));
            }
        }
        return;
    }
    for entry in entries(walk, node, "`removed`", "{ old: where-to-go-on }") {
        let target = if entry.value.is_null() {
            None
        } else {
            match walk.marked(&entry.value, "where the chart goes on") {
                Some(target) => Some(target),
                None => continue,
            }
        };
        def.removed.push((key(entry), target));
    }
}

fn key(entry: &Entry) -> Marked<String> {
    Marked::new(entry.key.text.to_string(), entry.key.place.clone())
}

fn entries<'n>(walk: &mut Walk, node: &'n Node, what: &str, example: &str) -> &'n [Entry] {
    let Some(entries) = node.map() else {
        walk.expected(node, what, "a map", &format!("write it as `{example}`"));
        return &[];
    };
    entries
}
