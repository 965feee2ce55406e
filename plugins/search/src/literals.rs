//! Texts that a match must begin with, so that most of a file need not be shown to the regular expression at all. Pure.
//!
//! On the machine itself the `regex` crate does this with vector instructions; within WebAssembly it has none for several texts at a time, and
//! searching for each of a few by itself is an order of magnitude cheaper than going through all bytes with an automaton.

use memchr::memmem::Finder;
use regex_syntax::ParserBuilder;
use regex_syntax::hir::literal::Extractor;

/// With more texts than this, the automaton is cheaper.
const MOST: usize = 4;
/// A shorter text is found too often to be of use.
const SHORTEST: usize = 2;

/// A few texts, one of which every match begins with.
#[derive(Clone, Debug)]
pub struct Literals(Vec<Finder<'static>>);

impl Literals {
    /// The texts that matches of `pattern` begin with, if those are few and long enough.
    pub fn of(pattern: &str, ignore_case: bool) -> Option<Self> {
        let mut parser = ParserBuilder::new()
            .multi_line(true)
            .case_insensitive(ignore_case)
            .utf8(false)
            .build();
        let hir = parser.parse(pattern).ok()?;
        let mut sequence = Extractor::new().extract(&hir);
        sequence.optimize_for_prefix_by_preference();
        let literals = sequence.literals()?;
        let fit = (1..=MOST).contains(&literals.len())
            && literals.iter().all(|literal| literal.len() >= SHORTEST);
        fit.then(|| {
            Literals(
                literals
                    .iter()
                    .map(|literal| Finder::new(literal.as_bytes()).into_owned())
                    .collect(),
            )
        })
    }
}

/// The places of some literals in one region, found as far as they were asked for.
#[derive(Debug)]
pub struct Places<'l> {
    literals: &'l Literals,
    /// For each literal its next place, once it was looked for; `usize::MAX` when there is none.
    next: Vec<Option<usize>>,
}

impl<'l> Places<'l> {
    /// Nothing is known of the region yet.
    pub fn new(literals: &'l Literals) -> Self {
        Places {
            literals,
            next: vec![None; literals.0.len()],
        }
    }

    /// The first place of any of them at or behind `position`, which must never go back.
    pub fn first_from(&mut self, region: &[u8], position: usize) -> Option<usize> {
        for (finder, next) in self.literals.0.iter().zip(&mut self.next) {
            if next.is_none_or(|next| next < position) {
                *next = finder
                    .find(&region[position..])
                    .map(|at| position + at)
                    .or(Some(usize::MAX));
            }
        }
        self.next
            .iter()
            .flatten()
            .min()
            .copied()
            .filter(|at| *at != usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(pattern: &str, ignore_case: bool) -> Option<Vec<String>> {
        let literals = Literals::of(pattern, ignore_case)?;
        Some(
            literals
                .0
                .iter()
                .map(|finder| String::from_utf8_lossy(finder.needle()).into_owned())
                .collect(),
        )
    }

    #[test]
    fn only_few_and_telling_texts_are_used() {
        let some = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
        assert_eq!(texts("TODO|FIXME", false), some(&["TODO", "FIXME"]));
        assert_eq!(texts(r"^fn \w+\(", false), some(&["fn "]));
        assert_eq!(texts(r"\bTODO\b", false), some(&["TODO"]));
        for pattern in ["x", r"\w+", ".*TODO", "a|b|cd", "(TODO)?", ""] {
            assert_eq!(texts(pattern, false), None, "{pattern}");
        }
        assert_eq!(texts("todo", true), None);
    }

    #[test]
    fn places_come_in_order() {
        let literals = Literals::of("ab|cd", false).unwrap();
        let mut places = Places::new(&literals);
        let region = b"..cd.ab.cd";
        assert_eq!(places.first_from(region, 0), Some(2));
        assert_eq!(places.first_from(region, 2), Some(2));
        assert_eq!(places.first_from(region, 3), Some(5));
        assert_eq!(places.first_from(region, 6), Some(8));
        assert_eq!(places.first_from(region, 9), None);
    }
}
