//! Typed arguments: one declaration gives the JSON Schema that the model reads and the check that reads what the model wrote.
//!
//! All mistakes of a call are told at once, each by the argument's name and by what was expected, because every further round of a model
//! costs money.

use crate::Failure;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::num::NonZeroU64;

/// What is wrong with some arguments, and where we are in them.
#[derive(Clone, Debug, Default)]
pub struct Complaints {
    path: Vec<String>,
    messages: Vec<String>,
}

impl Complaints {
    /// Whether nothing is wrong so far.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// Say that the value here is not what was `expected`, for instance `a whole number`.
    pub fn expected(&mut self, expected: &str, found: &Value) {
        let here = match self.path.is_empty() {
            true => "the arguments".to_owned(),
            false => format!("`{}`", self.path.concat()),
        };
        self.messages.push(format!(
            "{here} must be {expected}, not {}",
            described(found)
        ));
    }

    /// Say anything else about the arguments.
    pub fn push(&mut self, message: impl Into<String>) {
        self.messages.push(message.into());
    }

    /// Say `what` is wrong with the value here.
    #[cfg(feature = "schemars")]
    pub(crate) fn wrong(&mut self, what: &str) {
        let message = match self.path.is_empty() {
            true => what.to_owned(),
            false => format!("`{}`: {what}", self.path.concat()),
        };
        self.messages.push(message);
    }

    /// Read a member `name` of the object here.
    pub(crate) fn inside<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let step = match self.path.is_empty() || name.starts_with('[') {
            true => name.to_owned(),
            false => format!(".{name}"),
        };
        self.path.push(step);
        let read = read(self);
        self.path.pop();
        read
    }

    pub(crate) fn name_of(&self, name: &str) -> String {
        match self.path.is_empty() {
            true => name.to_owned(),
            false => format!("{}.{name}", self.path.concat()),
        }
    }

    /// All of it as one failure.
    pub fn into_failure(self) -> Failure {
        Failure::Invalid(self.messages.join("; "))
    }
}

/// What a person calls a JSON value, with a scalar's own text.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(text) if text.chars().count() <= 40 => format!("the text {value}"),
        Value::String(_) => "a text".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// A type that can stand in a tool's arguments.
pub trait Argument: Sized {
    /// JSON Schema 2020-12 of the type.
    fn schema() -> Value;

    /// Read `value`; `None` once something was put into `complaints`.
    fn read(value: &Value, complaints: &mut Complaints) -> Option<Self>;

    /// What stands for an argument that is not there; `None` makes it required.
    fn absent() -> Option<Self> {
        None
    }
}

/// An argument type whose value is one JSON scalar.
macro_rules! scalar {
    ($type:ty, $schema:tt, $expected:literal, $read:expr) => {
        impl Argument for $type {
            fn schema() -> Value {
                json!($schema)
            }

            fn read(value: &Value, complaints: &mut Complaints) -> Option<Self> {
                let read: fn(&Value) -> Option<$type> = $read;
                let read = read(value);
                if read.is_none() {
                    complaints.expected($expected, value);
                }
                read
            }
        }
    };
}

scalar!(String, {"type": "string"}, "a text", |value| value.as_str().map(str::to_owned));
scalar!(bool, {"type": "boolean"}, "true or false", Value::as_bool);
scalar!(i64, {"type": "integer"}, "a whole number", whole);
scalar!(u64, {"type": "integer", "minimum": 0}, "a whole number of at least 0", |value| {
    whole(value).and_then(|number| number.try_into().ok()).or_else(|| value.as_u64())
});
scalar!(u32, {"type": "integer", "minimum": 0}, "a whole number from 0 to 4294967295", |value| {
    whole(value).and_then(|number| number.try_into().ok())
});
scalar!(usize, {"type": "integer", "minimum": 0}, "a whole number from 0 to 4294967295", |value| {
    whole(value).and_then(|number| u32::try_from(number).ok()).map(|number| number as usize)
});
scalar!(NonZeroU64, {"type": "integer", "minimum": 1}, "a whole number of at least 1", |value| {
    whole(value).and_then(|number| u64::try_from(number).ok()).and_then(NonZeroU64::new)
});
scalar!(f64, {"type": "number"}, "a number", Value::as_f64);

/// A whole number, also where it is spelled `3.0`: JSON Schema takes that for an integer.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| {
        let number = value.as_f64()?;
        (number.fract() == 0.0 && number.abs() < 9e15).then_some(number as i64)
    })
}

impl Argument for Value {
    fn schema() -> Value {
        json!({})
    }

    fn read(value: &Value, _: &mut Complaints) -> Option<Self> {
        Some(value.clone())
    }
}

impl<T: Argument> Argument for Option<T> {
    fn schema() -> Value {
        T::schema()
    }

    fn read(value: &Value, complaints: &mut Complaints) -> Option<Self> {
        match value {
            // Models write `null` for what they leave out.
            Value::Null => Some(None),
            value => T::read(value, complaints).map(Some),
        }
    }

    fn absent() -> Option<Self> {
        Some(None)
    }
}

impl<T: Argument> Argument for Vec<T> {
    fn schema() -> Value {
        json!({"type": "array", "items": T::schema()})
    }

    fn read(value: &Value, complaints: &mut Complaints) -> Option<Self> {
        let Value::Array(items) = value else {
            complaints.expected("a list", value);
            return None;
        };
        // Every item is read, so that the complaints of all are heard.
        let read: Vec<Option<T>> = items
            .iter()
            .enumerate()
            .map(|(index, item)| {
                complaints.inside(&format!("[{index}]"), |complaints| {
                    T::read(item, complaints)
                })
            })
            .collect();
        read.into_iter().collect()
    }
}

/// Read `value` into a type of serde's, for tools made with [`Tool::raw`](crate::Tool::raw). The failure names the place within the value.
pub fn parse<T: DeserializeOwned>(value: Value) -> Result<T, Failure> {
    serde_path_to_error::deserialize(value).map_err(|error| match error.path().to_string() {
        path if path == "." => Failure::invalid(error.into_inner().to_string()),
        path => Failure::invalid(format!("`{path}`: {}", error.into_inner())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_of_serde_are_parsed_with_the_place_of_the_mistake() {
        #[derive(Debug, serde::Deserialize)]
        struct Outer {
            #[serde(rename = "inner")]
            _inner: Vec<u8>,
        }
        let failure = parse::<Outer>(json!({"inner": [1, "x"]})).unwrap_err();
        assert_eq!(
            failure.message(),
            "`inner[1]`: invalid type: string \"x\", expected u8"
        );
    }
}
