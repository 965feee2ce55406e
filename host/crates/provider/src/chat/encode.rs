//! Payloads as the bytes of a chat completions request.
//!
//! A pure function of the payload: the same history always gives the same bytes, which is what lets a provider recognise the prefix that it has cached.

use crate::rope::{Braid, Rope};
use crate::spelling::{Sent, wire_arguments, wire_name};
use types::{Effort, Item, Payload, Reasoning, Role, Text, ToolCall, ToolSchema};

/// How the text of a system message begins; the text follows as the inside of a JSON string, and [`TEXT_END`] follows that.
const SYSTEM_BEGIN: &[u8] = br#"{"role":"system","content":""#;
const USER_BEGIN: &[u8] = br#"{"role":"user","content":""#;
const TEXT_END: &[u8] = br#""}"#;

/// What stands between two texts of one message: an empty line.
const BETWEEN_TEXTS: &[u8] = br"\n\n";

/// What one model wants otherwise than most servers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// The largest number of output tokens in `max_completion_tokens`, which OpenAI's newer models want in place of `max_tokens`.
    pub completion_limit: bool,
    /// No temperature.
    pub no_temperature: bool,
    /// No word on how long to think.
    pub no_effort: bool,
}

/// The whole request for `payload`, asking for `model`. What changes from turn to turn (the conversation) stands last.
pub fn body(payload: &Payload, model: &str, manner: Manner) -> Rope {
    let mut braid = Braid::with_room_for(payload.items.len());
    braid.push(br#"{"model":"#);
    braid.string(model);
    braid.push(br#","stream":true,"stream_options":{"include_usage":true}"#);
    if payload.parameters.max_output > 0 {
        braid.push(match manner.completion_limit {
            false => br#","max_tokens":"#.as_slice(),
            true => br#","max_completion_tokens":"#,
        });
        braid.json(&payload.parameters.max_output);
    }
    if let Some(temperature) = payload.parameters.temperature.filter(|t| t.is_finite())
        && !manner.no_temperature
    {
        braid.push(br#","temperature":"#);
        braid.json(&temperature);
    }
    if let Some(effort) = payload.parameters.reasoning.filter(|_| !manner.no_effort) {
        braid.push(match effort {
            Effort::Low => br#","reasoning_effort":"low""#.as_slice(),
            Effort::Medium => br#","reasoning_effort":"medium""#,
            Effort::High => br#","reasoning_effort":"high""#,
        });
    }
    for (index, tool) in payload.tools.iter().enumerate() {
        braid.push(if index == 0 { br#","tools":["# } else { b"," });
        tool_schema(&mut braid, tool);
    }
    if !payload.tools.is_empty() {
        braid.push(b"]");
    }
    braid.push(br#","messages":["#);
    messages(&mut braid, payload.items.iter().map(|item| &**item));
    braid.push(b"]}");
    braid.finish()
}

/// Texts of one role that follow each other become one message: many models' chat templates demand that user and assistant take turns, and
/// refuse a second system message.
fn messages<'a>(braid: &mut Braid, items: impl Iterator<Item = &'a Item>) {
    // The role whose message is still open: another text of it may follow.
    let mut open: Option<Role> = None;
    let mut first = true;
    for item in items {
        if let Item::Text { role, text, .. } = item {
            if text.is_empty() {
                continue;
            }
            if open == Some(*role) {
                braid.push(BETWEEN_TEXTS);
                braid.inside(text);
                continue;
            }
        }
        if open.take().is_some() {
            braid.push(TEXT_END);
        }
        if !std::mem::take(&mut first) {
            braid.push(b",");
        }
        match item {
            Item::Text { role, text, .. } => {
                braid.push(text_begin(*role));
                braid.inside(text);
                open = Some(*role);
            }
            Item::Assistant {
                text,
                reasoning,
                calls,
                ..
            } => assistant(braid, text, reasoning.as_ref(), calls),
            Item::Result(result) => {
                braid.push(br#"{"role":"tool","tool_call_id":"#);
                braid.string(&result.call);
                braid.push(br#","content":"#);
                braid.text(&result.text);
                braid.push(b"}");
            }
        }
    }
    if open.is_some() {
        braid.push(TEXT_END);
    }
}

fn assistant(braid: &mut Braid, text: &Text, reasoning: Option<&Reasoning>, calls: &[ToolCall]) {
    braid.push(br#"{"role":"assistant","content":"#);
    // An answer without calls must have some content, if only an empty one.
    if text.is_empty() && !calls.is_empty() {
        braid.push(b"null");
    } else {
        braid.text(text);
    }
    if let Some(reasoning) = reasoning.filter(|reasoning| !reasoning.text.is_empty()) {
        braid.push(br#","reasoning_content":"#);
        braid.text(&reasoning.text);
    }
    for (index, call) in calls.iter().enumerate() {
        braid.push(if index == 0 {
            br#","tool_calls":["#
        } else {
            b","
        });
        braid.push(br#"{"id":"#);
        braid.string(&call.id);
        braid.push(br#","type":"function","function":{"name":"#);
        braid.name(&wire_name(&call.name));
        braid.push(br#","arguments":"#);
        match wire_arguments(&call.arguments) {
            Sent::Written => braid.text(&call.arguments),
            Sent::Mended(object) => braid.json(&object),
        }
        braid.push(b"}}");
    }
    if !calls.is_empty() {
        braid.push(b"]");
    }
    braid.push(b"}");
}

fn tool_schema(braid: &mut Braid, tool: &ToolSchema) {
    braid.push(br#"{"type":"function","function":{"name":"#);
    braid.name(&wire_name(&tool.name));
    braid.push(br#","description":"#);
    braid.string(&tool.description);
    braid.push(br#","parameters":"#);
    braid.json(&tool.parameters);
    braid.push(b"}}");
}

fn text_begin(role: Role) -> &'static [u8] {
    match role {
        Role::System => SYSTEM_BEGIN,
        Role::User => USER_BEGIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
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
        let mut braid = Braid::default();
        messages(&mut braid, std::iter::once(item));
        String::from_utf8(braid.finish().to_vec()).unwrap()
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
        let body = body(&payload, "m", Manner::default()).to_vec();
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
        let completion_limit = Manner {
            completion_limit: true,
            ..Manner::default()
        };
        let body = body(&payload, "m", completion_limit).to_vec();
        assert_eq!(
            std::str::from_utf8(&body).unwrap(),
            r#"{"model":"m","stream":true,"stream_options":{"include_usage":true},"max_completion_tokens":9,"messages":[]}"#
        );
    }
}
