//! What a function answered, as JSON.

use super::ty::{Int, Ty};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};
use wasmtime::component::Val;

/// The greatest whole number that every reader of JSON keeps exact.
const EXACT: i128 = (1 << 53) - 1;

/// `value`, which is of the type `ty`.
///
/// Fails only if it is not, which would be a mistake of the engine's.
pub(crate) fn write(ty: &Ty, value: Val) -> Result<Value, String> {
    Ok(match (ty, value) {
        (Ty::Bool, Val::Bool(value)) => json!(value),
        (Ty::Int(int), value) => whole(*int, integer(value)?),
        (Ty::F32, Val::Float32(value)) => f32_value(value),
        (Ty::F64, Val::Float64(value)) => float(value),
        (Ty::Char, Val::Char(value)) => json!(value.to_string()),
        (Ty::String, Val::String(value)) => Value::String(value),
        (Ty::Bytes, Val::List(items)) => {
            let bytes: Vec<u8> = items
                .into_iter()
                .map(|item| match item {
                    Val::U8(byte) => Ok(byte),
                    other => Err(unlike(&other)),
                })
                .collect::<Result<_, _>>()?;
            Value::String(STANDARD.encode(bytes))
        }
        (Ty::List(element), Val::List(items))
        | (Ty::Array(element, _), Val::FixedLengthList(items)) => Value::Array(
            items
                .into_iter()
                .map(|item| write(element, item))
                .collect::<Result<_, _>>()?,
        ),
        (Ty::Map(key, value), Val::Map(entries)) => {
            let mut map = Map::new();
            for (name, item) in entries {
                map.insert(member(write(key, name)?), write(value, item)?);
            }
            Value::Object(map)
        }
        (Ty::Record(types), Val::Record(fields)) => Value::Object(
            types
                .iter()
                .zip(fields)
                .map(|((_, ty), (name, field))| Ok((name, write(ty, field)?)))
                .collect::<Result<_, String>>()?,
        ),
        (Ty::Tuple(types), Val::Tuple(items)) => Value::Array(
            types
                .iter()
                .zip(items)
                .map(|(ty, item)| write(ty, item))
                .collect::<Result<_, _>>()?,
        ),
        (Ty::Variant(cases), Val::Variant(name, payload)) => {
            let ty = cases
                .iter()
                .find(|(case, _)| **case == *name)
                .and_then(|(_, ty)| ty.as_ref());
            match (ty, payload) {
                (Some(ty), Some(payload)) => {
                    Value::Object(Map::from_iter([(name, write(ty, *payload)?)]))
                }
                _ => Value::String(name),
            }
        }
        (Ty::Enum(_), Val::Enum(name)) => Value::String(name),
        (Ty::Option(_), Val::Option(None)) => Value::Null,
        (Ty::Option(inner), Val::Option(Some(value))) => {
            let value = write(inner, *value)?;
            match inner.is_nullable() {
                true => json!({ "some": value }),
                false => value,
            }
        }
        (Ty::Result(ok, _), Val::Result(Ok(value))) => {
            json!({ "ok": payload(ok.as_deref(), value)? })
        }
        (Ty::Result(_, err), Val::Result(Err(value))) => {
            json!({ "err": payload(err.as_deref(), value)? })
        }
        (Ty::Flags(_), Val::Flags(names)) => json!(names),
        (_, other) => return Err(unlike(&other)),
    })
}

/// The payload of one side of a result; nothing is `null`.
pub(crate) fn payload(ty: Option<&Ty>, value: Option<Box<Val>>) -> Result<Value, String> {
    match (ty, value) {
        (Some(ty), Some(value)) => write(ty, *value),
        _ => Ok(Value::Null),
    }
}

fn unlike(value: &Val) -> String {
    let mut shown = format!("{value:?}");
    if let Some((end, _)) = shown.char_indices().nth(100) {
        shown.truncate(end);
    }
    format!("the answer is not of the function's own type: {shown}")
}

fn integer(value: Val) -> Result<i128, String> {
    Ok(match value {
        Val::S8(value) => value.into(),
        Val::U8(value) => value.into(),
        Val::S16(value) => value.into(),
        Val::U16(value) => value.into(),
        Val::S32(value) => value.into(),
        Val::U32(value) => value.into(),
        Val::S64(value) => value.into(),
        Val::U64(value) => value.into(),
        other => return Err(unlike(&other)),
    })
}

/// A number while every reader keeps it exact, decimal text beyond.
fn whole(int: Int, value: i128) -> Value {
    match i64::try_from(value) {
        Ok(number) if !int.is_wide() || (-EXACT..=EXACT).contains(&value) => json!(number),
        _ => json!(value.to_string()),
    }
}

fn float(value: f64) -> Value {
    if value.is_nan() {
        json!("NaN")
    } else if value.is_infinite() {
        json!(if value > 0.0 { "Infinity" } else { "-Infinity" })
    } else {
        json!(value)
    }
}

/// The shortest decimal that reads back as the same `f32`: 0.1 and not 0.10000000149011612.
fn f32_value(value: f32) -> Value {
    match value.is_finite() {
        true => json!(value.to_string().parse::<f64>().unwrap_or(value.into())),
        false => float(value.into()),
    }
}

/// A key as the name of a member.
fn member(key: Value) -> String {
    match key {
        Value::String(text) => text,
        other => other.to_string(),
    }
}
