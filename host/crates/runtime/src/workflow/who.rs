//! Who holds a role: an agent with one of its runs, or a person.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A holder of a role. In records `{"agent", "run"}` or `{"human"}`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Who {
    /// An agent, with the run that does the work.
    Agent {
        /// Its name.
        agent: Arc<str>,
        /// The run.
        run: Arc<str>,
    },
    /// A person.
    Human {
        /// What the person is called.
        #[serde(rename = "human")]
        name: Arc<str>,
    },
}

/// Whom separation of duties means: an agent whichever of its runs does the work, or a person. In records `agent:NAME` or `human:NAME`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Person {
    /// An agent by its name.
    Agent(Arc<str>),
    /// A person.
    Human(Arc<str>),
}

/// By which way a role changed hands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Via {
    /// The role was on offer, and the host found somebody who fits.
    Offer,
    /// Somebody said so.
    Command,
    /// The holder's own chart.
    Chart,
    /// The holder's run failed or is gone.
    Failure,
    /// Somebody else took over.
    TakeOver,
    /// Another version of the workflow.
    Reload,
    /// The instance ended.
    End,
}

impl Who {
    /// An agent's run.
    pub fn agent(agent: impl Into<Arc<str>>, run: impl Into<Arc<str>>) -> Self {
        Who::Agent {
            agent: agent.into(),
            run: run.into(),
        }
    }

    /// A person.
    pub fn human(name: impl Into<Arc<str>>) -> Self {
        Who::Human { name: name.into() }
    }

    /// Whom separation of duties means.
    pub fn person(&self) -> Person {
        match self {
            Who::Agent { agent, .. } => Person::Agent(agent.clone()),
            Who::Human { name } => Person::Human(name.clone()),
        }
    }

    /// The run, where it is an agent's.
    pub fn run(&self) -> Option<&Arc<str>> {
        match self {
            Who::Agent { run, .. } => Some(run),
            Who::Human { .. } => None,
        }
    }
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Who::Agent { agent, run } => write!(f, "the agent `{agent}` (run {run})"),
            Who::Human { name } => write!(f, "`{name}`, a person"),
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Person::Agent(name) => write!(f, "the agent `{name}`"),
            Person::Human(name) => write!(f, "`{name}`, a person"),
        }
    }
}

impl From<Person> for String {
    fn from(person: Person) -> String {
        match person {
            Person::Agent(name) => format!("agent:{name}"),
            Person::Human(name) => format!("human:{name}"),
        }
    }
}

impl TryFrom<String> for Person {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("agent", name)) => Ok(Person::Agent(name.into())),
            Some(("human", name)) => Ok(Person::Human(name.into())),
            _ => Err(format!("`{text}` is neither agent:NAME nor human:NAME")),
        }
    }
}
