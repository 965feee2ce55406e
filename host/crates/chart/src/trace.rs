//! What steps went through: transitions and states, for those who measure coverage or explain a run. Child charts are not looked into.

use crate::StateId;
use crate::chart::Chart;
use crate::descriptor::Descriptor;
use crate::program::Transition;
use types::Place;

/// The number of a transition in its chart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TransitionId(u32);

impl TransitionId {
    pub(crate) fn new(number: u32) -> Self {
        TransitionId(number)
    }

    /// The position among the chart's transitions: by state in document order, in a state those with events before `always`.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// Transitions taken and states entered, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// Transitions.
    pub taken: Vec<TransitionId>,
    /// States.
    pub entered: Vec<StateId>,
}

impl Trace {
    pub(crate) fn clear(&mut self) {
        self.taken.clear();
        self.entered.clear();
    }
}

/// What is known of a transition.
#[derive(Clone, Copy, Debug)]
pub struct TransitionInfo<'c> {
    transition: &'c Transition,
}

impl<'c> TransitionInfo<'c> {
    /// The state it leads away from.
    pub fn source(&self) -> StateId {
        self.transition.source
    }

    /// Where it leads; empty for one that only acts.
    pub fn targets(&self) -> &'c [StateId] {
        &self.transition.targets
    }

    /// What it listens to, as an author writes it; a timer's event for `after`, nothing for `always`.
    pub fn events(&self) -> impl Iterator<Item = &'c str> + use<'c> {
        self.transition.descriptors.iter().map(Descriptor::text)
    }

    /// Its guard, as written.
    pub fn guard(&self) -> Option<&'c str> {
        self.transition.guard.as_ref().map(|guard| &*guard.text)
    }

    /// Where it stands.
    pub fn place(&self) -> &'c Place {
        &self.transition.place
    }
}

impl Chart {
    /// One transition.
    ///
    /// # Panics
    /// If `id` comes from another chart that has more transitions.
    pub fn transition(&self, id: TransitionId) -> TransitionInfo<'_> {
        let transition = &self.program.transitions[id.index()];
        TransitionInfo { transition }
    }

    /// All transitions of the chart itself.
    pub fn transitions(&self) -> impl Iterator<Item = (TransitionId, TransitionInfo<'_>)> {
        let transitions = self.program.transitions.iter().enumerate();
        transitions.map(|(number, transition)| {
            (
                TransitionId::new(number as u32),
                TransitionInfo { transition },
            )
        })
    }
}
