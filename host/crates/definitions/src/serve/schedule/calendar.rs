//! Days and their dates, in the calendar that ISO 8601 counts by. The two conversions are Howard Hinnant's `days_from_civil` and `civil_from_days`
//! (chrono-Compatible Low-Level Date Algorithms), here over `i64`.

/// Days after which the calendar repeats, days of the week included: 400 years.
const CYCLE: i64 = 146_097;
/// The same in months.
pub(super) const CYCLE_MONTHS: u32 = 400 * 12;

/// A day of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Date {
    pub year: i64,
    /// From 1.
    pub month: u32,
    /// From 1.
    pub day: u32,
}

/// The date of the day that begins `days` days after 1970-01-01.
pub(super) fn date(days: i64) -> Date {
    // Years are counted from a March, so that the day that leap years add is the last of one.
    let shifted = days + 719_468;
    let era = shifted.div_euclid(CYCLE);
    let of_era = shifted.rem_euclid(CYCLE);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    Date {
        year: year_of_era + era * 400 + i64::from(month <= 2),
        month: small(month),
        day: small(day),
    }
}

/// The day of the week: 0 is Sunday.
pub(super) fn weekday(days: i64) -> u32 {
    // 1970-01-01 was a Thursday.
    small((days + 4).rem_euclid(7))
}

/// Days in a month.
pub(super) fn length(year: i64, month: u32) -> u32 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    match month {
        2 if leap => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
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
            assert_eq!(date(days), expected, "{days}");
            assert_eq!(weekday(days), (n as u32 + 1) % 7);
            expected.day += 1;
            if expected.day > length(expected.year, expected.month) {
                (expected.day, expected.month) = (1, expected.month + 1);
            }
            if expected.month > 12 {
                (expected.month, expected.year) = (1, expected.year + 1);
            }
        }
        assert_eq!(
            expected,
            Date {
                year: 2001,
                month: 1,
                day: 1
            }
        );
        assert_eq!(date(0).year, 1970);
    }
}
