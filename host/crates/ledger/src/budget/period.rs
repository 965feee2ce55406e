//! The stretch that a limit counts: a day, a month, a run, an instance.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::Arc;
use types::Timestamp;

const DAY_MS: i64 = 86_400_000;

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
        Period::Day(day_of(time))
    }

    /// The month of `time`.
    pub fn month(time: Timestamp) -> Self {
        let (year, month, _) = civil(day_of(time));
        Period::Month(year * 12 + month - 1)
    }
}

impl fmt::Display for Period {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Period::Day(day) => {
                let (year, month, day) = civil(*day);
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

fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(DAY_MS)
}

/// Year, month from 1 and day from 1 of a day counted from 1970 in the Gregorian calendar, by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
fn civil(day: i64) -> (i64, i64, i64) {
    // Years begin in March, so that the leap day is the last one.
    let day = day + 719_468;
    let era = day.div_euclid(146_097);
    let of_era = day.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, of_year - (153 * shifted + 2) / 5 + 1)
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
            let last = Timestamp((day + 1) * DAY_MS - 1);
            assert_eq!(Period::day(last).to_string(), text);
            assert_eq!(Period::month(last).to_string(), month);
        }
    }
}
