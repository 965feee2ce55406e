//! The books of a house in the hands of all its runs in this process, and the way there from the journal.
//!
//! They are a fold of cost records by their numbers, begun when the first budget is asked for and kept up to date with every commit, so that what several runs
//! spend at the same time counts for all of them. What it comes to is kept beside the records now and then; the next process reads on from there. Which limits
//! there are, and what follows from one that is reached, is not known here (`admission.rs`).

use crate::record::{Kind, Pending};
use journal::{Journal, JournalError, RecordId};
use ledger::budget::{Admission, Books, Entry, Expected, Expense, Line, Period, Sum, Tally};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use types::Timestamp;

/// Under which name what was counted is kept.
const KEPT: &str = "spent/all";
/// Records after which what they come to is worth keeping.
const WORTH_KEEPING: usize = 100;
/// Records between two times that old stretches are let go of, while all of them are counted.
const BETWEEN_TRIMS: usize = 10_000;

/// The books. Cheap to clone: all clones are the same books.
#[derive(Clone)]
pub(crate) struct Spending(Arc<Inner>);

struct Inner {
    held: Mutex<Held>,
    /// Moves on whenever something that was under way is so no more.
    room: watch::Sender<u64>,
}

#[derive(Default)]
struct Held {
    books: Books,
    /// Whether what is on the record is in them.
    loaded: bool,
    /// Records since they were kept.
    news: usize,
    /// What is being told, by whom it is told to.
    telling: BTreeSet<(String, String)>,
}

/// What of a `budget` record says whom it told what.
#[derive(Deserialize)]
struct Told {
    to: String,
    mark: String,
}

impl Default for Spending {
    fn default() -> Self {
        Spending(Arc::new(Inner {
            held: Mutex::default(),
            room: watch::Sender::new(0),
        }))
    }
}

impl Spending {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn there_is_room(&self) {
        self.0.room.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// Hears when something that was under way is so no more.
    pub(crate) fn room(&self) -> watch::Receiver<u64> {
        self.0.room.subscribe()
    }

    /// Know all that `lines` ask for at `now`. A run that is `new` has spent nothing before.
    pub(crate) fn know(
        &self,
        journal: &Journal,
        lines: &[Line],
        now: Timestamp,
        new: bool,
    ) -> Result<(), JournalError> {
        let mut held = self.held();
        if !held.loaded {
            let tally = kept(journal)?;
            let before = tally.upto;
            let (tally, news) = count(journal, tally, None)?;
            tracing::debug!(before, news, "read what was spent");
            held.books.settled = tally;
            held.news = news;
            held.loaded = true;
        }
        for line in lines {
            let period = line.period(now);
            let begins = new && matches!(period, Period::Run(_));
            if !begins && !held.books.settled.knows(&period) {
                held.books.settled = count(journal, Tally::default(), Some(&period))?.0;
            }
        }
        Ok(())
    }

    /// Whether a call may be made.
    pub(crate) fn admit(&self, lines: &[Line], expected: &Expected, now: Timestamp) -> Admission {
        self.held().books.admit(lines, expected, now)
    }

    /// What is spent of `line` in its present stretch, and what is under way may add.
    pub(crate) fn spent(&self, line: &Line, now: Timestamp) -> (Sum, Sum) {
        let held = self.held();
        let spent = held.books.spent(line, &line.period(now));
        (spent, held.books.under_way(line))
    }

    /// A call begins; its ticket.
    pub(crate) fn begin(&self, entry: Entry) -> u64 {
        self.held().books.begin(entry)
    }

    /// It is known what the call `ticket` came to, and not booked yet.
    pub(crate) fn came_to(&self, ticket: u64, sum: Sum) {
        self.held().books.came_to(ticket, sum);
        self.there_is_room();
    }

    /// The call `ticket` is over.
    pub(crate) fn over(&self, ticket: u64) {
        self.held().books.over(ticket);
        self.there_is_room();
    }

    /// Something was spent, and goes on the record with the run's next commit.
    pub(crate) fn book(&self, entry: Entry) {
        self.held().books.book(entry);
    }

    /// A run is gone.
    pub(crate) fn forget(&self, run: &str) {
        self.held().books.forget(run);
        self.there_is_room();
    }

    /// Whether `to` is to be told `mark` now: once, whoever asks.
    pub(crate) fn tells(&self, to: &str, mark: &str) -> bool {
        let mut held = self.held();
        !held.books.settled.has_told(to, mark)
            && held.telling.insert((to.to_owned(), mark.to_owned()))
    }

    /// What is to be kept with the next commit, where there is enough of it. It holds what was on the record before that.
    pub(crate) fn to_keep(&self) -> Option<(String, Vec<u8>)> {
        let mut held = self.held();
        if held.news < WORTH_KEEPING {
            return None;
        }
        held.news = 0;
        held.books.settled.trim(None);
        let bytes = serde_json::to_vec(&held.books.settled).ok()?;
        Some((KEPT.to_owned(), bytes))
    }

    /// The records of `run` are on the disk, under these numbers.
    pub(crate) fn settle(&self, run: &str, records: &[Pending], ids: &[RecordId]) {
        let of = |kind: Kind| {
            let all = records.iter().zip(ids);
            all.filter(move |(pending, _)| pending.kind == kind)
        };
        let costs: Vec<u64> = of(Kind::Cost).map(|(_, RecordId(seq))| *seq).collect();
        let mut held = self.held();
        if !costs.is_empty() {
            let counting = held.loaded;
            held.books.settle(run, &costs, counting);
            held.news += costs.len();
        }
        for (pending, RecordId(seq)) in of(Kind::Budget) {
            if let Ok(told) = serde_json::from_str::<Told>(&pending.body) {
                held.books.settled.tell(*seq, &told.to, &told.mark);
                held.telling.remove(&(told.to, told.mark));
            }
        }
    }
}

/// What is kept, where it fits the journal; nothing otherwise, and it is all counted anew.
fn kept(journal: &Journal) -> Result<Tally, JournalError> {
    let head = journal.head()?.seq;
    let kept = journal.kept(KEPT)?;
    let read = kept.and_then(|bytes| serde_json::from_slice::<Tally>(&bytes).ok());
    Ok(read.filter(|tally| tally.upto <= head).unwrap_or_default())
}

/// `tally` with everything that is on the record since, and how much that was. What `asked` asks for is not let go of.
fn count(
    journal: &Journal,
    mut tally: Tally,
    asked: Option<&Period>,
) -> Result<(Tally, usize), JournalError> {
    let upto = RecordId(tally.upto);
    let mut news = 0;
    journal.each_of_kind_after(Kind::Cost.name(), upto, |record| {
        news += 1;
        match Expense::read(&record.body) {
            Some(expense) => tally.add(record.seq.0, &record.run, record.time, &expense),
            None => tracing::warn!(record = record.seq.0, "a cost record cannot be read"),
        }
        if news % BETWEEN_TRIMS == 0 {
            tally.trim(asked);
        }
    })?;
    journal.each_of_kind_after(Kind::Budget.name(), upto, |record| {
        if let Ok(told) = serde_json::from_str::<Told>(&record.body) {
            tally.tell(record.seq.0, &told.to, &told.mark);
        }
    })?;
    tally.trim(asked);
    Ok((tally, news))
}
