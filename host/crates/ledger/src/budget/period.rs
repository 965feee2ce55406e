//! The stretch that a limit counts: a day, a month, a run, an instance.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use types::{Date, Timestamp};

/// One day, one month, one run or one instance.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// A day (UTC), counted from 1970.
    Day(i64),
    /// A month (UTC), counted from the year 0.
    Month(i64),
    /// A run.
    Run(Arc<str>),
    /// A workflow's instance.
    Instance(Arc<str>),
}

impl Period {
    /// The day of `time`.
    pub fn day(time: Timestamp) -> Self {
        Period::Day(types::day_of(time))
    }

    /// The month of `time`.
    pub fn month(time: Timestamp) -> Self {
        let Date { year, month, .. } = Date::of(time);
        Period::Month(year * 12 + i64::from(month) - 1)
    }

    /// When the next one begins; `None` for what is not measured by the calendar.
    pub fn end(&self) -> Option<Timestamp> {
        let next = match self {
            Period::Day(day) => Date::of_day(day + 1),
            Period::Month(month) => {
                let next = month + 1;
                Date {
                    year: next.div_euclid(12),
                    month: u32::try_from(next.rem_euclid(12)).unwrap_or(0) + 1,
                    day: 1,
                }
            }
            Period::Run(_) | Period::Instance(_) => return None,
        };
        Some(next.begins())
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Day(day) => {
                write!(f, "{}", Date::of_day(*day))
            }
            Period::Month(month) => {
                let (year, month) = (month.div_euclid(12), month.rem_euclid(12) + 1);
                write!(f, "{year:04}-{month:02}")
            }
            Period::Run(id) => write!(f, "run {id}"),
            Period::Instance(id) => write!(f, "instance {id}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        for (day, text, month) in [
            (0, "1970-01-01", "1970-01"),
            (-1, "1969-12-31", "1969-12"),
            (11_016, "2000-02-29", "2000-02"),
            (11_017, "2000-03-01", "2000-03"),
            (20_454, "2026-01-01", "2026-01"),
            (20_453, "2025-12-31", "2025-12"),
        ] {
            let last = Timestamp((day + 1) * 86_400_000 - 1);
            assert_eq!(Period::day(last).to_string(), text);
            assert_eq!(Period::month(last).to_string(), month);
        }
    }

    #[test]
    fn each_ends_when_the_next_one_begins() {
        for day in (-800..60_000).step_by(7) {
            let now = Timestamp(day * 86_400_000 + 5);
            for of in [Period::day, Period::month] {
                let end = of(now).end().unwrap();
                assert!(end > now);
                assert_eq!(of(Timestamp(end.0 - 1)), of(now), "{day}");
                assert_ne!(of(end), of(now), "{day}");
            }
        }
        assert_eq!(Period::Run("r".into()).end(), None);
        assert_eq!(Period::Instance("i".into()).end(), None);
    }
}
