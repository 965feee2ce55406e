//! What a run's records come to: where its chart stands, what is under way, what is known. A fold, and nothing but a fold.
//!
//! Taking a run up again and recording a snapshot of it are the same function of the same records, so that there is no second way in which a run is stored
//! and could differ from the first. A snapshot is this fold as far as it had come; what follows it is folded on top. It holds no conversation: that is read
//! from its own records, as much of it as is needed.

mod doing;
mod rounds;
mod stood;

pub(crate) use doing::{Asking, Doing, Ended, Made, Progress};
pub(crate) use stood::Stood;

use crate::RuntimeError;
use crate::admission::EXHAUSTED;
use crate::bound::{self, Binding, HAND_IN};
use crate::inbox::Word;
use crate::kin::{self, Children, Kin};
use crate::live::Status;
use crate::permission::PermissionRecord;
use crate::record::Kind;
use crate::summarise::Written;
use chart::SavedSnapshot;
use journal::{Journal, Record};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use stood::Stepped;
use types::{ContentHash, Cost, Timestamp, ToolCall, ToolName};

/// What a run was when it stopped.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Past {
    /// Whose run it is.
    pub(crate) agent: String,
    /// The chart that its steps are of.
    pub(crate) chart: Option<ContentHash>,
    /// The set of definitions in force, where it was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) definitions: Option<String>,
    /// What a person said last.
    pub(crate) prompt: Arc<str>,
    pub(crate) next_effect: u64,
    /// Tools that a person has allowed for the whole run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) permitted: Vec<ToolName>,
    pub(crate) spent: Decimal,
    #[serde(default)]
    pub(crate) unpriced: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) summary: Option<Written>,
    /// What was said and has not joined the conversation.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) waiting: Vec<Word>,
    /// Whether a person said something that no inference was asked about.
    #[serde(default)]
    pub(crate) unanswered: bool,
    /// Whether a workflow said something that nothing was begun for.
    #[serde(default)]
    pub(crate) has_work: bool,
    /// Whether the chart began after all that was said.
    #[serde(default)]
    pub(crate) begun_with_it: bool,
    /// Items of the conversation.
    pub(crate) items: usize,
    /// The record of the newest of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) newest_item: Option<u64>,
    /// Calls of the last answer that nothing has answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) open: Vec<ToolCall>,
    /// Activities under way, by invocation.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) doing: BTreeMap<Arc<str>, Doing>,
    /// What a summary that is being written may have asked for, and in which state.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) summing: Option<(Arc<str>, Asking)>,
    /// Calls that are held back, with the reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) held: BTreeMap<Arc<str>, String>,
    /// How it ended, if it did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) over: Option<Status>,
    /// How it stood still last, if it has done nothing since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rested: Option<Status>,
    /// A person said that it should wait.
    #[serde(default)]
    pub(crate) paused: bool,
    /// The workflow it is bound to, and as what.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) bound: Option<Binding>,
    /// The last record of another run's event that it has taken.
    #[serde(default)]
    pub(crate) heard_upto: u64,
    /// Whose child it is.
    #[serde(default)]
    pub(crate) kin: Kin,
    /// What it has begun.
    #[serde(default)]
    pub(crate) children: Children,
    /// Whether what its role asks for is handed in.
    #[serde(default)]
    pub(crate) handed_in: bool,
    /// Whether it was told, since that was asked for, that nothing is.
    #[serde(default)]
    pub(crate) reminded: bool,
    /// When the stretch ends in which something was refused for its cost; `None` where it does not end by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) room_at: Option<Timestamp>,
    /// The chart as it was stored last; `None` before it began.
    base: Option<SavedSnapshot>,
    /// What happened to it since.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    steps: Vec<Stepped>,
    /// Records folded since the last snapshot.
    #[serde(skip)]
    pub(crate) tail: usize,
}

#[derive(Deserialize)]
struct SnapshotRecord {
    past: Past,
}

impl Past {
    /// What the records of `run` come to; `None` where there are none of an agent.
    ///
    /// # Errors
    /// When the journal cannot be read, or a record in it.
    pub(crate) fn read(journal: &Journal, run: &str) -> Result<Option<Self>, RuntimeError> {
        let mut tail = since_snapshot(journal, run)?;
        let mut past = Past {
            next_effect: 1,
            ..Past::default()
        };
        let damaged =
            |record: &Record, why: serde_json::Error| RuntimeError::unreadable(record, &why);
        if let Some(first) = tail.first()
            && first.kind == Kind::Snapshot.name()
        {
            let read: SnapshotRecord =
                serde_json::from_str(&first.body).map_err(|why| damaged(first, why))?;
            past = read.past;
            tail.remove(0);
        }
        for record in &tail {
            past.take(record).map_err(|why| damaged(record, why))?;
        }
        if let Some(record) = past.doing.values().find_map(Doing::misses) {
            let run = run.to_owned();
            return Err(RuntimeError::Compacted { run, record });
        }
        past.tail = tail.len();
        Ok((!past.agent.is_empty()).then_some(past))
    }

    /// Fold one more record.
    fn take(&mut self, record: &Record) -> Result<(), serde_json::Error> {
        let Some(kind) = Kind::named(&record.kind).filter(|kind| is_of_interest(*kind)) else {
            return Ok(());
        };
        if record.is_compacted() {
            self.lose(kind, record.seq.0);
        }
        let mut body: Json = serde_json::from_str(&record.body)?;
        if let Some(effect) = body["effect"].as_u64() {
            self.next_effect = self.next_effect.max(effect + 1);
        }
        if let Some(cause) = body["cause"].as_u64() {
            self.heard_upto = self.heard_upto.max(cause);
        }
        match kind {
            Kind::Started => {
                self.agent = text(&body["agent"]["name"]);
                self.chart = hash(&body["chart"]["hash"]);
                self.definitions = body["definitions"].as_str().map(str::to_owned);
                self.over = None;
                self.rested = None;
                if let Ok(kin) = serde_json::from_value(body["kin"].take()) {
                    self.kin = kin;
                }
            }
            Kind::Said => {
                let said = text(&body["text"]);
                self.begun_with_it = false;
                self.prompt = said.as_str().into();
                self.waiting.push(Word {
                    text: said,
                    house: body["house"] == true,
                });
                self.rested = None;
                self.reminded |= body["reminds"] == true;
            }
            Kind::Item => {
                self.newest_item = Some(record.seq.0);
                self.item(serde_json::from_value(body["item"].take())?, &body["n"]);
            }
            Kind::Step => {
                self.rested = None;
                self.effects(&body["effects"]);
                let step: Stepped = serde_json::from_value(body)?;
                match &step.event {
                    // The chart from its beginning: whatever was before is over, and what was said is what it begins with.
                    None => {
                        if self.base.is_some() || !self.steps.is_empty() {
                            self.unanswered = false;
                            self.has_work = false;
                        }
                        self.begun_with_it = true;
                        self.base = None;
                        self.steps.clear();
                    }
                    Some(named) if matches!(&*named.name, "human.said" | "ask.done") => {
                        self.unanswered = false;
                    }
                    Some(_) => {}
                }
                self.over = None;
                if let Some(id) = &step.invocation {
                    self.doing.remove(id);
                }
                self.steps.push(step);
            }
            Kind::Think => self.asked(&body, record.time),
            Kind::Reply => self.answered(body),
            Kind::Call => self.called(&body, record.time),
            Kind::Permission => {
                if let Some(made) = self.made(&body)
                    && let Progress::Running { asks, .. } = &mut made.progress
                {
                    *asks = false;
                }
                if let Ok(permission) = serde_json::from_value::<PermissionRecord>(body) {
                    self.permitted.extend(permission.for_the_run());
                }
            }
            Kind::Outcome => self.ended(&body),
            Kind::Uncertain => self.uncertain(&body),
            Kind::Stopped => self.stopped(&body),
            Kind::Budget if body["event"] == EXHAUSTED && body["to"] == *record.run => {
                self.room_at = body["until"].as_i64().map(Timestamp);
            }
            Kind::Summary => {
                self.summing = None;
                let summary = body.get_mut("summary").map(Json::take);
                if let Some(summary) = summary.filter(|summary| !summary.is_null()) {
                    self.summary = Some(serde_json::from_value(summary)?);
                }
            }
            Kind::Cost => {
                self.booked(&body);
                let cost: Cost = serde_json::from_value(body)?;
                self.unpriced |= cost.usd.is_none();
                self.spent += cost.usd.unwrap_or_default();
            }
            Kind::Reloaded => {
                let set = body["definitions"].as_str().map(str::to_owned);
                self.definitions = set.or(self.definitions.take());
                self.chart = hash(&body["chart"]["hash"]).or(self.chart);
            }
            Kind::Migrated => {
                self.effects(&body["effects"]);
                self.stands(&mut body);
            }
            Kind::Rested => {
                self.rested = serde_json::from_value(body["status"].take()).ok();
                self.stands(&mut body);
            }
            Kind::Ended => {
                self.over = serde_json::from_value(body["status"].take()).ok();
                self.stands(&mut body);
            }
            Kind::Paused => self.paused = true,
            Kind::Resumed => self.paused = false,
            Kind::Bound => {
                self.bound = serde_json::from_value(body).ok();
                self.handed_in = false;
            }
            Kind::Unbound => self.bound = None,
            Kind::Sent => {
                self.handed_in |= body["event"] == HAND_IN;
                if body["event"] == kin::BEGIN {
                    let kin = serde_json::from_value(body["data"]["kin"].take());
                    let run = text(&body["to"]).into();
                    self.children.begun(run, kin.unwrap_or_default());
                }
            }
            Kind::Told => {
                self.rested = None;
                match body["event"].as_str() {
                    Some(bound::ASSIGNED | bound::REFUSED) => {
                        self.handed_in = false;
                        self.reminded = false;
                    }
                    Some(kin::OVER) => {
                        let usd = body["usd"].as_str().and_then(|usd| usd.parse().ok());
                        self.children.over(&text(&body["from"]), usd);
                    }
                    _ => {}
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The record says where the chart stands. Those of earlier versions do not; the chart then stands where its steps lead.
    fn stands(&mut self, body: &mut Json) {
        if let Ok(saved) = serde_json::from_value::<SavedSnapshot>(body["snapshot"].take()) {
            self.base = Some(saved);
            self.steps.clear();
        }
    }
}

/// The records of `run` from its newest snapshot on; all of them where there is none.
fn since_snapshot(journal: &Journal, run: &str) -> Result<Vec<Record>, RuntimeError> {
    let mut tail = Vec::new();
    journal.tail(run, |record| {
        let newest = record.kind == Kind::Snapshot.name();
        tail.push(record);
        match newest {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })?;
    tail.reverse();
    Ok(tail)
}

/// Whether a record of `kind` bears on where a run stands.
fn is_of_interest(kind: Kind) -> bool {
    !matches!(
        kind,
        Kind::Guard
            | Kind::Interrupted
            | Kind::NotReloaded
            | Kind::PluginSwapped
            | Kind::PluginRefused
            | Kind::PluginQuarantined
            | Kind::Snapshot
    )
}

fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn hash(value: &Json) -> Option<ContentHash> {
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests;
