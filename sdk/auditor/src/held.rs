//! What was released of each item, and which of it counted when.
//!
//! A revision is named by a hash over its files: `NAME\nHASH\n` of each, sorted; that of a plugin is its component's own. A candidate is named by a hash over what it
//! makes of each item: `ITEM REVISION\n`, sorted.

use crate::house::{texts, yaml};
use crate::moment;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A revision by its hash; `None` is that there is none.
pub type Revision = Option<String>;
/// The files of a revision with their hashes.
pub type Files = BTreeMap<String, String>;

/// A revision that was released.
#[derive(Clone, Debug)]
pub struct Standing {
    /// By which change.
    pub change: String,
    /// What it replaced.
    pub from: Revision,
    /// What it is.
    pub to: Revision,
    /// Its files.
    pub files: Files,
    /// From when, where that is a date.
    pub at: Option<i64>,
    /// For which agents, where it is for some only.
    pub agents: Option<BTreeSet<String>>,
    /// Whether others had not looked at it.
    pub is_emergency: bool,
    /// Whether it was taken back.
    pub is_over: bool,
}

/// All of it, with the texts.
#[derive(Default)]
pub struct Held {
    items: BTreeMap<String, Vec<Standing>>,
    texts: BTreeMap<String, String>,
}

/// What a record makes of an item.
#[derive(Clone, Debug)]
pub struct Step {
    /// The item.
    pub item: String,
    /// What it replaces.
    pub from: Revision,
    /// What it becomes.
    pub to: Revision,
    /// Its files then.
    pub files: Files,
}

/// A revision as a record names it.
pub fn revision(said: &Value) -> Revision {
    said.as_str().map(str::to_owned)
}

/// The hash that names what `steps` make of a house.
pub fn candidate(steps: &[Step]) -> String {
    let lines: BTreeSet<String> = steps
        .iter()
        .map(|step| {
            let to = step.to.as_deref().unwrap_or("absent");
            format!("{} {to}\n", step.item)
        })
        .collect();
    hash(&lines.into_iter().collect::<String>())
}

fn hash(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_string()
}

impl Held {
    /// The revisions that `body` records, once it was seen that each is what its hash says; their texts are kept.
    pub fn steps(&mut self, body: &Value) -> Result<Vec<Step>, String> {
        let mut steps: Vec<Step> = Vec::new();
        let revisions = body["revisions"].as_array().map_or(&[][..], Vec::as_slice);
        for said in revisions {
            for file in said["files"].as_array().into_iter().flatten() {
                self.keep(file)?;
            }
        }
        for said in revisions {
            let item = said["item"].as_str().unwrap_or_default().to_owned();
            if steps.iter().any(|step| step.item == item) {
                return Err(format!("{item} stands in it twice"));
            }
            let files = self.files(&item, said)?;
            let to = revision(&said["to"]);
            let made = match (item.starts_with("plugin:"), files.len()) {
                (_, 0) => None,
                (true, 1) => files.values().next().cloned(),
                (true, _) => return Err(format!("{item} has more than one component")),
                (false, _) => {
                    let lines = files.iter().map(|(name, hash)| format!("{name}\n{hash}\n"));
                    Some(hash(&lines.collect::<String>()))
                }
            };
            if made != to {
                return Err(format!(
                    "the files of {item} are another revision than the one that it names"
                ));
            }
            let from = revision(&said["from"]);
            steps.push(Step {
                item,
                from,
                to,
                files,
            });
        }
        match steps.is_empty() {
            true => Err("it names no revision".into()),
            false => Ok(steps),
        }
    }

    fn keep(&mut self, file: &Value) -> Result<(), String> {
        let Some(text) = file["text"].as_str() else {
            return Ok(());
        };
        if file["hash"] != hash(text) {
            return Err(format!(
                "the text of {} is not what its hash says",
                file["file"].as_str().unwrap_or_default()
            ));
        }
        self.texts.insert(hash(text), text.to_owned());
        Ok(())
    }

    fn files(&self, item: &str, said: &Value) -> Result<Files, String> {
        let mut files = Files::new();
        for file in said["files"].as_array().into_iter().flatten() {
            let (Some(name), Some(hash)) = (file["file"].as_str(), file["hash"].as_str()) else {
                return Err(format!("a file of {item} has no name or no hash"));
            };
            if !item.starts_with("plugin:") && !self.texts.contains_key(hash) {
                return Err(format!("the text of {name} is nowhere on record"));
            }
            if files.insert(name.to_owned(), hash.to_owned()).is_some() {
                return Err(format!("{name} stands twice in {item}"));
            }
        }
        Ok(files)
    }

    /// Something is released.
    pub fn stand(&mut self, item: &str, standing: Standing) {
        self.items
            .entry(item.to_owned())
            .or_default()
            .push(standing);
    }

    /// What `change` put in force in an emergency counts no more.
    pub fn take_back(&mut self, change: &str) {
        for standing in self.items.values_mut().flatten() {
            if standing.change == change && standing.is_emergency {
                standing.is_over = true;
            }
        }
    }

    /// Items that were ever released.
    pub fn items(&self) -> impl Iterator<Item = &String> {
        self.items.keys()
    }

    /// What was released last of `item`.
    pub fn head(&self, item: &str) -> Option<&Standing> {
        let mut all = self.items.get(item)?.iter().rev();
        all.find(|standing| !standing.is_over)
    }

    /// Its revision.
    pub fn head_revision(&self, item: &str) -> Revision {
        self.head(item).and_then(|standing| standing.to.clone())
    }

    /// What counts of `item` at `now` for all, or for `agent`, of what `may_count` says may.
    pub fn in_force(
        &self,
        item: &str,
        agent: Option<&str>,
        now: i64,
        may_count: impl Fn(&Standing) -> bool,
    ) -> Option<&Standing> {
        let mut all = self.items.get(item)?.iter().rev();
        all.find(|standing| {
            let is_due = standing.at.is_none_or(|at| at <= now);
            let agents = standing.agents.as_ref();
            let is_for = agents.is_none_or(|some| agent.is_some_and(|one| some.contains(one)));
            !standing.is_over && is_for && is_due && may_count(standing)
        })
    }

    /// Whether the file `name` with this hash is of a revision (of `item`, or of any) that was released by now, counts since some time up to `now`, and was not taken
    /// back.
    pub fn has(&self, item: Option<&str>, name: &str, hash: &str, now: i64) -> bool {
        let items = self.items.iter();
        let mut all = items
            .filter(|(known, _)| item.is_none_or(|item| item == known.as_str()))
            .flat_map(|(_, all)| all);
        all.any(|standing| {
            let is_due = standing.at.is_none_or(|at| at <= now);
            let is_it = match item {
                // A component is its revision.
                Some(_) => standing.to.as_deref() == Some(hash),
                None => standing.files.get(name).is_some_and(|held| held == hash),
            };
            !standing.is_over && is_due && is_it
        })
    }

    /// The text with this hash.
    pub fn text(&self, hash: &str) -> Option<&str> {
        self.texts.get(hash).map(String::as_str)
    }

    /// The definition `name` of a kind (`agent`, `chart`) among `files`, as JSON; an error where it cannot be read.
    pub fn definition(&self, files: &Files, kind: &str, name: &str) -> Result<Value, String> {
        for (file, hash) in files {
            if !(file.ends_with(".yaml") || file.ends_with(".yml")) {
                continue;
            }
            let text = self.text(hash).unwrap_or_default();
            let said = yaml(text).map_err(|why| format!("{file}: {why}"))?;
            if said[kind] == name {
                return Ok(said);
            }
        }
        Err(format!("no file of {kind}:{name} defines it"))
    }
}

/// An effectivity as it is meant: a word alone is one for all agents, a word that is none is a date.
pub fn effectivity(said: &Value) -> (String, Option<BTreeSet<String>>) {
    let when = match said {
        Value::String(_) => said,
        said => &said["when"],
    };
    let when = when.as_str().or(when["at"].as_str()).unwrap_or_default();
    (when.to_owned(), texts(&said["agents"]))
}

/// From when an effectivity counts, where that is a date; an error for one that cannot be read.
pub fn effective_at(effectivity: &Value) -> Result<Option<i64>, String> {
    match &effectivity["when"] {
        Value::String(word) if word == "now" || word == "next-run" => Ok(None),
        Value::Object(when) => {
            let at = when.get("at").and_then(Value::as_str).unwrap_or_default();
            let at = moment::parse(at).ok_or(format!("`{at}` is no date"))?;
            Ok(Some(at))
        }
        _ => Err("it does not say from when it counts".into()),
    }
}
