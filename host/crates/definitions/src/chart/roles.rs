//! Roles of a workflow, and which of them one agent must not hold both.

use super::{RoleDef, Scope};
use crate::agent::doc;
use crate::budget::{self, Of};
use crate::suggest::shown;
use crate::tree::{Entry, Node};
use crate::walk::{Fields, Walk, check_name};
use ::chart::ChartKind;
use indexmap::{IndexMap, IndexSet};
use std::collections::HashSet;
use std::sync::Arc;
use types::Limits;

/// The longest word with which a role hands in, in bytes: guards compare it.
pub const OUTCOME_BYTES_MAX: usize = 200;

const EXAMPLE: &str = "{ implementer: {}, reviewer: { never: implementer } }";

/// The roles, and the names of all that are declared, the faulty ones too.
pub(super) fn read(
    walk: &mut Walk,
    fields: &mut Fields<'_>,
    kind: ChartKind,
) -> (IndexMap<Arc<str>, RoleDef>, IndexSet<String>) {
    let Some((key, node)) = fields.take_entry("roles") else {
        return Default::default();
    };
    if kind == ChartKind::Cognition {
        walk.error(
            &key.place,
            "`roles` belong to workflows, and this chart is a cognition",
            "write `kind: workflow`, or remove them",
        );
        return Default::default();
    }
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`roles`",
            "a map from names to roles",
            &format!("write it as `{EXAMPLE}`"),
        );
        // That states name them is right.
        let named = node.list().unwrap_or_default().iter();
        let named = named.filter_map(|item| item.text().map(str::to_owned));
        return (IndexMap::new(), named.collect());
    };
    let declared: IndexSet<String> = entries.iter().map(|e| e.key.text.to_string()).collect();
    let roles = entries
        .iter()
        .filter_map(|entry| {
            Some((
                entry.key.text.as_ref().into(),
                role(walk, entry, &declared)?,
            ))
        })
        .collect();
    (roles, declared)
}

fn role(walk: &mut Walk, entry: &Entry, declared: &IndexSet<String>) -> Option<RoleDef> {
    let name = &*entry.key.text;
    if let Err(why) = check_name(name) {
        walk.error(
            &entry.key.place,
            format!("`{}` cannot be a role's name: {why}", shown(name)),
            "use letters, digits, `-` and `_`, beginning with a letter or a digit",
        );
        return None;
    }
    let mut role = RoleDef {
        never: Vec::new(),
        outcomes: Vec::new(),
        budget: Limits::default(),
        place: entry.key.place.clone(),
    };
    if entry.value.is_null() {
        return Some(role);
    }
    let mut fields = Fields::of(walk, &entry.value, "a role", "{ never: implementer }")?;
    if let Some(node) = fields.take("never") {
        let one = std::slice::from_ref(node);
        for item in node.list().unwrap_or(one) {
            role.never.extend(never(walk, item, name, declared));
        }
    }
    if let Some(node) = fields.take("outcomes") {
        role.outcomes = outcomes(walk, node);
    }
    if let Some(node) = fields.take("budget") {
        role.budget = budget::read(walk, node, Of::Role);
    }
    doc(walk, &mut fields);
    fields.finish(walk, "a role");
    Some(role)
}

/// The words with which a role hands in.
fn outcomes(walk: &mut Walk, node: &Node) -> Vec<Arc<str>> {
    let mut words: Vec<Arc<str>> = Vec::new();
    let one = std::slice::from_ref(node);
    let listed = node.list().unwrap_or(one);
    if listed.is_empty() {
        walk.error(
            &node.place,
            "no word is left with which this role could hand in",
            "name at least one, as in `outcomes: [done]`, or leave `outcomes` out, and any word is taken",
        );
    }
    for item in listed {
        let Some(word) = walk.text(item, "`outcomes`") else {
            continue;
        };
        if word.len() > OUTCOME_BYTES_MAX {
            walk.error(
                &item.place,
                format!(
                    "a word of {} bytes is never taken: {OUTCOME_BYTES_MAX} are the most",
                    word.len()
                ),
                "write one word",
            );
        } else if words.iter().any(|known| **known == *word) {
            walk.error(
                &item.place,
                format!("`{}` stands here twice", shown(word)),
                "remove one of them",
            );
        } else {
            words.push(word.into());
        }
    }
    words
}

fn never(walk: &mut Walk, node: &Node, of: &str, declared: &IndexSet<String>) -> Option<Arc<str>> {
    let other = walk.text(node, "`never`")?;
    if other == of {
        walk.error(
            &node.place,
            format!("the role `{}` excludes itself", shown(of)),
            "name the other role that the same agent must not hold",
        );
        return None;
    }
    if !declared.contains(other) {
        let known = declared
            .iter()
            .map(String::as_str)
            .filter(|name| *name != of);
        walk.error(
            &node.place,
            format!("there is no role `{}`", shown(other)),
            walk.suggestion(
                other,
                known,
                "the other roles are",
                "declare it beside this one",
            ),
        );
        return None;
    }
    Some(other.into())
}

/// Warn of roles that no state offers.
pub(super) fn check_use(walk: &mut Walk, roles: &IndexMap<Arc<str>, RoleDef>, scope: &Scope) {
    let offered: HashSet<&str> = scope
        .extras
        .iter()
        .filter_map(|extra| extra.role.as_ref().map(|role| role.as_str()))
        .collect();
    for (name, role) in roles {
        if !offered.contains(&**name) {
            walk.warning(
                &role.place,
                format!("no state has the role `{name}`, so nobody will ever be given it"),
                format!("add `role: {name}` to a state, or remove it here"),
            );
        }
    }
}
