//! What a step needs to take itself back. Copying the whole snapshot before every step would cost more than the step: only the
//! configuration (a few words) is copied at once, a data entry when it is first overwritten, and the rest when it is first touched.

use crate::set::StateSet;
use crate::snapshot::{Slow, Snapshot};
use types::Value;

/// The old values of whatever a step has changed so far.
#[derive(Debug, Default)]
pub(crate) struct Undo {
    active: StateSet,
    next_order: u64,
    data: Vec<(u16, Value)>,
    slow: Option<Slow>,
}

impl Undo {
    /// A step begins.
    pub fn begin(&mut self, snapshot: &Snapshot) {
        self.active.copy_from(&snapshot.active);
        self.next_order = snapshot.next_order;
        self.data.clear();
        self.slow = None;
    }

    /// The data entry `slot` is about to be overwritten and held `old`.
    pub fn keep(&mut self, slot: u16, old: Value) {
        // Charts have few entries that one step writes; the first old value is the one to go back to.
        if !self.data.iter().any(|(kept, _)| *kept == slot) {
            self.data.push((slot, old));
        }
    }

    /// Everything but configuration and data is about to be changed.
    pub fn keep_slow(&mut self, slow: &Slow) {
        if self.slow.is_none() {
            self.slow = Some(slow.clone());
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
        if let Some(slow) = self.slow.take() {
            snapshot.slow = slow;
        }
    }
}
