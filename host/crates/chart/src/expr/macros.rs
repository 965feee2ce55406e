//! CEL's macros over lists and the keys of maps: `exists`, `all`, `exists_one`, `filter`, `map`. They are the only thing in an expression that
//! loops, so what one of them may visit, with all that are inside it, is bounded.

use super::ast::{Ast, Kind};
use super::check::{Checked, Checker, Type};
use super::eval::{EvalError, Scope, evaluate, holds};
use super::node::{MacroNode, Node};
use std::cell::Cell;
use types::Value;

/// How many items the macros of one expression may visit, those of macros inside macros included.
pub(super) const VISITS_MAX: u32 = 10_000;

/// Which macro.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Macro {
    Exists,
    All,
    ExistsOne,
    Filter,
    Map,
}

/// Names for suggestions.
pub(super) const NAMES: [&str; 5] = ["exists", "all", "exists_one", "filter", "map"];

impl Macro {
    /// The macro called `name`.
    pub fn find(name: &str) -> Option<Self> {
        Some(match name {
            "exists" => Macro::Exists,
            "all" => Macro::All,
            "exists_one" => Macro::ExistsOne,
            "filter" => Macro::Filter,
            "map" => Macro::Map,
            _ => return None,
        })
    }

    fn name(self) -> &'static str {
        match self {
            Macro::Exists => "exists",
            Macro::All => "all",
            Macro::ExistsOne => "exists_one",
            Macro::Filter => "filter",
            Macro::Map => "map",
        }
    }

    fn result(self) -> Type {
        match self {
            Macro::Exists | Macro::All | Macro::ExistsOne => Type::Bool,
            Macro::Filter | Macro::Map => Type::List,
        }
    }
}

/// The variable of a macro while one item is looked at.
pub(crate) struct Frame<'f> {
    value: &'f Value,
    outer: Option<&'f Frame<'f>>,
    /// Items that may still be visited.
    left: &'f Cell<u32>,
}

impl Frame<'_> {
    /// The variable `out` macros further out.
    pub fn find(&self, out: u16) -> Option<&Value> {
        match (out, self.outer) {
            (0, _) => Some(self.value),
            (_, Some(outer)) => outer.find(out - 1),
            (_, None) => None,
        }
    }
}

impl Checker<'_> {
    pub(super) fn macro_call(
        &mut self,
        at: usize,
        kind: Macro,
        over: &Ast,
        arguments: &[Ast],
    ) -> Checked {
        let (variable, condition, result) = match (kind, arguments) {
            (Macro::Map, [variable, result]) => (variable, None, Some(result)),
            (Macro::Map, [variable, condition, result]) => {
                (variable, Some(condition), Some(result))
            }
            (
                Macro::Exists | Macro::All | Macro::ExistsOne | Macro::Filter,
                [variable, condition],
            ) => (variable, Some(condition), None),
            _ => {
                let name = kind.name();
                return self.wrong(
                    at,
                    format!(
                        "{name}() takes a name and an expression, not {} argument(s)",
                        arguments.len()
                    ),
                    format!("for instance data.list.{name}(x, x > 1)"),
                );
            }
        };
        let (over_node, over_kind) = self.check(over);
        if !over_kind.may_be(Type::List) && !over_kind.may_be(Type::Map) {
            let message = format!("{}() does not take {}", kind.name(), over_kind.name());
            self.mistyped(
                over.at,
                message,
                "it goes through a list, or the keys of a map",
            );
        }
        let Kind::Name(name) = &variable.kind else {
            return self.wrong(
                variable.at,
                format!(
                    "the first argument of {}() is a name for the item",
                    kind.name()
                ),
                format!("for instance data.list.{}(x, x > 1)", kind.name()),
            );
        };
        if matches!(name.as_str(), "data" | "event" | "_event") {
            let message = format!("`{name}` cannot be the name of an item");
            return self.wrong(variable.at, message, "choose another one, for instance `x`");
        }
        self.locals.push(name.clone());
        let condition = condition.map(|ast| *self.condition(kind.name(), ast));
        let result = result.map(|ast| self.check(ast).0);
        self.locals.pop();
        let node = Node::Macro(Box::new(MacroNode {
            kind,
            over: over_node,
            condition,
            result,
        }));
        (node, kind.result())
    }

    /// The variable called `name`, if some macro around has it.
    pub(super) fn local(&self, name: &str) -> Option<Node> {
        let out = self.locals.iter().rev().position(|local| local == name)?;
        Some(Node::Local(out as u16))
    }
}

/// Walk a macro.
pub(super) fn run(node: &MacroNode, scope: &Scope<'_>) -> Result<Value, EvalError> {
    let over = evaluate(&node.over, scope)?;
    let fresh = Cell::new(VISITS_MAX);
    let left = scope.locals.map_or(&fresh, |frame| frame.left);
    let mut run = Run {
        node,
        kept: Vec::new(),
        found: 0,
        failed: None,
    };
    let mut visit = |value: &Value| -> Result<bool, EvalError> {
        let Some(rest) = left.get().checked_sub(1) else {
            return Err(EvalError::new(format!(
                "the macros of the expression visit more than {VISITS_MAX} items"
            )));
        };
        left.set(rest);
        let frame = Frame {
            value,
            outer: scope.locals,
            left,
        };
        run.visit(value, &scope.with(&frame))
    };
    match &*over {
        Value::List(items) => {
            for item in items.iter() {
                if visit(item)? {
                    break;
                }
            }
        }
        Value::Map(map) => {
            for key in map.keys() {
                if visit(&Value::Text(key.clone()))? {
                    break;
                }
            }
        }
        other => {
            return Err(EvalError::new(format!(
                "{}() does not take {}",
                node.kind.name(),
                other.type_name()
            )));
        }
    }
    run.answer()
}

struct Run<'n> {
    node: &'n MacroNode,
    kept: Vec<Value>,
    found: usize,
    /// An error that does not matter where another item decides.
    failed: Option<EvalError>,
}

impl Run<'_> {
    /// Look at one item; true where the answer is known.
    fn visit(&mut self, value: &Value, scope: &Scope<'_>) -> Result<bool, EvalError> {
        let condition = self.node.condition.as_ref();
        let holds = condition.map_or(Ok(true), |c| holds(c, scope));
        match (self.node.kind, holds) {
            (Macro::Exists, Ok(true)) | (Macro::All, Ok(false)) => {
                self.found = 1;
                return Ok(true);
            }
            (Macro::Exists | Macro::All, Err(error)) => {
                self.failed.get_or_insert(error);
            }
            (_, Err(error)) => return Err(error),
            (Macro::ExistsOne, Ok(true)) => self.found += 1,
            (Macro::Filter, Ok(true)) => self.kept.push(value.clone()),
            (Macro::Map, Ok(true)) => {
                if let Some(result) = &self.node.result {
                    self.kept.push(evaluate(result, scope)?.into_owned());
                }
            }
            (_, Ok(_)) => {}
        }
        Ok(false)
    }

    fn answer(self) -> Result<Value, EvalError> {
        match (self.node.kind, self.found, self.failed) {
            (Macro::Exists, 1, _) => Ok(Value::Bool(true)),
            (Macro::All, 1, _) => Ok(Value::Bool(false)),
            (Macro::Exists | Macro::All, _, Some(error)) => Err(error),
            (Macro::Exists, ..) => Ok(Value::Bool(false)),
            (Macro::All, ..) => Ok(Value::Bool(true)),
            (Macro::ExistsOne, found, _) => Ok(Value::Bool(found == 1)),
            (Macro::Filter | Macro::Map, ..) => Ok(Value::list(self.kept)),
        }
    }
}
