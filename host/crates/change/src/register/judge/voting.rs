//! Votes and the separation of duties: who may not decide about what they made, asked for, or are governed by.

use super::Actor;
use crate::item::{ItemId, Revision};
use crate::record::Vote;
use crate::register::change::{Change, Deed};
use crate::register::rule::Rule;
use crate::register::{HeldFile, Register};
use crate::settings::Settings;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, PoisonError};
use types::Timestamp;

impl Register {
    pub(super) fn may_vote(
        &self,
        settings: &Settings,
        change: &Change,
        actor: &Actor<'_>,
        role: &str,
        now: Timestamp,
    ) -> Result<(), Rule> {
        if !settings.board.contains(role) {
            return Err(Rule::NotBoard {
                role: role.into(),
                board: settings
                    .board
                    .iter()
                    .map(|role| &**role)
                    .collect::<Vec<_>>()
                    .join(", "),
            });
        }
        self.has_role(settings, actor.who, role, now)?;
        if change.order.is_some() {
            return Err(Rule::Decided(change.number));
        }
        self.independent(change, actor, "vote on", &[])?;
        match change.standing_votes().any(|cast| actor.did(&cast.deed)) {
            true => Err(Rule::VotedTwice {
                change: change.number,
                who: actor.who.clone(),
            }),
            false => Ok(()),
        }
    }

    /// Whoever decides about a change neither wanted nor made it, and is not governed by what it touches.
    pub(super) fn independent(
        &self,
        change: &Change,
        actor: &Actor<'_>,
        act: &'static str,
        touched: &[ItemId],
    ) -> Result<(), Rule> {
        apart(change, actor, act, &MADE)?;
        let Some(agent) = actor.who.agent() else {
            return Ok(());
        };
        let governing = self
            .governing(agent, change)
            .map_err(|why| Rule::Ungoverned {
                change: change.number,
                who: actor.who.clone(),
                why,
            })?;
        match change
            .items
            .iter()
            .chain(touched)
            .find(|item| governing.contains(item))
        {
            Some(item) => Err(Rule::Governed {
                change: change.number,
                who: actor.who.clone(),
                item: item.clone(),
                act,
            }),
            None => Ok(()),
        }
    }

    /// What says what `agent` may do, by what is released and by what the change makes of it.
    fn governing(&self, agent: &str, change: &Change) -> Result<BTreeSet<ItemId>, String> {
        let mut files: BTreeMap<Arc<str>, &HeldFile> = BTreeMap::new();
        for item in self.held.items.keys() {
            let held = self.held.head(item).map(|standing| standing.files.iter());
            files.extend(
                held.into_iter()
                    .flatten()
                    .map(|file| (file.file.clone(), file)),
            );
        }
        let mut governing = self.governing_among(agent, &files)?;
        governing.insert(ItemId::House);
        governing.insert(ItemId::Agent(agent.into()));
        // What the change would make of it: an agent that gets another policy by it is governed by that one too.
        if let Some(made) = change.implementation() {
            for step in &made.steps {
                let before = self.held.head(&step.item).map(|standing| &standing.files);
                for file in before.into_iter().flatten() {
                    files.remove(&file.file);
                }
                let after = self.made.get(&(change.number, step.item.clone()));
                files.extend(
                    after
                        .into_iter()
                        .flatten()
                        .map(|file| (file.file.clone(), file)),
                );
            }
            // Where it cannot be loaded so, nobody could release it either.
            if let Ok(after) = self.governing_among(agent, &files) {
                governing.extend(after);
            }
        }
        Ok(governing)
    }

    /// The same for these files. It is asked again and again for the same ones, and to load a house takes a moment.
    fn governing_among(
        &self,
        agent: &str,
        files: &BTreeMap<Arc<str>, &HeldFile>,
    ) -> Result<BTreeSet<ItemId>, String> {
        let whole = Revision::of(files.iter().map(|(name, file)| (&**name, file.hash)));
        let key = (Arc::<str>::from(agent), whole);
        let known = || {
            self.governing
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        if let Some(known) = known().get(&key) {
            return known.clone();
        }
        let texts = files.iter().filter_map(|(name, file)| {
            let text = self.held.texts.get(&file.hash)?;
            Some((name.to_string(), text.as_bytes().to_vec()))
        });
        let found = self.outside.governing(agent, &texts.collect());
        known().insert(key, found.clone());
        found
    }

    /// That enough of the board have approved `change`, none of whom it concerns.
    pub(super) fn has_quorum(
        &self,
        settings: &Settings,
        change: &Change,
        touched: &[ItemId],
    ) -> Result<(), Rule> {
        if let Some(rejection) = change.rejection() {
            return Err(Rule::RejectionStands {
                change: change.number,
                who: rejection.deed.who.clone(),
            });
        }
        let (mut names, mut keys) = (BTreeSet::new(), BTreeSet::new());
        for cast in change
            .standing_votes()
            .filter(|cast| cast.vote == Vote::Approve)
        {
            let actor = Actor {
                who: &cast.deed.who,
                key: Some(&cast.deed.key),
            };
            let counts = settings.board.contains(&cast.role)
                && self.independent(change, &actor, "vote on", touched).is_ok()
                && !keys.contains(&cast.deed.key)
                && names.insert(&cast.deed.who);
            if counts && !cast.deed.key.is_empty() {
                keys.insert(&cast.deed.key);
            }
        }
        let needed = settings.quorum.max(1);
        match names.len() >= needed {
            true => Ok(()),
            false => Err(Rule::Quorum {
                change: change.number,
                found: names.len(),
                needed,
            }),
        }
    }
}

/// Who did what of a change, and in which word.
type Part = (fn(&Change) -> Vec<&Deed>, &'static str);

/// What excludes from deciding.
const MADE: [Part; 3] = [
    (|change| change.requests.iter().collect(), "requested"),
    (
        |change| change.implementations.iter().map(|one| &one.deed).collect(),
        "implemented",
    ),
    (
        |change| change.emergency.iter().map(|one| &one.deed).collect(),
        "put in force",
    ),
];

/// What excludes from making.
pub(super) const DECIDED: [Part; 2] = [
    (
        |change| change.votes.iter().map(|one| &one.deed).collect(),
        "voted on",
    ),
    (
        |change| change.verifications.iter().map(|one| &one.deed).collect(),
        "verified",
    ),
];

/// That `actor` had none of these `parts` in the change.
pub(super) fn apart(
    change: &Change,
    actor: &Actor<'_>,
    act: &'static str,
    parts: &[Part],
) -> Result<(), Rule> {
    for (deeds, did) in parts {
        if let Some(deed) = deeds(change).into_iter().find(|deed| actor.did(deed)) {
            return Err(match deed.who == *actor.who {
                true => Rule::Separation {
                    change: change.number,
                    who: actor.who.clone(),
                    did,
                    act,
                },
                false => Rule::SameKey {
                    change: change.number,
                    who: actor.who.clone(),
                    other: deed.who.clone(),
                    did,
                    act,
                },
            });
        }
    }
    Ok(())
}
