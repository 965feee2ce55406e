//! Effects: recorded first, begun after the commit, stopped by whoever began them.

use crate::RuntimeError;
use crate::past::Past;
use crate::point::{self, Point};
use crate::record::{Kind, Pending};
use crate::run::{Done, Run};
use crate::shared::Then;
use futures_util::future::{AbortHandle, Abortable};
use serde_json::json;
use std::future::Future;
use std::sync::Arc;

/// Records of a run after which what they come to is recorded,
const BETWEEN_SNAPSHOTS: usize = 256;
/// and how many times as many where a round of calls is under way: their answers are in the conversation soon, and need not be kept twice.
const WITH_CALLS: usize = 8;

impl Run {
    /// Put a record into the next commit.
    pub(crate) fn record(&mut self, kind: Kind, body: &impl serde::Serialize) {
        let time = self.services.clock.now();
        self.pending.push(Pending::new(time, kind, body));
        if kind == Kind::Cost {
            self.counted();
        }
    }

    /// A new effect's number: its name in the journal for as long as the run lives.
    pub(crate) fn new_effect(&mut self) -> u64 {
        let effect = self.next_effect;
        self.next_effect += 1;
        effect
    }

    /// Perform `performance` once everything recorded so far is on the disk.
    pub(crate) fn start(
        &mut self,
        effect: u64,
        invocation: &Arc<str>,
        performance: impl Future<Output = Done> + 'static,
    ) {
        self.starting
            .push((effect, invocation.clone(), Box::pin(performance)));
    }

    /// One durable commit of everything recorded since the last; then, and only then, what was waiting for it begins.
    pub(crate) async fn commit(&mut self) -> Result<(), RuntimeError> {
        if !self.pending.is_empty() {
            self.keeping.extend(self.counting.take_changed());
            let records = std::mem::take(&mut self.pending);
            let keeping = std::mem::take(&mut self.keeping);
            self.since_snapshot += records.len();
            let then = self.letters();
            self.journal
                .commit(&self.id, records, keeping, then)
                .await?;
            if let Some(others) = &self.others {
                others.has_heard(&self.id, self.heard_upto);
            }
        }
        for (effect, invocation, performance) in std::mem::take(&mut self.starting) {
            point::reach(Point::Begin);
            let (handle, registration) = AbortHandle::new_pair();
            self.handles.insert(effect, (invocation, handle));
            self.performing
                .push(Abortable::new(performance, registration));
        }
        self.look_back().await
    }

    /// What goes to others once it is on the record.
    fn letters(&mut self) -> Option<Then> {
        let outbound = std::mem::take(&mut self.outbound);
        let others = self.others.clone().filter(|_| !outbound.is_empty())?;
        let from = self.id.clone();
        Some(Box::new(move |ids| {
            for (place, said) in outbound {
                if let Some(seq) = ids.get(place) {
                    others.hear(&from, seq.0, said);
                }
            }
        }))
    }

    /// Record what the run's records come to, once there are many: a resumption reads from there.
    async fn look_back(&mut self) -> Result<(), RuntimeError> {
        let mut activities = self.activities.values();
        let between = match activities.all(|activity| activity.slots.is_empty()) {
            true => point::between_snapshots(BETWEEN_SNAPSHOTS),
            false => point::between_snapshots(BETWEEN_SNAPSHOTS) * WITH_CALLS,
        };
        if self.since_snapshot < between || !self.events.is_empty() {
            return Ok(());
        }
        let Some(past) = Past::read(&self.journal.borrow(), &self.id)? else {
            return Ok(());
        };
        let past = past.settled(&self.snapshot, &self.bundle.chart);
        self.since_snapshot = 0;
        point::reach(Point::Snapshot);
        let time = self.services.clock.now();
        let record = Pending::new(time, Kind::Snapshot, &json!({ "past": past }));
        self.journal
            .commit(&self.id, vec![record], Vec::new(), None)
            .await?;
        Ok(())
    }

    /// The effect has come back.
    pub(crate) fn over(&mut self, effect: u64) {
        self.handles.remove(&effect);
        self.purse.over(effect);
    }

    /// Stop every effect of `invocation`: those under way are dropped, which closes their connections and frees their instances.
    pub(crate) fn abort(&mut self, invocation: &str) {
        let purse = &mut self.purse;
        purse.let_go(invocation);
        self.starting.retain(|(effect, owner, _)| {
            let ours = &**owner == invocation;
            if ours {
                purse.over(*effect);
            }
            !ours
        });
        self.handles.retain(|effect, (owner, handle)| {
            let ours = &**owner == invocation;
            if ours {
                handle.abort();
                purse.over(*effect);
            }
            !ours
        });
    }
}
