//! What was spent so far, by stretch and account: a fold of records that can be stored anywhere and goes on from there.
//!
//! Days, runs and instances that nothing was spent in for long are let go of; whoever asks for one of them counts it anew from the records, and is told that it
//! has to be. Records are told apart by their numbers and not by their times, because clocks are set back and begin in 1970.

use super::period::Period;
use super::sum::{Account, Expense, Sum};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
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
    /// The last record that is in it.
    pub upto: u64,
    #[serde(with = "pairs")]
    cells: BTreeMap<Period, Cell>,
    /// What charts were told, with the record that says so.
    #[serde(default)]
    told: BTreeMap<String, u64>,
    /// The last day that was let go of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    past_days: Option<i64>,
    /// Whether runs were let go of.
    #[serde(default)]
    past_runs: bool,
    /// Whether instances were.
    #[serde(default)]
    past_instances: bool,
}

/// What was spent in one stretch.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Cell {
    /// The last record.
    last: u64,
    #[serde(with = "pairs")]
    accounts: BTreeMap<Account, Sum>,
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
            let cell = self.cells.entry(period).or_default();
            cell.last = cell.last.max(seq);
            cell.accounts
                .entry(expense.account.clone())
                .or_default()
                .add(&expense.sum);
        }
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
        self.cells.contains_key(period)
            || match period {
                Period::Day(day) => self.past_days.is_none_or(|past| *day > past),
                Period::Month(_) => true,
                Period::Run(_) => !self.past_runs,
                Period::Instance(_) => !self.past_instances,
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
    pub fn trim(&mut self, asked: Option<&Period>) {
        if let Some(asked) = asked
            && self.cells_of(asked).next().is_none()
        {
            // That nothing was spent is known now.
            let last = self.upto;
            let accounts = BTreeMap::new();
            self.cells.insert(asked.clone(), Cell { last, accounts });
        }
        let days = self.oldest(DAYS, asked, |period| matches!(period, Period::Day(_)));
        for period in days {
            self.cells.remove(&period);
            if let Period::Day(day) = period {
                self.past_days = self.past_days.max(Some(day));
            }
        }
        let runs = self.oldest(RUNS, asked, |period| matches!(period, Period::Run(_)));
        self.past_runs |= !runs.is_empty();
        let instances = self.oldest(RUNS, asked, |period| matches!(period, Period::Instance(_)));
        self.past_instances |= !instances.is_empty();
        for period in runs.into_iter().chain(instances) {
            self.cells.remove(&period);
        }
    }

    /// All of a sort but the `most` that were touched last.
    fn oldest(
        &self,
        most: usize,
        asked: Option<&Period>,
        of: impl Fn(&Period) -> bool,
    ) -> Vec<Period> {
        let its = self.cells.iter().filter(|(period, _)| of(period));
        let mut its: Vec<(u64, &Period)> = its.map(|(period, cell)| (cell.last, period)).collect();
        if its.len() <= most {
            return Vec::new();
        }
        its.sort();
        let gone = its.len() - most;
        let gone = its.into_iter().take(gone).map(|(_, period)| period);
        gone.filter(|period| !asked.is_some_and(|asked| is_in(asked, period)))
            .cloned()
            .collect()
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

    #[test]
    fn what_is_let_go_of_is_known_to_be_missing_and_what_is_new_is_not() {
        let mut tally = Tally::default();
        for n in 0..2_000 {
            let time = Timestamp(i64::try_from(n).unwrap() * DAY);
            tally.add(n + 1, &format!("r{n}"), time, &dollar("a"));
        }
        tally.trim(None);
        assert!(!tally.knows(&Period::Day(3)) && tally.knows(&Period::Day(1_999)));
        assert!(tally.knows(&Period::Day(2_000)), "that day is new");
        assert!(!tally.knows(&Period::Run("r3".into())));
        assert!(tally.knows(&Period::Run("r1999".into())));
        assert!(tally.knows(&Period::Month(3)), "months are kept");
        assert!(tally.knows(&Period::Instance("i".into())));
        // Counted again for somebody who asked, also where nothing was spent.
        let asked = Period::Run("never".into());
        tally.trim(Some(&asked));
        assert!(tally.knows(&asked));
        assert_eq!(usd(&tally, asked), 0.into());
        assert!(tally.cells.len() < 2_000);
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
