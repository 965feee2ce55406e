//! The way back: an instance out of its records, from the newest `snapshot` on or from the beginning.

use super::core::Core;
use super::error::WorkflowError;
use super::fact::{Fact, Migrated, Stepped, Version};
use super::instance::{Instance, Saved};
use super::moving;
use crate::record::Kind;
use chart::{Effects, Incoming};
use definitions::ChartBundle;
use std::sync::Arc;
use types::Event;

/// A record of an instance as it lies in the journal.
#[derive(Clone, Copy, Debug)]
pub struct Recorded<'r> {
    /// Its number.
    pub seq: u64,
    /// Its kind.
    pub kind: &'r str,
    /// Its body.
    pub body: &'r str,
}

/// By what a version is found that a record names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By what its chart does, whatever else its file says.
    Chart,
    /// By its file, where that is to be had: what it says of moving counts too.
    File,
}

impl Instance {
    /// The instance `id` out of its records, in order: all of them, or those from its newest `snapshot` on. Kinds that it does not write are passed over.
    ///
    /// `versions` finds the version that a record names: the house's own where the hashes are the same, an earlier one out of the journal's `definitions`.
    /// Where the file's hash differs and the chart's is the same, the house's own does as well.
    ///
    /// # Errors
    /// The records have no beginning, a version is not to be had, or a record does not fit what comes of those before it.
    pub fn fold<'r>(
        id: &str,
        records: impl IntoIterator<Item = Recorded<'r>>,
        versions: impl Fn(&Version, By) -> Option<Arc<ChartBundle>>,
    ) -> Result<Instance, WorkflowError> {
        let mut folding = Folding {
            id: id.into(),
            versions: &versions,
            instance: None,
            began: None,
        };
        for record in records {
            folding.take(&record)?;
        }
        folding.instance.ok_or(WorkflowError::NoBeginning {
            instance: folding.id,
        })
    }
}

/// An instance being made of its records.
struct Folding<'f> {
    id: Arc<str>,
    versions: &'f dyn Fn(&Version, By) -> Option<Arc<ChartBundle>>,
    instance: Option<Instance>,
    /// What the first step begins with.
    began: Option<(Arc<ChartBundle>, Core)>,
}

impl Folding<'_> {
    fn take(&mut self, record: &Recorded<'_>) -> Result<(), WorkflowError> {
        let unread = |error: serde_json::Error| self.damaged(record, error.to_string());
        if record.kind == Kind::Snapshot.name() {
            let saved: Saved = serde_json::from_str(record.body).map_err(unread)?;
            return self.restore(record, saved);
        }
        let Some(fact) = Fact::read(record.kind, record.body).map_err(unread)? else {
            return Ok(());
        };
        if let Fact::Started(started) = &fact {
            let bundle = self.version(&started.workflow, By::Chart)?;
            let mut core = Core::default();
            core.apply(&fact);
            self.began = Some((bundle, core));
            return Ok(());
        }
        let mut instance = match (self.instance.take(), &fact) {
            (Some(instance), _) => instance,
            (None, Fact::Stepped(step)) if self.began.is_some() => return self.start(record, step),
            _ => {
                return Err(WorkflowError::NoBeginning {
                    instance: self.id.clone(),
                });
            }
        };
        match &fact {
            Fact::Stepped(step) => self.step(record, &mut instance, step)?,
            Fact::Migrated(moved) => self.migrate(record, &mut instance, moved)?,
            _ => {}
        }
        instance.core.apply(&fact);
        self.instance = Some(instance);
        Ok(())
    }

    fn restore(&mut self, record: &Recorded<'_>, saved: Saved) -> Result<(), WorkflowError> {
        let bundle = self.version(&saved.workflow, By::Chart)?;
        let chart = saved
            .chart
            .restore(&bundle.chart)
            .map_err(|error| self.damaged(record, error.to_string()))?;
        self.instance = Some(Instance {
            id: self.id.clone(),
            bundle,
            chart,
            core: saved.core,
        });
        Ok(())
    }

    /// The first step, which has no event.
    fn start(&mut self, record: &Recorded<'_>, step: &Stepped) -> Result<(), WorkflowError> {
        let Some((bundle, core)) = self.began.take() else {
            return Ok(());
        };
        let chart = chart::start(&bundle.chart, step.time, &mut Effects::new())
            .map_err(|error| self.damaged(record, error.to_string()))?;
        let mut instance = Instance {
            id: self.id.clone(),
            bundle,
            chart,
            core,
        };
        self.check(record, &instance, &step.configuration)?;
        instance.core.apply(&Fact::Stepped(Box::new(step.clone())));
        self.instance = Some(instance);
        Ok(())
    }

    fn step(
        &self,
        record: &Recorded<'_>,
        instance: &mut Instance,
        step: &Stepped,
    ) -> Result<(), WorkflowError> {
        let Some(said) = &step.event else {
            return Err(self.damaged(record, "a step in the middle has no event".into()));
        };
        if let Some(due) = &step.due
            && instance.chart.take_due(step.time).as_ref() != Some(due)
        {
            let why = format!("`{}` was not due then", said.name);
            return Err(self.damaged(record, why));
        }
        if step.failed.is_none() {
            let event = Event::new(said.name.clone(), said.data.clone(), step.time);
            let incoming = match (&step.due, &step.invocation) {
                (Some(due), _) => Incoming::from(due),
                (None, Some(id)) => Incoming::from_invocation(&event, id),
                (None, None) => Incoming::from(&event),
            };
            let Instance { bundle, chart, .. } = instance;
            chart::step(&bundle.chart, chart, incoming, &mut Effects::new())
                .map_err(|error| self.damaged(record, error.to_string()))?;
        }
        self.check(record, instance, &step.configuration)
    }

    fn migrate(
        &self,
        record: &Recorded<'_>,
        instance: &mut Instance,
        moved: &Migrated,
    ) -> Result<(), WorkflowError> {
        let to = self.version(&moved.workflow, By::File)?;
        let arrived = moving::migrate(&instance.bundle, &to, &instance.chart, moved.time)
            .map_err(|error| self.damaged(record, error.to_string()))?;
        instance.chart = arrived.snapshot;
        instance.bundle = self.version(&moved.workflow, By::Chart)?;
        self.check(record, instance, &moved.configuration)
    }

    fn version(&self, version: &Version, by: By) -> Result<Arc<ChartBundle>, WorkflowError> {
        (self.versions)(version, by)
            .filter(|bundle| bundle.chart.hash() == version.hash)
            .ok_or_else(|| WorkflowError::NoVersion {
                instance: self.id.clone(),
                version: version.clone(),
            })
    }

    /// The record says where the chart stood: it must stand there again.
    fn check(
        &self,
        record: &Recorded<'_>,
        instance: &Instance,
        expected: &[Arc<str>],
    ) -> Result<(), WorkflowError> {
        let stands = instance.configuration();
        if stands == expected {
            return Ok(());
        }
        let why = format!("it says {expected:?}, and the chart stands in {stands:?}");
        Err(self.damaged(record, why))
    }

    fn damaged(&self, record: &Recorded<'_>, why: String) -> WorkflowError {
        WorkflowError::Damaged {
            instance: self.id.clone(),
            record: record.seq,
            why,
        }
    }
}
