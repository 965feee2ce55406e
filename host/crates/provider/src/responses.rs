//! OpenAI's Responses, as OpenAI and by now many other servers speak them.
//!
//! Two ways: the whole conversation goes with every request and the server keeps nothing; or the server holds it and a turn sends what is new
//! ([`held`]). Where a server has dropped what it held, cannot hold, or does not take a field that
//! models differ in, the same call asks again without, and that is remembered.

mod decode;
mod encode;
mod held;

use crate::dialect::{Assembly, Dialect, Exchange, Words};
use crate::manners::Manners;
use crate::rope::Rope;
use crate::secret::Key;
use crate::transport::refusal::Refusal;
use encode::Form;
use held::{Continuation, Holding, Memory};
use reqwest::header::{AUTHORIZATION, HeaderMap, InvalidHeaderValue};
use types::Payload;

/// By this name what is kept of an answer is known to be this dialect's.
const NAME: &str = "openai-responses";

/// What a server is said to have answered when it took a request that goes on from a response, and answered as if there were none.
const IGNORED: &str = "previous_response_ignored";

/// The dialect, and what is known of the one server it is spoken with.
#[derive(Default)]
pub struct Responses {
    /// The conversations that the server holds; `None` where it is not to hold any.
    memory: Option<Memory>,
    /// Learnt: what models want otherwise.
    manners: Manners<Manner>,
}

/// What one model or its server does not take, learnt from its refusal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// It gives no encrypted reasoning.
    no_encrypted: bool,
    /// It, or the account, gets no summary of the reasoning.
    no_summary: bool,
    /// It takes no temperature.
    no_temperature: bool,
}

impl Responses {
    /// The dialect; `held` says whether the server is to hold the conversations.
    pub fn new(held: bool) -> Self {
        Responses {
            memory: held.then(Memory::default),
            ..Responses::default()
        }
    }

    fn memory(&self) -> Option<&Memory> {
        self.memory.as_ref().filter(|memory| !memory.is_of_no_use())
    }
}

impl Dialect for Responses {
    fn words(&self) -> &'static Words {
        &Words {
            answer: "a response",
            base_url: "that of an API with OpenAI's Responses (it usually ends in `/v1`)",
            example: "http://127.0.0.1:11434/v1",
        }
    }

    fn path(&self, base: &str) -> String {
        if base.ends_with("/responses") {
            base.to_owned()
        } else {
            format!("{base}/responses")
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
        Box::new(Turn {
            responses: self,
            payload,
            model,
            manner: self.manners.of(model),
            continuation: self
                .memory()
                .and_then(|memory| memory.continuation(encode::conversation(payload))),
        })
    }
}

/// One payload on its way.
struct Turn<'a> {
    responses: &'a Responses,
    payload: &'a Payload,
    model: &'a str,
    manner: Manner,
    /// From where the server holds the conversation already.
    continuation: Option<Continuation>,
}

impl Turn<'_> {
    /// Whether `refusal` is about the response that this request goes on from. Servers have many words for it, but they name what is missing.
    fn names_what_is_held(&self, refusal: &Refusal) -> bool {
        let Some(Continuation { id, .. }) = &self.continuation else {
            return false;
        };
        let names = ["previous_response", id].map(|words| refusal.body.contains(words));
        refusal.status >= 400 && names.contains(&true)
    }

    /// Send the whole conversation, because the server does not hold it.
    fn send_all(&mut self, refusal: &Refusal) {
        if let (Some(memory), Some(dropped)) = (&self.responses.memory, self.continuation.take()) {
            tracing::info!(response = %dropped.id, status = refusal.status, "the server does not hold the conversation: sending all of it");
            memory.forget(&dropped.id);
            let never = [IGNORED, "not supported", "unsupported", "unknown_parameter"];
            if never.iter().any(|words| refusal.body.contains(words)) {
                memory.give_up();
            }
        }
    }

    /// Leave out what the model does not take, if that is what `refusal` is about.
    fn mend_manner(&mut self, refusal: &Refusal) -> bool {
        let said = refusal.body.to_ascii_lowercase();
        let names = |words: &[&str]| words.iter().any(|word| said.contains(word));
        let parameters = &self.payload.parameters;
        let mut wanted = self.manner;
        if names(&[
            "encrypted",
            "'include",
            "\\\"include",
            "\"include",
            "`include",
        ]) {
            wanted.no_encrypted = true;
        } else if parameters.reasoning.is_some() && names(&["summary", "summaries"]) {
            wanted.no_summary = true;
        } else if parameters.temperature.is_some() && names(&["temperature"]) {
            wanted.no_temperature = true;
        }
        let manners = &self.responses.manners;
        manners.change(self.model, &mut self.manner, wanted)
    }
}

impl Exchange for Turn<'_> {
    fn body(&self) -> Rope {
        encode::body(
            self.payload,
            self.model,
            &Form {
                store: self.responses.memory().is_some(),
                manner: self.manner,
                continuation: self.continuation.as_ref(),
            },
        )
    }

    fn adapt(&mut self, refusal: &Refusal) -> bool {
        if self.names_what_is_held(refusal) {
            self.send_all(refusal);
            return true;
        }
        if matches!(refusal.status, 400 | 422) && self.mend_manner(refusal) {
            return true;
        }
        // A server that does not hold the conversation may find fault with anything in the rest of it: results without calls, for one.
        let may_be_the_rest = matches!(refusal.status, 400 | 404 | 409 | 410 | 422);
        let falls_back = self.continuation.is_some() && may_be_the_rest && !refusal.is_overflow();
        if falls_back {
            self.send_all(refusal);
        }
        falls_back
    }

    fn assembly(&self) -> Box<dyn Assembly + '_> {
        let memory = self.responses.memory().map(|memory| Holding {
            memory,
            conversation: encode::conversation(self.payload),
            continuation: self.continuation.as_ref(),
        });
        Box::new(decode::Response::new(memory))
    }
}
