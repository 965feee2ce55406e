//! Walks a compiled expression. Values are borrowed where they lie and copied only where a result outlives the walk; conditions are answered
//! without making values at all. Every walk ends: the tree is finite, only macros loop, and what they visit and what is made is bounded.

use super::ast::Operator;
use super::macros::{self, Frame};
use super::node::{Expr, Node, SystemName};
use super::{NODES_MAX, VALUE_DEPTH_MAX, ops, quick};
use crate::queue::{EventKind, Seen};
use crate::set::StateSet;
use std::borrow::Cow;
use std::sync::Arc;
use types::Value;

/// Why an expression has no value. It becomes an `error.execution`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct EvalError {
    /// What is wrong.
    pub message: Box<str>,
}

impl EvalError {
    pub fn new(message: impl Into<Box<str>>) -> Self {
        EvalError {
            message: message.into(),
        }
    }
}

/// What an expression can see.
pub(crate) struct Scope<'a> {
    /// The chart's data, by slot.
    pub data: &'a [Value],
    /// Slots that do not exist yet; only the suites have any.
    pub missing: &'a [u16],
    /// The active states.
    pub active: &'a StateSet,
    /// The event being processed; none before the first.
    pub event: Option<Seen<'a>>,
    /// The time of this step in milliseconds.
    pub now: i64,
    /// The session's id.
    pub session: &'a Arc<str>,
    /// The chart's name.
    pub name: &'a Arc<str>,
    /// Whether text joins with numbers (the suites).
    pub loose: bool,
    /// Variables of the macros around; none at first.
    pub locals: Option<&'a Frame<'a>>,
}

impl<'a> Scope<'a> {
    /// The same view from inside a macro.
    pub(super) fn with<'f>(&self, frame: &'f Frame<'f>) -> Scope<'f>
    where
        'a: 'f,
    {
        Scope {
            locals: Some(frame),
            ..*self
        }
    }
}

type Answer<'a> = Result<Cow<'a, Value>, EvalError>;

impl Expr {
    /// The value, borrowed where it lies in `scope`.
    pub fn evaluate<'a>(&'a self, scope: &Scope<'a>) -> Answer<'a> {
        evaluate(&self.node, scope)
    }

    /// The value as a condition; anything but a bool is an error.
    pub fn holds(&self, scope: &Scope<'_>) -> Result<bool, EvalError> {
        holds(&self.node, scope)
    }
}

fn owned<'a>(value: impl Into<Value>) -> Answer<'a> {
    Ok(Cow::Owned(value.into()))
}

pub(super) fn evaluate<'a>(node: &'a Node, scope: &Scope<'a>) -> Answer<'a> {
    match node {
        Node::Constant(value) => Ok(Cow::Borrowed(value)),
        Node::Data(slot) => Ok(Cow::Borrowed(&scope.data[usize::from(*slot)])),
        Node::MaybeData(slot) if scope.missing.contains(slot) => {
            Err(EvalError::new("this name is not defined yet"))
        }
        Node::MaybeData(slot) => Ok(Cow::Borrowed(&scope.data[usize::from(*slot)])),
        Node::System(name) => system(*name, scope),
        Node::Select(inner, key) => match evaluate(inner, scope)? {
            Cow::Borrowed(Value::Map(map)) => map
                .get(&**key)
                .map(Cow::Borrowed)
                .ok_or_else(|| no_such_key(key)),
            Cow::Owned(Value::Map(map)) => map
                .get(&**key)
                .cloned()
                .map(Cow::Owned)
                .ok_or_else(|| no_such_key(key)),
            other => Err(EvalError::new(format!(
                "`.{key}` needs a map, not {}",
                other.type_name()
            ))),
        },
        Node::Index(inner, index) => {
            let inner = evaluate(inner, scope)?;
            let index = evaluate(index, scope)?;
            match inner {
                Cow::Borrowed(value) => at(value, &index).map(Cow::Borrowed),
                Cow::Owned(value) => at(&value, &index).cloned().map(Cow::Owned),
            }
        }
        Node::Has(inner, key) => {
            // A path that leads nowhere is an answer, not an error.
            let found = evaluate(inner, scope).is_ok_and(|value| value.get(key).is_some());
            owned(found)
        }
        Node::Defined(inner) => {
            owned(evaluate(inner, scope).is_ok_and(|value| *value != Value::Null))
        }
        Node::Choice(condition, yes, no) => {
            if holds(condition, scope)? {
                evaluate(yes, scope)
            } else {
                evaluate(no, scope)
            }
        }
        Node::Negate(inner) => ops::negate(&*evaluate(inner, scope)?).map(Cow::Owned),
        Node::Binary(operator, left, right) => {
            let left = evaluate(left, scope)?;
            let right = evaluate(right, scope)?;
            ops::apply(*operator, &left, &right, scope.loose).map(Cow::Owned)
        }
        Node::List(items) => {
            let items: Result<Vec<Value>, EvalError> = items
                .iter()
                .map(|item| evaluate(item, scope).map(Cow::into_owned))
                .collect();
            Ok(Cow::Owned(Value::List(Arc::new(items?))))
        }
        Node::Map(entries) => map(entries, scope),
        Node::Call(function, arguments) => {
            let first = evaluate(&arguments[0], scope)?;
            let second = match arguments.get(1) {
                Some(argument) => Some(evaluate(argument, scope)?),
                None => None,
            };
            function.call(&first, second.as_deref()).map(Cow::Owned)
        }
        Node::Local(out) => {
            let found = scope.locals.and_then(|frame| frame.find(*out));
            Ok(Cow::Owned(found.cloned().unwrap_or_default()))
        }
        Node::Macro(node) => macros::run(node, scope).map(Cow::Owned),
        Node::Active(_) | Node::Not(_) | Node::And(..) | Node::Or(..) | Node::Matches(..) => {
            owned(holds(node, scope)?)
        }
        Node::Fail(message) => Err(EvalError::new(message.clone())),
    }
}

/// Conditions, with CEL's rule that an error on one side of `&&` or `||` does not matter where the other side decides.
pub(super) fn holds(node: &Node, scope: &Scope<'_>) -> Result<bool, EvalError> {
    match node {
        Node::Active(state) => Ok(scope.active.contains(*state)),
        Node::Not(inner) => holds(inner, scope).map(|b| !b),
        Node::And(left, right) => match holds(left, scope) {
            Ok(true) => holds(right, scope),
            Ok(false) => Ok(false),
            Err(error) => match holds(right, scope) {
                Ok(false) => Ok(false),
                _ => Err(error),
            },
        },
        Node::Or(left, right) => match holds(left, scope) {
            Ok(false) => holds(right, scope),
            Ok(true) => Ok(true),
            Err(error) => match holds(right, scope) {
                Ok(true) => Ok(true),
                _ => Err(error),
            },
        },
        Node::Binary(operator, left, right)
            if let Some(answer) = quick::comparison(*operator, left, right, scope) =>
        {
            Ok(answer)
        }
        Node::Binary(Operator::Equal, left, right) => {
            let left = evaluate(left, scope)?;
            Ok(ops::equal(&left, &*evaluate(right, scope)?))
        }
        Node::Binary(Operator::NotEqual, left, right) => {
            let left = evaluate(left, scope)?;
            Ok(!ops::equal(&left, &*evaluate(right, scope)?))
        }
        Node::Matches(text, pattern) => match &*evaluate(text, scope)? {
            Value::Text(text) => Ok(pattern.is_match(text)),
            other => Err(EvalError::new(format!(
                "matches() does not take {}",
                other.type_name()
            ))),
        },
        _ => {
            if let Some(answer) = quick::truth(node, scope) {
                return Ok(answer);
            }
            let value = evaluate(node, scope)?;
            value.as_bool().ok_or_else(|| {
                EvalError::new(format!(
                    "a condition must be true or false, not {}",
                    value.type_name()
                ))
            })
        }
    }
}

fn no_such_key(key: &str) -> EvalError {
    EvalError::new(format!("there is no entry `{key}`"))
}

fn at<'v>(value: &'v Value, index: &Value) -> Result<&'v Value, EvalError> {
    match (value, index) {
        (Value::List(items), Value::Int(n)) => usize::try_from(*n)
            .ok()
            .and_then(|n| items.get(n))
            .ok_or_else(|| {
                EvalError::new(format!(
                    "the index {n} is outside a list of {}",
                    items.len()
                ))
            }),
        (Value::Map(map), Value::Text(key)) => map.get(key).ok_or_else(|| no_such_key(key)),
        _ => Err(EvalError::new(format!(
            "{} cannot be indexed by {}",
            value.type_name(),
            index.type_name()
        ))),
    }
}

fn map<'a>(entries: &'a [(Node, Node)], scope: &Scope<'a>) -> Answer<'a> {
    let mut map = std::collections::BTreeMap::new();
    for (key, value) in entries {
        let key = match evaluate(key, scope)?.into_owned() {
            Value::Text(key) => key,
            other => {
                return Err(EvalError::new(format!(
                    "the key of a map must be a string, not {}",
                    other.type_name()
                )));
            }
        };
        let value = evaluate(value, scope)?.into_owned();
        if map.insert(key.clone(), value).is_some() {
            return Err(EvalError::new(format!(
                "the key `{key}` stands twice in a map"
            )));
        }
    }
    Ok(Cow::Owned(Value::Map(Arc::new(map))))
}

fn system<'a>(name: SystemName, scope: &Scope<'a>) -> Answer<'a> {
    let text = |text: &Arc<str>| Ok(Cow::Owned(Value::Text(text.clone())));
    let optional = |text: Option<&Arc<str>>| {
        Ok(Cow::Owned(
            text.map_or(Value::Null, |t| Value::Text(t.clone())),
        ))
    };
    let Some(seen) = scope.event else {
        return match name {
            SystemName::SessionId => text(scope.session),
            SystemName::ChartName => text(scope.name),
            SystemName::Processors => Ok(Cow::Owned(processors(scope.session))),
            SystemName::Event => Ok(Cow::Owned(Value::Null)),
            // `_event` is unbound before the first event: its fields are no values in the suites.
            _ if scope.loose => Err(EvalError::new("there is no event yet")),
            SystemName::EventTime => owned(scope.now),
            SystemName::EventName => owned(""),
            _ => Ok(Cow::Owned(Value::Null)),
        };
    };
    match name {
        SystemName::EventName => text(&seen.event.name),
        SystemName::EventData => Ok(Cow::Borrowed(&seen.event.data)),
        SystemName::EventTime => owned(seen.event.time),
        SystemName::EventType => owned(seen.kind().name()),
        SystemName::EventSendId => optional(seen.send_id()),
        SystemName::EventOrigin => optional(seen.origin()),
        SystemName::EventOriginType => {
            if seen.kind() == EventKind::External && seen.origin().is_some() {
                owned(crate::queue::PROCESSOR)
            } else {
                Ok(Cow::Owned(Value::Null))
            }
        }
        SystemName::EventInvokeId => optional(seen.invoke()),
        SystemName::Event => whole_event(seen, scope),
        SystemName::SessionId => text(scope.session),
        SystemName::ChartName => text(scope.name),
        SystemName::Processors => Ok(Cow::Owned(processors(scope.session))),
    }
}

/// The one way in which events travel between charts, by its long name and its short one.
fn processors(session: &str) -> Value {
    let address = Value::text(format!("#_scxml_{session}"));
    let processor = Value::map([("location", address)]);
    Value::map([
        (crate::queue::PROCESSOR, processor.clone()),
        ("scxml", processor),
    ])
}

fn whole_event<'a>(seen: Seen<'_>, scope: &Scope<'a>) -> Answer<'a> {
    let fields = [
        ("name", SystemName::EventName),
        ("type", SystemName::EventType),
        ("sendid", SystemName::EventSendId),
        ("origin", SystemName::EventOrigin),
        ("origintype", SystemName::EventOriginType),
        ("invokeid", SystemName::EventInvokeId),
    ];
    let mut entries = vec![("data", seen.event.data.clone())];
    for (key, name) in fields {
        entries.push((key, system(name, scope)?.into_owned()));
    }
    owned(Value::map(entries))
}

/// Refuse a value that is too large or too deep to be kept: a chart that doubles a list in a loop must end in an error, not in the
/// exhaustion of memory, and a value that nests without end would overflow the stack of whoever prints it.
///
/// The answer is how many values it holds.
pub(crate) fn weigh(value: &Value) -> Result<usize, EvalError> {
    fn count(value: &Value, depth: usize, left: &mut usize) -> Result<(), EvalError> {
        *left = left.checked_sub(1).ok_or_else(|| {
            EvalError::new(format!("the value holds more than {NODES_MAX} values"))
        })?;
        if depth > VALUE_DEPTH_MAX {
            return Err(EvalError::new(format!(
                "the value nests deeper than {VALUE_DEPTH_MAX}"
            )));
        }
        match value {
            Value::List(items) => items.iter().try_for_each(|v| count(v, depth + 1, left)),
            Value::Map(map) => map.values().try_for_each(|v| count(v, depth + 1, left)),
            _ => Ok(()),
        }
    }
    let mut left = NODES_MAX;
    count(value, 1, &mut left)?;
    Ok(NODES_MAX - left)
}
