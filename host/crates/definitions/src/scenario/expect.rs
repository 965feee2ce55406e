//! What is expected after a step. Every name is checked against the chart: a misspelt state would otherwise be one that is never active.

use crate::chart::expression;
use crate::suggest::shown;
use crate::tree::{Entry, Node};
use crate::walk::{Fields, Walk};
use ::chart::{Chart, Condition, EFFECT_KINDS, EffectKind, EffectPattern, Expectation, Expected};
use std::sync::Arc;
use types::{Place, Value, parse_duration};

/// All expectations among `fields`, in the order in which they are explained when they are not met.
pub(super) fn read(walk: &mut Walk, fields: &mut Fields<'_>, chart: &Chart) -> Vec<Expectation> {
    let mut expected = Vec::new();
    let mut add = |place: &Place, what| {
        expected.push(Expectation {
            place: place.clone(),
            what,
        });
    };
    if let Some(node) = fields.take("in") {
        for (state, place) in states(walk, node, "`in`", chart, false) {
            add(&place, Expected::In(state));
        }
    }
    if let Some(node) = fields.take("not_in") {
        for (state, place) in states(walk, node, "`not_in`", chart, false) {
            add(&place, Expected::NotIn(state));
        }
    }
    if let Some((key, node)) = fields.take_entry("configuration") {
        let states = states(walk, node, "`configuration`", chart, true);
        let names = states.into_iter().map(|(state, _)| state).collect();
        add(&key.place, Expected::Configuration(names));
    }
    if let Some(node) = fields.take("expect") {
        conditions(walk, node, chart, &mut add);
    }
    if let Some((key, node)) = fields.take_entry("effects") {
        add(&key.place, Expected::Effects(effects(walk, node, chart)));
    }
    if let Some((key, node)) = fields.take_entry("open") {
        let known: Vec<&str> = chart.signals().collect();
        let names = known_names(walk, node, "`open`", "a signal of the chart", &known);
        add(&key.place, Expected::Open(names));
    }
    if let Some((key, node)) = fields.take_entry("timers") {
        add(&key.place, Expected::Timers(timers(walk, node)));
    }
    if let Some((key, node)) = fields.take_entry("running") {
        let known = activities(chart);
        let names = known_names(walk, node, "`running`", "an activity of the chart", &known);
        add(&key.place, Expected::Running(names));
    }
    if let Some((key, node)) = fields.take_entry("done")
        && let Some(done) = walk.bool(node, "`done`")
    {
        add(&key.place, Expected::Done(done));
    }
    if let Some((key, node)) = fields.take_entry("output") {
        add(&key.place, Expected::Output(node.to_value()));
    }
    expected
}

/// One name or a list of names, each with its place.
fn names<'n>(walk: &mut Walk, node: &'n Node, what: &str) -> Vec<(&'n str, &'n Place)> {
    let single = std::slice::from_ref(node);
    let items = node.list().unwrap_or(single);
    let named = items.iter();
    named
        .filter_map(|item| Some((walk.text(item, what)?, &item.place)))
        .collect()
}

fn known_names(
    walk: &mut Walk,
    node: &Node,
    key: &str,
    what: &str,
    known: &[&str],
) -> Vec<Arc<str>> {
    let named = names(walk, node, key);
    for (name, place) in &named {
        check(walk, name, place, what, known);
    }
    named.into_iter().map(|(name, _)| name.into()).collect()
}

/// Complain where `name` is none of `known`.
fn check(walk: &mut Walk, name: &str, place: &Place, what: &str, known: &[&str]) {
    if !known.contains(&name) {
        let help = walk.suggestion(
            name,
            known.iter().copied(),
            "there are",
            "the chart has none",
        );
        walk.error(place, format!("`{}` is not {what}", shown(name)), help);
    }
}

fn states(
    walk: &mut Walk,
    node: &Node,
    key: &str,
    chart: &Chart,
    leaves: bool,
) -> Vec<(Arc<str>, Place)> {
    let all = || chart.states().map(|(_, info)| info);
    let known: Vec<&str> = all()
        .filter(|info| info.is_leaf() || !leaves)
        .map(|info| &*info.id)
        .collect();
    let what = match leaves {
        true => "a leaf state of the chart",
        false => "a state of the chart",
    };
    let named = names(walk, node, key);
    for (name, place) in &named {
        check(walk, name, place, what, &known);
    }
    let owned = |(name, place): (&str, &Place)| (name.into(), place.clone());
    named.into_iter().map(owned).collect()
}

/// An expression, a map of values that the chart's data must hold, or a list of both.
fn conditions(walk: &mut Walk, node: &Node, chart: &Chart, add: &mut impl FnMut(&Place, Expected)) {
    if let Some(items) = node.list() {
        for item in items {
            conditions(walk, item, chart, add);
        }
        return;
    }
    if let Some(entries) = node.map() {
        let known: Vec<&str> = chart.data_names().collect();
        for entry in entries {
            check(
                walk,
                &entry.key.text,
                &entry.key.place,
                "an entry of the chart's data",
                &known,
            );
        }
        return add(&node.place, Expected::Data(node.to_value()));
    }
    let Some(text) = expression(walk, node, "`expect`") else {
        return;
    };
    match Condition::compile(chart, &text) {
        Ok(condition) => add(&text.place, Expected::Condition(condition)),
        Err(findings) => walk.extend(findings),
    }
}

fn activities(chart: &Chart) -> Vec<&str> {
    let mut names: Vec<&str> = chart.activities().map(|(name, _)| name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

fn effects(walk: &mut Walk, node: &Node, chart: &Chart) -> Vec<EffectPattern> {
    let single = std::slice::from_ref(node);
    let items = node.list().unwrap_or(single);
    items
        .iter()
        .filter_map(|item| effect(walk, item, chart))
        .collect()
}

fn effect(walk: &mut Walk, node: &Node, chart: &Chart) -> Option<EffectPattern> {
    let kinds = EFFECT_KINDS.map(|kind| kind.name);
    let Some(entries) = node.map() else {
        walk.expected(node, "an effect", "a map", "write it as `{ invoke: turn }`");
        return None;
    };
    let found = entries.iter().find_map(|entry| {
        let kind = EFFECT_KINDS
            .iter()
            .find(|kind| kind.name == &*entry.key.text)?;
        Some((kind, entry))
    });
    let Some((kind, main)) = found else {
        let (name, place) = match entries.first() {
            Some(first) => (&*first.key.text, &first.key.place),
            None => ("{}", &node.place),
        };
        let help = walk.suggestion(name, kinds, "the effects are", "");
        walk.error(place, format!("`{}` is no effect", shown(name)), help);
        return None;
    };
    if kind.main == "activity"
        && let Some(name) = walk.text(&main.value, "an activity")
    {
        check(
            walk,
            name,
            &main.value.place,
            "an activity of the chart",
            &activities(chart),
        );
    }
    let fields = entries
        .iter()
        .filter_map(|entry| field(walk, kind, main, entry));
    let fields: Vec<_> = fields.collect();
    Some(EffectPattern {
        place: node.place.clone(),
        fields: Value::map(fields.into_iter().chain([("type", Value::text(kind.name))])),
    })
}

fn field<'n>(
    walk: &mut Walk,
    kind: &'static EffectKind,
    main: &Entry,
    entry: &'n Entry,
) -> Option<(&'n str, Value)> {
    let key = &*entry.key.text;
    if key == &*main.key.text {
        return Some((kind.main, entry.value.to_value()));
    }
    if !kind.others.contains(&key) {
        let help = walk.suggestion(key, kind.others.iter().copied(), "it has", "remove it");
        let message = format!("unknown key `{}` in the effect `{}`", shown(key), kind.name);
        walk.error(&entry.key.place, message, help);
        return None;
    }
    Some((key, entry.value.to_value()))
}

/// A list of events, or a map from events to how long they still wait.
fn timers(walk: &mut Walk, node: &Node) -> Vec<(Arc<str>, Option<i64>)> {
    let Some(entries) = node.map() else {
        let named = names(walk, node, "`timers`");
        return named
            .into_iter()
            .map(|(name, _)| (name.into(), None))
            .collect();
    };
    let timed = entries.iter().filter_map(|entry| {
        let left = walk.unit(&entry.value, "the time that is left", parse_duration)?;
        let left = i64::try_from(left.as_millis()).ok()?;
        Some(((&*entry.key.text).into(), Some(left)))
    });
    timed.collect()
}
