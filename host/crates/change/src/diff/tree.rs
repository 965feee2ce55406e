//! Definitions as trees: every difference, named by its place.

use super::list;
use super::subject::{Step, subject, written};
use super::weigh::weigh;
use super::{Line, Mark};
use crate::grants::Weight;
use crate::item::ItemId;
use definitions::Outline;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The differences of two trees; `None` where there is none.
pub(super) fn compare(
    item: &ItemId,
    before: Option<&Outline>,
    after: Option<&Outline>,
    lines: &mut Vec<Line>,
) {
    let mut walk = Walk {
        item,
        path: Vec::new(),
        renamed: renamed(before, after),
        lines,
    };
    match (before, after) {
        (Some(before), Some(after)) => walk.both(before, after),
        // What is wholly new or gone is told key by key: on one line nobody would read it.
        (None, Some(after)) => walk.each(Mark::Added, after),
        (Some(before), None) => walk.each(Mark::Removed, before),
        (None, None) => {}
    }
}

pub(super) struct Walk<'a> {
    item: &'a ItemId,
    pub path: Vec<Step>,
    /// States of a chart that the new one says have another name.
    renamed: BTreeMap<String, String>,
    lines: &'a mut Vec<Line>,
}

/// What `migrate.renamed` of a chart says: old names to new ones, without the states around them.
fn renamed(before: Option<&Outline>, after: Option<&Outline>) -> BTreeMap<String, String> {
    let said = after.and_then(|after| after.get("migrate")?.get("renamed"));
    let Some(Outline::Map(entries)) = said.filter(|_| before.is_some()) else {
        return BTreeMap::new();
    };
    let id = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let entries = entries.iter();
    entries
        .filter_map(|(old, new)| Some((id(old), id(new.text()?))))
        .collect()
}

impl Walk<'_> {
    fn line(&mut self, mark: Mark, before: Option<String>, after: Option<String>, weight: Weight) {
        let what = subject(self.item, &self.path);
        self.lines.push(Line {
            mark,
            weight,
            what,
            before,
            after,
        });
    }

    pub(super) fn in_step(&mut self, step: Step, go: impl FnOnce(&mut Self)) {
        self.path.push(step);
        go(self);
        self.path.pop();
    }

    pub(super) fn added(&mut self, after: &Outline) {
        let weight = weigh(self.item, &self.path, None, Some(after));
        self.line(Mark::Added, None, Some(written(after)), weight);
    }

    pub(super) fn removed(&mut self, before: &Outline) {
        let weight = weigh(self.item, &self.path, Some(before), None);
        self.line(Mark::Removed, Some(written(before)), None, weight);
    }

    /// The entries of a whole definition, each by itself; states are told one by one.
    fn each(&mut self, mark: Mark, whole: &Outline) {
        let Outline::Map(entries) = whole else {
            return match mark {
                Mark::Added => self.added(whole),
                _ => self.removed(whole),
            };
        };
        for (key, value) in entries {
            self.in_step(Step::Key(key.to_string()), |walk| {
                let states = matches!(walk.item, ItemId::Chart(_)) && &**key == "states";
                match (states, value, mark) {
                    (true, Outline::Map(_), _) => walk.each(mark, value),
                    (_, _, Mark::Added) => walk.added(value),
                    _ => walk.removed(value),
                }
            });
        }
    }

    pub(super) fn both(&mut self, before: &Outline, after: &Outline) {
        if before == after {
            return;
        }
        match (before, after) {
            (Outline::Map(one), Outline::Map(other)) => self.maps(one, other),
            (Outline::List(one), Outline::List(other)) => list::compare(self, one, other),
            _ => {
                let weight = weigh(self.item, &self.path, Some(before), Some(after));
                self.line(
                    Mark::Changed,
                    Some(written(before)),
                    Some(written(after)),
                    weight,
                );
            }
        }
    }

    fn maps(&mut self, before: &[(Arc<str>, Outline)], after: &[(Arc<str>, Outline)]) {
        let find = |map: &'_ [(Arc<str>, Outline)], key: &str| {
            map.iter().position(|(name, _)| **name == *key)
        };
        let names = self.new_names(before, after);
        let new_name = |key: &Arc<str>| names.get(key).unwrap_or(key).clone();
        for (key, value) in before {
            let now = new_name(key);
            let Some(at) = find(after, &now) else {
                self.in_step(Step::Key(key.to_string()), |walk| walk.removed(value));
                continue;
            };
            if now != *key {
                self.in_step(Step::Key(key.to_string()), |walk| {
                    let (old, new) = (Some(key.to_string()), Some(now.to_string()));
                    walk.line(Mark::Renamed, old, new, Weight::Plain);
                });
            }
            self.in_step(Step::Key(now.to_string()), |walk| {
                walk.both(value, &after[at].1)
            });
        }
        let old: BTreeSet<Arc<str>> = before.iter().map(|(key, _)| new_name(key)).collect();
        for (key, value) in after.iter().filter(|(key, _)| !old.contains(key)) {
            self.in_step(Step::Key(key.to_string()), |walk| walk.added(value));
        }
        // The order of a map's entries can mean something: of two transitions for one event the first is taken.
        let kept: BTreeSet<&Arc<str>> = after
            .iter()
            .map(|(key, _)| key)
            .filter(|key| old.contains(*key))
            .collect();
        let was: Vec<Arc<str>> = before
            .iter()
            .map(|(key, _)| new_name(key))
            .filter(|key| kept.contains(key))
            .collect();
        let is: Vec<Arc<str>> = after
            .iter()
            .map(|(key, _)| key.clone())
            .filter(|key| kept.contains(key))
            .collect();
        if was != is {
            let names =
                |keys: Vec<Arc<str>>| keys.iter().map(ToString::to_string).collect::<Vec<_>>();
            self.moved(&names(was), &names(is));
        }
    }

    /// The same entries in another order.
    pub(super) fn moved(&mut self, was: &[String], is: &[String]) {
        self.line(
            Mark::Moved,
            Some(was.join(", ")),
            Some(is.join(", ")),
            Weight::Plain,
        );
    }

    /// Entries of a map of states that are the same state under another name: because the chart says so, or because nothing else differs.
    fn new_names(
        &self,
        before: &[(Arc<str>, Outline)],
        after: &[(Arc<str>, Outline)],
    ) -> BTreeMap<Arc<str>, Arc<str>> {
        let is_states = matches!(self.item, ItemId::Chart(_))
            && matches!(self.path.last(), Some(Step::Key(key)) if key == "states");
        if !is_states {
            return BTreeMap::new();
        }
        let has =
            |map: &[(Arc<str>, Outline)], name: &str| map.iter().any(|(key, _)| **key == *name);
        let gone: Vec<_> = before.iter().filter(|(key, _)| !has(after, key)).collect();
        let new: Vec<_> = after.iter().filter(|(key, _)| !has(before, key)).collect();
        let mut names: BTreeMap<Arc<str>, Arc<str>> = BTreeMap::new();
        for (old, value) in &gone {
            let taken: BTreeSet<&Arc<str>> = names.values().collect();
            let free = |key: &Arc<str>| !taken.contains(key);
            let said = self.renamed.get(&**old);
            let said = new
                .iter()
                .find(|(key, _)| said.is_some_and(|said| **said == **key) && free(key));
            let mut alike = new
                .iter()
                .filter(|(key, other)| other == value && free(key));
            let alike = alike
                .next()
                .filter(|_| matches!(value, Outline::Map(entries) if !entries.is_empty()));
            if let Some((now, _)) = said.or(alike) {
                names.insert(old.clone(), now.clone());
            }
        }
        names
    }
}
