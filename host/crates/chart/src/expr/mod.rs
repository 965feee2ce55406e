//! The expression language of guards and assignments: a typed, terminating, side-effect-free subset of CEL over `data.*`,
//! `event.{name,data,time}` and `In('state')`.
//!
//! Text is read once, when the chart loads: [`token`] cuts it, [`parse`] builds a tree, [`check`] resolves every name to a slot, finds type
//! errors and compiles patterns, and [`eval`] walks the result. Nothing here knows of states beyond their numbers, or of YAML. Three things
//! are deliberately wider than CEL: `int` and `double` mix in arithmetic (JSON does not tell `2` from `2.0`), `has()` on a path that leads
//! nowhere is false instead of an error, and a duration is a whole number of milliseconds.

mod ast;
mod calls;
mod check;
mod eval;
mod functions;
mod macros;
mod node;
mod ops;
mod parse;
mod quick;
mod token;

pub(crate) use check::{DataName, DataNames, Names, Type, compile, failing, misspelt};
pub(crate) use eval::{EvalError, Scope, weigh};
pub(crate) use node::Expr;

/// How long an expression may be, in bytes. What is longer belongs into several data entries.
pub(crate) const LENGTH_MAX: usize = 4_096;
/// How deep an expression may nest: evaluation recurses, and must fit any thread's stack.
pub(crate) const DEPTH_MAX: u16 = 96;
/// How long a text that an expression makes may become, in bytes.
pub(crate) const TEXT_MAX: usize = 1 << 20;
/// How many values a list or map that is kept may hold, all levels together.
pub(crate) const NODES_MAX: usize = 100_000;
/// How deep a kept value may nest. JSON readers stop at 128.
pub(crate) const VALUE_DEPTH_MAX: usize = 120;

/// Something wrong in the text of an expression, `offset` characters from its beginning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    /// Characters from the beginning.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do; empty when there is nothing to add.
    pub help: String,
}

impl Problem {
    fn new(offset: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Problem {
            offset,
            message: message.into(),
            help: help.into(),
        }
    }
}

#[cfg(test)]
mod tests;
