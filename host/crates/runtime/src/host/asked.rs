//! What a host is asked, and what it answers. Whatever changes something is on the record before the answer.

use super::agents::no_such_run;
use super::firings::{Kept, WORTH_KEEPING};
use super::house::{Behind, Host, store};
use super::instances::{meant, no_such_instance, refused};
use super::intent::by_hand;
use super::shown;
use super::{Command, Fire, FireHow, Refused, RefusedCode, Signed};
use crate::inbox::SAYS;
use crate::kin;
use crate::past::{Doing, Past};
use crate::record::Kind;
use crate::round::ActivityKind;
use crate::workflow::{Happened, Instance, Via, Who};
use journal::{HOUSE_RUN, RecordId};
use serde_json::{Value as Json, json};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;
use types::Value;

/// How long what is under way may go on when nobody says.
const ENDING: Duration = Duration::from_secs(10);
/// What the host says to an instance for one who raises an event by hand.
const EVENT: &str = "host.event";
/// The name under which what has fired is kept.
const FIRINGS: &str = "firings";

impl Host {
    pub(super) async fn answer(&self, command: Command) -> Result<Json, Refused> {
        command.check()?;
        self.answer_to(&Behind::Person, command).await
    }

    /// The same for whoever is `behind` it.
    async fn answer_to(&self, behind: &Behind, command: Command) -> Result<Json, Refused> {
        match command {
            Command::Start {
                agent,
                prompt,
                instance,
                role,
                resume,
            } => {
                let is_new = resume.is_none();
                let bind = instance.zip(role);
                let started = self.start(behind, &agent, prompt, bind, resume).await?;
                if let Some(run) = started["run"].as_str().filter(|_| is_new) {
                    self.has_begun(&run.into()).await?;
                }
                Ok(started)
            }
            Command::Stop { run } => self.stop(&self.run(&run)?).await,
            Command::Pause { run } => {
                let run = self.run(&run)?;
                self.leave(&run, true).await?;
                Ok(json!({ "run": run }))
            }
            Command::Resume { run } => self.resume(&self.run(&run)?).await,
            Command::Say { run, text } => self.say_to(behind, &run, &text, None, None).await,
            Command::Answer {
                run,
                text,
                by,
                signed,
            } => {
                self.asks(&run)?;
                self.say_to(behind, &run, &text, by, signed).await
            }
            Command::Signal { run, event, data } => self.signal(behind, &run, &event, data).await,
            Command::List {} => Ok(self.list()),
            Command::WorkflowStart { chart, input } => {
                let id = self.new_id();
                let input = input.as_ref().map(Value::from).unwrap_or_default();
                let begun = self.begin_instance(id, &chart, input, Vec::new(), None);
                let (id, _) = begun.await?;
                Ok(json!({ "instance": id }))
            }
            Command::WorkflowList {} => Ok(self.instances()),
            Command::WorkflowShow { instance } => self.instance(&instance),
            command @ (Command::WorkflowBind { .. }
            | Command::WorkflowDetach { .. }
            | Command::WorkflowHandIn { .. }
            | Command::WorkflowEvent { .. }
            | Command::Change(_)) => self.perform(command).await,
            Command::Statement { of } => {
                self.begin_history().await?;
                self.statement(*of)
            }
            Command::ChangeList {} => self.changes(),
            Command::ChangeShow { change } => self.change(&change),
            Command::ChangeCheck {
                change,
                scenarios,
                shadow,
            } => self.check_change(&change, scenarios, shadow).await,
            Command::ChangeRestore { items } => self.restore(&items).await,
            Command::Fire(fire) => self.fire(fire).await,
            Command::Fired {} => {
                let fired = self.0.firings.borrow().list(|id| self.is_open(id));
                Ok(json!({ "fired": fired }))
            }
            Command::Health {} => Ok(self.health()),
            Command::Shutdown { within_ms } => {
                let within = within_ms.map_or(ENDING, Duration::from_millis);
                self.leave_all(within).await;
                self.finish_instances().await;
                self.is_over();
                Ok(json!({}))
            }
        }
    }

    /// The run that is meant: an id, the beginning of one, or the name of an agent with one run.
    fn run(&self, wanted: &str) -> Result<Arc<str>, Refused> {
        let agents = self.0.agents.borrow();
        if agents.has(wanted) {
            return Ok(wanted.into());
        }
        let its = |run: &str, agent: &str| run.starts_with(wanted) || agent == wanted;
        let mut found = agents
            .all()
            .filter(|(run, agent)| its(run, &agent.agent))
            .map(|(run, _)| run.clone());
        match (found.next(), found.next()) {
            (Some(run), None) => Ok(run),
            (Some(first), Some(second)) => Err(Refused::new(
                RefusedCode::BadCommand,
                format!("`{wanted}` can be more than one run: {first}, {second} …"),
                "write more of the id",
            )),
            (None, _) => Err(no_such_run(wanted)),
        }
    }

    pub(super) fn instance_named(&self, wanted: &str) -> Result<Arc<str>, Refused> {
        let instances = self.0.instances.borrow();
        let found = meant(wanted, instances.all().map(Instance::id))?;
        found.ok_or_else(|| no_such_instance(wanted))
    }

    /// Have a run begin, or go on with one. It may not be found yet when this is over: whoever fires a trigger does not wait for that.
    async fn start(
        &self,
        behind: &Behind,
        agent: &str,
        prompt: Option<String>,
        bind: Option<(String, String)>,
        resume: Option<String>,
    ) -> Result<Json, Refused> {
        self.begins()?;
        if let Some(run) = resume {
            let run = self.run(&run)?;
            if let Some(text) = prompt {
                self.say_to(behind, &run, &text, None, None).await?;
            }
            self.resume(&run).await?;
            return Ok(json!({ "run": run }));
        }
        self.agent(agent)?;
        if let Some((instance, role)) = bind {
            return self
                .perform(Command::WorkflowBind {
                    instance,
                    agent: Some(agent.to_owned()),
                    human: None,
                    role,
                    by: None,
                    signed: None,
                })
                .await;
        }
        let run = self.new_id();
        self.begin(behind, &run, agent, prompt, Vec::new()).await?;
        Ok(json!({ "run": run }))
    }

    async fn begin(
        &self,
        behind: &Behind,
        run: &Arc<str>,
        agent: &str,
        prompt: Option<String>,
        more: Vec<(Kind, Json)>,
    ) -> Result<(), Refused> {
        let data = json!({ "agent": agent, "prompt": prompt });
        self.say(run, kin::BEGIN, data, behind, more).await
    }

    pub(super) fn agent(&self, name: &str) -> Result<(), Refused> {
        let house = self.definitions();
        if house.agents.contains_key(name) {
            return Ok(());
        }
        let known: Vec<&str> = house.agents.keys().map(|known| &**known).collect();
        Err(Refused::new(
            RefusedCode::NoSuchAgent,
            format!("there is no agent `{name}` in this house"),
            format!("it has {}", known.join(", ")),
        ))
    }

    async fn stop(&self, run: &Arc<str>) -> Result<Json, Refused> {
        self.say(run, kin::STOP, Json::Null, &Behind::Person, Vec::new())
            .await?;
        Ok(json!({ "run": run }))
    }

    async fn resume(&self, run: &Arc<str>) -> Result<Json, Refused> {
        self.begins()?;
        self.give_another_chance(run).await;
        self.unpause(run);
        self.take_up(run);
        Ok(json!({ "run": run }))
    }

    pub(super) fn unpause(&self, run: &str) {
        if let Some(agent) = self.0.agents.borrow_mut().get_mut(run) {
            agent.paused = false;
            if agent.at == super::agents::At::GivenUp {
                agent.at = super::agents::At::Parked;
                agent.anew = false;
            }
        }
    }

    /// Whether a person is asked something by the run that is meant; an instance says so itself.
    fn asks(&self, wanted: &str) -> Result<(), Refused> {
        if self.instance_named(wanted).is_ok() {
            return Ok(());
        }
        let run = self.run(wanted)?;
        let past = Past::read(&self.0.journal.borrow(), &run).map_err(|error| store(&error))?;
        let asks = |doing: &Doing| doing.kind == ActivityKind::Ask;
        match past.is_some_and(|past| past.doing.values().any(asks)) {
            true => Ok(()),
            false => Err(Refused::new(
                RefusedCode::NotNow,
                format!("the run {run} asks nothing now"),
                "say it without being asked: charthouse agents say",
            )),
        }
    }

    async fn say_to(
        &self,
        behind: &Behind,
        wanted: &str,
        text: &str,
        by: Option<String>,
        signed: Option<Signed>,
    ) -> Result<Json, Refused> {
        self.begins()?;
        if self.instance_named(wanted).is_ok() {
            let (run, text) = (wanted.to_owned(), text.to_owned());
            let answer = Command::Answer {
                run,
                text,
                by,
                signed,
            };
            return self.perform(answer).await;
        }
        let run = self.run(wanted)?;
        self.say(&run, SAYS, json!({ "text": text }), behind, Vec::new())
            .await?;
        Ok(json!({ "run": run }))
    }

    async fn signal(
        &self,
        behind: &Behind,
        run: &str,
        event: &str,
        data: Option<Json>,
    ) -> Result<Json, Refused> {
        let run = self.run(run)?;
        let family = event.split('.').next().unwrap_or_default();
        if !matches!(family, "signal" | "human") || event == SAYS {
            return Err(Refused::new(
                RefusedCode::BadCommand,
                format!("`{event}` is not raised from outside"),
                "raise `signal.…` or `human.…`; what is to be said to it, say with `say`",
            ));
        }
        self.say(&run, event, data.unwrap_or_default(), behind, Vec::new())
            .await?;
        Ok(json!({ "run": run, "event": event }))
    }

    fn list(&self) -> Json {
        let agents = self.0.agents.borrow();
        let ahead = self.ahead();
        let runs: Vec<Json> = agents
            .all()
            .map(|(run, agent)| {
                let bound = self.binding_of(run);
                let mut line = json!({
                    "run": run, "agent": agent.agent, "status": agent.word(), "states": agent.states, "usd": agent.usd,
                });
                if let Some(due) = agent.due {
                    line["next_due"] = due.saturating_sub(ahead).into();
                }
                if let Some(why) = agent.why() {
                    line["why"] = why.into();
                }
                if let Some(bound) = bound {
                    line["instance"] = json!(bound.instance);
                    line["role"] = json!(bound.role);
                }
                if agent.keep {
                    line["keep"] = true.into();
                }
                line
            })
            .collect();
        let mut list = json!({ "runs": runs });
        let emergencies = self.services().emergencies(&self.0.journal.borrow());
        if !emergencies.is_empty() {
            list["emergencies"] = json!(emergencies);
        }
        list
    }

    fn instances(&self) -> Json {
        let instances = self.0.instances.borrow();
        let lines = instances.all().map(shown::in_a_line);
        let damaged = instances.damaged.iter();
        let damaged = damaged.map(|(id, workflow)| shown::damaged_in_a_line(id, workflow));
        let lines: Vec<Json> = lines.chain(damaged).collect();
        json!({ "instances": lines })
    }

    fn instance(&self, wanted: &str) -> Result<Json, Refused> {
        let instances = self.0.instances.borrow();
        let named = meant(wanted, instances.all().map(Instance::id))?;
        let journal = self.0.journal.borrow();
        match named.and_then(|id| instances.get(&id)) {
            Some(instance) => Ok(shown::in_full(&journal, instance, self.ahead())),
            None => {
                let house = self.definitions();
                shown::past(&journal, Some(&house), &house.root, wanted)
            }
        }
    }

    /// Bind a run that is about to begin.
    pub(super) async fn bind_run(
        &self,
        instance: &str,
        agent: &str,
        run: &Arc<str>,
        role: &str,
    ) -> Result<(), Refused> {
        let id = self.instance_named(instance)?;
        let happened = Happened::Bind {
            role: role.into(),
            who: Who::agent(agent, run.clone()),
            via: Via::Command,
        };
        self.happen(&id, happened).await
    }

    fn health(&self) -> Json {
        let agents = self.0.agents.borrow();
        let house = self.definitions();
        let given_up = agents
            .all()
            .filter(|(_, agent)| agent.at == super::agents::At::GivenUp);
        let given_up: Vec<&Arc<str>> = given_up.map(|(run, _)| run).collect();
        json!({
            "status": match (self.0.ending.get(), given_up.is_empty()) {
                (true, _) => "ending",
                (false, true) => "ok",
                (false, false) => "degraded",
            },
            "house": house.name,
            "pid": std::process::id(),
            "since": self.0.since,
            "runs": agents.all().count(),
            "running": agents.running(),
            "instances": self.0.instances.borrow().all().count(),
            "given_up": given_up,
        })
    }

    /// Whether a run or an instance is under way.
    fn is_open(&self, id: &str) -> bool {
        let agents = self.0.agents.borrow();
        // Nothing comes of one that was given up unless a person sees to it.
        let goes_on = |agent: &super::agents::Agent| agent.at != super::agents::At::GivenUp;
        agents.get(id).is_some_and(goes_on) || self.0.instances.borrow().has(id)
    }

    /// A trigger has fired.
    async fn fire(&self, fire: Fire) -> Result<Json, Refused> {
        let _alone = self.0.firing.lock().await;
        let again = self.0.firings.borrow().again(&fire).cloned();
        if let Some(answer) = again {
            let mut answer = answer.as_object().cloned().unwrap_or_default();
            answer.insert("again".into(), true.into());
            return Ok(answer.into());
        }
        if fire.how == FireHow::Hold && self.0.firings.borrow().is_held(&fire) {
            return Ok(json!({ "again": true }));
        }
        self.begins()?;
        let then = fire.then.as_deref().filter(|_| fire.how == FireHow::Start);
        let id = self.new_id();
        let answer = match then {
            Some(Command::Start {
                instance: None,
                resume: None,
                ..
            }) => json!({ "run": id }),
            Some(Command::WorkflowStart { .. }) => json!({ "instance": id }),
            _ => Json::Null,
        };
        let behind = Behind::Trigger(fire.trigger.clone());
        let record = vec![(Kind::Fired, json!({ "fire": fire, "answer": answer }))];
        match then.cloned() {
            Some(Command::Start {
                agent,
                prompt,
                instance: None,
                resume: None,
                ..
            }) => {
                self.agent(&agent)?;
                self.begin(&behind, &id, &agent, prompt, record).await?;
            }
            Some(Command::WorkflowStart { chart, input }) => {
                let input = input.as_ref().map(Value::from).unwrap_or_default();
                self.begin_instance(id, &chart, input, record, None).await?;
            }
            Some(Command::Start {
                agent,
                prompt,
                instance,
                role,
                resume,
            }) => {
                self.record(record, Vec::new(), None).await?;
                let bind = instance.zip(role);
                self.start(&behind, &agent, prompt, bind, resume).await?;
            }
            Some(other) => {
                self.record(record, Vec::new(), None).await?;
                Box::pin(self.answer_to(&behind, other)).await?;
            }
            None => {
                self.record(record, Vec::new(), None).await?;
            }
        }
        self.0.firings.borrow_mut().note(&fire, &answer);
        self.0.fired.set(self.0.fired.get() + 1);
        self.keep_firings().await;
        Ok(match answer {
            Json::Null => json!({}),
            answer => answer,
        })
    }

    /// What has fired, at the start.
    pub(super) fn read_firings(&self) -> Result<(), crate::RuntimeError> {
        let mut firings = self.0.firings.borrow_mut();
        let journal = self.0.journal.borrow();
        // What does not fit the journal is found out anew.
        let head = journal.head()?.seq;
        let kept = journal.kept(FIRINGS)?;
        let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
        let kept = kept.filter(|kept| kept.upto <= head).unwrap_or_default();
        *firings = kept.firings;
        journal.each_of_kind_after(Kind::Fired.name(), RecordId(kept.upto), |record| {
            self.0.fired.set(self.0.fired.get() + 1);
            let body: Json = serde_json::from_str(&record.body).unwrap_or_default();
            if let Ok(fire) = serde_json::from_value::<Fire>(body["fire"].clone()) {
                firings.note(&fire, &body["answer"]);
            }
        })?;
        drop(journal);
        let started: Vec<String> = firings
            .list(|_| true)
            .iter()
            .filter_map(|fired| fired.started().map(str::to_owned))
            .collect();
        for id in started {
            if !self.is_open(&id) && !self.is_unbegun(&id) {
                firings.ended(&id);
            }
        }
        Ok(())
    }

    /// Keep what has fired, where that is much. Nothing fires meanwhile.
    pub(super) async fn keep_firings(&self) {
        if self.0.fired.get() < WORTH_KEEPING {
            return;
        }
        let mut upto = None;
        let newest = |RecordId(seq), _, _: &str| {
            upto = Some(seq);
            ControlFlow::Break(())
        };
        let found = self
            .0
            .journal
            .borrow()
            .latest_first(Kind::Fired.name(), newest);
        let (Ok(()), Some(upto)) = (found, upto) else {
            return;
        };
        let kept = Kept {
            upto,
            firings: self.0.firings.borrow().clone(),
        };
        // It can be found out again.
        let bytes = serde_json::to_vec(&kept).unwrap_or_default();
        self.0.fired.set(0);
        self.keep(&HOUSE_RUN.into(), vec![(FIRINGS.to_owned(), bytes)])
            .await;
    }

    /// Whether it is on the record that a run is to begin, and nothing of it yet.
    pub(super) fn is_unbegun(&self, id: &str) -> bool {
        let journal = self.0.journal.borrow();
        let has_no = |kind: Kind| matches!(journal.newest(id, kind.name()), Ok(None));
        has_no(Kind::Started) && has_no(Kind::Ended)
    }
}

/// What a letter of the house means to an instance.
pub(super) fn happened(event: &str, data: &Value) -> Option<Happened> {
    (event == EVENT).then(|| {
        let name = data
            .get("event")
            .and_then(Value::as_text)
            .unwrap_or_default();
        by_hand(None, name, data.get("data").cloned().unwrap_or_default())
    })
}

/// A refusal of the workflow's rules is the command's.
impl From<crate::workflow::WorkflowError> for Refused {
    fn from(error: crate::workflow::WorkflowError) -> Self {
        refused(error)
    }
}
