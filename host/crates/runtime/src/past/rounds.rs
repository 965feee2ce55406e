//! How records of the conversation, of inferences and of calls bear on what is under way: each takes an activity one step further.

use super::{Asking, Doing, Ended, Made, Past, Progress, text};
use crate::act::{in_words, last_json};
use crate::inbox::Word;
use crate::record::Kind;
use crate::round::ActivityKind;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Effect, Item, Outcome, Provenance, Reply, Timestamp, ToolCall, Value};

impl Past {
    /// Activities that a step began and stopped.
    pub(super) fn effects(&mut self, effects: &Json) {
        for effect in effects.as_array().into_iter().flatten() {
            let id: Arc<str> = text(&effect["id"]).into();
            match effect["type"].as_str() {
                Some("invoke") => {
                    let activity = effect["activity"].as_str().and_then(ActivityKind::parse);
                    if let Some(kind) = activity {
                        let params = Value::from(&effect["params"]);
                        let state = text(&effect["state"]).into();
                        self.doing.insert(id, Doing::new(kind, state, params));
                    }
                }
                Some("cancel_invoke") => {
                    self.doing.remove(&id);
                }
                _ => {}
            }
        }
    }

    pub(super) fn item(&mut self, item: Item, n: &Json) {
        let n = n.as_u64().and_then(|n| usize::try_from(n).ok());
        self.items = n.map_or(self.items + 1, |n| n + 1);
        match item {
            Item::Text {
                provenance, text, ..
            } => {
                let human = provenance == Provenance::Human;
                let joins = |word: &Word| match word.house {
                    true => !human && *text.plain() == word.text,
                    // Where it could have closed a section of the map it reads otherwise now.
                    false => human,
                };
                if self.waiting.first().is_some_and(joins) {
                    let word = self.waiting.remove(0);
                    self.unanswered |= !word.house;
                    self.has_work |= word.house;
                }
            }
            Item::Assistant { calls, .. } => {
                for doing in self.doing.values_mut() {
                    let its = |said: &Item| matches!(said, Item::Assistant { calls: own, .. } if *own == calls);
                    if doing.said.as_ref().is_some_and(its) {
                        doing.said = None;
                    }
                }
                self.open = calls;
            }
            Item::Result(result) => {
                self.open.retain(|call| call.id != result.call);
                self.held.remove(&result.call);
                for doing in self.doing.values_mut() {
                    doing.slots.retain(|made| made.call.id != result.call);
                }
            }
        }
    }

    pub(super) fn asked(&mut self, body: &Json, time: Timestamp) {
        self.unanswered = false;
        self.has_work = false;
        let Some(doing) = self.by_invocation(body) else {
            return;
        };
        doing.thoughts += 1;
        // Whoever asks again has all answers from before.
        doing.lost = None;
        doing.asking = Some(asking(body, &body["context"]["total"], time));
    }

    /// The body of a record was taken out. What still waits for such an answer at the end would be asked for, or be called uncertain, though it came.
    pub(super) fn lose(&mut self, kind: Kind, seq: u64) {
        if matches!(kind, Kind::Reply | Kind::Outcome) {
            for doing in self.doing.values_mut() {
                doing.lost.get_or_insert(seq);
            }
        }
    }

    pub(super) fn answered(&mut self, mut body: Json) {
        let effect = body["effect"].as_u64();
        let asked = |doing: &&mut Doing| {
            let asking = doing.asking.as_ref();
            asking.is_some_and(|asking| Some(asking.effect) == effect)
        };
        let Some(doing) = self.doing.values_mut().find(asked) else {
            return;
        };
        doing.asking = None;
        let Ok(reply) = serde_json::from_value::<Reply>(body["reply"].take()) else {
            return;
        };
        if let Ok(held) = serde_json::from_value(body["held"].take()) {
            let held: BTreeMap<Arc<str>, String> = held;
            self.held.extend(held);
        }
        if doing.kind != ActivityKind::Turn || reply.calls.is_empty() {
            return;
        }
        let waiting = |call: &ToolCall| Made {
            call: call.clone(),
            progress: Progress::Waiting,
        };
        doing.slots = reply.calls.iter().map(waiting).collect();
        doing.said = Some(Item::Assistant {
            text: (&reply.text).into(),
            reasoning: reply.reasoning,
            calls: reply.calls,
            provenance: Provenance::Model(reply.model),
        });
    }

    pub(super) fn called(&mut self, body: &Json, time: Timestamp) {
        if body["model"].is_string() {
            let state = text(&body["state"]).into();
            self.summing = Some((state, asking(body, &body["tokens"], time)));
            return;
        }
        // Those that fetch for a payload are made anew with it.
        let (Some(id), Some(effect)) = (body["call"].as_str(), body["effect"].as_u64()) else {
            return;
        };
        let repeat = serde_json::from_value(body["repeat"].clone()).unwrap_or(Effect::Once);
        let progress = Progress::Running {
            effect,
            repeat,
            asks: body["asks"] == true,
        };
        let counts = body["refused"] != true && body["again"] != true;
        let call = ToolCall {
            id: id.into(),
            name: text(&body["tool"]).into(),
            arguments: text(&body["arguments"]).as_str().into(),
        };
        let open = self.open.clone();
        let Some(doing) = self.by_invocation(body) else {
            return;
        };
        doing.calls += u32::from(counts);
        if doing.slots.is_empty() && doing.kind == ActivityKind::Act {
            let waiting = |call| Made {
                call,
                progress: Progress::Waiting,
            };
            doing.slots = open.into_iter().map(waiting).collect();
        }
        match doing.slots.iter_mut().find(|made| *made.call.id == *id) {
            Some(made) => made.progress = progress,
            None => doing.slots.push(Made { call, progress }),
        }
    }

    pub(super) fn ended(&mut self, body: &Json) {
        let Ok(outcome) = serde_json::from_value::<Outcome>(body["outcome"].clone()) else {
            return;
        };
        let failed = outcome.result.is_err();
        let provenance = serde_json::from_value(body["provenance"].clone());
        let labels = serde_json::from_value(body["labels"].clone());
        let ended = Ended {
            text: in_words(&outcome),
            error: outcome.result.as_ref().err().map(|error| error.kind),
            json: last_json(&outcome),
            provenance: provenance.unwrap_or(Provenance::House),
            labels: labels.unwrap_or_default(),
        };
        let effect = body["effect"].as_u64();
        for doing in self.doing.values_mut() {
            for made in &mut doing.slots {
                let Progress::Running {
                    effect: own,
                    repeat,
                    ..
                } = made.progress
                else {
                    continue;
                };
                if Some(own) == effect {
                    doing.changed |= repeat != Effect::None && !failed;
                    doing.failed += u32::from(failed);
                    made.progress = Progress::Finished(Box::new(ended));
                    return;
                }
            }
        }
    }

    pub(super) fn stopped(&mut self, body: &Json) {
        let Some(id) = body["invocation"].as_str() else {
            return;
        };
        if body["suspended"] != true {
            self.doing.remove(id);
            return;
        }
        if let Some(doing) = self.doing.get_mut(id) {
            doing.suspended = true;
            doing.asking = None;
            doing.said = None;
            if doing.kind != ActivityKind::Plugin {
                // Its calls have their answers in the conversation; the chart has yet to hear of those that may have done something.
                let slots = std::mem::take(&mut doing.slots);
                doing
                    .cut
                    .extend(slots.into_iter().filter(Made::is_uncertain));
            }
        }
    }

    /// The chart hears that nobody knows what came of a call.
    pub(super) fn uncertain(&mut self, body: &Json) {
        if let Some(made) = self.made(body) {
            made.progress = Progress::Finished(Box::new(Ended::uncertain()));
        }
        if let Some(effect) = body["effect"].as_u64() {
            for doing in self.doing.values_mut() {
                doing.cut.retain(|made| made.effect() != Some(effect));
            }
        }
    }

    /// What an inference may have cost that was lost is booked.
    pub(super) fn booked(&mut self, body: &Json) {
        let effect = body["lost"].as_u64();
        self.summing
            .take_if(|(_, asking)| Some(asking.effect) == effect);
        for doing in self.doing.values_mut() {
            doing.asking.take_if(|asking| Some(asking.effect) == effect);
        }
    }

    fn by_invocation(&mut self, body: &Json) -> Option<&mut Doing> {
        self.doing.get_mut(body["invocation"].as_str()?)
    }

    /// The call that a record is about, by its effect.
    pub(super) fn made(&mut self, body: &Json) -> Option<&mut Made> {
        let effect = body["effect"].as_u64()?;
        let slots = self.doing.values_mut().flat_map(|doing| &mut doing.slots);
        let mut running = slots.filter(
            |made| matches!(made.progress, Progress::Running { effect: own, .. } if own == effect),
        );
        running.next()
    }
}

/// What the record of an inference, or of what may make one, says of it.
fn asking(body: &Json, tokens: &Json, time: Timestamp) -> Asking {
    Asking {
        effect: body["effect"].as_u64().unwrap_or_default(),
        provider: text(&body["provider"]).into(),
        model: text(&body["model"]).into(),
        tokens: tokens.as_u64().unwrap_or_default(),
        free: body["free"] == true,
        time,
    }
}
