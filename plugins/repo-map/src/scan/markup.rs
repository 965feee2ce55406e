//! Texts that are no programs: headings of Markdown, tables and keys of TOML, keys of YAML.

use crate::languages::Language;
use crate::lexer::{Kind as TokenKind, Lexer, Token};
use crate::outline::{Collector, Kind, joined};

/// Headings of deeper levels say more of a text's layout than of what it is about.
const LEVELS: usize = 4;

pub fn markdown(text: &str, collector: &mut Collector) {
    // The heading that each level is below, outermost first.
    let mut around: Vec<(usize, Option<u32>)> = Vec::new();
    let mut heading = |level: usize, title: &str, line: usize| {
        let title = title.trim();
        if title.is_empty() || level > LEVELS {
            return;
        }
        while around.last().is_some_and(|(outer, _)| *outer >= level) {
            around.pop();
        }
        let parent = around.last().and_then(|(_, definition)| *definition);
        let definition =
            collector.define(Kind::Heading, line as u32, parent, None, title.to_owned());
        around.push((level, definition));
    };
    let mut fence: Option<(u8, usize)> = None;
    let mut comment = false;
    let mut before = "";
    let mut lines = text.lines().enumerate().peekable();
    // What stands between two lines of dashes at the start is metadata.
    if lines
        .next_if(|(_, line)| line.trim_end() == "---")
        .is_some()
    {
        for (_, line) in lines.by_ref() {
            if line.trim_end() == "---" {
                break;
            }
        }
    }
    for (index, line) in lines {
        let indent = line.bytes().take_while(|byte| *byte == b' ').count();
        let content = line.trim();
        let paragraph = std::mem::take(&mut before);
        let mark = content.bytes().next().unwrap_or_default();
        let run = content.bytes().take_while(|byte| *byte == mark).count();
        if let Some((open, length)) = fence {
            if mark == open && run >= length && run == content.len() {
                fence = None;
            }
            continue;
        }
        if comment {
            comment = !content.contains("-->");
            continue;
        }
        match mark {
            b'`' | b'~' if run >= 3 => fence = Some((mark, run)),
            b'<' if content.starts_with("<!--") => comment = !content.contains("-->"),
            _ if indent > 3 => {}
            b'#' if run <= 6 && content[run..].starts_with([' ', '\t']) => {
                heading(run, content.trim_matches('#'), index + 1);
            }
            b'=' | b'-' if run == content.len() && !paragraph.is_empty() => {
                let level = if mark == b'=' { 1 } else { 2 };
                heading(level, paragraph, index);
            }
            b'-' | b'*' | b'+' | b'>' | b'|' | b'#' => {}
            _ => before = content,
        }
    }
}

pub fn toml(text: &str, language: &'static Language, collector: &mut Collector) {
    let mut line: Vec<Token<'_>> = Vec::new();
    let (mut open, mut tables) = (0_usize, false);
    let newline = |line: &mut Vec<Token<'_>>, tables: &mut bool, collector: &mut Collector| {
        match line.as_slice() {
            [first, .., last] if first.is(b'[') && last.is(b']') => {
                *tables = true;
                collector.define(Kind::Key, first.line, None, None, joined(line));
            }
            [first, ..] if !*tables && !first.is(b'[') => {
                if let Some(at) = line.iter().position(|token| token.is(b'=')) {
                    collector.define(Kind::Key, first.line, None, None, joined(&line[..at]));
                }
            }
            _ => {}
        }
        line.clear();
    };
    for token in Lexer::new(text, language) {
        if token.kind == TokenKind::Newline {
            if open == 0 {
                newline(&mut line, &mut tables, collector);
            }
            continue;
        }
        if token.is(b'[') || token.is(b'{') {
            open += 1;
        } else if token.is(b']') || token.is(b'}') {
            open = open.saturating_sub(1);
        }
        if line.len() < 32 {
            line.push(token);
        }
    }
    newline(&mut line, &mut tables, collector);
}

pub fn yaml(text: &str, collector: &mut Collector) {
    for (index, line) in text.lines().enumerate() {
        if let Some(key) = yaml_key(line) {
            collector.define(Kind::Key, index as u32 + 1, None, None, key.to_owned());
        }
    }
}

/// The key that begins at the start of `line`.
fn yaml_key(line: &str) -> Option<&str> {
    let first = *line.as_bytes().first()?;
    if first.is_ascii_whitespace()
        || matches!(
            first,
            b'#' | b'-'
                | b'{'
                | b'['
                | b'%'
                | b'&'
                | b'*'
                | b'!'
                | b'|'
                | b'>'
                | b'.'
                | b'}'
                | b']'
                | b','
        )
    {
        return None;
    }
    if matches!(first, b'"' | b'\'') {
        let end = line[1..].find(first as char)? + 2;
        return line[end..]
            .trim_start()
            .starts_with(':')
            .then_some(&line[..end]);
    }
    let end = line.match_indices(':').map(|(at, _)| at).find(|at| {
        matches!(
            line.as_bytes().get(at + 1),
            None | Some(b' ' | b'\t' | b'\r')
        )
    })?;
    let key = line[..end].trim_end();
    (!key.contains(" #")).then_some(key)
}
