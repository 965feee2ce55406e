//! A first look at a call's arguments against the tool's own schema, so that a model that forgot a field or misspelt one is told so in words,
//! and no guest is started for it.
//!
//! Only `type`, `required`, `properties` and `additionalProperties` of the top level are looked at; the plugin checks the rest itself. So values are only
//! skipped over: a megabyte to be written to a file is not copied to learn that it is a string.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use types::{CallError, CallErrorKind, ToolSpec};

/// Check `arguments` (JSON text) for `tool`.
pub(crate) fn check(spec: &ToolSpec, arguments: &str) -> Result<(), CallError> {
    let invalid = |message: String| CallError::new(CallErrorKind::Invalid, message);
    let given = fields(arguments)?;
    let properties = spec.parameters.get("properties").and_then(Value::as_object);
    let known = || {
        let names: Vec<&str> = properties
            .into_iter()
            .flat_map(|properties| properties.keys().map(String::as_str))
            .collect();
        if names.is_empty() {
            "it takes no arguments".to_owned()
        } else {
            format!("it takes {}", names.join(", "))
        }
    };
    let required = spec.parameters.get("required").and_then(Value::as_array);
    for name in required.into_iter().flatten().filter_map(Value::as_str) {
        if !given.contains_key(name) {
            return Err(invalid(format!(
                "`{}` needs the argument `{name}`; {}",
                spec.name,
                known()
            )));
        }
    }
    let closed = spec.parameters.get("additionalProperties") == Some(&Value::Bool(false));
    for (name, value) in &given {
        match properties.and_then(|properties| properties.get(name)) {
            None if closed => {
                return Err(invalid(format!(
                    "`{}` has no argument `{name}`; {}",
                    spec.name,
                    known()
                )));
            }
            Some(schema) => {
                if let Some(expected) = schema.get("type")
                    && !of_type(value, expected)
                {
                    return Err(invalid(format!(
                        "the argument `{name}` of `{}` must be {}, not {}",
                        spec.name,
                        expected_names(expected),
                        kind(value)
                    )));
                }
            }
            None => {}
        }
    }
    Ok(())
}

/// The fields of arguments, which must be an object; no text at all is an empty one.
fn fields(arguments: &str) -> Result<BTreeMap<String, &RawValue>, CallError> {
    if arguments.trim().is_empty() {
        return Ok(BTreeMap::new());
    }
    // What is no object, or no JSON, is read again by who can say why.
    serde_json::from_str(arguments).or_else(|_| object(arguments).map(|_| BTreeMap::new()))
}

/// Arguments as what they must be, an object; no text at all is an empty one.
pub(crate) fn object(arguments: &str) -> Result<Map<String, Value>, CallError> {
    let invalid = |message: String| CallError::new(CallErrorKind::Invalid, message);
    if arguments.trim().is_empty() {
        return Ok(Map::new());
    }
    match serde_json::from_str(arguments) {
        Ok(Value::Object(given)) => Ok(given),
        Ok(other) => Err(invalid(format!(
            "the arguments must be a JSON object, not {}",
            type_name(&other)
        ))),
        Err(error) => Err(invalid(format!("the arguments are not JSON: {error}"))),
    }
}

fn of_type(value: &RawValue, expected: &Value) -> bool {
    match expected {
        Value::String(name) => match (name.as_str(), kind(value)) {
            ("integer", "number") => is_whole(value.get()),
            ("object" | "array" | "string" | "boolean" | "null" | "number" | "integer", kind) => {
                name == kind
            }
            _ => true,
        },
        Value::Array(names) => names.iter().any(|name| of_type(value, name)),
        _ => true,
    }
}

fn is_whole(number: &str) -> bool {
    let number: Result<f64, _> = number.parse();
    number.is_ok_and(|number| number.fract() == 0.0)
}

/// The kind of a value, which its first letter tells.
fn kind(value: &RawValue) -> &'static str {
    match value.get().as_bytes().first() {
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b'"') => "string",
        Some(b't' | b'f') => "boolean",
        Some(b'n') => "null",
        _ => "number",
    }
}

fn expected_names(expected: &Value) -> String {
    match expected {
        Value::String(name) => name.clone(),
        Value::Array(names) => names
            .iter()
            .map(expected_names)
            .collect::<Vec<_>>()
            .join(" or "),
        other => other.to_string(),
    }
}

fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::Effect;

    fn spec() -> ToolSpec {
        ToolSpec {
            name: "read".into(),
            description: String::new(),
            parameters: serde_json::json!({
                "type": "object",
                "required": ["path"],
                "additionalProperties": false,
                "properties": { "path": { "type": "string" }, "lines": { "type": ["integer", "null"] } }
            }),
            effect: Effect::None,
        }
    }

    #[test]
    fn each_mistake_is_named() {
        for (arguments, expected) in [
            ("{", "the arguments are not JSON"),
            ("[]", "must be a JSON object, not array"),
            (
                "{}",
                "`read` needs the argument `path`; it takes path, lines",
            ),
            (
                r#"{"path":1}"#,
                "the argument `path` of `read` must be string, not number",
            ),
            (r#"{"path":"a","line":2}"#, "`read` has no argument `line`"),
            (
                r#"{"path":"a","lines":1.5}"#,
                "must be integer or null, not number",
            ),
        ] {
            let error = check(&spec(), arguments).unwrap_err();
            assert!(
                error.message.contains(expected),
                "{arguments}: {}",
                error.message
            );
        }
        for arguments in [
            r#"{"path":"a","lines":2}"#,
            r#"{"path":"a","lines":2.0}"#,
            r#" { "lines" : null , "p\u0061th" : "a" } "#,
        ] {
            assert_eq!(check(&spec(), arguments), Ok(()), "{arguments}");
        }
    }
}
