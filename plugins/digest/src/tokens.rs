//! How much a text takes. The plugin cannot know the model's vocabulary; it counts as the host's default estimate does, so both mean the same by a
//! budget.

/// Tokens of `text`: 3.6 ASCII bytes each, 2.5 bytes of anything else.
pub fn tokens(text: &str) -> usize {
    let other = text.bytes().filter(|byte| *byte >= 0x80).count();
    ((text.len() - other) * 25 + other * 36).div_ceil(90)
}

/// As much of the beginning of `text` as `limit` tokens hold.
pub fn head(text: &str, limit: usize) -> &str {
    let end = held(text.chars(), limit);
    &text[..end]
}

/// As much of the end of `text` as `limit` tokens hold.
pub fn tail(text: &str, limit: usize) -> &str {
    let length = held(text.chars().rev(), limit);
    &text[text.len() - length..]
}

/// Bytes of the first of `characters` that `limit` tokens hold.
fn held(characters: impl Iterator<Item = char>, limit: usize) -> usize {
    let mut room = limit.saturating_mul(90);
    let mut bytes = 0;
    for character in characters {
        let length = character.len_utf8();
        let cost = if length == 1 { 25 } else { length * 36 };
        if cost > room {
            break;
        }
        room -= cost;
        bytes += length;
    }
    bytes
}

/// `text` without what goes beyond `limit` tokens, cut between lines where that loses little.
pub fn fit(text: &str, limit: usize) -> &str {
    let text = text.trim();
    let head = head(text, limit);
    if head.len() == text.len() {
        return text;
    }
    match head.rfind('\n') {
        Some(line) if line >= head.len() / 2 => head[..line].trim_end(),
        _ => head.trim_end(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_tails_are_as_long_as_they_may_be() {
        for text in [
            "",
            "a",
            "some words in a row",
            "äöü 日本語 mixed with ASCII",
            "日本語日本語",
        ] {
            for limit in 0..12 {
                for (part, rest) in [
                    (head(text, limit), text.strip_prefix(head(text, limit))),
                    (tail(text, limit), text.strip_suffix(tail(text, limit))),
                ] {
                    assert!(tokens(part) <= limit, "{part} in {limit}");
                    let rest = rest.unwrap();
                    assert!(
                        rest.is_empty() || tokens(part) + 2 >= limit,
                        "{part} in {limit}"
                    );
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_ends_with_a_line() {
        let text = "- one line of it\n- another line of it\n- the last line of it\n";
        assert_eq!(fit(text, 100), text.trim());
        assert_eq!(fit(text, 13), "- one line of it\n- another line of it");
        assert_eq!(fit("one long line without an end", 3), "one long l");
    }
}
