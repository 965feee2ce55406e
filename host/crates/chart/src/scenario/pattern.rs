//! Parts of values and of effects: what an author writes down is what matters to the scenario, and the rest may be anything.

use crate::effect::Effect;
use std::fmt;
use types::{Place, Value};

/// A kind of effect, as `chart run` lists it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EffectKind {
    /// Its `type`.
    pub name: &'static str,
    /// The field that says the most about it.
    pub main: &'static str,
    /// Its other fields.
    pub others: &'static [&'static str],
}

/// All kinds of effects.
pub const EFFECT_KINDS: [EffectKind; 8] = [
    kind("invoke", "activity", &["id", "state", "params"]),
    kind("cancel_invoke", "activity", &["id", "state"]),
    kind("send", "event", &["id", "target", "data"]),
    kind("forward", "event", &["id", "data"]),
    kind("log", "label", &["value"]),
    kind("raise", "event", &["data"]),
    kind("schedule", "event", &["id"]),
    kind("cancel", "id", &[]),
];

const fn kind(
    name: &'static str,
    main: &'static str,
    others: &'static [&'static str],
) -> EffectKind {
    EffectKind { name, main, others }
}

/// An effect as far as it matters.
#[derive(Clone, Debug, PartialEq)]
pub struct EffectPattern {
    /// Where it stands.
    pub place: Place,
    /// A map: `type` and whatever else of the effect's fields must be so.
    pub fields: Value,
}

impl EffectPattern {
    /// Whether `effect` is meant.
    pub fn matches(&self, effect: &Effect) -> bool {
        serde_json::to_value(effect).is_ok_and(|json| contains(&Value::from(json), &self.fields))
    }
}

impl fmt::Display for EffectPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", spelt(&self.fields))
    }
}

/// An effect in a few words: `invoke turn id="act.1" state="act"`.
impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let json = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        f.write_str(&spelt(&Value::from(json)))
    }
}

/// The fields of an effect, what says the most about it first; what is empty is left out.
fn spelt(fields: &Value) -> String {
    let kind = fields.get("type").and_then(Value::as_text).unwrap_or("");
    let known = EFFECT_KINDS.iter().find(|known| known.name == kind);
    let main = known.map_or("", |known| known.main);
    let mut out = kind.to_owned();
    if let Some(value) = fields.get(main) {
        out.push(' ');
        out.push_str(
            &value
                .as_text()
                .map_or_else(|| value.to_string(), str::to_owned),
        );
    }
    if let Value::Map(map) = fields {
        for (name, value) in map.iter() {
            if &**name != "type" && &**name != main && *value != Value::Null {
                out.push_str(&format!(" {name}={value}"));
            }
        }
    }
    out
}

/// Whether `value` holds everything that `part` says: maps may have more entries, lists must have the same length, and `2` is `2.0`.
pub(super) fn contains(value: &Value, part: &Value) -> bool {
    match (value, part) {
        (Value::Map(map), Value::Map(wanted)) => wanted
            .iter()
            .all(|(key, part)| map.get(key).is_some_and(|value| contains(value, part))),
        (Value::List(items), Value::List(wanted)) => {
            items.len() == wanted.len()
                && items.iter().zip(wanted.iter()).all(|(v, p)| contains(v, p))
        }
        (Value::Int(whole), Value::Float(number)) | (Value::Float(number), Value::Int(whole)) => {
            *whole as f64 == *number
        }
        _ => value == part,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn maps_may_hold_more_and_lists_may_not() {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        for (whole, part, holds) in [
            (r#"{"a":1,"b":{"c":2,"d":3}}"#, r#"{"b":{"c":2.0}}"#, true),
            (r#"{"a":1}"#, r#"{"a":2}"#, false),
            (r#"{"a":1}"#, r#"{"b":null}"#, false),
            (r#"[{"a":1,"b":2}]"#, r#"[{"a":1}]"#, true),
            ("[1,2]", "[1]", false),
            (r#""1""#, "1", false),
        ] {
            assert_eq!(
                contains(&value(whole), &value(part)),
                holds,
                "{whole} {part}"
            );
        }
    }
}
