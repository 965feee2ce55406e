//! The host: the agents and the workflows' instances of one house in one process, on one thread.
//!
//! Everything that comes from outside is a record before it is answered, and everything that one run says to another is one before it is delivered; so what this
//! process knows can be found out again from the journal at any time, and a host that was killed goes on where it was.

use super::agents::Agents;
use super::firings::Firings;
use super::instances::Instances;
use super::{Command, Refused, RefusedCode, Watchers};
use crate::record::{Kind, Pending};
use crate::request::{Ask, Asked, Others, Outbound};
use crate::services::Observer;
use crate::shared::Then;
use crate::{Admitted, Reload, Reloads, RunEvent, RuntimeError, SharedJournal, sleep_for};
use definitions::House;
use futures_util::StreamExt;
use journal::{HOUSE_RUN, RecordId};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{Notify, watch};
use types::{Timestamp, Value};

/// Whom an agent of the house asks: those opened, and how to find out anew.
pub type Whom = Box<dyn Fn(&House, &str) -> Result<(Vec<Asked>, Ask), Refused>>;

/// What of the house is hosted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// All of it: what was under way goes on, schedules and timers fire, roles on offer are taken.
    Live,
    /// One run in the foreground, and what it begins.
    Foreground,
    /// What is asked, and nothing else: what was under way waits for a host that is live.
    Asked,
}

/// A host.
#[derive(Clone)]
pub struct Host(pub(super) Rc<Inner>);

pub(super) struct Inner {
    pub(super) services: RefCell<Admitted>,
    pub(super) journal: SharedJournal,
    pub(super) whom: Whom,
    pub(super) mode: Mode,
    pub(super) agents: RefCell<Agents>,
    pub(super) instances: RefCell<Instances>,
    pub(super) firings: RefCell<Firings>,
    /// How much has fired since that was last kept.
    pub(super) fired: Cell<usize>,
    /// Held while something fires: one that comes twice at the same time must find what the first has recorded.
    pub(super) firing: tokio::sync::Mutex<()>,
    /// Held while something happens that is signed: what is judged must not change before it is recorded.
    pub(super) signing: tokio::sync::Mutex<()>,
    pub(super) watchers: Watchers,
    pub(super) since: Timestamp,
    /// By how much the clock was set back, as far as that is on record.
    pub(super) set_back: Cell<i64>,
    /// Letters for runs that nobody here has.
    published: watch::Sender<Arc<House>>,
    /// Something has changed that decides when to wake next.
    pub(super) changed: Notify,
    notes: UnboundedSender<Note>,
    heard: RefCell<Option<UnboundedReceiver<Note>>>,
    pub(super) ending: Cell<bool>,
    ended: Notify,
    house_run: Arc<str>,
    /// When a released change becomes due next.
    pub(super) effective_at: Cell<Option<i64>>,
    /// Why the definitions that were saved last are refused.
    pub(super) refused: RefCell<String>,
}

/// What a run says that the host acts on.
pub(super) struct Note {
    pub(super) run: Arc<str>,
    pub(super) what: Noted,
}

pub(super) enum Noted {
    States(Vec<Arc<str>>),
    Rest {
        status: crate::Status,
        why: Option<String>,
        usd: Option<Arc<str>>,
    },
}

/// Who has the house say something, as its record says it.
#[derive(Clone, Debug)]
pub(super) enum Behind {
    /// Whoever asks: a person, at the command line or the control socket.
    Person,
    /// A trigger of the house, by its name.
    Trigger(String),
    /// The house itself, which keeps an agent up.
    Keep,
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Behind::Person => f.write_str("person"),
            Behind::Trigger(name) => write!(f, "trigger:{name}"),
            Behind::Keep => f.write_str("keep"),
        }
    }
}

/// Something said to a run, an agent or an instance, as it stands on the record.
#[derive(Clone, Debug)]
pub(super) struct Letter {
    pub(super) from: Arc<str>,
    pub(super) to: Arc<str>,
    pub(super) seq: u64,
    pub(super) event: Arc<str>,
    pub(super) data: Value,
}

impl Host {
    /// A host of the house in `services`, which writes to `journal`. Nothing happens before [`Host::turn`].
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub fn new(
        services: Admitted,
        journal: SharedJournal,
        whom: Whom,
        mode: Mode,
    ) -> Result<Self, RuntimeError> {
        let (notes, heard) = unbounded_channel();
        let (published, _) = watch::channel(services.house.clone());
        let since = services.clock.now();
        let set_back = super::clock::remember(&journal.borrow(), &*services.clock)?;
        let host = Host(Rc::new(Inner {
            services: RefCell::new(services),
            journal,
            whom,
            mode,
            agents: RefCell::default(),
            instances: RefCell::default(),
            firings: RefCell::default(),
            fired: Cell::new(0),
            firing: tokio::sync::Mutex::default(),
            signing: tokio::sync::Mutex::default(),
            watchers: Watchers::default(),
            since,
            set_back: Cell::new(set_back),
            published,
            changed: Notify::new(),
            notes,
            heard: RefCell::new(Some(heard)),
            ending: Cell::new(false),
            ended: Notify::new(),
            house_run: HOUSE_RUN.into(),
            effective_at: Cell::new(None),
            refused: RefCell::default(),
        }));
        host.read_agents()?;
        host.read_instances()?;
        host.read_firings()?;
        Ok(host)
    }

    /// The definitions, as they are published.
    pub fn house(&self) -> watch::Receiver<Arc<House>> {
        self.0.published.subscribe()
    }

    /// Go on with what was under way, and then do whatever comes, until the host has ended. To be waited for within a `LocalSet`.
    ///
    /// # Errors
    /// When the journal cannot be read.
    pub async fn turn(&self, mut reloads: Reloads) -> Result<(), RuntimeError> {
        let Some(mut heard) = self.0.heard.borrow_mut().take() else {
            return Ok(());
        };
        let delivered = self.redeliver()?;
        self.note_due(false);
        self.free_left_roles()?;
        if self.0.mode == Mode::Live {
            self.tell_emergencies();
            let house = self.definitions();
            self.move_instances(&house);
            self.keep_delivered(delivered).await;
            self.keep_firings().await;
            self.begin_kept().await;
            self.take_up_all();
            self.offer_again();
        }
        loop {
            self.look_at_clock().await;
            let due = self.next_due();
            let sleep = due.map(|due| sleep_for(Timestamp(due), self.now()));
            tokio::select! {
                biased;
                () = self.0.ended.notified() => return Ok(()),
                error = self.0.journal.lost() => return Err(error),
                Some(note) = heard.recv() => {
                    self.note(note);
                    // All that have come: what is due next is looked for once, among all runs.
                    while let Ok(note) = heard.try_recv() {
                        self.note(note);
                    }
                }
                Some(reload) = reloads.next(), if self.0.mode == Mode::Live => self.reload(reload),
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => self.wake_due(),
            }
        }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.0.services.borrow().clock.now()
    }

    /// Now, as timers count it.
    pub(super) fn steady(&self) -> Timestamp {
        self.0.services.borrow().clock.steady()
    }

    /// The instant `now`, as timers count it.
    pub(super) fn steady_at(&self, now: i64) -> i64 {
        now.saturating_add(self.ahead())
    }

    /// By how many milliseconds timers are ahead of the calendar.
    pub(super) fn ahead(&self) -> i64 {
        self.0.services.borrow().clock.set_back()
    }

    pub(super) fn services(&self) -> Admitted {
        self.0.services.borrow().clone()
    }

    pub(super) fn definitions(&self) -> Arc<House> {
        self.0.services.borrow().house.clone()
    }

    /// A new id for a run or an instance.
    pub(super) fn new_id(&self) -> Arc<str> {
        crate::run_id::new(&self.0.services.borrow())
    }

    /// Record something in the name of the house itself.
    pub(super) async fn record(
        &self,
        records: Vec<(Kind, serde_json::Value)>,
        keep: Vec<(String, Vec<u8>)>,
        then: Option<Then>,
    ) -> Result<Vec<RecordId>, Refused> {
        let now = self.now();
        let records = records
            .into_iter()
            .map(|(kind, body)| Pending::new(now, kind, &body))
            .collect();
        let run = self.0.house_run.clone();
        let written = self.0.journal.commit(&run, records, keep, then).await;
        written.map_err(|error| store(&error))
    }

    /// Say `event` to `to` in the name of the house, for whoever is `behind` it: recorded, and then delivered.
    pub(super) async fn say(
        &self,
        to: &Arc<str>,
        event: &str,
        data: serde_json::Value,
        behind: &Behind,
        more: Vec<(Kind, serde_json::Value)>,
    ) -> Result<(), Refused> {
        let body = serde_json::json!({
            "to": to, "event": event, "data": data, "by": behind.to_string(),
        });
        let letter = Letter {
            from: self.0.house_run.clone(),
            to: to.clone(),
            seq: 0,
            event: event.into(),
            data: Value::from(&data),
        };
        let host = self.clone();
        let then: Then = Box::new(move |ids| {
            if let Some(seq) = ids.first() {
                host.deliver(Letter {
                    seq: seq.0,
                    ..letter
                });
            }
        });
        let mut records = vec![(Kind::Sent, body)];
        records.extend(more);
        self.record(records, Vec::new(), Some(then)).await.map(drop)
    }

    /// Hand a letter to whom it is for.
    pub(super) fn deliver(&self, letter: Letter) {
        let is_instance = self.0.instances.borrow().has(&letter.to);
        if is_instance {
            return self.tell_instance(letter);
        }
        self.tell_agent(letter);
    }

    /// Deliver what was sent and not taken when the last host died, one letter after the other as they are read: of those that were taken none is held.
    /// Up to which record all of it is known to have been taken.
    fn redeliver(&self) -> Result<u64, RuntimeError> {
        let journal = self.0.journal.borrow();
        let kept = journal.kept(DELIVERED)?;
        let kept = kept.and_then(|bytes| serde_json::from_slice::<u64>(&bytes).ok());
        let mut upto = kept.unwrap_or(0);
        let mut heard = BTreeMap::new();
        let mut all_taken = true;
        let mut failed = None;
        journal.each_of_kind_after(Kind::Sent.name(), RecordId(upto), |record| {
            let Ok(body) = serde_json::from_str::<serde_json::Value>(&record.body) else {
                return;
            };
            if failed.is_some() {
                return;
            }
            let text = |key: &str| Arc::from(body[key].as_str().unwrap_or_default());
            let letter = Letter {
                from: record.run.as_str().into(),
                to: text("to"),
                seq: record.seq.0,
                event: text("event"),
                data: Value::from(&body["data"]),
            };
            match self.was_taken(&letter, &mut heard) {
                Ok(true) if all_taken => upto = letter.seq,
                Ok(true) => {}
                Ok(false) => {
                    all_taken = false;
                    if self.is_for_here(&letter) {
                        self.deliver(letter);
                    }
                }
                Err(error) => failed = Some(error),
            }
        })?;
        match failed {
            Some(error) => Err(error),
            None => Ok(upto),
        }
    }

    /// Whether `letter` is delivered in this process: a run in the foreground does not begin again what others had begun.
    fn is_for_here(&self, letter: &Letter) -> bool {
        let agents = self.0.agents.borrow();
        let ours = |run: &str| agents.get(run).is_some_and(|agent| agent.is_ours());
        self.0.mode != Mode::Foreground
            || self.0.instances.borrow().has(&letter.to)
            || ours(&letter.to)
            || ours(&letter.from)
    }

    /// Keep that everything sent up to the record `upto` was taken: the next host looks at what came after it.
    async fn keep_delivered(&self, upto: u64) {
        let line = (DELIVERED.to_owned(), upto.to_string().into_bytes());
        let run = &self.0.house_run;
        let kept = self.0.journal.commit(run, Vec::new(), vec![line], None);
        if let Err(error) = kept.await {
            // It can be found out again.
            self.log(run, "journal", &error.to_string());
        }
    }

    /// Whether `letter` is on its receiver's record, or can be on nobody's any more because its receiver has ended. `heard` remembers of runs up to which letter they have taken theirs.
    fn was_taken(
        &self,
        letter: &Letter,
        heard: &mut BTreeMap<Arc<str>, u64>,
    ) -> Result<bool, RuntimeError> {
        if letter.to.starts_with(TO_A_PERSON) {
            // A person reads it in the record; nobody delivers it.
            return Ok(true);
        }
        if self.0.instances.borrow().has(&letter.to) {
            return Ok(self.0.instances.borrow().has_taken(&letter.to, letter.seq));
        }
        if let Some(upto) = heard.get(&letter.to) {
            return Ok(*upto >= letter.seq);
        }
        let upto = match self.has_ended(&letter.to)? {
            true => u64::MAX,
            false => {
                match crate::past::Past::read(&self.0.journal.borrow(), &letter.to) {
                    Ok(past) => past.map_or(0, |past| match past.over {
                        Some(_) => u64::MAX,
                        None => past.heard_upto,
                    }),
                    // It cannot go on, and whoever takes it up hears why. No other run is to wait for that.
                    Err(RuntimeError::Compacted { .. }) => 0,
                    Err(error) => return Err(error),
                }
            }
        };
        heard.insert(letter.to.clone(), upto);
        Ok(upto >= letter.seq)
    }

    /// Whether the run or the instance `id` has ended: what is sent to it reaches nobody, and nobody is to look for it again.
    pub(super) fn has_ended(&self, id: &str) -> Result<bool, RuntimeError> {
        if self.0.agents.borrow().has(id) {
            return Ok(false);
        }
        let ended = self.0.journal.borrow().newest(id, Kind::Ended.name())?;
        Ok(ended.is_some())
    }

    fn note(&self, note: Note) {
        match note.what {
            Noted::States(states) => self.0.agents.borrow_mut().stands(&note.run, states),
            Noted::Rest { status, why, usd } => self.rests(&note.run, status, why, usd),
        }
    }

    /// What hears a run.
    pub(super) fn observer(&self, run: &Arc<str>) -> Observer {
        let (run, watchers, notes) = (run.clone(), self.0.watchers.clone(), self.0.notes.clone());
        Arc::new(move |event: &RunEvent| {
            let text = matches!(event, RunEvent::Text { .. } | RunEvent::Reasoning { .. });
            watchers.tell(&run, text, || {
                serde_json::to_value(event).unwrap_or(serde_json::Value::Null)
            });
            let what = match event {
                RunEvent::State { configuration, .. } => Noted::States(configuration.clone()),
                RunEvent::Rest { status, cause, usd } => Noted::Rest {
                    status: *status,
                    why: cause.as_ref().map(|cause| cause.message.clone()),
                    usd: usd.clone(),
                },
                _ => return,
            };
            // The host is gone: nobody acts on it any more.
            let _ = notes.send(Note {
                run: run.clone(),
                what,
            });
        })
    }

    /// A line for the operator.
    pub(super) fn log(&self, about: &Arc<str>, source: &str, message: &str) {
        self.0.watchers.tell(
            about,
            false,
            || serde_json::json!({ "type": "log", "source": source, "message": message }),
        );
        tracing::warn!("{about}: {source}: {message}");
    }

    /// Definitions or components were saved.
    pub(super) fn reload(&self, reload: Reload) {
        match reload {
            Reload::Ready(saved) => {
                let Some(services) = self.let_in((*saved).clone()) else {
                    return;
                };
                self.0.refused.borrow_mut().clear();
                let house = services.house.clone();
                *self.0.services.borrow_mut() = services;
                // Each asks the gate for itself: what holds for one need not hold for another.
                self.0
                    .agents
                    .borrow()
                    .tell_reload(|| Reload::Ready(saved.clone()));
                self.move_instances(&house);
                // Nobody waits for them any more: that is no trouble.
                let _ = self.0.published.send(house);
                self.offer_again();
                // Their limits may be others now; whoever finds them reached still rests on.
                let spent = self.0.agents.borrow_mut().limits_changed();
                spent.iter().for_each(|run| self.take_up(run));
            }
            Reload::Broken(why) => {
                self.log(&"".into(), "reload", &why);
                self.0
                    .agents
                    .borrow()
                    .tell_reload(|| Reload::Broken(why.clone()));
            }
            Reload::Components(paths) => {
                self.0
                    .agents
                    .borrow()
                    .tell_reload(|| Reload::Components(paths.clone()));
            }
        }
    }

    /// When something is to be done next, by the calendar.
    fn next_due(&self) -> Option<i64> {
        if self.0.mode == Mode::Asked {
            return None;
        }
        let all = self.0.mode == Mode::Live;
        let agents = self.0.agents.borrow().next_due(all);
        let instances = self.0.instances.borrow().next_due().filter(|_| all);
        // What stands in the line for a place waits for no time.
        let timed = agents.into_iter().chain(instances);
        let timed = timed.min().filter(|due| *due != i64::MAX);
        let timed = timed.map(|due| due.saturating_sub(self.ahead()));
        timed.into_iter().chain(self.0.effective_at.get()).min()
    }

    fn wake_due(&self) {
        self.wake_changes(self.now().0);
        let now = self.steady().0;
        let all = self.0.mode == Mode::Live;
        let runs = self.0.agents.borrow().due(now, all);
        for run in runs {
            self.take_up(&run);
        }
        if !all {
            // Workflows wait for a host that is live.
            return;
        }
        let instances = self.0.instances.borrow().due(now);
        for id in instances {
            self.instance_is_due(&id);
        }
    }

    /// The host has ended.
    pub(super) fn is_over(&self) {
        self.0.ended.notify_one();
    }
}

/// How a letter names a person.
const TO_A_PERSON: &str = "human:";
/// Up to which record everything that was sent is known to have been taken.
pub(super) const DELIVERED: &str = "delivered";

impl Others for Host {
    fn hear(&self, from: &Arc<str>, seq: u64, said: Outbound) {
        self.deliver(Letter {
            from: from.clone(),
            to: said.to,
            seq,
            event: said.event,
            data: said.data,
        });
    }

    fn may_resume(&self, run: &str) -> bool {
        self.0.mode == Mode::Foreground && !run.contains('.')
    }

    fn has_heard(&self, run: &str, upto: u64) {
        if let Some(agent) = self.0.agents.borrow().get(run) {
            agent.mail.forget_upto(upto);
        }
    }

    fn address(&self, name: &str) -> Result<Arc<str>, String> {
        if self.0.instances.borrow().has(name) || self.0.agents.borrow().has(name) {
            return Ok(name.into());
        }
        // The run that is meant now: another of the same agent must not take the letter again one day.
        let run = self.0.agents.borrow().run_of(name);
        run.ok_or_else(|| format!("no run, instance or agent called `{name}` is up"))
    }

    fn knows_agent(&self, name: &str) -> Result<(), String> {
        let house = self.definitions();
        match house.agents.contains_key(name) {
            true => Ok(()),
            false => Err(format!("the house has no agent `{name}`")),
        }
    }
}

/// The journal cannot be written.
pub(super) fn store(error: &RuntimeError) -> Refused {
    Refused::new(
        RefusedCode::Store,
        error,
        "nothing of it was done; mend the store, then ask again",
    )
}

/// Nothing new is begun any more.
pub(super) fn ending() -> Refused {
    Refused::new(
        RefusedCode::Ending,
        "the host is ending",
        "ask again when it has been started anew",
    )
}

/// The commands of one who asks in this process.
impl super::Hosting for Host {
    fn ask(&self, command: Command) -> super::Answered {
        let host = self.clone();
        Box::pin(async move { host.answer(command).await })
    }

    fn watch(&self, watch: super::Watch) -> super::Watching {
        self.0.watchers.watch(watch)
    }
}
