//! The gate: whether what was found may be loaded, for whom and from when. Every load path asks here and nowhere else.

use crate::item::{ItemId, Revision};
use crate::moment::iso;
use crate::record::{ChangeNumber, Refused, When, Where};
use crate::register::held::{Audience, HeldFile, Standing};
use crate::register::rule::Rule;
use crate::register::{OpenEmergency, Register};
use crate::settings::Files;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use types::{ContentHash, PluginName, Timestamp};

/// What is to be loaded, and for whom.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// What was found.
    pub found: &'a BTreeMap<ItemId, Revision>,
    /// Whether that is all there is: a released item that is not among it is then missing. A hot swap asks about the one plugin.
    pub whole: bool,
    /// Whether `house.yaml` as it was found says `controlled: true`. It controls nothing by itself where the released one does not say so, and nobody is to think that it does.
    pub file_says_controlled: bool,
    /// For whom.
    pub audience: Audience<'a>,
}

/// It may be loaded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Admitted {
    /// Whether the house is controlled at all.
    pub controlled: bool,
    /// Items of which another revision counts for this run than the one that was found, which is released too: they are loaded from the record
    /// ([`Register::files_for`]), or left out where they are absent.
    pub replace: BTreeMap<ItemId, Revision>,
    /// What is in force and not approved by others: to be shown loudly.
    pub emergencies: Vec<OpenEmergency>,
}

/// Why something is not loaded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Control was asked for and never began.
    NoBaseline,
    /// The record of the baseline cannot be read.
    UnreadableBaseline(u64),
    /// No change released it.
    NotReleased,
    /// It is released, and its time has not come.
    NotYet(ChangeNumber, Timestamp),
    /// A later revision took its place.
    Superseded(ChangeNumber),
    /// It was in force in an emergency and rejected afterwards.
    TakenBack(ChangeNumber),
    /// It is released and not there.
    Missing,
}

/// What is not loaded, and what to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The item.
    pub item: ItemId,
    /// Its file, for people.
    pub file: String,
    /// What was found.
    pub found: Revision,
    /// What counts, and which change released it.
    pub released: Option<(Revision, ChangeNumber)>,
    /// Why.
    pub reason: Reason,
    /// The change that is under way about it, or the next number.
    pub open: ChangeNumber,
    /// Whether that change is under way.
    pub is_open: bool,
}

/// The files that make up a house for somebody.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HouseFiles {
    /// Texts by their paths: what `definitions::load_recorded` takes.
    pub files: Files,
    /// Components, by their content.
    pub plugins: BTreeMap<PluginName, ContentHash>,
    /// Files that are no texts, with their content and where that is kept below `.charthouse/changes`, if it is.
    pub stored: BTreeMap<Arc<str>, (ContentHash, Option<String>)>,
    /// Which revision of each item this is; absent ones are left out.
    pub revisions: BTreeMap<ItemId, Revision>,
}

/// A release whose time has come and that is not in place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The change.
    pub change: ChangeNumber,
    /// Its items.
    pub items: Vec<ItemId>,
    /// Since when.
    pub since: Timestamp,
}

impl Register {
    /// Whether the house is controlled. Once there is a baseline its own released revision says so, not the file on the disk.
    pub fn is_controlled(&self, now: Timestamp, file_says: bool) -> bool {
        match self.settings_at(now) {
            Ok(settings) => settings.controlled,
            Err(Rule::NoBaseline) => file_says || self.unreadable_baseline.is_some(),
            // What cannot be read does not open anything.
            Err(_) => true,
        }
    }

    /// The record since which it is controlled, if it is.
    pub(super) fn is_controlled_since(&self, now: Timestamp) -> Option<u64> {
        let baseline = self.baseline.as_ref()?;
        self.is_controlled(now, false).then_some(baseline.deed.seq)
    }

    /// Whether what was found may be loaded.
    ///
    /// # Errors
    /// Everything that may not, with what to do.
    pub fn admit(&self, question: &Question<'_>) -> Result<Admitted, Vec<Refusal>> {
        let now = question.audience.now;
        let emergencies = self.emergencies(now);
        let controlled = self.is_controlled(now, question.file_says_controlled);
        if !controlled && question.file_says_controlled {
            let counts = self.held.in_force(&ItemId::House, &question.audience);
            let refusal =
                self.refusal(&ItemId::House, Revision::Absent, counts, Reason::NoBaseline);
            return Err(vec![refusal]);
        }
        if !controlled {
            return Ok(Admitted {
                emergencies,
                ..Admitted::default()
            });
        }
        if self.baseline.is_none() {
            let reason = match self.unreadable_baseline {
                Some(seq) => Reason::UnreadableBaseline(seq),
                None => Reason::NoBaseline,
            };
            let refusal = self.refusal(&ItemId::House, Revision::Absent, None, reason);
            return Err(vec![refusal]);
        }
        let mut items: BTreeSet<&ItemId> = question.found.keys().collect();
        if question.whole {
            items.extend(self.held.items.keys());
        }
        let mut replace = BTreeMap::new();
        let mut refusals = Vec::new();
        for item in items {
            let found = question
                .found
                .get(item)
                .copied()
                .unwrap_or(Revision::Absent);
            let counts = self.held.in_force(item, &question.audience);
            let needed = counts.map_or(Revision::Absent, |standing| standing.to);
            if found == needed {
                continue;
            }
            match self.why_not(item, found, now) {
                None => {
                    replace.insert(item.clone(), needed);
                }
                Some(reason) => refusals.push(self.refusal(item, found, counts, reason)),
            }
        }
        match refusals.is_empty() {
            true => Ok(Admitted {
                controlled: true,
                replace,
                emergencies,
            }),
            false => Err(refusals),
        }
    }

    /// Why `found` must not lie on the disk; `None` where it counts for somebody.
    fn why_not(&self, item: &ItemId, found: Revision, now: Timestamp) -> Option<Reason> {
        let all = self.history(item);
        let mut reason = match found {
            Revision::Absent if !all.is_empty() => Reason::Missing,
            _ => Reason::NotReleased,
        };
        for (index, standing) in all.iter().enumerate() {
            if standing.to != found {
                continue;
            }
            if standing.taken_back {
                reason = Reason::TakenBack(standing.change);
                continue;
            }
            if let When::At(moment) = &standing.effectivity.when
                && !standing.is_due(now)
            {
                reason = Reason::NotYet(standing.change, moment.time());
                continue;
            }
            let mut later = all[index + 1..].iter();
            match later.find(|later| {
                !later.taken_back && later.is_due(now) && later.effectivity.agents.is_none()
            }) {
                None => return None,
                Some(later) => reason = Reason::Superseded(later.change),
            }
        }
        // An item that was not there before its first release is still missing for those whom that does not concern.
        let Some(first) = all.first() else {
            return Some(reason);
        };
        let is_new = found == Revision::Absent && first.from == Revision::Absent;
        let for_all = |standing: &Standing| {
            !standing.taken_back && standing.is_due(now) && standing.effectivity.agents.is_none()
        };
        if is_new && !all.iter().any(for_all) && all.iter().all(|one| one.to != Revision::Absent) {
            return None;
        }
        Some(reason)
    }

    fn refusal(
        &self,
        item: &ItemId,
        found: Revision,
        counts: Option<&Standing>,
        reason: Reason,
    ) -> Refusal {
        let files = counts.or(self.head(item)).map(|standing| &standing.files);
        let file = files.and_then(|files| {
            let yaml = files
                .iter()
                .find(|file| file.file.ends_with(".yaml") || file.file.ends_with(".yml"));
            yaml.or(files.first()).map(|file| file.file.to_string())
        });
        let open = self.open_change(item);
        Refusal {
            item: item.clone(),
            file: file.unwrap_or_else(|| usual_file(item)),
            found,
            released: counts.map(|standing| (standing.to, standing.change)),
            reason,
            open: open.map_or(self.next_number(), |change| change.number),
            is_open: open.is_some(),
        }
    }

    /// The files that make up the house for `audience`.
    pub fn files_for(&self, audience: &Audience<'_>) -> HouseFiles {
        let items = self.held.items.keys();
        self.collect(items.filter_map(|item| Some((item, self.held.in_force(item, audience)?))))
    }

    /// The files that are to lie on the disk: of each item the last revision whose time has come, whoever it is for.
    pub fn files_in_place(&self, now: Timestamp) -> HouseFiles {
        let items = self.held.items.iter();
        self.collect(items.filter_map(|(item, all)| {
            let mut due = all.iter().rev();
            let due = due.find(|standing| !standing.taken_back && standing.is_due(now))?;
            Some((item, due))
        }))
    }

    /// The files of what was released last of each item, which the next change is made from: also of what does not count yet.
    pub fn files_at_head(&self) -> HouseFiles {
        let items = self.held.items.keys();
        self.collect(items.filter_map(|item| Some((item, self.held.head(item)?))))
    }

    /// The files of what was released last before the record `before`, but of the items of `with` those revisions, which were released some time or are made by a change
    /// that was not; `None` where no record has one of them.
    pub fn files_with(
        &self,
        with: &BTreeMap<ItemId, Revision>,
        before: Option<u64>,
    ) -> Option<HouseFiles> {
        let items = self
            .held
            .items
            .iter()
            .filter(|(item, _)| !with.contains_key(*item));
        let mut house = self.collect(items.filter_map(|(item, all)| {
            let mut all = all.iter().rev();
            let is_before = |seq: u64| before.is_none_or(|before| seq < before);
            let last = all.find(|standing| !standing.taken_back && is_before(standing.seq))?;
            Some((item, last))
        }));
        for (item, to) in with.iter().filter(|(_, to)| **to != Revision::Absent) {
            let files = self.files_of(item, *to)?;
            self.put(&mut house, item, *to, files);
        }
        Some(house)
    }

    /// The files of the revision `to` of `item`, which was released some time or is made by a change that was not.
    pub fn files_of(&self, item: &ItemId, to: Revision) -> Option<&[HeldFile]> {
        let released = self
            .history(item)
            .iter()
            .rev()
            .find(|standing| standing.to == to);
        let made = || {
            let mut changes = self.changes().rev().filter(|change| {
                let made = change.implementations.last();
                made.is_some_and(|made| {
                    made.steps
                        .iter()
                        .any(|step| step.item == *item && step.to == to)
                })
            });
            changes.find_map(|change| self.made(change.number, item))
        };
        released
            .map(|standing| standing.files.as_slice())
            .or_else(made)
    }

    pub(super) fn collect<'r>(
        &self,
        standing: impl Iterator<Item = (&'r ItemId, &'r Standing)>,
    ) -> HouseFiles {
        let mut house = HouseFiles::default();
        for (item, standing) in standing {
            if standing.to == Revision::Absent {
                continue;
            }
            self.put(&mut house, item, standing.to, &standing.files);
        }
        house
    }

    fn put(&self, house: &mut HouseFiles, item: &ItemId, to: Revision, files: &[HeldFile]) {
        house.revisions.insert(item.clone(), to);
        for file in files {
            match self.text(&file.hash) {
                Some(text) if !matches!(item, ItemId::Plugin(_)) => {
                    house
                        .files
                        .insert(file.file.to_string(), text.as_bytes().to_vec());
                }
                _ => {
                    let kept = (file.hash, file.stored.clone());
                    house.stored.insert(file.file.clone(), kept);
                }
            }
            if let ItemId::Plugin(name) = item
                && let Ok(name) = PluginName::parse(name)
            {
                house.plugins.insert(name, file.hash);
            }
        }
    }

    /// Releases whose time has come and that are not in place: the host puts their files there and records `change.effective`.
    pub fn due(&self, now: Timestamp) -> Vec<Due> {
        let mut due: BTreeMap<ChangeNumber, Due> = BTreeMap::new();
        for (item, standing) in self.standing() {
            let change = self.change(standing.change);
            let is_in_place = change.is_none_or(|change| change.effective.is_some());
            if is_in_place || standing.taken_back || !standing.is_due(now) {
                continue;
            }
            let since = match &standing.effectivity.when {
                When::At(moment) => moment.time().max(standing.time),
                When::Now | When::NextRun => standing.time,
            };
            let due = due.entry(standing.change).or_insert(Due {
                change: standing.change,
                items: Vec::new(),
                since,
            });
            if !due.items.contains(item) {
                due.items.push(item.clone());
            }
        }
        due.into_values().collect()
    }

    /// When the next release comes into force by itself, after `now`.
    pub fn next_due(&self, now: Timestamp) -> Option<(Timestamp, ChangeNumber)> {
        let moments =
            self.standing()
                .filter_map(|(_, standing)| match &standing.effectivity.when {
                    When::At(moment) if !standing.taken_back && moment.time() > now => {
                        Some((moment.time(), standing.change))
                    }
                    _ => None,
                });
        moments.min()
    }

    fn standing(&self) -> impl Iterator<Item = (&ItemId, &Standing)> {
        let items = self.held.items.iter();
        items.flat_map(|(item, all)| all.iter().map(move |standing| (item, standing)))
    }
}

/// Where such an item usually lies.
fn usual_file(item: &ItemId) -> String {
    match item {
        ItemId::House => "house.yaml".into(),
        ItemId::Agent(name) => format!("agents/{name}.yaml"),
        ItemId::Chart(name) => format!("charts/{name}.yaml"),
        ItemId::Policy(name) => format!("policies/{name}.yaml"),
        ItemId::Plugin(name) => format!("plugins/{name}.wasm"),
    }
}

impl Refusal {
    /// What is put on record about it.
    pub fn record(&self, place: Where) -> Refused {
        Refused {
            place,
            item: self.item.clone(),
            found: self.found,
            released: self
                .released
                .map_or(Revision::Absent, |(revision, _)| revision),
            open: self.open,
        }
    }

    /// What to do.
    pub fn hint(&self) -> String {
        match &self.reason {
            Reason::NoBaseline => "charthouse change baseline --as NAME".into(),
            Reason::UnreadableBaseline(_) => {
                "charthouse journal verify; restore the journal from where it is whole".into()
            }
            Reason::NotYet(change, _) => format!(
                "until then the revision before it must lie there; charthouse change show {change}"
            ),
            _ if self.is_open => format!("charthouse change show {}", self.open),
            _ => format!("charthouse change request --item {} …", self.item),
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, item) = (&self.file, &self.item);
        match &self.reason {
            Reason::NoBaseline => {
                return write!(
                    f,
                    "house.yaml says `controlled: true`, and nobody has vouched for what is in this house: it has no baseline{}. {}",
                    match self.released {
                        Some(_) => " since its control ended",
                        None => "",
                    },
                    self.hint()
                );
            }
            Reason::UnreadableBaseline(seq) => {
                return write!(
                    f,
                    "the baseline of this house, record {seq}, cannot be read: nothing is known to be released"
                );
            }
            Reason::NotReleased => match self.released {
                Some((_, change)) => write!(
                    f,
                    "{file} is not a released revision of {item} (released: {change})"
                )?,
                None => write!(f, "{file} is not released: no change made {item}")?,
            },
            Reason::NotYet(change, from) => {
                write!(
                    f,
                    "{file} is the revision of {item} that {change} released, which counts from {} on",
                    iso(*from)
                )?;
            }
            Reason::Superseded(change) => {
                write!(
                    f,
                    "{file} is an old revision of {item}: {change} released another since"
                )?;
            }
            Reason::TakenBack(change) => {
                write!(
                    f,
                    "{file} is what {change} put in force in an emergency, and that was rejected"
                )?;
            }
            Reason::Missing => match self.released {
                Some((_, change)) => write!(f, "{file} is missing: {change} released {item}")?,
                None => write!(f, "{file} is missing")?,
            },
        }
        match self.is_open {
            _ if matches!(self.reason, Reason::NotYet(..)) => write!(f, ": {}", self.hint()),
            true => write!(f, ". {} is open about it: {}", self.open, self.hint()),
            false => write!(f, ". Open {}: {}", self.open, self.hint()),
        }
    }
}
