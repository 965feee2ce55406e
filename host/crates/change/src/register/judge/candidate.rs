//! Whether what was made can be recorded and can count: of the approved items only, on top of what is released, whole, and the same at verification and release.

use crate::item::{ItemId, Revision};
use crate::record::{BaselineRecord, Effectivity, FileRecord, RevisionRecord};
use crate::register::Register;
use crate::register::change::Change;
use crate::register::rule::Rule;
use crate::settings::Files;
use std::collections::{BTreeMap, BTreeSet};
use types::ContentHash;

impl Register {
    /// That there is somebody for whom it would count.
    pub(super) fn can_count(&self, change: &Change, effectivity: &Effectivity) -> Result<(), Rule> {
        let Some(agents) = &effectivity.agents else {
            return Ok(());
        };
        if agents.is_empty() {
            return Err(Rule::NoAgents);
        }
        if change.items.contains(&ItemId::House) {
            return Err(Rule::HouseForSome);
        }
        for agent in agents {
            let item = ItemId::Agent(agent.clone());
            let is_known = self.held.head_revision(&item) != Revision::Absent;
            if !is_known && !change.items.contains(&item) {
                return Err(Rule::NoAgent(agent.clone()));
            }
        }
        Ok(())
    }

    /// That `revisions` are what their hashes say and follow on what is released.
    pub(super) fn can_replace(
        &self,
        change: Option<&Change>,
        revisions: &[RevisionRecord],
    ) -> Result<(), Rule> {
        if revisions.is_empty() {
            return Err(Rule::NoItems);
        }
        let files = revisions
            .iter()
            .map(|revision| (&revision.item, &revision.files));
        let fresh = fresh_texts(files.map(|(_, files)| files));
        let mut seen = BTreeSet::new();
        for revision in revisions {
            let item = &revision.item;
            if !seen.insert(item) {
                return Err(Rule::ItemTwice { item: item.clone() });
            }
            if revision.from == revision.to {
                return Err(Rule::Unchanged { item: item.clone() });
            }
            self.is_fresh(change, item, revision.from, revision.to)?;
            self.held
                .files_of(item, revision.to, &revision.files, &fresh)?;
        }
        self.agree(
            revisions
                .iter()
                .map(|revision| (&revision.item, &revision.files)),
        )?;
        if let Some(house) = revisions.iter().find(|one| one.item == ItemId::House) {
            let text = |file: &FileRecord| {
                let known = self.held.texts.get(&file.hash).map(|text| text.to_string());
                let text = file
                    .text
                    .clone()
                    .or(known)
                    .or_else(|| fresh.get(&file.hash).map(|text| (*text).to_owned()));
                Some((file.file.to_string(), text?.into_bytes()))
            };
            let files: Files = house.files.iter().filter_map(text).collect();
            self.outside.settings(&files).map_err(Rule::Settings)?;
        }
        Ok(())
    }

    /// That a revision was made from what is released now. What was in force before others looked may be confirmed as it is.
    pub(super) fn is_fresh(
        &self,
        change: Option<&Change>,
        item: &ItemId,
        from: Revision,
        to: Revision,
    ) -> Result<(), Rule> {
        let head = self.held.head(item);
        let released = self.held.head_revision(item);
        let is_own_emergency = head.is_some_and(|head| {
            let own = change.is_some_and(|change| change.number == head.change);
            own && head.emergency && head.from == from && head.to == to
        });
        match released == from || is_own_emergency {
            true => Ok(()),
            false => Err(Rule::Stale {
                item: item.clone(),
                released,
                from,
            }),
        }
    }

    /// That no file would be one thing in one item and another in another.
    fn agree<'f>(
        &self,
        items: impl Iterator<Item = (&'f ItemId, &'f Vec<FileRecord>)>,
    ) -> Result<(), Rule> {
        let items: BTreeMap<&ItemId, &Vec<FileRecord>> = items.collect();
        let mut known: BTreeMap<&str, (&ItemId, ContentHash)> = BTreeMap::new();
        for (item, standing) in self.held.items.keys().filter_map(|item| {
            (!items.contains_key(item)).then_some(())?;
            Some((item, self.held.head(item)?))
        }) {
            for file in &standing.files {
                known.insert(&file.file, (item, file.hash));
            }
        }
        for (item, files) in items {
            for file in files {
                let other = known.insert(&file.file, (item, file.hash));
                if let Some((other, hash)) = other
                    && hash != file.hash
                {
                    return Err(Rule::Shared {
                        file: file.file.clone(),
                        one: other.clone(),
                        other: item.clone(),
                    });
                }
            }
        }
        Ok(())
    }

    /// That a baseline is what its hashes say.
    pub(super) fn is_whole(&self, revisions: &[BaselineRecord]) -> Result<(), Rule> {
        let fresh = fresh_texts(revisions.iter().map(|revision| &revision.files));
        let mut seen = BTreeSet::new();
        for revision in revisions {
            if !seen.insert(&revision.item) || revision.to == Revision::Absent {
                return Err(Rule::BaselineItems);
            }
            self.held
                .files_of(&revision.item, revision.to, &revision.files, &fresh)?;
        }
        let mut known: BTreeMap<&str, (&ItemId, ContentHash)> = BTreeMap::new();
        for revision in revisions {
            for file in &revision.files {
                let other = known.insert(&file.file, (&revision.item, file.hash));
                if let Some((other, hash)) = other
                    && hash != file.hash
                {
                    return Err(Rule::Shared {
                        file: file.file.clone(),
                        one: other.clone(),
                        other: revision.item.clone(),
                    });
                }
            }
        }
        Ok(())
    }
}

fn fresh_texts<'f>(
    files: impl Iterator<Item = &'f Vec<FileRecord>>,
) -> BTreeMap<ContentHash, &'f str> {
    files
        .flatten()
        .filter_map(|file| {
            let text = file.text.as_deref()?;
            (ContentHash::of(text.as_bytes()) == file.hash).then_some((file.hash, text))
        })
        .collect()
}

pub(super) fn is_candidate(
    change: &Change,
    on: ContentHash,
) -> Result<&crate::register::Implementation, Rule> {
    let made = change
        .implementation()
        .ok_or(Rule::NotImplemented(change.number))?;
    match made.candidate == on {
        true => Ok(made),
        false => Err(Rule::OtherCandidate {
            change: change.number,
            candidate: made.candidate.short(),
            other: on.short(),
        }),
    }
}
