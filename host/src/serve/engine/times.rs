//! Which times of a schedule passed: found from the end, so that a schedule of each second that was down for a year is looked at as quickly as any other.

use super::Next;
use types::Timestamp;

/// The first stretch looked at, and by how much each further one is longer.
const FIRST_MS: i64 = 60_000;
const LONGER: i64 = 8;

/// The last `most` times of a schedule after `since` and up to `now`, in order.
pub(super) fn last_before(
    next: &Next,
    since: Timestamp,
    now: Timestamp,
    most: usize,
) -> Vec<Timestamp> {
    let mut stretch = FIRST_MS;
    loop {
        let from = Timestamp(now.0.saturating_sub(stretch)).max(since);
        let mut found = Vec::new();
        let mut at = from;
        while let Some(time) = next(at).filter(|time| *time <= now && *time > at) {
            found.push(time);
            at = time;
        }
        if found.len() >= most || from == since {
            return found.split_off(found.len().saturating_sub(most));
        }
        stretch = stretch.saturating_mul(LONGER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;
    use std::rc::Rc;

    fn every(ms: i64, asked: Rc<Cell<usize>>) -> Next {
        std::rc::Rc::new(move |time: Timestamp| {
            asked.set(asked.get() + 1);
            Some(Timestamp((time.0.div_euclid(ms) + 1) * ms))
        })
    }

    #[test]
    fn a_year_of_seconds_is_not_counted_one_by_one() {
        let asked = Rc::new(Cell::new(0));
        let year = 366 * 86_400_000;
        let found = last_before(
            &every(1_000, asked.clone()),
            Timestamp(0),
            Timestamp(year),
            10,
        );
        assert_eq!(found.last(), Some(&Timestamp(year)));
        assert_eq!(found.len(), 10);
        assert!(asked.get() < 1_000, "{}", asked.get());
    }

    #[test]
    fn none_before_the_beginning_and_none_after_now() {
        let hour = every(3_600_000, Rc::default());
        let at = |hours: i64| Timestamp(hours * 3_600_000);
        assert_eq!(last_before(&hour, at(3), at(6), 9), [at(4), at(5), at(6)]);
        assert_eq!(last_before(&hour, at(3), at(6), 1), [at(6)]);
        assert_eq!(last_before(&hour, at(6), at(6), 9), []);
        // A clock that was set back.
        assert_eq!(last_before(&hour, at(9), at(6), 9), []);
    }
}
