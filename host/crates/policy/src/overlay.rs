//! One layer of policy as its author wrote it. `definitions` reads it from YAML; [`resolve`](crate::resolve) lays the layers over each other.

use crate::ExecRule;
use crate::net::{AddressRange, UrlPattern};
use serde::Serialize;
use std::fmt;
use std::time::Duration;
use types::{Bytes, Count, Marked, Place, SecretRef, ToolName};

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
    /// Rules for native commands in file order.
    pub exec: Vec<Marked<ExecRule>>,
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
    /// Whether files with several names are refused.
    pub hard_links: Option<Marked<HardLinks>>,
    /// What one call may change in it where it is staged.
    pub stage: StagePatch,
}

/// What one call may change in a staged mount; what is absent is inherited.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StagePatch {
    /// Bytes of all files that it writes.
    pub bytes: Option<Marked<Bytes>>,
    /// Files, directories and links that it makes, changes, moves or removes.
    pub files: Option<Marked<Count>>,
}

/// What a mount does with regular files that have several hard links: under another name, and perhaps outside of the mount, each is somebody else's file.
/// Ordered: refuse < allow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum HardLinks {
    /// They are neither opened nor moved, and none are made.
    Refuse,
    /// They are files like any other.
    #[default]
    Allow,
}

/// What a guest may do in a mount. Ordered: none < read-only < staged < read-write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Access {
    /// Not mounted.
    None,
    /// Reads.
    ReadOnly,
    /// Reads, and writes into a layer above the directory that is committed as a whole after the call, or dropped.
    Staged,
    /// Reads and writes.
    ReadWrite,
}

/// One network rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct NetRule {
    /// Allow or deny.
    pub verdict: Verdict,
    /// Which URLs.
    pub pattern: UrlPattern,
    /// HTTP methods; empty means all.
    pub methods: Vec<String>,
    /// Addresses that the host's name may lead to although they are not on the internet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<AddressRange>,
    /// A secret the host adds.
    pub secret: Option<SecretRule>,
}

/// `secret: { header: Authorization, from: env:GITHUB_TOKEN, prefix: "Bearer " }`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SecretRule {
    /// The header that carries it.
    pub header: String,
    /// Where it is. Never a value.
    #[serde(serialize_with = "as_text")]
    pub from: SecretRef,
    /// What stands before it in the header, such as `Bearer `.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub prefix: String,
}

fn as_text<S: serde::Serializer>(secret: &SecretRef, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(secret)
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
    /// Requests that one call may make (written `50/call`).
    pub requests: Option<Marked<u32>>,
    /// Bytes that one call may send over the network.
    pub sent: Option<Marked<Bytes>>,
    /// Bytes that one call may receive from it.
    pub received: Option<Marked<Bytes>>,
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
words!(Access { None => "none", ReadOnly => "read-only", Staged => "staged", ReadWrite => "read-write" });
words!(HardLinks { Refuse => "refuse", Allow => "allow" });
words!(ClockMode { Frozen => "frozen", Real => "real" });
words!(RandomMode { Seeded => "seeded", Real => "real" });
