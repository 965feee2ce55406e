//! What must be so after a call.

use super::files;
use super::matcher::{self, TextMatch};
use crate::suggest::shown;
use crate::tree::Node;
use crate::walk::{Fields, Walk};
use serde_json::Value;
use types::{Bytes, CallErrorKind, Count, Marked, Place};

const PARTS_EXAMPLE: &str = "[{ text: \"Hello\" }, { json: { n: 1 } }]";
const KINDS: [(&str, CallErrorKind); 6] = [
    ("invalid", CallErrorKind::Invalid),
    ("denied", CallErrorKind::Denied),
    ("unavailable", CallErrorKind::Unavailable),
    ("failed", CallErrorKind::Failed),
    ("limit", CallErrorKind::Limit),
    ("trap", CallErrorKind::Trap),
];

/// What must be so after a call. What a case does not name may be as it likes, but for one thing: where it expects no failure, there must be none.
#[derive(Clone, Debug)]
pub struct Expectations {
    /// Where they stand.
    pub place: Place,
    /// What the call comes to.
    pub result: ExpectedResult,
    /// What the sandbox refused during the call. Each must be found in one of the refusals (`operation subject: reason`); an empty list means that there were
    /// none.
    pub refused: Option<Marked<Vec<TextMatch>>>,
    /// Each must be found in one of the lines of the log (`info: …`).
    pub log: Vec<TextMatch>,
    /// Files of the case's directory afterwards; `None` where there must be none.
    pub files: Vec<(Marked<String>, Option<TextMatch>)>,
    /// The plugin's state afterwards; `None` where a key must not be.
    pub state: Vec<(Marked<String>, Option<TextMatch>)>,
    /// The call burns at most so much fuel.
    pub max_fuel: Option<Marked<u64>>,
    /// The call holds at most so many bytes at once.
    pub max_memory: Option<Marked<u64>>,
}

/// What a call comes to.
#[derive(Clone, Debug)]
pub enum ExpectedResult {
    /// An answer.
    Answer(Box<ExpectedAnswer>),
    /// A failure.
    Failure(ExpectedFailure),
}

/// What the answer must be; without any of these any answer will do.
#[derive(Clone, Debug, Default)]
pub struct ExpectedAnswer {
    /// Its parts, all of them in order.
    pub parts: Option<Marked<Vec<ExpectedPart>>>,
    /// All its parts as the model reads them, with a line's end between two.
    pub text: Option<TextMatch>,
    /// Its only JSON part.
    pub json: Option<Marked<Value>>,
    /// Its only JSON part has all this; objects may hold more.
    pub json_has: Option<Marked<Value>>,
}

/// One part of an answer.
#[derive(Clone, Debug)]
pub enum ExpectedPart {
    /// Text.
    Text(TextMatch),
    /// This JSON.
    Json(Marked<Value>),
    /// JSON that has all this.
    JsonHas(Marked<Value>),
    /// Bytes of this media type.
    Blob(Marked<String>),
}

/// What the failure must be.
#[derive(Clone, Debug)]
pub struct ExpectedFailure {
    /// Its kind.
    pub kind: Marked<CallErrorKind>,
    /// Its message.
    pub message: Option<TextMatch>,
}

pub(super) fn read(walk: &mut Walk, node: &Node) -> Option<Expectations> {
    let mut fields = Fields::of(walk, node, "`expect`", "{ text: \"Hello, Ada!\" }")?;
    let named_answer = ["ok", "text", "json", "json_has"]
        .into_iter()
        .find(|key| node.get(key).is_some());
    let answer = answer(walk, &mut fields);
    let error = fields.take_entry("error");
    if let (Some((key, _)), Some(other)) = (error, named_answer) {
        walk.error(
            &key.place,
            format!("a call cannot both fail and answer, but this expects `error` and `{other}`"),
            "keep one of them, and make a case of its own for the other",
        );
    }
    let result = match error {
        None => ExpectedResult::Answer(Box::new(answer)),
        Some((_, node)) => ExpectedResult::Failure(failure(walk, node)?),
    };
    let refused = fields.take("refused").map(|n| {
        let refused = matcher::parts(walk, n, "what was refused");
        Marked::new(refused, n.place.clone())
    });
    let log = fields
        .take("log")
        .map(|n| matcher::parts(walk, n, "the log"));
    let files = fields.take("files").map(|n| files_after(walk, n));
    let state = fields.take("state").map(|n| state_after(walk, n));
    let max_fuel = fields
        .take("max_fuel")
        .and_then(|n| walk.unit(n, "`max_fuel`", Count::parse))
        .map(|fuel| Marked::new(fuel.value.0, fuel.place));
    let max_memory = fields
        .take("max_memory")
        .and_then(|n| walk.unit(n, "`max_memory`", Bytes::parse))
        .map(|memory| Marked::new(memory.value.0, memory.place));
    fields.finish(walk, "`expect`");
    if node.map().is_some_and(<[_]>::is_empty) {
        walk.error(
            &node.place,
            "this expects nothing",
            "for a call that must only succeed write `expect: { ok: any }`",
        );
    }
    Some(Expectations {
        place: node.place.clone(),
        result,
        refused,
        log: log.unwrap_or_default(),
        files: files.unwrap_or_default(),
        state: state.unwrap_or_default(),
        max_fuel,
        max_memory,
    })
}

fn answer(walk: &mut Walk, fields: &mut Fields<'_>) -> ExpectedAnswer {
    let mut answer = ExpectedAnswer::default();
    if let Some(node) = fields.take("ok").filter(|node| node.text() != Some("any")) {
        answer.parts = walk
            .list(node, "`ok`", PARTS_EXAMPLE)
            .map(|items| items.iter().filter_map(|item| part(walk, item)).collect())
            .map(|parts| Marked::new(parts, node.place.clone()));
    }
    if let Some(node) = fields.take("text") {
        answer.text = matcher::read(walk, node, "`text`");
    }
    answer.json = fields.take("json").map(json);
    answer.json_has = fields.take("json_has").map(json);
    answer
}

fn json(node: &Node) -> Marked<Value> {
    Marked::new(node.to_value().to_json(), node.place.clone())
}

fn part(walk: &mut Walk, node: &Node) -> Option<ExpectedPart> {
    if node.map().is_none() {
        return matcher::read(walk, node, "a part").map(ExpectedPart::Text);
    }
    let mut fields = Fields::of(walk, node, "a part", "{ text: Hello }")?;
    let mut found = Vec::new();
    if let Some(node) = fields.take("text") {
        found.extend(matcher::read(walk, node, "`text`").map(ExpectedPart::Text));
    }
    found.extend(fields.take("json").map(json).map(ExpectedPart::Json));
    found.extend(fields.take("json_has").map(json).map(ExpectedPart::JsonHas));
    if let Some(node) = fields.take("blob") {
        found.extend(walk.marked(node, "`blob`").map(ExpectedPart::Blob));
    }
    fields.finish(walk, "a part");
    if node.map().is_some_and(|entries| entries.len() != 1) {
        walk.error(
            &node.place,
            "a part is one thing: `text`, `json`, `json_has` or `blob` (its media type)",
            format!("write the parts as `ok: {PARTS_EXAMPLE}`"),
        );
    }
    found.pop()
}

/// `error: invalid`, or with what its message must be.
fn failure(walk: &mut Walk, node: &Node) -> Option<ExpectedFailure> {
    let example = "{ kind: invalid, message: { contains: \"`name` is missing\" } }";
    if node.map().is_none() {
        let kind = walk.word(node, "a kind of failure", &KINDS)?;
        return Some(ExpectedFailure {
            kind: Marked::new(kind, node.place.clone()),
            message: None,
        });
    }
    let mut fields = Fields::of(walk, node, "`error`", example)?;
    let kind = fields
        .need(walk, "kind", "this failure", "kind: invalid")
        .and_then(|n| {
            let kind = walk.word(n, "a kind of failure", &KINDS)?;
            Some(Marked::new(kind, n.place.clone()))
        });
    let message = fields
        .take("message")
        .and_then(|n| matcher::part(walk, n, "`message`"));
    fields.finish(walk, "`error`");
    Some(ExpectedFailure {
        kind: kind?,
        message,
    })
}

fn files_after(walk: &mut Walk, node: &Node) -> Vec<(Marked<String>, Option<TextMatch>)> {
    let example = "{ out.txt: \"done\\n\", old.txt: null }";
    entries(walk, node, "`files`", example, |walk, entry| {
        files::path(walk, &entry.text, &entry.place)
    })
}

fn state_after(walk: &mut Walk, node: &Node) -> Vec<(Marked<String>, Option<TextMatch>)> {
    let example = "{ greeted: \"1\", gone: null }";
    entries(walk, node, "`state`", example, |_, entry| {
        Some(Marked::new(entry.text.to_string(), entry.place.clone()))
    })
}

/// A map from names to what their texts must be, `null` for what must not be there.
fn entries(
    walk: &mut Walk,
    node: &Node,
    what: &str,
    example: &str,
    name: impl Fn(&mut Walk, &crate::tree::Key) -> Option<Marked<String>>,
) -> Vec<(Marked<String>, Option<TextMatch>)> {
    let Some(entries) = node.map() else {
        walk.expected(
            node,
            what,
            "a map from names to what they hold",
            &format!("write it as `{example}`"),
        );
        return Vec::new();
    };
    let mut read = Vec::new();
    for entry in entries {
        let Some(name) = name(walk, &entry.key) else {
            continue;
        };
        if entry.value.is_null() {
            read.push((name, None));
            continue;
        }
        let what = format!("`{}`", shown(&name));
        if let Some(text) = matcher::read(walk, &entry.value, &what) {
            read.push((name, Some(text)));
        }
    }
    read
}
