//! Where an instance stands: for those who look, for those who are given work, and for what a state adds to an agent's context and policy.

use super::core::Told;
use super::instance::{Ended, Instance};
use super::telling::number;
use super::who::{Person, Who};
use crate::Binding;
use chart::StateId;
use serde::Serialize;
use std::sync::Arc;
use types::Value;

/// Where an instance stands, for people and programs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Position {
    /// The instance.
    pub instance: Arc<str>,
    /// The workflow.
    pub workflow: Arc<str>,
    /// Its version, as written.
    pub version: Arc<str>,
    /// The active leaf states, sorted.
    pub configuration: Vec<Arc<str>>,
    /// The chart's data.
    pub data: serde_json::Value,
    /// Its roles, in file order.
    pub roles: Vec<RoleAt>,
    /// Activities under way, in the order in which they began.
    pub activities: Vec<Activity>,
    /// Whether a state waits for a person: one with the tag `needs-human`.
    pub needs_human: bool,
    /// When the next timer is due, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_due: Option<i64>,
    /// What the chart could not take, since it last took something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trouble: Option<Arc<str>>,
    /// How it ended, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<Ended>,
}

/// A role of an instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RoleAt {
    /// The role.
    pub role: Arc<str>,
    /// Who holds it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub holder: Option<Who>,
    /// Active states with work for it, in document order.
    pub states: Vec<Arc<str>>,
    /// Whether it is on offer: it has work and no holder.
    pub offered: bool,
    /// Everybody who holds it or ever did.
    pub held: Vec<Person>,
}

/// An activity that the host runs for an instance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Activity {
    /// The invocation.
    pub id: Arc<str>,
    /// The state that invokes.
    pub state: Arc<str>,
    /// The activity.
    pub activity: Arc<str>,
}

impl Instance {
    /// Where it stands.
    pub fn position(&self) -> Position {
        let chart = &self.bundle.chart;
        let ended = self.core.ended.is_some();
        let roles = self.bundle.roles.keys().map(|role| {
            let states = self.states_with_work(role);
            let holder = self.holder(role).cloned();
            RoleAt {
                role: role.clone(),
                offered: !states.is_empty() && holder.is_none(),
                states,
                holder,
                held: self.core.duties.get(role).cloned().unwrap_or_default(),
            }
        });
        Position {
            instance: self.id.clone(),
            workflow: chart.name().into(),
            version: chart.version().into(),
            configuration: self.configuration(),
            data: self.chart.data_json(chart),
            roles: roles.collect(),
            activities: self.activities(),
            needs_human: !ended && self.chart.has_tag(chart, "needs-human"),
            next_due: self.next_due(),
            trouble: self.core.trouble.clone(),
            ended: self.core.ended.clone(),
        }
    }

    /// Activities under way: what a host that has just taken the instance up begins again.
    pub fn activities(&self) -> Vec<Activity> {
        if self.core.ended.is_some() {
            return Vec::new();
        }
        let running = self.chart.activities(&self.bundle.chart);
        let running = running.map(|(id, state, activity)| Activity {
            id: id.into(),
            state: state.into(),
            activity: activity.into(),
        });
        running.collect()
    }

    /// The roles that `who` holds, by name.
    pub fn roles_of(&self, who: &Who) -> Vec<Arc<str>> {
        let held = self
            .core
            .holders
            .iter()
            .filter(|(_, holder)| *holder == who);
        held.map(|(role, _)| role.clone()).collect()
    }

    /// The work that `who` has now, as (role, state), in the order in which it came up: what can be handed in.
    pub fn work_of(&self, who: &Who) -> Vec<(Arc<str>, Arc<str>)> {
        let work = self.core.work.values();
        let given = work.filter(|work| self.holder(&work.role) == Some(who));
        given.map(|w| (w.role.clone(), w.state.clone())).collect()
    }

    /// When the work of `role` came up; of several, the latest.
    pub fn work_since(&self, role: &str) -> Option<i64> {
        self.core.work_of(role).map(|(_, work)| work.since).max()
    }

    /// The active states that count for `who`, in document order, so from the outermost in: what their `context` and `policy` add applies. None unless
    /// there is work for a role that `who` holds. Then all but the insides of states that are another role's: in a parallel workflow the reviewer's
    /// read-only mount is not the implementer's.
    pub fn states_for(&self, who: &Who) -> Vec<StateId> {
        if self.core.ended.is_some() || self.work_of(who).is_empty() {
            return Vec::new();
        }
        let chart = &self.bundle.chart;
        let around =
            |state: StateId| std::iter::successors(Some(state), |state| chart.state(*state).parent);
        let mine = |state: StateId| {
            let role = self.bundle.role_of(state);
            role.is_some_and(|role| self.holder(role) == Some(who))
        };
        // Everything around work of one's own counts, and everything that the innermost role around it does not give to somebody else.
        let own: Vec<StateId> = self.chart.configuration().filter(|s| mine(*s)).collect();
        let counts = |state: &StateId| {
            let innermost = around(*state).find(|state| self.bundle.role_of(*state).is_some());
            innermost.is_none_or(mine) || own.iter().any(|own| around(*own).any(|s| s == *state))
        };
        self.chart.configuration().filter(counts).collect()
    }

    /// What the run `run` is bound to, as it stands in that run's own record; `None` where it holds no role. Where it holds several, the one that has work
    /// counts, and of those the one whose work came up first.
    pub fn binding(&self, run: &str) -> Option<Binding> {
        let mut holders = self.core.holders.iter();
        let held = |who: &Who| who.run().is_some_and(|id| &**id == run);
        let (role, who) = holders.find(|(_, who)| held(who))?;
        let work = self.work_of(who);
        let states = self.states_for(who).into_iter();
        let chart = &self.bundle.chart;
        let role = work.first().map_or(role, |(role, _)| role);
        let outcomes = self.bundle.roles.get(role).map(|role| &role.outcomes);
        Some(Binding {
            instance: self.id.clone(),
            workflow: chart.name().into(),
            role: role.clone(),
            outcomes: outcomes.cloned().unwrap_or_default(),
            states: states.map(|state| chart.state(state).id.clone()).collect(),
            works: !work.is_empty(),
        })
    }

    /// What was handed in and left so far, as much of it as whoever is given work next is shown.
    pub fn handed(&self) -> serde_json::Value {
        serde_json::to_value(&self.core.handed).unwrap_or_default()
    }

    /// Who holds the role of `state`, if it has one.
    pub(super) fn holder_of_state(&self, state: &str) -> Option<&Who> {
        let role = self.bundle.role_of(self.bundle.chart.find(state)?)?;
        self.holder(role)
    }

    /// The active states with work for `role`, in document order.
    pub(super) fn states_with_work(&self, role: &str) -> Vec<Arc<str>> {
        let mut states: Vec<Arc<str>> =
            self.core.work_of(role).map(|w| w.1.state.clone()).collect();
        states.sort_by_key(|state| self.bundle.chart.find(state));
        states
    }

    /// All states that have `role`, in document order.
    pub(super) fn states_with_role(&self, role: &str) -> Vec<Arc<str>> {
        let states = self.bundle.chart.states();
        let states = states.filter(|(id, _)| {
            let of = self.bundle.role_of(*id);
            of.is_some_and(|of| &**of == role)
        });
        states.map(|(_, info)| info.id.clone()).collect()
    }

    /// What whoever is given this work is told.
    pub(super) fn assignment(&self, work: u64) -> Option<Value> {
        let chart = &self.bundle.chart;
        let open = self.core.work.get(&work)?;
        let id = chart.find(&open.state)?;
        let optional = |text: &Option<Arc<str>>| text.clone().map_or(Value::Null, Value::Text);
        let by = |person: &Person| Value::text(String::from(person.clone()));
        let handed = &self.core.handed;
        let notes = handed
            .iter()
            .filter(|h| h.notes.is_some() || h.outcome.is_some());
        let notes = notes.map(|handed| {
            Value::map([
                ("role", Value::text(handed.role.clone())),
                ("by", by(&handed.by)),
                ("state", optional(&handed.state)),
                ("outcome", optional(&handed.outcome)),
                ("notes", optional(&handed.notes)),
                ("time", Value::Int(handed.time)),
            ])
        });
        let artefacts = handed.iter().filter(|h| h.artefacts != Value::Null);
        let artefacts = artefacts.map(|handed| {
            Value::map([
                ("role", Value::text(handed.role.clone())),
                ("by", by(&handed.by)),
                ("state", optional(&handed.state)),
                ("artefacts", handed.artefacts.clone()),
            ])
        });
        let doc = chart.state(id).doc.clone();
        Some(Value::map([
            ("workflow", Value::text(chart.name())),
            ("version", Value::text(chart.version())),
            ("instance", Value::text(self.id.clone())),
            ("work", number(work)),
            ("state", Value::text(open.state.clone())),
            ("role", Value::text(open.role.clone())),
            ("doc", doc.map_or(Value::Null, Value::text)),
            ("since", Value::Int(open.since)),
            ("input", self.core.input.clone()),
            ("data", Value::from(self.chart.data_json(chart))),
            ("notes", Value::list(notes)),
            ("artefacts", Value::list(artefacts)),
            ("earlier", number(self.core.earlier)),
        ]))
    }

    /// Whether a role is on offer: it has work, nobody holds it, and that has been said.
    pub fn on_offer(&self) -> Vec<Arc<str>> {
        let roles = self.bundle.roles.keys().filter(|role| {
            let mut work = self.core.work_of(role);
            self.holder(role).is_none() && work.any(|(_, work)| work.told == Told::Offered)
        });
        roles.cloned().collect()
    }
}
