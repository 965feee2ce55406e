//! From what happens to records: one happening, and the steps of the chart that follow from it.

use super::error::WorkflowError;
use super::fact::{Fact, Refused, Said, Started, Stepped, Version};
use super::happening::{Addressee, Beside, Happened, Out, Sender, Taken};
use super::holding::plain;
use super::instance::{Ended, EndedHow, Instance, listed};
use super::sending::may_send;
use chart::{Effect, Effects, Incoming};
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use types::{Event, Value};

/// Steps that may follow from one happening: a chart that sends itself events without end must not.
const STEPS_MAX: usize = 1_000;

/// An event on its way into the chart, with where it comes from.
#[derive(Clone, Debug, Default)]
pub(super) struct Coming {
    pub name: Arc<str>,
    pub data: Value,
    pub invocation: Option<Arc<str>>,
    pub due: Option<chart::Due>,
    pub from: Option<Arc<str>>,
    pub signed: Option<serde_json::Value>,
    pub cause: Option<u64>,
}

impl Coming {
    pub fn new(name: &str, data: Value) -> Self {
        Coming {
            name: name.into(),
            data,
            ..Coming::default()
        }
    }
}

/// One happening being taken, on a copy of the instance.
pub(super) struct Doing {
    pub instance: Instance,
    pub now: i64,
    /// Goes to the first record that can name it.
    pub cause: Option<u64>,
    pub taken: Taken,
    effects: Effects,
    coming: VecDeque<Coming>,
    steps: usize,
    /// The chart has been found not to be able to take this: it is recorded with the reason, and no step is made.
    failing: Option<Arc<str>>,
    /// The work that is being handed in: whoever did needs not hear that it is gone.
    pub handing_in: Option<u64>,
    /// What the host knows of this happening beside what was said.
    pub beside: Beside,
}

impl Doing {
    pub fn new(instance: Instance, now: i64, cause: Option<u64>) -> Self {
        let mut effects = Effects::new();
        effects.watch();
        Doing {
            instance,
            now,
            cause,
            taken: Taken::default(),
            effects,
            coming: VecDeque::new(),
            steps: 0,
            failing: None,
            handing_in: None,
            beside: Beside::default(),
        }
    }

    pub fn fail_with(&mut self, why: String) {
        self.failing = Some(why.into());
    }

    pub fn finish(self) -> (Instance, Taken) {
        (self.instance, self.taken)
    }

    /// A fact: it is so from now on, and stands in the record.
    pub fn fact(&mut self, fact: Fact) {
        self.instance.core.apply(&fact);
        self.taken.records.push((fact.kind(), fact.body()));
    }

    pub fn begin(&mut self, input: Value, effects: Effects) -> Result<(), WorkflowError> {
        let input = plain(&input);
        self.effects = effects;
        self.fact(Fact::Started(Started {
            workflow: Version::of(&self.instance.bundle),
            input: input.clone(),
            time: self.now,
        }));
        self.stepped(None, None);
        let started = "work.started";
        if self
            .instance
            .chart
            .accepts(&self.instance.bundle.chart, started)
        {
            let data = Value::map([("input", input)]);
            self.coming.push_back(Coming::new(started, data));
        }
        self.settle()
    }

    pub fn happen(&mut self, happened: &Happened) -> Result<(), WorkflowError> {
        if let Some(ended) = &self.instance.core.ended {
            return match happened {
                // What comes too late is no mistake of whoever sent it.
                Happened::Due | Happened::Moved { .. } => Ok(()),
                _ => Err(WorkflowError::Ended {
                    instance: self.instance.id.clone(),
                    how: ended.status.name(),
                }),
            };
        }
        match happened {
            Happened::Event { event, from } => self.event(event, from)?,
            Happened::Due => {
                if let Some(due) = self.instance.chart.take_due(self.now) {
                    let event = due.event();
                    self.coming.push_back(Coming {
                        due: Some(due.clone()),
                        ..Coming::new(&event.name, event.data.clone())
                    });
                }
            }
            Happened::Bind { role, who, via } => self.bind(role, who, *via)?,
            Happened::Detach {
                role,
                who,
                via,
                why,
                notes,
            } => self.detach(role, who.as_ref(), *via, why, notes.as_ref())?,
            Happened::TakeOver { role, who, notes } => {
                self.take_over(role, who, notes.as_ref())?;
            }
            Happened::HandIn {
                role,
                state,
                by,
                outcome,
                notes,
                artefacts,
            } => self.hand_in(role, state.as_ref(), by, outcome, notes.as_ref(), artefacts)?,
            Happened::Activity { id, event } => self.activity(id, event)?,
            Happened::Moved { to } => self.move_to(to)?,
            Happened::Cancelled { why } => self.end(Ended {
                status: EndedHow::Cancelled,
                output: Value::Null,
                why: Some(why.clone()),
            }),
        }
        self.settle()
    }

    /// An event from outside.
    fn event(&mut self, event: &Event, from: &Sender) -> Result<(), WorkflowError> {
        let sender = match from {
            Sender::Host => None,
            Sender::Human { name } => Some(format!("human:{name}").into()),
            Sender::Chart { id } => Some(id.clone()),
        };
        may_send(&event.name, from)?;
        if let Sender::Human { .. } = from {
            self.is_heard(&event.name)?;
        }
        self.coming.push_back(Coming {
            from: sender,
            signed: self.beside.signed.clone(),
            cause: self.cause.take(),
            ..Coming::new(&event.name, event.data.clone())
        });
        Ok(())
    }

    /// A person is told that nobody listens; a chart that sends finds the same as in SCXML, that nothing comes of it.
    fn is_heard(&self, event: &Arc<str>) -> Result<(), WorkflowError> {
        let (snapshot, chart) = (&self.instance.chart, &self.instance.bundle.chart);
        if snapshot.accepts(chart, event) {
            return Ok(());
        }
        let said = |name: &str| may_send(name, &Sender::Human { name: "".into() }).is_ok();
        let listening: BTreeSet<&str> = snapshot
            .listeners(chart)
            .into_iter()
            .map(|listener| listener.event)
            .filter(|event| said(event))
            .collect();
        Err(WorkflowError::NobodyListens {
            event: event.clone(),
            configuration: listed(self.instance.configuration()),
            listening: match listening.is_empty() {
                true => "nothing that a person says is listened to there".to_owned(),
                false => format!("say {}", listed(listening)),
            },
        })
    }

    /// An activity has something to say.
    fn activity(&mut self, id: &Arc<str>, event: &Event) -> Result<(), WorkflowError> {
        if !self.instance.chart.is_invoked(id) {
            return Err(WorkflowError::NoActivity {
                id: id.clone(),
                help: "what it came to counts for nothing",
            });
        }
        self.coming.push_back(Coming {
            invocation: Some(id.clone()),
            cause: self.cause.take(),
            ..Coming::new(&event.name, event.data.clone())
        });
        Ok(())
    }

    /// What another run said is refused. It has gone on since: it stands on the record that this came and why it counts for nothing, and whoever handed in
    /// hears of it.
    pub fn refuse(&mut self, happened: &Happened, error: &WorkflowError) {
        let Some(cause) = self.cause.take() else {
            return;
        };
        let why: Arc<str> = error.to_string().into();
        self.fact(Fact::Refused(Refused {
            cause,
            refused: why.clone(),
            time: self.now,
        }));
        if let Happened::HandIn { role, by, .. } = happened {
            let data = Value::map([
                ("workflow", Value::text(self.instance.bundle.chart.name())),
                ("instance", Value::text(self.instance.id.clone())),
                ("role", Value::text(role.clone())),
                ("why", Value::text(why.clone())),
            ]);
            self.send(Addressee::from(by), "work.refused", data, None);
        }
        self.log("workflow", why.to_string());
    }

    /// Put an event in line for the chart.
    pub fn come(&mut self, coming: Coming) {
        self.coming.push_back(coming);
    }

    /// Let the chart take what has come, then tell whoever has to know.
    pub fn settle(&mut self) -> Result<(), WorkflowError> {
        self.run()?;
        if self.instance.core.ended.is_none() {
            self.assign();
            self.offer();
        }
        Ok(())
    }

    /// Let the chart take what has come.
    pub fn run(&mut self) -> Result<(), WorkflowError> {
        while let Some(mut coming) = self.coming.pop_front() {
            coming.data = plain(&coming.data);
            if self.instance.core.ended.is_some() {
                self.coming.clear();
                break;
            }
            self.steps += 1;
            if self.steps > STEPS_MAX {
                return Err(WorkflowError::Chart(format!(
                    "{STEPS_MAX} events followed each other; look for a `send` to `workflow` that leads back to where it came from"
                )));
            }
            let failed = self.failing.clone();
            if failed.is_none() {
                self.step(&coming)?;
            }
            self.stepped(Some(coming), failed);
        }
        Ok(())
    }

    fn step(&mut self, coming: &Coming) -> Result<(), WorkflowError> {
        let event = Event::new(coming.name.clone(), coming.data.clone(), self.now);
        let Instance { bundle, chart, .. } = &mut self.instance;
        let incoming = match (&coming.due, &coming.invocation) {
            (Some(due), _) => Incoming::from(due),
            (None, Some(id)) => Incoming::from_invocation(&event, id),
            (None, None) => Incoming::from(&event),
        };
        chart::step(&bundle.chart, chart, incoming, &mut self.effects)
            .map_err(|error| WorkflowError::Chart(error.to_string()))?;
        Ok(())
    }

    /// The chart has taken a step, or could not: record it with the work that came and went, and do what it asks for.
    fn stepped(&mut self, coming: Option<Coming>, failed: Option<Arc<str>>) {
        let effects: Vec<Effect> = self.effects.drain().collect();
        let entered = self.effects.take_trace().entered;
        let work = self.turnover(&entered);
        let withdrawn = self.to_withdraw(&work.closed);
        let began = coming.is_none();
        let coming = coming.unwrap_or_default();
        let event = (!began).then_some(Said {
            name: coming.name,
            data: coming.data,
        });
        if let Some(why) = &failed {
            let name = event.as_ref().map_or("", |event| &*event.name);
            self.log("chart", format!("`{name}` was not taken: {why}"));
        }
        self.fact(Fact::Stepped(Box::new(Stepped {
            event,
            time: self.now,
            configuration: self.instance.configuration(),
            effects: effects.clone(),
            invocation: coming.invocation,
            due: coming.due,
            from: coming.from,
            signed: coming.signed,
            cause: coming.cause,
            failed,
            work,
        })));
        let why = match self.instance.chart.is_done() {
            true => "the workflow ended",
            false => "the workflow went on",
        };
        self.arrived(effects, withdrawn, why);
    }

    pub fn log(&mut self, source: &str, message: String) {
        self.taken.out.push(Out::Log {
            source: source.into(),
            message,
        });
    }
}
