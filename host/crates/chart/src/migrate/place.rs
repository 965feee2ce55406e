//! A snapshot that is somewhere without having come there: for plans (`chart migrate --at`) and for looking.

use super::arrive::Chosen;
use crate::chart::Chart;
use crate::effect::Effects;
use crate::entry::EntrySet;
use crate::interpret::{Limits, Machine, StepError, Working};
use crate::nearest::did_you_mean;
use crate::set::StateSet;
use crate::snapshot::Snapshot;

/// Why a chart cannot be in some states.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlaceError {
    /// There is no such state.
    #[error("the chart has no state `{state}`; {help}")]
    Unknown {
        /// The name.
        state: String,
        /// What is there.
        help: String,
    },
    /// It is not one that can be active.
    #[error("`{state}` cannot be active together with the others, or is a history state")]
    Impossible {
        /// The state.
        state: String,
    },
    /// What the states invoke fails.
    #[error(transparent)]
    Step(#[from] StepError),
}

/// A snapshot of `chart` in `states` (ids) and in whatever is entered with them by default, as if they had been entered at `now_ms`: data as at the
/// beginning, timers set, activities running, no action run. `effects` receive the timers and invocations.
pub fn place(
    chart: &Chart,
    states: &[&str],
    now_ms: i64,
    effects: &mut Effects,
) -> Result<Snapshot, PlaceError> {
    let program = &*chart.program;
    let mut targets = Vec::new();
    let mut chosen = Chosen::new(program);
    for name in states {
        let state = chart.find(name).ok_or_else(|| PlaceError::Unknown {
            state: (*name).to_owned(),
            help: did_you_mean(name, program.ids.keys().map(|id| &**id), "")
                .unwrap_or_else(|| "name a state by its id".into()),
        })?;
        if !chosen.admit(state) {
            return Err(PlaceError::Impossible {
                state: (*name).to_owned(),
            });
        }
        targets.push(state);
    }
    if targets.is_empty() {
        targets.clone_from(&program.content(crate::StateId::ROOT).initial);
    }
    // Of a state and one inside it the inner says more.
    let outer = targets.clone();
    targets.retain(|state| {
        !outer
            .iter()
            .any(|other| program.is_descendant(*other, *state))
    });
    let mut entry = EntrySet::default();
    let nothing = StateSet::with_room(program.nodes.len());
    entry.fill(program, &nothing, &targets, &mut |_| None);
    let mut snapshot = Snapshot::empty(program, chart.hash);
    let mut limits = Limits::new(0);
    let mut working = Working::default();
    let before = effects.list.len();
    let mut machine = Machine::new(
        program,
        &chart.library,
        &mut snapshot,
        &mut effects.list,
        &mut limits,
        &mut working,
        now_ms,
    );
    let settled = machine.settle_in(&entry.enter);
    snapshot.next_order = limits.next_order;
    match settled {
        Ok(()) => Ok(snapshot),
        Err(error) => {
            effects.list.truncate(before);
            Err(error.into())
        }
    }
}
