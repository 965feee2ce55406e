//! What a report can be broken down by.

use crate::Account;
use std::fmt;
use std::str::FromStr;

/// The name of the row for what has no value.
pub const NONE: &str = "(none)";

/// What a report is broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dimension {
    /// The agent that caused the cost.
    Agent,
    /// The workflow it was bound to.
    Workflow,
    /// The cognition state it was in.
    State,
    /// The tool called.
    Tool,
    /// What it was for.
    Purpose,
    /// The model asked.
    Model,
}

/// A word that is no dimension.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownDimension(pub String);

impl fmt::Display for UnknownDimension {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = Dimension::ALL.map(Dimension::as_str).join(", ");
        write!(
            f,
            "`{}` is nothing that costs are counted by: use one of {known}",
            self.0
        )
    }
}

impl std::error::Error for UnknownDimension {}

impl Dimension {
    /// Every dimension.
    pub const ALL: [Dimension; 6] = [
        Dimension::Agent,
        Dimension::Workflow,
        Dimension::State,
        Dimension::Tool,
        Dimension::Purpose,
        Dimension::Model,
    ];

    /// The word for it on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Agent => "agent",
            Dimension::Workflow => "workflow",
            Dimension::State => "state",
            Dimension::Tool => "tool",
            Dimension::Purpose => "purpose",
            Dimension::Model => "model",
        }
    }

    /// The row that `account` belongs to.
    pub(crate) fn of(self, account: &Account) -> &str {
        let value = match self {
            Dimension::Agent => Some(&*account.agent),
            Dimension::Workflow => account.workflow.as_deref(),
            Dimension::State => Some(&*account.state),
            Dimension::Tool => account.tool.as_deref(),
            Dimension::Purpose => Some(account.purpose.as_str()),
            Dimension::Model => account.model.as_deref(),
        };
        value.filter(|value| !value.is_empty()).unwrap_or(NONE)
    }
}

impl FromStr for Dimension {
    type Err = UnknownDimension;

    fn from_str(text: &str) -> Result<Self, UnknownDimension> {
        let known = Dimension::ALL
            .into_iter()
            .find(|dimension| dimension.as_str() == text);
        known.ok_or_else(|| UnknownDimension(text.to_owned()))
    }
}
