//! Types and functions in WIT's own spelling, for descriptions and messages.

use super::ty::{Int, Ty};
use std::fmt::{self, Display, Formatter};

/// `items` with commas between them.
struct Commas<'a, T>(&'a [T], fn(&T, &mut Formatter<'_>) -> fmt::Result);

impl<T> Display for Commas<'_, T> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for (index, item) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(", ")?;
            }
            (self.1)(item, f)?;
        }
        Ok(())
    }
}

impl Display for Ty {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Ty::Bool => f.write_str("bool"),
            Ty::Int(int) => f.write_str(match int {
                Int::S8 => "s8",
                Int::U8 => "u8",
                Int::S16 => "s16",
                Int::U16 => "u16",
                Int::S32 => "s32",
                Int::U32 => "u32",
                Int::S64 => "s64",
                Int::U64 => "u64",
            }),
            Ty::F32 => f.write_str("f32"),
            Ty::F64 => f.write_str("f64"),
            Ty::Char => f.write_str("char"),
            Ty::String => f.write_str("string"),
            Ty::Bytes => f.write_str("list<u8>"),
            Ty::List(element) => write!(f, "list<{element}>"),
            Ty::Array(element, length) => write!(f, "list<{element}, {length}>"),
            Ty::Map(key, value) => write!(f, "map<{key}, {value}>"),
            Ty::Record(fields) => {
                let fields = Commas(fields, |(name, ty), f| write!(f, "{name}: {ty}"));
                write!(f, "record {{ {fields} }}")
            }
            Ty::Tuple(items) => write!(f, "tuple<{}>", Commas(items, |ty, f| write!(f, "{ty}"))),
            Ty::Variant(cases) => {
                let cases = Commas(cases, |(name, payload), f| match payload {
                    Some(ty) => write!(f, "{name}({ty})"),
                    None => f.write_str(name),
                });
                write!(f, "variant {{ {cases} }}")
            }
            Ty::Enum(names) => {
                write!(
                    f,
                    "enum {{ {} }}",
                    Commas(names, |name, f| f.write_str(name))
                )
            }
            Ty::Option(inner) => write!(f, "option<{inner}>"),
            Ty::Result(None, None) => f.write_str("result"),
            Ty::Result(Some(ok), None) => write!(f, "result<{ok}>"),
            Ty::Result(None, Some(err)) => write!(f, "result<_, {err}>"),
            Ty::Result(Some(ok), Some(err)) => write!(f, "result<{ok}, {err}>"),
            Ty::Flags(names) => {
                write!(
                    f,
                    "flags {{ {} }}",
                    Commas(names, |name, f| f.write_str(name))
                )
            }
        }
    }
}

/// `name: func(a: u32) -> string`.
pub(crate) fn signature(
    name: &str,
    params: &[(std::sync::Arc<str>, Ty)],
    result: Option<&Ty>,
) -> String {
    let params = Commas(params, |(name, ty), f| write!(f, "{name}: {ty}"));
    match result {
        Some(result) => format!("{name}: func({params}) -> {result}"),
        None => format!("{name}: func({params})"),
    }
}
