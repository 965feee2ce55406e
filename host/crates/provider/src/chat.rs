//! Chat completions as OpenAI's servers and many others speak them: llama.cpp, Ollama, vLLM, LM Studio, OpenRouter and the rest.

mod decode;
mod encode;

use crate::dialect::{Assembly, Dialect, Exchange, Words};
use crate::rope::Rope;
use crate::secret::Key;
use crate::transport::refusal::Refusal;
use encode::LimitField;
use reqwest::header::{AUTHORIZATION, HeaderMap, InvalidHeaderValue};
use std::sync::atomic::{AtomicBool, Ordering};
use types::Payload;

/// The dialect, and what is known of the one server it is spoken with.
#[derive(Default)]
pub struct Chat {
    /// Learnt from the server's first refusal.
    wants_completion_limit: AtomicBool,
}

impl Dialect for Chat {
    fn words(&self) -> &'static Words {
        &Words {
            answer: "a chat completion",
            base_url: "that of an OpenAI-compatible API (it usually ends in `/v1`)",
            example: "http://127.0.0.1:11434/v1",
        }
    }

    fn path(&self, base: &str) -> String {
        if base.ends_with("/chat/completions") {
            base.to_owned()
        } else {
            format!("{base}/chat/completions")
        }
    }

    fn headers(
        &self,
        headers: &mut HeaderMap,
        key: Option<&Key>,
    ) -> Result<(), InvalidHeaderValue> {
        if let Some(key) = key {
            headers.insert(AUTHORIZATION, key.header("Bearer ")?);
        }
        Ok(())
    }

    fn exchange<'a>(&'a self, payload: &'a Payload, model: &'a str) -> Box<dyn Exchange + 'a> {
        let limit = match self.wants_completion_limit.load(Ordering::Relaxed) {
            true => LimitField::MaxCompletionTokens,
            false => LimitField::MaxTokens,
        };
        Box::new(Completion {
            chat: self,
            payload,
            model,
            limit,
        })
    }
}

struct Completion<'a> {
    chat: &'a Chat,
    payload: &'a Payload,
    model: &'a str,
    limit: LimitField,
}

impl Exchange for Completion<'_> {
    fn body(&self) -> Rope {
        encode::body(self.payload, self.model, self.limit)
    }

    fn adapt(&mut self, refusal: &Refusal) -> bool {
        let wants_other = self.limit == LimitField::MaxTokens
            && refusal.status == 400
            && refusal.body.contains("max_completion_tokens");
        if wants_other {
            self.limit = LimitField::MaxCompletionTokens;
            self.chat
                .wants_completion_limit
                .store(true, Ordering::Relaxed);
        }
        wants_other
    }

    fn assembly(&self) -> Box<dyn Assembly + '_> {
        Box::<decode::Completion>::default()
    }
}
