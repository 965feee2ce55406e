//! The day of an instant, by which money is budgeted: UTC, so that it is the same wherever a journal is read.

use types::{Date, Timestamp};

/// `2026-11-21`.
pub(crate) fn name(time: Timestamp) -> String {
    Date::of(time).to_string()
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
