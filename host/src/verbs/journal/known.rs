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

/// How far back whoever is behind something is looked for: beyond that, longer than anybody waits.
const FAR: usize = 100_000;

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
    /// Events that are due and the time of each, by their names and the ids by which they can be cancelled.
    pub timers: BTreeMap<(String, Option<String>), Timestamp>,
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
            "rested" => {
                self.standing = Standing::Rested(told.text("/status").to_owned());
                self.waits_as_kept(told);
            }
            "paused" => self.standing = Standing::Paused,
            "gave_up" => self.standing = Standing::GaveUp,
            "resumed" => self.standing = Standing::Open,
            "ended" => {
                self.standing = Standing::Ended(told.text("/status").to_owned());
                self.doings.clear();
                self.waits_as_kept(told);
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
        for seq in (1..told.seq()).rev().take(FAR) {
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
        let came = &told.body["due"];
        if !came.is_null() {
            let at = came["due"].as_i64().map(Timestamp);
            self.timers
                .retain(|(own, _), due| own != event || at.is_some_and(|at| at != *due));
        }
        if event.ends_with(".done") || event.starts_with("error") {
            self.over(invocation);
        }
        let states = texts(told.list("/configuration"));
        if states != self.states {
            // The timer of a state goes with it, and no effect says so.
            let left = std::mem::replace(&mut self.states, states);
            let is_left = |event: &str| {
                let mut left = left.iter().filter(|state| !self.states.contains(state));
                left.any(|state| is_timer_of(event, state))
            };
            self.timers
                .retain(|(event, id), _| id.is_some() || !is_left(event));
            self.since = Some(since.clone());
            self.by = event.to_owned();
        }
        for change in told.list("/migration/changes") {
            if change["change"] == "timer_dropped" {
                let event = value_text(change, "event");
                self.timers.remove(&(event, None));
            }
        }
        for effect in told.list("/effects") {
            let text = |name: &str| value_text(effect, name);
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
                    self.timers.insert((text("event"), id), due);
                }
                Some("cancel") => {
                    let id = effect["id"].as_str();
                    self.timers.retain(|(_, own), _| own.as_deref() != id);
                }
                _ => {}
            }
        }
        self.waits_as_kept(told);
    }

    /// Where the record keeps the chart's snapshot, what it waits for stands in there. The steps do not tell all: that of a state around others goes unsaid.
    fn waits_as_kept(&mut self, told: &Told) {
        if !told.body["snapshot"].is_object() {
            return;
        }
        self.timers.clear();
        for delayed in told.list("/snapshot/delayed") {
            let (timer, send) = (&delayed["timer"], &delayed["send"]);
            let event = match timer.is_null() {
                true => value_text(&send["queued"]["event"], "name"),
                false => value_text(timer, "event"),
            };
            let id = send["id"].as_str().map(str::to_owned);
            let due = Timestamp(delayed["due"].as_i64().unwrap_or(i64::MAX));
            self.timers.insert((event, id), due);
        }
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

/// Whether `event` is that of a timer of `state`.
fn is_timer_of(event: &str, state: &str) -> bool {
    let rest = event.strip_prefix("timer.");
    rest.and_then(|rest| rest.strip_prefix(state))
        .is_some_and(|rest| rest.starts_with('.'))
}

/// The text under `name`, empty where there is none.
fn value_text(value: &Value, name: &str) -> String {
    value[name].as_str().unwrap_or_default().to_owned()
}

/// The texts of a list.
pub fn texts(list: &[Value]) -> Vec<String> {
    let texts = list.iter().filter_map(Value::as_str);
    texts.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::journal::{NewRecord, Record};
    use serde_json::json;

    /// A journal of one run with these records, and the records.
    fn journal(of: &[(&str, Value)]) -> (tempfile::TempDir, Journal, Vec<Record>) {
        let folder = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&folder.path().join("journal.db")).unwrap();
        for (kind, body) in of {
            let body = body.to_string();
            let record = NewRecord {
                run: "a",
                time: Timestamp(0),
                kind,
                body: &body,
            };
            journal.append(&[record]).unwrap();
        }
        let records = journal.records("a").unwrap();
        (folder, journal, records)
    }

    /// What is waited for after them.
    fn waits(of: &[(&str, Value)]) -> Vec<(String, i64)> {
        let mut known = Known::default();
        for record in journal(of).2 {
            known.see(&Told::from(record));
        }
        let timers = known.timers.into_iter();
        timers.map(|((event, _), due)| (event, due.0)).collect()
    }

    fn due(event: &str, id: Option<&str>, due: i64) -> Value {
        json!({ "type": "schedule", "event": event, "id": id, "due": due })
    }

    fn step(states: &[&str], effects: &[Value]) -> (&'static str, Value) {
        let body = json!({ "configuration": states, "effects": effects });
        ("step", body)
    }

    fn by(event: &str, (kind, mut body): (&'static str, Value)) -> (&'static str, Value) {
        body["event"] = json!({ "name": event });
        (kind, body)
    }

    fn expected(all: &[(&str, i64)]) -> Vec<(String, i64)> {
        let own = |(event, due): &(&str, i64)| ((*event).to_owned(), *due);
        all.iter().map(own).collect()
    }

    #[test]
    fn who_is_behind_something_is_found_from_there_too() {
        let said = || ("said", json!({ "text": "x" }));
        let (_folder, journal, records) = journal(&[
            ("started", json!({ "from": "human" })),
            ("sent", json!({ "by": "trigger:nightly" })),
            ("told", json!({ "cause": 2, "event": SAYS })),
            said(),
            (
                "step",
                json!({ "event": { "name": "turn.done" }, "invocation": "turn.1" }),
            ),
            by(SAID, step(&["a"], &[])),
            said(),
            ("outcome", json!({ "raised": true, "event": "signal.go" })),
            by("signal.go", step(&["a"], &[])),
        ]);
        let behind =
            |seq: usize| Known::behind(&journal, &Told::from(records[seq - 1].clone())).unwrap();
        for seq in [4, 6] {
            assert_eq!(behind(seq).told_by[SAID], "the trigger nightly", "{seq}");
        }
        for seq in [5, 7, 9] {
            assert!(behind(seq).told_by.is_empty(), "{seq}");
        }
        assert!(behind(9).raised.contains("signal.go"));
    }

    #[test]
    fn what_is_waited_for_is_dropped_with_the_state_that_it_belongs_to_and_nothing_else() {
        let begins = step(
            &["a"],
            &[
                due("timer.chart.9h", None, 9),
                due("timer.around.8h", None, 8),
                due("timer.a.7h", None, 7),
                due("ping", None, 5),
                due("pong", Some("one"), 4),
                due("pong", Some("two"), 3),
            ],
        );
        let all = [
            ("ping", 5),
            ("pong", 4),
            ("pong", 3),
            ("timer.a.7h", 7),
            ("timer.around.8h", 8),
            ("timer.chart.9h", 9),
        ];
        assert_eq!(waits(std::slice::from_ref(&begins)), expected(&all));
        let goes_on = by(
            "go",
            step(&["c"], &[json!({ "type": "cancel", "id": "one" })]),
        );
        let left = [
            ("ping", 5),
            ("pong", 3),
            ("timer.around.8h", 8),
            ("timer.chart.9h", 9),
        ];
        assert_eq!(waits(&[begins.clone(), goes_on.clone()]), expected(&left));
        let mut comes = by("pong", step(&["c"], &[]));
        comes.1["due"] = json!({ "name": "pong", "due": 3 });
        let left = [("ping", 5), ("timer.around.8h", 8), ("timer.chart.9h", 9)];
        assert_eq!(waits(&[begins, goes_on, comes]), expected(&left));
    }

    #[test]
    fn a_timer_that_a_migration_drops_is_waited_for_no_more() {
        let begins = step(
            &["a"],
            &[due("timer.a.10s", None, 1), due("timer.a.1h", None, 2)],
        );
        let mut moved = step(&["a"], &[due("timer.a.20s", None, 3)]);
        moved.0 = "migrated";
        let dropped = json!({ "change": "timer_dropped", "event": "timer.a.10s" });
        moved.1["migration"] = json!({ "changes": [dropped] });
        let now = [("timer.a.1h", 2), ("timer.a.20s", 3)];
        assert_eq!(waits(&[begins, moved]), expected(&now));
    }

    #[test]
    fn where_the_chart_is_kept_it_says_itself_what_it_waits_for() {
        let begins = step(&["a"], &[due("timer.around.1h", None, 1)]);
        let delayed = [
            json!({ "due": 2, "order": 1, "timer": { "state": "c", "event": "timer.c.2h" } }),
            json!({ "due": 3, "order": 2, "send": { "id": "x", "target": "own", "queued": { "event": { "name": "ping" } } } }),
        ];
        let body = json!({ "status": "waiting", "snapshot": { "delayed": delayed } });
        let now = [("ping", 3), ("timer.c.2h", 2)];
        for kind in ["rested", "ended"] {
            let rests = (kind, body.clone());
            assert_eq!(waits(&[begins.clone(), rests]), expected(&now), "{kind}");
        }
    }
}
