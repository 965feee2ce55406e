//! Turns the suites' neutral JSON into the tree that the engine compiles. What the JSON cannot say is an error here, never left out.

use anyhow::{Context, Result, bail};
use chart::{
    ActionDef, ChartDef, ChartKind, DataDef, DataExpr, DataValue, Delay, ExprText, InitialDef,
    InvokeDef, InvokeWhat, OutputDef, SendDef, StateDef, StateKind, TextOrExpr, TransitionDef,
};
use serde_json::{Map, Value as Json};
use types::{Marked, Place, Value, parse_duration};

type States = Map<String, Json>;

/// A whole chart: a case, a resource, or what an `invoke` holds.
pub fn chart(json: &Json) -> Result<ChartDef> {
    let states = json["states"]
        .as_object()
        .context("there are no `states`")?;
    let late = json["binding"] == "late";
    let mut all_data = data(&json["data"])?;
    if !late {
        // Early binding: the data of states is set when the chart starts.
        for id in strings(&json["document_order"]) {
            all_data.extend(data(&states.get(&id).unwrap_or(&Json::Null)["data"])?);
        }
    }
    let root = StateDef {
        id: marked(""),
        doc: None,
        tags: Vec::new(),
        kind: StateKind::Normal,
        initial: initial(&json["initial"], &json["initial_actions"])?,
        states: children(&json["root"], states, late)?,
        entry: Vec::new(),
        exit: Vec::new(),
        transitions: Vec::new(),
        invoke: Vec::new(),
        output: None,
        data: Vec::new(),
    };
    Ok(ChartDef {
        name: marked(json["name"].as_str().unwrap_or_default()),
        version: String::new(),
        kind: ChartKind::default(),
        data: all_data,
        root,
    })
}

fn place() -> Place {
    Place::built_in("case")
}

fn marked(text: &str) -> Marked<String> {
    Marked::new(text.to_owned(), place())
}

fn strings(json: &Json) -> Vec<String> {
    let items = json.as_array().into_iter().flatten();
    items.filter_map(Json::as_str).map(str::to_owned).collect()
}

fn marked_list(json: &Json) -> Vec<Marked<String>> {
    strings(json).iter().map(|s| marked(s)).collect()
}

fn items(json: &Json) -> impl Iterator<Item = &Json> {
    json.as_array().into_iter().flatten()
}

fn expr(json: &Json) -> Option<ExprText> {
    match json {
        Json::Null => None,
        Json::String(text) => Some(marked(text)),
        // A bare literal is its own expression.
        other => Some(marked(&other.to_string())),
    }
}

fn need(json: &Json, what: &str) -> Result<ExprText> {
    expr(json).with_context(|| format!("`{what}` is missing"))
}

/// A text as an expression that yields it. JSON's escapes are among CEL's.
fn quoted(text: &str) -> ExprText {
    marked(&Json::from(text).to_string())
}

fn data(json: &Json) -> Result<Vec<DataDef>> {
    items(json)
        .map(|entry| {
            let id = entry["id"].as_str().context("a data entry has no `id`")?;
            let value = match expr(&entry["expr"]) {
                Some(expr) => DataValue::Expr(expr),
                None => DataValue::Literal(Value::Null),
            };
            Ok(DataDef {
                name: marked(id),
                value,
            })
        })
        .collect()
}

fn initial(targets: &Json, of: &Json) -> Result<Option<InitialDef>> {
    let targets = marked_list(targets);
    if targets.is_empty() {
        return Ok(None);
    }
    Ok(Some(InitialDef {
        targets,
        actions: actions(of)?,
    }))
}

fn children(ids: &Json, states: &States, late: bool) -> Result<Vec<StateDef>> {
    strings(ids)
        .iter()
        .map(|id| state(id, states, late))
        .collect()
}

fn state(id: &str, states: &States, late: bool) -> Result<StateDef> {
    let json = states
        .get(id)
        .with_context(|| format!("there is no state `{id}`"))?;
    read_state(id, json, states, late).with_context(|| format!("the state `{id}`"))
}

fn read_state(id: &str, json: &Json, states: &States, late: bool) -> Result<StateDef> {
    let kind = match json["type"].as_str().unwrap_or_default() {
        "atomic" | "compound" => StateKind::Normal,
        "parallel" => StateKind::Parallel,
        "final" => StateKind::Final,
        "history" => StateKind::History {
            deep: json["history"] == "deep",
        },
        other => bail!("`{other}` is no type of a state"),
    };
    let initial = match kind {
        StateKind::History { .. } => initial(&json["default"], &json["default_actions"])?,
        StateKind::Normal => initial(&json["initial"], &json["initial_actions"])?,
        StateKind::Parallel | StateKind::Final => None,
    };
    // The default of a history stands in `default`; suites that also write it as a transition say the same twice.
    let transitions = match kind {
        StateKind::History { .. } => Vec::new(),
        _ => items(&json["transitions"])
            .map(transition)
            .collect::<Result<_>>()?,
    };
    Ok(StateDef {
        id: marked(id),
        doc: None,
        tags: Vec::new(),
        initial,
        states: children(&json["states"], states, late)?,
        entry: blocks(&json["onentry"])?,
        exit: blocks(&json["onexit"])?,
        transitions,
        invoke: items(&json["invoke"]).map(invoke).collect::<Result<_>>()?,
        output: output(&json["donedata"])?,
        data: if late {
            data(&json["data"])?
        } else {
            Vec::new()
        },
        kind,
    })
}

fn output(json: &Json) -> Result<Option<OutputDef>> {
    Ok(payload(json)?.map(|data| OutputDef { data }))
}

fn blocks(json: &Json) -> Result<Vec<Vec<ActionDef>>> {
    items(json).map(actions).collect()
}

fn transition(json: &Json) -> Result<TransitionDef> {
    Ok(TransitionDef {
        events: marked_list(&json["event"]),
        after: None,
        guard: expr(&json["cond"]),
        targets: marked_list(&json["target"]),
        actions: actions(&json["actions"])?,
        reenter: json["type"] != "internal",
        place: place(),
    })
}

fn actions(json: &Json) -> Result<Vec<ActionDef>> {
    items(json).map(action).collect()
}

fn action(json: &Json) -> Result<ActionDef> {
    let action = json.as_object().context("an action is no map")?;
    let (name, body) = action.iter().next().context("an action is empty")?;
    Ok(match name.as_str() {
        "raise" => ActionDef::Raise {
            event: marked(body.as_str().context("`raise` names no event")?),
            data: None,
        },
        "send" => ActionDef::Send(Box::new(send(body)?)),
        "cancel" => ActionDef::Cancel {
            id: TextOrExpr::Text(marked(body.as_str().context("`cancel` names no id")?)),
        },
        "cancel_expr" => ActionDef::Cancel {
            id: TextOrExpr::Expr(need(body, "cancel_expr")?),
        },
        "assign" => ActionDef::Assign {
            location: need(&body["location"], "location")?,
            expr: need(&body["expr"], "expr")?,
        },
        "log" => ActionDef::Log {
            label: body["label"].as_str().map(str::to_owned),
            expr: expr(&body["expr"]),
        },
        "if" => {
            let branch = |b: &Json| Ok((expr(&b["cond"]), actions(&b["do"])?));
            ActionDef::If(items(body).map(branch).collect::<Result<_>>()?)
        }
        "foreach" => ActionDef::Foreach {
            array: need(&body["array"], "array")?,
            item: need(&body["item"], "item")?,
            index: expr(&body["index"]),
            actions: actions(&body["do"])?,
        },
        other => bail!("`{other}` is no action"),
    })
}

/// `key`, or `key_expr`.
fn text_or_expr(json: &Json, key: &str) -> Option<TextOrExpr> {
    let text = json[key]
        .as_str()
        .map(|text| TextOrExpr::Text(marked(text)));
    text.or_else(|| expr(&json[format!("{key}_expr")]).map(TextOrExpr::Expr))
}

fn send(json: &Json) -> Result<SendDef> {
    let delay = match json["delay"].as_str() {
        Some(text) => Some(match parse_duration(text) {
            Ok(span) => Delay::Fixed(span),
            // An error of the chart when it is sent, not of the case.
            Err(_) => Delay::Expr(quoted(text)),
        }),
        None => expr(&json["delay_expr"]).map(Delay::Expr),
    };
    Ok(SendDef {
        event: text_or_expr(json, "event").context("`send` names no event")?,
        target: text_or_expr(json, "target"),
        delay,
        id: json["id"].as_str().map(str::to_owned),
        id_location: expr(&json["id_location"]),
        data: payload(json)?,
        transport: text_or_expr(json, "type"),
        place: place(),
    })
}

/// `params` and `content_expr` of a send, an invoke or a `donedata`.
fn payload(json: &Json) -> Result<Option<DataExpr>> {
    let params: Vec<_> = items(&json["params"])
        .map(|param| {
            let name = param["name"].as_str().context("a param has no `name`")?;
            let value = expr(&param["expr"]).or_else(|| expr(&param["location"]));
            Ok((
                marked(name),
                value.context("a param has neither `expr` nor `location`")?,
            ))
        })
        .collect::<Result<_>>()?;
    if !params.is_empty() {
        return Ok(Some(DataExpr::Map(params)));
    }
    Ok(expr(&json["content_expr"]).map(DataExpr::One))
}

fn invoke(json: &Json) -> Result<InvokeDef> {
    let what = if json["chart"].is_object() {
        InvokeWhat::Chart(Box::new(
            chart(&json["chart"]).context("the chart of an `invoke`")?,
        ))
    } else if let Some(key) = json["src"].as_str() {
        InvokeWhat::Expr(quoted(key))
    } else {
        let key = expr(&json["src_expr"]).or_else(|| expr(&json["content_expr"]));
        InvokeWhat::Expr(key.context("an `invoke` says not what")?)
    };
    let what = match text_or_expr(json, "type") {
        Some(transport) => InvokeWhat::Typed {
            transport,
            what: Box::new(what),
        },
        None => what,
    };
    // `content_expr` says what is invoked here; only params are data.
    let params = payload(&serde_json::json!({ "params": json["params"] }))?;
    Ok(InvokeDef {
        id: json["id"].as_str().map(str::to_owned),
        id_location: expr(&json["id_location"]),
        what,
        params,
        autoforward: json["autoforward"] == true,
        finalize: actions(&json["finalize"])?,
        place: place(),
    })
}
