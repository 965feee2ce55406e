//! The journal as all runs of a process share it: what is ready at the same time goes into one durable commit.
//!
//! A run hands in its records and waits. The first that comes leads: it lets whoever else is ready hand in theirs, writes all of them in one transaction, and
//! tells each what came of it. One run alone pays nothing for this; a thousand pay for one sync and not for a thousand. It knows nothing of what is recorded.
//!
//! A commit of which the store cannot say whether it happened is looked for until that is known, before anybody hears of it: half of the house would
//! otherwise go on as if it had happened, and half as if not. Where it can never be known, nothing more is written by this process.

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
use std::time::Duration;
use tokio::sync::{Notify, oneshot};

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
    /// The last record that is known to be there: what is in doubt stands behind it.
    known: Cell<u64>,
    /// Why nothing more is written, once that is so.
    lost: RefCell<Option<Arc<JournalError>>>,
    loses: Notify,
}

/// For how long, in milliseconds, to wait before each further look for a commit that is in doubt. Nothing else can be recorded meanwhile.
const LOOKS: [u64; 11] = [0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512];

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
        let known = journal.head().map_or(0, |head| head.seq);
        SharedJournal(Rc::new(Shared {
            journal: RefCell::new(journal),
            known: Cell::new(known),
            lost: RefCell::default(),
            loses: Notify::new(),
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

    /// Wait until nothing more can be written by this process, because nobody can say what the last commit came to; why.
    pub(crate) async fn lost(&self) -> RuntimeError {
        loop {
            let loses = self.0.loses.notified();
            if let Some(error) = &*self.0.lost.borrow() {
                return error.clone().into();
            }
            loses.await;
        }
    }

    /// What became of `records` and `keep`, whose commit ended in doubt: their numbers where they are on the disk all the same.
    fn look_for(
        &self,
        records: &[NewRecord<'_>],
        keep: &[(String, Vec<u8>)],
    ) -> Result<Option<Vec<RecordId>>, JournalError> {
        let journal = self.0.journal.borrow();
        if records.is_empty() {
            for (name, value) in keep {
                if journal.kept(name)?.unwrap_or_default() != *value {
                    return Ok(None);
                }
            }
            return Ok(Some(Vec::new()));
        }
        // Another process may have added something administrative before or behind them.
        let last = journal.head()?.seq;
        let count = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let firsts = self.0.known.get() + 1..=(last + 1).saturating_sub(count);
        'firsts: for first in firsts.rev() {
            let ids: Vec<RecordId> = (first..first + count).map(RecordId).collect();
            for (id, new) in ids.iter().zip(records) {
                let old = journal.record(*id)?;
                let is_it = old.is_some_and(|old| {
                    old.run == new.run
                        && old.time == new.time
                        && old.kind == new.kind
                        && old.body == new.body
                });
                if !is_it {
                    continue 'firsts;
                }
            }
            return Ok(Some(ids));
        }
        Ok(None)
    }

    /// The same, as often as it takes; when it cannot be found out, nothing more is written.
    fn settle(
        &self,
        records: &[NewRecord<'_>],
        keep: &[(String, Vec<u8>)],
        in_doubt: JournalError,
    ) -> Result<Vec<RecordId>, Arc<JournalError>> {
        for pause in LOOKS {
            std::thread::sleep(Duration::from_millis(pause));
            if let Ok(found) = self.look_for(records, keep) {
                return found.ok_or_else(|| Arc::new(in_doubt));
            }
        }
        let error = Arc::new(in_doubt);
        *self.0.lost.borrow_mut() = Some(error.clone());
        self.0.loses.notify_waiters();
        Err(error)
    }

    fn append(
        &self,
        records: &[NewRecord<'_>],
        keep: &[(String, Vec<u8>)],
    ) -> Result<Vec<RecordId>, Arc<JournalError>> {
        let written = self.0.journal.borrow_mut().append_keeping(records, keep);
        match written {
            // It may be on the disk all the same; then it has happened, and everybody is to know.
            Err(in_doubt @ JournalError::Uncertain { .. }) => self.settle(records, keep, in_doubt),
            written => written.map_err(Arc::new),
        }
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
        let lost = self.0.lost.borrow().clone();
        let written = match lost {
            Some(error) => Err(error),
            None => self.append(&records, &keep),
        };
        drop(records);
        point::reach(Point::Committed);
        match written {
            Ok(ids) => {
                self.0
                    .known
                    .set(ids.last().map_or(self.0.known.get(), |id| id.0));
                let all = batches.iter().flat_map(|batch| {
                    let records = batch.records.iter();
                    records.map(|pending| (&batch.run, pending))
                });
                let all: Vec<_> = all
                    .zip(&ids)
                    .map(|((run, pending), id)| (run, pending, *id))
                    .collect();
                // Before anything follows from it.
                self.0.spending.settle(&self.0.journal.borrow(), &all);
                drop(all);
                let mut ids = ids.into_iter();
                for batch in batches {
                    let own: Vec<RecordId> = ids.by_ref().take(batch.records.len()).collect();
                    if let Some(then) = batch.then {
                        then(&own);
                    }
                    // A run that is gone does not care.
                    let _ = batch.done.send(Ok(own));
                }
            }
            Err(error) => {
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
    use journal::faults::{Chances, Fault, Faults};
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

    /// The same over a store with `faults`, which is there to be read beside them.
    fn faulty(faults: &Faults) -> (tempfile::TempDir, SharedJournal) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("journal.db");
        let store = journal::SqliteStore::open(&path).unwrap();
        let journal = Journal::over(faults.around(store));
        (directory, SharedJournal::new(journal))
    }

    /// Commit the records of `n`, and whether what follows from them followed.
    async fn commit(shared: &SharedJournal, n: u64) -> (Result<usize, RuntimeError>, bool) {
        let followed = Rc::new(Cell::new(false));
        let then = {
            let followed = followed.clone();
            Box::new(move |_: &[RecordId]| followed.set(true))
        };
        let run: Arc<str> = "run".into();
        let written = shared.commit(&run, records(n), Vec::new(), Some(then));
        let written = written.await.map(|ids| ids.len());
        (written, followed.get())
    }

    #[tokio::test]
    async fn a_commit_in_doubt_is_looked_for_until_it_is_known_and_only_then_anybody_hears_of_it() {
        let faults = Faults::new(1, Chances::default());
        let (_kept, shared) = faulty(&faults);
        assert_eq!(commit(&shared, 1).await.0.unwrap(), 3);
        faults.order(Fault::Written);
        (0..3).for_each(|_| faults.order(Fault::Unreadable));
        let (written, followed) = commit(&shared, 2).await;
        assert_eq!(written.unwrap(), 3);
        assert!(followed);
        assert_eq!(shared.borrow().records("run").unwrap().len(), 6);
        assert_eq!(faults.happened().len(), 4);
    }

    #[tokio::test]
    async fn what_was_in_doubt_and_is_not_there_has_not_happened() {
        let faults = Faults::new(1, Chances::default());
        let (_kept, shared) = faulty(&faults);
        // The very same words are there once already.
        assert_eq!(commit(&shared, 1).await.0.unwrap(), 3);
        faults.order(Fault::Unwritten);
        faults.order(Fault::Unreadable);
        let (written, followed) = commit(&shared, 1).await;
        assert!(written.unwrap_err().to_string().contains("not certain"));
        assert!(!followed);
        assert_eq!(commit(&shared, 3).await.0.unwrap(), 3);
        assert_eq!(shared.borrow().records("run").unwrap().len(), 6);
    }

    #[tokio::test]
    async fn where_a_commit_stays_in_doubt_nothing_more_is_written() {
        let faults = Faults::new(1, Chances::default());
        let (_kept, shared) = faulty(&faults);
        faults.order(Fault::Written);
        LOOKS.iter().for_each(|_| faults.order(Fault::Unreadable));
        assert!(shared.lost().now_or_never().is_none());
        let (written, followed) = commit(&shared, 1).await;
        assert!(written.is_err());
        assert!(!followed);
        let why = shared.lost().now_or_never().unwrap();
        assert!(why.to_string().contains("not certain"), "{why}");
        assert!(commit(&shared, 2).await.0.is_err());
        assert_eq!(shared.borrow().records("run").unwrap().len(), 3);
    }
}
