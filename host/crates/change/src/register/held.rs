//! Which revisions of each item were ever released, with their texts, and which of them counts for whom.

use crate::item::{ItemId, Revision};
use crate::names::check_name;
use crate::person::Person;
use crate::record::{ChangeNumber, Effectivity, FileRecord, When};
use crate::register::rule::Rule;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{ContentHash, Timestamp};

/// A file of a released revision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HeldFile {
    /// Its path in the house.
    pub file: Arc<str>,
    /// The hash of its bytes.
    pub hash: ContentHash,
    /// Where its bytes are kept, where they are no text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stored: Option<String>,
}

/// A revision that was released, and by whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Standing {
    /// By which change.
    pub change: ChangeNumber,
    /// What it replaced.
    pub from: Revision,
    /// What it is.
    pub to: Revision,
    /// The record that released it.
    pub seq: u64,
    /// When.
    pub time: Timestamp,
    /// By whom.
    pub by: Person,
    /// From when and for whom it counts.
    pub effectivity: Effectivity,
    /// Its files.
    pub files: Vec<HeldFile>,
    /// Whether it was in force before others had looked at it.
    pub emergency: bool,
    /// Whether it was rejected afterwards and counts no more.
    pub taken_back: bool,
}

/// For whom and when it is asked what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Audience<'a> {
    /// The agent; `None` is the house itself.
    pub agent: Option<&'a str>,
    /// The first record of the run; `None` is one that begins now.
    pub began: Option<u64>,
    /// Now.
    pub now: Timestamp,
}

impl Standing {
    /// Whether its time has come, whoever it is for.
    pub fn is_due(&self, now: Timestamp) -> bool {
        match &self.effectivity.when {
            When::Now | When::NextRun => true,
            When::At(moment) => moment.time() <= now,
        }
    }

    /// Whether it counts for `audience`, unless a later one does.
    pub fn counts_for(&self, audience: &Audience<'_>) -> bool {
        let is_for = match &self.effectivity.agents {
            None => true,
            Some(agents) => audience
                .agent
                .is_some_and(|agent| agents.iter().any(|one| **one == *agent)),
        };
        let is_late_enough = match &self.effectivity.when {
            When::NextRun => audience.began.is_none_or(|began| began > self.seq),
            When::Now | When::At(_) => self.is_due(audience.now),
        };
        !self.taken_back && is_for && is_late_enough
    }
}

/// All released revisions.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    pub items: BTreeMap<ItemId, Vec<Standing>>,
    pub texts: BTreeMap<ContentHash, Arc<str>>,
}

impl Held {
    /// The revision that was released last, whether or not its time has come.
    pub fn head(&self, item: &ItemId) -> Option<&Standing> {
        self.items
            .get(item)?
            .iter()
            .rev()
            .find(|standing| !standing.taken_back)
    }

    /// The revision that was released last; absent where none was.
    pub fn head_revision(&self, item: &ItemId) -> Revision {
        self.head(item)
            .map_or(Revision::Absent, |standing| standing.to)
    }

    /// What counts for `audience`.
    pub fn in_force(&self, item: &ItemId, audience: &Audience<'_>) -> Option<&Standing> {
        let all = self.items.get(item)?;
        all.iter()
            .rev()
            .find(|standing| standing.counts_for(audience))
    }

    /// The files of a revision as they will be held, once it was seen that they are what it is.
    pub fn files_of(
        &self,
        item: &ItemId,
        to: Revision,
        files: &[FileRecord],
        fresh: &BTreeMap<ContentHash, &str>,
    ) -> Result<Vec<HeldFile>, Rule> {
        let wrong = |why: String| Rule::Files {
            item: item.clone(),
            why,
        };
        let is_plugin = matches!(item, ItemId::Plugin(_));
        let mut seen = BTreeSet::new();
        for file in files {
            check_name(&file.file).map_err(|error| wrong(error.to_string()))?;
            if !seen.insert(&file.file) {
                return Err(wrong(format!("{} stands in it twice", file.file)));
            }
            let text = file.text.as_deref();
            if text.is_some_and(|text| ContentHash::of(text.as_bytes()) != file.hash) {
                return Err(wrong(format!(
                    "the text of {} is not what its hash says",
                    file.file
                )));
            }
            let known = self.texts.contains_key(&file.hash) || fresh.contains_key(&file.hash);
            if !is_plugin && text.is_none() && !known {
                return Err(wrong(format!(
                    "the text of {} is nowhere on record",
                    file.file
                )));
            }
        }
        let revision = match item {
            ItemId::Plugin(_) => match files {
                [] => Revision::Absent,
                [one] => Revision::Content(one.hash),
                _ => return Err(wrong("a plugin is one component".into())),
            },
            _ => Revision::of(files.iter().map(|file| (&*file.file, file.hash))),
        };
        if revision != to {
            return Err(wrong(format!("they make up {}", revision.short())));
        }
        Ok(files
            .iter()
            .map(|file| HeldFile {
                file: file.file.clone(),
                hash: file.hash,
                stored: file.stored.clone(),
            })
            .collect())
    }

    /// Keep the texts of `files`.
    pub fn keep(&mut self, files: &[FileRecord]) {
        for file in files {
            if let Some(text) = &file.text {
                self.texts
                    .entry(file.hash)
                    .or_insert_with(|| text.as_str().into());
            }
        }
    }
}
