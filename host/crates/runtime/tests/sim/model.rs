//! A provider that answers when it likes, fails as providers do, and counts what it has answered.

use super::world::{Dice, Power};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use types::{
    Model, ModelError, ModelErrorKind, ModelFuture, ModelSink, Payload, Reply, StopReason,
    ToolCall, Usage,
};

pub struct Oracle {
    dice: Dice,
    power: Arc<Power>,
    /// The numbers of its answers: each stands as output tokens in the answer's usage.
    answered: Mutex<BTreeSet<u64>>,
    /// Whether it has trouble at all.
    pub healthy: std::sync::atomic::AtomicBool,
}

impl Oracle {
    pub fn new(dice: Dice, power: &Arc<Power>) -> Arc<Self> {
        Arc::new(Oracle {
            dice,
            power: power.clone(),
            answered: Mutex::default(),
            healthy: false.into(),
        })
    }

    /// The answers that it gave while the host could hear them.
    pub fn answered(&self) -> BTreeSet<u64> {
        self.answered.lock().unwrap().clone()
    }

    fn call(&self, name: &str, arguments: &str) -> ToolCall {
        ToolCall {
            id: format!("c{}", self.dice.below(1_000_000_000))
                .as_str()
                .into(),
            name: name.into(),
            arguments: arguments.into(),
        }
    }
}

impl Model for Oracle {
    fn complete<'a>(
        &'a self,
        payload: &'a Payload,
        sink: &'a mut dyn ModelSink,
    ) -> ModelFuture<'a> {
        Box::pin(async move {
            let healthy = self.healthy.load(std::sync::atomic::Ordering::SeqCst);
            let wait = match self.dice.below(10) {
                0 => 0,
                1 => self.dice.below(1_200_000),
                _ => self.dice.below(60_000),
            };
            if wait > 0 {
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            if !healthy && self.dice.percent(25) {
                let kinds = [
                    ModelErrorKind::Unreachable,
                    ModelErrorKind::RateLimited,
                    ModelErrorKind::Rejected,
                    ModelErrorKind::Timeout,
                    ModelErrorKind::Protocol,
                ];
                let kind = *self.dice.pick(&kinds).unwrap();
                return Err(ModelError::new(kind, "no"));
            }
            if self.dice.percent(50) {
                sink.text("some ");
                tokio::time::sleep(Duration::from_millis(self.dice.below(5_000))).await;
            }
            let hands_in = payload.tools.iter().any(|tool| &*tool.name == "hand_in");
            let calls = match self.dice.below(10) {
                0..7 if hands_in => {
                    let outcome = ["accepted", "rejected"][self.dice.below(2) as usize];
                    let arguments = format!("{{\"outcome\":\"{outcome}\",\"notes\":\"n\"}}");
                    vec![self.call("hand_in", &arguments)]
                }
                7 => vec![
                    self.call("no.such", "{}"),
                    self.call("hand_in", "{\"outcome\":7}"),
                ],
                8 if !healthy => vec![self.call("garbage", "{not json")],
                _ => Vec::new(),
            };
            let mut usage = Usage {
                input: self.dice.below(5_000),
                reported: true,
                ..Usage::default()
            };
            let answered = {
                let mut answered = self.answered.lock().unwrap();
                let number = 1 + answered.len() as u64;
                if self.power.is_on() {
                    answered.insert(number);
                }
                number
            };
            usage.output = answered;
            usage.cached = self.dice.below(usage.input + 1);
            Ok(Reply {
                text: "some words".into(),
                stop: match calls.is_empty() {
                    true => StopReason::End,
                    false => StopReason::ToolCalls,
                },
                usage,
                reasoning: None,
                calls,
                model: "m".into(),
                abandoned: None,
                request: None,
            })
        })
    }
}
