//! One layer of policy as its author wrote it. `definitions` reads it from YAML; [`resolve`](crate::resolve) lays the layers over each other.

use serde::Serialize;
use std::fmt;
use std::time::Duration;
use types::{Bytes, Count, Marked, Place, ToolName};

/// A layer: house default, agent, a cognition state or a workflow state; also the ceiling. What it leaves out it does not change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Overlay {
    /// Who wrote it, for people: `house default`, `agent coder`, `state act`.
    pub label: String,
    /// Tool rules in file order.
    pub tools: Vec<Marked<ToolRule>>,
    /// Mount patches by guest path.
    pub mounts: Vec<(Marked<String>, MountPatch)>,
    /// Network rules in file order.
    pub net: Vec<Marked<NetRule>>,
    /// Environment variables.
    pub env: Vec<(Marked<String>, String)>,
    /// Limits.
    pub limits: LimitsPatch,
    /// The guest's clock.
    pub clock: Option<Marked<ClockMode>>,
    /// The guest's randomness.
    pub random: Option<Marked<RandomMode>>,
}

/// What a rule says of a tool. Ordered: deny < ask < allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Refused.
    Deny,
    /// Allowed if somebody says so.
    Ask,
    /// Allowed.
    Allow,
}

/// `allow: "fs.*"`. One entry of YAML that names several patterns becomes several rules.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolRule {
    /// What it says.
    pub verdict: Verdict,
    /// A glob over `plugin.tool`; `*` matches any run of characters, dots included.
    pub pattern: String,
}

/// What a layer says of one mount; absent fields keep what the layers below said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MountPatch {
    /// Host directory as written (relative to the house).
    pub from: Option<Marked<String>>,
    /// Access.
    pub access: Option<Marked<Access>>,
    /// Globs of names that the guest must not see.
    pub hide: Vec<Marked<String>>,
}

/// What a guest may do in a mount. Ordered: none < read-only < read-write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Not mounted.
    None,
    /// Reads.
    ReadOnly,
    /// Reads and writes.
    ReadWrite,
}

/// One network rule. No interface to the network is linked in this version: a grant that has rules is refused loudly, never ignored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetRule {
    /// Allow or deny.
    pub verdict: Verdict,
    /// A glob over URLs.
    pub pattern: String,
    /// HTTP methods; empty means all.
    pub methods: Vec<String>,
    /// A secret the host adds.
    pub secret: Option<SecretRule>,
}

/// `secret: { header: Authorization, from: env:GITHUB_TOKEN }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretRule {
    /// The header that carries it.
    pub header: String,
    /// A reference: `env:NAME` or `file:PATH`. Never a value.
    pub from: String,
}

/// Limits that a layer sets; absent ones keep what the layers below said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LimitsPatch {
    /// All memories and tables of the guest together.
    pub memory: Option<Marked<Bytes>>,
    /// Fuel for one call.
    pub fuel: Option<Marked<Count>>,
    /// Wall-clock time for one call, host calls included.
    pub deadline: Option<Marked<Duration>>,
    /// Bytes that one call may answer and log.
    pub output: Option<Marked<Bytes>>,
    /// Calls of tools in one turn (written `20/turn`).
    pub calls: Option<Marked<u32>>,
}

/// The guest's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClockMode {
    /// Stands still at the time of the event that caused the call; the monotonic clock steps.
    Frozen,
    /// The host's.
    Real,
}

/// The guest's randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RandomMode {
    /// Derived from the run and the call: the same on replay.
    Seeded,
    /// The host's.
    Real,
}

impl Overlay {
    /// An empty layer.
    pub fn named(label: impl Into<String>) -> Self {
        Overlay {
            label: label.into(),
            ..Overlay::default()
        }
    }

    /// A layer that allows `tool` and nothing else: what `plugin call` without `--policy` works under.
    pub fn only(tool: &ToolName) -> Self {
        let rule = ToolRule {
            verdict: Verdict::Allow,
            pattern: tool.as_str().to_owned(),
        };
        let mut layer = Overlay::named("the tool that was named");
        layer.tools.push(Marked::new(rule, layer.built_in()));
        layer
    }

    /// Whether it has rules beyond those on tools.
    pub fn says_more_than_tools(&self) -> bool {
        let tools = Overlay {
            label: self.label.clone(),
            tools: self.tools.clone(),
            ..Overlay::default()
        };
        *self != tools
    }

    /// The place of a built-in rule of this layer.
    pub fn built_in(&self) -> Place {
        Place::built_in(&self.label)
    }
}

/// The words of YAML, used wherever a person reads one of these.
macro_rules! words {
    ($type:ident { $($variant:ident => $word:literal),+ $(,)? }) => {
        impl $type {
            /// The word used in YAML and in JSON.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

words!(Verdict { Deny => "deny", Ask => "ask", Allow => "allow" });
words!(Access { None => "none", ReadOnly => "read-only", ReadWrite => "read-write" });
words!(ClockMode { Frozen => "frozen", Real => "real" });
words!(RandomMode { Seeded => "seeded", Real => "real" });
