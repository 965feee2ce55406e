//! Chat completions as OpenAI's servers and many others speak them: llama.cpp, Ollama, vLLM, LM Studio, OpenRouter and the rest.

mod decode;
mod encode;

use crate::dialect::{Assembly, Dialect, Exchange, Words};
use crate::manners::Manners;
use crate::rope::Rope;
use crate::secret::Key;
use crate::transport::refusal::Refusal;
use encode::Manner;
use reqwest::header::{AUTHORIZATION, HeaderMap, InvalidHeaderValue};
use types::Payload;

/// The dialect, and what is known of the models behind the one server it is spoken with.
#[derive(Default)]
pub struct Chat {
    manners: Manners<Manner>,
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
        Box::new(Completion {
            payload,
            model,
            manners: &self.manners,
            manner: self.manners.of(model),
        })
    }
}

struct Completion<'a> {
    payload: &'a Payload,
    model: &'a str,
    manners: &'a Manners<Manner>,
    manner: Manner,
}

impl Exchange for Completion<'_> {
    fn body(&self) -> Rope {
        encode::body(self.payload, self.model, self.manner)
    }

    fn adapt(&mut self, refusal: &Refusal) -> bool {
        if refusal.status != 400 {
            return false;
        }
        let parameters = &self.payload.parameters;
        let says = |word| refusal.body.contains(word);
        let mut wanted = self.manner;
        if says("max_completion_tokens") {
            wanted.completion_limit = true;
        } else if parameters.reasoning.is_some() && says("reasoning_effort") {
            wanted.no_effort = true;
        } else if parameters.temperature.is_some() && says("temperature") {
            wanted.no_temperature = true;
        }
        self.manners.change(self.model, &mut self.manner, wanted)
    }

    fn assembly(&self) -> Box<dyn Assembly + '_> {
        Box::<decode::Completion>::default()
    }
}
