//! What plays a script: the engine that agents run on, or the literal interpreter that proves it.

use crate::oracle::Oracle;
use chart::{Chart, Effects, Snapshot, start, step};
use types::{Event, Value};

/// A chart interpreter on a virtual clock. Errors are for the report; after one the chart is where it was.
pub trait Player {
    /// Start the chart at the time 0.
    fn start(&mut self) -> Result<(), String>;
    /// An event from outside.
    fn event(&mut self, name: &str, data: Value, now: i64) -> Result<(), String>;
    /// When the next timer or delayed send is due.
    fn next_due(&self) -> Option<i64>;
    /// Let the earliest of them happen, at `now`.
    fn fire(&mut self, now: i64) -> Result<(), String>;
    /// The active leaf states, sorted.
    fn leaves(&self) -> Vec<String>;
}

/// The engine.
pub struct Engine {
    chart: Chart,
    snapshot: Option<Snapshot>,
    effects: Effects,
}

impl Engine {
    /// `chart`, not started yet.
    pub fn new(chart: Chart) -> Self {
        Engine {
            chart,
            snapshot: None,
            effects: Effects::new(),
        }
    }
}

impl Player for Engine {
    fn start(&mut self) -> Result<(), String> {
        let started = start(&self.chart, 0, &mut self.effects);
        self.snapshot = Some(started.map_err(|e| e.to_string())?);
        Ok(())
    }

    fn event(&mut self, name: &str, data: Value, now: i64) -> Result<(), String> {
        let snapshot = self.snapshot.as_mut().ok_or("the chart has not started")?;
        let event = Event::new(name, data, now);
        let taken = step(&self.chart, snapshot, &event, &mut self.effects);
        taken.map(drop).map_err(|e| e.to_string())
    }

    fn next_due(&self) -> Option<i64> {
        self.snapshot.as_ref()?.next_due()
    }

    fn fire(&mut self, now: i64) -> Result<(), String> {
        let snapshot = self.snapshot.as_mut().ok_or("the chart has not started")?;
        let Some(due) = snapshot.take_due(now) else {
            return Ok(());
        };
        let taken = step(&self.chart, snapshot, &due, &mut self.effects);
        taken.map(drop).map_err(|e| e.to_string())
    }

    fn leaves(&self) -> Vec<String> {
        let leaves = self.snapshot.as_ref().map(|s| s.leaves(&self.chart));
        leaves.into_iter().flatten().map(str::to_owned).collect()
    }
}

impl Player for Oracle {
    fn start(&mut self) -> Result<(), String> {
        Oracle::start(self).map_err(|_| "it does not come to rest".into())
    }

    fn event(&mut self, name: &str, data: Value, now: i64) -> Result<(), String> {
        Oracle::event(self, name, data, now, None).map_err(|_| "it does not come to rest".into())
    }

    fn next_due(&self) -> Option<i64> {
        Oracle::next_due(self)
    }

    fn fire(&mut self, now: i64) -> Result<(), String> {
        Oracle::fire(self, now).map_err(|_| "it does not come to rest".into())
    }

    fn leaves(&self) -> Vec<String> {
        Oracle::leaves(self)
    }
}
