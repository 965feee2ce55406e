//! One step of a case: an event, the time before it, and what is expected after it.

use super::expect;
use crate::suggest::shown;
use crate::tree::{Node, Typed};
use crate::walk::{Fields, Walk};
use ::chart::{Chart, Step};
use std::sync::Arc;
use types::{Place, Value, parse_duration};

const EXAMPLE: &str = "{ event: turn.done, data: { changed: true }, in: check }";

/// Read one step: `turn.done`, `+10m`, or a map.
pub(super) fn read(walk: &mut Walk, node: &Node, chart: &Chart) -> Option<Step> {
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
