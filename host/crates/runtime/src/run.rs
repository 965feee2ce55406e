//! One run of one agent: the loop that takes what has happened, steps the chart, records, and only then acts.

use crate::act::Called;
use crate::admission::{EXHAUSTED, Purse};
use crate::answer::Answered;
use crate::gather::{Gathered, Served};
use crate::generations::Generations;
use crate::grants::Grants;
use crate::guards::Guards;
use crate::inbox::{Heard, Inbox, Message, Word};
use crate::kin::{Children, Kin};
use crate::live::{Cause, CauseKind, RunEvent, Status};
use crate::loading::{Waiting, find_agent, load_guards, load_plugins};
use crate::materials::Materials;
use crate::permission::{Permissions, Permitted};
use crate::point::{self, Point};
use crate::record::{Kind, Pending};
use crate::reload::{Prepared, Reloads};
use crate::request::{Ask, Asked, Leaving, Left, Others, Outbound, RunEnd, RunRequest};
use crate::round::{Activity, ActivityKind};
use crate::services::Observer;
use crate::shared::SharedJournal;
use crate::summarise::{Summarised, Summing};
use crate::tokens::Counting;
use crate::window::Recalled;
use crate::{Admitted, Binding, RuntimeError, alive, offers, resume, run_id};
use chart::{Due, Effects, Snapshot};
use context::History;
use definitions::{AgentDef, ChartBundle};
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use rust_decimal::Decimal;
use sandbox::{CallContext, Plugin};
use serde_json::json;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use types::{Event, Item, Provenance, Timestamp, ToolName, ToolSpec, Value};

/// Activities that may fail one after another before the run is given up: a chart that tries again on every error must not do so for ever, because each
/// try may cost money.
const FAILURES_IN_A_ROW: u32 = 10;
/// How long whoever answered in the place of another is asked first, in milliseconds: a server that is down is rarely up again in a moment.
const PREFERRED_MS: i64 = 300_000;
/// Events that may follow each other before something has to be done outside.
const STEPS_WITHOUT_WAITING: u32 = 1_000;

/// Something that was performed outside and has come back.
pub(crate) enum Done {
    Gathered(Box<Gathered>),
    Answered(Box<Answered>),
    Called(Box<Called>),
    Heard(Box<Heard>),
    Permitted(Box<Permitted>),
    Summarised(Box<Summarised>),
    Recalled(Box<Recalled>),
}

/// Something that happened and that the chart has not taken yet.
pub(crate) enum Happened {
    /// An event, from an invocation where it has one.
    Event(Event, Option<Arc<str>>),
    /// A timer or a delayed send.
    Due(Due),
}

pub(crate) type Performance = Pin<Box<dyn Future<Output = Done>>>;

/// A run under way.
pub(crate) struct Run {
    pub(crate) services: Admitted,
    pub(crate) journal: SharedJournal,
    pub(crate) observer: Observer,
    pub(crate) id: Arc<str>,
    pub(crate) agent: Arc<AgentDef>,
    pub(crate) bundle: Arc<ChartBundle>,
    /// Whom it asks: the first, and the others where that one fails.
    pub(crate) asked: Vec<Asked>,
    pub(crate) ask: Ask,
    pub(crate) plugins: Vec<Arc<Plugin>>,
    pub(crate) guards: Guards,
    /// What was granted to calls under the definitions and in the states of now.
    pub(crate) grants: Grants,
    /// Questions to a person whether a call may be made.
    pub(crate) permissions: Permissions,
    /// Schemas of the plugins' tools, measured.
    pub(crate) schemas: offers::Schemas,
    pub(crate) snapshot: Snapshot,
    pub(crate) effects: Effects,
    /// The conversation, of which only the end is held that payloads are made of.
    pub(crate) history: History,
    /// What of the history has been summed up, and is being.
    pub(crate) summing: Summing,
    /// How tokens are counted, and what has been learnt of the models' own counting.
    pub(crate) counting: Counting,
    /// The last request that was sent, for telling what of the next one is cached.
    pub(crate) sent: Option<context::Shape>,
    /// What context plugins provided, as long as it is good.
    pub(crate) served: Served,
    /// What of all this is on record, for a replay.
    pub(crate) materials: Materials,
    pub(crate) prompt: Arc<str>,
    /// Running activities by invocation id.
    pub(crate) activities: BTreeMap<Arc<str>, Activity>,
    /// Events that have happened and wait for their step.
    pub(crate) events: VecDeque<Happened>,
    /// The trouble of the last `error.*` event, until something succeeds.
    pub(crate) trouble: Option<Cause>,
    /// Whether that trouble was an event that no state handles.
    pub(crate) unhandled: bool,
    /// Activities that failed since one last succeeded.
    failures: u32,
    /// Rounds that are over and go on once the events they caused have been taken.
    pub(crate) resuming: VecDeque<Arc<str>>,
    /// What is to be kept with the next commit.
    pub(crate) keeping: Vec<(String, Vec<u8>)>,
    /// What this run has cost.
    pub(crate) spent: Decimal,
    /// Whether something was refused for its cost, and no state handles that.
    pub(crate) over_budget: bool,
    /// Its share in what is spent in the house.
    pub(crate) purse: Purse,
    /// Definitions that were saved and are being made ready.
    pub(crate) preparing: Option<Pin<Box<dyn Future<Output = Prepared>>>>,
    /// Components that were saved, and what has been told of them.
    pub(crate) generations: Generations,
    /// Whether the run has said that it stands still.
    pub(crate) resting: bool,
    /// The configuration of which it was recorded last that the run stands still in it.
    pub(crate) rested_in: Vec<Arc<str>>,
    /// Messages that no guard has seen yet.
    pub(crate) unheard: VecDeque<(String, Option<u64>)>,
    /// Letters that came after one that is not taken yet.
    pub(crate) behind: VecDeque<crate::Told>,
    /// What a person said and what cannot join the conversation yet.
    pub(crate) waiting_words: Vec<Word>,
    /// Whether a person has said something that no inference has been asked about.
    pub(crate) unanswered: bool,
    /// Whether a workflow has said something that nothing was begun for.
    pub(crate) has_work: bool,
    /// Whether the chart began after all that was said: none of it is a reason to begin it again.
    pub(crate) begun_with_it: bool,
    /// Whose child it is.
    pub(crate) kin: Kin,
    /// What it has begun.
    pub(crate) children: Children,
    /// The last record of another run's event that it has taken.
    pub(crate) heard_upto: u64,
    /// Whoever began it wants it to end.
    pub(crate) stopping: bool,
    /// Calls that are held back, by their ids, with the reason.
    pub(crate) held: BTreeMap<Arc<str>, String>,
    /// Tokens that a server has been found to take, by provider and model.
    pub(crate) rooms: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// Who was asked last instead of the first, and when.
    pub(crate) preferred: Option<(usize, Timestamp)>,
    /// Whether something was spent of which the price is not known.
    pub(crate) unpriced: bool,
    /// The workflow it is bound to, and as what.
    pub(crate) bound: Option<Binding>,
    /// Whoever else lives in this process.
    pub(crate) others: Option<Rc<dyn Others>>,
    /// What is to be said to them once it is on the record, by the place of its record in the next commit.
    pub(crate) outbound: Vec<(usize, Outbound)>,
    /// Whether what was asked for in its role is handed in, and the workflow has not answered yet.
    pub(crate) handed_in: bool,
    /// Whether it was told that its work is not handed in.
    pub(crate) reminded: bool,
    /// How it was told to leave off, if it was.
    pub(crate) leaving: Option<Leaving>,
    /// Records since the last snapshot.
    pub(crate) since_snapshot: usize,
    pub(crate) next_effect: u64,
    pub(crate) pending: Vec<Pending>,
    /// Effects that are recorded with the next commit and begin after it.
    pub(crate) starting: Vec<(u64, Arc<str>, Performance)>,
    /// Effects under way, with the invocation they belong to.
    pub(crate) handles: BTreeMap<u64, (Arc<str>, AbortHandle)>,
    pub(crate) performing: FuturesUnordered<Abortable<Performance>>,
}

/// Run an agent until its chart ends, it stands still, or `cancelled` completes. Definitions that come through `reloads` are exchanged between two
/// macrosteps.
///
/// Every front end calls this; what it shows of the run it hears through `observer`.
pub async fn run(
    services: &Admitted,
    journal: &SharedJournal,
    request: RunRequest,
    observer: Observer,
    mut reloads: Reloads,
    cancelled: impl Future<Output = ()>,
) -> Result<RunEnd, RuntimeError> {
    let mut request = request;
    let mut mail = request
        .hosted
        .as_mut()
        .and_then(|hosted| hosted.mail.take());
    let again = request.resume.is_some();
    let (mut run, mut inbox) = Run::new(services, journal, request, observer).await?;
    if again {
        run.hear_what_waits(&mut inbox);
    }
    let mut cancelled = std::pin::pin!(cancelled);
    let end = loop {
        if let Err(trouble) = run.settle() {
            run.trouble = Some(Cause {
                kind: CauseKind::Other,
                message: trouble.to_string(),
            });
            break Status::Failed;
        }
        let idle = run.idle();
        if idle.is_some() && run.respond(inbox.is_some()) {
            continue;
        }
        if idle == Some(Status::Done) && inbox.is_some() && run.remind_of_work() {
            continue;
        }
        let rest = match &inbox {
            // One whose time has come does not stand still: nobody is to leave it, only to be told at once to take it up again.
            Some(_) => idle,
            None => run.at_rest(),
        };
        match rest {
            Some(status) if inbox.is_some() => run.rest(status),
            _ => run.resting = false,
        }
        if let Err(error) = run.commit().await {
            // Nothing can be recorded any more, so nothing more is done. Whoever listens hears the end all the same.
            run.show(RunEvent::Done {
                status: Status::Failed,
                run: run.id.clone(),
                cause: Some(Cause {
                    kind: CauseKind::Other,
                    message: error.to_string(),
                }),
            });
            return Err(error);
        }
        // A child that cannot go on is over: whoever began it waits for that, and nobody else speaks to it.
        let is_child = run.kin.parent.is_some();
        let ends = |status: &Status| {
            inbox.is_none() || is_child && matches!(status, Status::Failed | Status::Budget)
        };
        if let Some(status) = rest.filter(ends) {
            break status;
        }
        if run.stopping {
            break Status::Cancelled;
        }
        match run.leaving.take() {
            Some(Leaving::Suspended { paused }) => return run.suspend(paused).await,
            Some(Leaving::Parked) if rest.is_some() => return Ok(run.park()),
            // Something came up since it was told so: it goes on.
            Some(Leaving::Parked) | None => {}
        }
        let now = run.services.clock.now().0;
        let due = run.snapshot.next_due();
        let deadline = run.kin.deadline.map(|deadline| deadline.0);
        if deadline.is_some_and(|deadline| deadline <= now) {
            run.trouble = Some(Cause {
                kind: CauseKind::Other,
                message: "its time was over".into(),
            });
            break Status::Failed;
        }
        let due = due.into_iter().chain(deadline).min();
        let wait = due.map_or(Duration::MAX, |due| {
            Duration::from_millis(u64::try_from(due.saturating_sub(now)).unwrap_or(0))
        });
        // A run whose effects are ready at once must still hear that somebody wants to stop it.
        tokio::task::yield_now().await;
        tokio::select! {
            biased;
            () = &mut cancelled => break Status::Cancelled,
            Some(reload) = reloads.next() => run.prepare(reload),
            message = next_message(&mut mail), if mail.is_some() => match message {
                Some(message) => run.hear(message),
                None => mail = None,
            },
            message = next_message(&mut inbox), if inbox.is_some() => match message {
                Some(message) => run.hear(message),
                None => inbox = None,
            },
            prepared = ready(&mut run.preparing), if run.preparing.is_some() => {
                run.preparing = None;
                run.exchange(prepared);
            }
            () = run.purse.room(), if run.purse.is_held_up() => run.try_again(),
            ready = run.generations.ready(), if run.generations.are_preparing() => {
                run.exchange_components(ready);
            }
            done = run.performing.next(), if !run.performing.is_empty() => {
                if let Some(Ok(done)) = done {
                    run.take(done)?;
                }
            }
            () = tokio::time::sleep(wait), if due.is_some() => {
                let now = run.services.clock.now().0;
                if let Some(due) = run.snapshot.take_due(now) {
                    run.events.push_back(Happened::Due(due));
                }
            }
        }
    };
    run.end(end).await
}

/// The next message; asked only where there is an inbox.
async fn next_message(inbox: &mut Option<Inbox>) -> Option<Message> {
    match inbox {
        Some(inbox) => inbox.next().await,
        None => None,
    }
}

/// What is being made ready, once it is; asked only where there is something.
async fn ready(preparing: &mut Option<Pin<Box<dyn Future<Output = Prepared>>>>) -> Prepared {
    match preparing {
        Some(preparing) => preparing.await,
        None => std::future::pending().await,
    }
}

impl Run {
    async fn new(
        services: &Admitted,
        journal: &SharedJournal,
        request: RunRequest,
        observer: Observer,
    ) -> Result<(Run, Option<Inbox>), RuntimeError> {
        let house = &services.house;
        let (agent, bundle) = find_agent(services, &request.agent)?;
        let plugins = load_plugins(services, &agent).await?;
        let guards = load_guards(services, &agent, &bundle, &Waiting::new()).await?;
        let now = services.clock.now();
        let past = match &request.resume {
            Some(run) => Some(resume::read(&journal.borrow(), run, &agent)?),
            None => None,
        };
        let stood = match &past {
            Some(past) => resume::stand(&journal.borrow(), past, &bundle, &house.root, now.0)?,
            None => resume::Standing::Anew { why: None },
        };
        point::reach(Point::Resume);
        let hosted = request.hosted.unwrap_or_default();
        let id = match &request.resume {
            Some(run) => run.as_str().into(),
            None => hosted.id.unwrap_or_else(|| run_id::new(services)),
        };
        let first = request
            .asked
            .first()
            .ok_or_else(|| RuntimeError::Incomplete {
                agent: agent.name.to_string(),
                message: "nobody is there to be asked".into(),
            })?;
        let all = request.asked.iter().map(|asked| &asked.parameters);
        let counting = Counting::new(Some(&journal.borrow()), &agent, all)?;
        let mut effects = Effects::new();
        let snapshot = chart::start(&bundle.chart, now.0, &mut effects)
            .map_err(|error| RuntimeError::Chart(error.to_string()))?;
        let provider = first.parameters.provider.clone();
        let model = first.parameters.name.clone();
        let mut run = Run {
            services: services.clone(),
            journal: journal.clone(),
            observer,
            id: id.clone(),
            asked: request.asked,
            ask: request.ask,
            plugins,
            guards,
            grants: Grants::default(),
            permissions: Permissions::new(request.permit),
            schemas: offers::Schemas::default(),
            snapshot,
            effects,
            history: History::default(),
            summing: Summing::default(),
            counting,
            sent: None,
            served: Served::default(),
            materials: Materials::default(),
            prompt: "".into(),
            activities: BTreeMap::new(),
            events: VecDeque::new(),
            trouble: None,
            unhandled: false,
            failures: 0,
            resuming: VecDeque::new(),
            keeping: vec![alive::of(&id, &request.agent)],
            spent: Decimal::ZERO,
            over_budget: false,
            purse: Purse::new(journal.spending().clone(), &id, past.is_none()),
            preparing: None,
            generations: Generations::default(),
            resting: false,
            rested_in: Vec::new(),
            unheard: VecDeque::new(),
            behind: VecDeque::new(),
            waiting_words: Vec::new(),
            unanswered: false,
            has_work: false,
            begun_with_it: false,
            // A later resumption reads it from the record that this one begins with.
            kin: past.as_ref().map_or(hosted.kin, |past| past.kin.clone()),
            children: Children::default(),
            heard_upto: 0,
            stopping: false,
            held: BTreeMap::new(),
            rooms: BTreeMap::new(),
            preferred: None,
            unpriced: false,
            bound: None,
            others: hosted.others,
            outbound: Vec::new(),
            handed_in: false,
            reminded: false,
            leaving: None,
            since_snapshot: 0,
            next_effect: 1,
            pending: Vec::new(),
            starting: Vec::new(),
            handles: BTreeMap::new(),
            performing: FuturesUnordered::new(),
            agent,
            bundle,
        };
        run.show(RunEvent::Started {
            run: id,
            agent: run.agent.name.clone(),
            provider: provider.clone(),
            model: model.clone(),
        });
        let definitions = run.record_definitions(&house.clone());
        run.materials.chart = Some(definitions);
        let body = json!({
            "agent": { "name": run.agent.name, "version": run.agent.version, "hash": run.agent.hash },
            "chart": { "name": run.bundle.chart.name(), "version": run.bundle.chart.version(), "hash": run.bundle.chart.hash() },
            "plugins": run.told_components(),
            "provider": provider,
            "model": model,
            "house": house.name,
            "definitions": definitions,
            "root": house.root,
            "resumed": past.is_some(),
            "cause": hosted.cause,
            "kin": run.kin,
        });
        run.record(Kind::Started, &body);
        run.tell_emergencies();
        run.remember_generations();
        let speaks = request.prompt.is_some();
        // Nothing is left of a run that failed or had spent its budget. Nobody says what else is to be done and nobody will: it is tried again.
        let over = past.as_ref().and_then(|past| past.over);
        let tries_again = matches!(over, Some(Status::Failed | Status::Budget))
            && !speaks
            && request.inbox.is_none();
        let going = match past {
            Some(past) => run.take_up(past, stood, speaks).await?,
            None => None,
        };
        if let Some(work) = hosted.work {
            run.hear(work);
        }
        if let Some(prompt) = request.prompt {
            let effect = run.new_effect();
            let (guards, context) = (run.guards.clone(), run.call_context(effect));
            let inspected = guards.on_the_way_in(&prompt, &Provenance::Human, &[], &context);
            let inspected = inspected.await;
            let prompt = run.let_in(effect, "said", prompt, inspected);
            run.said(&prompt);
        }
        match going {
            Some(going) if tries_again && going.is_empty() => {
                let why = run.trouble.as_ref().map(|trouble| &trouble.message);
                run.again(&json!({ "failures": 1, "why": why }));
            }
            Some(going) => run.set_going(going),
            None => {
                run.begun_with_it = true;
                run.stepped(None, now.0);
            }
        }
        Ok((run, request.inbox))
    }

    /// Take what a run was taken up for before it says that it stands still: one commit for both, and nothing recorded that was so for no time at all.
    fn hear_what_waits(&mut self, inbox: &mut Option<Inbox>) {
        let now = self.services.clock.now().0;
        // The step of one may cancel the next.
        if let Some(due) = self.snapshot.take_due(now) {
            self.events.push_back(Happened::Due(due));
        }
        while let Some(Some(message)) = next_message(inbox).now_or_never() {
            self.hear(message);
        }
    }

    /// What a component that this run calls as `effect` is told of time and chance.
    pub(crate) fn call_context(&self, effect: u64) -> CallContext {
        CallContext {
            // The time of the record that says so, which a replay gives it again.
            time: self
                .pending
                .last()
                .map_or_else(|| self.services.clock.now(), |record| record.time),
            seed: format!("{}/{effect}", self.id),
            ..CallContext::default()
        }
    }

    /// Take every event that has happened, then let rounds go on that waited for that.
    fn settle(&mut self) -> Result<(), RuntimeError> {
        let mut steps = 0;
        loop {
            while !self.events.is_empty() {
                // What is left stays where it is: the run ends for its failures, and says so.
                if self.failures >= FAILURES_IN_A_ROW {
                    return Ok(());
                }
                let Some(happened) = self.events.pop_front() else {
                    break;
                };
                steps += 1;
                if steps > STEPS_WITHOUT_WAITING {
                    return Err(RuntimeError::Chart(format!(
                        "{STEPS_WITHOUT_WAITING} events followed each other without anything being done outside; look for an activity that ends at once and is invoked again by its own end"
                    )));
                }
                self.step(&happened)?;
            }
            match self.resuming.pop_front() {
                Some(id) => self.round_over(&id),
                None => return Ok(()),
            }
        }
    }

    /// Let the chart take what has happened.
    fn step(&mut self, happened: &Happened) -> Result<(), RuntimeError> {
        let (event, incoming) = match happened {
            Happened::Event(event, Some(id)) => {
                (event, chart::Incoming::from_invocation(event, id))
            }
            Happened::Event(event, None) => (event, chart::Incoming::from(event)),
            Happened::Due(due) => (due.event(), chart::Incoming::from(due)),
        };
        if event.name.starts_with("error")
            && !self.snapshot.accepts(&self.bundle.chart, &event.name)
        {
            self.unhandled = true;
        }
        if &*event.name == EXHAUSTED && !self.snapshot.accepts(&self.bundle.chart, EXHAUSTED) {
            self.over_budget = true;
        }
        chart::step(
            &self.bundle.chart,
            &mut self.snapshot,
            incoming,
            &mut self.effects,
        )
        .map_err(|error| RuntimeError::Chart(error.to_string()))?;
        let time = event.time;
        self.stepped(Some(happened), time);
        Ok(())
    }

    /// Record the macrostep that has just been made and begin what it asks for. The record holds all that the step was made of.
    pub(crate) fn stepped(&mut self, happened: Option<&Happened>, time: i64) {
        let configuration = self.configuration();
        let effects: Vec<chart::Effect> = self.effects.drain().collect();
        let event = happened.map(|happened| match happened {
            Happened::Event(event, _) => event,
            Happened::Due(due) => due.event(),
        });
        let mut body = json!({
            "event": event.map(|event| json!({ "name": event.name, "data": event.data })),
            "time": time,
            "configuration": configuration,
            "effects": effects,
        });
        match happened {
            Some(Happened::Event(_, Some(invocation))) => body["invocation"] = json!(invocation),
            Some(Happened::Due(due)) => body["due"] = json!(due),
            _ => {}
        }
        self.record(Kind::Step, &body);
        self.show(RunEvent::State {
            event: event.map(|event| event.name.clone()),
            configuration,
        });
        effects.into_iter().for_each(|effect| self.dispatch(effect));
    }

    /// The active leaf states, sorted.
    pub(crate) fn configuration(&self) -> Vec<Arc<str>> {
        let leaves = self.snapshot.leaves(&self.bundle.chart);
        leaves.into_iter().map(Arc::from).collect()
    }

    pub(crate) fn dispatch(&mut self, effect: chart::Effect) {
        match effect {
            chart::Effect::Invoke {
                id,
                state,
                activity,
                params,
            } => self.invoke(id, state, &activity, params),
            chart::Effect::CancelInvoke { id, .. } => self.cancel(&id, "its state was left", false),
            chart::Effect::Send {
                event,
                target,
                data,
                ..
            } => self.send(&event, &target, &data),
            chart::Effect::Log { label, value } => self.log(label, &value),
            // No activity of this version takes events while it runs; the others are done already.
            chart::Effect::Forward { .. }
            | chart::Effect::Raise { .. }
            | chart::Effect::Schedule { .. }
            | chart::Effect::Cancel { .. } => {}
        }
    }

    /// A line that the chart logs: a fixed text, a value, or a value with a label.
    fn log(&self, label: Option<Arc<str>>, value: &Value) {
        let chart: Arc<str> = self.bundle.chart.name().into();
        let said = match value {
            Value::Text(text) => text.to_string(),
            value => value.to_string(),
        };
        let (source, message) = match (label, value) {
            (Some(text), Value::Null) => (chart, text.to_string()),
            (Some(label), _) => (label, said),
            (None, _) => (chart, said),
        };
        self.show(RunEvent::Log { source, message });
    }

    fn take(&mut self, done: Done) -> Result<(), RuntimeError> {
        point::reach(Point::Back);
        self.look_after_generations();
        match done {
            Done::Gathered(gathered) => self.gathered(*gathered),
            Done::Answered(answered) => self.answered(*answered),
            Done::Called(called) => self.called(*called),
            Done::Heard(heard) => self.heard(*heard),
            Done::Permitted(permitted) => self.permitted(*permitted),
            Done::Summarised(summarised) => self.summarised(*summarised),
            Done::Recalled(recalled) => self.recalled(*recalled),
        }
        Ok(())
    }

    /// Whether nothing is under way, whatever timers will bring, and what that means to somebody who could speak.
    fn idle(&self) -> Option<Status> {
        if self.is_under_way(|owner| owner == crate::inbox::OWNER) {
            // Somebody has spoken and is being heard.
            return None;
        }
        if self.snapshot.is_done() {
            return Some(Status::Done);
        }
        if self.over_budget && !self.is_busy() {
            return Some(Status::Budget);
        }
        if self.failures >= FAILURES_IN_A_ROW {
            return Some(Status::Failed);
        }
        if self.is_busy() || !self.events.is_empty() || self.is_due() {
            return None;
        }
        Some(match self.unhandled {
            true => Status::Failed,
            false => Status::Waiting,
        })
    }

    /// Whether a timer's time has come.
    fn is_due(&self) -> bool {
        let now = self.services.clock.now().0;
        let due = self.snapshot.next_due().is_some_and(|due| due <= now);
        due && self.failures < FAILURES_IN_A_ROW
    }

    /// Whether nothing will happen by itself any more, and what that means.
    fn at_rest(&self) -> Option<Status> {
        if self.snapshot.is_done() {
            return Some(Status::Done);
        }
        if self.over_budget && !self.is_busy() {
            return Some(Status::Budget);
        }
        if self.failures >= FAILURES_IN_A_ROW {
            return Some(Status::Failed);
        }
        if self.is_busy() || !self.events.is_empty() || self.is_due() {
            return None;
        }
        if self.snapshot.has_tag(&self.bundle.chart, "needs-human")
            || self
                .activities
                .values()
                .any(|a| a.kind == ActivityKind::Ask)
        {
            return Some(Status::Waiting);
        }
        if self.snapshot.next_due().is_some() {
            return None;
        }
        Some(if self.unhandled {
            Status::Failed
        } else {
            Status::Waiting
        })
    }

    /// Whether something is under way that the chart waits for. Summing up goes on beside it, unless a turn waits for that.
    fn is_busy(&self) -> bool {
        let child = |activity: &Activity| activity.kind == ActivityKind::Agent;
        self.summing.is_waited_for()
            || self.purse.is_held_up()
            || self.activities.values().any(child)
            || self.is_under_way(|owner| owner != crate::summarise::OWNER)
    }

    /// Whether an effect of such an owner is under way or about to begin.
    pub(crate) fn is_under_way(&self, of: impl Fn(&str) -> bool) -> bool {
        self.starting.iter().any(|(_, owner, _)| of(owner))
            || self.handles.values().any(|(owner, _)| of(owner))
    }

    async fn end(mut self, status: Status) -> Result<RunEnd, RuntimeError> {
        point::reach(Point::End);
        self.stop_all("the run ended");
        let cause = match status {
            Status::Done | Status::Cancelled => None,
            _ => self.trouble.take(),
        };
        let body = json!({ "status": status, "cause": cause, "snapshot": self.saved() });
        self.record(Kind::Ended, &body);
        self.keeping.push(alive::over(&self.id));
        self.tell_parent(status, cause.as_ref());
        self.commit().await?;
        self.show(RunEvent::Done {
            status,
            run: self.id.clone(),
            cause: cause.clone(),
        });
        Ok(RunEnd {
            run: self.id.clone(),
            status,
            cause,
            left: None,
        })
    }

    /// Stop everything that is under way; whoever takes the run up again begins it anew.
    fn stop_all(&mut self, why: &str) {
        for id in self.activities.keys().cloned().collect::<Vec<_>>() {
            self.cancel(&id, why, true);
        }
        self.stop_summing(why);
    }

    /// Leave the run where it is, with everything on the record: it is taken up again later.
    async fn suspend(mut self, paused: bool) -> Result<RunEnd, RuntimeError> {
        let why = match paused {
            true => "the run was paused",
            false => "the host was stopped",
        };
        self.stop_all(why);
        if paused {
            self.record(Kind::Paused, &json!({}));
        }
        self.commit().await?;
        Ok(self.park())
    }

    /// Let go of a run that stands still: all of it is on the record.
    fn park(self) -> RunEnd {
        let status = self.idle().unwrap_or(Status::Waiting);
        RunEnd {
            run: self.id.clone(),
            status,
            cause: self.trouble.clone(),
            left: Some(Left {
                next_due: self.snapshot.next_due().map(types::Timestamp),
            }),
        }
    }

    /// Add `item` to the conversation, and to the record as the model will read it: a request can be made again from those records, to the byte.
    pub(crate) fn remember(&mut self, item: Item) {
        if let Item::Result(result) = &item {
            self.held.remove(&result.call);
        }
        let body = self.item_record(&item);
        self.record(Kind::Item, &body);
        self.history.push(self.counting.measured(item));
    }

    /// The chart's snapshot as it is kept on the record.
    pub(crate) fn saved(&self) -> chart::SavedSnapshot {
        self.snapshot.save(&self.bundle.chart)
    }

    /// The state in which the agent is, for what no single activity caused.
    pub(crate) fn leading_state(&self) -> Arc<str> {
        let leaves = self.snapshot.leaves(&self.bundle.chart);
        leaves
            .first()
            .map_or_else(|| "".into(), |leaf| (*leaf).into())
    }

    /// Have the activity `id` begin with whoever answered last, while that is not long ago.
    pub(crate) fn prefer(&mut self, id: &Arc<str>) {
        let now = self.services.clock.now();
        if let Some((choice, since)) = self.preferred
            && now.0.saturating_sub(since.0) < PREFERRED_MS
            && let Some(activity) = self.activities.get_mut(id)
        {
            activity.choice = choice;
        }
    }

    /// Put an event on the queue, as coming from `invocation` where it does.
    pub(crate) fn happen(&mut self, name: &str, data: Value, invocation: Option<&Arc<str>>) {
        let event = Event::new(name, data, self.services.clock.now().0);
        self.events
            .push_back(Happened::Event(event, invocation.cloned()));
    }

    /// Something succeeded: whatever was wrong before is over.
    pub(crate) fn all_well(&mut self) {
        self.trouble = None;
        self.unhandled = false;
        self.failures = 0;
    }

    /// An error event, remembered as the trouble should the run end because of it.
    pub(crate) fn fail(
        &mut self,
        name: &str,
        kind: CauseKind,
        message: &str,
        detail: &str,
        invocation: Option<&Arc<str>>,
    ) {
        let data = Value::map([
            ("kind", Value::from(detail)),
            ("message", Value::from(message)),
        ]);
        self.fail_with(name, kind, message, data, invocation);
    }

    /// The same with what the event carries.
    pub(crate) fn fail_with(
        &mut self,
        name: &str,
        kind: CauseKind,
        message: &str,
        data: Value,
        invocation: Option<&Arc<str>>,
    ) {
        self.failures += 1;
        self.trouble = Some(Cause {
            kind,
            message: message.to_owned(),
        });
        self.show(RunEvent::Log {
            source: name.into(),
            message: message.to_owned(),
        });
        self.happen(name, data, invocation);
    }

    pub(crate) fn show(&self, event: RunEvent) {
        (self.observer)(&event);
    }

    /// Every tool of the agent's plugins.
    pub(crate) fn tool_names(&self) -> Vec<ToolName> {
        offers::tool_names(&self.plugins)
    }

    /// The tool `name` among the agent's plugins.
    pub(crate) fn find_tool(&self, name: &ToolName) -> Option<(&Arc<Plugin>, &ToolSpec)> {
        let plugin = self
            .plugins
            .iter()
            .find(|plugin| plugin.name().as_str() == name.plugin())?;
        Some((plugin, plugin.tool(name.tool())?))
    }
}
