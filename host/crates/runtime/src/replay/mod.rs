//! A run executed again from the journal alone: its chart, its context maps, its policies. What comes is compared with what is recorded.
//!
//! Nothing is asked of a model, no component runs and no file is read: definitions, what components said of themselves and all texts come out of the journal.
//! The payloads are made by the functions that the run made them with, the steps by the chart's own `step`, the grants by the one resolver.

mod again;
mod calls;
mod conversation;
mod houses;
mod inference;
mod part;
mod report;
mod stand;
mod world;

pub use again::{CalledAgain, ComponentReport};
pub use report::{Compared, Difference, NotCompared, ReplayReport, Verdict};
pub use stand::{Activity, Stand, Timer};

use crate::RuntimeError;
use definitions::ChartBundle;
use houses::Houses;
use journal::{Journal, Which};
use sandbox::Sandbox;
use std::path::Path;
use std::sync::Arc;
use types::ContentHash;
use world::World;

/// A run that was executed again.
pub struct Replayed {
    /// What was compared, and what came of it.
    pub report: ReplayReport,
    /// Where the run stood after the last record that was read.
    pub stand: Stand,
}

/// The chart `name` of the definitions `set`, as it was recorded; in words why it cannot be had.
pub(crate) fn chart_of(
    journal: &Journal,
    set: ContentHash,
    root: &Path,
    name: &str,
) -> Result<Arc<ChartBundle>, String> {
    let houses = Houses::read(journal).map_err(|error| error.to_string())?;
    let house = houses.house(set, root)?;
    let bundle = house.charts.get(name).cloned();
    bundle.ok_or_else(|| format!("it had no chart `{name}`"))
}

/// The chart `name` with the hash `hash`, as it was recorded with any of a house's definitions: that of the file with the hash `file` where there is one.
pub(crate) fn chart_with(
    journal: &Journal,
    root: &Path,
    name: &str,
    hash: ContentHash,
    file: ContentHash,
) -> Option<Arc<ChartBundle>> {
    let houses = Houses::read(journal).ok()?;
    houses.chart_with(root, name, hash, Some(file))
}

/// Execute the run `run` again, as far as the record `until` where that is given.
///
/// # Errors
/// When there is no such run, when `until` is not within it, and when the journal cannot be read; what comes out otherwise is no error.
pub fn replay(journal: &Journal, run: &str, until: Option<u64>) -> Result<Replayed, RuntimeError> {
    let houses = Houses::read(journal)?;
    replay_with(journal, &houses, run, until)
}

/// Execute the run `run` again, and call its components again as well, in `sandbox`; copies of what they can write to are made below `own`, the house's own
/// directory.
///
/// # Errors
/// As [`replay`].
pub async fn replay_components(
    journal: &Journal,
    run: &str,
    sandbox: &Sandbox,
    own: &Path,
) -> Result<(ReplayReport, ComponentReport), RuntimeError> {
    let houses = Houses::read(journal)?;
    let mut world = World::new(&houses, run);
    world.jobs = Some(Vec::new());
    journal.each(Which::Run(run), |record| world.take(&record))?;
    let jobs = world.jobs.take().unwrap_or_default();
    let report = world.finish().report;
    let components = again::call_again(sandbox, own, run, jobs).await;
    Ok((report, components))
}

/// Execute every run of the house again, in the order in which they began, and hand each report to `see`.
///
/// # Errors
/// As [`replay`].
pub fn replay_all(
    journal: &Journal,
    mut see: impl FnMut(ReplayReport),
) -> Result<(), RuntimeError> {
    let houses = Houses::read(journal)?;
    for summary in journal.runs()? {
        see(replay_with(journal, &houses, &summary.run, None)?.report);
    }
    Ok(())
}

fn replay_with(
    journal: &Journal,
    houses: &Houses,
    run: &str,
    until: Option<u64>,
) -> Result<Replayed, RuntimeError> {
    let mut world = World::new(houses, run);
    let (mut first, mut last) = (None, 0);
    journal.each(Which::Run(run), |record| {
        last = record.seq.0;
        first.get_or_insert(last);
        match until.is_none_or(|until| last <= until) {
            true => world.take(&record),
            false => Ok(()),
        }
    })?;
    let run = run.to_owned();
    match (first, until) {
        (None, _) => Err(RuntimeError::NoSuchRun { run }),
        (Some(first), Some(until)) if !(first..=last).contains(&until) => {
            Err(RuntimeError::OutsideOfRun {
                run,
                until,
                first,
                last,
            })
        }
        _ => Ok(world.finish()),
    }
}
