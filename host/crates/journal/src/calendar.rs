//! A moment as a person reads it. Nothing here asks what time it is.

use types::Timestamp;

const MS_PER_DAY: i64 = 86_400_000;

/// `2026-11-21 03:12:07 UTC`.
pub fn utc(time: Timestamp) -> String {
    let (year, month, day) = date(time.0.div_euclid(MS_PER_DAY));
    let second = time.0.rem_euclid(MS_PER_DAY) / 1000;
    format!(
        "{year:04}-{month:02}-{day:02} {:02}:{:02}:{:02} UTC",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// Year, month and day of the day that is `days` after 1970-01-01. Howard Hinnant's `civil_from_days`: years begin with March, so that leap days end them.
fn date(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

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
    }
}
