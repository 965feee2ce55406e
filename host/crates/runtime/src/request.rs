//! What a front end hands in to start a run, and what it gets back at its end.

use crate::inbox::Inbox;
use crate::live::{Cause, Status};
use crate::permission::Permit;
use definitions::House;
use std::sync::Arc;
use types::{ContentHash, Model, ModelParameters};

/// What is to be run.
pub struct RunRequest {
    /// The agent's name.
    pub agent: String,
    /// What a person says to it first.
    pub prompt: Option<String>,
    /// Whom to ask: the first, and if it cannot answer the next. Never empty.
    pub asked: Vec<Asked>,
    /// How to find out anew whom to ask, when definitions have changed.
    pub ask: Ask,
    /// What a person says while it runs. Without one, and once it has ended, the run ends where it comes to rest.
    pub inbox: Option<Inbox>,
    /// Who is asked where a rule says `ask`; without one such a call is refused.
    pub permit: Option<Permit>,
    /// The run to go on with, by its full id; a new one when absent.
    pub resume: Option<String>,
}

/// One of those whom a run asks.
#[derive(Clone)]
pub struct Asked {
    /// The model, opened already.
    pub model: Arc<dyn Model>,
    /// What it is asked with: provider, name, window, sampling.
    pub parameters: ModelParameters,
    /// Whether asking it costs nothing, as with a script.
    pub free: bool,
    /// What it was made of, so that one that has not changed is kept with its connections.
    pub identity: ContentHash,
}

impl Asked {
    /// Whom it names: provider and model.
    pub(crate) fn key(&self) -> (Arc<str>, Arc<str>) {
        (
            self.parameters.provider.clone(),
            self.parameters.name.clone(),
        )
    }
}

/// Whom to ask by the definitions of a house; `None` where nothing about it is different.
pub type Ask = Box<dyn Fn(&House, &[Asked]) -> Result<Option<Vec<Asked>>, String>>;

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
