//! Outcomes in words, as the model reads them.

use types::{Outcome, Value};

/// The last structured part of an answer.
pub(crate) fn last_json(outcome: &Outcome) -> Value {
    let parts = outcome.result.as_deref().unwrap_or_default();
    let json = parts.iter().rev().find_map(|part| match part {
        types::Part::Json(json) => Some(Value::from(json)),
        _ => None,
    });
    json.unwrap_or_default()
}

/// `text` cut to `limit` bytes, saying so.
pub(crate) fn cut(mut text: String, limit: usize) -> String {
    if text.len() <= limit {
        return text;
    }
    let mut end = limit;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let lost = text.len() - end;
    text.truncate(end);
    text.push_str(&format!(
        "\n[{} more were cut: one answer may fill a quarter of the context window; ask for less at a time]",
        types::Bytes(lost as u64)
    ));
    text
}

pub(crate) fn words_of(parts: &[types::Part]) -> String {
    let texts: Vec<_> = parts.iter().map(types::Part::to_text).collect();
    texts.join("\n")
}

/// What was refused during a call, a line for each.
pub(crate) fn refusals_of(outcome: &Outcome) -> String {
    let line = |refusal: &types::Refusal| {
        format!(
            "\n[refused: {} {}: {}]",
            refusal.operation, refusal.subject, refusal.reason
        )
    };
    outcome.refused.iter().map(line).collect()
}

/// An outcome as the model reads it.
pub(crate) fn in_words(outcome: &Outcome) -> String {
    let text = match &outcome.result {
        Ok(parts) => words_of(parts),
        Err(error) => match &error.rule {
            Some(rule) => format!("{error} [{rule}]"),
            None => error.to_string(),
        },
    };
    text + &refusals_of(outcome)
}

#[cfg(test)]
mod tests {
    use super::cut;

    #[test]
    fn a_long_answer_is_cut_at_a_character_and_says_so() {
        assert_eq!(cut("short".into(), 5), "short");
        let long = cut("äöü".repeat(100), 101);
        assert!(long.starts_with(&"äöü".repeat(16)), "{long}");
        assert!(long.contains("500B more were cut"), "{long}");
    }
}
