//! The journal as all runs of a process share it: what is ready at the same time goes into one durable commit.
//!
//! A run hands in its records and waits. The first that comes leads: it lets whoever else is ready hand in theirs, writes all of them in one transaction, and
//! tells each what came of it. One run alone pays nothing for this; a thousand pay for one sync and not for a thousand. It knows nothing of what is recorded.

use crate::RuntimeError;
use crate::point::{self, Point};
use crate::record::Pending;
use crate::spending::Spending;
use futures_util::future::poll_fn;
use journal::{Journal, JournalError, NewRecord, RecordId};
use std::cell::{Cell, Ref, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use tokio::sync::oneshot;

/// A house's journal, in the hands of everything in this process that writes to it.
#[derive(Clone)]
pub struct SharedJournal(Rc<Shared>);

struct Shared {
    journal: RefCell<Journal>,
    waiting: RefCell<Vec<Batch>>,
    /// What was spent, for all who spend.
    spending: Spending,
    /// Whether somebody is about to write what waits.
    led: Cell<bool>,
}

/// What follows at once from what has been recorded, before anything that is recorded after it.
pub(crate) type Then = Box<dyn FnOnce(&[RecordId])>;

/// What one run wants recorded, all of it or nothing.
struct Batch {
    run: Arc<str>,
    records: Vec<Pending>,
    keep: Vec<(String, Vec<u8>)>,
    then: Option<Then>,
    done: oneshot::Sender<Result<Vec<RecordId>, Arc<JournalError>>>,
}

impl SharedJournal {
    /// `journal`, from now on shared.
    pub fn new(journal: Journal) -> Self {
        SharedJournal(Rc::new(Shared {
            journal: RefCell::new(journal),
            waiting: RefCell::default(),
            spending: Spending::default(),
            led: Cell::new(false),
        }))
    }

    /// The journal, for reading. Not to be held over an await.
    pub fn borrow(&self) -> Ref<'_, Journal> {
        self.0.journal.borrow()
    }

    /// What was spent, and is being spent.
    pub(crate) fn spending(&self) -> &Spending {
        &self.0.spending
    }

    /// Record `records` of `run` and keep `keep`, durably, together with whatever else is ready. `then` happens once they are on the disk, in the order of the
    /// records.
    ///
    /// # Errors
    /// When nothing of it was recorded; what the records announce must then not be done.
    pub(crate) async fn commit(
        &self,
        run: &Arc<str>,
        records: Vec<Pending>,
        keep: Vec<(String, Vec<u8>)>,
        then: Option<Then>,
    ) -> Result<Vec<RecordId>, RuntimeError> {
        let (done, result) = oneshot::channel();
        self.0.waiting.borrow_mut().push(Batch {
            run: run.clone(),
            records,
            keep,
            then,
            done,
        });
        if !self.0.led.replace(true) {
            // Also when this run is dropped while it waits: those who follow must not wait for ever.
            let lead = Lead(self);
            yield_once().await;
            drop(lead);
        }
        match result.await {
            Ok(written) => Ok(written?),
            Err(_) => Err(RuntimeError::Chart(
                "whoever was to write the journal is gone".into(),
            )),
        }
    }

    /// The numbers of `records`, if they are the last ones in the journal.
    fn last_ones(&self, records: &[NewRecord<'_>]) -> Option<Vec<RecordId>> {
        let journal = self.0.journal.borrow();
        let last = journal.head().ok()?.seq;
        let count = u64::try_from(records.len())
            .ok()
            .filter(|count| *count > 0)?;
        let first = last.checked_sub(count)? + 1;
        let ids: Vec<RecordId> = (first..=last).map(RecordId).collect();
        for (id, new) in ids.iter().zip(records) {
            let old = journal.record(*id).ok()??;
            let same = old.run == new.run && old.time == new.time && old.kind == new.kind;
            if !same || old.body != new.body {
                return None;
            }
        }
        Some(ids)
    }

    /// Write all that waits.
    fn write(&self) {
        self.0.led.set(false);
        let batches = self.0.waiting.take();
        if batches.is_empty() {
            return;
        }
        point::reach(Point::Commit);
        let mut keep: Vec<(String, Vec<u8>)> = self.0.spending.to_keep().into_iter().collect();
        let mut records = Vec::new();
        for batch in &batches {
            keep.extend(batch.keep.iter().cloned());
            records.extend(batch.records.iter().map(|pending| NewRecord {
                run: pending.run(&batch.run),
                time: pending.time,
                kind: pending.kind.name(),
                body: &pending.body,
            }));
        }
        let written = self.0.journal.borrow_mut().append_keeping(&records, &keep);
        let written = match written {
            // It may be on the disk all the same; then it has happened, and everybody is to know.
            Err(JournalError::Uncertain { path, why }) => self
                .last_ones(&records)
                .ok_or(JournalError::Uncertain { path, why }),
            written => written,
        };
        drop(records);
        point::reach(Point::Committed);
        match written {
            Ok(ids) => {
                let mut ids = ids.into_iter();
                for batch in batches {
                    let own: Vec<RecordId> = ids.by_ref().take(batch.records.len()).collect();
                    self.0.spending.settle(&batch.run, &batch.records, &own);
                    if let Some(then) = batch.then {
                        then(&own);
                    }
                    // A run that is gone does not care.
                    let _ = batch.done.send(Ok(own));
                }
            }
            Err(error) => {
                let error = Arc::new(error);
                for batch in batches {
                    let _ = batch.done.send(Err(error.clone()));
                }
            }
        }
    }
}

/// Writes what waits when it goes.
struct Lead<'a>(&'a SharedJournal);

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.write();
    }
}

/// Let everybody else who is ready go first, once.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Kind;
    use futures_util::FutureExt;
    use futures_util::future::join_all;
    use types::Timestamp;

    fn shared() -> (tempfile::TempDir, SharedJournal) {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&directory.path().join("journal.db")).unwrap();
        (directory, SharedJournal::new(journal))
    }

    fn records(n: u64) -> Vec<Pending> {
        let one = |i| Pending::new(Timestamp(i), Kind::Said, &serde_json::json!({ "n": n }));
        (0..3).map(one).collect()
    }

    #[tokio::test]
    async fn what_is_ready_together_is_written_together_and_each_hears_of_its_own() {
        let (_kept, shared) = shared();
        let runs: Vec<Arc<str>> = (0..5).map(|n| format!("run-{n}").into()).collect();
        let commits = runs.iter().zip(0..);
        let commits = commits.map(|(run, n)| shared.commit(run, records(n), Vec::new(), None));
        let ids: Vec<u64> = join_all(commits)
            .await
            .into_iter()
            .flat_map(|ids| ids.unwrap().into_iter().map(|id| id.0))
            .collect();
        assert_eq!(ids, (1..=15).collect::<Vec<u64>>());
        let third = shared.borrow().records("run-2").unwrap();
        assert_eq!(third.iter().map(|r| r.seq.0).collect::<Vec<_>>(), [7, 8, 9]);
        assert!(shared.borrow().verify().unwrap().ok);
    }

    #[tokio::test]
    async fn a_leader_that_is_dropped_leaves_nobody_waiting() {
        let (_kept, shared) = shared();
        let (first, second): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut lead = Box::pin(shared.commit(&first, records(1), Vec::new(), None));
        assert!(lead.as_mut().now_or_never().is_none());
        let mut follow = Box::pin(shared.commit(&second, records(2), Vec::new(), None));
        assert!(follow.as_mut().now_or_never().is_none());
        drop(lead);
        assert_eq!(follow.await.unwrap().len(), 3);
    }
}
