//! What is known of a run at a point of its record: whose it is, where it stands, what is under way.

use super::story::{SAYS, who_says};
use super::told::Told;
use ::journal::{Journal, JournalError, RecordId};
use rust_decimal::Decimal;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use types::Timestamp;

/// Kinds that say where a run stands.
const STANDING: &[&str] = &[
    "started",
    "step",
    "migrated",
    "stopped",
    "rested",
    "ended",
    "paused",
    "resumed",
    "gave_up",
    "restarted",
    "told",
];
/// Kinds that say what is under way, and what it has cost.
const DOING: &[&str] = &["think", "reply", "call", "outcome", "uncertain", "cost"];

/// The event by which a chart hears what somebody says.
pub const SAID: &str = "human.said";
/// Who is named where that is not known.
pub const SOMEBODY: &str = "somebody";

/// Whether a record of `kind` changes what is known; what is under way counts only where it is asked for.
pub fn matters(kind: &str, with_doings: bool) -> bool {
    STANDING.contains(&kind) || (with_doings && DOING.contains(&kind))
}

/// Where something began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Since {
    /// The record.
    pub seq: u64,
    /// Its time.
    pub time: Timestamp,
}

/// An activity under way.
#[derive(Clone, Debug)]
pub struct Activity {
    /// `turn`, `think`, `plugin`, …
    pub activity: String,
    /// The state that invoked it.
    pub state: String,
    /// The step that began it.
    pub since: Since,
}

/// An inference or a call under way.
#[derive(Clone, Debug)]
pub struct Doing {
    /// In words.
    pub what: String,
    /// The activity it belongs to.
    pub invocation: String,
    /// Its record.
    pub since: Since,
}

/// How a run stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It goes on, or its host was killed.
    #[default]
    Open,
    /// It waits for a person, with the status it came to rest with.
    Rested(String),
    /// A person or the daemon stopped it for a while.
    Paused,
    /// The daemon does not start it again.
    GaveUp,
    /// It is over, with its status.
    Ended(String),
}

/// What is known.
#[derive(Default)]
pub struct Known {
    /// The agent, or the workflow of an instance.
    pub agent: String,
    /// When it wrote its last record.
    pub last: Option<Timestamp>,
    /// The active leaf states.
    pub states: Vec<String>,
    /// When it entered them.
    pub since: Option<Since>,
    /// The event by which it did.
    pub by: String,
    pub standing: Standing,
    /// By invocation id.
    pub activities: BTreeMap<String, Activity>,
    /// By effect.
    pub doings: BTreeMap<u64, Doing>,
    /// Events that are due, with the id by which each can be cancelled and its time.
    pub timers: BTreeMap<String, (Option<String>, Timestamp)>,
    /// Money spent so far, in US dollars.
    pub spent: Decimal,
    /// Something was spent whose price is not known.
    pub unpriced: bool,
    /// Events that the model raised and the chart has not taken yet.
    pub raised: BTreeSet<String>,
    /// Who said what the chart has not taken yet, by event.
    pub told_by: BTreeMap<String, String>,
}

impl Standing {
    /// Whether nothing more comes of the run: one that ended because it waited for somebody, or for room in its budget, goes on when it is taken up.
    pub fn is_over(&self) -> bool {
        matches!(self, Standing::Ended(status) if !matches!(status.as_str(), "waiting" | "budget"))
    }
}

impl Known {
    /// Take in the next record of the run.
    pub fn see(&mut self, told: &Told) {
        self.last = Some(told.record.time);
        let since = Since {
            seq: told.seq(),
            time: told.record.time,
        };
        match told.kind() {
            "started" => {
                let named = ["/agent/name", "/workflow/name", "/chart/name"];
                let name = named.into_iter().map(|at| told.text(at));
                self.agent = name
                    .into_iter()
                    .find(|name| !name.is_empty())
                    .unwrap_or_default()
                    .into();
                self.standing = Standing::Open;
                // No request and no call that was under way is any more: its host is gone. What began them goes on where the run does.
                self.doings.clear();
                if told.body["resumed"] != true {
                    self.activities.clear();
                    self.timers.clear();
                }
                self.told_by.clear();
                self.told(SAID, told);
            }
            "told" => {
                self.standing = Standing::Open;
                self.told(heard(told), told);
            }
            // The host has stopped what was under way.
            "restarted" => {
                self.standing = Standing::Open;
                self.activities.clear();
                self.doings.clear();
            }
            "step" | "migrated" => self.stepped(told, since),
            "think" | "call" => self.began(told, since),
            "reply" | "outcome" | "uncertain" => {
                if let Some(effect) = told.effect() {
                    self.doings.remove(&effect);
                }
                if told.body["raised"] == true {
                    self.raised.insert(told.text("/event").to_owned());
                }
            }
            "stopped" => self.over(told.text("/invocation")),
            "cost" => self.cost(told),
            "rested" => self.standing = Standing::Rested(told.text("/status").to_owned()),
            "paused" => self.standing = Standing::Paused,
            "gave_up" => self.standing = Standing::GaveUp,
            "resumed" => self.standing = Standing::Open,
            "ended" => {
                self.standing = Standing::Ended(told.text("/status").to_owned());
                self.doings.clear();
                if self.standing.is_over() {
                    self.activities.clear();
                    self.timers.clear();
                    self.raised.clear();
                }
            }
            _ => {}
        }
    }

    /// Who is behind what `told` takes (words, or the event of a step), found back from it: for whoever has not read the run from its beginning.
    ///
    /// # Errors
    /// When reading fails.
    pub fn behind(journal: &Journal, told: &Told) -> Result<Self, JournalError> {
        let mut known = Known::default();
        let says_itself = told.number("/cause").is_some()
            || !told.text("/invocation").is_empty()
            || !told.body["due"].is_null();
        let Some(event) = taken(told).filter(|_| !says_itself) else {
            return Ok(known);
        };
        for seq in (1..told.seq()).rev() {
            let Some(record) = journal.record(RecordId(seq))? else {
                // What is lost may be what would tell.
                known.told_by.insert(event.to_owned(), SOMEBODY.to_owned());
                break;
            };
            if record.run != told.record.run || !matters(&record.kind, true) {
                continue;
            }
            let earlier = Told::from(record);
            let is_it = match earlier.kind() {
                "started" => true,
                "told" => heard(&earlier) == event,
                "outcome" => earlier.body["raised"] == true && earlier.text("/event") == event,
                "step" if taken(&earlier) == Some(event) => break,
                _ => false,
            };
            if is_it {
                known.see(&earlier.with_cause(journal));
                break;
            }
        }
        Ok(known)
    }

    /// `told` says who is behind the next `event`.
    fn told(&mut self, event: &str, told: &Told) {
        if let Some(who) = who_says(told) {
            self.told_by.insert(event.to_owned(), who);
        }
    }

    fn stepped(&mut self, told: &Told, since: Since) {
        self.standing = Standing::Open;
        let event = told.text("/event/name");
        self.raised.remove(event);
        self.told_by.remove(taken(told).unwrap_or_default());
        let invocation = told.text("/invocation");
        if event.is_empty() && told.kind() == "step" {
            // The chart begins.
            self.activities.clear();
            self.timers.clear();
        }
        if !told.body["due"].is_null() {
            self.timers.remove(event);
        }
        if event.ends_with(".done") || event.starts_with("error") {
            self.over(invocation);
        }
        let states = texts(told.list("/configuration"));
        if states != self.states {
            self.states = states;
            self.since = Some(since.clone());
            self.by = event.to_owned();
        }
        for effect in told.list("/effects") {
            let text = |name: &str| effect[name].as_str().unwrap_or_default().to_owned();
            match effect["type"].as_str() {
                Some("invoke") => {
                    let activity = Activity {
                        activity: text("activity"),
                        state: text("state"),
                        since: since.clone(),
                    };
                    self.activities.insert(text("id"), activity);
                }
                Some("cancel_invoke") => self.over(&text("id")),
                Some("schedule") => {
                    let id = effect["id"].as_str().map(str::to_owned);
                    let due = Timestamp(effect["due"].as_i64().unwrap_or(i64::MAX));
                    self.timers.insert(text("event"), (id, due));
                }
                Some("cancel") => {
                    let id = effect["id"].as_str();
                    self.timers.retain(|_, (own, _)| own.as_deref() != id);
                }
                _ => {}
            }
        }
        // The timer of a state goes with it, and no effect says so.
        let states = &self.states;
        let of = |event: &str, state: &String| {
            let rest = event.strip_prefix("timer.");
            rest.and_then(|rest| rest.strip_prefix(state.as_str()))
                .is_some_and(|rest| rest.starts_with('.'))
        };
        self.timers
            .retain(|event, (id, _)| id.is_some() || states.iter().any(|state| of(event, state)));
    }

    fn over(&mut self, invocation: &str) {
        self.activities.remove(invocation);
        self.doings
            .retain(|_, doing| doing.invocation != invocation);
    }

    fn began(&mut self, told: &Told, since: Since) {
        let Some(effect) = told.effect() else {
            return;
        };
        let what = match told.kind() {
            "think" => format!("asked {}", told.text("/model")),
            _ => format!("call {}", told.text("/tool")),
        };
        let doing = Doing {
            what,
            invocation: told.text("/invocation").to_owned(),
            since,
        };
        self.doings.insert(effect, doing);
    }

    fn cost(&mut self, told: &Told) {
        match money(told) {
            Some(usd) => self.spent = self.spent.checked_add(usd).unwrap_or(Decimal::MAX),
            None => self.unpriced |= !told.text("/model").is_empty(),
        }
    }
}

/// The event by which a chart hears what the record `told` (of the kind `told`) says.
fn heard(told: &Told) -> &str {
    match told.text("/event") {
        SAYS => SAID,
        event => event,
    }
}

/// The event that somebody has behind him who is not named in the record `told` itself.
fn taken(told: &Told) -> Option<&str> {
    match (told.kind(), told.text("/event/name")) {
        // A chart that begins does so with what was said.
        ("said", _) | ("step", "") => Some(SAID),
        ("step", event) => Some(event),
        _ => None,
    }
}

/// What a cost record comes to, where its price is known.
pub fn money(told: &Told) -> Option<Decimal> {
    let usd: Decimal = told.body["usd"].as_str()?.parse().ok()?;
    // As the ledger does: only sums of bounded fractions are exact.
    Some(usd.round_dp(types::MONEY_DECIMALS))
}

/// The texts of a list.
pub fn texts(list: &[Value]) -> Vec<String> {
    let texts = list.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}
