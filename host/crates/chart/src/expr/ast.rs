//! The tree that an expression's text is read into, before names mean anything.

use types::Value;

/// A piece of an expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ast {
    /// What it is.
    pub kind: Kind,
    /// Where it begins, in characters from the beginning of the expression.
    pub at: usize,
    /// How deep it nests, itself included.
    pub depth: u16,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Literal(Value),
    Name(String),
    Select(Box<Ast>, String),
    Index(Box<Ast>, Box<Ast>),
    /// A call of a function by its name.
    Call(String, Vec<Ast>),
    /// A call on a value: `text.contains('x')`.
    Method(Box<Ast>, String, Vec<Ast>),
    Not(Box<Ast>),
    Negate(Box<Ast>),
    Binary(Operator, Box<Ast>, Box<Ast>),
    And(Box<Ast>, Box<Ast>),
    Or(Box<Ast>, Box<Ast>),
    Choice(Box<Ast>, Box<Ast>, Box<Ast>),
    List(Vec<Ast>),
    Map(Vec<(Ast, Ast)>),
}

/// An operator between two values that are both needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    In,
}

impl Operator {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Operator::Add => "+",
            Operator::Subtract => "-",
            Operator::Multiply => "*",
            Operator::Divide => "/",
            Operator::Remainder => "%",
            Operator::Equal => "==",
            Operator::NotEqual => "!=",
            Operator::Less => "<",
            Operator::LessEqual => "<=",
            Operator::Greater => ">",
            Operator::GreaterEqual => ">=",
            Operator::In => "in",
        }
    }
}

impl Ast {
    /// The pieces directly below.
    pub fn children(&self) -> Vec<&Ast> {
        match &self.kind {
            Kind::Literal(_) | Kind::Name(_) => vec![],
            Kind::Select(a, _) | Kind::Not(a) | Kind::Negate(a) => vec![a],
            Kind::Index(a, b) | Kind::Binary(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) => {
                vec![a, b]
            }
            Kind::Choice(a, b, c) => vec![a, b, c],
            Kind::Call(_, items) | Kind::List(items) => items.iter().collect(),
            Kind::Method(a, _, items) => std::iter::once(&**a).chain(items).collect(),
            Kind::Map(entries) => entries.iter().flat_map(|(k, v)| [k, v]).collect(),
        }
    }
}
