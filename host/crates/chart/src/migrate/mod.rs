//! Moving a running chart to another version of itself, between two macrosteps.
//!
//! States keep their identity by path: the ids from the outside in. What the new chart's `migrate` says maps the rest. A state that is gone is
//! left with its old exit actions; the chart then is where `migrate` says, or at the initial state of the nearest state around it that is still
//! there. States that are still there run no action at all. History, queues, delayed sends and timers go on; an invoke that reads as before goes
//! on running. Whatever the new chart needs active and the old one did not have (a region that was added, say) is entered with its entry actions,
//! and stands in the report.
//!
//! Either everything works, or the old snapshot goes on untouched: [`migrate`] makes a new one.

mod arrive;
mod carry;
mod mapping;
mod place;
mod report;

pub(crate) use arrive::Arrival;
pub use mapping::{MigrateDef, ReloadPolicy};
pub use place::{PlaceError, place};
pub use report::{Change, Migration};

use crate::chart::Chart;
use crate::effect::Effects;
use crate::interpret::{Limits, Machine, StepError, Working};
use crate::snapshot::Snapshot;
use mapping::Mapping;
use types::Finding;

/// Why a running chart cannot move to another version.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MigrateError {
    /// What `migrate` says does not fit the two charts, or data cannot be carried over. Each finding stands in the new chart's file.
    #[error("{}", said(.0))]
    Mapping(Vec<Finding>),
    /// The exit or entry actions, or what follows from them, fail.
    #[error("the chart cannot be moved: {0}")]
    Step(#[from] StepError),
}

fn said(findings: &[Finding]) -> String {
    let said: Vec<String> = findings
        .iter()
        .map(|finding| match finding.help.as_str() {
            "" => format!("{}: {}", finding.place, finding.message),
            help => format!("{}: {}; {help}", finding.place, finding.message),
        })
        .collect();
    said.join("\n")
}

/// Move `snapshot` of the chart `from` to the chart `to` at the time `now_ms`. `def` is what the new chart's file says under `migrate`.
///
/// The same two charts, snapshot and time give the same result. Moving to a chart that does the same changes nothing.
///
/// # Errors
/// `snapshot` is not of `from`, the mapping does not fit, or a step fails; `effects` are then as they were.
pub fn migrate(
    from: &Chart,
    to: &Chart,
    def: &MigrateDef,
    snapshot: &Snapshot,
    now_ms: i64,
    effects: &mut Effects,
) -> Result<(Snapshot, Migration), MigrateError> {
    if snapshot.chart != from.hash {
        let chart = from.name().to_owned();
        return Err(StepError::WrongChart { chart }.into());
    }
    let mut migration = Migration::begin(from, to, snapshot);
    if from.hash == to.hash {
        return Ok((snapshot.clone(), migration));
    }
    let before = effects.list.len();
    let result = carry_over(from, to, def, snapshot, now_ms, effects, &mut migration);
    match result {
        Ok(arrived) => {
            migration.finish(to, &arrived);
            Ok((arrived, migration))
        }
        Err(error) => {
            effects.list.truncate(before);
            Err(error)
        }
    }
}

fn carry_over(
    from: &Chart,
    to: &Chart,
    def: &MigrateDef,
    snapshot: &Snapshot,
    now: i64,
    effects: &mut Effects,
    migration: &mut Migration,
) -> Result<Snapshot, MigrateError> {
    let mapping = Mapping::of(from, to, def).map_err(MigrateError::Mapping)?;
    migration.changes.extend(mapping.notes(from, to, snapshot));
    if snapshot.done {
        return Ok(carry::ended(from, to, &mapping, snapshot));
    }
    let mut arrival = arrive::arrival(&from.program, &to.program, &mapping, snapshot);
    let mut limits = Limits::new(snapshot.next_order);
    let mut old = snapshot.clone();
    let mut working = Working::default();
    let mut leaving = Machine::new(
        &from.program,
        &from.library,
        &mut old,
        &mut effects.list,
        &mut limits,
        &mut working,
        now,
    );
    leaving.leave(&arrival.left)?;
    let data = carry::data(&leaving, to, &mapping).map_err(MigrateError::Mapping)?;
    let kept = carry::invocations(&mut leaving, to, &arrival)?;
    migration.left(from, to, &arrival);
    let mut arrived = Snapshot::empty(&to.program, to.hash);
    carry::into_snapshot(
        &mut arrived,
        &mut old,
        from,
        to,
        &mapping,
        &arrival,
        data,
        migration,
    );
    // Guards may read data that has another value now.
    let is_value = |change: &Change| matches!(change, Change::Data { .. });
    arrival.disturbed |= migration.changes.iter().any(is_value);
    let added = carry::take_invocations(&mut arrived, kept, to, migration);
    let timers = carry::timers(&mut arrived, &old, from, to, &arrival, now, migration);
    let mut working = Working::default();
    let mut arriving = Machine::new(
        &to.program,
        &to.library,
        &mut arrived,
        &mut effects.list,
        &mut limits,
        &mut working,
        now,
    );
    arriving.arrive(&arrival, &timers, &added)?;
    arrived.next_order = limits.next_order;
    migration.entered(to, &arrival);
    Ok(arrived)
}
