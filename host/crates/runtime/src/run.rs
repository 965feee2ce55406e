//! One run of one agent: the loop that takes what has happened, steps the chart, records, and only then acts.

mod begin;
mod leave;
mod rest;
mod steps;

use crate::act::Called;
use crate::admission::Purse;
use crate::answer::Answered;
use crate::gather::{Gathered, Served};
use crate::generations::Generations;
use crate::grants::Grants;
use crate::guards::Guards;
use crate::inbox::{Heard, Inbox, Message, Word};
use crate::kin::{Children, Kin};
use crate::live::{Cause, CauseKind, RunEvent, Status};
use crate::materials::Materials;
use crate::permission::{Permissions, Permitted};
use crate::record::{Kind, Pending};
use crate::reload::{Prepared, Reloads};
use crate::request::{Ask, Asked, Leaving, Others, Outbound, RunEnd, RunRequest};
use crate::round::Activity;
use crate::services::Observer;
use crate::shared::SharedJournal;
use crate::summarise::{Summarised, Summing};
use crate::tokens::Counting;
use crate::window::Recalled;
use crate::{Admitted, Binding, RuntimeError, offers, sleep_for};
use chart::{Due, Effects, Snapshot};
use context::History;
use definitions::{AgentDef, ChartBundle};
use futures_util::StreamExt;
use futures_util::future::{AbortHandle, Abortable};
use futures_util::stream::FuturesUnordered;
use rust_decimal::Decimal;
use sandbox::{CallContext, Plugin};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use types::{Event, Item, Timestamp, ToolName, ToolSpec, Value};

/// Activities that may fail one after another before the run is given up: a chart that tries again on every error must not do so for ever, because each
/// try may cost money.
const FAILURES_IN_A_ROW: u32 = 10;

/// How long whoever answered in the place of another is asked first, in milliseconds: a server that is down is rarely up again in a moment.
const PREFERRED_MS: i64 = 300_000;

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
    /// When the stretch ends in which something was refused for its cost; `None` where it does not end by itself.
    pub(crate) room_at: Option<Timestamp>,
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
    /// Whether it was told, since its work was asked for, that it is not handed in.
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
    let mut begun = request
        .hosted
        .as_mut()
        .and_then(|hosted| hosted.begun.take());
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
        if let Some(begun) = begun.take() {
            begun();
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
            Some(Leaving::Parked) if rest.is_some() => return Ok(run.park(false)),
            // Something came up since it was told so: it goes on.
            Some(Leaving::Parked) | None => {}
        }
        let now = run.services.clock.steady().0;
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
        let sleep = due.map(|due| sleep_for(Timestamp(due), Timestamp(now)));
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
            () = tokio::time::sleep(sleep.unwrap_or_default()), if sleep.is_some() => {
                let now = run.services.clock.steady().0;
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
        let event = Event::new(name, data, self.services.clock.steady().0);
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
