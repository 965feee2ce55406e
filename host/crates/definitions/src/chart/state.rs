//! One state and those below it.

use super::{Extra, Scope, action, expression, invoke, transition};
use crate::agent::{context_plugins, doc};
use crate::suggest::shown;
use crate::tree::{Entry, Node};
use crate::walk::{Fields, Walk, check_name};
use crate::{context as chunks, policy as policy_rules};
use ::chart::{ChartKind, InitialDef, OutputDef, StateDef, StateKind};
use types::Marked;

const STATES_EXAMPLE: &str = "{ work: { on: { turn.done: done } }, done: { type: final } }";

/// The states under a `states` key.
pub(super) fn children(walk: &mut Walk, scope: &mut Scope, node: &Node) -> Vec<StateDef> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`states`",
            "a map from ids to states",
            &format!("write it as `{STATES_EXAMPLE}`"),
        );
        return Vec::new();
    };
    if entries.is_empty() {
        walk.error(
            &node.place,
            "`states` is empty",
            format!("add at least one state, for instance `{STATES_EXAMPLE}`"),
        );
    }
    entries
        .iter()
        .map(|entry| state(walk, scope, entry))
        .collect()
}

fn state(walk: &mut Walk, scope: &mut Scope, entry: &Entry) -> StateDef {
    let id = Marked::new(entry.key.text.to_string(), entry.key.place.clone());
    if let Err(why) = check_name(&id) {
        walk.error(
            &id.place,
            format!("`{}` cannot be a state's id: {why}", shown(&id)),
            "use letters, digits, `-` and `_`, beginning with a letter or a digit",
        );
    }
    let mut def = StateDef {
        id,
        doc: None,
        tags: Vec::new(),
        kind: StateKind::Normal,
        initial: None,
        states: Vec::new(),
        entry: Vec::new(),
        exit: Vec::new(),
        transitions: Vec::new(),
        invoke: Vec::new(),
        output: None,
        data: Vec::new(),
    };
    // `waiting:` with nothing below it is a state that only waits.
    if entry.value.is_null() {
        return def;
    }
    let Some(mut fields) = Fields::of(walk, &entry.value, "a state", "{ on: { turn.done: done } }")
    else {
        return def;
    };
    def.doc = doc(walk, &mut fields);
    def.tags = tags(walk, &mut fields);
    def.kind = kind(walk, &mut fields);
    if let Some(n) = fields.take("states") {
        def.states = children(walk, scope, n);
    }
    def.initial = match def.kind {
        StateKind::History { .. } => fields.take("target").map(|n| InitialDef {
            targets: transition::targets(walk, n),
            actions: Vec::new(),
        }),
        _ => initial(walk, &mut fields, &def.states),
    };
    for (key, handlers) in [("entry", &mut def.entry), ("exit", &mut def.exit)] {
        if let Some(n) = fields.take(key) {
            handlers.push(action::list(walk, n, &format!("`{key}`")));
        }
    }
    def.transitions = transition::all(walk, &mut fields, &["on", "always", "after"]);
    if let Some(n) = fields.take("invoke") {
        def.invoke = invoke::all(walk, scope, n);
    }
    if let Some(n) = fields.take("output") {
        def.output = expression::data(walk, n, "`output`").map(|data| OutputDef { data });
    }
    extra(walk, scope, &mut fields, &def.id);
    fields.finish_with(walk, "a state", |key| match key {
        "target" => Some("a target belongs to a transition: `on: { EVENT: TARGET }`; of its own it has only a history state".into()),
        "actions" => Some("actions of a state are `entry` and `exit`".into()),
        "data" => Some("data belongs to the whole chart".into()),
        "tools" | "mounts" | "limits" | "net" | "env" => Some(format!("put it below `policy`: `policy: {{ {key}: … }}`")),
        "transitions" | "events" => Some("did you mean `on`?".into()),
        "final" | "parallel" => Some(format!("write `type: {key}`")),
        _ => None,
    });
    def
}

fn tags(walk: &mut Walk, fields: &mut Fields<'_>) -> Vec<String> {
    let Some(node) = fields.take("tags") else {
        return Vec::new();
    };
    walk.list(node, "`tags`", "[needs-human]")
        .unwrap_or_default()
        .iter()
        .filter_map(|item| walk.text(item, "a tag").map(str::to_owned))
        .collect()
}

#[derive(Clone, Copy)]
enum Type {
    Parallel,
    Final,
    History,
}

fn kind(walk: &mut Walk, fields: &mut Fields<'_>) -> StateKind {
    let words = [
        ("parallel", Type::Parallel),
        ("final", Type::Final),
        ("history", Type::History),
    ];
    let written = fields.take("type");
    let word = written.map(|n| walk.word(n, "a type of state", &words));
    let depth = fields.take_entry("history");
    if let Some(Some(Type::History)) = word {
        let words = [("shallow", false), ("deep", true)];
        let deep = depth.and_then(|(_, n)| walk.word(n, "a kind of history", &words));
        return StateKind::History {
            deep: deep.unwrap_or(false),
        };
    }
    // Where the type is misspelt, that has been said and may have meant a history state.
    if let (Some((key, _)), None | Some(Some(_))) = (depth, word) {
        walk.error(
            &key.place,
            "`history` belongs to a history state",
            "add `type: history` and a `target`, or remove it",
        );
    }
    match word.flatten() {
        Some(Type::Parallel) => StateKind::Parallel,
        Some(Type::Final) => StateKind::Final,
        _ => StateKind::Normal,
    }
}

/// `initial`: a state's id, a list of them across regions, or a map with actions.
pub(super) fn initial(
    walk: &mut Walk,
    fields: &mut Fields<'_>,
    states: &[StateDef],
) -> Option<InitialDef> {
    let node = fields.take("initial")?;
    let def = match node.map() {
        None => InitialDef {
            targets: transition::targets(walk, node),
            actions: Vec::new(),
        },
        Some(_) => {
            let mut fields = Fields::of(walk, node, "`initial`", "start")?;
            let targets = fields
                .need(walk, "target", "this `initial`", "target: start")
                .map_or_else(Vec::new, |n| transition::targets(walk, n));
            let actions = fields
                .take("actions")
                .map_or_else(Vec::new, |n| action::list(walk, n, "`actions`"));
            fields.finish(walk, "`initial`");
            InitialDef { targets, actions }
        }
    };
    if !def.targets.is_empty() {
        return Some(def);
    }
    // What is wrong has been said; that the state begins nowhere need not be said as well.
    states.first().map(|first| InitialDef {
        targets: vec![first.id.clone()],
        actions: Vec::new(),
    })
}

fn extra(walk: &mut Walk, scope: &mut Scope, fields: &mut Fields<'_>, id: &str) {
    let mut extra = Extra {
        state: id.to_owned(),
        context: Vec::new(),
        policy: None,
        role: None,
    };
    if let Some(n) = fields.take("context") {
        extra.context = chunks::state_chunks(walk, n, id);
        let named = context_plugins(&extra.context).map(|name| (name, "a state's context"));
        scope.uses.extend(named);
    }
    if let Some(n) = fields.take("policy") {
        extra.policy = Some(policy_rules::overlay(walk, n, format!("state {id}")));
    }
    if let Some((key, n)) = fields.take_entry("role") {
        if scope.kind == ChartKind::Cognition {
            walk.error(
                &key.place,
                "`role` belongs to workflows, and this chart is a cognition",
                "write `kind: workflow` at the top, or remove the role",
            );
        } else {
            extra.role = role(walk, scope, n);
        }
    }
    scope.extras.push(extra);
}

fn role(walk: &mut Walk, scope: &Scope, node: &Node) -> Option<Marked<String>> {
    let name = walk.marked(node, "`role`")?;
    if !scope.roles.contains(name.as_str()) {
        let known = scope.roles.iter().map(String::as_str);
        walk.error(
            &name.place,
            format!("the role `{}` is not declared", shown(&name)),
            walk.suggestion(
                &name,
                known,
                "this chart has the roles",
                &format!(
                    "declare it at the top: `roles: {{ {}: {{}} }}`",
                    shown(&name)
                ),
            ),
        );
        return None;
    }
    Some(name)
}
