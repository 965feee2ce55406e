//! What the journal knows of a house's plugins across runs: which components had a plugin's place, and which of them crashed too often.
//!
//! A fold over the records that runs and people leave; nothing else is kept, so what is decided by it can always be explained by `journal show`.

use crate::generations::By;
use crate::record::Kind;
use journal::{Journal, JournalError};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use types::ContentHash;

/// What the record says of one plugin's place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The component that had it last; `None` as long as none was ever exchanged.
    pub current: Option<ContentHash>,
    /// Those that had it before and were not gone back beyond, the newest last.
    pub before: Vec<ContentHash>,
    /// Those that crashed too often, and that nobody has put back since.
    pub quarantined: BTreeSet<ContentHash>,
}

/// The standing of every plugin of which something is on record, by name.
///
/// # Errors
/// When the journal cannot be read. A record that this version cannot read says nothing.
pub fn standings(journal: &Journal) -> Result<BTreeMap<String, Standing>, JournalError> {
    let mut records = journal.of_kind(Kind::PluginSwapped.name())?;
    records.extend(journal.of_kind(Kind::PluginQuarantined.name())?);
    records.sort_by_key(|record| record.seq);
    let mut standings: BTreeMap<String, Standing> = BTreeMap::new();
    for record in records {
        if record.kind == Kind::PluginSwapped.name() {
            if let Ok(swap) = serde_json::from_str::<SwapRecord>(&record.body) {
                standings
                    .entry(swap.plugin.clone())
                    .or_default()
                    .swapped(&swap);
            }
        } else if let Ok(quarantine) = serde_json::from_str::<QuarantineRecord>(&record.body) {
            standings
                .entry(quarantine.plugin.clone())
                .or_default()
                .quarantined(&quarantine);
        }
    }
    Ok(standings)
}

#[derive(Deserialize)]
struct Named {
    hash: ContentHash,
}

#[derive(Deserialize)]
struct SwapRecord {
    plugin: String,
    /// Absent where what was there could not be read.
    from: Option<Named>,
    to: Named,
    by: By,
}

#[derive(Deserialize)]
struct QuarantineRecord {
    plugin: String,
    generation: Named,
    back: Option<Named>,
}

impl Standing {
    /// The components that can be gone back to while the one with the content `now` has the place, the newest last.
    pub fn candidates(&self, now: ContentHash) -> Vec<ContentHash> {
        // What a person put in the place of the last one on record, when nothing looked, had one before it all the same.
        let last = self.current.filter(|current| *current != now);
        let all = self.before.iter().copied().chain(last);
        all.filter(|hash| *hash != now && !self.quarantined.contains(hash))
            .collect()
    }

    fn swapped(&mut self, swap: &SwapRecord) {
        let to = swap.to.hash;
        match swap.by {
            // One run goes on with an older component than the file holds; the house is as it was.
            By::Quarantine => return,
            By::Hand | By::Rollback => {
                self.quarantined.remove(&to);
            }
            By::Saved | By::Definitions => {}
        }
        // Every run that is under way sees the same exchange and records it.
        if self.current == Some(to) {
            return;
        }
        match swap.by {
            By::Rollback => {
                let at = self.before.iter().rposition(|hash| *hash == to);
                self.before.truncate(at.unwrap_or(0));
            }
            _ => {
                if let Some(from) = &swap.from {
                    self.had_it(from.hash);
                }
            }
        }
        self.current = Some(to);
    }

    fn quarantined(&mut self, quarantine: &QuarantineRecord) {
        // Without one to bring back it goes on.
        if let Some(back) = &quarantine.back {
            self.quarantined.insert(quarantine.generation.hash);
            if !self.before.contains(&back.hash) {
                self.before.push(back.hash);
            }
        }
    }

    fn had_it(&mut self, hash: ContentHash) {
        if self.before.last() != Some(&hash) {
            self.before.push(hash);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(name: &str) -> ContentHash {
        ContentHash::of(name.as_bytes())
    }

    fn swap(standing: &mut Standing, from: &str, to: &str, by: By) {
        standing.swapped(&SwapRecord {
            plugin: "g".into(),
            from: Some(Named { hash: hash(from) }),
            to: Named { hash: hash(to) },
            by,
        });
    }

    fn quarantine(standing: &mut Standing, bad: &str, back: Option<&str>) {
        standing.quarantined(&QuarantineRecord {
            plugin: "g".into(),
            generation: Named { hash: hash(bad) },
            back: back.map(|back| Named { hash: hash(back) }),
        });
    }

    fn names(hashes: &[ContentHash]) -> Vec<&'static str> {
        let known = ["a", "b", "c", "d"];
        let name = |wanted: &ContentHash| known.iter().find(|name| hash(name) == *wanted);
        hashes.iter().filter_map(name).copied().collect()
    }

    #[test]
    fn one_goes_back_step_by_step_and_no_further() {
        let mut standing = Standing::default();
        swap(&mut standing, "a", "b", By::Hand);
        swap(&mut standing, "b", "c", By::Hand);
        assert_eq!(names(&standing.candidates(hash("c"))), ["a", "b"]);
        swap(&mut standing, "c", "b", By::Rollback);
        assert_eq!(names(&standing.candidates(hash("b"))), ["a"]);
        swap(&mut standing, "b", "a", By::Rollback);
        assert_eq!(standing.candidates(hash("a")), []);
    }

    #[test]
    fn runs_that_follow_an_exchange_say_nothing_new() {
        let mut standing = Standing::default();
        swap(&mut standing, "a", "b", By::Hand);
        let once = standing.clone();
        swap(&mut standing, "a", "b", By::Saved);
        swap(&mut standing, "a", "b", By::Saved);
        assert_eq!(standing, once);
        swap(&mut standing, "b", "a", By::Rollback);
        swap(&mut standing, "b", "a", By::Saved);
        assert_eq!(standing.candidates(hash("a")), [], "gone back is gone back");
    }

    #[test]
    fn what_crashed_too_often_is_no_candidate_until_a_person_puts_it_back() {
        let mut standing = Standing::default();
        swap(&mut standing, "a", "b", By::Saved);
        quarantine(&mut standing, "b", Some("a"));
        assert_eq!(names(&standing.candidates(hash("b"))), ["a"]);
        swap(&mut standing, "b", "a", By::Quarantine);
        assert_eq!(standing.current, Some(hash("b")), "the file holds it still");
        swap(&mut standing, "b", "c", By::Saved);
        assert_eq!(names(&standing.candidates(hash("c"))), ["a"], "never b");
        swap(&mut standing, "c", "b", By::Hand);
        assert!(standing.quarantined.is_empty());
        quarantine(&mut standing, "b", None);
        assert!(standing.quarantined.is_empty(), "it goes on");
    }

    #[test]
    fn a_component_that_was_changed_while_nothing_looked_can_be_gone_back_from() {
        let mut standing = Standing::default();
        swap(&mut standing, "a", "b", By::Hand);
        assert_eq!(names(&standing.candidates(hash("d"))), ["a", "b"]);
    }
}
