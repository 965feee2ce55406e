//! Adds measurements up by key, so that what is answered always sums to the total. Pure.

use crate::measure::Measured;
use serde::Serialize;
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet};

/// How many bytes of keys the rows may hold, so that an answer stays bounded whatever files are called.
const KEY_BYTES: usize = 96 * 1024;

/// Sums over some files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sums {
    /// How many.
    pub files: u64,
    /// Their lines.
    pub lines: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Sums {
    fn add(&mut self, other: Sums) {
        self.files += other.files;
        self.lines += other.lines;
        self.bytes += other.bytes;
    }
}

/// One line of the answer.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// What its files have in common, or the file.
    pub key: String,
    /// Its sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// Whether it is a binary file; only of single files.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub binary: bool,
}

/// All that stands behind the rows.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Rest {
    /// How many rows.
    pub keys: u64,
    /// Their sums.
    #[serde(flatten)]
    pub sums: Sums,
}

/// Sums over everything.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Sums.
    #[serde(flatten)]
    pub sums: Sums,
    /// How many of the files are binary.
    pub binary: u64,
}

/// Files by group, or each by itself.
#[derive(Debug)]
pub enum Groups {
    /// Every key's sums.
    Keyed(BTreeMap<String, Sums>),
    /// The largest files, no more than `top`, and what did not fit.
    Single {
        /// How many are kept.
        top: usize,
        /// Largest first, then by path.
        largest: BTreeSet<(Reverse<u64>, String, u64, bool)>,
        /// The others.
        rest: Rest,
    },
}

impl Groups {
    /// Groups by key.
    pub fn keyed() -> Self {
        Groups::Keyed(BTreeMap::new())
    }

    /// Every file a group; the `top` largest are kept.
    pub fn single(top: usize) -> Self {
        Groups::Single {
            top,
            largest: BTreeSet::new(),
            rest: Rest::default(),
        }
    }

    /// Add a file.
    pub fn add(&mut self, key: String, measured: Measured) {
        let sums = Sums {
            files: 1,
            lines: measured.lines,
            bytes: measured.bytes,
        };
        match self {
            Groups::Keyed(groups) => groups.entry(key).or_default().add(sums),
            Groups::Single { top, largest, rest } => {
                largest.insert((
                    Reverse(measured.bytes),
                    key,
                    measured.lines,
                    measured.binary,
                ));
                if largest.len() > *top
                    && let Some((Reverse(bytes), _, lines, _)) = largest.pop_last()
                {
                    rest.keys += 1;
                    rest.sums.add(Sums {
                        files: 1,
                        lines,
                        bytes,
                    });
                }
            }
        }
    }

    /// The first `top` rows, and the rest.
    pub fn finish(self, top: usize) -> (Vec<Row>, Rest) {
        let (rows, mut rest) = match self {
            Groups::Keyed(groups) => {
                let mut rows: Vec<Row> = groups
                    .into_iter()
                    .map(|(key, sums)| Row {
                        key,
                        sums,
                        binary: false,
                    })
                    .collect();
                rows.sort_by(by_lines);
                (rows, Rest::default())
            }
            Groups::Single { largest, rest, .. } => {
                let row = |(Reverse(bytes), key, lines, binary)| Row {
                    key,
                    sums: Sums {
                        files: 1,
                        lines,
                        bytes,
                    },
                    binary,
                };
                (largest.into_iter().map(row).collect(), rest)
            }
        };
        let mut kept: Vec<Row> = Vec::new();
        let mut bytes = 0;
        for row in rows {
            bytes += row.key.len();
            if kept.len() < top && bytes <= KEY_BYTES {
                kept.push(row);
            } else {
                // Once one is left out, all behind it are: rows are the first ones in order.
                bytes = KEY_BYTES + 1;
                rest.keys += 1;
                rest.sums.add(row.sums);
            }
        }
        (kept, rest)
    }
}

fn by_lines(a: &Row, b: &Row) -> Ordering {
    let order = |row: &Row| (Reverse(row.sums.lines), Reverse(row.sums.files));
    order(a).cmp(&order(b)).then_with(|| a.key.cmp(&b.key))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(lines: u64, bytes: u64) -> Measured {
        Measured {
            bytes,
            lines,
            binary: false,
        }
    }

    #[test]
    fn rows_are_sorted_and_the_rest_sums_up() {
        let mut groups = Groups::keyed();
        for (key, lines) in [("b", 5), ("a", 5), ("c", 9), ("d", 1), ("b", 0), ("e", 1)] {
            groups.add(key.to_owned(), measured(lines, 10));
        }
        let (rows, rest) = groups.finish(3);
        let keys: Vec<&str> = rows.iter().map(|row| row.key.as_str()).collect();
        assert_eq!(keys, ["c", "b", "a"]);
        assert_eq!(
            rest,
            Rest {
                keys: 2,
                sums: Sums {
                    files: 2,
                    lines: 2,
                    bytes: 20
                }
            }
        );
    }

    #[test]
    fn single_files_keep_the_largest_and_lose_none() {
        for top in [1, 3, 7, 100] {
            let mut groups = Groups::single(top);
            for n in 0..50_u64 {
                groups.add(format!("{n:02}"), measured(n, n % 10));
            }
            let (rows, rest) = groups.finish(top);
            assert_eq!(rows.len(), top.min(50));
            assert_eq!(rows[0].key, "09");
            assert_eq!(rows.len() as u64 + rest.keys, 50);
            let lines: u64 = rows.iter().map(|row| row.sums.lines).sum();
            assert_eq!(lines + rest.sums.lines, (0..50).sum::<u64>());
        }
    }

    #[test]
    fn long_keys_do_not_make_the_answer_long() {
        let mut groups = Groups::single(500);
        for n in 0..500 {
            groups.add(format!("{n:01000}"), measured(1, 1));
        }
        let (rows, rest) = groups.finish(500);
        assert_eq!(rows.len(), KEY_BYTES / 1_000);
        assert_eq!(rows.len() as u64 + rest.sums.lines, 500);
    }
}
