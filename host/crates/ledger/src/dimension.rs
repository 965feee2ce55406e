//! What costs can be counted by.

use crate::day;
use crate::entry::Entry;
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// The name of the row for what has no value.
pub const NONE: &str = "(none)";

/// What a report is broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Dimension {
    /// The agent that caused the cost.
    Agent,
    /// The agent in its version: `coder 1.2.0`.
    Version,
    /// The agent in its version, to the letter: `coder 1.2.0 (4f1c…)`.
    Revision,
    /// The role it held.
    Role,
    /// The workflow it was bound to.
    Workflow,
    /// The instance of that workflow.
    Instance,
    /// The cognition state it was in.
    State,
    /// The tool called.
    Tool,
    /// The plugin whose tool that is.
    Plugin,
    /// The plugin in its generation: `fs@4f1c…`.
    Generation,
    /// The model asked.
    Model,
    /// The provider of that model.
    Provider,
    /// The run.
    Run,
    /// What it was for.
    Purpose,
    /// The day, UTC.
    Day,
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
    pub const ALL: [Dimension; 15] = [
        Dimension::Agent,
        Dimension::Version,
        Dimension::Revision,
        Dimension::Role,
        Dimension::Workflow,
        Dimension::Instance,
        Dimension::State,
        Dimension::Tool,
        Dimension::Plugin,
        Dimension::Generation,
        Dimension::Model,
        Dimension::Provider,
        Dimension::Run,
        Dimension::Purpose,
        Dimension::Day,
    ];

    /// The word for it on the command line and in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Dimension::Agent => "agent",
            Dimension::Version => "version",
            Dimension::Revision => "revision",
            Dimension::Role => "role",
            Dimension::Workflow => "workflow",
            Dimension::Instance => "instance",
            Dimension::State => "state",
            Dimension::Tool => "tool",
            Dimension::Plugin => "plugin",
            Dimension::Generation => "generation",
            Dimension::Model => "model",
            Dimension::Provider => "provider",
            Dimension::Run => "run",
            Dimension::Purpose => "purpose",
            Dimension::Day => "day",
        }
    }

    /// The row that `entry` belongs to; [`NONE`] where it has no value, so that the rows of every dimension add up to the same.
    pub fn of<'e>(self, entry: &Entry<'e>) -> Cow<'e, str> {
        let cost = entry.cost;
        let value = match self {
            Dimension::Agent => Some(&*cost.agent),
            Dimension::Version => {
                return match &cost.version {
                    Some(version) => format!("{} {version}", cost.agent).into(),
                    None => named(Some(&cost.agent)),
                };
            }
            Dimension::Revision => {
                return match (&cost.version, &cost.revision) {
                    (Some(version), Some(hash)) => {
                        format!("{} {version} ({hash})", cost.agent).into()
                    }
                    _ => named(Some(&cost.agent)),
                };
            }
            Dimension::Role => cost.role.as_deref(),
            Dimension::Workflow => cost.workflow.as_deref(),
            Dimension::Instance => cost.instance.as_deref(),
            Dimension::State => Some(&*cost.state),
            Dimension::Tool => cost.tool.as_deref(),
            Dimension::Plugin => cost.plugin.as_deref(),
            Dimension::Generation => {
                return match (&cost.plugin, &cost.generation) {
                    (Some(plugin), Some(hash)) => format!("{plugin}@{hash}").into(),
                    (plugin, _) => named(plugin.as_deref()),
                };
            }
            Dimension::Model => cost.model.as_deref(),
            Dimension::Provider => cost.provider.as_deref(),
            Dimension::Run => Some(entry.run),
            Dimension::Purpose => Some(cost.purpose.as_str()),
            Dimension::Day => return day::name(entry.time).into(),
        };
        named(value)
    }
}

fn named(value: Option<&str>) -> Cow<'_, str> {
    value
        .filter(|value| !value.is_empty())
        .unwrap_or(NONE)
        .into()
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
