//! Why something that was to happen to an instance did not. Nothing has changed then, and nothing is recorded.

use super::fact::Version;
use super::who::{Person, Who};
use std::sync::Arc;
use types::Place;

/// In what way something cannot be done, where no rule forbids it to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// What was said: a word that is none, something that is missing.
    Said,
    /// It is not its time: done before, or something is to be done first.
    State,
    /// The house would not be in order.
    Definitions,
    /// The records cannot be read.
    Store,
}

/// A refusal, or records that do not make an instance. Its text says after the last `; ` what to do.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum WorkflowError {
    /// The chart is of the other kind.
    #[error(
        "the chart `{chart}` is a cognition and not a workflow; name a chart with `kind: workflow`"
    )]
    NotAWorkflow {
        /// The chart.
        chart: String,
    },
    /// There is no such role.
    #[error("the workflow `{chart}` has no role `{role}`; {known}")]
    UnknownRole {
        /// What was asked for.
        role: Arc<str>,
        /// The workflow.
        chart: String,
        /// What there is.
        known: String,
    },
    /// The instance has ended.
    #[error(
        "the instance `{instance}` has ended ({how}) and takes nothing more; start another with `charthouse workflow start`"
    )]
    Ended {
        /// The instance.
        instance: Arc<str>,
        /// How.
        how: &'static str,
    },
    /// Somebody holds the role.
    #[error(
        "the role `{role}` is held by {holder}; detach the holder first: `charthouse workflow detach INSTANCE --role {role}`"
    )]
    Held {
        /// The role.
        role: Arc<str>,
        /// Who holds it.
        holder: Who,
    },
    /// Separation of duties.
    #[error(
        "{who} cannot hold the role `{role}` beside or after `{other}` in the same instance: {place} says that `{barred}` is never whoever is `{never}`; bind somebody else"
    )]
    Separated {
        /// Who.
        who: Person,
        /// The role.
        role: Arc<str>,
        /// The role that rules it out.
        other: Arc<str>,
        /// The role that declares the rule.
        barred: Arc<str>,
        /// The role that it names.
        never: Arc<str>,
        /// Where it is declared.
        place: Place,
    },
    /// Nobody holds the role.
    #[error(
        "nobody holds the role `{role}`; bind somebody with `charthouse workflow bind {instance} WHO --role {role}`"
    )]
    NotBound {
        /// The role.
        role: Arc<str>,
        /// The instance.
        instance: Arc<str>,
    },
    /// Another holds the role.
    #[error("the role `{role}` is held by {holder} and not by {by}; only the holder can do that")]
    NotHolder {
        /// The role.
        role: Arc<str>,
        /// Who asked.
        by: Who,
        /// Who holds it.
        holder: Who,
    },
    /// There is no work for the role now.
    #[error(
        "there is no work for the role `{role}` now: the workflow is in {configuration}; wait until it comes to {states}"
    )]
    NoWork {
        /// The role.
        role: Arc<str>,
        /// Where the workflow is.
        configuration: String,
        /// The states that have the role.
        states: String,
    },
    /// Several active states have the role.
    #[error("the role `{role}` has work in {states}; say for which state this is handed in")]
    WhichState {
        /// The role.
        role: Arc<str>,
        /// The states.
        states: String,
    },
    /// Too much text.
    #[error("{what} take {bytes} bytes, and at most {max} are kept; {help}")]
    TooLarge {
        /// What.
        what: &'static str,
        /// How large.
        bytes: usize,
        /// What is allowed.
        max: usize,
        /// What to do.
        help: &'static str,
    },
    /// Too many artefacts.
    #[error(
        "{count} artefacts are too many, at most {max} can be handed in at once; hand in the directory or a list in a file"
    )]
    TooMany {
        /// How many.
        count: usize,
        /// What is allowed.
        max: usize,
    },
    /// An outcome that no guard can compare.
    #[error(
        "the outcome is {what}; say in a word what it came to, for instance `accepted` or `rejected`"
    )]
    Outcome {
        /// What is wrong with it.
        what: &'static str,
    },
    /// An event that the host keeps for itself.
    #[error("`{event}` cannot be sent: the host alone says what happens in `{space}.*`; {help}")]
    Reserved {
        /// The event.
        event: Arc<str>,
        /// Its first word.
        space: String,
        /// What to do.
        help: &'static str,
    },
    /// No active state listens.
    #[error(
        "no active state listens to `{event}`: the workflow is in {configuration}; {listening}"
    )]
    NobodyListens {
        /// The event.
        event: Arc<str>,
        /// Where the workflow is.
        configuration: String,
        /// What could be said.
        listening: String,
    },
    /// The activity is not running.
    #[error("`{id}` is not running any more: its state was left, or it has been answered; {help}")]
    NoActivity {
        /// The invocation.
        id: Arc<str>,
        /// What to do.
        help: &'static str,
    },
    /// The workflow is signed, and this is not, or not so that it counts.
    #[error("the workflow `{chart}` takes nothing that is not signed: {why}; {help}")]
    NotSigned {
        /// The workflow.
        chart: String,
        /// What is wrong with the signature, or that there is none.
        why: String,
        /// What to do.
        help: String,
    },
    /// A rule of change control forbids it.
    #[error("{why}; {help}")]
    Forbidden {
        /// The rule.
        why: String,
        /// What to do.
        help: String,
    },
    /// It makes no sense, or not as things are, whoever asks for it.
    #[error("{why}; {help}")]
    Unfit {
        /// In what way.
        wrong: Wrong,
        /// What is wrong.
        why: String,
        /// What to do.
        help: String,
    },
    /// A word that the role does not hand in.
    #[error("`{outcome}` is nothing that the role `{role}` hands in; it hands in {known}")]
    NoOutcome {
        /// The role.
        role: Arc<str>,
        /// What was handed in.
        outcome: Arc<str>,
        /// What it hands in.
        known: String,
    },
    /// The chart cannot take it.
    #[error("the workflow cannot go on: {0}")]
    Chart(String),
    /// The new version is not taken.
    #[error(
        "the workflow `{chart}` says `migrate: refuse`, and the instance `{instance}` is in it; end the instance first, or write `migrate: migrate` or `migrate: pin`"
    )]
    Refused {
        /// The workflow.
        chart: String,
        /// The instance.
        instance: Arc<str>,
    },
    /// The instance cannot move to the new version.
    #[error("the instance `{instance}` cannot move from {from} to {to}: {why}")]
    CannotMove {
        /// The instance.
        instance: Arc<str>,
        /// The version it is in.
        from: String,
        /// The version it was to move to.
        to: String,
        /// Why not, and what to do.
        why: String,
    },
    /// The records have no beginning.
    #[error(
        "there is no instance `{instance}`: nothing in its records begins one; `charthouse workflow list` shows what there is"
    )]
    NoBeginning {
        /// The instance.
        instance: Arc<str>,
    },
    /// The version of the workflow that the instance is in cannot be had.
    #[error(
        "the instance `{instance}` is in {version}, and that version is not at hand; bring its file back, or look for it in the journal's `definitions`"
    )]
    NoVersion {
        /// The instance.
        instance: Arc<str>,
        /// What is needed.
        version: Version,
    },
    /// A record cannot be read, or says something else than what comes of it.
    #[error(
        "record {record} of the instance `{instance}` does not fit: {why}; `charthouse journal verify` tells whether it was changed"
    )]
    Damaged {
        /// The instance.
        instance: Arc<str>,
        /// The record's number.
        record: u64,
        /// What is wrong.
        why: String,
    },
}

impl WorkflowError {
    /// A word for programs: `refused` where a rule says no, `not_found`, `invalid`, `state` where it is not the time for it, `damaged`.
    pub fn code(&self) -> &'static str {
        match self {
            WorkflowError::Separated { .. }
            | WorkflowError::NotHolder { .. }
            | WorkflowError::NotSigned { .. }
            | WorkflowError::Forbidden { .. }
            | WorkflowError::Reserved { .. }
            | WorkflowError::Refused { .. } => "refused",
            WorkflowError::UnknownRole { .. }
            | WorkflowError::NoActivity { .. }
            | WorkflowError::NoBeginning { .. } => "not_found",
            WorkflowError::NotAWorkflow { .. }
            | WorkflowError::TooLarge { .. }
            | WorkflowError::TooMany { .. }
            | WorkflowError::Outcome { .. }
            | WorkflowError::NoOutcome { .. }
            | WorkflowError::WhichState { .. }
            | WorkflowError::Unfit {
                wrong: Wrong::Said, ..
            } => "invalid",
            WorkflowError::Unfit {
                wrong: Wrong::Definitions,
                ..
            } => "definitions",
            WorkflowError::Ended { .. }
            | WorkflowError::Held { .. }
            | WorkflowError::NotBound { .. }
            | WorkflowError::NoWork { .. }
            | WorkflowError::NobodyListens { .. }
            | WorkflowError::Chart(_)
            | WorkflowError::Unfit {
                wrong: Wrong::State,
                ..
            }
            | WorkflowError::CannotMove { .. } => "state",
            WorkflowError::NoVersion { .. }
            | WorkflowError::Unfit {
                wrong: Wrong::Store,
                ..
            }
            | WorkflowError::Damaged { .. } => "damaged",
        }
    }
}
