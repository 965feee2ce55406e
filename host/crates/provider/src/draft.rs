//! What all assemblies collect, whichever dialect it arrives in: text, reasoning, calls, counts.

use crate::dialect::{Asked, DecodeError};
use crate::spelling::house_name;
use serde_json::Value;
use types::{ModelSink, Reasoning, Reply, StopReason, ToolCall, Usage};

/// Most bytes of text and arguments in one reply. No model writes as much; a server that does would fill the memory.
const LARGEST_REPLY: usize = 32 << 20;

/// What an estimated token is long: the usual figure for English text and for code.
const BYTES_PER_TOKEN: usize = 4;

/// Most tokens that are believed: a thousand times what any model reads at once. A server that counts more has lost count, and money and budgets would be
/// computed from it.
const MOST_TOKENS: u64 = 1 << 30;

/// A call while it arrives.
#[derive(Default)]
pub struct PartialCall {
    /// What tells it from other calls while pieces of several arrive mixed.
    pub index: Option<u64>,
    /// The server's id.
    pub id: String,
    /// The tool's name on the wire.
    pub name: String,
    /// Arguments so far.
    pub arguments: String,
}

/// A reply while it arrives.
#[derive(Default)]
pub struct Draft {
    /// Visible text.
    pub text: String,
    /// Readable reasoning.
    pub reasoning: String,
    /// Calls in order.
    pub calls: Vec<PartialCall>,
    /// Tokens, once the server has counted them.
    pub usage: Option<Usage>,
    /// The model, as the server names it.
    pub model: Option<String>,
    /// The server's id for the answer.
    pub id: Option<String>,
}

impl Draft {
    /// More visible text.
    pub fn text(&mut self, delta: &str, sink: &mut dyn ModelSink) {
        if !delta.is_empty() {
            self.text.push_str(delta);
            sink.text(delta);
        }
    }

    /// More reasoning.
    pub fn reasoning(&mut self, delta: &str, sink: &mut dyn ModelSink) {
        if !delta.is_empty() {
            self.reasoning.push_str(delta);
            sink.reasoning(delta);
        }
    }

    /// Whether anything that counts has come.
    pub fn is_empty(&self) -> bool {
        self.text.is_empty() && self.reasoning.is_empty() && self.calls.is_empty()
    }

    /// Refuses what no model would write.
    ///
    /// # Errors
    /// [`DecodeError::NotProtocol`] where it has become too long.
    pub fn check_size(&self) -> Result<(), DecodeError> {
        if self.text.len() + self.reasoning.len() + self.argument_bytes() > LARGEST_REPLY {
            return Err(DecodeError::NotProtocol(
                "a reply of more than 32 MiB".into(),
            ));
        }
        Ok(())
    }

    /// The reply.
    pub fn into_reply(self, stop: StopReason, asked: &Asked<'_>) -> Reply {
        let usage = self.usage.unwrap_or_else(|| self.estimate(asked.sent));
        Reply {
            text: self.text.into(),
            reasoning: (!self.reasoning.is_empty()).then(|| Reasoning::text(self.reasoning)),
            calls: name_calls(self.calls, asked.turn),
            stop,
            usage,
            abandoned: None,
            model: self
                .model
                .filter(|model| !model.is_empty())
                .map_or_else(|| asked.model.into(), Into::into),
            request: self.id.filter(|id| !id.is_empty()).map(Into::into),
        }
    }

    fn argument_bytes(&self) -> usize {
        self.calls
            .iter()
            .map(|call| call.name.len() + call.arguments.len())
            .sum()
    }

    fn estimate(&self, sent: usize) -> Usage {
        let tokens = |bytes: usize| bytes.div_ceil(BYTES_PER_TOKEN) as u64;
        Usage {
            input: tokens(sent),
            cached: 0,
            cache_write: 0,
            output: tokens(self.text.len() + self.reasoning.len() + self.argument_bytes()),
            reasoning: tokens(self.reasoning.len()),
            reported: false,
        }
    }
}

/// A count of tokens, where `value` can be one.
pub fn count(value: &Value) -> Option<u64> {
    let number = value.as_u64().or_else(|| {
        let number = value.as_f64()?;
        // Some servers write `12.0`.
        (number >= 0.0 && number <= MOST_TOKENS as f64).then_some(number as u64)
    });
    number.filter(|number| *number <= MOST_TOKENS)
}

/// Keep the first value that a stream gives.
pub fn keep_first(slot: &mut Option<String>, value: Option<String>) {
    if slot.is_none() {
        *slot = value;
    }
}

/// Calls with ids that are unique in the reply: a server's own, or made from the turn so that they are unique in the history too.
fn name_calls(calls: Vec<PartialCall>, turn: usize) -> Vec<ToolCall> {
    let mut named: Vec<ToolCall> = Vec::with_capacity(calls.len());
    for (n, call) in calls.into_iter().enumerate() {
        let taken = call.id.is_empty() || named.iter().any(|other| *other.id == *call.id);
        let id = if taken {
            format!("call_{turn}_{n}")
        } else {
            call.id
        };
        named.push(ToolCall {
            id: id.into(),
            name: house_name(&call.name).into(),
            arguments: call.arguments.into(),
        });
    }
    named
}
