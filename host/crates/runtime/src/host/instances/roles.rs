//! Who holds a role: offered to whoever is free and fits, and free again when its holder is gone.

use super::{Instances, Job};
use crate::RuntimeError;
use crate::host::agents::At;
use crate::host::house::{Host, Mode};
use crate::host::vouch::is_signed;
use crate::workflow::{Happened, Instance, Via, Who};
use std::collections::BTreeSet;
use std::sync::Arc;

impl Host {
    /// Offer what is on offer to whoever is free by now.
    pub(in crate::host) fn offer_again(&self) {
        let offers: Vec<(Arc<str>, Arc<str>)> = {
            let instances = self.0.instances.borrow();
            let of = |instance: &Instance| {
                let id = instance.id().clone();
                let roles = instance.on_offer().into_iter();
                roles
                    .map(move |role| (id.clone(), role))
                    .collect::<Vec<_>>()
            };
            instances.all().flat_map(of).collect()
        };
        for (id, role) in offers {
            self.offer(&id, &role);
        }
    }

    /// Bind an agent that is free and fits, if there is any.
    pub(super) fn offer(&self, id: &Arc<str>, role: &Arc<str>) {
        if self.0.mode != Mode::Live || self.0.ending.get() {
            return;
        }
        let house = self.definitions();
        let who = {
            let instances = self.0.instances.borrow();
            let Some(instance) = instances.get(id) else {
                return;
            };
            let given = |agent: &str| instances.given.iter().position(|name| &**name == agent);
            let takers = instance.takers(&house, role, given);
            // In what is signed each role is a run of its own: whoever has one there may take another.
            let own = is_signed(instance).then_some(id);
            let free = takers.into_iter().find(|agent| {
                !self.is_bound(&instances, &agent.name, own)
                    && self.why_not_act(instance, role, &agent.name).is_none()
            });
            free.map(|agent| agent.name.clone())
        };
        let Some(agent) = who else {
            return;
        };
        let run = self.run_to_bind(id, &agent);
        self.0.instances.borrow_mut().was_given(&agent);
        self.happens(
            id,
            Happened::Bind {
                role: role.clone(),
                who: Who::agent(agent, run),
                via: Via::Offer,
            },
        );
    }

    /// Whether some run of `agent` holds a role, or is about to, in another instance than `own`.
    fn is_bound(&self, instances: &Instances, agent: &str, own: Option<&Arc<str>>) -> bool {
        let holds = |who: &Who| matches!(who, Who::Agent { agent: own, .. } if **own == *agent);
        let binds =
            |happened: &Happened| matches!(happened, Happened::Bind { who, .. } if holds(who));
        let waits = |job: &Job| job.happened.iter().any(binds);
        let others = instances.seats.iter().filter(|(id, _)| Some(*id) != own);
        others.map(|(_, seat)| seat).any(|seat| {
            let position = seat.instance.position();
            let mut holders = position
                .roles
                .iter()
                .filter_map(|role| role.holder.as_ref());
            holders.any(holds) || seat.jobs.iter().any(waits)
        })
    }

    /// The run of `agent` that takes a role of `instance`: one that stands still and holds none, or a new one. What is signed is done by a run of its own: nobody
    /// has told that one what to think before it was asked.
    pub(in crate::host) fn run_to_bind(&self, instance: &str, agent: &str) -> Arc<str> {
        let is_signed = self
            .0
            .instances
            .borrow()
            .get(instance)
            .is_some_and(is_signed);
        if is_signed {
            return self.new_id();
        }
        let agents = self.0.agents.borrow();
        let mut free = agents.all().filter(|(run, entry)| {
            *entry.agent == *agent
                && entry.at == At::Parked
                && !entry.paused
                && self.binding_of(run).is_none()
        });
        match free.next() {
            Some((run, _)) => run.clone(),
            None => self.new_id(),
        }
    }

    /// The agent that holds a role of `instance` with the run `run`.
    pub(in crate::host) fn holder_of(&self, instance: &str, run: &str) -> Option<Arc<str>> {
        let instances = self.0.instances.borrow();
        let position = instances.get(instance)?.position();
        position
            .roles
            .into_iter()
            .find_map(|role| match role.holder {
                Some(Who::Agent { agent, run: own }) if *own == *run => Some(agent),
                _ => None,
            })
    }

    /// Roles whose holders are gone, which the last host did not live to record.
    pub(in crate::host) fn free_left_roles(&self) -> Result<(), RuntimeError> {
        if self.0.mode == Mode::Asked {
            return Ok(());
        }
        let holders: BTreeSet<Arc<str>> = {
            let instances = self.0.instances.borrow();
            let roles = instances
                .all()
                .flat_map(|instance| instance.position().roles);
            let runs = roles.filter_map(|at| at.holder.and_then(|who| who.run().cloned()));
            runs.collect()
        };
        for run in holders {
            if self.has_ended(&run)? {
                self.holder_is_gone(&run, "its run has ended");
            } else if self.is_given_up(&run) {
                self.holder_is_gone(&run, "its run was given up");
            }
        }
        Ok(())
    }

    fn is_given_up(&self, run: &str) -> bool {
        let agents = self.0.agents.borrow();
        agents.get(run).is_some_and(|agent| agent.at == At::GivenUp)
    }

    /// The run `run` holds no role any more, because it is gone.
    pub(in crate::host) fn holder_is_gone(&self, run: &Arc<str>, why: &str) {
        let held: Vec<(Arc<str>, Arc<str>, Who)> = {
            let instances = self.0.instances.borrow();
            let of = |instance: &Instance| {
                let id = instance.id().clone();
                let roles = instance.position().roles.into_iter();
                let its = roles.filter_map(move |at| {
                    let who = at.holder.filter(|who| who.run() == Some(run))?;
                    Some((id.clone(), at.role, who))
                });
                its.collect::<Vec<_>>()
            };
            instances.all().flat_map(of).collect()
        };
        for (id, role, who) in held {
            self.happens(
                &id,
                Happened::Detach {
                    role,
                    who: Some(who),
                    via: Via::Failure,
                    why: why.into(),
                    notes: None,
                },
            );
        }
    }
}

impl Instances {
    pub(in crate::host) fn was_given(&mut self, agent: &Arc<str>) {
        self.given.retain(|name| name != agent);
        self.given.push(agent.clone());
    }
}
