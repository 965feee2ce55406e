//! What an instance knows beside its chart. Only facts change it, whether they have just been made or come out of the journal.

use super::fact::{Fact, HandedIn, Turnover};
use super::instance::Ended;
use super::who::{Person, Who};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use types::Value;

/// How much of what was handed in an instance shows to whoever is given work next, in bytes: what is older is in the journal only. A workflow that goes
/// round for months must not grow with every round, nor come to a stop; and the record of each assignment has all of it.
const SHOWN_BYTES_MAX: usize = 64 * 1024;
/// The same in pieces.
const SHOWN_MAX: usize = 64;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Core {
    pub input: Value,
    /// When it began.
    pub began: i64,
    /// By role.
    pub holders: BTreeMap<Arc<str>, Who>,
    /// Everybody who holds a role or ever did, by role, in the order in which they first did.
    pub duties: BTreeMap<Arc<str>, Vec<Person>>,
    /// Work of active states, by its number.
    pub work: BTreeMap<u64, Work>,
    pub next_work: u64,
    pub handed: VecDeque<Handed>,
    /// What is not shown any more.
    pub earlier: u64,
    /// The last thing that the chart could not take, until it takes something.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// What a state with a role wants done, from when it is entered until it is left.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Work {
    pub state: Arc<str>,
    pub role: Arc<str>,
    pub since: i64,
    pub told: Told,
}

/// Who knows of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Told {
    /// Nobody yet.
    Nobody,
    /// It is on offer.
    Offered,
    /// It was given to the holder of its role.
    Given,
}

/// What somebody said of their work: handed in, or left to whoever takes over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Handed {
    pub role: Arc<str>,
    pub by: Person,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub outcome: Option<Arc<str>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notes: Option<Arc<str>>,
    #[serde(default)]
    pub artefacts: Value,
    pub time: i64,
    /// What it takes of what is shown.
    bytes: usize,
}

impl Core {
    pub fn apply(&mut self, fact: &Fact) {
        match fact {
            Fact::Started(started) => {
                self.input = started.input.clone();
                self.began = started.time;
            }
            Fact::Stepped(step) => {
                self.trouble.clone_from(&step.failed);
                self.turn_over(&step.work, step.time);
            }
            Fact::Migrated(moved) => {
                self.trouble = None;
                for renamed in &moved.renamed {
                    if let Some(work) = self.work.get_mut(&renamed.work) {
                        work.state = renamed.state.clone();
                    }
                }
                self.turn_over(&moved.work, moved.time);
            }
            Fact::Bound(bound) => {
                let person = bound.who.person();
                let duties = self.duties.entry(bound.role.clone()).or_default();
                if !duties.contains(&person) {
                    duties.push(person);
                }
                self.holders.insert(bound.role.clone(), bound.who.clone());
            }
            Fact::Unbound(unbound) => {
                self.holders.remove(&unbound.role);
                for work in self.work.values_mut().filter(|w| w.role == unbound.role) {
                    work.told = Told::Nobody;
                }
                if unbound.notes.is_some() {
                    self.show(Handed {
                        role: unbound.role.clone(),
                        by: unbound.who.person(),
                        state: None,
                        outcome: None,
                        notes: unbound.notes.clone(),
                        artefacts: Value::Null,
                        time: unbound.time,
                        bytes: 0,
                    });
                }
            }
            Fact::HandedIn(handed) => self.show(Handed::of(handed)),
            Fact::Offered(offered) => {
                for work in &offered.works {
                    if let Some(work) = self.work.get_mut(work) {
                        work.told = Told::Offered;
                    }
                }
            }
            Fact::Sent(sent) => {
                if let Some(work) = sent.assigns.and_then(|work| self.work.get_mut(&work)) {
                    work.told = Told::Given;
                }
            }
            Fact::Refused(_) => {}
            Fact::Finished(finished) => {
                self.work.clear();
                self.ended = Some(finished.end.clone());
            }
        }
    }

    fn turn_over(&mut self, turnover: &Turnover, time: i64) {
        for work in &turnover.closed {
            self.work.remove(work);
        }
        for opened in &turnover.opened {
            self.next_work = self.next_work.max(opened.work.saturating_add(1));
            let work = Work {
                state: opened.state.clone(),
                role: opened.role.clone(),
                since: time,
                told: Told::Nobody,
            };
            self.work.insert(opened.work, work);
        }
    }

    /// Keep it for whoever comes next; the oldest makes room.
    fn show(&mut self, mut handed: Handed) {
        handed.bytes = handed.size();
        self.handed.push_back(handed);
        let mut bytes: usize = self.handed.iter().map(|handed| handed.bytes).sum();
        while self.handed.len() > SHOWN_MAX || (bytes > SHOWN_BYTES_MAX && self.handed.len() > 1) {
            let Some(oldest) = self.handed.pop_front() else {
                break;
            };
            bytes -= oldest.bytes;
            self.earlier += 1;
        }
    }

    /// The open work of `role`, by its number.
    pub fn work_of<'c>(&'c self, role: &'c str) -> impl Iterator<Item = (u64, &'c Work)> {
        let work = self
            .work
            .iter()
            .filter(move |(_, work)| &*work.role == role);
        work.map(|(number, work)| (*number, work))
    }
}

impl Handed {
    fn of(handed: &HandedIn) -> Self {
        Handed {
            role: handed.role.clone(),
            by: handed.by.person(),
            state: Some(handed.state.clone()),
            outcome: Some(handed.outcome.clone()),
            notes: handed.notes.clone(),
            artefacts: handed.artefacts.clone(),
            time: handed.time,
            bytes: 0,
        }
    }

    fn size(&self) -> usize {
        let text = |text: &Option<Arc<str>>| text.as_ref().map_or(0, |text| text.len());
        text(&self.outcome) + text(&self.notes) + bytes_of(&self.artefacts)
    }
}

/// What `value` takes as JSON; nothing where there is none.
pub(super) fn bytes_of(value: &Value) -> usize {
    match value {
        Value::Null => 0,
        value => value.to_string().len(),
    }
}
