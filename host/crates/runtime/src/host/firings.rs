//! What has fired: the fold of the records `fired`, as much of it as a host needs to begin nothing twice and to go on where it was.
//!
//! It does not grow with time: a schedule has one line, a trigger by files one for each since it was last recorded that all before is done, a trigger over HTTP
//! the last deliveries.

use super::{Command, Fire, FireHow};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, VecDeque};

/// How many of the last keys of a trigger are known, so that a delivery that comes twice starts one run.
const KEYS: usize = 1_000;

/// The subject of the record that says since when a trigger is known: everything it was about before is done, or is none of its business.
pub const SINCE: &str = "since";

/// One firing, as the answer to `fired` lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fired {
    /// The trigger.
    pub trigger: String,
    /// What told it from others.
    pub key: String,
    /// What it was about.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// When it was due, in milliseconds since 1970.
    pub due: i64,
    /// By which schedule it was due; none where it was by none, or the record is older than this key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<String>,
    /// What was done.
    pub how: FireHow,
    /// What was answered: `{"run"}` or `{"instance"}`; null where nothing was started.
    #[serde(default)]
    pub answer: Value,
    /// What is to follow, while it waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub then: Option<Box<Command>>,
    /// Whether what it started is under way; set by the host when it answers.
    #[serde(default)]
    pub open: bool,
}

/// After so many firings the fold is kept, so that a host that begins need not read again what came before.
pub(super) const WORTH_KEEPING: usize = 256;

/// The fold as it is kept: a host goes on reading behind the record that it goes up to.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The last record that is in it.
    pub(super) upto: u64,
    pub(super) firings: Firings,
}

/// The fold.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Firings {
    triggers: BTreeMap<String, Of>,
}

/// What one trigger did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Of {
    /// The last of each subject.
    last: BTreeMap<String, Fired>,
    /// Those that started something which, as far as is known, is under way.
    #[serde(default)]
    started: VecDeque<Fired>,
    /// Those that wait, in the order in which they came due.
    held: VecDeque<Fired>,
    /// What the last ones came to, by their keys.
    keys: VecDeque<(String, Value)>,
}

impl Firings {
    /// What came of the firing with this key, where it has been started or skipped already.
    pub fn again(&self, fire: &Fire) -> Option<&Value> {
        let of = self.triggers.get(&fire.trigger)?;
        let known = of.keys.iter().rev().find(|(key, _)| *key == fire.key);
        let last = || {
            let last = of.last.get(&fire.subject);
            last.filter(|last| last.key == fire.key)
                .map(|last| &last.answer)
        };
        known.map(|(_, answer)| answer).or_else(last)
    }

    /// Whether it waits already.
    pub fn is_held(&self, fire: &Fire) -> bool {
        let of = self.triggers.get(&fire.trigger);
        of.is_some_and(|of| of.held.iter().any(|held| held.key == fire.key))
    }

    /// A firing was recorded, with what was answered.
    pub fn note(&mut self, fire: &Fire, answer: &Value) {
        let of = self.triggers.entry(fire.trigger.clone()).or_default();
        of.held.retain(|held| held.key != fire.key);
        let mut fired = Fired {
            trigger: fire.trigger.clone(),
            key: fire.key.clone(),
            subject: fire.subject.clone(),
            due: fire.due,
            schedule: fire.schedule.clone(),
            how: fire.how,
            answer: answer.clone(),
            then: None,
            open: false,
        };
        if fire.how == FireHow::Hold {
            fired.then = fire.then.clone();
            return of.held.push_back(fired);
        }
        of.keys.push_back((fire.key.clone(), answer.clone()));
        if of.keys.len() > KEYS {
            of.keys.pop_front();
        }
        if fired.started().is_some() {
            of.started.push_back(fired.clone());
            if of.started.len() > KEYS {
                of.started.pop_front();
            }
        }
        if fire.subject == SINCE {
            of.last.retain(|_, last| last.due > fire.due);
        }
        of.last.insert(fire.subject.clone(), fired);
    }

    /// The run or instance `id` is over.
    pub fn ended(&mut self, id: &str) {
        for of in self.triggers.values_mut() {
            of.started.retain(|fired| fired.started() != Some(id));
        }
    }

    /// Everything that `fired` answers; `open` says whether a run or instance is under way.
    pub fn list(&self, open: impl Fn(&str) -> bool) -> Vec<Fired> {
        let mut list = Vec::new();
        for of in self.triggers.values() {
            let is_last = |fired: &Fired| of.last.values().any(|last| last.key == fired.key);
            let before = of.started.iter();
            let before = before.filter(|fired| fired.started().is_some_and(&open));
            list.extend(before.filter(|fired| !is_last(fired)).cloned());
            list.extend(of.last.values().chain(&of.held).cloned());
        }
        for fired in &mut list {
            fired.open = fired.started().is_some_and(&open);
        }
        list
    }
}

impl Fired {
    /// The run or instance that it started.
    pub fn started(&self) -> Option<&str> {
        started(&self.answer)
    }
}

/// The run or instance that an answer names.
fn started(answer: &Value) -> Option<&str> {
    let id = answer.get("run").or_else(|| answer.get("instance"))?;
    id.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn fire(key: &str, subject: &str, how: FireHow) -> Fire {
        Fire {
            trigger: "t".into(),
            key: key.into(),
            subject: subject.into(),
            due: 1,
            schedule: None,
            how,
            then: Some(Box::new(Command::Start {
                agent: "a".into(),
                prompt: None,
                instance: None,
                role: None,
                resume: None,
            })),
        }
    }

    #[test]
    fn nothing_is_started_twice_and_nothing_that_waits_is_lost() {
        let mut firings = Firings::default();
        let held = fire("1", "", FireHow::Hold);
        firings.note(&held, &Value::Null);
        assert!(firings.is_held(&held));
        assert_eq!(firings.again(&held), None);
        let kept: Firings =
            serde_json::from_value(serde_json::to_value(&firings).unwrap()).unwrap();
        assert_eq!(kept, firings);
        assert_eq!(kept.list(|_| false)[0].then, held.then);

        let started = fire("1", "", FireHow::Start);
        firings.note(&started, &json!({"run": "r"}));
        assert!(!firings.is_held(&held));
        assert_eq!(firings.again(&started), Some(&json!({"run": "r"})));
        let list = firings.list(|run| run == "r");
        assert_eq!(list.len(), 1);
        assert!(list[0].open);

        // One that is skipped after it does not hide that it is under way.
        firings.note(&fire("2", "", FireHow::Skip), &Value::Null);
        let open = |firings: &Firings| {
            let list = firings.list(|run| run == "r");
            list.iter().filter(|fired| fired.open).count()
        };
        assert_eq!(open(&firings), 1);
        firings.ended("r");
        assert_eq!(open(&firings), 0);
    }

    #[test]
    fn it_does_not_grow_with_time_and_knows_every_file() {
        let mut firings = Firings::default();
        for n in 0..3 * KEYS {
            firings.note(
                &fire(&n.to_string(), "", FireHow::Start),
                &json!({"run": n.to_string()}),
            );
        }
        assert_eq!(firings.triggers["t"].keys.len(), KEYS);
        assert_eq!(firings.list(|_| false).len(), 1);
        for n in 0..2 * KEYS {
            let file = format!("f{n}");
            firings.note(
                &fire(&format!("{file}@1"), &file, FireHow::Skip),
                &Value::Null,
            );
        }
        assert!(firings.again(&fire("f0@1", "f0", FireHow::Start)).is_some());
        assert!(firings.again(&fire("f0@2", "f0", FireHow::Start)).is_none());
        firings.note(&fire("since:1", SINCE, FireHow::Skip), &Value::Null);
        assert_eq!(firings.list(|_| false).len(), 1);
    }
}
