//! Two revisions of an item side by side, by what they mean: states, transitions, chunks, rules, people, and in the end what agents may do otherwise.
//!
//! No change is invisible. Definitions are compared as trees from which only comments and layout are gone, so every difference is at least named by its path; what is no
//! definition is compared line by line; and what differs in neither is said to differ in layout only.

mod list;
mod render;
mod subject;
mod text;
mod tree;
mod weigh;

pub use render::Tone;

use crate::grants::{GrantChange, Tools, Weight, grant_changes};
use crate::item::{ItemId, Revision};
use crate::items::{Items, Parts, items_of};
use definitions::{House, outline};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use types::{ContentHash, PluginName};

/// What became of a part of a definition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// It is new.
    Added,
    /// It is gone.
    Removed,
    /// It says something else.
    Changed,
    /// It has another name.
    Renamed,
    /// It stands elsewhere.
    Moved,
    /// Its comments or its layout differ, and nothing else.
    Layout,
}

/// One difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// What became of it.
    pub mark: Mark,
    /// Whether more is possible because of it.
    pub weight: Weight,
    /// What it is, such as `state act: on turn.done: guard`.
    pub what: String,
    /// What was written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<String>,
    /// What is written.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<String>,
}

/// The differences of one item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// The item.
    pub item: ItemId,
    /// What it was.
    pub from: Revision,
    /// What it is.
    pub to: Revision,
    /// The differences, in the order of its files.
    pub lines: Vec<Line>,
}

/// The differences of several items, and what they come to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// By item; those without any difference are left out.
    pub items: Vec<Diff>,
    /// What agents may do otherwise.
    pub grants: Vec<GrantChange>,
}

/// What is known of a component.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PluginFacts {
    /// How many bytes it has.
    pub size: Option<u64>,
    /// Its tools by their full names: everything that is said of each, such as effect, description and schema.
    pub tools: BTreeMap<String, String>,
    /// What it needs of the host.
    pub imports: BTreeSet<String>,
}

/// A house with what is known of its components.
#[derive(Clone, Copy, Debug)]
pub struct Side<'a> {
    /// The house.
    pub house: &'a House,
    /// The content of its components.
    pub plugins: &'a BTreeMap<PluginName, ContentHash>,
    /// What is known of them, by content.
    pub facts: &'a BTreeMap<ContentHash, PluginFacts>,
}

/// Compare `items` in two houses; all that differ, where none are named.
pub fn compare(
    before: &Side<'_>,
    after: &Side<'_>,
    items: Option<&BTreeSet<ItemId>>,
) -> Comparison {
    let was = items_of(before.house, before.plugins);
    let is = items_of(after.house, after.plugins);
    let all: BTreeSet<&ItemId> = was.items.keys().chain(is.items.keys()).collect();
    let wanted = |item: &&&ItemId| items.is_none_or(|items| items.contains(**item));
    let diffs = all.iter().filter(wanted).filter_map(|item| {
        let diff = one(before, after, &was, &is, item);
        (diff.from != diff.to).then_some(diff)
    });
    Comparison {
        items: diffs.collect(),
        grants: grant_changes(before.house, after.house, &tools_of(after)),
    }
}

/// The differences of one item.
pub fn diff(before: &Side<'_>, after: &Side<'_>, item: &ItemId) -> Diff {
    let was = items_of(before.house, before.plugins);
    let is = items_of(after.house, after.plugins);
    one(before, after, &was, &is, item)
}

fn tools_of(side: &Side<'_>) -> Tools {
    let tools = side.plugins.iter().filter_map(|(name, hash)| {
        let facts = side.facts.get(hash)?;
        Some((name.clone(), facts.tools.keys().cloned().collect()))
    });
    tools.collect()
}

fn one(before: &Side<'_>, after: &Side<'_>, was: &Items, is: &Items, item: &ItemId) -> Diff {
    let mut lines = Vec::new();
    let nothing = Parts {
        revision: Revision::Absent,
        files: Vec::new(),
        missing: Vec::new(),
    };
    let then = was.items.get(item).unwrap_or(&nothing);
    let now = is.items.get(item).unwrap_or(&nothing);
    match item {
        ItemId::Plugin(_) => component(before, after, then, now, &mut lines),
        _ => files(before.house, after.house, item, then, now, &mut lines),
    }
    Diff {
        item: item.clone(),
        from: then.revision,
        to: now.revision,
        lines,
    }
}

/// The texts of a house by their names.
fn texts(house: &House) -> BTreeMap<Arc<str>, Arc<[u8]>> {
    let files = house.controlled_files().into_iter();
    files.map(|file| (file.name, file.bytes)).collect()
}

fn files(
    before: &House,
    after: &House,
    item: &ItemId,
    then: &Parts,
    now: &Parts,
    lines: &mut Vec<Line>,
) {
    let (was, is) = (texts(before), texts(after));
    let text = |texts: &BTreeMap<Arc<str>, Arc<[u8]>>, name: &str| {
        texts
            .get(name)
            .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
    };
    let hash = |parts: &Parts, name: &str| {
        parts
            .files
            .iter()
            .find(|(file, _)| **file == *name)
            .map(|(_, hash)| *hash)
    };
    // The definition itself may stand in another file now.
    let main = |house: &House| main_file(house, item);
    let (old, new) = (main(before), main(after));
    if let (Some(old), Some(new)) = (&old, &new)
        && old != new
    {
        lines.push(Line {
            mark: Mark::Moved,
            weight: Weight::Plain,
            what: "its file".into(),
            before: Some(old.to_string()),
            after: Some(new.to_string()),
        });
    }
    let of = |main: &Option<Arc<str>>, texts| main.as_ref().and_then(|name| text(texts, name));
    let (one, other) = (of(&old, &was), of(&new, &is));
    if one != other {
        let name = new.as_ref().or(old.as_ref()).map_or("", |name| &**name);
        definition(item, name, one.as_deref(), other.as_deref(), lines);
    }
    let names: BTreeSet<&Arc<str>> = then
        .files
        .iter()
        .chain(&now.files)
        .map(|(name, _)| name)
        .filter(|name| Some(*name) != old.as_ref() && Some(*name) != new.as_ref())
        .collect();
    for name in names {
        let (one, other) = (hash(then, name), hash(now, name));
        if one == other {
            continue;
        }
        let one = one.and_then(|_| text(&was, name));
        let other = other.and_then(|_| text(&is, name));
        text::compare(name, one.as_deref(), other.as_deref(), lines);
    }
    for (parts, mark) in [(then, Mark::Removed), (now, Mark::Added)] {
        let others = if mark == Mark::Added { then } else { now };
        for name in parts
            .missing
            .iter()
            .filter(|name| !others.missing.contains(name))
        {
            lines.push(Line {
                mark,
                weight: Weight::Plain,
                what: format!("{name}, which cannot be read"),
                before: None,
                after: None,
            });
        }
    }
}

fn main_file(house: &House, item: &ItemId) -> Option<Arc<str>> {
    match item {
        ItemId::House => Some("house.yaml".into()),
        ItemId::Agent(name) => house.agents.get(name).map(|agent| agent.place.file.clone()),
        ItemId::Chart(name) => house.charts.get(name).map(|chart| chart.place.file.clone()),
        ItemId::Policy(name) => house.policy_files.get(name).cloned(),
        ItemId::Plugin(_) => None,
    }
}

fn definition(
    item: &ItemId,
    name: &str,
    before: Option<&str>,
    after: Option<&str>,
    lines: &mut Vec<Line>,
) {
    let trees = (before.map(outline), after.map(outline));
    let known = lines.len();
    match trees {
        (Some(Some(one)), Some(Some(other))) => {
            tree::compare(item, Some(&one), Some(&other), lines);
        }
        (None, Some(Some(other))) => tree::compare(item, None, Some(&other), lines),
        (Some(Some(one)), None) => tree::compare(item, Some(&one), None, lines),
        // What was loaded can be read again; should it not be, its lines are compared.
        _ => text::compare(name, before, after, lines),
    }
    if lines.len() == known {
        lines.push(Line {
            mark: Mark::Layout,
            weight: Weight::Plain,
            what: format!("only comments or layout differ in {name}"),
            before: None,
            after: None,
        });
    }
}

fn component(
    before: &Side<'_>,
    after: &Side<'_>,
    then: &Parts,
    now: &Parts,
    lines: &mut Vec<Line>,
) {
    let hash = |parts: &Parts| parts.revision.hash();
    if then.revision == now.revision {
        return;
    }
    let mut add = |mark, weight, what: String, before: Option<String>, after: Option<String>| {
        lines.push(Line {
            mark,
            weight,
            what,
            before,
            after,
        });
    };
    let mark = match (then.revision, now.revision) {
        (Revision::Absent, _) => Mark::Added,
        (_, Revision::Absent) => Mark::Removed,
        _ => Mark::Changed,
    };
    let shown = |parts: &Parts| Some(parts.revision.to_string());
    add(
        mark,
        Weight::Plain,
        "the component".into(),
        shown(then),
        shown(now),
    );
    let facts = |side: &Side<'_>, parts: &Parts| {
        hash(parts).and_then(|hash| side.facts.get(&hash).cloned())
    };
    let (was, is) = match (facts(before, then), facts(after, now)) {
        (Some(was), Some(is)) => (was, is),
        (None, Some(is)) if then.revision == Revision::Absent => (PluginFacts::default(), is),
        (Some(was), None) if now.revision == Revision::Absent => (was, PluginFacts::default()),
        _ => {
            add(
                Mark::Changed,
                Weight::Widens,
                "what it offers and needs is not known: charthouse plugin inspect, charthouse plugin shadow".into(),
                None,
                None,
            );
            return;
        }
    };
    if was.size != is.size {
        let size = |size: Option<u64>| size.map(|size| format!("{size} bytes"));
        add(
            Mark::Changed,
            Weight::Plain,
            "its size".into(),
            size(was.size),
            size(is.size),
        );
    }
    for name in was
        .tools
        .keys()
        .chain(is.tools.keys())
        .collect::<BTreeSet<_>>()
    {
        let (one, other) = (was.tools.get(name), is.tools.get(name));
        let mark = match (one, other) {
            (None, _) => Mark::Added,
            (_, None) => Mark::Removed,
            (one, other) if one == other => continue,
            _ => Mark::Changed,
        };
        add(
            mark,
            Weight::Plain,
            format!("the tool {name}"),
            one.cloned(),
            other.cloned(),
        );
    }
    for name in is.imports.difference(&was.imports) {
        add(
            Mark::Added,
            Weight::Widens,
            format!("it needs {name}"),
            None,
            Some(name.clone()),
        );
    }
    for name in was.imports.difference(&is.imports) {
        add(
            Mark::Removed,
            Weight::Narrows,
            format!("it needs {name}"),
            Some(name.clone()),
            None,
        );
    }
}
