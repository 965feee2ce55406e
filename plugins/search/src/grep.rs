//! Tool `grep`: lines by pattern.

use crate::glob::Glob;
use crate::lines::{LineSearch, Match, Outcome, Pattern};
use crate::literals::Literals;
use crate::measure::chunks;
use crate::skipped::{Example, Reason, Skipped, Tally};
use crate::walk::{Found, walk};
use charthouse_sdk::files::{FileError, Kind, Mounts};
use charthouse_sdk::{Failure, Json, arguments};
use regex::bytes::RegexBuilder;
use serde::Serialize;
use std::num::NonZeroU64;

/// What the model reads about the tool.
pub const DESCRIPTION: &str = "Finds the lines that match a regular expression (Rust syntax; no look-around, no back-references), in a file or in \
    all files below a directory. Answers JSON: path, pattern, matches (path relative to path, line counted from 1, text, before and after where \
    context was asked for), in order of path and line; total, how many lines match in all; files, in how many files; searched, how many files \
    were read; next, where there is more, is the start of the next page; skipped and skipped_paths, what was left out. A pattern is tried on \
    one line at a time. Of a long line 240 characters are shown.";

/// How many matches a page holds when nothing is said.
const PAGE: u64 = 200;
/// How many matches a page holds at most.
const LARGEST_PAGE: u64 = 1_000;
/// How many bytes a page holds, roughly.
const PAGE_BYTES: usize = 160 * 1024;
/// How many lines of context there are at most.
const CONTEXT: u64 = 20;
/// How large a compiled pattern may become.
const PATTERN_BYTES: usize = 4 << 20;

arguments! {
    /// What to look for, and where.
    pub struct Grep {
        /// A regular expression in Rust's syntax, for instance `fn \w+_test\(` or `TODO|FIXME`.
        pattern: String,
        /// Where to look: an absolute path, or one below `/workspace`; `/workspace` when absent.
        path: Option<String>,
        /// Only files that match this glob: `*.rs` by name at any depth, `src/**/*.rs` by path.
        glob: Option<String>,
        /// How many lines to show before and after each match.
        context: u64 = 0,
        /// Whether upper and lower case are the same.
        ignore_case: bool = false,
        /// How many matches to leave out at the start: the `next` of the page before.
        start: u64 = 0,
        /// How many matches at most, up to 1000; 200 when absent.
        max: Option<NonZeroU64>,
    }
}

#[derive(Debug, Serialize)]
struct Answer {
    path: String,
    pattern: String,
    matches: Vec<Line>,
    total: u64,
    files: u64,
    searched: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<u64>,
    skipped: Tally,
    skipped_paths: Vec<Example>,
}

#[derive(Debug, Serialize)]
struct Line {
    path: String,
    #[serde(flatten)]
    found: Match,
}

/// The matches that are answered, and figures over all.
#[derive(Default)]
struct Page {
    start: u64,
    max: usize,
    context: usize,
    lines: Vec<Line>,
    bytes: usize,
    is_full: bool,
    total: u64,
    files: u64,
    searched: u64,
}

impl Page {
    /// Search one file; `None` if it is binary.
    fn search(&self, pattern: &Pattern, found: &Found<'_>) -> Result<Option<Outcome>, FileError> {
        let skip = self.start.saturating_sub(self.total);
        let keep = if self.is_full {
            0
        } else {
            self.max - self.lines.len()
        };
        let mut search = LineSearch::new(pattern, self.context, skip, keep);
        let mut file = found.open()?;
        for chunk in chunks(&mut file) {
            if search.feed(&chunk?).is_err() {
                return Ok(None);
            }
        }
        Ok(Some(search.finish()))
    }

    fn add(&mut self, path: &str, outcome: Outcome) {
        self.searched += 1;
        self.total += outcome.total;
        self.files += u64::from(outcome.total > 0);
        for found in outcome.matches {
            if self.is_full {
                break;
            }
            let around: usize = found
                .before
                .iter()
                .chain(&found.after)
                .map(|line| line.len() + 4)
                .sum();
            self.bytes += path.len() + found.text.len() + around + 40;
            self.lines.push(Line {
                path: path.to_owned(),
                found,
            });
            self.is_full = self.lines.len() >= self.max || self.bytes > PAGE_BYTES;
        }
    }
}

/// Find lines.
pub fn grep(mounts: &Mounts, arguments: Grep) -> Result<Json<impl Serialize + use<>>, Failure> {
    let pattern = compile(&arguments.pattern, arguments.ignore_case)?;
    let glob = arguments.glob.as_deref().map(Glob::new).transpose()?;
    if arguments.context > CONTEXT {
        return Err(Failure::invalid(format!(
            "`context` is at most {CONTEXT} lines; use `fs.read` for more"
        )));
    }
    let mut page = Page {
        start: arguments.start,
        max: arguments
            .max
            .map_or(PAGE, NonZeroU64::get)
            .min(LARGEST_PAGE) as usize,
        context: arguments.context as usize,
        ..Page::default()
    };
    let mut skipped = Skipped::default();
    let path = arguments.path.as_deref().unwrap_or(".");
    let path = walk(mounts, path, &mut skipped, &mut |found, skipped| {
        if found.kind != Kind::File
            || glob
                .as_ref()
                .is_some_and(|glob| !glob.matches(found.path, found.name))
        {
            return;
        }
        match page.search(&pattern, found) {
            Ok(Some(outcome)) => page.add(found.path, outcome),
            Ok(None) => skipped.add(Reason::Binary, found.path),
            Err(_) => skipped.add(Reason::Unreadable, found.path),
        }
    })?;
    let next = arguments.start.saturating_add(page.lines.len() as u64);
    Ok(Json(Answer {
        path,
        pattern: arguments.pattern,
        next: (next < page.total).then_some(next),
        matches: page.lines,
        total: page.total,
        files: page.files,
        searched: page.searched,
        skipped: skipped.tally(true),
        skipped_paths: skipped.examples(),
    }))
}

fn compile(pattern: &str, ignore_case: bool) -> Result<Pattern, Failure> {
    if pattern.is_empty() {
        return Err(Failure::invalid(
            "`pattern` is empty: it would match every line",
        ));
    }
    if pattern.contains('\n') {
        return Err(Failure::invalid(
            "`pattern` contains a line's end, but a pattern is tried on one line at a time",
        ));
    }
    RegexBuilder::new(pattern)
        .multi_line(true)
        .case_insensitive(ignore_case)
        .size_limit(PATTERN_BYTES)
        .dfa_size_limit(PATTERN_BYTES)
        .build()
        .map(|regex| Pattern::new(regex, pattern, Literals::of(pattern, ignore_case)))
        .map_err(|error| Failure::invalid(explained(&error)))
}

/// What is wrong with a pattern, with what is usually meant.
fn explained(error: &regex::Error) -> String {
    let message = match error {
        regex::Error::CompiledTooBig(limit) => {
            return format!(
                "`pattern` is too large: compiled it would take more than {limit} bytes; use smaller repetitions"
            );
        }
        error => error.to_string(),
    };
    let hint = if message.contains("look-around") || message.contains("backreferences") {
        ""
    } else if message.contains("repetition operator missing")
        || message.contains("unclosed")
        || message.contains("unopened")
    {
        "\nTo search for such a character itself, put `\\` before it."
    } else {
        ""
    };
    format!("`pattern` is not a regular expression: {message}{hint}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};
    use std::fs;

    fn call(arguments: Value) -> Result<Value, Failure> {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("src")).unwrap();
        for (name, content) in [
            ("src/a.rs", &b"// TODO: one\nfn a() {}\n// todo: two\n"[..]),
            ("b.txt", b"nothing\nTODO\n"),
            ("binary", b"TODO\n\0"),
            (".hidden", b"TODO\n"),
        ] {
            fs::write(root.path().join(name), content).unwrap();
        }
        let mounts = Mounts::of(&[("/workspace", root.path())]).unwrap();
        let mut complaints = charthouse_sdk::Complaints::default();
        let arguments = <Grep as charthouse_sdk::Argument>::read(&arguments, &mut complaints);
        grep(&mounts, arguments.unwrap()).map(|answer| serde_json::to_value(answer.0).unwrap())
    }

    #[test]
    fn lines_are_found_and_what_was_left_out_is_told() {
        assert_eq!(
            call(json!({"pattern": "TODO"})).unwrap(),
            json!({
                "path": "/workspace", "pattern": "TODO",
                "matches": [
                    {"path": "b.txt", "line": 2, "text": "TODO"},
                    {"path": "src/a.rs", "line": 1, "text": "// TODO: one"},
                ],
                "total": 2, "files": 2, "searched": 2,
                "skipped": {"hidden": 1, "symlinks": 0, "caches": 0, "special": 0, "unreadable": 0, "binary": 1},
                "skipped_paths": [{"path": ".hidden", "reason": "hidden"}, {"path": "binary", "reason": "binary"}],
            })
        );
    }

    #[test]
    fn globs_case_context_and_single_files() {
        let answer =
            call(json!({"pattern": "todo", "ignore_case": true, "glob": "*.rs", "context": 1}))
                .unwrap();
        assert_eq!(
            answer["matches"],
            json!([
                {"path": "src/a.rs", "line": 1, "text": "// TODO: one", "after": ["fn a() {}"]},
                {"path": "src/a.rs", "line": 3, "text": "// todo: two", "before": ["fn a() {}"]},
            ])
        );
        let answer = call(json!({"pattern": "fn", "path": "/workspace/src/a.rs"})).unwrap();
        assert_eq!(
            answer["matches"],
            json!([{"path": "a.rs", "line": 2, "text": "fn a() {}"}])
        );
    }

    #[test]
    fn pages_lead_from_one_to_the_next() {
        let mut lines = Vec::new();
        let mut start = json!(0);
        while !start.is_null() {
            let page = call(json!({"pattern": "(?i)todo", "start": start, "max": 1})).unwrap();
            assert_eq!(
                (page["total"].clone(), page["files"].clone()),
                (json!(3), json!(2))
            );
            for found in page["matches"].as_array().unwrap() {
                lines.push(format!(
                    "{}:{}",
                    found["path"].as_str().unwrap(),
                    found["line"]
                ));
            }
            start = page["next"].clone();
        }
        assert_eq!(lines, ["b.txt:2", "src/a.rs:1", "src/a.rs:3"]);
    }

    #[test]
    fn wrong_patterns_are_explained() {
        for (pattern, expected) in [
            ("", "would match every line"),
            ("a\nb", "one line at a time"),
            ("f(", "unclosed group"),
            ("*x", "put `\\` before it"),
            ("(?=x)", "look-around"),
            ("(\\w{500}){500}", "too large"),
        ] {
            let failure = call(json!({"pattern": pattern})).unwrap_err();
            assert!(
                matches!(failure, Failure::Invalid(_)) && failure.message().contains(expected),
                "{failure:?}"
            );
        }
    }
}
