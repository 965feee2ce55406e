//! What `plugin test` prints: for people, and as JSON.

use super::Tested;
use super::meets::Unmet;
use crate::print::{BOLD, DIM, GREEN, Paint, RED, plain};
use serde_json::{Value, json};
use std::fmt::Write;

/// A line of what was expected or found is cut here; `--json` has it whole.
const LONGEST: usize = 400;

/// The report for people.
pub fn text(tested: &[Tested], paint: Paint) -> String {
    let mut out = String::new();
    let mut file = "";
    for case in tested {
        if case.file != file {
            file = &case.file;
            let _ = writeln!(out, "{}", paint.with(BOLD, &plain(file)));
        }
        let name = plain(&case.name);
        if case.unmet.is_empty() {
            let _ = writeln!(out, "  {}      {name}", paint.with(GREEN, "ok"));
            continue;
        }
        let _ = writeln!(out, "  {}  {name}", paint.with(RED, "failed"));
        for unmet in &case.unmet {
            failure(&mut out, unmet, paint);
        }
        beside(&mut out, case, paint);
    }
    let failed = failed(tested);
    let cases = if tested.len() == 1 { "case" } else { "cases" };
    let verdict = match failed {
        0 => paint.with(GREEN, "all as expected"),
        _ => paint.with(RED, &format!("{failed} failed")),
    };
    let _ = writeln!(out, "\n{} {cases}, {verdict}", tested.len());
    out
}

fn failed(tested: &[Tested]) -> usize {
    tested.iter().filter(|case| !case.unmet.is_empty()).count()
}

fn failure(out: &mut String, unmet: &Unmet, paint: Paint) {
    let _ = writeln!(out, "    {}: {}", unmet.place, plain(&unmet.what));
    match &unmet.difference {
        Some(difference) if !difference.contains("expected ") => {}
        _ => {
            let _ = writeln!(out, "      expected  {}", cut(&unmet.expected));
            let _ = writeln!(out, "      but       {}", cut(&unmet.found));
        }
    }
    for line in unmet.difference.iter().flat_map(|text| text.lines()) {
        let line = cut(line);
        let line = match line.as_bytes().first() {
            Some(b'-') => paint.with(RED, &line),
            Some(b'+') => paint.with(GREEN, &line),
            _ => line,
        };
        let _ = writeln!(out, "      {line}");
    }
}

/// What a person needs beside a failure: what the sandbox refused, and what the plugin said.
fn beside(out: &mut String, case: &Tested, paint: Paint) {
    for refusal in &case.outcome.refused {
        let line = format!(
            "refused: {} {}: {}",
            refusal.operation, refusal.subject, refusal.reason
        );
        let _ = writeln!(out, "    {}", paint.with(DIM, &cut(&line)));
    }
    for line in &case.outcome.log {
        let _ = writeln!(
            out,
            "    {}",
            paint.with(DIM, &cut(&format!("log: {line}")))
        );
    }
}

/// `text` as a terminal may show it, not endless.
fn cut(text: &str) -> String {
    let text = plain(text);
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into_owned(),
    }
}

/// The report for programs. It holds nothing that another run of the same cases would have otherwise.
pub fn json(tested: &[Tested]) -> Value {
    let failed = failed(tested);
    json!({
        "ok": failed == 0,
        "passed": tested.len() - failed,
        "failed": failed,
        "cases": tested.iter().map(case_json).collect::<Vec<_>>(),
    })
}

fn case_json(case: &Tested) -> Value {
    let unmet: Vec<Value> = case.unmet.iter().map(unmet_json).collect();
    let mut entry = json!({
        "name": case.name,
        "tool": case.tool,
        "file": case.file,
        "line": case.place.line,
        "column": case.place.column,
        "ok": case.unmet.is_empty(),
        "fuel": case.outcome.fuel,
        "memory": case.outcome.memory,
        "unmet": unmet,
    });
    if !case.unmet.is_empty() {
        match &case.outcome.result {
            Ok(parts) => entry["outcome"] = json!({ "ok": parts }),
            Err(error) => entry["outcome"] = json!({ "error": error }),
        }
        entry["refused"] = json!(case.outcome.refused);
        entry["log"] = json!(case.outcome.log);
    }
    entry
}

fn unmet_json(unmet: &Unmet) -> Value {
    json!({
        "file": &*unmet.place.file,
        "line": unmet.place.line,
        "column": unmet.place.column,
        "what": unmet.what,
        "expected": unmet.expected,
        "found": unmet.found,
        "difference": unmet.difference,
    })
}
