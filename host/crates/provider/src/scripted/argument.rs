//! The arguments of a scripted call: JSON whose strings are templates, each with the place where it stands.

use super::script::Written;
use minijinja::{Environment, Error, ErrorKind, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value as Json};
use serde_saphyr::Spanned;
use std::fmt;

/// One value as it was written.
#[derive(Clone, Debug)]
pub enum Argument {
    /// Null, a truth value or a number.
    Plain(Json),
    /// A template.
    Text(String),
    /// A list.
    List(Vec<Spanned<Argument>>),
    /// A map.
    Map(Arguments),
}

/// The entries of a map, in the order they were written.
pub type Arguments = Vec<(Spanned<String>, Spanned<Argument>)>;

/// A template that could not be evaluated, with its place.
pub type Failure<'a> = (&'a Spanned<Argument>, Error);

/// The one expression that `text` consists of, if it is exactly one `{{ expression }}`.
pub fn single_expression<'a>(text: &'a str, environment: &Environment<'_>) -> Option<&'a str> {
    let inside = text.strip_prefix("{{")?.strip_suffix("}}")?;
    let inside = inside.strip_prefix('-').unwrap_or(inside);
    let inside = inside.strip_suffix('-').unwrap_or(inside);
    // `{{ a }} and {{ b }}` begins and ends alike, but what is between is no expression.
    environment
        .compile_expression(inside)
        .is_ok()
        .then_some(inside)
}

/// Visit every template in `argument`.
pub fn each_text<'a>(
    argument: &'a Spanned<Argument>,
    visit: &mut impl FnMut(&'a str, &'a Spanned<Argument>),
) {
    match &argument.value {
        Argument::Plain(_) => {}
        Argument::Text(text) => visit(text, argument),
        Argument::List(items) => items.iter().for_each(|item| each_text(item, visit)),
        Argument::Map(entries) => entries
            .iter()
            .for_each(|(_, value)| each_text(value, visit)),
    }
}

/// The arguments with every template filled in.
pub fn evaluate_map<'a>(
    entries: &'a Arguments,
    environment: &Environment<'_>,
    context: &Value,
) -> Result<Map<String, Json>, Failure<'a>> {
    entries
        .iter()
        .map(|(key, value)| Ok((key.value.clone(), evaluate(value, environment, context)?)))
        .collect()
}

fn evaluate<'a>(
    argument: &'a Spanned<Argument>,
    environment: &Environment<'_>,
    context: &Value,
) -> Result<Json, Failure<'a>> {
    match &argument.value {
        Argument::Plain(value) => Ok(value.clone()),
        Argument::Text(text) => {
            evaluate_text(text, environment, context).map_err(|error| (argument, error))
        }
        Argument::List(items) => items
            .iter()
            .map(|item| evaluate(item, environment, context))
            .collect(),
        Argument::Map(entries) => evaluate_map(entries, environment, context).map(Json::Object),
    }
}

fn evaluate_text(
    text: &str,
    environment: &Environment<'_>,
    context: &Value,
) -> Result<Json, Error> {
    let Some(expression) = single_expression(text, environment) else {
        return environment
            .render_str(text, context.clone())
            .map(Json::String);
    };
    let value = environment
        .compile_expression(expression)?
        .eval(context.clone())?;
    if value.is_undefined() {
        return Err(Error::new(
            ErrorKind::UndefinedError,
            format!("`{}` is not there", expression.trim()),
        ));
    }
    serde_json::to_value(&value).map_err(|error| {
        Error::new(
            ErrorKind::InvalidOperation,
            format!("the value is not JSON: {error}"),
        )
    })
}

impl Written for Spanned<Argument> {
    fn location(&self) -> serde_saphyr::Location {
        self.defined
    }
}

impl<'de> Deserialize<'de> for Argument {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ArgumentVisitor)
    }
}

struct ArgumentVisitor;

impl<'de> Visitor<'de> for ArgumentVisitor {
    type Value = Argument;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value that JSON can carry")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Argument, E> {
        Ok(Argument::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Argument, E> {
        Ok(Argument::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Argument, E> {
        Ok(Argument::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Argument, E> {
        Ok(Argument::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Argument, E> {
        Ok(Argument::Text(value.to_owned()))
    }

    fn visit_unit<E>(self) -> Result<Argument, E> {
        Ok(Argument::Plain(Json::Null))
    }

    fn visit_none<E>(self) -> Result<Argument, E> {
        Ok(Argument::Plain(Json::Null))
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Argument, D::Error> {
        deserializer.deserialize_any(self)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Argument, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Argument::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Argument, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = entries.next_entry()? {
            map.push(entry);
        }
        Ok(Argument::Map(map))
    }
}
