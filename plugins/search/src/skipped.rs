//! What a walk left out: how much of what, and a few examples.

use serde::Serialize;

/// How many examples are told in all.
const EXAMPLES: usize = 20;

/// Why something was left out. The order is that of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Its name starts with a dot.
    Hidden,
    /// It is a symbolic link.
    Symlinks,
    /// It is a directory with a valid CACHEDIR.TAG.
    Caches,
    /// It is a FIFO, a socket or a device.
    Special,
    /// Its name is not UTF-8, or it cannot be read.
    Unreadable,
    /// It contains a NUL byte.
    Binary,
}

const REASONS: [Reason; 6] = [
    Reason::Hidden,
    Reason::Symlinks,
    Reason::Caches,
    Reason::Special,
    Reason::Unreadable,
    Reason::Binary,
];

impl Reason {
    /// The word for it in the answer.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Hidden => "hidden",
            Reason::Symlinks => "symlinks",
            Reason::Caches => "caches",
            Reason::Special => "special",
            Reason::Unreadable => "unreadable",
            Reason::Binary => "binary",
        }
    }
}

/// Tallies and examples of one walk.
#[derive(Debug, Default)]
pub struct Skipped {
    counts: [u64; REASONS.len()],
    examples: [Vec<String>; REASONS.len()],
}

/// How often each reason applied, as it is answered.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Tally {
    hidden: u64,
    symlinks: u64,
    caches: u64,
    special: u64,
    unreadable: u64,
    /// Only where files were read.
    #[serde(skip_serializing_if = "Option::is_none")]
    binary: Option<u64>,
}

/// One example of what was left out.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Example {
    path: String,
    reason: &'static str,
}

impl Skipped {
    /// Count one that was left out, at `path`.
    pub fn add(&mut self, reason: Reason, path: impl Into<String>) {
        self.counts[reason as usize] += 1;
        let examples = &mut self.examples[reason as usize];
        if examples.len() < EXAMPLES {
            examples.push(path.into());
        }
    }

    /// How many were left out for `reason`.
    pub fn count(&self, reason: Reason) -> u64 {
        self.counts[reason as usize]
    }

    /// The tallies; `binary` only where files were read.
    pub fn tally(&self, files_were_read: bool) -> Tally {
        Tally {
            hidden: self.count(Reason::Hidden),
            symlinks: self.count(Reason::Symlinks),
            caches: self.count(Reason::Caches),
            special: self.count(Reason::Special),
            unreadable: self.count(Reason::Unreadable),
            binary: files_were_read.then_some(self.count(Reason::Binary)),
        }
    }

    /// Examples, fairly shared among the reasons, in the order of the reasons and of the walk.
    pub fn examples(&self) -> Vec<Example> {
        let mut shares = [0; REASONS.len()];
        let mut left = EXAMPLES;
        // One to each reason in turn, until all are told or none is left to give.
        while left > 0 {
            let mut given = false;
            for (share, examples) in shares.iter_mut().zip(&self.examples) {
                if left > 0 && *share < examples.len() {
                    *share += 1;
                    left -= 1;
                    given = true;
                }
            }
            if !given {
                break;
            }
        }
        let told = |(reason, (examples, share)): (&Reason, (&Vec<String>, usize))| {
            let reason = reason.as_str();
            examples[..share]
                .iter()
                .map(move |path| Example {
                    path: path.clone(),
                    reason,
                })
                .collect::<Vec<_>>()
        };
        REASONS
            .iter()
            .zip(self.examples.iter().zip(shares))
            .flat_map(told)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_shared_fairly() {
        let mut skipped = Skipped::default();
        for n in 0..100 {
            skipped.add(Reason::Hidden, format!(".{n}"));
        }
        skipped.add(Reason::Unreadable, "u");
        skipped.add(Reason::Binary, "b");
        let examples = skipped.examples();
        assert_eq!(examples.len(), EXAMPLES);
        assert_eq!(
            examples[17],
            Example {
                path: ".17".into(),
                reason: "hidden"
            }
        );
        assert_eq!(
            examples[18],
            Example {
                path: "u".into(),
                reason: "unreadable"
            }
        );
        assert_eq!(
            examples[19],
            Example {
                path: "b".into(),
                reason: "binary"
            }
        );
        assert_eq!(skipped.count(Reason::Hidden), 100);
        assert!(Skipped::default().examples().is_empty());
    }
}
