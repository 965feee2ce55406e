//! What one inference request carries and what comes back, in no provider's dialect.
//!
//! `context` assembles payloads, `provider` encodes them, `runtime` keeps the history they are made of. Items are shared, never copied: a
//! payload of a long history is a list of pointers.

use crate::Text;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::{AddAssign, Deref};
use std::sync::Arc;

/// Who a text chunk speaks as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The host's own instructions.
    System,
    /// The person or the host speaking to the model.
    User,
}

/// How long a chunk's text stays as it is; stable chunks stand first so that the provider's cached prefix is long.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CacheClass {
    /// The same for the whole run.
    Stable,
    /// May change from turn to turn.
    #[default]
    Volatile,
}

/// Where a piece of a payload came from. It travels with the piece and into the journal, so that policies can come to match on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Provenance {
    /// A definition or the host itself.
    House,
    /// A person.
    Human,
    /// A model, by name.
    Model(Arc<str>),
    /// A plugin, with the hash of the generation that produced it.
    Plugin {
        /// The plugin's name.
        name: Arc<str>,
        /// Content hash of the component, short form.
        generation: Arc<str>,
    },
    /// A file, by the path shown to people.
    File(Arc<str>),
}

/// A mark on data, such as `untrusted`.
pub type Label = Arc<str>;

/// One item of a conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Item {
    /// A chunk's text, or what a person said.
    Text {
        /// Who speaks.
        role: Role,
        /// What is said.
        text: Text,
        /// Where it came from.
        provenance: Provenance,
        /// Labels put on it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        labels: Vec<Label>,
    },
    /// What the model answered, kept as it was.
    Assistant {
        /// Visible text; empty when it only called tools.
        text: Text,
        /// Reasoning that came before it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reasoning: Option<Reasoning>,
        /// The calls it made, in order.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        calls: Vec<ToolCall>,
        /// The model that said it.
        provenance: Provenance,
    },
    /// The outcome of one of the calls above it.
    Result(ToolResult),
}

/// A call the model asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolCall {
    /// The provider's id, which the result must name.
    pub id: Arc<str>,
    /// The dotted name where it is a known spelling of one, else what the model wrote.
    pub name: Arc<str>,
    /// JSON text exactly as the model wrote it.
    pub arguments: Arguments,
}

/// What a model wrote as the arguments of a call. Whether that is a JSON object is found out once, when it is made: every request that the call stands in
/// has to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arguments {
    text: Text,
    is_object: bool,
}

impl Arguments {
    /// Whether they are a JSON object, as they should be.
    pub fn is_object(&self) -> bool {
        self.is_object
    }
}

impl Deref for Arguments {
    type Target = Text;
    fn deref(&self) -> &Text {
        &self.text
    }
}

impl From<Text> for Arguments {
    fn from(text: Text) -> Self {
        Arguments::from(&*text.plain())
    }
}

impl From<&str> for Arguments {
    fn from(text: &str) -> Self {
        let is_object = text.trim_start().starts_with('{')
            && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
        Arguments {
            text: text.into(),
            is_object,
        }
    }
}

impl From<String> for Arguments {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl fmt::Display for Arguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text.fmt(f)
    }
}

impl PartialEq<&str> for Arguments {
    fn eq(&self, other: &&str) -> bool {
        self.text == *other
    }
}

impl Serialize for Arguments {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Arguments {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Text::deserialize(deserializer).map(Arguments::from)
    }
}

/// What a model thought before it answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reasoning {
    /// Its readable text; empty where the provider gives none.
    pub text: Text,
    /// The provider's own form of it, which some APIs want back unchanged with the calls that followed it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kept: Option<Kept>,
}

impl Reasoning {
    /// Reasoning that is text alone.
    pub fn text(text: impl Into<Text>) -> Self {
        Reasoning {
            text: text.into(),
            kept: None,
        }
    }
}

/// Something in one dialect's own JSON, sent back as it came and only in that dialect.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// The dialect whose JSON it is.
    pub dialect: Arc<str>,
    /// The JSON, to the byte.
    pub json: Arc<str>,
}

/// What a call came to, as the model reads it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolResult {
    /// The call's id.
    pub call: Arc<str>,
    /// The tool's dotted name.
    pub name: Arc<str>,
    /// Text for the model.
    pub text: Text,
    /// Whether the call failed.
    pub failed: bool,
    /// The plugin that answered, or the house for a denial.
    pub provenance: Provenance,
    /// Labels put on it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<Label>,
}

/// A tool as offered to the model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ToolSchema {
    /// Dotted name, or a host tool's plain name.
    pub name: Arc<str>,
    /// What it does.
    pub description: Arc<str>,
    /// JSON Schema of its arguments.
    pub parameters: Arc<serde_json::Value>,
}

/// What the agent definition says of its model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ModelParameters {
    /// The provider's name in the house.
    pub provider: Arc<str>,
    /// The model's name at that provider.
    pub name: Arc<str>,
    /// Tokens that input and output share.
    pub context_length: u64,
    /// Tokens kept free for the answer.
    pub max_output: u64,
    /// Sampling temperature; the provider's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
    /// How long it may think before it answers; the provider's default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Effort>,
}

/// How long a model may think before it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effort {
    /// Briefly.
    Low,
    /// As long as most tasks need.
    Medium,
    /// Long.
    High,
}

/// One request: what to say, which tools to offer, how to sample.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Payload {
    /// Items in the order they are sent.
    pub items: Vec<Arc<Item>>,
    /// Tools in the order they are offered.
    pub tools: Vec<ToolSchema>,
    /// Model and sampling.
    pub parameters: ModelParameters,
    /// Where prefixes end that will be sent again, as numbers of items from the front, ascending: a provider that wants to be told what to cache is told
    /// these, from the longest-lived (the first) on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breakpoints: Vec<usize>,
}

/// Why the model stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopReason {
    /// It had said what it wanted.
    End,
    /// It wants its tool calls run.
    ToolCalls,
    /// It ran into `max_output`.
    Length,
    /// The provider filtered it.
    Filter,
    /// Anything else, as the provider put it.
    Other(String),
}

/// Tokens as the provider reports them (or as they were estimated when it reports none).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// All input tokens, cached ones included.
    pub input: u64,
    /// Input tokens that the provider had cached.
    pub cached: u64,
    /// Input tokens that the provider has put into its cache, where it charges for that.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub cache_write: u64,
    /// All output tokens, reasoning included.
    pub output: u64,
    /// Output tokens spent on reasoning.
    pub reasoning: u64,
    /// Whether the provider reported these; `false` means estimated by the host.
    pub reported: bool,
}

impl AddAssign for Usage {
    fn add_assign(&mut self, more: Usage) {
        self.input += more.input;
        self.cached += more.cached;
        self.cache_write += more.cache_write;
        self.output += more.output;
        self.reasoning += more.reasoning;
        self.reported &= more.reported;
    }
}

/// What one inference came to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// Visible text.
    pub text: Arc<str>,
    /// Reasoning, when the provider gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reasoning: Option<Reasoning>,
    /// Calls in order.
    pub calls: Vec<ToolCall>,
    /// Why it stopped.
    pub stop: StopReason,
    /// Tokens.
    pub usage: Usage,
    /// Tokens of attempts before it that came to nothing, as far as the provider told them: they are paid for too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub abandoned: Option<Usage>,
    /// The model that answered, as the provider names it.
    pub model: Arc<str>,
    /// The provider's id for the request, where it gives one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Arc<str>>,
}

/// What sort of trouble a provider had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelErrorKind {
    /// Could not be reached, or broke off.
    Unreachable,
    /// No key, a wrong key, or no right to the model.
    Unauthorised,
    /// Too many requests.
    RateLimited,
    /// The payload is too long for the model.
    ContextOverflow,
    /// The provider says the request is wrong.
    Rejected,
    /// Nothing came for too long.
    Timeout,
    /// It answered something that is not its own protocol.
    Protocol,
    /// A script has no reply for this payload.
    NoReply,
}

/// A failed inference, in words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct ModelError {
    /// What sort of trouble.
    pub kind: ModelErrorKind,
    /// What happened and what to do about it. Never holds a secret.
    pub message: String,
    /// The HTTP status, where the server refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// The provider's own word for it, such as `overloaded_error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<Arc<str>>,
    /// The provider's id for the request, where it gave one: its support asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<Arc<str>>,
    /// Tokens, where the provider had told of some before it failed: they are paid for all the same. Those of every attempt that came to nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
}

impl ModelError {
    /// An error of `kind`.
    pub fn new(kind: ModelErrorKind, message: impl Into<String>) -> Self {
        ModelError {
            kind,
            message: message.into(),
            status: None,
            code: None,
            request: None,
            usage: None,
        }
    }
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}
