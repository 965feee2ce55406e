//! A compiled expression: every name is a slot or a state's number, every pattern is compiled, every literal is a value.

use super::ast::Operator;
use super::functions::Function;
use super::macros::Macro;
use crate::StateId;
use std::sync::Arc;
use types::Value;

/// An expression, ready to be evaluated.
#[derive(Clone, Debug)]
pub(crate) struct Expr {
    pub(super) node: Node,
    /// As it was written, for messages.
    pub text: Arc<str>,
}

/// What the suites call system variables; `event.*` of YAML charts are the first three.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SystemName {
    EventName,
    EventData,
    EventTime,
    EventType,
    EventSendId,
    EventOrigin,
    EventOriginType,
    EventInvokeId,
    /// The whole `_event`.
    Event,
    SessionId,
    ChartName,
    /// `_ioprocessors`: how events travel, and the address of this session.
    Processors,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Constant(Value),
    /// An entry of the chart's data.
    Data(u16),
    /// An entry that may not exist yet (a `foreach` of the suites makes it).
    MaybeData(u16),
    System(SystemName),
    /// `In('state')`.
    Active(StateId),
    Select(Box<Node>, Box<str>),
    Index(Box<Node>, Box<Node>),
    Has(Box<Node>, Box<str>),
    Defined(Box<Node>),
    Not(Box<Node>),
    Negate(Box<Node>),
    Binary(Operator, Box<Node>, Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
    Choice(Box<Node>, Box<Node>, Box<Node>),
    List(Box<[Node]>),
    Map(Box<[(Node, Node)]>),
    Call(Function, Box<[Node]>),
    Matches(Box<Node>, Box<regex::Regex>),
    /// The variable of the macro so many macros further out.
    Local(u16),
    Macro(Box<MacroNode>),
    /// Something wrong that the suites want reported at run time.
    Fail(Box<str>),
}

impl Expr {
    /// Whether the value can depend on the event that is being processed.
    pub fn reads_event(&self) -> bool {
        self.node.reads_event()
    }
}

impl Node {
    fn reads_event(&self) -> bool {
        match self {
            Node::System(name) => !matches!(
                name,
                SystemName::SessionId | SystemName::ChartName | SystemName::Processors
            ),
            Node::Constant(_)
            | Node::Data(_)
            | Node::MaybeData(_)
            | Node::Active(_)
            | Node::Local(_)
            | Node::Fail(_) => false,
            Node::Select(inner, _)
            | Node::Has(inner, _)
            | Node::Defined(inner)
            | Node::Not(inner)
            | Node::Negate(inner)
            | Node::Matches(inner, _) => inner.reads_event(),
            Node::Index(left, right)
            | Node::Binary(_, left, right)
            | Node::And(left, right)
            | Node::Or(left, right) => left.reads_event() || right.reads_event(),
            Node::Choice(condition, yes, no) => {
                condition.reads_event() || yes.reads_event() || no.reads_event()
            }
            Node::List(items) | Node::Call(_, items) => items.iter().any(Node::reads_event),
            Node::Map(entries) => {
                let reads = |(key, value): &(Node, Node)| key.reads_event() || value.reads_event();
                entries.iter().any(reads)
            }
            Node::Macro(node) => {
                let parts = std::iter::once(&node.over).chain(&node.condition);
                parts.chain(&node.result).any(Node::reads_event)
            }
        }
    }
}

/// A macro over the items of a list or the keys of a map.
#[derive(Clone, Debug)]
pub(super) struct MacroNode {
    pub kind: Macro,
    pub over: Node,
    /// What decides; of a plain `map` nothing does.
    pub condition: Option<Node>,
    /// What `map` makes of each item.
    pub result: Option<Node>,
}
