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
    let example = match entry.value.text() {
        Some("final") => "{ type: final }",
        Some("parallel") => "{ type: parallel, states: { … } }",
        _ => "{ on: { turn.done: done } }",
    };
    let Some(mut fields) = Fields::of(walk, &entry.value, "a state", example) else {
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
    let id = def.id.as_str();
    fields.finish_with(walk, "a state", |key| hint(key, shown(id)));
    def
}

/// What somebody means who writes `key` in the state `id`.
fn hint(key: &str, id: String) -> Option<String> {
    let help = match key {
        "target" => "a target belongs to a transition: `on: { EVENT: TARGET }`; of its own it has only a history state".into(),
        "actions" => "actions of a state are `entry` and `exit`".into(),
        "data" => "data belongs to the whole chart".into(),
        "tools" | "mounts" | "limits" | "net" | "env" => {
            format!("put it below `policy`: `policy: {{ {key}: … }}`")
        }
        "text" | "prompt" | "instructions" => {
            "what the model is told is `context: [{ text: … }]`".into()
        }
        "transitions" | "events" | "transition" => "did you mean `on`?".into(),
        "final" | "parallel" => format!("write `type: {key}`"),
        "onDone" | "on_done" | "done" => format!("write `on: {{ done.state.{id}: TARGET }}`"),
        "onEntry" | "on_entry" | "onentry" | "enter" | "do" => "did you mean `entry`?".into(),
        "onExit" | "on_exit" | "onexit" | "leave" => "did you mean `exit`?".into(),
        "timeout" | "delay" | "timer" => "write `after: { 10m: TARGET }`".into(),
        "default" => "the default of a history state is its `target`, the first of a state with states is its `initial`".into(),
        "guard" | "cond" | "when" | "if" => {
            "a guard belongs to a transition: `on: { EVENT: { guard: …, target: … } }`".into()
        }
        "activity" | "activities" | "run" => "did you mean `invoke`?".into(),
        "raise" | "send" | "assign" | "log" => {
            format!("an action of a state stands below `entry` or `exit`: `entry: [{{ {key}: … }}]`")
        }
        "description" | "comment" | "title" => "did you mean `doc`?".into(),
        _ => return None,
    };
    Some(help)
}

pub(super) fn tags(walk: &mut Walk, fields: &mut Fields<'_>) -> Vec<String> {
    let Some(node) = fields.take("tags") else {
        return Vec::new();
    };
    let one = std::slice::from_ref(node);
    node.list()
        .unwrap_or(one)
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
    let word = written.map(|n| match n.text().and_then(other_type) {
        Some(help) => {
            let word = shown(n.text().unwrap_or_default());
            walk.error(&n.place, format!("`{word}` is not a type of state"), help);
            None
        }
        None => walk.word(n, "a type of state", &words),
    });
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

/// What to write for types that other notations have.
fn other_type(word: &str) -> Option<&'static str> {
    Some(match word {
        "atomic" | "simple" | "normal" | "basic" | "state" | "compound" | "composite" => {
            "leave `type` out: a state is compound when it has `states`"
        }
        "initial" | "start" => {
            "leave `type` out, and name it as the `initial` of the state around it"
        }
        "end" | "terminal" | "stop" => "did you mean `final`?",
        "choice" | "junction" | "condition" | "decision" => {
            "leave `type` out: a state that only decides has `always: [{ guard: …, target: … }, OTHERWISE]`"
        }
        "deep" | "deep-history" | "deepHistory" => "write `type: history` and `history: deep`",
        "shallow" | "shallow-history" => {
            "write `type: history`; it is shallow unless it says `history: deep`"
        }
        _ => return None,
    })
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
            doc(walk, &mut fields);
            fields.finish(walk, "`initial`");
            InitialDef { targets, actions }
        }
    };
    if !def.targets.is_empty() {
        return Some(def);
    }
    // What is wrong has been said; that the state begins nowhere need not be said as well.
    first(states)
}

/// A start at the first of `states`, for where it has been said already what is wrong with it.
pub(super) fn first(states: &[StateDef]) -> Option<InitialDef> {
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
