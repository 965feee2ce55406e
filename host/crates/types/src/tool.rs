//! What a tool is called, what it says of itself, and what calling it can come to.

use crate::Bytes;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;

/// Longest name that every provider accepts for a tool.
const WIRE_NAME_MAX: usize = 64;

/// Why a name cannot be a plugin's or a tool's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ToolNameError {
    /// Characters that some provider would refuse.
    #[error("`{0}` is not a name: use ASCII letters, digits, `-` and `_`, starting with a letter")]
    Characters(String),
    /// No dot, or more than one.
    #[error("`{0}` is not a tool's full name: write `plugin.tool`, for instance `fs.read`")]
    Shape(String),
    /// Longer on the wire than providers accept.
    #[error("`{0}` is longer than the {WIRE_NAME_MAX} characters that providers accept")]
    Length(String),
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
}

/// The name under which a house knows a plugin; the prefix of its tools.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct PluginName(Arc<str>);

impl PluginName {
    /// Check `text` and take it as a plugin's name.
    pub fn parse(text: &str) -> Result<Self, ToolNameError> {
        if is_name(text) {
            Ok(PluginName(text.into()))
        } else {
            Err(ToolNameError::Characters(text.into()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for PluginName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The full name of a tool, `plugin.tool`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ToolName {
    full: Arc<str>,
    dot: usize,
}

impl ToolName {
    /// The tool `tool` of `plugin`.
    pub fn new(plugin: &PluginName, tool: &str) -> Result<Self, ToolNameError> {
        if !is_name(tool) {
            return Err(ToolNameError::Characters(tool.into()));
        }
        let name = ToolName {
            full: format!("{plugin}.{tool}").into(),
            dot: plugin.as_str().len(),
        };
        if name.wire().len() > WIRE_NAME_MAX {
            return Err(ToolNameError::Length(name.full.to_string()));
        }
        Ok(name)
    }

    /// Parse `plugin.tool`.
    pub fn parse(text: &str) -> Result<Self, ToolNameError> {
        match text.split_once('.') {
            Some((plugin, tool)) => ToolName::new(&PluginName::parse(plugin)?, tool),
            None => Err(ToolNameError::Shape(text.into())),
        }
    }

    /// `plugin.tool`.
    pub fn as_str(&self) -> &str {
        &self.full
    }

    /// The plugin's part.
    pub fn plugin(&self) -> &str {
        &self.full[..self.dot]
    }

    /// The tool's part, as the plugin itself calls it.
    pub fn tool(&self) -> &str {
        &self.full[self.dot + 1..]
    }

    /// The spelling used towards models: `fs__read`.
    ///
    /// Providers accept letters, digits, `-` and `_` only. The first `__` stands for the dot, and inside the plugin's name every `_` is
    /// written `_-`, so that no other `__` can come before it: [`ToolName::from_wire`] always gets the same name back.
    pub fn wire(&self) -> String {
        format!("{}__{}", self.plugin().replace('_', "_-"), self.tool())
    }

    /// Read what [`ToolName::wire`] wrote; also accepts the dotted spelling, which some models prefer to send.
    pub fn from_wire(text: &str) -> Option<Self> {
        if let (Some((plugin, tool)), false) = (text.split_once("__"), text.contains('.')) {
            let plugin = PluginName::parse(&plugin.replace("_-", "_")).ok()?;
            return ToolName::new(&plugin, tool).ok();
        }
        ToolName::parse(text).ok()
    }
}

impl fmt::Display for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl fmt::Debug for ToolName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.full)
    }
}

impl Serialize for ToolName {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.full)
    }
}

impl<'de> Deserialize<'de> for ToolName {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        ToolName::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// What calling a tool twice would do. What a plugin claims counts only where the house trusts it; every other tool is `Once`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// Reads only: may be repeated and run beside others.
    None,
    /// Writes, but a second identical call changes nothing more.
    Idempotent,
    /// Must not be repeated.
    Once,
}

/// A tool as its plugin describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSpec {
    /// The tool's own name, without the plugin's.
    pub name: String,
    /// What it does, for the model.
    pub description: String,
    /// JSON Schema 2020-12 of its arguments.
    pub parameters: serde_json::Value,
    /// What the plugin says about repeating a call.
    pub effect: Effect,
}

/// One piece of what a tool answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Text.
    Text(String),
    /// Structured data.
    Json(serde_json::Value),
    /// Bytes of a media type, written as base64 in JSON.
    Blob {
        /// Media type such as `image/png`.
        mime: String,
        /// The bytes.
        #[serde(with = "base64_bytes")]
        bytes: Vec<u8>,
    },
}

impl Part {
    /// How many bytes it holds.
    pub fn bytes(&self) -> usize {
        match self {
            Part::Text(text) => text.len(),
            Part::Json(json) => json.to_string().len(),
            Part::Blob { bytes, .. } => bytes.len(),
        }
    }

    /// What the model reads of this part.
    pub fn to_text(&self) -> String {
        match self {
            Part::Text(text) => text.clone(),
            Part::Json(json) => json.to_string(),
            Part::Blob { mime, bytes } => {
                format!("[{mime}, {}]", Bytes(bytes.len() as u64))
            }
        }
    }
}

/// The kinds of failure that a call can end in; the same words in every front end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CallErrorKind {
    /// The arguments were wrong: the caller can mend them.
    Invalid,
    /// Policy refused the call.
    Denied,
    /// Something it needs is not there now.
    Unavailable,
    /// The tool tried and did not succeed.
    Failed,
    /// It ran into one of its limits.
    Limit,
    /// The guest crashed.
    Trap,
}

impl CallErrorKind {
    /// The word used in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            CallErrorKind::Invalid => "invalid",
            CallErrorKind::Denied => "denied",
            CallErrorKind::Unavailable => "unavailable",
            CallErrorKind::Failed => "failed",
            CallErrorKind::Limit => "limit",
            CallErrorKind::Trap => "trap",
        }
    }
}

/// A call that did not succeed, in words that the model and the operator can both act on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {message}", kind.as_str())]
pub struct CallError {
    /// What sort of failure it is.
    pub kind: CallErrorKind,
    /// What happened and what to do about it.
    pub message: String,
    /// The rule that decided, as `file:line`, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
}

impl CallError {
    /// A failure that no rule decided.
    pub fn new(kind: CallErrorKind, message: impl Into<String>) -> Self {
        CallError {
            kind,
            message: message.into(),
            rule: None,
        }
    }
}

/// Something that the sandbox refused while a call was running. WASI's error codes carry no text, so the host lists these beside the outcome.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What the guest tried, for instance `open for writing`.
    pub operation: String,
    /// On what, in the guest's own words, for instance `/workspace/.env`.
    pub subject: String,
    /// Why it was refused.
    pub reason: String,
}

/// What a call changed in a staged mount, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Staged {
    /// The mount's guest path.
    pub mount: String,
    /// What became of the changes.
    pub state: StagedState,
    /// Why they were dropped or refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// The changes, by path.
    pub changes: Vec<StagedChange>,
}

/// What became of staged changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StagedState {
    /// They are in the directory now.
    Committed,
    /// The call did not succeed, or only a dry run was asked for.
    Dropped,
    /// The call succeeded, but they may not be committed.
    Refused,
}

/// What happened to something in a staged mount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StagedWhat {
    /// It was made.
    Created,
    /// Its content is another.
    Changed,
    /// It was removed.
    Deleted,
    /// It stands elsewhere, perhaps changed.
    Renamed,
}

/// What something in a staged mount is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StagedKind {
    /// A file.
    File,
    /// A directory.
    Directory,
    /// A symbolic link.
    Link,
}

/// One change in a staged mount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StagedChange {
    /// What happened.
    pub what: StagedWhat,
    /// To what.
    pub kind: StagedKind,
    /// Its path in the mount, after the change where it has one.
    pub path: String,
    /// Where it stood before, if elsewhere.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// A changed file's bytes before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// A changed file's bytes after.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// The lines that differ, as a unified diff; none for what is no text or too long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub diff: Option<String>,
}

impl fmt::Display for StagedChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            StagedWhat::Created => "created",
            StagedWhat::Changed => "changed",
            StagedWhat::Deleted => "deleted",
            StagedWhat::Renamed => "renamed",
        };
        let kind = match self.kind {
            StagedKind::File => "",
            StagedKind::Directory => " directory",
            StagedKind::Link => " link",
        };
        write!(f, "{what}{kind} ")?;
        if let Some(from) = &self.from {
            write!(f, "{from} to ")?;
        }
        write!(f, "{}", self.path)?;
        match (self.before, self.after) {
            (Some(before), Some(after)) => {
                write!(f, " ({} to {})", crate::Bytes(before), crate::Bytes(after))
            }
            (None, Some(size)) | (Some(size), None) => write!(f, " ({})", crate::Bytes(size)),
            (None, None) => Ok(()),
        }
    }
}

/// What one call came to, with what it cost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The answer or the failure.
    pub result: Result<Vec<Part>, CallError>,
    /// What WASI refused during the call.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<Refusal>,
    /// What it changed in staged mounts. For the operator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub staged: Vec<Staged>,
    /// What the guest wrote to its log and to standard error, cut to the call's output limit. For the operator, never for the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub log: Vec<String>,
    /// Wall-clock time in microseconds.
    pub wall_us: u64,
    /// CPU time in microseconds, where it is counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cpu_us: u64,
    /// Fuel burnt: exact, and the same on every run of the same call.
    pub fuel: u64,
    /// Most memory held at once by the guest, in bytes.
    pub memory: u64,
    /// Bytes that the guest sent over the network itself.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sent: u64,
    /// Bytes of the answers to that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub received: u64,
}

impl Outcome {
    /// A call that ended before any guest ran.
    pub fn refused(error: CallError) -> Self {
        Outcome {
            result: Err(error),
            refused: Vec::new(),
            staged: Vec::new(),
            log: Vec::new(),
            wall_us: 0,
            cpu_us: 0,
            fuel: 0,
            memory: 0,
            sent: 0,
            received: 0,
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Outcome {
    /// Bytes of the answer, or of what is said of the failure.
    pub fn bytes(&self) -> u64 {
        let bytes: usize = match &self.result {
            Ok(parts) => parts.iter().map(Part::bytes).sum(),
            Err(error) => error.message.len(),
        };
        bytes as u64
    }
}

mod base64_bytes {
    //! Standard base64, which is all that JSON can carry of a blob.
    use base64::{Engine, engine::general_purpose::STANDARD};
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD
            .decode(String::deserialize(deserializer)?)
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wire_spelling_is_reversible() {
        for (plugin, tool) in [
            ("fs", "read"),
            ("my_tool", "run_it"),
            ("a_", "b"),
            ("repo-map", "x__y"),
            ("a_-b", "c-"),
        ] {
            let name = ToolName::new(&PluginName::parse(plugin).unwrap(), tool).unwrap();
            assert_eq!(
                ToolName::from_wire(&name.wire()),
                Some(name.clone()),
                "{name}"
            );
            assert!(
                name.wire()
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "_-".contains(c))
            );
        }
        assert_eq!(ToolName::parse("fs.read").unwrap().wire(), "fs__read");
        assert_eq!(
            ToolName::from_wire("fs.read"),
            ToolName::parse("fs.read").ok()
        );
    }

    #[test]
    fn names_that_a_provider_would_refuse_are_refused_here() {
        for text in ["fs", "fs.", ".read", "fs.re ad", "fs.a.b", "1fs.x", "fs.é"] {
            assert!(ToolName::parse(text).is_err(), "{text}");
        }
        assert!(ToolName::parse(&format!("fs.{}", "x".repeat(70))).is_err());
    }

    #[test]
    fn blobs_survive_json() {
        for length in 0..8u8 {
            let part = Part::Blob {
                mime: "image/png".into(),
                bytes: (0..length).map(|b| b.wrapping_mul(97)).collect(),
            };
            let json = serde_json::to_string(&part).unwrap();
            assert_eq!(serde_json::from_str::<Part>(&json).unwrap(), part);
        }
    }
}
