//! From a command that is about a workflow to what is to happen, and in whose name.
//!
//! What a person asks for and what a person signs come from the same reading of the same command, so that nobody can be shown one thing and have another done.
//! Nothing is judged here and nothing happens.

use super::house::Host;
use super::instances::no_such_instance;
use super::vouch::Deed;
use super::{Command, Refused, RefusedCode};
use crate::workflow::{Happened, Sender, Via, Who};
use serde_json::{Value as Json, json};
use std::sync::Arc;
use types::{Event, Value};

/// What a command comes to.
pub(super) struct Intent {
    /// In what it happens.
    pub within: Within,
    /// What happens, in one commit.
    pub happened: Vec<Happened>,
    /// Who does it.
    pub deed: Deed,
    /// What is answered when it has happened.
    pub answer: Json,
}

/// In what something happens.
pub(super) enum Within {
    /// An instance that is under way.
    Instance(Arc<str>),
    /// One that begins with it.
    New {
        /// Its workflow.
        chart: Arc<str>,
        /// What it begins with.
        input: Value,
    },
    /// The house itself.
    House,
}

impl Host {
    /// What `command` comes to.
    ///
    /// # Errors
    /// What it names is not there, or it is no command of this kind.
    pub(super) fn intent(&self, command: Command) -> Result<Intent, Refused> {
        match command {
            Command::WorkflowBind {
                instance,
                agent,
                human,
                role,
                by,
                signed,
            } => {
                let id = self.instance_named(&instance)?;
                let who = self.who(&id, agent, human)?;
                let answer = json!({ "instance": id, "role": role, "run": who.run() });
                let happened = Happened::Bind {
                    role: role.into(),
                    who,
                    via: Via::Command,
                };
                Ok(one(id, happened, Deed::of(by, signed), answer))
            }
            Command::WorkflowDetach {
                instance,
                role,
                notes,
                by,
                signed,
            } => {
                let id = self.instance_named(&instance)?;
                let answer = json!({ "instance": id, "role": role });
                let happened = Happened::Detach {
                    role: role.into(),
                    who: None,
                    via: Via::Command,
                    why: "it was detached by command".into(),
                    notes: notes.map(Arc::from),
                };
                Ok(one(id, happened, Deed::of(by, signed), answer))
            }
            Command::WorkflowHandIn {
                instance,
                role,
                by,
                outcome,
                notes,
                artefacts,
                signed,
            } => {
                let id = self.instance_named(&instance)?;
                let answer = json!({ "instance": id, "role": role });
                let happened = Happened::HandIn {
                    role: role.into(),
                    state: None,
                    by: Who::human(by.as_str()),
                    outcome: outcome.into(),
                    notes: notes.map(Arc::from),
                    artefacts: artefacts.as_ref().map(Value::from).unwrap_or_default(),
                };
                Ok(one(id, happened, Deed::of(Some(by), signed), answer))
            }
            Command::WorkflowEvent {
                instance,
                event,
                data,
                by,
                signed,
            } => {
                let id = self.instance_named(&instance)?;
                let answer = json!({ "instance": id, "event": event });
                let data = data.as_ref().map(Value::from).unwrap_or_default();
                let happened = by_hand(by.as_deref(), &event, data);
                Ok(one(id, happened, Deed::of(by, signed), answer))
            }
            Command::Answer {
                run,
                text,
                by,
                signed,
            } => {
                let id = self.instance_named(&run)?;
                let happened = self.answering(&id, &text)?;
                let answer = json!({ "instance": id });
                Ok(one(id, happened, Deed::of(by, signed), answer))
            }
            Command::Change(deed) => self.intent_of_change(deed),
            _ => Err(Refused::new(
                RefusedCode::BadCommand,
                "this is about no workflow",
                "docs/serve.md lists the commands with their keys",
            )),
        }
    }

    /// Do what `command` comes to.
    pub(super) async fn perform(&self, command: Command) -> Result<Json, Refused> {
        if let Command::WorkflowBind { .. } = &command {
            self.begins()?;
        }
        let intent = self.intent(command)?;
        let mut answer = intent.answer;
        let said = match intent.within {
            Within::Instance(id) => self.happen_as(&id, intent.happened, intent.deed).await?,
            Within::New { chart, input } => {
                // What is signed may not name a run that is there already.
                let first = Some((intent.happened, intent.deed));
                let id = self.new_id();
                let begun = self.begin_instance(id, &chart, input, Vec::new(), first);
                let (id, said) = begun.await?;
                answer["instance"] = json!(id);
                said
            }
            Within::House => self.take_baseline(intent.deed).await?,
        };
        if let (Some(answer), Some(said)) = (answer.as_object_mut(), said.as_object()) {
            answer.extend(said.clone());
        }
        Ok(answer)
    }

    /// Who is to hold a role of the instance `id`.
    fn who(
        &self,
        id: &Arc<str>,
        agent: Option<String>,
        human: Option<String>,
    ) -> Result<Who, Refused> {
        let agent = match (agent, human) {
            (Some(agent), _) => agent,
            (None, Some(name)) => return Ok(Who::human(name.as_str())),
            (None, None) => {
                return Err(Refused::new(
                    RefusedCode::BadCommand,
                    "nobody is named",
                    "name an agent or a person",
                ));
            }
        };
        let agents = self.0.agents.borrow();
        let known = agents.get(&agent).map(|entry| entry.agent.clone());
        drop(agents);
        let (agent, run) = match known {
            Some(name) => (name, Arc::from(agent)),
            None => {
                self.agent(&agent)?;
                let run = self.run_to_bind(id, &agent);
                (Arc::from(agent), run)
            }
        };
        let elsewhere = self.binding_of(&run).filter(|bound| bound.instance != *id);
        match elsewhere {
            Some(bound) => Err(Refused::new(
                RefusedCode::Taken,
                format!(
                    "the run {run} of `{agent}` holds the role `{}` of {}",
                    bound.role, bound.instance
                ),
                "detach it there first, or name the agent and not the run: then it gets a run of its own",
            )),
            None => Ok(Who::agent(agent, run)),
        }
    }

    /// A person answers what a workflow asks.
    fn answering(&self, id: &Arc<str>, text: &str) -> Result<Happened, Refused> {
        let instances = self.0.instances.borrow();
        let instance = instances.get(id).ok_or_else(|| no_such_instance(id))?;
        let asked = instance.activities();
        let Some(ask) = asked
            .into_iter()
            .find(|activity| &*activity.activity == "ask")
        else {
            return Err(Refused::new(
                RefusedCode::NotNow,
                format!("the instance {id} asks nothing now"),
                "`charthouse workflow show` says what it waits for",
            ));
        };
        let data = Value::map([("text", Value::text(text))]);
        Ok(Happened::Activity {
            id: ask.id,
            event: Event::new("ask.done", data, self.steady().0),
        })
    }
}

fn one(id: Arc<str>, happened: Happened, deed: Deed, answer: Json) -> Intent {
    Intent {
        within: Within::Instance(id),
        happened: vec![happened],
        deed,
        answer,
    }
}

/// An event that a person raises in a workflow.
pub(super) fn by_hand(by: Option<&str>, event: &str, data: Value) -> Happened {
    Happened::Event {
        event: Event::new(event, data, 0),
        from: Sender::Human {
            name: by.unwrap_or("operator").into(),
        },
    }
}
