//! Typed exports as tools: WIT types as JSON Schema, JSON as a function's arguments, a function's answer as JSON.
//!
//! [`Ty`] is what this room knows of a type; it is made from wasmtime's own once, and everything else here is a pure function of it. Nothing here
//! knows of instances, calls or grants. How each type is written is said in `docs/any-wasm.md`, and in the schema itself where a caller has a
//! choice; the schema, the reader and the writer are held together by the tests in `agree`.

mod function;
mod read;
mod schema;
mod ty;
mod wit;
mod write;

#[cfg(test)]
mod agree;

pub(crate) use function::{Answer, Function};
