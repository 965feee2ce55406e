//! Messages, as Anthropic's API and some others speak them.
//!
//! Models of this API differ in what they accept: older ones want a budget for thinking, newer ones refuse it and a temperature with it.

mod blocks;
mod decode;
mod encode;
mod kept;
mod thinking;

use crate::dialect::{Assembly, Dialect, Exchange, Words};
use crate::manners::Manners;
use crate::rope::Rope;
use crate::secret::Key;
use crate::transport::refusal::Refusal;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue, InvalidHeaderValue};
use types::Payload;

/// The version of the API that is spoken.
const VERSION: &str = "2023-06-01";

/// What one model wants otherwise than most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// It decides itself how long it thinks, and is told how hard to try.
    adaptive: bool,
    /// It takes no temperature.
    no_temperature: bool,
}

/// The dialect, and what is known of the models behind the one server it is spoken with.
#[derive(Default)]
pub struct Messages {
    manners: Manners<Manner>,
}

impl Dialect for Messages {
    fn words(&self) -> &'static Words {
        &Words {
            answer: "a message",
            base_url: "that of an API that speaks Anthropic's Messages (requests go to `/v1/messages` under it)",
            example: "http://127.0.0.1:8080",
        }
    }

    fn path(&self, base: &str) -> String {
        if base.ends_with("/v1/messages") {
            base.to_owned()
        } else if base.ends_with("/v1") {
            format!("{base}/messages")
        } else {
            format!("{base}/v1/messages")
        }
    }

    fn headers(
        &self,
        headers: &mut HeaderMap,
        key: Option<&Key>,
    ) -> Result<(), InvalidHeaderValue> {
        headers.insert(
            HeaderName::from_static("anthropic-version"),
            HeaderValue::from_static(VERSION),
        );
        if let Some(key) = key {
            headers.insert(HeaderName::from_static("x-api-key"), key.header("")?);
        }
        Ok(())
    }

    fn exchange<'a>(&'a self, payload: &'a Payload, model: &'a str) -> Box<dyn Exchange + 'a> {
        Box::new(Message {
            payload,
            model,
            manners: &self.manners,
            manner: self.manners.of(model),
        })
    }
}

struct Message<'a> {
    payload: &'a Payload,
    model: &'a str,
    manners: &'a Manners<Manner>,
    manner: Manner,
}

impl Exchange for Message<'_> {
    fn body(&self) -> Rope {
        encode::body(self.payload, self.model, self.manner)
    }

    fn adapt(&mut self, refusal: &Refusal) -> bool {
        if refusal.status != 400 {
            return false;
        }
        let parameters = &self.payload.parameters;
        let mut wanted = self.manner;
        if parameters.reasoning.is_some() && refusal.body.contains("thinking.type.adaptive") {
            wanted.adaptive = true;
        } else if parameters.temperature.is_some() && refusal.body.contains("temperature") {
            wanted.no_temperature = true;
        }
        self.manners.change(self.model, &mut self.manner, wanted)
    }

    fn assembly(&self) -> Box<dyn Assembly + '_> {
        Box::<decode::Message>::default()
    }
}
