//! Which files have come and been left alone: pure, over what a look at a folder found.
//!
//! A file is one of its name and version. It is handed on once for each version, when nobody has written to it for a while. What was there before the trigger was
//! known, and has not changed since, never is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

/// Times of files are coarser than the clock: a file that comes now may bear a time that has just passed. Rather one too many than one too few.
const GRAIN_MS: i64 = 20;

/// What tells a file from what stood under its name before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Version {
    /// Bytes.
    pub size: u64,
    /// When it was written to, in nanoseconds.
    pub modified_ns: i128,
    /// Its number in the file system.
    pub inode: u64,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}-{}", self.size, self.modified_ns, self.inode)
    }
}

/// A file that was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// Its name in the pattern's words.
    pub name: String,
    /// Its version.
    pub version: Version,
    /// When it was written to, moved or linked last, in milliseconds since 1970.
    pub changed: i64,
}

/// The files of one trigger.
pub struct Settling {
    settle: Duration,
    since: i64,
    /// Versions that were handed on, as written; those of files that are there.
    known: BTreeMap<String, String>,
    /// Files that came, and since when they have looked as they do.
    fresh: BTreeMap<String, (Version, Duration)>,
}

impl Settling {
    /// Files that are left alone for `settle` come; what has not changed since `since` does not, nor what is among `known`: names with versions.
    pub fn new(settle: Duration, since: i64, known: BTreeMap<String, String>) -> Self {
        Settling {
            settle,
            since,
            known,
            fresh: BTreeMap::new(),
        }
    }

    /// All of them were looked at: at `wall` by the calendar and `at` by a clock that is never set. Those that have settled, in the order of their names.
    pub fn look(&mut self, found: Vec<Found>, wall: i64, at: Duration) -> Vec<Found> {
        let names: BTreeSet<&String> = found.iter().map(|file| &file.name).collect();
        self.known.retain(|name, _| names.contains(name));
        self.fresh.retain(|name, _| names.contains(name));
        let mut settled = Vec::new();
        for file in found {
            if self.is_known(&file) {
                self.fresh.remove(&file.name);
                continue;
            }
            let entry = self.fresh.entry(file.name.clone());
            let (version, first) = entry.or_insert((file.version, at));
            if *version != file.version {
                (*version, *first) = (file.version, at);
            }
            // One that came while nobody looked need not be waited for again.
            let alone = wall.saturating_sub(file.changed);
            let alone = u64::try_from(alone).map_or(Duration::ZERO, Duration::from_millis);
            if at.saturating_sub(*first) >= self.settle || alone >= self.settle {
                settled.push(file);
            }
        }
        settled.sort_by(|a, b| a.name.cmp(&b.name));
        settled
    }

    fn is_known(&mut self, file: &Found) -> bool {
        match self.known.get(&file.name) {
            Some(known) => *known == file.version.to_string(),
            None if file.changed.saturating_add(GRAIN_MS) <= self.since => {
                let version = file.version.to_string();
                self.known.insert(file.name.clone(), version);
                true
            }
            None => false,
        }
    }

    /// A file has been handed on.
    pub fn handed_on(&mut self, file: &Found) {
        self.fresh.remove(&file.name);
        self.known
            .insert(file.name.clone(), file.version.to_string());
    }

    /// After how long the next file may have settled; `None` where none is waited for.
    pub fn next(&self, at: Duration) -> Option<Duration> {
        let ends = self.fresh.values().map(|(_, first)| *first + self.settle);
        ends.min().map(|end| end.saturating_sub(at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTLE: Duration = Duration::from_secs(2);

    fn file(name: &str, version: u64, changed: i64) -> Found {
        Found {
            name: name.into(),
            version: Version {
                size: version,
                modified_ns: changed.into(),
                inode: 1,
            },
            changed,
        }
    }

    fn names(found: Vec<Found>) -> Vec<String> {
        found.into_iter().map(|file| file.name).collect()
    }

    /// At the second `second` both clocks stand at it.
    fn look(settling: &mut Settling, second: u64, found: &[Found]) -> Vec<String> {
        let at = Duration::from_secs(second);
        let settled = settling.look(found.to_vec(), second as i64 * 1_000, at);
        for file in &settled {
            settling.handed_on(file);
        }
        names(settled)
    }

    #[test]
    fn a_file_comes_once_it_is_left_alone() {
        let mut settling = Settling::new(SETTLE, 10_000, BTreeMap::new());
        let none: [&str; 0] = [];
        assert_eq!(look(&mut settling, 11, &[file("a", 1, 11_000)]), none);
        assert_eq!(look(&mut settling, 12, &[file("a", 2, 12_000)]), none);
        assert_eq!(
            settling.next(Duration::from_secs(13)),
            Some(Duration::from_secs(1))
        );
        assert_eq!(look(&mut settling, 13, &[file("a", 2, 12_000)]), none);
        assert_eq!(look(&mut settling, 14, &[file("a", 2, 12_000)]), ["a"]);
        assert_eq!(settling.next(Duration::from_secs(14)), None);
        assert_eq!(look(&mut settling, 99, &[file("a", 2, 12_000)]), none);
        // It changes, goes, and comes again.
        assert_eq!(look(&mut settling, 100, &[file("a", 3, 97_000)]), ["a"]);
        assert_eq!(look(&mut settling, 101, &[]), none);
        assert_eq!(look(&mut settling, 110, &[file("a", 4, 105_000)]), ["a"]);
    }

    #[test]
    fn what_came_while_nobody_looked_comes_at_once_and_what_was_there_before_does_not() {
        let known = [("handed".to_owned(), file("", 7, 15_000).version.to_string())];
        let mut settling = Settling::new(SETTLE, 10_000, known.into());
        let found = [
            file("before", 1, 9_000),
            file("handed", 7, 15_000),
            file("missed", 1, 50_000),
            // Its time is its writer's, who may be anywhere.
            file("tomorrow", 1, 990_000),
        ];
        assert_eq!(look(&mut settling, 100, &found), ["missed"]);
        assert_eq!(look(&mut settling, 102, &found), ["tomorrow"]);
        // What was there before is new once it changes.
        assert_eq!(
            look(&mut settling, 110, &[file("before", 2, 104_000)]),
            ["before"]
        );
    }

    #[test]
    fn one_that_is_not_taken_comes_again() {
        let mut settling = Settling::new(SETTLE, 0, BTreeMap::new());
        let found = vec![file("a", 1, 1_000)];
        for second in [5, 6] {
            let settled = settling.look(found.clone(), second * 1_000, Duration::from_secs(5));
            assert_eq!(names(settled), ["a"]);
        }
    }
}
