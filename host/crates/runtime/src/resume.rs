//! Going on with a run that stopped: its conversation, to the byte, and its chart where it stood.
//!
//! Everything comes from the run's own records. The conversation is made of the very items that were sent, tool calls and reasoning included, so that what
//! the provider has cached of it is still good.

use crate::RuntimeError;
use crate::act::in_words;
use crate::permission::PermissionRecord;
use crate::record::Kind;
use crate::summarise::Written;
use chart::{SavedSnapshot, Snapshot};
use definitions::{AgentDef, ChartBundle};
use journal::{Journal, Record};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use types::{Cost, Item, Outcome, Provenance, Reply, ToolName, ToolResult};

/// What a run was when it stopped.
pub(crate) struct Resumed {
    pub(crate) items: Vec<Item>,
    /// What follows them: the round that was under way when the run stopped, with an answer for each call.
    pub(crate) mended: Vec<Item>,
    /// The chart where it stood; `None` where it is another chart by now, or none was kept.
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) summary: Option<Written>,
    pub(crate) prompt: Arc<str>,
    pub(crate) next_effect: u64,
    /// Tools that a person has allowed for the whole run.
    pub(crate) permitted: Vec<ToolName>,
    pub(crate) spent: Decimal,
}

#[derive(Deserialize)]
struct ItemRecord {
    item: Item,
}

#[derive(Deserialize)]
struct Stopped {
    snapshot: SavedSnapshot,
}

/// Read the run `run`, which must be one of `agent`.
pub(crate) fn read(
    journal: &Journal,
    run: &str,
    agent: &AgentDef,
    bundle: &ChartBundle,
) -> Result<Resumed, RuntimeError> {
    let mut resumed = Resumed {
        items: Vec::new(),
        mended: Vec::new(),
        snapshot: None,
        summary: None,
        prompt: "".into(),
        next_effect: 1,
        permitted: Vec::new(),
        spent: Decimal::ZERO,
    };
    let mut stopped: Option<SavedSnapshot> = None;
    let mut round = Round::default();
    let mut began = false;
    journal.each(journal::Which::Run(run), |record| {
        let damaged = |why: serde_json::Error| RuntimeError::Damaged {
            run: run.to_owned(),
            record: record.seq.0,
            why: why.to_string(),
        };
        let mut body: Value = serde_json::from_str(&record.body).map_err(damaged)?;
        if let Some(effect) = body["effect"].as_u64() {
            resumed.next_effect = resumed.next_effect.max(effect + 1);
        }
        match kind_of(&record) {
            Some(Kind::Started) => {
                began = true;
                of_this_agent(run, agent, &body)?;
            }
            Some(Kind::Said) => resumed.prompt = body["text"].as_str().unwrap_or_default().into(),
            Some(Kind::Item) => {
                let read: ItemRecord = serde_json::from_value(body).map_err(damaged)?;
                round.joined(&read.item);
                resumed.items.push(read.item);
            }
            Some(Kind::Reply) => {
                if let Ok(reply) = serde_json::from_value::<Reply>(body["reply"].take()) {
                    round.begin(reply);
                }
            }
            Some(Kind::Permission) => {
                round.permitted(&body);
                if let Ok(permission) = serde_json::from_value::<PermissionRecord>(body) {
                    resumed.permitted.extend(permission.for_the_run());
                }
            }
            Some(Kind::Call) => round.started(&body),
            Some(Kind::Outcome) => round.ended(&body),
            // Where the chart stood before it went on is not where it stands.
            Some(Kind::Step | Kind::Migrated) => stopped = None,
            Some(Kind::Summary) => {
                let summary = body.get("summary").filter(|summary| !summary.is_null());
                if let Some(summary) = summary {
                    resumed.summary =
                        Some(serde_json::from_value(summary.clone()).map_err(damaged)?);
                }
            }
            Some(Kind::Cost) => {
                let cost: Cost = serde_json::from_value(body).map_err(damaged)?;
                resumed.spent += cost.usd.unwrap_or_default();
            }
            Some(Kind::Rested | Kind::Ended) => {
                // Records of earlier versions have no snapshot; the chart then begins anew.
                stopped = serde_json::from_value::<Stopped>(body)
                    .ok()
                    .map(|stopped| stopped.snapshot);
            }
            _ => {}
        }
        Ok::<_, RuntimeError>(())
    })?;
    if !began {
        return Err(RuntimeError::NoSuchRun {
            run: run.to_owned(),
        });
    }
    resumed.mended = round.mended();
    resumed.snapshot = stopped.and_then(|saved| saved.restore(&bundle.chart).ok());
    Ok(resumed)
}

/// The calls of the last answer, as far as the record says what became of them. A turn's calls join the conversation together with their results, so a host
/// that is killed in the middle leaves them on the record alone; a model that did not hear of them would make them again.
#[derive(Default)]
struct Round {
    /// The answer that made them, unless it is in the conversation already.
    answer: Option<Item>,
    calls: Vec<Made>,
}

struct Made {
    id: Arc<str>,
    name: Arc<str>,
    started: bool,
    /// What it came to, in words, and whether it failed.
    ended: Option<(String, bool)>,
}

impl Round {
    /// The model has answered.
    fn begin(&mut self, reply: Reply) {
        let made = |call: &types::ToolCall| Made {
            id: call.id.clone(),
            name: call.name.clone(),
            started: false,
            ended: None,
        };
        self.calls = reply.calls.iter().map(made).collect();
        self.answer = (!reply.calls.is_empty()).then(|| Item::Assistant {
            text: (&reply.text).into(),
            reasoning: reply.reasoning,
            calls: reply.calls,
            provenance: Provenance::Model(reply.model),
        });
    }

    /// An item has joined the conversation.
    fn joined(&mut self, item: &Item) {
        match item {
            Item::Assistant { .. } => self.answer = None,
            Item::Result(result) => self.calls.retain(|made| made.id != result.call),
            Item::Text { .. } => {}
        }
    }

    fn made(&mut self, body: &Value) -> Option<&mut Made> {
        let id = body["call"].as_str()?;
        self.calls.iter_mut().find(|made| &*made.id == id)
    }

    /// A call has been recorded. One that a person must allow begins with the answer.
    fn started(&mut self, body: &Value) {
        if let Some(made) = self.made(body) {
            made.started = body["asks"] != true;
        }
    }

    fn permitted(&mut self, body: &Value) {
        if let Some(made) = self.made(body) {
            made.started = body["answer"] != "no";
        }
    }

    fn ended(&mut self, body: &Value) {
        let outcome = serde_json::from_value::<Outcome>(body["outcome"].clone());
        if let (Some(made), Ok(outcome)) = (self.made(body), outcome) {
            made.ended = Some((in_words(&outcome), outcome.result.is_err()));
        }
    }

    /// The answer and a result for each of its calls.
    fn mended(self) -> Vec<Item> {
        let result = |made: Made| {
            let (text, failed) = match (made.ended, made.started) {
                (Some(ended), _) => ended,
                (None, true) => (
                    "under way when the host stopped: it may have taken effect, look before you do it again".into(),
                    true,
                ),
                (None, false) => ("not run: the host stopped".into(), true),
            };
            Item::Result(ToolResult {
                call: made.id,
                name: made.name,
                text: text.into(),
                failed,
                provenance: Provenance::House,
                labels: Vec::new(),
            })
        };
        self.answer
            .into_iter()
            .chain(self.calls.into_iter().map(result))
            .collect()
    }
}

fn of_this_agent(run: &str, agent: &AgentDef, body: &Value) -> Result<(), RuntimeError> {
    let name = body["agent"]["name"].as_str().unwrap_or_default();
    if name == &*agent.name {
        return Ok(());
    }
    Err(RuntimeError::OtherAgent {
        run: run.to_owned(),
        agent: agent.name.to_string(),
        other: name.to_owned(),
    })
}

fn kind_of(record: &Record) -> Option<Kind> {
    [
        Kind::Started,
        Kind::Said,
        Kind::Item,
        Kind::Reply,
        Kind::Call,
        Kind::Permission,
        Kind::Outcome,
        Kind::Step,
        Kind::Migrated,
        Kind::Summary,
        Kind::Cost,
        Kind::Rested,
        Kind::Ended,
    ]
    .into_iter()
    .find(|kind| kind.name() == record.kind)
}
