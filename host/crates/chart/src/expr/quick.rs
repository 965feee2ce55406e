//! Short cuts for what guards and assignments mostly are: comparing and counting whole numbers, and looking at what lies in data and event.
//!
//! A short cut answers without making a value or an error, or it says nothing (`None`), and then the walk in [`eval`](super::eval) answers. It may
//! give no other answer than that walk would. None leads through a condition, so no part of an expression is walked more than twice.

use super::ast::Operator;
use super::eval::Scope;
use super::functions::Function;
use super::node::{Expr, Node, SystemName};
use super::ops;
use types::Value;

impl Expr {
    /// The value, if it is a whole number and nothing but whole numbers lead to it.
    #[inline]
    pub fn int(&self, scope: &Scope<'_>) -> Option<i64> {
        int(&self.node, scope)
    }
}

fn int(node: &Node, scope: &Scope<'_>) -> Option<i64> {
    match node {
        Node::Binary(
            operator @ (Operator::Add
            | Operator::Subtract
            | Operator::Multiply
            | Operator::Remainder),
            left,
            right,
        ) => {
            let (left, right) = (int(left, scope)?, int(right, scope)?);
            match operator {
                Operator::Add => left.checked_add(right),
                Operator::Subtract => left.checked_sub(right),
                Operator::Multiply => left.checked_mul(right),
                Operator::Remainder => left.checked_rem(right),
                _ => None,
            }
        }
        Node::Constant(value) => value.as_int(),
        Node::Data(slot) => scope.data[usize::from(*slot)].as_int(),
        Node::Call(Function::Size, arguments) => match place(arguments.first()?, scope)? {
            Value::List(items) => i64::try_from(items.len()).ok(),
            Value::Map(map) => i64::try_from(map.len()).ok(),
            _ => None,
        },
        node => place(node, scope)?.as_int(),
    }
}

/// Where the value lies, if it lies anywhere.
fn place<'a>(node: &'a Node, scope: &Scope<'a>) -> Option<&'a Value> {
    match node {
        Node::Constant(value) => Some(value),
        Node::Data(slot) => Some(&scope.data[usize::from(*slot)]),
        Node::System(SystemName::EventData) => Some(&scope.event?.event.data),
        Node::Select(inner, key) => place(inner, scope)?.get(key),
        Node::Index(inner, index) => match (place(inner, scope)?, place(index, scope)?) {
            (Value::List(items), Value::Int(n)) => items.get(usize::try_from(*n).ok()?),
            (Value::Map(map), Value::Text(key)) => map.get(key),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the value lies in data or event if it is anywhere: where [`place`] finds none, there is none.
fn is_path(node: &Node) -> bool {
    match node {
        Node::Data(_) | Node::System(SystemName::EventData) => true,
        Node::Select(inner, _) => is_path(inner),
        _ => false,
    }
}

/// The text, if it is one and lies somewhere.
fn text<'a>(node: &'a Node, scope: &Scope<'a>) -> Option<&'a str> {
    match node {
        Node::System(SystemName::EventName) => Some(&scope.event?.event.name),
        node => place(node, scope)?.as_text(),
    }
}

/// A truth value that is found without ado.
pub(super) fn truth(node: &Node, scope: &Scope<'_>) -> Option<bool> {
    match node {
        Node::Has(inner, key) if is_path(inner) => {
            Some(place(inner, scope).is_some_and(|value| value.get(key).is_some()))
        }
        Node::Call(function, arguments) => {
            let [whole, part] = &**arguments else {
                return None;
            };
            let (whole, part) = (text(whole, scope)?, text(part, scope)?);
            match function {
                Function::Contains => Some(whole.contains(part)),
                Function::StartsWith => Some(whole.starts_with(part)),
                Function::EndsWith => Some(whole.ends_with(part)),
                _ => None,
            }
        }
        node => place(node, scope)?.as_bool(),
    }
}

/// One side of a comparison.
enum Operand<'a> {
    Int(i64),
    Text(&'a str),
    Other(&'a Value),
}

fn operand<'a>(node: &'a Node, scope: &Scope<'a>) -> Option<Operand<'a>> {
    match node {
        Node::Binary(..) | Node::Call(..) => int(node, scope).map(Operand::Int),
        Node::System(SystemName::EventName) => text(node, scope).map(Operand::Text),
        node => place(node, scope).map(|value| match value {
            Value::Int(number) => Operand::Int(*number),
            Value::Text(text) => Operand::Text(text),
            other => Operand::Other(other),
        }),
    }
}

/// What a comparison says.
pub(super) fn comparison(
    operator: Operator,
    left: &Node,
    right: &Node,
    scope: &Scope<'_>,
) -> Option<bool> {
    if operator == Operator::In {
        return contains(right, left, scope);
    }
    let ordering = match (operand(left, scope)?, operand(right, scope)?) {
        (Operand::Int(a), Operand::Int(b)) => a.cmp(&b),
        (Operand::Text(a), Operand::Text(b)) => a.cmp(b),
        (Operand::Other(a), Operand::Other(b)) => {
            return match operator {
                Operator::Equal => Some(ops::equal(a, b)),
                Operator::NotEqual => Some(!ops::equal(a, b)),
                _ => None,
            };
        }
        _ => return None,
    };
    match operator {
        Operator::Equal => Some(ordering.is_eq()),
        Operator::NotEqual => Some(ordering.is_ne()),
        Operator::Less => Some(ordering.is_lt()),
        Operator::LessEqual => Some(ordering.is_le()),
        Operator::Greater => Some(ordering.is_gt()),
        Operator::GreaterEqual => Some(ordering.is_ge()),
        _ => None,
    }
}

/// Whether a list that lies somewhere contains what lies or is said elsewhere.
fn contains(list: &Node, item: &Node, scope: &Scope<'_>) -> Option<bool> {
    let Value::List(items) = place(list, scope)? else {
        return None;
    };
    if let Some(item) = text(item, scope) {
        return Some(items.iter().any(|value| value.as_text() == Some(item)));
    }
    let item = place(item, scope)?;
    Some(items.iter().any(|value| ops::equal(item, value)))
}
