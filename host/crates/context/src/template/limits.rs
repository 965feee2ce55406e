//! What keeps a slip of the pen in a template from taking all memory there is: filters that make much of little refuse to.
//!
//! The engine bounds how many steps a template takes, and how many entries a `range` has, but not how large a step may be: `indent(10000000000)` is one.
//! So every filter that multiplies is asked beforehand what it would make, and texts that are captured (`set` with a body, macros) are counted like those
//! that are written. What cannot be bounded from outside the engine is `~`, `+` and `*` between texts: `*` makes at most 100 MB at a time, and whoever
//! doubles a text with `~` over and over gets what he wrote. Templates are the house's own; what fills them is no code.

use super::{LARGEST, too_large};
use minijinja::value::{Rest, ValueOrKwargs};
use minijinja::{Environment, Error, ErrorKind, State, Value, escape_formatter, filters};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Entries that a list may have; the engine's own bound of a `range`.
const ENTRIES: usize = 100_000;

/// Columns that something may be moved or filled, and entries that lists may be cut into.
const WIDEST: u64 = 1_000;

type Check = fn(&[Value]) -> Result<(), Error>;

/// Replace what is unbounded in `environment`, which is used for one template.
pub fn set(environment: &mut Environment<'_>) {
    let mut filter = |name: &'static str, builtin: Value, check: Check| {
        environment.add_filter(
            name,
            move |state: &mut State, given: Rest<ValueOrKwargs>| -> Result<Value, Error> {
                let given = given.into_values();
                lists_are_bounded(&given)?;
                check(&given)?;
                builtin.call(state, &given)
            },
        );
    };
    let anything: Check = |_| Ok(());
    filter("indent", Value::from_function(filters::indent), indent);
    filter("replace", Value::from_function(filters::replace), replace);
    filter("join", Value::from_function(filters::join), join);
    filter("format", Value::from_function(filters::format), format);
    filter("tojson", Value::from_function(filters::tojson), narrow);
    filter("batch", Value::from_function(filters::batch), narrow);
    filter("slice", Value::from_function(filters::slice), narrow);
    filter("list", Value::from_function(filters::list), anything);
    filter("sort", Value::from_function(filters::sort), anything);
    filter("unique", Value::from_function(filters::unique), anything);
    filter("reverse", Value::from_function(filters::reverse), anything);
    filter("map", Value::from_function(filters::map), anything);
    filter("select", Value::from_function(filters::select), anything);
    filter("reject", Value::from_function(filters::reject), anything);
    filter("groupby", Value::from_function(filters::groupby), anything);
    filter("string", Value::from_function(filters::string), anything);
    filter("pprint", Value::from_function(filters::pprint), anything);
    let written = AtomicUsize::new(0);
    environment.set_formatter(move |output, state, value| {
        let length = value.as_str().map_or(0, str::len);
        let before = written.fetch_add(length, Ordering::Relaxed);
        if before.saturating_add(length) > LARGEST {
            return Err(refused(too_large()));
        }
        escape_formatter(output, state, value)
    });
}

fn refused(message: String) -> Error {
    Error::new(ErrorKind::InvalidOperation, message)
}

/// No list among `given` is longer than it may be.
fn lists_are_bounded(given: &[Value]) -> Result<(), Error> {
    let is_long = |value: &Value| value.as_str().is_none() && value.len() > Some(ENTRIES);
    match given.iter().any(is_long) {
        true => Err(refused(format!(
            "a list may have {ENTRIES} entries at most"
        ))),
        false => Ok(()),
    }
}

/// The numbers among what a filter was given, by place and by name.
fn numbers(given: &[Value]) -> impl Iterator<Item = u64> {
    let named = given.iter().filter(|value| value.is_kwargs());
    let named = named.flat_map(|named| {
        let names = named.try_iter().into_iter().flatten();
        names.filter_map(|name| named.get_item(&name).ok())
    });
    let numbers = given.iter().skip(1).cloned().chain(named);
    numbers.filter(Value::is_integer).map(|number| {
        // What is not a number of this width is certainly too large, or refused by the filter itself.
        number.as_usize().map_or(u64::MAX, |number| number as u64)
    })
}

/// No number among `given` is too large for a width or a count.
fn narrow(given: &[Value]) -> Result<(), Error> {
    match numbers(given).any(|number| number > WIDEST) {
        true => Err(refused(format!(
            "{WIDEST} is the most that this filter takes"
        ))),
        false => Ok(()),
    }
}

/// A text of `length` bytes may be made.
fn fits(length: usize) -> Result<(), Error> {
    match length > LARGEST {
        true => Err(refused(too_large())),
        false => Ok(()),
    }
}

fn text(given: &[Value], at: usize) -> &str {
    given.get(at).and_then(Value::as_str).unwrap_or_default()
}

fn indent(given: &[Value]) -> Result<(), Error> {
    narrow(given)?;
    let width = numbers(given).max().unwrap_or(4) as usize;
    let text = text(given, 0);
    fits(
        text.lines()
            .count()
            .saturating_mul(width)
            .saturating_add(text.len()),
    )
}

fn replace(given: &[Value]) -> Result<(), Error> {
    let (text, from, to) = (text(given, 0), text(given, 1), text(given, 2));
    // The bound alone says it for nearly all; only then are the places counted.
    if text.len().saturating_add(1).saturating_mul(to.len().max(1)) <= LARGEST {
        return Ok(());
    }
    fits(
        text.matches(from)
            .count()
            .saturating_mul(to.len())
            .saturating_add(text.len()),
    )
}

fn join(given: &[Value]) -> Result<(), Error> {
    let Some(list) = given.first().filter(|list| list.as_str().is_none()) else {
        return Ok(());
    };
    let mut length = 0usize;
    for entry in list.try_iter().into_iter().flatten() {
        let entry = entry.as_str().map_or(0, str::len);
        length = length
            .saturating_add(entry)
            .saturating_add(text(given, 1).len());
        fits(length)?;
    }
    Ok(())
}

fn format(given: &[Value]) -> Result<(), Error> {
    let pattern = text(given, 0);
    // `%*d` takes its width from what is given.
    if pattern.contains('*') {
        narrow(given)?;
    }
    let without_escapes = pattern.replace("%%", "");
    let mut widths = without_escapes.split('%').skip(1).flat_map(widths);
    if widths.any(|width| width.parse().map_or(true, |width: u64| width > WIDEST)) {
        return Err(refused(format!(
            "{WIDEST} is the most that a width in a format may be"
        )));
    }
    let lengths = given.iter().filter_map(Value::as_str).map(str::len);
    fits(lengths.fold(0, usize::saturating_add))
}

/// The numbers at the beginning of what stands behind a `%`.
fn widths(specification: &str) -> impl Iterator<Item = &str> {
    let named = specification.strip_prefix('(');
    let named = named.and_then(|named| named.split_once(')'));
    let rest = named.map_or(specification, |(_, rest)| rest);
    let end = rest.find(|c: char| !c.is_ascii_digit() && !"#-+ .*,_".contains(c));
    let numbers = rest[..end.unwrap_or(rest.len())].split(|c: char| !c.is_ascii_digit());
    numbers.filter(|digits| !digits.is_empty())
}
