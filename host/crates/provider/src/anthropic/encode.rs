//! Payloads as the bytes of a Messages request.
//!
//! Tools, system and messages stand in the order in which the API reads them, so that what two payloads share is a prefix of both.

use super::Manner;
use super::blocks::{Block, Layout, Placed, Speaker};
use super::thinking::Thinking;
use crate::rope::{Braid, Rope};
use crate::spelling::{Sent, wire_arguments, wire_id, wire_name};
use serde_json::{Value, json};
use std::borrow::Cow;
use types::{Payload, ToolSchema};

/// The most tokens of an answer where the agent says nothing: the API insists on a number.
const DEFAULT_LIMIT: u64 = 4096;

/// The mark after which a prefix ends that is to be cached.
const MARK: &[u8] = br#","cache_control":{"type":"ephemeral"}"#;

/// What stands around words of the house in the middle of a conversation: the API knows a system only before it.
const REMINDER_BEGIN: &[u8] = br#"{"type":"text","text":"<system>\n"#;
const REMINDER_END: &[u8] = br#"\n</system>""#;

/// The whole request for `payload`, asking for `model`.
pub fn body(payload: &Payload, model: &str, manner: Manner) -> Rope {
    let parameters = &payload.parameters;
    let limit = match parameters.max_output {
        0 => DEFAULT_LIMIT,
        limit => limit,
    };
    let thinking = Thinking::of(payload, manner, limit);
    let layout = Layout::of(payload);
    let mut braid = Braid::with_room_for(layout.blocks.len());
    let mut scratch = String::new();
    braid.push(br#"{"model":"#);
    braid.string(model);
    braid.push(br#","max_tokens":"#);
    braid.json(&limit);
    braid.push(br#","stream":true"#);
    // The API takes no temperature together with thinking.
    if let Some(temperature) = parameters.temperature.filter(|t| t.is_finite())
        && thinking == Thinking::Default
        && !manner.no_temperature
    {
        braid.push(br#","temperature":"#);
        // Other APIs count to 2, this one to 1.
        braid.json(&temperature.clamp(0.0, 1.0));
    }
    thinking.write(&mut braid);
    tools(&mut braid, &payload.tools, layout.tools_marked);
    let begin = layout
        .blocks
        .iter()
        .position(|placed| placed.speaker != Speaker::System)
        .unwrap_or(layout.blocks.len());
    let (system, messages) = layout.blocks.split_at(begin);
    for (index, placed) in system.iter().enumerate() {
        braid.push(if index == 0 { br#","system":["# } else { b"," });
        block(&mut braid, placed, &mut scratch);
    }
    if !system.is_empty() {
        braid.push(b"]");
    }
    braid.push(br#","messages":["#);
    for (index, message) in messages
        .chunk_by(|one, other| one.speaker == other.speaker)
        .enumerate()
    {
        if index > 0 {
            braid.push(b",");
        }
        braid.push(match message[0].speaker {
            Speaker::Assistant => br#"{"role":"assistant","content":["#.as_slice(),
            Speaker::User | Speaker::System => br#"{"role":"user","content":["#,
        });
        for (index, placed) in message.iter().enumerate() {
            if index > 0 {
                braid.push(b",");
            }
            block(&mut braid, placed, &mut scratch);
        }
        braid.push(b"]}");
    }
    braid.push(b"]}");
    braid.finish()
}

fn block(braid: &mut Braid, placed: &Placed<'_>, scratch: &mut String) {
    match &placed.block {
        Block::Text(text) => {
            braid.push(br#"{"type":"text","text":"#);
            braid.text(text);
        }
        Block::Words(words) => {
            braid.push(br#"{"type":"text","text":"#);
            braid.json(words);
        }
        Block::Reminder(text) => {
            braid.push(REMINDER_BEGIN);
            braid.inside(text);
            braid.push(REMINDER_END);
        }
        Block::Thoughts(blocks) => return braid.share(blocks),
        Block::Thought(block) => return braid.json(block),
        Block::Call(call) => {
            braid.push(br#"{"type":"tool_use","id":"#);
            braid.string(&wire_id(&call.id));
            braid.push(br#","name":"#);
            braid.name(&wire_name(&call.name));
            braid.push(br#","input":"#);
            // An object in the request itself and not in a string: the one text that is not sent as it is kept.
            match wire_arguments(&call.arguments) {
                Sent::Written => {
                    call.arguments.plain_into(scratch);
                    braid.push(scratch.as_bytes());
                }
                Sent::Mended(object) => braid.push(object.as_bytes()),
            }
        }
        Block::Result(result) => {
            braid.push(br#"{"type":"tool_result","tool_use_id":"#);
            braid.string(&wire_id(&result.call));
            if !result.text.is_empty() {
                braid.push(br#","content":"#);
                braid.text(&result.text);
            }
            if result.failed {
                braid.push(br#","is_error":true"#);
            }
        }
    }
    if placed.marked {
        braid.push(MARK);
    }
    braid.push(b"}");
}

fn tools(braid: &mut Braid, tools: &[ToolSchema], marked: bool) {
    for (index, tool) in tools.iter().enumerate() {
        braid.push(if index == 0 { br#","tools":["# } else { b"," });
        braid.push(br#"{"name":"#);
        braid.name(&wire_name(&tool.name));
        braid.push(br#","description":"#);
        braid.string(&tool.description);
        braid.push(br#","input_schema":"#);
        braid.json(&*object_schema(&tool.parameters));
        if marked && index + 1 == tools.len() {
            braid.push(MARK);
        }
        braid.push(b"}");
    }
    if !tools.is_empty() {
        braid.push(b"]");
    }
}

/// The schema, saying that arguments are an object, which the API insists on.
fn object_schema(schema: &Value) -> Cow<'_, Value> {
    match schema {
        Value::Object(fields) if fields.get("type") == Some(&json!("object")) => {
            Cow::Borrowed(schema)
        }
        Value::Object(fields) => {
            let mut fields = fields.clone();
            fields.insert("type".into(), "object".into());
            Cow::Owned(Value::Object(fields))
        }
        _ => Cow::Owned(json!({"type": "object"})),
    }
}

#[cfg(test)]
mod tests;
