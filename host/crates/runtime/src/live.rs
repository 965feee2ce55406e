//! What a front end hears of a run while it happens. Everything here is also in the journal, but for the text that streams by.

use crate::generations::By;
use sandbox::GenerationName;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use types::{ContentHash, PluginName, Usage};

/// How a run ended, or why it stands still.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The chart reached its end.
    Done,
    /// It waits for a person or for an event that nothing here will send.
    Waiting,
    /// Something failed and no state handles it.
    Failed,
    /// Somebody stopped it.
    Cancelled,
    /// Its budget is spent.
    Budget,
}

/// What kind of trouble stopped a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CauseKind {
    /// The provider.
    Provider,
    /// A denial.
    Denied,
    /// Anything else.
    Other,
}

/// The trouble that stopped a run, in words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// What kind.
    pub kind: CauseKind,
    /// What happened and what to do.
    pub message: String,
}

/// A definition file that was saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Relative to the house.
    pub file: Arc<str>,
    /// The hash of what it held; absent for a new file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub old: Option<ContentHash>,
    /// The hash of what it holds; absent for one that is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new: Option<ContentHash>,
}

/// One thing that happened, as `run --json` prints it.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum RunEvent {
    /// A person was asked whether a call may be made, and answered.
    Permission {
        /// The call's effect.
        id: Arc<str>,
        /// The tool.
        tool: Arc<str>,
        /// What was answered.
        answer: &'static str,
    },
    /// The run exists.
    Started {
        /// Its id.
        run: Arc<str>,
        /// The agent.
        agent: Arc<str>,
        /// The provider asked.
        provider: Arc<str>,
        /// The model asked.
        model: Arc<str>,
    },
    /// The chart took an event.
    State {
        /// The event; absent for the start.
        #[serde(skip_serializing_if = "Option::is_none")]
        event: Option<Arc<str>>,
        /// Active leaf states, sorted.
        configuration: Vec<Arc<str>>,
    },
    /// The model is asked.
    Think {
        /// The state whose activity asks.
        state: Arc<str>,
        /// Estimated input tokens.
        tokens: u64,
    },
    /// Text as it arrives.
    Text {
        /// The piece.
        text: String,
    },
    /// Reasoning as it arrives.
    Reasoning {
        /// The piece.
        text: String,
    },
    /// The model answered.
    Reply {
        /// Its text.
        text: Arc<str>,
        /// How many calls it makes.
        calls: usize,
        /// Tokens.
        usage: Usage,
    },
    /// A tool is called.
    Call {
        /// The host's id for the call.
        id: Arc<str>,
        /// The tool.
        tool: Arc<str>,
        /// Its arguments, as the model wrote them.
        arguments: Arc<str>,
    },
    /// A call ended.
    Outcome {
        /// The host's id for the call.
        id: Arc<str>,
        /// The tool.
        tool: Arc<str>,
        /// Whether it succeeded.
        ok: bool,
        /// Why not.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// How long it took, in microseconds.
        wall_us: u64,
    },
    /// A guard took something away, or could not look.
    Guard {
        /// The guard.
        guard: Arc<str>,
        /// What it looked at.
        subject: Arc<str>,
        /// `redact`, `block` or `failed`.
        verdict: &'static str,
        /// Why.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// A person stopped what was under way.
    Interrupted {
        /// How many activities were stopped.
        activities: usize,
    },
    /// The run stands still and waits for a message.
    Rest {
        /// How.
        status: Status,
        /// What stopped it, where something did.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
        /// What the run has cost so far, in US dollars; absent where the price of something is not known.
        #[serde(skip_serializing_if = "Option::is_none")]
        usd: Option<Arc<str>>,
    },
    /// A line for the operator.
    Log {
        /// Who says it.
        source: Arc<str>,
        /// The line.
        message: String,
    },
    /// A person is asked something.
    Ask {
        /// The question's parameters.
        question: types::Value,
    },
    /// Definitions were saved and are in use from now on.
    Reloaded {
        /// The files.
        files: Vec<FileChange>,
        /// What is different for this run, in words.
        changes: Vec<String>,
        /// What cannot change while it runs.
        #[serde(skip_serializing_if = "Vec::is_empty")]
        later: Vec<String>,
    },
    /// Definitions were saved and cannot be used: the ones before go on.
    NotReloaded {
        /// What is wrong and what to do.
        why: String,
    },
    /// A component took a plugin's place: calls that begin from now on go to it.
    #[serde(rename = "plugin.swapped")]
    PluginSwapped {
        /// The plugin.
        plugin: PluginName,
        /// What had the place.
        from: GenerationName,
        /// What has it now.
        to: GenerationName,
        /// How it came about.
        by: By,
        /// The same, in words.
        why: String,
    },
    /// A component was saved and does not take its plugin's place: the one before goes on.
    #[serde(rename = "plugin.refused")]
    PluginRefused {
        /// The plugin.
        plugin: PluginName,
        /// The content that was refused, where the file can be read.
        #[serde(skip_serializing_if = "Option::is_none")]
        hash: Option<ContentHash>,
        /// What goes on.
        current: GenerationName,
        /// What is wrong and what to do.
        why: String,
    },
    /// A generation crashed too often.
    #[serde(rename = "plugin.quarantined")]
    PluginQuarantined {
        /// The plugin.
        plugin: PluginName,
        /// Which.
        generation: GenerationName,
        /// Its crashes since it last answered.
        traps: u32,
        /// The generation that was brought back; null where there is none, and the one that crashes goes on.
        back: Option<GenerationName>,
        /// The same, in words.
        why: String,
    },
    /// The run is over, or stands still. Always the last.
    Done {
        /// How.
        status: Status,
        /// The run.
        run: Arc<str>,
        /// What stopped it, where something did.
        #[serde(skip_serializing_if = "Option::is_none")]
        cause: Option<Cause>,
    },
}
