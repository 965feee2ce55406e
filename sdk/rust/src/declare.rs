//! Declaring arguments: the macros, and what they expand to.

use crate::{Argument, Complaints};
use serde_json::{Map, Value, json};

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
    use std::num::NonZeroU64;

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
}
