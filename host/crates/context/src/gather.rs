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
}

impl Gathered {
    /// Nothing yet.
    pub fn new() -> Self {
        Gathered::default()
    }

    /// Answer `need`. A file is one text, a plugin's fragments are as many as it gave; none at all leaves the chunk empty.
    pub fn put(&mut self, need: NeedId, texts: Vec<GatheredText>) {
        self.texts.insert(need, texts);
    }

    pub(crate) fn get(&self, need: NeedId) -> Option<&[GatheredText]> {
        self.texts.get(&need).map(Vec::as_slice)
    }
}
