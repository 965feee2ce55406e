//! Compares what is expected after a step with what is so, and says both in words.

use super::pattern::{EffectPattern, contains};
use super::play::Mismatch;
use super::{Expectation, Expected};
use crate::chart::Chart;
use crate::effect::Effect;
use crate::snapshot::Snapshot;
use std::sync::Arc;
use std::time::Duration;
use types::{Value, write_duration};

/// Characters of a value that a message shows.
const LONGEST: usize = 300;

/// What there is to look at after a step.
pub(super) struct Seen<'s> {
    pub chart: &'s Chart,
    pub snapshot: &'s Snapshot,
    pub now: i64,
    /// The effects of the last step that did something.
    pub effects: &'s [Effect],
}

/// What is not as `expectation` has it.
pub(super) fn mismatch(expectation: &Expectation, seen: &Seen<'_>) -> Option<Mismatch> {
    let (expected, actual) = compare(&expectation.what, seen)?;
    Some(Mismatch {
        place: expectation.place.clone(),
        expected: short(expected),
        actual: short(actual),
    })
}

/// Expected and actual, where they differ.
fn compare(what: &Expected, seen: &Seen<'_>) -> Option<(String, String)> {
    let (chart, snapshot) = (seen.chart, seen.snapshot);
    match what {
        Expected::In(state) if snapshot.is_active(chart, state) => None,
        Expected::In(state) => Some((format!("in {state}"), seen.place())),
        Expected::NotIn(state) if !snapshot.is_active(chart, state) => None,
        Expected::NotIn(state) => Some((format!("not in {state}"), seen.place())),
        Expected::Configuration(states) => {
            let leaves = snapshot.leaves(chart);
            (sorted(states) != leaves).then(|| {
                let wanted = sorted(states);
                (format!("exactly in {}", listed(&wanted)), seen.place())
            })
        }
        Expected::Data(part) => differing(part, &seen.data(), "data"),
        Expected::Condition(condition) => match condition.holds(chart, snapshot) {
            Ok(true) => None,
            Ok(false) => Some((
                condition.text().to_owned(),
                format!("{}, with data {}", seen.place(), seen.data()),
            )),
            Err(why) => Some((
                condition.text().to_owned(),
                format!("it cannot be evaluated: {why}; the data is {}", seen.data()),
            )),
        },
        Expected::Effects(patterns) => effects(patterns, seen.effects),
        Expected::Open(signals) => names("open signals", signals, snapshot.open_signals(chart)),
        Expected::Timers(timers) => waiting(timers, seen),
        Expected::Running(activities) => {
            let running = snapshot.activities(chart).map(|(_, _, name)| name);
            names("running", activities, running.collect())
        }
        Expected::Done(done) if *done == snapshot.is_done() => None,
        Expected::Done(true) => Some(("the end of the chart".into(), seen.place())),
        Expected::Done(false) => Some(("not the end of the chart".into(), "it has ended".into())),
        Expected::Output(part) => differing(part, snapshot.output(), "output"),
    }
}

impl Seen<'_> {
    fn place(&self) -> String {
        format!("in {}", listed(&self.snapshot.leaves(self.chart)))
    }

    fn data(&self) -> Value {
        Value::from(self.snapshot.data_json(self.chart))
    }
}

/// The first thing of `part` that `value` does not hold, by its path.
fn differing(part: &Value, value: &Value, path: &str) -> Option<(String, String)> {
    if contains(value, part) {
        return None;
    }
    if let (Value::Map(wanted), Value::Map(map)) = (part, value) {
        return wanted.iter().find_map(|(key, part)| match map.get(key) {
            Some(value) => differing(part, value, &format!("{path}.{key}")),
            None => Some((
                format!("{path}.{key} is {part}"),
                format!("{path} has no `{key}`"),
            )),
        });
    }
    Some((format!("{path} is {part}"), format!("{path} is {value}")))
}

fn effects(patterns: &[EffectPattern], actual: &[Effect]) -> Option<(String, String)> {
    let all = || match actual {
        [] => "no effects".to_owned(),
        _ => actual
            .iter()
            .map(Effect::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    };
    if patterns.is_empty() {
        return (!actual.is_empty()).then(|| ("no effects".into(), all()));
    }
    let mut rest = actual.iter();
    let missing = patterns
        .iter()
        .find(|p| !rest.any(|effect| p.matches(effect)))?;
    let order = if patterns.len() > 1 {
        ", in this order"
    } else {
        ""
    };
    Some((format!("{missing}{order}"), all()))
}

fn waiting(timers: &[(Arc<str>, Option<i64>)], seen: &Seen<'_>) -> Option<(String, String)> {
    let actual = seen.snapshot.waiting();
    let mut left: Vec<_> = actual
        .iter()
        .map(|(due, event)| (event, due - seen.now))
        .collect();
    let met = timers.len() == actual.len()
        && timers.iter().all(|(event, time)| {
            let is = |(name, left): &(&Arc<str>, i64)| {
                *name == event && time.is_none_or(|time| time == *left)
            };
            left.iter().position(is).map(|at| left.remove(at)).is_some()
        });
    if met {
        return None;
    }
    let told = |event: &str, left: Option<i64>| match left {
        Some(left) => {
            let left = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            format!("{event} in {}", write_duration(left))
        }
        None => event.to_owned(),
    };
    let wanted: Vec<String> = timers.iter().map(|(e, left)| told(e, *left)).collect();
    let actual: Vec<String> = actual
        .iter()
        .map(|(due, e)| told(e, Some(due - seen.now)))
        .collect();
    Some((
        format!("timers: {}", listed(&wanted)),
        format!("timers: {}", listed(&actual)),
    ))
}

fn names(what: &str, wanted: &[Arc<str>], mut actual: Vec<&str>) -> Option<(String, String)> {
    let wanted = sorted(wanted);
    actual.sort_unstable();
    (wanted != actual).then(|| {
        (
            format!("{what}: {}", listed(&wanted)),
            format!("{what}: {}", listed(&actual)),
        )
    })
}

fn sorted(names: &[Arc<str>]) -> Vec<&str> {
    let mut names: Vec<&str> = names.iter().map(|name| &**name).collect();
    names.sort_unstable();
    names
}

fn listed<T: AsRef<str>>(names: &[T]) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.as_slice() {
        [] => "none".into(),
        names => names.join(", "),
    }
}

fn short(text: String) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}
