//! What a script can see of a payload.
//!
//! | name | what it is |
//! |---|---|
//! | `results` | the tools' answers in order, each `{tool, arguments, failed, text, json}` |
//! | `last` | the last of them, `none` before the first |
//! | `called(tool)` | how often the tool was called |
//! | `result(tool, n)` | its n-th answer from 0, or from the end when n is negative; undefined when there is none |
//! | `results_of(tool)` | all its answers |
//! | `turn` | how many answers the model has given |
//! | `prompt` | what a person said last |
//! | `system` | all system texts |
//! | `tools` | names of the tools on offer |
//! | `signals` | names of the events that can be raised through the tool `signal` |
//!
//! Where the script says `since: TEXT`, what was called, answered and said counts from the last message on that holds the text: a script that is given work
//! again in the same conversation begins anew with it.
//!
//! `json` is the answer's text read as JSON, or else its last line that is a JSON object or list, or else `none`: an answer of several
//! parts has one per line. It is read when it is first asked for, because most answers of a long history never are.

use minijinja::Value;
use minijinja::value::{Enumerator, Object};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, OnceLock};
use types::{Arguments, Item, Payload, Provenance, Role, ToolCall, ToolResult};

/// Every name that a script can use.
pub const NAMES: [&str; 10] = [
    "results",
    "last",
    "called",
    "result",
    "results_of",
    "turn",
    "prompt",
    "system",
    "tools",
    "signals",
];

const RESULT_KEYS: &[&str] = &["tool", "arguments", "failed", "text", "json"];

/// A payload from a script's point of view.
pub struct View {
    results: Vec<Value>,
    /// The tool of each of `results`.
    answered: Vec<Arc<str>>,
    last_result: Option<ToolResult>,
    called: BTreeMap<Arc<str>, usize>,
    turn: usize,
    answers: usize,
    prompt: Option<Arc<str>>,
    system: String,
    tools: Vec<Arc<str>>,
    signals: Vec<String>,
}

impl View {
    /// Look at `payload`, from the last message on that holds `since`.
    pub fn of(payload: &Payload, since: Option<&str>) -> Self {
        let mut view = View {
            results: vec![],
            answered: vec![],
            last_result: None,
            called: BTreeMap::new(),
            turn: 0,
            answers: 0,
            prompt: None,
            system: String::new(),
            tools: payload.tools.iter().map(|tool| tool.name.clone()).collect(),
            signals: signals(payload),
        };
        let mut calls: HashMap<&str, &ToolCall> = HashMap::new();
        for item in &payload.items {
            match &**item {
                Item::Text {
                    role: Role::System,
                    text,
                    ..
                } => {
                    if !view.system.is_empty() {
                        view.system.push_str("\n\n");
                    }
                    view.system.push_str(&text.plain());
                }
                Item::Text {
                    role: Role::User,
                    text,
                    provenance,
                    ..
                } => {
                    if since.is_some_and(|since| text.plain().contains(since)) {
                        view.begin_anew();
                    }
                    if *provenance == Provenance::Human {
                        view.prompt = Some(text.plain().into());
                    }
                }
                Item::Assistant { calls: made, .. } => {
                    view.turn += 1;
                    view.answers += 1;
                    for call in made {
                        *view.called.entry(call.name.clone()).or_default() += 1;
                        calls.insert(&call.id, call);
                    }
                }
                Item::Result(result) => {
                    let arguments = calls.get(&*result.call).map(|call| call.arguments.clone());
                    view.answered.push(result.name.clone());
                    view.results.push(Value::from_object(Answer {
                        result: result.clone(),
                        arguments,
                        json: OnceLock::new(),
                    }));
                    view.last_result = Some(result.clone());
                }
            }
        }
        view
    }

    /// Forget what was done so far. What was said to it stays.
    fn begin_anew(&mut self) {
        self.results.clear();
        self.answered.clear();
        self.last_result = None;
        self.called.clear();
        self.turn = 0;
    }

    /// How many answers the model has given in all, which no script begins anew.
    pub fn answers(&self) -> usize {
        self.answers
    }

    /// The names of [`NAMES`] with their values.
    pub fn context(self: &Arc<Self>) -> Value {
        let (called, nth, of) = (self.clone(), self.clone(), self.clone());
        Value::from_pairs([
            ("results", Value::from(self.results.clone())),
            (
                "last",
                self.results.last().cloned().unwrap_or(Value::from(())),
            ),
            (
                "called",
                Value::from_function(move |tool: &str| {
                    called.called.get(tool).copied().unwrap_or(0)
                }),
            ),
            (
                "result",
                Value::from_function(move |tool: &str, n: i64| {
                    nth.result(tool, n).unwrap_or(Value::UNDEFINED)
                }),
            ),
            (
                "results_of",
                Value::from_function(move |tool: &str| {
                    of.results_of(tool).cloned().collect::<Vec<Value>>()
                }),
            ),
            ("turn", Value::from(self.turn)),
            (
                "prompt",
                Value::from(self.prompt.as_deref().unwrap_or_default()),
            ),
            ("system", Value::from(self.system.as_str())),
            (
                "tools",
                self.tools
                    .iter()
                    .map(|name| Value::from(name.clone()))
                    .collect(),
            ),
            (
                "signals",
                self.signals
                    .iter()
                    .map(|name| Value::from(name.as_str()))
                    .collect(),
            ),
        ])
    }

    fn results_of(&self, tool: &str) -> impl DoubleEndedIterator<Item = &Value> {
        let pairs = self.answered.iter().zip(&self.results);
        pairs
            .filter(move |(name, _)| &***name == tool)
            .map(|(_, value)| value)
    }

    fn result(&self, tool: &str, n: i64) -> Option<Value> {
        let place = usize::try_from(n.unsigned_abs()).ok()?;
        let found = match n {
            0.. => self.results_of(tool).nth(place),
            _ => self.results_of(tool).rev().nth(place - 1),
        };
        found.cloned()
    }

    /// What an author needs to know to write the reply that is missing.
    pub fn describe(&self) -> String {
        let calls: Vec<String> = self
            .called
            .iter()
            .map(|(tool, n)| format!("{tool} × {n}"))
            .collect();
        let calls = if calls.is_empty() {
            "none".to_owned()
        } else {
            calls.join(", ")
        };
        let last = match &self.last_result {
            None => String::new(),
            Some(result) => format!(
                "; last answer: {}{} said `{}`",
                result.name,
                if result.failed { " failed and" } else { "" },
                shorten(&result.text.plain())
            ),
        };
        let prompt = self
            .prompt
            .as_deref()
            .map_or_else(|| "none".to_owned(), |text| format!("`{}`", shorten(text)));
        format!(
            "turn {}, prompt {prompt}, calls so far: {calls}{last}",
            self.turn
        )
    }
}

/// The events that the host tool `signal` offers: the first `enum` among its parameters.
fn signals(payload: &Payload) -> Vec<String> {
    let Some(tool) = payload.tools.iter().find(|tool| &*tool.name == "signal") else {
        return vec![];
    };
    let properties = tool
        .parameters
        .get("properties")
        .and_then(serde_json::Value::as_object);
    let names = properties
        .into_iter()
        .flatten()
        .find_map(|(_, schema)| schema.get("enum")?.as_array());
    names
        .into_iter()
        .flatten()
        .filter_map(|name| name.as_str().map(str::to_owned))
        .collect()
}

fn shorten(text: &str) -> String {
    const MOST: usize = 120;
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MOST)
        .collect();
    if text.chars().nth(MOST).is_some() {
        line + "…"
    } else {
        line
    }
}

/// One tool's answer.
#[derive(Debug)]
struct Answer {
    result: ToolResult,
    arguments: Option<Arguments>,
    json: OnceLock<Value>,
}

impl Object for Answer {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "tool" => Some(Value::from(self.result.name.clone())),
            "failed" => Some(Value::from(self.result.failed)),
            "text" => Some(Value::from(self.result.text.plain())),
            "arguments" => Some(
                self.arguments
                    .as_ref()
                    .and_then(|arguments| parse(&arguments.plain()))
                    .unwrap_or(Value::from(())),
            ),
            "json" => Some(
                self.json
                    .get_or_init(|| read_json(&self.result.text.plain()))
                    .clone(),
            ),
            _ => None,
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Str(RESULT_KEYS)
    }
}

fn read_json(text: &str) -> Value {
    let line = |line: &&str| line.starts_with(['{', '[']);
    parse(text)
        .or_else(|| {
            text.lines()
                .rev()
                .map(str::trim)
                .filter(line)
                .find_map(parse)
        })
        .unwrap_or(Value::from(()))
}

fn parse(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok()
}
