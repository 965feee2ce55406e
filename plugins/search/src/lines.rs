//! Searches the lines of one file that streams by, in bounded memory. Pure: fed with chunks, knows nothing of files.
//!
//! The regular expression runs over whole stretches of lines at once, which is what makes it fast, but a line matches exactly if it would match
//! alone: a match that runs over a line's end only points to a line, which is then tried by itself.

use crate::excerpt::{shown, without_end};
use crate::literals::{Literals, Places};
use memchr::{memchr, memchr_iter, memrchr};
use regex::bytes::Regex;
use serde::Serialize;
use std::collections::VecDeque;

/// A line longer than this is searched in pieces, of which one must match by itself.
const PIECE: usize = 1 << 20;
/// What two pieces have in common, so that a match on their border is seen unless it is longer.
const OVERLAP: usize = 1 << 10;
/// So many matches that run over a line's end show that the pattern likes to; lines are then tried one by one.
const CROSSINGS: u32 = 64;

/// A pattern that is applied to lines.
#[derive(Clone, Debug)]
pub struct Pattern {
    regex: Regex,
    /// The pattern may tell the start of a line from the start of what is searched, so each line must be searched alone.
    alone: bool,
    /// What lines must hold to be worth a try.
    literals: Option<Literals>,
}

impl Pattern {
    /// `regex` (built with multi-line anchors) was made from `text`.
    pub fn new(regex: Regex, text: &str, literals: Option<Literals>) -> Self {
        Pattern {
            regex,
            alone: anchors_to_text(text),
            literals,
        }
    }
}

/// Whether a pattern may use `\A`, `\z` or single-line anchors. It may only err towards yes.
fn anchors_to_text(pattern: &str) -> bool {
    let flags_without_multi_line = pattern.split("(?").skip(1).any(|group| {
        let flags = group.split([':', ')']).next().unwrap_or_default();
        flags
            .split_once('-')
            .is_some_and(|(_, off)| off.contains('m'))
    });
    pattern.contains("\\A") || pattern.contains("\\z") || flags_without_multi_line
}

/// A line that matches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Match {
    /// Its number, counted from 1.
    pub line: u64,
    /// Its text, without the line's end and not too long.
    pub text: String,
    /// Lines before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<String>,
    /// Lines after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<String>,
}

/// What was found in a file.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many lines match.
    pub total: u64,
    /// Those that were asked for.
    pub matches: Vec<Match>,
}

/// The search of one file.
#[derive(Debug)]
pub struct LineSearch<'p> {
    pattern: &'p Pattern,
    alone: bool,
    crossings: u32,
    context: usize,
    /// How many matches are left out at the start, and how many are kept after that.
    skip: u64,
    keep: usize,
    /// The beginning of a line whose end has not come yet.
    carry: Vec<u8>,
    /// Lines that are over.
    lines: u64,
    /// Whether `carry` goes on a line of which pieces were already searched, and whether one of those matched.
    piece: Option<bool>,
    total: u64,
    matches: Vec<Match>,
    /// The last lines before what comes next, for context.
    history: VecDeque<String>,
    /// Matches that still want lines after them.
    waiting: VecDeque<usize>,
}

impl<'p> LineSearch<'p> {
    /// Search with `pattern`, showing `context` lines around each match, leaving out `skip` matches and keeping `keep` of those that follow.
    pub fn new(pattern: &'p Pattern, context: usize, skip: u64, keep: usize) -> Self {
        LineSearch {
            pattern,
            alone: pattern.alone,
            crossings: 0,
            context,
            skip,
            keep,
            carry: Vec::new(),
            lines: 0,
            piece: None,
            total: 0,
            matches: Vec::new(),
            history: VecDeque::new(),
            waiting: VecDeque::new(),
        }
    }

    /// Take the next chunk. `Err` means that the file is binary: it is not to be searched, and what was found so far does not count.
    pub fn feed(&mut self, chunk: &[u8]) -> Result<(), Binary> {
        if memchr(0, chunk).is_some() {
            return Err(Binary);
        }
        let mut carry = std::mem::take(&mut self.carry);
        let Some(end) = memrchr(b'\n', chunk) else {
            carry.extend_from_slice(chunk);
            if carry.len() >= PIECE {
                self.search_piece(&carry);
                carry.drain(..carry.len() - OVERLAP);
            }
            self.carry = carry;
            return Ok(());
        };
        let (whole, rest) = chunk.split_at(end + 1);
        if carry.is_empty() && self.piece.is_none() {
            self.search_lines(whole);
        } else {
            // The line that was begun is ended by itself, so that what is large is not copied.
            let first = memchr(b'\n', whole).map_or(whole.len(), |at| at + 1);
            carry.extend_from_slice(&whole[..first]);
            if self.piece.is_some() {
                self.search_piece(&carry);
                self.end_pieces();
            } else {
                self.search_lines(&carry);
            }
            self.search_lines(&whole[first..]);
        }
        carry.clear();
        carry.extend_from_slice(rest);
        self.carry = carry;
        Ok(())
    }

    /// The file is over.
    pub fn finish(mut self) -> Outcome {
        let carry = std::mem::take(&mut self.carry);
        if self.piece.is_some() {
            self.search_piece(&carry);
        } else {
            self.search_lines(&carry);
        }
        Outcome {
            total: self.total,
            matches: self.matches,
        }
    }

    /// Search whole lines; only the last may lack its end.
    fn search_lines(&mut self, region: &[u8]) {
        if region.is_empty() {
            return;
        }
        self.serve_waiting(region);
        let mut places = self.pattern.literals.as_ref().map(Places::new);
        let mut counted = 0;
        let mut position = 0;
        while let Some((start, end, at)) = match &mut places {
            Some(places) => self.next_candidate(region, position, places),
            None => self.next_match(region, position),
        } {
            self.lines += memchr_iter(b'\n', &region[counted..start]).count() as u64;
            counted = start;
            if self.takes_match() {
                let found = Match {
                    line: self.lines + 1,
                    text: shown(&region[start..end], at - start),
                    before: self.before(region, start),
                    after: self.after(region, end),
                };
                if found.after.len() < self.context {
                    self.waiting.push_back(self.matches.len());
                }
                self.matches.push(found);
            }
            position = end;
        }
        self.lines += memchr_iter(b'\n', &region[counted..]).count() as u64;
        self.remember(region);
    }

    /// The next line from `position` on that matches: its start, its end (behind its newline) and where the match begins.
    fn next_match(&mut self, region: &[u8], mut position: usize) -> Option<(usize, usize, usize)> {
        while position < region.len() {
            if self.alone {
                let end = line_end(region, position);
                if let Some(found) = self.pattern.regex.find(without_end(&region[position..end])) {
                    return Some((position, end, position + found.start()));
                }
                position = end;
                continue;
            }
            let found = self.pattern.regex.find_at(region, position)?;
            let start = memrchr(b'\n', &region[..found.start()]).map_or(0, |at| at + 1);
            if start >= region.len() {
                // Behind the last newline there is no line.
                return None;
            }
            let end = line_end(region, found.start());
            let inside = start + without_end(&region[start..end]).len();
            if found.end() <= inside {
                return Some((start, end, found.start()));
            }
            self.crossings += 1;
            self.alone = self.crossings > CROSSINGS;
            if let Some(found) = self.pattern.regex.find(without_end(&region[start..end])) {
                return Some((start, end, start + found.start()));
            }
            position = end;
        }
        None
    }

    /// The same, trying only lines that hold one of the pattern's literals.
    fn next_candidate(
        &self,
        region: &[u8],
        mut position: usize,
        places: &mut Places<'_>,
    ) -> Option<(usize, usize, usize)> {
        while let Some(at) = places.first_from(region, position) {
            let start = memrchr(b'\n', &region[..at]).map_or(0, |at| at + 1);
            let end = line_end(region, at);
            if let Some(found) = self.pattern.regex.find(without_end(&region[start..end])) {
                return Some((start, end, start + found.start()));
            }
            position = end;
        }
        None
    }

    /// Count a match; whether it is one of those that are kept.
    fn takes_match(&mut self) -> bool {
        let index = self.total;
        self.total += 1;
        index >= self.skip && self.matches.len() < self.keep
    }

    /// Search a piece of a line that is too long to be held, unless a piece of it has matched already.
    fn search_piece(&mut self, piece: &[u8]) {
        let matched = match self.piece {
            None => {
                self.serve_waiting(piece);
                if self.context > 0 {
                    self.push_history(shown(piece, 0));
                }
                false
            }
            Some(matched) => matched,
        };
        let text = without_end(piece);
        let worth_it = || {
            self.pattern
                .literals
                .as_ref()
                .is_none_or(|literals| Places::new(literals).first_from(text, 0).is_some())
        };
        let found = if matched || !worth_it() {
            None
        } else {
            self.pattern.regex.find(text)
        };
        self.piece = Some(matched || found.is_some());
        if let Some(found) = found
            && self.takes_match()
        {
            let mut before: Vec<String> = self.history.iter().cloned().collect();
            // The line itself is the last one remembered.
            before.pop();
            self.waiting
                .extend((self.context > 0).then_some(self.matches.len()));
            self.matches.push(Match {
                line: self.lines + 1,
                text: shown(text, found.start()),
                before,
                after: Vec::new(),
            });
        }
    }

    fn end_pieces(&mut self) {
        self.piece = None;
        self.lines += 1;
    }

    /// Lines of `region` before the one that begins at `start`, from further back where it does not reach.
    fn before(&self, region: &[u8], start: usize) -> Vec<String> {
        let mut lines = VecDeque::new();
        let mut end = start;
        while lines.len() < self.context && end > 0 {
            let begin = memrchr(b'\n', &region[..end - 1]).map_or(0, |at| at + 1);
            lines.push_front(shown(&region[begin..end], 0));
            end = begin;
        }
        let missing = self.context - lines.len();
        for line in self.history.iter().rev().take(missing) {
            lines.push_front(line.clone());
        }
        lines.into()
    }

    fn after(&self, region: &[u8], mut position: usize) -> Vec<String> {
        let mut lines = Vec::new();
        while lines.len() < self.context && position < region.len() {
            let end = line_end(region, position);
            lines.push(shown(&region[position..end], 0));
            position = end;
        }
        lines
    }

    /// Give the first lines of what comes next to the matches that wait for them.
    fn serve_waiting(&mut self, region: &[u8]) {
        if self.waiting.is_empty() {
            return;
        }
        let lines = self.after(region, 0);
        let context = self.context;
        let matches = &mut self.matches;
        self.waiting.retain(|index| {
            let after = &mut matches[*index].after;
            let missing = context - after.len();
            after.extend(lines.iter().take(missing).cloned());
            after.len() < context
        });
    }

    /// Keep the last lines of `region` for the context of what comes next.
    fn remember(&mut self, region: &[u8]) {
        if self.context > 0 {
            self.history = self.before(region, region.len()).into();
        }
    }

    fn push_history(&mut self, line: String) {
        self.history.push_back(line);
        if self.history.len() > self.context + 1 {
            self.history.pop_front();
        }
    }
}

/// The file contains a NUL byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binary;

/// Where the line ends that holds the byte at `position`: behind its newline.
fn line_end(region: &[u8], position: usize) -> usize {
    memchr(b'\n', &region[position..]).map_or(region.len(), |at| position + at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use regex::bytes::RegexBuilder;

    fn pattern(text: &str) -> Pattern {
        Pattern::new(
            RegexBuilder::new(text).multi_line(true).build().unwrap(),
            text,
            Literals::of(text, false),
        )
    }

    fn search(text: &[u8], expression: &str, context: usize, chunk: usize) -> Outcome {
        let pattern = pattern(expression);
        let mut search = LineSearch::new(&pattern, context, 0, usize::MAX);
        text.chunks(chunk)
            .for_each(|chunk| search.feed(chunk).unwrap());
        search.finish()
    }

    /// What it should find: every line by itself.
    fn line_by_line(text: &str, expression: &str, context: usize) -> Outcome {
        let pattern = pattern(expression);
        let lines: Vec<&str> = text.split_terminator('\n').collect();
        let matches: Vec<Match> = (0..lines.len())
            .filter(|index| pattern.regex.is_match(lines[*index].as_bytes()))
            .map(|index| {
                let texts = |range: std::ops::Range<usize>| {
                    lines[range].iter().map(|line| (*line).to_owned()).collect()
                };
                Match {
                    line: index as u64 + 1,
                    text: lines[index].to_owned(),
                    before: texts(index.saturating_sub(context)..index),
                    after: texts(index + 1..(index + 1 + context).min(lines.len())),
                }
            })
            .collect();
        Outcome {
            total: matches.len() as u64,
            matches,
        }
    }

    #[test]
    fn every_chunking_finds_what_line_by_line_finds() {
        let texts = [
            "",
            "\n",
            "a",
            "a\n\nb\na b\n  \nfoo bar\n}\n",
            "x\n\n\n\nax\n\nxa\n\n",
            "fn a() {\n    todo\n}\n\nfn b() {\n}\nno end",
        ];
        let expressions = [
            "a",
            "^a",
            "a$",
            "^$",
            r"\s+$",
            r"[^x]",
            r"[^x]+b",
            "(?s)a.*b",
            r"^\s*}",
            r"\Aa",
            r"b\z",
            "(?-m)^a",
            "(?-m:a$)",
            r"\bfn\b",
            r"\w+\s",
            "",
            "nothing",
            "x|$",
            r"a\s*b",
            "foo|to|zz",
            r"fn\s+b",
            r"bar\s",
        ];
        for text in texts {
            for expression in expressions {
                for context in [0, 1, 3] {
                    let expected = line_by_line(text, expression, context);
                    for chunk in [1, 2, 5, 1_000] {
                        assert_eq!(
                            search(text.as_bytes(), expression, context, chunk),
                            expected,
                            "{expression:?} on {text:?} in chunks of {chunk}, context {context}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn patterns_that_like_to_run_over_lines_find_every_line_all_the_same() {
        let text = "ab\n".repeat(500);
        assert_eq!(search(text.as_bytes(), "[^x]*", 0, 700).total, 500);
        assert_eq!(search(text.as_bytes(), "b[^x]*a", 0, 700).total, 0);
    }

    #[test]
    fn a_file_with_a_nul_is_binary_wherever_it_is() {
        let pattern = pattern("a");
        let mut search = LineSearch::new(&pattern, 0, 0, 10);
        assert_eq!(search.feed(b"aaa\n"), Ok(()));
        assert_eq!(search.feed(b"a\0"), Err(Binary));
    }

    #[test]
    fn only_the_matches_asked_for_are_kept() {
        let pattern = pattern("x");
        let mut search = LineSearch::new(&pattern, 0, 3, 2);
        search.feed("x\n".repeat(10).as_bytes()).unwrap();
        let outcome = search.finish();
        assert_eq!(outcome.total, 10);
        assert_eq!(
            outcome
                .matches
                .iter()
                .map(|found| found.line)
                .collect::<Vec<_>>(),
            [4, 5]
        );
    }

    #[test]
    fn a_line_of_many_megabytes_is_one_line() {
        let mut text = b"first\n".to_vec();
        text.extend(vec![b'-'; 3 * PIECE]);
        text.extend(b"needle");
        text.extend(vec![b'-'; 2 * PIECE]);
        text.extend(b"needle\nlast needle\nafter\n");
        for (chunk, expression) in [
            (60_000, "needle"),
            (65_536, "needle"),
            (10 * PIECE, "needle"),
            (65_536, "[n]?eedle"),
        ] {
            let outcome = search(&text, expression, 1, chunk);
            assert_eq!(outcome.total, 2, "chunks of {chunk}");
            let [long, last] = outcome.matches.as_slice() else {
                panic!("{outcome:?}")
            };
            assert_eq!((long.line, last.line), (2, 3));
            assert_eq!(
                (long.before.as_slice(), long.after.as_slice()),
                (&["first".to_owned()][..], &["last needle".to_owned()][..])
            );
            assert!(
                long.text.contains("needle")
                    && long.text.chars().count() <= crate::excerpt::SHOWN + 2,
                "{}",
                long.text
            );
            assert_eq!(last.before.len(), 1);
            assert!(last.before[0].starts_with("---"), "{}", last.before[0]);
            assert_eq!(last.after, ["after"]);
        }
    }
}
