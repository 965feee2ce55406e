//! What a front end hands in to start a run, and what it gets back at its end.

use crate::inbox::{Inbox, Message};
use crate::kin::Kin;
use crate::live::{Cause, Status};
use crate::permission::Permit;
use definitions::House;
use std::rc::Rc;
use std::sync::Arc;
use types::{ContentHash, Model, ModelParameters, Timestamp};

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
    /// What whoever hosts several runs adds.
    pub hosted: Option<Hosted>,
}

/// A run among others in one process.
#[derive(Default)]
pub struct Hosted {
    /// Its id, where that is settled already.
    pub(crate) id: Option<Arc<str>>,
    /// The record that caused it.
    pub(crate) cause: Option<u64>,
    /// What it hears before anything else: what it is bound to, and what it was told while it was stopped.
    pub(crate) work: Vec<Message>,
    /// Whose child it is.
    pub(crate) kin: Kin,
    /// What others say to it; whether it ends where it comes to rest does not depend on that.
    pub(crate) mail: Option<Inbox>,
    /// Whoever else is there.
    pub(crate) others: Option<Rc<dyn Others>>,
    /// What is done once its first records are on the disk.
    pub(crate) begun: Option<Box<dyn FnOnce()>>,
    /// Whether it is begun again where it rests for its budget and there is room again: nobody sits before it who would say so.
    pub(crate) waits_for_room: bool,
    /// Whether its limits may be others since it came to rest.
    pub(crate) new_limits: bool,
}

/// Whoever else lives in the same process.
pub(crate) trait Others {
    /// The run `from` says this, as its record `seq` has it.
    fn hear(&self, from: &Arc<str>, seq: u64, said: Outbound);

    /// Who can be told something under this name, which is a run's, an instance's or an agent's: the run or the instance.
    fn address(&self, name: &str) -> Result<Arc<str>, String>;

    /// Whether there is such an agent to begin.
    fn knows_agent(&self, name: &str) -> Result<(), String>;

    /// Whether a person sits before `run` who may resume it once it has ended, with all that it has begun.
    fn may_resume(&self, run: &str) -> bool;

    /// All that was sent to `run` up to the record `upto` is on its own.
    fn has_heard(&self, run: &str, upto: u64);
}

/// What a run says to another run, or to a workflow's instance.
#[derive(Clone, Debug)]
pub(crate) struct Outbound {
    pub(crate) to: Arc<str>,
    pub(crate) event: Arc<str>,
    pub(crate) data: types::Value,
}

/// How a run is to leave off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leaving {
    /// Only if it stands still.
    Parked,
    /// At once: what is under way is stopped, and begun anew when the run is taken up again.
    Suspended {
        /// Whether a person said so, who will also say when it goes on.
        paused: bool,
    },
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
    /// Whether it is on this machine: without a price it is taken to cost nothing.
    pub here: bool,
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
    /// Set where it is not over, but only left for now.
    pub left: Option<Left>,
}

/// A run that was left for now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// When its next timer is due, or there is room in its budget again.
    pub next_due: Option<Timestamp>,
    /// Whether it is on the record that a person paused it.
    pub paused: bool,
}
