//! The instances of workflows: each takes one thing after another, records what follows, and only then says it to others.

use super::house::{Host, Letter, Mode, store};
use super::vouch::{Deed, is_signed};
use super::{Refused, RefusedCode};
use crate::alive;
use crate::inbox::Told;
use crate::record::{Kind, Pending};
use crate::workflow::{
    Addressee, Happened, Instance, Out, Recorded, Sender, Taken, Version, Via, Who, WorkflowError,
};
use crate::{Binding, RuntimeError, bound};
use definitions::House;
use journal::Record;
use serde_json::Value as Json;
use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use types::{Event, Value};

/// Records of an instance after which what they come to is recorded.
const BETWEEN_SNAPSHOTS: usize = 64;
/// How long to wait before something that could not be recorded is tried again.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// All instances that are not over.
#[derive(Default)]
pub(super) struct Instances {
    seats: BTreeMap<Arc<str>, Seat>,
    /// Which agents were given work, the last one at the end.
    given: Vec<Arc<str>>,
}

struct Seat {
    instance: Instance,
    /// The last letter that it has taken.
    heard: u64,
    /// Records since its last snapshot.
    tail: usize,
    jobs: VecDeque<Job>,
    busy: bool,
}

/// Something that happens to an instance, and who waits for what comes of it.
struct Job {
    /// One thing, or several that go into one commit.
    happened: Vec<Happened>,
    /// Who does it, as far as that is said.
    deed: Deed,
    cause: Option<u64>,
    done: Option<oneshot::Sender<Result<Json, Refused>>>,
}

impl Job {
    /// Something that nobody waits for.
    fn of(happened: Happened, cause: Option<u64>) -> Self {
        Job {
            happened: vec![happened],
            deed: Deed::default(),
            cause,
            done: None,
        }
    }
}

impl Instances {
    pub(super) fn has(&self, id: &str) -> bool {
        self.seats.contains_key(id)
    }

    pub(super) fn has_taken(&self, id: &str, seq: u64) -> bool {
        self.seats.get(id).is_some_and(|seat| seat.heard >= seq)
    }

    pub(super) fn get(&self, id: &str) -> Option<&Instance> {
        self.seats.get(id).map(|seat| &seat.instance)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Instance> {
        self.seats.values().map(|seat| &seat.instance)
    }

    pub(super) fn next_due(&self) -> Option<i64> {
        let free = self.seats.values().filter(|seat| !seat.busy);
        free.filter_map(|seat| seat.instance.next_due()).min()
    }

    pub(super) fn due(&self, now: i64) -> Vec<Arc<str>> {
        let due =
            |seat: &Seat| !seat.busy && seat.instance.next_due().is_some_and(|due| due <= now);
        let due = self.seats.iter().filter(|(_, seat)| due(seat));
        due.map(|(id, _)| id.clone()).collect()
    }

    pub(super) fn binding_of(&self, run: &str) -> Option<Binding> {
        let mut bindings = self.all().filter_map(|instance| instance.binding(run));
        bindings.next()
    }
}

impl Host {
    /// Which instances there are, at the start.
    pub(super) fn read_instances(&self) -> Result<(), RuntimeError> {
        let alive = alive::instances(&self.0.journal.borrow())?;
        for id in alive.into_keys() {
            match self.read_instance(&id)? {
                Ok(seat) => {
                    self.0.instances.borrow_mut().seats.insert(id, seat);
                }
                // It stays in the journal, and whoever asks for it is told.
                Err(error) => self.log(&id, "workflow", &error.to_string()),
            }
        }
        Ok(())
    }

    fn read_instance(&self, id: &str) -> Result<Result<Seat, WorkflowError>, RuntimeError> {
        let mut records: Vec<Record> = Vec::new();
        self.0.journal.borrow().tail(id, |record| {
            let newest = record.kind == Kind::Snapshot.name();
            records.push(record);
            match newest {
                true => ControlFlow::Break(()),
                false => ControlFlow::Continue(()),
            }
        })?;
        records.reverse();
        let heard = records.iter().filter_map(|record| {
            let body: serde_json::Value = serde_json::from_str(&record.body).ok()?;
            body["cause"].as_u64().max(body["heard"].as_u64())
        });
        let heard = heard.max().unwrap_or(0);
        let house = self.definitions();
        let journal = self.0.journal.borrow();
        let versions = |version: &Version| {
            let own = house.charts.get(&version.name);
            let same = own.filter(|bundle| bundle.chart.hash() == version.hash);
            same.cloned().or_else(|| {
                crate::replay::chart_with(&journal, &house.root, &version.name, version.hash)
            })
        };
        let recorded = records.iter().map(|record| Recorded {
            seq: record.seq.0,
            kind: &record.kind,
            body: &record.body,
        });
        Ok(Instance::fold(id, recorded, versions).map(|instance| Seat {
            instance,
            heard,
            tail: records.len(),
            jobs: VecDeque::new(),
            busy: false,
        }))
    }

    /// Begin an instance of `chart`, and have `first` happen in it in the same commit; its id, and what there is to say of that.
    pub(super) async fn begin_instance(
        &self,
        id: Arc<str>,
        chart: &str,
        input: Value,
        more: Vec<(Kind, serde_json::Value)>,
        first: Option<(Vec<Happened>, Deed)>,
    ) -> Result<(Arc<str>, Json), Refused> {
        self.begins()?;
        let house = self.definitions();
        let bundle = house.charts.get(chart).ok_or_else(|| {
            let workflows = house
                .charts
                .iter()
                .filter(|(_, bundle)| bundle.chart.kind() == chart::ChartKind::Workflow);
            let known: Vec<&str> = workflows.map(|(name, _)| &**name).collect();
            Refused::new(
                RefusedCode::NoSuchChart,
                format!("the house has no workflow `{chart}`"),
                match known.is_empty() {
                    true => "it has none at all: write one below charts/".to_owned(),
                    false => format!("it has {}", known.join(", ")),
                },
            )
        })?;
        let begun = Instance::begin(&id, bundle, input, self.now().0);
        let (mut instance, mut taken) = begun.map_err(refused)?;
        let _alone = match is_signed(&instance) {
            true => Some(self.0.signing.lock().await),
            false => None,
        };
        let mut said = Json::Null;
        if let Some((happened, deed)) = first {
            let now = self.now().0;
            let took = self.take(&mut instance, happened, &deed, now, None);
            let (more, answer) = took.map_err(refused)?;
            // What identifies whoever signs goes before all of it.
            taken = taken.then(more);
            said = answer;
        }
        let seat = Seat {
            instance: instance.clone(),
            heard: 0,
            tail: taken.records.len(),
            jobs: VecDeque::new(),
            busy: true,
        };
        self.0.instances.borrow_mut().seats.insert(id.clone(), seat);
        let keep = vec![alive::instance(&id, chart)];
        let (mut beside, known) = crate::materials::news_of(&self.0.journal.borrow(), &house);
        beside.extend(more);
        // Both are ready at once, and so they go into the same commit: neither is ever there without the other.
        let (fired, written) = futures_util::future::join(
            async {
                match beside.is_empty() && known.is_empty() {
                    true => Ok(Vec::new()),
                    false => self.record(beside, known, None).await,
                }
            },
            self.write(&id, &taken, keep),
        )
        .await;
        if let Err(refused) = fired.and(written.map_err(|error| store(&error))) {
            self.0.instances.borrow_mut().seats.remove(&id);
            return Err(refused);
        }
        let mut kinds = taken.records.iter().map(|(kind, _)| kind.name());
        let in_force = kinds.any(crate::control::puts_in_force);
        self.follow(&id, taken, BTreeMap::new());
        if in_force {
            self.put_in_place().await;
        }
        if let Some(seat) = self.0.instances.borrow_mut().seats.get_mut(&id) {
            seat.busy = false;
        }
        self.pump(&id);
        self.0.changed.notify_waiters();
        Ok((id, said))
    }

    /// A letter for an instance.
    pub(super) fn tell_instance(&self, letter: Letter) {
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
                (Some(agent), _) => {
                    let who = Who::agent(agent, letter.from.clone());
                    let roles = instance.roles_of(&who);
                    let role = roles.first().cloned().unwrap_or_else(|| "".into());
                    Happened::said(&who, &role, &letter.event, &letter.data)
                }
                (None, true) => match super::asked::happened(&letter.event, &letter.data) {
                    Some(happened) => happened,
                    None => return,
                },
                (None, false) => Happened::Event {
                    event: Event::new(letter.event.clone(), letter.data.clone(), self.now().0),
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
    pub(super) async fn happen(&self, id: &Arc<str>, happened: Happened) -> Result<(), Refused> {
        let all = self.happen_as(id, vec![happened], Deed::default());
        all.await.map(drop)
    }

    /// Have several things happen in one commit, done by somebody; what there is to say of it.
    pub(super) async fn happen_as(
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
        result.await.unwrap_or_else(|_| Err(super::house::ending()))
    }

    /// The same without waiting.
    fn happens(&self, id: &Arc<str>, happened: Happened) {
        self.put_job(id, Job::of(happened, None));
    }

    pub(super) fn instance_is_due(&self, id: &Arc<str>) {
        self.happens(id, Happened::Due);
    }

    /// Take one thing after another, in a task of its own, as long as there is any.
    fn pump(&self, id: &Arc<str>) {
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
        let now = self.now().0;
        // What nobody waits for is tried again where it cannot be recorded: a letter would be lost otherwise as soon as the next one is taken.
        let again = job.done.is_none().then(|| job.happened.clone());
        let took = self.take(&mut instance, job.happened, &job.deed, now, job.cause);
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
                match self.write_as(id, &taken, keep, instance, job.cause).await {
                    Err(error) => {
                        if let Some(happened) = again.filter(|_| !self.0.ending.get()) {
                            self.log(id, "journal", &error.to_string());
                            return self.do_again(id, happened, job.cause).await;
                        }
                        Err(store(&error))
                    }
                    Ok(()) => {
                        let kinds = taken.records.iter().map(|(kind, _)| kind.name());
                        let in_force = kinds.into_iter().any(crate::control::puts_in_force);
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
    pub(super) fn take(
        &self,
        instance: &mut Instance,
        happened: Vec<Happened>,
        deed: &Deed,
        now: i64,
        cause: Option<u64>,
    ) -> Result<(Taken, Json), WorkflowError> {
        let first = happened.first().cloned();
        let vouched = match (self.vouch(instance, happened, deed, now), first) {
            (Ok(vouched), _) => vouched,
            (Err(error), Some(first)) => {
                let taken = instance.refuse(&first, error, now, cause)?;
                return Ok((taken, Json::Null));
            }
            (Err(error), None) => return Err(error),
        };
        let mut all = Taken::default();
        for happened in vouched.happened {
            let taken = instance.take_with(happened, now, cause, &vouched.beside)?;
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

    /// A snapshot, where many records have come since the last.
    fn with_snapshot(
        &self,
        id: &str,
        instance: &Instance,
        taken: &Taken,
        cause: Option<u64>,
    ) -> Option<(Kind, serde_json::Value)> {
        let mut instances = self.0.instances.borrow_mut();
        let seat = instances.seats.get_mut(id)?;
        seat.tail += taken.records.len();
        if seat.tail < crate::point::between_snapshots(BETWEEN_SNAPSHOTS) {
            return None;
        }
        seat.tail = 0;
        let mut body = instance.snapshot();
        body["heard"] = seat.heard.max(cause.unwrap_or(0)).into();
        Some((Kind::Snapshot, body))
    }

    async fn write(
        &self,
        id: &Arc<str>,
        taken: &Taken,
        keep: Vec<(String, Vec<u8>)>,
    ) -> Result<(), RuntimeError> {
        let instance = self.0.instances.borrow().get(id).cloned();
        match instance {
            Some(instance) => self.write_as(id, taken, keep, instance, None).await,
            None => Ok(()),
        }
    }

    /// Record what follows; once it is on the disk the instance stands there, and what it says is delivered.
    async fn write_as(
        &self,
        id: &Arc<str>,
        taken: &Taken,
        keep: Vec<(String, Vec<u8>)>,
        instance: Instance,
        cause: Option<u64>,
    ) -> Result<(), RuntimeError> {
        let now = self.now();
        let records = taken
            .records
            .iter()
            .map(|(kind, body)| Pending {
                of_house: *kind == Kind::Identity,
                ..Pending::new(now, *kind, body)
            })
            .collect();
        let letters: Vec<(usize, Letter)> = taken
            .out
            .iter()
            .filter_map(|out| match out {
                Out::Send {
                    record,
                    to: Addressee::Agent(to),
                    event,
                    data,
                } => Some((
                    *record,
                    Letter {
                        from: id.clone(),
                        to: to.clone(),
                        seq: 0,
                        event: event.clone(),
                        data: data.clone(),
                    },
                )),
                _ => None,
            })
            .collect();
        let (host, own) = (self.clone(), id.clone());
        let then: crate::shared::Then = Box::new(move |ids| {
            if let Some(seat) = host.0.instances.borrow_mut().seats.get_mut(&own) {
                seat.instance = instance;
                seat.heard = seat.heard.max(cause.unwrap_or(0));
            }
            for (record, letter) in letters {
                if let Some(seq) = ids.get(record) {
                    host.deliver(Letter {
                        seq: seq.0,
                        ..letter
                    });
                }
            }
        });
        self.0
            .journal
            .commit(id, records, keep, Some(then))
            .await
            .map(drop)
    }

    /// What follows from something that is on the record now, beside letters.
    fn follow(&self, id: &Arc<str>, taken: Taken, before: BTreeMap<Arc<str>, Binding>) {
        for (kind, body) in &taken.records {
            let kind = kind.name();
            self.0.watchers.tell(
                id,
                false,
                || serde_json::json!({ "type": kind, "instance": id, "body": body }),
            );
        }
        for out in taken.out {
            match out {
                Out::Send { .. } => {}
                Out::Offered { role, .. } => self.offer(id, &role),
                Out::Invoke {
                    id: invocation,
                    activity,
                    ..
                } if &*activity != "ask" => self.cannot(id, &invocation, &activity),
                // A person sees it with `workflow show` and answers it.
                Out::Invoke { .. } | Out::Stop { .. } => {}
                Out::Log { source, message } => self.log(id, &source, &message),
                Out::Ended(_) => {}
            }
        }
        let after = {
            let instances = self.0.instances.borrow();
            instances.get(id).map(bindings).unwrap_or_default()
        };
        let mut runs: Vec<&Arc<str>> = before.keys().chain(after.keys()).collect();
        runs.sort();
        runs.dedup();
        for run in runs {
            if before.get(run) == after.get(run) {
                continue;
            }
            self.tell(
                run,
                Told {
                    from: id.clone(),
                    seq: None,
                    event: bound::CHANGED.into(),
                    data: serde_json::Value::Null,
                    binding: Some(after.get(run).cloned()),
                },
            );
            if !after.contains_key(run) {
                self.is_free(run);
            }
        }
        let over = {
            let instances = self.0.instances.borrow();
            instances.get(id).is_some_and(|i| i.ended().is_some())
        };
        if over {
            self.0.instances.borrow_mut().seats.remove(id);
            self.offer_again();
        }
    }

    /// Wait until no instance has anything to take.
    pub(super) async fn finish_instances(&self) {
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

    /// A run holds no role any more: one that stands at its end has nothing more to wait for.
    fn is_free(&self, run: &Arc<str>) {
        let ends = {
            let agents = self.0.agents.borrow();
            agents.get(run).is_some_and(|agent| {
                agent.at == super::agents::At::Parked
                    && !agent.keep
                    && !agent.paused
                    && agent.status == Some(crate::Status::Done)
            })
        };
        if ends {
            self.take_up(run);
        }
    }

    /// An activity that this host does not do for workflows.
    fn cannot(&self, id: &Arc<str>, invocation: &Arc<str>, activity: &str) {
        let data = Value::map([
            ("kind", Value::text("unavailable")),
            (
                "message",
                Value::text(format!(
                    "`{activity}` is nothing that a workflow does itself in this version: give the state a role"
                )),
            ),
        ]);
        self.happens(
            id,
            Happened::Activity {
                id: invocation.clone(),
                event: Event::new("error.execution", data, self.now().0),
            },
        );
    }

    /// Offer what is on offer to whoever is free by now.
    pub(super) fn offer_again(&self) {
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
    fn offer(&self, id: &Arc<str>, role: &Arc<str>) {
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
            let free = takers
                .into_iter()
                .find(|agent| !self.is_bound(&instances, &agent.name, own));
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
    pub(super) fn run_to_bind(&self, instance: &str, agent: &str) -> Arc<str> {
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
                && entry.at == super::agents::At::Parked
                && !entry.paused
                && self.binding_of(run).is_none()
        });
        match free.next() {
            Some((run, _)) => run.clone(),
            None => self.new_id(),
        }
    }

    /// The agent that holds a role of `instance` with the run `run`.
    pub(super) fn holder_of(&self, instance: &str, run: &str) -> Option<Arc<str>> {
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

    /// The run `run` holds no role any more, because it is gone.
    pub(super) fn holder_is_gone(&self, run: &Arc<str>, why: &str) {
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

    /// Workflows were saved: their instances move.
    pub(super) fn move_instances(&self, house: &Arc<House>) {
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

impl Instances {
    pub(super) fn was_given(&mut self, agent: &Arc<str>) {
        self.given.retain(|name| name != agent);
        self.given.push(agent.clone());
    }
}

/// What each run that holds a role of `instance` is bound to.
fn bindings(instance: &Instance) -> BTreeMap<Arc<str>, Binding> {
    let position = instance.position();
    let runs = position.roles.iter().filter_map(|role| {
        let run = role.holder.as_ref()?.run()?;
        Some((run.clone(), instance.binding(run)?))
    });
    runs.collect()
}

/// There is no such instance here.
pub(super) fn no_such_instance(id: &str) -> Refused {
    Refused::new(
        RefusedCode::NoSuchInstance,
        format!("there is no instance `{id}`, or it is over"),
        "`charthouse workflow list` lists those that are not",
    )
}

/// What an instance refuses, for whoever asked.
pub(super) fn refused(error: WorkflowError) -> Refused {
    let code = match (error.code(), &error) {
        (_, WorkflowError::UnknownRole { .. }) => RefusedCode::NoSuchRole,
        (_, WorkflowError::Held { .. }) => RefusedCode::Taken,
        ("refused", _) => RefusedCode::Denied,
        ("not_found", _) => RefusedCode::NoSuchInstance,
        ("invalid", _) => RefusedCode::BadCommand,
        ("damaged", _) => RefusedCode::Store,
        _ => RefusedCode::NotNow,
    };
    let text = error.to_string();
    match text.rsplit_once("; ") {
        Some((message, help)) => Refused::new(code, message, help),
        None => Refused::new(code, text, ""),
    }
}
