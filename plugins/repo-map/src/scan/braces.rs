//! Languages with blocks in braces: a head is collected up to its `{` or `;`, and what it defines is listed unless it stands in a function.

use super::heads::{self, Around, Ending};
use crate::languages::{Language, Opens};
use crate::lexer::{Kind as TokenKind, Lexer, Token};
use crate::outline::{Collector, Kind, joined};

/// Tokens kept of one head: no signature that a person reads is longer.
const HEAD_MAX: usize = 160;

/// A block that is open.
#[derive(Clone, Copy)]
struct Block<'a> {
    /// What it defines, if that is listed.
    definition: Option<u32>,
    /// Whether definitions in it are listed.
    listed: bool,
    /// The type whose members they are.
    around: Around<'a>,
    /// Where the statements around it end.
    base: usize,
    /// `typedef … {`: the name follows.
    typedef: Option<u32>,
}

struct Scanner<'a, 'c> {
    language: &'static Language,
    collector: &'c mut Collector,
    blocks: Vec<Block<'a>>,
    head: Vec<Token<'a>>,
    /// The last token, which may be beyond what is kept of the head.
    last: Option<Token<'a>>,
    /// Brackets that are open, and braces that are open in brackets: those are values, not blocks.
    open: Vec<u8>,
    /// How many of them are open around the statements of the innermost block or group.
    base: usize,
    /// The word before `(` in Go's groups, and how many blocks are open around it.
    group: Option<(Token<'a>, usize)>,
    /// Blocks as they were at each `#if` that is open.
    branches: Vec<Vec<Block<'a>>>,
    typedef: Option<u32>,
}

pub fn scan(text: &str, language: &'static Language, collector: &mut Collector) {
    let mut scanner = Scanner {
        language,
        collector,
        blocks: Vec::new(),
        head: Vec::new(),
        last: None,
        open: Vec::new(),
        base: 0,
        group: None,
        branches: Vec::new(),
        typedef: None,
    };
    let mut lexer = Lexer::new(text, language);
    while let Some(token) = lexer.next() {
        match token.kind {
            TokenKind::Newline => {
                if language.newline_ends && scanner.may_end() && !goes_on(lexer.peek_significant())
                {
                    scanner.over();
                }
            }
            TokenKind::Directive => scanner.directive(&token),
            _ => scanner.take(token),
        }
    }
    scanner.over();
}

/// Whether a statement goes on in the next line, by what that begins with.
fn goes_on(next: Option<u8>) -> bool {
    matches!(
        next,
        Some(
            b'{' | b'.'
                | b'='
                | b':'
                | b','
                | b')'
                | b']'
                | b'?'
                | b'&'
                | b'|'
                | b'+'
                | b'<'
                | b'>'
        )
    )
}

impl<'a> Scanner<'a, '_> {
    fn listed(&self) -> bool {
        self.blocks.last().is_none_or(|block| block.listed)
    }

    fn around(&self) -> Around<'a> {
        self.blocks
            .last()
            .map(|block| block.around)
            .unwrap_or_default()
    }

    /// Whether the end of a line may be the end of a statement here.
    fn may_end(&self) -> bool {
        let open = self.open.len() > self.base || self.head.is_empty();
        let unfinished = self.last.is_some_and(|last| {
            last.kind == TokenKind::Mark
                && !matches!(
                    last.text.as_bytes()[0],
                    b')' | b']' | b'}' | b'>' | b'?' | b'!' | b'*'
                )
        });
        !open && !unfinished
    }

    fn take(&mut self, token: Token<'a>) {
        if token.kind == TokenKind::Word {
            self.collector.uses(&token);
        }
        if token.kind == TokenKind::Mark {
            let mark = token.text.as_bytes()[0];
            let outside = self.open.len() <= self.base;
            match mark {
                b'{' if outside => return self.open_block(),
                b';' if outside => return self.over(),
                b'(' if self.begins_group() => return,
                b'(' | b'[' | b'{' => self.open.push(mark),
                b')' | b']' if outside && self.ends_group() => return,
                b')' | b']' if outside => {}
                b')' | b']' => {
                    // A brace that is open keeps what it holds together, whatever stands there.
                    self.open.pop_if(|open| *open != b'{');
                }
                b'}' => match self.open[self.base..]
                    .iter()
                    .rposition(|open| *open == b'{')
                {
                    Some(at) => self.open.truncate(self.base + at),
                    None => return self.close_block(),
                },
                _ => {}
            }
        }
        self.last = Some(token);
        if self.listed() && self.head.len() < HEAD_MAX {
            self.head.push(token);
        }
    }

    /// `const (`, `type (`, `var (`.
    fn begins_group(&mut self) -> bool {
        let [word] = self.head.as_slice() else {
            return false;
        };
        let groups = self.language.groups
            && self.group.is_none()
            && self.listed()
            && matches!(word.text, "const" | "type" | "var");
        if groups {
            self.group = Some((*word, self.blocks.len()));
            self.open.push(b'(');
            self.base += 1;
            self.head.clear();
        }
        groups
    }

    fn ends_group(&mut self) -> bool {
        if self
            .group
            .is_none_or(|(_, blocks)| blocks != self.blocks.len())
        {
            return false;
        }
        self.over();
        self.group = None;
        self.base -= 1;
        self.open.truncate(self.base);
        true
    }

    fn directive(&mut self, token: &Token<'a>) {
        let mut words = token.text[1..].split_ascii_whitespace();
        match words.next().unwrap_or_default() {
            "define" => {
                let rest = words.next().unwrap_or_default();
                let length = rest
                    .bytes()
                    .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
                    .count();
                // A name alone guards against being included twice.
                let says_something = length < rest.len() || words.next().is_some();
                if length > 0 && says_something && self.language.characters {
                    let hash = crate::lexer::hash(&rest[..length]);
                    let name = Token {
                        text: &rest[..length],
                        hash,
                        ..*token
                    };
                    let shown = token.text.split('\n').next().unwrap_or_default();
                    let shown = shown.trim_end_matches(['\\', '\r']).trim_end();
                    let parent = self.blocks.last().and_then(|block| block.definition);
                    self.collector.define(
                        Kind::Macro,
                        token.line,
                        parent,
                        Some((&name, true)),
                        shown.to_owned(),
                    );
                }
            }
            "if" | "ifdef" | "ifndef" => self.branches.push(self.blocks.clone()),
            // Each branch may open the same block once more.
            "else" | "elif" => {
                if let Some(blocks) = self.branches.last() {
                    self.blocks.clone_from(blocks);
                }
            }
            "endif" => drop(self.branches.pop()),
            _ => {}
        }
    }

    /// A block begins.
    fn open_block(&mut self) {
        let mut block = Block {
            definition: None,
            listed: false,
            around: Around::default(),
            base: self.base,
            typedef: None,
        };
        if self.listed() {
            let transparent = self.language.preprocessor
                && matches!(self.head.as_slice(), [word, text] if word.is_word("extern") && text.kind == TokenKind::Literal);
            if transparent {
                block.listed = true;
                block.definition = self.blocks.last().and_then(|block| block.definition);
            } else if let Some((definition, opens, around)) = self.define(Ending::Block) {
                block.definition = definition;
                block.listed = opens == Opens::Members;
                block.around = around;
            }
            if self
                .head
                .first()
                .is_some_and(|token| token.is_word("typedef"))
            {
                block.typedef = self.head.first().map(|token| token.line);
            }
        }
        self.blocks.push(block);
        self.base = self.open.len();
        self.reset();
    }

    fn close_block(&mut self) {
        self.over();
        if let Some(block) = self.blocks.pop() {
            self.base = block.base;
            self.open.truncate(self.base);
            self.typedef = block.typedef;
            // A group does not outlive the block it stands in.
            self.group = self
                .group
                .filter(|(_, blocks)| *blocks <= self.blocks.len());
        }
    }

    /// The statement is over.
    fn over(&mut self) {
        if !self.head.is_empty() && self.listed() {
            match self.typedef {
                Some(line) => self.define_typedef(line),
                None => drop(self.define(Ending::Over)),
            }
        }
        self.open.truncate(self.base);
        self.reset();
        self.typedef = None;
    }

    fn reset(&mut self) {
        self.head.clear();
        self.last = None;
    }

    /// `} name;` after `typedef struct {`.
    fn define_typedef(&mut self, line: u32) {
        if let [.., name] = self.head.as_slice()
            && name.kind == TokenKind::Word
        {
            let shown = format!("typedef … {}", joined(&self.head));
            let parent = self.blocks.last().and_then(|block| block.definition);
            self.collector
                .define(Kind::Type, line, parent, Some((name, true)), shown);
        }
    }

    /// Put down what the head defines. Answers its index, what its block holds, and what its members stand in.
    fn define(&mut self, ending: Ending) -> Option<(Option<u32>, Opens, Around<'a>)> {
        if let Some((word, _)) = self
            .group
            .filter(|(_, blocks)| *blocks == self.blocks.len())
        {
            self.head.insert(0, word);
            let line = self.head.get(1).map_or(word.line, |token| token.line);
            self.head[0].line = line;
        }
        let is_typedef = ending == Ending::Over
            && self
                .head
                .first()
                .is_some_and(|token| token.is_word("typedef"));
        if is_typedef {
            let name = self
                .head
                .iter()
                .rev()
                .find(|token| token.kind == TokenKind::Word)?;
            let first = self.head.first()?;
            self.collector.define(
                Kind::Type,
                first.line,
                None,
                Some((name, true)),
                joined(&self.head),
            );
            return None;
        }
        let around = self.around();
        let head = heads::read(self.language, &self.head, ending, around)?;
        let kind = match head.kind {
            Kind::Function if around.class.is_some() => Kind::Method,
            kind => kind,
        };
        let parent = self.blocks.last().and_then(|block| block.definition);
        let line = head.shown.first()?.line;
        let shown = joined(head.shown);
        // A brace that follows belongs to the value.
        let shown = shown.trim_end_matches([' ', '=', '|']).to_owned();
        let inner = match kind {
            Kind::Type | Kind::Group => Around {
                class: Some(head.name.map_or("", |name| name.text)),
                visible: head.visible && kind == Kind::Type,
            },
            _ => Around::default(),
        };
        let opens = head.opens;
        let name = head.name.map(|name| (name, head.visible));
        let index = self.collector.define(kind, line, parent, name, shown);
        Some((index, opens, inner))
    }
}
