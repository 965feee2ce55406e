//! What can happen next: the transitions that active states have, for those who choose events by hand. Which of them an event will take is
//! decided by the step alone.

use crate::chart::Chart;
use crate::condition::GuardNow;
use crate::descriptor::event_matches;
use crate::nearest::did_you_mean;
use crate::snapshot::Snapshot;
use crate::trace::TransitionId;

/// A transition that waits for an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener<'c> {
    /// What it listens to, as written; `*` is everything.
    pub event: &'c str,
    /// Which.
    pub transition: TransitionId,
    /// What its guard says now.
    pub guard: GuardNow,
}

impl Snapshot {
    /// The transitions of active states that wait for an event, in the order in which they are asked: for each leaf in document order from
    /// the inside out. One that listens to several events is there once for each.
    pub fn listeners<'c>(&self, chart: &'c Chart) -> Vec<Listener<'c>> {
        if self.is_done() {
            return Vec::new();
        }
        let program = &chart.program;
        let leaves = self.configuration().filter(|s| program.is_leaf(*s));
        let mut listeners: Vec<Listener<'c>> = Vec::new();
        for leaf in leaves {
            for state in std::iter::once(leaf).chain(program.ancestors(leaf)) {
                for number in program.node(state).events.clone() {
                    let transition = TransitionId::new(number);
                    if listeners.iter().any(|l| l.transition == transition) {
                        continue;
                    }
                    let guard = chart.guard_now(transition, self);
                    let events = chart.transition(transition).events();
                    listeners.extend(events.map(|event| Listener {
                        event,
                        transition,
                        guard: guard.clone(),
                    }));
                }
            }
        }
        listeners
    }
}

impl Chart {
    /// Whether any state of the chart has a transition that listens to the event `name`.
    pub fn hears(&self, name: &str) -> bool {
        self.transitions()
            .any(|(_, t)| t.events().any(|descriptor| event_matches(descriptor, name)))
    }

    /// Which event that the chart listens to `name` was probably meant to be, as a question to its author.
    pub fn suggest_event(&self, name: &str) -> Option<String> {
        did_you_mean(name, self.transitions().flat_map(|(_, t)| t.events()), "")
    }
}
