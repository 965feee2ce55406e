//! Everything found in the definitions of a house, for people and for programs.

use crate::source::{self, Sources};
use serde_json::json;
use std::fmt;
use std::fmt::Write;
use std::path::Path;
use types::{Finding, Severity};

/// Characters of a source line that are shown, so that a report fits a terminal.
const WIDTH: usize = 92;
/// Characters of a line of text.
const PAGE: usize = 100;

/// Errors and warnings in the order of their places, with the lines they speak of.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What was found, sorted by file, line and column.
    pub findings: Vec<Finding>,
    /// The files it was found in.
    pub sources: Sources,
}

impl Report {
    /// Sort `findings` and drop what was found twice, as happens where an alias repeats a mistake.
    pub fn new(mut findings: Vec<Finding>, sources: Sources) -> Self {
        findings.sort_by(|a, b| {
            let key = |f: &Finding| (f.place.file.clone(), f.place.line, f.place.column);
            key(a)
                .cmp(&key(b))
                .then(a.severity.cmp(&b.severity))
                .then_with(|| a.message.cmp(&b.message))
        });
        findings.dedup();
        let sources = sources.only_for(&findings);
        Report { findings, sources }
    }

    /// The same with `more` findings, about files of which this part knows nothing.
    pub fn with(self, more: Vec<Finding>) -> Self {
        let mut findings = self.findings;
        findings.extend(more);
        Report::new(findings, self.sources)
    }

    /// The same with the lines of files below `root` of which this part knew nothing when it was made.
    pub fn with_lines_of(mut self, root: &Path) -> Self {
        for finding in &self.findings {
            let file = &finding.place.file;
            if !self.sources.has(file)
                && let Some(text) = source::read_text(&root.join(&**file))
            {
                self.sources.add(file.clone(), text.into());
            }
        }
        self
    }

    /// This and what `other` found, each finding once.
    pub fn join(self, other: Report) -> Self {
        let mut sources = self.sources;
        sources.extend(other.sources);
        let mut findings = self.findings;
        findings.extend(other.findings);
        Report::new(findings, sources)
    }

    /// Whether nothing is wrong; warnings do not count.
    pub fn is_ok(&self) -> bool {
        self.count(Severity::Error) == 0
    }

    fn count(&self, severity: Severity) -> usize {
        self.findings
            .iter()
            .filter(|f| f.severity == severity)
            .count()
    }

    /// `{"ok":bool,"errors":[{"file","line","column","message","help"}],"warnings":[…]}`, as `charthouse check --json` prints it.
    pub fn to_json(&self) -> serde_json::Value {
        let list = |severity: Severity| -> Vec<serde_json::Value> {
            self.findings
                .iter()
                .filter(|f| f.severity == severity)
                .map(|f| {
                    json!({
                        "file": &*f.place.file,
                        "line": f.place.line,
                        "column": f.place.column,
                        "message": f.message,
                        "help": f.help,
                    })
                })
                .collect()
        };
        json!({
            "ok": self.is_ok(),
            "errors": list(Severity::Error),
            "warnings": list(Severity::Warning),
        })
    }

    /// The findings as a compiler would print them, each with its line and a caret, and the count at the end. Empty when nothing was found.
    pub fn render(&self, color: bool) -> String {
        let paint = Paint { color };
        let mut out = String::new();
        for finding in &self.findings {
            self.render_one(finding, &paint, &mut out);
            out.push('\n');
        }
        if let Some(summary) = self.summary() {
            let style = if self.is_ok() { YELLOW } else { RED };
            let _ = writeln!(out, "{}", paint.with(style, &summary));
        }
        out
    }

    fn summary(&self) -> Option<String> {
        let counted = |n: usize, what: &str| match n {
            0 => None,
            1 => Some(format!("1 {what}")),
            n => Some(format!("{n} {what}s")),
        };
        let parts: Vec<String> = [
            counted(self.count(Severity::Error), "error"),
            counted(self.count(Severity::Warning), "warning"),
        ]
        .into_iter()
        .flatten()
        .collect();
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn render_one(&self, finding: &Finding, paint: &Paint, out: &mut String) {
        let (word, style) = match finding.severity {
            Severity::Error => ("error", RED),
            Severity::Warning => ("warning", YELLOW),
        };
        let (head, place) = (paint.with(style, word), &finding.place);
        let message = wrap(&finding.message, word.len() + 2);
        let _ = writeln!(out, "{head}: {}", paint.with(BOLD, &message));
        let line = self.sources.line(place);
        let gutter = match line {
            Some(_) => place.line.to_string().len(),
            None => 1,
        };
        let indent = " ".repeat(gutter);
        let _ = writeln!(out, "{indent}{} {place}", paint.with(BLUE, "-->"));
        if let Some(line) = line {
            let (shown, caret) = window(&line, place.column as usize);
            let bar = paint.with(BLUE, "|");
            let number = paint.with(BLUE, &place.line.to_string());
            let _ = writeln!(out, "{indent} {bar}");
            let _ = writeln!(out, "{}", format!("{number} {bar} {shown}").trim_end());
            let pad = " ".repeat(caret);
            let _ = writeln!(out, "{indent} {bar} {pad}{}", paint.with(style, "^"));
        }
        if !finding.help.is_empty() {
            let _ = writeln!(
                out,
                "{indent} {} {}: {}",
                paint.with(BLUE, "="),
                paint.with(BOLD, "help"),
                wrap(&finding.help, gutter + 9)
            );
        }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Report {}

/// `text` in lines of a terminal's width, all but the first indented by `indent`, which is what stands before the first.
fn wrap(text: &str, indent: usize) -> String {
    let mut out = String::new();
    let mut column = indent;
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > indent && column + 1 + length > PAGE {
            let _ = write!(out, "\n{}", " ".repeat(indent));
            column = indent;
        } else if column > indent {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += length;
    }
    out
}

/// The part of a long line around `column` (from 1), and how far the caret stands from its beginning.
fn window(line: &str, column: usize) -> (String, usize) {
    let length = line.chars().count();
    let at = column.saturating_sub(1).min(length);
    if length <= WIDTH {
        return (line.to_owned(), at);
    }
    let start = at.saturating_sub(WIDTH / 2).min(length - WIDTH);
    let mut shown: String = line.chars().skip(start).take(WIDTH).collect();
    let mut caret = at - start;
    if start + WIDTH < length {
        shown.push('…');
    }
    if start > 0 {
        shown.insert(0, '…');
        caret += 1;
    }
    (shown, caret)
}

const RED: &str = "1;31";
const YELLOW: &str = "1;33";
const BLUE: &str = "1;34";
const BOLD: &str = "1";

struct Paint {
    color: bool,
}

impl Paint {
    fn with(&self, style: &str, text: &str) -> String {
        if self.color {
            format!("\u{1b}[{style}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::Place;

    fn report(text: &str, findings: Vec<Finding>) -> Report {
        let mut sources = Sources::default();
        sources.add("a.yaml".into(), Arc::from(text));
        Report::new(findings, sources)
    }

    #[test]
    fn a_finding_shows_its_line_with_a_caret_and_what_to_do() {
        let place = Place::new("a.yaml", 2, 3);
        let report = report(
            "one: 1\n  toolz: 2\n",
            vec![Finding::error(
                &place,
                "unknown key `toolz`",
                "did you mean `tools`?",
            )],
        );
        assert_eq!(
            report.render(false),
            "error: unknown key `toolz`\n --> a.yaml:2:3\n  |\n2 |   toolz: 2\n  |   ^\n  = help: did you mean `tools`?\n\n1 error\n"
        );
        assert!(report.render(true).contains("\u{1b}[1;31merror"));
    }

    #[test]
    fn json_is_sorted_by_place_and_tells_warnings_from_errors() {
        let at = |line| Place::new("a.yaml", line, 1);
        let report = report(
            "",
            vec![
                Finding::error(&at(2), "second", "h"),
                Finding::warning(&at(3), "third", ""),
                Finding::error(&at(1), "first", ""),
                Finding::error(&at(1), "first", ""),
            ],
        );
        assert_eq!(
            report.to_json().to_string(),
            r#"{"ok":false,"errors":[{"file":"a.yaml","line":1,"column":1,"message":"first","help":""},{"file":"a.yaml","line":2,"column":1,"message":"second","help":"h"}],"warnings":[{"file":"a.yaml","line":3,"column":1,"message":"third","help":""}]}"#
        );
        assert!(report.render(false).ends_with("2 errors, 1 warning\n"));
    }

    #[test]
    fn a_long_line_is_cut_around_the_caret() {
        let (shown, caret) = window(&format!("{}X{}", "a".repeat(200), "b".repeat(200)), 201);
        assert_eq!(shown.chars().nth(caret), Some('X'));
        assert!(shown.chars().count() <= WIDTH + 2);
    }

    #[test]
    fn escape_sequences_of_a_file_do_not_reach_the_terminal() {
        let place = Place::new("a.yaml", 1, 1);
        let report = report("a\u{1b}]0;x", vec![Finding::error(&place, "m", "")]);
        assert!(!report.render(false).contains('\u{1b}'));
    }
}
