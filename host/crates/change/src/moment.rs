//! Dates as people write them in an order: `2026-03-01`, `2026-03-01T08:30:00Z`, with an offset or without a zone, which is UTC.
//! Nothing here asks what time it is.

use crate::text::{is_text, shown};
use serde::{Deserialize, Serialize};
use std::fmt;
use types::{Date, Timestamp};

/// An instant that was written by a person, kept as it was written.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Moment {
    written: String,
    time: Timestamp,
}

const DAY_MS: i64 = 86_400_000;

impl Moment {
    /// Read a date (its beginning in UTC) or a date with a time.
    ///
    /// # Errors
    /// What is no such text.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "`{}` is no date: write 2026-03-01, or 2026-03-01T08:30:00Z",
                shown(text)
            )
        };
        let time = read(text).ok_or_else(wrong)?;
        Ok(Moment {
            written: text.to_owned(),
            time: Timestamp(time),
        })
    }

    /// The second that `time` lies in.
    pub fn at(time: Timestamp) -> Self {
        let time = Timestamp(time.0.div_euclid(1_000) * 1_000);
        Moment {
            written: iso(time),
            time,
        }
    }

    /// The instant.
    pub fn time(&self) -> Timestamp {
        self.time
    }
}

fn read(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let day = Date::parse(date)?.days();
    let Some(rest) = rest.strip_prefix(['T', ' ']) else {
        return rest.is_empty().then_some(day * DAY_MS);
    };
    let zone = rest.find(['Z', '+', '-']).unwrap_or(rest.len());
    let (clock, zone) = rest.split_at(zone);
    let offset = match zone {
        "" | "Z" => 0,
        zone => {
            let sign = if zone.starts_with('-') { -1 } else { 1 };
            let (hours, minutes) = zone[1..].split_once(':')?;
            let (hours, minutes) = (two(hours)?, two(minutes)?);
            (hours <= 14 && minutes < 60).then_some(())?;
            sign * (hours * 60 + minutes) * 60_000
        }
    };
    Some(day * DAY_MS + clock_ms(clock)? - offset)
}

fn clock_ms(clock: &str) -> Option<i64> {
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = whole.split(':');
    let (hours, minutes) = (two(parts.next()?)?, two(parts.next()?)?);
    let seconds = parts.next().map_or(Some(0), two)?;
    (parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 60).then_some(())?;
    let digits = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    digits.then_some(())?;
    let millis: i64 = format!("{fraction:0<3}")[..3].parse().ok()?;
    Some((hours * 3_600 + minutes * 60 + seconds) * 1_000 + millis)
}

fn two(text: &str) -> Option<i64> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

/// `2026-03-01T08:30:00Z`, without the milliseconds.
pub fn iso(time: Timestamp) -> String {
    types::rfc3339(time)
}

/// `2026-03-01` of an instant.
pub fn day(time: Timestamp) -> String {
    Date::of(time).to_string()
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

is_text!(Moment, String, Moment::parse);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_and_written() {
        for (text, ms) in [
            ("1970-01-01", 0),
            ("2000-02-29", 951_782_400_000),
            ("2026-03-01T08:30:00Z", 1_772_353_800_000),
            ("2026-03-01T09:30+01:00", 1_772_353_800_000),
            ("2026-03-01 08:30:00.250", 1_772_353_800_250),
        ] {
            assert_eq!(Moment::parse(text).unwrap().time().0, ms, "{text}");
        }
        assert_eq!(iso(Timestamp(1_772_353_800_250)), "2026-03-01T08:30:00Z");
        assert_eq!(day(Timestamp(-1)), "1969-12-31");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "tomorrow",
            "2026-3-1",
            "2026-02-29",
            "2026-13-01",
            "2026-03-01T",
            "2026-03-01T24:00",
            "2026-03-01T08:30:00+1",
            "2026-03-01T08:30:00Zx",
            "2026-03-01T08:30:00.",
            "+026-03-01",
            "２026-03-01",
            "2026-03-01T08:30:61Z",
        ] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn every_day_of_some_centuries_is_written_as_it_is_read() {
        for day in (-200_000..200_000).step_by(17) {
            let time = Timestamp(day * DAY_MS);
            assert_eq!(Moment::parse(&super::day(time)).unwrap().time(), time);
            assert_eq!(Moment::parse(&iso(time)).unwrap().time(), time);
        }
    }
}
