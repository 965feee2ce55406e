//! Changes to the part of a snapshot that most steps leave alone, each noted so that it can be taken back.

use super::machine::Machine;
use crate::StateId;
use crate::program::Shape;
use crate::snapshot::{Delayed, Slow, Waiting};

/// How many removals are noted one by one; more of them are cheaper to take back as a whole.
const NOTED_MAX: usize = 8;

impl Machine<'_> {
    /// All of it, for a change that has no note of its own: it is copied first.
    pub(super) fn slow(&mut self) -> &mut Slow {
        if let Some(undo) = &mut self.undo {
            undo.keep_slow(&self.snapshot.slow);
        }
        &mut self.snapshot.slow
    }

    /// Let something wait.
    pub(super) fn schedule(&mut self, delayed: Delayed) {
        self.snapshot.slow.delayed.push(delayed);
        if let Some(undo) = &mut self.undo {
            undo.scheduled();
        }
    }

    /// Forget what waits and `is_it`; whether there was any.
    pub(super) fn unschedule(&mut self, is_it: impl Fn(&Waiting) -> bool) -> bool {
        let waiting = &self.snapshot.slow.delayed;
        let count = waiting.iter().filter(|d| is_it(&d.what)).count();
        if count > NOTED_MAX {
            self.slow().delayed.retain(|d| !is_it(&d.what));
        } else if count > 0 {
            let mut position = 0;
            while let Some(delayed) = self.snapshot.slow.delayed.get(position) {
                if !is_it(&delayed.what) {
                    position += 1;
                    continue;
                }
                let removed = self.snapshot.slow.delayed.remove(position);
                if let Some(undo) = &mut self.undo {
                    undo.unscheduled(position, removed);
                }
            }
        }
        count > 0
    }

    /// Let the history state `history` remember what is active inside its `parent`.
    pub(super) fn remember(&mut self, parent: StateId, history: StateId) {
        let program = self.program;
        let Shape::History(number) = program.node(history).shape else {
            return;
        };
        let deep = program.histories[usize::from(number)].deep;
        let inside = self
            .snapshot
            .active
            .range(parent.index() + 1, program.end(parent));
        let meant = inside.filter(|s| {
            if deep {
                program.is_leaf(*s)
            } else {
                program.node(*s).parent == parent
            }
        });
        let remembered = &mut self.snapshot.slow.history[usize::from(number)];
        if let Some(states) = remembered
            && meant.clone().eq(states.iter().copied())
        {
            return;
        }
        let mut states = match &mut self.undo {
            Some(undo) => undo.spare(),
            None => Vec::new(),
        };
        states.extend(meant);
        let before = remembered.replace(states);
        if let Some(undo) = &mut self.undo {
            undo.remembered(number, before);
        }
    }
}
