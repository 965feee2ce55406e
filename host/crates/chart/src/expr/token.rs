//! Cuts the text of an expression into tokens. Numbers and texts are CEL's: `1`, `0x1f`, `2.5`, `1e3`, `'it''s'` not, `'it\'s'`, `"x"`, `r'\d'`.

use super::Problem;

/// A token and where it begins, in characters.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum TokenKind {
    Int(i64),
    /// 9223372036854775808, which is an int only behind a minus.
    IntMinMagnitude,
    Double(f64),
    Text(String),
    Name(String),
    Symbol(&'static str),
    End,
}

impl TokenKind {
    /// How a message calls it.
    pub fn describe(&self) -> String {
        match self {
            TokenKind::Int(n) => format!("`{n}`"),
            TokenKind::IntMinMagnitude => "`9223372036854775808`".into(),
            TokenKind::Double(x) => format!("`{x}`"),
            TokenKind::Text(_) => "a text".into(),
            TokenKind::Name(name) => format!("`{name}`"),
            TokenKind::Symbol(symbol) => format!("`{symbol}`"),
            TokenKind::End => "the end".into(),
        }
    }
}

/// Longest first, so that `<=` is not read as `<`.
const SYMBOLS: [&str; 25] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "+", "-", "*", "/", "%", "!", "(", ")", "[", "]",
    "{", "}", ",", ".", ":", "?", ";",
];

/// All tokens of `text`, the last one `End`.
pub(super) fn tokens(text: &str) -> Result<Vec<Token>, Problem> {
    let mut cutter = Cutter {
        characters: text.chars().collect(),
        position: 0,
    };
    let mut tokens = Vec::new();
    loop {
        let token = cutter.next()?;
        let end = token.kind == TokenKind::End;
        tokens.push(token);
        if end {
            return Ok(tokens);
        }
    }
}

struct Cutter {
    characters: Vec<char>,
    position: usize,
}

impl Cutter {
    fn peek(&self, ahead: usize) -> char {
        *self.characters.get(self.position + ahead).unwrap_or(&'\0')
    }

    fn next(&mut self) -> Result<Token, Problem> {
        while self.position < self.characters.len() && self.peek(0).is_whitespace() {
            self.position += 1;
        }
        let at = self.position;
        if at >= self.characters.len() {
            return Ok(Token {
                kind: TokenKind::End,
                at,
            });
        }
        let first = self.peek(0);
        let kind = if first.is_ascii_digit() || (first == '.' && self.peek(1).is_ascii_digit()) {
            self.number()?
        } else if first == '\'' || first == '"' {
            self.text(false)?
        } else if matches!(first, 'b' | 'B') && matches!(self.peek(1), '\'' | '"') {
            let help = "leave the `b` out: a text holds any characters";
            return Err(Problem::new(at, "bytes do not exist here", help));
        } else if matches!(first, 'r' | 'R') && matches!(self.peek(1), '\'' | '"') {
            self.position += 1;
            self.text(true)?
        } else if is_name_start(first) {
            while is_name_part(self.peek(0)) {
                self.position += 1;
            }
            TokenKind::Name(self.characters[at..self.position].iter().collect())
        } else {
            self.symbol()?
        };
        Ok(Token { kind, at })
    }

    fn symbol(&mut self) -> Result<TokenKind, Problem> {
        for symbol in SYMBOLS {
            if symbol.chars().enumerate().all(|(n, c)| self.peek(n) == c) {
                self.position += symbol.len();
                return Ok(TokenKind::Symbol(symbol));
            }
        }
        let help = match self.peek(0) {
            '=' => "to compare, write `==`; an expression cannot assign",
            '&' => "write `&&`",
            '|' => "write `||`",
            _ => "",
        };
        Err(Problem::new(
            self.position,
            format!("`{}` means nothing here", self.peek(0)),
            help,
        ))
    }

    fn number(&mut self) -> Result<TokenKind, Problem> {
        let at = self.position;
        if self.peek(0) == '0' && matches!(self.peek(1), 'x' | 'X') {
            self.position += 2;
            while self.peek(0).is_ascii_hexdigit() {
                self.position += 1;
            }
            let digits: String = self.characters[at + 2..self.position].iter().collect();
            return match i64::from_str_radix(&digits, 16) {
                Ok(n) if !is_name_part(self.peek(0)) => Ok(TokenKind::Int(n)),
                _ => Err(Problem::new(
                    at,
                    "this is not a whole number of 64 bits",
                    "",
                )),
            };
        }
        let mut double = false;
        while self.peek(0).is_ascii_digit() {
            self.position += 1;
        }
        if self.peek(0) == '.' && self.peek(1).is_ascii_digit() {
            double = true;
            self.position += 1;
            while self.peek(0).is_ascii_digit() {
                self.position += 1;
            }
        }
        if matches!(self.peek(0), 'e' | 'E') {
            let sign = usize::from(matches!(self.peek(1), '+' | '-'));
            if self.peek(1 + sign).is_ascii_digit() {
                double = true;
                self.position += 1 + sign;
                while self.peek(0).is_ascii_digit() {
                    self.position += 1;
                }
            }
        }
        let digits: String = self.characters[at..self.position].iter().collect();
        if is_name_part(self.peek(0)) {
            let help = if matches!(self.peek(0), 'u' | 'U') {
                "unsigned numbers do not exist here: leave the `u` out".to_owned()
            } else {
                format!("for a length of time write `duration('{digits}…')`")
            };
            return Err(Problem::new(
                self.position,
                format!("`{}` cannot follow the number `{digits}`", self.peek(0)),
                help,
            ));
        }
        if double {
            return match digits.parse::<f64>() {
                Ok(x) if x.is_finite() => Ok(TokenKind::Double(x)),
                _ => Err(Problem::new(at, format!("`{digits}` is too large"), "")),
            };
        }
        match digits.parse::<u64>() {
            Ok(n) if i64::try_from(n).is_ok() => Ok(TokenKind::Int(n as i64)),
            Ok(n) if n == 1 << 63 => Ok(TokenKind::IntMinMagnitude),
            _ => Err(Problem::new(
                at,
                format!("`{digits}` is too large for a whole number of 64 bits"),
                "",
            )),
        }
    }

    fn text(&mut self, raw: bool) -> Result<TokenKind, Problem> {
        let at = self.position;
        let quote = self.peek(0);
        self.position += 1;
        let mut text = String::new();
        loop {
            if self.position >= self.characters.len() {
                return Err(Problem::new(
                    at,
                    "this text does not end",
                    format!("close it with {quote}"),
                ));
            }
            let c = self.peek(0);
            self.position += 1;
            match c {
                _ if c == quote => return Ok(TokenKind::Text(text)),
                '\\' if !raw => text.push(self.escape()?),
                _ => text.push(c),
            }
        }
    }

    fn escape(&mut self) -> Result<char, Problem> {
        let at = self.position - 1;
        let c = self.peek(0);
        self.position += 1;
        let digits = match c {
            'n' => return Ok('\n'),
            't' => return Ok('\t'),
            'r' => return Ok('\r'),
            'a' => return Ok('\u{7}'),
            'b' => return Ok('\u{8}'),
            'f' => return Ok('\u{c}'),
            'v' => return Ok('\u{b}'),
            '\\' | '\'' | '"' | '`' | '?' => return Ok(c),
            'x' | 'X' => 2,
            'u' => 4,
            'U' => 8,
            _ => {
                return Err(Problem::new(
                    at,
                    format!("`\\{c}` is not an escape"),
                    "for a backslash itself write `\\\\`, or a raw text such as r'\\d+'",
                ));
            }
        };
        let end = (self.position + digits).min(self.characters.len());
        let code: String = self.characters[self.position..end].iter().collect();
        self.position = end;
        u32::from_str_radix(&code, 16)
            .ok()
            .filter(|_| code.len() == digits)
            .and_then(char::from_u32)
            .ok_or_else(|| Problem::new(at, "this escape names no character", ""))
    }
}

fn is_name_start(c: char) -> bool {
    c.is_ascii_alphabetic() || c == '_' || c == '$'
}

fn is_name_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}
