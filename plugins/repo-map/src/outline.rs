//! What is kept of a file: its definitions, and hashes of the names it uses.

use crate::lexer::Token;
use serde::{Deserialize, Serialize};

/// Definitions kept of one file. A file with more is, as a rule, generated.
pub const DEFINITIONS_MAX: usize = 2_000;
/// Different names kept of one file.
const NAMES_MAX: usize = 2_000;
/// The longest signature, in bytes, but for the sign that it was cut.
const SIGNATURE_MAX: usize = 120;
/// The shortest name that is worth following to where it is defined.
const NAME_MIN: usize = 3;

/// What a definition is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    Module,
    Type,
    Function,
    Method,
    Constant,
    Field,
    Macro,
    /// Says more of a type that is defined elsewhere: `impl`, `extension`.
    Group,
    Heading,
    Key,
}

/// One definition of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    pub kind: Kind,
    /// Its line, from 1.
    pub line: u32,
    /// What it stands in, as an index into the file's definitions; always an earlier one. [`NO_PARENT`] outside of all.
    parent: u32,
    /// A hash of its name, with which other files' uses are compared; 0 where it has none.
    pub name: u32,
    /// How telling the name is, from 0 (nobody's business) to 3 (long and compound).
    pub weight: u8,
    /// Where its signature ends in the signatures of its file.
    end: u32,
}

const NO_PARENT: u32 = u32::MAX;

impl Definition {
    /// The index of what it stands in.
    pub fn parent(&self) -> Option<usize> {
        (self.parent != NO_PARENT).then_some(self.parent as usize)
    }
}

/// What is kept of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outline {
    pub definitions: Vec<Definition>,
    /// All signatures, one behind the other: a text for each would cost more than what it says.
    signatures: String,
    /// Definitions beyond what is kept.
    pub more: u32,
    /// Hashes of the names it uses, sorted.
    pub uses: Vec<u32>,
}

impl Outline {
    /// How many definitions the file has, with those that are not kept.
    pub fn len(&self) -> usize {
        self.definitions.len() + self.more as usize
    }

    /// How a definition looks.
    pub fn signature(&self, index: usize) -> &str {
        let end = |index: usize| {
            self.definitions
                .get(index)
                .map_or(0, |found| found.end as usize)
        };
        let start = index.checked_sub(1).map_or(0, end);
        self.signatures.get(start..end(index)).unwrap_or_default()
    }

    /// Whether what it says of itself holds together: it may come from a store.
    pub fn is_sound(&self) -> bool {
        let mut before = 0;
        let sound = self
            .definitions
            .iter()
            .enumerate()
            .all(|(index, definition)| {
                let ordered = definition.end >= before;
                before = definition.end;
                ordered && (definition.parent == NO_PARENT || (definition.parent as usize) < index)
            });
        sound && before as usize == self.signatures.len() && self.uses.is_sorted()
    }
}

/// A name's hash, kept apart by family of languages. 0 stands for none.
pub fn name_hash(word_hash: u32, family: u8) -> u32 {
    (word_hash ^ u32::from(family).wrapping_mul(0x9e37_79b9)).max(1)
}

/// Where scanners put what they find.
#[derive(Debug, Default)]
pub struct Collector {
    outline: Outline,
    family: u8,
    /// The names used, hashed by open addressing: most of a file's words are repetitions.
    used: Vec<u32>,
    held: usize,
}

impl Collector {
    pub fn new(family: u8) -> Self {
        Collector {
            family,
            used: vec![0; 256],
            ..Collector::default()
        }
    }

    /// A name is used.
    pub fn uses(&mut self, token: &Token<'_>) {
        if token.text.len() < NAME_MIN || self.held >= NAMES_MAX {
            return;
        }
        let hash = name_hash(token.hash, self.family);
        if insert(&mut self.used, hash) {
            self.held += 1;
            if self.held * 2 > self.used.len() {
                let mut larger = vec![0; self.used.len() * 2];
                for hash in self.used.drain(..).filter(|hash| *hash != 0) {
                    insert(&mut larger, hash);
                }
                self.used = larger;
            }
        }
    }

    /// Something is defined. Beside its name stands whether other files can name it. Answers its index, unless there are too many already.
    pub fn define(
        &mut self,
        kind: Kind,
        line: u32,
        parent: Option<u32>,
        name: Option<(&Token<'_>, bool)>,
        signature: String,
    ) -> Option<u32> {
        if self.outline.definitions.len() >= DEFINITIONS_MAX {
            self.outline.more += 1;
            return None;
        }
        let index = self.outline.definitions.len() as u32;
        let named = name.filter(|(name, _)| name.text.len() >= NAME_MIN && kind != Kind::Group);
        self.outline.signatures.push_str(&shortened(signature));
        self.outline.definitions.push(Definition {
            kind,
            line,
            parent: parent.unwrap_or(NO_PARENT),
            name: named.map_or(0, |(name, _)| name_hash(name.hash, self.family)),
            weight: match name {
                None => 2,
                Some((_, false)) => 0,
                Some((name, true)) => weight(name.text),
            },
            end: self.outline.signatures.len() as u32,
        });
        Some(index)
    }

    pub fn finish(self) -> Outline {
        let mut outline = self.outline;
        outline.uses = self.used.into_iter().filter(|hash| *hash != 0).collect();
        outline.uses.sort_unstable();
        outline
    }
}

fn insert(table: &mut [u32], hash: u32) -> bool {
    let mask = table.len() - 1;
    let mut at = (hash.wrapping_mul(0x9e37_79b1) >> 8) as usize & mask;
    while table[at] != 0 {
        if table[at] == hash {
            return false;
        }
        at = (at + 1) & mask;
    }
    table[at] = hash;
    true
}

/// How telling a name is: `_private` says it is nobody's business, `value` is everybody's word, `Grant` is a thing, `resolve_policy` one thing's name.
fn weight(name: &str) -> u8 {
    let compound = name.trim_matches('_').contains('_')
        || name
            .bytes()
            .zip(name.bytes().skip(1))
            .any(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
    let capital = name.starts_with(|first: char| first.is_uppercase());
    match name.len() {
        _ if name.starts_with('_') => 0,
        6.. if compound => 3,
        8.. => 2,
        _ if compound || capital => 2,
        _ => 1,
    }
}

fn shortened(signature: String) -> String {
    if signature.len() <= SIGNATURE_MAX {
        return signature;
    }
    let end = signature.floor_char_boundary(SIGNATURE_MAX);
    format!("{}…", signature[..end].trim_end())
}

/// Tokens on one line, as a person would write them.
pub fn joined(tokens: &[Token<'_>]) -> String {
    let mut text = String::new();
    for (index, token) in tokens.iter().enumerate() {
        let broken = index > 0 && tokens[index - 1].line != token.line;
        let closes = token.is(b')') || token.is(b']') || (broken && token.is(b'}'));
        if closes && text.ends_with(',') {
            text.pop();
        }
        let opened = text.ends_with(['(', '[']) || (broken && text.ends_with('{'));
        let tight = closes || opened || token.is(b',') || token.is(b';');
        if token.spaced && index > 0 && !tight {
            text.push(' ');
        }
        // A string of several lines is not worth one of the outline's.
        if token.text.contains('\n') || text.len() > 2 * SIGNATURE_MAX {
            break;
        }
        text.push_str(token.text);
    }
    text
}
