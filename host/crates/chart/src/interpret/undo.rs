//! What a step needs to take itself back. Copying the whole snapshot before every step would cost more than the step: only the
//! configuration (a few words) is copied at once, a data entry when it is first overwritten, and of the rest whatever is changed.

use crate::StateId;
use crate::set::StateSet;
use crate::snapshot::{Delayed, Slow, Snapshot};
use types::Value;

/// The old values of whatever a step has changed so far.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    active: StateSet,
    next_order: u64,
    data: Vec<(u16, Value)>,
    /// Those that held whole numbers: counters are written most, and a bare number is kept at a fraction of the cost of a value.
    ints: Vec<(u16, i64)>,
    /// The slots in `data` and `ints`, each as one bit, which it shares with every 64th slot: most often this says that a slot is new.
    slots: u64,
    /// In the order in which they were made.
    changes: Vec<Change>,
    /// Lists that a history once remembered, for the next one: a step that leaves a history behind need not allocate.
    spare: Vec<Vec<StateId>>,
}

/// How to take back a change of the slow part.
#[derive(Debug)]
enum Change {
    /// Something was added to the end of what waits.
    Scheduled,
    /// This was taken out of what waits, at this position.
    Unscheduled(usize, Delayed),
    /// This is what a history remembered before.
    Remembered(u16, Option<Vec<StateId>>),
    /// Anything may have changed since; nothing need be noted any more.
    Anything(Box<Slow>),
}

impl Undo {
    /// A step begins.
    #[inline]
    pub fn begin(&mut self, snapshot: &Snapshot) {
        self.active.copy_from(&snapshot.active);
        self.next_order = snapshot.next_order;
        if !self.data.is_empty() {
            self.data.clear();
        }
        self.ints.clear();
        self.slots = 0;
        if !self.changes.is_empty() {
            self.forget_changes();
        }
    }

    fn forget_changes(&mut self) {
        for change in self.changes.drain(..) {
            if let Change::Remembered(_, Some(mut states)) = change {
                states.clear();
                self.spare.push(states);
            }
        }
    }

    /// The data entry `slot` is about to be overwritten and held `old`.
    pub fn keep(&mut self, slot: u16, old: Value) {
        if self.is_first(slot) {
            self.data.push((slot, old));
        }
    }

    /// [`keep`](Self::keep) of a whole number.
    #[inline]
    pub fn keep_int(&mut self, slot: u16, old: i64) {
        if self.is_first(slot) {
            self.ints.push((slot, old));
        }
    }

    /// Whether nothing is kept of `slot` yet: the first old value is the one to go back to.
    #[inline]
    fn is_first(&mut self, slot: u16) -> bool {
        let bit = 1 << (slot % 64);
        let first = self.slots & bit == 0 || !self.is_kept(slot);
        self.slots |= bit;
        first
    }

    /// A walk, because charts have few entries that one step writes.
    fn is_kept(&self, slot: u16) -> bool {
        self.data.iter().any(|(kept, _)| *kept == slot)
            || self.ints.iter().any(|(kept, _)| *kept == slot)
    }

    /// Anything in the slow part is about to be changed.
    pub fn keep_slow(&mut self, slow: &Slow) {
        if !self.has_all() {
            let copy = Box::new(slow.clone());
            self.changes.push(Change::Anything(copy));
        }
    }

    /// Something was added to the end of what waits.
    pub fn scheduled(&mut self) {
        self.note(Change::Scheduled);
    }

    /// `removed` was taken out of what waits at `position`.
    pub fn unscheduled(&mut self, position: usize, removed: Delayed) {
        self.note(Change::Unscheduled(position, removed));
    }

    /// The history with this number remembered `before`.
    pub fn remembered(&mut self, number: u16, before: Option<Vec<StateId>>) {
        self.note(Change::Remembered(number, before));
    }

    /// An empty list for a history.
    pub fn spare(&mut self) -> Vec<StateId> {
        self.spare.pop().unwrap_or_default()
    }

    fn has_all(&self) -> bool {
        matches!(self.changes.last(), Some(Change::Anything(_)))
    }

    fn note(&mut self, change: Change) {
        if !self.has_all() {
            self.changes.push(change);
        }
    }

    /// Take the step back. Queues are empty between steps.
    pub fn restore(&mut self, snapshot: &mut Snapshot) {
        snapshot.active.copy_from(&self.active);
        snapshot.next_order = self.next_order;
        snapshot.done = false;
        snapshot.output = Value::Null;
        snapshot.internal.clear();
        snapshot.external.clear();
        for (slot, value) in self.data.drain(..) {
            snapshot.data[usize::from(slot)] = value;
        }
        for (slot, number) in self.ints.drain(..) {
            snapshot.data[usize::from(slot)] = Value::Int(number);
        }
        let slow = &mut snapshot.slow;
        for change in self.changes.drain(..).rev() {
            match change {
                Change::Anything(copy) => *slow = *copy,
                Change::Scheduled => drop(slow.delayed.pop()),
                Change::Unscheduled(position, removed) => slow.delayed.insert(position, removed),
                Change::Remembered(number, before) => {
                    slow.history[usize::from(number)] = before;
                }
            }
        }
    }
}
