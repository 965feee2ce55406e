//! One text: what the detectors found in it becomes what is answered.

use crate::{assign, header, json, pem, tokens, url};
use std::collections::BTreeMap;
use std::fmt::Write;

/// What is found by its own shape says best what it is.
pub const OWN_SHAPE: u8 = 2;
/// What is found because of where it stands.
pub const BY_PLACE: u8 = 1;

/// What was taken out begins so; the detectors pass over it.
pub const MARK: &str = "[redacted: ";

/// Taking one secret out may show another that stood too close to it. Each time fewer are left; this many times are never needed.
const ROUNDS: usize = 8;

/// One secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
    /// What it is.
    pub kind: &'static str,
    /// How well the kind is known.
    pub sure: u8,
}

/// The secrets of one text.
#[derive(Default)]
pub struct Finds(Vec<Found>);

impl Finds {
    /// There is a secret of `kind` from `start` to `end`.
    pub fn put(&mut self, start: usize, end: usize, kind: &'static str, sure: u8) {
        self.0.push(Found {
            start,
            end,
            kind,
            sure,
        });
    }

    /// In the order of the text, those that overlap made one.
    fn merged(mut self) -> Vec<Found> {
        self.0.sort_by_key(|found| (found.start, found.end));
        let mut merged: Vec<Found> = Vec::with_capacity(self.0.len());
        for found in self.0 {
            match merged.last_mut() {
                Some(last) if found.start < last.end => {
                    if found.sure > last.sure {
                        (last.kind, last.sure) = (found.kind, found.sure);
                    }
                    last.end = last.end.max(found.end);
                }
                _ => merged.push(found),
            }
        }
        merged
    }
}

/// A text without its secrets.
#[derive(Debug, PartialEq, Eq)]
pub struct Redacted {
    /// The text.
    pub text: String,
    taken: BTreeMap<&'static str, usize>,
}

impl Redacted {
    /// What was taken out, for the operator.
    pub fn told(&self) -> String {
        let kinds = self.taken.iter().map(|(kind, count)| match count {
            1 => (*kind).to_owned(),
            _ => format!("{count} × {kind}"),
        });
        format!("redacted {}", kinds.collect::<Vec<_>>().join(", "))
    }
}

/// `text` without its secrets; `None` when there are none. What it answers holds none for a second look.
pub fn redact(text: &str) -> Option<Redacted> {
    let mut redacted = Redacted {
        text: String::new(),
        taken: BTreeMap::new(),
    };
    for round in 0..ROUNDS {
        let text = if round == 0 { text } else { &redacted.text };
        let found = find(text);
        if found.is_empty() {
            break;
        }
        let without = without(text, &found);
        for found in found {
            *redacted.taken.entry(found.kind).or_default() += 1;
        }
        redacted.text = without;
    }
    (!redacted.taken.is_empty()).then_some(redacted)
}

/// The secrets of `text`, in order and apart.
pub fn find(text: &str) -> Vec<Found> {
    let bytes = text.as_bytes();
    let mut finds = Finds::default();
    tokens::find(bytes, &mut finds);
    header::find(bytes, &mut finds);
    url::find(bytes, &mut finds);
    pem::find(bytes, &mut finds);
    assign::find(bytes, &mut finds);
    let merged = finds.merged();
    match merged.is_empty() {
        true => merged,
        false => json::within_strings(text, merged),
    }
}

fn without(text: &str, found: &[Found]) -> String {
    let mut without = String::with_capacity(text.len());
    let mut kept = 0;
    for found in found {
        without.push_str(&text[kept..found.start]);
        // Writing to a string cannot fail.
        let _ = write!(without, "{MARK}{}]", found.kind);
        kept = found.end;
    }
    without.push_str(&text[kept..]);
    without
}
