//! What a server sends, put together into a reply.
//!
//! Servers that call themselves compatible differ in everything that can differ, so every field is optional here, what is not understood
//! is skipped, and only what makes an answer unusable is an error.

use crate::dialect::{Asked, Assembly, DecodeError, Event, position, told_error, word};
use crate::draft::{Draft, PartialCall, count, keep_first};
use serde::Deserialize;
use serde_json::Value;
use types::{ModelSink, Reply, StopReason, Usage};

/// One event of the stream, or the one JSON answer of a server that does not stream.
#[derive(Deserialize)]
struct Chunk {
    #[serde(default, deserialize_with = "word")]
    id: Option<String>,
    #[serde(default, deserialize_with = "word")]
    model: Option<String>,
    choices: Option<Vec<Choice>>,
    usage: Option<Value>,
    error: Option<Value>,
}

#[derive(Deserialize)]
struct Choice {
    #[serde(default, deserialize_with = "position")]
    index: Option<u64>,
    delta: Option<Message>,
    message: Option<Message>,
    #[serde(default, deserialize_with = "word")]
    finish_reason: Option<String>,
    usage: Option<Value>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<Value>,
    refusal: Option<Value>,
    reasoning_content: Option<Value>,
    reasoning: Option<Value>,
    tool_calls: Option<Vec<CallDelta>>,
}

#[derive(Deserialize)]
struct CallDelta {
    #[serde(default, deserialize_with = "position")]
    index: Option<u64>,
    #[serde(default, deserialize_with = "word")]
    id: Option<String>,
    function: Option<FunctionDelta>,
}

#[derive(Deserialize)]
struct FunctionDelta {
    #[serde(default, deserialize_with = "word")]
    name: Option<String>,
    arguments: Option<Value>,
}

/// A reply while it arrives.
#[derive(Default)]
pub struct Completion {
    draft: Draft,
    finish: Option<String>,
    done: bool,
}

impl Assembly for Completion {
    fn take(&mut self, event: Event<'_>, sink: &mut dyn ModelSink) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        if event.name == "error" {
            return Err(DecodeError::Reported(told_error(data)));
        }
        let chunk: Chunk =
            serde_json::from_str(data).map_err(|error| DecodeError::not_json(&error, data))?;
        if let Some(error) = chunk.error.filter(|error| !error.is_null()) {
            return Err(DecodeError::Reported(error));
        }
        if let Some(usage) = chunk.usage.as_ref().and_then(read_usage) {
            self.draft.usage = Some(usage);
        }
        keep_first(&mut self.draft.model, chunk.model);
        keep_first(&mut self.draft.id, chunk.id);
        for choice in chunk.choices.into_iter().flatten() {
            if choice.index.unwrap_or(0) == 0 {
                self.take_choice(choice, sink);
            }
        }
        self.draft.check_size()
    }

    fn is_finished(&self) -> bool {
        self.done || self.finish.is_some()
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn is_empty(&self) -> bool {
        self.draft.is_empty() && self.finish.is_none()
    }

    fn usage(&self) -> Option<Usage> {
        self.draft.usage
    }

    fn into_reply(self: Box<Self>, asked: &Asked<'_>) -> Reply {
        let stop = match self.finish.as_deref() {
            Some("length" | "max_tokens") => StopReason::Length,
            Some("content_filter") => StopReason::Filter,
            // Several servers say `stop` when the model stopped in order to call.
            _ if !self.draft.calls.is_empty() => StopReason::ToolCalls,
            None | Some("stop" | "eos" | "end_turn" | "tool_calls" | "function_call") => {
                StopReason::End
            }
            Some(other) => StopReason::Other(other.to_owned()),
        };
        self.draft.into_reply(stop, asked)
    }
}

impl Completion {
    fn take_choice(&mut self, choice: Choice, sink: &mut dyn ModelSink) {
        if let Some(usage) = choice.usage.as_ref().and_then(read_usage) {
            self.draft.usage = Some(usage);
        }
        if let Some(reason) = choice.finish_reason.filter(|reason| !reason.is_empty()) {
            self.finish = Some(reason);
        }
        let Some(message) = choice.delta.or(choice.message) else {
            return;
        };
        let reasoning = message
            .reasoning_content
            .as_ref()
            .map(text_of)
            .filter(|text| !text.is_empty());
        let reasoning = reasoning.or_else(|| message.reasoning.as_ref().map(text_of));
        if let Some(delta) = reasoning {
            self.draft.reasoning(&delta, sink);
        }
        for value in [message.content, message.refusal].iter().flatten() {
            self.draft.text(&text_of(value), sink);
        }
        for delta in message.tool_calls.into_iter().flatten() {
            self.take_call(delta, sink);
        }
    }

    /// Deltas of parallel calls come mixed, told apart by their index. Some servers give no index, or the same to all calls: there a new id
    /// begins a new call.
    fn take_call(&mut self, delta: CallDelta, sink: &mut dyn ModelSink) {
        let id = delta.id.unwrap_or_default();
        let same = |call: &PartialCall| id.is_empty() || call.id.is_empty() || call.id == id;
        let calls = &mut self.draft.calls;
        let found = match delta.index {
            Some(index) => calls
                .iter()
                .rposition(|call| call.index == Some(index) && same(call)),
            None if id.is_empty() => calls.len().checked_sub(1),
            None => calls.iter().rposition(|call| call.id == id),
        };
        let at = found.unwrap_or_else(|| {
            calls.push(PartialCall {
                index: delta.index,
                ..PartialCall::default()
            });
            calls.len() - 1
        });
        let call = &mut calls[at];
        if call.id.is_empty() {
            call.id = id;
        }
        let Some(function) = delta.function else {
            return;
        };
        if call.name.is_empty() {
            call.name = function.name.unwrap_or_default();
        }
        let more = match function.arguments {
            None | Some(Value::Null) => return,
            Some(Value::String(more)) => more,
            // Not what the protocol says, but what it means is plain.
            Some(object) => object.to_string(),
        };
        call.arguments.push_str(&more);
        sink.calls(more.len());
    }
}

/// Text that is either a string or, as some servers send it, a list of parts.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part.get("text").and_then(Value::as_str).or(part.as_str()))
            .collect(),
        _ => String::new(),
    }
}

/// Usage in OpenAI's words; `prompt_cache_hit_tokens` is DeepSeek's.
fn read_usage(usage: &Value) -> Option<Usage> {
    let number = |pointer: &str| count(usage.pointer(pointer)?);
    let input = number("/prompt_tokens");
    let output = number("/completion_tokens");
    if input.is_none() && output.is_none() {
        return None;
    }
    let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
    let cached = number("/prompt_tokens_details/cached_tokens")
        .or_else(|| number("/prompt_cache_hit_tokens"));
    let reasoning = number("/completion_tokens_details/reasoning_tokens");
    Some(Usage {
        input,
        // A part is never more than its whole, whatever a server says: money is computed from the difference.
        cached: cached.unwrap_or(0).min(input),
        cache_write: 0,
        output,
        reasoning: reasoning.unwrap_or(0).min(output),
        reported: true,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use types::Reasoning;

    fn take(assembly: &mut Completion, data: &str) -> Result<(), DecodeError> {
        assembly.take(Event { name: "", data }, &mut ())
    }

    fn reply(chunks: &[Value]) -> Reply {
        let mut assembly = Box::<Completion>::default();
        for chunk in chunks {
            take(&mut assembly, &chunk.to_string()).unwrap();
        }
        assembly.into_reply(&Asked {
            turn: 3,
            sent: 400,
            model: "asked",
        })
    }

    fn delta(delta: Value) -> Value {
        json!({"choices": [{"index": 0, "delta": delta}]})
    }

    fn call(index: impl Into<Value>, id: &str, name: &str, arguments: &str) -> Value {
        json!({"index": index.into(), "id": id, "function": {"name": name, "arguments": arguments}})
    }

    #[test]
    fn parallel_calls_are_told_apart_by_index() {
        let reply = reply(&[
            delta(json!({"tool_calls": [call(0, "a", "fs__read", "{\"p")]})),
            delta(
                json!({"tool_calls": [call(1, "b", "signal", ""), {"index": 0, "function": {"arguments": "\":1}"}}]}),
            ),
            delta(json!({"tool_calls": [{"index": 1, "function": {"arguments": "{}"}}]})),
        ]);
        let calls: Vec<_> = reply
            .calls
            .iter()
            .map(|c| (&*c.id, &*c.name, c.arguments.to_string()))
            .collect();
        assert_eq!(
            calls,
            [
                ("a", "fs.read", "{\"p\":1}".to_owned()),
                ("b", "signal", "{}".to_owned())
            ]
        );
        assert_eq!(reply.stop, StopReason::ToolCalls);
    }

    #[test]
    fn calls_without_an_index_or_with_the_same_are_told_apart_by_id() {
        for index in [Value::Null, json!(0)] {
            let reply = reply(&[
                delta(json!({"tool_calls": [call(index.clone(), "a", "x", "{}")]})),
                delta(json!({"tool_calls": [call(index.clone(), "b", "y", "{}")]})),
            ]);
            assert_eq!(reply.calls.len(), 2, "{index}");
        }
    }

    #[test]
    fn a_missing_or_repeated_id_is_made_from_the_turn() {
        let reply = reply(&[delta(json!({"tool_calls": [
            call(0, "", "x", "{}"), call(1, "same", "y", "{}"), call(2, "same", "z", "{}"),
        ]}))]);
        let ids: Vec<_> = reply.calls.iter().map(|c| &*c.id).collect();
        assert_eq!(ids, ["call_3_0", "same", "call_3_2"]);
    }

    #[test]
    fn reasons_to_stop() {
        for (finish, stop) in [
            ("stop", StopReason::End),
            ("length", StopReason::Length),
            ("content_filter", StopReason::Filter),
            ("tired", StopReason::Other("tired".into())),
        ] {
            let reply = reply(&[
                json!({"choices": [{"delta": {"content": "x"}, "finish_reason": finish}]}),
            ]);
            assert_eq!(reply.stop, stop);
        }
    }

    #[test]
    fn usage_is_the_servers_or_else_an_estimate() {
        let usage = json!({"choices": [], "usage": {
            "prompt_tokens": 10, "completion_tokens": 7,
            "prompt_tokens_details": {"cached_tokens": 99}, "completion_tokens_details": {"reasoning_tokens": 3},
        }});
        assert_eq!(
            reply(&[delta(json!({"content": "x"})), usage]).usage,
            Usage {
                input: 10,
                cached: 10,
                cache_write: 0,
                output: 7,
                reasoning: 3,
                reported: true
            }
        );
        let guess = reply(&[
            delta(json!({"content": "12345", "reasoning": "1234"})),
            json!({"usage": null}),
        ])
        .usage;
        assert_eq!(
            guess,
            Usage {
                input: 100,
                cached: 0,
                cache_write: 0,
                output: 3,
                reasoning: 1,
                reported: false
            }
        );
    }

    #[test]
    fn a_whole_answer_and_odd_shapes_are_understood() {
        let reply = reply(&[json!({
            "id": "r1", "model": "m-2", "unknown": {"x": 1},
            "choices": [{"message": {"content": [{"type": "text", "text": "a"}, {"text": "b"}], "reasoning_content": "why",
                "tool_calls": [{"id": "a", "type": "function", "function": {"name": "fs.read", "arguments": {"path": "/"}}}]},
                "finish_reason": "tool_calls"}],
        })]);
        assert_eq!(
            (&*reply.text, reply.reasoning),
            ("ab", Some(Reasoning::text("why")))
        );
        assert_eq!(reply.calls[0].arguments, r#"{"path":"/"}"#);
        assert_eq!(
            (&*reply.model, reply.request.as_deref()),
            ("m-2", Some("r1"))
        );
    }

    #[test]
    fn names_that_are_numbers_or_nothing_spoil_no_answer() {
        let reply = reply(&[
            json!({"id": 5, "model": 4.5, "choices": [{"index": "0", "delta": {"content": "Hi", "tool_calls": [
                {"index": 0.0, "id": 7, "function": {"name": "fs__read", "arguments": "{"}},
            ]}, "finish_reason": false}]}),
            json!({"id": [], "model": {}, "choices": [{"index": null, "delta": {"tool_calls": [
                {"index": "0", "id": null, "function": {"name": null, "arguments": "}"}},
            ]}, "finish_reason": "tool_calls"}]}),
        ]);
        assert_eq!(
            (&*reply.text, &*reply.model, reply.request.as_deref()),
            ("Hi", "4.5", Some("5"))
        );
        let calls: Vec<_> = reply
            .calls
            .iter()
            .map(|c| (&*c.id, &*c.name, c.arguments.to_string()))
            .collect();
        assert_eq!(calls, [("7", "fs.read", "{}".to_owned())]);
        assert_eq!(reply.stop, StopReason::ToolCalls);
    }

    #[test]
    fn a_failure_inside_the_stream_and_garbage_are_told_apart() {
        let mut assembly = Completion::default();
        assert_eq!(
            take(&mut assembly, r#"{"error":{"message":"full"}}"#),
            Err(DecodeError::Reported(json!({"message": "full"})))
        );
        for garbage in ["<html>", "{", "[]", "null", r#"{"choices":7}"#] {
            assert!(
                matches!(
                    take(&mut assembly, garbage),
                    Err(DecodeError::NotProtocol(_))
                ),
                "{garbage}"
            );
        }
        assert!(assembly.is_empty());
    }
}
