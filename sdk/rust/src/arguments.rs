//! Typed arguments: one declaration gives the JSON Schema that the model reads and the check that reads what the model wrote.
//!
//! All mistakes of a call are told at once, each by the argument's name and by what was expected, because every further round of a model
//! costs money.

use crate::Failure;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};
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

    /// Read a member `name` of the object here.
    fn inside<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> T {
        let step = match self.path.is_empty() || name.starts_with('[') {
            true => name.to_owned(),
            false => format!(".{name}"),
        };
        self.path.push(step);
        let read = read(self);
        self.path.pop();
        read
    }

    fn name_of(&self, name: &str) -> String {
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

/// Lines of a doc comment as one sentence after the other.
#[doc(hidden)]
pub fn description(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line.trim())
        .filter(|line| !line.is_empty())
        .collect();
    lines.join(" ")
}

#[doc(hidden)]
pub fn schema_of_field<T: Argument>(lines: &[&str], default: Option<Value>) -> Value {
    let mut schema = T::schema();
    if let Value::Object(schema) = &mut schema {
        // What stands at the field says more than what stands at its type.
        let said = description(lines);
        if !said.is_empty() {
            schema.insert("description".to_owned(), said.into());
        }
        if let Some(default) = default {
            schema.insert("default".to_owned(), default);
        }
    }
    schema
}

#[doc(hidden)]
pub fn object(fields: Vec<(&str, Value, bool)>) -> Value {
    let required: Vec<&str> = fields
        .iter()
        .filter(|field| field.2)
        .map(|field| field.0)
        .collect();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|(name, schema, _)| ((*name).to_owned(), schema.clone()))
        .collect();
    let mut object = json!({"type": "object", "properties": properties});
    if !required.is_empty() {
        object["required"] = required.into();
    }
    object["additionalProperties"] = false.into();
    object
}

/// A field's name as JSON spells it: `type` for `r#type`.
#[doc(hidden)]
pub fn plain(field: &'static str) -> &'static str {
    field.strip_prefix("r#").unwrap_or(field)
}

#[doc(hidden)]
pub fn schema_of_choices(names: &[&str]) -> Value {
    json!({"type": "string", "enum": names})
}

/// What the struct that [`arguments!`](crate::arguments) declares reads its fields with.
#[doc(hidden)]
pub mod finish {
    use super::*;

    /// The members of an object, after complaining of those that are not `known`.
    pub fn members<'a>(
        value: &'a Value,
        known: &[&str],
        complaints: &mut Complaints,
    ) -> Option<&'a Map<String, Value>> {
        let Value::Object(members) = value else {
            complaints.expected("an object", value);
            return None;
        };
        for name in members
            .keys()
            .filter(|name| !known.contains(&name.as_str()))
        {
            complaints.push(format!(
                "there is no argument `{}`{}",
                complaints.name_of(name),
                suggestion(name, known)
            ));
        }
        Some(members)
    }

    /// The field `name`: what was given, else its default, else a complaint.
    pub fn field<T: Argument>(
        members: &Map<String, Value>,
        name: &str,
        lines: &[&str],
        default: Option<T>,
        complaints: &mut Complaints,
    ) -> Option<T> {
        let given = match members.get(name) {
            // `null` for something that has a default means the default.
            Some(Value::Null) if default.is_some() => None,
            given => given,
        };
        if let Some(value) = given {
            return complaints.inside(name, |complaints| T::read(value, complaints));
        }
        let value = default.or_else(T::absent);
        if value.is_none() {
            complaints.push(format!(
                "`{}` is missing: {}",
                complaints.name_of(name),
                description(lines)
            ));
        }
        value
    }

    /// One of `names`, as an index into them.
    pub fn choice(value: &Value, names: &[&str], complaints: &mut Complaints) -> Option<usize> {
        let index = value
            .as_str()
            .and_then(|text| names.iter().position(|name| *name == text));
        if index.is_none() {
            complaints.expected(&format!("one of {}", names.join(", ")), value);
        }
        index
    }

    fn suggestion(name: &str, known: &[&str]) -> String {
        let near = known
            .iter()
            .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
            .filter(|(likeness, _)| *likeness > 0.75)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match near {
            Some((_, near)) => format!(": did you mean `{near}`?"),
            None if known.is_empty() => "; there are no arguments".to_owned(),
            None => format!("; the arguments are: {}", known.join(", ")),
        }
    }
}

/// Declare a struct of arguments. Its doc comments are the schema's descriptions, written for the model.
///
/// A field is required unless its type is `Option` or it has a default. Types are those that implement [`Argument`]: `String`, `bool`, `i64`,
/// `u64`, `u32`, `NonZeroU64`, `f64`, `Option`, `Vec`, `serde_json::Value`, other structs declared so, and what [`choices!`](crate::choices) declares.
///
/// ```
/// charthouse_sdk::arguments! {
///     /// Which lines of which file.
///     pub struct Read {
///         /// The file's absolute path.
///         path: String,
///         /// The first line, counted from 1.
///         start: u64 = 1,
///         /// How many lines; all that fit a page when absent.
///         lines: Option<u64>,
///     }
/// }
/// ```
#[macro_export]
macro_rules! arguments {
    (
        $(#[$meta:meta])*
        $visibility:vis struct $name:ident {
            $(
                $(#[doc = $doc:expr])*
                $field:ident : $type:ty $(= $default:expr)?
            ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Debug)]
        $visibility struct $name {
            $( $(#[doc = $doc])* pub $field: $type, )*
        }

        impl $crate::Argument for $name {
            fn schema() -> $crate::expansion::Value {
                $crate::expansion::object(vec![$({
                    #[allow(unused_mut, unused_assignments)]
                    let mut default: ::std::option::Option<$crate::expansion::Value> = None;
                    $(
                        let typed: $type = $default;
                        default = Some(::std::convert::Into::into(typed));
                    )?
                    let required = default.is_none() && <$type as $crate::Argument>::absent().is_none();
                    (
                        $crate::expansion::plain(stringify!($field)),
                        $crate::expansion::schema_of_field::<$type>(&[$($doc),*], default),
                        required,
                    )
                }),*])
            }

            fn read(value: &$crate::expansion::Value, complaints: &mut $crate::Complaints) -> ::std::option::Option<Self> {
                #[allow(unused_variables)]
                let members = $crate::expansion::finish::members(value, &[$($crate::expansion::plain(stringify!($field))),*], complaints)?;
                $(
                    #[allow(unused_mut, unused_assignments)]
                    let mut default: ::std::option::Option<$type> = None;
                    $( default = Some($default); )?
                    let $field = $crate::expansion::finish::field::<$type>(
                        members,
                        $crate::expansion::plain(stringify!($field)),
                        &[$($doc),*],
                        default,
                        complaints,
                    );
                )*
                Some($name { $( $field: $field?, )* })
            }
        }
    };
}

/// Declare an enum whose values are spelled as texts, for arguments that are one of a few words.
///
/// ```
/// charthouse_sdk::choices! {
///     /// What to sort by.
///     pub enum Sort {
///         /// By path.
///         Path = "path",
///         /// By size, the largest first.
///         Size = "size",
///     }
/// }
/// assert_eq!(Sort::Size.as_str(), "size");
/// ```
#[macro_export]
macro_rules! choices {
    (
        $(#[$meta:meta])*
        $visibility:vis enum $name:ident {
            $( $(#[$variant_meta:meta])* $variant:ident = $text:literal ),* $(,)?
        }
    ) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        $visibility enum $name {
            $( $(#[$variant_meta])* $variant, )*
        }

        impl $name {
            /// The word that stands for it.
            $visibility fn as_str(self) -> &'static str {
                match self { $( $name::$variant => $text, )* }
            }
        }

        impl $crate::Argument for $name {
            fn schema() -> $crate::expansion::Value {
                $crate::expansion::schema_of_choices(&[$($text),*])
            }

            fn read(value: &$crate::expansion::Value, complaints: &mut $crate::Complaints) -> ::std::option::Option<Self> {
                let index = $crate::expansion::finish::choice(value, &[$($text),*], complaints)?;
                [$( $name::$variant ),*].get(index).copied()
            }
        }

        impl ::std::convert::From<$name> for $crate::expansion::Value {
            fn from(choice: $name) -> Self {
                choice.as_str().into()
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    choices! {
        /// An order.
        enum Sort {
            /// By path.
            Path = "path",
            /// By size.
            Size = "size",
        }
    }

    arguments! {
        /// A place.
        struct Place {
            /// Its row.
            row: NonZeroU64,
        }
    }

    arguments! {
        /// All kinds of arguments.
        struct All {
            /// A file's
            /// absolute path.
            path: String,
            /// From where.
            start: u64 = 1,
            /// Whether.
            deep: Option<bool>,
            /// Which order.
            sort: Sort = Sort::Path,
            /// Where.
            places: Option<Vec<Place>>,
        }
    }

    fn read(value: Value) -> Result<All, String> {
        let mut complaints = Complaints::default();
        let read = All::read(&value, &mut complaints);
        match read {
            Some(all) if complaints.is_empty() => Ok(all),
            _ => Err(complaints.into_failure().message().to_owned()),
        }
    }

    #[test]
    fn defaults_and_absences() {
        let all = read(json!({"path": "/a", "start": null, "deep": null})).unwrap();
        assert_eq!(
            (all.path.as_str(), all.start, all.deep, all.sort),
            ("/a", 1, None, Sort::Path)
        );
        assert!(all.places.is_none());
        let all = read(
            json!({"path": "", "start": 7.0, "deep": true, "sort": "size", "places": [{"row": 2}]}),
        )
        .unwrap();
        assert_eq!((all.start, all.deep, all.sort), (7, Some(true), Sort::Size));
        assert_eq!(all.places.unwrap()[0].row.get(), 2);
    }

    #[test]
    fn all_mistakes_are_told_at_once() {
        assert_eq!(
            read(
                json!({"start": "5", "deep": 1, "sort": "age", "places": [{"row": 0}, {}, 3], "paths": "/a", "zz": 1})
            ),
            Err([
                "there is no argument `paths`: did you mean `path`?",
                "there is no argument `zz`; the arguments are: path, start, deep, sort, places",
                "`path` is missing: A file's absolute path.",
                "`start` must be a whole number of at least 0, not the text \"5\"",
                "`deep` must be true or false, not 1",
                "`sort` must be one of path, size, not the text \"age\"",
                "`places[0].row` must be a whole number of at least 1, not 0",
                "`places[1].row` is missing: Its row.",
                "`places[2]` must be an object, not 3",
            ]
            .join("; "))
        );
        assert_eq!(
            read(json!([])),
            Err("the arguments must be an object, not a list".to_owned())
        );
    }

    impl PartialEq for All {
        fn eq(&self, other: &Self) -> bool {
            format!("{self:?}") == format!("{other:?}")
        }
    }

    #[test]
    fn the_schema_says_what_the_reader_takes() {
        assert_eq!(
            All::schema(),
            json!({
                "type": "object",
                "properties": {
                    "path": {"type": "string", "description": "A file's absolute path."},
                    "start": {"type": "integer", "minimum": 0, "description": "From where.", "default": 1},
                    "deep": {"type": "boolean", "description": "Whether."},
                    "sort": {"type": "string", "enum": ["path", "size"], "description": "Which order.", "default": "path"},
                    "places": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "properties": {"row": {"type": "integer", "minimum": 1, "description": "Its row."}},
                            "required": ["row"],
                            "additionalProperties": false,
                        },
                        "description": "Where.",
                    },
                },
                "required": ["path"],
                "additionalProperties": false,
            })
        );
    }

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
