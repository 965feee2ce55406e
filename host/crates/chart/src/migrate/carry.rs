//! What goes on as it was: data, history, queues, timers, delayed sends and invocations.

use super::arrive::{Arrival, remembered};
use super::mapping::{Mapping, path};
use super::report::{Change, Migration};
use crate::chart::Chart;
use crate::compile::expression;
use crate::expr::Type;
use crate::interpret::{Machine, Set, StepError};
use crate::program::{Beginning, InvokeSpec, Program, Shape, Text, What};
use crate::snapshot::{Delayed, Invocation, Running, Snapshot, Waiting};
use crate::state::StateId;
use std::sync::Arc;
use types::{Finding, Value};

/// A chart that has ended stays ended.
pub(super) fn ended(
    from: &Chart,
    to: &Chart,
    mapping: &Mapping<'_>,
    snapshot: &Snapshot,
) -> Snapshot {
    let program = &*to.program;
    let mut arrived = Snapshot::empty(program, to.hash);
    for state in snapshot.active.iter() {
        if let Some(same) = mapping.states[state.index()]
            && program.node(same).shape == Shape::Final
        {
            arrived.active.insert(same);
        }
    }
    for (slot, beginning) in program.beginnings.iter().enumerate() {
        if let Beginning::Value(value) = beginning {
            arrived.data[slot] = value.clone();
        }
    }
    // It is only looked at from now on: what does not fit begins as the new chart says.
    for (name, value) in from.program.data.keys().zip(&snapshot.data) {
        if let Some((slot, _, entry)) = program.data.get_full(name)
            && let Ok(value) = fit(entry.kind, value.clone())
        {
            arrived.data[slot] = value;
        }
    }
    arrived.slow.missing.clear();
    arrived.done = true;
    arrived.output = snapshot.output.clone();
    arrived.next_order = snapshot.next_order;
    arrived.slow.next_id = snapshot.slow.next_id;
    arrived
}

/// The new chart's data, by slot; `None` is an entry that does not exist yet.
pub(super) fn data(
    old: &Machine<'_>,
    to: &Chart,
    mapping: &Mapping<'_>,
) -> Result<Vec<Option<Value>>, Vec<Finding>> {
    let mut findings = Vec::new();
    let program = &*to.program;
    let (names, values, missing) = old.data();
    let values = program.data.iter().enumerate().map(|(slot, (name, entry))| {
        let declared = mapping.def.data.iter().find(|(n, _)| n.as_str() == &**name);
        let old_slot = names
            .get_index_of(name)
            .filter(|slot| !missing.contains(&(*slot as u16)));
        let value = match (declared, old_slot) {
            (Some((place, text)), _) => match expression(text, old.program()) {
                Err(problems) => {
                    findings.extend(problems);
                    return None;
                }
                Ok(expr) => match old.value(&expr) {
                    Ok(value) => Some((value, Some(place))),
                    Err(error) => {
                        let message = format!("`{}`: {}", **text, error.message);
                        let help = "it is read over the old chart's data: write something that holds for every value there may be";
                        findings.push(Finding::error(&text.place, message, help));
                        return None;
                    }
                },
            },
            (None, Some(slot)) => Some((values[slot].clone(), None)),
            (None, None) => None,
        };
        let Some((value, declared)) = value else {
            return match &program.beginnings[slot] {
                _ if program.missing.contains(&(slot as u16)) => None,
                Beginning::Value(value) => Some(value.clone()),
                Beginning::Expr(expr) => old.value(expr).ok(),
            };
        };
        match fit(entry.kind, value) {
            Ok(value) => Some(value),
            Err(value) => {
                let place = declared.map_or(&program.infos[0].place, |name| &name.place);
                let message = format!(
                    "the data entry `{name}` holds {} in this version, and here it would be {} ({value})",
                    entry.kind.name(),
                    value.type_name(),
                );
                let help = format!(
                    "say what becomes of it: `migrate: {{ data: {{ {name}: EXPRESSION }} }}`, over the old chart's `data.*`"
                );
                findings.push(Finding::error(place, message, help));
                None
            }
        }
    });
    let values = values.collect();
    if findings.is_empty() {
        Ok(values)
    } else {
        Err(findings)
    }
}

/// `value` as an entry of type `kind` can hold it.
fn fit(kind: Type, value: Value) -> Result<Value, Value> {
    match (kind, value) {
        (Type::Double, Value::Int(n)) => Ok(Value::Float(n as f64)),
        (kind, value) if kind == Type::Dynamic || kind == Type::of(&value) => Ok(value),
        (_, value) => Err(value),
    }
}

/// Put into `arrived` what goes on, but for timers and invocations.
#[expect(
    clippy::too_many_arguments,
    reason = "one step of a fixed sequence, named by its caller only"
)]
pub(super) fn into_snapshot(
    arrived: &mut Snapshot,
    old: &mut Snapshot,
    from: &Chart,
    to: &Chart,
    mapping: &Mapping<'_>,
    arrival: &Arrival,
    data: Vec<Option<Value>>,
    migration: &mut Migration,
) {
    let (before, after) = (&*from.program, &*to.program);
    arrived.active.insert(StateId::ROOT);
    arrival
        .staying
        .iter()
        .for_each(|state| arrived.active.insert(state));
    report_data(before, after, old, &data, migration);
    arrived.slow.missing = Vec::new();
    for (slot, value) in data.into_iter().enumerate() {
        match value {
            Some(value) => arrived.data[slot] = value,
            None => arrived.slow.missing.push(slot as u16),
        }
    }
    arrived.internal = std::mem::take(&mut old.internal);
    arrived.external = std::mem::take(&mut old.external);
    arrived.slow.history = remembered(before, after, mapping, old);
    for (index, node) in before.nodes.iter().enumerate() {
        let Shape::History(number) = node.shape else {
            continue;
        };
        let was = old.slow.history[usize::from(number)]
            .as_ref()
            .map_or(0, Vec::len);
        let is = mapping.states[index].map_or(0, |same| match after.node(same).shape {
            Shape::History(number) => arrived.slow.history[usize::from(number)]
                .as_ref()
                .map_or(0, Vec::len),
            _ => 0,
        });
        if is < was {
            let state = path(before, StateId::new(index));
            migration.changes.push(Change::HistoryForgotten { state });
        }
    }
    let initialised = old.slow.initialised.iter();
    arrived.slow.initialised = initialised
        .filter_map(|state| mapping.states[state.index()])
        .collect();
    arrived.slow.next_id = old.slow.next_id;
    arrived.next_order = old.next_order;
}

fn report_data(
    before: &Program,
    after: &Program,
    old: &Snapshot,
    data: &[Option<Value>],
    migration: &mut Migration,
) {
    let value_before = |name: &Arc<str>| {
        let slot = before.data.get_index_of(name)?;
        let exists = !old.slow.missing.contains(&(slot as u16));
        exists.then(|| old.data[slot].clone())
    };
    for (name, value) in after.data.keys().zip(data) {
        let name = name.clone();
        let change = match (value_before(&name), value.clone()) {
            (Some(from), Some(to)) if from != to => Change::Data { name, from, to },
            (None, Some(value)) => Change::DataAdded { name, value },
            _ => continue,
        };
        migration.changes.push(change);
    }
    for name in before
        .data
        .keys()
        .filter(|name| !after.data.contains_key(*name))
    {
        if let Some(value) = value_before(name) {
            let name = name.clone();
            migration.changes.push(Change::DataDropped { name, value });
        }
    }
}

/// What goes on of the invocations: those of states that stay whose invoke reads as before. The others are stopped by `old`.
pub(super) struct Kept {
    invocations: Vec<Invocation>,
    /// Invokes of states that stay and that the old chart did not have: (state, number).
    added: Vec<(StateId, u16)>,
    stopped: Vec<Arc<str>>,
}

/// A state, the one that it is now, and the numbers of its invokes that read as before: (before, now).
type Pair = (StateId, StateId, Vec<(u16, u16)>);

pub(super) fn invocations(
    old: &mut Machine<'_>,
    to: &Chart,
    arrival: &Arrival,
) -> Result<Kept, StepError> {
    let mut kept = Kept {
        invocations: Vec::new(),
        added: Vec::new(),
        stopped: Vec::new(),
    };
    let running = old.invocations().to_vec();
    let before = old.program();
    let after = &*to.program;
    // The invokes that read as before, for each state that stays: (old number, new number).
    let matched = |state: StateId, same: StateId| -> Vec<(u16, u16)> {
        let mut free: Vec<u16> = (0..after.content(same).invokes.len() as u16).collect();
        let mut pairs = Vec::new();
        for (number, spec) in before.content(state).invokes.iter().enumerate() {
            let alike = |new: &u16| {
                let new = &after.content(same).invokes[usize::from(*new)];
                reads_alike(spec, new) && same_child(old, to, spec)
            };
            if let Some(position) = free.iter().position(alike) {
                pairs.push((number as u16, free.remove(position)));
            }
        }
        pairs
    };
    let mut pairs: Vec<Pair> = Vec::new();
    let root = std::iter::once((StateId::ROOT, StateId::ROOT));
    for (state, same) in root.chain(arrival.kept.iter().copied()) {
        if pairs.iter().any(|(s, _, _)| *s == state) {
            continue;
        }
        let matched = matched(state, same);
        for number in 0..after.content(same).invokes.len() as u16 {
            if !matched.iter().any(|(_, new)| *new == number) {
                kept.added.push((same, number));
            }
        }
        pairs.push((state, same, matched));
    }
    for invocation in running {
        let found = pairs
            .iter()
            .find(|(state, _, _)| *state == invocation.state)
            .and_then(|(_, same, matched)| {
                let (_, new) = matched.iter().find(|(o, _)| *o == invocation.number)?;
                Some((*same, *new))
            });
        match found {
            Some((state, number)) => kept.invocations.push(Invocation {
                state,
                number,
                ..invocation
            }),
            None => {
                kept.stopped.push(invocation.id.clone());
                old.stop(&invocation.id)?;
            }
        }
    }
    Ok(kept)
}

/// Whether two invokes start the same thing in the same way. What they do with its answers may differ: that concerns answers to come.
fn reads_alike(a: &InvokeSpec, b: &InvokeSpec) -> bool {
    let text = |a: &Text, b: &Text| match (a, b) {
        (Text::Fixed(a), Text::Fixed(b)) => a == b,
        (Text::Expr(a), Text::Expr(b)) => a.text == b.text,
        _ => false,
    };
    let transport = match (&a.transport, &b.transport) {
        (None, None) => true,
        (Some(a), Some(b)) => text(a, b),
        _ => false,
    };
    let what = match (&a.what, &b.what) {
        (What::Activity(a), What::Activity(b)) | (What::Chart(a), What::Chart(b)) => a == b,
        (What::Expr(a), What::Expr(b)) => a.text == b.text,
        _ => false,
    };
    let params = match (&a.params, &b.params) {
        (None, None) => true,
        (Some(a), Some(b)) => a.reads_like(b),
        _ => false,
    };
    transport && what && params && a.id == b.id
}

/// Whether a child chart that `spec` can start does the same in both.
fn same_child(old: &Machine<'_>, to: &Chart, spec: &InvokeSpec) -> bool {
    let content = |key: &Arc<str>, library: &crate::chart::Library| {
        library.get(key).map(|program| program.content_hash)
    };
    match &spec.what {
        What::Activity(_) => true,
        What::Chart(key) => content(key, old.library()) == content(key, &to.library),
        // What it started is known only by its key: all of them must be the same.
        What::Expr(_) => {
            let (a, b) = (old.library(), &to.library);
            a.len() == b.len() && a.keys().all(|key| content(key, a) == content(key, b))
        }
    }
}

/// Let the kept invocations run in `arrived`; the answer is what is to be started.
pub(super) fn take_invocations(
    arrived: &mut Snapshot,
    mut kept: Kept,
    to: &Chart,
    migration: &mut Migration,
) -> Vec<(StateId, u16)> {
    for invocation in &mut kept.invocations {
        if let Running::Child { snapshot, .. } = &mut invocation.running {
            belong(snapshot, to);
        }
    }
    for id in kept.stopped {
        migration.changes.push(Change::ActivityStopped { id });
    }
    for (state, _) in &kept.added {
        let state = path(&to.program, *state);
        migration.changes.push(Change::ActivityStarted { state });
    }
    arrived.slow.invocations = kept.invocations;
    kept.added
}

/// A snapshot of a child chart, and of its own, belongs to the new chart.
fn belong(snapshot: &mut Snapshot, to: &Chart) {
    snapshot.chart = to.hash;
    for invocation in &mut snapshot.slow.invocations {
        if let Running::Child { snapshot, .. } = &mut invocation.running {
            belong(snapshot, to);
        }
    }
}

/// Let delayed sends and timers go on; the answer is what is to be set anew.
///
/// A timer is the same if its state stays and its delay is the same. Where only the delay has changed, it counts from when the state was entered, as far
/// as another timer of that state still tells.
pub(super) fn timers(
    arrived: &mut Snapshot,
    old: &Snapshot,
    from: &Chart,
    to: &Chart,
    arrival: &Arrival,
    now: i64,
    migration: &mut Migration,
) -> Vec<Set> {
    let (before, after) = (&*from.program, &*to.program);
    let mut entered: Vec<(StateId, i64)> = Vec::new();
    for delayed in &old.slow.delayed {
        let Waiting::Timer { state, event } = &delayed.what else {
            arrived.slow.delayed.push(delayed.clone());
            continue;
        };
        let mut specs = before.content(*state).timers.iter();
        let length = specs
            .find(|spec| spec.event == *event)
            .map(|spec| spec.milliseconds);
        let same = arrival.kept.iter().find(|(o, _)| o == state);
        let (Some(length), Some((_, same))) = (length, same) else {
            continue;
        };
        entered.push((*same, delayed.due.saturating_sub(length)));
        let mut specs = after.content(*same).timers.iter();
        match specs.find(|spec| spec.milliseconds == length) {
            Some(spec) => arrived.slow.delayed.push(Delayed {
                due: delayed.due,
                order: delayed.order,
                what: Waiting::Timer {
                    state: *same,
                    event: spec.event.clone(),
                },
            }),
            None => {
                let event = event.clone();
                migration.changes.push(Change::TimerDropped { event });
            }
        }
    }
    let mut set = Vec::new();
    for (state, same) in &arrival.kept {
        let known = &before.content(*state).timers;
        for spec in &after.content(*same).timers {
            // One that the old chart had as well runs on, or has fired.
            if known.iter().any(|k| k.milliseconds == spec.milliseconds) {
                continue;
            }
            let since = entered
                .iter()
                .find(|(s, _)| s == same)
                .map_or(now, |(_, at)| *at);
            let due = since.saturating_add(spec.milliseconds).max(now);
            let event = spec.event.clone();
            migration.changes.push(Change::TimerSet {
                event: event.clone(),
                due,
                left: due.saturating_sub(now),
            });
            set.push(Set {
                state: *same,
                event,
                due,
            });
        }
    }
    set
}
