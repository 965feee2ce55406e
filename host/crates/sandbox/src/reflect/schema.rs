//! A type as JSON Schema 2020-12. It says exactly what `read` takes, except that a schema cannot put bounds on decimal text.

use super::ty::{Int, Ty};
use serde_json::{Map, Value, json};
use std::sync::Arc;

/// The least number that rounds to an infinite `f32`: halfway between the greatest finite one and the next power of two.
const F32_BOUND: f64 = 340_282_356_779_733_661_637_539_395_458_142_568_448.0;

/// The schema of arguments with these names and types.
pub(crate) fn of_params(params: &[(Arc<str>, Ty)]) -> Value {
    object(params)
}

/// The schema of `ty`.
pub(crate) fn of(ty: &Ty) -> Value {
    match ty {
        Ty::Bool => json!({ "type": "boolean" }),
        Ty::Int(int) => integer(*int),
        Ty::F32 => float(
            json!({ "type": "number", "exclusiveMinimum": -F32_BOUND, "exclusiveMaximum": F32_BOUND }),
        ),
        Ty::F64 => float(json!({ "type": "number" })),
        Ty::Char => json!({ "type": "string", "minLength": 1, "maxLength": 1 }),
        Ty::String => json!({ "type": "string" }),
        Ty::Bytes => json!({
            "description": "bytes: standard base64, or an array of numbers",
            "anyOf": [
                { "type": "string", "contentEncoding": "base64", "pattern": "^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$" },
                { "type": "array", "items": integer(Int::U8) },
            ],
        }),
        Ty::List(element) => json!({ "type": "array", "items": of(element) }),
        Ty::Array(element, length) => {
            json!({ "type": "array", "items": of(element), "minItems": length, "maxItems": length })
        }
        Ty::Map(key, value) => {
            let mut schema = json!({ "type": "object", "additionalProperties": of(value) });
            if let Some(names) = names(key) {
                schema["propertyNames"] = names;
            }
            schema
        }
        Ty::Record(fields) => object(fields),
        Ty::Tuple(items) => json!({
            "type": "array",
            "prefixItems": items.iter().map(of).collect::<Vec<_>>(),
            "items": false,
            "minItems": items.len(),
            "maxItems": items.len(),
        }),
        Ty::Variant(cases) => {
            let bare: Vec<&Arc<str>> = cases
                .iter()
                .filter_map(|(name, payload)| payload.is_none().then_some(name))
                .collect();
            let mut choices = Vec::new();
            if !bare.is_empty() {
                choices.push(words(&bare));
            }
            for (name, payload) in cases {
                if let Some(payload) = payload {
                    choices.push(tagged(name, of(payload)));
                }
            }
            one_of(choices)
        }
        Ty::Enum(names) => words(&names.iter().collect::<Vec<_>>()),
        Ty::Option(inner) if inner.is_nullable() => json!({
            "description": "nothing is null; something is { \"some\": … }, because what is inside may be null too",
            "anyOf": [{ "type": "null" }, tagged("some", of(inner))],
        }),
        Ty::Option(inner) => json!({ "anyOf": [of(inner), { "type": "null" }] }),
        Ty::Result(ok, err) => one_of(vec![
            tagged("ok", payload(ok.as_deref())),
            tagged("err", payload(err.as_deref())),
        ]),
        Ty::Flags(names) => json!({
            "type": "array",
            "items": words(&names.iter().collect::<Vec<_>>()),
            "uniqueItems": true,
        }),
    }
}

fn object(fields: &[(Arc<str>, Ty)]) -> Value {
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, ty)| (name.to_string(), of(ty)))
        .collect();
    let required: Vec<&Arc<str>> = fields
        .iter()
        .filter(|(_, ty)| !ty.is_nullable())
        .map(|(name, _)| name)
        .collect();
    json!({
        "type": "object",
        "properties": properties,
        "required": required.iter().map(|name| &***name).collect::<Vec<&str>>(),
        "additionalProperties": false,
    })
}

fn integer(int: Int) -> Value {
    let number = match int {
        Int::S64 => json!({ "type": "integer", "minimum": i64::MIN, "maximum": i64::MAX }),
        Int::U64 => json!({ "type": "integer", "minimum": 0, "maximum": u64::MAX }),
        // Every other range fits.
        narrow => {
            let (least, greatest) = narrow.range();
            json!({ "type": "integer", "minimum": least as i64, "maximum": greatest as i64 })
        }
    };
    if !int.is_wide() {
        return number;
    }
    json!({
        "description": "a number, or decimal text where a number beyond 2^53 would lose digits",
        "anyOf": [number, { "type": "string", "pattern": decimal(int) }],
    })
}

/// What decimal text of `int` looks like, but for its bounds.
fn decimal(int: Int) -> &'static str {
    match int.range().0 {
        0 => "^(0|[1-9][0-9]*)$",
        _ => "^(0|-?[1-9][0-9]*)$",
    }
}

fn float(number: Value) -> Value {
    json!({ "anyOf": [number, { "enum": ["NaN", "Infinity", "-Infinity"] }] })
}

fn words(names: &[&Arc<str>]) -> Value {
    let names: Vec<&str> = names.iter().map(|name| &***name).collect();
    json!({ "type": "string", "enum": names })
}

fn tagged(name: &str, payload: Value) -> Value {
    json!({
        "type": "object",
        "properties": { name: payload },
        "required": [name],
        "additionalProperties": false,
    })
}

fn payload(ty: Option<&Ty>) -> Value {
    ty.map_or_else(|| json!({ "type": "null" }), of)
}

fn one_of(mut choices: Vec<Value>) -> Value {
    match choices.len() {
        1 => choices.remove(0),
        _ => json!({ "anyOf": choices }),
    }
}

/// What the names of a map's members must be; JSON has text alone there, so numbers and words stand as text.
fn names(key: &Ty) -> Option<Value> {
    match key {
        Ty::String => None,
        Ty::Bool => Some(json!({ "enum": ["true", "false"] })),
        Ty::Int(int) => Some(json!({ "pattern": decimal(*int) })),
        Ty::Char => Some(json!({ "minLength": 1, "maxLength": 1 })),
        Ty::Enum(names) => Some(words(&names.iter().collect::<Vec<_>>())),
        _ => Some(json!(false)),
    }
}
