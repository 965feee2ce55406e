//! The day of an instant, by which money is budgeted: UTC, so that it is the same wherever a journal is read.

use types::Timestamp;

const MS_PER_DAY: i64 = 86_400_000;

/// `2026-11-21`.
pub(crate) fn name(time: Timestamp) -> String {
    let (year, month, day) = civil(of(time));
    format!("{year:04}-{month:02}-{day:02}")
}

/// The day of `time`, counted from 1970.
pub(crate) fn of(time: Timestamp) -> i64 {
    time.0.div_euclid(MS_PER_DAY)
}

/// Year, month from 1 and day from 1 of a day counted from 1970, by Howard Hinnant's `civil_from_days`
/// (<https://howardhinnant.github.io/date_algorithms.html>).
pub(crate) fn civil(day: i64) -> (i64, i64, i64) {
    // Years begin with March, so that leap days end them.
    let days = day + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 {
        from_march + 3
    } else {
        from_march - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_and_end_at_midnight_utc() {
        for (ms, day) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400_000, "2000-02-29"),
            (1_795_219_199_999, "2026-11-20"),
            (1_795_219_200_000, "2026-11-21"),
        ] {
            assert_eq!(name(Timestamp(ms)), day, "{ms}");
        }
    }
}
