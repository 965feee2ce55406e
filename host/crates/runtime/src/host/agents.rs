//! The runs of agents: begun, left while they stand still, taken up again when something comes, begun again when they fail.
//!
//! A run that stands still costs nothing but its line here: all of it is in the journal. What it is told meanwhile waits in its mailbox, and on the record.

use super::house::{Host, Letter, Mode, ending};
use super::mailbox::Mailbox;
use super::{Refused, RefusedCode};
use crate::alive::{self, Alive};
use crate::inbox::{AGAIN, Told};
use crate::kin::{self, Kin};
use crate::record::{Kind, Pending};
use crate::request::{Hosted, Leaving};
use crate::services::Observer;
use crate::workflow::Who;
use crate::{Binding, Message, Reload, Reloads, RunEnd, RunRequest, RuntimeError, Status, bound};
use definitions::Restart;
use futures_util::FutureExt;
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use types::Timestamp;

/// All runs that are not over.
#[derive(Default)]
pub(super) struct Agents {
    runs: BTreeMap<Arc<str>, Agent>,
    /// Runs that are to be taken up as soon as there is room.
    line: VecDeque<Arc<str>>,
}

/// One run.
pub(super) struct Agent {
    pub(super) agent: Arc<str>,
    pub(super) at: At,
    pub(super) status: Option<Status>,
    pub(super) states: Vec<Arc<str>>,
    pub(super) usd: Option<Arc<str>>,
    pub(super) due: Option<i64>,
    pub(super) paused: bool,
    /// Whether it is to be up at all times.
    pub(super) keep: bool,
    /// Whether it was begun in this process.
    ours: bool,
    pub(super) mail: Mailbox,
    /// When it failed, lately.
    failures: VecDeque<i64>,
    reloads: Option<UnboundedSender<Reload>>,
    why: Option<String>,
    /// What it is to begin with, until it is known to have begun.
    begin: Option<Letter>,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// In the journal only.
    Parked,
    /// In memory.
    Running,
    /// It failed, and is begun again then.
    Until(i64),
    /// It failed too often.
    GivenUp,
}

/// How a run is begun.
pub(super) enum Beginning {
    /// For the first time.
    New {
        prompt: Option<String>,
        kin: Kin,
        cause: Option<u64>,
        work: Option<Box<Told>>,
    },
    /// Again, from its records.
    Again,
}

impl Agent {
    fn new(agent: Arc<str>) -> Self {
        Agent {
            agent,
            at: At::Parked,
            status: None,
            states: Vec::new(),
            usd: None,
            due: None,
            paused: false,
            keep: false,
            ours: false,
            mail: Mailbox::default(),
            failures: VecDeque::new(),
            reloads: None,
            why: None,
            begin: None,
        }
    }

    /// Whether it is turned here, in the foreground.
    pub(super) fn is_ours(&self) -> bool {
        self.ours
    }

    /// What it is doing, in a word.
    pub(super) fn word(&self) -> &'static str {
        match (self.at, self.paused, self.status) {
            (At::GivenUp, ..) => "given_up",
            (At::Until(_), ..) => "restarting",
            (_, true, _) => "paused",
            (At::Running, false, None) => "running",
            (_, _, Some(Status::Done)) => "done",
            (_, _, Some(Status::Failed)) => "failed",
            (_, _, Some(Status::Budget)) => "budget",
            (_, _, Some(Status::Cancelled)) => "cancelled",
            (_, _, Some(Status::Waiting)) | (_, _, None) => "waiting",
        }
    }

    /// Why it stands still, where something is wrong.
    pub(super) fn why(&self) -> Option<&str> {
        self.why.as_deref()
    }

    /// When it is to be taken up by itself.
    fn is_due(&self) -> Option<i64> {
        match self.at {
            At::Parked if !self.paused => self.due,
            At::Until(due) => Some(due),
            _ => None,
        }
    }

    fn alive(&self) -> Alive {
        Alive {
            of: self.agent.to_string(),
            parked: true,
            status: self.status,
            states: self.states.clone(),
            due: self.due,
            paused: self.paused,
            usd: self.usd.clone(),
            keep: self.keep,
        }
    }
}

impl Agents {
    pub(super) fn has(&self, run: &str) -> bool {
        self.runs.contains_key(run)
    }

    pub(super) fn get(&self, run: &str) -> Option<&Agent> {
        self.runs.get(run)
    }

    pub(super) fn get_mut(&mut self, run: &str) -> Option<&mut Agent> {
        self.runs.get_mut(run)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&Arc<str>, &Agent)> {
        self.runs.iter()
    }

    /// The newest run of the agent `name` that is not over.
    pub(super) fn run_of(&self, name: &str) -> Option<Arc<str>> {
        let mut its = self.runs.iter().rev();
        its.find(|(_, agent)| *agent.agent == *name)
            .map(|(run, _)| run.clone())
    }

    pub(super) fn stands(&mut self, run: &str, states: Vec<Arc<str>>) {
        if let Some(agent) = self.runs.get_mut(run) {
            agent.states = states;
            agent.status = None;
        }
    }

    /// When the next of them is due: of `all`, or of those that were begun here.
    pub(super) fn next_due(&self, all: bool) -> Option<i64> {
        let runs = self.runs.values().filter(|agent| all || agent.ours);
        runs.filter_map(Agent::is_due).min()
    }

    /// Those that are due by `now`: of `all`, or of those that were begun here.
    pub(super) fn due(&self, now: i64, all: bool) -> Vec<Arc<str>> {
        let is_due = |agent: &Agent| agent.is_due().is_some_and(|due| due <= now);
        let runs = self.runs.iter().filter(|(_, agent)| all || agent.ours);
        let due = runs.filter(|(_, agent)| is_due(agent));
        due.map(|(run, _)| run.clone()).collect()
    }

    /// From now on what `run` has begun, and all below it, is turned here too: its names say whose they are.
    fn adopt(&mut self, run: &str) -> Vec<Arc<str>> {
        let below = format!("{run}.");
        let mut adopted = Vec::new();
        for (child, agent) in &mut self.runs {
            if child.starts_with(&below) {
                agent.ours = true;
                if agent.is_due().is_some_and(|due| due == i64::MIN) {
                    adopted.push(child.clone());
                }
            }
        }
        adopted
    }

    pub(super) fn running(&self) -> usize {
        let running = |agent: &&Agent| agent.at == At::Running;
        self.runs.values().filter(running).count()
    }

    pub(super) fn tell_reload(&self, reload: impl Fn() -> Reload) {
        for agent in self.runs.values() {
            if let Some(reloads) = &agent.reloads {
                // One that is just leaving reads the definitions when it is taken up again.
                let _ = reloads.send(reload());
            }
        }
    }
}

impl Host {
    /// Run what `request` says beside the host itself, until it ends. Whoever asked for it waits, and hears it through `observer`.
    ///
    /// # Errors
    /// As [`run`](crate::run()).
    pub async fn foreground(
        &self,
        mut request: RunRequest,
        bind: Option<(&str, &str)>,
        observer: Observer,
        reloads: Reloads,
        cancelled: impl Future<Output = ()>,
    ) -> Result<RunEnd, RuntimeError> {
        // A role that was given to a run which the process did not live to begin.
        let left = match (bind, &request.resume) {
            (Some((instance, role)), None) => self.left_role(instance, role, &request.agent)?,
            _ => None,
        };
        let bind = bind.filter(|_| left.is_none());
        let run: Arc<str> = match (&request.resume, left) {
            (Some(run), _) => run.as_str().into(),
            (None, Some(run)) => run,
            (None, None) => self.new_id(),
        };
        let (released, mut put_in_place) = unbounded_channel();
        let mail = {
            let mut agents = self.0.agents.borrow_mut();
            let entry = agents.runs.entry(run.clone());
            let entry = entry.or_insert_with(|| Agent::new(request.agent.as_str().into()));
            entry.at = At::Running;
            entry.ours = true;
            entry.due = None;
            entry.reloads = Some(released);
            entry.mail.clone()
        };
        // What the front end finds saved, and what is released meanwhile.
        let put_in_place =
            futures_util::stream::poll_fn(move |context| put_in_place.poll_recv(context));
        let reloads: Reloads = Box::pin(futures_util::stream::select(reloads, put_in_place));
        let adopted = self.0.agents.borrow_mut().adopt(&run);
        // They were under way when the process died.
        adopted.iter().for_each(|child| self.take_up(child));
        let bound = match bind {
            Some((instance, role)) => self.bind_run(instance, &request.agent, &run, role).await,
            None => Ok(()),
        };
        if let Err(refused) = bound {
            self.0.agents.borrow_mut().runs.remove(&run);
            return Err(RuntimeError::Refused(Box::new(refused)));
        }
        let work = mail.take_first().or_else(|| {
            let binding = self.binding_of(&run);
            // It may have lost its role while it was stopped.
            if binding.is_none() && request.resume.is_none() {
                return None;
            }
            Some(Message::Told(Box::new(Told {
                from: "".into(),
                seq: None,
                event: bound::CHANGED.into(),
                data: serde_json::Value::Null,
                binding: Some(binding),
            })))
        });
        request.hosted = Some(Hosted {
            id: Some(run.clone()),
            work,
            mail: Some(mail.inbox()),
            others: Some(Rc::new(self.clone())),
            ..Hosted::default()
        });
        let end = match self.services_for(&run, &request.agent, request.resume.is_some()) {
            Ok(services) => {
                // By the definitions of this very run, which may be earlier ones than the house's.
                if let Ok(Some(asked)) = (request.ask)(&services.house, &request.asked) {
                    request.asked = asked;
                }
                let run = crate::run(
                    &services,
                    &self.0.journal,
                    request,
                    observer,
                    reloads,
                    cancelled,
                );
                run.await
            }
            Err(error) => Err(error),
        };
        let (status, why) = match &end {
            Ok(end) => (
                end.status,
                end.cause.as_ref().map(|cause| cause.message.clone()),
            ),
            Err(error) => (Status::Failed, Some(error.to_string())),
        };
        self.is_over_with(&run, status, why).await;
        self.leave_all(std::time::Duration::ZERO).await;
        self.finish_instances().await;
        end
    }

    /// The run of `agent` that has `role` of `instance` and has no record yet.
    fn left_role(
        &self,
        instance: &str,
        role: &str,
        agent: &str,
    ) -> Result<Option<Arc<str>>, RuntimeError> {
        let Ok(id) = self.instance_named(instance) else {
            // Whoever binds hears why.
            return Ok(None);
        };
        let holder = {
            let instances = self.0.instances.borrow();
            let position = instances.get(&id).map(|instance| instance.position());
            let mut roles = position.into_iter().flat_map(|position| position.roles);
            roles.find(|at| *at.role == *role).and_then(|at| at.holder)
        };
        match holder {
            Some(Who::Agent { agent: own, run }) if *own == *agent => {
                let past = crate::past::Past::read(&self.0.journal.borrow(), &run)?;
                Ok(past.is_none().then_some(run))
            }
            _ => Ok(None),
        }
    }

    /// Which runs there are, at the start.
    pub(super) fn read_agents(&self) -> Result<(), RuntimeError> {
        let alive = alive::runs(&self.0.journal.borrow())?;
        let mut agents = self.0.agents.borrow_mut();
        for (run, alive) in alive {
            let mut agent = Agent::new(alive.of.as_str().into());
            if alive.parked {
                agent.status = alive.status;
                agent.states = alive.states;
                agent.due = alive.due;
                agent.paused = alive.paused;
                agent.usd = alive.usd;
            } else {
                // It was under way when the host died: at once.
                agent.due = Some(i64::MIN);
            }
            agent.keep = alive.keep;
            agents.runs.insert(run, agent);
        }
        Ok(())
    }

    /// Begin the agents that the house keeps up and that are not.
    pub(super) async fn begin_kept(&self) {
        let house = self.definitions();
        for keep in &house.serve.keep {
            let name = &keep.agent.value;
            let run = self.0.agents.borrow().run_of(name);
            match run {
                Some(run) => {
                    if let Some(agent) = self.0.agents.borrow_mut().get_mut(&run) {
                        agent.keep = true;
                    }
                }
                None => {
                    let prompt = keep.prompt.as_deref().map(str::to_owned);
                    let run = self.new_id();
                    let data = json!({ "agent": name, "prompt": prompt, "keep": true });
                    if let Err(refused) = self.say(&run, kin::BEGIN, data, Vec::new()).await {
                        self.log(&run, "keep", &refused.message);
                    }
                }
            }
        }
    }

    /// Take up what was under way when the last host ended.
    pub(super) fn take_up_all(&self) {
        let now = self.now().0;
        // Not as the loop's own expression: the list would stay borrowed while it goes on.
        let due = self.0.agents.borrow().due(now, true);
        self.0.agents.borrow_mut().line.extend(due);
        self.next_in_line();
    }

    /// A letter for a run, or for an agent by its name.
    pub(super) fn tell_agent(&self, letter: Letter) {
        let known = match self.0.agents.borrow().has(&letter.to) {
            true => Some(letter.to.clone()),
            false => self.0.agents.borrow().run_of(&letter.to),
        };
        match known {
            Some(run) => {
                let binding = (&*letter.event == bound::ASSIGNED
                    || &*letter.event == bound::WITHDRAWN)
                    .then(|| self.binding_of(&run));
                self.tell(
                    &run,
                    Told {
                        from: letter.from,
                        seq: Some(letter.seq),
                        event: letter.event,
                        data: json!(letter.data),
                        binding,
                    },
                );
            }
            None if &*letter.event == kin::BEGIN => self.begin_told(&letter),
            None if &*letter.event == bound::ASSIGNED => self.begin_bound(&letter),
            None => self.log(
                &letter.from,
                "send",
                &format!(
                    "`{}` reaches nobody: no run or agent `{}` is up",
                    letter.event, letter.to
                ),
            ),
        }
    }

    /// Begin the run that a letter describes.
    fn begin_told(&self, letter: &Letter) {
        let data = json!(letter.data);
        let agent: Arc<str> = data["agent"].as_str().unwrap_or_default().into();
        let kin = serde_json::from_value(data["kin"].clone()).unwrap_or_default();
        let beginning = Beginning::New {
            prompt: data["prompt"].as_str().map(str::to_owned),
            kin,
            cause: Some(letter.seq),
            work: None,
        };
        self.begin_run(letter, &agent, data["keep"] == true, beginning);
    }

    /// Begin a run for a role that it was bound to before it was there.
    fn begin_bound(&self, letter: &Letter) {
        let Some(agent) = self.holder_of(&letter.from, &letter.to) else {
            return;
        };
        let work = Told {
            from: letter.from.clone(),
            seq: Some(letter.seq),
            event: letter.event.clone(),
            data: json!(letter.data),
            binding: Some(self.binding_of(&letter.to)),
        };
        let beginning = Beginning::New {
            prompt: None,
            kin: Kin::default(),
            cause: None,
            work: Some(Box::new(work)),
        };
        self.begin_run(letter, &agent, false, beginning);
    }

    fn begin_run(&self, letter: &Letter, agent: &Arc<str>, keep: bool, beginning: Beginning) {
        let run = &letter.to;
        if self.0.mode == Mode::Asked || self.0.ending.get() {
            // It is on the record, and begun by the next host that is live.
            return;
        }
        let mut entry = Agent::new(agent.clone());
        entry.keep = keep;
        entry.ours = true;
        entry.begin = Some(letter.clone());
        if let Some(failed) = self.0.agents.borrow_mut().runs.remove(run) {
            // It could not begin before.
            entry.failures = failed.failures;
            entry.mail = failed.mail;
        }
        self.0.agents.borrow_mut().runs.insert(run.clone(), entry);
        self.spawn(run, beginning);
    }

    /// Tell a run something; one that stands still is taken up for it.
    pub(super) fn tell(&self, run: &Arc<str>, told: Told) {
        let wake = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return;
            };
            // A binding alone is no reason to wake it: whoever takes it up knows.
            let wakes = &*told.event != bound::CHANGED;
            if !wakes && agent.at != At::Running {
                return;
            }
            agent.mail.put(Message::Told(Box::new(told)));
            agent.at == At::Parked && !agent.paused
        };
        if wake {
            self.take_up(run);
        }
    }

    /// Take a run up again, when there is room.
    pub(super) fn take_up(&self, run: &Arc<str>) {
        let mut agents = self.0.agents.borrow_mut();
        if !agents.line.contains(run) {
            agents.line.push_back(run.clone());
        }
        if let Some(agent) = agents.get_mut(run) {
            // It is in the line now: no timer has to bring it there again.
            agent.due = None;
            if let At::Until(due) = &mut agent.at {
                *due = i64::MAX;
            }
        }
        drop(agents);
        self.next_in_line();
    }

    fn next_in_line(&self) {
        if self.0.mode == Mode::Asked || self.0.ending.get() {
            return;
        }
        let most = self.definitions().serve.most_running;
        loop {
            let run = {
                let mut agents = self.0.agents.borrow_mut();
                // A child is taken up all the same: whoever began it has a place, and keeps it until the child has ended.
                let next = match agents.running() < most {
                    true => agents.line.pop_front(),
                    false => {
                        let child = agents.line.iter().position(|run| run.contains('.'));
                        child.and_then(|at| agents.line.remove(at))
                    }
                };
                let Some(run) = next else {
                    return;
                };
                let all = self.0.mode == Mode::Live;
                let free = agents.get(&run).is_some_and(|agent| {
                    (all || agent.ours) && matches!(agent.at, At::Parked | At::Until(_))
                });
                if !free {
                    continue;
                }
                run
            };
            let begin = {
                let mut agents = self.0.agents.borrow_mut();
                agents.get_mut(&run).and_then(|agent| agent.begin.take())
            };
            match begin.filter(|_| self.is_unbegun(&run)) {
                Some(letter) if &*letter.event == kin::BEGIN => self.begin_told(&letter),
                Some(letter) => self.begin_bound(&letter),
                None => self.spawn(&run, Beginning::Again),
            }
        }
    }

    /// Have a run turn round in a task of its own.
    fn spawn(&self, run: &Arc<str>, beginning: Beginning) {
        let (reloads, saved) = unbounded_channel();
        let (agent, mail) = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return;
            };
            if matches!(agent.at, At::Until(_)) && matches!(beginning, Beginning::Again) {
                let told = Told {
                    from: "".into(),
                    seq: None,
                    event: AGAIN.into(),
                    data: json!({ "failures": agent.failures.len(), "why": agent.why }),
                    binding: None,
                };
                agent.mail.put(Message::Told(Box::new(told)));
            }
            agent.at = At::Running;
            agent.status = None;
            agent.due = None;
            agent.reloads = Some(reloads);
            agent.mail.reopen();
            (agent.agent.clone(), agent.mail.clone())
        };
        let host = self.clone();
        let run = run.clone();
        tokio::task::spawn_local(async move {
            let turned = AssertUnwindSafe(host.turn_run(&run, &agent, &mail, beginning, saved));
            let end = match turned.catch_unwind().await {
                Ok(end) => end,
                Err(_) => Err("the host itself failed in it; the report above says where".into()),
            };
            host.left(&run, end).await;
        });
    }

    async fn turn_run(
        &self,
        run: &Arc<str>,
        agent: &Arc<str>,
        mail: &Mailbox,
        beginning: Beginning,
        saved: UnboundedReceiver<Reload>,
    ) -> Result<RunEnd, String> {
        let again = matches!(beginning, Beginning::Again);
        let services = self.services_for(run, agent, again);
        let services = services.map_err(|error| error.to_string())?;
        let (asked, ask) =
            (self.0.whom)(&services.house, agent).map_err(|refused| refused.message)?;
        let mut hosted = Hosted {
            others: Some(Rc::new(self.clone())),
            ..Hosted::default()
        };
        let mut request = RunRequest {
            agent: agent.to_string(),
            prompt: None,
            asked,
            ask,
            inbox: Some(mail.inbox()),
            permit: None,
            resume: None,
            hosted: None,
        };
        match beginning {
            Beginning::New {
                prompt,
                kin,
                cause,
                work,
            } => {
                request.prompt = prompt;
                hosted.id = Some(run.clone());
                hosted.kin = kin;
                hosted.cause = cause;
                hosted.work = work.map(Message::Told);
            }
            Beginning::Again => {
                request.resume = Some(run.to_string());
                hosted.work = Some(Message::Told(Box::new(Told {
                    from: "".into(),
                    seq: None,
                    event: bound::CHANGED.into(),
                    data: serde_json::Value::Null,
                    binding: Some(self.binding_of(run)),
                })));
            }
        }
        request.hosted = Some(hosted);
        let mut saved = saved;
        let reloads: Reloads = Box::pin(futures_util::stream::poll_fn(move |context| {
            saved.poll_recv(context)
        }));
        let observer = self.observer(run);
        let end = crate::run(
            &services,
            &self.0.journal,
            request,
            observer,
            reloads,
            std::future::pending(),
        );
        end.await.map_err(|error| error.to_string())
    }

    /// A run stands still.
    pub(super) fn rests(
        &self,
        run: &Arc<str>,
        status: Status,
        why: Option<String>,
        usd: Option<Arc<str>>,
    ) {
        let bound = self.binding_of(run).is_some();
        let mut agents = self.0.agents.borrow_mut();
        let Some(agent) = agents.get_mut(run) else {
            return;
        };
        agent.status = Some(status);
        agent.usd = usd.or(agent.usd.take());
        agent.why = why;
        let stays = agent.keep || bound;
        match status {
            Status::Done if !stays => agent.mail.close(),
            Status::Failed if !agent.keep => agent.mail.close(),
            _ => agent.mail.put(Message::Leave(Leaving::Parked)),
        }
    }

    /// A run's task is over.
    async fn left(&self, run: &Arc<str>, end: Result<RunEnd, String>) {
        let again = match end {
            Ok(RunEnd {
                left: Some(left), ..
            }) => self.is_parked(run, left.next_due).await,
            Ok(end) => {
                self.is_over_with(run, end.status, end.cause.map(|cause| cause.message))
                    .await;
                false
            }
            Err(why) => self.has_failed(run, why).await,
        };
        if again {
            self.take_up(run);
        }
        self.next_in_line();
        self.0.changed.notify_waiters();
    }

    /// A run was left in order. Whether it has something to hear already.
    async fn is_parked(&self, run: &Arc<str>, due: Option<Timestamp>) -> bool {
        let (line, failed, has_words) = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return false;
            };
            agent.at = At::Parked;
            agent.reloads = None;
            agent.begin = None;
            agent.due = due.map(|due| due.0);
            let in_order = !agent.paused && !self.0.ending.get();
            match in_order {
                // It stood still, with all that it was told on the record.
                true => agent.mail.forget(),
                false => agent.mail.put_back(self.heard_upto(run)),
            }
            let failed = agent.status == Some(Status::Failed);
            let has_words = agent.mail.has_words() && !agent.paused;
            (alive::left(run, &agent.alive()), failed, has_words)
        };
        self.keep(run, vec![line]).await;
        if failed && !has_words {
            let why = self
                .0
                .agents
                .borrow()
                .get(run)
                .and_then(|agent| agent.why.clone());
            return self
                .has_failed(run, why.unwrap_or_else(|| "it failed".into()))
                .await;
        }
        has_words
    }

    /// Up to which letter `run` has everything on its record; 0 where nobody can say.
    fn heard_upto(&self, run: &str) -> u64 {
        let past = crate::past::Past::read(&self.0.journal.borrow(), run);
        past.ok().flatten().map_or(0, |past| past.heard_upto)
    }

    /// A run is over for good.
    async fn is_over_with(&self, run: &Arc<str>, status: Status, why: Option<String>) {
        let gone = self.0.agents.borrow_mut().runs.remove(run);
        self.0.firings.borrow_mut().ended(run);
        let why = match (status, why) {
            (Status::Done, _) => "its run ended without handing in".to_owned(),
            (_, Some(why)) => why,
            (_, None) => "its run was stopped".to_owned(),
        };
        self.holder_is_gone(run, &why);
        if gone.is_some_and(|agent| agent.keep) && !self.0.ending.get() {
            self.begin_kept().await;
        }
        self.offer_again();
    }

    /// A run failed, or cannot even begin: it is begun again after a while, or given up. Whether it is taken up at once.
    async fn has_failed(&self, run: &Arc<str>, why: String) -> bool {
        if self.0.ending.get() {
            // Whoever waits for it to leave off need not wait longer; the next host takes it up.
            if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
                agent.at = At::Parked;
            }
            return false;
        }
        // Its end may be on the record although nobody could say so.
        let past = crate::past::Past::read(&self.0.journal.borrow(), run);
        let past = past.ok().flatten();
        let heard = past.as_ref().map_or(0, |past| past.heard_upto);
        if let Some(status) = past.and_then(|past| past.over) {
            self.is_over_with(run, status, Some(why)).await;
            return false;
        }
        let now = self.now().0;
        let restart = self.definitions().serve.restart;
        let verdict = {
            let mut agents = self.0.agents.borrow_mut();
            let Some(agent) = agents.get_mut(run) else {
                return false;
            };
            agent.reloads = None;
            agent.mail.put_back(heard);
            agent.why = Some(why.clone());
            judge(&mut agent.failures, now, &restart)
        };
        self.log(run, "failed", &why);
        match verdict {
            Some(pause) => {
                if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
                    agent.at = At::Until(now.saturating_add(pause));
                }
            }
            None => {
                if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
                    agent.at = At::GivenUp;
                }
                let body = json!({ "why": why, "failures": restart.crashes });
                let record = Pending::new(self.now(), Kind::GaveUp, &body);
                let written = self
                    .0
                    .journal
                    .commit(run, vec![record], Vec::new(), None)
                    .await;
                if let Err(error) = written {
                    self.log(run, "journal", &error.to_string());
                }
                self.holder_is_gone(run, &why);
            }
        }
        false
    }

    async fn keep(&self, run: &Arc<str>, lines: Vec<(String, Vec<u8>)>) {
        let kept = self.0.journal.commit(run, Vec::new(), lines, None).await;
        if let Err(error) = kept {
            // What is kept can be found out again; that nothing can be written is said by whoever records.
            self.log(run, "journal", &error.to_string());
        }
    }

    /// To what `run` is bound now.
    pub(super) fn binding_of(&self, run: &str) -> Option<Binding> {
        self.0.instances.borrow().binding_of(run)
    }

    /// Have a run wait, or end.
    pub(super) async fn leave(&self, run: &Arc<str>, paused: bool) -> Result<(), Refused> {
        let line = {
            let mut agents = self.0.agents.borrow_mut();
            let agent = agents.get_mut(run).ok_or_else(|| no_such_run(run))?;
            agent.paused |= paused;
            if agent.at == At::Running {
                agent
                    .mail
                    .put(Message::Leave(Leaving::Suspended { paused }));
                None
            } else {
                Some(alive::left(run, &agent.alive()))
            }
        };
        if let (Some(line), true) = (line, paused) {
            let record = Pending::new(self.now(), Kind::Paused, &json!({}));
            let written = self
                .0
                .journal
                .commit(run, vec![record], vec![line], None)
                .await;
            written.map_err(|error| super::house::store(&error))?;
        }
        Ok(())
    }

    /// Have all runs leave off, and wait until they have, or until `within` is over.
    pub(super) async fn leave_all(&self, within: std::time::Duration) {
        self.0.ending.set(true);
        let clock = self.services().clock.clone();
        let begun = clock.monotonic();
        let running = |host: &Host| -> Vec<Arc<str>> {
            let agents = host.0.agents.borrow();
            let running = agents.all().filter(|(_, agent)| agent.at == At::Running);
            running.map(|(run, _)| run.clone()).collect()
        };
        // What is under way may come to its end first.
        while !running(self).is_empty() && clock.monotonic().saturating_sub(begun) < within {
            for run in running(self) {
                if let Some(agent) = self.0.agents.borrow().get(&run) {
                    agent.mail.put(Message::Leave(Leaving::Parked));
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        for run in running(self) {
            if let Some(agent) = self.0.agents.borrow().get(&run) {
                agent
                    .mail
                    .put(Message::Leave(Leaving::Suspended { paused: false }));
            }
        }
        while !running(self).is_empty() {
            self.0.changed.notified().await;
        }
    }

    /// Nothing is begun while the host ends.
    pub(super) fn begins(&self) -> Result<(), Refused> {
        match self.0.ending.get() {
            true => Err(ending()),
            false => Ok(()),
        }
    }
}

/// How long to wait before a run that failed is begun again, in milliseconds; `None` where it has failed too often.
fn judge(failures: &mut VecDeque<i64>, now: i64, restart: &Restart) -> Option<i64> {
    let within = i64::try_from(restart.within.as_millis()).unwrap_or(i64::MAX);
    failures.retain(|time| now.saturating_sub(*time) <= within);
    failures.push_back(now);
    if failures.len() >= restart.crashes as usize {
        return None;
    }
    let doublings = u32::try_from(failures.len() - 1)
        .unwrap_or(u32::MAX)
        .min(31);
    let pause = restart
        .first
        .saturating_mul(1 << doublings)
        .min(restart.most);
    Some(i64::try_from(pause.as_millis()).unwrap_or(i64::MAX))
}

/// There is no such run here.
pub(super) fn no_such_run(run: &str) -> Refused {
    Refused::new(
        RefusedCode::NoSuchRun,
        format!("no run `{run}` is up"),
        "`charthouse agents list` lists those that are",
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn pauses_grow_up_to_a_bound_and_a_loop_of_crashes_is_given_up() {
        let restart = Restart {
            first: Duration::from_secs(1),
            most: Duration::from_secs(3),
            crashes: 5,
            within: Duration::from_secs(60),
        };
        let mut failures = VecDeque::new();
        let pauses: Vec<Option<i64>> = (0..5)
            .map(|n| judge(&mut failures, n * 1_000, &restart))
            .collect();
        assert_eq!(
            pauses,
            [Some(1_000), Some(2_000), Some(3_000), Some(3_000), None]
        );
        // Long ago counts no more.
        assert_eq!(judge(&mut failures, 100_000, &restart), Some(1_000));
        // A clock that was set back makes no loop.
        assert_eq!(judge(&mut failures, 0, &restart), Some(2_000));
    }
}
