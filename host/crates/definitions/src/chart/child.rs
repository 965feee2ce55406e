//! The activity `agent`: a chart that starts another agent.
//!
//! Whether the agent whose chart it is may do so, and whether there is such an agent, is judged when the whole house is known.

use super::{Scope, expression};
use crate::agent::money;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{DataExpr, ExprText};
use std::sync::Arc;
use types::{Marked, Place, parse_duration};

pub(super) const EXAMPLE: &str =
    "{ activity: agent, params: { agent: NAME, prompt: { expr: data.task } } }";

/// An agent that a chart starts.
#[derive(Clone, Debug, PartialEq)]
pub struct ChildDef {
    /// Its name; `None` where it is computed.
    pub agent: Option<Arc<str>>,
    /// Where the chart names or computes it.
    pub place: Place,
}

/// `{ agent: NAME, prompt: …, budget: { usd: 0.50 }, deadline: 10m }`. What the host gets has the same keys, with `usd` as text (an exact amount) and `deadline` in
/// milliseconds.
pub(super) fn params(walk: &mut Walk, scope: &mut Scope, node: &Node) -> Option<DataExpr> {
    let what = "`params` of a child agent";
    let mut fields = Fields::of(
        walk,
        node,
        "`params`",
        "{ agent: NAME, prompt: { expr: data.task } }",
    )?;
    let key = |name: &str| Marked::new(name.to_owned(), node.place.clone());
    let mut params = Vec::new();
    let named = fields.need(walk, "agent", "this child", "agent: surveyor");
    let agent = named.and_then(|n| agent(walk, scope, n));
    if let Some(n) = fields.take("prompt") {
        params.extend(prompt(walk, n).map(|expr| (key("prompt"), expr)));
    }
    if let Some(n) = fields.take("budget") {
        params.extend(budget(walk, n).map(|expr| (key("budget"), expr)));
    }
    if let Some(n) = fields.take("deadline") {
        params.extend(deadline(walk, n).map(|expr| (key("deadline"), expr)));
    }
    fields.finish_with(walk, what, |key| {
        Some(match key {
            "name" | "id" => "did you mean `agent`?".into(),
            "task" | "text" | "message" | "question" | "input" => "did you mean `prompt`?".into(),
            "usd" => "put it below `budget`: `budget: { usd: 0.50 }`".into(),
            "timeout" | "after" => "did you mean `deadline`?".into(),
            "depth" | "at_once" | "total" => {
                format!("that is for the agent to say: `children: {{ {key}: … }}`")
            }
            _ => return None,
        })
    });
    params.insert(0, (key("agent"), agent?));
    Some(DataExpr::Map(params))
}

/// The agent's name, or `{ expr: … }`.
fn agent(walk: &mut Walk, scope: &mut Scope, node: &Node) -> Option<ExprText> {
    let name = match node.map() {
        Some(_) => None,
        None => Some(walk.name(node, "an agent's name")?),
    };
    let expr = computed(walk, node, "`agent`")?;
    scope.children.push(ChildDef {
        agent: name.map(|name| name.value.into()),
        place: node.place.clone(),
    });
    Some(expr)
}

/// What the child is told: fixed, or `{ expr: … }`.
fn prompt(walk: &mut Walk, node: &Node) -> Option<ExprText> {
    if node.map().is_none() {
        let text = walk.text(node, "`prompt`")?;
        let path = ["data.", "event."]
            .iter()
            .any(|start| text.starts_with(start));
        if path && !text.contains(char::is_whitespace) {
            walk.warning(
                &node.place,
                format!(
                    "the child is told the words `{}` as they stand",
                    shown(text)
                ),
                format!(
                    "to tell it what they stand for write `prompt: {{ expr: {} }}`",
                    shown(text)
                ),
            );
        }
    }
    computed(walk, node, "`prompt`")
}

/// A fixed text, or `{ expr: … }` and nothing else.
fn computed(walk: &mut Walk, node: &Node, what: &str) -> Option<ExprText> {
    if node.map().is_some() && node.get("expr").is_none() {
        walk.expected(
            node,
            what,
            "text",
            "write it, or compute it: `{ expr: data.name }`",
        );
        return None;
    }
    if node.map().is_some() {
        let mut fields = Fields::of(walk, node, what, "{ expr: data.name }")?;
        fields.take("expr");
        fields.finish(walk, "a computed parameter");
    } else if node.text().is_none() {
        walk.expected(
            node,
            what,
            "text",
            "write it, or compute it: `{ expr: data.name }`",
        );
        return None;
    }
    match node.get("expr") {
        Some(expr) => expression(walk, expr, "`expr`"),
        None => expression::value(walk, node),
    }
}

/// `{ usd: 0.50 }`, the amount as text.
fn budget(walk: &mut Walk, node: &Node) -> Option<ExprText> {
    let mut fields = Fields::of(walk, node, "`budget`", "{ usd: 0.50 }")?;
    let usd = fields
        .need(walk, "usd", "this budget", "usd: 0.50")
        .and_then(|n| Some((money(walk, n, "`usd`")?, &n.place)));
    fields.finish_with(walk, "the budget of a child agent", |key| match key {
        "usd_per_day" => Some("did you mean `usd`? A child lives once, not day by day".into()),
        _ => None,
    });
    let (usd, place) = usd?;
    Some(Marked::new(format!("{{'usd': '{usd}'}}"), place.clone()))
}

/// A duration, in milliseconds.
fn deadline(walk: &mut Walk, node: &Node) -> Option<ExprText> {
    let time = walk.unit(node, "`deadline`", parse_duration)?;
    if time.value.is_zero() {
        walk.error(
            &node.place,
            "in no time at all no agent can do anything",
            "write how long it may take, for instance `10m`, or leave it out",
        );
        return None;
    }
    Some(Marked::new(time.value.as_millis().to_string(), time.place))
}
