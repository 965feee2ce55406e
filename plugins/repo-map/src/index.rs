//! The outlines of a tree's files: out of the cache where nothing changed, else read and scanned.

use crate::cache::{self, Cache, Content, Entry, SHARDS};
use crate::outline::Outline;
use crate::walk::{Found, Tree, read};
use crate::{rules, scan};
use charthouse_sdk::files::Place;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64;

/// Most bytes that one call scans, so that a large tree does not run into the limits of a call (2 G of fuel, 5 s): what is left waits for the next, which goes on
/// from what this one kept. Measured: scanning costs about 240 units of fuel a byte, and all else about 80,000 a file.
pub const SCAN_MAX: u64 = 4 << 20;
/// How much less it costs to read a file and find it unchanged than to scan it.
const SCAN_TO_HASH: u64 = 16;
/// A file that changed so shortly before it was read, in nanoseconds, may change again and bear the same time: the coarsest file system counts in two seconds.
const UNSETTLED: u64 = 2_000_000_000;

/// The outlines of a tree.
#[derive(Debug, Default)]
pub struct Index {
    /// One for each file of the tree; none where there is nothing to tell.
    pub outlines: Vec<Option<Outline>>,
    pub generated: u64,
    pub binary: u64,
    pub unreadable: u64,
    /// Files that wait for the next call.
    pub waiting: u64,
    /// Whether another call on the same tree would certainly find the same.
    pub settled: bool,
    /// Files whose content was read.
    pub read: u64,
}

/// Outline the files of `tree`, which was walked at `place`, at the time `now` in nanoseconds since the Unix epoch. `partial` says that the tree is not all there is.
pub fn index(place: &Place<'_>, tree: &Tree, partial: bool, cache: &Cache, now: u64) -> Index {
    let mut indexer = Indexer {
        place,
        partial: partial || tree.left_out.too_many,
        now,
        budget: SCAN_MAX,
        index: Index {
            outlines: vec![None; tree.files.len()],
            settled: true,
            ..Index::default()
        },
    };
    let prefix = match place.relative.as_str() {
        "." => String::new(),
        relative => format!("{relative}/"),
    };
    let mut shards: Vec<Vec<(usize, String)>> = vec![Vec::new(); SHARDS];
    for (index, file) in tree.files.iter().enumerate() {
        if file.language.is_some() {
            let path = format!("{prefix}{}", file.path);
            shards[cache::shard_of(&path)].push((index, path));
        }
    }
    for (number, files) in shards.into_iter().enumerate() {
        indexer.shard(cache, number, &prefix, files, &tree.files);
    }
    indexer.index
}

struct Indexer<'a> {
    place: &'a Place<'a>,
    partial: bool,
    now: u64,
    /// Bytes that may still be scanned.
    budget: u64,
    index: Index,
}

impl Indexer<'_> {
    /// The files of one shard. They are kept at once: a call that is stopped later has not worked for nothing.
    fn shard(
        &mut self,
        cache: &Cache,
        number: usize,
        prefix: &str,
        files: Vec<(usize, String)>,
        found: &[Found],
    ) {
        let mut kept: HashMap<String, Entry> = cache
            .shard(number)
            .into_iter()
            .map(|entry| (entry.path.clone(), entry))
            .collect();
        let mut changed = false;
        let mut entries: Vec<(usize, Entry)> = Vec::with_capacity(files.len());
        for (index, path) in files {
            let old = kept.remove(&path);
            if let Some((entry, is_new)) = self.entry(path, &found[index], old) {
                changed |= is_new;
                entries.push((index, entry));
            }
        }
        // What this walk could not see stays; what is gone, goes.
        let unseen = |entry: &&Entry| self.partial || !entry.path.starts_with(prefix);
        let mut elsewhere: Vec<&Entry> = kept.values().filter(unseen).collect();
        elsewhere.sort_unstable_by(|a, b| a.path.cmp(&b.path));
        changed |= elsewhere.len() < kept.len();
        if changed {
            let all: Vec<&Entry> = entries
                .iter()
                .map(|(_, entry)| entry)
                .chain(elsewhere)
                .collect();
            cache.keep_shard(number, &all);
        }
        for (index, entry) in entries {
            match entry.content {
                Content::Outlined(outline) => self.index.outlines[index] = Some(outline),
                Content::Generated => self.index.generated += 1,
                Content::Binary => self.index.binary += 1,
            }
        }
    }

    /// What is to be kept of a file of which `old` was kept before, and whether that is anything new.
    fn entry(&mut self, path: String, file: &Found, old: Option<Entry>) -> Option<(Entry, bool)> {
        let language = file.language?;
        let settled = file
            .modified
            .is_some_and(|modified| modified.saturating_add(UNSETTLED) < self.now);
        let old = old.filter(|old| old.bytes == file.bytes);
        let old = match old {
            Some(old) if old.settled && old.modified == file.modified => return Some((old, false)),
            old => old,
        };
        let cost = match &old {
            Some(_) => file.bytes / SCAN_TO_HASH,
            None => file.bytes,
        };
        if self.budget < cost {
            self.index.waiting += 1;
            self.index.settled = false;
            return None;
        }
        self.index.settled &= settled;
        let Some(bytes) = self.read(&path) else {
            self.index.unreadable += 1;
            return None;
        };
        let hash = xxh3_64(&bytes);
        self.budget -= cost;
        let mut is_new = true;
        let content = match old {
            Some(old) if old.hash == hash => {
                is_new = old.modified != file.modified || old.settled != settled;
                old.content
            }
            old => {
                if old.is_some() {
                    self.budget = self.budget.saturating_sub(file.bytes);
                }
                match rules::content(&bytes) {
                    rules::Content::Written => {
                        Content::Outlined(scan::scan(&String::from_utf8_lossy(&bytes), language))
                    }
                    rules::Content::Generated => Content::Generated,
                    rules::Content::Binary => Content::Binary,
                }
            }
        };
        let entry = Entry {
            path,
            bytes: file.bytes,
            modified: file.modified,
            hash,
            settled,
            content,
        };
        Some((entry, is_new))
    }

    fn read(&mut self, path: &str) -> Option<Vec<u8>> {
        self.index.read += 1;
        let directory = &self.place.mount.directory;
        // It was a regular file when it was listed; should it be something else by now, the sandbox refuses it.
        let file = directory.open_entry(path);
        let read = file.and_then(|mut file| read(&mut file, rules::FILE_MAX as usize));
        // It may become readable without any other sign of it.
        self.index.settled &= read.is_ok();
        read.ok()
    }
}
