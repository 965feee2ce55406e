//! What is different between two texts or two JSON values, in words and lines that show it at once.

use serde_json::Value;
use std::fmt::Write;

/// Lines shown before and after each difference.
const CONTEXT: usize = 2;
/// Longer texts are compared from their first difference on: the comparison takes the product of both lengths.
const MOST_LINES: usize = 500;
/// Differing places of a JSON value that are told.
const MOST_PLACES: usize = 8;

/// The lines of both texts, `-` before what was expected and `+` before what was found. `None` where a line of each says it all.
pub fn of_texts(expected: &str, found: &str) -> Option<String> {
    if expected.lines().count() < 2 && found.lines().count() < 2 {
        return None;
    }
    let (old, new) = (lines(expected), lines(found));
    let same = old.iter().zip(&new).take_while(|(a, b)| a == b).count();
    let skipped = same.saturating_sub(CONTEXT);
    let cut = |lines: &[String]| lines[skipped..].iter().take(MOST_LINES).cloned().collect();
    let (old, new): (Vec<String>, Vec<String>) = (cut(&old), cut(&new));
    Some(shown(&steps(&old, &new), skipped))
}

/// A text's lines; what no line shows is said: that the last has no end, that one ends in blanks.
fn lines(text: &str) -> Vec<String> {
    let mut lines: Vec<String> = text
        .split('\n')
        .map(|line| match line.ends_with([' ', '\t', '\r']) {
            true => format!("{}⏎", line.escape_debug()),
            false => line.to_owned(),
        })
        .collect();
    match lines.last().map(String::is_empty) {
        Some(true) => {
            lines.pop();
        }
        _ => {
            if let Some(last) = lines.last_mut() {
                last.push_str(" (no line end)");
            }
        }
    }
    lines
}

#[derive(Clone, Copy, PartialEq)]
enum Side {
    Both,
    Old,
    New,
}

/// The shortest way from `old` to `new`, by the longest common subsequence.
fn steps<'t>(old: &'t [String], new: &'t [String]) -> Vec<(Side, &'t str)> {
    let width = new.len() + 1;
    let mut common = vec![0u32; (old.len() + 1) * width];
    for i in (0..old.len()).rev() {
        for j in (0..new.len()).rev() {
            common[i * width + j] = match old[i] == new[j] {
                true => common[(i + 1) * width + j + 1] + 1,
                false => common[(i + 1) * width + j].max(common[i * width + j + 1]),
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::new();
    while i < old.len() || j < new.len() {
        if i < old.len() && j < new.len() && old[i] == new[j] {
            steps.push((Side::Both, &*old[i]));
            (i, j) = (i + 1, j + 1);
        } else if i < old.len()
            && (j == new.len() || common[(i + 1) * width + j] >= common[i * width + j + 1])
        {
            steps.push((Side::Old, &*old[i]));
            i += 1;
        } else {
            steps.push((Side::New, &*new[j]));
            j += 1;
        }
    }
    steps
}

/// The steps near a difference; what lies between is left out.
fn shown(steps: &[(Side, &str)], skipped: usize) -> String {
    let near = |index: usize| {
        let around = index.saturating_sub(CONTEXT)..(index + CONTEXT + 1).min(steps.len());
        steps[around].iter().any(|(side, _)| *side != Side::Both)
    };
    let mut out = String::new();
    let mut left_out = skipped;
    for (index, (side, line)) in steps.iter().enumerate() {
        if !near(index) {
            left_out += 1;
            continue;
        }
        if left_out > 0 {
            let _ = writeln!(out, "  … {left_out} the same");
            left_out = 0;
        }
        let sign = match side {
            Side::Both => ' ',
            Side::Old => '-',
            Side::New => '+',
        };
        let _ = writeln!(out, "{sign} {line}");
    }
    if left_out > 0 {
        let _ = writeln!(out, "  … {left_out} the same");
    }
    out
}

/// The places at which `found` is not `expected`. With `may_have_more` its objects may hold more than is expected of them.
pub fn of_json(expected: &Value, found: &Value, may_have_more: bool) -> Vec<String> {
    let mut places = Vec::new();
    compare("", expected, found, may_have_more, &mut places);
    let more = places.len().saturating_sub(MOST_PLACES);
    places.truncate(MOST_PLACES);
    if more > 0 {
        places.push(format!("and {more} more"));
    }
    places
}

fn compare(at: &str, expected: &Value, found: &Value, more: bool, places: &mut Vec<String>) {
    let named = |at: &str| match at.is_empty() {
        true => "the whole".to_owned(),
        false => format!("`{}`", at.trim_start_matches('.')),
    };
    match (expected, found) {
        (Value::Object(expected), Value::Object(found)) => {
            for (key, value) in expected {
                let at = format!("{at}.{key}");
                match found.get(key) {
                    Some(found) => compare(&at, value, found, more, places),
                    None => places.push(format!("{} is missing, expected {value}", named(&at))),
                }
            }
            let unexpected = found
                .keys()
                .filter(|key| !more && !expected.contains_key(*key));
            for key in unexpected {
                places.push(format!(
                    "{} is too much: {}",
                    named(&format!("{at}.{key}")),
                    found[key]
                ));
            }
        }
        (Value::Array(expected), Value::Array(found)) => {
            for (index, (expected, found)) in expected.iter().zip(found).enumerate() {
                compare(&format!("{at}[{index}]"), expected, found, more, places);
            }
            if expected.len() != found.len() {
                places.push(format!(
                    "{} has {} items, expected {}",
                    named(at),
                    found.len(),
                    expected.len()
                ));
            }
        }
        _ if same(expected, found) => {}
        _ => places.push(format!("{} is {found}, expected {expected}", named(at))),
    }
}

/// Whether two scalars are one value: `1` and `1.0` are, as JSON knows one kind of number only.
fn same(one: &Value, other: &Value) -> bool {
    one == other
        || matches!((one.as_f64(), other.as_f64()), (Some(one), Some(other)) if one == other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn lines_are_compared_where_there_are_several() {
        assert_eq!(of_texts("a", "b"), None);
        assert_eq!(
            of_texts("a\nb\nc\n", "a\nB\nc\n").unwrap(),
            "  a\n- b\n+ B\n  c\n"
        );
        assert_eq!(
            of_texts("a\nb\n", "a\nb").unwrap(),
            "  a\n- b\n+ b (no line end)\n"
        );
        let long: String = (0..20).map(|n| format!("{n}\n")).collect();
        let other = long.replace("15\n", "x\n");
        assert_eq!(
            of_texts(&long, &other).unwrap(),
            "  … 13 the same\n  13\n  14\n- 15\n+ x\n  16\n  17\n  … 2 the same\n"
        );
    }

    #[test]
    fn json_is_compared_place_by_place() {
        let found = json!({"a": [1, {"b": 2}], "c": "x", "d": null});
        let none: Vec<String> = Vec::new();
        assert_eq!(of_json(&json!({"a": [1.0, {}]}), &found, true), none);
        assert_eq!(
            of_json(
                &json!({"a": [1, {"b": 3}, 4], "e": 5, "d": null}),
                &found,
                false
            ),
            [
                "`a[1].b` is 2, expected 3",
                "`a` has 2 items, expected 3",
                "`e` is missing, expected 5",
                "`c` is too much: \"x\"",
            ]
        );
        assert_eq!(
            of_json(&json!(1), &json!("1"), true),
            ["the whole is \"1\", expected 1"]
        );
    }
}
