//! What a person is shown of a chart and the interpreter never reads: expressions and actions as their author wrote them.
//!
//! The interpreter's tables hold compiled slots and domains, and a transition of a state to itself is rewritten in them. Pictures need the
//! words. They are kept beside the tables, so that what a step touches stays small.

use crate::def::{
    ActionDef, DataExpr, Delay, ExprText, InvokeDef, InvokeWhat, StateDef, TextOrExpr,
    TransitionDef,
};
use crate::state::StateId;
use types::{Marked, write_duration};

/// The words of one state.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Shown {
    /// What happens on entry, one action a line.
    pub entry: Vec<String>,
    /// What happens on exit.
    pub exit: Vec<String>,
    /// What runs while it is active: `turn`, `plugin fs.read`.
    pub invoke: Vec<String>,
    /// What a final state hands on.
    pub output: Option<String>,
    /// Where it begins or, of a history state, where it leads the first time.
    pub initial: Vec<StateId>,
    /// What is done on the way there.
    pub initial_actions: Vec<String>,
    /// Its transitions, in document order.
    pub transitions: Vec<ShownTransition>,
}

/// The words of one transition.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ShownTransition {
    /// Its events, `after 10m`, or `always`.
    pub trigger: String,
    pub guard: Option<String>,
    pub actions: Vec<String>,
    /// As written; empty where it only acts.
    pub targets: Vec<StateId>,
    pub reenter: bool,
}

impl Shown {
    /// The words of `def`, whose names `find` resolves and which begins at `initial`.
    pub fn of(
        def: &StateDef,
        initial: Vec<StateId>,
        find: impl Fn(&str) -> Option<StateId>,
    ) -> Self {
        let transition = |t: &TransitionDef| ShownTransition {
            trigger: trigger(t),
            guard: t.guard.as_ref().map(|guard| one_line(guard)),
            actions: actions(&t.actions),
            targets: t.targets.iter().filter_map(|name| find(name)).collect(),
            reenter: t.reenter,
        };
        Shown {
            entry: def.entry.iter().flat_map(|block| actions(block)).collect(),
            exit: def.exit.iter().flat_map(|block| actions(block)).collect(),
            invoke: def.invoke.iter().map(invoke).collect(),
            output: def.output.as_ref().map(|output| data(&output.data)),
            initial,
            initial_actions: def
                .initial
                .as_ref()
                .map_or_else(Vec::new, |i| actions(&i.actions)),
            transitions: def.transitions.iter().map(transition).collect(),
        }
    }
}

fn trigger(def: &TransitionDef) -> String {
    if let Some(after) = def.after {
        return format!("after {}", write_duration(after));
    }
    if def.events.is_empty() {
        return "always".into();
    }
    let names: Vec<_> = def.events.iter().map(|event| one_line(event)).collect();
    names.join(", ")
}

fn invoke(def: &InvokeDef) -> String {
    let mut what = &def.what;
    while let InvokeWhat::Typed { what: inner, .. } = what {
        what = inner;
    }
    let name = match what {
        InvokeWhat::Activity(name) => one_line(name),
        InvokeWhat::Chart(chart) => format!("chart {}", one_line(&chart.name)),
        InvokeWhat::Expr(expr) => one_line(expr),
        // Unwrapped above.
        InvokeWhat::Typed { .. } => String::new(),
    };
    // Of a tool call the tool says most.
    let tool = def.params.iter().find_map(|params| match params {
        DataExpr::Map(entries) => entries.iter().find(|(key, _)| key.as_str() == "tool"),
        DataExpr::One(_) => None,
    });
    match tool {
        Some((_, tool)) => format!("{name} {}", one_line(tool).trim_matches(['\'', '"'])),
        None => name,
    }
}

fn actions(list: &[ActionDef]) -> Vec<String> {
    list.iter().map(action).collect()
}

fn action(action: &ActionDef) -> String {
    match action {
        ActionDef::Assign { location, expr } => {
            format!("{} := {}", one_line(location), one_line(expr))
        }
        ActionDef::Raise { event, data } => {
            format!("raise {}{}", one_line(event), carrying(data.as_ref()))
        }
        ActionDef::Send(send) => {
            let mut text = format!("send {}", text_or_expr(&send.event));
            text.push_str(&carrying(send.data.as_ref()));
            if let Some(target) = &send.target {
                text.push_str(&format!(" to {}", text_or_expr(target)));
            }
            match &send.delay {
                Some(Delay::Fixed(span)) => {
                    text.push_str(&format!(" after {}", write_duration(*span)))
                }
                Some(Delay::Expr(expr)) => text.push_str(&format!(" after {}", one_line(expr))),
                None => {}
            }
            text
        }
        ActionDef::Cancel { id } => format!("cancel {}", text_or_expr(id)),
        ActionDef::Log { label, expr } => {
            let parts = label.as_deref().into_iter().map(one_line);
            let parts = parts.chain(expr.as_ref().map(|expr| one_line(expr)));
            format!("log {}", parts.collect::<Vec<_>>().join(": "))
        }
        ActionDef::If(branches) => {
            let branch = |(index, (guard, body)): (usize, &(Option<ExprText>, Vec<ActionDef>))| {
                let body = actions(body).join("; ");
                match (guard, index) {
                    (Some(guard), 0) => format!("if {} {{ {body} }}", one_line(guard)),
                    (Some(guard), _) => format!("else if {} {{ {body} }}", one_line(guard)),
                    (None, _) => format!("else {{ {body} }}"),
                }
            };
            let branches: Vec<_> = branches.iter().enumerate().map(branch).collect();
            branches.join(" ")
        }
        ActionDef::Foreach {
            array,
            item,
            actions: body,
            ..
        } => format!(
            "for {} in {} {{ {} }}",
            one_line(item),
            one_line(array),
            actions(body).join("; ")
        ),
    }
}

fn carrying(expr: Option<&DataExpr>) -> String {
    expr.map_or_else(String::new, |expr| format!(" {}", data(expr)))
}

fn data(expr: &DataExpr) -> String {
    match expr {
        DataExpr::One(expr) => one_line(expr),
        DataExpr::Map(entries) => {
            let entry = |(name, expr): &(Marked<String>, ExprText)| {
                format!("{}: {}", one_line(name), one_line(expr))
            };
            let entries: Vec<_> = entries.iter().map(entry).collect();
            format!("{{ {} }}", entries.join(", "))
        }
    }
}

fn text_or_expr(text: &TextOrExpr) -> String {
    match text {
        TextOrExpr::Text(text) => one_line(text),
        TextOrExpr::Expr(expr) => one_line(expr),
    }
}

/// Text as one line: an expression may be written over several.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
