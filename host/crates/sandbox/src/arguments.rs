//! A first look at a call's arguments against the tool's own schema, so that a model that forgot a field or misspelt one is told so in words,
//! and no guest is started for it.
//!
//! Only `type`, `required`, `properties` and `additionalProperties` of the top level are looked at; the plugin checks the rest itself. So values are read
//! and not kept: a megabyte to be written to a file is not copied to learn that it is a string.

use serde::de::{Deserialize, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt;
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
                        value.name()
                    )));
                }
            }
            None => {}
        }
    }
    Ok(())
}

/// The fields of arguments, which must be an object; no text at all is an empty one.
fn fields(arguments: &str) -> Result<BTreeMap<String, Kind>, CallError> {
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

fn of_type(value: &Kind, expected: &Value) -> bool {
    match expected {
        Value::String(name) => match (name.as_str(), value) {
            ("integer", Kind::Number { whole }) => *whole,
            ("object" | "array" | "string" | "boolean" | "null" | "number" | "integer", kind) => {
                name == kind.name()
            }
            _ => true,
        },
        Value::Array(names) => names.iter().any(|name| of_type(value, name)),
        _ => true,
    }
}

/// What kind of value it is. Reading one reads all of it, as strictly as a [`Value`] is read, and keeps nothing.
enum Kind {
    Null,
    Boolean,
    Number { whole: bool },
    String,
    Array,
    Object,
}

impl Kind {
    fn name(&self) -> &'static str {
        match self {
            Kind::Null => "null",
            Kind::Boolean => "boolean",
            Kind::Number { .. } => "number",
            Kind::String => "string",
            Kind::Array => "array",
            Kind::Object => "object",
        }
    }
}

impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Kind;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON value")
            }
            fn visit_unit<E: Error>(self) -> Result<Kind, E> {
                Ok(Kind::Null)
            }
            fn visit_bool<E: Error>(self, _: bool) -> Result<Kind, E> {
                Ok(Kind::Boolean)
            }
            fn visit_i64<E: Error>(self, _: i64) -> Result<Kind, E> {
                Ok(Kind::Number { whole: true })
            }
            fn visit_u64<E: Error>(self, _: u64) -> Result<Kind, E> {
                Ok(Kind::Number { whole: true })
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Kind, E> {
                let whole = number.fract() == 0.0;
                Ok(Kind::Number { whole })
            }
            fn visit_str<E: Error>(self, _: &str) -> Result<Kind, E> {
                Ok(Kind::String)
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Kind, A::Error> {
                while items.next_element::<Kind>()?.is_some() {}
                Ok(Kind::Array)
            }
            fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Kind, A::Error> {
                while entries.next_entry::<Kind, Kind>()?.is_some() {}
                Ok(Kind::Object)
            }
        }
        deserializer.deserialize_any(Reader)
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
        let deep = format!(r#"{{"path":{}{}}}"#, "[".repeat(200), "]".repeat(200));
        for (arguments, expected) in [
            ("{", "the arguments are not JSON"),
            ("[]", "must be a JSON object, not array"),
            (r#"{"path":"\ud800"}"#, "the arguments are not JSON"),
            (
                r#"{"path":"a","lines":1e400}"#,
                "the arguments are not JSON",
            ),
            (&*deep, "the arguments are not JSON: recursion limit"),
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
