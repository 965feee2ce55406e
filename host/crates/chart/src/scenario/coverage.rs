//! Which states and transitions of a chart were ever reached. Child charts are not looked into.

use crate::chart::Chart;
use crate::state::{StateId, StateType};
use crate::trace::{Trace, TransitionId};

/// What was reached of one chart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coverage {
    /// By index; `None` for what nothing can enter: the chart itself, and history states, which stand for others.
    states: Vec<Option<bool>>,
    /// By index.
    transitions: Vec<bool>,
}

/// How much of how much.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// How many were reached.
    pub reached: usize,
    /// How many there are.
    pub total: usize,
}

impl Share {
    /// The whole percent that was reached, rounded down: 100 only where nothing is missing.
    pub fn percent(self) -> usize {
        (self.reached * 100).checked_div(self.total).unwrap_or(100)
    }
}

impl Coverage {
    /// Nothing of `chart` yet.
    pub fn none(chart: &Chart) -> Self {
        let enterable = chart
            .states()
            .map(|(_, info)| (!matches!(info.kind, StateType::History { .. })).then_some(false));
        Coverage {
            states: std::iter::once(None).chain(enterable).collect(),
            transitions: vec![false; chart.transitions().count()],
        }
    }

    /// Add what `trace`, which is of the same chart, went through.
    pub fn add(&mut self, trace: &Trace) {
        for state in &trace.entered {
            if let Some(Some(reached)) = self.states.get_mut(state.index()) {
                *reached = true;
            }
        }
        for transition in &trace.taken {
            if let Some(reached) = self.transitions.get_mut(transition.index()) {
                *reached = true;
            }
        }
    }

    /// Add what another run of the same chart reached.
    pub fn merge(&mut self, other: &Coverage) {
        for (mine, theirs) in self.states.iter_mut().zip(&other.states) {
            *mine = mine.zip(*theirs).map(|(mine, theirs)| mine || theirs);
        }
        for (mine, theirs) in self.transitions.iter_mut().zip(&other.transitions) {
            *mine |= theirs;
        }
    }

    /// States that were entered.
    pub fn states(&self) -> Share {
        let known = || self.states.iter().flatten();
        Share {
            reached: known().filter(|reached| **reached).count(),
            total: known().count(),
        }
    }

    /// Transitions that were taken.
    pub fn transitions(&self) -> Share {
        Share {
            reached: self.transitions.iter().filter(|reached| **reached).count(),
            total: self.transitions.len(),
        }
    }

    /// States that were never entered, in document order.
    pub fn unreached_states(&self) -> impl Iterator<Item = StateId> {
        let states = self.states.iter().enumerate();
        let left = states.filter(|(_, reached)| **reached == Some(false));
        left.map(|(index, _)| StateId::new(index))
    }

    /// Transitions that were never taken, in document order.
    pub fn unreached_transitions(&self) -> impl Iterator<Item = TransitionId> {
        let transitions = self.transitions.iter().enumerate();
        let left = transitions.filter(|(_, reached)| !**reached);
        left.map(|(index, _)| TransitionId::new(index as u32))
    }
}
