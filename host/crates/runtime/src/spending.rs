//! The books of a house in the hands of all its runs in this process, and the way there from the journal.
//!
//! They are a fold of cost records by their numbers, begun when the first budget is asked for and kept up to date with every commit, so that what several runs
//! spend at the same time counts for all of them, and so does what the house spends, and another process beside it. What it comes to is kept beside the records
//! now and then; the next process reads on from there. Which limits there are, and what follows from one that is reached, is not known here (`admission.rs`).

use crate::record::{Kind, Pending};
use journal::{Journal, JournalError, RecordId};
use ledger::budget::{Admission, Books, Entry, Expected, Expense, Line, Period, Sum, Tally};
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
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
    /// What the runs that are up ask for, by them: it is not let go of.
    asked: BTreeMap<Arc<str>, BTreeSet<Period>>,
    /// What is being told, by whom it is told to: the run that tells it.
    telling: BTreeMap<(String, String), Arc<str>>,
}

/// Who asks for what was spent.
#[derive(Clone, Copy)]
pub(crate) struct Asker<'a> {
    pub(crate) run: &'a Arc<str>,
    /// Whether nothing that it spent is on the record.
    pub(crate) is_new: bool,
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

    /// Know all that `lines` ask for at `now`.
    pub(crate) fn know(
        &self,
        journal: &Journal,
        lines: &[Line],
        now: Timestamp,
        asker: Option<Asker<'_>>,
    ) -> Result<(), JournalError> {
        let mut held = self.held();
        held.read_on(journal)?;
        let Held { books, asked, .. } = &mut *held;
        let periods: Vec<Period> = lines.iter().map(|line| line.period(now)).collect();
        if let Some(Asker { run, is_new }) = asker {
            let own = Period::Run(run.clone());
            if is_new && periods.contains(&own) {
                books.settled.begin(&own);
            }
            let lasting = |period: &&Period| matches!(period, Period::Run(_) | Period::Instance(_));
            let asks = asked.entry(run.clone()).or_default();
            asks.extend(periods.iter().filter(lasting).cloned());
        }
        if periods.iter().any(|period| !books.settled.knows(period)) {
            let mut asked = held.asked();
            asked.extend(periods);
            held.books.settled = count_all(journal, &asked)?;
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

    /// A run is gone: what it was about to tell is told by whoever comes to it next.
    pub(crate) fn forget(&self, run: &str) {
        let mut held = self.held();
        held.books.forget(run);
        held.asked.remove(run);
        held.telling.retain(|_, by| **by != *run);
        drop(held);
        self.there_is_room();
    }

    /// Whether `run` is to tell `to` now `mark`: once, whoever asks.
    pub(crate) fn tells(&self, run: &Arc<str>, to: &str, mark: &str) -> bool {
        let mut held = self.held();
        let what = (to.to_owned(), mark.to_owned());
        let tells = !held.books.settled.has_told(to, mark) && !held.telling.contains_key(&what);
        if tells {
            held.telling.insert(what, run.clone());
        }
        tells
    }

    /// What is to be kept with the next commit, where there is enough of it. It holds what was on the record before that.
    pub(crate) fn to_keep(&self) -> Option<(String, Vec<u8>)> {
        let mut held = self.held();
        if !held.loaded || held.news < WORTH_KEEPING {
            return None;
        }
        held.news = 0;
        let asked = held.asked();
        held.books.settled.trim(&asked);
        let bytes = serde_json::to_vec(&held.books.settled).ok()?;
        Some((KEPT.to_owned(), bytes))
    }

    /// A commit is on the disk: `records`, each with the run that wrote it and under its number. Others may have written before it.
    pub(crate) fn settle(&self, journal: &Journal, records: &[(&Arc<str>, &Pending, RecordId)]) {
        let mut held = self.held();
        for (run, pending, _) in records {
            match pending.kind {
                Kind::Cost => held.books.settle(run, 1),
                Kind::Budget => {
                    if let Ok(told) = serde_json::from_str::<Told>(&pending.body) {
                        held.telling.remove(&(told.to, told.mark));
                    }
                }
                _ => {}
            }
        }
        let (Some((.., first)), Some((.., last)), true) =
            (records.first(), records.last(), held.loaded)
        else {
            return;
        };
        if first.0 > held.books.settled.upto + 1 {
            if let Err(error) = held.read_on(journal) {
                // Whoever asks next reads all of it again, or is told that it cannot be read.
                tracing::warn!(%error, "what was spent cannot be read");
                held.loaded = false;
            }
            return;
        }
        for (run, pending, seq) in records {
            let told = (seq.0, pending.run(run), pending.time, &*pending.body);
            held.news += usize::from(take(&mut held.books.settled, pending.kind, told));
        }
        held.books.settled.read_to(last.0);
    }
}

impl Held {
    /// Everything that somebody asks for.
    fn asked(&self) -> BTreeSet<Period> {
        self.asked.values().flatten().cloned().collect()
    }

    /// Have everything in the books that is on the record: all of it the first time, then what others wrote since.
    fn read_on(&mut self, journal: &Journal) -> Result<(), JournalError> {
        if !self.loaded {
            self.books.settled = kept(journal)?;
        } else if journal.head()?.seq <= self.books.settled.upto {
            return Ok(());
        }
        let (asked, settled) = (self.asked(), &mut self.books.settled);
        let before = settled.upto;
        // What was read of it is not read twice, also where reading the rest fails.
        self.loaded = false;
        let news = count(journal, settled, &asked)?;
        tracing::debug!(before, news, "read what was spent");
        self.news += news;
        self.loaded = true;
        Ok(())
    }
}

/// What is kept, where it fits the journal; nothing otherwise, and it is all counted anew.
fn kept(journal: &Journal) -> Result<Tally, JournalError> {
    let head = journal.head()?.seq;
    let kept = journal.kept(KEPT)?;
    let read = kept.and_then(|bytes| serde_json::from_slice::<Tally>(&bytes).ok());
    Ok(read.filter(|tally| tally.upto <= head).unwrap_or_default())
}

/// All that is on the record, with everything of `asked`.
fn count_all(journal: &Journal, asked: &BTreeSet<Period>) -> Result<Tally, JournalError> {
    let mut tally = Tally::default();
    asked.iter().for_each(|period| tally.begin(period));
    count(journal, &mut tally, asked)?;
    Ok(tally)
}

/// Have in `tally` what is on the record since, and how much that was. What `asked` asks for is not let go of.
fn count(
    journal: &Journal,
    tally: &mut Tally,
    asked: &BTreeSet<Period>,
) -> Result<usize, JournalError> {
    let (upto, head) = (RecordId(tally.upto), journal.head()?.seq);
    let mut news = 0;
    for kind in [Kind::Cost, Kind::Budget] {
        journal.each_of_kind_after(kind.name(), upto, |record| {
            let told = (record.seq.0, &*record.run, record.time, &*record.body);
            news += usize::from(take(tally, kind, told));
            if kind == Kind::Cost && news % BETWEEN_TRIMS == 0 {
                tally.trim(asked);
            }
        })?;
    }
    tally.read_to(head);
    tally.trim(asked);
    Ok(news)
}

/// Have `tally` take a record: its number, its run, its time and its body. Whether it is a cost.
fn take(
    tally: &mut Tally,
    kind: Kind,
    (seq, run, time, body): (u64, &str, Timestamp, &str),
) -> bool {
    match kind {
        Kind::Cost => match Expense::read(body) {
            Some(expense) => tally.add(seq, run, time, &expense),
            None => tracing::warn!(record = seq, "a cost record cannot be read"),
        },
        Kind::Budget => {
            if let Ok(told) = serde_json::from_str::<Told>(body) {
                tally.tell(seq, &told.to, &told.mark);
            }
        }
        _ => {}
    }
    kind == Kind::Cost
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

        /// Runs of this process commit a cost each, in one commit.
        fn commit(&mut self, spending: &Spending, runs: &[&str], day: i64, agent: &str) {
            let body = cost(agent);
            let records: Vec<NewRecord<'_>> = runs
                .iter()
                .map(|run| NewRecord {
                    run,
                    time: Timestamp(day * DAY + 1),
                    kind: Kind::Cost.name(),
                    body: &body,
                })
                .collect();
            let ids = self.journal.append(&records).unwrap();
            let runs: Vec<Arc<str>> = runs.iter().map(|run| Arc::from(*run)).collect();
            let pending = pending(day, agent);
            let all: Vec<_> = runs
                .iter()
                .zip(ids)
                .map(|(run, id)| (run, &pending, id))
                .collect();
            spending.settle(&self.journal, &all);
        }

        /// Enough other runs to let go of whatever nobody asks for.
        fn others(&mut self, spending: &Spending, day: i64) {
            let names: Vec<String> = (0..1_100).map(|n| format!("s{day}-{n}")).collect();
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            self.commit(spending, &names, day, "a");
            assert!(spending.to_keep().is_some(), "which lets go of the oldest");
        }
    }

    fn pending(day: i64, agent: &str) -> Pending {
        Pending {
            time: Timestamp(day * DAY + 1),
            kind: Kind::Cost,
            body: cost(agent),
            of_house: false,
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
        let another = "{\"upto\":99999,\"cells\":[],\"past\":{\"runs\":false,\"instances\":false}}";
        for wrong in ["no tally", "{\"upto\":1,\"cells\":[]}", another] {
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
        house.commit(&spending, &["r1"], 40, "a");
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
    fn a_run_that_was_let_go_of_is_counted_whole_though_it_has_spent_since() {
        let mut house = house();
        let spending = Spending::default();
        let now = Timestamp(3 * DAY);
        let other = Line {
            within: Some("r2".into()),
            ..of_a(Window::Run)
        };
        let lines = [of_a(Window::Run), other];
        let know = |house: &House, lines: &[Line]| {
            spending.know(&house.journal, lines, now, None).unwrap();
            let spent = |line: &Line| spending.spent(line, now).0.usd;
            lines.iter().map(spent).collect::<Vec<_>>()
        };
        know(&house, &[of_a(Window::Day)]);
        house.commit(&spending, &["r1", "r1.1", "r2"], 1, "a");
        house.others(&spending, 2);
        house.commit(&spending, &["r1", "r2"], 3, "a");
        assert_eq!(know(&house, &lines), [3.into(), 2.into()]);
        // What a run asks for that is up stays, and what those below it spent.
        let run: Arc<str> = "r1".into();
        let asker = Asker {
            run: &run,
            is_new: false,
        };
        spending
            .know(&house.journal, &lines[..1], now, Some(asker))
            .unwrap();
        house.others(&spending, 3);
        assert_eq!(spending.spent(&lines[0], now).0.usd, 3.into());
        assert!(spending.held().books.settled.knows(&lines[0].period(now)));
    }

    #[test]
    fn what_the_house_and_other_processes_spend_counts_too_and_nothing_counts_twice() {
        let mut house = house();
        let spending = Spending::default();
        let (line, now) = (
            line(Whose::House, Measure::Usd, Window::Day),
            Timestamp(40 * DAY),
        );
        let lines = std::slice::from_ref(&line);
        let spent = |house: &House| {
            spending.know(&house.journal, lines, now, None).unwrap();
            spending.spent(&line, now).0.usd
        };
        assert_eq!(spent(&house), 0.into());
        // The house, of which nothing was booked.
        house.commit(&spending, &["house"], 40, "");
        assert_eq!(spending.spent(&line, now).0.usd, 1.into());
        // Another process, and then one more of this.
        house.spend("house", 40, "");
        assert_eq!(
            spent(&house),
            2.into(),
            "it is looked for before anything is allowed"
        );
        house.spend("house", 40, "");
        house.commit(&spending, &["r1"], 40, "a");
        assert_eq!(spending.spent(&line, now).0.usd, 4.into());
        assert_eq!(spent(&house), 4.into());
        house.commit(&spending, &["r1"; WORTH_KEEPING], 40, "a");
        house.spend("house", 40, "");
        let keep = spending.to_keep().unwrap();
        house.journal.append_keeping(&[], &[keep]).unwrap();
        let all = Decimal::from(WORTH_KEEPING + 5);
        assert_eq!((house.spent(&line, 40), spent(&house)), (all, all));
    }

    #[test]
    fn what_a_run_was_about_to_tell_and_never_did_is_told_by_the_next() {
        let spending = Spending::default();
        let (first, next): (Arc<str>, Arc<str>) = ("r1".into(), "r2".into());
        assert!(spending.tells(&first, "instance", "low"));
        assert!(
            !spending.tells(&next, "instance", "low"),
            "it is being told"
        );
        // Its commit failed, and it ends with that.
        spending.forget("r1");
        assert!(spending.tells(&next, "instance", "low"));
        spending.forget("r1");
        assert!(!spending.tells(&first, "instance", "low"));
    }

    #[test]
    fn charts_are_told_once_also_by_the_next_process() {
        let mut house = house();
        let lines = [of_a(Window::Day)];
        let spending = Spending::default();
        let tells = |spending: &Spending, run: &str| spending.tells(&run.into(), run, "low");
        assert!(tells(&spending, "r1"));
        assert!(!tells(&spending, "r1"), "it is being told");
        assert!(tells(&spending, "r2"));
        let body = json!({ "event": "budget.low", "to": "r1", "mark": "low" }).to_string();
        house.append("r1", 1, Kind::Budget, &body);
        let next = Spending::default();
        next.know(&house.journal, &lines, Timestamp(0), None)
            .unwrap();
        assert!(!tells(&next, "r1") && tells(&next, "r2"));
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
