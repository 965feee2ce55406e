//! What a front end hands in to start a run, and what it gets back at its end.

use crate::live::{Cause, Status};
use definitions::{AgentDef, House};
use std::sync::Arc;
use types::{ContentHash, Model, ModelParameters};

/// What is to be run.
pub struct RunRequest {
    /// The agent's name.
    pub agent: String,
    /// What a person says to it first.
    pub prompt: Option<String>,
    /// Whom to ask.
    pub asked: Asked,
    /// How to find out anew whom to ask, when definitions have changed.
    pub ask: Ask,
}

/// Whom a run asks.
#[derive(Clone)]
pub struct Asked {
    /// The model, opened already.
    pub model: Arc<dyn Model>,
    /// Its provider's name, for the record.
    pub provider: Arc<str>,
    /// The model's name, where it is not the one in the agent's definition.
    pub model_name: Option<Arc<str>>,
    /// Whether asking it costs nothing, as with a script.
    pub free: bool,
    /// What it was made of, so that one that has not changed is kept with its connections.
    pub identity: ContentHash,
}

/// Whom to ask by the definitions of a house; `None` where it is still whom the run asks.
pub type Ask = Box<dyn Fn(&House, &Asked) -> Result<Option<Asked>, String>>;

impl Asked {
    /// What `agent` asks it with.
    pub(crate) fn parameters(&self, agent: &AgentDef) -> ModelParameters {
        let name = self.model_name.as_ref().unwrap_or(&agent.model.name);
        ModelParameters {
            provider: self.provider.clone(),
            name: name.clone(),
            ..agent.model.clone()
        }
    }
}

/// How a run ended.
#[derive(Clone, Debug)]
pub struct RunEnd {
    /// The run.
    pub run: Arc<str>,
    /// How.
    pub status: Status,
    /// What stopped it.
    pub cause: Option<Cause>,
}
