//! Turns the suites' neutral JSON into the tree that the engine compiles. What is not of the format is an error here with a name, never left
//! out: a field nobody reads would make a case pass that was never run.

use anyhow::{Context, Result, bail};
use chart::{
    ActionDef, ChartDef, ChartKind, DataDef, DataExpr, DataValue, Delay, ExprText, InitialDef,
    InvokeDef, InvokeWhat, OutputDef, SendDef, StateDef, StateKind, TextOrExpr, TransitionDef,
};
use serde_json::{Map, Value as Json};
use std::collections::BTreeSet;
use types::{Marked, Place, Value, parse_duration};

type States = Map<String, Json>;

/// A case: a chart with a script and remarks. Remarks are not ours to judge; [`remarks`] names those that nobody has told us of.
pub fn case(json: &Json) -> Result<ChartDef> {
    read_chart(json)
}

/// Fields of a case that are not of the format.
pub fn remarks(json: &Json) -> Vec<&str> {
    let keys = json.as_object().into_iter().flat_map(Map::keys);
    keys.map(String::as_str)
        .filter(|key| {
            !CASE_FIELDS.contains(key)
                && !CHART_FIELDS.contains(key)
                && !key.starts_with(OTHER_SCRIPTS)
        })
        .collect()
}

/// A whole chart: a resource, or what an `invoke` holds.
pub fn chart(json: &Json) -> Result<ChartDef> {
    fields(json, "a chart", &CHART_FIELDS)?;
    read_chart(json)
}

fn read_chart(json: &Json) -> Result<ChartDef> {
    let states = json["states"]
        .as_object()
        .context("there are no `states`")?;
    let late = match text(json, "binding")? {
        None | Some("early") => false,
        Some("late") => true,
        Some(other) => bail!("`{other}` is no binding; it is `early` or `late`"),
    };
    let mut reader = Reader {
        states,
        late,
        placed: BTreeSet::new(),
    };
    let children = reader.children(&json["root"], None)?;
    if let Some(lost) = states.keys().find(|id| !reader.placed.contains(*id)) {
        bail!("the state `{lost}` lies in no other state and not in `root`");
    }
    let mut all_data = data(&json["data"])?;
    if !late {
        // Early binding: the data of states is set when the chart starts.
        let order = strings(&json["document_order"], "document_order")?;
        for id in &order {
            let state = states
                .get(id)
                .with_context(|| format!("`document_order` names the unknown state `{id}`"))?;
            all_data.extend(data(&state["data"])?);
        }
        let with_data = |id: &&String| !states[*id]["data"].is_null();
        if let Some(id) = states
            .keys()
            .filter(with_data)
            .find(|id| !order.contains(id))
        {
            bail!("the state `{id}` has data and is not in `document_order`");
        }
    }
    let root = StateDef {
        id: marked(""),
        doc: None,
        tags: Vec::new(),
        kind: StateKind::Normal,
        initial: initial(&json["initial"], &json["initial_actions"])?,
        states: children,
        entry: Vec::new(),
        exit: Vec::new(),
        transitions: Vec::new(),
        invoke: Vec::new(),
        output: None,
        data: Vec::new(),
    };
    Ok(ChartDef {
        name: marked(text(json, "name")?.unwrap_or_default()),
        version: String::new(),
        kind: ChartKind::default(),
        data: all_data,
        root,
    })
}

const CHART_FIELDS: [&str; 8] = [
    "name",
    "binding",
    "initial",
    "initial_actions",
    "data",
    "root",
    "states",
    "document_order",
];

/// What a case has besides. `fork` says that there are other schools of thought, whose scripts do not count.
const CASE_FIELDS: [&str; 13] = [
    "id",
    "suite",
    "source",
    "licence",
    "level",
    "needs",
    "features",
    "adapted",
    "conds",
    "assertion",
    "fork",
    "script",
    "resources",
];

/// Fields that begin so are scripts of other schools.
const OTHER_SCRIPTS: &str = "script_";

/// Refuse whatever is not of the format.
pub(crate) fn fields(json: &Json, what: &str, known: &[&str]) -> Result<()> {
    let Some(map) = json.as_object() else {
        bail!("{what} is no map");
    };
    for field in map.keys() {
        if !known.contains(&field.as_str()) {
            bail!(
                "{what} has the field `{field}`, which is not of the format; known are {}",
                known.join(", ")
            );
        }
    }
    Ok(())
}

fn place() -> Place {
    Place::built_in("case")
}

fn marked(text: &str) -> Marked<String> {
    Marked::new(text.to_owned(), place())
}

/// A list of names; one alone needs no list.
fn strings(json: &Json, what: &str) -> Result<Vec<String>> {
    let name = |item: &Json| {
        let name = item.as_str().map(str::to_owned);
        name.with_context(|| format!("`{what}` holds {item}, which is no text"))
    };
    match json {
        Json::String(text) => Ok(vec![text.clone()]),
        json => items(json, what)?.iter().map(name).collect(),
    }
}

fn marked_list(json: &Json, what: &str) -> Result<Vec<Marked<String>>> {
    Ok(strings(json, what)?.iter().map(|s| marked(s)).collect())
}

fn items<'j>(json: &'j Json, what: &str) -> Result<&'j [Json]> {
    match json {
        Json::Null => Ok(&[]),
        Json::Array(items) => Ok(items),
        other => bail!("`{what}` is {other}, and must be a list"),
    }
}

/// The text under `key`; absent and `null` are the same.
fn text<'j>(json: &'j Json, key: &str) -> Result<Option<&'j str>> {
    match &json[key] {
        Json::Null => Ok(None),
        Json::String(text) => Ok(Some(text)),
        other => bail!("`{key}` is {other}, and must be a text"),
    }
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
    let entry = |entry: &Json| {
        fields(entry, "a data entry", &["id", "expr"])?;
        let id = text(entry, "id")?.context("a data entry has no `id`")?;
        let value = match expr(&entry["expr"]) {
            Some(expr) => DataValue::Expr(expr),
            None => DataValue::Literal(Value::Null),
        };
        Ok(DataDef {
            name: marked(id),
            value,
        })
    };
    items(json, "data")?.iter().map(entry).collect()
}

fn initial(targets: &Json, of: &Json) -> Result<Option<InitialDef>> {
    let targets = marked_list(targets, "initial")?;
    let actions = actions(of, "initial_actions")?;
    if targets.is_empty() {
        if !actions.is_empty() {
            bail!("there are `initial_actions` and no `initial`");
        }
        return Ok(None);
    }
    Ok(Some(InitialDef { targets, actions }))
}

/// What one chart's states are read with.
struct Reader<'j> {
    states: &'j States,
    late: bool,
    /// States that have found their place; each has one, or there would be no end.
    placed: BTreeSet<String>,
}

impl Reader<'_> {
    fn children(&mut self, ids: &Json, parent: Option<&str>) -> Result<Vec<StateDef>> {
        let ids = strings(ids, "states")?;
        ids.iter().map(|id| self.state(id, parent)).collect()
    }

    fn state(&mut self, id: &str, parent: Option<&str>) -> Result<StateDef> {
        let json = self
            .states
            .get(id)
            .with_context(|| format!("there is no state `{id}`"))?;
        if !self.placed.insert(id.to_owned()) {
            bail!("the state `{id}` lies in two places");
        }
        if json.get("parent").is_some() && json["parent"].as_str() != parent {
            let parent = parent.unwrap_or("the chart");
            bail!("the state `{id}` lies in {parent}, and its `parent` says otherwise");
        }
        self.read(id, json)
            .with_context(|| format!("the state `{id}`"))
    }

    fn read(&mut self, id: &str, json: &Json) -> Result<StateDef> {
        fields(json, "a state", &STATE_FIELDS)?;
        let written = text(json, "type")?.unwrap_or_default();
        let kind = match written {
            "atomic" | "compound" => StateKind::Normal,
            "parallel" => StateKind::Parallel,
            "final" => StateKind::Final,
            "history" => StateKind::History {
                deep: match text(json, "history")? {
                    Some("deep") => true,
                    None | Some("shallow") => false,
                    Some(other) => bail!("`{other}` is no type of a history"),
                },
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
            _ => each(&json["transitions"], "transitions", transition)?,
        };
        let states = self.children(&json["states"], Some(id))?;
        match (written, states.is_empty()) {
            ("compound", true) => bail!("a compound state has no `states`"),
            ("atomic", false) => bail!("an atomic state has `states`"),
            _ => {}
        }
        Ok(StateDef {
            id: marked(id),
            doc: None,
            tags: Vec::new(),
            initial,
            states,
            entry: blocks(&json["onentry"], "onentry")?,
            exit: blocks(&json["onexit"], "onexit")?,
            transitions,
            invoke: each(&json["invoke"], "invoke", invoke)?,
            output: output(&json["donedata"])?,
            data: if self.late {
                data(&json["data"])?
            } else {
                Vec::new()
            },
            kind,
        })
    }
}

const STATE_FIELDS: [&str; 14] = [
    "type",
    "parent",
    "states",
    "initial",
    "initial_actions",
    "history",
    "default",
    "default_actions",
    "onentry",
    "onexit",
    "transitions",
    "data",
    "donedata",
    "invoke",
];

fn each<T>(json: &Json, what: &str, read: fn(&Json) -> Result<T>) -> Result<Vec<T>> {
    items(json, what)?.iter().map(read).collect()
}

fn output(json: &Json) -> Result<Option<OutputDef>> {
    if json.is_null() {
        return Ok(None);
    }
    fields(json, "`donedata`", &["params", "content_expr"])?;
    Ok(payload(json)?.map(|data| OutputDef { data }))
}

/// Handlers, each a block of actions.
fn blocks(json: &Json, what: &str) -> Result<Vec<Vec<ActionDef>>> {
    items(json, what)?
        .iter()
        .map(|b| actions(b, what))
        .collect()
}

fn transition(json: &Json) -> Result<TransitionDef> {
    fields(
        json,
        "a transition",
        &["event", "cond", "target", "type", "actions"],
    )?;
    let reenter = match text(json, "type")? {
        None | Some("external") => true,
        Some("internal") => false,
        Some(other) => bail!("`{other}` is no type of a transition"),
    };
    Ok(TransitionDef {
        events: marked_list(&json["event"], "event")?,
        after: None,
        guard: expr(&json["cond"]),
        targets: marked_list(&json["target"], "target")?,
        actions: actions(&json["actions"], "actions")?,
        reenter,
        place: place(),
    })
}

fn actions(json: &Json, what: &str) -> Result<Vec<ActionDef>> {
    each(json, what, action)
}

fn action(json: &Json) -> Result<ActionDef> {
    let action = json.as_object().context("an action is no map")?;
    let (Some((name, body)), 1) = (action.iter().next(), action.len()) else {
        bail!("an action has one key, its name, and this is {json}");
    };
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
        "assign" => {
            fields(body, "`assign`", &["location", "expr"])?;
            ActionDef::Assign {
                location: need(&body["location"], "location")?,
                expr: need(&body["expr"], "expr")?,
            }
        }
        "log" => {
            fields(body, "`log`", &["label", "expr"])?;
            ActionDef::Log {
                label: text(body, "label")?.map(str::to_owned),
                expr: expr(&body["expr"]),
            }
        }
        "if" => {
            let branch = |b: &Json| {
                fields(b, "a branch of `if`", &["cond", "do"])?;
                Ok((expr(&b["cond"]), actions(&b["do"], "do")?))
            };
            ActionDef::If(each(body, "if", branch)?)
        }
        "foreach" => {
            fields(body, "`foreach`", &["array", "item", "index", "do"])?;
            ActionDef::Foreach {
                array: need(&body["array"], "array")?,
                item: need(&body["item"], "item")?,
                index: expr(&body["index"]),
                actions: actions(&body["do"], "do")?,
            }
        }
        other => bail!("`{other}` is no action"),
    })
}

/// `key`, or `key_expr`.
fn text_or_expr(json: &Json, key: &str) -> Result<Option<TextOrExpr>> {
    let fixed = text(json, key)?.map(|text| TextOrExpr::Text(marked(text)));
    Ok(fixed.or_else(|| expr(&json[format!("{key}_expr")]).map(TextOrExpr::Expr)))
}

const SEND_FIELDS: [&str; 12] = [
    "event",
    "event_expr",
    "target",
    "target_expr",
    "delay",
    "delay_expr",
    "id",
    "id_location",
    "params",
    "content_expr",
    "type",
    "type_expr",
];

fn send(json: &Json) -> Result<SendDef> {
    fields(json, "`send`", &SEND_FIELDS)?;
    let delay = match &json["delay"] {
        // A number is milliseconds.
        Json::Number(number) => Some(Delay::Expr(marked(&number.to_string()))),
        _ => match text(json, "delay")? {
            Some(text) => Some(match parse_duration(text) {
                Ok(span) => Delay::Fixed(span),
                // An error of the chart when it is sent, not of the case.
                Err(_) => Delay::Expr(quoted(text)),
            }),
            None => expr(&json["delay_expr"]).map(Delay::Expr),
        },
    };
    Ok(SendDef {
        event: text_or_expr(json, "event")?.context("`send` names no event")?,
        target: text_or_expr(json, "target")?,
        delay,
        id: text(json, "id")?.map(str::to_owned),
        id_location: expr(&json["id_location"]),
        data: payload(json)?,
        transport: text_or_expr(json, "type")?,
        place: place(),
    })
}

/// `params` and `content_expr` of a send, an invoke or a `donedata`.
fn payload(json: &Json) -> Result<Option<DataExpr>> {
    let params: Vec<_> = each(&json["params"], "params", |param| {
        fields(param, "a param", &["name", "expr", "location"])?;
        let name = text(param, "name")?.context("a param has no `name`")?;
        let value = expr(&param["expr"]).or_else(|| expr(&param["location"]));
        Ok((
            marked(name),
            value.context("a param has neither `expr` nor `location`")?,
        ))
    })?;
    if !params.is_empty() {
        return Ok(Some(DataExpr::Map(params)));
    }
    Ok(expr(&json["content_expr"]).map(DataExpr::One))
}

const INVOKE_FIELDS: [&str; 11] = [
    "id",
    "id_location",
    "chart",
    "src",
    "src_expr",
    "type",
    "type_expr",
    "params",
    "content_expr",
    "autoforward",
    "finalize",
];

fn invoke(json: &Json) -> Result<InvokeDef> {
    fields(json, "`invoke`", &INVOKE_FIELDS)?;
    let what = if json["chart"].is_object() {
        InvokeWhat::Chart(Box::new(
            chart(&json["chart"]).context("the chart of an `invoke`")?,
        ))
    } else if let Some(key) = text(json, "chart")?.or(text(json, "src")?) {
        InvokeWhat::Expr(quoted(key))
    } else {
        let key = expr(&json["src_expr"]).or_else(|| expr(&json["content_expr"]));
        InvokeWhat::Expr(key.context("an `invoke` says not what")?)
    };
    let what = match text_or_expr(json, "type")? {
        Some(transport) => InvokeWhat::Typed {
            transport,
            what: Box::new(what),
        },
        None => what,
    };
    // `content_expr` says what is invoked here; only params are data.
    let params = payload(&serde_json::json!({ "params": json["params"] }))?;
    let autoforward = match &json["autoforward"] {
        Json::Null => false,
        Json::Bool(forward) => *forward,
        other => bail!("`autoforward` is {other}, and must be true or false"),
    };
    Ok(InvokeDef {
        id: text(json, "id")?.map(str::to_owned),
        id_location: expr(&json["id_location"]),
        what,
        params,
        autoforward,
        finalize: actions(&json["finalize"], "finalize")?,
        place: place(),
    })
}
