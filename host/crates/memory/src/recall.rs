//! Listing, and which memories are most useful now.
//!
//! Usefulness is `weight × (relevance + FRESHNESS × freshness)`. Relevance is Okapi BM25 over words (Robertson and Zaragoza, "The Probabilistic Relevance
//! Framework: BM25 and Beyond", 2009), as a share of the best match's. Freshness halves with every half-life of the layer. That relevance, recency and
//! importance are added up is from Park et al., "Generative Agents" (2023).
//!
//! The words are looked up in a table of their own rather than in SQLite's full-text index, because that one weighs words by all texts it holds: what one
//! agent remembers would bear on what another is shown. Time is bounded: one pass over the scope's rows, which are a few numbers each, and at most
//! [`MOST_POSTINGS`] of the words' entries beside those of the rarest word.

use crate::record::{self, scope};
use crate::words;
use crate::{MemoryError, MemoryId, Remembered};
use journal::{Journal, MemoryRow, MemoryScope, Posting};
use std::cmp::Ordering;
use std::collections::BTreeSet;
use types::{MemoryLayer, Timestamp};

/// BM25: how soon repetitions of a word stop counting, and how much a long text is held against it. The usual values.
const K1: f64 = 1.2;
const B: f64 = 0.75;

/// What freshness counts beside relevance: a fresh memory that does not match at all is as useful as a very old one that matches a quarter as well as the best.
const FRESHNESS: f64 = 0.25;

/// Words of a query that are looked up: one that is longer says what it wants at its beginning or at its end.
const MOST_WORDS: usize = 64;

/// Bytes at either end of a query in which those words are looked for.
const QUERY_ENDS: usize = 16 * 1024;

/// Entries of words that one query reads, the rarest words first. Words that so many memories have tell least.
const MOST_POSTINGS: u64 = 100_000;

const DAY_MS: f64 = 86_400_000.0;

/// Milliseconds after which a memory is half as fresh: what happened soon matters less, what is so and how things are done stays.
const fn half_life(layer: MemoryLayer) -> f64 {
    match layer {
        MemoryLayer::Episodes => 14.0 * DAY_MS,
        MemoryLayer::Facts => 180.0 * DAY_MS,
        MemoryLayer::Skills => 365.0 * DAY_MS,
    }
}

/// Whose memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose<'a> {
    /// What this agent sees: its own, and what the house shares.
    Agent(&'a str),
    /// What the house shares.
    House,
    /// All. For people, never for an agent.
    Everyone,
}

/// The memory `id`.
pub(crate) fn get(journal: &Journal, id: MemoryId) -> Result<Remembered, MemoryError> {
    let row = journal
        .memory_row(id.0)?
        .ok_or(MemoryError::NoSuchMemory { id })?;
    record::read(journal, &row)
}

/// All memories of `layer` that are `whose`, by id.
pub(crate) fn list(
    journal: &Journal,
    whose: Whose<'_>,
    layer: MemoryLayer,
) -> Result<Vec<Remembered>, MemoryError> {
    let rows = rows(journal, &owners(journal, whose)?, layer)?;
    rows.iter().map(|row| record::read(journal, row)).collect()
}

/// At most `most` memories of `layer` that are `whose`, the most useful first.
pub(crate) fn select(
    journal: &Journal,
    whose: Whose<'_>,
    layer: MemoryLayer,
    query: &str,
    most: usize,
    now: Timestamp,
) -> Result<Vec<Remembered>, MemoryError> {
    if most == 0 {
        return Ok(Vec::new());
    }
    let owners = owners(journal, whose)?;
    let rows = rows(journal, &owners, layer)?;
    let scopes: Vec<MemoryScope<'_>> = owners
        .iter()
        .map(|owner| MemoryScope {
            agent: owner,
            layer: layer.name(),
        })
        .collect();
    let relevance = relevance(journal, &scopes, &rows, query)?;
    let mut ranked: Vec<(f64, &MemoryRow)> = rows
        .iter()
        .zip(relevance)
        .map(|(row, relevance)| {
            let age = now.0.saturating_sub(row.time.0).max(0) as f64;
            let freshness = (-age / half_life(layer)).exp2();
            (row.weight * (relevance + FRESHNESS * freshness), row)
        })
        .collect();
    if most < ranked.len() {
        ranked.select_nth_unstable_by(most, most_useful_first);
        ranked.truncate(most);
    }
    ranked.sort_unstable_by(most_useful_first);
    ranked
        .iter()
        .map(|(_, row)| record::read(journal, row))
        .collect()
}

/// A total order: no two memories have the same id.
fn most_useful_first(a: &(f64, &MemoryRow), b: &(f64, &MemoryRow)) -> Ordering {
    b.0.total_cmp(&a.0).then(a.1.id.cmp(&b.1.id))
}

/// The agents whose memories `whose` means; the house is ''.
fn owners(journal: &Journal, whose: Whose<'_>) -> Result<BTreeSet<String>, MemoryError> {
    let shared = String::new();
    Ok(match whose {
        Whose::Agent(agent) => BTreeSet::from([shared, agent.to_owned()]),
        Whose::House => BTreeSet::from([shared]),
        Whose::Everyone => {
            let scopes = journal.memory_scopes()?;
            scopes.into_iter().map(|(agent, _)| agent).collect()
        }
    })
}

/// The rows of `layer` of all `owners`, by id.
fn rows(
    journal: &Journal,
    owners: &BTreeSet<String>,
    layer: MemoryLayer,
) -> Result<Vec<MemoryRow>, MemoryError> {
    let mut rows = Vec::new();
    for owner in owners {
        rows.append(&mut journal.memory_rows(scope(Some(owner), layer))?);
    }
    rows.sort_unstable_by_key(|row| row.id);
    Ok(rows)
}

/// For each of `rows`, which are sorted by id, how well it matches `query`, from 0 to the 1 of the best match.
fn relevance(
    journal: &Journal,
    scopes: &[MemoryScope<'_>],
    rows: &[MemoryRow],
    query: &str,
) -> Result<Vec<f64>, MemoryError> {
    let mut scores = vec![0.0; rows.len()];
    let average = rows.iter().map(|row| f64::from(row.words)).sum::<f64>() / rows.len() as f64;
    let known = known_words(journal, scopes, query)?;
    for (count, word) in affordable(&known, MOST_POSTINGS) {
        // BM25's ln(1 + (n − count + ½) / (count + ½)). A word that has come into more memories since the rows were read is not held against them.
        let rarity = ((rows.len() as f64 + 1.0) / (*count as f64 + 0.5))
            .ln()
            .max(0.0);
        for scope in scopes {
            for Posting { id, times } in journal.postings(*scope, word)? {
                // A memory that was added since the rows were read is not among them.
                let Ok(at) = rows.binary_search_by_key(&id, |row| row.id) else {
                    continue;
                };
                let times = f64::from(times);
                let length = f64::from(rows[at].words) / average;
                scores[at] += rarity * times * (K1 + 1.0) / (times + K1 * (1.0 - B + B * length));
            }
        }
    }
    let best = scores.iter().copied().fold(0.0, f64::max);
    if best > 0.0 {
        scores.iter_mut().for_each(|score| *score /= best);
    }
    Ok(scores)
}

/// The rarest of `known`, which are sorted by how many memories have them, with at most `most` entries in all; but one word in any case.
fn affordable(known: &[(u64, String)], most: u64) -> &[(u64, String)] {
    let mut total: u64 = 0;
    let fits = known.iter().take_while(|(count, _)| {
        total = total.saturating_add(*count);
        total <= most
    });
    let end = fits.count().max(1).min(known.len());
    &known[..end]
}

/// The words of `query` that some memory of `scopes` has, with how many have it, the rarest first.
fn known_words(
    journal: &Journal,
    scopes: &[MemoryScope<'_>],
    query: &str,
) -> Result<Vec<(u64, String)>, MemoryError> {
    let mut known = Vec::new();
    for word in query_words(query) {
        let mut count = 0;
        for scope in scopes {
            count += journal.memories_with(*scope, &word)?;
        }
        if count > 0 {
            known.push((count, word));
        }
    }
    known.sort_unstable();
    Ok(known)
}

/// The distinct words of `query`: all of them, or half of the most that are looked up from either end.
fn query_words(query: &str) -> Vec<String> {
    let head = &query[..query.floor_char_boundary(QUERY_ENDS)];
    let rest = query.len() - head.len();
    let tail = &query[query.ceil_char_boundary(query.len() - rest.min(QUERY_ENDS))..];
    let mut seen = BTreeSet::new();
    let mut distinct = Vec::new();
    for part in [head, tail] {
        words::each(part, |word| {
            if seen.insert(word.to_owned()) {
                distinct.push(word.to_owned());
            }
        });
    }
    if distinct.len() > MOST_WORDS {
        distinct.drain(MOST_WORDS / 2..distinct.len() - MOST_WORDS / 2);
    }
    distinct
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_is_looked_up_by_its_distinct_words() {
        assert_eq!(query_words("Tea, tea & CUP"), ["tea", "cup"]);
        assert!(query_words("").is_empty());
    }

    #[test]
    fn what_a_query_reads_is_bounded_and_never_nothing() {
        let known: Vec<(u64, String)> = [3, 4, 5].map(|count| (count, "w".into())).into();
        for (most, words) in [(0, 1), (3, 1), (6, 1), (7, 2), (11, 2), (12, 3), (99, 3)] {
            assert_eq!(affordable(&known, most).len(), words, "{most}");
        }
        assert!(affordable(&[], 9).is_empty());
    }

    #[test]
    fn of_a_long_query_both_ends_are_looked_up() {
        let numbers: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
        let words = query_words(&numbers.join(" "));
        assert_eq!(words.len(), MOST_WORDS);
        assert_eq!((words[0].as_str(), words[31].as_str()), ("0", "31"));
        assert_eq!((words[32].as_str(), words[63].as_str()), ("49968", "49999"));
        let words = query_words(&"é".repeat(100_000));
        assert_eq!(words, ["é".repeat(32)]);
    }
}
