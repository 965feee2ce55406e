//! What a policy comes to for one call: the only thing that the sandbox is told.

use crate::{
    Access, ClockMode, GrantedCommand, HardLinks, Hide, HideError, HideGlob, NetLine, RandomMode,
    SettledCommand, Verdict, defaults,
};
use std::path::PathBuf;
use std::time::Duration;
use types::{Bytes, CallError, CallErrorKind, Count, Place, ToolName};

/// Everything that one call may touch and use. What is not in here it does not have.
#[derive(Clone, Debug, PartialEq)]
pub struct Grant {
    /// The tool it is for.
    pub tool: ToolName,
    /// Whether it may be called.
    pub verdict: Verdict,
    /// Directories, in the order of their guest paths.
    pub mounts: Vec<Mount>,
    /// Environment variables, in the order of their names.
    pub env: Vec<(String, String)>,
    /// Network rules that can matter, in order; empty when no address can be reached.
    pub net: Vec<NetLine>,
    /// The ceiling's network rules; a request that these match is held to the lesser of the two. Empty when `net` is.
    pub net_ceiling: Vec<NetLine>,
    /// Rules for native commands, in order; empty for every tool but [`EXEC_TOOL`](crate::EXEC_TOOL).
    pub exec: Vec<GrantedCommand>,
    /// The ceiling's rules for native commands.
    pub exec_ceiling: Vec<GrantedCommand>,
    /// The command that [`Grant::for_command`] settled it for.
    pub command: Option<SettledCommand>,
    /// Limits.
    pub limits: Limits,
    /// The guest's clock.
    pub clock: ClockMode,
    /// The guest's randomness.
    pub random: RandomMode,
    /// The rule that decided each line of the above. The first is always the tool's verdict.
    pub because: Vec<Because>,
}

impl Grant {
    /// The least: `tool` may be called and has nothing, with the limits that hold where nobody says otherwise, at a time that stands still.
    pub fn bare(tool: ToolName) -> Self {
        Grant {
            tool,
            verdict: Verdict::Allow,
            mounts: Vec::new(),
            env: Vec::new(),
            net: Vec::new(),
            net_ceiling: Vec::new(),
            exec: Vec::new(),
            exec_ceiling: Vec::new(),
            command: None,
            limits: Limits::default(),
            clock: ClockMode::Frozen,
            random: RandomMode::Seeded,
            because: Vec::new(),
        }
    }
}

/// A directory that the guest sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Its absolute path in the guest.
    pub guest: String,
    /// The directory on the host: absolute, without `..`, not yet canonical.
    pub host: PathBuf,
    /// What the guest may do there; never [`Access::None`].
    pub access: Access,
    /// Names that the guest must not see; compile them with [`Mount::hidden`].
    pub hide: Vec<HideGlob>,
    /// What becomes of files with several names.
    pub hard_links: HardLinks,
    /// What one call may change in it where it is staged.
    pub stage: Stage,
    /// The ceiling's directory that it must lie in. Paths were compared as text: whoever opens `host` canonicalises both and compares again, because a
    /// symbolic link may lead out.
    pub within: Option<PathBuf>,
}

/// What one call may change in a staged mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// Bytes of all files that it writes.
    pub bytes: Bytes,
    /// Files, directories and links that it makes, changes, moves or removes.
    pub files: Count,
}

impl Default for Stage {
    fn default() -> Self {
        Stage {
            bytes: defaults::STAGE_BYTES,
            files: defaults::STAGE_FILES,
        }
    }
}

impl Mount {
    /// The matcher of the names to hide. A glob that cannot be read is an error, and the mount must not be used.
    pub fn hidden(&self) -> Result<Hide, HideError> {
        Hide::new(&self.hide)
    }
}

/// How much a call may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// All memories and tables of the guest together.
    pub memory: Bytes,
    /// Fuel for one call.
    pub fuel: Count,
    /// Wall-clock time for one call, host calls included.
    pub deadline: Duration,
    /// Bytes that one call may answer and log.
    pub output: Bytes,
    /// Calls of tools in one turn.
    pub calls: u32,
    /// Requests that one call may make, where it may make any.
    pub requests: u32,
    /// Bytes that one call may send over the network.
    pub sent: Bytes,
    /// Bytes that one call may receive from it.
    pub received: Bytes,
}

impl Default for Limits {
    /// The built-in limits; their reasons stand beside the constants.
    fn default() -> Self {
        Limits {
            memory: defaults::MEMORY,
            fuel: defaults::FUEL_PER_CALL,
            deadline: defaults::DEADLINE,
            output: defaults::OUTPUT,
            calls: defaults::CALLS_PER_TURN,
            requests: defaults::REQUESTS,
            sent: defaults::SENT,
            received: defaults::RECEIVED,
        }
    }
}

impl Limits {
    /// The built-in limits of native commands, which start where small tools end.
    pub fn of_commands() -> Self {
        Limits {
            memory: defaults::COMMAND_MEMORY,
            deadline: defaults::COMMAND_DEADLINE,
            ..Limits::default()
        }
    }
}

/// What part of a grant a line of `because` speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Subject {
    /// Whether the tool may be called.
    Tool,
    /// A directory.
    Mount,
    /// The network.
    Network,
    /// A rule for native commands.
    Command,
    /// A variable.
    Environment,
    /// A limit.
    Limit,
    /// The clock.
    Clock,
    /// Randomness.
    Random,
}

/// One line of a grant and the rule that decided it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Because {
    /// What it speaks of.
    pub subject: Subject,
    /// The decision in words, such as `mount /workspace: access read-only`.
    pub what: String,
    /// Where the rule stands.
    pub place: Place,
    /// The layer that it belongs to.
    pub layer: String,
}

impl Because {
    /// `file:line`, or the file alone for what is built in.
    pub fn rule(&self) -> String {
        match self.place.line {
            0 => self.place.file.to_string(),
            line => format!("{}:{line}", self.place.file),
        }
    }
}

impl Grant {
    /// Why the call cannot be made, if it cannot. `None` for [`Verdict::Ask`] too: the caller asks, and an `ask` that nobody can answer is
    /// [`Grant::unanswered`].
    pub fn denial(&self) -> Option<CallError> {
        (self.verdict == Verdict::Deny).then(|| self.refusal())
    }

    /// The denial that an `ask` comes to when nobody can answer it.
    pub fn unanswered(&self) -> CallError {
        let rule = self.decided(Subject::Tool);
        let asks = self.described(Subject::Tool);
        let what = match &self.command {
            Some(command) => format!("the command `{}`", command.shown),
            None => format!("`{}`", self.tool),
        };
        let message = format!(
            "{what} is refused because {asks} wants a person to allow each call, and nobody is here to answer; \
             do without it, or run where somebody can be asked"
        );
        denied(message, rule)
    }

    /// The rule that decided `subject`, in words with its place.
    pub fn described(&self, subject: Subject) -> String {
        let rule = self.decided(subject);
        rule.map_or_else(|| "its policy".to_owned(), Because::described)
    }

    fn refusal(&self) -> CallError {
        if let Some(command) = &self.command {
            return self.refused_command(&command.shown);
        }
        let tool = &self.tool;
        match self
            .decided(Subject::Tool)
            .filter(|line| line.place.line > 0)
        {
            Some(rule) => {
                let message = format!(
                    "`{tool}` is refused by {}; use another tool, or ask the operator for a later rule `allow: \"{tool}\"`",
                    rule.described()
                );
                denied(message, Some(rule))
            }
            None => denied(
                format!(
                    "`{tool}` is refused because no rule allows it; use another tool, or ask the operator for a rule `allow: \"{tool}\"`"
                ),
                None,
            ),
        }
    }

    fn refused_command(&self, command: &str) -> CallError {
        let rule = self
            .decided(Subject::Tool)
            .filter(|line| line.place.line > 0);
        let why = match rule {
            Some(rule) => format!("is refused by {}", rule.described()),
            None => "is refused because no `exec` rule allows it".to_owned(),
        };
        let allowed: Vec<String> = self
            .exec
            .iter()
            .filter(|granted| granted.rule.verdict == Verdict::Allow)
            .map(|granted| crate::shown_command(&granted.rule.argv))
            .collect();
        let instead = match allowed.as_slice() {
            [] => "no command is allowed here".to_owned(),
            allowed => format!("allowed are: {}", allowed.join("; ")),
        };
        denied(
            format!(
                "the command `{command}` {why}; {instead}; or ask the operator for a later rule under `exec`"
            ),
            rule,
        )
    }

    fn decided(&self, subject: Subject) -> Option<&Because> {
        self.because.iter().find(|line| line.subject == subject)
    }
}

impl Because {
    /// The rule and its layer, for a person.
    pub(crate) fn described(&self) -> String {
        match self.place.line {
            0 => self.rule(),
            _ => format!("{} ({})", self.rule(), self.layer),
        }
    }
}

fn denied(message: String, rule: Option<&Because>) -> CallError {
    CallError {
        kind: CallErrorKind::Denied,
        message,
        rule: rule.map(Because::rule),
    }
}
