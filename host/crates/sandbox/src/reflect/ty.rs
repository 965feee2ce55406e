//! What is known of a WIT type.

use std::sync::Arc;
use wasmtime::component::Type;

/// Most pieces (fields, cases, elements) that the types of one function may have in all. A type may name another many times over, so a small
/// component can describe a type that would fill the memory; a model could not read the schema of one anywhere near this size either.
const PIECES: usize = 4_096;

/// Deepest that a type may nest. JSON nests up to four times as deep as the type that it writes, and readers of JSON stop at 128.
const DEPTH: usize = 24;

/// A WIT type that can be written as JSON.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Ty {
    Bool,
    Int(Int),
    F32,
    F64,
    Char,
    String,
    /// `list<u8>`, which is written as base64.
    Bytes,
    List(Box<Ty>),
    /// A list of a length that is part of its type.
    Array(Box<Ty>, u32),
    Map(Box<Ty>, Box<Ty>),
    Record(Vec<(Arc<str>, Ty)>),
    Tuple(Vec<Ty>),
    Variant(Vec<(Arc<str>, Option<Ty>)>),
    Enum(Vec<Arc<str>>),
    Option(Box<Ty>),
    Result(Option<Box<Ty>>, Option<Box<Ty>>),
    Flags(Vec<Arc<str>>),
}

/// The integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Int {
    S8,
    U8,
    S16,
    U16,
    S32,
    U32,
    S64,
    U64,
}

impl Int {
    /// The least and the greatest value.
    pub(crate) fn range(self) -> (i128, i128) {
        match self {
            Int::S8 => (i8::MIN.into(), i8::MAX.into()),
            Int::U8 => (0, u8::MAX.into()),
            Int::S16 => (i16::MIN.into(), i16::MAX.into()),
            Int::U16 => (0, u16::MAX.into()),
            Int::S32 => (i32::MIN.into(), i32::MAX.into()),
            Int::U32 => (0, u32::MAX.into()),
            Int::S64 => (i64::MIN.into(), i64::MAX.into()),
            Int::U64 => (0, u64::MAX.into()),
        }
    }

    /// Whether some of its values are beyond what every reader of JSON keeps exact, so that it may be written as decimal text too.
    pub(crate) fn is_wide(self) -> bool {
        matches!(self, Int::S64 | Int::U64)
    }
}

/// How many pieces the types of one function may still have, and how deep they may still nest.
pub(crate) struct Budget {
    pieces: usize,
    depth: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget {
            pieces: PIECES,
            depth: DEPTH,
        }
    }
}

impl Budget {
    fn take(&mut self, pieces: usize) -> Result<(), String> {
        self.pieces = self.pieces.checked_sub(pieces).ok_or_else(|| {
            format!("more than {PIECES} pieces (fields, cases, elements), which nobody could write")
        })?;
        Ok(())
    }
}

impl Ty {
    /// `ty`, or why a value of it cannot be written as JSON.
    pub(crate) fn of(ty: &Type, budget: &mut Budget) -> Result<Ty, String> {
        budget.take(1)?;
        let depth = budget.depth;
        budget.depth = depth.checked_sub(1).ok_or_else(|| {
            format!("types nested more than {DEPTH} deep, which JSON could not follow")
        })?;
        let known = Ty::inside(ty, budget);
        budget.depth = depth;
        known
    }

    fn inside(ty: &Type, budget: &mut Budget) -> Result<Ty, String> {
        let boxed = |ty: &Type, budget: &mut Budget| Ty::of(ty, budget).map(Box::new);
        let optional = |ty: Option<Type>, budget: &mut Budget| {
            ty.map(|ty| Ty::of(&ty, budget).map(Box::new)).transpose()
        };
        Ok(match ty {
            Type::Bool => Ty::Bool,
            Type::S8 => Ty::Int(Int::S8),
            Type::U8 => Ty::Int(Int::U8),
            Type::S16 => Ty::Int(Int::S16),
            Type::U16 => Ty::Int(Int::U16),
            Type::S32 => Ty::Int(Int::S32),
            Type::U32 => Ty::Int(Int::U32),
            Type::S64 => Ty::Int(Int::S64),
            Type::U64 => Ty::Int(Int::U64),
            Type::Float32 => Ty::F32,
            Type::Float64 => Ty::F64,
            Type::Char => Ty::Char,
            Type::String => Ty::String,
            Type::List(list) => match list.ty() {
                Type::U8 => Ty::Bytes,
                element => Ty::List(boxed(&element, budget)?),
            },
            Type::FixedLengthList(list) => Ty::Array(boxed(&list.ty(), budget)?, list.len()),
            Type::Map(map) => Ty::Map(boxed(&map.key(), budget)?, boxed(&map.value(), budget)?),
            Type::Record(record) => {
                let mut fields = Vec::new();
                for field in record.fields() {
                    fields.push((field.name.into(), Ty::of(&field.ty, budget)?));
                }
                Ty::Record(fields)
            }
            Type::Tuple(tuple) => {
                let mut items = Vec::new();
                for ty in tuple.types() {
                    items.push(Ty::of(&ty, budget)?);
                }
                Ty::Tuple(items)
            }
            Type::Variant(variant) => {
                let mut cases = Vec::new();
                for case in variant.cases() {
                    budget.take(1)?;
                    let payload = case.ty.map(|ty| Ty::of(&ty, budget)).transpose()?;
                    cases.push((case.name.into(), payload));
                }
                Ty::Variant(cases)
            }
            Type::Enum(names) => {
                budget.take(names.names().len())?;
                Ty::Enum(names.names().map(Arc::from).collect())
            }
            Type::Option(option) => Ty::Option(boxed(&option.ty(), budget)?),
            Type::Result(result) => Ty::Result(
                optional(result.ok(), budget)?,
                optional(result.err(), budget)?,
            ),
            Type::Flags(flags) => {
                budget.take(flags.names().len())?;
                Ty::Flags(flags.names().map(Arc::from).collect())
            }
            Type::Own(_) | Type::Borrow(_) => {
                return Err("a resource, which is only a handle inside of one call and cannot be written as JSON".into());
            }
            Type::Future(_) | Type::Stream(_) | Type::ErrorContext => {
                return Err("a stream, a future or an error context, which belong to asynchronous functions".into());
            }
        })
    }

    /// Whether one of its own values is written as `null`, so that an option of it must be told apart.
    pub(crate) fn is_nullable(&self) -> bool {
        matches!(self, Ty::Option(_))
    }
}
