//! Why a run cannot go on at all. What goes wrong inside a run becomes an event of its chart instead.

use journal::JournalError;
use sandbox::SandboxError;

/// A run that cannot start, or cannot be recorded.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The house has no such agent.
    #[error("there is no agent `{name}` in this house; it has {known}")]
    UnknownAgent {
        /// What was asked for.
        name: String,
        /// What there is.
        known: String,
    },
    /// The agent names something the house does not have. `check` reports it with its place.
    #[error("the agent `{agent}` cannot run: {message}")]
    Incomplete {
        /// The agent.
        agent: String,
        /// What is missing.
        message: String,
    },
    /// A plugin cannot be loaded.
    #[error(transparent)]
    Plugin(#[from] SandboxError),
    /// The journal cannot be written: nothing more was done.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The agent's chart has no such state.
    #[error("the chart `{chart}` has no state `{name}`; it has {known}")]
    UnknownState {
        /// What was asked for.
        name: String,
        /// The chart.
        chart: String,
        /// What there is.
        known: String,
    },
    /// No payload can be made.
    #[error("no payload can be made: {0}")]
    Context(String),
    /// The chart cannot take a step, for instance because transitions without events never end.
    #[error("the chart cannot go on: {0}")]
    Chart(String),
}
