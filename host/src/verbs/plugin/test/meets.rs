//! Whether a call came to what its case expects: pure comparison, but for the files it looks at.

use super::case::CaseState;
use super::difference;
use definitions::{
    Expectations, ExpectedAnswer, ExpectedFailure, ExpectedPart, ExpectedResult, TextMatch,
};
use serde_json::Value;
use std::path::Path;
use types::{CallError, Marked, Outcome, Part, Place, Refusal};

/// An expectation that was not met.
#[derive(Debug, PartialEq)]
pub struct Unmet {
    /// Where it stands.
    pub place: Place,
    /// What it is about: `text`, `the file out.txt`.
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found.
    pub found: String,
    /// Both line by line, or place by place, where that says more.
    pub difference: Option<String>,
}

/// Everything about `outcome` that is not as expected.
pub fn unmet(
    expect: &Expectations,
    outcome: &Outcome,
    root: &Path,
    state: &CaseState,
) -> Vec<Unmet> {
    let mut found = Vec::new();
    match (&expect.result, &outcome.result) {
        (ExpectedResult::Answer(answer), Ok(parts)) => answered(answer, parts, &mut found),
        (ExpectedResult::Failure(failure), Err(error)) => failed(failure, error, &mut found),
        (ExpectedResult::Answer(_), Err(error)) => found.push(plain(
            &expect.place,
            "the call",
            "an answer".into(),
            format!("the failure `{error}`"),
        )),
        (ExpectedResult::Failure(failure), Ok(parts)) => found.push(plain(
            &failure.kind.place,
            "the call",
            format!("a failure of the kind `{}`", failure.kind.as_str()),
            format!("the answer {}", quoted(&as_read(parts))),
        )),
    }
    if let Some(refused) = &expect.refused {
        refusals(refused, &outcome.refused, &mut found);
    }
    for line in &expect.log {
        in_one_of(line, "the log", &outcome.log, &mut found);
    }
    for (path, text) in &expect.files {
        let there = std::fs::read(root.join(&**path)).ok();
        afterwards(path, "the file", text.as_ref(), there, &mut found);
    }
    for (key, text) in &expect.state {
        afterwards(key, "the state", text.as_ref(), state.now(key), &mut found);
    }
    let costs = [
        (&expect.max_fuel, outcome.fuel, "fuel"),
        (&expect.max_memory, outcome.memory, "memory"),
    ];
    for (most, used, what) in costs {
        if let Some(most) = most.as_ref().filter(|most| most.value < used) {
            found.push(plain(
                &most.place,
                what,
                format!("at most {}", most.value),
                used.to_string(),
            ));
        }
    }
    found
}

fn answered(expected: &ExpectedAnswer, parts: &[Part], unmet: &mut Vec<Unmet>) {
    if let Some(expected) = &expected.parts {
        if expected.len() != parts.len() {
            unmet.push(plain(
                &expected.place,
                "the answer",
                counted(expected.len(), "part"),
                format!(
                    "{}: {}",
                    counted(parts.len(), "part"),
                    quoted(&as_read(parts))
                ),
            ));
        }
        for (index, (expected_part, part)) in expected.iter().zip(parts).enumerate() {
            one_part(
                expected_part,
                part,
                &format!("part {}", index + 1),
                &expected.place,
                unmet,
            );
        }
    }
    if let Some(text) = &expected.text {
        matched(text, "text", &as_read(parts), unmet);
    }
    let both = [(&expected.json, false), (&expected.json_has, true)];
    for (expected, may_have_more) in both {
        let Some(expected) = expected else { continue };
        match only_json(parts) {
            Some(found) => same_json(expected, found, may_have_more, "json", unmet),
            None => unmet.push(plain(
                &expected.place,
                "json",
                "one JSON part".into(),
                quoted(&as_read(parts)),
            )),
        }
    }
}

fn one_part(
    expected: &ExpectedPart,
    part: &Part,
    what: &str,
    list: &Place,
    unmet: &mut Vec<Unmet>,
) {
    let other = |place: &Place, kind: &str| plain(place, what, kind.to_owned(), described(part));
    match (expected, part) {
        (ExpectedPart::Text(expected), Part::Text(text)) => matched(expected, what, text, unmet),
        (ExpectedPart::Json(expected), Part::Json(json)) => {
            same_json(expected, json, false, what, unmet);
        }
        (ExpectedPart::JsonHas(expected), Part::Json(json)) => {
            same_json(expected, json, true, what, unmet);
        }
        (ExpectedPart::Blob(expected), Part::Blob { mime, .. }) if **expected == *mime => {}
        (ExpectedPart::Text(_), _) => unmet.push(other(list, "text")),
        (ExpectedPart::Json(at) | ExpectedPart::JsonHas(at), _) => {
            unmet.push(other(&at.place, "JSON"));
        }
        (ExpectedPart::Blob(at), _) => unmet.push(other(&at.place, &format!("a blob of {}", **at))),
    }
}

fn failed(expected: &ExpectedFailure, error: &CallError, unmet: &mut Vec<Unmet>) {
    if *expected.kind != error.kind {
        unmet.push(plain(
            &expected.kind.place,
            "the failure",
            format!("`{}`", expected.kind.as_str()),
            format!("`{error}`"),
        ));
    }
    if let Some(message) = &expected.message {
        matched(message, "message", &error.message, unmet);
    }
}

fn refusals(expected: &Marked<Vec<TextMatch>>, refused: &[Refusal], unmet: &mut Vec<Unmet>) {
    let lines: Vec<String> = refused
        .iter()
        .map(|r| format!("{} {}: {}", r.operation, r.subject, r.reason))
        .collect();
    if expected.is_empty() && !lines.is_empty() {
        let nothing = "nothing to be refused".to_owned();
        unmet.push(plain(&expected.place, "refused", nothing, lines.join("\n")));
    }
    for text in expected.iter() {
        in_one_of(text, "refused", &lines, unmet);
    }
}

/// Complain unless one of `lines` is as expected.
fn in_one_of(expected: &TextMatch, what: &str, lines: &[String], unmet: &mut Vec<Unmet>) {
    let meets = |line: &String| {
        let mut complaints = Vec::new();
        matched(expected, what, line, &mut complaints);
        complaints.is_empty()
    };
    if lines.iter().any(meets) {
        return;
    }
    // What it would take: the complaints that there would be of nothing.
    let mut of_nothing = Vec::new();
    matched(expected, what, "", &mut of_nothing);
    let found = match lines.is_empty() {
        true => "nothing".to_owned(),
        false => lines.join("\n"),
    };
    unmet.extend(of_nothing.into_iter().map(|complaint| Unmet {
        found: found.clone(),
        difference: None,
        ..complaint
    }));
}

fn afterwards(
    name: &Marked<String>,
    what: &str,
    expected: Option<&TextMatch>,
    there: Option<Vec<u8>>,
    unmet: &mut Vec<Unmet>,
) {
    let what = format!("{what} {}", **name);
    match (expected, there) {
        (None, None) => {}
        (None, Some(bytes)) => unmet.push(plain(
            &name.place,
            &what,
            "not to be there".into(),
            quoted(&String::from_utf8_lossy(&bytes)),
        )),
        (Some(_), None) => {
            unmet.push(plain(
                &name.place,
                &what,
                "to be there".into(),
                "nothing".into(),
            ));
        }
        (Some(expected), Some(bytes)) => {
            matched(expected, &what, &String::from_utf8_lossy(&bytes), unmet);
        }
    }
}

/// Complain of every condition of `expected` that `text` does not meet.
fn matched(expected: &TextMatch, what: &str, text: &str, unmet: &mut Vec<Unmet>) {
    if let Some(equal) = expected.equals.as_ref().filter(|equal| equal.value != text) {
        unmet.push(Unmet {
            place: equal.place.clone(),
            what: what.to_owned(),
            expected: quoted(equal),
            found: quoted(text),
            difference: difference::of_texts(equal, text),
        });
    }
    let mut complain = |place: &Place, expected: String| {
        unmet.push(plain(place, what, expected, quoted(text)));
    };
    for part in expected
        .contains
        .iter()
        .filter(|part| !text.contains(&***part))
    {
        complain(&part.place, format!("to contain {}", quoted(part)));
    }
    for part in expected.lacks.iter().filter(|part| text.contains(&***part)) {
        complain(&part.place, format!("not to contain {}", quoted(part)));
    }
    for regex in expected
        .matches
        .iter()
        .filter(|regex| !regex.is_match(text))
    {
        complain(&regex.place, format!("to match /{}/", regex.value));
    }
}

fn same_json(
    expected: &Marked<Value>,
    found: &Value,
    more: bool,
    what: &str,
    unmet: &mut Vec<Unmet>,
) {
    let places = difference::of_json(expected, found, more);
    if !places.is_empty() {
        unmet.push(Unmet {
            place: expected.place.clone(),
            what: what.to_owned(),
            expected: match more {
                true => format!("to have {}", **expected),
                false => expected.to_string(),
            },
            found: found.to_string(),
            difference: Some(places.join("\n") + "\n"),
        });
    }
}

fn plain(place: &Place, what: &str, expected: String, found: String) -> Unmet {
    Unmet {
        place: place.clone(),
        what: what.to_owned(),
        expected,
        found,
        difference: None,
    }
}

/// The parts as the model reads them.
fn as_read(parts: &[Part]) -> String {
    let texts: Vec<String> = parts.iter().map(Part::to_text).collect();
    texts.join("\n")
}

fn only_json(parts: &[Part]) -> Option<&Value> {
    match parts {
        [Part::Json(json)] => Some(json),
        _ => None,
    }
}

fn described(part: &Part) -> String {
    match part {
        Part::Text(text) => format!("the text {}", quoted(text)),
        Part::Json(json) => format!("the JSON {json}"),
        blob @ Part::Blob { .. } => blob.to_text(),
    }
}

fn quoted(text: &str) -> String {
    format!("{text:?}")
}

fn counted(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
