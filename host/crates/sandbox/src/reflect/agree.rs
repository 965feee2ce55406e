//! Whether schema, reader, writer and the engine agree, for types and values that nobody thought of.

use super::ty::{Int, Ty};
use super::{Answer, Function, read, schema, write};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use std::fmt::Write;
use std::sync::Arc;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, Val};
use wasmtime::{Engine, Store};

/// As a function's parameters, under which names `read` takes them.
fn params(ty: &Ty) -> [(Arc<str>, Ty); 1] {
    [("x".into(), ty.clone())]
}

fn read_one(ty: &Ty, json: &Value) -> Result<Val, String> {
    let given = Map::from_iter([("x".to_owned(), json.clone())]);
    read::arguments("t", &params(ty), &given).map(|mut values| values.remove(0))
}

fn validator(ty: &Ty) -> jsonschema::Validator {
    let schema = schema::of(ty);
    jsonschema::draft202012::meta::validate(&schema)
        .unwrap_or_else(|error| panic!("{error}: {schema}"));
    jsonschema::draft202012::new(&schema).unwrap()
}

/// Names as WIT has them, all different.
fn names(most: usize) -> impl Strategy<Value = Vec<Arc<str>>> {
    (1..=most).prop_map(|count| {
        (0..count)
            .map(|index| format!("n{index}-a").into())
            .collect()
    })
}

fn ints() -> impl Strategy<Value = Int> {
    use Int::*;
    prop::sample::select(vec![S8, U8, S16, U16, S32, U32, S64, U64])
}

/// Any type. Those that only a newer engine carries across are `new`.
fn types(new: bool) -> BoxedStrategy<Ty> {
    let leaf = prop_oneof![
        Just(Ty::Bool),
        ints().prop_map(Ty::Int),
        Just(Ty::F32),
        Just(Ty::F64),
        Just(Ty::Char),
        Just(Ty::String),
        Just(Ty::Bytes),
        names(5).prop_map(Ty::Enum),
        names(5).prop_map(Ty::Flags),
        Just(Ty::Result(None, None)),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        let maybe = prop::option::of(boxed.clone());
        let keys = prop_oneof![
            Just(Ty::String),
            Just(Ty::Bool),
            Just(Ty::Char),
            ints().prop_map(Ty::Int)
        ];
        let named = prop::collection::vec(inner.clone(), 1..4).prop_map(|types| {
            let named = types.into_iter().enumerate();
            named
                .map(|(index, ty)| (Arc::from(format!("f{index}")), ty))
                .collect::<Vec<_>>()
        });
        let cases =
            prop::collection::vec(prop::option::of(inner.clone()), 1..4).prop_map(|cases| {
                let named = cases.into_iter().enumerate();
                named
                    .map(|(index, ty)| (Arc::from(format!("c{index}")), ty))
                    .collect::<Vec<_>>()
            });
        let list = inner.clone().prop_map(|element| match element {
            Ty::Int(Int::U8) => Ty::Bytes,
            element => Ty::List(element.into()),
        });
        let known = prop_oneof![
            list,
            named.prop_map(Ty::Record),
            prop::collection::vec(inner.clone(), 1..4).prop_map(Ty::Tuple),
            cases.prop_map(Ty::Variant),
            boxed.clone().prop_map(Ty::Option),
            (maybe.clone(), maybe).prop_map(|(ok, err)| Ty::Result(ok, err)),
        ];
        if !new {
            return known.boxed();
        }
        prop_oneof![
            4 => known,
            1 => (boxed.clone(), 1..4_u32).prop_map(|(element, length)| Ty::Array(element, length)),
            1 => (keys, boxed).prop_map(|(key, value)| Ty::Map(Box::new(key), value)),
        ]
        .boxed()
    })
    .boxed()
}

fn ints_of(int: Int) -> BoxedStrategy<Val> {
    match int {
        Int::S8 => any::<i8>().prop_map(Val::S8).boxed(),
        Int::U8 => any::<u8>().prop_map(Val::U8).boxed(),
        Int::S16 => any::<i16>().prop_map(Val::S16).boxed(),
        Int::U16 => any::<u16>().prop_map(Val::U16).boxed(),
        Int::S32 => any::<i32>().prop_map(Val::S32).boxed(),
        Int::U32 => any::<u32>().prop_map(Val::U32).boxed(),
        Int::S64 => prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), -9..9_i64]
            .prop_map(Val::S64)
            .boxed(),
        Int::U64 => prop_oneof![any::<u64>(), Just(u64::MAX), Just(1 << 53), 0..9_u64]
            .prop_map(Val::U64)
            .boxed(),
    }
}

/// Any value of `ty`.
fn values(ty: &Ty) -> BoxedStrategy<Val> {
    let payload = |ty: &Option<Box<Ty>>| match ty {
        Some(ty) => values(ty).prop_map(|value| Some(Box::new(value))).boxed(),
        None => Just(None).boxed(),
    };
    match ty {
        Ty::Bool => any::<bool>().prop_map(Val::Bool).boxed(),
        Ty::Int(int) => ints_of(*int),
        Ty::F32 => prop::num::f32::ANY.prop_map(Val::Float32).boxed(),
        Ty::F64 => prop::num::f64::ANY.prop_map(Val::Float64).boxed(),
        Ty::Char => any::<char>().prop_map(Val::Char).boxed(),
        Ty::String => any::<String>().prop_map(Val::String).boxed(),
        Ty::Bytes => prop::collection::vec(any::<u8>().prop_map(Val::U8), 0..9)
            .prop_map(Val::List)
            .boxed(),
        Ty::List(element) => prop::collection::vec(values(element), 0..4)
            .prop_map(Val::List)
            .boxed(),
        Ty::Array(element, length) => prop::collection::vec(values(element), *length as usize)
            .prop_map(Val::FixedLengthList)
            .boxed(),
        Ty::Map(key, value) => prop::collection::vec((values(key), values(value)), 0..3)
            .prop_map(|entries| {
                let mut once: Vec<(Val, Val)> = Vec::new();
                for (key, value) in entries {
                    if once.iter().all(|(known, _)| *known != key) {
                        once.push((key, value));
                    }
                }
                Val::Map(once)
            })
            .boxed(),
        Ty::Record(fields) => {
            let names: Vec<String> = fields.iter().map(|(name, _)| name.to_string()).collect();
            let types: Vec<_> = fields.iter().map(|(_, ty)| values(ty)).collect();
            types
                .prop_map(move |values| Val::Record(names.iter().cloned().zip(values).collect()))
                .boxed()
        }
        Ty::Tuple(items) => items
            .iter()
            .map(values)
            .collect::<Vec<_>>()
            .prop_map(Val::Tuple)
            .boxed(),
        Ty::Variant(cases) => {
            let cases = cases.iter().map(|(name, payload)| {
                let name = name.to_string();
                match payload {
                    Some(ty) => values(ty)
                        .prop_map(move |value| Val::Variant(name.clone(), Some(Box::new(value))))
                        .boxed(),
                    None => Just(Val::Variant(name, None)).boxed(),
                }
            });
            prop::strategy::Union::new(cases).boxed()
        }
        Ty::Enum(names) => {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            prop::sample::select(names).prop_map(Val::Enum).boxed()
        }
        Ty::Option(inner) => prop::option::of(values(inner))
            .prop_map(|value| Val::Option(value.map(Box::new)))
            .boxed(),
        Ty::Result(ok, err) => prop_oneof![
            payload(ok).prop_map(|value| Val::Result(Ok(value))),
            payload(err).prop_map(|value| Val::Result(Err(value))),
        ]
        .boxed(),
        Ty::Flags(names) => {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            prop::sample::subsequence(names.clone(), 0..=names.len())
                .prop_map(Val::Flags)
                .boxed()
        }
    }
}

/// A type and a value of it.
fn typed(new: bool) -> impl Strategy<Value = (Ty, Val)> {
    types(new).prop_flat_map(|ty| {
        let values = values(&ty);
        (Just(ty), values)
    })
}

/// JSON as somebody might write it who has not read the schema, or has misread it.
fn jsons() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-300..300_i64).prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        prop::num::f64::NORMAL.prop_map(Value::from),
        prop::sample::select(vec![
            "",
            "NaN",
            "Infinity",
            "-Infinity",
            "0",
            "-0",
            "00",
            "+1",
            "-1",
            "1.0",
            "AA==",
            "AB==",
            "AAA",
            "AA=",
            "true",
            "é",
            "c0",
            "n0-a",
            "n1-a",
        ])
        .prop_map(Value::from),
        prop::sample::select(vec![1.0, -0.0, 255.0, 256.0, 1e30, 3.5e38, 1.5, -2.0])
            .prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 16, 3, |inner| {
        let keys = prop::sample::select(vec![
            "ok", "err", "some", "f0", "f1", "c0", "c1", "1", "true", "stranger",
        ]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((keys, inner), 0..3).prop_map(|members| {
                Value::Object(
                    members
                        .into_iter()
                        .map(|(key, value)| (key.to_owned(), value))
                        .collect(),
                )
            }),
        ]
    })
}

/// Whether decimal text stands for some of its values: of that, a schema can only say what it looks like.
fn has_decimal_text(ty: &Ty) -> bool {
    match ty {
        Ty::Int(int) => int.is_wide(),
        Ty::List(inner) | Ty::Array(inner, _) | Ty::Option(inner) => has_decimal_text(inner),
        Ty::Map(key, value) => matches!(**key, Ty::Int(_)) || has_decimal_text(value),
        Ty::Record(fields) => fields.iter().any(|(_, ty)| has_decimal_text(ty)),
        Ty::Tuple(items) => items.iter().any(has_decimal_text),
        Ty::Variant(cases) => cases.iter().flat_map(|(_, ty)| ty).any(has_decimal_text),
        Ty::Result(ok, err) => [ok, err]
            .into_iter()
            .flatten()
            .any(|ty| has_decimal_text(ty)),
        _ => false,
    }
}

/// `json` with one thing in it replaced by `other`.
fn spoilt(json: &Value, place: usize, other: &Value) -> Value {
    match json {
        Value::Array(items) if !items.is_empty() && place > 0 => {
            let mut items = items.clone();
            let index = place % items.len();
            items[index] = spoilt(&items[index], place / items.len(), other);
            Value::Array(items)
        }
        Value::Object(members) if !members.is_empty() && place > 0 => {
            let mut members = members.clone();
            let index = place % members.len();
            let length = members.len();
            if let Some(member) = members.values_mut().nth(index) {
                *member = spoilt(member, place / length, other);
            }
            Value::Object(members)
        }
        _ => other.clone(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back_and_is_what_the_schema_says((ty, value) in typed(true)) {
        let json = write::write(&ty, value.clone()).unwrap();
        let as_text: Value = serde_json::from_str(&json.to_string()).unwrap();
        prop_assert_eq!(&as_text, &json);
        prop_assert_eq!(read_one(&ty, &as_text).unwrap(), value);
        let validator = validator(&ty);
        prop_assert!(validator.is_valid(&as_text), "{as_text} is not of {}", schema::of(&ty));
    }

    #[test]
    fn what_the_schema_takes_is_read_and_nothing_else(ty in types(true), json in jsons()) {
        agree(&ty, &json)?;
    }

    #[test]
    fn one_mistake_in_what_is_right_is_seen_by_both((ty, value) in typed(true), place in 0..64_usize, other in jsons()) {
        let json = write::write(&ty, value).unwrap();
        agree(&ty, &spoilt(&json, place, &other))?;
    }
}

fn agree(ty: &Ty, json: &Value) -> Result<(), TestCaseError> {
    let valid = validator(ty).is_valid(json);
    match read_one(ty, json) {
        Ok(_) => prop_assert!(
            valid,
            "{json} is read as {ty}, but {} does not allow it",
            schema::of(ty)
        ),
        Err(error) => {
            prop_assert!(
                error.starts_with("`x") || error.starts_with("the name of `x"),
                "{error}"
            );
            prop_assert!(
                !valid || has_decimal_text(ty),
                "{json} is allowed for {ty}, but {error}"
            );
        }
    }
    Ok(())
}

/// A component with one function that answers what it is given. Its parameter is a tuple with more than sixteen flat values, so that the
/// engine passes a pointer both ways, and the same pointer does.
fn echo(ty: &Ty) -> String {
    let mut component = String::from("(component\n");
    let mut named = 0;
    let reference = written(ty, &mut component, &mut named);
    let tuple = format!("(tuple {reference}{})", " u8".repeat(17));
    let _ = write!(
        component,
        r#"
        (core module $code
            (memory (export "memory") 1)
            (global $free (mut i32) (i32.const 16))
            (func (export "realloc") (param i32 i32 i32 i32) (result i32)
                (local $at i32)
                (global.set $free (i32.and
                    (i32.add (global.get $free) (i32.sub (local.get 2) (i32.const 1)))
                    (i32.sub (i32.const 0) (local.get 2))))
                (local.set $at (global.get $free))
                (global.set $free (i32.add (global.get $free) (local.get 3)))
                (local.get $at))
            (func (export "echo") (param i32) (result i32) (local.get 0)))
        (core instance $code (instantiate $code))
        (type $echo (func (param "x" {tuple}) (result {tuple})))
        (func $echo (type $echo) (canon lift (core func $code "echo")
            (memory $code "memory") (realloc (func $code "realloc"))))
        (export "echo" (func $echo)))"#
    );
    component
}

/// `ty` as it is referred to in a component, after everything it needs was defined and named there.
fn written(ty: &Ty, component: &mut String, named: &mut usize) -> String {
    let mut inner = |ty: &Ty| written(ty, component, named);
    let anonymous = match ty {
        Ty::F32 => "f32".into(),
        Ty::F64 => "f64".into(),
        Ty::Bool | Ty::Char | Ty::String | Ty::Int(_) => ty.to_string(),
        Ty::Bytes => "(list u8)".into(),
        Ty::List(element) => format!("(list {})", inner(element)),
        Ty::Tuple(items) => format!(
            "(tuple {})",
            items.iter().map(&mut inner).collect::<Vec<_>>().join(" ")
        ),
        Ty::Option(some) => format!("(option {})", inner(some)),
        Ty::Result(ok, err) => {
            let ok = ok.as_ref().map_or(String::new(), |ok| inner(ok));
            let err = err
                .as_ref()
                .map_or(String::new(), |err| format!("(error {})", inner(err)));
            format!("(result {ok} {err})")
        }
        Ty::Record(_) | Ty::Variant(_) | Ty::Enum(_) | Ty::Flags(_) => String::new(),
        Ty::Array(..) | Ty::Map(..) => unreachable!("only a newer engine carries these across"),
    };
    if !anonymous.is_empty() {
        return anonymous;
    }
    let defined = match ty {
        Ty::Record(fields) => {
            let fields: Vec<String> = fields
                .iter()
                .map(|(name, ty)| format!("(field \"{name}\" {})", inner(ty)))
                .collect();
            format!("(record {})", fields.join(" "))
        }
        Ty::Variant(cases) => {
            let cases: Vec<String> = cases
                .iter()
                .map(|(name, ty)| {
                    let payload = ty.as_ref().map_or(String::new(), &mut inner);
                    format!("(case \"{name}\" {payload})")
                })
                .collect();
            format!("(variant {})", cases.join(" "))
        }
        Ty::Enum(names) | Ty::Flags(names) => {
            let names: Vec<String> = names.iter().map(|name| format!("\"{name}\"")).collect();
            let what = if matches!(ty, Ty::Enum(_)) {
                "enum"
            } else {
                "flags"
            };
            format!("({what} {})", names.join(" "))
        }
        _ => unreachable!("the others have no name"),
    };
    *named += 1;
    let _ = writeln!(
        component,
        "(type $d{named} {defined})\n(export $t{named} \"t{named}\" (type $d{named}))"
    );
    format!("$t{named}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn the_engine_carries_every_value_there_and_back((ty, value) in typed(false)) {
        let engine = Engine::default();
        let component = Component::new(&engine, wat::parse_str(echo(&ty)).unwrap()).unwrap();
        let item = component.get_export(None, "echo").unwrap();
        let (ComponentItem::ComponentFunc(func), index) = item else { panic!("it is no function") };
        let function = Function::of(&func).unwrap();

        let padding = vec![Ty::Int(Int::U8); 17];
        let whole = Ty::Tuple([vec![ty.clone()], padding].concat());
        prop_assert_eq!(function.parts(), (&params(&whole)[..], Some(&whole)));

        let mut sent = vec![write::write(&ty, value).unwrap()];
        sent.extend((0..17).map(Value::from));
        let sent = json!({ "x": sent });
        prop_assert!(jsonschema::draft202012::new(&function.schema()).unwrap().is_valid(&sent));
        let arguments = function.arguments("echo", sent.as_object().unwrap()).unwrap();

        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &component).unwrap();
        let mut results = vec![Val::Bool(false); function.results()];
        instance.get_func(&mut store, index).unwrap().call(&mut store, &arguments, &mut results).unwrap();
        prop_assert_eq!(function.answer(results).unwrap(), Answer::Value(sent["x"].clone()));
    }
}
