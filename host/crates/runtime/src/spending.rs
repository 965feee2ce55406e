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

    /// Know all that `lines` ask for at `now`. The run `new` has spent nothing before.
    pub(crate) fn know(
        &self,
        journal: &Journal,
        lines: &[Line],
        now: Timestamp,
        new: Option<&str>,
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
            let begins = matches!(&period, Period::Run(run) if Some(&**run) == new);
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

#[cfg(test)]
mod tests {
    use super::*;
    use journal::NewRecord;
    use ledger::budget::Whose;
    use rust_decimal::Decimal;
    use serde_json::json;
    use types::{LOW, Limit, Measure, Place, Purpose, Window};

    const DAY: i64 = 86_400_000;

    struct House {
        journal: Journal,
        _kept: tempfile::TempDir,
    }

    fn house() -> House {
        let directory = tempfile::tempdir().unwrap();
        let journal = Journal::open(&directory.path().join("journal.db")).unwrap();
        House {
            journal,
            _kept: directory,
        }
    }

    /// A cost of a dollar, a joule and ten tokens of `agent`.
    fn cost(agent: &str) -> String {
        json!({
            "agent": agent, "workflow": "w", "instance": "i", "role": "r", "state": "s", "model": "m", "purpose": "work",
            "tokens": { "input": 8, "cached": 0, "output": 2, "reasoning": 0 }, "usd": "1", "wall_us": 1,
            "joules": { "value": 1.0, "how": "measured" },
        })
        .to_string()
    }

    impl House {
        fn append(&mut self, run: &str, day: i64, kind: Kind, body: &str) -> u64 {
            let record = NewRecord {
                run,
                time: Timestamp(day * DAY + 1),
                kind: kind.name(),
                body,
            };
            self.journal.append(&[record]).unwrap()[0].0
        }

        fn spend(&mut self, run: &str, day: i64, agent: &str) -> u64 {
            self.append(run, day, Kind::Cost, &cost(agent))
        }

        /// What a process that begins now finds spent of `line`.
        fn spent(&self, line: &Line, day: i64) -> Decimal {
            let spending = Spending::default();
            let now = Timestamp(day * DAY + 5);
            let lines = std::slice::from_ref(line);
            spending.know(&self.journal, lines, now, None).unwrap();
            spending.spent(line, now).0.of(line.limit.measure)
        }
    }

    fn line(whose: Whose, measure: Measure, window: Window) -> Line {
        let within = match window {
            Window::Run => Some("r1".into()),
            Window::Instance => Some("i".into()),
            _ => None,
        };
        let limit = Limit {
            measure,
            window,
            purpose: None,
            most: 100.into(),
            low: LOW,
            place: Place::built_in("test"),
        };
        Line {
            whose,
            limit,
            within,
        }
    }

    fn of_a(window: Window) -> Line {
        line(Whose::Agent("a".into()), Measure::Usd, window)
    }

    #[test]
    fn everything_is_counted_from_the_records_whoever_wrote_them_and_whatever_the_clock_did() {
        let mut house = house();
        for (run, day, agent) in [
            ("r1", 40, "a"),
            ("r1.1", 40, "b"),
            ("r2", 40, "a"),
            ("r2", 0, "a"),
            ("r1", 39, "a"),
        ] {
            house.spend(run, day, agent);
        }
        house.append("r1", 40, Kind::Cost, "{\"later\":\"version\"}");
        for (line, spent) in [
            (of_a(Window::Day), 2),
            (of_a(Window::Month), 3),
            (of_a(Window::Run), 3),
            (line(Whose::House, Measure::Calls, Window::Day), 3),
            (line(Whose::House, Measure::Tokens, Window::Day), 30),
            (line(Whose::House, Measure::Joules, Window::Day), 3),
            (
                line(
                    Whose::Workflow("w".into()),
                    Measure::Joules,
                    Window::Instance,
                ),
                5,
            ),
        ] {
            assert_eq!(house.spent(&line, 40), spent.into(), "{line:?}");
        }
        assert_eq!(house.spent(&of_a(Window::Day), 39), 1.into());
        assert_eq!(house.spent(&of_a(Window::Day), 41), 0.into());
    }

    #[test]
    fn what_was_counted_once_is_kept_and_read_on_from_there() {
        let mut house = house();
        let spending = Spending::default();
        let (lines, now) = ([of_a(Window::Day)], Timestamp(40 * DAY));
        for _ in 0..WORTH_KEEPING {
            house.spend("r1", 40, "a");
        }
        spending.know(&house.journal, &lines, now, None).unwrap();
        let keep = spending.to_keep().unwrap();
        assert!(spending.to_keep().is_none(), "nothing new");
        house.journal.append_keeping(&[], &[keep]).unwrap();
        let upto = kept(&house.journal).unwrap().upto;
        assert_eq!(upto, WORTH_KEEPING as u64);
        house.spend("r1", 40, "a");
        assert_eq!(
            house.spent(&lines[0], 40),
            (WORTH_KEEPING as u64 + 1).into()
        );
        // What cannot be read, or is of another journal, is counted anew.
        for wrong in ["no tally", "{\"upto\":99999,\"cells\":[]}"] {
            let line = (KEPT.to_owned(), wrong.as_bytes().to_vec());
            house.journal.append_keeping(&[], &[line]).unwrap();
            assert_eq!(
                house.spent(&lines[0], 40),
                (WORTH_KEEPING as u64 + 1).into()
            );
        }
    }

    #[test]
    fn what_is_booked_counts_at_once_and_once_also_when_it_is_read_late() {
        let mut house = house();
        let spending = Spending::default();
        let (lines, now) = ([of_a(Window::Day)], Timestamp(40 * DAY + 5));
        let entry = |run: &str| Entry {
            run: run.into(),
            time: now,
            expense: Expense::read(&cost("a")).unwrap(),
        };
        // Booked, and on the record, before anybody asked for a budget.
        spending.book(entry("r1"));
        let seq = house.spend("r1", 40, "a");
        let records = [Pending {
            time: now,
            kind: Kind::Cost,
            body: cost("a"),
            of_house: false,
        }];
        spending.settle("r1", &records, &[RecordId(seq)]);
        spending.book(entry("r2"));
        let spent = |spending: &Spending| {
            spending.know(&house.journal, &lines, now, None).unwrap();
            spending.spent(&lines[0], now).0.usd
        };
        assert_eq!(
            spent(&spending),
            2.into(),
            "one on the record, one about to be"
        );
        spending.forget("r2");
        assert_eq!(spent(&spending), 1.into(), "it never came there");
    }

    #[test]
    fn a_run_that_was_let_go_of_is_counted_again_when_it_is_taken_up() {
        let mut house = house();
        house.spend("r1", 1, "a");
        for n in 0..1_100 {
            house.spend(&format!("s{n}"), 2, "a");
        }
        assert_eq!(house.spent(&of_a(Window::Run), 3), 1.into());
    }

    #[test]
    fn charts_are_told_once_also_by_the_next_process() {
        let mut house = house();
        let lines = [of_a(Window::Day)];
        let spending = Spending::default();
        assert!(spending.tells("r1", "low"));
        assert!(!spending.tells("r1", "low"), "it is being told");
        assert!(spending.tells("r2", "low"));
        let body = json!({ "event": "budget.low", "to": "r1", "mark": "low" }).to_string();
        house.append("r1", 1, Kind::Budget, &body);
        let next = Spending::default();
        next.know(&house.journal, &lines, Timestamp(0), None)
            .unwrap();
        assert!(!next.tells("r1", "low") && next.tells("r2", "low"));
    }

    #[tokio::test]
    async fn whoever_waits_for_room_hears_of_it() {
        let spending = Spending::default();
        let mut room = spending.room();
        let ticket = spending.begin(Entry {
            run: "r1".into(),
            time: Timestamp(0),
            expense: Expense::read(&cost("a")).unwrap(),
        });
        let expected = Expected::call();
        let full = Line {
            limit: Limit {
                most: 1.into(),
                purpose: Some(Purpose::Work),
                ..of_a(Window::Day).limit
            },
            ..line(Whose::House, Measure::Calls, Window::Day)
        };
        let full = [Line {
            limit: Limit {
                measure: Measure::Calls,
                ..full.limit.clone()
            },
            ..full
        }];
        let admitted = |spending: &Spending| spending.admit(&full, &expected, Timestamp(0));
        assert_eq!(admitted(&spending), Admission::Busy);
        spending.over(ticket);
        tokio::time::timeout(std::time::Duration::from_secs(60), room.changed())
            .await
            .unwrap()
            .unwrap();
        assert!(matches!(admitted(&spending), Admission::Granted { .. }));
    }
}
