//! The content hash of a chart: of what it does, not of how or where it is written. Places, documentation and layout do not count.

use crate::compile::Mode;
use crate::def::{
    ActionDef, ChartDef, ChartKind, DataDef, DataExpr, DataValue, Delay, InitialDef, InvokeDef,
    InvokeWhat, SendDef, StateDef, StateKind, TextOrExpr, TransitionDef,
};
use serde_json::{Value as Json, json};
use types::ContentHash;

/// The hash of `def` with everything it can invoke.
pub(crate) fn content_hash(
    def: &ChartDef,
    mode: Mode,
    resources: &[(String, ChartDef)],
) -> ContentHash {
    let resources: Vec<Json> = resources
        .iter()
        .map(|(key, resource)| json!([key, chart(resource)]))
        .collect();
    let whole = json!({
        "strict": mode == Mode::Strict,
        "chart": chart(def),
        "resources": resources,
    });
    ContentHash::of(whole.to_string().as_bytes())
}

/// The hash of one chart without what it can invoke by a computed key.
pub(crate) fn chart_hash(def: &ChartDef) -> ContentHash {
    ContentHash::of(chart(def).to_string().as_bytes())
}

fn chart(def: &ChartDef) -> Json {
    json!({
        "name": *def.name,
        "version": def.version,
        "kind": match def.kind { ChartKind::Cognition => "cognition", ChartKind::Workflow => "workflow" },
        "data": data(&def.data),
        "root": state(&def.root),
    })
}

fn data(entries: &[DataDef]) -> Json {
    entries
        .iter()
        .map(|entry| match &entry.value {
            DataValue::Literal(value) => json!([*entry.name, "literal", value]),
            DataValue::Expr(expr) => json!([*entry.name, "expr", **expr]),
        })
        .collect()
}

fn state(def: &StateDef) -> Json {
    let kind = match def.kind {
        StateKind::Normal => "normal",
        StateKind::Parallel => "parallel",
        StateKind::Final => "final",
        StateKind::History { deep: false } => "shallow",
        StateKind::History { deep: true } => "deep",
    };
    json!({
        "id": *def.id,
        "tags": def.tags,
        "kind": kind,
        "initial": def.initial.as_ref().map(initial),
        "entry": blocks(&def.entry),
        "exit": blocks(&def.exit),
        "transitions": def.transitions.iter().map(transition).collect::<Json>(),
        "invoke": def.invoke.iter().map(invoke).collect::<Json>(),
        "output": def.output.as_ref().map(|output| payload(&output.data)),
        "data": data(&def.data),
        "states": def.states.iter().map(state).collect::<Json>(),
    })
}

fn initial(def: &InitialDef) -> Json {
    json!([names(&def.targets), actions(&def.actions)])
}

fn names(names: &[types::Marked<String>]) -> Json {
    names.iter().map(|name| name.as_str()).collect()
}

fn transition(def: &TransitionDef) -> Json {
    json!({
        "events": names(&def.events),
        "after": def.after.map(|span| span.as_millis().to_string()),
        "guard": def.guard.as_deref(),
        "targets": names(&def.targets),
        "actions": actions(&def.actions),
        "reenter": def.reenter,
    })
}

fn blocks(blocks: &[Vec<ActionDef>]) -> Json {
    blocks.iter().map(|block| actions(block)).collect()
}

fn actions(actions: &[ActionDef]) -> Json {
    actions.iter().map(action).collect()
}

fn action(def: &ActionDef) -> Json {
    match def {
        ActionDef::Assign { location, expr } => json!(["assign", **location, **expr]),
        ActionDef::Raise { event, data } => {
            json!(["raise", **event, data.as_ref().map(payload)])
        }
        ActionDef::Send(def) => send(def),
        ActionDef::Cancel { id } => json!(["cancel", text(id)]),
        ActionDef::Log { label, expr } => json!(["log", label, expr.as_deref()]),
        ActionDef::If(branches) => {
            let branches = branches.iter();
            let branches = branches.map(|(guard, then)| json!([guard.as_deref(), actions(then)]));
            json!(["if", branches.collect::<Json>()])
        }
        ActionDef::Foreach {
            array,
            item,
            index,
            actions: body,
        } => json!(["foreach", **array, **item, index.as_deref(), actions(body)]),
    }
}

fn send(def: &SendDef) -> Json {
    let delay = def.delay.as_ref().map(|delay| match delay {
        Delay::Fixed(span) => json!(["fixed", span.as_millis().to_string()]),
        Delay::Expr(expr) => json!(["expr", **expr]),
    });
    json!(["send", {
        "event": text(&def.event),
        "target": def.target.as_ref().map(text),
        "delay": delay,
        "id": def.id,
        "id_location": def.id_location.as_deref(),
        "data": def.data.as_ref().map(payload),
        "transport": def.transport.as_ref().map(text),
    }])
}

fn invoke(def: &InvokeDef) -> Json {
    json!({
        "id": def.id,
        "id_location": def.id_location.as_deref(),
        "what": what(&def.what),
        "params": def.params.as_ref().map(payload),
        "autoforward": def.autoforward,
        "finalize": actions(&def.finalize),
    })
}

fn what(def: &InvokeWhat) -> Json {
    match def {
        InvokeWhat::Activity(name) => json!(["activity", **name]),
        InvokeWhat::Chart(def) => json!(["chart", chart(def)]),
        InvokeWhat::Expr(expr) => json!(["expr", **expr]),
        InvokeWhat::Typed {
            transport,
            what: inner,
        } => {
            json!(["typed", text(transport), what(inner)])
        }
    }
}

fn text(def: &TextOrExpr) -> Json {
    match def {
        TextOrExpr::Text(text) => json!(["text", **text]),
        TextOrExpr::Expr(expr) => json!(["expr", **expr]),
    }
}

fn payload(def: &DataExpr) -> Json {
    match def {
        DataExpr::One(expr) => json!(["one", **expr]),
        DataExpr::Map(entries) => {
            let entries = entries.iter().map(|(name, expr)| json!([**name, **expr]));
            json!(["map", entries.collect::<Json>()])
        }
    }
}
