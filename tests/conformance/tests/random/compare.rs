//! The engine and the literal interpreter side by side: the same chart, the same events, and after each of them everything that can be seen.

use chart::{
    Chart, ChartDef, Effect, Effects, Incoming, Mode, Snapshot, compile_with, start, step,
};
use conformance::oracle::Oracle;
use types::{Event, Value};

/// What happens next.
#[derive(Clone, Debug)]
pub struct Happens {
    /// Milliseconds since what happened before.
    pub after: i64,
    /// The event's name.
    pub name: &'static str,
    /// What it carries.
    pub data: Value,
    /// It is the answer of the activity that has run longest, if one runs.
    pub answer: bool,
}

struct Pair<'c> {
    chart: &'c Chart,
    snapshot: Snapshot,
    effects: Effects,
    oracle: Oracle,
}

/// How a comparison ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The chart does not load.
    NoChart,
    /// A step does not come to rest soon.
    Endless,
    /// All events were played.
    Played,
}

/// Play `script` on both; the error is the first difference.
pub fn compare(
    def: &ChartDef,
    resources: &[(String, ChartDef)],
    strict: bool,
    script: &[Happens],
) -> Result<Ended, String> {
    let mode = if strict { Mode::Strict } else { Mode::Deferred };
    let Ok(compiled) = compile_with(def, mode, resources) else {
        return Ok(Ended::NoChart);
    };
    let mut oracle = Oracle::new(def, resources, strict);
    if oracle.start().is_err() {
        return Ok(Ended::Endless);
    }
    let mut effects = Effects::new();
    let snapshot = start(&compiled.chart, 0, &mut effects).map_err(|e| format!("start: {e}"))?;
    let mut pair = Pair {
        chart: &compiled.chart,
        snapshot,
        effects,
        oracle,
    };
    pair.same("the start")?;
    let mut now = 0;
    for happens in script {
        now += happens.after;
        if !pair.advance(now)? || !pair.event(happens, now)? {
            return Ok(Ended::Endless);
        }
    }
    Ok(Ended::Played)
}

impl Pair<'_> {
    /// Let everything happen that is due by `until`; false where a step does not come to rest.
    fn advance(&mut self, until: i64) -> Result<bool, String> {
        for _ in 0..200 {
            let (engine, book) = (self.snapshot.next_due(), self.oracle.next_due());
            if engine != book {
                return Err(format!("next due: {engine:?}, by the book {book:?}"));
            }
            let Some(at) = engine.filter(|at| *at <= until) else {
                return Ok(true);
            };
            let Some(due) = self.snapshot.take_due(at) else {
                return Err("nothing is due after all".into());
            };
            if self.oracle.fire(at).is_err() {
                return Ok(false);
            }
            let what = format!("{} at {at}", due.name);
            let engine = step(self.chart, &mut self.snapshot, &due, &mut self.effects);
            engine.map_err(|e| format!("{what}: {e}"))?;
            self.same(&what)?;
        }
        // Timers of no length that set themselves again.
        Ok(false)
    }

    fn event(&mut self, happens: &Happens, now: i64) -> Result<bool, String> {
        let event = Event::new(happens.name, happens.data.clone(), now);
        let running = self.snapshot.activities(self.chart).next();
        let answer = running.filter(|_| happens.answer);
        let (id, event) = match answer {
            Some((id, _, activity)) => {
                let name = match happens.name {
                    "A" | "B" => format!("{activity}.done"),
                    "D" => "error.execution".into(),
                    _ => format!("{activity}.progress"),
                };
                let event = Event::new(name, happens.data.clone(), now);
                (Some(id.to_owned()), event)
            }
            None => (None, event),
        };
        let incoming = match &id {
            Some(id) => Incoming::from_invocation(&event, id),
            None => Incoming::from(&event),
        };
        if self
            .oracle
            .event(&event.name, event.data.clone(), now, id.clone())
            .is_err()
        {
            return Ok(false);
        }
        let what = format!("{} at {now}", event.name);
        let engine = step(self.chart, &mut self.snapshot, incoming, &mut self.effects);
        engine.map_err(|e| format!("{what}: {e}"))?;
        self.same(&what)?;
        Ok(true)
    }

    /// Compare all that can be seen.
    fn same(&mut self, what: &str) -> Result<(), String> {
        let engine: Vec<String> = self.effects.drain().map(|e| line(&e)).collect();
        let book = std::mem::take(&mut self.oracle.family.trace);
        let engine = (
            unsaid(&self.seen()),
            engine.iter().map(|l| unsaid(l)).collect(),
        );
        let session = &self.oracle.session;
        let data = session.datamodel.iter();
        let seen = format!(
            "{:?} {} done {} {}",
            self.oracle.configuration(),
            Value::map(data.map(|(k, v)| (k.as_str(), v.clone()))),
            !session.running,
            session.output,
        );
        let book = (seen, book);
        if engine == book {
            return Ok(());
        }
        let side =
            |(seen, trace): &(String, Vec<String>)| format!("{seen}\n  {}", trace.join("\n  "));
        Err(format!(
            "after {what} the engine:\n{}\nby the book:\n{}",
            side(&engine),
            side(&book)
        ))
    }

    fn seen(&self) -> String {
        let active = self.snapshot.configuration();
        let active: Vec<String> = active.map(|s| self.chart.state(s).id.to_string()).collect();
        let data = self.snapshot.data_json(self.chart);
        format!(
            "{active:?} {} done {} {}",
            Value::from(&data),
            self.snapshot.is_done(),
            self.snapshot.output()
        )
    }
}

/// Without the words of error messages, which are for people and differ.
fn unsaid(text: &str) -> String {
    const KEY: &str = "\"message\":\"";
    let mut pieces = text.split(KEY);
    let mut unsaid = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let mut escaped = false;
        let end = piece.find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        unsaid.push_str(KEY);
        unsaid.push_str(&piece[end.unwrap_or(0)..]);
    }
    unsaid
}

/// An effect as the literal interpreter writes it down.
fn line(effect: &Effect) -> String {
    let id = |id: &Option<std::sync::Arc<str>>| id.as_deref().unwrap_or("-").to_owned();
    match effect {
        Effect::Raise { event, .. } if event.starts_with("error.") => format!("raise {event}"),
        Effect::Raise { event, data } => format!("raise {event} {data}"),
        Effect::Log { label, value } => {
            format!("log {} {value}", label.as_deref().unwrap_or("-"))
        }
        Effect::Schedule { id: of, event, due } => format!("schedule {} {event} {due}", id(of)),
        Effect::Cancel { id } => format!("cancel {id}"),
        Effect::Send {
            id: of,
            event,
            target,
            data,
        } => format!("send {} {event} {target} {data}", id(of)),
        Effect::Forward { id, event, data } => format!("forward {id} {event} {data}"),
        Effect::Invoke {
            id,
            state,
            activity,
            params,
        } => format!("invoke {id} {state} {activity} {params}"),
        Effect::CancelInvoke {
            id,
            state,
            activity,
        } => format!("cancel_invoke {id} {state} {activity}"),
    }
}
