//! The work that comes and goes with the chart's steps, and who is told of it.

use super::core::Told;
use super::fact::{Fact, Finished, Offered, Opened, Sent, Turnover};
use super::happening::{Addressee, Out};
use super::instance::{Ended, Instance};
use super::taking::Doing;
use super::who::{Via, Who};
use chart::StateId;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::Value;

/// Work that is gone, and who had it.
pub(super) struct Withdrawn {
    pub who: Who,
    pub work: u64,
    pub state: Arc<str>,
    pub role: Arc<str>,
}

impl Doing {
    /// The work that is over and the work that begins, now that the states `entered` were entered: a state that is entered anew has been left before.
    pub fn turnover(&self, entered: &[StateId]) -> Turnover {
        let Instance {
            bundle,
            chart,
            core,
            ..
        } = &self.instance;
        let state_of = |name: &Arc<str>| bundle.chart.find(name);
        let active: Vec<StateId> = chart.configuration().collect();
        let stays = |state: &Arc<str>, role: &Arc<str>| {
            state_of(state).is_some_and(|id| {
                active.contains(&id) && !entered.contains(&id) && bundle.role_of(id) == Some(role)
            })
        };
        let (open, closed): (Vec<_>, Vec<_>) = core
            .work
            .iter()
            .partition(|(_, work)| stays(&work.state, &work.role));
        let mut next = core.next_work.max(1);
        let mut opened = Vec::new();
        for state in active {
            let Some(role) = bundle.role_of(state) else {
                continue;
            };
            let name = &bundle.chart.state(state).id;
            if open.iter().any(|(_, work)| work.state == *name) {
                continue;
            }
            opened.push(Opened {
                work: next,
                state: name.clone(),
                role: role.clone(),
            });
            next += 1;
        }
        Turnover {
            closed: closed.into_iter().map(|(number, _)| *number).collect(),
            opened,
        }
    }

    /// Who is to hear that the work `closed` is gone: whoever was given it, but for the work that is being handed in.
    pub fn to_withdraw(&self, closed: &[u64]) -> Vec<Withdrawn> {
        let core = &self.instance.core;
        let withdrawn = closed.iter().filter_map(|number| {
            let work = core.work.get(number)?;
            let told = work.told == Told::Given && self.handing_in != Some(*number);
            Some(Withdrawn {
                who: told.then(|| core.holders.get(&work.role).cloned())??,
                work: *number,
                state: work.state.clone(),
                role: work.role.clone(),
            })
        });
        withdrawn.collect()
    }

    pub fn withdraw(&mut self, withdrawn: Withdrawn, why: &str) {
        let data = Value::map([
            ("workflow", Value::text(self.instance.bundle.chart.name())),
            ("instance", Value::text(self.instance.id.clone())),
            ("work", number(withdrawn.work)),
            ("state", Value::text(withdrawn.state)),
            ("role", Value::text(withdrawn.role)),
            ("why", Value::text(why)),
        ]);
        self.send(
            Addressee::from(&withdrawn.who),
            "work.withdrawn",
            data,
            None,
        );
    }

    /// Record that an event goes to somebody, and have it delivered.
    pub fn send(&mut self, to: Addressee, event: &str, data: Value, assigns: Option<u64>) {
        self.fact(Fact::Sent(Sent {
            to: to.to_string().into(),
            event: event.into(),
            data: data.clone(),
            time: self.now,
            assigns,
        }));
        self.taken.out.push(Out::Send {
            record: self.taken.records.len() - 1,
            to,
            event: event.into(),
            data,
        });
    }

    /// Give work to whoever holds its role and has not been given it.
    pub fn assign(&mut self) {
        let core = &self.instance.core;
        let new: Vec<(u64, Who)> = core
            .work
            .iter()
            .filter(|(_, work)| work.told != Told::Given)
            .filter_map(|(number, work)| Some((*number, core.holders.get(&work.role)?.clone())))
            .collect();
        for (work, who) in new {
            if let Some(data) = self.instance.assignment(work) {
                self.send(Addressee::from(&who), "work.assigned", data, Some(work));
            }
        }
    }

    /// Offer the roles that have new work and no holder.
    pub fn offer(&mut self) {
        let mut roles: BTreeMap<Arc<str>, Vec<u64>> = BTreeMap::new();
        for (number, work) in &self.instance.core.work {
            if work.told == Told::Nobody {
                roles.entry(work.role.clone()).or_default().push(*number);
            }
        }
        for (role, works) in roles {
            let states = self.instance.states_with_work(&role);
            self.fact(Fact::Offered(Offered {
                role: role.clone(),
                states: states.clone(),
                works,
                time: self.now,
            }));
            self.taken.out.push(Out::Offered { role, states });
        }
    }

    /// The end: what is open is withdrawn, every holder hears of it once, and the roles are free.
    pub fn end(&mut self, ended: Ended) {
        let open: Vec<u64> = self.instance.core.work.keys().copied().collect();
        for withdrawn in self.to_withdraw(&open) {
            self.withdraw(withdrawn, "the workflow ended");
        }
        if !self.instance.chart.is_done() {
            let chart = &self.instance.bundle.chart;
            let running = self.instance.chart.activities(chart);
            let stops = running.map(|(id, _, _)| Out::Stop { id: id.into() });
            self.taken.out.extend(stops.collect::<Vec<_>>());
        }
        let mut holders: BTreeMap<Who, Vec<Arc<str>>> = BTreeMap::new();
        for (role, who) in &self.instance.core.holders {
            let roles = holders.entry(who.clone()).or_default();
            roles.push(role.clone());
        }
        for (who, roles) in holders {
            for role in &roles {
                self.unbind(role, Via::End, &"the workflow ended".into(), None);
            }
            let data = Value::map([
                ("workflow", Value::text(self.instance.bundle.chart.name())),
                ("instance", Value::text(self.instance.id.clone())),
                ("roles", Value::list(roles.into_iter().map(Value::Text))),
                ("status", Value::text(ended.status.name())),
                ("output", ended.output.clone()),
            ]);
            self.send(Addressee::from(&who), "work.ended", data, None);
        }
        let cause = self.cause.take();
        self.fact(Fact::Finished(Finished {
            end: ended.clone(),
            time: self.now,
            cause,
        }));
        self.taken.out.push(Out::Ended(ended));
    }
}

/// A number as charts have it.
pub(super) fn number(n: u64) -> Value {
    Value::Int(i64::try_from(n).unwrap_or(i64::MAX))
}
