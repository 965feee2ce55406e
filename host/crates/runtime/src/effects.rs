//! Effects: recorded first, begun after the commit, stopped by whoever began them.

use crate::RuntimeError;
use crate::record::{Kind, Pending};
use crate::run::{Done, Run};
use futures_util::future::{AbortHandle, Abortable};
use journal::NewRecord;
use std::future::Future;
use std::sync::Arc;

impl Run<'_> {
    /// Put a record into the next commit.
    pub(crate) fn record(&mut self, kind: Kind, body: &impl serde::Serialize) {
        let time = self.services.clock.now();
        self.pending.push(Pending::new(time, kind, body));
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
    pub(crate) fn commit(&mut self) -> Result<(), RuntimeError> {
        if !self.pending.is_empty() {
            let records: Vec<NewRecord<'_>> = self
                .pending
                .iter()
                .map(|pending| NewRecord {
                    run: pending.run(&self.id),
                    time: pending.time,
                    kind: pending.kind.name(),
                    body: &pending.body,
                })
                .collect();
            self.keeping.extend(self.counting.take_changed());
            self.journal.append_keeping(&records, &self.keeping)?;
            self.keeping.clear();
            self.pending.clear();
        }
        for (effect, invocation, performance) in std::mem::take(&mut self.starting) {
            let (handle, registration) = AbortHandle::new_pair();
            self.handles.insert(effect, (invocation, handle));
            self.performing
                .push(Abortable::new(performance, registration));
        }
        Ok(())
    }

    /// The effect has come back.
    pub(crate) fn over(&mut self, effect: u64) {
        self.handles.remove(&effect);
    }

    /// Stop every effect of `invocation`: those under way are dropped, which closes their connections and frees their instances.
    pub(crate) fn abort(&mut self, invocation: &str) {
        self.starting.retain(|(_, owner, _)| &**owner != invocation);
        self.handles.retain(|_, (owner, handle)| {
            let ours = &**owner == invocation;
            if ours {
                handle.abort();
            }
            !ours
        });
    }
}
