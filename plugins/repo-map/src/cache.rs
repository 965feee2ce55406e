//! What outlives a call: outlines of files by what their content was, and whole answers by what the tree was.
//!
//! Everything is kept per mount, because two agents may both call theirs `/workspace`. A value that does not carry its own hash, or was written by another
//! version, counts as absent. No failure of the store is a failure here: a map without a cache is slow, not wrong.

use crate::outline::Outline;
use charthouse_sdk::{Fragment, state};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::{xxh3_64, xxh3_64_with_seed};

/// Raise it with every change of what is kept, of the scanners or of the ranking: what another version kept is then thrown away.
const VERSION: u64 = 1;
/// Over how many values the outlines of a tree are spread: when one file changes, this part of them is written anew.
pub const SHARDS: usize = 64;
/// Most bytes of a value; the store takes 1 MiB.
const VALUE_MAX: usize = 1_000_000;
/// Mounts that are remembered.
const MOUNTS_MAX: usize = 4;
/// Answers that are remembered of one mount: one for each chunk that asks.
const ANSWERS_MAX: usize = 8;
/// The key of the list of mounts.
const MOUNTS: &str = "mounts";

/// What is kept of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its path below the mount.
    pub path: String,
    pub bytes: u64,
    pub modified: Option<u64>,
    /// A hash of its content.
    pub hash: u64,
    /// Whether size and time alone tell that it did not change. Not so while its time is so near to that of the reading that a later change may bear the same.
    pub settled: bool,
    pub content: Content,
}

/// What a file turned out to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Content {
    Outlined(Outline),
    Generated,
    Binary,
}

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    /// A hash of all that it depends on.
    fingerprint: u64,
    /// Texts and sources.
    fragments: Vec<(String, String)>,
}

/// The cache of one mount.
#[derive(Debug)]
pub struct Cache {
    prefix: String,
    /// Keys of outlines that there are.
    keys: Vec<String>,
}

impl Cache {
    /// The cache of the mount with this identity.
    pub fn open(mount: u64) -> Self {
        let known: Option<Vec<u64>> = load(MOUNTS);
        if known.is_none() {
            // Another version's, or damaged: nobody would ever clear it away otherwise.
            clear("");
        }
        let mut mounts = known.unwrap_or_default();
        if mounts.first() != Some(&mount) {
            mounts.retain(|other| *other != mount);
            mounts.insert(0, mount);
            for gone in mounts.drain(MOUNTS_MAX.min(mounts.len())..) {
                clear(&prefix(gone));
            }
            store(MOUNTS, &mounts);
        }
        let prefix = prefix(mount);
        let keys = state::keys(&format!("{prefix}files/")).unwrap_or_default();
        Cache { prefix, keys }
    }

    /// The answer under `name`, if it was given for the same `fingerprint`.
    pub fn answer(&self, name: u64, fingerprint: u64) -> Option<Vec<Fragment>> {
        let answer: Answer = load(&self.answer_key(name))?;
        let fragment = |(text, source): (String, String)| Fragment::new(text, source);
        (answer.fingerprint == fingerprint)
            .then(|| answer.fragments.into_iter().map(fragment).collect())
    }

    /// Keep an answer.
    pub fn keep_answer(&self, name: u64, fingerprint: u64, fragments: &[Fragment]) {
        let fragments = fragments.iter().map(|f| (f.text.clone(), f.source.clone()));
        let answer = Answer {
            fingerprint,
            fragments: fragments.collect(),
        };
        let prefix = format!("{}answer/", self.prefix);
        let key = self.answer_key(name);
        let keys = state::keys(&prefix).unwrap_or_default();
        if keys.len() >= ANSWERS_MAX && !keys.contains(&key) {
            clear(&prefix);
        }
        store(&key, &answer);
    }

    fn answer_key(&self, name: u64) -> String {
        format!("{}answer/{name:016x}", self.prefix)
    }

    /// The entries of a shard.
    pub fn shard(&self, shard: usize) -> Vec<Entry> {
        let prefix = self.shard_prefix(shard);
        let keys = self.keys.iter().filter(|key| key.starts_with(&prefix));
        let mut entries: Vec<Entry> = keys
            .filter_map(|key| load::<Vec<Entry>>(key))
            .flatten()
            .collect();
        entries.retain(|entry| match &entry.content {
            Content::Outlined(outline) => outline.is_sound(),
            Content::Generated | Content::Binary => true,
        });
        entries
    }

    /// Keep the entries of a shard in the place of those before.
    pub fn keep_shard(&self, shard: usize, entries: &[&Entry]) {
        let prefix = self.shard_prefix(shard);
        let mut parts: Vec<Vec<&Entry>> = Vec::new();
        let mut room = 0;
        for entry in entries {
            let size = postcard::to_allocvec(entry).map_or(VALUE_MAX, |bytes| bytes.len());
            if size > VALUE_MAX / 2 {
                continue;
            }
            if size > room {
                parts.push(Vec::new());
                room = VALUE_MAX;
            }
            room -= size;
            if let Some(part) = parts.last_mut() {
                part.push(entry);
            }
        }
        for (index, part) in parts.iter().enumerate() {
            store(&format!("{prefix}{index}"), part);
        }
        let surplus = self.keys.iter().filter(|key| {
            let part = key
                .strip_prefix(&prefix)
                .and_then(|part| part.parse::<usize>().ok());
            key.starts_with(&prefix) && part.is_none_or(|part| part >= parts.len())
        });
        for key in surplus {
            let _ = state::delete(key);
        }
    }

    fn shard_prefix(&self, shard: usize) -> String {
        format!("{}files/{shard}/", self.prefix)
    }
}

/// The shard of a file.
pub fn shard_of(path: &str) -> usize {
    xxh3_64(path.as_bytes()) as usize % SHARDS
}

fn prefix(mount: u64) -> String {
    format!("mount/{mount:016x}/")
}

fn clear(prefix: &str) {
    for key in state::keys(prefix).unwrap_or_default() {
        let _ = state::delete(&key);
    }
}

/// A value begins with the hash of the rest.
fn load<T: DeserializeOwned>(key: &str) -> Option<T> {
    let bytes = state::get(key).ok()??;
    let (hash, body) = bytes.split_first_chunk::<8>()?;
    if u64::from_le_bytes(*hash) != xxh3_64_with_seed(body, VERSION) {
        return None;
    }
    postcard::from_bytes(body).ok()
}

fn store(key: &str, value: &impl Serialize) {
    // Room for the hash, which is known last.
    let Ok(mut bytes) = postcard::to_extend(value, vec![0; 8]) else {
        return;
    };
    let hash = xxh3_64_with_seed(&bytes[8..], VERSION);
    bytes[..8].copy_from_slice(&hash.to_le_bytes());
    let _ = state::set(key, &bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, content: Content) -> Entry {
        Entry {
            path: path.to_owned(),
            bytes: 3,
            modified: Some(7),
            hash: 9,
            settled: true,
            content,
        }
    }

    #[test]
    fn what_is_kept_comes_back_and_shrinks_again() {
        let cache = Cache::open(1);
        // More than one value holds.
        let names: Vec<String> = (0..30_000).map(|n| format!("{n:0>90}")).collect();
        let entries: Vec<Entry> = names
            .iter()
            .map(|name| entry(name, Content::Binary))
            .collect();
        let all: Vec<&Entry> = entries.iter().collect();
        cache.keep_shard(3, &all);
        let cache = Cache::open(1);
        assert!(cache.keys.len() > 1, "{:?}", cache.keys);
        assert_eq!(cache.shard(3), entries);
        cache.keep_shard(3, &all[..1]);
        let cache = Cache::open(1);
        assert_eq!(
            (cache.keys.len(), cache.shard(3)),
            (1, entries[..1].to_vec())
        );
        assert!(cache.shard(4).is_empty() && Cache::open(2).shard(3).is_empty());
    }

    #[test]
    fn damaged_and_foreign_values_are_absent() {
        let cache = Cache::open(1);
        cache.keep_shard(0, &[&entry("a", Content::Generated)]);
        let cache = Cache::open(1);
        let key = cache.keys[0].clone();
        let good = state::get(&key).unwrap().unwrap();
        for at in 0..good.len() {
            let mut bad = good.clone();
            bad[at] ^= 1;
            state::set(&key, &bad).unwrap();
            assert!(cache.shard(0).is_empty(), "byte {at}");
            state::set(&key, &good[..at]).unwrap();
            assert!(cache.shard(0).is_empty(), "cut at {at}");
        }
        state::set(&key, &good).unwrap();
        assert_eq!(cache.shard(0).len(), 1);
    }

    #[test]
    fn another_versions_values_are_thrown_away_and_old_mounts_forgotten() {
        state::set("mounts", b"what?").unwrap();
        state::set("something/else", b"x").unwrap();
        for mount in 0..10 {
            Cache::open(mount).keep_shard(0, &[&entry("a", Content::Binary)]);
        }
        let keys = state::keys("").unwrap();
        assert_eq!(keys.len(), 1 + MOUNTS_MAX, "{keys:?}");
    }

    #[test]
    fn answers_are_for_one_fingerprint_and_few() {
        let cache = Cache::open(1);
        let fragments = vec![Fragment::new("text", "source")];
        for name in 0..100 {
            cache.keep_answer(name, 5, &fragments);
        }
        assert_eq!(cache.answer(99, 5), Some(fragments));
        assert_eq!(cache.answer(99, 6), None);
        assert!(state::keys("").unwrap().len() <= 1 + ANSWERS_MAX);
    }
}
