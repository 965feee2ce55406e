//! What the head of a statement defines: the tokens before its `{`, its `;` or the end of its line.

use super::prefix::{after_modifiers, closing, is_modifier, keyword_of, without_annotations};
use crate::languages::{Bare, HIDING, Keyword, Language, Name, Opens, Visible};
use crate::lexer::{Kind as TokenKind, Token};
use crate::outline::Kind;

/// What ended a head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// A block begins.
    Block,
    /// The statement is over.
    Over,
}

/// A head that defines something.
#[derive(Clone, Copy, Debug)]
pub struct Head<'h, 'a> {
    pub kind: Kind,
    pub name: Option<&'h Token<'a>>,
    pub opens: Opens,
    /// Whether other files can name it.
    pub visible: bool,
    /// What to show of it: without annotations.
    pub shown: &'h [Token<'a>],
}

/// Words before parentheses that call nothing and define nothing.
const CONTROL: [&str; 26] = [
    "if",
    "for",
    "while",
    "switch",
    "catch",
    "return",
    "new",
    "else",
    "do",
    "try",
    "throw",
    "using",
    "lock",
    "foreach",
    "synchronized",
    "fixed",
    "when",
    "sizeof",
    "typeof",
    "await",
    "yield",
    "goto",
    "delete",
    "case",
    "super",
    "assert",
];

/// What a head stands in.
#[derive(Clone, Copy, Debug, Default)]
pub struct Around<'a> {
    /// The name of the type whose members it is among.
    pub class: Option<&'a str>,
    /// Whether other files can name that type, so that its members need not say it again.
    pub visible: bool,
}

/// What `head` defines in what is `around` it.
pub fn read<'h, 'a>(
    language: &Language,
    head: &'h [Token<'a>],
    ending: Ending,
    around: Around<'_>,
) -> Option<Head<'h, 'a>> {
    let read = recognise(language, head, ending, around.class)?;
    let says = |word: &str| read.shown.iter().take(8).any(|token| token.is_word(word));
    let visible = match language.visible {
        // JavaScript hides `#name`.
        _ if HIDING.iter().any(|word| says(word))
            || read.shown.iter().take(3).any(|token| token.is(b'#')) =>
        {
            false
        }
        Visible::Unless => true,
        Visible::Capital => read
            .name
            .is_some_and(|name| name.text.starts_with(char::is_uppercase)),
        Visible::By(word) => around.visible || says(word),
    };
    Some(Head { visible, ..read })
}

fn recognise<'h, 'a>(
    language: &Language,
    head: &'h [Token<'a>],
    ending: Ending,
    class: Option<&str>,
) -> Option<Head<'h, 'a>> {
    let (head, test) = without_annotations(language, head);
    if test || head.is_empty() {
        return None;
    }
    let (start, modified) = after_modifiers(language, head);
    let rest = &head[start..];
    let keyword = rest.first().and_then(|token| keyword_of(language, token));
    if let Some(keyword) = keyword {
        let function_of_type = language.bare == Bare::Typed
            && keyword.kind == Kind::Type
            && position(rest, b'(').is_some_and(|open| position(&rest[..open], b':').is_none());
        if !function_of_type || rest.first().is_some_and(|token| token.is_word("record")) {
            return by_keyword(language, keyword, head, rest, ending);
        }
    }
    match language.bare {
        Bare::Typed => typed(language, head, rest, ending, class, modified),
        Bare::Methods => method(head, rest, ending, class),
        Bare::No => None,
    }
    .or_else(|| capitals(language, head, rest))
}

/// Where `mark` stands outside of brackets; `=` only where it assigns.
fn position(head: &[Token<'_>], mark: u8) -> Option<usize> {
    let mut at = 0;
    while let Some(token) = head.get(at) {
        if token.is(mark) {
            let next = head.get(at + 1);
            let arrow = mark == b'='
                && next.is_some_and(|next| (next.is(b'>') || next.is(b'=')) && !next.spaced);
            let path = mark == b':'
                && (next.is_some_and(|next| next.is(b':') && !next.spaced)
                    || (at > 0 && head[at - 1].is(b':') && !token.spaced));
            if !arrow && !path {
                return Some(at);
            }
        }
        at = match token.is(b'(') || token.is(b'[') {
            true => closing(head, at),
            false => at + 1,
        };
    }
    None
}

/// Whether `=>` stands outside of brackets.
fn has_arrow(tokens: &[Token<'_>]) -> bool {
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        if token.is(b'=')
            && tokens
                .get(at + 1)
                .is_some_and(|next| next.is(b'>') && !next.spaced)
        {
            return true;
        }
        at = match token.is(b'(') || token.is(b'[') {
            true => closing(tokens, at),
            false => at + 1,
        };
    }
    false
}

fn by_keyword<'h, 'a>(
    language: &Language,
    keyword: &Keyword,
    head: &'h [Token<'a>],
    rest: &'h [Token<'a>],
    ending: Ending,
) -> Option<Head<'h, 'a>> {
    let mut kind = keyword.kind;
    let mut opens = keyword.opens;
    let name = match keyword.name {
        Name::None => None,
        Name::Own => rest.first(),
        Name::Call => {
            let open = position(rest, b'(')?;
            rest[1..open]
                .iter()
                .rev()
                .find(|token| token.kind == TokenKind::Word)
        }
        Name::Path => path_end(&rest[1..]),
        Name::Next => {
            let mut at = 1;
            // Go's methods name what they belong to first.
            if language.groups && rest.get(at).is_some_and(|token| token.is(b'(')) {
                at = closing(rest, at);
                kind = Kind::Method;
            }
            let passed = |token: &Token<'_>| {
                token.is(b'*') || token.is(b'&') || token.is(b'!') || is_modifier(language, token)
            };
            while rest.get(at).is_some_and(passed) {
                at += 1;
            }
            rest.get(at).filter(|token| token.kind == TokenKind::Word)
        }
    };
    if name.is_none() && keyword.name != Name::None {
        // `companion object {`, `namespace {`, `class << self`: its members are told all the same.
        if keyword.opens != Opens::Members || ending == Ending::Over {
            return None;
        }
        kind = Kind::Group;
    }
    // `mod name;` says what the tree of files says.
    if keyword.kind == Kind::Module
        && language.visible == Visible::By("pub")
        && ending == Ending::Over
    {
        return None;
    }
    // `struct name;`, `struct name *variable;`, `using namespace name;`.
    let aliases = position(rest, b'=').is_some();
    if language.forward && ending == Ending::Over && kind == Kind::Type && !aliases {
        return None;
    }
    // A variable may be a function or a class.
    if kind == Kind::Constant && language.bare == Bare::Methods {
        let value = position(rest, b'=').map_or(&rest[..0], |at| &rest[at + 1..]);
        let is = |word: &str| value.iter().take(2).any(|token| token.is_word(word));
        if is("function") || has_arrow(value) {
            kind = Kind::Function;
        } else if is("class") {
            (kind, opens) = (Kind::Type, Opens::Members);
        } else if keyword.word != "const" {
            return None;
        }
    }
    let shown = match position(head, b'=') {
        // The value of what is no constant says little, and that of a long one too.
        Some(at) if kind == Kind::Constant && head.len() - at > 12 => &head[..at],
        _ => head,
    };
    Some(Head {
        kind,
        name,
        opens,
        visible: true,
        shown,
    })
}

/// The last word of `a.b.c` or `A::B`.
fn path_end<'h, 'a>(tokens: &'h [Token<'a>]) -> Option<&'h Token<'a>> {
    let mut last = tokens
        .first()
        .filter(|token| token.kind == TokenKind::Word)?;
    let mut at = 1;
    while tokens
        .get(at)
        .is_some_and(|token| token.is(b'.') || token.is(b':'))
    {
        if let Some(token) = tokens
            .get(at + 1)
            .filter(|token| token.kind == TokenKind::Word)
        {
            last = token;
        }
        at += 1;
        if tokens
            .get(at)
            .is_some_and(|token| token.kind == TokenKind::Word)
        {
            at += 1;
        }
    }
    Some(last)
}

/// `type name(…)`, with or without a body.
fn typed<'h, 'a>(
    language: &Language,
    head: &'h [Token<'a>],
    rest: &'h [Token<'a>],
    ending: Ending,
    class: Option<&str>,
    modified: bool,
) -> Option<Head<'h, 'a>> {
    if ending == Ending::Over && class.is_none() && !language.prototypes {
        return None;
    }
    let Some(open) = position(rest, b'(') else {
        // A property of C#'s: `type Name {`.
        let property = ending == Ending::Block
            && class.is_some()
            && language.raw == crate::languages::Raw::Verbatim;
        let name = rest.last().filter(|token| token.kind == TokenKind::Word)?;
        let whole = property && rest.len() >= 2 && position(rest, b'=').is_none();
        return whole.then_some(Head {
            kind: Kind::Field,
            name: Some(name),
            opens: Opens::Body,
            visible: true,
            shown: head,
        });
    };
    let name = rest[..open].last()?;
    // What is given a value is a variable, unless an operator is defined.
    if position(rest, b'=').is_some_and(|at| at < open) {
        return None;
    }
    if name.kind != TokenKind::Word || CONTROL.contains(&name.text) || name.text == "operator" {
        return None;
    }
    let before = open.checked_sub(2).map(|at| &rest[at]);
    let has_type = before.is_some_and(|token| match token.kind {
        TokenKind::Word => !CONTROL.contains(&token.text),
        TokenKind::Mark => matches!(
            token.text.as_bytes()[0],
            b'>' | b'*' | b'&' | b']' | b':' | b'~' | b'?'
        ),
        _ => false,
    });
    let constructs = class == Some(name.text) && (before.is_none() || modified);
    if !has_type && !constructs {
        return None;
    }
    // Commas and dots before the name are of an expression, not of a type, unless they stand in `<…>`.
    let mut depth = 0_usize;
    for token in &rest[..open] {
        depth = match token {
            token if token.is(b'<') => depth + 1,
            token if token.is(b'>') => depth.saturating_sub(1),
            token if depth == 0 && (token.is(b',') || token.is(b'+') || token.is(b'!')) => {
                return None;
            }
            _ => depth,
        };
    }
    // What a constructor begins with is no part of how it is called.
    let parameters = closing(rest, open);
    let initialises = language.forward && rest.get(parameters).is_some_and(|token| token.is(b':'));
    Some(Head {
        kind: Kind::Function,
        name: Some(name),
        opens: Opens::Body,
        visible: true,
        shown: if initialises {
            &head[..head.len() - rest.len() + parameters]
        } else {
            head
        },
    })
}

/// Methods of JavaScript's, and functions that are put into an object.
fn method<'h, 'a>(
    head: &'h [Token<'a>],
    rest: &'h [Token<'a>],
    ending: Ending,
    class: Option<&str>,
) -> Option<Head<'h, 'a>> {
    let found = |name| Head {
        kind: Kind::Function,
        name: Some(name),
        opens: Opens::Body,
        visible: true,
        shown: head,
    };
    if let Some(at) = position(rest, b'=') {
        let value = &rest[at + 1..];
        let function =
            value.iter().take(2).any(|token| token.is_word("function")) || has_arrow(value);
        let path = rest[..at].iter().take_while(|token| !token.is(b':'));
        let name = path.filter(|token| token.kind == TokenKind::Word).last()?;
        let assigned = class.is_some() || rest.get(1).is_some_and(|token| token.is(b'.'));
        return (function && assigned).then(|| found(name));
    }
    class?;
    let open = position(rest, b'(')?;
    let names = &rest[..open];
    let name = match names {
        [name] => name,
        [mark, name] if mark.is(b'#') || mark.is(b'*') => name,
        // `name<T>(…)`, `name?(…)`
        [name, mark, ..] if mark.is(b'<') || mark.is(b'?') => name,
        _ => return None,
    };
    let word = name.kind == TokenKind::Word && !CONTROL.contains(&name.text);
    // Without a body only where types are declared.
    let declared = ending == Ending::Block
        || position(rest, b':').is_some()
        || closing(rest, open) == rest.len();
    (word && declared).then(|| found(name))
}

/// `NAME = …`
fn capitals<'h, 'a>(
    language: &Language,
    head: &'h [Token<'a>],
    rest: &'h [Token<'a>],
) -> Option<Head<'h, 'a>> {
    if !language.capitals {
        return None;
    }
    let at = position(rest, b'=')?;
    let before = match position(&rest[..at], b':') {
        Some(colon) => &rest[..colon],
        None => &rest[..at],
    };
    let name = before
        .iter()
        .rev()
        .find(|token| token.kind == TokenKind::Word)?;
    let only_words = before.iter().all(|token| {
        token.kind == TokenKind::Word
            || (language.bare == Bare::Typed
                && matches!(
                    token.text.as_bytes()[0],
                    b'<' | b'>' | b'[' | b']' | b'*' | b',' | b'?'
                ))
    });
    let alone = language.bare == Bare::Typed || before.len() == 1;
    let capital = name.text.len() > 1
        && name.text.starts_with(|c: char| c.is_ascii_uppercase())
        && !name.text.bytes().any(|byte| byte.is_ascii_lowercase());
    if !(capital && only_words && alone) {
        return None;
    }
    let equals = head.len() - rest.len() + at;
    let shown = if head.len() - equals > 12 {
        &head[..equals]
    } else {
        head
    };
    Some(Head {
        kind: Kind::Constant,
        name: Some(name),
        opens: Opens::Body,
        visible: true,
        shown,
    })
}
