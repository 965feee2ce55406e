//! The instance itself: made, told what happens, asked where it stands.

use super::core::Core;
use super::error::WorkflowError;
use super::fact::Version;
use super::happening::{Beside, Happened, Taken};
use super::taking::Doing;
use super::who::Who;
use chart::{ChartKind, SavedSnapshot, Snapshot};
use definitions::ChartBundle;
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::sync::Arc;
use types::Value;

/// One instance of a workflow. Cheap to keep and to clone: the chart is shared, and what was handed in is bounded.
#[derive(Clone, Debug)]
pub struct Instance {
    pub(super) id: Arc<str>,
    pub(super) bundle: Arc<ChartBundle>,
    pub(super) chart: Snapshot,
    pub(super) core: Core,
}

/// How an instance ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub status: EndedHow,
    /// What the chart hands over at its end.
    pub output: Value,
    /// Why somebody ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<Arc<str>>,
}

/// How an instance ended, in a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndedHow {
    /// Its chart came to its end.
    Done,
    /// Somebody ended it.
    Cancelled,
}

impl EndedHow {
    /// The word in the record.
    pub fn name(self) -> &'static str {
        match self {
            EndedHow::Done => "done",
            EndedHow::Cancelled => "cancelled",
        }
    }
}

impl Instance {
    /// Begin the instance `id` of the workflow `bundle` at the time `now` (ms). A chart that listens to `work.started` gets the input with it; whoever is
    /// given work gets it in any case.
    ///
    /// # Errors
    /// When `bundle` is no workflow, or its chart cannot start.
    pub fn begin(
        id: &str,
        bundle: &Arc<ChartBundle>,
        input: Value,
        now: i64,
    ) -> Result<(Self, Taken), WorkflowError> {
        if bundle.chart.kind() != ChartKind::Workflow {
            return Err(WorkflowError::NotAWorkflow {
                chart: bundle.chart.name().to_owned(),
            });
        }
        let mut effects = chart::Effects::new();
        effects.watch();
        let snapshot = chart::start(&bundle.chart, now, &mut effects)
            .map_err(|error| WorkflowError::Chart(error.to_string()))?;
        let instance = Instance {
            id: id.into(),
            bundle: bundle.clone(),
            chart: snapshot,
            core: Core::default(),
        };
        let mut doing = Doing::new(instance, now, None);
        doing.begin(input, effects)?;
        Ok(doing.finish())
    }

    /// Take what happens at the time `now` (ms). `cause` is the number of the `sent` record of another run that brings it, which the record of taking it
    /// names: that is how nothing is delivered twice.
    ///
    /// A timer, a detachment, the end of an activity and whatever has a cause cannot be sent back: where the chart cannot take it (because it never comes to rest), that is
    /// recorded, the chart stands as it did, and [`Position::trouble`](super::Position::trouble) says so. Everything else is refused then.
    ///
    /// What has a cause and is refused is recorded as `told` with the reason, and whoever handed in hears `work.refused`.
    ///
    /// # Errors
    /// What happens is refused. Nothing has changed.
    pub fn take(
        &mut self,
        happened: Happened,
        now: i64,
        cause: Option<u64>,
    ) -> Result<Taken, WorkflowError> {
        self.take_with(happened, now, cause, &Beside::default())
    }

    /// The same, with what the host knows beside it.
    ///
    /// # Errors
    /// As for [`Instance::take`].
    pub fn take_with(
        &mut self,
        happened: Happened,
        now: i64,
        cause: Option<u64>,
        beside: &Beside,
    ) -> Result<Taken, WorkflowError> {
        let begin = |instance: &Instance| {
            let mut doing = Doing::new(instance.clone(), now, cause);
            doing.beside = beside.clone();
            doing
        };
        let returnable = cause.is_none()
            && !matches!(
                happened,
                Happened::Due | Happened::Detach { .. } | Happened::Activity { .. }
            );
        let mut doing = begin(self);
        let result = match doing.happen(&happened) {
            Err(WorkflowError::Chart(why)) if !returnable => {
                doing = begin(self);
                doing.fail_with(why);
                doing.happen(&happened)
            }
            result => result,
        };
        match result {
            Err(error) if cause.is_some() => return self.refuse(&happened, error, now, cause),
            result => result?,
        }
        let taken;
        (*self, taken) = doing.finish();
        Ok(taken)
    }

    /// Refuse what happens because of `error`, which somebody else has found: as `take` does it, recorded where it has a cause.
    ///
    /// # Errors
    /// `error`, where it has none.
    pub fn refuse(
        &mut self,
        happened: &Happened,
        error: WorkflowError,
        now: i64,
        cause: Option<u64>,
    ) -> Result<Taken, WorkflowError> {
        if cause.is_none() {
            return Err(error);
        }
        let mut doing = Doing::new(self.clone(), now, cause);
        doing.refuse(happened, &error);
        let taken;
        (*self, taken) = doing.finish();
        Ok(taken)
    }

    /// Its id.
    pub fn id(&self) -> &Arc<str> {
        &self.id
    }

    /// The workflow, in the version that the instance is in.
    pub fn bundle(&self) -> &Arc<ChartBundle> {
        &self.bundle
    }

    /// The same, as the records name it.
    pub fn version(&self) -> Version {
        Version::of(&self.bundle)
    }

    /// Its chart where it stands.
    pub fn chart(&self) -> &Snapshot {
        &self.chart
    }

    /// What it was begun with.
    pub fn input(&self) -> &Value {
        &self.core.input
    }

    /// How it ended, if it did.
    pub fn ended(&self) -> Option<&Ended> {
        self.core.ended.as_ref()
    }

    /// Who holds `role`.
    pub fn holder(&self, role: &str) -> Option<&Who> {
        self.core.holders.get(role)
    }

    /// When the next timer or delayed send is due, in milliseconds; [`Happened::Due`] takes it.
    pub fn next_due(&self) -> Option<i64> {
        match self.core.ended {
            Some(_) => None,
            None => self.chart.next_due(),
        }
    }

    /// The body of a `snapshot` record: all of it, so that what came before need not be read any more.
    pub fn snapshot(&self) -> serde_json::Value {
        let saved = Saved {
            workflow: self.version(),
            core: self.core.clone(),
            chart: self.chart.save(&self.bundle.chart),
        };
        // Maps with text keys, which always serialise.
        serde_json::to_value(saved).unwrap_or_else(|error| json!({ "error": error.to_string() }))
    }

    /// The role, if the workflow has it.
    pub(super) fn role(&self, role: &str) -> Result<&definitions::RoleDef, WorkflowError> {
        self.bundle
            .roles
            .get(role)
            .ok_or_else(|| WorkflowError::UnknownRole {
                role: role.into(),
                chart: self.bundle.chart.name().to_owned(),
                known: match self.bundle.roles.is_empty() {
                    true => "it has none at all".to_owned(),
                    false => format!("it has {}", listed(self.bundle.roles.keys())),
                },
            })
    }

    /// The active leaf states, sorted.
    pub(super) fn configuration(&self) -> Vec<Arc<str>> {
        let leaves = self.chart.leaves(&self.bundle.chart);
        leaves.into_iter().map(Arc::from).collect()
    }
}

/// What a `snapshot` record holds.
#[derive(Serialize, Deserialize)]
pub(super) struct Saved {
    pub workflow: Version,
    pub core: Core,
    pub chart: SavedSnapshot,
}

/// `a`, `b` and `c`, for a person.
pub(super) fn listed<T: std::fmt::Display>(names: impl IntoIterator<Item = T>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    match (names.pop(), names.is_empty()) {
        (None, _) => "nothing".to_owned(),
        (Some(last), true) => last,
        (Some(last), false) => format!("{} and {last}", names.join(", ")),
    }
}
