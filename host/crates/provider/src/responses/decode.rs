//! What a server sends, put together into a reply.
//!
//! A response is a list of outputs (messages, calls, reasoning) that fill up while it streams. What is not understood is skipped; servers that send no
//! deltas, only whole outputs, or only the response at its end, are understood too.

use super::IGNORED;
use super::encode::{self, CALL, MESSAGE};
use super::held::Holding;
use crate::dialect::{Asked, Assembly, DecodeError, Event, beginning_of, told_error};
use crate::draft::{Draft, PartialCall, count, keep_first};
use serde_json::{Value, json};
use types::{ModelSink, Reasoning, Reply, StopReason, Text, Usage};

/// Most bytes of calls and reasoning, and most outputs, in one response: a server that sends more would fill the memory.
const LARGEST_OUTPUTS: usize = 32 << 20;
const MOST_OUTPUTS: usize = 1000;

/// What stands between the texts of two outputs, and between two parts of a summary.
const BETWEEN: &str = "\n\n";

/// One thing of the list.
#[derive(Default)]
struct Output {
    index: Option<u64>,
    id: String,
    kind: Kind,
    /// What it calls, where it is a call.
    call: PartialCall,
    /// Its JSON, where it is reasoning that is worth sending back.
    kept: Option<String>,
    /// Its text has come as deltas.
    streamed: bool,
    /// The part of its reasoning that came last.
    part: Option<u64>,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Kind {
    #[default]
    Unknown,
    Message,
    Call,
    Reasoning,
}

/// How it ended.
struct End {
    status: String,
    reason: Option<String>,
}

/// A response while it arrives.
pub struct Response<'a> {
    holding: Option<Holding<'a>>,
    draft: Draft,
    outputs: Vec<Output>,
    /// Whole outputs have come one by one, so that the list at the end says nothing new.
    one_by_one: bool,
    /// The server has said that it goes on from what it holds.
    goes_on: bool,
    end: Option<End>,
    done: bool,
}

impl<'a> Response<'a> {
    /// Nothing has come yet.
    pub fn new(holding: Option<Holding<'a>>) -> Self {
        Response {
            holding,
            draft: Draft::default(),
            outputs: Vec::new(),
            one_by_one: false,
            goes_on: false,
            end: None,
            done: false,
        }
    }
}

impl Assembly for Response<'_> {
    fn take(&mut self, event: Event<'_>, sink: &mut dyn ModelSink) -> Result<(), DecodeError> {
        let data = event.data.trim();
        if data == "[DONE]" {
            self.done = true;
            return Ok(());
        }
        if data.is_empty() {
            return Ok(());
        }
        let value: Value =
            serde_json::from_str(data).map_err(|error| DecodeError::not_json(&error, data))?;
        let kind = string(&value, "type").unwrap_or(event.name);
        match kind {
            "error" => return Err(DecodeError::Reported(told_error(data))),
            "response.created" | "response.queued" | "response.in_progress" => {
                self.begin(&value["response"])?;
            }
            "response.completed"
            | "response.incomplete"
            | "response.failed"
            | "response.cancelled" => self.end(&value["response"], kind, sink)?,
            "response.output_item.added" => {
                self.item(&value["item"], number(&value, "output_index"));
            }
            "response.output_item.done" => {
                self.one_by_one = true;
                self.whole(&value["item"], number(&value, "output_index"), sink);
            }
            "" if string(&value, "object") == Some("response") => {
                self.end(&value, "response.completed", sink)?;
            }
            "" => {
                return Err(match value.get("error") {
                    Some(error) if !error.is_null() => DecodeError::Reported(error.clone()),
                    _ => DecodeError::NotProtocol(format!(
                        "what has no `type`: `{}`",
                        beginning_of(data)
                    )),
                });
            }
            _ => self.delta(kind, &value, sink),
        }
        self.check_size()
    }

    fn is_finished(&self) -> bool {
        self.end.is_some()
    }

    fn is_done(&self) -> bool {
        self.done || self.end.is_some()
    }

    fn is_empty(&self) -> bool {
        let calls = |output: &Output| output.kind == Kind::Call;
        self.draft.is_empty() && self.end.is_none() && !self.outputs.iter().any(calls)
    }

    fn usage(&self) -> Option<Usage> {
        self.draft.usage
    }

    fn into_reply(mut self: Box<Self>, asked: &Asked<'_>) -> Reply {
        let mut kept = Vec::new();
        let mut reasons = false;
        for output in self.outputs {
            match output.kind {
                Kind::Call => {
                    self.draft.calls.push(output.call);
                    kept.push(CALL.to_owned());
                }
                Kind::Message => kept.push(MESSAGE.to_owned()),
                Kind::Reasoning => {
                    reasons |= output.kept.is_some();
                    kept.extend(output.kept);
                }
                Kind::Unknown => {}
            }
        }
        let end = self.end.as_ref();
        let is_whole = end.is_none_or(|end| end.status == "completed");
        let stop = match end.map(|end| (&*end.status, end.reason.as_deref())) {
            Some((_, Some("max_output_tokens"))) => StopReason::Length,
            Some((_, Some("content_filter"))) => StopReason::Filter,
            None | Some(("completed", _)) => match self.draft.calls.is_empty() {
                true => StopReason::End,
                false => StopReason::ToolCalls,
            },
            Some((status, reason)) => StopReason::Other(reason.unwrap_or(status).to_owned()),
        };
        let mut reply = self.draft.into_reply(stop, asked);
        if reasons {
            let text = reply.reasoning.map_or_else(Text::default, |r| r.text);
            reply.reasoning = Some(Reasoning {
                text,
                kept: Some(encode::keep(&kept)),
            });
        }
        if let (Some(holding), true, Some(id)) = (self.holding, is_whole, &reply.request) {
            holding.remember(&reply, id);
        }
        reply
    }
}

impl Response<'_> {
    /// What a response says of itself, at its beginning and at its end.
    fn name(&mut self, response: &Value) {
        let told = |field| string(response, field).map(str::to_owned);
        keep_first(&mut self.draft.id, told("id"));
        keep_first(&mut self.draft.model, told("model"));
        self.goes_on |= told("previous_response_id").is_some();
    }

    fn begin(&mut self, response: &Value) -> Result<(), DecodeError> {
        self.name(response);
        // What was said already cannot be said anew; whether it is worth anything shows at the end.
        match self.is_empty() {
            true => self.check_held(),
            false => Ok(()),
        }
    }

    /// A server that does not know the field skips it, and answers to the last few words as if they were all.
    fn check_held(&self) -> Result<(), DecodeError> {
        let Some(Holding {
            memory,
            continuation: Some(_),
            ..
        }) = &self.holding
        else {
            return Ok(());
        };
        if self.goes_on {
            return Ok(());
        }
        if !self.is_empty() {
            // Too late to ask again within this request; the next one must not run into the same.
            memory.give_up();
        }
        Err(DecodeError::Reported(json!({
            "type": "invalid_request_error", "code": IGNORED,
            "message": "the server answers without the conversation that it should hold",
        })))
    }

    fn end(
        &mut self,
        response: &Value,
        kind: &str,
        sink: &mut dyn ModelSink,
    ) -> Result<(), DecodeError> {
        let ended = kind.strip_prefix("response.").unwrap_or(kind);
        let status = string(response, "status").unwrap_or(ended);
        // What failed is paid for too.
        if let Some(usage) = response.get("usage").and_then(read_usage) {
            self.draft.usage = Some(usage);
        }
        if let Some(error) = response.get("error").filter(|error| !error.is_null()) {
            return Err(DecodeError::Reported(error.clone()));
        }
        if status == "failed" {
            return Err(DecodeError::Reported(json!(
                "the response failed, and the server does not say why"
            )));
        }
        if matches!(status, "queued" | "in_progress") {
            return Err(DecodeError::NotProtocol(format!(
                "a response that is still {status}"
            )));
        }
        self.name(response);
        self.check_held()?;
        let outputs = response.get("output").and_then(Value::as_array);
        if let (Some(outputs), false) = (outputs, self.one_by_one) {
            for (index, item) in outputs.iter().enumerate() {
                self.whole(item, Some(index as u64), sink);
            }
        }
        self.end = Some(End {
            status: status.to_owned(),
            reason: response
                .pointer("/incomplete_details/reason")
                .and_then(Value::as_str)
                .map(str::to_owned),
        });
        Ok(())
    }

    /// The output at `index` or called `id`, which is added where it is new.
    fn output(&mut self, index: Option<u64>, id: &str) -> &mut Output {
        let is_it = |output: &Output| {
            let same_id = !id.is_empty() && output.id == id;
            // A server that gives ids anew in each event still counts its outputs.
            same_id || (index.is_some() && output.index == index)
        };
        let found = self.outputs.iter().rposition(is_it);
        let found = found.or_else(|| match (index, id) {
            (None, "") => self.outputs.len().checked_sub(1),
            _ => None,
        });
        let at = found.unwrap_or_else(|| {
            self.outputs.push(Output {
                index,
                id: id.to_owned(),
                ..Output::default()
            });
            self.outputs.len() - 1
        });
        &mut self.outputs[at]
    }

    /// An output as it begins, or as it is when it is whole: what kind it is and what a call is called.
    fn item(&mut self, item: &Value, index: Option<u64>) -> &mut Output {
        let output = self.output(index, string(item, "id").unwrap_or_default());
        match string(item, "type").unwrap_or_default() {
            "message" => output.kind = Kind::Message,
            "reasoning" => output.kind = Kind::Reasoning,
            "function_call" => {
                output.kind = Kind::Call;
                let call = &mut output.call;
                let fill = |slot: &mut String, field: &str| {
                    if let Some(text) = string(item, field).filter(|text| !text.is_empty()) {
                        *slot = text.to_owned();
                    }
                };
                fill(&mut call.id, "call_id");
                fill(&mut call.name, "name");
                fill(&mut call.arguments, "arguments");
                // Not what the protocol says, but what it means is plain.
                if let Some(object @ Value::Object(_)) = item.get("arguments") {
                    call.arguments = object.to_string();
                }
            }
            _ => {}
        }
        output
    }

    /// An output that is whole.
    fn whole(&mut self, item: &Value, index: Option<u64>, sink: &mut dyn ModelSink) {
        let id = string(item, "id").unwrap_or_default().to_owned();
        let output = self.item(item, index);
        let streamed = output.streamed;
        match output.kind {
            Kind::Message if !streamed => {
                let text = texts(item, "content", "");
                self.text(index, &id, &text, sink);
            }
            Kind::Reasoning => {
                output.kept = is_worth_keeping(item).then(|| without_nulls(item).to_string());
                if !streamed {
                    let summary = texts(item, "summary", BETWEEN);
                    let text = match summary.is_empty() {
                        true => texts(item, "content", ""),
                        false => summary,
                    };
                    self.reasoning(index, &id, None, &text, sink);
                }
            }
            _ => {}
        }
    }

    fn delta(&mut self, kind: &str, value: &Value, sink: &mut dyn ModelSink) {
        let index = number(value, "output_index");
        let id = string(value, "item_id").unwrap_or_default();
        let delta = string(value, "delta").unwrap_or_default();
        match kind {
            "response.output_text.delta" | "response.refusal.delta" => {
                self.text(index, id, delta, sink);
            }
            "response.reasoning_summary_text.delta" => {
                self.reasoning(index, id, number(value, "summary_index"), delta, sink);
            }
            "response.reasoning_text.delta" | "response.reasoning.delta" => {
                self.reasoning(index, id, number(value, "content_index"), delta, sink);
            }
            "response.function_call_arguments.delta" => {
                self.call(index, id).arguments.push_str(delta);
                sink.calls(delta.len());
            }
            "response.function_call_arguments.done" => {
                let whole = string(value, "arguments").filter(|whole| !whole.is_empty());
                if let Some(whole) = whole {
                    self.call(index, id).arguments = whole.to_owned();
                }
            }
            // Parts that begin and end, searches, pictures and what is yet to be invented.
            _ => {}
        }
    }

    fn text(&mut self, index: Option<u64>, id: &str, delta: &str, sink: &mut dyn ModelSink) {
        if delta.is_empty() {
            return;
        }
        let output = self.output(index, id);
        output.kind = Kind::Message;
        let began = std::mem::replace(&mut output.streamed, true);
        if !began && !self.draft.text.is_empty() {
            self.draft.text(BETWEEN, sink);
        }
        self.draft.text(delta, sink);
    }

    fn reasoning(
        &mut self,
        index: Option<u64>,
        id: &str,
        part: Option<u64>,
        delta: &str,
        sink: &mut dyn ModelSink,
    ) {
        if delta.is_empty() {
            return;
        }
        let output = self.output(index, id);
        output.kind = Kind::Reasoning;
        let goes_on = std::mem::replace(&mut output.streamed, true) && output.part == part;
        output.part = part;
        if !goes_on && !self.draft.reasoning.is_empty() {
            self.draft.reasoning(BETWEEN, sink);
        }
        self.draft.reasoning(delta, sink);
    }

    fn call(&mut self, index: Option<u64>, id: &str) -> &mut PartialCall {
        let output = self.output(index, id);
        output.kind = Kind::Call;
        &mut output.call
    }

    /// Calls are counted here, because they come into the draft at the end only.
    fn check_size(&self) -> Result<(), DecodeError> {
        self.draft.check_size()?;
        let size = |output: &Output| {
            output.call.arguments.len() + output.kept.as_ref().map_or(0, String::len)
        };
        let bytes: usize = self.outputs.iter().map(size).sum();
        if bytes > LARGEST_OUTPUTS || self.outputs.len() > MOST_OUTPUTS {
            return Err(DecodeError::NotProtocol(
                "a response that no model would write".into(),
            ));
        }
        Ok(())
    }
}

/// Reasoning that is nothing but an id means something only to a server that holds it, and there it need not be sent.
fn is_worth_keeping(item: &Value) -> bool {
    let encrypted = string(item, "encrypted_content").unwrap_or_default();
    let content = item.get("content").and_then(Value::as_array);
    !encrypted.is_empty() || content.is_some_and(|parts| !parts.is_empty())
}

/// Servers send fields that are null and do not take them back.
fn without_nulls(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(fields) = item.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    item
}

/// The texts and refusals in a list of parts.
fn texts(item: &Value, field: &str, between: &str) -> String {
    let parts = match item.get(field) {
        Some(Value::Array(parts)) => parts.as_slice(),
        Some(Value::String(text)) => return text.clone(),
        _ => &[],
    };
    let texts = parts
        .iter()
        .filter_map(|part| string(part, "text").or(string(part, "refusal")));
    texts.collect::<Vec<_>>().join(between)
}

fn string<'v>(value: &'v Value, field: &str) -> Option<&'v str> {
    value.get(field)?.as_str()
}

fn number(value: &Value, field: &str) -> Option<u64> {
    value.get(field)?.as_u64()
}

fn read_usage(usage: &Value) -> Option<Usage> {
    let number = |pointer: &str| count(usage.pointer(pointer)?);
    let input = number("/input_tokens");
    let output = number("/output_tokens");
    if input.is_none() && output.is_none() {
        return None;
    }
    let (input, output) = (input.unwrap_or(0), output.unwrap_or(0));
    let cached = number("/input_tokens_details/cached_tokens");
    let reasoning = number("/output_tokens_details/reasoning_tokens");
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
mod tests;
