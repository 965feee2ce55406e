//! `serve`: what `charthouse serve` starts and when.
//!
//! Here it is read and judged, as everything that a house says; who listens, waits and starts is the host. So a schedule is a pure function of a time, a file
//! trigger says which paths it takes and watches none, and a prompt is filled from what happened, whoever saw it happen.

mod files;
mod http;
mod names;
mod prompt;
mod read;
mod schedule;
mod trigger;

pub use files::FilesOn;
pub use http::HttpOn;
pub use prompt::{Input, Prompt};
pub use schedule::{Cron, Schedule};

pub(crate) use names::Others;
pub(crate) use names::check as check_names;
pub(crate) use read::{at_least_one, read};

use indexmap::IndexMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use types::{Marked, Place};

/// What `charthouse serve` starts and when.
#[derive(Clone, Debug, PartialEq)]
pub struct ServeDef {
    /// Where it listens for HTTP, for triggers and for whoever asks after its health. A loopback address unless the house says `public: true`. `None` where it
    /// does not listen.
    pub http: Option<Marked<SocketAddr>>,
    /// Agents that are always up, in file order, each once.
    pub keep: Vec<Keep>,
    /// What starts runs and instances, by name, in file order.
    pub triggers: IndexMap<Arc<str>, Trigger>,
    /// What becomes of agents that fail.
    pub restart: Restart,
    /// How many runs may be active, that is not parked, at the same time; at least 1.
    pub most_running: usize,
}

impl Default for ServeDef {
    fn default() -> Self {
        ServeDef {
            http: None,
            keep: Vec::new(),
            triggers: IndexMap::new(),
            restart: Restart::default(),
            most_running: 64,
        }
    }
}

/// An agent that is always up: started at once, and restarted when it fails or ends.
#[derive(Clone, Debug, PartialEq)]
pub struct Keep {
    /// The agent: a key of `House::agents`.
    pub agent: Marked<Arc<str>>,
    /// What it is told first.
    pub prompt: Option<Arc<str>>,
}

/// What becomes of agents that fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restart {
    /// The pause before the first restart; each one after is twice as long.
    pub first: Duration,
    /// The longest pause; never shorter than `first`.
    pub most: Duration,
    /// After so many failures within `within` it is given up; at least 1.
    pub crashes: u32,
    /// The time in which failures are counted.
    pub within: Duration,
}

impl Default for Restart {
    fn default() -> Self {
        Restart {
            first: Duration::from_secs(1),
            most: Duration::from_secs(5 * 60),
            crashes: 5,
            within: Duration::from_secs(10 * 60),
        }
    }
}

/// What starts a run or an instance.
#[derive(Clone, Debug, PartialEq)]
pub struct Trigger {
    /// Its name, unique in the house.
    pub name: Arc<str>,
    /// What it waits for.
    pub on: On,
    /// What it starts.
    pub starts: Starts,
    /// What becomes of it while what it started the time before is still going on.
    pub overlap: Overlap,
    /// What becomes of the times that passed while the host was down. Only schedules have such times.
    pub missed: Missed,
    /// Where the house names it.
    pub place: Place,
}

/// What a trigger waits for.
#[derive(Clone, Debug, PartialEq)]
pub enum On {
    /// A time.
    Time(Schedule),
    /// A file that came or changed.
    Files(FilesOn),
    /// A request.
    Http(HttpOn),
}

impl On {
    /// What it is called in records and in `trigger.kind`: `cron`, `every`, `files` or `http`.
    pub fn kind(&self) -> &'static str {
        match self {
            On::Time(Schedule::Cron(_)) => "cron",
            On::Time(Schedule::Every(_)) => "every",
            On::Files(_) => "files",
            On::Http(_) => "http",
        }
    }
}

/// What a trigger starts.
#[derive(Clone, Debug, PartialEq)]
pub enum Starts {
    /// A run of an agent.
    Agent {
        /// The agent: a key of `House::agents`.
        agent: Marked<Arc<str>>,
        /// What it is told.
        prompt: Option<Prompt>,
    },
    /// An instance of a workflow.
    Workflow {
        /// The workflow: a key of `House::charts`.
        chart: Marked<Arc<str>>,
        /// What it begins with; empty where the house says nothing.
        input: Input,
    },
}

/// What becomes of a trigger while what it started the time before is still going on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overlap {
    /// Nothing is started.
    #[default]
    Skip,
    /// It is started when that has ended.
    Queue,
    /// It is started beside it.
    Parallel,
}

/// What becomes of the times of a schedule that passed while the host was down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Missed {
    /// It is started once, however many times passed.
    #[default]
    Once,
    /// They are passed over.
    Skip,
    /// It is started once for each.
    All,
}
