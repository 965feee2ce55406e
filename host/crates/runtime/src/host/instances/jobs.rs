//! What happens to an instance, one thing after another: taken, recorded, and only then answered.

use super::{Job, bindings, no_such_instance, refused};
use crate::admission::is_of_a_budget;
use crate::alive;
use crate::host::Refused;
use crate::host::house::{Host, Letter, store};
use crate::host::vouch::{Deed, is_signed};
use crate::record::Kind;
use crate::workflow::{Happened, Instance, Sender, Taken, Who, WorkflowError};
use definitions::House;
use serde_json::Value as Json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use types::Event;

/// How long to wait before something that could not be recorded is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

impl Host {
    /// A letter for an instance.
    pub(in crate::host) fn tell_instance(&self, letter: Letter) {
        let happened = {
            let instances = self.0.instances.borrow();
            let Some(seat) = instances.seats.get(&letter.to) else {
                return;
            };
            if seat.heard >= letter.seq {
                return;
            }
            let instance = &seat.instance;
            let agent = self.agent_of_run(&letter.from);
            let from_house = &*letter.from == journal::HOUSE_RUN;
            match (agent, from_house) {
                // Only the host itself says such a thing, in the name of the run that found it.
                (Some(_), _) if is_of_a_budget(&letter.event) => Happened::Event {
                    event: Event::new(letter.event.clone(), letter.data.clone(), self.steady().0),
                    from: Sender::Host,
                },
                (Some(agent), _) => {
                    let who = Who::agent(agent, letter.from.clone());
                    let roles = instance.roles_of(&who);
                    let role = roles.first().cloned().unwrap_or_else(|| "".into());
                    Happened::said(&who, &role, &letter.event, &letter.data)
                }
                (None, true) => match crate::host::asked::happened(&letter.event, &letter.data) {
                    Some(happened) => happened,
                    None => return,
                },
                (None, false) => Happened::Event {
                    event: Event::new(letter.event.clone(), letter.data.clone(), self.steady().0),
                    from: Sender::Chart {
                        id: letter.from.clone(),
                    },
                },
            }
        };
        self.put_job(&letter.to, Job::of(happened, Some(letter.seq)));
    }

    fn agent_of_run(&self, run: &str) -> Option<Arc<str>> {
        let agents = self.0.agents.borrow();
        if let Some(agent) = agents.get(run) {
            return Some(agent.agent.clone());
        }
        drop(agents);
        let past = crate::past::Past::read(&self.0.journal.borrow(), run).ok()??;
        Some(past.agent.as_str().into())
    }

    fn put_job(&self, id: &Arc<str>, job: Job) {
        if let Some(seat) = self.0.instances.borrow_mut().seats.get_mut(id) {
            seat.jobs.push_back(job);
        }
        self.pump(id);
    }

    /// Have something happen to an instance, and wait until it is on the record or refused.
    pub(in crate::host) async fn happen(
        &self,
        id: &Arc<str>,
        happened: Happened,
    ) -> Result<(), Refused> {
        let all = self.happen_as(id, vec![happened], Deed::default());
        all.await.map(drop)
    }

    /// Have several things happen in one commit, done by somebody; what there is to say of it.
    pub(in crate::host) async fn happen_as(
        &self,
        id: &Arc<str>,
        happened: Vec<Happened>,
        deed: Deed,
    ) -> Result<Json, Refused> {
        let (done, result) = oneshot::channel();
        if !self.0.instances.borrow().has(id) {
            return Err(no_such_instance(id));
        }
        self.put_job(
            id,
            Job {
                happened,
                deed,
                cause: None,
                done: Some(done),
            },
        );
        result
            .await
            .unwrap_or_else(|_| Err(crate::host::house::ending()))
    }

    /// The same without waiting.
    pub(super) fn happens(&self, id: &Arc<str>, happened: Happened) {
        self.put_job(id, Job::of(happened, None));
    }

    pub(in crate::host) fn instance_is_due(&self, id: &Arc<str>) {
        self.happens(id, Happened::Due);
    }

    /// Take one thing after another, in a task of its own, as long as there is any.
    pub(super) fn pump(&self, id: &Arc<str>) {
        {
            let mut instances = self.0.instances.borrow_mut();
            let Some(seat) = instances.seats.get_mut(id) else {
                return;
            };
            if seat.busy || seat.jobs.is_empty() {
                return;
            }
            seat.busy = true;
        }
        let (host, id) = (self.clone(), id.clone());
        tokio::task::spawn_local(async move {
            while let Some(job) = host.next_job(&id) {
                host.do_job(&id, job).await;
            }
            host.0.changed.notify_waiters();
        });
    }

    fn next_job(&self, id: &str) -> Option<Job> {
        let mut instances = self.0.instances.borrow_mut();
        let seat = instances.seats.get_mut(id)?;
        let job = seat.jobs.pop_front();
        seat.busy = job.is_some();
        job
    }

    async fn do_job(&self, id: &Arc<str>, job: Job) {
        let is_signed = self.0.instances.borrow().get(id).is_some_and(is_signed);
        // What is signed is judged by what is on record of all that is: one comes after the other.
        let _alone = match is_signed {
            true => Some(self.0.signing.lock().await),
            false => None,
        };
        let copy = self.0.instances.borrow().get(id).cloned();
        let Some(mut instance) = copy else {
            return;
        };
        let before = bindings(&instance);
        let at = self.now();
        // What nobody waits for is tried again where it cannot be recorded: a letter would be lost otherwise as soon as the next one is taken.
        let again = job.done.is_none().then(|| job.happened.clone());
        let took = self.take(&mut instance, job.happened, &job.deed, at.0, job.cause);
        let answer = match took {
            Err(error) => Err(refused(error)),
            Ok((taken, said)) => {
                let snapshot = self.with_snapshot(id, &instance, &taken, job.cause);
                let keep = match instance.ended() {
                    Some(_) => vec![alive::instance_over(id)],
                    None => Vec::new(),
                };
                let taken = Taken {
                    records: taken.records.into_iter().chain(snapshot).collect(),
                    out: taken.out,
                };
                let ended = instance.ended().is_some();
                let written = self.write_as(id, &taken, keep, instance, job.cause, at);
                match written.await {
                    Err(error) => {
                        if let Some(happened) = again.filter(|_| !self.0.ending.get()) {
                            self.log(id, "journal", &error.to_string());
                            return self.do_again(id, happened, job.cause).await;
                        }
                        Err(store(&error))
                    }
                    Ok(()) => {
                        let in_force = self.has_recorded(&taken);
                        self.follow(id, taken, before);
                        if in_force {
                            self.put_in_place().await;
                        }
                        if ended {
                            self.0.firings.borrow_mut().ended(id);
                        }
                        Ok(said)
                    }
                }
            }
        };
        match (job.done, answer) {
            (Some(done), answer) => {
                // Whoever asked may have gone.
                let _ = done.send(answer);
            }
            (None, Err(refused)) => self.log(id, "workflow", &refused.message),
            (None, Ok(_)) => {}
        }
    }

    /// Have `instance` take what happens, with what the host knows beside it: what is recorded, and what there is to say of it.
    pub(in crate::host) fn take(
        &self,
        instance: &mut Instance,
        happened: Vec<Happened>,
        deed: &Deed,
        now: i64,
        cause: Option<u64>,
    ) -> Result<(Taken, Json), WorkflowError> {
        let first = happened.first().cloned();
        let steady = self.steady_at(now);
        let vouched = match (self.vouch(instance, happened, deed, now), first) {
            (Ok(vouched), _) => vouched,
            (Err(error), Some(first)) => {
                let taken = instance.refuse(&first, error, steady, cause)?;
                return Ok((taken, Json::Null));
            }
            (Err(error), None) => return Err(error),
        };
        let mut all = Taken::default();
        for happened in vouched.happened {
            let taken = instance.take_with(happened, steady, cause, &vouched.beside)?;
            all = all.then(taken);
        }
        if all.records.iter().any(|(kind, _)| *kind == Kind::Told) {
            // The workflow has refused it, and said so: nothing else has happened.
            return Ok((all, Json::Null));
        }
        all.records.extend(vouched.records);
        if let Some(register) = &vouched.register {
            self.show_change(instance, register, &mut all);
        }
        Ok((all.behind(vouched.identities), vouched.said))
    }

    /// Have something happen once more, before anything else, when the store has had time to recover.
    async fn do_again(&self, id: &Arc<str>, happened: Vec<Happened>, cause: Option<u64>) {
        tokio::time::sleep(AGAIN_AFTER).await;
        if let Some(seat) = self.0.instances.borrow_mut().seats.get_mut(id) {
            seat.jobs.push_front(Job {
                happened,
                deed: Deed::default(),
                cause,
                done: None,
            });
        }
    }

    /// Wait until no instance has anything to take.
    pub(in crate::host) async fn finish_instances(&self) {
        let busy = |host: &Host| {
            let instances = host.0.instances.borrow();
            instances
                .seats
                .values()
                .any(|seat| seat.busy || !seat.jobs.is_empty())
        };
        while busy(self) {
            tokio::task::yield_now().await;
        }
    }

    /// Workflows were saved: their instances move.
    pub(in crate::host) fn move_instances(&self, house: &Arc<House>) {
        let moves: Vec<(Arc<str>, Arc<definitions::ChartBundle>)> = {
            let instances = self.0.instances.borrow();
            let moved = instances.all().filter_map(|instance| {
                let own = instance.bundle();
                let house = self.house_for(instance.id(), house)?;
                let saved = house.charts.get(own.chart.name())?;
                (saved.hash != own.hash).then(|| (instance.id().clone(), saved.clone()))
            });
            moved.collect()
        };
        for (id, to) in moves {
            self.happens(&id, Happened::Moved { to });
        }
    }
}
