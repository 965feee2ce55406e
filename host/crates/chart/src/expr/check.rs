//! Gives names and types their meaning: every name becomes a slot or a state's number, every operator is checked against the types that are
//! known, every pattern is compiled. In strict mode (YAML) whatever is wrong is a problem at its offset; in deferred mode (the suites) it
//! becomes an error when that piece is evaluated.

use super::Problem;
use super::ast::{Ast, Kind, Operator};
use super::node::{Expr, Node, SystemName};
use super::parse::parse;
use crate::nearest::did_you_mean;
use crate::{Mode, StateId};
use indexmap::IndexMap;
use std::collections::HashMap;
use std::sync::Arc;
use types::Value;

/// What is known of a value before it exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    /// Anything.
    Dynamic,
    Null,
    Bool,
    Int,
    Double,
    Text,
    List,
    Map,
}

impl Type {
    /// The type of a literal; a `null` entry can hold anything later.
    pub fn of(value: &Value) -> Self {
        match value {
            Value::Null => Type::Null,
            Value::Bool(_) => Type::Bool,
            Value::Int(_) => Type::Int,
            Value::Float(_) => Type::Double,
            Value::Text(_) => Type::Text,
            Value::List(_) => Type::List,
            Value::Map(_) => Type::Map,
        }
    }

    /// What a person calls it.
    pub fn name(self) -> &'static str {
        match self {
            Type::Dynamic => "any value",
            Type::Null => "null",
            Type::Bool => "bool",
            Type::Int => "int",
            Type::Double => "double",
            Type::Text => "string",
            Type::List => "list",
            Type::Map => "map",
        }
    }

    pub(super) fn may_be(self, other: Type) -> bool {
        self == Type::Dynamic || self == other
    }

    fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Double)
    }
}

/// One entry of the chart's data, as expressions see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DataName {
    /// What it holds.
    pub kind: Type,
    /// It may not exist yet (made by a `foreach`; the suites).
    pub maybe: bool,
}

/// Data entries by name; the position is the slot.
pub(crate) type DataNames = IndexMap<Arc<str>, DataName>;

/// The names that expressions of one chart can use.
pub(crate) struct Names<'a> {
    /// Strict or deferred.
    pub mode: Mode,
    /// Data entries; the position is the slot.
    pub data: &'a DataNames,
    /// States.
    pub states: &'a HashMap<Arc<str>, StateId>,
}

/// Compile `text`. In deferred mode this never fails.
pub(crate) fn compile(text: &str, names: &Names<'_>) -> Result<(Expr, Type), Vec<Problem>> {
    let deferred = names.mode == Mode::Deferred;
    let ast = match parse(text, deferred) {
        Ok(ast) => ast,
        Err(problem) if deferred => return Ok((failing(text, &problem.message), Type::Dynamic)),
        Err(problem) => return Err(vec![problem]),
    };
    let mut checker = Checker {
        names,
        locals: Vec::new(),
        problems: Vec::new(),
    };
    let (node, kind) = checker.check(&ast);
    if checker.problems.is_empty() {
        let text = text.into();
        Ok((Expr { node, text }, kind))
    } else {
        Err(checker.problems)
    }
}

/// What is wrong with `text` whatever its names mean.
pub(crate) fn misspelt(text: &str) -> Option<Problem> {
    parse(text, false).err()
}

/// An expression that fails whenever it is evaluated.
pub(crate) fn failing(text: &str, message: &str) -> Expr {
    Expr {
        node: Node::Fail(message.into()),
        text: text.into(),
    }
}

pub(super) struct Checker<'a> {
    pub(super) names: &'a Names<'a>,
    /// Variables of the macros around, the innermost last.
    pub(super) locals: Vec<String>,
    problems: Vec<Problem>,
}

pub(super) type Checked = (Node, Type);

impl Checker<'_> {
    pub(super) fn deferred(&self) -> bool {
        self.names.mode == Mode::Deferred
    }

    /// Something is wrong: report it now, or when it is evaluated.
    pub(super) fn wrong(
        &mut self,
        at: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Checked {
        let message = message.into();
        let node = Node::Fail(message.as_str().into());
        if !self.deferred() {
            self.problems.push(Problem::new(at, message, help));
        }
        (node, Type::Dynamic)
    }

    /// A type that does not fit; in deferred mode evaluation finds out by itself.
    pub(super) fn mistyped(&mut self, at: usize, message: String, help: &str) {
        if !self.deferred() {
            self.problems.push(Problem::new(at, message, help));
        }
    }

    pub(super) fn boxed(&mut self, ast: &Ast) -> (Box<Node>, Type) {
        let (node, kind) = self.check(ast);
        (Box::new(node), kind)
    }

    pub(super) fn check(&mut self, ast: &Ast) -> Checked {
        match &ast.kind {
            Kind::Literal(value) => (Node::Constant(value.clone()), Type::of(value)),
            Kind::Name(name) => self.name(ast.at, name),
            Kind::Select(inner, key) => self.select(ast.at, inner, key),
            Kind::Index(inner, index) => self.index(ast.at, inner, index),
            Kind::Call(name, arguments) => self.call(ast.at, name, arguments),
            Kind::Method(receiver, name, arguments) => {
                self.method(ast.at, receiver, name, arguments)
            }
            Kind::Not(inner) => (Node::Not(self.condition("!", inner)), Type::Bool),
            Kind::Negate(inner) => {
                let (node, kind) = self.boxed(inner);
                if kind != Type::Dynamic && !kind.is_number() {
                    self.mistyped(ast.at, format!("`-` does not take {}", kind.name()), "");
                }
                (Node::Negate(node), kind)
            }
            Kind::And(left, right) => {
                let (left, right) = (self.condition("&&", left), self.condition("&&", right));
                (Node::And(left, right), Type::Bool)
            }
            Kind::Or(left, right) => {
                let (left, right) = (self.condition("||", left), self.condition("||", right));
                (Node::Or(left, right), Type::Bool)
            }
            Kind::Choice(condition, yes, no) => {
                let condition = self.condition("?", condition);
                let (yes, yes_kind) = self.boxed(yes);
                let (no, no_kind) = self.boxed(no);
                let kind = if yes_kind == no_kind {
                    yes_kind
                } else {
                    Type::Dynamic
                };
                (Node::Choice(condition, yes, no), kind)
            }
            Kind::Binary(operator, left, right) => self.binary(ast.at, *operator, left, right),
            Kind::List(items) => {
                let items = items.iter().map(|item| self.check(item).0).collect();
                (Node::List(items), Type::List)
            }
            Kind::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| {
                    let (key_node, kind) = self.check(key);
                    if !kind.may_be(Type::Text) {
                        let message =
                            format!("the key of a map must be a string, not {}", kind.name());
                        self.mistyped(key.at, message, "quote the key");
                    }
                    (key_node, self.check(value).0)
                });
                (Node::Map(entries.collect()), Type::Map)
            }
        }
    }

    pub(super) fn condition(&mut self, of: &str, ast: &Ast) -> Box<Node> {
        let (node, kind) = self.boxed(ast);
        if !kind.may_be(Type::Bool) {
            let message = format!("`{of}` needs true or false, and this is {}", kind.name());
            self.mistyped(
                ast.at,
                message,
                "compare it with something, for instance `… > 0`",
            );
        }
        node
    }

    fn name(&mut self, at: usize, name: &str) -> Checked {
        if let Some(local) = self.local(name) {
            return (local, Type::Dynamic);
        }
        if self.deferred() {
            return match name {
                "_event" => (Node::System(SystemName::Event), Type::Dynamic),
                "_sessionid" => (Node::System(SystemName::SessionId), Type::Dynamic),
                "_name" => (Node::System(SystemName::ChartName), Type::Dynamic),
                "_ioprocessors" => (Node::System(SystemName::Processors), Type::Dynamic),
                _ => self.data_entry(at, name),
            };
        }
        match name {
            "data" => self.wrong(at, "`data` is not a value by itself", "name one of its entries: `data.…`"),
            "event" => self.wrong(
                at,
                "`event` is not a value by itself",
                "use `event.name`, `event.data` or `event.time`",
            ),
            _ if self.names.data.contains_key(name) => self.wrong(
                at,
                format!("`{name}` is not a name here"),
                format!("did you mean `data.{name}`?"),
            ),
            "True" | "TRUE" | "False" | "FALSE" | "None" | "nil" | "undefined" => {
                let meant = match name.to_lowercase().as_str() {
                    truth @ ("true" | "false") => truth.to_owned(),
                    _ => "null".to_owned(),
                };
                self.wrong(at, format!("`{name}` is not a name here"), format!("did you mean `{meant}`?"))
            }
            _ => self.wrong(
                at,
                format!("`{name}` is not a name here"),
                format!(
                    "an expression reads `data.*`, `event.name`, `event.data`, `event.time` and In('state'); for a text write '{name}'"
                ),
            ),
        }
    }

    fn data_entry(&mut self, at: usize, name: &str) -> Checked {
        match self.names.data.get_full(name) {
            Some((slot, _, entry)) if entry.maybe => (Node::MaybeData(slot as u16), entry.kind),
            Some((slot, _, entry)) => (Node::Data(slot as u16), entry.kind),
            None => {
                let help = did_you_mean(name, self.names.data.keys().map(|k| &**k), "data.")
                    .unwrap_or_else(|| "declare it under the chart's `data`".into());
                self.wrong(at, format!("the chart's data has no `{name}`"), help)
            }
        }
    }

    fn select(&mut self, at: usize, inner: &Ast, key: &str) -> Checked {
        match (&inner.kind, self.deferred()) {
            (Kind::Name(name), false) if name == "data" => return self.data_entry(at, key),
            (Kind::Name(name), false) if name == "event" => {
                return match key {
                    "name" => (Node::System(SystemName::EventName), Type::Text),
                    "data" => (Node::System(SystemName::EventData), Type::Dynamic),
                    "time" => (Node::System(SystemName::EventTime), Type::Int),
                    _ => {
                        let help = format!(
                            "an event has `name`, `data` and `time`; did you mean `event.data.{key}`?"
                        );
                        self.wrong(at, format!("an event has no `{key}`"), help)
                    }
                };
            }
            (Kind::Name(name), true) if name == "_event" => {
                let system = match key {
                    "name" => SystemName::EventName,
                    "data" => SystemName::EventData,
                    "type" => SystemName::EventType,
                    "sendid" => SystemName::EventSendId,
                    "origin" => SystemName::EventOrigin,
                    "origintype" => SystemName::EventOriginType,
                    "invokeid" => SystemName::EventInvokeId,
                    _ => return self.wrong(at, format!("an event has no `{key}`"), ""),
                };
                return (Node::System(system), Type::Dynamic);
            }
            _ => {}
        }
        let (node, kind) = self.boxed(inner);
        if !kind.may_be(Type::Map) {
            self.mistyped(
                at,
                format!("`.{key}` needs a map, and this is {}", kind.name()),
                match key {
                    "size" | "length" | "len" | "count" => "write `size(…)`",
                    _ => "",
                },
            );
        }
        (Node::Select(node, key.into()), Type::Dynamic)
    }

    fn index(&mut self, at: usize, inner: &Ast, index: &Ast) -> Checked {
        if let (Kind::Name(name), Kind::Literal(Value::Text(key)), false) =
            (&inner.kind, &index.kind, self.deferred())
            && name == "data"
        {
            return self.data_entry(index.at, key);
        }
        let (node, kind) = self.boxed(inner);
        let (index_node, index_kind) = self.boxed(index);
        let fits = match kind {
            Type::List => index_kind.may_be(Type::Int),
            Type::Map => index_kind.may_be(Type::Text),
            Type::Dynamic => {
                matches!(index_kind, Type::Dynamic | Type::Int | Type::Text)
            }
            _ => false,
        };
        if !fits {
            let message = format!("{} cannot be indexed by {}", kind.name(), index_kind.name());
            self.mistyped(
                at,
                message,
                "a list is indexed by an int from 0, a map by a string",
            );
        }
        (Node::Index(node, index_node), Type::Dynamic)
    }

    fn binary(&mut self, at: usize, operator: Operator, left: &Ast, right: &Ast) -> Checked {
        let (left, a) = self.boxed(left);
        let (right, b) = self.boxed(right);
        let node = Node::Binary(operator, left, right);
        let (result, help) = binary_type(operator, a, b);
        let Some(kind) = result else {
            let message = match operator {
                Operator::Equal | Operator::NotEqual => {
                    format!("{} and {} can never be equal", a.name(), b.name())
                }
                _ => format!(
                    "`{}` does not take {} and {}",
                    operator.symbol(),
                    a.name(),
                    b.name()
                ),
            };
            self.mistyped(at, message, help);
            return (node, Type::Dynamic);
        };
        (node, kind)
    }
}

/// The type of `a operator b`, or `None` where it has none, with what to do then.
fn binary_type(operator: Operator, a: Type, b: Type) -> (Option<Type>, &'static str) {
    use Type::{Bool, Double, Dynamic, Int, List, Map, Null, Text};
    let numbers = (a.is_number() || a == Dynamic) && (b.is_number() || b == Dynamic);
    let sum = match (a, b) {
        (Int, Int) => Int,
        (Double, _) | (_, Double) => Double,
        _ => Dynamic,
    };
    match operator {
        Operator::Equal | Operator::NotEqual => {
            let comparable = a == b
                || [a, b].iter().any(|t| matches!(t, Dynamic | Null))
                || (a.is_number() && b.is_number());
            (
                comparable.then_some(Bool),
                "convert one of them, for instance string(…) or int(…)",
            )
        }
        Operator::Less | Operator::LessEqual | Operator::Greater | Operator::GreaterEqual => {
            let comparable = numbers
                || matches!((a, b), (Text, Text | Dynamic) | (Dynamic, Text))
                || matches!((a, b), (Bool, Bool | Dynamic) | (Dynamic, Bool));
            (
                comparable.then_some(Bool),
                "convert one of them, for instance int(…)",
            )
        }
        Operator::In => (
            matches!(b, List | Map | Dynamic).then_some(Bool),
            "`in` looks for an item of a list or a key of a map",
        ),
        Operator::Add if numbers => (Some(sum), ""),
        Operator::Add => match (a, b) {
            (Text, Text | Dynamic) | (Dynamic, Text) => (Some(Text), ""),
            (List, List | Dynamic) | (Dynamic, List) => (Some(List), ""),
            (Text, _) | (_, Text) => (None, "make a text of the other: string(…)"),
            (List, _) | (_, List) => (None, "put the other into a list: `[…]`"),
            _ => (None, ""),
        },
        Operator::Remainder => {
            let whole = a.may_be(Int) && b.may_be(Int);
            (whole.then_some(Int), "`%` takes whole numbers")
        }
        _ => (numbers.then_some(sum), ""),
    }
}
