//! What was spent so far, by stretch and account: a fold of records that can be stored anywhere and goes on from there.
//!
//! Days, runs and instances that nothing was spent in for long are let go of; whoever asks for one of them counts it anew from the records, and is told that it
//! has to be. What is spent later in one that was let go of makes it no more complete. Records are told apart by their numbers and not by their times, because
//! clocks are set back and begin in 1970.

use super::period::Period;
use super::sum::{Account, Expense, Sum};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use types::Timestamp;

/// Days that are kept: more than a month of them, so that a clock that is set back a little finds what it looks for.
const DAYS: usize = 64;
/// Runs that are kept, and as many instances.
const RUNS: usize = 1_024;
/// Warnings that are remembered.
const TOLD: usize = 4_096;

/// What was spent up to a record.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tally {
    /// The last record that was looked at: what it and all before it tell is in here.
    pub upto: u64,
    #[serde(with = "pairs")]
    cells: BTreeMap<Period, Cell>,
    /// What charts were told, with the record that says so.
    #[serde(default)]
    told: BTreeMap<String, u64>,
    /// What was let go of. What earlier versions kept has no such field, and counted otherwise: it is not read.
    past: Past,
}

/// Up to where stretches were let go of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Past {
    /// The last day.
    days: Option<i64>,
    /// Whether there were runs.
    runs: bool,
    /// Whether there were instances.
    instances: bool,
}

/// What was spent in one stretch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cell {
    /// The last record.
    last: u64,
    /// Whether something may have been spent in it that was let go of before.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    partial: bool,
    #[serde(with = "pairs")]
    accounts: BTreeMap<Account, Sum>,
}

impl Past {
    /// Whether `period` may have been let go of.
    fn has(&self, period: &Period) -> bool {
        match period {
            Period::Day(day) => self.days.is_some_and(|past| *day <= past),
            Period::Month(_) => false,
            Period::Run(_) => self.runs,
            Period::Instance(_) => self.instances,
        }
    }

    fn put(&mut self, period: &Period) {
        match period {
            Period::Day(day) => self.days = self.days.max(Some(*day)),
            Period::Month(_) => {}
            Period::Run(_) => self.runs = true,
            Period::Instance(_) => self.instances = true,
        }
    }
}

impl Cell {
    fn add(&mut self, seq: u64, account: &Account, sum: &Sum) {
        self.last = self.last.max(seq);
        self.accounts.entry(account.clone()).or_default().add(sum);
    }
}

impl Tally {
    /// Add what the record `seq` of `run` tells.
    pub fn add(&mut self, seq: u64, run: &str, time: Timestamp, expense: &Expense) {
        self.upto = self.upto.max(seq);
        let instance = expense.instance.clone().map(Period::Instance);
        let periods = [
            Period::day(time),
            Period::month(time),
            Period::Run(run.into()),
        ];
        for period in periods.into_iter().chain(instance) {
            let partial = self.past.has(&period);
            let cell = self.cells.entry(period).or_insert_with(|| Cell {
                partial,
                ..Cell::default()
            });
            cell.add(seq, &expense.account, &expense.sum);
        }
    }

    /// Everything up to the record `seq` was looked at.
    pub fn read_to(&mut self, seq: u64) {
        self.upto = self.upto.max(seq);
    }

    /// Nothing was spent in `period` before: it is new, or everything is about to be counted.
    pub fn begin(&mut self, period: &Period) {
        self.cells.entry(period.clone()).or_default();
    }

    /// The record `seq` says that `to` was told `mark`.
    pub fn tell(&mut self, seq: u64, to: &str, mark: &str) {
        self.told.insert(told(to, mark), seq);
        if self.told.len() > TOLD {
            let oldest = self.told.iter().min_by_key(|(_, seq)| **seq);
            if let Some(oldest) = oldest.map(|(mark, _)| mark.clone()) {
                self.told.remove(&oldest);
            }
        }
    }

    /// Whether `to` was told `mark`.
    pub fn has_told(&self, to: &str, mark: &str) -> bool {
        self.told.contains_key(&told(to, mark))
    }

    /// Whether what was spent in `period` is in it; otherwise it has to be counted from the records.
    pub fn knows(&self, period: &Period) -> bool {
        match self.cells.get(period) {
            Some(cell) => !cell.partial,
            None => !self.past.has(period),
        }
    }

    /// What was spent in `period` on the accounts that count.
    pub fn spent(&self, period: &Period, counts: impl Fn(&Account) -> bool) -> Sum {
        let mut sum = Sum::default();
        for (_, cell) in self.cells_of(period) {
            let accounts = cell.accounts.iter();
            accounts
                .filter(|(account, _)| counts(account))
                .for_each(|(_, own)| sum.add(own));
        }
        sum
    }

    /// Let go of what was not touched for long, but not of `asked`.
    pub fn trim(&mut self, asked: &BTreeSet<Period>) {
        let days = self.oldest(DAYS, |period| matches!(period, Period::Day(_)));
        let runs = self.oldest(RUNS, |period| matches!(period, Period::Run(_)));
        let instances = self.oldest(RUNS, |period| matches!(period, Period::Instance(_)));
        for period in days.into_iter().chain(runs).chain(instances) {
            if asked.contains(&period) {
                continue;
            }
            if let Some(cell) = self.cells.remove(&period) {
                self.past.put(&period);
                self.leave_above(&period, cell);
            }
        }
    }

    /// What a run spent that is let go of stays with the run above it, as far as that is here.
    fn leave_above(&mut self, period: &Period, gone: Cell) {
        let Period::Run(run) = period else {
            return;
        };
        let mut above = &**run;
        while let Some((first, _)) = above.rsplit_once('.') {
            above = first;
            if let Some(cell) = self.cells.get_mut(&Period::Run(above.into())) {
                for (account, sum) in &gone.accounts {
                    cell.add(gone.last, account, sum);
                }
                return;
            }
        }
    }

    /// All of a sort but the `most` that were touched last.
    fn oldest(&self, most: usize, of: impl Fn(&Period) -> bool) -> Vec<Period> {
        let its = self.cells.iter().filter(|(period, _)| of(period));
        let mut its: Vec<(u64, &Period)> = its.map(|(period, cell)| (cell.last, period)).collect();
        let gone = its.len().saturating_sub(most);
        if gone == 0 {
            return Vec::new();
        }
        its.sort();
        let gone = its.into_iter().take(gone);
        gone.map(|(_, period)| period.clone()).collect()
    }

    /// The cells of `period`: one, but for a run, which has those of all below it too.
    fn cells_of<'t>(&'t self, period: &'t Period) -> impl Iterator<Item = (&'t Period, &'t Cell)> {
        self.cells
            .range(period..)
            .take_while(move |(other, _)| match (period, other) {
                // What lies between a name and the names below it sorts there too.
                (Period::Run(run), Period::Run(other)) => other.starts_with(&**run),
                _ => period == *other,
            })
            .filter(move |(other, _)| is_in(period, other))
    }
}

fn told(to: &str, mark: &str) -> String {
    format!("{to} {mark}")
}

/// Whether what is spent in `other` is spent in `period`: a run is in itself and in those that it is below.
fn is_in(period: &Period, other: &Period) -> bool {
    match (period, other) {
        (Period::Run(run), Period::Run(other)) => is_within(other, run),
        _ => period == other,
    }
}

/// Whether `run` is `above` or below it: the names of runs say who began them.
pub(super) fn is_within(run: &str, above: &str) -> bool {
    run.strip_prefix(above)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Maps whose keys are no texts, as lists of pairs.
mod pairs {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use std::collections::BTreeMap;

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        let pairs: Vec<(K, V)> = Vec::deserialize(deserializer)?;
        Ok(pairs.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rust_decimal::Decimal;
    use types::Purpose;

    const DAY: i64 = 86_400_000;

    fn dollar(agent: &str) -> Expense {
        Expense {
            account: Account {
                agent: agent.into(),
                workflow: None,
                role: None,
                purpose: Purpose::Work,
            },
            instance: None,
            sum: Sum {
                usd: Decimal::ONE,
                calls: 1,
                ..Sum::default()
            },
        }
    }

    fn usd(tally: &Tally, period: Period) -> Decimal {
        tally.spent(&period, |_| true).usd
    }

    #[test]
    fn a_stretch_holds_what_was_spent_in_it_whatever_the_clock_did() {
        let mut tally = Tally::default();
        // A small machine's clock begins in 1970 until somebody tells it the time.
        for (seq, day) in (1..).zip([40, 40, 0, 39, 40]) {
            tally.add(seq, "r", Timestamp(day * DAY + 1), &dollar("a"));
        }
        assert_eq!(usd(&tally, Period::Day(40)), 3.into());
        assert_eq!(usd(&tally, Period::Day(39)), 1.into());
        assert_eq!(usd(&tally, Period::Day(41)), 0.into());
        let month = |day| Period::month(Timestamp(day * DAY));
        assert_eq!(usd(&tally, month(45)), 4.into(), "February 1970");
        assert_eq!(usd(&tally, month(5)), 1.into());
        assert_eq!(usd(&tally, Period::Run("r".into())), 5.into());
    }

    #[test]
    fn a_run_has_what_those_below_it_spent_and_nobody_elses() {
        let mut tally = Tally::default();
        let runs = ["x", "x.1", "x.1.2", "x.10", "x-1", "xy", "w"];
        for (seq, run) in (1..).zip(runs) {
            tally.add(seq, run, Timestamp(0), &dollar("a"));
        }
        for (run, spent) in [("x", 4), ("x.1", 2), ("x.10", 1), ("xy", 1), ("z", 0)] {
            assert_eq!(usd(&tally, Period::Run(run.into())), spent.into(), "{run}");
        }
    }

    /// What lets go of the oldest: so many other runs, a record each.
    fn others(tally: &mut Tally, from: u64) {
        for n in from..from + 1_100 {
            tally.add(n, &format!("other{n}"), Timestamp(0), &dollar("a"));
        }
        tally.trim(&BTreeSet::new());
    }

    #[test]
    fn what_is_let_go_of_is_known_to_be_missing_and_what_is_new_is_not() {
        let mut tally = Tally::default();
        for n in 0..2_000 {
            let time = Timestamp(i64::try_from(n).unwrap() * DAY);
            tally.add(n + 1, &format!("r{n}"), time, &dollar("a"));
        }
        let asked = Period::Run("r3".into());
        let mut counted = tally.clone();
        tally.trim(&BTreeSet::new());
        assert!(!tally.knows(&Period::Day(3)) && tally.knows(&Period::Day(1_999)));
        assert!(tally.knows(&Period::Day(2_000)), "that day is new");
        assert!(!tally.knows(&asked));
        assert!(tally.knows(&Period::Run("r1999".into())));
        assert!(tally.knows(&Period::Month(3)), "months are kept");
        assert!(tally.knows(&Period::Instance("i".into())));
        // Kept for somebody who asked, also where nothing was spent.
        let never = Period::Run("never".into());
        counted.begin(&never);
        counted.trim(&[asked.clone(), never.clone()].into());
        assert!(counted.knows(&asked) && counted.knows(&never));
        assert_eq!(
            (usd(&counted, asked), usd(&counted, never)),
            (1.into(), 0.into())
        );
        assert!(counted.cells.len() < 2_000);
    }

    #[test]
    fn what_was_let_go_of_is_not_known_again_because_more_is_spent_in_it() {
        let mut tally = Tally::default();
        let mut instance = dollar("a");
        instance.instance = Some("i0".into());
        tally.add(1, "x", Timestamp(0), &instance);
        for n in 1..1_100 {
            instance.instance = Some(format!("i{n}").into());
            tally.add(n + 1, "y", Timestamp(n as i64 * DAY), &instance);
        }
        others(&mut tally, 2_000);
        instance.instance = Some("i0".into());
        tally.add(4_000, "x", Timestamp(DAY), &instance);
        for period in [
            Period::Run("x".into()),
            Period::Instance("i0".into()),
            Period::Day(1),
        ] {
            assert!(!tally.knows(&period), "{period}");
            assert_eq!(
                usd(&tally, period.clone()),
                1.into(),
                "{period}: what is new"
            );
        }
        let stored = serde_json::to_vec(&tally).unwrap();
        let tally: Tally = serde_json::from_slice(&stored).unwrap();
        assert!(
            !tally.knows(&Period::Run("x".into())),
            "nor by who reads it"
        );
    }

    #[test]
    fn a_run_has_what_those_below_it_spent_that_were_let_go_of() {
        let mut tally = Tally::default();
        let root = Period::Run("x".into());
        tally.begin(&root);
        tally.add(1, "x.1", Timestamp(0), &dollar("a"));
        tally.add(2, "x.1.7", Timestamp(0), &dollar("b"));
        tally.add(3, "xy", Timestamp(0), &dollar("b"));
        for n in 4..1_200 {
            tally.add(n, &format!("other{n}"), Timestamp(0), &dollar("a"));
        }
        tally.trim(&[root.clone()].into());
        tally.add(1_200, "x.1", Timestamp(0), &dollar("a"));
        assert!(tally.knows(&root) && !tally.knows(&Period::Run("x.1".into())));
        assert_eq!(usd(&tally, root.clone()), 3.into());
        let of_b = tally.spent(&root, |account| *account.agent == *"b");
        assert_eq!(of_b.usd, 1.into(), "on whose account it was");
    }

    #[test]
    fn it_can_be_stored_anywhere_and_comes_to_the_same() {
        let all: Vec<(u64, String)> = (1..100).map(|n| (n, format!("r{}", n % 7))).collect();
        let add = |tally: &mut Tally, (seq, run): &(u64, String)| {
            let time = Timestamp(i64::try_from(*seq).unwrap() * DAY / 3);
            tally.add(*seq, run, time, &dollar("a"));
            tally.tell(*seq, run, "low");
        };
        let mut whole = Tally::default();
        all.iter().for_each(|one| add(&mut whole, one));
        for at in [0, 1, 50, 98] {
            let mut first = Tally::default();
            all[..at].iter().for_each(|one| add(&mut first, one));
            let stored = serde_json::to_vec(&first).unwrap();
            let mut again: Tally = serde_json::from_slice(&stored).unwrap();
            all[at..].iter().for_each(|one| add(&mut again, one));
            assert_eq!(again, whole);
        }
        assert!(whole.has_told("r1", "low") && !whole.has_told("r1", "high"));
    }
}
