//! Actions: what a chart does on entry, on exit, on a transition and when something comes back from an activity.

use super::expression::{data, expression, text_or_expression};
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{ActionDef, Delay, SendDef, TextOrExpr};
use types::{Marked, parse_duration};

const LIST_EXAMPLE: &str = "[{ assign: { rounds: data.rounds + 1 } }]";
const KINDS: [&str; 7] = ["assign", "raise", "send", "cancel", "log", "if", "foreach"];

/// A list of actions.
pub(super) fn list(walk: &mut Walk, node: &Node, what: &str) -> Vec<ActionDef> {
    let mut actions = Vec::new();
    for item in walk.list(node, what, LIST_EXAMPLE).unwrap_or_default() {
        one(walk, item, &mut actions);
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
            let id = text_or_expression(walk, value, "an id of a delayed send");
            actions.extend(id.map(|id| ActionDef::Cancel { id }));
        }
        [("log", value)] => actions.extend(log(walk, value)),
        [("foreach", value)] => actions.extend(foreach(walk, value)),
        // The last of them: `if`.
        [(_, value)] => actions.extend(branches(walk, value, &mut fields)),
        [] if node.map().is_some_and(|entries| !entries.is_empty()) => {}
        [] => walk.error(
            &node.place,
            "an action is empty",
            format!(
                "write one of {}",
                KINDS.map(|k| format!("`{k}`")).join(", ")
            ),
        ),
        [(first, _), (second, _), ..] => walk.error(
            &node.place,
            format!("an action cannot be both `{first}` and `{second}`"),
            "actions run in the order of the list: write one list item for each",
        ),
    }
    fields.finish_with(walk, "an action", |key| {
        matches!(key, "then" | "else").then(|| format!("`{key}` belongs to an action with `if`"))
    });
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
            matches!(key, "delay" | "target").then(|| {
                format!(
                    "a raised event stays in this chart and comes at once; for a `{key}` use `send`"
                )
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
    fields.finish(walk, "`send`");
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
        return Some(ActionDef::Log {
            label: Some(walk.as_written(node, "`log`")?.to_owned()),
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
    fields.finish(walk, "`log`");
    Some(ActionDef::Log {
        label: label.map(str::to_owned),
        expr,
    })
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
    fields.finish(walk, "`foreach`");
    Some(ActionDef::Foreach {
        array: array?,
        item: item?,
        index,
        actions,
    })
}

/// `{ if: …, then: […], else: […] }`.
fn branches(walk: &mut Walk, condition: &Node, fields: &mut Fields<'_>) -> Option<ActionDef> {
    let condition = expression(walk, condition, "`if`");
    let then = fields
        .need(walk, "then", "this `if`", "then: [{ raise: checked }]")
        .map(|n| list(walk, n, "`then`"));
    let otherwise = fields.take("else").map(|n| list(walk, n, "`else`"));
    let mut branches = vec![(Some(condition?), then?)];
    branches.extend(otherwise.map(|actions| (None, actions)));
    Some(ActionDef::If(branches))
}
