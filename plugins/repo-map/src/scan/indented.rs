//! Languages in which a line makes a definition: blocks by indentation (Python, and Ruby as everybody indents it), and shells.

use super::heads::{self, Around, Ending};
use crate::languages::{Language, Opens};
use crate::lexer::{Kind as TokenKind, Lexer, Token};
use crate::outline::{Collector, Kind, joined};

/// Tokens kept of one line.
const LINE_MAX: usize = 160;

/// A definition whose block is open.
struct Block<'a> {
    column: u32,
    definition: Option<u32>,
    listed: bool,
    class: Option<&'a str>,
}

/// The lines of a text as tokens, those in brackets joined.
fn lines<'a>(
    text: &'a str,
    language: &'static Language,
    brackets_join: bool,
    mut each: impl FnMut(&[Token<'a>]),
) {
    let mut line: Vec<Token<'a>> = Vec::new();
    let mut open = 0_usize;
    for token in Lexer::new(text, language) {
        match token.kind {
            TokenKind::Newline if brackets_join && open > 0 => continue,
            TokenKind::Newline => {
                if !line.is_empty() {
                    each(&line);
                    line.clear();
                }
                continue;
            }
            TokenKind::Mark => match token.text.as_bytes()[0] {
                b'(' | b'[' | b'{' => open += 1,
                b')' | b']' | b'}' => open = open.saturating_sub(1),
                _ => {}
            },
            _ => {}
        }
        if line.len() < LINE_MAX {
            line.push(token);
        } else if token.is(b')') || token.is(b':') {
            line[LINE_MAX - 1] = token;
        }
    }
    if !line.is_empty() {
        each(&line);
    }
}

pub fn scan(text: &str, language: &'static Language, collector: &mut Collector) {
    let mut blocks: Vec<Block<'_>> = Vec::new();
    lines(text, language, true, |line| {
        for token in line.iter().filter(|token| token.kind == TokenKind::Word) {
            collector.uses(token);
        }
        let column = line[0].column;
        while blocks.last().is_some_and(|block| block.column >= column) {
            blocks.pop();
        }
        let around = blocks.last();
        if !around.is_none_or(|block| block.listed) {
            return;
        }
        let parent = around.and_then(|block| block.definition);
        let class = around.and_then(|block| block.class);
        let Some(head) = heads::read(
            language,
            line,
            Ending::Block,
            Around {
                class,
                visible: true,
            },
        ) else {
            return;
        };
        // In a class, capitals are as a rule the members of an enumeration; deeper down they are anything.
        if head.kind == Kind::Constant && column > 0 && class.is_none() {
            return;
        }
        let kind = match head.kind {
            Kind::Function if class.is_some() => Kind::Method,
            kind => kind,
        };
        let shown = joined(head.shown);
        let shown = shown.trim_end_matches([':', ' ']).to_owned();
        let definition = collector.define(
            kind,
            line[0].line,
            parent,
            head.name.map(|name| (name, head.visible)),
            shown,
        );
        if kind != Kind::Constant {
            blocks.push(Block {
                column,
                definition,
                listed: head.opens == Opens::Members,
                class: (kind == Kind::Type).then(|| head.name.map_or("", |name| name.text)),
            });
        }
    });
}

/// `name() {` and `function name`.
pub fn scan_flat(text: &str, language: &'static Language, collector: &mut Collector) {
    lines(text, language, false, |line| {
        for token in line.iter().filter(|token| token.kind == TokenKind::Word) {
            collector.uses(token);
        }
        let name = match line {
            [word, name, ..] if word.is_word("function") && name.kind == TokenKind::Word => name,
            [name, open, close, ..]
                if name.kind == TokenKind::Word && open.is(b'(') && close.is(b')') =>
            {
                name
            }
            _ => return,
        };
        let shown = match line[0].is_word("function") {
            true => format!("function {}", name.text),
            false => format!("{}()", name.text),
        };
        collector.define(
            Kind::Function,
            line[0].line,
            None,
            Some((name, true)),
            shown,
        );
    });
}
