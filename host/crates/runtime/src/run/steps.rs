//! What has happened, taken one event after the other: the chart steps, the step is recorded, and what it asks for begins.

use super::{Done, FAILURES_IN_A_ROW, Happened, Run};
use crate::RuntimeError;
use crate::admission::EXHAUSTED;
use crate::live::RunEvent;
use crate::point::{self, Point};
use crate::record::Kind;
use serde_json::json;
use std::sync::Arc;
use types::Value;

/// Events that may follow each other before something has to be done outside.
const STEPS_WITHOUT_WAITING: u32 = 1_000;

impl Run {
    /// Take every event that has happened, then let rounds go on that waited for that.
    pub(super) fn settle(&mut self) -> Result<(), RuntimeError> {
        let mut steps = 0;
        loop {
            while !self.events.is_empty() {
                // What is left stays where it is: the run ends for its failures, and says so.
                if self.failures >= FAILURES_IN_A_ROW {
                    return Ok(());
                }
                let Some(happened) = self.events.pop_front() else {
                    break;
                };
                steps += 1;
                if steps > STEPS_WITHOUT_WAITING {
                    return Err(RuntimeError::Chart(format!(
                        "{STEPS_WITHOUT_WAITING} events followed each other without anything being done outside; look for an activity that ends at once and is invoked again by its own end"
                    )));
                }
                self.step(&happened)?;
            }
            match self.resuming.pop_front() {
                Some(id) => self.round_over(&id),
                None => return Ok(()),
            }
        }
    }

    /// Let the chart take what has happened.
    fn step(&mut self, happened: &Happened) -> Result<(), RuntimeError> {
        let (event, incoming) = match happened {
            Happened::Event(event, Some(id)) => {
                (event, chart::Incoming::from_invocation(event, id))
            }
            Happened::Event(event, None) => (event, chart::Incoming::from(event)),
            Happened::Due(due) => (due.event(), chart::Incoming::from(due)),
        };
        if event.name.starts_with("error")
            && !self.snapshot.accepts(&self.bundle.chart, &event.name)
        {
            self.unhandled = true;
        }
        if &*event.name == EXHAUSTED && !self.snapshot.accepts(&self.bundle.chart, EXHAUSTED) {
            self.over_budget = true;
        }
        chart::step(
            &self.bundle.chart,
            &mut self.snapshot,
            incoming,
            &mut self.effects,
        )
        .map_err(|error| RuntimeError::Chart(error.to_string()))?;
        let time = event.time;
        self.stepped(Some(happened), time);
        Ok(())
    }

    /// Record the macrostep that has just been made and begin what it asks for. The record holds all that the step was made of.
    pub(crate) fn stepped(&mut self, happened: Option<&Happened>, time: i64) {
        let configuration = self.configuration();
        let effects: Vec<chart::Effect> = self.effects.drain().collect();
        let event = happened.map(|happened| match happened {
            Happened::Event(event, _) => event,
            Happened::Due(due) => due.event(),
        });
        let mut body = json!({
            "event": event.map(|event| json!({ "name": event.name, "data": event.data })),
            "time": time,
            "configuration": configuration,
            "effects": effects,
        });
        match happened {
            Some(Happened::Event(_, Some(invocation))) => body["invocation"] = json!(invocation),
            Some(Happened::Due(due)) => body["due"] = json!(due),
            _ => {}
        }
        self.record(Kind::Step, &body);
        self.show(RunEvent::State {
            event: event.map(|event| event.name.clone()),
            configuration,
        });
        effects.into_iter().for_each(|effect| self.dispatch(effect));
    }

    /// The active leaf states, sorted.
    pub(crate) fn configuration(&self) -> Vec<Arc<str>> {
        let leaves = self.snapshot.leaves(&self.bundle.chart);
        leaves.into_iter().map(Arc::from).collect()
    }

    pub(crate) fn dispatch(&mut self, effect: chart::Effect) {
        match effect {
            chart::Effect::Invoke {
                id,
                state,
                activity,
                params,
            } => self.invoke(id, state, &activity, params),
            chart::Effect::CancelInvoke { id, .. } => self.cancel(&id, "its state was left", false),
            chart::Effect::Send {
                event,
                target,
                data,
                ..
            } => self.send(&event, &target, &data),
            chart::Effect::Log { label, value } => self.log(label, &value),
            // No activity of this version takes events while it runs; the others are done already.
            chart::Effect::Forward { .. }
            | chart::Effect::Raise { .. }
            | chart::Effect::Schedule { .. }
            | chart::Effect::Cancel { .. } => {}
        }
    }

    /// A line that the chart logs: a fixed text, a value, or a value with a label.
    fn log(&self, label: Option<Arc<str>>, value: &Value) {
        let chart: Arc<str> = self.bundle.chart.name().into();
        let said = match value {
            Value::Text(text) => text.to_string(),
            value => value.to_string(),
        };
        let (source, message) = match (label, value) {
            (Some(text), Value::Null) => (chart, text.to_string()),
            (Some(label), _) => (label, said),
            (None, _) => (chart, said),
        };
        self.show(RunEvent::Log { source, message });
    }

    pub(super) fn take(&mut self, done: Done) -> Result<(), RuntimeError> {
        point::reach(Point::Back);
        self.look_after_generations();
        match done {
            Done::Gathered(gathered) => self.gathered(*gathered),
            Done::Answered(answered) => self.answered(*answered),
            Done::Called(called) => self.called(*called),
            Done::Heard(heard) => self.heard(*heard),
            Done::Permitted(permitted) => self.permitted(*permitted),
            Done::Summarised(summarised) => self.summarised(*summarised),
            Done::Recalled(recalled) => self.recalled(*recalled),
        }
        Ok(())
    }
}
