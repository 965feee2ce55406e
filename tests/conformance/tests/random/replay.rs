//! The engine against itself: the same chart and the same events give the same trace, bit for bit, also when the snapshot is stored as JSON
//! and read again before every step; a step that fails leaves snapshot and effects as they were. Reading a snapshot refuses configurations
//! that are not legal, child charts included.

use super::compare::Happens;
use chart::{
    Chart, ChartDef, Effect, Effects, Incoming, Mode, SavedSnapshot, Snapshot, StepError, StepInfo,
    compile_with, start, step,
};
use types::Event;

/// Play `script` three times; the error is the first difference.
pub fn replay(
    def: &ChartDef,
    resources: &[(String, ChartDef)],
    strict: bool,
    script: &[Happens],
) -> Result<(), String> {
    let mode = if strict { Mode::Strict } else { Mode::Deferred };
    let compiled = || compile_with(def, mode, resources).map(|c| c.chart);
    let (Ok(one), Ok(other)) = (compiled(), compiled()) else {
        return Ok(());
    };
    if one.hash() != other.hash() {
        return Err("the same chart has two hashes".into());
    }
    let first = Run::of(&one, script, false)?;
    for storing in [false, true] {
        let again = Run::of(&other, script, storing)?;
        let difference = first.iter().zip(&again).find(|(a, b)| a != b);
        if difference.is_some() || first.len() != again.len() {
            return Err(format!("stored in between: {storing}; {difference:#?}"));
        }
    }
    Ok(())
}

struct Run<'c> {
    chart: &'c Chart,
    snapshot: Snapshot,
    effects: Effects,
    storing: bool,
    lines: Vec<String>,
}

impl<'c> Run<'c> {
    /// Every configuration, effect and error as text.
    fn of(chart: &'c Chart, script: &[Happens], storing: bool) -> Result<Vec<String>, String> {
        let mut effects = Effects::new();
        let snapshot = match start(chart, 0, &mut effects) {
            Ok(snapshot) => snapshot,
            Err(error) if effects.is_empty() => return Ok(vec![error.to_string()]),
            Err(_) => return Err("a start that fails leaves effects".into()),
        };
        let mut run = Run {
            chart,
            snapshot,
            effects,
            storing,
            lines: Vec::new(),
        };
        let mut now = 0;
        for happens in script {
            now += happens.after;
            if !run.advance(now)? || !run.event(happens, now)? {
                break;
            }
        }
        Ok(run.lines)
    }

    fn advance(&mut self, until: i64) -> Result<bool, String> {
        for _ in 0..50 {
            let Some(at) = self.snapshot.next_due().filter(|at| *at <= until) else {
                return Ok(true);
            };
            self.store()?;
            let Some(due) = self.snapshot.take_due(at) else {
                return Err("nothing is due after all".into());
            };
            let due = if self.storing {
                // What is due is journalled, and comes back out of the journal.
                let text = serde_json::to_string(&due).map_err(|e| e.to_string())?;
                serde_json::from_str(&text).map_err(|e| e.to_string())?
            } else {
                due
            };
            if !self.step(Incoming::from(&due))? {
                return Ok(false);
            }
        }
        Ok(false)
    }

    fn event(&mut self, happens: &Happens, now: i64) -> Result<bool, String> {
        self.store()?;
        let event = Event::new(happens.name, happens.data.clone(), now);
        let running = self.snapshot.activities(self.chart).next();
        let id = running.filter(|_| happens.answer);
        let id = id.map(|(id, ..)| id.to_owned());
        self.step(match &id {
            Some(id) => Incoming::from_invocation(&event, id),
            None => Incoming::from(&event),
        })
    }

    /// Through JSON and back.
    fn store(&mut self) -> Result<(), String> {
        if !self.storing {
            return Ok(());
        }
        let text = serde_json::to_string(&self.snapshot.save(self.chart));
        let text = text.map_err(|e| e.to_string())?;
        let saved: SavedSnapshot = serde_json::from_str(&text).map_err(|e| e.to_string())?;
        let again = saved.restore(self.chart).map_err(|e| e.to_string())?;
        if again != self.snapshot {
            return Err(format!(
                "stored and read: {again:#?}\nnot {:#?}",
                self.snapshot
            ));
        }
        self.snapshot = again;
        Ok(())
    }

    /// One step; false where it failed.
    fn step(&mut self, incoming: Incoming<'_>) -> Result<bool, String> {
        let before = self.snapshot.clone();
        let listed: Vec<Effect> = self.effects.to_vec();
        let result: Result<StepInfo, StepError> =
            step(self.chart, &mut self.snapshot, incoming, &mut self.effects);
        if result.is_err() && (self.snapshot != before || *self.effects != *listed) {
            return Err("a step that failed has changed something".into());
        }
        let data = self.snapshot.data_json(self.chart);
        let effects: Vec<Effect> = self.effects.drain().collect();
        let configuration: Vec<_> = self.snapshot.configuration().collect();
        self.lines.push(format!(
            "{result:?} {configuration:?} {data} {effects:?} {:?}",
            self.snapshot.output()
        ));
        Ok(result.is_ok())
    }
}
