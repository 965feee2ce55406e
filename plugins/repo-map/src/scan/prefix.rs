//! What stands before the word that says what is defined: annotations, and modifiers in their many ways.

use crate::languages::{Bare, Keyword, Language};
use crate::lexer::{Kind as TokenKind, Token};

/// The head without what only annotates it, and whether that says that it is a test.
pub fn without_annotations<'h, 'a>(
    language: &Language,
    head: &'h [Token<'a>],
) -> (&'h [Token<'a>], bool) {
    let mut at = 0;
    let mut test = false;
    while let Some(token) = head.get(at) {
        let next = head.get(at + 1);
        let bracket = |offset: usize| head.get(at + offset).is_some_and(|token| token.is(b'['));
        let (end, is_attribute) = if token.is(b'#') && bracket(1) {
            (closing(head, at + 1), true)
        } else if token.is(b'#') && next.is_some_and(|next| next.is(b'!')) && bracket(2) {
            (closing(head, at + 2), true)
        } else if token.is(b'[') && language.bare == Bare::Typed {
            (closing(head, at), false)
        } else if token.is(b'@')
            && next.is_some_and(|next| next.kind == TokenKind::Word && !next.is_word("interface"))
        {
            (annotation_end(head, at + 2), false)
        } else if language.forward
            && is_modifier(language, token)
            && next.is_some_and(|next| next.is(b':'))
        {
            // `public:` is no part of what follows it.
            (at + 2, false)
        } else if token.is_word("template") && next.is_some_and(|next| next.is(b'<')) {
            (angle_end(head, at + 1), false)
        } else {
            break;
        };
        if is_attribute {
            let words = head[at..end.min(head.len())]
                .iter()
                .filter(|token| token.kind == TokenKind::Word);
            let words: Vec<&str> = words.map(|token| token.text).collect();
            test |= matches!(words.as_slice(), ["cfg", "test"] | ["test"] | [_, "test"]);
        }
        at = end.min(head.len());
    }
    // `@interface` of Java's.
    if head.get(at).is_some_and(|token| token.is(b'@')) {
        at += 1;
    }
    (&head[at..], test)
}

fn annotation_end(head: &[Token<'_>], mut at: usize) -> usize {
    while head.get(at).is_some_and(|token| token.is(b'.')) {
        at += 2;
    }
    match head.get(at) {
        Some(token) if token.is(b'(') && !token.spaced => closing(head, at),
        _ => at,
    }
}

/// The index behind the bracket that closes the one at `open`.
pub fn closing(head: &[Token<'_>], open: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, token) in head[open..].iter().enumerate() {
        if token.is(b'(') || token.is(b'[') || token.is(b'{') {
            depth += 1;
        } else if token.is(b')') || token.is(b']') || token.is(b'}') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return open + offset + 1;
            }
        }
    }
    head.len()
}

/// The index behind the `>` that closes the `<` at `open`.
fn angle_end(head: &[Token<'_>], open: usize) -> usize {
    let (mut at, mut depth) = (open, 0_usize);
    while let Some(token) = head.get(at) {
        if token.is(b'(') {
            at = closing(head, at);
            continue;
        }
        at += 1;
        if token.is(b'<') {
            depth += 1;
        } else if token.is(b'>') {
            depth = depth.saturating_sub(1);
            if depth == 0 {
                return at;
            }
        }
    }
    head.len()
}

pub fn keyword_of(language: &Language, token: &Token<'_>) -> Option<&'static Keyword> {
    if token.kind != TokenKind::Word {
        return None;
    }
    language
        .keywords
        .iter()
        .find(|keyword| keyword.word == token.text)
}

pub fn is_modifier(language: &Language, token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && language.modifiers.contains(&token.text)
}

/// Whether what precedes `next` may be a modifier.
fn goes_before(language: &Language, next: &Token<'_>) -> bool {
    match next.kind {
        TokenKind::Mark => match next.text.as_bytes()[0] {
            b'*' | b'#' | b'@' | b'[' => true,
            b'<' | b'~' | b':' => language.bare == Bare::Typed,
            b'(' => language.modifier_arguments,
            _ => false,
        },
        _ => true,
    }
}

/// Where the head goes on after its modifiers, and whether there were any.
pub fn after_modifiers(language: &Language, head: &[Token<'_>]) -> (usize, bool) {
    let mut at = 0;
    while let Some(token) = head.get(at) {
        let next = head.get(at + 1);
        let before_other = next.is_some_and(|next| {
            keyword_of(language, next).is_some() || is_modifier(language, next)
        });
        let is_keyword = keyword_of(language, token).is_some();
        let modifies = match (is_keyword, is_modifier(language, token)) {
            // `const fn`, `enum class`: the first of two says how, the second what.
            (true, _) => {
                before_other
                    && !next.is_some_and(|next| next.is_word("mut"))
                    && !token.is_word("using")
            }
            // A method may be called `get`.
            (false, true) => next.is_none_or(|next| goes_before(language, next)),
            (false, false) => false,
        };
        if !modifies {
            break;
        }
        at += 1;
        if language.modifier_arguments && head.get(at).is_some_and(|token| token.is(b'(')) {
            at = closing(head, at);
        }
        let skipped = |token: &Token<'_>| {
            token.kind == TokenKind::Literal || (token.is(b':') && language.bare == Bare::Typed)
        };
        while head.get(at).is_some_and(skipped) {
            at += 1;
        }
        if head.get(at).is_some_and(|token| token.is(b'@')) {
            at = annotation_end(head, at + 2).min(head.len());
        }
    }
    (at.min(head.len()), at > 0)
}
