//! "Did you mean": the nearest known name, and names quoted so that a terminal is safe with them.

use std::fmt::Write;

/// Among more names than these nobody looks for a slip.
const MOST_COMPARED: usize = 128;
/// Characters of a quoted name that a message shows.
const LONGEST_SHOWN: usize = 60;

/// The known name that `name` most probably stands for.
pub(crate) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    types::nearest(name, known.into_iter().take(MOST_COMPARED))
}

/// Help for an unknown name: the nearest known one, else the list of them, else `otherwise`.
pub(crate) fn help<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
    what: &str,
    otherwise: &str,
) -> String {
    if let Some(best) = nearest(name, known.clone()) {
        return format!("did you mean `{}`?", shown(best));
    }
    let known: Vec<String> = known
        .into_iter()
        .map(|k| format!("`{}`", shown(k)))
        .collect();
    if known.is_empty() || known.len() > 30 {
        otherwise.to_owned()
    } else {
        format!("{what} {}", known.join(", "))
    }
}

/// `text` as a message may show it: one line, no control characters, not endless.
pub(crate) fn shown(text: &str) -> String {
    shown_up_to(text, LONGEST_SHOWN)
}

/// The same for at most `length` characters.
pub(crate) fn shown_up_to(text: &str, length: usize) -> String {
    let mut out = String::new();
    for (n, c) in text.chars().enumerate() {
        if n == length {
            out.push('…');
            break;
        }
        if c.is_control() || is_invisible(c) {
            let _ = write!(out, "{}", c.escape_unicode());
        } else {
            out.push(c);
        }
    }
    out
}

/// Characters that change how the text around them is displayed, which an error message must not let through.
pub(crate) fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_one_short_printable_line() {
        assert_eq!(shown("a\u{1b}[31mb\n"), "a\\u{1b}[31mb\\u{a}");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), LONGEST_SHOWN + 1);
    }
}
