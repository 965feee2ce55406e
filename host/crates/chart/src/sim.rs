//! The simulator behind `charthouse chart run`: a chart on a virtual clock, one line of JSON for its start, for each event that comes in and
//! for each timer that fires. Nothing is performed: activities are listed as effects, and their answers are events that someone types.

use crate::chart::Chart;
use crate::effect::{Effect, Effects};
use crate::interpret::{StepError, start, step};
use crate::queue::Incoming;
use crate::snapshot::Snapshot;
use crate::trace::Trace;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{Event, Value};

/// One line of input: an event, and how long after the line before it happens.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InputLine {
    /// The event's name.
    pub event: String,
    /// What it carries.
    #[serde(default)]
    pub data: Value,
    /// Milliseconds since the line before.
    #[serde(default)]
    pub after_ms: u64,
}

/// A line of input that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the events: {message}")]
pub struct InputError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it and what is expected.
    pub message: String,
}

impl InputLine {
    /// Read line number `line` (from 1); an empty line is no event.
    pub fn parse(text: &str, line: usize) -> Result<Option<Self>, InputError> {
        if text.trim().is_empty() {
            return Ok(None);
        }
        let wrong = |message: String| InputError { line, message };
        let input: InputLine = serde_json::from_str(text).map_err(|error| {
            if !text.trim_start().starts_with('{') {
                return wrong("a line is a JSON object such as {\"event\":\"turn.done\"}".into());
            }
            let at = error.column();
            // The position inside the line is all that is known; the line is said already.
            let what = error.to_string();
            let what = what.split(" at line ").next().unwrap_or_default();
            wrong(format!(
                "{what} (column {at}); a line is {{\"event\":\"name\",\"data\":…,\"after_ms\":n}}"
            ))
        })?;
        if input.event.is_empty() {
            return Err(wrong("the name of the event is empty".into()));
        }
        Ok(Some(input))
    }
}

/// One line of output.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Line {
    /// The chart took a step.
    Step {
        /// The event's name; `null` for the start.
        event: Option<Arc<str>>,
        /// The ids of the active leaf states, sorted.
        configuration: Vec<String>,
        /// The chart's data.
        data: serde_json::Value,
        /// What the step caused, in order.
        effects: Vec<Effect>,
    },
    /// The chart could not take a step. Nothing follows.
    Error {
        /// Why, and what to do.
        error: String,
    },
}

/// A chart running on a virtual clock.
#[derive(Debug)]
pub struct Simulation {
    chart: Chart,
    snapshot: Option<Snapshot>,
    effects: Effects,
    now: i64,
    /// The instant at which timers fired last, and how many did then.
    at_once: (i64, usize),
}

impl Simulation {
    /// Start the chart at the time 0: the simulation and its first line.
    pub fn start(chart: &Chart) -> (Self, Line) {
        Simulation::begin(chart, Effects::new())
    }

    /// [`Simulation::start`], keeping a [`Trace`] from the first state on.
    pub fn start_watched(chart: &Chart) -> (Self, Line) {
        let mut effects = Effects::new();
        effects.watch();
        Simulation::begin(chart, effects)
    }

    fn begin(chart: &Chart, mut effects: Effects) -> (Self, Line) {
        let started = start(chart, 0, &mut effects);
        let mut simulation = Simulation {
            chart: chart.clone(),
            snapshot: None,
            effects,
            now: 0,
            at_once: (0, 0),
        };
        let line = match started {
            Ok(snapshot) => {
                let line = simulation.line(&snapshot, None);
                simulation.snapshot = Some(snapshot);
                line
            }
            Err(error) => failed(&error),
        };
        (simulation, line)
    }

    /// Let `input` happen: a line for each timer that fires before it, then its own. After an error nothing more happens.
    pub fn feed(&mut self, input: &InputLine) -> Vec<Line> {
        let after = i64::try_from(input.after_ms).unwrap_or(i64::MAX);
        let until = self.now.saturating_add(after);
        let mut lines = self.advance(until);
        lines.extend(self.happen(&input.event, input.data.clone()));
        lines
    }

    /// Let an event happen now; nothing happens after an error.
    pub fn happen(&mut self, event: &str, data: Value) -> Option<Line> {
        let mut snapshot = self.snapshot.take()?;
        let invocation = self.invocation_of(&snapshot, event);
        let event = Event::new(event, data, self.now);
        let incoming = match &invocation {
            Some(id) => Incoming::from_invocation(&event, id),
            None => Incoming::from(&event),
        };
        let result = step(&self.chart, &mut snapshot, incoming, &mut self.effects);
        Some(self.after(snapshot, event.name, result.err()))
    }

    /// Move the clock to `until`, letting every timer fire on the way that is due by then.
    pub fn advance(&mut self, until: i64) -> Vec<Line> {
        let lines = std::iter::from_fn(|| self.fire(until)).collect();
        self.now = self.now.max(until);
        lines
    }

    /// Move the clock to the next timer that is due by `until` and let it fire; where there is none, nothing happens and the clock stays.
    pub fn fire(&mut self, until: i64) -> Option<Line> {
        let due = self.next_due().filter(|due| *due <= until)?;
        let mut snapshot = self.snapshot.take()?;
        self.now = self.now.max(due);
        let (instant, fired) = self.at_once;
        let fired = if instant == self.now { fired + 1 } else { 1 };
        self.at_once = (self.now, fired);
        if fired > TIMERS_MAX {
            let error = format!(
                "more than {TIMERS_MAX} timers fired at the same time; look for a timer of no length that sets itself again"
            );
            return Some(Line::Error { error });
        }
        let due = snapshot.take_due(self.now)?;
        let result = step(&self.chart, &mut snapshot, &due, &mut self.effects);
        Some(self.after(snapshot, due.event.name.clone(), result.err()))
    }

    /// What has been gone through since this was asked last; empty unless watched from the start.
    pub fn take_trace(&mut self) -> Trace {
        self.effects.take_trace()
    }

    /// When the next timer is due on the virtual clock, in milliseconds since the start.
    pub fn next_due(&self) -> Option<i64> {
        self.snapshot.as_ref()?.next_due()
    }

    /// Where the chart is; none after an error.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// The virtual time in milliseconds since the start.
    pub fn now(&self) -> i64 {
        self.now
    }

    /// Whose answer an event reads like: `turn.done` of the activity `turn`, `done.invoke.<id>`, or an `error` where only one runs.
    fn invocation_of(&self, snapshot: &Snapshot, event: &str) -> Option<String> {
        let running: Vec<_> = snapshot.activities(&self.chart).collect();
        let answers = |(id, _, activity): &&(&str, &str, &str)| {
            event
                .strip_prefix(activity)
                .is_some_and(|rest| rest.starts_with('.'))
                || event.strip_prefix("done.invoke.") == Some(id)
        };
        let found = running.iter().find(answers);
        let is_error = event == "error" || event.starts_with("error.");
        let found = match (found, running.as_slice()) {
            (None, [only]) if is_error => Some(only),
            (found, _) => found,
        };
        found.map(|(id, _, _)| (*id).to_owned())
    }

    fn after(&mut self, snapshot: Snapshot, event: Arc<str>, error: Option<StepError>) -> Line {
        if let Some(error) = error {
            return failed(&error);
        }
        let line = self.line(&snapshot, Some(event));
        self.snapshot = Some(snapshot);
        line
    }

    fn line(&mut self, snapshot: &Snapshot, event: Option<Arc<str>>) -> Line {
        Line::Step {
            event,
            configuration: snapshot
                .leaves(&self.chart)
                .into_iter()
                .map(str::to_owned)
                .collect(),
            data: snapshot.data_json(&self.chart),
            effects: self.effects.drain().collect(),
        }
    }
}

/// How many timers may fire at one instant: a timer of no length that sets itself again would go on forever on a virtual clock.
const TIMERS_MAX: usize = 10_000;

fn failed(error: &StepError) -> Line {
    Line::Error {
        error: error.to_string(),
    }
}
