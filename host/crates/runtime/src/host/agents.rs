//! The runs of agents: begun, left while they stand still, taken up again when something comes, begun again when they fail.
//!
//! A run that stands still costs nothing but its line here: all of it is in the journal. What it is told meanwhile waits in its mailbox, and on the record.

mod failing;
mod foreground;
mod left;
mod letters;
mod line;
mod turning;

use super::beginning::Awaited;
use super::house::{Host, Letter, ending};
use super::mailbox::Mailbox;
use super::{Refused, RefusedCode};
use crate::alive::Alive;
use crate::inbox::Told;
use crate::kin::Kin;
use crate::record::Pending;
use crate::{Binding, Reload, Status};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use tokio::sync::mpsc::UnboundedSender;

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
    /// Whether its limits may be others since it came to rest.
    new_limits: bool,
    /// Whether it is to be up at all times.
    pub(super) keep: bool,
    /// Whether it was begun in this process.
    ours: bool,
    pub(super) mail: Mailbox,
    /// When it failed, lately.
    failures: VecDeque<i64>,
    /// How often in a row the store did not let it go on. That is no failure of its own.
    disturbed: u32,
    /// Whether its chart is to begin anew, because it failed.
    pub(super) anew: bool,
    reloads: Option<UnboundedSender<Reload>>,
    why: Option<String>,
    /// What it is to begin with, until it is known to have begun.
    begin: Option<Letter>,
    /// Who waits for it to begin.
    pub(super) awaited: Awaited,
}

/// Where a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum At {
    /// In the journal only.
    Parked,
    /// In memory.
    Running,
    /// It failed, or the store did not let it go on, and it is taken up again then.
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
            new_limits: false,
            keep: false,
            ours: false,
            mail: Mailbox::default(),
            failures: VecDeque::new(),
            disturbed: 0,
            anew: false,
            reloads: None,
            why: None,
            begin: None,
            awaited: Awaited::default(),
        }
    }

    /// Whether it is turned here, in the foreground.
    pub(super) fn is_ours(&self) -> bool {
        self.ours
    }

    /// It failed, and its chart begins anew then.
    fn fails_until(&mut self, due: i64) {
        self.at = At::Until(due);
        self.anew = true;
    }

    /// It has begun, or gone on: that is on the record.
    pub(super) fn goes_on(&mut self) {
        self.disturbed = 0;
        self.anew = false;
        self.awaited.settle(true);
    }

    /// What it is doing, in a word.
    pub(super) fn word(&self) -> &'static str {
        match (self.at, self.paused, self.status) {
            (At::GivenUp, ..) => "given_up",
            (_, true, _) => "paused",
            (At::Until(_), ..) => "restarting",
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

    /// Whether it stands still because nothing is left to spend.
    fn is_spent(&self) -> bool {
        self.at == At::Parked && !self.paused && self.status == Some(Status::Budget)
    }

    /// When it is to be taken up by itself.
    fn is_due(&self) -> Option<i64> {
        match self.at {
            At::Parked if !self.paused => self.due,
            At::Until(due) if !self.paused => Some(due),
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
            given_up: self.at == At::GivenUp,
            until: match self.at {
                At::Until(due) if self.anew => Some(due),
                _ => None,
            },
            failures: self.failures.iter().copied().collect(),
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

    /// Those that stand still because nothing was left to spend.
    pub(super) fn spent(&self) -> Vec<Arc<str>> {
        let spent = self.runs.iter().filter(|(_, agent)| agent.is_spent());
        spent.map(|(run, _)| run.clone()).collect()
    }

    /// The same, where there may be other limits now.
    pub(super) fn limits_changed(&mut self) -> Vec<Arc<str>> {
        for agent in self.runs.values_mut().filter(|agent| agent.is_spent()) {
            agent.new_limits = true;
        }
        self.spent()
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
    pub(super) async fn keep(&self, run: &Arc<str>, lines: Vec<(String, Vec<u8>)>) {
        self.keep_with(run, Vec::new(), lines).await;
    }

    async fn keep_with(
        &self,
        run: &Arc<str>,
        records: Vec<Pending>,
        lines: Vec<(String, Vec<u8>)>,
    ) {
        let kept = self.0.journal.commit(run, records, lines, None).await;
        if let Err(error) = kept {
            // What is kept can be found out again; that nothing can be written is said by whoever records.
            self.log(run, "journal", &error.to_string());
        }
    }

    /// To what `run` is bound now.
    pub(super) fn binding_of(&self, run: &str) -> Option<Binding> {
        self.0.instances.borrow().binding_of(run)
    }

    /// Nothing is begun while the host ends.
    pub(super) fn begins(&self) -> Result<(), Refused> {
        match self.0.ending.get() {
            true => Err(ending()),
            false => Ok(()),
        }
    }
}

/// There is no such run here.
pub(super) fn no_such_run(run: &str) -> Refused {
    Refused::new(
        RefusedCode::NoSuchRun,
        format!("no run `{run}` is up"),
        "`charthouse agents list` lists those that are",
    )
}
