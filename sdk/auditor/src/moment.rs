//! Instants and durations, as records and definitions write them.

const DAY_MS: i64 = 86_400_000;

/// Milliseconds since 1970 of `2026-03-01`, `2026-03-01T08:30:00Z` or the same with an offset.
pub fn parse(text: &str) -> Option<i64> {
    if !text.is_ascii() {
        return None;
    }
    let (date, rest) = text.split_at_checked(10)?;
    let day = days(date)?;
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
            let (hours, minutes) = (number(hours, 2)?, number(minutes, 2)?);
            (hours <= 14 && minutes < 60).then_some(())?;
            sign * (hours * 60 + minutes) * 60_000
        }
    };
    let (whole, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
    let mut parts = whole.split(':');
    let (hours, minutes) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let seconds = parts.next().map_or(Some(0), |text| number(text, 2))?;
    let is_clock = parts.next().is_none() && hours < 24 && minutes < 60 && seconds < 60;
    let is_fraction = !fraction.is_empty() && fraction.bytes().all(|b| b.is_ascii_digit());
    let millis = number(format!("{fraction:0<3}").get(..3)?, 3)?;
    (is_clock && is_fraction)
        .then_some(day * DAY_MS + ((hours * 60 + minutes) * 60 + seconds) * 1_000 + millis - offset)
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

/// How long, for a sentence.
pub fn told(ms: i64) -> String {
    match ms / 60_000 {
        0 => format!("{} s", ms / 1_000),
        minutes @ 1..120 => format!("{minutes} min"),
        minutes => format!("{} h", minutes / 60),
    }
}

/// Days since 1970-01-01, counted as in H. Hinnant, "chrono-compatible low-level date algorithms".
fn days(date: &str) -> Option<i64> {
    let mut parts = date.split('-');
    let year = number(parts.next()?, 4)?;
    let (month, day) = (number(parts.next()?, 2)?, number(parts.next()?, 2)?);
    let is_date = parts.next().is_none() && (1..=12).contains(&month) && (1..=31).contains(&day);
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year - era * 400;
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    is_date.then_some(era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468)
}

fn number(text: &str, digits: usize) -> Option<i64> {
    (text.len() == digits && text.bytes().all(|b| b.is_ascii_digit())).then_some(())?;
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(duration("24h"), Some(DAY_MS));
        assert_eq!(duration("1h30m"), Some(5_400_000));
        assert_eq!(duration("2d 12 h"), Some(5 * DAY_MS / 2));
        for bad in ["h", "5", "5 parsecs", "900000d"] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
