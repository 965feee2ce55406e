//! How a run ends, or is left for now with all of it on the record.

use super::Run;
use crate::live::{RunEvent, Status};
use crate::point::{self, Point};
use crate::record::Kind;
use crate::request::{Left, RunEnd};
use crate::{RuntimeError, alive};
use serde_json::json;
use types::Timestamp;

impl Run {
    pub(super) async fn end(mut self, status: Status) -> Result<RunEnd, RuntimeError> {
        point::reach(Point::End);
        self.end_children();
        self.stop_all("the run ended");
        let cause = match status {
            Status::Done | Status::Cancelled => None,
            _ => self.trouble.take(),
        };
        let body = json!({ "status": status, "cause": cause, "snapshot": self.saved() });
        self.record(Kind::Ended, &body);
        self.keeping.push(alive::over(&self.id));
        self.tell_parent(status, cause.as_ref());
        self.commit().await?;
        self.show(RunEvent::Done {
            status,
            run: self.id.clone(),
            cause: cause.clone(),
        });
        Ok(RunEnd {
            run: self.id.clone(),
            status,
            cause,
            left: None,
        })
    }

    /// Stop everything that is under way; whoever takes the run up again begins it anew.
    fn stop_all(&mut self, why: &str) {
        for id in self.activities.keys().cloned().collect::<Vec<_>>() {
            self.cancel(&id, why, true);
        }
        self.stop_summing(why);
    }

    /// Leave the run where it is, with everything on the record: it is taken up again later.
    pub(super) async fn suspend(mut self, paused: bool) -> Result<RunEnd, RuntimeError> {
        let why = match paused {
            true => "the run was paused",
            false => "the host was stopped",
        };
        self.stop_all(why);
        if paused {
            self.record(Kind::Paused, &json!({}));
        }
        self.commit().await?;
        Ok(self.park(paused))
    }

    /// Let go of a run that stands still: all of it is on the record.
    pub(super) fn park(self, paused: bool) -> RunEnd {
        let status = self.idle().unwrap_or(Status::Waiting);
        let timer = self.snapshot.next_due().map(Timestamp);
        let back = self.services.clock.set_back();
        // Stretches go by the calendar.
        let room = self.room_at.filter(|_| status == Status::Budget);
        let room = room.map(|at| Timestamp(at.0.saturating_add(back)));
        let deadline = self.kin.deadline;
        RunEnd {
            run: self.id.clone(),
            status,
            cause: self.trouble.clone(),
            left: Some(Left {
                next_due: timer.into_iter().chain(room).chain(deadline).min(),
                paused,
            }),
        }
    }
}
