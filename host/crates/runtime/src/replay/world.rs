//! The fold: one record after the other, each executed again where it says what was done, and taken as it is where it says what happened.

use super::again::Job;
use super::conversation::Conversation;
use super::houses::{Houses, damaged};
use super::part;
use super::report::{Difference, ReplayReport};
use super::stand::Spent;
use super::{Replayed, Stand};
use crate::materials::{RecordedTexts, hash_of_list};
use crate::offers::{Described, Schemas};
use crate::payload_hash::PayloadHash;
use crate::record::Kind;
use crate::tokens::Counting;
use crate::{Binding, RuntimeError};
use chart::{Due, Effects, Incoming, Snapshot};
use context::{Estimator, GatheredText, Shape};
use definitions::{AgentDef, ChartBundle, House};
use journal::Record;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use types::{ContentHash, Event, Payload, PluginName, Timestamp, Value};

/// Why records of before cannot be executed again.
pub(super) const EARLIER: &str = "recorded by an earlier version";

/// Why records cannot be executed again whose bodies were taken out, or those of records before them.
pub(super) const GONE: &str = "bodies of records were compacted away";

/// Why nothing is asked of an agent's definitions in a workflow's instance: it has a chart and no agent.
const INSTANCE: &str = "no agent acts in an instance of a workflow itself";

/// The definitions in force.
#[derive(Clone)]
pub(super) struct Force {
    pub(super) house: Arc<House>,
    pub(super) agent: Arc<AgentDef>,
    pub(super) bundle: Arc<ChartBundle>,
    /// The set that the chart is of.
    chart_set: ContentHash,
}

/// What a run's records have come to so far.
pub(super) struct World<'h> {
    pub(super) houses: &'h Houses,
    pub(super) report: ReplayReport,
    /// The definitions in force, or why they cannot be had.
    pub(super) force: Result<Force, String>,
    /// The version of the workflow that an instance goes by, or why it cannot be had; nothing in a run of an agent.
    workflow: Option<Result<Arc<ChartBundle>, String>>,
    root: PathBuf,
    /// Definitions that were in force before: a payload that was planned by them may be assembled later.
    pub(super) before: Vec<Force>,
    pub(super) plugins: Vec<(PluginName, ContentHash)>,
    /// The chart, and the definitions that it is of: they are exchanged before it moves.
    pub(super) snapshot: Option<(Snapshot, Arc<ChartBundle>)>,
    effects: Effects,
    pub(super) estimator: &'static dyn Estimator,
    pub(super) schemas: Schemas,
    pub(super) talk: Conversation,
    pub(super) texts: BTreeMap<String, GatheredText>,
    pub(super) lists: BTreeMap<String, Vec<String>>,
    /// The last request and what it was made of.
    pub(super) sent: Option<(u64, Shape)>,
    pub(super) payloads: PayloadHash,
    pub(super) payload: Option<(u64, Payload)>,
    pub(super) spent: Spent,
    /// What the last record of a step says, for whoever cannot execute it again.
    pub(super) told: Json,
    pub(super) bound: Option<Binding>,
    pub(super) time: Timestamp,
    /// What components were asked, where they are to be called again.
    pub(super) jobs: Option<Vec<Job>>,
    /// Whether a record is gone without which it is not known where the chart stands.
    pub(super) chart_lost: bool,
    /// Whether one is gone without which the conversation, or what was gathered, is not whole.
    pub(super) talk_lost: bool,
    /// Whether one is gone that an item of the conversation would be held against.
    pub(super) heard_lost: bool,
    /// Whether an inference or a call is gone: the request that the next one follows, the components that it named.
    pub(super) sent_lost: bool,
}

impl<'h> World<'h> {
    pub(super) fn new(houses: &'h Houses, run: &str) -> Self {
        let mut report = ReplayReport {
            run: run.to_owned(),
            ..ReplayReport::default()
        };
        houses.tell(&mut report);
        World {
            houses,
            report,
            force: Err(EARLIER.to_owned()),
            workflow: None,
            root: PathBuf::new(),
            before: Vec::new(),
            plugins: Vec::new(),
            snapshot: None,
            effects: Effects::new(),
            estimator: context::counter(context::Counting::Estimate),
            schemas: Schemas::default(),
            talk: Conversation::default(),
            texts: BTreeMap::new(),
            lists: BTreeMap::new(),
            sent: None,
            payloads: PayloadHash::default(),
            payload: None,
            spent: Spent::default(),
            told: Json::Null,
            bound: None,
            time: Timestamp(0),
            jobs: None,
            chart_lost: false,
            talk_lost: false,
            heard_lost: false,
            sent_lost: false,
        }
    }

    /// Fold one more record.
    pub(super) fn take(&mut self, record: &Record) -> Result<(), RuntimeError> {
        self.report.records += 1;
        self.report.last = record.seq.0;
        self.time = record.time;
        let Some(kind) = Kind::named(&record.kind) else {
            // Of a later version, perhaps: what it changes is not known.
            return Ok(());
        };
        if record.is_compacted() {
            self.lose(record.seq.0, kind);
            return Ok(());
        }
        let mut body: Json =
            serde_json::from_str(&record.body).map_err(|why| damaged(record, why))?;
        let seq = record.seq.0;
        match kind {
            Kind::Started => self.started(seq, &body),
            Kind::Reloaded => self.reloaded(&body),
            Kind::Step => self.step(seq, &body),
            Kind::Migrated => self.migrated(seq, &body),
            Kind::Rested => self.stands(seq, &body["snapshot"]),
            Kind::Ended => {
                self.spent.cut_off();
                self.stands(seq, &body["snapshot"]);
            }
            // That of a run is made of more than its chart, and resuming from it is the same fold as resuming without.
            Kind::Snapshot if self.is_instance() => self.stands(seq, &body["chart"]),
            Kind::Texts => {
                let texts = serde_json::from_value(body).map_err(|why| damaged(record, why))?;
                self.gathered_texts(seq, texts);
            }
            Kind::Think => {
                self.components(&body["made_of"]);
                self.spent.began(&body, "inference");
                self.think(seq, &mut body);
            }
            Kind::Reply => {
                self.spent.ended(&body);
                self.talk.replied(&body);
            }
            Kind::Call => {
                self.components(&body);
                self.spent.began(&body, "call");
                self.call(seq, &body);
            }
            Kind::Permission => self.permitted(&body),
            Kind::Uncertain => self.spent.ended(&body),
            Kind::Outcome => {
                self.spent.ended(&body);
                self.outcome(&body);
                self.talk.came_back(&body);
            }
            Kind::Said => self.talk.said(&body),
            Kind::Item => self.item(record, &mut body)?,
            Kind::Summary => {
                // One that was stopped too.
                self.spent.ended(&body);
                let read = self.talk.summed(&mut body, self.estimator);
                read.map_err(|why| damaged(record, why))?;
            }
            Kind::Cost => {
                let cost = serde_json::from_value(body).map_err(|why| damaged(record, why))?;
                self.spent.cost(&cost);
            }
            Kind::Stopped => self.spent.stopped(&body),
            // Of an instance it says who holds a role.
            Kind::Bound | Kind::Unbound if self.is_instance() => {}
            Kind::Bound => {
                let bound = serde_json::from_value(body).map_err(|why| damaged(record, why))?;
                self.bound = Some(bound);
            }
            Kind::Unbound => self.bound = None,
            _ => {}
        }
        Ok(())
    }

    fn is_instance(&self) -> bool {
        self.workflow.is_some()
    }

    /// The chart in force.
    pub(super) fn bundle(&self) -> Result<Arc<ChartBundle>, String> {
        match &self.workflow {
            Some(version) => version.clone(),
            None => Ok(self.force.as_ref().map_err(Clone::clone)?.bundle.clone()),
        }
    }

    /// The version of a workflow that a record names.
    fn version(&self, named: &Json) -> Result<Arc<ChartBundle>, String> {
        let name = text(&named["name"]);
        let found = hash(&named["hash"]).and_then(|of| {
            let file = hash(&named["file"]);
            self.houses.chart_with(&self.root, &name, of, file)
        });
        found.ok_or_else(|| format!("the workflow `{name}` is not recorded as it was"))
    }

    /// A record's body was taken out: what follows from it cannot be made again.
    fn lose(&mut self, seq: u64, kind: Kind) {
        self.report.skips(seq, kind.name(), GONE);
        match kind {
            Kind::Started | Kind::Reloaded => {
                self.chart_lost = true;
                self.enforce(Err(GONE.to_owned()));
            }
            Kind::Step | Kind::Migrated => self.chart_lost = true,
            Kind::Item | Kind::Summary | Kind::Texts => self.talk_lost = true,
            Kind::Reply | Kind::Said | Kind::Outcome => self.heard_lost = true,
            Kind::Think | Kind::Call => self.sent_lost = true,
            _ => {}
        }
    }

    /// The report, and where the run stood.
    pub(super) fn finish(self) -> Replayed {
        let stand = Stand::of(&self);
        Replayed {
            report: self.report,
            stand,
        }
    }

    pub(super) fn differs(
        &mut self,
        record: u64,
        what: &'static str,
        expected: impl Into<String>,
        came: impl Into<String>,
    ) {
        self.report.differs(Difference {
            record,
            what,
            chunk: None,
            expected: expected.into(),
            came: came.into(),
        });
    }

    /// Compare what is recorded with what came, and tell where they first part.
    pub(super) fn compare(&mut self, record: u64, what: &'static str, told: &Json, came: &Json) {
        if let Some((path, told, came)) = part::first(told, came) {
            self.differs(
                record,
                what,
                format!("{path}: {told}"),
                format!("{path}: {came}"),
            );
        }
    }

    /// What of the run's components is described.
    pub(super) fn described(&self) -> Result<Vec<Described<'_>>, String> {
        let described = self.plugins.iter().map(|(name, hash)| {
            let info = self.houses.info(name, *hash);
            let info = info.ok_or_else(|| {
                format!(
                    "what the component {} of `{name}` said of itself is not recorded",
                    hash.short()
                )
            })?;
            Ok(Described { name, info })
        });
        described.collect()
    }

    fn started(&mut self, seq: u64, body: &Json) {
        self.spent.cut_off();
        self.report.agent = text(&body["agent"]["name"]);
        self.root = text(&body["root"]).into();
        self.sent = None;
        self.components(body);
        self.report.instance = body["workflow"].is_object();
        if self.report.instance {
            self.report.agent = text(&body["workflow"]["name"]);
            self.workflow = Some(self.version(&body["workflow"]));
        }
        let force = match hash(&body["definitions"]) {
            _ if self.report.instance => Err(INSTANCE.to_owned()),
            Some(set) => self.find(set),
            None => Err(EARLIER.to_owned()),
        };
        if let Ok(force) = &force {
            let (agent, chart) = (&force.agent, &force.bundle.chart);
            let loaded = json!({ "agent": agent.hash, "chart": chart.hash() });
            let told = json!({ "agent": body["agent"]["hash"], "chart": body["chart"]["hash"] });
            self.compare(seq, "definitions", &told, &loaded);
            if let Ok(counting) = Counting::new(None, agent, []) {
                self.estimator = counting.estimator();
                self.talk.measure(self.estimator);
            }
        }
        self.enforce(force);
    }

    fn enforce(&mut self, force: Result<Force, String>) {
        if let Ok(before) = std::mem::replace(&mut self.force, force) {
            self.before.push(before);
        }
    }

    /// The definitions of the set `set`, for a run that begins by them.
    fn find(&self, set: ContentHash) -> Result<Force, String> {
        let house = self.houses.house(set, &self.root)?;
        let name = self.report.agent.as_str();
        let agent = house.agents.get(name).cloned();
        let agent = agent.ok_or_else(|| format!("its definitions have no agent `{name}`"))?;
        let bundle = house.charts.get(&agent.cognition).cloned();
        let bundle = bundle.ok_or("its definitions do not have its chart")?;
        Ok(Force {
            house,
            agent,
            bundle,
            chart_set: set,
        })
    }

    fn reloaded(&mut self, body: &Json) {
        self.components(body);
        let force = match hash(&body["definitions"]) {
            Some(set) => self.find_after(set, hash(&body["chart_definitions"])),
            None => Err(EARLIER.to_owned()),
        };
        self.enforce(force);
    }

    /// The definitions of the set `set`, for a run that goes on with the chart of that name, as it is in `chart_set`.
    fn find_after(
        &self,
        set: ContentHash,
        chart_set: Option<ContentHash>,
    ) -> Result<Force, String> {
        let before = self.force.clone()?;
        let house = self.houses.house(set, &self.root)?;
        let name = self.report.agent.as_str();
        let agent = house.agents.get(name).cloned();
        let agent = agent.ok_or_else(|| format!("its definitions have no agent `{name}`"))?;
        let (bundle, chart_set) = match chart_set {
            Some(of) if of == set => {
                let bundle = house.charts.get(before.bundle.chart.name()).cloned();
                (bundle.ok_or("its definitions do not have its chart")?, of)
            }
            // The chart that it began with, or that was reloaded before.
            _ => (before.bundle, before.chart_set),
        };
        Ok(Force {
            house,
            agent,
            bundle,
            chart_set,
        })
    }

    /// The components that a record names.
    fn components(&mut self, body: &Json) {
        let Some(named) = body["plugins"].as_array() else {
            return;
        };
        let named = named.iter().filter_map(|plugin| {
            let name = PluginName::parse(plugin["name"].as_str()?).ok()?;
            Some((name, hash(&plugin["hash"])?))
        });
        self.plugins = named.collect();
    }

    /// Let the chart take again what it took.
    fn step(&mut self, seq: u64, body: &Json) {
        self.told = body["configuration"].clone();
        let bundle = match self.bundle() {
            Ok(bundle) => bundle,
            Err(why) => return self.report.skips(seq, "step", &why),
        };
        let begins = body["event"].is_null();
        if self.chart_lost && !begins {
            return self.report.skips(seq, "step", GONE);
        }
        self.chart_lost = false;
        let stepped = match begins {
            true => self.begin(bundle, body),
            false => self.go_on(seq, bundle, body),
        };
        self.report.compared.steps += 1;
        if let Err(why) = stepped {
            self.differs(seq, "step", shown_step(body), why);
            self.effects.clear();
            return;
        }
        self.compare_step(seq, "step", body);
    }

    fn compare_step(&mut self, seq: u64, what: &'static str, body: &Json) {
        let Some((snapshot, bundle)) = &self.snapshot else {
            return;
        };
        let configuration = json!(snapshot.leaves(&bundle.chart));
        let effects: Vec<chart::Effect> = self.effects.drain().collect();
        let came = json!({ "configuration": configuration, "effects": effects });
        let told = json!({ "configuration": body["configuration"], "effects": body["effects"] });
        self.compare(seq, what, &told, &came);
    }

    fn begin(&mut self, bundle: Arc<ChartBundle>, body: &Json) -> Result<(), String> {
        let time = body["time"].as_i64().unwrap_or_default();
        let begun = chart::start(&bundle.chart, time, &mut self.effects);
        let snapshot = begun.map_err(|error| error.to_string())?;
        self.snapshot = Some((snapshot, bundle));
        Ok(())
    }

    fn go_on(&mut self, seq: u64, bundle: Arc<ChartBundle>, body: &Json) -> Result<(), String> {
        let (mut snapshot, of) = self
            .snapshot
            .take()
            .ok_or("the chart took an event before it began")?;
        if of.chart.hash() != bundle.chart.hash() {
            // It was taken up again by another version.
            let restored = snapshot.save(&of.chart).restore(&bundle.chart);
            snapshot = restored.map_err(|error| error.to_string())?;
        }
        let taken = self.feed(seq, &mut snapshot, &bundle, body);
        self.snapshot = Some((snapshot, bundle));
        taken
    }

    fn feed(
        &mut self,
        seq: u64,
        snapshot: &mut Snapshot,
        bundle: &ChartBundle,
        body: &Json,
    ) -> Result<(), String> {
        let time = body["time"].as_i64().unwrap_or_default();
        let event = Event::new(
            text(&body["event"]["name"]),
            Value::from(&body["event"]["data"]),
            time,
        );
        let due: Option<Due> = match &body["due"] {
            Json::Null => None,
            told => {
                let due = snapshot.take_due(time);
                self.compare(seq, "timer", told, &json!(due));
                due.or_else(|| serde_json::from_value(told.clone()).ok())
            }
        };
        if body["failed"].is_string() {
            // The chart could not take it, and stands as it did.
            return Ok(());
        }
        let incoming = match (&due, body["invocation"].as_str()) {
            (Some(due), _) => Incoming::from(due),
            (None, Some(id)) => Incoming::from_invocation(&event, id),
            (None, None) => Incoming::from(&event),
        };
        let stepped = chart::step(&bundle.chart, snapshot, incoming, &mut self.effects);
        stepped.map(|_| ()).map_err(|error| error.to_string())
    }

    /// Let the chart move again to the version that it moved to.
    fn migrated(&mut self, seq: u64, body: &Json) {
        self.told = body["configuration"].clone();
        if self.is_instance() {
            self.workflow = Some(self.version(&body["workflow"]));
        }
        let to = match self.bundle() {
            Ok(bundle) => bundle,
            Err(why) => return self.report.skips(seq, "migration", &why),
        };
        if self.chart_lost {
            self.report.skips(seq, "migration", GONE);
            return self.stands(seq, &body["snapshot"]);
        }
        let Some((snapshot, from)) = self.snapshot.take() else {
            return self.report.skips(
                seq,
                "migration",
                "nothing is recorded of the chart before it",
            );
        };
        self.report.compared.migrations += 1;
        let time = body["time"].as_i64().unwrap_or_default();
        let moved = chart::migrate(
            &from.chart,
            &to.chart,
            &to.migrate,
            &snapshot,
            time,
            &mut self.effects,
        );
        match moved {
            Ok((moved, migration)) => {
                self.snapshot = Some((moved, to));
                // A workflow that does the same in its new version says nothing of what changed.
                if !(self.is_instance() && body["migration"].is_null()) {
                    self.compare(seq, "migration", &body["migration"], &json!(migration));
                }
                self.compare_step(seq, "migration", body);
                self.stands(seq, &body["snapshot"]);
            }
            Err(error) => {
                self.snapshot = Some((snapshot, from));
                self.effects.clear();
                let told = body["migration"].to_string();
                self.differs(seq, "migration", told, error.to_string());
            }
        }
    }

    /// Where a record says that the chart stands, it stands.
    fn stands(&mut self, seq: u64, told: &Json) {
        if told.is_null() {
            return;
        }
        let bundle = match self.bundle() {
            Ok(bundle) => bundle,
            Err(why) => return self.report.skips(seq, "snapshot", &why),
        };
        if self.chart_lost {
            // From here on it is known again where it stands, and this is what is to be believed.
            let saved = serde_json::from_value::<chart::SavedSnapshot>(told.clone());
            let restored = saved
                .ok()
                .and_then(|saved| saved.restore(&bundle.chart).ok());
            self.chart_lost = restored.is_none();
            self.snapshot = restored.map(|snapshot| (snapshot, bundle));
            return self.report.skips(seq, "snapshot", GONE);
        }
        let Some((snapshot, of)) = &self.snapshot else {
            return self.report.skips(
                seq,
                "snapshot",
                "nothing is recorded of the chart before it",
            );
        };
        self.report.compared.snapshots += 1;
        let came = json!(snapshot.save(&of.chart));
        self.compare(seq, "snapshot", told, &came);
    }

    fn gathered_texts(&mut self, seq: u64, new: RecordedTexts) {
        for (hash, text) in new.texts {
            self.report.compared.texts += 1;
            let really = text.hash();
            if really != hash {
                self.differs(seq, "text", hash.clone(), really);
            }
            self.texts.insert(hash, text.into());
        }
        for (hash, list) in new.lists {
            self.report.compared.texts += 1;
            let really = hash_of_list(&list);
            if really != hash {
                self.differs(seq, "text", hash.clone(), really);
            }
            self.lists.insert(hash, list);
        }
    }
}

fn shown_step(body: &Json) -> String {
    format!("{} → {}", body["event"]["name"], body["configuration"])
}

pub(super) fn text(value: &Json) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(super) fn hash(value: &Json) -> Option<ContentHash> {
    ContentHash::parse(value.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use journal::{Journal, NewRecord};

    #[test]
    fn a_summary_that_was_stopped_is_not_under_way() {
        let directory = tempfile::tempdir().unwrap();
        let mut journal = Journal::open(&directory.path().join("journal.db")).unwrap();
        let call = json!({ "effect": 5, "tool": "digest.summarise", "state": "s", "provider": "p", "model": "m", "tokens": 9 });
        let stopped = json!({ "effect": 5, "summary": null, "why": "the run was paused" });
        for (kind, body) in [("call", call), ("summary", stopped)] {
            let record = NewRecord {
                run: "r",
                time: Timestamp(0),
                kind,
                body: &body.to_string(),
            };
            journal.append(&[record]).unwrap();
        }
        let houses = Houses::default();
        let mut world = World::new(&houses, "r");
        let mut under_way = Vec::new();
        for record in journal.records("r").unwrap() {
            world.take(&record).unwrap();
            under_way.push(Stand::of(&world).under_way.len());
        }
        assert_eq!(under_way, [1, 0]);
    }
}
