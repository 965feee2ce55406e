//! Why a run cannot go on at all. What goes wrong inside a run becomes an event of its chart instead.

use journal::{JournalError, Record};
use sandbox::{SandboxError, SwapError};
use std::sync::Arc;

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
    /// A component does not take a plugin's place.
    #[error(transparent)]
    Swap(#[from] SwapError),
    /// The journal cannot be written: nothing more was done.
    #[error("{0}")]
    Journal(Arc<JournalError>),
    /// A workflow, or the host of several runs, does not allow it.
    #[error("{0}")]
    Refused(Box<crate::host::Refused>),
    /// The house is controlled, and something in it is not released.
    #[error("{0}")]
    NotReleased(Box<crate::control::NotReleased>),
    /// What was released cannot be put in its place.
    #[error("what was released cannot be put in place: {0}")]
    Place(#[from] crate::control::PlaceError),
    /// The journal has no such run.
    #[error("there is no run `{run}` to go on with; `charthouse journal show` lists the runs")]
    NoSuchRun {
        /// What was asked for.
        run: String,
    },
    /// A record is named that the run does not come to.
    #[error(
        "record {until} is not within the run `{run}`: its first record is {first}, its last is {last}"
    )]
    OutsideOfRun {
        /// The run.
        run: String,
        /// The record that was named.
        until: u64,
        /// The run's first record.
        first: u64,
        /// The run's last record.
        last: u64,
    },
    /// The run is another agent's.
    #[error("the run `{run}` is one of the agent `{other}`, not of `{agent}`: name that agent")]
    OtherAgent {
        /// The run.
        run: String,
        /// The agent asked for.
        agent: String,
        /// Whose run it is.
        other: String,
    },
    /// A record of the run cannot be read.
    #[error(
        "record {record} of the run `{run}` cannot be read ({why}); `charthouse journal verify` tells whether it was changed"
    )]
    Damaged {
        /// The run.
        run: String,
        /// The record's number.
        record: u64,
        /// What is wrong with it.
        why: String,
    },
    /// What is needed of a record was taken out of the journal.
    #[error(
        "record {record} of the run `{run}` was compacted: its body was taken out of the journal, and the run cannot be taken up any more"
    )]
    Compacted {
        /// The run.
        run: String,
        /// The record's number.
        record: u64,
    },
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

impl RuntimeError {
    /// `record` cannot be read, because of `why` or because nothing is there any more.
    pub(crate) fn unreadable(record: &Record, why: &serde_json::Error) -> Self {
        let (run, number) = (record.run.clone(), record.seq.0);
        match record.is_compacted() {
            true => RuntimeError::Compacted {
                run,
                record: number,
            },
            false => RuntimeError::Damaged {
                run,
                record: number,
                why: why.to_string(),
            },
        }
    }
}

impl From<JournalError> for RuntimeError {
    fn from(error: JournalError) -> Self {
        RuntimeError::Journal(Arc::new(error))
    }
}

impl From<crate::control::NotReleased> for RuntimeError {
    fn from(refused: crate::control::NotReleased) -> Self {
        RuntimeError::NotReleased(Box::new(refused))
    }
}

impl From<Arc<JournalError>> for RuntimeError {
    fn from(error: Arc<JournalError>) -> Self {
        RuntimeError::Journal(error)
    }
}
