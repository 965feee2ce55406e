//! A limit together with those it holds for.

use super::period::Period;
use super::sum::Account;
use std::fmt;
use std::sync::Arc;
use types::{Limit, Purpose, Timestamp, Window};

/// Whose spending a limit counts.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Everybody's in the house.
    House,
    /// An agent's.
    Agent(Arc<str>),
    /// That of all who work for a workflow.
    Workflow(Arc<str>),
    /// That of whoever holds a role.
    Role {
        /// The workflow.
        workflow: Arc<str>,
        /// The role.
        role: Arc<str>,
    },
    /// A run's, because whoever began it allowed it no more.
    Given,
}

impl fmt::Display for Whose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Whose::House => f.write_str("the house"),
            Whose::Agent(name) => write!(f, "agent {name}"),
            Whose::Workflow(name) => write!(f, "workflow {name}"),
            Whose::Role { workflow, role } => write!(f, "role {role} of {workflow}"),
            Whose::Given => f.write_str("this run"),
        }
    }
}

/// One limit that bears on a call.
#[derive(Clone, Debug, PartialEq)]
pub struct Line {
    /// Whose spending it counts.
    pub whose: Whose,
    /// How much.
    pub limit: Limit,
    /// The run or instance that it counts, where its window is one.
    pub within: Option<Arc<str>>,
}

impl Line {
    /// The stretch that it counts at `now`.
    pub fn period(&self, now: Timestamp) -> Period {
        let within = || self.within.clone().unwrap_or_else(|| "".into());
        match self.limit.window {
            Window::Day => Period::day(now),
            Window::Month => Period::month(now),
            Window::Run => Period::Run(within()),
            Window::Instance => Period::Instance(within()),
        }
    }

    /// Whether it counts what is spent on `account` in its period.
    pub(super) fn counts(&self, account: &Account) -> bool {
        let on_purpose = |purpose: Purpose| purpose == account.purpose;
        if !self.limit.purpose.is_none_or(on_purpose) {
            return false;
        }
        // A run's is all that was spent in it and below it, whoever did.
        if self.limit.window == Window::Run {
            return true;
        }
        match &self.whose {
            Whose::House | Whose::Given => true,
            Whose::Agent(agent) => *agent == account.agent,
            Whose::Workflow(workflow) => account.workflow.as_ref() == Some(workflow),
            Whose::Role { workflow, role } => {
                account.workflow.as_ref() == Some(workflow) && account.role.as_ref() == Some(role)
            }
        }
    }

    /// Its name: who, what and how much. A limit that is changed is another.
    pub fn name(&self) -> String {
        format!("{}: {}", self.whose, self.limit)
    }

    /// Where it is written, as `file:line`.
    pub fn at(&self) -> String {
        let place = &self.limit.place;
        match place.line {
            0 => place.file.to_string(),
            line => format!("{}:{line}", place.file),
        }
    }
}
