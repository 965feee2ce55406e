//! Times as a person says and reads them: which clock is meant, and how much of it a time stands for.

use crate::exit::{Failure, USAGE};
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{Timestamp as Instant, Zoned};
use types::Timestamp;

/// What can be written, for an error's help.
const FORMS: &str = "write 03:12, 03:12:05, 2026-11-21, 2026-11-21T03:12, the same with Z or +01:00, or 2h, 30m, 3d for so long ago";

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;

/// From an instant to before another, in milliseconds since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first millisecond.
    pub from: i64,
    /// The first one that is not in it any more.
    pub until: i64,
}

impl Span {
    /// Always.
    pub const ALL: Span = Span {
        from: i64::MIN,
        until: i64::MAX,
    };

    /// Whether `time` lies in it.
    pub fn has(&self, time: Timestamp) -> bool {
        self.from <= time.0 && (time.0 < self.until || self.until == i64::MAX)
    }
}

/// A time as it was written.
#[derive(Clone, Copy, Debug)]
pub enum Written {
    /// A clock without a day, and how long it stands for.
    Clock(Time, i64),
    /// One that has its day.
    Fixed(Span),
}

/// The clock that a person goes by.
pub struct Zone {
    zone: TimeZone,
    utc: bool,
}

impl Zone {
    /// UTC, or what the system has as local time.
    pub fn new(utc: bool) -> Self {
        let zone = match utc {
            true => TimeZone::UTC,
            false => TimeZone::system(),
        };
        Zone { zone, utc }
    }

    /// Which clock it is, in words: `UTC`, or `local, Europe/Berlin`.
    pub fn name(&self) -> String {
        match self.zone.iana_name() {
            _ if self.utc => "UTC".into(),
            Some("UTC" | "Etc/UTC") => "UTC".into(),
            Some(name) => format!("local, {name}"),
            None => "local".into(),
        }
    }

    fn zoned(&self, time: Timestamp) -> Option<Zoned> {
        Some(
            Instant::from_millisecond(time.0)
                .ok()?
                .to_zoned(self.zone.clone()),
        )
    }

    fn written(&self, time: Timestamp, format: &str) -> String {
        match self.zoned(time) {
            Some(zoned) => zoned.strftime(format).to_string(),
            // No clock says so: a record with such a time is damaged, or its host's clock was.
            None => format!("{} ms", time.0),
        }
    }

    /// `03:12:05.123`
    pub fn clock(&self, time: Timestamp) -> String {
        self.written(time, "%H:%M:%S%.3f")
    }

    /// `2026-11-21`
    pub fn day(&self, time: Timestamp) -> String {
        self.written(time, "%Y-%m-%d")
    }

    /// `2026-11-21 03:12:05`
    pub fn full(&self, time: Timestamp) -> String {
        self.written(time, "%Y-%m-%d %H:%M:%S")
    }

    /// `03:12:05`
    pub fn second(&self, time: Timestamp) -> String {
        self.written(time, "%H:%M:%S")
    }

    /// `11-21 03:12`
    pub fn short(&self, time: Timestamp) -> String {
        self.written(time, "%m-%d %H:%M")
    }

    /// Read `text`, where `now` is what it counts from.
    ///
    /// # Errors
    /// With what can be written.
    pub fn read(&self, option: &str, text: &str, now: Timestamp) -> Result<Written, Failure> {
        let bad =
            || Failure::new(USAGE, format!("{option}: `{}` is no time", shown(text))).help(FORMS);
        let text = text.trim();
        if text == "now" {
            return Ok(Written::Fixed(Span {
                from: now.0,
                until: now.0.saturating_add(1),
            }));
        }
        if let Some(long) = length(text.strip_suffix("ago").unwrap_or(text)) {
            let from = now.0.saturating_sub(long);
            return Ok(Written::Fixed(Span {
                from,
                until: from.saturating_add(1),
            }));
        }
        if let Some((time, wide)) = clock(text) {
            return Ok(Written::Clock(time, wide));
        }
        self.with_day(text).map(Written::Fixed).ok_or_else(bad)
    }

    fn with_day(&self, text: &str) -> Option<Span> {
        if let Some(day) = date(text) {
            let end = day.tomorrow().ok()?;
            return Some(Span {
                from: self.instant(day.at(0, 0, 0, 0))?.0,
                until: self.instant(end.at(0, 0, 0, 0))?.0,
            });
        }
        let (day, rest) = text.split_at_checked(10)?;
        let day = date(day)?;
        let rest = rest.strip_prefix(['T', 't', ' '])?;
        let at = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (on_the_clock, offset) = rest.split_at(at);
        let (time, wide) = clock(on_the_clock)?;
        if offset.is_empty() {
            let (from, last) = self.instant(day.to_datetime(time))?;
            return Some(Span {
                from,
                until: last.saturating_add(wide),
            });
        }
        let from = TimeZone::UTC
            .to_timestamp(day.to_datetime(time))
            .ok()?
            .as_millisecond()
            .saturating_sub(offset_of(offset)?);
        Some(Span {
            from,
            until: from.saturating_add(wide),
        })
    }

    /// When the clock says `time`, first and last: the hour that comes twice in autumn is both.
    fn instant(&self, time: DateTime) -> Option<(i64, i64)> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        let (first, last) = match ambiguous.offset() {
            AmbiguousOffset::Fold { .. } => (ambiguous.earlier().ok()?, ambiguous.later().ok()?),
            _ => {
                let instant = ambiguous.compatible().ok()?;
                (instant, instant)
            }
        };
        Some((first.as_millisecond(), last.as_millisecond()))
    }

    /// What `written` stands for: a clock without a day is the last such one that began at or before `reference`.
    pub fn before(&self, written: Written, reference: Timestamp) -> Span {
        let (time, wide) = match written {
            Written::Fixed(span) => return span,
            Written::Clock(time, wide) => (time, wide),
        };
        let today = self.zoned(reference).map(|zoned| zoned.date());
        let on = |day: Option<Date>| self.on(day, time, wide);
        let yesterday = today.and_then(|day| day.yesterday().ok());
        match on(today) {
            Some(span) if span.from <= reference.0 => span,
            _ => on(yesterday).unwrap_or(Span::ALL),
        }
    }

    /// What `written` stands for, a clock without a day being the next one after `since`.
    pub fn after(&self, written: Written, since: Timestamp) -> Span {
        let (time, wide) = match written {
            Written::Fixed(span) => return span,
            Written::Clock(time, wide) => (time, wide),
        };
        let today = self.zoned(since).map(|zoned| zoned.date());
        let on = |day: Option<Date>| self.on(day, time, wide);
        let tomorrow = today.and_then(|day| day.tomorrow().ok());
        match on(today) {
            Some(span) if span.until > since.0 => span,
            _ => on(tomorrow).unwrap_or(Span::ALL),
        }
    }

    fn on(&self, day: Option<Date>, time: Time, wide: i64) -> Option<Span> {
        let (from, last) = self.instant(day?.to_datetime(time))?;
        Some(Span {
            from,
            until: last.saturating_add(wide),
        })
    }
}

/// `10m`, `2 hours`: milliseconds.
pub fn length(text: &str) -> Option<i64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(end);
    let number: i64 = number.parse().ok()?;
    let unit = match unit.trim() {
        "s" | "sec" | "second" | "seconds" => SECOND,
        "m" | "min" | "minute" | "minutes" => MINUTE,
        "h" | "hour" | "hours" => 60 * MINUTE,
        "d" | "day" | "days" => 24 * 60 * MINUTE,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// The same, or an error that says what can be written.
pub fn read_length(option: &str, text: &str) -> Result<i64, Failure> {
    length(text).filter(|long| *long > 0).ok_or_else(|| {
        Failure::new(
            USAGE,
            format!("{option}: `{}` is no length of time", shown(text)),
        )
        .help("write a number and a unit, for instance 90s, 10m, 2h or 1d")
    })
}

/// What a person typed, as a message may show it.
fn shown(text: &str) -> String {
    crate::print::plain(text).chars().take(60).collect()
}

/// `03:12`, `03:12:05` or `03:12:05.123`, and how long that stands for.
fn clock(text: &str) -> Option<(Time, i64)> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (text, None),
    };
    let mut parts = whole.split(':');
    let hour = digits(parts.next()?, 1..=2)?;
    let minute = digits(parts.next()?, 2..=2)?;
    let second = parts.next();
    if parts.next().is_some() || (second.is_none() && fraction.is_some()) {
        return None;
    }
    let wide = match (second, fraction) {
        (None, _) => MINUTE,
        (Some(_), None) => SECOND,
        (Some(_), Some(_)) => 1,
    };
    let second = second.map_or(Some(0), |text| digits(text, 2..=2))?;
    let nanosecond = match fraction {
        Some(fraction) => {
            let number = digits(fraction, 1..=9)?;
            number.checked_mul(10_i32.pow(9 - fraction.len() as u32))?
        }
        None => 0,
    };
    let small = |number: i32| i8::try_from(number).ok();
    let time = Time::new(small(hour)?, small(minute)?, small(second)?, nanosecond).ok()?;
    Some((time, wide))
}

/// `2026-11-21`
fn date(text: &str) -> Option<Date> {
    let mut parts = text.split('-');
    let year = digits(parts.next()?, 4..=4)?;
    let month = digits(parts.next()?, 2..=2)?;
    let day = digits(parts.next()?, 2..=2)?;
    if parts.next().is_some() {
        return None;
    }
    let (year, month, day) = (
        year.try_into().ok()?,
        month.try_into().ok()?,
        day.try_into().ok()?,
    );
    Date::new(year, month, day).ok()
}

/// `Z`, `+01:00`, `-0530`: milliseconds ahead of UTC.
fn offset_of(text: &str) -> Option<i64> {
    if text.eq_ignore_ascii_case("z") {
        return Some(0);
    }
    let sign = if text.starts_with('-') { -1 } else { 1 };
    let rest: String = text.get(1..)?.chars().filter(|c| *c != ':').collect();
    if rest.len() != 4 {
        return None;
    }
    let (hours, minutes) = (
        digits(rest.get(..2)?, 2..=2)?,
        digits(rest.get(2..)?, 2..=2)?,
    );
    (hours < 24 && minutes < 60).then(|| sign * i64::from(hours * 60 + minutes) * MINUTE)
}

fn digits(text: &str, long: std::ops::RangeInclusive<usize>) -> Option<i32> {
    let fine = long.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fine.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> Zone {
        Zone {
            zone: TimeZone::get(name).unwrap_or(TimeZone::UTC),
            utc: name == "UTC",
        }
    }

    fn span(zone: &Zone, text: &str, now: &str) -> Span {
        let now = instant(now);
        let written = zone.read("--at", text, now).expect("a time");
        zone.before(written, now)
    }

    fn instant(text: &str) -> Timestamp {
        Timestamp(
            text.parse::<Instant>()
                .expect("an instant")
                .as_millisecond(),
        )
    }

    fn wide(from: &str, milliseconds: i64) -> Span {
        let from = instant(from).0;
        Span {
            from,
            until: from + milliseconds,
        }
    }

    #[test]
    fn a_clock_is_the_last_one() {
        let utc = zone("UTC");
        let now = "2026-11-21T10:00:00Z";
        assert_eq!(
            span(&utc, "03:12", now),
            wide("2026-11-21T03:12:00Z", MINUTE)
        );
        assert_eq!(
            span(&utc, "3:12:05", now),
            wide("2026-11-21T03:12:05Z", SECOND)
        );
        assert_eq!(
            span(&utc, "23:59", now),
            wide("2026-11-20T23:59:00Z", MINUTE)
        );
        assert_eq!(
            span(&utc, "10:00", now),
            wide("2026-11-21T10:00:00Z", MINUTE)
        );
    }

    #[test]
    fn a_time_with_its_day_is_that() {
        let utc = zone("UTC");
        let now = "2026-11-21T10:00:00Z";
        for (text, from, width) in [
            ("2026-11-20", "2026-11-20T00:00:00Z", 24 * 60 * MINUTE),
            ("2026-11-20T03:12", "2026-11-20T03:12:00Z", MINUTE),
            ("2026-11-20 03:12:05", "2026-11-20T03:12:05Z", SECOND),
            ("2026-11-20T03:12:05.25", "2026-11-20T03:12:05.25Z", 1),
            ("2026-11-20T03:12+01:00", "2026-11-20T02:12:00Z", MINUTE),
            ("2026-11-20T03:12Z", "2026-11-20T03:12:00Z", MINUTE),
            ("2h", "2026-11-21T08:00:00Z", 1),
            ("2 hours ago", "2026-11-21T08:00:00Z", 1),
            ("3d", "2026-11-18T10:00:00Z", 1),
        ] {
            assert_eq!(span(&utc, text, now), wide(from, width), "{text}");
        }
    }

    #[test]
    fn days_with_other_hours_than_24_are_known() {
        let berlin = zone("Europe/Berlin");
        if berlin.zone == TimeZone::UTC {
            return;
        }
        let now = "2026-11-21T10:00:00Z";
        // In autumn the hour from two to three comes twice.
        assert_eq!(
            span(&berlin, "2026-10-25T02:30", now),
            wide("2026-10-25T00:30:00Z", 61 * MINUTE)
        );
        assert_eq!(
            span(&berlin, "2026-10-25", now),
            wide("2026-10-24T22:00:00Z", 25 * 60 * MINUTE)
        );
        assert_eq!(
            berlin.clock(instant("2026-11-21T02:12:05.123Z")),
            "03:12:05.123"
        );
    }

    #[test]
    fn what_is_no_time_is_refused() {
        let utc = zone("UTC");
        for text in [
            "",
            "3",
            "25:00",
            "03:60",
            "3:1",
            "03:12:05:01",
            "2026-13-01",
            "2026-02-30",
            "21.11.2026",
            "2026-11-21T",
            "2026-11-21T03:12+1",
            "2026-11-21X03:12",
            "tomorrow",
            "-2h",
            "99999999999999999999h",
            "h",
            "ä2026-11-21T03:12",
            "03:12.5",
            "9223372036854775807d",
        ] {
            assert!(utc.read("--at", text, Timestamp(0)).is_err(), "{text}");
        }
    }

    #[test]
    fn a_time_that_no_clock_has_is_still_shown() {
        let utc = zone("UTC");
        assert_eq!(utc.clock(Timestamp(i64::MAX)), format!("{} ms", i64::MAX));
        let written = utc
            .read("--at", "03:12", Timestamp(i64::MAX))
            .expect("a clock");
        assert_eq!(utc.before(written, Timestamp(i64::MAX)), Span::ALL);
    }
}
