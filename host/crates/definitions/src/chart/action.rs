//! Actions: what a chart does on entry, on exit, on a transition and when something comes back from an activity.

use super::expression::{data, expression, text_or_expression};
use crate::agent::doc;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{ActionDef, Delay, SendDef, TextOrExpr};
use types::{Marked, parse_duration};

const LIST_EXAMPLE: &str = "[{ assign: { rounds: data.rounds + 1 } }]";
const KINDS_HELP: &str =
    "an action is one of `assign`, `raise`, `send`, `cancel`, `log`, `if`, `foreach`";
const KINDS: [&str; 7] = ["assign", "raise", "send", "cancel", "log", "if", "foreach"];

/// A list of actions, or one of them.
pub(super) fn list(walk: &mut Walk, node: &Node, what: &str) -> Vec<ActionDef> {
    let mut actions = Vec::new();
    match (node.list(), node.map()) {
        (Some(items), _) => items.iter().for_each(|item| one(walk, item, &mut actions)),
        (None, Some(_)) => one(walk, node, &mut actions),
        (None, None) => walk.expected(
            node,
            what,
            "a list of actions",
            &format!("write it as `{LIST_EXAMPLE}`; {KINDS_HELP}"),
        ),
    }
    actions
}

/// One action; `assign` may set several entries and then becomes several.
fn one(walk: &mut Walk, node: &Node, actions: &mut Vec<ActionDef>) {
    let Some(mut fields) = Fields::of(walk, node, "an action", "{ assign: { rounds: 0 } }") else {
        return;
    };
    let kinds: Vec<(&str, &Node)> = KINDS
        .into_iter()
        .filter_map(|kind| Some((kind, fields.take(kind)?)))
        .collect();
    match kinds.as_slice() {
        [("assign", value)] => assign(walk, value, actions),
        [("raise", value)] => actions.extend(raise(walk, value)),
        [("send", value)] => actions.extend(send(walk, value)),
        [("cancel", value)] => {
            if value.get("id").is_some() {
                let help =
                    "write `{ cancel: ID }`, or `{ cancel: { expr: … } }` for a computed one";
                walk.error(&value.place, "`cancel` takes the id itself", help);
            } else if let Some(id) = text_or_expression(walk, value, "the id of a delayed send") {
                actions.push(ActionDef::Cancel { id });
            }
        }
        [("log", value)] => actions.extend(log(walk, value)),
        [("foreach", value)] => actions.extend(foreach(walk, value)),
        // The last of them: `if`.
        [(_, value)] => actions.extend(branches(walk, value, &mut fields)),
        [] if node.map().is_some_and(|entries| !entries.is_empty()) => {}
        [] => walk.error(&node.place, "an action is empty", KINDS_HELP),
        [(first, _), (second, _), ..] => walk.error(
            &node.place,
            format!("an action cannot be both `{first}` and `{second}`"),
            "actions run in the order of the list: write one list item for each",
        ),
    }
    // For readers of the file.
    doc(walk, &mut fields);
    fields.finish_with(walk, "an action", hint);
}

/// What somebody means who writes `key` as an action.
fn hint(key: &str) -> Option<String> {
    let help = match key {
        "then" | "else" => "it belongs to an action with `if`: `{ if: …, then: […], else: […] }`",
        "elif" | "elseif" | "elsif" | "else if" => "nest it: `else: [{ if: …, then: […] }]`",
        "emit" | "trigger" | "fire" | "event" => "did you mean `raise`?",
        "target" | "goto" | "to" | "transition" => {
            "an action leads nowhere: the `target` stands beside `actions` in the transition"
        }
        "print" | "echo" | "message" | "console" => "did you mean `log`?",
        "set" | "let" | "data" | "update" | "increment" => {
            "did you mean `assign`? `{ assign: { rounds: data.rounds + 1 } }`"
        }
        "invoke" | "call" | "tool" | "plugin" | "run" | "activity" => {
            "what runs is an `invoke` of the state, beside `entry` and `on`"
        }
        "wait" | "delay" | "sleep" | "after" => {
            "actions do not wait: write `after: { 10s: TARGET }` in the state, or `send` with a `delay`"
        }
        "for" | "each" | "for_each" | "forEach" | "while" | "loop" => {
            "write `{ foreach: { array: data.files, item: file, actions: […] } }`"
        }
        "guard" | "cond" | "when" => "write `{ if: …, then: […] }`",
        "description" | "comment" => "did you mean `doc`?",
        _ => return None,
    };
    Some(help.into())
}

fn assign(walk: &mut Walk, node: &Node, actions: &mut Vec<ActionDef>) {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            "`assign`",
            "a map from data entries to expressions",
            "write it as `{ rounds: data.rounds + 1 }`",
        );
        return;
    };
    for entry in entries {
        let name = &*entry.key.text;
        if let Some(expr) = expression(walk, &entry.value, &format!("`{}`", shown(name))) {
            actions.push(ActionDef::Assign {
                location: Marked::new(name.to_owned(), entry.key.place.clone()),
                expr,
            });
        }
    }
}

fn raise(walk: &mut Walk, node: &Node) -> Option<ActionDef> {
    let (event, data) = if node.map().is_some() {
        let mut fields = Fields::of(walk, node, "`raise`", "{ event: checked }")?;
        let event = fields.need(walk, "event", "this `raise`", "event: checked");
        let data = fields.take("data").and_then(|n| data(walk, n, "`data`"));
        fields.finish_with(walk, "`raise`", |key| {
            Some(match key {
                "delay" | "target" | "id" | "after" | "to" => format!(
                    "a raised event stays in this chart and comes at once; for a `{key}` use `send`"
                ),
                "name" | "type" => "did you mean `event`?".into(),
                "params" | "payload" => "did you mean `data`?".into(),
                _ => return None,
            })
        });
        (event?, data)
    } else {
        (node, None)
    };
    Some(ActionDef::Raise {
        event: walk.marked(event, "an event's name")?,
        data,
    })
}

fn send(walk: &mut Walk, node: &Node) -> Option<ActionDef> {
    if node.text().is_some() {
        let event = walk.marked(node, "an event's name")?;
        return Some(ActionDef::Send(Box::new(SendDef {
            event: TextOrExpr::Text(event),
            target: None,
            delay: None,
            id: None,
            id_location: None,
            data: None,
            transport: None,
            place: node.place.clone(),
        })));
    }
    let mut fields = Fields::of(
        walk,
        node,
        "`send`",
        "{ event: nudge, target: workflow, delay: 10s }",
    )?;
    let event = fields
        .need(walk, "event", "this `send`", "event: nudge")
        .and_then(|n| text_or_expression(walk, n, "an event's name"));
    let target = fields.take("target").and_then(|n| target(walk, n));
    let delay = fields.take("delay").and_then(|n| delay(walk, n));
    let id = fields
        .take("id")
        .and_then(|n| walk.text(n, "`id`"))
        .map(str::to_owned);
    let data = fields.take("data").and_then(|n| data(walk, n, "`data`"));
    fields.finish_with(walk, "`send`", |key| {
        Some(match key {
            "to" => "did you mean `target`?".into(),
            "after" | "in" | "timeout" | "wait" => "did you mean `delay`?".into(),
            "name" | "type" => "did you mean `event`?".into(),
            "params" | "payload" | "content" | "body" => "did you mean `data`?".into(),
            _ => return None,
        })
    });
    Some(ActionDef::Send(Box::new(SendDef {
        event: event?,
        target,
        delay,
        id,
        id_location: None,
        data,
        transport: None,
        place: node.place.clone(),
    })))
}

fn target(walk: &mut Walk, node: &Node) -> Option<TextOrExpr> {
    let target = text_or_expression(walk, node, "a target")?;
    if let TextOrExpr::Text(text) = &target {
        let known = *text.value == *"workflow"
            || text.starts_with("#_")
            || text.strip_prefix("agent:").is_some_and(|id| !id.is_empty());
        if !known {
            walk.error(
                &text.place,
                format!("nothing is called `{}` as the target of a `send`", shown(text)),
                "write `workflow`, or `\"agent:NAME\"`; leave `target` out to send to this chart itself",
            );
            return None;
        }
    }
    Some(target)
}

fn delay(walk: &mut Walk, node: &Node) -> Option<Delay> {
    if let Some(expr) = node.get("expr") {
        let mut fields = Fields::of(walk, node, "`delay`", "10s")?;
        fields.take("expr");
        fields.finish(walk, "`delay`");
        return expression(walk, expr, "`expr`").map(Delay::Expr);
    }
    let delay = walk.unit(node, "`delay`", parse_duration)?;
    Some(Delay::Fixed(delay.value))
}

fn log(walk: &mut Walk, node: &Node) -> Option<ActionDef> {
    if node.map().is_none() {
        let label = walk.as_written(node, "`log`")?;
        if is_computed(label) {
            walk.warning(
                &node.place,
                format!("this logs the words `{}` as they stand", shown(label)),
                "to log a value write `{ log: { label: rounds, expr: data.rounds } }`",
            );
        }
        return Some(ActionDef::Log {
            label: Some(label.to_owned()),
            expr: None,
        });
    }
    let mut fields = Fields::of(walk, node, "`log`", "{ label: rounds, expr: data.rounds }")?;
    let label = fields
        .take("label")
        .and_then(|n| walk.as_written(n, "`label`"));
    let expr = fields
        .take("expr")
        .and_then(|n| expression(walk, n, "`expr`"));
    fields.finish_with(walk, "`log`", |key| {
        Some(match key {
            "message" | "text" => "did you mean `label`?".into(),
            "value" | "data" => "did you mean `expr`?".into(),
            _ => return None,
        })
    });
    Some(ActionDef::Log {
        label: label.map(str::to_owned),
        expr,
    })
}

/// Whether `text` is probably meant as an expression, or as one with text around it.
fn is_computed(text: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '[' | ']');
    let path = ["data.", "event."]
        .iter()
        .any(|start| text.starts_with(start));
    let filled = ["{data.", "{event.", "{ data.", "{ event."]
        .iter()
        .any(|mark| text.contains(mark));
    filled || (path && text.chars().all(is_name) && !text.ends_with('.'))
}

fn foreach(walk: &mut Walk, node: &Node) -> Option<ActionDef> {
    let example = "{ array: data.files, item: file, actions: [{ log: { expr: data.file } }] }";
    let mut fields = Fields::of(walk, node, "`foreach`", example)?;
    let what = "this `foreach`";
    let array = fields
        .need(walk, "array", what, "array: data.files")
        .and_then(|n| expression(walk, n, "`array`"));
    let item = fields
        .need(walk, "item", what, "item: file")
        .and_then(|n| walk.marked(n, "`item`"));
    let index = fields.take("index").and_then(|n| walk.marked(n, "`index`"));
    let actions = fields
        .need(
            walk,
            "actions",
            what,
            "actions: [{ log: { expr: data.file } }]",
        )
        .map_or_else(Vec::new, |n| list(walk, n, "`actions`"));
    fields.finish_with(walk, "`foreach`", |key| {
        Some(match key {
            "in" | "of" | "list" | "items" | "over" => "did you mean `array`?".into(),
            "as" | "var" | "each" | "name" => "did you mean `item`?".into(),
            "do" | "then" | "body" => "did you mean `actions`?".into(),
            _ => return None,
        })
    });
    Some(ActionDef::Foreach {
        array: array?,
        item: item?,
        index,
        actions,
    })
}

/// `{ if: …, then: […], else: […] }`.
fn branches(walk: &mut Walk, condition: &Node, fields: &mut Fields<'_>) -> Option<ActionDef> {
    if condition.map().is_some_and(|entries| !entries.is_empty()) {
        walk.error(
            &condition.place,
            "the condition of an `if` stands right behind it",
            "write `{ if: data.rounds > 1, then: […], else: […] }`, `then` beside `if`",
        );
        fields.take("then");
        fields.take("else");
        return None;
    }
    let condition = expression(walk, condition, "`if`");
    let then = fields
        .need(walk, "then", "this `if`", "then: [{ raise: checked }]")
        .map(|n| list(walk, n, "`then`"));
    let otherwise = fields.take("else").map(|n| list(walk, n, "`else`"));
    let mut branches = vec![(Some(condition?), then?)];
    branches.extend(otherwise.map(|actions| (None, actions)));
    Some(ActionDef::If(branches))
}
