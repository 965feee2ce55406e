//! Whether runs used what was released: a run says which definitions and components it began with, and a house under control has released each of them.
//!
//! What is looked at is whether a file was part of any revision that counted by then, for all or for some. Which of several revisions was the one for that very run (a
//! release for runs that begin later, or for one agent) is the gate's business, and is not judged here. Nor are texts that files of the house only name for a chunk of a
//! map: they are on record as they were sent, and their files by their names alone.

use crate::chain::Record;
use crate::rules::Rules;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// No part of any item: it says which components are meant, and those are looked at themselves.
const PINS: &str = "house.lock";

/// A run that used something that no release covers.
pub struct Uncovered {
    record: u64,
    run: String,
    what: String,
}

impl Uncovered {
    fn of(record: &Record, what: &str, hash: &str) -> Self {
        let hash = hash.get(..16).unwrap_or(hash);
        Uncovered {
            record: record.seq,
            run: record.run.clone(),
            what: format!("{what} ({hash}…)"),
        }
    }

    /// For people.
    pub fn text(&self) -> String {
        format!(
            "record {}: the run {} used what no release covers: {}",
            self.record, self.run, self.what
        )
    }
}

/// Goes along the records of runs.
#[derive(Default)]
pub struct Runs {
    /// The files of each set of definitions that is on record, with their hashes.
    sets: BTreeMap<String, Vec<(String, String)>>,
    judged: u64,
    /// Of how many records the bodies were left out (as older versions did), or the definitions are nowhere.
    unjudged: u64,
    /// Those that used something else.
    pub uncovered: Vec<Uncovered>,
}

impl Runs {
    /// Take a record; `rules` know what was released before it.
    pub fn take(&mut self, record: &Record, rules: &Rules) {
        let is_run = matches!(record.kind.as_str(), "started" | "reloaded");
        let Some(body) = &record.body else {
            self.unjudged += u64::from(is_run && rules.is_controlled(record.time));
            return;
        };
        match record.kind.as_str() {
            "definitions" => {
                let set = body["set"].as_str().unwrap_or_default().to_owned();
                let files = named(&body["files"], "file");
                let nothing = blake3::hash(b"").to_string();
                // Of a key the content is on record, of the text of a chunk nothing but its name.
                let keys = named(&body["named"], "file").filter(|(_, hash)| *hash != nothing);
                self.sets.insert(set, files.chain(keys).collect());
            }
            "started" | "reloaded" if rules.is_controlled(record.time) => {
                self.judge(record, body, rules);
            }
            // The first of them after a component was exchanged names it.
            "call" => self.judge_components(record, &body["plugins"], rules),
            "think" => self.judge_components(record, &body["made_of"]["plugins"], rules),
            _ => {}
        }
    }

    fn judge(&mut self, record: &Record, body: &Value, rules: &Rules) {
        let set = body["definitions"].as_str();
        // An instance of a workflow begins with the word of a run, and names no definitions: what works for it are runs.
        if body["definitions"].is_null() {
            return;
        }
        let Some(files) = set.and_then(|set| self.sets.get(set)) else {
            self.unjudged += 1;
            return;
        };
        self.judged += 1;
        let files = files.iter().filter(|(name, _)| name != PINS);
        let uncovered =
            files.filter(|(name, hash)| !rules.has_released(None, name, hash, record.time));
        let uncovered = uncovered.map(|(name, hash)| Uncovered::of(record, name, hash));
        self.uncovered.extend(uncovered);
        self.judge_components(record, &body["plugins"], rules);
    }

    fn judge_components(&mut self, record: &Record, named_by: &Value, rules: &Rules) {
        for (name, hash) in named(named_by, "name") {
            let item = format!("plugin:{name}");
            if !rules.has_released(Some(&item), &name, &hash, record.time)
                && rules.is_controlled(record.time)
            {
                self.uncovered.push(Uncovered::of(record, &item, &hash));
            }
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let uncovered = self.uncovered.iter();
        let uncovered: Vec<Value> = uncovered
            .map(|one| json!({ "record": one.record, "run": one.run, "what": one.what }))
            .collect();
        json!({ "judged": self.judged, "not_judged": self.unjudged, "uncovered": uncovered })
    }

    /// For people, where there is something to say; `None` where no run was under control.
    pub fn text(&self) -> Option<String> {
        (self.judged > 0 && self.uncovered.is_empty()).then(|| {
            format!(
                "  runs under control began {} times or took up other definitions, each time with what was released",
                self.judged
            )
        })
    }

    /// What could not be judged.
    pub fn note(&self) -> Option<String> {
        (self.unjudged > 0).then(|| {
            format!(
                "whether runs used what was released cannot be told of {} records, of which the bodies are not in the bundle",
                self.unjudged
            )
        })
    }
}

/// The names under `key` in a list, with their hashes.
fn named<'a>(list: &'a Value, key: &'static str) -> impl Iterator<Item = (String, String)> + 'a {
    let list = list.as_array().into_iter().flatten();
    list.filter_map(move |one| {
        let (name, hash) = (one[key].as_str()?, one["hash"].as_str()?);
        Some((name.to_owned(), hash.to_owned()))
    })
}
