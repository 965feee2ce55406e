//! Instants as people write them, UTC.

use types::Timestamp;

/// `2026-11-20T12:30:05Z`.
pub fn rfc3339(time: Timestamp) -> String {
    let (year, month, day, rest) = day_and_seconds(time);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z",
        rest / 3_600,
        rest / 60 % 60,
        rest % 60
    )
}

/// Year, month, day, and the seconds since that day began.
pub(crate) fn day_and_seconds(time: Timestamp) -> (i64, i64, i64, i64) {
    let seconds = time.0.div_euclid(1_000);
    let (year, month, day) = civil(seconds.div_euclid(86_400));
    (year, month, day, seconds.rem_euclid(86_400))
}

/// Year, month and day of a number of days since 1970-01-01: Howard Hinnant's `civil_from_days`.
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_index = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_index + 2) / 5 + 1;
    let month = if month_index < 10 {
        month_index + 3
    } else {
        month_index - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(20_777), (2026, 11, 20));
    }

    #[test]
    fn an_instant_is_written_in_full() {
        assert_eq!(
            rfc3339(Timestamp(1_795_177_805_999)),
            "2026-11-20T12:30:05Z"
        );
        assert_eq!(rfc3339(Timestamp(-1)), "1969-12-31T23:59:59Z");
    }
}
