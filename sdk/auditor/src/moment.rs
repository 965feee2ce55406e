//! Instants and durations, as records and definitions write them.

use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Milliseconds since 1970 of `2026-03-01`, `2026-03-01T08:30:00Z` or the same with an offset. Without one it is UTC.
pub fn parse(text: &str) -> Option<i64> {
    let with_zone = text.parse::<Timestamp>().ok();
    let in_utc = || {
        let civil = text.parse::<DateTime>().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    };
    Some(with_zone.or_else(in_utc)?.as_millisecond())
}

/// Milliseconds of `24h`, `1h30m`, `2d 12h`.
pub fn duration(text: &str) -> Option<i64> {
    let mut rest = text.trim();
    let mut total = 0.0;
    (!rest.is_empty()).then_some(())?;
    while !rest.is_empty() {
        let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, more) = rest.split_at(end);
        let more = more.trim_start();
        let end = more
            .find(|c: char| c.is_ascii_digit() || c.is_whitespace())
            .unwrap_or(more.len());
        let (unit, more) = more.split_at(end);
        let factor = match unit {
            "ms" => 1.0,
            "s" => 1e3,
            "m" | "min" => 60e3,
            "h" => 3_600e3,
            "d" => 86_400e3,
            "w" => 604_800e3,
            _ => return None,
        };
        total += number.parse::<f64>().ok()? * factor;
        rest = more.trim_start();
    }
    // More than a century is nothing that could be meant.
    (0.0..4e12).contains(&total).then_some(total as i64)
}

/// Whether `time` is one of the years 1970 to 9999: nothing was recorded at another.
pub fn is_likely(time: i64) -> bool {
    const END: i64 = 253_402_300_800_000;
    (0..END).contains(&time)
}

/// How long, for a sentence.
pub fn told(ms: i64) -> String {
    match ms / 60_000 {
        0 => format!("{} s", ms / 1_000),
        minutes @ 1..120 => format!("{minutes} min"),
        minutes => format!("{} h", minutes / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 86_400_000;

    #[test]
    fn instants_and_durations_are_read_as_records_write_them() {
        assert_eq!(parse("1970-01-02"), Some(DAY_MS));
        assert_eq!(parse("2026-11-21T07:00:00Z"), Some(1_795_244_400_000));
        assert_eq!(
            parse("2026-11-21T08:00:00.250+01:00"),
            Some(1_795_244_400_250)
        );
        for bad in [
            "",
            "2026",
            "2026-13-01",
            "2026-11-21T25:00:00Z",
            "2026-11-21x",
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
        assert_eq!(parse("2026-11-21T07:00"), parse("2026-11-21T07:00:00Z"));
        assert_eq!(duration("24h"), Some(DAY_MS));
        let end = parse("9999-12-30").unwrap() + 2 * DAY_MS;
        assert!(is_likely(0) && is_likely(end - 1));
        assert!(![-1, end, i64::MAX, i64::MIN].into_iter().any(is_likely));
        assert_eq!(duration("1h30m"), Some(5_400_000));
        assert_eq!(duration("2d 12 h"), Some(5 * DAY_MS / 2));
        for bad in ["h", "5", "5 parsecs", "900000d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
