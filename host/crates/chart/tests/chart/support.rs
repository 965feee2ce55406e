//! Charts for tests, written as JSON with the keys that people use in YAML, so that a test shows its chart.

use charthouse_chart::*;
use serde_json::Value as Json;
use types::{Marked, Place, Value, parse_duration};

/// Compile a chart that must be right.
#[track_caller]
pub fn chart(json: Json) -> Chart {
    match compile(&def(&json), Mode::Strict) {
        Ok(compiled) => compiled.chart,
        Err(findings) => panic!("{}", text(&findings)),
    }
}

/// Findings as lines of text.
pub fn text(findings: &[types::Finding]) -> String {
    let line = |f: &types::Finding| {
        let help = if f.help.is_empty() {
            String::new()
        } else {
            format!(" ({})", f.help)
        };
        format!("{:?}: {}{help}\n", f.severity, f.message)
    };
    findings.iter().map(line).collect()
}

/// A chart as written.
pub fn def(json: &Json) -> ChartDef {
    let data = json["data"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| DataDef {
            name: marked(name),
            value: DataValue::Literal(Value::from(value)),
        });
    ChartDef {
        name: marked(json["chart"].as_str().unwrap_or("test")),
        version: "1.0.0".into(),
        kind: ChartKind::Cognition,
        data: data.collect(),
        root: state("", json),
    }
}

fn marked(text: &str) -> Marked<String> {
    Marked::new(text.to_owned(), Place::new("test.yaml", 1, 1))
}

fn texts(json: &Json) -> Vec<Marked<String>> {
    match json {
        Json::String(text) => vec![marked(text)],
        Json::Array(items) => items.iter().filter_map(Json::as_str).map(marked).collect(),
        _ => vec![],
    }
}

fn state(id: &str, json: &Json) -> StateDef {
    let kind = match (json["type"].as_str(), json["history"].as_str()) {
        (Some("parallel"), _) => StateKind::Parallel,
        (Some("final"), _) => StateKind::Final,
        (Some("history"), deep) => StateKind::History {
            deep: deep == Some("deep"),
        },
        _ => StateKind::Normal,
    };
    let start = if matches!(kind, StateKind::History { .. }) {
        "target"
    } else {
        "initial"
    };
    let start = texts(&json[start]);
    let mut transitions = Vec::new();
    for (event, value) in json["on"].as_object().into_iter().flatten() {
        transitions.extend(branches(value).map(|t| transition(vec![marked(event)], None, t)));
    }
    if !json["always"].is_null() {
        transitions.extend(branches(&json["always"]).map(|t| transition(vec![], None, t)));
    }
    for (delay, value) in json["after"].as_object().into_iter().flatten() {
        let delay = parse_duration(delay).expect("a duration");
        transitions.extend(branches(value).map(|t| transition(vec![], Some(delay), t)));
    }
    let block = |key: &str| match &json[key] {
        Json::Null => vec![],
        block => vec![actions(block)],
    };
    StateDef {
        id: marked(id),
        doc: None,
        tags: texts(&json["tags"]).into_iter().map(|t| t.value).collect(),
        kind,
        initial: (!start.is_empty()).then(|| InitialDef {
            targets: start,
            actions: vec![],
        }),
        states: json["states"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(id, json)| state(id, json))
            .collect(),
        entry: block("entry"),
        exit: block("exit"),
        transitions,
        invoke: match &json["invoke"] {
            Json::Null => vec![],
            Json::String(name) => vec![invoke(InvokeWhat::Activity(marked(name)), &Json::Null)],
            of => {
                let what = match of["activity"].as_str() {
                    Some(name) => InvokeWhat::Activity(marked(name)),
                    None => InvokeWhat::Chart(Box::new(def(&of["chart"]))),
                };
                vec![invoke(what, of)]
            }
        },
        output: payload(&json["output"]).map(|data| OutputDef { data }),
        data: vec![],
    }
}

fn branches(json: &Json) -> Box<dyn Iterator<Item = &Json> + '_> {
    match json {
        Json::Array(items) => Box::new(items.iter()),
        one => Box::new(std::iter::once(one)),
    }
}

fn transition(
    events: Vec<Marked<String>>,
    after: Option<std::time::Duration>,
    json: &Json,
) -> TransitionDef {
    let targets = if json.is_object() {
        texts(&json["target"])
    } else {
        texts(json)
    };
    TransitionDef {
        events,
        after,
        guard: json["guard"].as_str().map(marked),
        targets,
        actions: actions(&json["actions"]),
        reenter: json["reenter"] == true,
        place: Place::new("test.yaml", 1, 1),
    }
}

fn invoke(what: InvokeWhat, json: &Json) -> InvokeDef {
    InvokeDef {
        id: json["id"].as_str().map(str::to_owned),
        id_location: None,
        what,
        params: payload(&json["params"]),
        autoforward: json["autoforward"] == true,
        finalize: actions(&json["finalize"]),
        place: Place::new("test.yaml", 1, 1),
    }
}

fn payload(json: &Json) -> Option<DataExpr> {
    match json {
        Json::String(text) => Some(DataExpr::One(marked(text))),
        Json::Object(map) => {
            let entry = |(k, v): (&String, &Json)| (marked(k), marked(v.as_str().unwrap_or("")));
            Some(DataExpr::Map(map.iter().map(entry).collect()))
        }
        _ => None,
    }
}

fn actions(json: &Json) -> Vec<ActionDef> {
    json.as_array()
        .into_iter()
        .flatten()
        .flat_map(action)
        .collect()
}

fn action(json: &Json) -> Vec<ActionDef> {
    let (name, body) = json
        .as_object()
        .and_then(|o| o.iter().next())
        .expect("an action");
    let expr = |key: &str| body[key].as_str().map(marked);
    vec![match name.as_str() {
        "assign" => {
            let all = body.as_object().into_iter().flatten();
            return all
                .map(|(location, expr)| ActionDef::Assign {
                    location: marked(location),
                    expr: marked(expr.as_str().expect("an expression")),
                })
                .collect();
        }
        "raise" => ActionDef::Raise {
            event: marked(body.as_str().expect("an event")),
            data: None,
        },
        "send" => ActionDef::Send(Box::new(SendDef {
            event: TextOrExpr::Text(expr("event").expect("an event")),
            target: expr("target").map(TextOrExpr::Text),
            delay: body["delay"]
                .as_str()
                .map(|d| Delay::Fixed(parse_duration(d).expect("a delay"))),
            id: body["id"].as_str().map(str::to_owned),
            id_location: None,
            data: payload(&body["data"]),
            transport: None,
            place: Place::new("test.yaml", 1, 1),
        })),
        "cancel" => ActionDef::Cancel {
            id: TextOrExpr::Text(marked(body.as_str().expect("an id"))),
        },
        "log" => ActionDef::Log {
            label: None,
            expr: body.as_str().map(marked),
        },
        "if" => ActionDef::If(vec![(expr("guard"), actions(&body["then"]))]),
        "foreach" => ActionDef::Foreach {
            array: expr("array").expect("an array"),
            item: expr("item").expect("an item"),
            index: expr("index"),
            actions: actions(&body["do"]),
        },
        other => panic!("no action {other}"),
    }]
}
