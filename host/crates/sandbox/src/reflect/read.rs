//! JSON as arguments. Every mistake is named by the path of what is wrong, so that a model can mend it.

use super::ty::{Int, Ty};
use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};
use std::fmt::Write;
use std::sync::Arc;
use wasmtime::component::Val;

/// Longest piece of somebody's JSON that is repeated in a message.
const SHOWN: usize = 60;

/// Standard base64, padded; bits that pad the last character may be anything, because a schema cannot say otherwise.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical)
        .with_decode_allow_trailing_bits(true),
);

/// The arguments that `given` names, in the order of `params`. The error says what is wrong and where, in words for whoever made the call.
pub(crate) fn arguments(
    tool: &str,
    params: &[(Arc<str>, Ty)],
    given: &Map<String, Value>,
) -> Result<Vec<Val>, String> {
    let takes = || match params.len() {
        0 => "it takes no arguments".to_owned(),
        _ => format!("it takes {}", names(params.iter().map(|(name, _)| name))),
    };
    let missing = |name: &Arc<str>| format!("`{tool}` needs the argument `{name}`; {}", takes());
    let unknown = |name: &str| format!("`{tool}` has no argument `{}`; {}", cut(name), takes());
    let fields = fields(params, given, &mut Path::default(), missing, unknown)?;
    Ok(fields.into_iter().map(|(_, value)| value).collect())
}

/// Where in the arguments we are, as it is written in messages: `points[2].x`.
#[derive(Default)]
struct Path(String);

impl Path {
    fn within<R>(&mut self, step: Step<'_>, work: impl FnOnce(&mut Self) -> R) -> R {
        let length = self.0.len();
        // Writing to a String cannot fail.
        let _ = match step {
            Step::Member(name) if self.0.is_empty() => write!(self.0, "{name}"),
            Step::Member(name) => write!(self.0, ".{name}"),
            Step::Item(index) => write!(self.0, "[{index}]"),
        };
        let result = work(self);
        self.0.truncate(length);
        result
    }

    fn must_be(&self, expected: impl std::fmt::Display, found: &Value) -> String {
        format!("`{}` must be {expected}, not {}", self.0, shown(found))
    }
}

enum Step<'a> {
    Member(&'a str),
    Item(usize),
}

/// The members of `given` as the fields of a record; an option that is not there is nothing.
fn fields(
    types: &[(Arc<str>, Ty)],
    given: &Map<String, Value>,
    path: &mut Path,
    missing: impl Fn(&Arc<str>) -> String,
    unknown: impl Fn(&str) -> String,
) -> Result<Vec<(String, Val)>, String> {
    let mut fields = Vec::with_capacity(types.len());
    for (name, ty) in types {
        let value = match given.get(&**name) {
            Some(value) => path.within(Step::Member(name), |path| read(ty, value, path))?,
            None if ty.is_nullable() => Val::Option(None),
            None => return Err(missing(name)),
        };
        fields.push((name.to_string(), value));
    }
    // No name is twice in either, so as many as there are types are all known.
    if given.len() > types.len() || given.keys().any(|name| !has(types, name)) {
        let stranger = given.keys().find(|name| !has(types, name));
        return Err(unknown(stranger.map_or("", String::as_str)));
    }
    Ok(fields)
}

fn has(types: &[(Arc<str>, Ty)], name: &str) -> bool {
    types.iter().any(|(known, _)| **known == *name)
}

fn read(ty: &Ty, json: &Value, path: &mut Path) -> Result<Val, String> {
    match ty {
        Ty::Bool => match json {
            Value::Bool(value) => Ok(Val::Bool(*value)),
            _ => Err(path.must_be("true or false", json)),
        },
        Ty::Int(int) => integer(*int, json).ok_or_else(|| {
            let (least, greatest) = int.range();
            let expected = format!("a whole number from {least} to {greatest}");
            path.must_be(
                match int.is_wide() {
                    true => format!("{expected}, or such a number as decimal text"),
                    false => expected,
                },
                json,
            )
        }),
        Ty::F32 => match float(json) {
            // What is finite must stay so.
            Some(value) if (value as f32).is_finite() || !value.is_finite() => {
                Ok(Val::Float32(value as f32))
            }
            _ => Err(path.must_be(
                "a number that fits 32 bits, \"NaN\", \"Infinity\" or \"-Infinity\"",
                json,
            )),
        },
        Ty::F64 => float(json)
            .map(Val::Float64)
            .ok_or_else(|| path.must_be("a number, \"NaN\", \"Infinity\" or \"-Infinity\"", json)),
        Ty::Char => json
            .as_str()
            .and_then(only_char)
            .map(Val::Char)
            .ok_or_else(|| path.must_be("one character", json)),
        Ty::String => match json {
            Value::String(text) => Ok(Val::String(text.clone())),
            _ => Err(path.must_be("text", json)),
        },
        Ty::Bytes => bytes(json, path),
        Ty::List(element) => match json {
            Value::Array(items) => list(element, items, path).map(Val::List),
            _ => Err(path.must_be("an array", json)),
        },
        Ty::Array(element, length) => match json {
            Value::Array(items) if items.len() == *length as usize => {
                list(element, items, path).map(Val::FixedLengthList)
            }
            _ => Err(path.must_be(format!("an array of exactly {length}"), json)),
        },
        Ty::Map(key, value) => match json {
            Value::Object(members) => members
                .iter()
                .map(|(name, item)| {
                    path.within(Step::Member(cut(name)), |path| {
                        let key = member(key, name)
                            .ok_or_else(|| format!("the name of `{}` must be {key}", path.0))?;
                        Ok((key, read(value, item, path)?))
                    })
                })
                .collect::<Result<_, _>>()
                .map(Val::Map),
            _ => Err(path.must_be("an object", json)),
        },
        Ty::Record(types) => {
            let Value::Object(given) = json else {
                let expected = format!(
                    "an object with {}",
                    names(types.iter().map(|(name, _)| name))
                );
                return Err(path.must_be(expected, json));
            };
            let at = path.0.clone();
            let has = || format!("it has {}", names(types.iter().map(|(name, _)| name)));
            fields(
                types,
                given,
                path,
                |name| format!("`{at}` needs `{name}`; {}", has()),
                |name| format!("`{at}` has no `{}`; {}", cut(name), has()),
            )
            .map(Val::Record)
        }
        Ty::Tuple(types) => match json {
            Value::Array(items) if items.len() == types.len() => {
                let mut read_items = Vec::with_capacity(items.len());
                for (index, (ty, item)) in types.iter().zip(items).enumerate() {
                    read_items.push(path.within(Step::Item(index), |path| read(ty, item, path))?);
                }
                Ok(Val::Tuple(read_items))
            }
            _ => Err(path.must_be(format!("an array of exactly {}", types.len()), json)),
        },
        Ty::Variant(cases) => variant(cases, json, path),
        Ty::Enum(known) => json
            .as_str()
            .filter(|name| known.iter().any(|known| **known == **name))
            .map(|name| Val::Enum(name.to_owned()))
            .ok_or_else(|| path.must_be(format!("one of {}", names(known.iter())), json)),
        Ty::Option(inner) => {
            if json.is_null() {
                return Ok(Val::Option(None));
            }
            let value = if inner.is_nullable() {
                let some = only_member(json).filter(|(name, _)| *name == "some");
                let Some((_, value)) = some else {
                    return Err(path.must_be("null or {\"some\": …}", json));
                };
                path.within(Step::Member("some"), |path| read(inner, value, path))?
            } else {
                read(inner, json, path)?
            };
            Ok(Val::Option(Some(Box::new(value))))
        }
        Ty::Result(ok, err) => match only_member(json) {
            Some(("ok", value)) => Ok(Val::Result(Ok(payload(ok.as_deref(), "ok", value, path)?))),
            Some(("err", value)) => Ok(Val::Result(Err(payload(
                err.as_deref(),
                "err",
                value,
                path,
            )?))),
            _ => Err(path.must_be("{\"ok\": …} or {\"err\": …}", json)),
        },
        Ty::Flags(known) => {
            let expected = || format!("an array of {}, each at most once", names(known.iter()));
            let Value::Array(items) = json else {
                return Err(path.must_be(expected(), json));
            };
            let mut set = vec![false; known.len()];
            for (index, item) in items.iter().enumerate() {
                let flag = item
                    .as_str()
                    .and_then(|name| known.iter().position(|known| **known == *name));
                match flag {
                    Some(flag) if !set[flag] => set[flag] = true,
                    Some(_) => return Err(path.must_be(expected(), json)),
                    None => {
                        return path.within(Step::Item(index), |path| {
                            Err(path.must_be(format!("one of {}", names(known.iter())), item))
                        });
                    }
                }
            }
            let set = known.iter().zip(set).filter(|(_, set)| *set);
            Ok(Val::Flags(set.map(|(name, _)| name.to_string()).collect()))
        }
    }
}

fn list(element: &Ty, items: &[Value], path: &mut Path) -> Result<Vec<Val>, String> {
    let items = items.iter().enumerate();
    items
        .map(|(index, item)| path.within(Step::Item(index), |path| read(element, item, path)))
        .collect()
}

fn bytes(json: &Value, path: &mut Path) -> Result<Val, String> {
    match json {
        Value::String(text) => BASE64
            .decode(text)
            .map(|bytes| Val::List(bytes.into_iter().map(Val::U8).collect()))
            .map_err(|error| {
                format!("`{}` must be bytes as standard base64 (with padding), or an array of numbers from 0 to 255: {error}", path.0)
            }),
        Value::Array(items) => list(&Ty::Int(Int::U8), items, path).map(Val::List),
        _ => Err(path.must_be("bytes as base64, or an array of numbers from 0 to 255", json)),
    }
}

fn variant(cases: &[(Arc<str>, Option<Ty>)], json: &Value, path: &mut Path) -> Result<Val, String> {
    let case = |name: &str| cases.iter().find(|(case, _)| **case == *name);
    match json {
        Value::String(name) => match case(name) {
            Some((_, None)) => return Ok(Val::Variant(name.clone(), None)),
            Some((_, Some(_))) => {
                return Err(format!(
                    "`{}`: the case `{name}` carries a value: write {{\"{name}\": …}}",
                    path.0
                ));
            }
            None => {}
        },
        _ => {
            if let Some((name, value)) = only_member(json)
                && let Some((known, payload)) = case(name)
            {
                let Some(ty) = payload else {
                    return Err(format!(
                        "`{}`: the case `{known}` carries no value: write \"{known}\"",
                        path.0
                    ));
                };
                let value = path.within(Step::Member(known), |path| read(ty, value, path))?;
                return Ok(Val::Variant(name.to_owned(), Some(Box::new(value))));
            }
        }
    }
    let written: Vec<String> = cases
        .iter()
        .map(|(name, payload)| match payload {
            None => format!("\"{name}\""),
            Some(_) => format!("{{\"{name}\": …}}"),
        })
        .collect();
    Err(path.must_be(
        format!("one of {}", clipped(written.iter().map(String::as_str))),
        json,
    ))
}

fn payload(
    ty: Option<&Ty>,
    side: &str,
    json: &Value,
    path: &mut Path,
) -> Result<Option<Box<Val>>, String> {
    path.within(Step::Member(side), |path| match (ty, json) {
        (Some(ty), json) => read(ty, json, path).map(|value| Some(Box::new(value))),
        (None, Value::Null) => Ok(None),
        (None, _) => Err(path.must_be("null", json)),
    })
}

fn only_member(json: &Value) -> Option<(&str, &Value)> {
    let members = json.as_object().filter(|members| members.len() == 1)?;
    members
        .iter()
        .next()
        .map(|(name, value)| (name.as_str(), value))
}

fn only_char(text: &str) -> Option<char> {
    let mut chars = text.chars();
    chars.next().filter(|_| chars.next().is_none())
}

/// A whole number in the range of `int`. `3.0` is one, as it is to JSON Schema.
fn integer(int: Int, json: &Value) -> Option<Val> {
    let value = match json {
        Value::Number(number) => number
            .as_i64()
            .map(i128::from)
            .or_else(|| number.as_u64().map(i128::from))
            .or_else(|| {
                let value = number.as_f64()?;
                // Exact below 2^127, and no integer here is as large as 2^65.
                (value.fract() == 0.0 && value.abs() < 4e19).then_some(value as i128)
            })?,
        Value::String(text) if int.is_wide() => decimal(text)?,
        _ => return None,
    };
    whole(int, value)
}

/// Decimal text as the schema describes it: no sign but a minus, no needless zero.
fn decimal(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
    let needless_zero = digits.starts_with('0') && text != "0";
    (plain && !needless_zero).then(|| text.parse().ok())?
}

fn whole(int: Int, value: i128) -> Option<Val> {
    Some(match int {
        Int::S8 => Val::S8(value.try_into().ok()?),
        Int::U8 => Val::U8(value.try_into().ok()?),
        Int::S16 => Val::S16(value.try_into().ok()?),
        Int::U16 => Val::U16(value.try_into().ok()?),
        Int::S32 => Val::S32(value.try_into().ok()?),
        Int::U32 => Val::U32(value.try_into().ok()?),
        Int::S64 => Val::S64(value.try_into().ok()?),
        Int::U64 => Val::U64(value.try_into().ok()?),
    })
}

fn float(json: &Value) -> Option<f64> {
    match json {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.as_str() {
            "NaN" => Some(f64::NAN),
            "Infinity" => Some(f64::INFINITY),
            "-Infinity" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

/// The name of a map's member as its key.
fn member(ty: &Ty, name: &str) -> Option<Val> {
    match ty {
        Ty::String => Some(Val::String(name.to_owned())),
        Ty::Bool => name.parse().ok().map(Val::Bool),
        Ty::Char => only_char(name).map(Val::Char),
        Ty::Int(int) => whole(*int, decimal(name)?),
        Ty::Enum(names) => names
            .iter()
            .any(|known| **known == *name)
            .then(|| Val::Enum(name.to_owned())),
        _ => None,
    }
}

fn names<'a>(names: impl Iterator<Item = &'a Arc<str>>) -> String {
    clipped(names.map(|name| &**name))
}

/// Names with commas between them; of very many the first.
fn clipped<'a>(names: impl Iterator<Item = &'a str>) -> String {
    const MOST: usize = 30;
    let names: Vec<&str> = names.collect();
    match names.len() {
        0 => "nothing".into(),
        n if n > MOST => format!("{} and {} more", names[..MOST].join(", "), n - MOST),
        _ => names.join(", "),
    }
}

fn cut(text: &str) -> &str {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => &text[..end],
        None => text,
    }
}

/// What was found, short.
fn shown(json: &Value) -> String {
    match json {
        Value::Array(items) => format!("an array of {}", items.len()),
        Value::Object(members) if members.is_empty() => "an empty object".into(),
        Value::Object(members) => {
            format!(
                "an object with {}",
                cut(&clipped(members.keys().map(String::as_str)))
            )
        }
        Value::String(text) if text.chars().nth(SHOWN).is_some() => format!("\"{}…\"", cut(text)),
        other => other.to_string(),
    }
}
