//! One step of a case: an event, the time before it, and what is expected after it.

use super::expect;
use crate::suggest::shown;
use crate::tree::{Node, Typed};
use crate::walk::{Fields, Walk};
use ::chart::{Chart, Step};
use std::sync::Arc;
use types::{Place, Value, parse_duration};

const EXAMPLE: &str = "{ event: turn.done, data: { changed: true }, in: check }";

/// How many steps one case may have, repeated ones counted every time.
const STEPS_MAX: usize = 10_000;

/// Read a list of steps; `{ repeat: 3, steps: […] }` stands for its steps three times over.
pub(super) fn all(walk: &mut Walk, items: &[Node], chart: &Chart) -> Vec<Step> {
    let mut steps = Vec::new();
    for item in items {
        if item.get("repeat").is_some() {
            let (times, inner) = repeated(walk, item, chart);
            let total = steps.len() + inner.len().saturating_mul(times);
            if total > STEPS_MAX {
                let message = format!("the case has more than {STEPS_MAX} steps");
                walk.error(
                    &item.place,
                    message,
                    "repeat less, or make several cases of it",
                );
                return steps;
            }
            // Nothing, however often, is nothing; to go through it so often would take for ever.
            let times = if inner.is_empty() { 0 } else { times };
            steps.extend(std::iter::repeat_n(inner, times).flatten());
        } else {
            steps.extend(read(walk, item, chart));
        }
    }
    steps
}

fn repeated(walk: &mut Walk, node: &Node, chart: &Chart) -> (usize, Vec<Step>) {
    let example = "{ repeat: 3, steps: [turn.done] }";
    let Some(mut fields) = Fields::of(walk, node, "a repetition", example) else {
        return (0, Vec::new());
    };
    let times = fields
        .take("repeat")
        .and_then(|n| walk.whole(n, "`repeat`"));
    let inner = fields
        .need(walk, "steps", "this repetition", "steps: [turn.done]")
        .and_then(|n| walk.list(n, "`steps`", "[turn.done]"))
        .map_or_else(Vec::new, |items| all(walk, items, chart));
    fields.finish_with(walk, "a repetition", |key| {
        let of_step = [
            "event", "data", "after", "in", "not_in", "expect", "effects",
        ];
        of_step
            .contains(&key)
            .then(|| "put it into a step of its own below `steps`".into())
    });
    let times = usize::try_from(times.unwrap_or(0)).unwrap_or(usize::MAX);
    (times, inner)
}

/// Read one step: `turn.done`, `+10m`, or a map.
fn read(walk: &mut Walk, node: &Node, chart: &Chart) -> Option<Step> {
    let mut step = Step {
        place: node.place.clone(),
        after_ms: None,
        event: None,
        data: Value::Null,
        expected: Vec::new(),
    };
    if let Some(time) = node.scalar().and_then(|s| s.text.strip_prefix('+')) {
        step.after_ms = Some(duration(walk, node, time)?);
        return Some(step);
    }
    if node.text().is_some() {
        step.event = event(walk, node, chart);
        return step.event.is_some().then_some(step);
    }
    let mut fields = Fields::of(walk, node, "a step", EXAMPLE)?;
    if let Some(after) = fields.take("after") {
        let time = walk.as_written(after, "`after`");
        step.after_ms = time.and_then(|time| duration(walk, after, time));
    }
    let named = fields.take("event");
    step.event = named.and_then(|n| event(walk, n, chart));
    if let Some((key, data)) = fields.take_entry("data") {
        if named.is_none() {
            walk.error(
                &key.place,
                "`data` is what the event carries, and this step has no event",
                "add `event: NAME`; what the chart's data must be is `expect: { NAME: VALUE }`",
            );
        }
        step.data = data.to_value();
    }
    step.expected = expect::read(walk, &mut fields, chart);
    let empty = node.map().is_some_and(<[_]>::is_empty);
    if empty {
        walk.error(
            &node.place,
            "this step says nothing",
            format!("write for instance `{EXAMPLE}`"),
        );
    }
    fields.finish_with(walk, "a step", |key| {
        key.contains('.')
            .then(|| format!("an event is `event: {}`", shown(key)))
    });
    Some(step)
}

fn duration(walk: &mut Walk, node: &Node, text: &str) -> Option<i64> {
    match parse_duration(text) {
        Ok(span) => i64::try_from(span.as_millis()).ok(),
        Err(error) => {
            walk.error(&node.place, error.message, error.help);
            None
        }
    }
}

/// The name of an event. One that the chart does not listen to may be meant so; one that is nearly another is not.
fn event(walk: &mut Walk, node: &Node, chart: &Chart) -> Option<Arc<str>> {
    if let Some(Typed::Null) = node.scalar().map(|scalar| scalar.value) {
        walk.expected(
            node,
            "`event`",
            "the name of an event",
            "write for instance `event: turn.done`",
        );
        return None;
    }
    let name = walk.text(node, "an event")?;
    if name.contains(char::is_whitespace) || name.contains(['{', '}', ',']) {
        walk.error(
            &node.place,
            format!("`{}` is no name of an event", shown(name)),
            format!("write `turn.done`, or `{EXAMPLE}`"),
        );
        return None;
    }
    suspect(walk, &node.place, name, chart);
    Some(name.into())
}

fn suspect(walk: &mut Walk, place: &Place, name: &str, chart: &Chart) {
    if !chart.hears(name)
        && let Some(help) = chart.suggest_event(name)
    {
        let message = format!("nothing in the chart listens to `{}`", shown(name));
        walk.warning(place, message, help);
    }
}
