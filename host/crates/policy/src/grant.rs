//! What a policy comes to for one call: the only thing that the sandbox is told.

use crate::{Access, ClockMode, Hide, HideError, HideGlob, NetRule, RandomMode, Verdict, defaults};
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
    pub net: Vec<NetRule>,
    /// The ceiling's network rules; a request that these match is held to the lesser of the two. Empty when `net` is.
    pub net_ceiling: Vec<NetRule>,
    /// Limits.
    pub limits: Limits,
    /// The guest's clock.
    pub clock: ClockMode,
    /// The guest's randomness.
    pub random: RandomMode,
    /// The rule that decided each line of the above. The first is always the tool's verdict.
    pub because: Vec<Because>,
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
    /// The ceiling's directory that it must lie in. Paths were compared as text: whoever opens `host` canonicalises both and compares again, because a
    /// symbolic link may lead out.
    pub within: Option<PathBuf>,
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
        if self.verdict == Verdict::Deny {
            return Some(self.refusal());
        }
        let rule = self
            .decided(Subject::Network)
            .filter(|_| !self.net.is_empty())?;
        let message = format!(
            "`{}` is refused because {} grants it the network, and this version links no interface to it; \
             take the `net` rule out, or end it with `{{ deny: \"*\" }}` for the states that call this tool",
            self.tool,
            rule.described()
        );
        Some(denied(message, Some(rule)))
    }

    /// The denial that an `ask` comes to when nobody can answer it.
    pub fn unanswered(&self) -> CallError {
        let rule = self.decided(Subject::Tool);
        let asks = self.described(Subject::Tool);
        let message = format!(
            "`{}` is refused because {asks} wants a person to allow each call, and nobody is here to answer; \
             do without it, or run where somebody can be asked",
            self.tool
        );
        denied(message, rule)
    }

    /// The rule that decided `subject`, in words with its place.
    pub fn described(&self, subject: Subject) -> String {
        let rule = self.decided(subject);
        rule.map_or_else(|| "its policy".to_owned(), Because::described)
    }

    fn refusal(&self) -> CallError {
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
