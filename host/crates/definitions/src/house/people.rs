//! `people`: who may sign, with which keys, in which roles.

use super::entries;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk, check_name};
use indexmap::IndexMap;
use sign::{People, Person, PublicKey};
use std::sync::Arc;
use types::Place;

const EXAMPLE: &str =
    "{ ada: { key: \"ssh-ed25519 AAAA… ada@example.com\", roles: [engineering, quality] } }";

/// The people under `people`.
pub(super) fn read(walk: &mut Walk, node: &Node) -> People {
    let mut people = IndexMap::new();
    // Every key so far, whose it is, and where that stands.
    let mut keys: Vec<(PublicKey, Arc<str>, Place)> = Vec::new();
    for entry in entries(walk, node, "`people`", EXAMPLE) {
        let name: Arc<str> = entry.key.text.as_ref().into();
        if let Err(why) = check_name(&name) {
            walk.error(
                &entry.key.place,
                format!("`{}` cannot be a person's name: {why}", shown(&name)),
                "use letters, digits, `-` and `_`, beginning with a letter or a digit",
            );
        }
        if let Some(person) = one(walk, &name, &entry.value, &mut keys) {
            people.insert(name, person);
        }
    }
    People(people)
}

fn one(
    walk: &mut Walk,
    name: &Arc<str>,
    node: &Node,
    keys: &mut Vec<(PublicKey, Arc<str>, Place)>,
) -> Option<Person> {
    let mut fields = Fields::of(walk, node, "a person", EXAMPLE)?;
    let (one, several) = (fields.take("key"), fields.take("keys"));
    let mut found = Vec::new();
    match (one, several) {
        (Some(_), Some(several)) => walk.error(
            &several.place,
            "a person has either `key` or `keys`",
            "put all of them below `keys`",
        ),
        (Some(node), None) => found.push(node),
        (None, Some(node)) => {
            let example = "[\"ssh-ed25519 AAAA… at work\", \"ssh-ed25519 AAAA… at home\"]";
            let all = walk.list(node, "`keys`", example).unwrap_or_default();
            if all.is_empty() && node.list().is_some() {
                walk.error(
                    &node.place,
                    "a person without a key can sign nothing",
                    format!("write it as `keys: {example}`"),
                );
            }
            found.extend(all);
        }
        (None, None) => walk.error(
            fields.place(),
            format!("{} has no `key`", shown(name)),
            "add what the .pub file says: `key: \"ssh-ed25519 AAAA… ada@example.com\"`; `ssh-keygen -t ed25519` makes a pair",
        ),
    }
    let mut theirs = Vec::new();
    for node in found {
        let Some(text) = walk.text(node, "a key") else {
            continue;
        };
        if names_a_file(text) {
            walk.error(
                &node.place,
                format!(
                    "`{}` names a file, and a person's key stands here itself",
                    shown(text)
                ),
                "write what the .pub file says, one line: `\"ssh-ed25519 AAAA… ada@example.com\"`",
            );
            continue;
        }
        match PublicKey::parse(text) {
            Ok(key) => {
                refuse_twice(walk, name, node, &key, keys);
                keys.push((key.clone(), name.clone(), node.place.clone()));
                theirs.push(key);
            }
            Err(error) => {
                if error == sign::KeyError::Private {
                    let lines = u32::try_from(text.lines().count())
                        .unwrap_or(u32::MAX)
                        .saturating_add(2);
                    walk.sources.mask(&node.place, lines);
                }
                walk.error(&node.place, error.to_string(), error.help());
            }
        }
    }
    let roles = fields.take("roles").map(|node| roles(walk, node));
    fields.finish(walk, "a person");
    Some(Person {
        keys: theirs,
        roles,
    })
}

/// Whether this is where a key lies rather than a key: secrets are named so, and nothing here is one.
fn names_a_file(text: &str) -> bool {
    let text = text.trim();
    let is_path = text.contains('/') && !text.starts_with("AAAA");
    !text.contains(char::is_whitespace)
        && (text.starts_with("file:") || text.ends_with(".pub") || is_path)
}

/// A key is one person's, once: with one that two have, nobody could tell who signed.
fn refuse_twice(
    walk: &mut Walk,
    name: &Arc<str>,
    node: &Node,
    key: &PublicKey,
    keys: &[(PublicKey, Arc<str>, Place)],
) {
    let Some((_, owner, place)) = keys.iter().find(|(other, ..)| other.is(key)) else {
        return;
    };
    let at = format!("{}:{}", place.file, place.line);
    match owner == name {
        true => walk.error(
            &node.place,
            format!("this key is listed twice for {} (also {at})", shown(name)),
            "remove one of the two",
        ),
        false => walk.error(
            &node.place,
            format!("this key is {}'s already ({at})", shown(owner)),
            "everybody needs a key of their own, or nobody can tell who signed: make one with `ssh-keygen -t ed25519`",
        ),
    }
}

fn roles(walk: &mut Walk, node: &Node) -> Vec<Arc<str>> {
    let items = walk
        .list(node, "`roles`", "[engineering, quality]")
        .unwrap_or_default();
    let mut roles: Vec<Arc<str>> = Vec::new();
    for item in items {
        let Some(role) = walk.name(item, "a role") else {
            continue;
        };
        if roles.iter().any(|known| **known == *role.value) {
            walk.error(
                &item.place,
                format!("the role `{}` stands here twice", shown(&role.value)),
                "remove one of the two",
            );
        }
        roles.push(role.value.into());
    }
    roles
}
