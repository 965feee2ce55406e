//! What can happen to an instance, and what follows from it, both as data.

use super::instance::Ended;
use super::who::{Via, Who};
use crate::record::Kind;
use definitions::ChartBundle;
use std::fmt;
use std::sync::Arc;
use types::{Event, Value};

/// Something that happens to an instance.
#[derive(Clone, Debug)]
pub enum Happened {
    /// An event, in the name of whoever sends it. Its time is when it is taken.
    Event {
        /// The event.
        event: Event,
        /// Who sends it.
        from: Sender,
    },
    /// The earliest timer or delayed send is due; nothing happens where none is. Several that are due are taken one by one, until `next_due` is later.
    Due,
    /// Somebody is to hold a role.
    Bind {
        /// The role.
        role: Arc<str>,
        /// Who.
        who: Who,
        /// How it came about.
        via: Via,
    },
    /// The holder of a role gives it up, or loses it.
    Detach {
        /// The role.
        role: Arc<str>,
        /// Who is to be detached; refused where another holds the role. `None` is whoever holds it.
        who: Option<Who>,
        /// How it came about.
        via: Via,
        /// Why, in words; empty where nobody says.
        why: Arc<str>,
        /// What whoever takes over should know.
        notes: Option<Arc<str>>,
    },
    /// Somebody takes a role from its holder: detached and bound in one commit, so that nobody comes between. A role that nobody holds is bound.
    TakeOver {
        /// The role.
        role: Arc<str>,
        /// Who takes it.
        who: Who,
        /// What is to be known of it.
        notes: Option<Arc<str>>,
    },
    /// The holder of a role hands in what it has done.
    HandIn {
        /// The role.
        role: Arc<str>,
        /// The state whose work it is; needed where several active states have the role.
        state: Option<Arc<str>>,
        /// Who hands it in.
        by: Who,
        /// What it came to, for instance `accepted`.
        outcome: Arc<str>,
        /// What others should know.
        notes: Option<Arc<str>>,
        /// What was made: names and values, a list, or null.
        artefacts: Value,
    },
    /// An activity that the host runs for the instance has come to an end or says something: `ask.done`, `plugin.done`, `error.*`.
    Activity {
        /// The invocation's id.
        id: Arc<str>,
        /// The event; its time is when it is taken.
        event: Event,
    },
    /// Another version of the workflow was saved.
    Moved {
        /// The new one.
        to: Arc<ChartBundle>,
    },
    /// Somebody ends the instance before its chart does.
    Cancelled {
        /// Why, in words.
        why: Arc<str>,
    },
}

/// What the host knows of a happening beside what was said. Nobody who says something can say this.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// What whoever did it has signed, as it stands on the record.
    pub signed: Option<serde_json::Value>,
    /// What the chart hears with `role.done`, beside what was handed in.
    pub known: Vec<(&'static str, Value)>,
}

/// In whose name an event comes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sender {
    /// The host itself: any event.
    Host,
    /// A person: `human.*`, and whatever the host does not keep for itself.
    Human {
        /// What the person is called.
        name: Arc<str>,
    },
    /// A chart, by `send`: whatever the host does not keep for itself.
    Chart {
        /// The run or instance.
        id: Arc<str>,
    },
}

/// What follows from a happening: what is recorded in one durable commit, and what is done after it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Taken {
    /// Records in order, for the instance's own column.
    pub records: Vec<(Kind, serde_json::Value)>,
    /// What the host does once they are on the disk, in order.
    pub out: Vec<Out>,
}

/// Something that the host does.
#[derive(Clone, Debug, PartialEq)]
pub enum Out {
    /// Deliver an event: `work.assigned`, `work.withdrawn`, `work.refused`, `work.ended`, or whatever the chart sends. Where nobody is called that, the chart
    /// hears `error.communication` from the host.
    Send {
        /// Which of [`Taken::records`] is its `sent` record: the cause that the receiver names.
        record: usize,
        /// To whom.
        to: Addressee,
        /// Its name.
        event: Arc<str>,
        /// What it carries.
        data: Value,
    },
    /// A role has no holder and there is work for it: bind somebody who fits, if anybody does. It stays on offer until then.
    Offered {
        /// The role.
        role: Arc<str>,
        /// The states with work for it, in document order.
        states: Vec<Arc<str>>,
    },
    /// Begin an activity: `ask` (put it to a person) or `plugin`. What it comes to goes back as [`Happened::Activity`].
    Invoke {
        /// The invocation.
        id: Arc<str>,
        /// The state that invokes.
        state: Arc<str>,
        /// The activity.
        activity: Arc<str>,
        /// Its parameters: `{question}`, or `{tool, arguments}`.
        params: Value,
        /// Who holds the role of that state, if it has one: whom to ask.
        holder: Option<Who>,
    },
    /// Stop an activity: its state was left.
    Stop {
        /// The invocation.
        id: Arc<str>,
    },
    /// A line for the operator.
    Log {
        /// Who says it.
        source: Arc<str>,
        /// The line.
        message: String,
    },
    /// The instance has ended. Nothing more will follow from it.
    Ended(Ended),
}

/// To whom an event goes. In records the id alone, or `human:NAME`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Addressee {
    /// A run, or an agent by its name: what stands behind `agent:` in a chart.
    Agent(Arc<str>),
    /// A person: there is nothing to deliver, only to show.
    Human(Arc<str>),
}

impl From<&Who> for Addressee {
    fn from(who: &Who) -> Self {
        match who {
            Who::Agent { run, .. } => Addressee::Agent(run.clone()),
            Who::Human { name } => Addressee::Human(name.clone()),
        }
    }
}

impl Taken {
    /// The same with `more` following it, in one commit.
    pub fn then(mut self, more: Taken) -> Self {
        let before = self.records.len();
        self.records.extend(more.records);
        self.out
            .extend(more.out.into_iter().map(|out| out.later(before)));
        self
    }

    /// The same behind `records` that go before it.
    pub fn behind(self, records: Vec<(Kind, serde_json::Value)>) -> Self {
        let before = Taken {
            records,
            out: Vec::new(),
        };
        before.then(self)
    }
}

impl Out {
    /// The same, where `before` records stand before those that it is about.
    fn later(self, before: usize) -> Self {
        match self {
            Out::Send {
                record,
                to,
                event,
                data,
            } => Out::Send {
                record: record + before,
                to,
                event,
                data,
            },
            other => other,
        }
    }
}

impl fmt::Display for Addressee {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Addressee::Agent(id) => f.write_str(id),
            Addressee::Human(name) => write!(f, "human:{name}"),
        }
    }
}

impl Happened {
    /// What `who`'s run says to the workflow it is bound to: the work is handed in, the role is given up, or any other event. `role` is that of the run's
    /// binding, for what does not name one.
    pub fn said(who: &Who, role: &Arc<str>, event: &Arc<str>, data: &Value) -> Self {
        let text = |key: &str| match data.get(key) {
            Some(Value::Text(text)) => Some(text.clone()),
            _ => None,
        };
        let role = || text("role").unwrap_or_else(|| role.clone());
        match &**event {
            "hand_in" => Happened::HandIn {
                role: role(),
                state: text("state"),
                by: who.clone(),
                outcome: text("outcome").unwrap_or_default(),
                notes: text("notes"),
                artefacts: data.get("artefacts").cloned().unwrap_or_default(),
            },
            "work.detach" => Happened::Detach {
                role: role(),
                who: Some(who.clone()),
                via: Via::Chart,
                why: text("why").unwrap_or_else(|| "its own chart gave it up".into()),
                notes: text("notes"),
            },
            _ => Happened::Event {
                event: Event::new(event.clone(), data.clone(), 0),
                from: Sender::Chart {
                    id: who.run().cloned().unwrap_or_default(),
                },
            },
        }
    }
}
