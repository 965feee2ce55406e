//! A candidate: what a change would make of the house, judged as a whole before anybody can verify or release it.

use crate::item::{ItemId, Revision};
use crate::items::{Items, items_of};
use crate::names::{NameError, check_name};
use crate::record::RevisionRecord;
use crate::record::{FileRecord, Step};
use crate::settings::Files;
use definitions::{House, Report, load_recorded};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use types::{ContentHash, PluginName};

/// The hash that names a candidate: of what it makes of each item, in whatever order they are named.
pub fn candidate_hash(revisions: &[RevisionRecord]) -> ContentHash {
    candidate_hash_of(
        revisions
            .iter()
            .map(|revision| (&revision.item, revision.to)),
    )
}

/// The same of items with what they become.
pub fn candidate_hash_of<'i>(
    revisions: impl IntoIterator<Item = (&'i ItemId, Revision)>,
) -> ContentHash {
    let mut lines: Vec<String> = revisions
        .into_iter()
        .map(|(item, to)| format!("{item} {to}\n"))
        .collect();
    lines.sort();
    lines.dedup();
    ContentHash::of(lines.concat().as_bytes())
}

/// Files that a change brings, by their paths in the house: their bytes, or `None` for one that goes.
pub type Edits = BTreeMap<String, Option<Vec<u8>>>;

/// What a candidate is made from.
#[derive(Clone, Debug)]
pub struct Proposal<'a> {
    /// The directory of the house; nothing in it is read.
    pub root: &'a Path,
    /// The texts that are released: `HouseFiles::files`.
    pub released: &'a Files,
    /// The components that are released: `HouseFiles::plugins`.
    pub plugins: &'a BTreeMap<PluginName, ContentHash>,
    /// Files that the change brings.
    pub edits: &'a Edits,
    /// Components that the change brings: the content of each, and where it is kept; `None` for one that goes.
    pub components: &'a BTreeMap<PluginName, Option<(ContentHash, String)>>,
    /// What was approved.
    pub approved: &'a BTreeSet<ItemId>,
}

/// A candidate that is in order.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// What names it.
    pub hash: ContentHash,
    /// What it makes of which item, sorted: what is recorded with `change.implemented`.
    pub revisions: Vec<RevisionRecord>,
    /// All texts of the house then.
    pub files: Files,
    /// The house before and after.
    pub before: Arc<House>,
    /// The house after.
    pub after: Arc<House>,
}

/// Why a candidate cannot be taken.
#[allow(missing_docs, reason = "each field is named in the message")]
#[derive(Debug, thiserror::Error)]
pub enum CandidateError {
    #[error(transparent)]
    Name(#[from] NameError),
    #[error("`{one}` and `{other}` would be one file on some systems")]
    Alike { one: String, other: String },
    #[error("everything is as it is released: a change changes something")]
    Nothing,
    #[error("`{file}` is part of no item: only definitions, and what they name, can be changed so")]
    Stray { file: String },
    #[error("`{file}` is named by {item}, and neither released nor part of the change")]
    Missing { item: ItemId, file: String },
    #[error("this changes {item}, which was not approved")]
    NotApproved { item: ItemId },
    #[error("house.lock would pin `{plugin}` otherwise, and that plugin was not approved")]
    Lock { plugin: String },
    #[error("the plugin `{0}` has no component: neither released nor part of the change")]
    NoComponent(PluginName),
    #[error("`{0}` is no text")]
    NoText(String),
    #[error("the released house cannot be loaded:\n{}", .0.render(false))]
    Released(Box<Report>),
    #[error("the house would not be in order:\n{}", .0.render(false))]
    Wrong(Box<Report>),
}

/// The name of the file that pins components.
const LOCK: &str = "house.lock";

impl Candidate {
    /// Lay the edits over what is released, load that whole house, and see that nothing but what was approved would be another.
    ///
    /// # Errors
    /// The first thing that is wrong; what is wrong with definitions comes all at once.
    pub fn of(proposal: &Proposal<'_>) -> Result<Self, CandidateError> {
        let edits = proposal.edits;
        let mut spelt: BTreeMap<String, &str> = BTreeMap::new();
        for name in proposal.released.keys().chain(edits.keys()) {
            if edits.contains_key(name) {
                check_name(name)?;
            }
            if edits.get(name).is_some_and(Option::is_none) {
                continue;
            }
            if let Some(other) = spelt.insert(name.to_lowercase(), name)
                && other != name
            {
                return Err(CandidateError::Alike {
                    one: other.to_owned(),
                    other: name.clone(),
                });
            }
        }
        let mut files = proposal.released.clone();
        for (name, bytes) in edits {
            match bytes {
                Some(bytes) => {
                    std::str::from_utf8(bytes).map_err(|_| CandidateError::NoText(name.clone()))?;
                    files.insert(name.clone(), bytes.clone())
                }
                None => files.remove(name),
            };
        }
        let before = load_recorded(proposal.root, proposal.released)
            .map_err(|report| CandidateError::Released(Box::new(report)))?;
        let after = load_recorded(proposal.root, &files)
            .map_err(|report| CandidateError::Wrong(Box::new(report)))?;
        let mut plugins = proposal.plugins.clone();
        for (name, component) in proposal.components {
            match component {
                Some((hash, _)) => plugins.insert(name.clone(), *hash),
                None => plugins.remove(name),
            };
        }
        plugins.retain(|name, _| after.plugins.contains_key(name));
        if let Some(name) = after
            .plugins
            .keys()
            .find(|name| !plugins.contains_key(*name))
        {
            return Err(CandidateError::NoComponent(name.clone()));
        }
        let was = items_of(&before, proposal.plugins);
        let will = items_of(&after, &plugins);
        belongs(edits, &was, &will)?;
        for (item, parts) in &will.items {
            if let Some(file) = parts.missing.first() {
                return Err(CandidateError::Missing {
                    item: item.clone(),
                    file: file.to_string(),
                });
            }
        }
        lock_is_kept(&before, &after, edits, proposal.approved)?;
        let revisions = revisions(proposal, &was, &will, &files)?;
        Ok(Candidate {
            hash: candidate_hash(&revisions),
            revisions,
            files,
            before: Arc::new(before),
            after: Arc::new(after),
        })
    }

    /// Its items without their files.
    pub fn steps(&self) -> Vec<Step> {
        self.revisions.iter().map(RevisionRecord::step).collect()
    }
}

/// That each file that is brought is a part of something, before or after.
fn belongs(edits: &Edits, was: &Items, will: &Items) -> Result<(), CandidateError> {
    let known =
        |name: &str| was.owners(name).next().is_some() || will.owners(name).next().is_some();
    match edits.keys().find(|name| *name != LOCK && !known(name)) {
        Some(file) => Err(CandidateError::Stray { file: file.clone() }),
        None => Ok(()),
    }
}

/// The lock is no item: what it pins belongs to the plugins.
fn lock_is_kept(
    before: &House,
    after: &House,
    edits: &Edits,
    approved: &BTreeSet<ItemId>,
) -> Result<(), CandidateError> {
    if !edits.contains_key(LOCK) {
        return Ok(());
    }
    let pins = |house: &House| house.lock.clone().unwrap_or_default().plugins;
    let (before, after) = (pins(before), pins(after));
    let names: BTreeSet<&PluginName> = before.keys().chain(after.keys()).collect();
    let other = names.into_iter().find(|name| {
        let item = ItemId::Plugin(name.as_str().into());
        before.get(*name) != after.get(*name) && !approved.contains(&item)
    });
    match other {
        Some(name) => Err(CandidateError::Lock {
            plugin: name.to_string(),
        }),
        None => Ok(()),
    }
}

fn revisions(
    proposal: &Proposal<'_>,
    was: &Items,
    will: &Items,
    files: &Files,
) -> Result<Vec<RevisionRecord>, CandidateError> {
    let mut revisions = Vec::new();
    let all: BTreeSet<&ItemId> = was.items.keys().chain(will.items.keys()).collect();
    for item in all {
        let (from, to) = (was.revision(item), will.revision(item));
        if from == to {
            continue;
        }
        if !proposal.approved.contains(item) {
            return Err(CandidateError::NotApproved { item: item.clone() });
        }
        let parts = will.items.get(item).map(|parts| parts.files.as_slice());
        let records = parts.unwrap_or_default().iter().map(|(name, hash)| {
            let text = files
                .get(&**name)
                .and_then(|bytes| String::from_utf8(bytes.clone()).ok());
            let stored = match item {
                ItemId::Plugin(plugin) => PluginName::parse(plugin)
                    .ok()
                    .and_then(|plugin| proposal.components.get(&plugin)?.as_ref())
                    .map(|(_, stored)| stored.clone()),
                _ => None,
            };
            FileRecord {
                file: name.clone(),
                hash: *hash,
                text: text.filter(|_| !matches!(item, ItemId::Plugin(_))),
                stored,
            }
        });
        revisions.push(RevisionRecord {
            item: item.clone(),
            from,
            to,
            files: records.collect(),
        });
    }
    match revisions.is_empty() {
        true => Err(CandidateError::Nothing),
        false => Ok(revisions),
    }
}
