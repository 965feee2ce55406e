//! A line as it is shown. Pure.

/// How many characters of a line are shown.
pub const SHOWN: usize = 240;
/// Where a match begins further right than this, the line is shown from shortly before it.
const INDENT: usize = 160;

/// A line as it is shown: without its end, text whatever it holds, and where it is long the part around `at`.
pub fn shown(line: &[u8], at: usize) -> String {
    let line = without_end(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let start = match at > INDENT && line.len() > SHOWN {
        true => first_boundary(line, at - INDENT / 2),
        false => 0,
    };
    // No character has more than four bytes.
    let end = first_boundary(line, (start + 4 * (SHOWN + 1)).min(line.len()));
    let text = String::from_utf8_lossy(&line[start..end]);
    let cut = text.char_indices().nth(SHOWN).map(|(cut, _)| cut);
    let mut shown = String::with_capacity(text.len() + 6);
    if start > 0 {
        shown.push('…');
    }
    shown.push_str(&text[..cut.unwrap_or(text.len())]);
    if cut.is_some() || end < line.len() {
        shown.push('…');
    }
    shown
}

/// The first place from `at` on where a UTF-8 character begins.
fn first_boundary(line: &[u8], at: usize) -> usize {
    (at..line.len())
        .take(4)
        .find(|index| line[*index] & 0xC0 != 0x80)
        .unwrap_or(at)
}

/// A line without its newline.
pub fn without_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\n").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_show_the_match() {
        assert_eq!(shown(b"short\r\n", 0), "short");
        let long = format!("{}needle{}", "é".repeat(500), "ü".repeat(500));
        let text = shown(long.as_bytes(), 1_000);
        assert!(
            text.starts_with("…é") && text.ends_with("ü…") && text.contains("needle"),
            "{text}"
        );
        assert_eq!(text.chars().count(), SHOWN + 2);
        assert_eq!(shown("é".repeat(240).as_bytes(), 0), "é".repeat(240));
        assert_eq!(shown(b"a\xFFb", 0), "a\u{FFFD}b");
    }
}
