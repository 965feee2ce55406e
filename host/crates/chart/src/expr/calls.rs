//! Checks calls: `In()`, `has()`, `defined()` and `matches()`, which look at how their arguments are written, and the plain functions.

use super::ast::{Ast, Kind};
use super::check::{Checked, Checker, Type};
use super::functions::{self, Function};
use super::macros::{self, Macro};
use super::node::Node;
use crate::nearest::did_you_mean;
use types::Value;

impl Checker<'_> {
    pub(super) fn call(&mut self, at: usize, name: &str, arguments: &[Ast]) -> Checked {
        match (name, arguments) {
            ("In", [argument]) => self.active(argument),
            ("has", [argument]) => match &argument.kind {
                Kind::Select(inner, key) if !self.is_root(inner) => (
                    Node::Has(self.boxed(inner).0, key.as_str().into()),
                    Type::Bool,
                ),
                // `data.x` and `event.data` are always there once they check.
                Kind::Select(..) => match self.check(argument) {
                    (failed @ Node::Fail(_), _) => (failed, Type::Bool),
                    _ => (Node::Constant(Value::Bool(true)), Type::Bool),
                },
                _ => self.wrong(
                    argument.at,
                    "has() takes a path with a dot",
                    "for instance has(event.data.changed)",
                ),
            },
            ("defined", [argument]) if self.deferred() => {
                (Node::Defined(self.boxed(argument).0), Type::Bool)
            }
            ("matches", [text, pattern]) => self.matches(text, pattern),
            ("In" | "has" | "matches", _) => {
                let wanted = if name == "matches" {
                    "two arguments"
                } else {
                    "one argument"
                };
                self.wrong(
                    at,
                    format!("{name}() takes {wanted}, not {}", arguments.len()),
                    "",
                )
            }
            _ => self.function(at, name, &arguments.iter().collect::<Vec<_>>(), false),
        }
    }

    fn is_root(&self, ast: &Ast) -> bool {
        matches!(&ast.kind, Kind::Name(name) if !self.deferred() && matches!(name.as_str(), "data" | "event"))
    }

    fn active(&mut self, argument: &Ast) -> Checked {
        let Kind::Literal(Value::Text(id)) = &argument.kind else {
            return self.wrong(
                argument.at,
                "In() takes the id of a state as a text",
                "for instance In('review')",
            );
        };
        match self.names.states.get(id) {
            Some(state) => (Node::Active(*state), Type::Bool),
            None => {
                let help = did_you_mean(id, self.names.states.keys().map(|k| &**k), "")
                    .unwrap_or_else(|| "In() takes the id of a state of this chart".into());
                self.wrong(argument.at, format!("there is no state `{id}`"), help)
            }
        }
    }

    fn matches(&mut self, text: &Ast, pattern: &Ast) -> Checked {
        let (node, kind) = self.boxed(text);
        if !kind.may_be(Type::Text) {
            self.mistyped(
                text.at,
                format!("matches() does not take {}", kind.name()),
                "",
            );
        }
        let Kind::Literal(Value::Text(source)) = &pattern.kind else {
            return self.wrong(
                pattern.at,
                "the pattern of matches() must be a fixed text",
                "it is compiled when the chart loads; for a computed text use contains()",
            );
        };
        // The default limit of 10 MiB a pattern is too much for something every definition can have many of.
        match regex::RegexBuilder::new(source).size_limit(1 << 20).build() {
            Ok(regex) => (Node::Matches(node, Box::new(regex)), Type::Bool),
            Err(error) => {
                let reason = error.to_string();
                let reason = reason.lines().last().unwrap_or_default().trim();
                let reason = reason.strip_prefix("error: ").unwrap_or(reason);
                self.wrong(
                    pattern.at,
                    format!("the pattern cannot be compiled: {reason}"),
                    "patterns are regular expressions without look-around and back-references",
                )
            }
        }
    }

    pub(super) fn method(
        &mut self,
        at: usize,
        receiver: &Ast,
        name: &str,
        arguments: &[Ast],
    ) -> Checked {
        if let ("matches", [pattern]) = (name, arguments) {
            return self.matches(receiver, pattern);
        }
        if let Some(kind) = Macro::find(name) {
            return self.macro_call(at, kind, receiver, arguments);
        }
        let all: Vec<&Ast> = std::iter::once(receiver).chain(arguments).collect();
        self.function(at, name, &all, true)
    }

    fn function(&mut self, at: usize, name: &str, arguments: &[&Ast], method: bool) -> Checked {
        let Some((function, count)) = Function::find(name, method) else {
            let help = match (Function::find(name, !method), method) {
                (Some(_), false) => format!("call it on a value: `data.text.{name}(…)`"),
                (Some(_), true) => format!("write `{name}(…)`"),
                _ if Macro::find(name).is_some() => {
                    format!("call it on a list: `data.list.{name}(x, …)`")
                }
                _ if ["length", "len", "count"].contains(&name) => "write `size(…)`".to_owned(),
                _ => explained(name).unwrap_or_else(|| {
                    let known = functions::NAMES.into_iter().chain(macros::NAMES);
                    did_you_mean(name, known, "").unwrap_or_else(|| functions::KNOWN.into())
                }),
            };
            return self.wrong(at, format!("there is no function `{name}`"), help);
        };
        if arguments.len() != count {
            let (wanted, given) = (
                count - usize::from(method),
                arguments.len() - usize::from(method),
            );
            return self.wrong(
                at,
                format!("{name}() takes {wanted} argument(s), not {given}"),
                "",
            );
        }
        let mut nodes = Vec::with_capacity(count);
        for (position, argument) in arguments.iter().enumerate() {
            let (node, kind) = self.check(argument);
            if !function.accepts(position, kind) {
                self.mistyped(
                    argument.at,
                    format!("{name}() does not take {}", kind.name()),
                    match (name, kind) {
                        ("contains", Type::List | Type::Map) => {
                            "for what is in a list or a map write `x in data.list`"
                        }
                        _ => "",
                    },
                );
            }
            nodes.push(node);
        }
        (Node::Call(function, nodes.into()), function.result())
    }
}

/// What to do about functions that CEL has and this language does not.
fn explained(name: &str) -> Option<String> {
    let help = match name {
        "timestamp" | "getFullYear" | "getMonth" | "getDate" | "getHours" | "getMinutes" => {
            "times are whole numbers of milliseconds here: compare `event.time` and `duration('…')`"
        }
        "uint" => "unsigned numbers do not exist here: write int(…)",
        "bytes" => "bytes do not exist here: use a text",
        "type" => "types are checked when the chart loads; ask has(…) for an entry",
        "dyn" => "leave it out: a `null` entry of the chart's data can hold anything",
        _ => return None,
    };
    Some(help.to_owned())
}
