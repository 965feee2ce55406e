//! The stretch that a limit counts: a day, a month, a run, an instance.

use crate::day;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use types::Timestamp;

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
        Period::Day(day::of(time))
    }

    /// The month of `time`.
    pub fn month(time: Timestamp) -> Self {
        let (year, month, _) = day::civil(day::of(time));
        Period::Month(year * 12 + month - 1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Day(day) => {
                let (year, month, day) = day::civil(*day);
                write!(f, "{year:04}-{month:02}-{day:02}")
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
}
