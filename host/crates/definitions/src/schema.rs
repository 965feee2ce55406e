//! What definitions may hold, as JSON Schema 2020-12, so that editors complete them and check them while they are written.
//!
//! A schema says which keys there are, what stands under each and what it means. What only the whole house can tell (whether a name is known, whether a guard
//! has the right type) it does not know: `charthouse check` has the last word. A test holds schema and parser together: the keys of each map are the same.

mod agent;
mod budget;
mod chart;
mod context;
mod house;
mod policy;
mod serve;
#[cfg(test)]
mod tests;

use crate::kind::Kind;
use serde_json::{Map, Value, json};

/// The JSON Schema of the definitions of `kind`.
pub fn schema(kind: Kind) -> Value {
    let (mut root, definitions) = match kind {
        Kind::House => house::house(),
        Kind::Agent => agent::agent(),
        Kind::Chart => chart::chart(),
        Kind::Policy => policy::policy(),
    };
    let mut whole = json!({ "$schema": "https://json-schema.org/draft/2020-12/schema" });
    if let (Some(whole), Some(root)) = (whole.as_object_mut(), root.as_object_mut()) {
        whole.append(root);
        if !definitions.is_empty() {
            whole.insert("$defs".into(), Value::Object(definitions));
        }
    }
    whole
}

/// Schemas that others refer to by name.
type Definitions = Map<String, Value>;

/// A map that has these keys and no other. `title` is what complaints call it.
fn object<const N: usize>(
    title: &str,
    description: &str,
    required: &[&str],
    properties: [(&str, Value); N],
) -> Value {
    let properties: Map<String, Value> = properties
        .into_iter()
        .map(|(key, value)| (key.to_owned(), value))
        .collect();
    let mut object = json!({
        "title": title,
        "description": description,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = json!(required);
    }
    object
}

/// A map from names of the author's choice.
fn named(description: &str, value: Value) -> Value {
    json!({ "description": description, "type": "object", "additionalProperties": value })
}

fn list(description: &str, items: Value) -> Value {
    json!({ "description": description, "type": "array", "items": items })
}

/// One, or a list of them.
fn one_or_more(description: &str, one: Value) -> Value {
    let several = json!({ "type": "array", "items": &one });
    either(description, [one, several])
}

fn either<const N: usize>(description: &str, ways: [Value; N]) -> Value {
    json!({ "description": description, "anyOf": Value::from(ways.to_vec()) })
}

fn words(description: &str, words: &[&str]) -> Value {
    json!({ "description": description, "enum": words })
}

fn reference(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

fn text(description: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": "\\S" })
}

fn truth(description: &str) -> Value {
    json!({ "description": description, "type": "boolean" })
}

fn whole(description: &str, least: u64) -> Value {
    json!({ "description": description, "type": "integer", "minimum": least })
}

/// Any single value, taken as it is written: `1.10` stays `1.10`.
fn as_written(description: &str) -> Value {
    json!({ "description": description, "type": ["string", "number", "boolean"] })
}

/// The name of a definition, a chunk or a state.
fn name(description: &str) -> Value {
    json!({
        "description": description,
        "type": "string",
        "pattern": "^[\\p{L}\\p{N}][\\p{L}\\p{N}_-]*$",
        "maxLength": 100,
    })
}

fn pattern(description: &str, pattern: &str, example: &str) -> Value {
    json!({ "description": description, "type": "string", "pattern": pattern, "examples": [example] })
}

const DURATION: &str = "^\\s*([0-9_.]+\\s*(ms|s|m|min|h|d|w)\\s*)+$";

fn duration(description: &str, example: &str) -> Value {
    pattern(description, DURATION, example)
}

fn bytes(description: &str, example: &str) -> Value {
    pattern(
        description,
        "^\\s*[0-9_.]+\\s*(B|[KMG]iB|[kKMG]B)\\s*$",
        example,
    )
}

/// A whole number, which may be shortened: `32k`.
fn count(description: &str, example: &str) -> Value {
    json!({
        "description": description,
        "type": ["integer", "string"],
        "minimum": 0,
        "pattern": "^\\s*[0-9_.]+[kMGT]?\\s*$",
        "examples": [example],
    })
}

fn percent(description: &str, example: &str) -> Value {
    pattern(description, "^\\s*[0-9_.]+\\s*%\\s*$", example)
}

/// US dollars.
fn money(description: &str) -> Value {
    json!({
        "description": description,
        "type": ["number", "string"],
        "minimum": 0,
        "pattern": "^[0-9.]+$",
    })
}

/// A reference to a secret, never the secret.
fn secret(description: &str) -> Value {
    pattern(description, "^(env|file):.+$", "env:API_KEY")
}

fn version() -> Value {
    as_written("Its version, for people and for the record.")
}

fn purpose() -> Value {
    words(
        "On which line of the ledger its work is booked; `work` when absent.",
        &types::Purpose::ALL.map(types::Purpose::as_str),
    )
}

fn doc() -> Value {
    text("What it is for.")
}
