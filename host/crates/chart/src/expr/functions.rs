//! The functions an expression can call. A small closed list: each terminates, has no side effect, and reads nothing but its arguments.

use super::check::Type;
use super::eval::EvalError;
use super::{NODES_MAX, TEXT_MAX};
use types::{Value, parse_duration};

/// A function of one or two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Contains,
    StartsWith,
    EndsWith,
    Int,
    Double,
    Text,
    Duration,
    Bool,
    LowerAscii,
    UpperAscii,
    Trim,
    Split,
    Join,
}

/// Shown where an unknown function is called.
pub(super) const KNOWN: &str = "known are In, has, size, matches, contains, startsWith, endsWith, lowerAscii, upperAscii, trim, split, join, int, double, string, bool, duration, and the macros exists, all, exists_one, filter and map";

/// Names for suggestions.
pub(super) const NAMES: [&str; 17] = [
    "In",
    "has",
    "size",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "int",
    "double",
    "string",
    "duration",
    "bool",
    "lowerAscii",
    "upperAscii",
    "trim",
    "split",
    "join",
];

impl Function {
    /// The function called `name` with `arguments` arguments (the receiver of a method counted), if there is one.
    pub fn find(name: &str, method: bool) -> Option<(Function, usize)> {
        Some(match (name, method) {
            ("size", _) => (Function::Size, 1),
            ("contains", true) => (Function::Contains, 2),
            ("startsWith", true) => (Function::StartsWith, 2),
            ("endsWith", true) => (Function::EndsWith, 2),
            ("int", false) => (Function::Int, 1),
            ("double", false) => (Function::Double, 1),
            ("string", false) => (Function::Text, 1),
            ("duration", false) => (Function::Duration, 1),
            ("bool", false) => (Function::Bool, 1),
            ("lowerAscii", true) => (Function::LowerAscii, 1),
            ("upperAscii", true) => (Function::UpperAscii, 1),
            ("trim", true) => (Function::Trim, 1),
            ("split", true) => (Function::Split, 2),
            ("join", true) => (Function::Join, 2),
            _ => return None,
        })
    }

    pub fn name(self) -> &'static str {
        match self {
            Function::Size => "size",
            Function::Contains => "contains",
            Function::StartsWith => "startsWith",
            Function::EndsWith => "endsWith",
            Function::Int => "int",
            Function::Double => "double",
            Function::Text => "string",
            Function::Duration => "duration",
            Function::Bool => "bool",
            Function::LowerAscii => "lowerAscii",
            Function::UpperAscii => "upperAscii",
            Function::Trim => "trim",
            Function::Split => "split",
            Function::Join => "join",
        }
    }

    /// The type of what it yields.
    pub fn result(self) -> Type {
        match self {
            Function::Size | Function::Int | Function::Duration => Type::Int,
            Function::Contains | Function::StartsWith | Function::EndsWith | Function::Bool => {
                Type::Bool
            }
            Function::Double => Type::Double,
            Function::Text
            | Function::LowerAscii
            | Function::UpperAscii
            | Function::Trim
            | Function::Join => Type::Text,
            Function::Split => Type::List,
        }
    }

    /// Whether a value of this type can be its argument number `position`.
    pub fn accepts(self, position: usize, argument: Type) -> bool {
        use Type::{Bool, Double, Int, List, Map, Text};
        let allowed: &[Type] = match (self, position) {
            (Function::Size, _) => &[Text, List, Map],
            (Function::Int | Function::Double, _) => &[Int, Double, Text],
            (Function::Text, _) => &[Int, Double, Text, Bool],
            (Function::Bool, _) => &[Bool, Text],
            (Function::Join, 0) => &[List],
            _ => &[Text],
        };
        argument == Type::Dynamic || allowed.contains(&argument)
    }

    pub fn call(self, first: &Value, second: Option<&Value>) -> Result<Value, EvalError> {
        let mismatch = || {
            let second = second.map(|s| format!(" and {}", s.type_name()));
            EvalError::new(format!(
                "{}() does not take {}{}",
                self.name(),
                first.type_name(),
                second.unwrap_or_default()
            ))
        };
        Ok(match (self, first, second) {
            (Function::Size, Value::Text(text), _) => Value::Int(text.chars().count() as i64),
            (Function::Size, Value::List(items), _) => Value::Int(items.len() as i64),
            (Function::Size, Value::Map(map), _) => Value::Int(map.len() as i64),
            (Function::Contains, Value::Text(text), Some(Value::Text(part))) => {
                Value::Bool(text.contains(&**part))
            }
            (Function::StartsWith, Value::Text(text), Some(Value::Text(part))) => {
                Value::Bool(text.starts_with(&**part))
            }
            (Function::EndsWith, Value::Text(text), Some(Value::Text(part))) => {
                Value::Bool(text.ends_with(&**part))
            }
            (Function::Int, Value::Int(n), _) => Value::Int(*n),
            // The first doubles that do not fit are ±2^63 themselves; CEL refuses both.
            (Function::Int, Value::Float(x), _) if x.abs() < 9_223_372_036_854_775_808.0 => {
                Value::Int(x.trunc() as i64)
            }
            (Function::Int, Value::Float(x), _) => {
                return Err(EvalError::new(format!("{x} does not fit into an int")));
            }
            (Function::Int, Value::Text(text), _) => Value::Int(
                text.parse()
                    .map_err(|_| EvalError::new(format!("'{text}' is not a whole number")))?,
            ),
            (Function::Double, Value::Int(n), _) => Value::Float(*n as f64),
            (Function::Double, Value::Float(x), _) => Value::Float(*x),
            (Function::Double, Value::Text(text), _) => Value::Float(
                text.parse()
                    .ok()
                    .filter(|x: &f64| x.is_finite())
                    .ok_or_else(|| EvalError::new(format!("'{text}' is not a number")))?,
            ),
            (Function::Text, Value::Text(text), _) => Value::Text(text.clone()),
            (Function::Text, Value::Int(n), _) => Value::text(n.to_string()),
            (Function::Text, Value::Float(x), _) => Value::text(x.to_string()),
            (Function::Text, Value::Bool(b), _) => Value::text(if *b { "true" } else { "false" }),
            (Function::Duration, Value::Text(text), _) => {
                let span = parse_duration(text).map_err(|e| EvalError::new(e.message))?;
                Value::Int(span.as_millis() as i64)
            }
            (Function::Bool, Value::Bool(b), _) => Value::Bool(*b),
            (Function::Bool, Value::Text(text), _) => match &**text {
                "true" | "True" | "TRUE" | "t" | "1" => Value::Bool(true),
                "false" | "False" | "FALSE" | "f" | "0" => Value::Bool(false),
                _ => {
                    let message = format!("'{text}' is neither 'true' nor 'false'");
                    return Err(EvalError::new(message));
                }
            },
            (Function::LowerAscii, Value::Text(text), _) => Value::text(text.to_ascii_lowercase()),
            (Function::UpperAscii, Value::Text(text), _) => Value::text(text.to_ascii_uppercase()),
            (Function::Trim, Value::Text(text), _) => Value::text(text.trim()),
            (Function::Split, Value::Text(text), Some(Value::Text(at))) => split(text, at)?,
            (Function::Join, Value::List(items), Some(Value::Text(between))) => {
                join(items, between)?
            }
            _ => return Err(mismatch()),
        })
    }
}

fn split(text: &str, at: &str) -> Result<Value, EvalError> {
    // An empty separator cuts between characters, as CEL's extension does.
    let pieces: Vec<Value> = if at.is_empty() {
        text.chars().map(|c| Value::text(c.to_string())).collect()
    } else {
        text.split(at)
            .take(NODES_MAX + 1)
            .map(Value::text)
            .collect()
    };
    if pieces.len() > NODES_MAX {
        return Err(EvalError::new("the list would become too long"));
    }
    Ok(Value::list(pieces))
}

fn join(items: &[Value], between: &str) -> Result<Value, EvalError> {
    let mut joined = String::new();
    for (number, item) in items.iter().enumerate() {
        let Value::Text(text) = item else {
            let message = format!(
                "join() takes a list of strings, and one item is {}",
                item.type_name()
            );
            return Err(EvalError::new(message));
        };
        if number > 0 {
            joined.push_str(between);
        }
        joined.push_str(text);
        if joined.len() > TEXT_MAX {
            let message = format!("the text would become longer than {TEXT_MAX} bytes");
            return Err(EvalError::new(message));
        }
    }
    Ok(Value::text(joined))
}
