//! What the runtime brings back from the world for a plan.

use crate::NeedId;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Label, Provenance};

/// One text that was gathered, with where it came from.
#[derive(Clone, Debug, PartialEq)]
pub struct GatheredText {
    /// The text.
    pub text: Arc<str>,
    /// The file or the plugin that it came from.
    pub provenance: Provenance,
    /// Labels put on it.
    pub labels: Vec<Label>,
}

/// The answers to a plan's needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gathered {
    texts: BTreeMap<NeedId, Vec<GatheredText>>,
    notes: BTreeMap<NeedId, Vec<String>>,
    missing: BTreeMap<NeedId, String>,
}

impl Gathered {
    /// Nothing yet.
    pub fn new() -> Self {
        Gathered::default()
    }

    /// Answer `need`. A file or a template is one text, a plugin's fragments and memories are as many as there are, the most important first; none at all
    /// leaves the chunk empty.
    pub fn put(&mut self, need: NeedId, texts: Vec<GatheredText>) {
        self.texts.insert(need, texts);
    }

    /// Have the report say `note` of the chunk that has `need`, for instance that what it holds is from an earlier turn.
    pub fn note(&mut self, need: NeedId, note: impl Into<String>) {
        self.notes.entry(need).or_default().push(note.into());
    }

    /// Answer `need` with nothing, and have the report say `why`. A chunk that must not be trimmed cannot do without: its payload is not made.
    pub fn missing(&mut self, need: NeedId, why: impl Into<String>) {
        let why = why.into();
        self.put(need, Vec::new());
        self.note(need, format!("left out: {why}"));
        self.missing.insert(need, why);
    }

    /// Why `need` has no answer, where it has none.
    pub fn why_missing(&self, need: NeedId) -> Option<&str> {
        self.missing.get(&need).map(String::as_str)
    }

    /// What answers `need`; `None` where nothing was put.
    pub fn get(&self, need: NeedId) -> Option<&[GatheredText]> {
        self.texts.get(&need).map(Vec::as_slice)
    }

    /// What the report is to say of `need`.
    pub fn notes(&self, need: NeedId) -> &[String] {
        self.notes.get(&need).map_or(&[], Vec::as_slice)
    }
}
