//! What fires when: pure, so that a week of schedules is tried in a moment. Time goes in, firings come out; what came of them is told back.
//!
//! Each trigger stands in a line of its own and has at most one firing on its way to the host, so whatever is decided about overlapping is decided with what is
//! under way at that moment. Only what is on record counts: a daemon that is killed finds in `fired` up to where each schedule was seen to, which files were
//! handed on, and what still waits.

mod line;
#[cfg(test)]
mod tests;
mod times;

use line::Line;
use runtime::host::{Command, FireHow, Fired, SINCE};
use serde_json::Value;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use types::Timestamp;

/// The next time after one.
pub type Next = Rc<dyn Fn(Timestamp) -> Option<Timestamp>>;

/// One trigger.
#[derive(Clone)]
pub struct Rule {
    /// Its name.
    pub name: Arc<str>,
    /// What makes it fire.
    pub when: When,
    /// What to do while the one before is under way.
    pub overlap: Overlap,
}

/// What makes a trigger fire.
#[derive(Clone)]
pub enum When {
    /// The clock.
    Times {
        /// The schedule, in words that tell it from any other.
        schedule: Arc<str>,
        /// The next time after one.
        next: Next,
        /// What to do about times that passed while nobody looked.
        missed: Missed,
    },
    /// Files that come: those that came while nobody looked count, from when the trigger is known.
    Files,
    /// A request.
    Request,
}

/// What to do while the one before is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlap {
    /// Leave this one out.
    Skip,
    /// Have it wait.
    Queue,
    /// Begin it as well.
    Parallel,
}

/// What to do about times that passed while nobody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missed {
    /// Fire once for all of them.
    Once,
    /// Leave them out.
    Skip,
    /// Fire for each.
    All,
}

/// Something that came from outside.
#[derive(Clone, Debug)]
pub struct Came {
    /// What tells it from every other.
    pub key: String,
    /// What it is about, where that is one of several.
    pub subject: String,
    /// What templates can name.
    pub values: Value,
    /// Whether it is tried again while the host cannot do it. Not where somebody waits for the answer and can try again himself.
    pub insist: bool,
}

/// What is to be asked of the host.
#[derive(Clone, Debug)]
pub struct Firing {
    /// Which trigger.
    pub trigger: Arc<str>,
    /// What tells it from others.
    pub key: String,
    /// What it is about.
    pub subject: String,
    /// When it was due.
    pub due: Timestamp,
    /// By which schedule, where it was by one.
    pub schedule: Option<Arc<str>>,
    /// What is done about it.
    pub how: FireHow,
    /// What templates can name.
    pub values: Value,
    /// What follows, where that is on record because it had to wait.
    pub then: Option<Box<Command>>,
}

/// What came of a firing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It is on record, and started this run or instance.
    Recorded(Option<String>),
    /// It could not be done now.
    NotNow,
    /// It cannot be done.
    Never,
}

/// A trigger has as many waiting as may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// What becomes of something that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The host is asked about it.
    Asked,
    /// It has come before, and is on record as waiting.
    Held,
}

/// All triggers of a house.
pub struct Engine {
    lines: BTreeMap<Arc<str>, Line>,
}

impl Engine {
    /// The triggers `rules`, gone on with from what `fired` says.
    pub fn new(rules: Vec<Rule>, fired: &[Fired], now: Timestamp) -> Self {
        let mut lines = BTreeMap::new();
        for rule in rules {
            let name = rule.name.clone();
            let its = fired.iter().filter(|fired| *fired.trigger == *name);
            let line = Line::new(rule, its, now);
            lines.insert(line.name(), line);
        }
        Engine { lines }
    }

    /// Go on with other rules; a trigger that keeps its name keeps what waits and where it was.
    pub fn replace(&mut self, rules: Vec<Rule>, now: Timestamp) {
        let mut before = std::mem::take(&mut self.lines);
        for rule in rules {
            let line = match before.remove(&rule.name) {
                Some(line) => line.with(rule, now),
                None => Line::new(rule, std::iter::empty(), now),
            };
            self.lines.insert(line.name(), line);
        }
    }

    /// Something came from outside for the trigger `name`.
    ///
    /// # Errors
    /// [`Full`] when too much waits: it has not been taken.
    pub fn came(&mut self, name: &str, came: Came, now: Timestamp) -> Result<Taken, Full> {
        match self.lines.get_mut(name) {
            Some(line) => line.came(came, now),
            // The trigger was taken away meanwhile.
            None => Err(Full),
        }
    }

    /// Whether something that came for the trigger `name` is still to be answered.
    pub fn waits(&self, name: &str, key: &str) -> bool {
        self.lines.get(name).is_some_and(|line| line.waits(key))
    }

    /// Since when the trigger `name` has been known.
    pub fn since(&self, name: &str) -> Option<Timestamp> {
        self.lines.get(name).map(Line::since)
    }

    /// Everything that came for the trigger `name` before `until` has been handed in.
    pub fn quiet(&mut self, name: &str, until: Timestamp) {
        if let Some(line) = self.lines.get_mut(name) {
            line.quiet(until);
        }
    }

    /// What was started and is believed to be under way.
    pub fn open(&self) -> Vec<String> {
        self.lines.values().flat_map(Line::open).cloned().collect()
    }

    /// What is to be asked of the host now. Each must be [`answered`](Engine::answered) before its trigger has another.
    pub fn take(&mut self, now: Timestamp) -> Vec<Firing> {
        let lines = self.lines.values_mut();
        lines.filter_map(|line| line.take(now)).collect()
    }

    /// What came of the firing that the trigger `name` had on its way.
    pub fn answered(&mut self, name: &str, outcome: Outcome, now: Timestamp) {
        if let Some(line) = self.lines.get_mut(name) {
            line.answered(outcome, now);
        }
    }

    /// The run or instance `id` is over.
    pub fn ended(&mut self, id: &str) {
        for line in self.lines.values_mut() {
            line.ended(id);
        }
    }

    /// When to look again, if nothing comes and nothing ends before.
    pub fn wake(&self, now: Timestamp) -> Option<Timestamp> {
        self.lines.values().filter_map(|line| line.wake(now)).min()
    }
}
