//! Plays a scenario: starts the chart, lets each step happen on the virtual clock, and looks at what is expected after it. The first step that
//! is not as expected ends the case, because what follows would only repeat it.

use super::coverage::Coverage;
use super::meets::{Seen, mismatch};
use super::{Scenario, Step};
use crate::chart::Chart;
use crate::effect::Effect;
use crate::sim::{Line, Simulation};
use crate::trace::TransitionId;
use std::collections::VecDeque;
use std::sync::Arc;
use types::Place;

/// Transitions before a failure that are told.
const PATH: usize = 6;

/// How many timers one step may let fire: one that sets itself again every millisecond would keep a case of a year going for hours.
const TIMERS_MAX: usize = 100_000;

/// How a case went.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// What was reached, up to the failure where there is one.
    pub coverage: Coverage,
    /// Where it was not as expected.
    pub failed: Option<Failed>,
}

/// A step after which something was not as expected.
#[derive(Clone, Debug)]
pub struct Failed {
    /// Where the step stands.
    pub place: Place,
    /// Which step it is, from 1; 0 is the start.
    pub step: usize,
    /// Its event.
    pub event: Option<Arc<str>>,
    /// Milliseconds on the virtual clock.
    pub time: i64,
    /// All that was not as expected.
    pub mismatches: Vec<Mismatch>,
    /// How the chart got there: the last transitions, in order.
    pub path: Vec<Moved>,
}

/// One thing that was not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// Where it is expected.
    pub place: Place,
    /// What was expected.
    pub expected: String,
    /// What was so.
    pub actual: String,
}

/// A transition that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The event that led to it, if only by raising others; none at the start.
    pub event: Option<Arc<str>>,
    /// Milliseconds on the virtual clock.
    pub time: i64,
    /// Which.
    pub transition: TransitionId,
}

impl Scenario {
    /// Play it on `chart`, which must be the one its conditions were compiled for.
    pub fn play(&self, chart: &Chart) -> Outcome {
        let (simulation, first) = Simulation::start_watched(chart);
        let mut player = Player {
            chart,
            simulation,
            coverage: Coverage::none(chart),
            effects: Vec::new(),
            path: VecDeque::new(),
        };
        let failed = player.steps(&self.steps, first, &self.name.place);
        Outcome {
            coverage: player.coverage,
            failed,
        }
    }
}

struct Player<'c> {
    chart: &'c Chart,
    simulation: Simulation,
    coverage: Coverage,
    /// What the present step has caused so far.
    effects: Vec<Effect>,
    path: VecDeque<Moved>,
}

impl Player<'_> {
    fn steps(&mut self, steps: &[Step], first: Line, start: &Place) -> Option<Failed> {
        if let Err(error) = self.took(first) {
            return Some(self.failed(0, start, None, vec![stopped(start, error)]));
        }
        steps.iter().enumerate().find_map(|(index, step)| {
            let mismatches = match self.happen(step) {
                Ok(()) => self.look(step),
                Err(error) => vec![stopped(&step.place, error)],
            };
            (!mismatches.is_empty())
                .then(|| self.failed(index + 1, &step.place, step.event.clone(), mismatches))
        })
    }

    fn failed(
        &self,
        step: usize,
        place: &Place,
        event: Option<Arc<str>>,
        mismatches: Vec<Mismatch>,
    ) -> Failed {
        Failed {
            place: place.clone(),
            step,
            event,
            time: self.simulation.now(),
            mismatches,
            path: self.path.iter().cloned().collect(),
        }
    }

    fn happen(&mut self, step: &Step) -> Result<(), String> {
        if step.only_looks() {
            return Ok(());
        }
        self.effects.clear();
        if let Some(after) = step.after_ms {
            let until = self.simulation.now().saturating_add(after);
            let mut fired = 0;
            while let Some(line) = self.simulation.fire(until) {
                self.took(line)?;
                fired += 1;
                if fired > TIMERS_MAX {
                    return Err(format!(
                        "more than {TIMERS_MAX} timers fired in this step; let less time pass"
                    ));
                }
            }
            self.simulation.advance(until);
        }
        match &step.event {
            Some(event) => match self.simulation.happen(event, step.data.clone()) {
                Some(line) => self.took(line),
                None => Ok(()),
            },
            None => Ok(()),
        }
    }

    /// Keep what a step of the simulation went through and caused.
    fn took(&mut self, line: Line) -> Result<(), String> {
        let trace = self.simulation.take_trace();
        self.coverage.add(&trace);
        match line {
            Line::Error { error } => Err(error),
            Line::Step { event, effects, .. } => {
                for transition in trace.taken {
                    if self.path.len() == PATH {
                        self.path.pop_front();
                    }
                    self.path.push_back(Moved {
                        event: event.clone(),
                        time: self.simulation.now(),
                        transition,
                    });
                }
                self.effects.extend(effects);
                Ok(())
            }
        }
    }

    fn look(&self, step: &Step) -> Vec<Mismatch> {
        let Some(snapshot) = self.simulation.snapshot() else {
            return Vec::new();
        };
        let seen = Seen {
            chart: self.chart,
            snapshot,
            now: self.simulation.now(),
            effects: &self.effects,
        };
        let expected = step.expected.iter();
        expected.filter_map(|e| mismatch(e, &seen)).collect()
    }
}

fn stopped(place: &Place, error: String) -> Mismatch {
    Mismatch {
        place: place.clone(),
        expected: "the chart takes this step".into(),
        actual: error,
    }
}
