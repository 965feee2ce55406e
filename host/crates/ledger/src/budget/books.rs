//! The books of a house at work: what is settled, what is booked and not on the disk yet, what is under way; and whether there is room for one call more.

use super::line::Line;
use super::period::Period;
use super::sum::{Expense, Sum};
use super::tally::{Tally, is_within};
use rust_decimal::Decimal;
use std::collections::BTreeMap;
use std::sync::Arc;
use types::{Measure, Timestamp, Window};

/// An expense of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The run.
    pub run: Arc<str>,
    /// When.
    pub time: Timestamp,
    /// What.
    pub expense: Expense,
}

/// What a call is expected to cost.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Expected {
    /// What it costs in any case: its input, and the call itself.
    pub sure: Sum,
    /// What it may come to.
    pub at_most: Sum,
    /// The model that it asks, where nobody can tell what that costs.
    pub unpriced: Option<Arc<str>>,
}

/// Everything that was spent and is being spent.
#[derive(Clone, Debug, Default)]
pub struct Books {
    /// What is on the record.
    pub settled: Tally,
    /// What is booked, in its order by run, and goes on the record with the run's next commit.
    booked: BTreeMap<Arc<str>, Vec<Entry>>,
    /// Calls that are being made, each with what it may come to.
    under_way: BTreeMap<u64, Entry>,
    /// Calls that are over, of which it is known what they came to and which somebody books later.
    over: BTreeMap<u64, Entry>,
    next: u64,
}

/// What is said to a call.
#[derive(Clone, Debug, PartialEq)]
pub enum Admission {
    /// It may be made. These run low.
    Granted {
        /// Limits of which more is spent than their `low`.
        low: Vec<Line>,
    },
    /// There may be no room for it once what is under way is booked: ask again then.
    Busy,
    /// A limit is reached, or would be passed.
    Exhausted(Box<Exhausted>),
}

/// The limit that is in the way.
#[derive(Clone, Debug, PartialEq)]
pub struct Exhausted {
    /// Which.
    pub line: Line,
    /// The stretch it counts.
    pub period: Period,
    /// What is spent of it.
    pub spent: Decimal,
    /// What the call would have cost in any case.
    pub expected: Decimal,
    /// The model of which nobody has said what it costs: that alone is in the way, whatever is left.
    pub unpriced: Option<Arc<str>>,
}

impl Books {
    /// What is spent of `line` in `period`: on the record, or known to come there.
    pub fn spent(&self, line: &Line, period: &Period) -> Sum {
        let mut sum = self.settled.spent(period, |account| line.counts(account));
        let known = self.booked.values().flatten().chain(self.over.values());
        known
            .filter(|entry| counts(line, period, entry))
            .for_each(|entry| sum.add(&entry.expense.sum));
        sum
    }

    /// What calls that are under way may cost of `line`. They count for the stretch of now.
    pub fn under_way(&self, line: &Line) -> Sum {
        let mut sum = Sum::default();
        let under_way = self.under_way.values();
        under_way
            .filter(|entry| is_of(line, entry))
            .for_each(|entry| sum.add(&entry.expense.sum));
        sum
    }

    /// Whether a call that costs as `expected` may be made, where all of `lines` bear on it.
    pub fn admit(&self, lines: &[Line], expected: &Expected, now: Timestamp) -> Admission {
        let mut busy = false;
        let mut low = Vec::new();
        for line in lines {
            let (measure, most) = (line.limit.measure, line.limit.most);
            let period = line.period(now);
            let spent = self.spent(line, &period).of(measure);
            let sure = expected.sure.of(measure);
            let after = add(spent, sure);
            // What has no price would pass every limit of money unseen.
            let unpriced = expected.unpriced.clone();
            let unpriced = unpriced.filter(|_| measure == Measure::Usd);
            if spent >= most || after > most || unpriced.is_some() {
                return Admission::Exhausted(Box::new(Exhausted {
                    line: line.clone(),
                    period,
                    spent,
                    expected: sure,
                    unpriced: unpriced.filter(|_| spent < most),
                }));
            }
            // What costs nothing of it takes no room from anybody.
            let may_cost = !expected.at_most.of(measure).is_zero();
            busy |= may_cost && add(after, self.under_way(line).of(measure)) > most;
            if spent >= line.limit.low_at() && !spent.is_zero() {
                low.push(line.clone());
            }
        }
        match busy {
            true => Admission::Busy,
            false => Admission::Granted { low },
        }
    }

    /// A call begins, which may come to `entry`. The number is its name until [`Books::over`].
    pub fn begin(&mut self, entry: Entry) -> u64 {
        self.next += 1;
        self.under_way.insert(self.next, entry);
        self.next
    }

    /// The call `ticket` is not under way any more, and what it came to is booked later: it counts as spent until [`Books::over`].
    pub fn came_to(&mut self, ticket: u64, sum: Sum) {
        if let Some(mut entry) = self.under_way.remove(&ticket) {
            entry.expense.sum = sum;
            self.over.insert(ticket, entry);
        }
    }

    /// The call `ticket` is not under way any more: what it cost is booked, or it cost nothing.
    pub fn over(&mut self, ticket: u64) {
        self.under_way.remove(&ticket);
        self.over.remove(&ticket);
    }

    /// Something was spent; it goes on the record with the run's next commit.
    pub fn book(&mut self, entry: Entry) {
        self.booked
            .entry(entry.run.clone())
            .or_default()
            .push(entry);
    }

    /// The first `count` expenses that `run` has booked are on the record: they count from there on.
    pub fn settle(&mut self, run: &str, count: usize) {
        let Some(booked) = self.booked.get_mut(run) else {
            return;
        };
        booked.drain(..count.min(booked.len()));
        if booked.is_empty() {
            self.booked.remove(run);
        }
    }

    /// `run` is gone: what it had booked never came on the record, and nothing of it is under way.
    pub fn forget(&mut self, run: &str) {
        self.booked.remove(run);
        self.under_way.retain(|_, entry| *entry.run != *run);
        self.over.retain(|_, entry| *entry.run != *run);
    }
}

fn add(a: Decimal, b: Decimal) -> Decimal {
    a.checked_add(b).unwrap_or(Decimal::MAX)
}

/// Whether `entry` is spent of `line` in `period`.
fn counts(line: &Line, period: &Period, entry: &Entry) -> bool {
    let in_time = match period {
        Period::Day(_) => Period::day(entry.time) == *period,
        Period::Month(_) => Period::month(entry.time) == *period,
        Period::Run(_) | Period::Instance(_) => true,
    };
    in_time && is_of(line, entry)
}

/// Whether `entry` is spent of `line`, whenever.
fn is_of(line: &Line, entry: &Entry) -> bool {
    let within = line.within.as_deref().unwrap_or_default();
    let here = match line.limit.window {
        Window::Day | Window::Month => true,
        Window::Run => is_within(&entry.run, within),
        Window::Instance => entry.expense.instance.as_deref() == Some(within),
    };
    here && line.counts(&entry.expense.account)
}

impl Expected {
    /// A call of something that costs no money and no tokens.
    pub fn call() -> Self {
        let one = Sum {
            calls: 1,
            ..Sum::default()
        };
        Expected {
            sure: one,
            at_most: one,
            unpriced: None,
        }
    }
}

impl Exhausted {
    /// What is counted.
    pub fn measure(&self) -> Measure {
        self.line.limit.measure
    }
}
