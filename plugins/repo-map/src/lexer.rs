//! One pass over a source text: words, marks and lines, with comments and strings out of the way.
//!
//! It knows no grammar. What it must not be fooled by is stated per language in `languages`: how comments and strings begin and end there. Where a text is
//! not what its name promises, tokens come out odd, but it always ends and never looks at a byte more than a few times.

mod strings;

use crate::languages::Language;
use memchr::{memchr, memmem};

/// How far is looked ahead.
const PEEK: usize = 400;

/// Where FNV-1a begins.
const FNV_OFFSET: u32 = 0x811c_9dc5;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name or a keyword.
    Word,
    /// One ASCII character of punctuation.
    Mark,
    /// A string, a character, a number, a regular expression.
    Literal,
    /// A line for the preprocessor, with the lines that continue it.
    Directive,
    /// The end of a line.
    Newline,
}

/// A piece of the text.
#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub kind: Kind,
    pub text: &'a str,
    /// Its line, from 1.
    pub line: u32,
    /// How far from the start of its line it stands, in bytes.
    pub column: u32,
    /// Whether blanks stand before it.
    pub spaced: bool,
    /// Of a word, a hash of its text.
    pub hash: u32,
}

impl Token<'_> {
    /// Whether it is this mark.
    pub fn is(&self, mark: u8) -> bool {
        self.kind == Kind::Mark && self.text.as_bytes()[0] == mark
    }

    /// Whether it is this word.
    pub fn is_word(&self, word: &str) -> bool {
        self.kind == Kind::Word && self.text == word
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Blank,
    Line,
    Word,
    Digit,
    /// May begin a comment or a string.
    Opening,
    Mark,
}

/// The tokens of a text.
pub struct Lexer<'a> {
    text: &'a str,
    bytes: &'a [u8],
    language: &'static Language,
    classes: [Class; 256],
    at: usize,
    line: u32,
    line_start: usize,
    /// Whether only blanks came since the start of the line.
    fresh: bool,
    /// Whether an operand came last: a `/` behind one divides, elsewhere it begins a regular expression.
    operand: bool,
    /// The words that end the heredocs which begin on this line.
    heredocs: Vec<strings::Heredoc<'a>>,
}

impl<'a> Lexer<'a> {
    /// The tokens of `text`, which is in `language`.
    pub fn new(text: &'a str, language: &'static Language) -> Self {
        let mut lexer = Lexer {
            text,
            bytes: text.as_bytes(),
            language,
            classes: classes(language),
            at: 0,
            line: 1,
            line_start: 0,
            fresh: true,
            operand: false,
            heredocs: Vec::new(),
        };
        if let Some((open, _)) = language.embedded {
            lexer.enter_embedded(open);
        }
        if text.starts_with("#!") && !text.starts_with("#![") {
            lexer.skip_line();
        }
        lexer
    }

    fn token(&self, kind: Kind, start: usize, spaced: bool, hash: u32) -> Token<'a> {
        Token {
            kind,
            text: self.text.get(start..self.at).unwrap_or(" "),
            line: self.line,
            column: (start - self.line_start.min(start)) as u32,
            spaced,
            hash,
        }
    }

    /// Go to `end`, counting the lines passed.
    fn pass(&mut self, end: usize) {
        let end = end.min(self.bytes.len());
        let passed = &self.bytes[self.at..end];
        for newline in memchr::memchr_iter(b'\n', passed) {
            self.line += 1;
            self.line_start = self.at + newline + 1;
        }
        self.at = end;
    }

    fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    /// Go to the end of this line, before its newline.
    fn skip_line(&mut self) {
        self.at += memchr(b'\n', self.rest()).unwrap_or(self.rest().len());
    }

    /// Leave what stands around the program, such as HTML around PHP.
    fn enter_embedded(&mut self, open: &str) {
        let end = memmem::find(self.rest(), open.as_bytes())
            .map_or(self.bytes.len(), |found| self.at + found + open.len());
        self.pass(end);
        let word = self
            .rest()
            .iter()
            .take_while(|b| b.is_ascii_alphabetic() || **b == b'=');
        self.at += word.count();
    }

    /// The first byte that is neither a blank nor a newline, not far from here.
    pub fn peek_significant(&self) -> Option<u8> {
        let mut near = self.rest().iter().copied().take(PEEK);
        near.find(|byte| !byte.is_ascii_whitespace())
    }

    /// A comment that begins here is passed.
    fn comment(&mut self) -> bool {
        let rest = self.rest();
        for (open, close) in self.language.block_comments {
            if !rest.starts_with(open.as_bytes()) {
                continue;
            }
            let end = match self.language.nested_comments {
                true => strings::nested_end(rest, open.as_bytes(), close.as_bytes()),
                false => memmem::find(&rest[open.len()..], close.as_bytes())
                    .map_or(rest.len(), |found| open.len() + found + close.len()),
            };
            self.pass(self.at + end);
            return true;
        }
        for (open, unless) in self.language.line_comments {
            if rest.starts_with(open.as_bytes())
                && unless.is_none_or(|unless| rest.get(open.len()) != Some(&unless))
            {
                let blank_before = self.at == self.line_start
                    || self.bytes[self.at - 1].is_ascii_whitespace()
                    || matches!(self.bytes[self.at - 1], b';' | b'(' | b'&' | b'|');
                if self.language.comments_after_blanks && !blank_before {
                    continue;
                }
                self.skip_line();
                return true;
            }
        }
        false
    }

    fn word(&mut self) -> (usize, u32) {
        let start = self.at;
        // Taken along while the word is read.
        let mut hash = FNV_OFFSET;
        while let Some(&byte) = self.bytes.get(self.at) {
            if !matches!(self.classes[byte as usize], Class::Word | Class::Digit) {
                break;
            }
            hash = fnv(hash, byte);
            self.at += 1;
        }
        (start, hash)
    }

    fn number(&mut self) {
        let quotes = self.language.characters;
        while let Some(&byte) = self.bytes.get(self.at) {
            let next_is_digit = || {
                self.bytes
                    .get(self.at + 1)
                    .is_some_and(u8::is_ascii_hexdigit)
            };
            let goes_on = byte.is_ascii_alphanumeric()
                || byte == b'_'
                || (byte == b'.' && next_is_digit())
                || (byte == b'\'' && quotes && next_is_digit());
            if !goes_on {
                break;
            }
            self.at += 1;
        }
    }

    fn directive(&mut self, spaced: bool) -> Token<'a> {
        let (start, line, column) = (self.at, self.line, self.at - self.line_start);
        loop {
            self.skip_line();
            let line_text = &self.bytes[start..self.at];
            let continued = line_text.ends_with(b"\\") || line_text.ends_with(b"\\\r");
            if !continued || self.at >= self.bytes.len() {
                break;
            }
            self.pass(self.at + 1);
        }
        Token {
            line,
            column: column as u32,
            ..self.token(Kind::Directive, start, spaced, 0)
        }
    }

    fn after_opening(&mut self, start: usize, spaced: bool) -> Option<Token<'a>> {
        let line = (self.line, self.line_start);
        if self.string() {
            self.operand = true;
            let (text, column) = (
                self.text.get(start..self.at).unwrap_or("\"\""),
                start - line.1,
            );
            return Some(Token {
                kind: Kind::Literal,
                text,
                line: line.0,
                column: column as u32,
                spaced,
                hash: 0,
            });
        }
        None
    }

    fn newline(&mut self, spaced: bool) -> Token<'a> {
        self.at += 1;
        let token = self.token(Kind::Newline, self.at - 1, spaced, 0);
        self.line += 1;
        self.line_start = self.at;
        self.fresh = true;
        for heredoc in std::mem::take(&mut self.heredocs) {
            let end = self.at + heredoc.end(self.rest());
            self.pass(end);
        }
        token
    }
}

impl<'a> Iterator for Lexer<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let mut spaced = self.fresh;
        loop {
            let byte = *self.bytes.get(self.at)?;
            let start = self.at;
            match self.classes[byte as usize] {
                Class::Blank => {
                    spaced = true;
                    self.at += 1;
                    continue;
                }
                Class::Line => return Some(self.newline(spaced)),
                Class::Word => {
                    self.fresh = false;
                    let (start, hash) = self.word();
                    let line = (self.line, self.line_start);
                    if self.prefixed_string(start) {
                        self.operand = true;
                        return Some(Token {
                            kind: Kind::Literal,
                            text: self.text.get(start..self.at).unwrap_or("\"\""),
                            line: line.0,
                            column: (start - line.1) as u32,
                            spaced,
                            hash: 0,
                        });
                    }
                    let token = self.token(Kind::Word, start, spaced, hash);
                    self.operand =
                        !self.language.regex || !strings::OPERATORS.contains(&token.text);
                    return Some(token);
                }
                Class::Digit => {
                    self.fresh = false;
                    self.operand = true;
                    self.number();
                    // A sign that no language has alone, so that nothing stands still.
                    self.at = self.at.max(start + 1);
                    return Some(self.token(Kind::Literal, start, spaced, 0));
                }
                Class::Opening => {
                    if self.fresh && self.language.preprocessor && byte == b'#' {
                        self.fresh = false;
                        return Some(self.directive(spaced));
                    }
                    if self.comment() {
                        spaced = true;
                        continue;
                    }
                    if let Some((open, close)) = self.language.embedded
                        && self.rest().starts_with(close.as_bytes())
                    {
                        self.enter_embedded(open);
                        spaced = true;
                        continue;
                    }
                    self.fresh = false;
                    if let Some(token) = self.after_opening(start, spaced) {
                        return Some(token);
                    }
                }
                Class::Mark => self.fresh = false,
            }
            self.at += 1;
            if byte == b'\\' && self.bytes.get(self.at).is_some_and(u8::is_ascii) {
                // Whatever follows a backslash begins nothing.
                self.pass(self.at + 1);
                continue;
            }
            self.operand = matches!(byte, b')' | b']' | b'}');
            return Some(self.token(Kind::Mark, start, spaced, 0));
        }
    }
}

/// The hash of a word, as its token has it.
pub fn hash(word: &str) -> u32 {
    word.bytes().fold(FNV_OFFSET, fnv)
}

/// One step of FNV-1a.
fn fnv(hash: u32, byte: u8) -> u32 {
    (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
}

fn classes(language: &Language) -> [Class; 256] {
    let mut classes = [Class::Mark; 256];
    for (byte, class) in classes.iter_mut().enumerate() {
        *class = match byte as u8 {
            b' ' | b'\t' | b'\r' | 0x0b | 0x0c => Class::Blank,
            b'\n' => Class::Line,
            b'0'..=b'9' => Class::Digit,
            b'_' | b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => Class::Word,
            byte if language.word_bytes.as_bytes().contains(&byte) => Class::Word,
            _ => Class::Mark,
        };
    }
    let comments = language.line_comments.iter().map(|(open, _)| *open);
    let blocks = language.block_comments.iter().map(|(open, _)| *open);
    let quotes = language.quotes.iter().map(|quote| quote.open);
    let embedded = language.embedded.iter().map(|(_, close)| *close);
    for open in comments.chain(blocks).chain(quotes).chain(embedded) {
        classes[open.as_bytes()[0] as usize] = Class::Opening;
    }
    for (given, byte) in [
        (language.characters, b'\''),
        (language.regex, b'/'),
        (language.heredocs.is_some(), b'<'),
        (language.preprocessor, b'#'),
        (language.raw == crate::languages::Raw::Hashes, b'#'),
        (language.raw == crate::languages::Raw::Verbatim, b'@'),
    ] {
        if given {
            classes[byte as usize] = Class::Opening;
        }
    }
    classes
}
