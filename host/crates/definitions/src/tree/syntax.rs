//! What the YAML parser complains of, in words for somebody who has never read YAML's grammar.

use crate::suggest::shown;
use serde_saphyr::granit_parser::{ErrorKind, ScanError};
use std::sync::Arc;
use types::{Finding, Place};

const TABS: &str = "indent with spaces; YAML does not allow tabs there";
const QUOTES: &str = "text with `: `, ` #`, or one that begins with a special character such as `*`, `&`, `{`, `[`, `%`, `@` or `` ` ``, \
    needs quotes around it";
const ALIGN: &str = "entries that belong together begin in the same column, and what belongs to one is indented deeper";

/// The parser's error as a finding.
pub(super) fn finding(file: &Arc<str>, text: &str, error: &ScanError) -> Finding {
    let marker = error.marker();
    let line = text
        .lines()
        .nth(marker.line().saturating_sub(1))
        .unwrap_or("");
    if let Some(finding) = odd_space(file, text, error).or_else(|| wrong_list(file, text, error)) {
        return finding;
    }
    let (message, help) = words(error, line);
    let column = match error.kind() {
        _ if help == TABS => line.chars().position(|c| c == '\t').unwrap_or(marker.col()),
        _ => marker.col(),
    };
    let (line, column) = clamp(text, marker.line(), column);
    Finding::error(&Place::new(file.clone(), line, column), message, help)
}

/// A line that is indented by what only looks like spaces, as it comes out of web pages: to the parser it is text, so it trips over the line after.
fn odd_space(file: &Arc<str>, text: &str, error: &ScanError) -> Option<Finding> {
    let here = error.marker().line();
    let is_odd = |c: &char| c.is_whitespace() && !matches!(c, ' ' | '\t');
    let lines = text.lines().enumerate().take(here);
    let (at, line) = lines.skip(here.saturating_sub(2)).find(|(_, line)| {
        line.chars()
            .take_while(|c| c.is_whitespace())
            .any(|c| is_odd(&c))
    })?;
    let column = line.chars().position(|c| is_odd(&c)).unwrap_or(0);
    Some(Finding::error(
        &Place::new(file.clone(), at as u32 + 1, column as u32 + 1),
        "this line is indented by a character that only looks like a space",
        "delete what stands before its first letter, and type plain spaces",
    ))
}

/// A list item among entries of a map, or an entry of a map among list items: a `-` too many, or one too few. The parser says it of the line after.
fn wrong_list(file: &Arc<str>, text: &str, error: &ScanError) -> Option<Finding> {
    use ErrorKind::*;
    let fits = matches!(
        error.kind(),
        ExpectedBlockMappingKey
            | InvalidIndentation
            | ExpectedBlockSequenceEntry
            | BlockSequenceEntryNotAllowed
    );
    let number = error.marker().line();
    let line = text.lines().nth(number.checked_sub(1)?).filter(|_| fits)?;
    let indent = |line: &str| line.chars().take_while(|c| *c == ' ').count();
    let is_item = |line: &str| line.trim_start().starts_with("- ");
    let said = |line: &str| !line.trim_start().starts_with('#') && !line.trim().is_empty();
    // The nearest line before that is as deep; one that is less deep ends what this one belongs to.
    let before = text
        .lines()
        .take(number - 1)
        .enumerate()
        .collect::<Vec<_>>();
    let (at, sibling) = before
        .into_iter()
        .rev()
        .filter(|(_, line)| said(line))
        .find(|(_, other)| indent(other) <= indent(line))
        .filter(|(_, other)| indent(other) == indent(line))?;
    let (message, help) = match (is_item(sibling), is_item(line)) {
        (true, false) => (
            format!("this is no list item, and line {} before it is one", at + 1),
            format!(
                "in a map no entry has a `-`: take it away from line {}; in a list every item has one",
                at + 1
            ),
        ),
        (false, true) => (
            format!("this is a list item, and line {} before it is none", at + 1),
            "in a list every item begins with `- `; in a map no entry has a `-`".to_owned(),
        ),
        _ => return None,
    };
    let column = indent(line) as u32 + 1;
    Some(Finding::error(
        &Place::new(file.clone(), number as u32, column),
        message,
        help,
    ))
}

/// The end of the text counts as the end of its last line: that is where something is missing.
fn clamp(text: &str, line: usize, column: usize) -> (u32, u32) {
    let lines = text.lines().count();
    if line <= lines || lines == 0 {
        return (line.max(1) as u32, column as u32 + 1);
    }
    let last = text.lines().last().map_or(0, |l| l.chars().count());
    (lines as u32, last as u32 + 1)
}

/// Message and help for an error in `line`.
fn words(error: &ScanError, line: &str) -> (String, &'static str) {
    let before: String = line.chars().take(error.marker().col()).collect();
    let here = line.chars().nth(error.marker().col());
    // The parser often trips over the consequence of a tab before it trips over the tab itself.
    let indented_by_tab = line.trim_start_matches(' ').starts_with('\t');
    // Where the `:` is the first one of its line, nobody meant it as text: the line itself stands wrong.
    let first_colon = line.chars().position(|c| c == ':') == Some(error.marker().col());
    use ErrorKind::*;
    let (message, help): (&str, &'static str) = match error.kind() {
        TabNotAllowed
        | TabInBlockIndentation
        | TabInIndentation
        | TabAtBlockScalarStart
        | TabInPlainScalar => ("a tab is used as indentation", TABS),
        _ if indented_by_tab => ("a tab is used as indentation", TABS),
        ExpectedFlowMappingSeparator | ExpectedFlowSequenceSeparator
            if matches!(here, Some('[' | '{' | '"' | '\''))
                && !before.trim_end().ends_with([',', '}', ']']) =>
        {
            (
                "this character ends the value that stands before it",
                "inside `{…}` and `[…]`, a value with `[`, `]`, `{`, `}` or `,` in it needs quotes around the whole: \"data.files + [event.data.name]\"",
            )
        }
        ExpectedFlowMappingSeparator if here == Some(':') => (
            "a second `:` stands in one entry",
            "one `key: value` inside another needs braces of its own: `after: { 10s: next }`; text with `: ` in it needs quotes; if neither is so, a `{` above is not closed",
        ),
        UnknownAnchor | MissingAnchorOrAliasName if here == Some('*') && line.contains("*:") => (
            "`*` begins an alias in YAML",
            "for a transition that takes every event, put it in quotes: `\"*\": TARGET`",
        ),
        MissingAnchorOrAliasName => (
            "`*` begins an alias and `&` an anchor, and no name follows",
            "if it is meant as text, put it in quotes: \"*\"",
        ),
        UnknownAnchor => (
            "this alias refers to an anchor that does not exist",
            "define it before with `&name`; for text that begins with `*`, use quotes: \"*\"",
        ),
        ExpectedBlockMappingKey | InvalidIndentation | ExpectedBlockSequenceEntry => {
            ("the indentation does not fit what stands before it", ALIGN)
        }
        ExpectedFlowMappingSeparator => (
            "a `,` or the closing `}` is missing before this",
            "separate the entries between `{` and `}` by commas, and close the bracket",
        ),
        ExpectedFlowSequenceSeparator => (
            "a `,` or the closing `]` is missing before this",
            "separate the items between `[` and `]` by commas, and close the bracket",
        ),
        UnexpectedEofFlowSequence
        | UnexpectedEofFlowMapping
        | UnexpectedEofImplicitFlowMapping
        | UnclosedFlowCollection { .. } => (
            "the file ends inside brackets",
            "close every `{` with `}` and every `[` with `]`",
        ),
        MisplacedFlowCollectionEnd | MismatchedFlowCollectionEnd { .. } => (
            "this bracket closes none that is open",
            "close every `{` with `}` and every `[` with `]`",
        ),
        UnclosedQuotedScalar | DocumentIndicatorInQuotedScalar => (
            "a quote is opened and never closed",
            "close the text with the quote it begins with; inside '…' write a single quote as ''",
        ),
        InvalidTrailingSingleQuotedScalar | InvalidTrailingDoubleQuotedScalar => (
            "something follows the closing quote",
            "quote the whole text; inside \"…\" write a quote as \\\", inside '…' a single quote as ''",
        ),
        UnknownQuotedScalarEscape => (
            "unknown escape after `\\` in a double-quoted text",
            "write `\\\\` for a backslash, or use single quotes, in which a backslash is nothing special",
        ),
        MappingValueNotAllowed | InvalidColonPlacement if first_colon => (
            "no entry can begin on this line",
            "indent it like the entries it belongs with; if it is indented right, look above for a bracket or a quote that is not closed",
        ),
        MappingValueNotAllowed | InvalidColonPlacement | MappingKeyNotAllowed => {
            ("a `:` stands where no new entry can begin", QUOTES)
        }
        SimpleKeyExpected | InvalidSimpleKey => (
            "this line is no `key: value`",
            "add the `:` and a space after the key, or indent the line if it continues the text above",
        ),
        UnexpectedCharacter { .. } | ExpectedNodeContent => {
            ("this character cannot begin a value", QUOTES)
        }
        BlockSequenceEntryNotAllowed | BlockEntryInFlowCollection | InvalidBlockEntryWhitespace => {
            (
                "a `-` stands where no list item can begin",
                "begin a list on a line of its own below its key, one `- item` to a line",
            )
        }
        RecursionLimitExceeded => (
            "this is nested too deep",
            "flatten it: definitions seldom need more than ten levels",
        ),
        CommentNotSeparated => (
            "a comment follows without a space before its `#`",
            "put a space before `#`, or quote the text if the `#` belongs to it",
        ),
        InvalidQuotedScalarIndent | InvalidFlowScalarIndent | InvalidBlockScalarIndent => (
            "this line is indented less than the text it continues",
            ALIGN,
        ),
        BomInsideDocument => (
            "a byte order mark stands inside the file",
            "delete the invisible character before this place",
        ),
        UndeclaredTagHandle | ExpectedTagBang | MissingTagUri | InvalidTagTerminator => (
            "a tag (`!`) begins here, which means nothing in definitions",
            "for text that begins with `!`, use quotes",
        ),
        _ => {
            let message = format!(
                "this is no valid YAML: {}",
                shown(&error.kind().to_string())
            );
            return (message, QUOTES);
        }
    };
    (message.to_owned(), help)
}
