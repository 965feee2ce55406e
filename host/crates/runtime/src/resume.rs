//! Going on with a run that stopped: its conversation, to the byte, and its chart where it stood.
//!
//! Everything comes from the run's own records. The conversation is made of the very items that were sent, tool calls and reasoning included, so that what
//! the provider has cached of it is still good.

use crate::RuntimeError;
use crate::record::Kind;
use crate::summarise::Written;
use chart::{SavedSnapshot, Snapshot};
use definitions::{AgentDef, ChartBundle};
use journal::{Journal, Record};
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;
use types::{Cost, Item};

/// What a run was when it stopped.
pub(crate) struct Resumed {
    pub(crate) items: Vec<Item>,
    /// The chart where it stood; `None` where it is another chart by now, or none was kept.
    pub(crate) snapshot: Option<Snapshot>,
    pub(crate) summary: Option<Written>,
    pub(crate) prompt: Arc<str>,
    pub(crate) next_effect: u64,
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
        snapshot: None,
        summary: None,
        prompt: "".into(),
        next_effect: 1,
        spent: Decimal::ZERO,
    };
    let mut stopped: Option<SavedSnapshot> = None;
    let mut began = false;
    journal.each(journal::Which::Run(run), |record| {
        let damaged = |why: serde_json::Error| RuntimeError::Damaged {
            run: run.to_owned(),
            record: record.seq.0,
            why: why.to_string(),
        };
        let body: Value = serde_json::from_str(&record.body).map_err(damaged)?;
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
                resumed.items.push(read.item);
            }
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
    resumed.snapshot = stopped.and_then(|saved| saved.restore(&bundle.chart).ok());
    Ok(resumed)
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
        Kind::Summary,
        Kind::Cost,
        Kind::Rested,
        Kind::Ended,
    ]
    .into_iter()
    .find(|kind| kind.name() == record.kind)
}
