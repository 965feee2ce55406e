//! Days and their dates, UTC, in the calendar that ISO 8601 counts by. Nothing here asks what time it is.
//!
//! The two conversions are Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (chrono-Compatible Low-Level Date Algorithms, <https://howardhinnant.github.io/date_algorithms.html>), here over `i64`. Years are counted from a March, so that
//! the day that leap years add is the last of one.

use crate::Timestamp;
use std::fmt;

/// Days after which the calendar repeats, days of the week included: 400 years.
const CYCLE: i64 = 146_097;
/// From the first of March of the year 0 to 1970-01-01.
const TO_1970: i64 = 719_468;
const MS_PER_DAY: i64 = 86_400_000;

/// A day of the calendar; shown as `2026-01-31`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year.
    pub year: i64,
    /// The month, from 1.
    pub month: u32,
    /// The day of the month, from 1.
    pub day: u32,
}

impl Date {
    /// Months after which the calendar repeats, days of the week included.
    pub const CYCLE_MONTHS: u32 = 400 * 12;

    /// The date of the day that begins `days` days after 1970-01-01.
    pub fn of_day(days: i64) -> Self {
        let shifted = days + TO_1970;
        let era = shifted.div_euclid(CYCLE);
        let of_era = shifted.rem_euclid(CYCLE);
        let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
        let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
        let from_march = (5 * of_year + 2) / 153;
        let day = of_year - (153 * from_march + 2) / 5 + 1;
        let month = match from_march {
            0..10 => from_march + 3,
            _ => from_march - 9,
        };
        Date {
            year: year_of_era + era * 400 + i64::from(month <= 2),
            month: small(month),
            day: small(day),
        }
    }

    /// The date that `time` lies in.
    pub fn of(time: Timestamp) -> Self {
        Date::of_day(day_of(time))
    }

    /// `2026-01-31`, with all its digits; `None` where there is no such day.
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('-');
        let mut number = |digits: usize| -> Option<i64> {
            let part = parts.next()?;
            let fits = part.len() == digits && part.bytes().all(|b| b.is_ascii_digit());
            fits.then(|| part.parse().ok())?
        };
        let (year, month, day) = (number(4)?, small(number(2)?), small(number(2)?));
        let is_day = parts.next().is_none()
            && (1..=12).contains(&month)
            && (1..=Date::days_in(year, month)).contains(&day);
        is_day.then_some(Date { year, month, day })
    }

    /// Days since 1970-01-01.
    pub fn days(self) -> i64 {
        let (month, day) = (i64::from(self.month), i64::from(self.day));
        let year = if month <= 2 { self.year - 1 } else { self.year };
        let of_era = year.rem_euclid(400);
        let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
        let day_of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
        year.div_euclid(400) * CYCLE + day_of_era - TO_1970
    }

    /// The instant at which it begins, UTC.
    pub fn begins(self) -> Timestamp {
        Timestamp(self.days() * MS_PER_DAY)
    }

    /// Days in the month `month` of `year`.
    pub fn days_in(year: i64, month: u32) -> u32 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        match month {
            2 if leap => 29,
            2 => 28,
            4 | 6 | 9 | 11 => 30,
            _ => 31,
        }
    }

    /// The day of the week of the day that begins `days` days after 1970-01-01: 0 is Sunday.
    pub fn weekday(days: i64) -> u32 {
        // 1970-01-01 was a Thursday.
        small((days + 4).rem_euclid(7))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// The day of `time`, counted from 1970.
pub fn day_of(time: Timestamp) -> i64 {
    time.0.div_euclid(MS_PER_DAY)
}

/// Hours, minutes and seconds of `time` since its day began.
pub fn clock_of(time: Timestamp) -> (i64, i64, i64) {
    let second = time.0.rem_euclid(MS_PER_DAY) / 1_000;
    (second / 3_600, second / 60 % 60, second % 60)
}

/// `2026-11-20T12:30:05Z`, without the milliseconds.
pub fn rfc3339(time: Timestamp) -> String {
    let (hour, minute, second) = clock_of(time);
    format!("{}T{hour:02}:{minute:02}:{second:02}Z", Date::of(time))
}

/// `2026-11-21 03:12:07 UTC`, as a person reads it.
pub fn utc(time: Timestamp) -> String {
    let (hour, minute, second) = clock_of(time);
    format!("{} {hour:02}:{minute:02}:{second:02} UTC", Date::of(time))
}

/// Parts of a date are small and not negative.
fn small(part: i64) -> u32 {
    u32::try_from(part).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_cycle_of_days_has_the_right_dates() {
        // Counted on day by day, by the rule that everybody knows, from 1 January 1601, which was a Monday and the first day of a cycle.
        let mut expected = Date {
            year: 1601,
            month: 1,
            day: 1,
        };
        for (n, days) in (-134_774..-134_774 + CYCLE).enumerate() {
            assert_eq!(Date::of_day(days), expected, "{days}");
            assert_eq!(expected.days(), days, "{expected}");
            assert_eq!(Date::weekday(days), (n as u32 + 1) % 7);
            expected.day += 1;
            if expected.day > Date::days_in(expected.year, expected.month) {
                (expected.day, expected.month) = (1, expected.month + 1);
            }
            if expected.month > 12 {
                (expected.month, expected.year) = (1, expected.year + 1);
            }
        }
        assert_eq!(expected.to_string(), "2001-01-01");
        assert_eq!(Date::of_day(0).year, 1970);
    }

    #[test]
    fn days_become_dates_and_dates_days() {
        for (days, text) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (19_782, "2024-02-29"),
            (20_454, "2026-01-01"),
            (20_777, "2026-11-20"),
        ] {
            assert_eq!(Date::of_day(days).to_string(), text);
            assert_eq!(Date::parse(text).map(Date::days), Some(days), "{text}");
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "2026-02-29",
            "2026-13-01",
            "2026-00-10",
            "2026-04-31",
            "2026-01-00",
            "2026-1-1",
            "26-01-01",
            "",
            "2026-01",
            "2026-01-01-01",
            "2026-01-+1",
            "+026-03-01",
            "２026-03-01",
        ] {
            assert_eq!(Date::parse(text), None, "{text}");
        }
    }

    #[test]
    fn moments_are_what_the_calendar_says() {
        for (ms, text) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (-1, "1969-12-31 23:59:59 UTC"),
            (951_782_400_000, "2000-02-29 00:00:00 UTC"),
            (1_795_231_927_123, "2026-11-21 03:32:07 UTC"),
        ] {
            assert_eq!(utc(Timestamp(ms)), text);
        }
        for (ms, text) in [
            (1_795_177_805_999, "2026-11-20T12:30:05Z"),
            (-1, "1969-12-31T23:59:59Z"),
            (1_709_164_800_000, "2024-02-29T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(Timestamp(ms)), text);
        }
    }
}
