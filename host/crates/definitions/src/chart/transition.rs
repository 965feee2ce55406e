//! Transitions: `on`, `always` and `after`, in all their short forms.

use super::{action, expression::expression};
use crate::agent::doc;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::TransitionDef;
use std::time::Duration;
use types::{Marked, parse_duration};

const ON_EXAMPLE: &str = "{ turn.done: done }";
const AFTER_EXAMPLE: &str = "{ 10m: stuck }";

/// What starts a transition.
#[derive(Clone, Default)]
struct Trigger {
    events: Vec<Marked<String>>,
    after: Option<Duration>,
}

/// The transitions under `keys`, in the order of the file: where several are enabled, the first one wins.
pub(super) fn all(
    walk: &mut Walk,
    fields: &mut Fields<'_>,
    keys: &[&'static str],
) -> Vec<TransitionDef> {
    let mut found: Vec<_> = keys
        .iter()
        .filter_map(|key| fields.take_entry(key))
        .collect();
    found.sort_by_key(|(key, _)| (key.place.line, key.place.column));
    let mut transitions = Vec::new();
    for (key, node) in found {
        match &*key.text {
            "on" => on(walk, node, &mut transitions),
            "after" => after(walk, node, &mut transitions),
            _ => several(
                walk,
                node,
                &Trigger::default(),
                "`always`",
                &mut transitions,
            ),
        }
    }
    transitions
}

fn on(walk: &mut Walk, node: &Node, transitions: &mut Vec<TransitionDef>) {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`on`",
            "a map from events to transitions",
            &format!("write it as `{ON_EXAMPLE}`"),
        );
        return;
    };
    for entry in entries {
        let key = &entry.key;
        let trigger = Trigger {
            events: vec![Marked::new(key.text.to_string(), key.place.clone())],
            after: None,
        };
        several(walk, &entry.value, &trigger, "a transition", transitions);
    }
}

fn after(walk: &mut Walk, node: &Node, transitions: &mut Vec<TransitionDef>) {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`after`",
            "a map from durations to transitions",
            &format!("write it as `{AFTER_EXAMPLE}`"),
        );
        return;
    };
    for entry in entries {
        let delay = match parse_duration(&entry.key.text) {
            Ok(delay) => delay,
            Err(error) => {
                walk.error(&entry.key.place, error.to_string(), error.help);
                Duration::ZERO
            }
        };
        let trigger = Trigger {
            events: Vec::new(),
            after: Some(delay),
        };
        several(walk, &entry.value, &trigger, "a transition", transitions);
    }
}

/// A target, a map or a list of these.
fn several(
    walk: &mut Walk,
    node: &Node,
    trigger: &Trigger,
    what: &str,
    transitions: &mut Vec<TransitionDef>,
) {
    match node.list() {
        Some([]) => walk.error(
            &node.place,
            format!("{what} is an empty list"),
            "name a target, or remove the key; to ignore an event on purpose write `{}`",
        ),
        Some(items) => {
            for item in items {
                transitions.extend(one(walk, item, trigger, what));
            }
        }
        None => transitions.extend(one(walk, node, trigger, what)),
    }
}

fn one(walk: &mut Walk, node: &Node, trigger: &Trigger, what: &str) -> Option<TransitionDef> {
    let mut transition = TransitionDef {
        events: trigger.events.clone(),
        after: trigger.after,
        guard: None,
        targets: Vec::new(),
        actions: Vec::new(),
        reenter: false,
        place: node.place.clone(),
    };
    if node.map().is_none() {
        if node.is_null() {
            walk.error(
                &node.place,
                "this transition leads nowhere: it has no value",
                "name the target state; to ignore the event on purpose write `{}`",
            );
            return None;
        }
        if node.list().is_some() {
            walk.expected(
                node,
                what,
                "a target or a map",
                "write it as `{ guard: data.rounds < 3, target: check }`",
            );
            return None;
        }
        transition.targets = vec![target(walk, node)?];
        return Some(transition);
    }
    let mut fields = Fields::of(
        walk,
        node,
        what,
        "{ guard: data.rounds < 3, target: check }",
    )?;
    if let Some(n) = fields.take("target") {
        transition.targets = targets(walk, n);
    }
    // A guard that cannot be read must not leave an unguarded transition for the later checks to judge.
    let guard = fields.take("guard").map(|n| expression(walk, n, "`guard`"));
    if let Some(n) = fields.take("actions") {
        transition.actions = action::list(walk, n, "`actions`");
    }
    if let Some(n) = fields.take("reenter") {
        transition.reenter = walk.bool(n, "`reenter`").unwrap_or(false);
    }
    // For readers of the file.
    doc(walk, &mut fields);
    fields.finish_with(walk, "a transition", hint);
    match guard {
        Some(guard) => transition.guard = Some(guard?),
        None => transition.guard = None,
    }
    Some(transition)
}

/// What somebody means who writes `key` in a transition.
fn hint(key: &str) -> Option<String> {
    let help = match key {
        "cond" | "if" | "when" | "condition" => "a transition's condition is its `guard`".into(),
        "to" | "goto" | "next" => "did you mean `target`?".into(),
        "do" | "then" | "effect" | "effects" => "did you mean `actions`?".into(),
        "event" | "on" => "the event is the key: `on: { EVENT: { target: … } }`".into(),
        "after" | "delay" => "time is a key of the state: `after: { 10m: TARGET }`".into(),
        "internal" | "external" | "type" => {
            "a transition to the state itself or into it stays inside, unless it says `reenter: true`".into()
        }
        "assign" | "raise" | "send" | "cancel" | "log" | "foreach" | "entry" => {
            format!("put it below `actions`: `actions: [{{ {} }}]`", if key == "entry" { "…".into() } else { format!("{key}: …") })
        }
        "description" | "comment" => "did you mean `doc`?".into(),
        "tags" => "tags belong to states".into(),
        _ => return None,
    };
    Some(help)
}

/// One target, or several that lie in parallel regions.
pub(super) fn targets(walk: &mut Walk, node: &Node) -> Vec<Marked<String>> {
    let one = std::slice::from_ref(node);
    node.list()
        .unwrap_or(one)
        .iter()
        .filter_map(|item| target(walk, item))
        .collect()
}

/// A state's id. Numbers may be ids too: `on: { again: 2 }`.
fn target(walk: &mut Walk, node: &Node) -> Option<Marked<String>> {
    let text = walk.as_written(node, "a target")?;
    Some(Marked::new(text.to_owned(), node.place.clone()))
}
