//! The part of the expression language that random charts and the suites use, read and evaluated in the plainest way: the tree is built anew
//! at every evaluation. It knows nothing of the engine's compiler, checker and evaluator.

use std::collections::BTreeMap;
use std::sync::Arc;
use types::Value;

/// What expressions can see.
pub trait World {
    /// The value behind a name such as `data`, `n` or `_event`.
    fn name(&self, name: &str) -> Result<Value, String>;
    /// `In(id)`.
    fn is_in(&self, id: &str) -> Result<bool, String>;
    /// Whether text joins with numbers, as the suites want.
    fn loose(&self) -> bool;
}

#[derive(Debug)]
enum Tree {
    Value(Value),
    Name(String),
    Member(Box<Tree>, String),
    Index(Box<Tree>, Box<Tree>),
    Call(String, Vec<Tree>),
    Not(Box<Tree>),
    Minus(Box<Tree>),
    Two(&'static str, Box<Tree>, Box<Tree>),
    Choice(Box<Tree>, Box<Tree>, Box<Tree>),
    List(Vec<Tree>),
    Map(Vec<(Tree, Tree)>),
}

/// The value of `text`, or why it has none.
pub fn evaluate(text: &str, world: &dyn World) -> Result<Value, String> {
    let mut reader = Reader {
        rest: text,
        bare_keys: world.loose(),
    };
    let tree = reader.choice()?;
    if !reader.skip().is_empty() {
        return Err(format!("`{}` is left over", reader.rest));
    }
    value(&tree, world)
}

/// The value of `text`, which must be true or false.
pub fn condition(text: &str, world: &dyn World) -> Result<bool, String> {
    truth(evaluate(text, world)?)
}

fn truth(value: Value) -> Result<bool, String> {
    value
        .as_bool()
        .ok_or_else(|| "neither true nor false".into())
}

struct Reader<'t> {
    rest: &'t str,
    bare_keys: bool,
}

/// Operators by precedence, the weakest first.
const LEVELS: [&[&str]; 5] = [
    &["||"],
    &["&&"],
    &["==", "!=", "<=", ">=", "<", ">", "in "],
    &["+", "-"],
    &["*", "/", "%"],
];

impl<'t> Reader<'t> {
    fn skip(&mut self) -> &'t str {
        self.rest = self.rest.trim_start();
        self.rest
    }

    fn take(&mut self, symbol: &str) -> bool {
        match self.skip().strip_prefix(symbol) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn need(&mut self, symbol: &str) -> Result<(), String> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(format!("`{symbol}` is missing before `{}`", self.rest))
    }

    fn choice(&mut self) -> Result<Tree, String> {
        let condition = self.binary(0)?;
        if !self.take("?") {
            return Ok(condition);
        }
        let yes = self.choice()?;
        self.need(":")?;
        Ok(Tree::Choice(
            condition.into(),
            yes.into(),
            self.choice()?.into(),
        ))
    }

    fn binary(&mut self, level: usize) -> Result<Tree, String> {
        let Some(operators) = LEVELS.get(level) else {
            return self.unary();
        };
        let mut left = self.binary(level + 1)?;
        while let Some(operator) = operators.iter().find(|o| self.take(o)) {
            left = Tree::Two(operator, left.into(), self.binary(level + 1)?.into());
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Tree, String> {
        if self.take("!") {
            return Ok(Tree::Not(self.unary()?.into()));
        }
        if self.take("-") {
            return Ok(Tree::Minus(self.unary()?.into()));
        }
        let mut tree = self.primary()?;
        loop {
            if self.take(".") {
                let name = self.word();
                if name.is_empty() {
                    return Err("a name is missing after `.`".into());
                }
                tree = if self.take("(") {
                    let mut arguments = self.items(")")?;
                    arguments.insert(0, tree);
                    Tree::Call(name, arguments)
                } else {
                    Tree::Member(tree.into(), name)
                };
            } else if self.take("[") {
                let index = self.choice()?;
                self.need("]")?;
                tree = Tree::Index(tree.into(), index.into());
            } else {
                return Ok(tree);
            }
        }
    }

    fn word(&mut self) -> String {
        let text = self.skip();
        let end = text
            .find(|c: char| !c.is_alphanumeric() && c != '_' && c != '$')
            .unwrap_or(text.len());
        self.rest = &text[end..];
        text[..end].to_owned()
    }

    fn items(&mut self, close: &str) -> Result<Vec<Tree>, String> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.choice()?);
            if !self.take(",") {
                self.need(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn primary(&mut self) -> Result<Tree, String> {
        if self.take("(") {
            let inner = self.choice()?;
            self.need(")")?;
            return Ok(inner);
        }
        if self.take("[") {
            return Ok(Tree::List(self.items("]")?));
        }
        if self.take("{") {
            return self.map();
        }
        let text = self.skip();
        match text.chars().next() {
            Some(quote @ ('\'' | '"')) => {
                let end = text[1..].find(quote).ok_or("a text does not end")?;
                self.rest = &text[end + 2..];
                let inside = &text[1..=end];
                if inside.contains('\\') {
                    return Err("escapes are not read here".into());
                }
                Ok(Tree::Value(Value::text(inside)))
            }
            Some(c) if c.is_ascii_digit() => {
                let end = text
                    .find(|c: char| !c.is_ascii_digit() && c != '.')
                    .unwrap_or(text.len());
                self.rest = &text[end..];
                let digits = &text[..end];
                let number = digits
                    .parse()
                    .map(Value::Int)
                    .or_else(|_| digits.parse().map(Value::Float));
                number
                    .map(Tree::Value)
                    .map_err(|_| format!("`{digits}` is no number"))
            }
            Some(c) if c.is_alphabetic() || c == '_' || c == '$' => {
                let name = self.word();
                if self.take("(") {
                    return Ok(Tree::Call(name, self.items(")")?));
                }
                Ok(match name.as_str() {
                    "true" => Tree::Value(Value::Bool(true)),
                    "false" => Tree::Value(Value::Bool(false)),
                    "null" => Tree::Value(Value::Null),
                    _ => Tree::Name(name),
                })
            }
            _ => Err(format!("no value at `{text}`")),
        }
    }

    fn map(&mut self) -> Result<Tree, String> {
        let mut entries = Vec::new();
        while !self.take("}") {
            let key = match self.choice()? {
                Tree::Name(name) if self.bare_keys => Tree::Value(Value::text(name)),
                key => key,
            };
            self.need(":")?;
            entries.push((key, self.choice()?));
            if !self.take(",") {
                self.need("}")?;
                break;
            }
        }
        Ok(Tree::Map(entries))
    }
}

fn value(tree: &Tree, world: &dyn World) -> Result<Value, String> {
    match tree {
        Tree::Value(value) => Ok(value.clone()),
        Tree::Name(name) => world.name(name),
        Tree::Member(of, key) => match value(of, world)? {
            Value::Map(map) => map
                .get(key.as_str())
                .cloned()
                .ok_or(format!("no entry `{key}`")),
            _ => Err(format!("`.{key}` of no map")),
        },
        Tree::Index(of, index) => match (value(of, world)?, value(index, world)?) {
            (Value::List(items), Value::Int(n)) => usize::try_from(n)
                .ok()
                .and_then(|n| items.get(n).cloned())
                .ok_or("outside the list".into()),
            (Value::Map(map), Value::Text(key)) => {
                map.get(&*key).cloned().ok_or("no such entry".into())
            }
            _ => Err("cannot be indexed".into()),
        },
        Tree::Call(name, arguments) => call(name, arguments, world),
        Tree::Not(inner) => Ok(Value::Bool(!truth(value(inner, world)?)?)),
        Tree::Minus(inner) => match value(inner, world)? {
            Value::Int(n) => n.checked_neg().map(Value::Int).ok_or("overflow".into()),
            Value::Float(x) => Ok(Value::Float(-x)),
            _ => Err("`-` of no number".into()),
        },
        Tree::Choice(condition, yes, no) => {
            let chosen = if truth(value(condition, world)?)? {
                yes
            } else {
                no
            };
            value(chosen, world)
        }
        Tree::List(items) => {
            let items: Result<Vec<Value>, String> = items.iter().map(|i| value(i, world)).collect();
            items.map(Value::list)
        }
        Tree::Map(entries) => {
            let mut map = BTreeMap::new();
            for (key, of) in entries {
                let Value::Text(key) = value(key, world)? else {
                    return Err("a key is no text".into());
                };
                map.insert(key, value(of, world)?);
            }
            Ok(Value::Map(Arc::new(map)))
        }
        Tree::Two(operator @ ("&&" | "||"), left, right) => {
            // Where one side decides, an error of the other does not matter.
            let decides = *operator == "||";
            let left = value(left, world).and_then(truth);
            let right = value(right, world).and_then(truth);
            match (left, right) {
                (Ok(b), _) | (_, Ok(b)) if b == decides => Ok(Value::Bool(decides)),
                (Ok(_), Ok(_)) => Ok(Value::Bool(!decides)),
                (Err(error), _) | (_, Err(error)) => Err(error),
            }
        }
        Tree::Two(operator, left, right) => two(
            operator,
            value(left, world)?,
            value(right, world)?,
            world.loose(),
        ),
    }
}

fn call(name: &str, arguments: &[Tree], world: &dyn World) -> Result<Value, String> {
    match (name, arguments) {
        ("In", [state]) => match value(state, world)? {
            Value::Text(id) => world.is_in(&id).map(Value::Bool),
            _ => Err("In() of no text".into()),
        },
        ("defined", [inner]) if world.loose() => {
            let known = value(inner, world).is_ok_and(|v| v != Value::Null);
            Ok(Value::Bool(known))
        }
        ("size", [of]) => match value(of, world)? {
            Value::Text(text) => Ok(Value::Int(text.chars().count() as i64)),
            Value::List(items) => Ok(Value::Int(items.len() as i64)),
            Value::Map(map) => Ok(Value::Int(map.len() as i64)),
            _ => Err("size() of what has none".into()),
        },
        ("contains" | "startsWith", [of, part]) => match (value(of, world)?, value(part, world)?) {
            (Value::Text(of), Value::Text(part)) if name == "contains" => {
                Ok(Value::Bool(of.contains(&*part)))
            }
            (Value::Text(of), Value::Text(part)) => Ok(Value::Bool(of.starts_with(&*part))),
            _ => Err(format!("{name}() of no text")),
        },
        _ => Err(format!("no function `{name}`")),
    }
}

fn two(operator: &str, left: Value, right: Value, loose: bool) -> Result<Value, String> {
    use Value::{Float, Int, List, Text};
    let number = |v: &Value| match v {
        Int(n) => Some(*n as f64),
        Float(x) => Some(*x),
        _ => None,
    };
    let bad = Err(format!("`{operator}` of {left} and {right}"));
    match (operator, &left, &right) {
        ("==" | "!=", ..) => {
            let equal = match (number(&left), number(&right)) {
                (Some(a), Some(b)) => a == b,
                _ => left == right,
            };
            Ok(Value::Bool(equal == (operator == "==")))
        }
        ("<" | "<=" | ">" | ">=", ..) => {
            let order = match (&left, &right) {
                (Text(a), Text(b)) => a.partial_cmp(b),
                _ => number(&left)
                    .zip(number(&right))
                    .and_then(|(a, b)| a.partial_cmp(&b)),
            };
            let Some(order) = order else { return bad };
            Ok(Value::Bool(match operator {
                "<" => order.is_lt(),
                "<=" => order.is_le(),
                ">" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
        ("in ", _, List(items)) => Ok(Value::Bool(items.contains(&left))),
        ("in ", Text(key), Value::Map(map)) => Ok(Value::Bool(map.contains_key(key))),
        ("+", Text(a), Text(b)) => Ok(Value::text(format!("{a}{b}"))),
        ("+", List(a), List(b)) => Ok(Value::list(a.iter().chain(b.iter()).cloned())),
        ("+", Text(a), _) if loose && number(&right).is_some() => {
            Ok(Value::text(format!("{a}{right}")))
        }
        ("+", _, Text(b)) if loose && number(&left).is_some() => {
            Ok(Value::text(format!("{left}{b}")))
        }
        (_, Int(a), Int(b)) => match operator {
            "+" => a.checked_add(*b),
            "-" => a.checked_sub(*b),
            "*" => a.checked_mul(*b),
            "/" => a.checked_div(*b),
            _ => a.checked_rem(*b),
        }
        .map(Int)
        .ok_or("no such whole number".into()),
        _ => {
            let Some((a, b)) = number(&left).zip(number(&right)) else {
                return bad;
            };
            let result = match operator {
                "+" => a + b,
                "-" => a - b,
                "*" => a * b,
                "/" => a / b,
                _ => return bad,
            };
            if result.is_finite() {
                Ok(Float(result))
            } else {
                bad
            }
        }
    }
}
