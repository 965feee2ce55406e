//! Where a run stood after a record: what a person wants to know who asks what it was doing at that moment.

use super::world::World;
use crate::Binding;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::BTreeMap;
use types::{Cost, Payload, Timestamp};

/// Where a run stood.
#[derive(Clone, Debug, Serialize)]
pub struct Stand {
    /// The last record of the run that counts.
    pub record: u64,
    /// When that was.
    pub time: Timestamp,
    /// The agent, or the workflow of an instance.
    pub agent: String,
    /// Its version, where its definitions are recorded.
    pub version: Option<String>,
    /// The chart, with its version.
    pub chart: Option<String>,
    /// The active leaf states, sorted.
    pub configuration: Vec<String>,
    /// The chart's data.
    pub data: Json,
    /// Timers and delayed events, the earliest first.
    pub timers: Vec<Timer>,
    /// Activities that were running.
    pub activities: Vec<Activity>,
    /// Inferences and calls that were under way, by the number of their effect.
    pub under_way: BTreeMap<u64, String>,
    /// Items of the conversation.
    pub conversation: usize,
    /// What a person said last.
    pub prompt: Option<String>,
    /// To what workflow it was bound, and as what.
    pub bound: Option<Binding>,
    /// What it had cost, in US dollars.
    pub spent: String,
    /// Components in use, by plugin.
    pub plugins: BTreeMap<String, String>,
    /// The last inference, by the number of its effect.
    pub inference: Option<u64>,
    /// What that inference was sent.
    #[serde(skip)]
    pub payload: Option<Payload>,
}

/// A timer or a delayed event.
#[derive(Clone, Debug, Serialize)]
pub struct Timer {
    /// When it is due.
    pub due: Timestamp,
    /// The event it will be.
    pub event: String,
}

/// An activity that was running.
#[derive(Clone, Debug, Serialize)]
pub struct Activity {
    /// Its invocation.
    pub id: String,
    /// The state that invoked it.
    pub state: String,
    /// What it is.
    pub activity: String,
}

/// What a run spent, and what it had begun and not ended.
#[derive(Default)]
pub(super) struct Spent {
    usd: Decimal,
    under_way: BTreeMap<u64, Begun>,
}

/// Something that was begun.
struct Begun {
    what: String,
    /// The activity that it is of.
    invocation: String,
}

impl Spent {
    pub(super) fn cost(&mut self, cost: &Cost) {
        self.usd += cost.usd.unwrap_or_default();
    }

    fn under_way(&self) -> BTreeMap<u64, String> {
        let all = self.under_way.iter();
        all.map(|(effect, begun)| (*effect, begun.what.clone()))
            .collect()
    }

    pub(super) fn began(&mut self, body: &Json, what: &str) {
        if let Some(effect) = body["effect"].as_u64() {
            let subject = body["tool"].as_str().or(body["model"].as_str());
            let begun = Begun {
                what: format!("{what} {}", subject.unwrap_or_default()),
                invocation: body["invocation"].as_str().unwrap_or_default().to_owned(),
            };
            self.under_way.insert(effect, begun);
        }
    }

    pub(super) fn ended(&mut self, body: &Json) {
        if let Some(effect) = body["effect"].as_u64() {
            self.under_way.remove(&effect);
        }
    }

    /// Nothing that was under way of an activity goes on: it was stopped.
    pub(super) fn stopped(&mut self, body: &Json) {
        let stopped = body["invocation"].as_str();
        self.under_way
            .retain(|_, begun| Some(begun.invocation.as_str()) != stopped);
        for effect in body["calls_under_way"].as_array().into_iter().flatten() {
            self.under_way.remove(&effect.as_u64().unwrap_or_default());
        }
    }

    /// A process took the run up, or it ended: nothing goes on that another had under way.
    pub(super) fn cut_off(&mut self) {
        self.under_way.clear();
    }
}

impl Stand {
    pub(super) fn of(world: &World<'_>) -> Self {
        let force = world.force.as_ref().ok();
        let bundle = world.bundle().ok();
        let told = world.told.as_array().into_iter().flatten();
        let mut stand = Stand {
            record: world.report.last,
            time: world.time,
            agent: world.report.agent.clone(),
            version: force.map(|force| force.agent.version.to_string()),
            chart: bundle.map(|bundle| {
                let chart = &bundle.chart;
                format!("{} {}", chart.name(), chart.version())
            }),
            configuration: told
                .filter_map(|state| Some(state.as_str()?.to_owned()))
                .collect(),
            data: Json::Null,
            timers: Vec::new(),
            activities: Vec::new(),
            under_way: world.spent.under_way(),
            conversation: world.talk.items.len(),
            prompt: (!world.talk.prompt.is_empty()).then(|| world.talk.prompt.clone()),
            bound: world.bound.clone(),
            spent: world.spent.usd.to_string(),
            plugins: world
                .plugins
                .iter()
                .map(|(name, hash)| (name.to_string(), hash.to_string()))
                .collect(),
            inference: world.payload.as_ref().map(|(effect, _)| *effect),
            payload: world.payload.as_ref().map(|(_, payload)| payload.clone()),
        };
        if let Some((snapshot, of)) = &world.snapshot {
            let chart = &of.chart;
            stand.configuration = snapshot
                .leaves(chart)
                .into_iter()
                .map(str::to_owned)
                .collect();
            stand.data = snapshot.data_json(chart);
            let waiting = snapshot.waiting().into_iter();
            stand.timers = waiting
                .map(|(due, event)| Timer {
                    due: Timestamp(due),
                    event: event.to_string(),
                })
                .collect();
            let activities = snapshot.activities(chart);
            stand.activities = activities
                .map(|(id, state, activity)| Activity {
                    id: id.to_owned(),
                    state: state.to_owned(),
                    activity: activity.to_owned(),
                })
                .collect();
        }
        stand
    }
}
