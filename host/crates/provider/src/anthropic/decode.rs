//! What the server sends, put together into a reply.

use super::kept::{Part, keep};
use crate::dialect::{Asked, Assembly, DecodeError, Event, told_error, word};
use crate::draft::{Draft, PartialCall, count, keep_first};
use serde::Deserialize;
use serde_json::{Value, json};
use types::{ModelSink, Reasoning, Reply, StopReason, Usage};

/// What stands between two texts of one answer where something else came between them.
const BETWEEN_TEXTS: &str = "\n\n";

/// One event of the stream, the message in one, or the one JSON answer of a server that does not stream. Every field is optional: what is not
/// understood is passed over.
#[derive(Deserialize)]
struct Wire {
    r#type: Option<String>,
    index: Option<u64>,
    message: Option<Box<Wire>>,
    content_block: Option<Value>,
    delta: Option<Value>,
    #[serde(default, deserialize_with = "word")]
    id: Option<String>,
    #[serde(default, deserialize_with = "word")]
    model: Option<String>,
    content: Option<Vec<Value>>,
    #[serde(default, deserialize_with = "word")]
    stop_reason: Option<String>,
    usage: Option<Value>,
}

/// Tokens as far as they were told; each count is of the whole answer so far, so the last one is right. A count never falls to nothing, though: servers
/// that counted at the beginning fill the fields with zeros at the end.
#[derive(Default)]
struct Counts {
    input: Option<u64>,
    read: Option<u64>,
    written: Option<u64>,
    output: Option<u64>,
    thinking: Option<u64>,
}

impl Counts {
    fn take(&mut self, usage: &Value) {
        for (slot, pointer) in [
            (&mut self.input, "/input_tokens"),
            (&mut self.read, "/cache_read_input_tokens"),
            (&mut self.written, "/cache_creation_input_tokens"),
            (&mut self.output, "/output_tokens"),
            (&mut self.thinking, "/output_tokens_details/thinking_tokens"),
        ] {
            if let Some(told) = usage.pointer(pointer).and_then(count)
                && (told > 0 || slot.is_none())
            {
                *slot = Some(told);
            }
        }
    }

    /// This API counts what was cached apart; here all input is input.
    fn usage(&self) -> Option<Usage> {
        if self.input.is_none() && self.output.is_none() {
            return None;
        }
        let cached = self.read.unwrap_or(0);
        let cache_write = self.written.unwrap_or(0);
        let output = self.output.unwrap_or(0);
        Some(Usage {
            input: self.input.unwrap_or(0) + cached + cache_write,
            cached,
            cache_write,
            output,
            reasoning: self.thinking.unwrap_or(0).min(output),
            reported: true,
        })
    }
}

/// A block while it arrives.
enum Open {
    Text,
    Thinking {
        text: String,
        signature: String,
    },
    Redacted(String),
    /// The call that began with this input, should no other come.
    Call(Option<Value>),
    Unknown,
}

/// A reply while it arrives.
#[derive(Default)]
pub struct Message {
    draft: Draft,
    counts: Counts,
    /// The blocks that have begun and not ended, by their number.
    open: Vec<(u64, Open)>,
    parts: Vec<Part>,
    /// Where the text block that is arriving began.
    text_from: usize,
    stop: Option<String>,
    done: bool,
}

impl Assembly for Message {
    fn take(&mut self, event: Event<'_>, sink: &mut dyn ModelSink) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if data.is_empty() || data == "[DONE]" {
            return Ok(());
        }
        let wire: Wire =
            serde_json::from_str(data).map_err(|error| DecodeError::not_json(&error, data))?;
        let index = wire.index.unwrap_or(0);
        match wire.r#type.as_deref().unwrap_or(event.name) {
            "message_start" => {
                if let Some(message) = wire.message {
                    self.take_message(*message, sink);
                }
            }
            "message" => {
                self.take_message(wire, sink);
                self.done = true;
            }
            "content_block_start" => {
                self.begin(
                    index,
                    wire.content_block.as_ref().unwrap_or(&Value::Null),
                    sink,
                );
            }
            "content_block_delta" => {
                self.delta(index, wire.delta.as_ref().unwrap_or(&Value::Null), sink);
            }
            "content_block_stop" => self.end(index),
            "message_delta" => {
                if let Some(reason) = wire
                    .delta
                    .as_ref()
                    .and_then(|delta| text(delta, "stop_reason"))
                {
                    self.stop = Some(reason.to_owned());
                }
                if let Some(usage) = &wire.usage {
                    self.counts.take(usage);
                }
            }
            "message_stop" => self.done = true,
            "error" => return Err(DecodeError::Reported(told_error(data))),
            // Some servers answer with an error that has no type around it.
            "" if data.contains("\"error\"") => {
                return Err(DecodeError::Reported(told_error(data)));
            }
            // `ping`, and whatever comes to be added.
            _ => {}
        }
        self.draft.check_size()
    }

    fn is_finished(&self) -> bool {
        self.done || self.stop.is_some()
    }

    fn is_done(&self) -> bool {
        self.done
    }

    fn is_empty(&self) -> bool {
        self.draft.is_empty() && self.parts.is_empty() && self.stop.is_none()
    }

    fn usage(&self) -> Option<Usage> {
        self.counts.usage()
    }

    fn into_reply(mut self: Box<Self>, asked: &Asked<'_>) -> Reply {
        let open: Vec<u64> = self.open.iter().map(|(index, _)| *index).collect();
        open.into_iter().for_each(|index| self.end(index));
        let stop = match self.stop.as_deref() {
            Some("max_tokens" | "model_context_window_exceeded") => StopReason::Length,
            Some("refusal") => StopReason::Filter,
            Some("pause_turn") => StopReason::Other("pause_turn".into()),
            _ if !self.draft.calls.is_empty() => StopReason::ToolCalls,
            None | Some("end_turn" | "stop_sequence" | "tool_use") => StopReason::End,
            Some(other) => StopReason::Other(other.to_owned()),
        };
        self.draft.usage = self.counts.usage();
        let kept = keep(&self.parts);
        let mut reply = self.draft.into_reply(stop, asked);
        if kept.is_some() {
            reply
                .reasoning
                .get_or_insert_with(|| Reasoning::text(""))
                .kept = kept;
        }
        reply
    }
}

impl Message {
    fn take_message(&mut self, message: Wire, sink: &mut dyn ModelSink) {
        keep_first(&mut self.draft.id, message.id);
        keep_first(&mut self.draft.model, message.model);
        if let Some(usage) = &message.usage {
            self.counts.take(usage);
        }
        for (index, block) in message.content.iter().flatten().enumerate() {
            let index = index as u64;
            self.begin(index, block, sink);
            self.end(index);
        }
        if message.stop_reason.is_some() {
            self.stop = message.stop_reason;
        }
    }

    /// A block begins. In a stream it is empty, in a whole answer it is all there.
    fn begin(&mut self, index: u64, block: &Value, sink: &mut dyn ModelSink) {
        self.end(index);
        let string = |name| text(block, name).unwrap_or_default().to_owned();
        let open = match text(block, "type").unwrap_or_default() {
            "text" => Open::Text,
            "thinking" => Open::Thinking {
                text: String::new(),
                signature: string("signature"),
            },
            "redacted_thinking" => Open::Redacted(string("data")),
            "tool_use" => {
                self.draft.calls.push(PartialCall {
                    index: Some(index),
                    id: string("id"),
                    name: string("name"),
                    arguments: String::new(),
                });
                self.parts.push(Part::Call);
                Open::Call(block.get("input").cloned())
            }
            _ => Open::Unknown,
        };
        if matches!(open, Open::Text) {
            // Two texts with something between them are two paragraphs; one text in two blocks is one.
            let follows_text = matches!(self.parts.last(), Some(Part::Text(..)) | None);
            if !follows_text && !self.draft.text.is_empty() && !self.draft.text.ends_with('\n') {
                self.draft.text(BETWEEN_TEXTS, sink);
            }
            self.text_from = self.draft.text.len();
        }
        self.open.push((index, open));
        for (name, kind) in [("text", "text_delta"), ("thinking", "thinking_delta")] {
            if let Some(begun) = text(block, name).filter(|begun| !begun.is_empty()) {
                self.delta(index, &json!({"type": kind, name: begun}), sink);
            }
        }
    }

    fn delta(&mut self, index: u64, delta: &Value, sink: &mut dyn ModelSink) {
        let Some((_, open)) = self.open.iter_mut().rev().find(|(open, _)| *open == index) else {
            return;
        };
        match (text(delta, "type").unwrap_or_default(), open) {
            ("text_delta", Open::Text) => {
                self.draft
                    .text(text(delta, "text").unwrap_or_default(), sink);
            }
            ("thinking_delta", Open::Thinking { text: whole, .. }) => {
                let more = text(delta, "thinking").unwrap_or_default();
                whole.push_str(more);
                self.draft.reasoning(more, sink);
            }
            ("signature_delta", Open::Thinking { signature, .. }) => {
                signature.push_str(text(delta, "signature").unwrap_or_default());
            }
            ("input_json_delta", Open::Call(_)) => {
                let call = self.draft.calls.iter_mut().rev();
                if let Some(call) = call.into_iter().find(|call| call.index == Some(index)) {
                    let more = text(delta, "partial_json").unwrap_or_default();
                    call.arguments.push_str(more);
                    sink.calls(more.len());
                }
            }
            _ => {}
        }
    }

    fn end(&mut self, index: u64) {
        let Some(at) = self.open.iter().rposition(|(open, _)| *open == index) else {
            return;
        };
        match self.open.remove(at).1 {
            Open::Text => {
                let to = self.draft.text.len();
                if to > self.text_from {
                    self.parts.push(Part::Text(self.text_from, to));
                    self.text_from = to;
                }
            }
            Open::Thinking { text, signature } => {
                self.parts.push(Part::Thought(
                    json!({"type": "thinking", "thinking": text, "signature": signature}),
                ));
            }
            Open::Redacted(data) => self.parts.push(Part::Thought(
                json!({"type": "redacted_thinking", "data": data}),
            )),
            Open::Call(input) => {
                let calls = self.draft.calls.iter_mut().rev();
                if let Some(call) = calls.into_iter().find(|call| call.index == Some(index))
                    && call.arguments.is_empty()
                    && let Some(input) = input.filter(|input| !input.is_null())
                {
                    call.arguments = match input {
                        Value::String(written) => written,
                        other => other.to_string(),
                    };
                }
            }
            Open::Unknown => {}
        }
    }
}

fn text<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    value.get(name)?.as_str()
}

#[cfg(test)]
mod tests;
