//! What travels between the host and the process that confines a command: a plan in, a report out, both JSON.

use policy::{Access, Grant, HideGlob};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// Everything that the confining process needs to know. It decides nothing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Plan {
    pub argv: Vec<String>,
    pub env: Vec<(String, String)>,
    /// A path of the view that the command has.
    pub cwd: String,
    pub stdin: String,
    /// In the order of their guest paths.
    pub mounts: Vec<PlannedMount>,
    pub deadline: Duration,
    pub memory: u64,
    pub output: u64,
    pub processes: u32,
    pub cpu: Option<Duration>,
}

/// A directory of the view.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct PlannedMount {
    pub guest: String,
    pub host: PathBuf,
    pub writable: bool,
    /// Each glob with what it counts from, as in [`HideGlob`].
    hide: Vec<(String, String)>,
}

impl PlannedMount {
    fn of(mount: &policy::Mount) -> Self {
        let hide = mount.hide.iter();
        PlannedMount {
            guest: mount.guest.clone(),
            host: mount.host.clone(),
            writable: mount.access == Access::ReadWrite,
            hide: hide
                .map(|hide| (hide.glob.clone(), hide.below.clone()))
                .collect(),
        }
    }

    /// The matcher of what it hides.
    pub fn hidden(&self) -> Result<policy::Hide, policy::HideError> {
        let globs: Vec<HideGlob> = self
            .hide
            .iter()
            .map(|(glob, below)| HideGlob {
                glob: glob.clone(),
                below: below.clone(),
            })
            .collect();
        policy::Hide::new(&globs)
    }

    /// Whether anything can be hidden in it.
    pub fn hides(&self) -> bool {
        !self.hide.is_empty()
    }
}

/// What a call asks for, with the grant that was settled for it.
pub(super) fn plan(
    request: super::Command,
    env: Vec<(String, String)>,
    cwd: String,
    grant: &Grant,
) -> Plan {
    let limits = &grant.limits;
    let command = grant.command.as_ref();
    Plan {
        argv: request.argv,
        env,
        cwd,
        stdin: request.stdin.unwrap_or_default(),
        mounts: grant.mounts.iter().map(PlannedMount::of).collect(),
        deadline: limits.deadline,
        memory: limits.memory.0,
        output: limits.output.0,
        processes: command.map_or(policy::COMMAND_PROCESSES, |command| command.processes),
        cpu: command.and_then(|command| command.cpu),
    }
}

/// What became of a command.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Report {
    /// It was not started, because this machine cannot confine it.
    Unenforceable(String),
    /// It was not started, for a reason that the caller or the operator can change.
    NotStarted(String),
    /// It ran.
    Ran(Ended),
}

/// How a command ended.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Ended {
    /// Its exit code; 128 and the signal's number where a signal ended it, as shells count.
    pub exit_code: i32,
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    /// Bytes that were left out of the two.
    pub left_out: u64,
    /// The limit that ended it.
    pub limit: Option<Limit>,
    /// Most memory seen at once.
    pub memory: u64,
    /// CPU time of all its processes, in microseconds.
    pub cpu_us: u64,
    /// Paths that it made and that policy hides from every tool.
    pub made_hidden: Vec<String>,
}

/// A limit that ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Limit {
    Deadline,
    Memory,
    Processes,
    Cpu,
}
