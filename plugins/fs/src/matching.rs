//! Finding what is to be edited, and saying what is near where it is not found. Pure.

use memchr::memmem;
use std::borrow::Cow;

/// How many lines of a file are compared with the one that was not found.
const COMPARED: usize = 20_000;
/// Up to how many characters of a line are compared or shown.
const SHOWN: usize = 160;
/// How alike a line must be to be told, from 0 to 1.
const ALIKE: f64 = 0.5;

/// `text` with the line ends that `content` has: where every line of the file ends with CRLF, a bare LF is meant as one.
pub fn with_line_ends_of<'a>(content: &[u8], text: &'a str) -> Cow<'a, str> {
    let lines = memchr::memchr_iter(b'\n', content).count();
    let windows = memmem::find_iter(content, b"\r\n").count();
    match lines > 0 && lines == windows && text.contains('\n') {
        true => Cow::Owned(text.replace("\r\n", "\n").replace('\n', "\r\n")),
        false => Cow::Borrowed(text),
    }
}

/// Where `old` begins in `content`, without overlaps.
pub fn occurrences(content: &[u8], old: &str) -> Vec<usize> {
    memmem::find_iter(content, old.as_bytes()).collect()
}

/// The number of the line, counted from 1, that holds the byte at `offset`.
pub fn line_of(content: &[u8], offset: usize) -> usize {
    memchr::memchr_iter(b'\n', &content[..offset]).count() + 1
}

/// What to say of an `old` that does not occur in `content`: where it does but for white space, or which line is nearest.
pub fn nearest(content: &[u8], old: &str) -> String {
    let text = String::from_utf8_lossy(content);
    let lines: Vec<&str> = text.lines().collect();
    let wanted: Vec<&str> = old
        .lines()
        .skip_while(|line| line.trim().is_empty())
        .collect();
    let wanted = match wanted.iter().rposition(|line| !line.trim().is_empty()) {
        Some(last) => &wanted[..=last],
        None => return "it is nothing but white space".to_owned(),
    };
    if let Some(hint) = but_for_white_space(&lines, wanted) {
        return hint;
    }
    match nearest_line(&lines, wanted[0]) {
        Some(index) => format!(
            "the nearest to its first line is line {}: {}",
            index + 1,
            quoted(lines[index])
        ),
        None => "no line is like its first line; read the file again".to_owned(),
    }
}

/// Where the lines `wanted` stand if white space within and around lines does not count.
fn but_for_white_space(lines: &[&str], wanted: &[&str]) -> Option<String> {
    let same = |a: &str, b: &str| a.split_whitespace().eq(b.split_whitespace());
    let at = lines
        .windows(wanted.len())
        .position(|window| window.iter().zip(wanted).all(|(a, b)| same(a, b)))?;
    let (index, (found, meant)) = lines[at..]
        .iter()
        .zip(wanted)
        .enumerate()
        .find(|(_, (a, b))| a != b)?;
    Some(format!(
        "it differs only in white space from lines {} to {}: line {} is {}, not {}",
        at + 1,
        at + wanted.len(),
        at + index + 1,
        quoted(found),
        quoted(meant),
    ))
}

fn nearest_line(lines: &[&str], wanted: &str) -> Option<usize> {
    let wanted = shortened(wanted.trim());
    let count = wanted.chars().count();
    let mut best: Option<(f64, usize)> = None;
    for (index, line) in lines.iter().enumerate().take(COMPARED) {
        let line = shortened(line.trim());
        // Lines of very different lengths are not alike, and need not be compared.
        let length = line.chars().count();
        if length * 2 < count || length > count * 2 {
            continue;
        }
        let likeness = strsim::normalized_levenshtein(line, wanted);
        if likeness >= ALIKE && best.is_none_or(|(most, _)| likeness > most) {
            best = Some((likeness, index));
        }
    }
    best.map(|(_, index)| index)
}

fn shortened(line: &str) -> &str {
    match line.char_indices().nth(SHOWN) {
        Some((end, _)) => &line[..end],
        None => line,
    }
}

/// A line between backticks, with its tabs visible and not too long.
fn quoted(line: &str) -> String {
    let short = shortened(line);
    let more = if short.len() < line.len() { "…" } else { "" };
    format!(
        "`{}{more}`",
        short.replace('\t', "\\t").replace('\r', "\\r")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn occurrences_do_not_overlap() {
        assert_eq!(occurrences(b"aaaa b aa", "aa"), [0, 2, 7]);
        assert_eq!(occurrences(b"\xFFa\xFF", "a"), [1]);
        assert_eq!(line_of(b"a\nb\nc", 4), 3);
    }

    #[test]
    fn line_ends_follow_the_file() {
        assert_eq!(with_line_ends_of(b"a\r\nb\r\n", "x\ny\r\n"), "x\r\ny\r\n");
        assert_eq!(with_line_ends_of(b"a\r\nb\n", "x\ny"), "x\ny");
        assert_eq!(with_line_ends_of(b"a", "x\ny"), "x\ny");
    }

    #[test]
    fn what_is_near_is_told() {
        let content = b"fn main() {\n\tlet a = 1;\n    let b = 2;\n}\n";
        assert_eq!(
            nearest(content, "    let a = 1;\n    let b = 2;\n"),
            "it differs only in white space from lines 2 to 3: line 2 is `\\tlet a = 1;`, not `    let a = 1;`"
        );
        assert_eq!(
            nearest(content, "let bb = 2;"),
            "the nearest to its first line is line 3: `    let b = 2;`"
        );
        assert_eq!(
            nearest(content, "something else entirely"),
            "no line is like its first line; read the file again"
        );
        assert_eq!(nearest(content, "\n  \n"), "it is nothing but white space");
        assert_eq!(
            nearest(b"", "x"),
            "no line is like its first line; read the file again"
        );
    }
}
