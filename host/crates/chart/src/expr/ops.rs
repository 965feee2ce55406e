//! Operators on values. Whole numbers are checked, never wrapped; a result that is no finite number is an error, because a snapshot could
//! not store it. `int` and `double` compare by their exact values, as in CEL.

use super::TEXT_MAX;
use super::ast::Operator;
use super::eval::EvalError;
use std::cmp::Ordering;
use std::sync::Arc;
use types::Value;

type Answer = Result<Value, EvalError>;

/// Apply `operator`. `loose` joins text with numbers, as the suites' log lines do.
pub(super) fn apply(operator: Operator, left: &Value, right: &Value, loose: bool) -> Answer {
    match operator {
        Operator::Equal => Ok(Value::Bool(equal(left, right))),
        Operator::NotEqual => Ok(Value::Bool(!equal(left, right))),
        Operator::Less => ordered(operator, left, right, |o| o == Ordering::Less),
        Operator::LessEqual => ordered(operator, left, right, |o| o != Ordering::Greater),
        Operator::Greater => ordered(operator, left, right, |o| o == Ordering::Greater),
        Operator::GreaterEqual => ordered(operator, left, right, |o| o != Ordering::Less),
        Operator::In => member(left, right),
        Operator::Add => add(left, right, loose),
        Operator::Subtract => arithmetic(operator, left, right, i64::checked_sub, |a, b| a - b),
        Operator::Multiply => arithmetic(operator, left, right, i64::checked_mul, |a, b| a * b),
        Operator::Divide => {
            if let (Value::Int(_), Value::Int(0)) = (left, right) {
                return Err(EvalError::new("division by zero"));
            }
            arithmetic(operator, left, right, i64::checked_div, |a, b| a / b)
        }
        Operator::Remainder => match (left, right) {
            (Value::Int(_), Value::Int(0)) => Err(EvalError::new("division by zero")),
            (Value::Int(a), Value::Int(b)) => {
                a.checked_rem(*b).map(Value::Int).ok_or_else(overflow)
            }
            _ => Err(mismatch(operator, left, right)),
        },
    }
}

pub(super) fn negate(value: &Value) -> Answer {
    match value {
        Value::Int(n) => n.checked_neg().map(Value::Int).ok_or_else(overflow),
        Value::Float(x) => Ok(Value::Float(-x)),
        other => Err(EvalError::new(format!(
            "`-` does not take {}",
            other.type_name()
        ))),
    }
}

/// Values of different types are unequal, but numbers are compared as numbers.
pub(super) fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Int(_), Value::Float(_)) | (Value::Float(_), Value::Int(_)) => {
            compare(left, right) == Some(Ordering::Equal)
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b.iter()).all(|(a, b)| equal(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .zip(b.iter())
                    .all(|((ka, va), (kb, vb))| ka == kb && equal(va, vb))
        }
        _ => left == right,
    }
}

fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Float(a), Value::Float(b)) => a.partial_cmp(b),
        (Value::Int(a), Value::Float(b)) => compare_exactly(*a, *b),
        (Value::Float(a), Value::Int(b)) => compare_exactly(*b, *a).map(Ordering::reverse),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

/// Compare without rounding the int to a double: 2^53 + 1 is not 2^53.
fn compare_exactly(int: i64, double: f64) -> Option<Ordering> {
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    if double.is_nan() {
        return None;
    }
    if double >= LIMIT {
        return Some(Ordering::Less);
    }
    if double < -LIMIT {
        return Some(Ordering::Greater);
    }
    let whole = double.trunc();
    Some(int.cmp(&(whole as i64)).then_with(|| {
        // Equal up to the point: what stands behind it decides.
        0.0_f64
            .partial_cmp(&(double - whole))
            .unwrap_or(Ordering::Equal)
    }))
}

fn ordered(operator: Operator, left: &Value, right: &Value, holds: fn(Ordering) -> bool) -> Answer {
    compare(left, right)
        .map(|ordering| Value::Bool(holds(ordering)))
        .ok_or_else(|| mismatch(operator, left, right))
}

fn member(left: &Value, right: &Value) -> Answer {
    match (left, right) {
        (_, Value::List(items)) => Ok(Value::Bool(items.iter().any(|item| equal(left, item)))),
        (Value::Text(key), Value::Map(map)) => Ok(Value::Bool(map.contains_key(&**key))),
        (_, Value::Map(_)) => Ok(Value::Bool(false)),
        _ => Err(mismatch(Operator::In, left, right)),
    }
}

fn add(left: &Value, right: &Value, loose: bool) -> Answer {
    match (left, right) {
        (Value::Text(a), Value::Text(b)) => joined(a, b),
        (Value::List(a), Value::List(b)) => {
            if a.len() + b.len() > super::NODES_MAX {
                return Err(EvalError::new("the list would become too long"));
            }
            Ok(Value::List(Arc::new(
                a.iter().chain(b.iter()).cloned().collect(),
            )))
        }
        (Value::Text(a), Value::Int(_) | Value::Float(_) | Value::Bool(_)) if loose => {
            joined(a, &right.to_string())
        }
        (Value::Int(_) | Value::Float(_) | Value::Bool(_), Value::Text(b)) if loose => {
            joined(&left.to_string(), b)
        }
        _ => arithmetic(Operator::Add, left, right, i64::checked_add, |a, b| a + b),
    }
}

fn joined(a: &str, b: &str) -> Answer {
    if a.len() + b.len() > TEXT_MAX {
        return Err(EvalError::new(format!(
            "the text would become longer than {TEXT_MAX} bytes"
        )));
    }
    Ok(Value::text([a, b].concat()))
}

fn arithmetic(
    operator: Operator,
    left: &Value,
    right: &Value,
    ints: fn(i64, i64) -> Option<i64>,
    doubles: fn(f64, f64) -> f64,
) -> Answer {
    let (a, b) = match (left, right) {
        (Value::Int(a), Value::Int(b)) => {
            return ints(*a, *b).map(Value::Int).ok_or_else(overflow);
        }
        (Value::Float(a), Value::Float(b)) => (*a, *b),
        (Value::Int(a), Value::Float(b)) => (*a as f64, *b),
        (Value::Float(a), Value::Int(b)) => (*a, *b as f64),
        _ => return Err(mismatch(operator, left, right)),
    };
    let result = doubles(a, b);
    if result.is_finite() {
        Ok(Value::Float(result))
    } else {
        Err(EvalError::new(format!(
            "`{}` yields no finite number",
            operator.symbol()
        )))
    }
}

fn overflow() -> EvalError {
    EvalError::new("the whole number would overflow 64 bits")
}

fn mismatch(operator: Operator, left: &Value, right: &Value) -> EvalError {
    EvalError::new(format!(
        "`{}` does not take {} and {}",
        operator.symbol(),
        left.type_name(),
        right.type_name()
    ))
}
