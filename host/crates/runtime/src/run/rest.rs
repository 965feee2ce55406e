//! Whether anything goes on by itself, and what it means when nothing does.

use super::{FAILURES_IN_A_ROW, Run};
use crate::live::Status;
use crate::round::{Activity, ActivityKind};

impl Run {
    /// Whether nothing is under way, whatever timers will bring, and what that means to somebody who could speak.
    pub(super) fn idle(&self) -> Option<Status> {
        match self.is_under_way(|owner| owner == crate::inbox::OWNER) {
            // Somebody has spoken and is being heard.
            true => None,
            false => self.standing(false),
        }
    }

    /// Whether nothing will happen by itself any more, and what that means.
    pub(super) fn at_rest(&self) -> Option<Status> {
        // Who waits for a person does so whatever its timers would do meanwhile.
        let timed = self.snapshot.next_due().is_some();
        self.standing(timed && !self.waits_for_a_person())
    }

    /// What it means that nothing is under way; `None` where something is, or where it `goes_on` by itself.
    fn standing(&self, goes_on: bool) -> Option<Status> {
        if self.snapshot.is_done() {
            return Some(Status::Done);
        }
        if self.over_budget && !self.is_busy() {
            return Some(Status::Budget);
        }
        if self.failures >= FAILURES_IN_A_ROW {
            return Some(Status::Failed);
        }
        if goes_on || self.is_busy() || !self.events.is_empty() || self.is_due() {
            return None;
        }
        Some(match self.unhandled && !self.waits_for_a_person() {
            true => Status::Failed,
            false => Status::Waiting,
        })
    }

    fn waits_for_a_person(&self) -> bool {
        let asks = |activity: &Activity| activity.kind == ActivityKind::Ask;
        self.snapshot.has_tag(&self.bundle.chart, "needs-human")
            || self.activities.values().any(asks)
    }

    /// Whether a timer's time has come.
    fn is_due(&self) -> bool {
        let now = self.services.clock.steady().0;
        let due = self.snapshot.next_due().is_some_and(|due| due <= now);
        due && self.failures < FAILURES_IN_A_ROW
    }

    /// Whether something is under way that the chart waits for. Summing up goes on beside it, unless a turn waits for that.
    fn is_busy(&self) -> bool {
        let child = |activity: &Activity| activity.kind == ActivityKind::Agent;
        self.summing.is_waited_for()
            || self.purse.is_held_up()
            || self.activities.values().any(child)
            || self.is_under_way(|owner| owner != crate::summarise::OWNER)
    }

    /// Whether an effect of such an owner is under way or about to begin.
    pub(crate) fn is_under_way(&self, of: impl Fn(&str) -> bool) -> bool {
        self.starting.iter().any(|(_, owner, _)| of(owner))
            || self.handles.values().any(|(owner, _)| of(owner))
    }
}
