//! Random well-typed expressions of the shared subset, evaluated here and by the `cel` crate: the same value, or an error in both.
//!
//! Left out, because the two differ on purpose or because the crate departs from CEL's specification: see `docs/expressions.md`, and the
//! remarks at the forms below.

use super::tests::world;
use super::{Type, compile};
use crate::Mode;
use cel::objects::{Key, Map};
use proptest::prelude::*;
use std::collections::HashMap;
use std::sync::Arc;
use types::Value;

/// Choices read off random bytes; when they run out, the simplest is made.
struct Choices<'b>(std::slice::Iter<'b, u8>);

/// What an expression is to yield.
#[derive(Clone, Copy)]
enum Wanted {
    Int,
    Double,
    Text,
    Bool,
    List,
}

impl Choices<'_> {
    fn one<'t>(&mut self, of: &[&'t str]) -> &'t str {
        let byte = self.0.next().copied().unwrap_or(0);
        of[usize::from(byte) % of.len()]
    }

    fn expression(&mut self, wanted: Wanted, depth: usize) -> String {
        let forms: &[&str] = match (wanted, depth) {
            (Wanted::Int, 0) => &[
                "0",
                "1",
                "-3",
                "data.n",
                "9223372036854775807",
                "-9223372036854775808",
                "0x1f",
                "data.m.a",
            ],
            (Wanted::Double, 0) => &["0.5", "data.x", "-1.25", "2.0", "1e3"],
            (Wanted::Text, 0) => &[
                "'a'",
                "\"bé\"",
                "r'\\d'",
                "'\\n\\u00e9'",
                "data.t",
                "''",
                "'42'",
                "'\\'\\\\'",
                "event.name",
            ],
            (Wanted::Bool, 0) => &[
                "true",
                "false",
                "data.yes",
                "event.data.ok",
                "event.data.none",
                "(event.data.none == 1)",
            ],
            (Wanted::List, 0) => &["[]", "data.l", "[1, 2]", "[data.n, -1]"],
            (Wanted::Int, _) => &[
                "(I + I)",
                "(I - I)",
                "(I * I)",
                "(I / I)",
                "(I % I)",
                "-(I)",
                "size(T)",
                "L.size()",
                "size(data.m)",
                "int(D)",
                "int(T)",
                "L[I]",
                "(B ? I : I)",
                "{'k': I}.k",
                "{'k': I}['k']",
                "[I, I][I]",
                "I",
            ],
            // Division by zero and overflow are errors here and infinite in CEL: small numbers only.
            (Wanted::Double, _) => &[
                "(D + D)",
                "(D - D)",
                "(D * 0.5)",
                "(D / 4.0)",
                "-(D)",
                "double(I)",
                "(B ? D : D)",
                "D",
            ],
            // string() of a double is left out: CEL does not say how it is written.
            (Wanted::Text, _) => &["(T + T)", "string(I)", "string(T)", "(B ? T : T)", "T"],
            // Mixed comparisons with small whole numbers only: the crate rounds large ones to doubles, where we compare exactly.
            (Wanted::Bool, _) => &[
                "(I < I)",
                "(I <= I)",
                "(I > I)",
                "(I >= I)",
                "(I == I)",
                "(I != I)",
                "(D < D)",
                "(D >= D)",
                "(D == D)",
                "(data.n < D)",
                "(D <= size(L))",
                "(T < T)",
                "(T >= T)",
                "(T == T)",
                "(T != T)",
                "(B == B)",
                "(L == L)",
                "(L != L)",
                "(B && B)",
                "(B || B)",
                "!(B)",
                "(I in L)",
                "(T in {'a': I})",
                "(T in data.m)",
                "T.contains(T)",
                "T.startsWith(T)",
                "T.endsWith(T)",
                "T.matches('^[a-z]+$')",
                "T.matches(r'\\d')",
                "has(data.m.a)",
                "has(data.m.zz)",
                "has(event.data.k)",
                "has(event.data.none)",
                "L.exists(x, x > I)",
                "L.all(x, x > I)",
                "L.exists_one(x, x == I)",
                "L.exists(x, B)",
                "L.all(x, 6 / x > I)",
                "L.exists(x, L.exists(y, x == y + I))",
                "(B ? B : B)",
                "B",
            ],
            (Wanted::List, _) => &[
                "[I]",
                "[I, I]",
                "(L + L)",
                "L.filter(x, x > I)",
                "L.map(x, x + I)",
                "L.map(x, x > I, x * 2)",
                "(B ? L : L)",
                "L",
            ],
        };
        let form = self.one(forms);
        let mut text = String::new();
        for c in form.chars() {
            let inner = match c {
                'I' => Wanted::Int,
                'D' => Wanted::Double,
                'T' => Wanted::Text,
                'B' => Wanted::Bool,
                'L' => Wanted::List,
                _ => {
                    text.push(c);
                    continue;
                }
            };
            text.push_str(&self.expression(inner, depth.saturating_sub(1)));
        }
        text
    }
}

fn to_cel(value: &Value) -> cel::Value {
    match value {
        Value::Null => cel::Value::Null,
        Value::Bool(b) => cel::Value::Bool(*b),
        Value::Int(n) => cel::Value::Int(*n),
        Value::Float(x) => cel::Value::Float(*x),
        Value::Text(text) => cel::Value::String(Arc::new(text.to_string())),
        Value::List(items) => cel::Value::List(Arc::new(items.iter().map(to_cel).collect())),
        Value::Map(map) => {
            let entries = map
                .iter()
                .map(|(k, v)| (Key::String(Arc::new(k.to_string())), to_cel(v)));
            cel::Value::Map(Map {
                map: Arc::new(entries.collect::<HashMap<_, _>>()),
            })
        }
    }
}

fn from_cel(value: &cel::Value) -> Option<Value> {
    Some(match value {
        cel::Value::Null => Value::Null,
        cel::Value::Bool(b) => Value::Bool(*b),
        cel::Value::Int(n) => Value::Int(*n),
        cel::Value::Float(x) => Value::Float(*x),
        cel::Value::String(text) => Value::text(text.as_str()),
        cel::Value::List(items) => {
            let items: Option<Vec<Value>> = items.iter().map(from_cel).collect();
            Value::list(items?)
        }
        _ => return None,
    })
}

/// What the `cel` crate says.
fn by_cel(text: &str) -> Result<Option<Value>, String> {
    let world = world();
    let names = world.data.keys().cloned();
    let data = Value::map(names.zip(world.values.iter().cloned()));
    let event = Value::map([
        ("name", Value::Text(world.event.event.name.clone())),
        ("data", world.event.event.data.clone()),
        ("time", Value::Int(world.event.event.time)),
    ]);
    let mut context = cel::Context::default();
    context.add_variable_from_value("data", to_cel(&data));
    context.add_variable_from_value("event", to_cel(&event));
    let program = cel::Program::compile(text).map_err(|e| format!("load: {e}"))?;
    let value = program.execute(&context).map_err(|e| e.to_string())?;
    Ok(from_cel(&value))
}

/// What we say.
fn by_us(text: &str) -> Result<Value, String> {
    let world = world();
    let compiled = world.compile(text, Mode::Strict);
    let (expr, kind) = compiled.map_err(|problems| format!("load: {problems:?}"))?;
    let name = "here".into();
    let value = expr
        .evaluate(&world.scope(&name, false))
        .map_err(|e| e.to_string())?
        .into_owned();
    assert!(
        kind == Type::Dynamic || kind == Type::of(&value),
        "{text}: {kind:?} {value}"
    );
    Ok(value)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_shared_subset_means_what_it_means_in_cel(
        bytes in prop::collection::vec(any::<u8>(), 1..60),
        wanted in 0..5usize,
    ) {
        let wanted = [Wanted::Bool, Wanted::Int, Wanted::Double, Wanted::Text, Wanted::List][wanted];
        let text = Choices(bytes.iter()).expression(wanted, 3);
        prop_assume!(text.len() < super::LENGTH_MAX);
        let (ours, theirs) = (by_us(&text), by_cel(&text));
        if let Err(message) = &ours {
            prop_assert!(!message.starts_with("load:"), "{} does not load: {}", text, message);
        }
        let same = match (&ours, &theirs) {
            (Ok(ours), Ok(Some(theirs))) => ours == theirs,
            (Err(_), Err(_)) => true,
            _ => false,
        };
        prop_assert!(same, "{}\nhere {:?}\ncel  {:?}", text, ours, theirs);
    }
}

/// An expression of the shared subset that names what does not exist fails in both.
#[test]
fn unknown_names_fail_in_both() {
    for text in [
        "data.nosuch",
        "nosuch > 1",
        "data.t.nosuch('x')",
        "1 +",
        "'a' + 1",
    ] {
        assert!(by_us(text).is_err() && by_cel(text).is_err(), "{text}");
    }
    let world = world();
    let names = super::Names {
        mode: Mode::Strict,
        data: &world.data,
        states: &world.states,
    };
    assert!(compile("In('review')", &names).is_ok());
}
