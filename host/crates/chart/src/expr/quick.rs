//! Short cuts for what guards and assignments mostly are: comparing and counting whole numbers, and looking at what lies in data and event.
//!
//! A short cut answers without making a value or an error, or it says nothing (`None`), and then the walk in [`eval`](super::eval) answers. It may
//! give no other answer than that walk would. None leads through a condition, so no part of an expression is walked more than twice.

use super::ast::Operator;
use super::eval::Scope;
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
        Node::Binary(operator, left, right) => {
            let calculate = match operator {
                Operator::Add => i64::checked_add,
                Operator::Subtract => i64::checked_sub,
                Operator::Multiply => i64::checked_mul,
                Operator::Remainder => i64::checked_rem,
                _ => return None,
            };
            calculate(int(left, scope)?, int(right, scope)?)
        }
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
        _ => None,
    }
}

/// The text, if it is one and lies somewhere.
fn text<'a>(node: &'a Node, scope: &Scope<'a>) -> Option<&'a str> {
    match node {
        Node::System(SystemName::EventName) => Some(&scope.event?.event.name),
        node => place(node, scope)?.as_text(),
    }
}

/// A truth value that lies somewhere.
pub(super) fn truth(node: &Node, scope: &Scope<'_>) -> Option<bool> {
    place(node, scope)?.as_bool()
}

/// What a comparison says.
pub(super) fn comparison(
    operator: Operator,
    left: &Node,
    right: &Node,
    scope: &Scope<'_>,
) -> Option<bool> {
    if let Some(a) = int(left, scope)
        && let Some(b) = int(right, scope)
    {
        return match operator {
            Operator::Equal => Some(a == b),
            Operator::NotEqual => Some(a != b),
            Operator::Less => Some(a < b),
            Operator::LessEqual => Some(a <= b),
            Operator::Greater => Some(a > b),
            Operator::GreaterEqual => Some(a >= b),
            _ => None,
        };
    }
    if !matches!(operator, Operator::Equal | Operator::NotEqual) {
        return None;
    }
    let equal = match (text(left, scope), text(right, scope)) {
        (Some(a), Some(b)) => a == b,
        _ => ops::equal(place(left, scope)?, place(right, scope)?),
    };
    Some(equal == (operator == Operator::Equal))
}
