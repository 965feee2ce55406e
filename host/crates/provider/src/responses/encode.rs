//! Payloads as the bytes of a request for a response.
//!
//! A pure function of the payload and of what is known of the server. What changes from turn to turn stands last, so that the server recognises the
//! prefix that it has cached.

use super::held::Continuation;
use super::{Manner, NAME};
use crate::rope::{Braid, Rope};
use crate::spelling::{Sent, wire_arguments, wire_name};
use std::sync::Arc;
use types::{Effort, Item, Kept, Payload, Reasoning, Role, Text, ToolCall, ToolSchema};

/// What stands between two texts of one message: an empty line.
const BETWEEN_TEXTS: &[u8] = br"\n\n";

/// Lines of what is kept of an answer that stand for its next call, and for its text.
pub const CALL: &str = "\"call\"";
pub const MESSAGE: &str = "\"message\"";

/// What a request has beside the payload.
pub struct Form<'a> {
    /// Whether the server is to hold the conversation.
    pub store: bool,
    /// What the model does not take.
    pub manner: Manner,
    /// From where it holds the conversation.
    pub continuation: Option<&'a Continuation>,
}

/// The request for `payload`, asking for `model`.
pub fn body(payload: &Payload, model: &str, form: &Form<'_>) -> Rope {
    let conversation = conversation(payload);
    let instructions = &payload.items[..payload.items.len() - conversation.len()];
    let mut braid = Braid::with_room_for(payload.items.len());
    braid.push(br#"{"model":"#);
    braid.json(model);
    braid.push(br#","stream":true,"store":"#);
    braid.json(&form.store);
    // Also where the server holds the conversation, because it may drop it.
    if !form.manner.no_encrypted {
        braid.push(br#","include":["reasoning.encrypted_content"]"#);
    }
    parameters(&mut braid, payload, form.manner);
    for (index, tool) in payload.tools.iter().enumerate() {
        braid.push(if index == 0 { br#","tools":["# } else { b"," });
        tool_schema(&mut braid, tool);
    }
    if !payload.tools.is_empty() {
        braid.push(b"]");
    }
    if !instructions.is_empty() {
        braid.push(br#","instructions":""#);
        let texts = instructions.iter().filter_map(|item| system_text(item));
        for (index, text) in texts.filter(|text| !text.is_empty()).enumerate() {
            braid.push(if index == 0 { b"" } else { BETWEEN_TEXTS });
            braid.inside(text);
        }
        braid.push(b"\"");
    }
    let held = form.continuation.map_or(0, |held| held.items);
    if let Some(Continuation { id, .. }) = form.continuation {
        braid.push(br#","previous_response_id":"#);
        braid.json(&**id);
    }
    braid.push(br#","input":["#);
    Input::new(&mut braid).items(conversation[held..].iter().map(|item| &**item));
    braid.push(b"]}");
    braid.finish()
}

/// The items of `payload` that are its conversation. The system's texts before it are the instructions, which a server does not hold: they go with every
/// request, so they may change.
pub fn conversation(payload: &Payload) -> &[Arc<Item>] {
    let instructions = payload
        .items
        .iter()
        .take_while(|item| system_text(item).is_some())
        .count();
    // Without any conversation the instructions are one: no server answers to nothing.
    match &payload.items[instructions..] {
        [] => &payload.items,
        conversation => conversation,
    }
}

fn system_text(item: &Item) -> Option<&Text> {
    match item {
        Item::Text {
            role: Role::System,
            text,
            ..
        } => Some(text),
        _ => None,
    }
}

/// What of an item a server that holds the conversation has got: its bytes on the wire, without the reasoning, which it has in its own way.
pub fn held_form(item: &Item) -> Vec<u8> {
    let mut braid = Braid::default();
    let mut input = Input::new(&mut braid);
    match item {
        Item::Assistant { text, calls, .. } => input.assistant(text, None, calls),
        other => input.items(std::iter::once(other)),
    }
    braid.finish().to_vec()
}

fn parameters(braid: &mut Braid, payload: &Payload, manner: Manner) {
    let parameters = &payload.parameters;
    if parameters.max_output > 0 {
        braid.push(br#","max_output_tokens":"#);
        braid.json(&parameters.max_output);
    }
    let temperature = parameters.temperature.filter(|t| t.is_finite());
    if let Some(temperature) = temperature.filter(|_| !manner.no_temperature) {
        braid.push(br#","temperature":"#);
        braid.json(&temperature);
    }
    if let Some(effort) = parameters.reasoning {
        braid.push(match effort {
            Effort::Low => br#","reasoning":{"effort":"low""#.as_slice(),
            Effort::Medium => br#","reasoning":{"effort":"medium""#,
            Effort::High => br#","reasoning":{"effort":"high""#,
        });
        braid.push(if manner.no_summary {
            b"}"
        } else {
            br#","summary":"auto"}"#.as_slice()
        });
    }
}

fn tool_schema(braid: &mut Braid, tool: &ToolSchema) {
    braid.push(br#"{"type":"function","name":"#);
    braid.name(&wire_name(&tool.name));
    braid.push(br#","description":"#);
    braid.string(&tool.description);
    braid.push(br#","parameters":"#);
    braid.json(&tool.parameters);
    // Strict is the default here, and refuses most schemas that people write.
    braid.push(br#","strict":false}"#);
}

/// The `input` list in the making.
struct Input<'a> {
    braid: &'a mut Braid,
    first: bool,
}

impl<'a> Input<'a> {
    fn new(braid: &'a mut Braid) -> Self {
        Input { braid, first: true }
    }

    /// Texts of one role that follow each other become one message: servers that make a chat of it have templates that demand that user and assistant
    /// take turns.
    fn items<'i>(&mut self, items: impl Iterator<Item = &'i Item>) {
        let mut open: Option<Role> = None;
        for item in items {
            if let Item::Text { role, text, .. } = item {
                if text.is_empty() {
                    continue;
                }
                if open == Some(*role) {
                    self.braid.push(BETWEEN_TEXTS);
                } else {
                    self.close(&mut open);
                    self.next(match role {
                        Role::System => {
                            br#"{"type":"message","role":"system","content":""#.as_slice()
                        }
                        Role::User => br#"{"type":"message","role":"user","content":""#,
                    });
                    open = Some(*role);
                }
                self.braid.inside(text);
                continue;
            }
            self.close(&mut open);
            match item {
                Item::Text { .. } => {}
                Item::Assistant {
                    text,
                    reasoning,
                    calls,
                    ..
                } => self.assistant(text, reasoning.as_ref(), calls),
                Item::Result(result) => {
                    self.next(br#"{"type":"function_call_output","call_id":"#);
                    self.braid.string(&result.call);
                    self.braid.push(br#","output":"#);
                    self.braid.text(&result.text);
                    self.braid.push(b"}");
                }
            }
        }
        self.close(&mut open);
    }

    fn close(&mut self, open: &mut Option<Role>) {
        if open.take().is_some() {
            self.braid.push(br#""}"#);
        }
    }

    /// Begin another item.
    fn next(&mut self, begin: &[u8]) {
        if !std::mem::take(&mut self.first) {
            self.braid.push(b",");
        }
        self.braid.push(begin);
    }

    /// An answer, with the reasoning that was kept of it where it stood between text and calls.
    fn assistant(&mut self, text: &Text, reasoning: Option<&Reasoning>, calls: &[ToolCall]) {
        let mut text = Some(text).filter(|text| !text.is_empty());
        let mut calls = calls.iter();
        let kept = reasoning.and_then(|reasoning| reasoning.kept.as_ref());
        for line in kept.into_iter().flat_map(lines) {
            match line {
                CALL => calls.next().into_iter().for_each(|call| self.call(call)),
                MESSAGE => text.take().into_iter().for_each(|text| self.said(text)),
                reasoning if reasoning.starts_with('{') => self.next(reasoning.as_bytes()),
                _ => {}
            }
        }
        text.into_iter().for_each(|text| self.said(text));
        calls.for_each(|call| self.call(call));
    }

    fn said(&mut self, text: &Text) {
        self.next(br#"{"type":"message","role":"assistant","content":"#);
        self.braid.text(text);
        self.braid.push(b"}");
    }

    fn call(&mut self, call: &ToolCall) {
        self.next(br#"{"type":"function_call","call_id":"#);
        self.braid.string(&call.id);
        self.braid.push(br#","name":"#);
        self.braid.name(&wire_name(&call.name));
        self.braid.push(br#","arguments":"#);
        match wire_arguments(&call.arguments) {
            Sent::Written => self.braid.text(&call.arguments),
            Sent::Mended(object) => self.braid.json(&object),
        }
        self.braid.push(b"}");
    }
}

/// What is kept of an answer: one line for each thing that the server sent, in order. Reasoning is its own JSON; [`CALL`] and [`MESSAGE`] stand for what
/// the item has anyway. JSON that is written without indentation has no line ends of its own, so lines are enough to find it again unparsed.
pub fn keep(lines: &[String]) -> Kept {
    Kept {
        dialect: NAME.into(),
        json: format!("[\n{}\n]", lines.join(",\n")).into(),
    }
}

fn lines(kept: &Kept) -> impl Iterator<Item = &str> {
    let json = if &*kept.dialect == NAME {
        &*kept.json
    } else {
        ""
    };
    json.lines()
        .map(|line| line.strip_suffix(',').unwrap_or(line))
}

#[cfg(test)]
mod tests;
