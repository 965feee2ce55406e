//! Reads tokens into a tree, with CEL's precedence: `?:`, `||`, `&&`, comparisons and `in`, `+ -`, `* / %`, `! -`, then members.

use super::ast::{Ast, Kind, Operator};
use super::token::{Token, TokenKind, tokens};
use super::{DEPTH_MAX, LENGTH_MAX, Problem};
use types::Value;

/// Read `text`. With `bare_keys` a name before `:` in a map is its own text, as in JavaScript (the suites write maps so).
pub(super) fn parse(text: &str, bare_keys: bool) -> Result<Ast, Problem> {
    if text.len() > LENGTH_MAX {
        return Err(Problem::new(
            0,
            format!("this expression is longer than {LENGTH_MAX} bytes"),
            "split it: assign parts of it to data entries first",
        ));
    }
    let mut parser = Parser {
        tokens: tokens(text)?,
        position: 0,
        nesting: 0,
        bare_keys,
    };
    if parser.peek() == &TokenKind::End {
        return Err(Problem::new(0, "the expression is empty", ""));
    }
    let marked = ["${", "{{", "#{"]
        .into_iter()
        .find(|mark| text.trim_start().starts_with(mark));
    if let Some(mark) = marked {
        return Err(Problem::new(
            text.len() - text.trim_start().len(),
            format!("an expression stands by itself, without `{mark}`"),
            "write for instance `data.rounds > 1`",
        ));
    }
    let ast = parser.expression()?;
    match parser.peek() {
        TokenKind::End => Ok(ast),
        other => Err(Problem::new(
            parser.at(),
            format!("{} is not expected here", other.describe()),
            match other {
                // What Python and SQL write.
                TokenKind::Name(name) if name.eq_ignore_ascii_case("and") => "write `&&`",
                TokenKind::Name(name) if name.eq_ignore_ascii_case("or") => "write `||`",
                _ if parser.after_not() => "for the opposite write `!`",
                _ => "an operator is missing before it, or a bracket is closed twice",
            },
        )),
    }
}

struct Parser {
    tokens: Vec<Token>,
    position: usize,
    nesting: u16,
    bare_keys: bool,
}

type Parsed = Result<Ast, Problem>;

const COMPARISONS: [(&str, Operator); 6] = [
    ("==", Operator::Equal),
    ("!=", Operator::NotEqual),
    ("<=", Operator::LessEqual),
    (">=", Operator::GreaterEqual),
    ("<", Operator::Less),
    (">", Operator::Greater),
];
const SUMS: [(&str, Operator); 2] = [("+", Operator::Add), ("-", Operator::Subtract)];
const PRODUCTS: [(&str, Operator); 3] = [
    ("*", Operator::Multiply),
    ("/", Operator::Divide),
    ("%", Operator::Remainder),
];

impl Parser {
    /// Whether what was read last is the word `not`.
    fn after_not(&self) -> bool {
        let before = self.position.checked_sub(1).map(|n| &self.tokens[n].kind);
        matches!(before, Some(TokenKind::Name(name)) if name.eq_ignore_ascii_case("not"))
    }

    fn peek(&self) -> &TokenKind {
        &self.tokens[self.position].kind
    }

    fn at(&self) -> usize {
        self.tokens[self.position].at
    }

    /// Step over `symbol` if it is next.
    fn take(&mut self, symbol: &str) -> bool {
        let found = matches!(self.peek(), TokenKind::Symbol(s) if *s == symbol);
        if found {
            self.position += 1;
        }
        found
    }

    fn expect(&mut self, symbol: &str) -> Result<(), Problem> {
        if self.take(symbol) {
            return Ok(());
        }
        Err(Problem::new(
            self.at(),
            format!(
                "`{symbol}` is expected here, not {}",
                self.peek().describe()
            ),
            "",
        ))
    }

    fn node(&self, at: usize, kind: Kind) -> Parsed {
        let mut ast = Ast { kind, at, depth: 1 };
        ast.depth += ast.children().iter().map(|c| c.depth).max().unwrap_or(0);
        if ast.depth > DEPTH_MAX {
            return Err(self.too_deep(at));
        }
        Ok(ast)
    }

    fn too_deep(&self, at: usize) -> Problem {
        Problem::new(
            at,
            format!("this expression nests deeper than {DEPTH_MAX}"),
            "split it: assign parts of it to data entries first",
        )
    }

    fn expression(&mut self) -> Parsed {
        self.nesting += 1;
        if self.nesting > DEPTH_MAX {
            return Err(self.too_deep(self.at()));
        }
        let at = self.at();
        let mut ast = self.or()?;
        if self.take("?") {
            let yes = self.or()?;
            self.expect(":")?;
            let no = self.expression()?;
            ast = self.node(at, Kind::Choice(Box::new(ast), Box::new(yes), Box::new(no)))?;
        }
        self.nesting -= 1;
        Ok(ast)
    }

    fn or(&mut self) -> Parsed {
        let at = self.at();
        let mut ast = self.and()?;
        while self.take("||") {
            let right = self.and()?;
            ast = self.node(at, Kind::Or(Box::new(ast), Box::new(right)))?;
        }
        Ok(ast)
    }

    fn and(&mut self) -> Parsed {
        let at = self.at();
        let mut ast = self.comparison()?;
        while self.take("&&") {
            let right = self.comparison()?;
            ast = self.node(at, Kind::And(Box::new(ast), Box::new(right)))?;
        }
        Ok(ast)
    }

    fn comparison(&mut self) -> Parsed {
        let at = self.at();
        let mut ast = self.chain(&SUMS, Self::product)?;
        loop {
            let operator = match self.peek() {
                TokenKind::Name(name) if name == "in" => Some(Operator::In),
                TokenKind::Symbol(symbol) => COMPARISONS
                    .iter()
                    .find(|(text, _)| text == symbol)
                    .map(|(_, operator)| *operator),
                _ => None,
            };
            let Some(operator) = operator else {
                return Ok(ast);
            };
            self.position += 1;
            let right = self.chain(&SUMS, Self::product)?;
            ast = self.node(at, Kind::Binary(operator, Box::new(ast), Box::new(right)))?;
        }
    }

    fn product(&mut self) -> Parsed {
        self.chain(&PRODUCTS, Self::unary)
    }

    fn chain(
        &mut self,
        operators: &[(&'static str, Operator)],
        operand: fn(&mut Self) -> Parsed,
    ) -> Parsed {
        let at = self.at();
        let mut ast = operand(self)?;
        'more: loop {
            for (symbol, operator) in operators {
                if self.take(symbol) {
                    let right = operand(self)?;
                    ast = self.node(at, Kind::Binary(*operator, Box::new(ast), Box::new(right)))?;
                    continue 'more;
                }
            }
            return Ok(ast);
        }
    }

    fn unary(&mut self) -> Parsed {
        let at = self.at();
        // A counter instead of recursion: a thousand minuses are one loop.
        let (mut nots, mut minuses) = (0u16, 0u16);
        while self.take("!") {
            nots += 1;
        }
        if nots == 0 {
            while self.take("-") {
                minuses += 1;
            }
        }
        if nots > DEPTH_MAX || minuses > DEPTH_MAX {
            return Err(self.too_deep(at));
        }
        let mut ast = match self.peek() {
            // The one number whose minus belongs to it.
            TokenKind::IntMinMagnitude if minuses > 0 => {
                minuses -= 1;
                self.position += 1;
                self.node(at, Kind::Literal(Value::Int(i64::MIN)))?
            }
            _ => self.member()?,
        };
        for _ in 0..nots {
            ast = self.node(at, Kind::Not(Box::new(ast)))?;
        }
        for _ in 0..minuses {
            ast = match ast.kind {
                Kind::Literal(Value::Int(n)) if n != i64::MIN => {
                    self.node(at, Kind::Literal(Value::Int(-n)))?
                }
                Kind::Literal(Value::Float(x)) => self.node(at, Kind::Literal(Value::Float(-x)))?,
                _ => self.node(at, Kind::Negate(Box::new(ast)))?,
            };
        }
        Ok(ast)
    }

    fn member(&mut self) -> Parsed {
        let at = self.at();
        let mut ast = self.primary()?;
        loop {
            if self.take(".") {
                let name_at = self.at();
                let TokenKind::Name(name) = self.peek().clone() else {
                    return Err(Problem::new(
                        name_at,
                        format!(
                            "a name is expected after `.`, not {}",
                            self.peek().describe()
                        ),
                        "a key that is no plain name is written in brackets: data.map['a key']",
                    ));
                };
                self.position += 1;
                ast = if self.take("(") {
                    let arguments = self.items(")")?;
                    self.node(name_at, Kind::Method(Box::new(ast), name, arguments))?
                } else {
                    self.node(name_at, Kind::Select(Box::new(ast), name))?
                };
            } else if self.take("[") {
                let index = self.expression()?;
                self.expect("]")?;
                ast = self.node(at, Kind::Index(Box::new(ast), Box::new(index)))?;
            } else {
                return Ok(ast);
            }
        }
    }

    fn primary(&mut self) -> Parsed {
        let at = self.at();
        let token = self.peek().clone();
        self.position = (self.position + 1).min(self.tokens.len() - 1);
        match token {
            TokenKind::Int(n) => self.node(at, Kind::Literal(Value::Int(n))),
            TokenKind::Double(x) => self.node(at, Kind::Literal(Value::Float(x))),
            TokenKind::Text(text) => self.node(at, Kind::Literal(Value::text(text))),
            TokenKind::Name(name) => match name.as_str() {
                "true" => self.node(at, Kind::Literal(Value::Bool(true))),
                "false" => self.node(at, Kind::Literal(Value::Bool(false))),
                "null" => self.node(at, Kind::Literal(Value::Null)),
                _ if self.take("(") => {
                    let arguments = self.items(")")?;
                    self.node(at, Kind::Call(name, arguments))
                }
                _ => self.node(at, Kind::Name(name)),
            },
            TokenKind::Symbol("(") => {
                let inner = self.expression()?;
                self.expect(")")?;
                Ok(inner)
            }
            TokenKind::Symbol("[") => {
                let items = self.items("]")?;
                self.node(at, Kind::List(items))
            }
            TokenKind::Symbol("{") => self.map(at),
            TokenKind::IntMinMagnitude => Err(Problem::new(
                at,
                "`9223372036854775808` is too large for a whole number of 64 bits",
                "",
            )),
            other => Err(Problem::new(
                at,
                format!("a value is expected here, not {}", other.describe()),
                "",
            )),
        }
    }

    /// Comma-separated expressions up to `close`; a comma may stand before it.
    fn items(&mut self, close: &str) -> Result<Vec<Ast>, Problem> {
        let mut items = Vec::new();
        while !self.take(close) {
            items.push(self.expression()?);
            if !self.take(",") {
                self.expect(close)?;
                break;
            }
        }
        Ok(items)
    }

    fn map(&mut self, at: usize) -> Parsed {
        let mut entries = Vec::new();
        while !self.take("}") {
            let key_at = self.at();
            let bare = match (self.peek(), self.tokens.get(self.position + 1)) {
                (TokenKind::Name(name), Some(next))
                    if self.bare_keys && next.kind == TokenKind::Symbol(":") =>
                {
                    Some(name.clone())
                }
                _ => None,
            };
            let key = match bare {
                Some(name) => {
                    self.position += 1;
                    self.node(key_at, Kind::Literal(Value::text(name)))?
                }
                None => self.expression()?,
            };
            self.expect(":")?;
            let value = self.expression()?;
            entries.push((key, value));
            if !self.take(",") {
                self.expect("}")?;
                break;
            }
        }
        self.node(at, Kind::Map(entries))
    }
}
