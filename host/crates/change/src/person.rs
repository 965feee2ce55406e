//! Who did something: a person or an agent, by the name that separation of duties goes by.

use crate::text::{is_text, shown};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// A person or an agent. In records `human:NAME` or `agent:NAME`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Person {
    /// An agent, whichever of its runs it was.
    Agent(Arc<str>),
    /// A person of the house's `people`.
    Human(Arc<str>),
}

impl Person {
    /// Read `human:ada`.
    ///
    /// # Errors
    /// A text that names neither a person nor an agent.
    pub fn parse(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            Some(("agent", name)) if !name.is_empty() => Ok(Person::Agent(name.into())),
            Some(("human", name)) if !name.is_empty() => Ok(Person::Human(name.into())),
            _ => Err(format!(
                "`{}` is neither agent:NAME nor human:NAME",
                shown(text)
            )),
        }
    }

    /// The agent's name, if it is one.
    pub fn agent(&self) -> Option<&str> {
        match self {
            Person::Agent(name) => Some(name),
            Person::Human(_) => None,
        }
    }

    /// The name alone.
    pub fn name(&self) -> &str {
        match self {
            Person::Agent(name) | Person::Human(name) => name,
        }
    }
}

impl fmt::Display for Person {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Person::Agent(name) => write!(f, "agent:{name}"),
            Person::Human(name) => write!(f, "human:{name}"),
        }
    }
}

is_text!(Person, String, Person::parse);
