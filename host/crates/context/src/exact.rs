//! Exact counting, for whoever asks for it: byte-pair encoding with the vocabularies that OpenAI has published.
//!
//! A vocabulary is megabytes when it is unpacked, so that happens at the first count and not before; a host that only estimates pays nothing. The counts
//! of long texts are kept, because most texts of a payload are the same in the next one.

use crate::Estimator;
use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock, PoisonError};
use tiktoken::CoreBpe;
use types::ContentHash;

/// The merging of one unbroken run of letters takes memory in proportion to it: longer texts are counted in blocks of so many bytes, which is off by at
/// most a token for each megabyte.
const BLOCK: usize = 1 << 20;

/// Texts shorter than this are counted faster than they are looked up.
const WORTH_KEEPING: usize = 1_024;

/// Counts kept: some forty bytes each.
const KEPT: usize = 4_096;

/// A vocabulary that is known to the byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Vocabulary {
    /// Of GPT-4o and everything that OpenAI has made since, the open gpt-oss too.
    O200kBase,
    /// Of GPT-4 and GPT-3.5.
    Cl100kBase,
}

/// How the tokens of a payload are counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Counting {
    /// By the length of the texts, corrected by what the provider reports.
    #[default]
    Estimate,
    /// As the model itself counts.
    Exact(Vocabulary),
}

impl Vocabulary {
    /// All, as people spell them.
    pub const ALL: [Vocabulary; 2] = [Vocabulary::O200kBase, Vocabulary::Cl100kBase];

    /// The vocabulary of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|vocabulary| vocabulary.as_str() == name)
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Vocabulary::O200kBase => "o200k_base",
            Vocabulary::Cl100kBase => "cl100k_base",
        }
    }

    /// The vocabulary of a model, by the names that OpenAI gives its models (with or without a vendor before them, `openai/gpt-4o`); `None` for a model whose
    /// vocabulary is not published or not here.
    pub fn of_model(name: &str) -> Option<Self> {
        let name = name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase();
        // A fine-tuned model is named after its base: `ft:gpt-4o-mini:acme::1`.
        let name = name.strip_prefix("ft:").unwrap_or(&name);
        let is = |family: &str| {
            name.strip_prefix(family)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with(['-', ':', '.', '@']))
        };
        let newer = [
            "gpt-4o",
            "chatgpt-4o",
            "gpt-4.1",
            "gpt-4.5",
            "gpt-5",
            "gpt-oss",
            "o1",
            "o3",
            "o4",
        ];
        if newer.into_iter().any(is) {
            return Some(Vocabulary::O200kBase);
        }
        ["gpt-4", "gpt-3.5", "gpt-35"]
            .into_iter()
            .any(is)
            .then_some(Vocabulary::Cl100kBase)
    }

    /// The unpacked tables, made when they are first needed.
    fn tables(self) -> &'static CoreBpe {
        static O200K: OnceLock<CoreBpe> = OnceLock::new();
        static CL100K: OnceLock<CoreBpe> = OnceLock::new();
        // By their own constructors, not by name: so that the other vocabularies of the library are not linked.
        match self {
            Vocabulary::O200kBase => O200K.get_or_init(tiktoken::encoding::o200k_base),
            Vocabulary::Cl100kBase => CL100K.get_or_init(tiktoken::encoding::cl100k_base),
        }
    }
}

/// Counts with a vocabulary. Make it with [`counter`](crate::counter).
pub(crate) struct Exact {
    vocabulary: Vocabulary,
    kept: Mutex<BTreeMap<[u8; 32], u64>>,
}

impl Exact {
    pub const fn new(vocabulary: Vocabulary) -> Self {
        Exact {
            vocabulary,
            kept: Mutex::new(BTreeMap::new()),
        }
    }

    fn count(&self, text: &str) -> u64 {
        let tables = self.vocabulary.tables();
        blocks(text).map(|block| tables.count(block) as u64).sum()
    }
}

impl Estimator for Exact {
    fn name(&self) -> &str {
        self.vocabulary.as_str()
    }

    /// Exactly these: OpenAI counts three for each message of its chat models.
    fn message(&self) -> u64 {
        3
    }

    fn tokens(&self, text: &str) -> u64 {
        if text.len() < WORTH_KEEPING {
            return self.count(text);
        }
        let hash = *ContentHash::of(text.as_bytes()).as_bytes();
        let kept = || self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tokens) = kept().get(&hash) {
            return *tokens;
        }
        let tokens = self.count(text);
        let mut kept = kept();
        if kept.len() >= KEPT {
            // Which of them are still in use is not known; those that are come back at once.
            kept.clear();
        }
        kept.insert(hash, tokens);
        tokens
    }
}

/// `text` in blocks of at most [`BLOCK`] bytes, between words where there are any.
fn blocks(mut text: &str) -> impl Iterator<Item = &str> {
    std::iter::from_fn(move || {
        if text.is_empty() {
            return None;
        }
        let mut end = text.floor_char_boundary(BLOCK);
        if end < text.len()
            && let Some(space) = text[..end].rfind([' ', '\n']).filter(|space| *space > 0)
        {
            // A space belongs to the word behind it.
            end = space;
        }
        let (block, rest) = text.split_at(end);
        text = rest;
        Some(block)
    })
}

#[cfg(test)]
mod tests;
