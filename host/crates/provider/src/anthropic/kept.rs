//! A model's thinking in the API's own form, signatures included: the API wants it back exactly as it came, where it stood.
//!
//! Nearly always all thinking comes first, and its blocks are kept as a JSON array whose bytes go into a request unread. A model that thinks between its
//! words and calls too gets a map with the order of the parts, `{"parts":[{"type":"thinking",…},{"type":"text","from":0,"to":17},{"type":"tool_use"},…]}`,
//! in which text is named by where it stands in the answer's text.

use bytes::Bytes;
use serde_json::{Value, json};
use std::sync::Arc;
use types::{Kept, Text, ToolCall};

/// What this dialect calls itself in [`Kept`].
pub const DIALECT: &str = "anthropic";

/// One part of an answer, in the order in which it came.
#[derive(Clone, Debug, PartialEq)]
pub enum Part {
    /// A `thinking` or `redacted_thinking` block.
    Thought(Value),
    /// Text, from one byte of the answer's text to another.
    Text(usize, usize),
    /// The next call.
    Call,
}

/// What is kept of an answer that came in `parts`; nothing where there was no thinking.
pub fn keep(parts: &[Part]) -> Option<Kept> {
    let is_thought = |part: &&Part| matches!(part, Part::Thought(_));
    let thoughts = parts.iter().filter(is_thought).count();
    if thoughts == 0 {
        return None;
    }
    let first = parts.iter().take_while(is_thought).count();
    let in_json = |part: &Part| match part {
        Part::Thought(block) => block.clone(),
        Part::Text(from, to) => json!({"type": "text", "from": from, "to": to}),
        Part::Call => json!({"type": "tool_use"}),
    };
    let kept: Value = if first == thoughts {
        parts[..first].iter().map(in_json).collect()
    } else {
        json!({ "parts": parts.iter().map(in_json).collect::<Value>() })
    };
    Some(Kept {
        dialect: DIALECT.into(),
        json: kept.to_string().into(),
    })
}

/// What was kept, as it is sent back.
#[derive(Debug, PartialEq)]
pub enum Order {
    /// The blocks of thinking, separated by commas; then the text and the calls.
    First(Bytes),
    /// All parts in their order.
    Mixed(Vec<Part>),
}

/// What `kept` says of an answer with `text` and `calls`; nothing where another dialect kept it, or what is kept cannot be read.
pub fn order(kept: &Kept, text: &Text, calls: &[ToolCall]) -> Option<Order> {
    if &*kept.dialect != DIALECT {
        return None;
    }
    let Some(rest) = kept.json.strip_prefix('[') else {
        return mixed(kept, text, calls);
    };
    let blocks = rest.strip_suffix(']').filter(|blocks| !blocks.is_empty())?;
    let inside = 1..1 + blocks.len();
    Some(Order::First(
        Bytes::from_owner(Shared(kept.json.clone())).slice(inside),
    ))
}

fn mixed(kept: &Kept, text: &Text, calls: &[ToolCall]) -> Option<Order> {
    let Value::Object(mut fields) = serde_json::from_str(&kept.json).ok()? else {
        return None;
    };
    let Value::Array(parts) = fields.remove("parts")? else {
        return None;
    };
    let parts: Vec<Part> = parts.into_iter().map(part).collect::<Option<_>>()?;
    if fits(&parts, &text.plain(), calls) {
        return Some(Order::Mixed(parts));
    }
    // A guard has changed the text since: the thinking goes first then.
    let thoughts = parts.iter().filter_map(|part| match part {
        Part::Thought(block) => Some(block.to_string()),
        Part::Text(..) | Part::Call => None,
    });
    Some(Order::First(thoughts.collect::<Vec<_>>().join(",").into()))
}

fn part(value: Value) -> Option<Part> {
    let number = |name: &str| usize::try_from(value.get(name)?.as_u64()?).ok();
    match value.get("type")?.as_str()? {
        "text" => Some(Part::Text(number("from")?, number("to")?)),
        "tool_use" => Some(Part::Call),
        _ => Some(Part::Thought(value)),
    }
}

/// Whether the parts are those of an answer with `text` and `calls`.
fn fits(parts: &[Part], text: &str, calls: &[ToolCall]) -> bool {
    let mut end = 0;
    let mut made = 0;
    for part in parts {
        match part {
            Part::Thought(_) => {}
            Part::Text(from, to) if *from >= end && text.get(*from..*to).is_some() => end = *to,
            Part::Text(..) => return false,
            Part::Call => made += 1,
        }
    }
    end == text.len() && made == calls.len()
}

/// Lets bytes be shared with what is kept.
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}
