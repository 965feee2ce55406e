//! Child agents: an activity that is another agent's whole run, with bounds on how deep, how many and how dear.
//!
//! The child is a run of its own, with its own record and its own policy, which is never wider for whose child it is. Parent and child say two things to each
//! other: what is to be done, and what came of it.

use crate::admission::{Above, Work};
use crate::inbox::Told;
use crate::live::{Cause, CauseKind, Status};
use crate::run::Run;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Item, Timestamp, Value};

/// What a parent says to whoever begins its child.
pub(crate) const BEGIN: &str = "agent.begin";
/// What a child says to its parent at its end.
pub(crate) const OVER: &str = "agent.over";
/// What a parent says to a child that is not wanted any more.
pub(crate) const STOP: &str = "agent.stop";

/// Whose child a run is, and what it may do as such.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kin {
    /// The run that began it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) parent: Option<Arc<str>>,
    /// The parent's activity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) invocation: Option<Arc<str>>,
    /// How many runs are above it.
    #[serde(default)]
    pub(crate) depth: u32,
    /// How many more may be below it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deeper: Option<u32>,
    /// What it may spend in all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) usd: Option<Decimal>,
    /// The runs above it, from the first down, with whose they are: what it spends counts for them too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) above: Vec<Above>,
    /// The work that it was begun for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) work: Option<Work>,
    /// When it has to be over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) deadline: Option<Timestamp>,
}

/// What a run has begun so far.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Children {
    /// How many there were.
    pub(crate) total: u32,
    /// What those that are over have cost, with all below them.
    pub(crate) usd: Decimal,
    /// Those that are not over, by their runs.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    under_way: BTreeMap<Arc<str>, Child>,
}

/// A child that is not over.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Child {
    invocation: Arc<str>,
    /// What it may cost: promised, and so not to be promised again.
    usd: Option<Decimal>,
}

impl Children {
    /// One more, as it is told to whoever begins it.
    pub(crate) fn begun(&mut self, run: Arc<str>, kin: Kin) {
        self.total += 1;
        let child = Child {
            invocation: kin.invocation.unwrap_or_default(),
            usd: kin.usd,
        };
        self.under_way.insert(run, child);
    }

    /// The one with the run `run` is over, and has cost `usd` with all below it.
    pub(crate) fn over(&mut self, run: &str, usd: Option<Decimal>) {
        // One that was given up may go on after all, and ends again.
        if self.under_way.remove(run).is_some() {
            self.usd += usd.unwrap_or_default();
        }
    }

    /// Those that are not over.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = &Arc<str>> {
        self.under_way.keys()
    }

    /// What is spent, and what is promised to those that are not over.
    fn committed(&self) -> Decimal {
        let promised = self.under_way.values().filter_map(|child| child.usd);
        self.usd + promised.sum::<Decimal>()
    }

    /// The run of the child that the activity `invocation` waits for.
    fn of(&self, invocation: &str) -> Option<Arc<str>> {
        let mut all = self.under_way.iter();
        let its = all.find(|(_, child)| *child.invocation == *invocation);
        its.map(|(run, _)| run.clone())
    }
}

impl Run {
    /// `agent`: begin the child that the activity `id` describes.
    pub(crate) fn begin_child(&mut self, id: &Arc<str>) {
        match self.child(id) {
            Ok((name, data)) => {
                let kin = data
                    .get("kin")
                    .map(|kin| serde_json::from_value(json!(kin)));
                if let Some(Ok(kin)) = kin {
                    self.children.begun(name.clone(), kin);
                }
                self.send_out(&name, BEGIN, data);
            }
            Err(why) => {
                self.finish_failed(id, "error.agent", CauseKind::Other, &why, "refused");
            }
        }
    }

    /// The child's name, and what its host is told.
    fn child(&mut self, id: &Arc<str>) -> Result<(Arc<str>, Value), String> {
        let Some(others) = self.others.clone() else {
            return Err("nobody here begins other agents".into());
        };
        let activity = self.activities.get(id).ok_or("the activity is over")?;
        let params = &activity.params;
        let agent = params.get("agent").and_then(Value::as_text);
        let agent = agent.ok_or("`invoke: agent` needs `params: { agent: …, prompt: … }`")?;
        others.knows_agent(agent)?;
        let allowed = self.agent.children.as_ref().ok_or_else(|| {
            format!(
                "the agent `{}` may begin no others; its definition allows it: `children: {{ depth: 1, at_once: 4 }}`",
                self.agent.name
            )
        })?;
        let deeper = self
            .kin
            .deeper
            .map_or(allowed.depth, |deeper| deeper.min(allowed.depth));
        if deeper == 0 {
            return Err(
                "agents may be begun no deeper than this (`children: { depth: … }`)".into(),
            );
        }
        let children =
            |activity: &&crate::round::Activity| activity.kind == crate::round::ActivityKind::Agent;
        let now = self.activities.values().filter(children).count();
        if now > allowed.at_once as usize {
            return Err(format!(
                "{} other agents are at work for this run already (`children: {{ at_once: {} }}`)",
                now - 1,
                allowed.at_once
            ));
        }
        if self.children.total >= allowed.total {
            return Err(format!(
                "this run has begun its {} other agents (`children: {{ total: … }}`)",
                allowed.total
            ));
        }
        let left = allowed
            .usd
            .as_ref()
            .map(|usd| **usd - self.children.committed());
        if left.is_some_and(|left| left <= Decimal::ZERO) {
            return Err(
                "the agents that this run began have spent what they may (`children: { usd: … }`)"
                    .into(),
            );
        }
        let wanted = params.get("budget").and_then(|budget| budget.get("usd"));
        let wanted = match wanted.map(|usd| usd.to_string().trim_matches('"').parse::<Decimal>()) {
            Some(Ok(usd)) => Some(usd),
            Some(Err(_)) => {
                return Err("`budget: { usd: … }` is an amount, for instance 0.50".into());
            }
            None => None,
        };
        let usd = [wanted, left].into_iter().flatten().min();
        let deadline = match params.get("deadline") {
            Some(Value::Int(ms)) => Some(self.services.clock.steady().0.saturating_add(*ms)),
            _ => None,
        };
        let kin = Kin {
            parent: Some(self.id.clone()),
            invocation: Some(id.clone()),
            depth: self.kin.depth + 1,
            deeper: Some(deeper - 1),
            usd,
            above: self.above_a_child(),
            work: self.work_for(),
            deadline: deadline.map(Timestamp),
        };
        let prompt = params.get("prompt").and_then(Value::as_text);
        let data = json!({ "agent": agent, "prompt": prompt, "kin": kin });
        // A name that nobody else can have, and that comes out the same if this is done again.
        let name = format!("{}.{}", self.id, self.children.total + 1);
        Ok((name.into(), Value::from(&data)))
    }

    /// The activity `id` is not wanted any more, and so the child is not that was begun for it.
    pub(crate) fn stop_child(&mut self, id: &str) {
        if let Some(run) = self.children.of(id) {
            self.send_out(&run, STOP, Value::Null);
        }
    }

    /// The run ends for good: nobody wants its children any more. One that a person may resume takes them up again.
    pub(crate) fn end_children(&mut self) {
        let others = self.others.as_ref();
        if others.is_none_or(|others| others.may_resume(&self.id)) {
            return;
        }
        let agents = self.activities.iter();
        let agents =
            agents.filter(|(_, activity)| activity.kind == crate::round::ActivityKind::Agent);
        let agents: Vec<Arc<str>> = agents.map(|(id, _)| id.clone()).collect();
        for id in &agents {
            self.cancel(id, "the run ended", false);
        }
    }

    /// A child is over.
    pub(crate) fn child_over(&mut self, told: &Told) {
        let usd = told.data["usd"].as_str().and_then(|usd| usd.parse().ok());
        self.children.over(&told.from, usd);
        let Some(id) = told.data["invocation"].as_str().map(Arc::from) else {
            return;
        };
        let status = told.data["status"].as_str().unwrap_or("failed");
        if status == "done" {
            self.finish(&id, Value::from(&told.data));
            return;
        }
        let why = told.data["why"].as_str().unwrap_or("it gives no reason");
        let message = format!("the agent that was begun for this ended as `{status}`: {why}");
        self.finish_failed(&id, "error.agent", CauseKind::Other, &message, status);
    }

    /// Say to whoever began this run how it ended.
    pub(crate) fn tell_parent(&mut self, status: Status, cause: Option<&Cause>) {
        let (Some(parent), Some(invocation)) = (self.kin.parent.clone(), &self.kin.invocation)
        else {
            return;
        };
        let said = self
            .history
            .iter()
            .rev()
            .find_map(|entry| match &*entry.item {
                Item::Assistant { text, .. } => Some(text.plain().into_owned()),
                _ => None,
            });
        let data = json!({
            "invocation": invocation, "run": self.id, "agent": self.agent.name, "status": status,
            "text": said, "why": cause.map(|cause| &cause.message), "usd": (self.spent + self.children.usd).to_string(),
        });
        self.send_out(&parent, OVER, Value::from(&data));
    }
}
