//! One page of lines out of a file that streams by: pure, fed with chunks, never holding more than the page.

use memchr::{memchr, memchr_iter};

/// How many lines a page holds.
pub const LINES: u64 = 2_000;
/// How many bytes a page holds.
pub const BYTES: usize = 64 * 1024;
/// How much of one line is shown on a page of several.
pub const LINE_BYTES: usize = 4 * 1024;

/// A page while it is filled.
#[derive(Debug)]
pub struct Page {
    start: u64,
    lines: u64,
    line_bytes: usize,
    text: Vec<u8>,
    /// The line that is being read, as far as it is shown.
    line: Vec<u8>,
    /// Whether that line is longer than what is kept of it.
    line_is_cut: bool,
    /// Whether anything of it has been seen.
    line_is_open: bool,
    /// Lines that are over.
    seen: u64,
    taken: u64,
    full: bool,
    cut: Vec<u64>,
}

/// A page when the file, or what was read of it, is over.
#[derive(Debug, PartialEq, Eq)]
pub struct Filled {
    /// The lines as they stand in the file, ends included.
    pub text: Vec<u8>,
    /// How many lines it holds.
    pub taken: u64,
    /// How many lines were seen in all; the last one counts without an end too.
    pub seen: u64,
    /// Lines of which only the beginning is shown.
    pub cut: Vec<u64>,
}

impl Page {
    /// A page that begins with line `start` (counted from 1) and holds at most `lines`.
    pub fn new(start: u64, lines: u64) -> Self {
        Page {
            start,
            lines: lines.min(LINES),
            // Who asks for one line wants all of it, as far as a page goes.
            line_bytes: if lines == 1 { BYTES } else { LINE_BYTES },
            text: Vec::new(),
            line: Vec::new(),
            line_is_cut: false,
            line_is_open: false,
            seen: 0,
            taken: 0,
            full: false,
            cut: Vec::new(),
        }
    }

    /// Whether nothing more fits: reading on only counts lines.
    pub fn is_full(&self) -> bool {
        self.full
    }

    /// Take the next chunk of the file.
    pub fn feed(&mut self, mut chunk: &[u8]) {
        while !chunk.is_empty() {
            if self.full || self.seen + 1 < self.start {
                chunk = self.pass(chunk);
                continue;
            }
            let end = memchr(b'\n', chunk).map(|at| at + 1);
            let (piece, rest) = chunk.split_at(end.unwrap_or(chunk.len()));
            self.keep(piece);
            if end.is_some() {
                self.end_line();
            }
            chunk = rest;
        }
    }

    /// The file is over.
    pub fn finish(mut self) -> Filled {
        if self.line_is_open {
            self.end_line();
        }
        Filled {
            text: self.text,
            taken: self.taken,
            seen: self.seen,
            cut: self.cut,
        }
    }

    /// Count lines that are not shown; what is left begins with a line that may be.
    fn pass<'a>(&mut self, chunk: &'a [u8]) -> &'a [u8] {
        let wanted = if self.full {
            u64::MAX
        } else {
            self.start - 1 - self.seen
        };
        let mut last = None;
        for (count, at) in memchr_iter(b'\n', chunk).enumerate() {
            last = Some((count as u64 + 1, at + 1));
            if count as u64 + 1 == wanted {
                break;
            }
        }
        match last {
            Some((count, at)) if count == wanted => {
                self.seen += count;
                self.line_is_open = false;
                &chunk[at..]
            }
            last => {
                let (count, at) = last.unwrap_or((0, 0));
                self.seen += count;
                self.line_is_open = at < chunk.len() || (self.line_is_open && count == 0);
                &[]
            }
        }
    }

    fn keep(&mut self, piece: &[u8]) {
        self.line_is_open = true;
        let room = self.line_bytes.saturating_sub(self.line.len());
        if piece.len() <= room {
            self.line.extend_from_slice(piece);
        } else {
            self.line.extend_from_slice(&piece[..room]);
            self.line_is_cut = true;
        }
    }

    fn end_line(&mut self) {
        let was_shown = !self.full && self.seen + 1 >= self.start;
        self.seen += 1;
        self.line_is_open = false;
        if !was_shown {
            return;
        }
        if self.line_is_cut {
            cut_at_character(&mut self.line);
            self.line.push(b'\n');
        }
        if self.taken > 0 && self.text.len() + self.line.len() > BYTES {
            self.full = true;
        } else {
            self.text.append(&mut self.line);
            self.taken += 1;
            if self.line_is_cut {
                self.cut.push(self.seen);
            }
            self.full = self.taken == self.lines;
        }
        self.line.clear();
        self.line_is_cut = false;
    }
}

/// Take away what a cut has left of a UTF-8 character at the end.
fn cut_at_character(line: &mut Vec<u8>) {
    let tail = line.len().saturating_sub(4);
    if let Some(first) = (tail..line.len()).rev().find(|at| line[*at] & 0xC0 != 0x80) {
        let wanted = match line[first] {
            byte if byte < 0x80 => 1,
            byte if byte >= 0xF0 => 4,
            byte if byte >= 0xE0 => 3,
            _ => 2,
        };
        if line.len() - first < wanted {
            line.truncate(first);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds `text` in chunks of `size`.
    fn page(text: &[u8], size: usize, start: u64, lines: u64) -> Filled {
        let mut page = Page::new(start, lines);
        text.chunks(size).for_each(|chunk| page.feed(chunk));
        page.finish()
    }

    #[test]
    fn every_chunking_gives_the_same_page() {
        let text = b"one\ntwo\r\n\nfour\nfive";
        for (start, lines, expected, taken) in [
            (1, 2_000, &text[..], 5),
            (1, 1, b"one\n", 1),
            (2, 2, b"two\r\n\n", 2),
            (4, 9, b"four\nfive", 2),
            (5, 1, b"five", 1),
            (6, 1, b"", 0),
            (99, 1, b"", 0),
        ] {
            for size in 1..=text.len() {
                let filled = page(text, size, start, lines);
                assert_eq!(
                    filled.text, expected,
                    "start {start}, lines {lines}, chunks of {size}"
                );
                assert_eq!(
                    (filled.taken, filled.seen),
                    (taken, 5),
                    "start {start}, lines {lines}, chunks of {size}"
                );
            }
        }
    }

    #[test]
    fn the_last_line_counts_with_and_without_an_end() {
        for (text, lines) in [
            (&b""[..], 0),
            (b"\n", 1),
            (b"a", 1),
            (b"a\n", 1),
            (b"a\n\n", 2),
            (b"a\nb", 2),
        ] {
            assert_eq!(page(text, 1, 1, 2_000).seen, lines, "{text:?}");
            assert_eq!(page(text, 64, 3, 2_000).seen, lines, "{text:?}");
        }
    }

    #[test]
    fn a_page_is_bounded_in_lines_and_in_bytes() {
        let filled = page("x\n".repeat(5_000).as_bytes(), 999, 1, u64::MAX);
        assert_eq!((filled.taken, filled.seen), (LINES, 5_000));
        let line = format!("{}\n", "y".repeat(999));
        let filled = page(line.repeat(100).as_bytes(), 4_096, 3, 2_000);
        assert_eq!(
            (filled.taken, filled.text.len(), filled.seen),
            (65, 65_000, 100)
        );
    }

    #[test]
    fn long_lines_are_cut_between_characters() {
        let text = format!("short\n{}\nlast\n", "é".repeat(3_000));
        for size in [1, 7, 10_000] {
            let filled = page(text.as_bytes(), size, 1, 2_000);
            assert_eq!(filled.cut, [2]);
            let shown = String::from_utf8(filled.text).unwrap();
            assert_eq!(shown, format!("short\n{}\nlast\n", "é".repeat(2_048)));
        }
        let odd = format!("a{}\n", "é".repeat(3_000));
        let filled = page(odd.as_bytes(), 100, 1, 2_000);
        assert_eq!(
            String::from_utf8(filled.text).unwrap().trim_end(),
            format!("a{}", "é".repeat(2_047))
        );
        assert_eq!(page(odd.as_bytes(), 100, 1, 1).cut, [0_u64; 0]);
    }
}
