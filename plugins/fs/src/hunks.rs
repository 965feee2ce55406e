//! What an edit changed, shown as a short unified diff. Pure.

use std::ops::Range;

/// Lines around a change.
const CONTEXT: usize = 3;
/// Lines of one side of a change; of more the middle is left out.
const SIDE: usize = 40;
/// Changes that are shown.
const HUNKS: usize = 5;
/// Characters of a line that are shown.
const WIDTH: usize = 240;

/// The edited text, and what is told about it.
#[derive(Debug, PartialEq, Eq)]
pub struct Edited {
    /// The whole new content.
    pub content: Vec<u8>,
    /// First and last line of what was put in, from the first place to the last, counted from 1 in the new content.
    pub lines: (usize, usize),
    /// The changes as a unified diff.
    pub diff: String,
}

/// Put `new` in the place of the `length` bytes at each of `places`, which are sorted and do not overlap; there is at least one.
pub fn apply(content: &[u8], places: &[usize], length: usize, new: &[u8]) -> Edited {
    let mut edited = Vec::with_capacity(content.len() + places.len() * new.len());
    let mut copied = 0;
    let mut put = Vec::with_capacity(places.len());
    for place in places {
        edited.extend_from_slice(&content[copied..*place]);
        put.push(edited.len()..edited.len() + new.len());
        edited.extend_from_slice(new);
        copied = place + length;
    }
    edited.extend_from_slice(&content[copied..]);

    let old = Lines::of(content);
    let changed = Lines::of(&edited);
    let mut hunks: Vec<(Range<usize>, Range<usize>)> = Vec::new();
    for (place, put) in places.iter().zip(&put) {
        let (before, after) = whole_lines(content, *place..place + length, &edited, put.clone());
        let (before, after) = (old.within(&before), changed.within(&after));
        match hunks.last_mut() {
            // Changes that share a line, or whose surroundings meet, are shown as one.
            Some((last_before, last_after)) if before.start <= last_before.end + 2 * CONTEXT => {
                last_before.end = before.end;
                last_after.end = after.end;
            }
            _ => hunks.push((before, after)),
        }
    }
    let first = put.first().map_or(0, |put| changed.holding(put.start));
    let last = put.last().map_or(0, |put| {
        changed.holding(put.end.saturating_sub(1).max(put.start))
    });
    let mut diff = String::new();
    for (before, after) in hunks.iter().take(HUNKS) {
        show(&mut diff, &old, before.clone(), &changed, after.clone());
    }
    if hunks.len() > HUNKS {
        diff.push_str(&format!("… and {} more places\n", hunks.len() - HUNKS));
    }
    Edited {
        lines: (first + 1, last + 1),
        diff,
        content: edited,
    }
}

/// Some text and where its lines begin.
struct Lines<'a> {
    text: &'a [u8],
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    fn of(text: &'a [u8]) -> Self {
        let mut starts = vec![0];
        starts.extend(
            memchr::memchr_iter(b'\n', text)
                .map(|at| at + 1)
                .filter(|start| *start < text.len()),
        );
        if text.is_empty() {
            starts.clear();
        }
        Lines { text, starts }
    }

    /// The index of the line that holds the byte at `offset`.
    fn holding(&self, offset: usize) -> usize {
        self.starts
            .partition_point(|start| *start <= offset)
            .saturating_sub(1)
    }

    /// Indices of the lines that begin within `bytes`.
    fn within(&self, bytes: &Range<usize>) -> Range<usize> {
        let index = |offset| self.starts.partition_point(|start| *start < offset);
        index(bytes.start)..index(bytes.end)
    }

    fn line(&self, index: usize) -> &'a [u8] {
        let end = self
            .starts
            .get(index + 1)
            .copied()
            .unwrap_or(self.text.len());
        &self.text[self.starts[index]..end]
    }

    fn len(&self) -> usize {
        self.starts.len()
    }
}

/// The bytes `before` of the old text and `after` of the new one, which took their place, both widened to the same whole lines.
fn whole_lines(
    old: &[u8],
    before: Range<usize>,
    new: &[u8],
    after: Range<usize>,
) -> (Range<usize>, Range<usize>) {
    let start = memchr::memrchr(b'\n', &old[..before.start]).map_or(0, |at| at + 1);
    let ahead = before.start - start;
    let after_start = after.start - ahead;
    let ends_line = |text: &[u8], from: usize, to: usize| from == to || text[to - 1] == b'\n';
    // Where both end with a line's end nothing of the next line is touched.
    let behind = match ends_line(old, start, before.end) && ends_line(new, after_start, after.end) {
        true => 0,
        false => {
            memchr::memchr(b'\n', &old[before.end..]).map_or(old.len() - before.end, |at| at + 1)
        }
    };
    (start..before.end + behind, after_start..after.end + behind)
}

fn show(
    diff: &mut String,
    old: &Lines<'_>,
    mut before: Range<usize>,
    new: &Lines<'_>,
    mut after: Range<usize>,
) {
    // Lines at either end that the change left as they were are surroundings. The last line's missing end makes it another line.
    while !before.is_empty() && !after.is_empty() && old.line(before.start) == new.line(after.start)
    {
        before.start += 1;
        after.start += 1;
    }
    while !before.is_empty()
        && !after.is_empty()
        && old.line(before.end - 1) == new.line(after.end - 1)
    {
        before.end -= 1;
        after.end -= 1;
    }
    let above = before.start.saturating_sub(CONTEXT)..before.start;
    let below = before.end..(before.end + CONTEXT).min(old.len());
    let around = above.len() + below.len();
    diff.push_str(&format!(
        "@@ -{},{} +{},{} @@\n",
        above.start + 1,
        before.len() + around,
        after.start - above.len() + 1,
        after.len() + around
    ));
    side(diff, ' ', old, above);
    side(diff, '-', old, before);
    side(diff, '+', new, after);
    side(diff, ' ', old, below);
}

fn side(diff: &mut String, sign: char, lines: &Lines<'_>, range: Range<usize>) {
    let left_out = range.len().saturating_sub(SIDE);
    for (position, index) in range.clone().enumerate() {
        if left_out > 0 && position == SIDE / 2 {
            diff.push_str(&format!("{sign}… {left_out} lines\n"));
        }
        if left_out > 0 && (SIDE / 2..SIDE / 2 + left_out).contains(&position) {
            continue;
        }
        let text = String::from_utf8_lossy(lines.line(index));
        let text = text.trim_end_matches(['\n', '\r']);
        diff.push(sign);
        match text.char_indices().nth(WIDTH) {
            Some((end, _)) => diff.extend([&text[..end], "…"]),
            None => diff.push_str(text),
        }
        diff.push('\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Replaces every `old` in `content`.
    fn edit(content: &str, old: &str, new: &str) -> Edited {
        let places: Vec<usize> = content.match_indices(old).map(|(at, _)| at).collect();
        let edited = apply(content.as_bytes(), &places, old.len(), new.as_bytes());
        assert_eq!(
            String::from_utf8(edited.content.clone()).unwrap(),
            content.replace(old, new)
        );
        edited
    }

    #[test]
    fn a_change_is_shown_between_its_neighbours() {
        let edited = edit("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "5\n", "five\nfünf\n");
        assert_eq!(edited.lines, (5, 6));
        assert_eq!(
            edited.diff,
            "@@ -2,7 +2,8 @@\n 2\n 3\n 4\n-5\n+five\n+fünf\n 6\n 7\n 8\n"
        );
    }

    #[test]
    fn a_change_within_a_line_shows_the_line() {
        let edited = edit("let a = 1;\nlet b = 2;", "2", "3");
        assert_eq!(edited.lines, (2, 2));
        assert_eq!(
            edited.diff,
            "@@ -1,2 +1,2 @@\n let a = 1;\n-let b = 2;\n+let b = 3;\n"
        );
    }

    #[test]
    fn removals_and_insertions_at_the_edges() {
        assert_eq!(edit("a\nb\n", "a\n", "").diff, "@@ -1,2 +1,1 @@\n-a\n b\n");
        assert_eq!(edit("a\nb\n", "b\n", "").diff, "@@ -1,2 +1,1 @@\n a\n-b\n");
        assert_eq!(edit("a", "a", "").diff, "@@ -1,1 +1,0 @@\n-a\n");
        assert_eq!(edit("a\nb\n", "a\nb\n", "").lines, (1, 1));
        assert_eq!(edit("a", "a", "a\nb").diff, "@@ -1,1 +1,2 @@\n-a\n+a\n+b\n");
    }

    #[test]
    fn near_changes_are_one_and_many_are_counted() {
        let near = edit("x\na\nx\n", "x", "y");
        assert_eq!(near.diff, "@@ -1,3 +1,3 @@\n-x\n-a\n-x\n+y\n+a\n+y\n");
        assert_eq!(near.lines, (1, 3));
        let far: String = (0..8).map(|_| format!("x{}", "\n".repeat(20))).collect();
        assert!(edit(&far, "x", "y").diff.ends_with("… and 3 more places\n"));
    }

    #[test]
    fn long_changes_are_shown_in_part() {
        let diff = edit("x", "x", &"y\n".repeat(100)).diff;
        assert_eq!(
            diff.lines().filter(|line| line.starts_with("+y")).count(),
            SIDE
        );
        assert!(diff.contains("+… 60 lines\n"));
    }
}
