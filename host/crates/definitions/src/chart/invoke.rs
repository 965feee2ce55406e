//! `invoke`: the activities that the host runs while a state is active.

use super::{Scope, action, child, expression};
use crate::agent::doc;
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use ::chart::{ChartKind, DataExpr, InvokeDef, InvokeWhat};
use types::{Marked, ToolName};

/// What an activity takes as `params`.
#[derive(Clone, Copy, PartialEq)]
enum Activity {
    /// Thinking: nothing.
    Thought,
    /// `tool` and `arguments`.
    Plugin,
    /// `question`.
    Ask,
    /// `agent`, and what the child is told.
    Child,
}

const KNOWN: [(&str, Activity); 6] = [
    ("think", Activity::Thought),
    ("act", Activity::Thought),
    ("turn", Activity::Thought),
    ("plugin", Activity::Plugin),
    ("ask", Activity::Ask),
    ("agent", Activity::Child),
];
const LATER: [&str; 2] = ["recall", "consolidate"];
const EXAMPLE: &str =
    "{ activity: plugin, params: { tool: fs.read, arguments: { path: notes.md } } }";

/// An activity's name, a map, or a list of these.
pub(super) fn all(walk: &mut Walk, scope: &mut Scope, node: &Node) -> Vec<InvokeDef> {
    let one_node = std::slice::from_ref(node);
    node.list()
        .unwrap_or(one_node)
        .iter()
        .filter_map(|item| one(walk, scope, item))
        .collect()
}

fn one(walk: &mut Walk, scope: &mut Scope, node: &Node) -> Option<InvokeDef> {
    let mut def = InvokeDef {
        id: None,
        id_location: None,
        what: InvokeWhat::Activity(Marked::new(String::new(), node.place.clone())),
        params: None,
        autoforward: false,
        finalize: Vec::new(),
        place: node.place.clone(),
    };
    if node.map().is_none() {
        let activity = activity(walk, scope, node)?;
        if activity == Activity::Plugin {
            walk.error(
                &node.place,
                "`plugin` needs to know which tool to call",
                format!("write it as `{EXAMPLE}`"),
            );
            return None;
        }
        if activity == Activity::Child {
            walk.error(
                &node.place,
                "`agent` needs to know which agent to start",
                format!("write it as `{}`", child::EXAMPLE),
            );
            return None;
        }
        def.what = InvokeWhat::Activity(walk.marked(node, "an activity")?);
        return Some(def);
    }
    let mut fields = Fields::of(walk, node, "`invoke`", "turn")?;
    // For readers of the file.
    doc(walk, &mut fields);
    // Whoever writes these means an activity, and hears how it is written.
    let meant = [
        "plugin", "ask", "agent", "turn", "think", "act", "tool", "question", "chart", "src",
        "name", "type",
    ];
    let named = match meant.iter().any(|key| node.get(key).is_some()) {
        true => fields.take("activity"),
        false => fields.need(walk, "activity", "this `invoke`", "activity: turn"),
    };
    let activity =
        named.and_then(|n| Some((activity(walk, scope, n)?, walk.marked(n, "an activity")?)));
    if let Some(n) = fields.take("id") {
        def.id = walk.name(n, "an invoke's id").map(|id| id.value);
    }
    if let Some(n) = fields.take("autoforward") {
        def.autoforward = walk.bool(n, "`autoforward`").unwrap_or(false);
    }
    if let Some(n) = fields.take("finalize") {
        def.finalize = action::list(walk, n, "`finalize`");
    }
    let params = fields.take_entry("params");
    fields.finish_with(walk, "`invoke`", |key| match key {
        "tool" if node.get("activity").is_none() => {
            Some(format!("a tool is called so: `{EXAMPLE}`"))
        }
        "tool" | "arguments" | "question" | "prompt" | "deadline" | "budget" => {
            Some(format!("put it below `params`: `params: {{ {key}: … }}`"))
        }
        "plugin" => Some(format!("a tool is called so: `{EXAMPLE}`")),
        "agent" => Some(format!("a child agent is started so: `{}`", child::EXAMPLE)),
        "ask" => Some("write `{ activity: ask, params: { question: … } }`".into()),
        "turn" | "think" | "act" => Some(format!("write `activity: {key}`")),
        "chart" | "src" | "workflow" => Some(
            "a chart in YAML invokes activities, not other charts; states can nest instead".into(),
        ),
        "type" | "name" => Some("did you mean `activity`?".into()),
        "onDone" | "onError" | "on" => Some(
            "what comes back is an event of the state: `on: { turn.done: TARGET, error: TARGET }`"
                .into(),
        ),
        "input" | "data" | "args" => Some("did you mean `params`?".into()),
        _ => None,
    });
    let (activity, name) = activity?;
    match (activity, params) {
        (Activity::Thought, Some((key, _))) => walk.error(
            &key.place,
            format!("`{}` takes no `params`", *name),
            "what the model is told comes from the context map and the state's `context`",
        ),
        (Activity::Thought | Activity::Ask, None) => {}
        (Activity::Plugin, None) => walk.error(
            &node.place,
            "`plugin` needs to know which tool to call",
            "add `params: { tool: fs.read, arguments: { path: notes.md } }`",
        ),
        (Activity::Child, None) => walk.error(
            &node.place,
            "`agent` needs to know which agent to start",
            "add `params: { agent: NAME, prompt: { expr: data.task } }`",
        ),
        (Activity::Child, Some((_, n))) => def.params = child::params(walk, scope, n),
        (Activity::Plugin, Some((_, n))) => def.params = plugin(walk, scope, n),
        (Activity::Ask, Some((_, n))) => def.params = ask(walk, n),
    }
    def.what = InvokeWhat::Activity(name);
    Some(def)
}

fn activity(walk: &mut Walk, scope: &Scope, node: &Node) -> Option<Activity> {
    if let Some(name) = node.text().filter(|name| LATER.contains(name)) {
        walk.error(
            &node.place,
            format!("the activity `{name}` is not available in this version"),
            "use `turn`, `think`, `act`, `plugin`, `agent` or `ask`",
        );
        return None;
    }
    if let Some(name) = node.text().filter(|name| ToolName::parse(name).is_ok()) {
        walk.error(
            &node.place,
            format!("`{}` is a tool, not an activity", shown(name)),
            format!(
                "call it so: `{{ activity: plugin, params: {{ tool: {}, arguments: {{ … }} }} }}`",
                shown(name)
            ),
        );
        return None;
    }
    let activity = walk.word(node, "an activity", &KNOWN)?;
    if activity == Activity::Child && scope.kind == ChartKind::Workflow {
        walk.error(
            &node.place,
            "a workflow starts no agents itself",
            "give the state a `role`: whoever is bound in that role does the work",
        );
        return None;
    }
    if activity == Activity::Thought && scope.kind == ChartKind::Workflow {
        walk.error(
            &node.place,
            "a workflow does not think itself",
            "give the state a `role`: the agent bound in that role does the work",
        );
        return None;
    }
    Some(activity)
}

/// `{ tool: fs.read, arguments: {…} }`.
fn plugin(walk: &mut Walk, scope: &mut Scope, node: &Node) -> Option<DataExpr> {
    let mut fields = Fields::of(
        walk,
        node,
        "`params`",
        "{ tool: fs.read, arguments: { path: notes.md } }",
    )?;
    let tool = fields
        .need(walk, "tool", "this call", "tool: fs.read")
        .and_then(|n| {
            let text = walk.text(n, "`tool`")?;
            match ToolName::parse(text) {
                Ok(name) => {
                    let plugin = Marked::new(name.plugin().to_owned(), n.place.clone());
                    scope.uses.push((plugin, "an `invoke`"));
                    scope.calls.push(name);
                    expression::value(walk, n)
                }
                Err(_) => {
                    walk.error(
                    &n.place,
                    format!("`{}` is not a tool's full name", shown(text)),
                    "write `plugin.tool` in letters, digits, `-` and `_`, for instance `fs.read`",
                );
                    None
                }
            }
        });
    let arguments = match fields.take("arguments") {
        Some(n) => expression::value_map(walk, n, "`arguments`"),
        None => Some(Marked::new("{}".into(), node.place.clone())),
    };
    fields.finish(walk, "`params` of a plugin");
    let key = |name: &str| Marked::new(name.to_owned(), node.place.clone());
    Some(DataExpr::Map(vec![
        (key("tool"), tool?),
        (key("arguments"), arguments?),
    ]))
}

/// `{ question: … }`.
fn ask(walk: &mut Walk, node: &Node) -> Option<DataExpr> {
    let mut fields = Fields::of(walk, node, "`params`", "{ question: Shall I go on? }")?;
    let question = fields.take("question").and_then(|n| {
        if n.map().is_none() {
            walk.text(n, "`question`")?;
        }
        expression::value(walk, n)
    });
    fields.finish(walk, "`params` of a question");
    let key = Marked::new("question".to_owned(), node.place.clone());
    Some(DataExpr::Map(vec![(key, question?)]))
}
