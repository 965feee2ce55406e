//! Payloads as the bytes of a chat completions request.
//!
//! Each item is encoded by itself, by a pure function of the item alone: the same history always gives the same bytes, which is what lets a
//! provider recognise the prefix that it has cached, and what lets bytes be kept instead of being made again each turn.

use serde::Serialize;
use serde_json::Value;
use types::{Item, Payload, Reasoning, Role, Text, ToolCall, ToolName, ToolSchema};

/// How the text of a system message begins; the text follows as the inside of a JSON string, and [`TEXT_END`] follows that.
const SYSTEM_BEGIN: &[u8] = br#"{"role":"system","content":""#;
const USER_BEGIN: &[u8] = br#"{"role":"user","content":""#;
const TEXT_END: &[u8] = br#""}"#;

/// What stands between two texts of one message: an empty line.
const BETWEEN_TEXTS: &[u8] = br"\n\n";

/// Longest name that every provider accepts for a tool.
const LONGEST_NAME: usize = 64;

/// The request field that carries the largest number of output tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LimitField {
    /// What nearly every server knows.
    MaxTokens,
    /// What OpenAI's newer models want in its place.
    MaxCompletionTokens,
}

/// The whole request for `payload`, asking for `model`.
pub fn body(payload: &Payload, model: &str, limit: LimitField) -> Vec<u8> {
    let mut body = br#"{"model":"#.to_vec();
    write(&mut body, &model);
    body.extend_from_slice(br#","stream":true,"stream_options":{"include_usage":true}"#);
    if payload.parameters.max_output > 0 {
        body.extend_from_slice(match limit {
            LimitField::MaxTokens => br#","max_tokens":"#.as_slice(),
            LimitField::MaxCompletionTokens => br#","max_completion_tokens":"#,
        });
        write(&mut body, &payload.parameters.max_output);
    }
    if let Some(temperature) = payload.parameters.temperature.filter(|t| t.is_finite()) {
        body.extend_from_slice(br#","temperature":"#);
        write(&mut body, &temperature);
    }
    if !payload.tools.is_empty() {
        body.extend_from_slice(br#","tools":["#);
        for (index, tool) in payload.tools.iter().enumerate() {
            if index > 0 {
                body.push(b',');
            }
            body.extend(encode_tool(tool));
        }
        body.push(b']');
    }
    body.extend_from_slice(br#","messages":["#);
    push_messages(&mut body, payload.items.iter().map(|item| &**item));
    body.extend_from_slice(b"]}");
    body
}

/// Texts of one role that follow each other become one message: many models' chat templates demand that user and assistant take turns, and
/// refuse a second system message. Only constant bytes are cut off and put between, so encoded items stay as they are.
fn push_messages<'a>(body: &mut Vec<u8>, items: impl Iterator<Item = &'a Item>) {
    let mut last: Option<Role> = None;
    let mut first = true;
    for item in items {
        let role = match item {
            Item::Text { text, .. } if text.is_empty() => continue,
            Item::Text { role, .. } => Some(*role),
            Item::Assistant { .. } | Item::Result(_) => None,
        };
        let encoded = encode_item(item);
        match role {
            Some(role) if last == Some(role) => {
                body.truncate(body.len() - TEXT_END.len());
                body.extend_from_slice(BETWEEN_TEXTS);
                body.extend_from_slice(&encoded[text_begin(role).len()..]);
            }
            _ => {
                if !first {
                    body.push(b',');
                }
                body.extend_from_slice(&encoded);
            }
        }
        last = role;
        first = false;
    }
}

/// One item as one message, in the bytes of the wire.
///
/// A pure function of the item. Tool names get the spelling that providers accept; the arguments of a call are kept to the byte, except
/// where the model wrote no JSON object at all, which several servers would refuse for as long as it stood in the history.
pub fn encode_item(item: &Item) -> Vec<u8> {
    let mut bytes = Vec::new();
    match item {
        Item::Text { role, text, .. } => {
            bytes.reserve(text.wire().len() + 40);
            bytes.extend_from_slice(text_begin(*role));
            bytes.extend_from_slice(text.wire());
            bytes.extend_from_slice(TEXT_END);
        }
        Item::Assistant {
            text,
            reasoning,
            calls,
            ..
        } => encode_assistant(&mut bytes, text, reasoning.as_ref(), calls),
        Item::Result(result) => {
            bytes.reserve(result.text.wire().len() + 64);
            bytes.extend_from_slice(br#"{"role":"tool","tool_call_id":"#);
            write(&mut bytes, &result.call);
            bytes.extend_from_slice(br#","content":"#);
            push_text(&mut bytes, &result.text);
            bytes.push(b'}');
        }
    }
    bytes
}

fn encode_assistant(
    bytes: &mut Vec<u8>,
    text: &Text,
    reasoning: Option<&Reasoning>,
    calls: &[ToolCall],
) {
    bytes.extend_from_slice(br#"{"role":"assistant","content":"#);
    // An answer without calls must have some content, if only an empty one.
    if text.is_empty() && !calls.is_empty() {
        bytes.extend_from_slice(b"null");
    } else {
        push_text(bytes, text);
    }
    if let Some(reasoning) = reasoning {
        bytes.extend_from_slice(br#","reasoning_content":"#);
        push_text(bytes, &reasoning.text);
    }
    if !calls.is_empty() {
        bytes.extend_from_slice(br#","tool_calls":["#);
        for (index, call) in calls.iter().enumerate() {
            if index > 0 {
                bytes.push(b',');
            }
            bytes.extend_from_slice(br#"{"id":"#);
            write(bytes, &call.id);
            bytes.extend_from_slice(br#","type":"function","function":{"name":"#);
            write(bytes, &wire_name(&call.name));
            bytes.extend_from_slice(br#","arguments":"#);
            write(bytes, &wire_arguments(&call.arguments.plain()));
            bytes.extend_from_slice(b"}}");
        }
        bytes.push(b']');
    }
    bytes.push(b'}');
}

fn encode_tool(tool: &ToolSchema) -> Vec<u8> {
    #[derive(Serialize)]
    struct Function<'a> {
        name: String,
        description: &'a str,
        parameters: &'a Value,
    }
    let mut bytes = br#"{"type":"function","function":"#.to_vec();
    write(
        &mut bytes,
        &Function {
            name: wire_name(&tool.name),
            description: &tool.description,
            parameters: &tool.parameters,
        },
    );
    bytes.push(b'}');
    bytes
}

/// The spelling that providers accept: [`ToolName::wire`] for a tool's full name; host tools have a plain name that needs none. A name that
/// a model made up may hold anything, and is sent back in the characters that are allowed.
pub fn wire_name(name: &str) -> String {
    if let Ok(name) = ToolName::parse(name) {
        return name.wire();
    }
    let mut wire: String = name
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_".contains(c) {
                c
            } else {
                '_'
            }
        })
        .take(LONGEST_NAME)
        .collect();
    if wire.is_empty() {
        wire.push('_');
    }
    wire
}

/// The house's spelling of a name that a model sent; kept as it is where it is no known spelling.
pub fn house_name(wire: &str) -> String {
    ToolName::from_wire(wire).map_or_else(|| wire.to_owned(), |name| name.to_string())
}

fn wire_arguments(arguments: &str) -> std::borrow::Cow<'_, str> {
    let is_object = arguments.trim_start().starts_with('{')
        && serde_json::from_str::<serde::de::IgnoredAny>(arguments).is_ok();
    if is_object {
        arguments.into()
    } else if arguments.trim().is_empty() {
        "{}".into()
    } else {
        serde_json::json!({ "not_json": arguments })
            .to_string()
            .into()
    }
}

fn text_begin(role: Role) -> &'static [u8] {
    match role {
        Role::System => SYSTEM_BEGIN,
        Role::User => USER_BEGIN,
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &Text) {
    bytes.push(b'"');
    bytes.extend_from_slice(text.wire());
    bytes.push(b'"');
}

fn write<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(bytes, value).expect("writing JSON into memory cannot fail");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use types::{ModelParameters, Provenance, ToolResult};

    fn text(role: Role, text: &str) -> Item {
        Item::Text {
            role,
            text: text.into(),
            provenance: Provenance::House,
            labels: vec![],
        }
    }

    fn call(name: &str, arguments: &str) -> ToolCall {
        ToolCall {
            id: "c1".into(),
            name: name.into(),
            arguments: arguments.into(),
        }
    }

    fn assistant(text: &str, reasoning: Option<&str>, calls: Vec<ToolCall>) -> Item {
        Item::Assistant {
            text: text.into(),
            reasoning: reasoning.map(Reasoning::text),
            calls,
            provenance: Provenance::Model("m".into()),
        }
    }

    fn encoded(item: &Item) -> String {
        String::from_utf8(encode_item(item)).unwrap()
    }

    #[test]
    fn items_in_the_bytes_of_the_wire() {
        let result = Item::Result(ToolResult {
            call: "c1".into(),
            name: "fs.read".into(),
            text: "a\n\"b\"\u{1}".into(),
            failed: false,
            provenance: Provenance::House,
            labels: vec![],
        });
        for (item, expected) in [
            (
                text(Role::System, "Be \"good\".\n"),
                r#"{"role":"system","content":"Be \"good\".\n"}"#,
            ),
            (
                text(Role::User, "é🦀"),
                r#"{"role":"user","content":"é🦀"}"#,
            ),
            (
                assistant("", None, vec![call("fs.read", r#"{ "path":"/a" }"#)]),
                r#"{"role":"assistant","content":null,"tool_calls":[{"id":"c1","type":"function","function":{"name":"fs__read","arguments":"{ \"path\":\"/a\" }"}}]}"#,
            ),
            (
                assistant("done", Some("hm"), vec![]),
                r#"{"role":"assistant","content":"done","reasoning_content":"hm"}"#,
            ),
            (
                assistant("", None, vec![]),
                r#"{"role":"assistant","content":""}"#,
            ),
            (
                result,
                r#"{"role":"tool","tool_call_id":"c1","content":"a\n\"b\"\u0001"}"#,
            ),
        ] {
            assert_eq!(encoded(&item), expected);
        }
    }

    #[test]
    fn what_a_server_would_refuse_for_ever_is_mended() {
        let item = assistant(
            "",
            None,
            vec![call("rm -rf /", "{\"path\": "), call("signal", "")],
        );
        let message: Value = serde_json::from_str(&encoded(&item)).unwrap();
        let calls = &message["tool_calls"];
        assert_eq!(calls[0]["function"]["name"], "rm_-rf__");
        assert_eq!(
            calls[0]["function"]["arguments"],
            r#"{"not_json":"{\"path\": "}"#
        );
        assert_eq!(calls[1]["function"]["name"], "signal");
        assert_eq!(calls[1]["function"]["arguments"], "{}");
        assert_eq!(wire_name(""), "_");
        assert_eq!(wire_name(&"é".repeat(100)).len(), 64);
    }

    #[test]
    fn the_body_is_the_items_and_the_parameters() {
        let payload = Payload {
            items: [
                text(Role::System, "one"),
                text(Role::System, ""),
                text(Role::System, "two"),
                text(Role::User, "go"),
                assistant("", None, vec![call("fs.read", "{}")]),
                text(Role::User, "next"),
                text(Role::User, "step?"),
            ]
            .map(Arc::new)
            .to_vec(),
            tools: vec![ToolSchema {
                name: "fs.read".into(),
                description: "Reads.".into(),
                parameters: Arc::new(serde_json::json!({"type": "object"})),
            }],
            parameters: ModelParameters {
                provider: "p".into(),
                name: "n".into(),
                context_length: 1000,
                max_output: 64,
                temperature: Some(0.5),
                reasoning: None,
            },
            breakpoints: vec![],
        };
        let body = body(&payload, "m", LimitField::MaxTokens);
        let json: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "model": "m", "stream": true, "stream_options": {"include_usage": true}, "max_tokens": 64, "temperature": 0.5,
                "tools": [{"type": "function", "function": {"name": "fs__read", "description": "Reads.", "parameters": {"type": "object"}}}],
                "messages": [
                    {"role": "system", "content": "one\n\ntwo"},
                    {"role": "user", "content": "go"},
                    {"role": "assistant", "content": null, "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "fs__read", "arguments": "{}"}}]},
                    {"role": "user", "content": "next\n\nstep?"},
                ],
            })
        );
    }

    #[test]
    fn what_is_not_set_is_not_sent() {
        let payload = Payload {
            items: vec![],
            tools: vec![],
            parameters: ModelParameters {
                provider: "p".into(),
                name: "n".into(),
                context_length: 1000,
                max_output: 9,
                temperature: None,
                reasoning: None,
            },
            breakpoints: vec![],
        };
        let body = body(&payload, "m", LimitField::MaxCompletionTokens);
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":9,"messages":[]}"#
        );
    }
}
