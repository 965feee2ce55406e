//! What happened in a session so far. The chart is deterministic, so the steps are the whole truth: taking one back is playing the others again.

use chart::{Chart, Effect, Expectation, Expected, Line, Simulation, Snapshot, Step, TransitionId};
use std::sync::Arc;
use types::{Place, Value};

/// How many timers one step lets fire. Nobody reads more, and a timer that sets itself again could fire for ever.
const TIMERS_MAX: usize = 1_000;

/// A chart that is being tried out.
pub struct Story {
    chart: Chart,
    simulation: Simulation,
    /// What was done, each step with where it led.
    pub steps: Vec<Step>,
    /// What the last step, or the start, came to: one entry for each timer and for the event.
    pub told: Vec<Told>,
    /// The chart's data before the last step.
    before: Value,
}

/// One event and what the chart made of it.
pub struct Told {
    /// `None` for the start.
    pub event: Option<Arc<str>>,
    /// Milliseconds on the virtual clock.
    pub time: i64,
    /// Transitions taken, in order.
    pub taken: Vec<TransitionId>,
    /// What it caused.
    pub effects: Vec<Effect>,
    /// Why the chart cannot go on.
    pub error: Option<String>,
}

impl Story {
    /// `chart` at its start.
    pub fn new(chart: &Chart) -> Self {
        let (mut simulation, first) = Simulation::start_watched(chart);
        let told = vec![told(&mut simulation, first)];
        Story {
            chart: chart.clone(),
            before: data(&simulation, chart),
            simulation,
            steps: Vec::new(),
            told,
        }
    }

    /// Let time pass, then an event happen.
    pub fn happen(&mut self, after_ms: Option<i64>, event: Option<(&str, Value)>) {
        self.before = data(&self.simulation, &self.chart);
        self.told.clear();
        let started = self.simulation.now();
        if let Some(after) = after_ms {
            self.pass(started.saturating_add(after));
        }
        let mut step = Step {
            place: Place::built_in("session"),
            after_ms: after_ms.map(|_| self.simulation.now() - started),
            event: event.as_ref().map(|(name, _)| (*name).into()),
            data: event.as_ref().map_or(Value::Null, |(_, data)| data.clone()),
            expected: Vec::new(),
        };
        if let Some((name, data)) = event
            && let Some(line) = self.simulation.happen(name, data)
        {
            self.told.push(told(&mut self.simulation, line));
        }
        step.expected = self.seen(&step.place);
        self.steps.push(step);
    }

    /// Let the clock go on to `until`, or to where it has gone on for long enough.
    fn pass(&mut self, until: i64) {
        while let Some(line) = self.simulation.fire(until) {
            self.told.push(told(&mut self.simulation, line));
            if self.told.len() == TIMERS_MAX {
                return;
            }
        }
        self.simulation.advance(until);
    }

    /// What a scenario would expect after the last step: where the chart is, and the data that changed.
    fn seen(&self, place: &Place) -> Vec<Expectation> {
        let Some(snapshot) = self.simulation.snapshot() else {
            return Vec::new();
        };
        let leaves = snapshot.leaves(&self.chart).into_iter().map(Arc::from);
        let mut expected = vec![Expected::Configuration(leaves.collect())];
        let changed = self
            .data()
            .filter(|(name, value)| self.before.get(name) != Some(value));
        let changed: Vec<(&str, Value)> =
            changed.map(|(name, value)| (name, value.clone())).collect();
        if !changed.is_empty() {
            expected.push(Expected::Data(Value::map(changed)));
        }
        let here = |what| Expectation {
            place: place.clone(),
            what,
        };
        expected.into_iter().map(here).collect()
    }

    /// Take the last step back; false where there is none.
    pub fn back(&mut self) -> bool {
        let mut steps = std::mem::take(&mut self.steps);
        let any = steps.pop().is_some();
        *self = Story::new(&self.chart);
        for step in steps {
            let event = step.event.as_deref().map(|event| (event, step.data));
            self.happen(step.after_ms, event);
        }
        any
    }

    /// Where the chart is; none after an error.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.simulation.snapshot()
    }

    /// Milliseconds on the virtual clock.
    pub fn now(&self) -> i64 {
        self.simulation.now()
    }

    /// The chart's data, in file order.
    pub fn data(&self) -> impl Iterator<Item = (&str, &Value)> {
        let names = self.chart.data_names();
        names.filter_map(|name| Some((name, self.simulation.snapshot()?.data(&self.chart, name)?)))
    }

    /// What the data entry `name` was before the last step.
    pub fn before(&self, name: &str) -> Option<&Value> {
        self.before.get(name)
    }
}

fn data(simulation: &Simulation, chart: &Chart) -> Value {
    let snapshot = simulation.snapshot();
    snapshot.map_or(Value::Null, |snapshot| {
        Value::from(snapshot.data_json(chart))
    })
}

fn told(simulation: &mut Simulation, line: Line) -> Told {
    let taken = simulation.take_trace().taken;
    let time = simulation.now();
    match line {
        Line::Step { event, effects, .. } => Told {
            event,
            time,
            taken,
            effects,
            error: None,
        },
        Line::Error { error } => Told {
            event: None,
            time,
            taken,
            effects: Vec::new(),
            error: Some(error),
        },
    }
}
