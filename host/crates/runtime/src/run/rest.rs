//! Whether anything goes on by itself, and what it means when nothing does.

use super::{FAILURES_IN_A_ROW, Run};
use crate::live::Status;
use crate::round::{Activity, ActivityKind};

impl Run {
    /// Whether nothing is under way, whatever timers will bring, and what that means to somebody who could speak.
    pub(super) fn idle(&self) -> Option<Status> {
        if self.is_under_way(|owner| owner == crate::inbox::OWNER) {
            // Somebody has spoken and is being heard.
            return None;
        }
        if self.snapshot.is_done() {
            return Some(Status::Done);
        }
        if self.over_budget && !self.is_busy() {
            return Some(Status::Budget);
        }
        if self.failures >= FAILURES_IN_A_ROW {
            return Some(Status::Failed);
        }
        if self.is_busy() || !self.events.is_empty() || self.is_due() {
            return None;
        }
        Some(match self.unhandled {
            true => Status::Failed,
            false => Status::Waiting,
        })
    }

    /// Whether a timer's time has come.
    fn is_due(&self) -> bool {
        let now = self.services.clock.now().0;
        let due = self.snapshot.next_due().is_some_and(|due| due <= now);
        due && self.failures < FAILURES_IN_A_ROW
    }

    /// Whether nothing will happen by itself any more, and what that means.
    pub(super) fn at_rest(&self) -> Option<Status> {
        if self.snapshot.is_done() {
            return Some(Status::Done);
        }
        if self.over_budget && !self.is_busy() {
            return Some(Status::Budget);
        }
        if self.failures >= FAILURES_IN_A_ROW {
            return Some(Status::Failed);
        }
        if self.is_busy() || !self.events.is_empty() || self.is_due() {
            return None;
        }
        if self.snapshot.has_tag(&self.bundle.chart, "needs-human")
            || self
                .activities
                .values()
                .any(|a| a.kind == ActivityKind::Ask)
        {
            return Some(Status::Waiting);
        }
        if self.snapshot.next_due().is_some() {
            return None;
        }
        Some(if self.unhandled {
            Status::Failed
        } else {
            Status::Waiting
        })
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
